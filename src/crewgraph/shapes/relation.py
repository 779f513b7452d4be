"""May every value of one type be handed to another? The relation that is shown, decided and witnessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache, partial
from itertools import islice
from typing import Annotated, Any, Literal

from crewgraph.shapes.blank import NOTHING, filled, has_blank
from crewgraph.shapes.forms import UNPROVEN, Either, Form
from crewgraph.shapes.json_schema import as_json
from crewgraph.shapes.peel import Same, is_union, members_of, peeled
from crewgraph.shapes.proof import doubt
from crewgraph.shapes.reading import form_of
from crewgraph.shapes.refusal import Answer, Entry, Refusal, Unsure, why
from crewgraph.shapes.values import Maker, hints_of
from crewgraph.shapes.words import about_type

__all__ = ["AS_IT_IS", "Dump", "Fit", "Verdict", "as_it_is", "fit", "refusals", "refused"]

Dump = Literal["python", "json", "no"]
"""How models are handed over: as their ``model_dump()``, as that of ``mode="json"``, or as they are."""

TRIES = 600
"""How many values of a source are tried."""
TRIES_MORE = 40
"""How many after the first that shows a misfit: a plainer one may follow."""


class Verdict(StrEnum):
    """What is known of a hand-over before anything runs."""

    FITS = "fits"
    NARROWS = "narrows"
    MISFIT = "misfit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fit:
    """The verdict on a hand-over.

    Attributes:
        verdict: FITS, where every value is taken; NARROWS, where a bound refuses some; MISFIT, where some are refused
            because of their type; UNKNOWN, where nobody can tell.
        reason: why, in words; empty where it fits.
        value: a value of the source that is refused, as it would be handed over; ``NOTHING`` where there is none.
    """

    verdict: Verdict
    reason: str = ""
    value: Any = NOTHING


def fit(source: Any, target: Any, *, dump: Dump = "python") -> Fit:
    """Whether every value of a source type may be handed to a sink of a target type.

    The rules are those by which pydantic validates the value that is handed over, in its default (lax) mode. FITS is
    only said where it can be proven from the types, NARROWS and MISFIT only with a value in hand that is refused. No
    code of the user's is run: a source is believed to be what it declares.

    Args:
        source: the type of what is handed over.
        target: the type of the parameter or field that takes it.
        dump: "python" where models were dumped on the way, as a crew's answer and a returned model are; "json" where all
            was made JSON, as for ``output_json``; "no" where models are handed over as they are, as inside a dict or list
            that a step returns.
    """
    return _fit(Same(source), Same(target), dump)


def refused(source: Any, target: Any, *, dump: Dump = "python") -> Any:
    """A value of a source that a sink refuses, as it would be handed over; ``NOTHING`` where none is known."""
    return fit(source, target, dump=dump).value


def refusals(source: Any, target: Any, *, dump: Dump = "python") -> list[Any]:
    """Values of a source that a sink refuses, as they would be handed over: some, where there are many."""
    tried = _tried(_given(source, dump), form_of(target, side="taken"))
    shown = (_shown(value) for value, answer in tried if isinstance(answer, Refusal))
    return [value for value in shown if value is not NOTHING]


@lru_cache(maxsize=4096)
def _fit(source: Same[Any], target: Same[Any], dump: Dump) -> Fit:
    ours = _given(source.kept, dump)
    theirs = form_of(target.kept, side="taken")
    reason = doubt(ours, theirs)
    return Fit(Verdict.FITS) if reason is None else _unproven(ours, theirs, reason)


def as_it_is(kind: Any) -> Any:
    """A type whose values are handed over as they are, wherever it is compared: as with ``dump="no"``, in the type itself.

    So are the values of a dict or list that a step returns, of which models and dataclasses are not dumped.
    """
    return kind if isinstance(kind, type) and kind.__module__ == "builtins" else Annotated[kind, AS_IT_IS]


class _AsItIs:
    """The class of :data:`AS_IT_IS`."""

    def __repr__(self) -> str:
        return "AS_IT_IS"


AS_IT_IS = _AsItIs()
"""Says of a type in ``Annotated`` that its values are handed over as they are."""


def _given(source: Any, dump: Dump) -> Form:
    """The form of a source, as it is handed over."""
    if dump == "json":
        return form_of(as_json(source), side="whole")
    bare = peeled(source)
    if dump == "no" or AS_IT_IS in bare.metadata:
        return form_of(source, side="whole")
    if is_union(bare.kind) and not bare.metadata:
        return Either(tuple(_given(member, dump) for member in members_of(bare.kind)))
    return form_of(source, side="dumped")


def _unproven(source: Form, target: Form, reason: str) -> Fit:
    """The verdict where there is no proof: by a value that is refused, one refused because of its type before others."""
    tried = list(_tried(source, target))
    bad = [(value, answer) for value, answer in tried if isinstance(answer, Refusal)]
    if not bad:
        unsure = [answer.reason for _, answer in tried if isinstance(answer, Unsure)]
        return Fit(Verdict.UNKNOWN, unsure[0] if unsure and reason == UNPROVEN else reason)
    value, refusal = min(bad, key=lambda pair: (pair[1].is_narrow, len(pair[1].path)))
    # an empty list holds nothing that could be refused
    reaching = [answer for value, answer in tried if not (refusal.path and _is_empty(value))]
    is_always = all(isinstance(answer, Refusal) and _is_same(answer, refusal) for answer in reaching)
    is_named = any(type(named) is type(refusal.value) and named == refusal.value for named in hints_of(source).values)
    refusal = replace(refusal, path=tuple(map(partial(_of_a_field, source), refusal.path)))
    text = about_type(refusal, is_named=is_named, is_always=is_always)
    return Fit(Verdict.NARROWS if refusal.is_narrow else Verdict.MISFIT, text, _shown(value))


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset | dict) and not value


def _tried(source: Form, target: Form) -> Iterator[tuple[Any, Answer]]:
    """Values with why they are refused; where one is refused because of its type, only a few more."""
    left = TRIES
    for value in islice(Maker(hints_of(target)).values(source), TRIES):
        answer = why(value, target)
        yield value, answer
        left -= 1
        if isinstance(answer, Refusal) and not answer.is_narrow:
            left = min(left, TRIES_MORE)
        if left <= 0:
            return


def _of_a_field(source: Form, step: Any) -> Any:
    """A step of a path: what stands under a key that the source declares is a field, also where any key is taken."""
    return step.key if isinstance(step, Entry) and step.key in hints_of(source).keys else step


def _is_same(one: Refusal, other: Refusal) -> bool:
    return (one.code, one.path, one.context.get("field")) == (other.code, other.path, other.context.get("field"))


def _shown(value: Any) -> Any:
    """A value that can be shown; nothing where a part of it cannot be made, or is half made and so has no repr."""
    if has_blank(value, closed_only=True):
        return NOTHING
    made = filled(value)
    try:
        repr(made)
    except Exception:  # noqa: BLE001 - of an object whose __init__ has not run
        return NOTHING
    return made
