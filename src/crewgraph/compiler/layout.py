"""What the checker notes at a place in the graph: for each key a *cell*, which says what may be there.

Each key that is read or written is a *variable*, and has a number. A cell says what may be true of it, on at least one
of the ways to a place: that the key is absent, so that it can only come from the input; that somebody undeclared may have
given it; which nodes' values it may be. The cells of all variables are a :class:`Tree`, so that places share them.

What a node may reach besides the values handed to it, a crew's text by its name, has a variable of its own, since
routers see values only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from crewgraph.compiler.tree import Loom, Tree
from crewgraph.graph import GraphNode, Work
from crewgraph.template import placeholder_name

__all__ = [
    "ABSENT", "ASKED", "FOGGY", "MAYBE", "NOBODY", "NOTHING", "TEXT", "Cell", "Layout", "State", "Variable", "layout_of", "one_of", "united",
]  # fmt: skip

ABSENT, MAYBE, ASKED, FOGGY = 1, 2, 4, 8
"""The key is absent; somebody undeclared may have given it; a condition has found it there; and if so, somebody undeclared
may have given it."""
TEXT = object()
"""In place of a type: the text of a crew, which is reached by its name."""
NOBODY = frozenset[int]()


class Cell(NamedTuple):
    """What may be true of a variable.

    Attributes:
        flags: of those above.
        sure: the nodes whose value may be there.
        doubted: the nodes whose value may be there, if nobody undeclared has written over it.
    """

    flags: int = ABSENT
    sure: frozenset[int] = NOBODY
    doubted: frozenset[int] = NOBODY

    @property
    def writers(self) -> frozenset[int]:
        """The nodes whose value it may be."""
        return self.sure | self.doubted if self.doubted else self.sure

    @property
    def is_given(self) -> bool:
        """Whether somebody who declares it gives it, on every way, or a condition has found it there."""
        return not self.flags & (ABSENT | MAYBE)

    def blurred(self) -> Cell:
        """It behind somebody who may have written anything."""
        if not self.flags & ABSENT and not self.sure:
            return self
        maybe = MAYBE if self.flags & ABSENT else 0
        return Cell(self.flags & ~ABSENT | maybe, NOBODY, self.writers)

    def undeclared(self) -> Cell:
        """It behind somebody who may have given it."""
        return self._replace(flags=self.flags & ~ABSENT | MAYBE) if self.flags & ABSENT else self

    def found(self) -> Cell:
        """It where a condition has found it there."""
        if self.is_given:
            return self
        fog = FOGGY if self.flags & MAYBE else 0
        return self._replace(flags=self.flags & ~(ABSENT | MAYBE) | ASKED | fog)

    def maybe_of(self, writer: int) -> Cell:
        """It behind a node that gives it at times."""
        return self._replace(sure=self.sure | {writer})


State = Tree[Cell]
NOTHING = Cell()
"""The cell of a key that nobody has given."""


def united(cells: Sequence[Cell]) -> Cell:
    """What may be true on one of several ways."""
    flags = 0
    for cell in cells:
        flags |= cell.flags
    whole = Cell(
        flags,
        NOBODY.union(*(cell.sure for cell in cells)),
        NOBODY.union(*(cell.doubted for cell in cells if cell.doubted)),
    )
    return one_of(cells, whole)


def one_of(cells: Iterable[Cell], found: Cell) -> Cell:
    """A cell, or the equal one that there is already: places that know the same share it."""
    return next((cell for cell in cells if cell == found), found)


@dataclass(slots=True)
class Variable:
    """A key, or a key as crews and steps reach it.

    Attributes:
        key: the key.
        number: among all; what is handed over has smaller ones than what is reached besides.
        writers: the numbers of the nodes that write it, each with the type of what it gives; :data:`TEXT` for the text
            of a crew.
    """

    key: str
    number: int = 0
    writers: dict[int, Any] = field(default_factory=dict[int, Any])


@dataclass(frozen=True, slots=True)
class Layout:
    """All variables.

    Attributes:
        values: by key, what is handed over.
        reached: by key, what crews and steps reach besides; only for keys that are the name of a crew.
        ordered: the variables by number.
        loom: joins states; its empty one is that in which nothing is there.
    """

    values: Mapping[str, Variable]
    reached: Mapping[str, Variable]
    ordered: Sequence[Variable]
    loom: Loom[Cell]

    @property
    def absent(self) -> State:
        """The state in which nothing is there."""
        return self.loom.empty

    def both(self, key: str) -> Iterator[Variable]:
        """The variables that are written when a value is."""
        if key in self.values:
            yield self.values[key]
        if key in self.reached:
            yield self.reached[key]

    def reach(self, key: str) -> Variable:
        """The variable that a crew or step reads."""
        return self.reached.get(key) or self.values[key]


def layout_of(nodes: Sequence[GraphNode], reads: Mapping[str, int]) -> Layout:
    """Give each key its number.

    Args:
        nodes: in plan order.
        reads: the keys that nodes and routers read, and that inputs declare, with the last node that does; -1 for none.
    """
    works = {number: node for number, node in enumerate(nodes) if isinstance(node, Work)}
    texts = {number: placeholder_name(work.label) for number, work in works.items()}
    needed = {need.key for work in works.values() for need in work.interface.needs}
    values = {key: Variable(key) for key in reads}
    reached = {  # where a node gives a key of its own name that is what is reached, as with every step that returns a value
        text: Variable(text)
        for number, text in texts.items()
        if text in needed
        and text not in works[number].interface.gives
        and text not in works[number].interface.sometimes
    }
    for work in works.values():
        for key in (*work.interface.gives, *work.interface.sometimes):
            values.setdefault(key, Variable(key))
    for number, work in works.items():
        _note(number, work, texts[number], values, reached)
    ordered = [*values.values(), *reached.values()]
    for number, variable in enumerate(ordered):
        variable.number = number
    last = [_last(variable, reads, is_value=number < len(values)) for number, variable in enumerate(ordered)]
    return Layout(values, reached, ordered, Loom(NOTHING, len(ordered), last))


def _last(variable: Variable, reads: Mapping[str, int], *, is_value: bool) -> float:
    """The last node for which it matters who wrote a variable; of values that several write, whether they stand side by side."""
    if is_value and len(variable.writers) > 1:
        return math.inf
    return max(reads.get(variable.key, -1), *variable.writers, -1)


def _note(number: int, work: Work, text: str, values: Mapping[str, Variable], reached: Mapping[str, Variable]) -> None:
    """Note a node as a writer of what it declares."""
    given = {**work.interface.sometimes, **work.interface.gives}
    for key, kind in given.items():
        for variables in (values, reached):
            if key in variables:
                variables[key].writers[number] = kind
    if text in reached and text not in given:
        reached[text].writers[number] = TEXT
