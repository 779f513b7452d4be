"""Lowering: the tree that a user wrote becomes a graph in normal form.

Stages are laid one behind the other. A parallel stage or a router leaves several open ends; only when something
follows are they closed, with a join or a merge, so that the ends of the last stage stay the ends of the graph.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from crewgraph.diagnostics import Diagnostic
from crewgraph.graph import ANY_ROUTE, Edge, Graph, GraphNode, Join, Merge, Start, Switch, Work
from crewgraph.node import interface_of, is_node, label_of
from crewgraph.policy import Policy
from crewgraph.router import Route, Router
from crewgraph.step import Step
from crewgraph.syntax import DOUBLE_NESTING, NOT_A_STAGE, Pipeline, Procedure, is_function
from crewgraph.trace import Choice, Leaf, Parallel, Series, Shape

__all__ = ["lower"]

MAX_NESTING = 100
"""How deep routers and branches may be nested; real pipelines stay in single figures."""

OPAQUE = "λ"
"""What stands on the edge of a route whose condition is an anonymous function."""
NO_ROUTE = ""
"""In place of a condition, where somebody has put something else among the routes; no condition is empty."""
_EMPTY_HINT = "add a stage; to do nothing on purpose, use a step that returns None"

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _One:
    """An open end: the next edge starts here, on this route."""

    node: int
    route: str | None = None


@dataclass(frozen=True, slots=True)
class _Several:
    """Open ends that a join (all arrive) or a merge (one arrives) will close."""

    kind: type[Join | Merge]
    ends: tuple[_End, ...]


_End = _One | _Several


def lower(pipeline: Pipeline, *, taken: Collection[str] = ()) -> tuple[Graph, list[Diagnostic]]:
    """Lower a pipeline.

    Args:
        pipeline: the pipeline.
        taken: names that no node may get.

    Returns:
        The graph and the structural findings. Where there are errors, the graph holds what could be lowered.
    """
    lowering = _Lowering()
    start = _One(lowering.add(Start(""), "start"))
    with lowering.inside(pipeline, "the pipeline", ()):
        _, shape = lowering.stages(pipeline, start, ())
    return lowering.finish(pipeline, shape, taken), lowering.findings


@dataclass(slots=True)
class _Lowering:
    """Nodes are numbers until all are known: crews get their names first, wiring takes what is left."""

    findings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    nodes: list[tuple[GraphNode, str]] = field(default_factory=list[tuple[GraphNode, str]])
    edges: list[tuple[int, int, str | None]] = field(default_factory=list[tuple[int, int, str | None]])
    within: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    steps: dict[Any, Step] = field(default_factory=dict[Any, Step])
    policy: Policy | None = None
    """What is declared by the pipelines around the place, but for the outermost, which counts for the whole kickoff."""

    # ---- building ----------------------------------------------------------------------------------------------

    def add(self, node: GraphNode, label: str) -> int:
        """Add a node whose name is settled later."""
        self.nodes.append((node, label))
        return len(self.nodes) - 1

    def close(self, end: _End) -> _One:
        """Make one end of it, with a join or merge where there are several."""
        if isinstance(end, _One):
            return end
        closed = [self.close(part) for part in end.ends]
        if len(closed) == 1:
            return closed[0]
        meeting = self.add(end.kind(""), end.kind.__name__.lower())
        self.edges += [(part.node, meeting, part.route) for part in closed]
        return _One(meeting)

    def report(self, code: str, message: str, path: Path, hint: str = "") -> None:
        """Note a finding."""
        self.findings.append(Diagnostic(code, message, path, hint))

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

    # ---- descending --------------------------------------------------------------------------------------------

    def stages(self, pipeline: Pipeline, entry: _One, path: Path) -> tuple[_End, Shape]:
        """Lay the stages of a pipeline one behind the other."""
        if not pipeline.stages:
            place = path[-1] if path else "the pipeline"
            self.report("CG102", f"{place} has no stages", path, _EMPTY_HINT)
        end: _End = entry
        shapes, around = list[Shape](), self.policy
        if path and pipeline.policy is not None:
            self.policy = pipeline.policy.over(around)
        for number, stage in enumerate(pipeline.stages, 1):
            end, shape = self.stage(stage, self.close(end), (*path, f"stage {number}"))
            shapes.append(shape)
        self.policy = around
        return end, Series(tuple(shapes))

    def stage(self, stage: Any, entry: _One, path: Path) -> tuple[_End, Shape]:
        """Lower whatever may stand in a list of stages."""
        if isinstance(stage, list | tuple):
            return self.parallel(stage, entry, path)
        if isinstance(stage, Pipeline):
            with self.inside(stage, path[-1], path) as fresh:
                return self.stages(stage, entry, path) if fresh else (entry, Series(()))
        if isinstance(stage, Router):
            return self.switch(stage, entry, path)
        if is_function(stage) or is_node(stage):
            return self.work(self.step(stage) if is_function(stage) else stage, entry, path)
        self.report(
            "CG103",
            NOT_A_STAGE.format(type(stage)),
            path,
            "use a crew, a router, a function or a list of them",
        )
        return entry, Series(())

    def step(self, function: Any) -> Step:
        """The step that a plain function becomes: one, however often the function occurs."""
        if function not in self.steps:
            self.steps[function] = Step(function)
        return self.steps[function]

    def work(self, node: Any, entry: _One, path: Path) -> tuple[_End, Shape]:
        """Lower a crew or a step."""
        label = label_of(node)
        path = (*path[:-1], f"{path[-1]} '{label}'")
        interface = interface_of(node)
        number = self.add(Work("", label, node, interface, path, self.policy), label)
        self.edges.append((entry.node, number, entry.route))
        for problem in interface.problems:
            self.report(problem.code, problem.message, path, problem.hint)
        return _One(number), Leaf(str(number))

    def parallel(self, branches: Sequence[Any], entry: _One, path: Path) -> tuple[_End, Shape]:
        """Lower branches side by side; they stay open ends."""
        if not branches:
            self.report("CG102", "a parallel stage has no branches", path, "put crews into the list, or take it away")
            return entry, Series(())
        ends, shapes = list[_End](), list[Shape]()
        for number, branch in enumerate(branches, 1):
            place = (*path, f"branch {number}")
            if isinstance(branch, list | tuple):
                self.report("CG101", DOUBLE_NESTING, place, "write one flat list, or a pipeline as the branch")
                continue
            end, shape = self.stage(branch, entry, place)
            ends.append(end)
            shapes.append(shape)
        return _Several(Join, tuple(ends) or (entry,)), Parallel(tuple(shapes))

    def switch(self, router: Router, entry: _One, path: Path) -> tuple[_End, Shape]:
        """Lower a router and its arms; they stay open ends."""
        label = _router_label(router)
        arms, is_open = _arms(router)
        path = (*path[:-1], f"{path[-1]} '{label}'")
        with self.inside(router, f"router '{label}'", path) as fresh:
            if not fresh:
                return entry, Series(())
            conditions = {name: condition for name, (condition, _) in arms.items()}
            node = Switch("", router, tuple(arms), conditions, is_open, path)
            number = self.add(node, label)
            self.edges.append((entry.node, number, entry.route))
            ends, shapes = list[_End](), dict[str, Shape]()
            for name, (condition, target) in arms.items():
                place = (*path, f"route '{name}'")
                if condition == NO_ROUTE:
                    hint = "use router.add_route(name, condition, pipeline)"
                    self.report("CG103", f"route '{name}' is a {type(target).__name__}, no Route", place, hint)
                    continue
                if name in router.routes and router.routes[name].declared is None:
                    self.report("CG403", f"the condition of route '{name}' is a callable; it is not checked", place)
                arm = target if isinstance(target, Pipeline) else Pipeline.model_construct(stages=[target])
                with self.inside(arm, f"route '{name}'", place) as fresh_arm:
                    if fresh_arm:
                        end, shapes[name] = self.stages(arm, _One(number, name), place)
                        ends.append(end)
            if is_open:
                ends.append(_One(number, ANY_ROUTE))
            return _Several(Merge, tuple(ends) or (entry,)), Choice(str(number), shapes)

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
        crews_first = sorted(range(len(self.nodes)), key=lambda number: not isinstance(self.nodes[number][0], Work))
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
            return replace(node, name=name)
        case Switch():
            return Switch(name, node.router, node.routes, node.conditions, node.is_open, node.path)
        case _:
            return type(node)(name)


def _named(shape: Shape, names: list[str]) -> Shape:
    match shape:
        case Leaf(node):
            return Leaf(names[int(node)])
        case Series(parts):
            return Series(tuple(_named(part, names) for part in parts))
        case Parallel(branches):
            return Parallel(tuple(_named(branch, names) for branch in branches))
        case Choice(router, routes):
            return Choice(names[int(router)], {route: _named(arm, names) for route, arm in routes.items()})
        case _:
            assert_never(shape)


def _router_label(router: Any) -> str:
    name = getattr(router, "name", None)
    return name if isinstance(name, str) and name.strip() else "router"


def _arms(router: Any) -> tuple[dict[str, tuple[str, Any]], bool]:
    """The declared routes as (condition to draw, target), and whether the router may take others.

    A subclass or test double that decides by itself may return pipelines that nobody declared; what it declares is
    read as far as it can be.
    """
    routes: Any = getattr(router, "routes", None)
    if type(routes) is not dict:
        return {}, True
    declared: dict[str, Any] = routes
    arms = {name: _arm(route) for name, route in declared.items()}
    is_open = getattr(router.route, "__func__", None) is not Router.route
    return arms | {"default": ("else", router.default)}, is_open


def _arm(route: Any) -> tuple[str, Any]:
    return (_drawn(route), route.pipeline) if isinstance(route, Route) else (NO_ROUTE, route)


def _drawn(route: Route) -> str:
    if isinstance(route.condition, str):
        return route.condition
    name = getattr(route.condition, "__name__", OPAQUE)
    return OPAQUE if name == "<lambda>" else name
