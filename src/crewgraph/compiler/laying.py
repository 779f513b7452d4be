"""What lowering lays down: nodes, edges, open ends, findings; names come last.

Stages are laid one behind the other. A parallel stage or a router leaves several open ends; only when something
follows are they closed, with a join or a merge, so that the ends of the last stage stay the ends of the graph.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from crewgraph.diagnostics import Diagnostic, Severity
from crewgraph.graph import ANY_ROUTE, Edge, Graph, GraphNode, Join, Merge, Switch, Work
from crewgraph.syntax import Pipeline, Procedure
from crewgraph.trace import Choice, Leaf, Parallel, Series, Shape, Wired

__all__ = ["MAX_NESTING", "End", "Laying", "One", "Path", "Several", "drawn"]

MAX_NESTING = 100
"""How deep routers and branches may be nested; real pipelines stay in single figures."""

OPAQUE = "λ"
"""What stands on the edge of a route whose condition is an anonymous function."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class One:
    """An open end: the next edge starts here, on this route."""

    node: int
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Several:
    """Open ends that a join (all arrive) or a merge (one arrives) will close."""

    kind: type[Join | Merge]
    ends: tuple[End, ...]


End = One | Several


@dataclass(slots=True)
class Laying:
    """Nodes are numbers until all are known: crews get their names first, wiring takes what is left."""

    findings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    nodes: list[tuple[GraphNode, str]] = field(default_factory=list[tuple[GraphNode, str]])
    edges: list[tuple[int, int, str | None]] = field(default_factory=list[tuple[int, int, str | None]])
    within: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    # ---- building ----------------------------------------------------------------------------------------------

    def add(self, node: GraphNode, label: str) -> int:
        """Add a node whose name is settled later."""
        self.nodes.append((node, label))
        return len(self.nodes) - 1

    def follow(self, end: One, node: int) -> None:
        """Put a node behind an open end."""
        self.edges.append((end.node, node, end.route))

    def close(self, end: End) -> One:
        """Make one end of it, with a join or merge where there are several."""
        if isinstance(end, One):
            return end
        closed = [part if isinstance(part, One) else self.close(part) for part in end.ends]
        if len(closed) == 1:
            return closed[0]
        closed = [part if part.route is None else self.gated(part) for part in closed]
        meeting = self.add(end.kind(""), end.kind.__name__.lower())
        self.edges += [(part.node, meeting, part.route) for part in closed]
        return One(meeting)

    def gated(self, end: One) -> One:
        """A route that leads straight to where ways meet goes through a gate: only so is seen whether it was taken."""
        if end.route == ANY_ROUTE:
            return end
        gate = self.add(Join(""), "gate")
        self.follow(end, gate)
        return One(gate)

    def report(self, code: str, message: str, path: Path, hint: str = "", *, level: Severity | None = None) -> None:
        """Note a finding."""
        self.findings.append(Diagnostic(code, message, path, hint, level=level))

    @contextmanager
    def inside(self, thing: object, label: str, path: Path) -> Generator[bool]:
        """Descend into a pipeline or router; false, with a finding, where that leads back or too deep."""
        seen = [number for number, (identity, _) in enumerate(self.within) if identity == id(thing)]
        if seen:
            way = " → ".join([name for _, name in self.within[seen[0] :]] + [label])
            hint = "let the route lead to a pipeline of its own; a graph runs each node once"
            self.report("CG202", f"the pipeline reaches itself: {way}", path, hint)
        elif len(self.within) >= MAX_NESTING:
            self.report("CG104", f"stages are nested deeper than {MAX_NESTING} levels", path, "flatten them")
        else:
            self.within.append((id(thing), label))
            yield True
            self.within.pop()
            return
        yield False

    # ---- naming ------------------------------------------------------------------------------------------------

    def finish(self, pipeline: Pipeline, shape: Shape, taken: Collection[str]) -> Graph:
        """Name the nodes and freeze the graph."""
        names = self._names(set(taken))
        return Graph(
            (_renamed(node, names[number]) for number, (node, _) in enumerate(self.nodes)),
            (Edge(names[source], names[target], route) for source, target, route in self.edges),
            shape=_named(shape, names),
            name=pipeline.name,
            is_procedure=isinstance(pipeline, Procedure),
            merge_json=pipeline.merge_json,
        )

    def _names(self, taken: set[str]) -> list[str]:
        names, counts = [""] * len(self.nodes), dict[str, int]()
        are_works = [isinstance(node, Work) for node, _ in self.nodes]
        crews_first = sorted(range(len(are_works)), key=are_works.__getitem__, reverse=True)  # which keeps their order
        for number in crews_first:
            name = label = self.nodes[number][1]
            count = counts.get(label, 1)
            while name in taken:
                count += 1
                name = f"{label}#{count}"
            counts[label] = count
            taken.add(name)
            names[number] = name
        return names


def _renamed(node: GraphNode, name: str) -> GraphNode:
    match node:
        case Work():
            return Work(name, node.label, node.node, node.interface, node.path, node.policy)
        case Switch():
            return Switch(name, node.router, node.routes, node.conditions, node.is_open, node.path)
        case _:
            return type(node)(name)


def _named(shape: Shape, names: list[str]) -> Shape:
    match shape:
        case Leaf(node):
            return Leaf(names[int(node)])
        case Series(parts):
            return replace(shape, parts=tuple(_named(part, names) for part in parts))
        case Parallel(branches):
            return Parallel(tuple(_named(branch, names) for branch in branches))
        case Choice(router, routes):
            return Choice(names[int(router)], {route: _named(arm, names) for route, arm in routes.items()})
        case Wired(parts):
            return replace(shape, parts=tuple(_named(part, names) for part in parts))
        case _:
            assert_never(shape)


def drawn(condition: Any) -> str:
    """What stands on the edge of a route."""
    if isinstance(condition, str):
        return condition
    name = getattr(condition, "__name__", OPAQUE)
    return OPAQUE if name == "<lambda>" else name
