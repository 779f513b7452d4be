"""One run through a graph that makes certain choices, walked through: what is there at each node, and from whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.guards import Way
from crewgraph.graph import Graph, Switch, Work
from crewgraph.template import placeholder_name

__all__ = ["INPUT", "Origin", "Spot", "gives", "still", "walked"]


Origin = frozenset[str]
"""The nodes of which one wrote a value; "" is the input. Where it is the same at two places of a way, the value is."""
INPUT: Origin = frozenset({""})


@dataclass(frozen=True, slots=True)
class Spot:
    """What is known at a node, before it runs.

    Attributes:
        there: the keys that are surely there, of those that the conditions on the way look at.
        maybe: those that may be there.
        last: the node that wrote the key which is read last; ``None`` where nobody did.
        origins: who may have written each of the other keys last; the input where a key is not in it.
    """

    there: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    last: str | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict[str, Origin])

    def origin(self, key: str) -> Origin:
        """Who may have written a key last."""
        return self.origins.get(key, INPUT)


def walked(
    analysis: Analysis, reading: Reading, way: Way, *, writer: str | None, keys: Collection[str]
) -> Mapping[str, Spot]:
    """The nodes that run until the reader does, each with what is known there.

    Args:
        analysis: of the graph.
        reading: who reads which key; the walk ends there.
        way: the choices that routers make; one that is not among them may take any of its routes.
        writer: of the nodes that give the key at times, the one that does.
        keys: the keys that are followed beside it.
    """
    graph, routes = analysis.graph, dict(way)
    before, after = dict[str, Spot](), dict[str, Spot]()
    there = frozenset(key for key in keys if analysis.is_in_every_row(key))
    may_come = frozenset(key for key in keys if analysis.declared is None or analysis.own(key) is not None)
    for name in analysis.flow.order[: analysis.number[reading.node] + 1]:
        edges = graph.predecessors(name)
        arrived = [
            after[edge.source]
            for edge in edges
            if edge.source in after and edge.route in (None, routes.get(edge.source, _any_route(graph, edge.source)))
        ]
        if arrived:
            before[name] = _met(arrived, analysis.number)
        elif not edges:
            before[name] = Spot(there, may_come - there)
        else:
            continue
        after[name] = _passed(analysis, name, before[name], reading, writer=writer, keys=keys)
    return before


def _any_route(graph: Graph, name: str) -> str | None:
    """The default of a router, which may lead nowhere."""
    node = graph.nodes[name]
    return node.routes[-1] if isinstance(node, Switch) and node.routes else None


def _met(arrived: Sequence[Spot], number: Mapping[str, int]) -> Spot:
    """What is known where several branches meet; of two who wrote the key the one that stands last counts."""
    lasts = [spot.last for spot in arrived if spot.last is not None]
    return Spot(
        frozenset().union(*(spot.there for spot in arrived)),
        frozenset().union(*(spot.maybe for spot in arrived)),
        max(lasts, key=number.__getitem__) if lasts else None,
        {key: _later([spot.origin(key) for spot in arrived], number) for spot in arrived for key in spot.origins},
    )


def _later(origins: Sequence[Origin], number: Mapping[str, int]) -> Origin:
    """Of several values that meet the one that was written last, where that can be told."""
    if any(len(origin) > 1 for origin in origins):
        return frozenset().union(*origins)
    return max(origins, key=lambda origin: max(number.get(name, -1) for name in origin))


def _passed(
    analysis: Analysis, name: str, spot: Spot, reading: Reading, *, writer: str | None, keys: Iterable[str]
) -> Spot:
    """What is known behind a node."""
    node = analysis.graph.nodes[name]
    if not isinstance(node, Work):
        return spot
    last = still(analysis, name, spot.last, reading)
    given = gives(analysis, name, reading)
    if given or (given is False and name == writer):
        last = name
    face, wanted = node.interface, frozenset(keys)
    there = spot.there | (wanted & face.gives.keys())
    maybe = spot.maybe | (wanted if face.may_give is None else wanted & face.may_give)
    written = {key: frozenset({name}) for key in wanted & face.gives.keys()}
    unsure = wanted - written.keys() if face.may_give is None else wanted & face.may_give - written.keys()
    written |= {key: spot.origin(key) | {name} for key in unsure}
    if given is False and reading.key in wanted:  # it gives it at times, and here it does if it is the writer
        written[reading.key] = frozenset({name}) if name == writer else spot.origin(reading.key)
    return Spot(there, maybe - there, last, {**spot.origins, **written})


def gives(analysis: Analysis, name: str, reading: Reading) -> bool | None:
    """Whether a node always gives the key that is read; ``None`` where it never does, as far as it is declared."""
    node = analysis.graph.nodes[name]
    if not isinstance(node, Work):
        return None
    is_text = reading.route is None and placeholder_name(node.label) == reading.key
    if reading.key in node.interface.gives or is_text:
        return True
    return False if reading.key in node.interface.sometimes else None


def still(analysis: Analysis, name: str, last: str | None, reading: Reading) -> str | None:
    """Who gave a key behind one more node: in a procedure only its text, and that of earlier ones, lasts."""
    passed = analysis.graph.nodes[name]
    if not analysis.graph.is_procedure or not isinstance(passed, Work) or passed.interface.hands_on:
        return last
    node = analysis.graph.nodes[last] if last is not None else None
    return last if isinstance(node, Work) and placeholder_name(node.label) == reading.key else None
