"""A vector of values that share what they have in common: to change one copies a few short rows, not all that there is.

Thousands of places in a graph know thousands of keys each, and nearly all of them know the same of nearly all keys. So two
vectors that were made of one another are compared, and joined, in the time that their differences take.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from operator import is_not
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakValueDictionary

__all__ = ["Loom", "Tree"]

T = TypeVar("T")

BITS = 5
ROW = 1 << BITS
"""How many parts a row has."""
_PLACES = range(ROW)


class Tree(Generic[T]):
    """A vector of fixed length, which is never changed: a row of values, or of vectors.

    Attributes:
        parts: the values, or what they are the rows of.
        shift: how many bits of the number of a value tell its place within a part; 0 for a row of values.
        changed: the same with each value changed, where that was asked for.
    """

    __slots__ = ("__weakref__", "changed", "parts", "shift")

    def __init__(self, parts: Sequence[Any], shift: int) -> None:
        self.parts = parts
        self.shift = shift
        self.changed: Tree[T] | None = None

    @classmethod
    def filled(cls, value: T, length: int) -> Tree[T]:
        """A vector of at least so many equal values."""
        tree = cls((value,) * min(ROW, max(1, length)), 0)
        while length > ROW << tree.shift:
            shift = tree.shift + BITS
            tree = cls((tree,) * min(ROW, (length - 1 >> shift) + 1), shift)
        return tree

    def __getitem__(self, number: int) -> T:
        tree = self
        while tree.shift:
            tree = tree.parts[number >> tree.shift & ROW - 1]
        return tree.parts[number & ROW - 1]

    def put(self, number: int, value: T) -> Tree[T]:
        """The same with another value at one place."""
        place = number >> self.shift & ROW - 1
        old = self.parts[place]
        new = old.put(number, value) if self.shift else value
        if new is old or (not self.shift and new == old):
            return self
        return Tree((*self.parts[:place], new, *self.parts[place + 1 :]), self.shift)

    def mapped(self, change: Callable[[T], T]) -> Tree[T]:
        """The same with each value changed; one change alone may be asked of a tree, and twice must be as good as once."""
        if self.changed is None:
            parts = tuple(part.mapped(change) if self.shift else change(part) for part in self.parts)
            if all(new is old for new, old in zip(parts, self.parts, strict=True)):
                self.changed = _SAME
            else:
                self.changed = Tree(parts, self.shift)
                self.changed.changed = _SAME
        return self if self.changed is _SAME else self.changed


_SAME = Tree[Any]((), 0)
"""In place of what a tree is changed to, where that is itself: a tree that holds itself would wait for the collector."""

Decide = Callable[[int, Any, Mapping[int, Any]], Any]


class _Joint(NamedTuple):
    """What is joined: so many vectors, by whom it is decided, and at which step of the walk."""

    ways: int
    decide: Decide
    step: float


class Loom(Generic[T]):
    """Joins vectors of one length, on a walk on which values fall out of use.

    Rows that come out equal are one object, so that vectors which were joined of the same things in different ways have
    nothing to compare later; and rows at which nobody looks any more become those of an empty vector. Without either, 3,000
    nodes that each write a key of their own took more than four minutes where three ways meet before each.

    Args:
        value: what an empty vector is full of.
        length: how many values vectors have.
        last: by number of a value the last step at which somebody looks at it; to the end where that is left out.

    Attributes:
        empty: the empty vector.
    """

    __slots__ = ("_last", "_rows", "empty")

    def __init__(self, value: T, length: int, last: Sequence[float] | None = None) -> None:
        self.empty = Tree.filled(value, length)
        self._rows = WeakValueDictionary[tuple[int, ...], Tree[T]]()
        room = len(self.empty.parts) << self.empty.shift  # rows are full, and a change of all values fills them
        self._last = {0: [*(last or [math.inf] * length), *[-math.inf] * (room - length)]}
        """By shift the last step of the values in each part."""
        for shift in range(BITS, self.empty.shift + 1, BITS):
            finer = self._last[shift - BITS]
            self._last[shift] = [max(finer[first : first + ROW]) for first in range(0, len(finer), ROW)]

    def joined(
        self, trees: Sequence[Tree[T]], decide: Callable[[int, T, Mapping[int, T]], T], step: float = -1
    ) -> Tree[T]:
        """One vector of several.

        Args:
            trees: the vectors, which were made of the empty one.
            decide: is asked for each place at which they differ, in order: its number, the value that most of them have
                there, and by number of the vector those that others have. What is equal to one of these had better be it.
            step: where the walk is.
        """
        if _is_one(trees):
            return trees[0]
        common = _commonest(trees)
        others = {number: tree for number, tree in enumerate(trees) if tree is not common}
        return self._joined(common, others, self.empty, 0, _Joint(len(trees), decide, step))

    def _joined(
        self, common: Tree[T], others: Mapping[int, Tree[T]], empty: Tree[T], first: int, joint: _Joint
    ) -> Tree[T]:
        shift = common.shift
        differing, last = dict[int, dict[int, Any]](), self._last[shift]
        for number, other in others.items():
            for place in compress(_PLACES, map(is_not, common.parts, other.parts)):  # at a third of the time of a loop
                differing.setdefault(place, {})[number] = other.parts[place]
        parts = list(common.parts)
        for place in sorted(differing):
            at = first + (place << shift)
            if last[at >> shift] < joint.step:
                parts[place] = empty.parts[place]
                continue
            part, its = _turned(parts[place], differing[place], joint.ways)
            parts[place] = (
                self._joined(part, its, empty.parts[place], at, joint) if shift else joint.decide(at, part, its)
            )
        return self._one(tuple(parts), common)

    def _one(self, parts: tuple[Any, ...], common: Tree[T]) -> Tree[T]:
        """The row of these parts, each time the same."""
        which = tuple(map(id, parts))  # a row keeps its parts alive: while it is here no other object has their numbers
        known = self._rows.get(which)
        if known is None:
            known = self._rows[which] = common if parts == common.parts else Tree(parts, common.shift)
        return known


def _turned(part: Any, others: dict[int, Any], count: int) -> tuple[Any, dict[int, Any]]:
    """The part that most have, and those of the others."""
    if 2 * len(others) <= count:
        return part, others
    common = _commonest(list(others.values()))
    same = sum(1 for other in others.values() if other is common)
    if same <= count - len(others):
        return part, others
    every = ((number, others.get(number, part)) for number in range(count))
    return common, {number: other for number, other in every if other is not common}


def _is_one(several: Sequence[Any]) -> bool:
    """Whether all are the same object, as nearly everywhere; to count takes ten times as long."""
    return len(set(map(id, several))) == 1


def _commonest(several: Sequence[Any]) -> Any:
    if _is_one(several) or len(several) == 2:  # noqa: PLR2004 - each of two is there once
        return several[0]
    ((most, _),) = Counter(map(id, several)).most_common(1)
    return next(each for each in several if id(each) == most)
