"""A vector of values that share what they have in common: to change one copies a few short rows, not all that there is.

Thousands of places in a graph know thousands of keys each, and nearly all of them know the same of nearly all keys. So two
vectors that were made of one another are compared, and joined, in the time that their differences take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

__all__ = ["Tree", "joined"]

T = TypeVar("T")

BITS = 5
ROW = 1 << BITS
"""How many parts a row has."""


class Tree(Generic[T]):
    """A vector of fixed length, which is never changed: a row of values, or of vectors.

    Attributes:
        parts: the values, or what they are the rows of.
        shift: how many bits of the number of a value tell its place within a part; 0 for a row of values.
        changed: the same with each value changed, where that was asked for.
    """

    __slots__ = ("changed", "parts", "shift")

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


def joined(trees: Sequence[Tree[T]], decide: Callable[[int, T, Mapping[int, T]], T]) -> Tree[T]:
    """One vector of several that are as long.

    Args:
        trees: the vectors.
        decide: is asked for each place at which they differ, in order: its number, the value that most of them have
            there, and by number of the vector those that others have.
    """
    if _is_one(trees):
        return trees[0]
    common = _commonest(trees)
    others = {number: tree for number, tree in enumerate(trees) if tree is not common}
    return _joined(common, others, len(trees), decide, 0)


def _joined(common: Tree[T], others: Mapping[int, Tree[T]], count: int, decide: Decide, first: int) -> Tree[T]:
    differing = dict[int, dict[int, Any]]()
    for number, other in others.items():
        for place, (part, its) in enumerate(zip(common.parts, other.parts, strict=True)):
            if its is not part:
                differing.setdefault(place, {})[number] = its
    parts = list(common.parts)
    for place in sorted(differing):
        part, its = _turned(parts[place], differing[place], count)
        at = first + (place << common.shift)
        parts[place] = _joined(part, its, count, decide, at) if common.shift else decide(at, part, its)
    return Tree(tuple(parts), common.shift)


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
    if _is_one(several):
        return several[0]
    ((most, _),) = Counter(map(id, several)).most_common(1)
    return next(each for each in several if id(each) == most)
