"""Whether the conditions of routers allow a way, and with which values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.asks import Ask
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.guards import Way
from crewgraph.compiler.walk import Spot
from crewgraph.condition import Condition
from crewgraph.condition.answer import Answer, Verdict
from crewgraph.condition.callables import identity
from crewgraph.condition.decide import satisfiable
from crewgraph.condition.rename import renamed
from crewgraph.errors import ConditionError

__all__ = ["Gap", "Refused", "allowed"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A way on which a reader gets a key from nobody, or from the node that was asked about.

    Attributes:
        way: the choices that lead to it.
        is_certain: whether the conditions allow it for sure, not just as far as can be seen.
        values: values of the keys that the conditions read, with which this way is taken.
    """

    way: Way
    is_certain: bool
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Refused:
    """Values that a reader refuses.

    Attributes:
        reading: who reads which key.
        values: some of them.
        takes: whether it takes a value.
    """

    reading: Reading
    values: Sequence[Any]
    takes: Callable[[Any], bool]


Part = tuple[str, Ask, bool]
"""A router, one of its conditions, and what that must come to."""


def allowed(analysis: Analysis, way: Way, spots: Mapping[str, Spot], refused: Refused | None) -> Gap | None:
    """The way with values that lead along it; ``None`` where no values do.

    A router that fails in any case is a finding of its own, and says nothing of what stands behind it.

    Args:
        analysis: of the graph.
        way: the choices that lead to a reader.
        spots: what is known at the nodes on it.
        refused: where the value that is read is what is wrong.
    """
    parts = list[Part]()
    for router, route in sorted(way, key=lambda choice: analysis.number[choice[0]]):
        if not analysis.fails(router):
            parts += [(router, ask, verdict) for ask, verdict in _asked(analysis.flow.asks.get(router, ()), route)]
    opaque = [part for part in parts if part[1].condition is None]
    if _contradicts(opaque):
        return None
    clear = [part for part in parts if part[1].condition is not None]
    answer = _Question(analysis, spots, clear).answer(refused) if clear else Answer(Verdict.YES)
    if answer.verdict is Verdict.NO:
        return None
    is_certain = (answer.verdict is Verdict.YES and not opaque) or len(way) <= 1
    return Gap(way, is_certain, answer.example or {})


def _asked(asks: Sequence[Ask], route: str) -> Iterator[tuple[Ask, bool]]:
    """The conditions that are asked on the way to a route, with what they must say."""
    for ask in asks:
        yield ask, ask.route == route
        if ask.route == route:
            return


def _contradicts(parts: Iterable[Part]) -> bool:
    """Whether one and the same function would have to say yes at one router and no at another."""
    said = dict[Any, bool]()
    return any(
        said.setdefault(identity(ask.function), verdict) is not verdict
        for _, ask, verdict in parts
        if ask.function is not None
    )


class _Question:
    """Whether the conditions of several routers can come out as wanted.

    A key may hold another value at a later router; there it goes by another name.
    """

    def __init__(self, analysis: Analysis, spots: Mapping[str, Spot], parts: Sequence[Part]) -> None:
        self.first = dict[str, Any]()
        self.kinds = dict[str, Any]()
        self.conditions = list[tuple[Condition, bool]]()
        there, absent = set[str](), set[str]()
        for router, ask, verdict in parts:
            assert ask.condition is not None, "the others are opaque"
            names = self._names(analysis, router)
            self.kinds |= {names.get(key, key): kind for key, kind in analysis.kinds_at(router).items()}
            spot = spots[router]
            there |= {names.get(key, key) for key in spot.there}
            asked = {*ask.sure, *ask.maybe, *ask.asked}
            absent |= {names.get(key, key) for key in asked - spot.there - spot.maybe}
            self.conditions.append((renamed(ask.condition, names), verdict))
        self.present, self.absent = frozenset(there), frozenset(absent - there)

    def _names(self, analysis: Analysis, router: str) -> dict[str, str]:
        names = dict[str, str]()
        for key, reading in analysis.of_router.get(router, {}).items():
            if self.first.setdefault(key, _origin(reading)) != _origin(reading):
                names[key] = f"{key}__{analysis.number[router]}"
        return names

    def answer(self, refused: Refused | None) -> Answer:
        """Whether they can; where a value is what is wrong, whether they can with one that is refused."""
        answer = self._asked(self.kinds)
        if refused is None or answer.verdict is not Verdict.YES or not answer.example:
            return answer
        key = refused.reading.key
        if key not in answer.example or self.first.get(key) != _origin(refused.reading):
            return answer  # the conditions look at another value
        if not refused.takes(answer.example[key]):
            return answer
        tried = (self._with(key, value) for value in refused.values if not refused.takes(value))
        return next((found for found in tried if found is not None), Answer(Verdict.NO))

    def _asked(self, kinds: Mapping[str, Any]) -> Answer:
        return satisfiable(self.conditions, kinds, present=self.present, absent=self.absent)

    def _with(self, key: str, value: Any) -> Answer | None:
        """The answer YES where they can come out so with a certain value of a key."""
        is_plain = value is None or isinstance(value, Enum | str | int)
        found = self._asked({**self.kinds, key: Literal[value]} if is_plain else self.kinds)
        values = {**(found.example or {}), key: value}
        is_so = all(_comes_to(condition, values) is wanted for condition, wanted in self.conditions)
        return Answer(Verdict.YES, values) if found.verdict is Verdict.YES and is_so else None


def _origin(reading: Reading) -> Any:
    """Where a value comes from: two readings of the same origin read the same value."""
    return reading.sources, reading.maybe


def _comes_to(condition: Condition, values: Mapping[str, Any]) -> bool | None:
    try:
        return condition(values)
    except ConditionError:
        return None
