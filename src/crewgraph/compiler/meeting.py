"""Where several ways meet: what is known behind them, and what was written on more than one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from crewgraph.compiler.guards import Guard, exclude
from crewgraph.compiler.layout import ABSENT, ASKED, MAYBE, NOBODY, NOTHING, Cell, State, one_of, united
from crewgraph.compiler.tree import Loom

__all__ = ["Ancestry", "Meeting", "merged"]

STEPS = 100
"""For each edge of a graph so many steps are taken to find out which writers stand beside one another, and no more: in a
graph that is large and dense as well, a value that is written twice may go unnoticed."""


def merged(states: Sequence[State], loom: Loom[Cell], place: int) -> State:
    """What is known where one of several ways arrives, at that place of the walk."""
    return loom.joined(states, lambda _, common, others: united([common, *others.values()]), place)


@dataclass(slots=True)
class Meeting:
    """Where several ways arrive together.

    Attributes:
        guards: on which ways each of them does.
        sure: the numbers of those that always arrive when what follows runs.
        common: what stands before all of them: nodes up to this one.
        values: how many variables are compared; those behind them are what is reached besides, which is no second value.
        contested: of each variable that several may have written the writers that stand behind ``common``, by way.
    """

    guards: Sequence[Guard]
    sure: Collection[int]
    common: int = -1
    values: int = 0
    contested: dict[int, Mapping[int, Collection[int]]] = field(
        default_factory=dict[int, Mapping[int, Collection[int]]]
    )

    def joined(self, states: Sequence[State], loom: Loom[Cell], place: int) -> State:
        """The state where they meet, at that place of the walk."""
        return loom.joined(states, self._cell, place)

    def _cell(self, number: int, common: Cell, others: Mapping[int, Cell]) -> Cell:
        cells = [common, *others.values()]
        firm = [cell for way, cell in others.items() if way in self.sure]
        if len(firm) < len(self.sure):
            firm.append(common)
        known = [cell for cell in cells if cell is not NOTHING]
        if len(known) == 1 and known[0].is_given and any(cell is known[0] for cell in firm):
            return known[0]  # as of most keys: one way surely brings it, and the others know nothing of it
        self._compare(number, common, others)
        return one_of(cells, _firm(united(cells), firm))

    def _compare(self, number: int, common: Cell, others: Mapping[int, Cell]) -> None:
        """Note who has written a variable on several ways."""
        if number >= self.values:
            return
        shared = self._own(common)
        own = {way: writers for way, cell in others.items() if (writers := self._own(cell))}
        if len(own) + bool(shared) > 1 and len({*shared, *chain.from_iterable(own.values())}) > 1:
            every = range(len(self.guards)) if shared else ()
            self.contested[number] = own | {way: shared for way in every if way not in others}

    def _own(self, cell: Cell) -> Collection[int]:
        return [writer for writer in cell.writers if writer > self.common]

    def clashes(self, sources: Sequence[int], ancestry: Ancestry) -> Iterator[tuple[int, list[int]]]:
        """The variables that were written side by side, so that neither comes after the other and both may, and by whom.

        Args:
            sources: the nodes from which the ways come.
            ancestry: of the graph.
        """
        if not self.contested:
            return
        low = min(writer for own in self.contested.values() for writers in own.values() for writer in writers)
        ways = sorted({way for own in self.contested.values() for way in own})
        before = {way: ancestry.before(sources[way], low) for way in ways}
        for number, own in self.contested.items():
            found = [
                writer
                for way, writers in own.items()
                for writer in writers
                if any(self._clash(writer, way, other, own, before, ancestry) for other in own)
            ]
            if found and ancestry.steps > 0:
                yield number, found

    def _clash(  # noqa: PLR0917 - it is asked once for each two
        self,
        writer: int,
        way: int,
        other: int,
        own: Mapping[int, Collection[int]],
        before: Mapping[int, Collection[int]],
        ancestry: Ancestry,
    ) -> bool:
        """Whether what a node wrote on a way stands beside what another way brings."""
        ancestry.steps -= 1
        if ancestry.steps < 0 or writer in before[other] or all(each in before[way] for each in own[other]):
            return False
        return not exclude(self.guards[way], self.guards[other])


def _firm(whole: Cell, firm: Sequence[Cell]) -> Cell:
    """What may be true where some ways surely arrive.

    A way that surely arrives and surely has a key makes it sure. Of several values that of the node that stands last
    counts, so one that stands before all that a sure way may bring is dropped.
    """
    flags, sure, doubted = whole
    if any(not cell.flags & ABSENT for cell in firm):
        flags &= ~ABSENT
    given = [cell for cell in firm if cell.is_given]
    if given:
        if flags & MAYBE:  # somebody undeclared may have given it: whether it is the last value, nobody knows
            sure, doubted = NOBODY, whole.writers
        flags &= ~MAYBE
        lowest = max((min(cell.writers) for cell in given if not cell.flags & ASKED), default=0)
        sure = frozenset(writer for writer in sure if writer >= lowest)
    return Cell(flags, sure, doubted)


@dataclass(slots=True)
class Ancestry:
    """Which nodes stand before which, looked for where somebody asks.

    Attributes:
        sources: the predecessors of each node.
        steps: how many steps may still be taken.
    """

    sources: Sequence[Sequence[int]]
    steps: int = 0

    def __post_init__(self) -> None:
        self.steps = STEPS * sum(len(before) + 1 for before in self.sources)

    def before(self, node: int, low: int) -> Collection[int]:
        """A node and those before it, but for those that stand before ``low``."""
        seen, todo = {node}, [node]
        while todo and self.steps > 0:
            for source in self.sources[todo.pop()]:
                self.steps -= 1
                if source >= low and source not in seen:
                    seen.add(source)
                    todo.append(source)
        return seen
