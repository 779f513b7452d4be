"""Concrete ways through a graph on which a key is missing, or given by a certain node, and whether conditions allow them.

A way is found by following all ways to the reader, each with the node that wrote the key last. Then a run that takes it
is walked through once more, to see that it comes out so, and the conditions are asked whether they allow it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from crewgraph.compiler.allowed import Gap, Refused, allowed
from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.guards import Way, covers, shortened
from crewgraph.compiler.walk import gives, still, walked
from crewgraph.diagnostics import Witness
from crewgraph.graph import Join

__all__ = ["UNSEARCHED", "Gap", "Refused", "gap_of", "witness_of"]

UNSEARCHED = Gap(Way(), is_certain=True, is_shown=False)
"""What stands for a way that was not searched."""
MAX_WAYS = 48
"""How many ways are followed side by side; one that is possible is enough."""


Trail = tuple[Way, str | None]
"""A way, and the node that wrote the key last on it; ``None`` where nobody did."""


def gap_of(
    analysis: Analysis, reading: Reading, writer: str | None = None, *, refused: Refused | None = None
) -> Gap | None:
    """A way on which nobody gives the key that is read, or on which a certain node does.

    Args:
        analysis: of the graph.
        reading: who reads which key.
        writer: the node whose value it is to be.
        refused: where the value is what is wrong: what is refused, so that conditions may keep it away.

    Returns:
        ``None`` where there is no such way that the conditions allow.
    """
    doubtful = None
    for way, last in _trails(analysis, reading, writer):
        if last != writer:
            continue
        spots = walked(analysis, reading, way, writer=writer, keys=_looked_at(analysis, reading, way))
        if reading.node in spots and spots[reading.node].last == writer:
            gap = allowed(analysis, reading, way, spots, refused)
            if gap is not None and gap.is_certain:
                return gap
            doubtful = doubtful or gap
    return doubtful


def _looked_at(analysis: Analysis, reading: Reading, way: Way) -> frozenset[str]:
    """The keys that the conditions on a way to a reader, and its own, read or ask for."""
    routers = (*(router for router, _ in way), reading.node)
    asks = (ask for router in routers for ask in analysis.flow.asks.get(router, ()))
    return frozenset(key for ask in asks for key in (*ask.sure, *ask.maybe, *ask.asked))


# ---- ways to a reader ------------------------------------------------------------------------------------------


def _trails(analysis: Analysis, reading: Reading, writer: str | None) -> Sequence[Trail]:
    """The ways to a node; those that matter are kept where there are too many."""
    graph, number = analysis.graph, analysis.number
    trails, routes = dict[str, Sequence[Trail]](), analysis.routes

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
            trails[name] = few(_shortened((trail for each in before for trail in each), routes, number))
        if name != reading.node:
            given = gives(analysis, name, reading)
            if graph.is_procedure:
                trails[name] = [(way, still(analysis, name, last, reading)) for way, last in trails[name]]
            if given is not None:
                own = [(way, name) for way, _ in trails[name]]
                trails[name] = few(own if given else [*trails[name], *own])
    return trails[reading.node]


def _beyond(source: str, route: str | None, trails: Iterable[Trail]) -> Iterator[Trail]:
    if route is None:
        yield from trails
    else:
        yield from ((way | {(source, route)}, last) for way, last in trails)


def _shortened(
    trails: Iterable[Trail], routes: Mapping[str, frozenset[str]], number: Mapping[str, int]
) -> Iterator[Trail]:
    """Trails without the routers that make no difference: all their routes end alike."""
    ways = dict[str | None, set[Way]]()
    for way, last in trails:
        ways.setdefault(last, set()).add(way)
    for last, some in ways.items():
        yield from ((way, last) for way in sorted(shortened(some, routes, number), key=sorted))


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


# ---- showing it ------------------------------------------------------------------------------------------------


def witness_of(analysis: Analysis, node: str, gap: Gap | None) -> Witness | None:
    """A concrete run: an input that passes the declaration, what nodes give, and the routes that follow.

    ``None`` where no run shows it: each fails before, or none comes here.
    """
    if gap is None or not gap.is_shown:
        return None
    inputs = {
        key: value for key, value in gap.inputs.items() if analysis.declared is None or analysis.own(key) is not None
    }
    way = sorted(gap.way, key=lambda choice: analysis.number[choice[0]])
    return Witness({**analysis.sample, **inputs}, tuple(way), node, dict(gap.gives))
