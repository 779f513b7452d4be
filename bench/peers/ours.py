"""crewgraph, on plain steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from bench.work import Body, Runs, Values, before, body
from crewgraph import Graph, Pipeline, Router, Step
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import rows
from crewgraph.engine.local import LocalEngine
from crewgraph.engine.port import Job
from crewgraph.engine.results import kickoff_result
from crewgraph.engine.run import Run
from crewgraph.trace import Event

IDLE = body()


def added(name: str, body: Body = IDLE) -> Step:
    """One node."""
    return Step(body.of_v, name=name)


def chain(length: int, body: Body = IDLE) -> Pipeline:
    """Nodes in a row."""
    return Pipeline([added(f"n{n}", body) for n in range(length)])


def fan(width: int, body: Body = IDLE) -> Pipeline:
    """One node, many beside each other, one node."""
    return Pipeline([added("a", body), [added(f"b{n}", body) for n in range(width)], added("z", body)])


def routed(body: Body = IDLE) -> Pipeline:
    """One node, three routes of two nodes, one node."""
    first, second, third = (Pipeline([added(f"{route}1", body), added(f"{route}2", body)]) for route in "bcd")
    router = Router(default=third)
    router.add_route("first", lambda values: values["v"] % 3 == 0, first)
    router.add_route("second", lambda values: values["v"] % 3 == 1, second)
    return Pipeline([added("a", body), router, added("z", body)])


def layered(layers: int, width: int, body: Body = IDLE) -> Pipeline:
    """One node, layers of which each node needs three of the layer before, one node."""
    rows = [[added(f"n{layer}.{place}", body) for place in range(width)] for layer in range(layers)]
    first, last = added("first", body), added("last", body)
    edges = [(first, node) for node in rows[0]]
    for early, late in pairwise(rows):
        edges += [(early[source], late[place]) for place in range(width) for source in before(place, width)]
    return Graph([*edges, *((node, last) for node in rows[-1])])


class Kickoff(Runs):
    """All inputs in one kickoff, with everything that it gives, but for what compiling takes: that is done once.

    Args:
        pipeline: what runs.
        nodes: how many nodes run in one run.
        width: how many of them side by side.
        observer: takes every event.
    """

    def __init__(
        self, pipeline: Pipeline, nodes: int, width: int = 1, observer: Callable[[Event], None] | None = None
    ) -> None:
        self.plan = compile_pipeline(pipeline)
        self.nodes, self.width, self.observer = nodes, width, observer

    async def run_all(self, inputs: Sequence[Values], at_once: int | None) -> Sequence[Values]:
        """A run for each input."""
        ended = list[Run]()

        async def deliver(run: Run) -> None:
            ended.append(run)

        job = Job((at_once or len(inputs)) * self.width, fail_fast=False, observer=self.observer, deliver=deliver)
        await LocalEngine().execute(self.plan, list(rows(inputs, self.plan)), job)
        return [run.to_dict() for run in kickoff_result(ended)]

    async def run(self, values: Values) -> Values:
        """One run."""
        return (await self.run_all([values], 1))[0]


class Steps:
    """All inputs in one kickoff."""

    def runs(self, pipeline: Pipeline, nodes: int, width: int = 1) -> Runs:
        """What runs the pipeline."""
        return Kickoff(pipeline, nodes, width)

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        return self.runs(chain(length, body), length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.runs(fan(width, body), width + 2, width)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        return self.runs(routed(body), 4)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers."""
        return self.runs(layered(layers, width, body), layers * width + 2, width)


class Observed(Steps):
    """The same, with an observer that takes every event."""

    def runs(self, pipeline: Pipeline, nodes: int, width: int = 1) -> Runs:
        """What runs the pipeline."""
        count = 0

        def observe(_: Event) -> None:
            nonlocal count
            count += 1

        return Kickoff(pipeline, nodes, width, observe)


class EachKickoff(Runs):
    """A kickoff for each input, as a server makes them; each compiles the pipeline."""

    def __init__(self, pipeline: Pipeline, nodes: int) -> None:
        self.pipeline, self.nodes = pipeline, nodes

    async def run(self, values: Values) -> Values:
        """One run."""
        return (await self.pipeline.kickoff_async(values))[0].to_dict()


class Each(Steps):
    """A kickoff for each input."""

    def runs(self, pipeline: Pipeline, nodes: int, width: int = 1) -> Runs:  # noqa: ARG002 - of the family
        """What runs the pipeline."""
        return EachKickoff(pipeline, nodes)
