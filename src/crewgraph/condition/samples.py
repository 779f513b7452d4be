"""One value of a type, for where any will do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, assert_never

from crewgraph.condition.alternatives import (
    Alternative,
    Anything,
    Constants,
    Lone,
    Members,
    Number,
    Sequence,
    Text,
    alternatives,
)
from crewgraph.condition.numbers import Real, Whole, cells
from crewgraph.condition.texts import MAX_SIZE, PLAIN
from crewgraph.shapes.forms import Form

__all__ = ["MISSING", "ordered", "sample", "sample_of"]

MAX_DEPTH = 8
"""How deep a value is made up: a type may contain itself."""


MISSING: Any = object()
"""What is where nothing is."""


def sample(form: Form, depth: int = MAX_DEPTH) -> tuple[Any, bool]:
    """A value of a type, and whether it is surely one; ``MISSING`` where none could be made up."""
    made = [
        (value, is_sure and each.is_sure)
        for each in alternatives(form)
        for value, is_sure in (sample_of(each.alternative, depth),)
        if value is not MISSING
    ]
    made.sort(key=lambda each: (not each[1], each[0] is None))
    return made[0] if made else (MISSING, False)


def sample_of(alternative: Alternative, depth: int = MAX_DEPTH) -> tuple[Any, bool]:  # noqa: C901 - one case per kind
    """A value of one alternative, and whether it is surely one."""
    match alternative:
        case Constants(values=values):
            return (values[0], True) if values else (MISSING, False)
        case Number(kind=kind):
            return next(((number, True) for number in _few(kind)), (MISSING, False))
        case Text(low=low, high=high):
            size = len(PLAIN) if high is None else high
            text = PLAIN[:size].ljust(low, "x") if low <= MAX_SIZE else PLAIN
            return text, len(text) >= low
        case Lone(sample=value):
            return value, True
        case Anything():
            return PLAIN, True
        case Sequence() | Members() if depth == 0:
            return MISSING, False
        case Sequence():
            return _items(alternative, depth)
        case Members():
            return _members(alternative, depth)
        case _:
            assert_never(alternative)


def _few(kind: Whole | Real) -> list[int | float]:
    found, _ = cells(kind, (), ())
    return ordered(cell.sample for cell in found)


def ordered(numbers: Iterable[float]) -> list[int | float]:
    """Numbers in the order in which a person would name them as an example."""
    return sorted(numbers, key=lambda number: (abs(number) == math.inf, number < 0, abs(number)))


def _items(alternative: Sequence, depth: int) -> tuple[Any, bool]:
    forms, is_set = alternative.row, alternative.maker in {set, frozenset}
    if forms is None:
        forms = (alternative.item,) * min(alternative.low, 1 if is_set else MAX_SIZE)
    made = [sample(form, depth - 1) for form in dict.fromkeys(forms)]
    values = dict(zip(dict.fromkeys(forms), made, strict=True))
    is_sure = all(sure for _, sure in made) and len(forms) >= alternative.low
    return _put(alternative.maker, [values[form][0] for form in forms]), is_sure


def _put(maker: Callable[[Iterable[Any]], Any], values: list[Any]) -> Any:
    if any(value is MISSING for value in values):
        return MISSING
    try:
        return maker(values)
    except TypeError:  # a set of what cannot be in one
        return MISSING


def _members(alternative: Members, depth: int) -> tuple[Any, bool]:
    made = {key: sample(form, depth - 1) for key, (form, is_there) in alternative.known.items() if is_there}
    if any(value is MISSING for value, _ in made.values()):
        return MISSING, False
    is_sure = alternative.low == 0 and all(sure for _, sure in made.values())
    return {key: value for key, (value, _) in made.items()}, is_sure
