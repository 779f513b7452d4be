"""Haystack: components of an async pipeline, connected by their sockets."""

# ruff: noqa: I002 - annotations must not wait: Haystack takes a string for the type of a socket as it stands

import os
from typing import Any

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import itertools

from haystack import Pipeline, component
from haystack.core.component.types import Variadic

from bench.work import Body, Runs, Values, before, merged, route_of

ROOM = 10_000
"""Components that may be at work at once: as many as there are."""


@component
class Single:
    """A component behind one other."""

    def __init__(self, body: Body) -> None:
        self.body = body.of_values

    @component.output_types(values=dict)
    def run(self, values: dict) -> dict:  # type: ignore[type-arg]  # noqa: D102 - Haystack reads what is written
        raise NotImplementedError

    @component.output_types(values=dict)
    async def run_async(self, values: dict) -> dict:  # type: ignore[type-arg]  # noqa: D102 - see above
        return {"values": await self.body(values)}


@component
class Joining:
    """A component behind several."""

    def __init__(self, body: Body) -> None:
        self.body = body.of_values

    @component.output_types(values=dict)
    def run(self, values: Variadic[dict]) -> dict:  # type: ignore[type-arg]  # noqa: D102 - see above
        raise NotImplementedError

    @component.output_types(values=dict)
    async def run_async(self, values: Variadic[dict]) -> dict:  # type: ignore[type-arg]  # noqa: D102 - see above
        return {"values": await self.body(merged(values))}


@component
class Router:
    """Three ways; the router that Haystack brings renders a template in each run."""

    @component.output_types(r0=dict, r1=dict, r2=dict)
    def run(self, values: dict) -> dict:  # type: ignore[type-arg]  # noqa: D102 - see above
        return {f"r{route_of(values)}": values}


class Graph(Runs):
    """A pipeline that was connected."""

    def __init__(self, pipeline: Any, first: str, last: str, nodes: int) -> None:
        self.pipeline, self.first, self.last, self.nodes = pipeline, first, last, nodes

    async def run(self, values: Values) -> Values:
        """One run."""
        given = await self.pipeline.run_async({self.first: {"values": values}}, concurrency_limit=ROOM)
        result: Values = given[self.last]["values"]
        return result


class Haystack:
    """The pipeline."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        pipeline: Any = Pipeline()
        for n in range(length):
            pipeline.add_component(f"n{n}", Single(body))
        for n in range(1, length):
            pipeline.connect(f"n{n - 1}.values", f"n{n}.values")
        return Graph(pipeline, "n0", f"n{length - 1}", length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        pipeline: Any = Pipeline()
        for name in ("a", "b1", "b2", "c1", "c2", "d1", "d2"):
            pipeline.add_component(name, Single(body))
        pipeline.add_component("router", Router())
        pipeline.add_component("z", Joining(body))
        pipeline.connect("a.values", "router.values")
        for number, route in enumerate("bcd"):
            pipeline.connect(f"router.r{number}", f"{route}1.values")
            pipeline.connect(f"{route}1.values", f"{route}2.values")
            pipeline.connect(f"{route}2.values", "z.values")
        return Graph(pipeline, "a", "z", 4)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers."""
        pipeline: Any = Pipeline()
        rows = [[f"n{layer}_{place}" for place in range(width)] for layer in range(layers)]
        pipeline.add_component("first", Single(body))
        pipeline.add_component("last", Joining(body))
        for row in rows:
            for name in row:
                pipeline.add_component(name, Single(body) if row is rows[0] else Joining(body))
        for name in rows[0]:
            pipeline.connect("first.values", f"{name}.values")
        for early, late in itertools.pairwise(rows):
            for place, name in enumerate(late):
                for source in before(place, width):
                    pipeline.connect(f"{early[source]}.values", f"{name}.values")
        for name in rows[-1]:
            pipeline.connect(f"{name}.values", "last.values")
        return Graph(pipeline, "first", "last", layers * width + 2)
