"""What the nodes before a place write over, as far as that is declared: the input alone decides the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from crewgraph.compiler import Plan
from crewgraph.graph import Switch, Work

__all__ = ["Written", "written"]


@dataclass(frozen=True, slots=True)
class Written:
    """What nodes write. A set of nodes is an integer: bit *n* stands for node *n*.

    Attributes:
        handing: for each node those before it whose keys may arrive there.
        passed: for each node those before it.
        writers: by declared key that somebody reads those that write it.
        maybe: by key those that might write it.
        unsure: those that might write any key.
        shares: for each node how many keys it writes.
    """

    handing: Sequence[int]
    passed: Sequence[int]
    writers: Mapping[str, int]
    maybe: Mapping[str, int]
    unsure: int
    shares: Sequence[int]

    def by(self, number: int, key: str) -> Iterator[int]:
        """The nodes before a place that write a key, the last first."""
        found = self.handing[number] & self.writers.get(key, 0)
        while found:
            last = found.bit_length() - 1
            yield last
            found ^= 1 << last

    def may_be(self, number: int, keys: Iterable[str]) -> bool:
        """Whether a node before a place might write one of some keys."""
        passed = self.passed[number]
        return bool(passed & self.unsure) or any(passed & self.maybe.get(key, 0) for key in keys)


def written(plan: Plan) -> Written:
    """What the nodes of a plan write."""
    read = {need.key for work in plan.graph.works for need in work.interface.needs}
    handing, passed = list[int](), list[int]()
    writers, maybe, unsure = defaultdict[str, int](int), defaultdict[str, int](int), 0
    behind = list[int]()
    """For each node those whose keys arrive behind it."""
    for number, node in enumerate(plan.nodes):
        sources, bit = plan.sources[number], 1 << number
        handing.append(_all(behind[source] for source in sources))
        passed.append(_all(passed[source] | 1 << source for source in sources))
        behind.append(handing[-1])
        if isinstance(node, Work):
            face = node.interface
            is_new = plan.graph.is_procedure and not face.hands_on  # it hands over nothing else
            behind[-1] = bit if is_new else handing[-1] | bit
            _note(writers, face.gives.keys() & read, bit)
            _note(maybe, {*(face.may_give or ()), *face.gives, node.label}, bit)
            unsure |= bit if face.may_give is None else 0
        elif isinstance(node, Switch) and node.is_open:
            unsure |= bit
    shares = [len(node.interface.gives) if isinstance(node, Work) else 0 for node in plan.nodes]
    return Written(handing, passed, writers, maybe, unsure, shares)


def _all(sets: Iterable[int]) -> int:
    every = 0
    for each in sets:
        every |= each
    return every


def _note(of: dict[str, int], keys: Collection[str], bit: int) -> None:
    for key in keys:
        of[key] |= bit
