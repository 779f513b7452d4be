"""Lowering of graphs that were built by hand: nodes in plan order, what leads to each, and where the graph ends.

The conditional edges out of a node become a switch behind it. Where several edges lead to a node they meet: in a merge
where one of the routes of a switch arrives, else in a join.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import field_validator

from crewgraph.compiler.laying import End, Laying, One, Path, Several, drawn
from crewgraph.diagnostics import Severity
from crewgraph.edges import OTHERWISE, Wires
from crewgraph.graph import Join, Merge, Switch
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline
from crewgraph.trace import Choice, Shape, Wired

__all__ = ["Fork", "wire"]

MAX_CYCLES = 10
MAX_NAMED = 12

Lay = Callable[[Any, One, Path], tuple[End, Shape]]
_Mark = tuple[int, str] | None
"""A switch and one of its routes."""


class Fork(Router):
    """The conditional edges out of one node, as a router; nothing may follow where no condition is true."""

    @field_validator("default", mode="before")
    @classmethod
    def _stage(cls, default: Any) -> Any:
        return default


def wire(laying: Laying, wires: Wires, entry: One, path: Path, *, lay: Lay) -> tuple[End, Wired]:
    """Lay down a graph that was built by hand.

    Args:
        laying: takes nodes and edges.
        wires: the graph.
        entry: what its first nodes follow.
        path: where it stands.
        lay: lowers one node of it, whatever that is.

    Returns:
        Its open ends, and its shape.
    """
    if not wires.nodes:
        laying.report("CG102", f"{path[-1] if path else 'the graph'} has no nodes", path, "Graph([(a, b), (b, c)])")
        return entry, Wired((), ())
    wiring = _Wiring(laying, wires, path)
    wiring.told_alone()
    for number in wiring.order():
        wiring.put(number, entry, lay)
    return wiring.laid()


class _Way(NamedTuple):
    """An open end in a graph.

    Attributes:
        end: where the next edge starts.
        part: the part that it leaves.
        route: the route to be taken there.
        mark: the last choice that was made for all that gets here, where there is one.
    """

    end: End
    part: int
    route: str | None
    mark: _Mark


@dataclass(slots=True)
class _Wiring:
    """A graph while it is laid down; its nodes have the numbers of :class:`Wires`."""

    laying: Laying
    wires: Wires
    path: Path
    incoming: list[list[int]] = field(default_factory=list[list[int]])
    """For each node the edges that lead to it."""
    outgoing: list[list[int]] = field(default_factory=list[list[int]])
    parts: list[Shape] = field(default_factory=list[Shape])
    before: list[tuple[tuple[int, str | None], ...]] = field(default_factory=list[tuple[tuple[int, str | None], ...]])
    forks: dict[int, int] = field(default_factory=dict[int, int])
    always: dict[int, _Way] = field(default_factory=dict[int, _Way])
    """For each node the way that edges without a condition take out of it."""
    switches: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """For each node with conditional edges its switch, and the number of that part."""
    outside: dict[int, _Mark] = field(default_factory=dict[int, _Mark])
    """For each switch the mark of the node it belongs to."""
    open: list[_Way] = field(default_factory=list[_Way])

    def __post_init__(self) -> None:
        self.incoming = [[] for _ in self.wires.nodes]
        self.outgoing = [[] for _ in self.wires.nodes]
        for edge, (source, target) in enumerate(self.wires.ends):
            self.outgoing[source].append(edge)
            self.incoming[target].append(edge)

    # ---- order -------------------------------------------------------------------------------------------------

    def told_alone(self) -> None:
        """Report the nodes without an edge, where the others have some."""
        if not self.wires.edges:
            return
        for number, name in enumerate(self.wires.names):
            if not self.incoming[number] and not self.outgoing[number]:
                told = f"nothing leads to '{name}' and nothing follows it, while other nodes are connected"
                hint = "connect it, or take it away; by itself it runs at the beginning"
                self.laying.report("CG203", told, self.place(number), hint, level=Severity.WARNING)

    def order(self) -> Iterator[int]:
        """The nodes as they follow one another, as in the text wherever that leaves a choice."""
        self.cut()
        waiting = [len(edges) for edges in self.incoming]
        ready = [number for number, count in enumerate(waiting) if count == 0]
        while ready:
            number = heapq.heappop(ready)
            yield number
            for target in (self.wires.ends[edge][1] for edge in self.outgoing[number]):
                waiting[target] -= 1
                if waiting[target] == 0:
                    heapq.heappush(ready, target)

    def cut(self) -> None:
        """Report the cycles, and leave out the edges that close them."""
        back = set[tuple[int, int]]()
        for way in _cycles([[self.wires.ends[edge][1] for edge in edges] for edges in self.outgoing]):
            back.add((way[-1], way[0]))
            if len(back) <= MAX_CYCLES:
                names = [self.wires.names[number] for number in way]
                shown = names if len(names) <= MAX_NAMED else [*names[: MAX_NAMED - 1], "…", names[-1]]
                told = f"the edges lead in a circle: {' → '.join([*shown, names[0]])}"
                self.laying.report(
                    "CG202", told, self.path, "take one of these edges away; a graph runs each node once"
                )
        if len(back) > MAX_CYCLES:
            self.laying.report("CG202", f"{len(back) - MAX_CYCLES} more edges lead in a circle", self.path)
        for edges in (*self.incoming, *self.outgoing) if back else ():
            edges[:] = [edge for edge in edges if self.wires.ends[edge] not in back]

    # ---- laying ------------------------------------------------------------------------------------------------

    def put(self, number: int, entry: One, lay: Lay) -> None:
        """Lay down a node behind what leads to it, and behind it the switch of its conditional edges."""
        ways = [self.way(edge) for edge in self.incoming[number]]
        met, mark = _met(ways, self.outside) if ways else (entry, None)
        node = self.wires.nodes[number]
        path = self.place(number) if isinstance(node, Pipeline) else (*self.path, "node")  # others add their name
        end, shape = lay(node, self.laying.close(met), path)
        part = self.part(shape, ways)
        if not self.outgoing[number]:
            self.open.append(_Way(end, part, None, mark))
            return
        self.always[number] = _Way(self.laying.close(end), part, None, mark)
        routed = [edge for edge in self.outgoing[number] if self.wires.routes[edge] is not None]
        if routed:
            self.fork(number, routed)

    def fork(self, number: int, routed: Sequence[int]) -> None:
        """Lay down the switch of a node's conditional edges; where it takes none of them, a run may end."""
        name, before = self.wires.names[number], self.always[number]
        path = (*self.path, f"edges out of '{name}'")
        written = {str(self.wires.routes[edge]): self.wires.edges[edge] for edge in routed}
        otherwise = written.pop(OTHERWISE, None)
        router = Fork(
            routes={route: Route(edge.when, edge.target) for route, edge in written.items() if edge.when is not None},
            default=None if otherwise is None else otherwise.target,
        )
        conditions = {route: drawn(made.condition) for route, made in router.routes.items()} | {OTHERWISE: "else"}
        switch = self.laying.add(Switch("", router, tuple(conditions), conditions, False, path), f"after {name}")
        self.laying.follow(self.laying.close(before.end), switch)
        self.outside[switch] = before.mark
        part = self.part(Choice(str(switch), {}), [before])
        self.forks[part] = before.part
        self.switches[number] = (switch, part)
        if otherwise is None and len(routed) == len(self.outgoing[number]):
            self.open.append(_Way(One(switch, OTHERWISE), part, OTHERWISE, (switch, OTHERWISE)))

    def part(self, shape: Shape, ways: Sequence[_Way]) -> int:
        """Note a part of the shape, and what leads to it."""
        self.parts.append(shape)
        self.before.append(tuple((way.part, way.route) for way in ways))
        return len(self.parts) - 1

    def way(self, edge: int) -> _Way:
        """Where an edge starts; its source is laid down."""
        source, route = self.wires.ends[edge][0], self.wires.routes[edge]
        if route is None:
            return self.always[source]
        switch, part = self.switches[source]
        return _Way(One(switch, route), part, route, (switch, route))

    def place(self, number: int) -> Path:
        """Where a node stands."""
        return (*self.path, f"node '{self.wires.names[number]}'")

    # ---- the whole ---------------------------------------------------------------------------------------------

    def laid(self) -> tuple[End, Wired]:
        """The open ends and the shape of the whole graph."""
        ends = tuple(way.part for way in self.open)
        return _met(self.open, self.outside)[0], Wired(tuple(self.parts), tuple(self.before), self.forks, ends)


def _met(ways: Sequence[_Way], outside: Mapping[int, _Mark]) -> tuple[End, _Mark]:
    """Where several ways meet: in a merge where only one of them can arrive; and the mark of that place."""
    ends, marks = tuple([way.end for way in ways]), {way.mark for way in ways}
    if len(marks) == 1:
        return ends[0] if len(ends) == 1 else Several(Join, ends), ways[0].mark
    (switch, *others) = {mark and mark[0] for mark in marks}
    if switch is None or others:
        return Several(Join, ends), None
    return Several(Merge if len(marks) == len(ways) else Join, ends), outside[switch]


def _cycles(targets: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """For each edge that leads back, found depth first, the cycle that it closes; of many the two ends alone."""
    seen, done, found = set[int](), set[int](), 0
    for root in range(len(targets)):
        way, rest = ([], []) if root in seen else ([root], [iter(targets[root])])
        seen.add(root)
        while way:
            target = next(rest[-1], None)
            if target is None:
                done.add(way.pop())
                rest.pop()
            elif target not in seen:
                seen.add(target)
                way.append(target)
                rest.append(iter(targets[target]))
            elif target not in done:
                found += 1
                yield way[way.index(target) :] if found <= MAX_CYCLES else [target, way[-1]]
