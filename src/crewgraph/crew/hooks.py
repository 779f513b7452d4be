"""What the user does before and after a run of a crew: functions that may change its inputs and its output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crewgraph.crew.callback import consulted, name_of
from crewgraph.errors import CallbackFailed
from crewgraph.handoff import Handoff, isolated, taken
from crewgraph.inputs import Declared
from crewgraph.outputs import CrewOutput
from crewgraph.usage import Call, UsageMetrics

__all__ = ["finished", "fitting", "prepared"]


async def prepared(values: Handoff, hooks: Iterable[Callable[..., Any]], *, who: str) -> Handoff:
    """The inputs as the hooks leave them; each is given a copy of what the one before it returned.

    Raises:
        CallbackFailed: one raised, or returned neither a dict nor ``None``.
    """
    for hook in hooks:
        what = f"{who}: its before_kickoff"
        given: Any = await consulted(hook, isolated(values), what=what)
        if given is None:
            continue
        if not isinstance(given, Mapping):
            raise CallbackFailed(
                f"{what} '{name_of(hook)}' returned {type(given).__name__}. hint: return the inputs, or None to leave "
                "them as they are"
            )
        values = Handoff(given, upstream=values.upstream, beside=values.beside)
    return values


def fitting(takes: Declared, values: Handoff, *, who: str) -> Handoff:
    """The values as the crew's input model makes them; those that it does not name stay as they are.

    Raises:
        ValueMisfit: they do not fit.
    """
    made: Any = taken(takes, values, who=who)
    return Handoff({**values, **takes.dumped(made)}, upstream=values.upstream, beside=values.beside)


async def finished(output: CrewOutput, hooks: Sequence[Callable[..., Any]], *, who: str) -> CrewOutput:
    """The output as the hooks leave it; each is given a copy of what was spent, which stays what it is.

    Raises:
        CallbackFailed: one raised, or returned neither a ``CrewOutput`` nor ``None``.
    """
    if not hooks:
        return output
    spent: dict[str, Any] = {"token_usage": output.token_usage, "calls": output.calls}
    for hook in hooks:
        output = _with_copies(output, **spent)
        what = f"{who}: its after_kickoff"
        given: Any = await consulted(hook, output, what=what)
        if given is None:
            continue
        if not isinstance(given, CrewOutput):
            raise CallbackFailed(
                f"{what} '{name_of(hook)}' returned {type(given).__name__}. hint: return a CrewOutput, or None to "
                "leave it as it is"
            )
        output = given
    return output.model_copy(update=spent)


def _with_copies(output: CrewOutput, *, token_usage: UsageMetrics, calls: Iterable[Call]) -> CrewOutput:
    copies = [replace(call, usage=call.usage.model_copy()) for call in calls]
    return output.model_copy(update={"token_usage": token_usage.model_copy(), "calls": copies})
