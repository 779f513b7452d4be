"""The graph that a pipeline becomes: five kinds of nodes, and edges of which some carry a route.

It is in normal form: one start; a parallel stage meets in an explicit join, the routes of a router in an explicit
merge; every other node has one predecessor. A graph is frozen, and this is the only module that knows networkx.
"""

from __future__ import annotations

import heapq
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crewgraph.node import Interface
from crewgraph.policy import Policy
from crewgraph.trace import Series, Shape

__all__ = ["ANY_ROUTE", "Edge", "Graph", "GraphNode", "Join", "Merge", "Start", "Switch", "Work"]

ANY_ROUTE = "*"
"""The route of an edge that stands for whatever pipeline an open router comes up with while it runs."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the inputs come in."""

    name: str


@dataclass(frozen=True, slots=True)
class Work:
    """A crew or a step.

    Attributes:
        name: unique in the graph: the label, with ``#2`` where it occurs again.
        label: the crew's own name.
        node: the user's object; it is never written to.
        interface: what it says about itself.
        path: its place in the syntax tree.
        policy: what is declared by the pipelines around it that are stages of others.
    """

    name: str
    label: str
    node: Any
    interface: Interface
    path: tuple[str, ...] = ()
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A router.

    Attributes:
        name: unique in the graph.
        router: the user's object, asked through ``route(values)``.
        routes: the names of its routes, the default last.
        conditions: for each route what is drawn on its edge.
        is_open: whether it may come up with pipelines that nobody declared.
        path: its place in the syntax tree.
    """

    name: str
    router: Any
    routes: tuple[str, ...]
    conditions: Mapping[str, str]
    is_open: bool = False
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Join:
    """Where the branches of a parallel stage meet: it waits for all that can still arrive.

    In a graph built by hand some may not arrive; and one with a single predecessor is a gate, which tells whether a route
    was taken that leads straight to where ways meet.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Where the routes of a router meet: one of them arrives."""

    name: str


GraphNode = Start | Work | Switch | Join | Merge


@dataclass(frozen=True, slots=True)
class Edge:
    """From one node to another, always or only when a router takes this route."""

    source: str
    target: str
    route: str | None = None


class Graph:
    """Nodes in the order of the text, and edges.

    Attributes:
        nodes: by name, in the order of the text.
        edges: in the order of the text.
        shape: the series-parallel form the author wrote, from which journeys are folded.
        name: a title.
        is_procedure: whether each node is handed the output of the one before it only.
        merge_json: whether raw text that is one JSON object is handed over as its keys.
    """

    def __init__(
        self,
        nodes: Iterable[GraphNode],
        edges: Iterable[Edge],
        *,
        shape: Shape | None = None,
        name: str | None = None,
        is_procedure: bool = False,
        merge_json: bool = True,
    ) -> None:
        self.nodes: Mapping[str, GraphNode] = {node.name: node for node in nodes}
        self.edges = tuple(edges)
        self.shape: Shape = shape or Series(())
        self.name = name
        self.is_procedure = is_procedure
        self.merge_json = merge_json
        self._successors: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        self._predecessors: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        self._order: list[str] | None = None
        for edge in self.edges:
            self._successors[edge.source].append(edge)
            self._predecessors[edge.target].append(edge)

    def successors(self, name: str) -> list[Edge]:
        """The edges out of a node, in the order of the text."""
        return self._successors[name]

    def predecessors(self, name: str) -> list[Edge]:
        """The edges into a node, in the order of the text."""
        return self._predecessors[name]

    @property
    def works(self) -> list[Work]:
        """The crews and steps, in the order of the text."""
        return [node for node in self.nodes.values() if isinstance(node, Work)]

    @property
    def exits(self) -> list[str]:
        """The nodes after which nothing comes."""
        return [name for name in self.nodes if not self._successors[name]]

    def to_networkx(self) -> Any:
        """A new ``networkx.DiGraph``: nodes with their ``kind`` and ``node``, edges with their ``route``."""
        graph = _networkx().DiGraph(name=self.name or "")
        for name, node in self.nodes.items():
            graph.add_node(name, kind=type(node).__name__.lower(), node=node)
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, route=edge.route)
        return graph

    def cycle(self) -> list[str]:
        """The nodes of one cycle, in order from the one that stands first in the text; empty where there is none."""
        ordered = self._ordered()
        if len(ordered) == len(self.nodes):
            return []
        rest = self.nodes.keys() - ordered
        way = dict[str, None]()
        name = next(name for name in self.nodes if name in rest)
        while name not in way:  # each of the rest waits for another of them
            way[name] = None
            name = next(edge.source for edge in self._predecessors[name] if edge.source in rest)
        back = list(way)
        circle = back[back.index(name) :][::-1]
        members = frozenset(circle)
        first = circle.index(next(name for name in self.nodes if name in members))
        return [*circle[first:], *circle[:first]]

    def unreachable(self) -> list[str]:
        """The nodes that no start reaches."""
        if self._begins_at_starts():
            return []
        todo = [name for name, node in self.nodes.items() if isinstance(node, Start)]
        reached = set(todo)
        while todo:
            for edge in self._successors[todo.pop()]:
                if edge.target not in reached:
                    reached.add(edge.target)
                    todo.append(edge.target)
        return [name for name in self.nodes if name not in reached]

    def _begins_at_starts(self) -> bool:
        """Whether there is no cycle, and nothing begins but at a start, so that a start leads to every node."""
        begins = (self.nodes[name] for name, before in self._predecessors.items() if not before)
        return len(self._ordered()) == len(self.nodes) and all(isinstance(node, Start) for node in begins)

    def order(self) -> list[str]:
        """The nodes in plan order: topological, and as in the text wherever that leaves a choice.

        Raises:
            ValueError: the graph has a cycle.
        """
        ordered = self._ordered()
        if len(ordered) < len(self.nodes):
            raise ValueError(f"the graph has a cycle: {' → '.join(self.cycle())}")
        return ordered

    def _ordered(self) -> list[str]:
        """As :meth:`order`, but for the nodes in and behind a cycle; found once."""
        if self._order is None:
            self._order = self._found_order()
        return list(self._order)

    def _found_order(self) -> list[str]:
        names = list(self.nodes)
        place = {name: number for number, name in enumerate(names)}
        if all(place[edge.source] < place[edge.target] for edge in self.edges):  # as after lowering
            return names
        waiting = {name: len(edges) for name, edges in self._predecessors.items()}
        ready = [number for number, name in enumerate(names) if not waiting[name]]  # in order, so it is a heap
        ordered = list[str]()
        while ready:
            name = names[heapq.heappop(ready)]
            ordered.append(name)
            for edge in self._successors[name]:
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    heapq.heappush(ready, place[edge.target])
        return ordered


def _networkx() -> Any:
    """Import networkx on first use: it takes longer to import than all of crewgraph."""
    return importlib.import_module("networkx")
