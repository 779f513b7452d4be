"""Lowering: the tree that a user wrote becomes a graph in normal form, from the outermost pipeline inwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crewgraph.compiler.laying import MAX_NESTING, End, Laying, One, Path, Several, drawn
from crewgraph.compiler.lower_edges import wire
from crewgraph.diagnostics import Diagnostic
from crewgraph.edges import Graph as HandMade
from crewgraph.graph import ANY_ROUTE, Graph, Join, Merge, Start, Switch, Work
from crewgraph.node import interface_of, is_node, label_of
from crewgraph.policy import Policy
from crewgraph.router import Route, Router
from crewgraph.step import Step
from crewgraph.syntax import DOUBLE_NESTING, NOT_A_STAGE, Pipeline, is_function
from crewgraph.trace import Choice, Leaf, Parallel, Series, Shape, Wired

__all__ = ["MAX_NESTING", "lower"]

NO_ROUTE = ""
"""In place of a condition, where somebody has put something else among the routes; no condition is empty."""
_EMPTY_HINT = "add a stage; to do nothing on purpose, use a step that returns None"


def lower(pipeline: Pipeline, *, taken: Collection[str] = ()) -> tuple[Graph, list[Diagnostic]]:
    """Lower a pipeline.

    Args:
        pipeline: the pipeline.
        taken: names that no node may get.

    Returns:
        The graph and the structural findings. Where there are errors, the graph holds what could be lowered.
    """
    lowering = _Lowering()
    start = One(lowering.add(Start(""), "start"))
    with lowering.inside(pipeline, "the pipeline", ()):
        _, shape = lowering.stages(pipeline, start, ())
    return lowering.finish(pipeline, shape, taken), lowering.findings


@dataclass(slots=True)
class _Lowering(Laying):
    """Descends into stages, branches and routes."""

    steps: dict[Any, Step] = field(default_factory=dict[Any, Step])
    policy: Policy | None = None
    """What is declared by the pipelines around the place, but for the outermost, which counts for the whole kickoff."""

    def stages(self, pipeline: Pipeline, entry: One, path: Path) -> tuple[End, Shape]:
        """Lay down what is in a pipeline, under its policy; the shape of an inner one keeps its name."""
        around = self.policy
        if path and pipeline.policy is not None:
            self.policy = pipeline.policy.over(around)
        end, shape = (
            self.wired(pipeline, entry, path)
            if isinstance(pipeline, HandMade)
            else self.series(pipeline.stages, entry, path)
        )
        self.policy = around
        return end, replace(shape, name=pipeline.name) if path and pipeline.name else shape

    def series(self, stages: Sequence[Any], entry: One, path: Path) -> tuple[End, Series]:
        """Lay stages one behind the other."""
        if not stages:
            place = path[-1] if path else "the pipeline"
            self.report("CG102", f"{place} has no stages", path, _EMPTY_HINT)
        end: End = entry
        shapes = list[Shape]()
        for number, stage in enumerate(stages, 1):
            end, shape = self.stage(stage, self.close(end), (*path, f"stage {number}"))
            shapes.append(shape)
        return end, Series(tuple(shapes))

    def wired(self, graph: HandMade, entry: One, path: Path) -> tuple[End, Wired]:
        """Lay a graph that was built by hand."""
        if graph.stages:  # somebody has appended to the list
            self.report("CG103", "a graph built by hand has no stages", path, "put them among its nodes and edges")
        return wire(self, graph.wires, entry, path, lay=self.stage)

    def stage(self, stage: Any, entry: One, path: Path) -> tuple[End, Shape]:
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

    def work(self, node: Any, entry: One, path: Path) -> tuple[End, Shape]:
        """Lower a crew or a step."""
        label = label_of(node)
        path = (*path[:-1], f"{path[-1]} '{label}'")
        interface = interface_of(node)
        number = self.add(Work("", label, node, interface, path, self.policy), label)
        self.follow(entry, number)
        for problem in interface.problems:
            self.report(problem.code, problem.message, path, problem.hint)
        return One(number), Leaf(str(number))

    def parallel(self, branches: Sequence[Any], entry: One, path: Path) -> tuple[End, Shape]:
        """Lower branches side by side; they stay open ends."""
        if not branches:
            self.report("CG102", "a parallel stage has no branches", path, "put crews into the list, or take it away")
            return entry, Series(())
        ends, shapes = list[End](), list[Shape]()
        for number, branch in enumerate(branches, 1):
            place = (*path, f"branch {number}")
            if isinstance(branch, list | tuple):
                self.report("CG101", DOUBLE_NESTING, place, "write one flat list, or a pipeline as the branch")
                continue
            end, shape = self.stage(branch, entry, place)
            ends.append(end)
            shapes.append(shape)
        return Several(Join, tuple(ends) or (entry,)), Parallel(tuple(shapes))

    def switch(self, router: Router, entry: One, path: Path) -> tuple[End, Shape]:
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
            self.follow(entry, number)
            ends, shapes = list[End](), dict[str, Shape]()
            for name, (condition, target) in arms.items():
                place = (*path, f"route '{name}'")
                if condition == NO_ROUTE:
                    hint = "use router.add_route(name, condition, pipeline)"
                    self.report("CG103", f"route '{name}' is a {type(target).__name__}, no Route", place, hint)
                    continue
                arm = target if isinstance(target, Pipeline) else Pipeline.model_construct(stages=[target])
                with self.inside(arm, f"route '{name}'", place) as fresh_arm:
                    if fresh_arm:
                        end, shapes[name] = self.stages(arm, One(number, name), place)
                        ends.append(end)
            if is_open:
                ends.append(One(number, ANY_ROUTE))
            return Several(Merge, tuple(ends) or (entry,)), Choice(str(number), shapes)


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
    return (drawn(route.condition), route.pipeline) if isinstance(route, Route) else (NO_ROUTE, route)
