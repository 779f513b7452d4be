"""The limit: loops of asyncio, written by hand for each shape."""

from __future__ import annotations

import asyncio

from bench.work import Body, Runs, Values, before, merged, route_of


class Chain(Runs):
    """Nodes in a row."""

    def __init__(self, length: int, body: Body) -> None:
        self.nodes, self.bodies = length, [body.of_values] * length

    async def run(self, values: Values) -> Values:
        """One run."""
        for each in self.bodies:
            values = await each(values)
        return values


class Fan(Runs):
    """Many beside each other."""

    def __init__(self, width: int, body: Body) -> None:
        self.nodes, self.width, self.body = width + 2, width, body.of_values

    async def run(self, values: Values) -> Values:
        """One run."""
        values = await self.body(values)
        return await self.body(merged(await asyncio.gather(*[self.body(values) for _ in range(self.width)])))


class Routed(Runs):
    """One of three routes."""

    nodes = 4

    def __init__(self, body: Body) -> None:
        self.body = body.of_values

    async def run(self, values: Values) -> Values:
        """One run."""
        values = await self.body(values)
        match route_of(values):
            case 0:
                values = await self.body(await self.body(values))
            case 1:
                values = await self.body(await self.body(values))
            case _:
                values = await self.body(await self.body(values))
        return await self.body(values)


class Layered(Runs):
    """A layer after the other."""

    def __init__(self, layers: int, width: int, body: Body) -> None:
        self.nodes, self.layers, self.width, self.body = layers * width + 2, layers, width, body.of_values
        self.before = [before(place, width) for place in range(width)]

    async def run(self, values: Values) -> Values:
        """One run."""
        values = await self.body(values)
        row = await asyncio.gather(*[self.body(values) for _ in range(self.width)])
        for _ in range(self.layers - 1):
            given = [merged([row[source] for source in sources]) for sources in self.before]
            row = await asyncio.gather(*map(self.body, given))
        return await self.body(merged(row))


class Asyncio:
    """By hand, on asyncio."""

    chain, fan, routed, layered = Chain, Fan, Routed, Layered
