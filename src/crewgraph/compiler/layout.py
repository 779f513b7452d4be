"""Where the checker notes a key: as a few bits of one large integer.

For each key that is read or written a *variable* has a row of bits. The first four are flags: the key is absent, so
that it can only come from the input; somebody undeclared may have given it; a condition has found it there, and if so,
whether somebody undeclared may have given it. Then come
two bits for each node that writes the key, in plan order: its value is there, and its value may be there but somebody
undeclared may have written over it. The last bit of a row is never part of a state: it takes the carry of sums, by
which questions about all rows at once are answered in a few operations. A set of bits says what may be, on at least
one of the ways to a place.

What a node may reach besides the values handed to it, a crew's text by its name, has a variable of its own, since
routers see values only.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_
from typing import Any

from crewgraph.graph import GraphNode, Work
from crewgraph.template import placeholder_name

__all__ = ["ABSENT", "ASKED", "FOGGY", "MAYBE", "TEXT", "Layout", "Variable", "layout_of"]

ABSENT, MAYBE, ASKED, FOGGY = 1, 2, 4, 8
FLAGS = 4
TEXT = object()
"""In place of a type: the text of a crew, which is reached by its name."""


@dataclass
class Variable:
    """A key, or a key as crews and steps reach it.

    Attributes:
        key: the key.
        offset: of its first bit.
        writers: the numbers of the nodes that write it, in plan order, each with the type of what it gives;
            :data:`TEXT` for the text of a crew.
    """

    key: str
    offset: int = 0
    writers: dict[int, Any] = field(default_factory=dict[int, Any])
    bits: dict[int, int] = field(default_factory=dict[int, int])
    """For each writer the bit, without offset, that says that its value is there."""
    texts: int = 0
    """The bits, without offset, of texts of crews."""

    @property
    def mask(self) -> int:
        """All its bits, without its offset."""
        return (1 << FLAGS + 2 * len(self.writers)) - 1

    def read(self, state: int) -> int:
        """Its own bits of a state."""
        return state >> self.offset & self.mask

    def put(self, state: int, bits: int) -> int:
        """A state with other bits of its own."""
        return state & ~(self.mask << self.offset) | bits << self.offset

    def note(self, writer: int, kind: Any) -> None:
        """Note a node that writes it."""
        self.bits[writer] = 1 << FLAGS + 2 * len(self.writers)
        self.writers[writer] = kind
        if kind is TEXT:
            self.texts |= self.bits[writer] * 3

    def named(self, bits: int) -> list[int]:
        """The writers in some of its bits, in plan order."""
        found, order, bits = list[int](), self._order, bits >> FLAGS
        while bits:
            place = (bits & -bits).bit_length() - 1 >> 1
            found.append(order[place])
            bits &= ~(3 << 2 * place)
        return found

    @cached_property
    def _order(self) -> list[int]:
        return list(self.writers)


@dataclass(frozen=True, slots=True)
class Layout:
    """All variables.

    Attributes:
        values: by key, what is handed over.
        reached: by key, what crews and steps reach besides; only for keys that are the name of a crew.
        starts: the offsets of all variables in order, to find the one that a bit belongs to.
        ordered: the variables in that order.
        absent: the absent bits of all variables.
        there: the bits of all values that are there for sure.
        full: all bits of all variables.
        ends: the bits behind the variables.
    """

    values: Mapping[str, Variable]
    reached: Mapping[str, Variable]
    starts: Sequence[int]
    ordered: Sequence[Variable]
    absent: int
    there: int
    full: int
    ends: int

    @property
    def written(self) -> int:
        """The bits of all values."""
        return self.there | self.there << 1

    def spread(self, absent: int) -> int:
        """All bits of the variables whose absent bits are given."""
        return (self.full + absent & self.ends) - absent

    def any(self, bits: int) -> int:
        """The ends of the variables of which at least one bit is given."""
        return bits + self.full & self.ends

    @staticmethod
    def there_of(variable: Variable) -> int:
        """The bits, without offset and flags, of the values of a variable that are there for sure."""
        return reduce(or_, variable.bits.values(), 0) >> FLAGS

    def touched(self, bits: int) -> Iterator[Variable]:
        """The variables that some bits belong to, or whose ends they are."""
        place = -1
        for match in re.finditer(rb"[^\0]", bits.to_bytes(bits.bit_length() // 8 + 1, "little")):
            for bit in range(8):
                if match[0][0] >> bit & 1:
                    found = bisect_right(self.starts, 8 * match.start() + bit) - 1
                    if found != place:
                        place = found
                        yield self.ordered[place]

    def both(self, key: str) -> Iterator[Variable]:
        """The variables that are written when a value is."""
        if key in self.values:
            yield self.values[key]
        if key in self.reached:
            yield self.reached[key]

    def reach(self, key: str) -> Variable:
        """The variable that a crew or step reads."""
        return self.reached.get(key) or self.values[key]


def layout_of(nodes: Sequence[GraphNode], reads: Iterable[str]) -> Layout:
    """Give each key its bits.

    Args:
        nodes: in plan order.
        reads: the keys that nodes and routers read, and that inputs declare.
    """
    needed = {need.key for node in nodes if isinstance(node, Work) for need in node.interface.needs}
    values = {key: Variable(key) for key in dict.fromkeys(reads)}
    reached = dict[str, Variable]()
    for node in nodes:
        if not isinstance(node, Work):
            continue
        text = placeholder_name(node.label)
        if text in needed:
            reached.setdefault(text, Variable(text))
        for key in (*node.interface.gives, *node.interface.sometimes):
            values.setdefault(key, Variable(key))
    for number, node in enumerate(nodes):
        if isinstance(node, Work):
            _note(number, node, values, reached)
    ordered = [*values.values(), *reached.values()]
    size, ends = 0, list[int]()
    for variable in ordered:
        variable.offset = size
        size += variable.mask.bit_length() + 1
        ends.append(size - 1)
    starts = [variable.offset for variable in ordered]
    there = [v.offset + FLAGS + 2 * place for v in ordered for place in range(len(v.writers))]
    behind = _bits(ends, size)
    full = (1 << size) - 1 & ~behind
    return Layout(values, reached, starts, ordered, _bits(starts, size), _bits(there, size), full, behind)


def _note(number: int, work: Work, values: Mapping[str, Variable], reached: Mapping[str, Variable]) -> None:
    """Note a node as a writer of what it declares."""
    given = {**work.interface.sometimes, **work.interface.gives}
    for key, kind in given.items():
        for variables in (values, reached):
            if key in variables:
                variables[key].note(number, kind)
    text = placeholder_name(work.label)
    if text in reached and text not in given:
        reached[text].note(number, TEXT)


def _bits(places: Iterable[int], size: int) -> int:
    """The integer in which these bits are set; adding them one by one would copy it each time."""
    field_ = bytearray(size // 8 + 1)
    for place in places:
        field_[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(field_, "little")
