"""Numbers as a few cells: inside one, nothing that a condition asks of a number ever differs."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Cell", "Real", "Turn", "Whole", "cells"]

MAX_LISTED = 128
"""Of so many whole numbers each is a cell of its own, whatever is asked of them."""
FAR = 10**2_100
"""Further out than any number that fits into a condition."""
EXACT = 2**52
"""Up to here a float and a whole number beside it are never the same."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Whole numbers from ``low`` to ``high``, both included; ``None`` is no bound; only multiples of ``step``."""

    low: int | None = None
    high: int | None = None
    step: int = 1


@dataclass(frozen=True, slots=True)
class Real:
    """Floats from ``low`` to ``high``, of which either may be excluded; whole numbers are among them."""

    low: float = -math.inf
    high: float = math.inf
    has_low: bool = True
    has_high: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """Numbers that are alike.

    Attributes:
        sample: one of them.
        low: the lowest; ``None`` or an infinity is no bound.
        high: the highest.
        has_low: whether ``low`` is one of them.
        has_high: whether ``high`` is one of them.
    """

    sample: int | float
    low: int | float | None
    high: int | float | None
    has_low: bool = True
    has_high: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that is false up to some number and true from there on.

    Attributes:
        holds: asks it; it may raise ``OverflowError`` far out.
    """

    holds: Callable[[int | float], bool]

    def at(self, number: float) -> bool:
        """The answer; far out, where a number is too large to be computed with, it is the one of that side."""
        try:
            return self.holds(number)
        except OverflowError:
            return number > 0


def cells(kind: Whole | Real, targets: Iterable[int | float], turns: Sequence[Turn]) -> tuple[list[Cell], bool]:
    """The cells of a kind of number, in order, and whether they are surely all.

    Args:
        kind: which numbers there are.
        targets: what they are compared with.
        turns: what else is asked of them.
    """
    if isinstance(kind, Whole):
        found = [turn for turn in (_first_whole(kind, each.at) for each in turns) if turn is not None]
        return _whole(kind, [*targets, *found]), True
    edges = [edge for edge in (_first_real(kind, each.at) for each in turns) if edge is not None]
    return _real(kind, [*targets, *edges]), all(abs(edge) < EXACT for edge in edges)


# ---- whole numbers ---------------------------------------------------------------------------------------------


def _whole(kind: Whole, targets: Iterable[int | float]) -> list[Cell]:
    step = kind.step
    low = None if kind.low is None else _up(kind.low, step)
    high = None if kind.high is None else -_up(-kind.high, step)
    if low is not None and high is not None and (high - low) // step < MAX_LISTED:
        return [Cell(number, number, number) for number in range(low, high + 1, step)]
    starts = set[int]()  # where a cell begins
    for target in (0, *(each for each in targets if abs(each) != math.inf)):
        first = _up(target, step)
        starts |= {first, first + step} if first == target else {first}
    inner = sorted(start for start in starts if (low is None or start > low) and (high is None or start <= high))
    begins, ends = [low, *inner], [*(start - step for start in inner), high]
    return [_cell(begin, end) for begin, end in zip(begins, ends, strict=True) if _is_some(begin, end)]


def _up(number: float, step: int) -> int:
    """The first multiple of ``step`` that is not less than a number."""
    return -(-math.ceil(number) // step) * step


def _is_some(low: int | None, high: int | None) -> bool:
    return low is None or high is None or low <= high


def _cell(low: int | None, high: int | None) -> Cell:
    sample = low if low is not None else high
    return Cell(0 if sample is None else sample, low, high)


def _first_whole(kind: Whole, holds: Callable[[int], bool]) -> int | None:
    """The first whole number for which a question is true; ``None`` where that is so for all or none."""
    low = -FAR if kind.low is None else kind.low
    high = FAR if kind.high is None else kind.high
    if low > high or holds(low) or not holds(high):
        return None
    reach = 1
    while reach < FAR and (holds(-reach) or not holds(reach)):  # most numbers that matter are small
        reach *= 2
    low, high = max(low, -reach), min(high, reach)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


# ---- floats ----------------------------------------------------------------------------------------------------


def _real(kind: Real, targets: Iterable[int | float]) -> list[Cell]:
    if kind.low > kind.high or (kind.low == kind.high and not (kind.has_low and kind.has_high)):
        return []
    inner = sorted({target for target in (0, *targets) if kind.low < target < kind.high})
    found = list[Cell]()
    if kind.has_low:
        found.append(Cell(kind.low, kind.low, kind.low))
    for low, high in pairwise((kind.low, *inner, kind.high)):
        sample = next(_between(low, high), None)
        if sample is not None:
            found.append(Cell(sample, low, high, has_low=False, has_high=False))
        if high < kind.high or (kind.has_high and kind.high > kind.low):
            found.append(Cell(high, high, high))
    return found


def _between(low: float, high: float) -> Iterator[int | float]:
    """Numbers strictly between two others, the plainest first."""
    if low == -math.inf:
        plain = [_float(math.ceil(high) - 1), _float(high) * 2, -sys.float_info.max, math.ceil(high) - 1]
    elif high == math.inf:
        plain = [_float(math.floor(low) + 1), _float(low) * 2, sys.float_info.max, math.floor(low) + 1]
    else:
        middle = _float(low) / 2 + _float(high) / 2
        rounded = (round(middle, digits) for digits in (1, 2, 3, 6))
        plain = [
            _float(math.floor(low) + 1),
            *rounded,
            middle,
            math.nextafter(_float(low), _float(high)),
            math.floor(low) + 1,
        ]
    return (number for number in plain if low < number < high)


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _first_real(kind: Real, holds: Callable[[float], bool]) -> float | None:
    """The first float for which a question is true; ``None`` where that is so for all or none."""
    low, high = max(_float(kind.low), -sys.float_info.max), min(_float(kind.high), sys.float_info.max)
    if low > high or holds(low) or not holds(high):
        return None
    below, above = _place(low), _place(high)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(_at(middle)) else (middle, above)
    return _at(above)


def _place(number: float) -> int:
    """The place of a float among all floats, in their order; that of zero is 0."""
    (place,) = struct.unpack("<q", struct.pack("<d", abs(number)))
    return -place if number < 0 else place


def _at(place: int) -> float:
    """The float at a place."""
    (number,) = struct.unpack("<d", struct.pack("<q", abs(place)))
    return -number if place < 0 else number
