"""Which errors of a tool end the work of the agent, instead of being told to its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crewgraph.budget import Meter
from crewgraph.errors import (
    BudgetError,
    CassetteError,
    HumanInputUnavailable,
    KickoffError,
    RealCallForbidden,
    ScriptEnded,
)

__all__ = ["stops_work"]

ENDINGS = (CassetteError, HumanInputUnavailable, RealCallForbidden, ScriptEnded)
"""What no model can do anything about, wherever inside of a tool it was raised."""


def stops_work(error: BaseException, meters: Sequence[Meter]) -> Exception | None:
    """The error that ends the work, where there is one behind what a tool raised.

    The budget of a crew that is a tool is that crew's own affair; one that is around the agent, too, ends the work.

    Args:
        error: what the tool raised.
        meters: the budgets around the agent.
    """
    scopes = {meter.scope for meter in meters}
    for each in _behind(error):
        if isinstance(each, ENDINGS) or (isinstance(each, BudgetError) and each.scope in scopes):
            return each
    return next((meter.exceeded.again() for meter in meters if meter.exceeded is not None), None)


def _behind(error: BaseException) -> Iterator[Exception]:
    """An error, and all that it was made of."""
    todo, seen = list[BaseException | None]([error]), set[int]()
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Exception):
            yield each
        todo += [each.__cause__, *(each.exceptions if isinstance(each, BaseExceptionGroup) else ())]
        todo += [failure for _, failure in each.failures] if isinstance(each, KickoffError) else []
