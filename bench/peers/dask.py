"""Dask: delayed calls on its synchronous scheduler, its cheapest. The input is a part of the graph, so each run builds one.

It knows no asyncio: a body is driven to its end where it stands, so nothing waits side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import dask

from bench.work import Body, Runs, Values, before, merged, route_of


def driven(body: Body) -> Callable[[Values], Values]:
    """The body as a plain function."""

    def call(values: Values) -> Values:
        coroutine = cast(Coroutine[Any, Any, Values], body.of_values(values))
        try:
            while True:
                coroutine.send(None)
        except StopIteration as stop:
            given: Values = stop.value
            return given

    return call


def joining(body: Body) -> Callable[[Sequence[Values]], Values]:
    """The same behind several."""
    call = driven(body)
    return lambda values: call(merged(values))


class Delayed(Runs):
    """What makes the graph of a run."""

    def __init__(self, graph: Callable[[Values], Any], nodes: int) -> None:
        self.graph, self.nodes = graph, nodes

    async def run(self, values: Values) -> Values:
        """One run."""
        given: Values = self.graph(values).compute(scheduler="sync")
        return given

    async def run_all(self, inputs: Sequence[Values], at_once: int | None) -> Sequence[Values]:
        """A run for each input."""
        if at_once == 1:
            return await super().run_all(inputs, 1)
        return list(dask.compute(*map(self.graph, inputs), scheduler="sync"))


class Chosen(Runs):
    """A graph up to where the route is known, and another behind it."""

    nodes = 4

    def __init__(self, body: Body) -> None:
        self.call = dask.delayed(driven(body))

    async def run(self, values: Values) -> Values:
        """One run."""
        given = self.call(values).compute(scheduler="sync")
        route_of(given)
        for _ in range(3):
            given = self.call(given)
        result: Values = given.compute(scheduler="sync")
        return result


class Dask:
    """Delayed calls."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        call = dask.delayed(driven(body))

        def graph(given: Any) -> Any:
            for _ in range(length):
                given = call(given)
            return given

        return Delayed(graph, length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        return Chosen(body)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers."""
        call, join = dask.delayed(driven(body)), dask.delayed(joining(body))

        def graph(given: Any) -> Any:
            first = call(given)
            row = [call(first) for _ in range(width)]
            for _ in range(layers - 1):
                row = [join([row[source] for source in before(place, width)]) for place in range(width)]
            return join(row)

        return Delayed(graph, layers * width + 2)
