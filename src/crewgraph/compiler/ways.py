"""Concrete ways through a graph on which a key is missing, or given by a certain node, and whether conditions allow them.

A way is found by following all ways to the reader, each with the node that wrote the key last. Then a run that takes it
is walked through once more, to see that it comes out so, and which keys are there where conditions ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.asks import Ask
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.guards import Choice, Way, covers
from crewgraph.condition import Condition
from crewgraph.condition.answer import Answer, Verdict
from crewgraph.condition.callables import identity
from crewgraph.condition.decide import satisfiable
from crewgraph.condition.rename import renamed
from crewgraph.diagnostics import Witness
from crewgraph.graph import Join, Work
from crewgraph.template import placeholder_name

__all__ = ["Gap", "gap_of", "witness_of"]

MAX_WAYS = 48
"""How many ways are followed side by side; one that is possible is enough."""

Trail = tuple[Way, str | None]
"""A way, and the node that wrote the key last on it; ``None`` where nobody did."""


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


def gap_of(analysis: Analysis, reading: Reading, writer: str | None = None) -> Gap | None:
    """A way on which nobody gives the key that is read, or on which a certain node does.

    Returns:
        ``None`` where there is no such way that the conditions allow.
    """
    doubtful = None
    for way, last in _trails(analysis, reading, writer):
        if last != writer:
            continue
        walk = _Walked(analysis, reading, way, writer)
        if walk.is_so:
            gap = _allowed(analysis, way, walk)
            if gap is not None and gap.is_certain:
                return gap
            doubtful = doubtful or gap
    return doubtful


# ---- ways to a reader ------------------------------------------------------------------------------------------


def _trails(analysis: Analysis, reading: Reading, writer: str | None) -> Sequence[Trail]:
    """The ways to a node; those that matter are kept where there are too many."""
    graph, number = analysis.graph, analysis.number
    trails = dict[str, Sequence[Trail]]()

    def few(several: Iterable[Trail]) -> Sequence[Trail]:
        every = dict.fromkeys(several)
        return sorted(every, key=lambda trail: trail[1] != writer)[:MAX_WAYS] if len(every) > MAX_WAYS else list(every)

    for name in analysis.flow.order[: number[reading.node] + 1]:
        edges = graph.predecessors(name)
        before = [[*_beyond(edge.source, edge.route, trails[edge.source])] for edge in edges]
        if not edges:
            trails[name] = [(Way(), None)]
        elif isinstance(graph.nodes[name], Join):
            guards = analysis.flow.guards
            sure = [each for each, edge in zip(before, edges, strict=True) if covers(guards[edge.source], guards[name])]
            met = _together(sure, number) if sure else (trail for each in before for trail in each)
            trails[name] = few(met)
        else:
            trails[name] = few(trail for each in before for trail in each)
        if name != reading.node:
            given = _given(analysis, name, reading)
            if given is not None:
                own = [(way, name) for way, _ in trails[name]]
                trails[name] = few(own if given else [*trails[name], *own])
    return trails[reading.node]


def _given(analysis: Analysis, name: str, reading: Reading) -> bool | None:
    """Whether a node always gives the key that is read; ``None`` where it never does, as far as it is declared."""
    node = analysis.graph.nodes[name]
    if not isinstance(node, Work):
        return None
    is_text = reading.route is None and placeholder_name(node.label) == reading.key
    if reading.key in node.interface.gives or is_text:
        return True
    return False if reading.key in node.interface.sometimes else None


def _beyond(source: str, route: str | None, trails: Iterable[Trail]) -> Iterator[Trail]:
    if route is None:
        yield from trails
    else:
        yield from ((way | {(source, route)}, last) for way, last in trails)


def _together(several: Iterable[Sequence[Trail]], number: Mapping[str, int]) -> Sequence[Trail]:
    """One way through each of several branches; of two who wrote the key the one that stands last counts."""
    trails: list[Trail] = [(Way(), None)]
    for each in several:
        trails = [
            (way | other, max((last, theirs), key=lambda who: -1 if who is None else number[who]))
            for way, last in trails
            for other, theirs in each
            if len(dict(way | other)) == len(way | other)
        ][: 4 * MAX_WAYS]
    return trails


# ---- walking one -----------------------------------------------------------------------------------------------


class _Walked:
    """A run that makes certain choices, walked through.

    Attributes:
        is_so: whether it comes to the reader, which gets the key from whom was asked about.
        present: for each router the keys that are surely there.
        absent: for each router the keys that are surely not there.
    """

    def __init__(self, analysis: Analysis, reading: Reading, way: Way, writer: str | None) -> None:
        graph, routes, number = analysis.graph, dict(way), analysis.number
        keys = {
            key
            for router, _ in way
            for ask in analysis.flow.asks.get(router, ())
            for key in (*ask.asked, *ask.sure, *ask.maybe)
        }
        self.is_so = False
        self.present, self.absent = dict[str, set[str]](), dict[str, set[str]]()
        there = {key for key in keys if analysis.is_in_every_row(key)}
        maybe = {key for key in keys if analysis.declared is None or analysis.own(key) is not None} - there
        states = dict[str, tuple[set[str], set[str], str | None]]()
        for name in analysis.flow.order:
            edges = graph.predecessors(name)
            arrived = [
                states[edge.source]
                for edge in edges
                if edge.source in states and edge.route in (None, routes.get(edge.source))
            ]
            if edges and not arrived:
                continue
            if arrived:
                there, maybe = set[str]().union(*(a[0] for a in arrived)), set[str]().union(*(a[1] for a in arrived))
            lasts = [last for *_, last in arrived if last is not None]
            last = max(lasts, key=number.__getitem__) if lasts else None
            if name == reading.node:
                self.is_so = last == writer
                self._note(name, there, maybe, keys)
                return
            given = _given(analysis, name, reading)
            if given or (given is False and name == writer):
                last = name
            if name in routes:
                self._note(name, there, maybe, keys)
            node = graph.nodes[name]
            if isinstance(node, Work):
                there = there | (keys & node.interface.gives.keys())
                may = node.interface.may_give
                maybe = (maybe | (keys if may is None else keys & may)) - there
            states[name] = (there, maybe, last)

    def _note(self, name: str, there: set[str], maybe: set[str], keys: set[str]) -> None:
        self.present[name], self.absent[name] = there, keys - there - maybe


# ---- what the conditions allow ---------------------------------------------------------------------------------


def _allowed(analysis: Analysis, way: Way, walk: _Walked) -> Gap | None:
    """The way with values that lead along it; ``None`` where no values do."""
    parts = list[tuple[str, Ask, bool]]()
    for router, route in sorted(way, key=lambda choice: analysis.number[choice[0]]):
        parts += [(router, ask, verdict) for ask, verdict in _asked(analysis.flow.asks.get(router, ()), route)]
    opaque = [part for part in parts if part[1].condition is None]
    if _contradicts(opaque):
        return None
    answer = _answer(analysis, [part for part in parts if part[1].condition is not None], walk)
    if answer is not None and answer.verdict is Verdict.NO:
        return None
    routers = {router for router, _ in way}
    known = answer is None or answer.verdict is Verdict.YES
    return Gap(way, (known and not opaque) or len(routers) <= 1, (answer and answer.example) or {})


def _asked(asks: Sequence[Ask], route: str) -> Iterator[tuple[Ask, bool]]:
    """The conditions that are asked on the way to a route, with what they must say."""
    for ask in asks:
        yield ask, ask.route == route
        if ask.route == route:
            return


def _contradicts(parts: Iterable[tuple[str, Ask, bool]]) -> bool:
    """Whether one and the same function would have to say yes at one router and no at another."""
    said = dict[Any, bool]()
    return any(said.setdefault(identity(ask.function), verdict) is not verdict for _, ask, verdict in parts)


def _answer(analysis: Analysis, parts: Sequence[tuple[str, Ask, bool]], walk: _Walked) -> Answer | None:
    """Whether conditions of several routers can come out so; ``None`` where there is none."""
    if not parts:
        return None
    first = dict[str, Any]()
    conditions, kinds = list[tuple[Condition, bool]](), dict[str, Any]()
    present, absent = set[str](), set[str]()
    for router, ask, verdict in parts:
        assert ask.condition is not None, "the others are opaque"
        names = dict[str, str]()
        for key, reading in analysis.of_router.get(router, {}).items():
            origin = (reading.sources, reading.maybe)
            if first.setdefault(key, origin) != origin:  # another value by then
                names[key] = f"{key}__{analysis.number[router]}"
        for key, kind in analysis.kinds_at(router).items():
            kinds[names.get(key, key)] = kind
        present |= {names.get(key, key) for key in walk.present.get(router, ())}
        absent |= {names.get(key, key) for key in walk.absent.get(router, ())}
        conditions.append((renamed(ask.condition, names), verdict))
    return satisfiable(conditions, kinds, present=present, absent=absent - present)


# ---- showing it ------------------------------------------------------------------------------------------------


def witness_of(analysis: Analysis, node: str, gap: Gap | None = None) -> Witness:
    """A concrete run: an input that passes the declaration, what nodes give, and the routes that follow."""
    inputs, gives = dict(analysis.sample), dict[str, Any]()
    for key, value in (gap.values if gap else {}).items():
        plain = key.partition("__")[0]
        is_input = analysis.own(plain) is not None and plain not in analysis.writers
        (inputs if is_input else gives)[plain] = value
    way: Iterable[Choice] = sorted(gap.way, key=lambda choice: analysis.number[choice[0]]) if gap else ()
    return Witness(inputs, tuple(way), node, gives)
