"""Whether the conditions of routers allow a way, and with which values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.asks import Ask
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.guards import Way
from crewgraph.compiler.walk import INPUT, Origin, Spot
from crewgraph.condition import Condition
from crewgraph.condition.answer import Answer, Verdict
from crewgraph.condition.callables import identity
from crewgraph.condition.decide import satisfiable
from crewgraph.condition.rename import renamed
from crewgraph.errors import ConditionError
from crewgraph.graph import Work

__all__ = ["Gap", "Refused", "allowed"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A way on which a reader gets a key from nobody, or from the node that was asked about.

    Attributes:
        way: the choices that lead to it.
        is_certain: whether the conditions allow it for sure, not just as far as can be seen.
        inputs: values of keys that the conditions read of the input, with which this way is taken.
        gives: those of keys that they read of nodes before.
        is_shown: whether a run can show it; else each ends before, where a condition fails.
    """

    way: Way
    is_certain: bool
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gives: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_shown: bool = True


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


@dataclass(frozen=True, slots=True)
class Part:
    """What one condition of a router must come to.

    Attributes:
        router: the name of the router.
        ask: the condition.
        verdict: what it must come to.
        stand_in: another name for the key that is read, which may hold any value: it is only supposed to be there.
    """

    router: str
    ask: Ask
    verdict: bool
    stand_in: dict[str, str] = field(default_factory=dict[str, str])


def allowed(
    analysis: Analysis, reading: Reading, way: Way, spots: Mapping[str, Spot], refused: Refused | None
) -> Gap | None:
    """The way with values that lead along it; ``None`` where no values do.

    A condition that fails or is never true is a finding of its own, and hides nothing that stands behind it.

    Args:
        analysis: of the graph.
        reading: who reads which key; a condition is only asked where those before it said no.
        way: the choices that lead to the reader.
        spots: what is known at the nodes on it.
        refused: where the value that is read is what is wrong.
    """
    choices = sorted(way, key=lambda choice: analysis.number[choice[0]])
    parts = [part for router, route in choices for part in _asked(analysis, router, route)]
    if reading.route is not None:
        parts += [part for part in _asked(analysis, reading.node, reading.route) if part.ask.route != reading.route]
    gap = _allowed(analysis, way, parts, spots, refused)
    if gap is None:
        return _behind(analysis, way, parts, spots, refused)
    if not (reads := list(_read(analysis, reading))):
        return gap
    found = _allowed(analysis, way, [*parts, *reads], spots, refused)
    return found if found and (found.inputs or found.gives) else replace(gap, is_certain=False, is_shown=False)


def _behind(
    analysis: Analysis, way: Way, parts: Sequence[Part], spots: Mapping[str, Spot], refused: Refused | None
) -> Gap | None:
    """A way that no run takes for a mistake that is told: a condition on it fails, or can never be true."""
    sound = [part for part in parts if not analysis.fails(part.router, part.ask)]
    gap = _allowed(analysis, way, sound, spots, refused) if len(sound) < len(parts) else None
    if gap is not None:
        return replace(gap, is_shown=False)
    alive = [part for part in sound if not (part.verdict and analysis.is_dead(part.router, part.ask.route))]
    gap = _allowed(analysis, way, alive, spots, refused) if len(alive) < len(sound) else None
    return gap and replace(gap, is_certain=False, is_shown=False)


def _allowed(
    analysis: Analysis, way: Way, parts: Sequence[Part], spots: Mapping[str, Spot], refused: Refused | None
) -> Gap | None:
    opaque = [part for part in parts if part.ask.condition is None]
    if _contradicts(opaque):
        return None
    clear = [part for part in parts if part.ask.condition is not None]
    question = _Question(analysis, spots, clear, refused)
    answer = question.answer() if clear else Answer(Verdict.YES)
    if answer.verdict is Verdict.NO:
        return None
    is_certain = (answer.verdict is Verdict.YES and not opaque) or len(way) <= 1
    return Gap(way, is_certain, *question.divided(answer.example or {}))


def _asked(analysis: Analysis, router: str, route: str) -> Iterator[Part]:
    """The conditions that are asked on the way to a route, with what they must say."""
    for ask in analysis.flow.asks.get(router, ()):
        yield Part(router, ask, ask.route == route)
        if ask.route == route:
            return


def _read(analysis: Analysis, reading: Reading) -> Iterator[Part]:
    """That a condition which does not always read a key reads it: its answer depends on the value."""
    key = reading.key
    for ask in analysis.flow.asks.get(reading.node, ()):
        if ask.route == reading.route and key in ask.maybe:
            yield Part(reading.node, ask, verdict=True, stand_in={key: f"{key}__yes"})
            yield Part(reading.node, ask, verdict=False, stand_in={key: f"{key}__no"})


def _contradicts(parts: Iterable[Part]) -> bool:
    """Whether one and the same function would have to say yes at one router and no at another."""
    said = dict[Any, bool]()
    return any(
        said.setdefault(identity(part.ask.function), part.verdict) is not part.verdict
        for part in parts
        if part.ask.function is not None
    )


class _Question:
    """Whether the conditions of several routers can come out as wanted.

    A key may hold another value at a later router; there it goes by another name.
    """

    def __init__(
        self, analysis: Analysis, spots: Mapping[str, Spot], parts: Sequence[Part], refused: Refused | None
    ) -> None:
        self.analysis, self.refused = analysis, refused
        self.named = dict[tuple[str, Origin], str]()
        self.kinds = dict[str, Any]()
        self.conditions = list[tuple[Condition, bool]]()
        there, absent = set[str](), set[str]()
        for part in parts:
            ask, spot = part.ask, spots[part.router]
            assert ask.condition is not None, "the others are opaque"
            names = self._names(part.router, spot) | part.stand_in
            there |= {names.get(key, key) for key in spot.there} | {*part.stand_in.values()}
            asked = {*ask.sure, *ask.maybe, *ask.asked}
            absent |= {names.get(key, key) for key in asked - spot.there - spot.maybe}
            self.conditions.append((renamed(ask.condition, names), part.verdict))
        self.present, self.absent = frozenset(there), frozenset(absent - there)
        self.refused_name = None
        if refused is not None:
            key = refused.reading.key
            self.refused_name = self.named.get((key, spots[refused.reading.node].origin(key)))

    def _names(self, router: str, spot: Spot) -> dict[str, str]:
        """The names of the keys that a router reads: another one for each value but the first."""
        names, kinds = dict[str, str](), self.analysis.kinds_at(router)
        for key in self.analysis.of_router.get(router, {}):
            origin = spot.origin(key)
            number = sum(each == key for each, _ in self.named)
            name = self.named.setdefault((key, origin), f"{key}__{number}" if number else key)
            names[key] = name
            kind = self._kind(key, origin, kinds.get(key, Any))
            if kind is not Any:
                self.kinds[name] = kind
        return names

    def _kind(self, key: str, origin: Origin, otherwise: Any) -> Any:
        """The type of a value, by who wrote it where that is known."""
        if len(origin) > 1 or otherwise is Any:
            return otherwise
        (writer,) = origin
        node = self.analysis.graph.nodes.get(writer)
        own = self.analysis.own(key)
        if isinstance(node, Work):
            return node.interface.gives.get(key, node.interface.sometimes.get(key, otherwise))
        return own.kind if own is not None else otherwise

    def divided(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Values of an example: those of the input, and those that nodes give; not what stands in for missing keys."""
        inputs, gives = dict[str, Any](), dict[str, Any]()
        for (key, origin), name in self.named.items():
            if name in values:
                (inputs if origin == INPUT else gives)[key] = values[name]
        return inputs, gives

    def answer(self) -> Answer:
        """Whether they can; where a value is what is wrong, whether they can with one that is refused."""
        answer, name, refused = self._asked(self.kinds), self.refused_name, self.refused
        if refused is None or name is None or answer.verdict is not Verdict.YES or name not in (answer.example or {}):
            return answer  # the conditions look at other values
        if not refused.takes((answer.example or {})[name]):
            return answer
        tried = (self._with(name, value) for value in refused.values if not refused.takes(value))
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


def _comes_to(condition: Condition, values: Mapping[str, Any]) -> bool | None:
    try:
        return condition(values)
    except ConditionError:
        return None
