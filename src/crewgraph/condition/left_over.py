"""Which values no condition takes, in words, where all of them ask of one key alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from crewgraph.condition.alternatives import Alternative, Constants, Number, Text, alternatives, read
from crewgraph.condition.answer import Known
from crewgraph.condition.condition import Condition
from crewgraph.condition.numbers import Cell, Whole, cells
from crewgraph.condition.spots import Spot, Spots
from crewgraph.condition.terms import atoms, paths
from crewgraph.condition.texts import fresh
from crewgraph.condition.words import listed, shown
from crewgraph.errors import ConditionError

__all__ = ["left_over"]


def left_over(conditions: Sequence[Condition], known: Known) -> str:
    """What is left over in words, such as "score is 5 or 8 … 10"; empty where that cannot be said of one key."""
    every = {path for condition in conditions for path in paths(condition.tree)}
    if len(every) != 1:
        return ""
    ((root, *more),) = every
    key = str(root)
    if more or key not in known.kinds or key in known.absent:
        return ""
    spots = Spots()
    is_plain = [spots.note(atom) for condition in conditions for atom in atoms(condition.tree)]
    form, spot = read(known.kinds[key]), spots.roots[key]
    named = list[str]()
    for each in alternatives(form):
        words = _words(each.alternative, spot, lambda value: _is_left(conditions, key, value))
        if words is None or not each.is_sure or not all(is_plain):
            return ""
        named += words
    return f"{key} is {listed(named)}" if named else ""


def _is_left(conditions: Iterable[Condition], key: str, value: Any) -> bool:
    try:
        return not any(condition({key: value}) for condition in conditions)
    except ConditionError:  # the run fails, and nothing is left to the default
        return False


def _words(alternative: Alternative, spot: Spot, is_left: Callable[[Any], bool]) -> list[str] | None:
    match alternative:
        case Constants(values=values):
            return [shown(value) for value in values if is_left(value)]
        case Number(kind=kind):
            found, is_all = cells(kind, spot.numbers.targets, spot.numbers.turns)
            left = [cell for cell in found if is_left(cell.sample)]
            is_whole = isinstance(kind, Whole)
            return [_span(cell, is_whole=is_whole) for cell in _joined(left, found)] if is_all else None
        case Text():
            is_known = not (spot.sizes or spot.text.ordered or spot.text.pieces or any(spot.folded.values()))
            return _texts(spot, is_left) if is_known else None
        case _:
            return None


def _texts(spot: Spot, is_left: Callable[[Any], bool]) -> list[str]:
    named = dict.fromkeys([*spot.text.equal, ""])
    is_open = is_left(next(fresh(named)))
    odd = [text for text in named if is_left(text) is not is_open]
    if not is_open:
        return [shown(text) for text in odd]
    return [f"anything but {listed(map(shown, odd), 'and')}" if odd else "anything"]


# ---- numbers ---------------------------------------------------------------------------------------------------


def _joined(left: Sequence[Cell], every: Sequence[Cell]) -> Iterator[Cell]:
    """Cells that lie side by side as one."""
    place = {id(cell): number for number, cell in enumerate(every)}
    last, span = -2, None
    for cell in left:
        if span is not None and place[id(cell)] == last + 1:
            span = replace(span, high=cell.high, has_high=cell.has_high)
        else:
            if span is not None:
                yield span
            span = cell
        last = place[id(cell)]
    if span is not None:
        yield span


def _span(cell: Cell, *, is_whole: bool) -> str:
    low, high = (None if end is None or abs(end) == math.inf else end for end in (cell.low, cell.high))
    if low is None and high is None:
        return shown(cell.low) if cell.low is not None and cell.low == cell.high else "any number"
    if low == high:
        return shown(low)
    if low is None:
        return f"{shown(high)} or less" if cell.has_high else f"less than {shown(high)}"
    if high is None:
        return f"{shown(low)} or more" if cell.has_low else f"more than {shown(low)}"
    if is_whole:
        return f"{shown(low)} … {shown(high)}"
    start = f"from {shown(low)}" if cell.has_low else f"above {shown(low)}"
    end = f"to {shown(high)}" if cell.has_high else f"to below {shown(high)}"
    return f"everything {start} {end}"
