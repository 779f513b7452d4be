"""The same loops with the task groups of anyio, which crewgraph stands on: they work on trio, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext

import anyio

from bench.peers import by_hand
from bench.work import Body, Values, merged


async def together(
    work: Callable[[Values], Awaitable[Values]], inputs: Sequence[Values], at_once: int | None = None
) -> list[Values]:
    """A task for each input."""
    given = [Values()] * len(inputs)
    room = nullcontext() if at_once is None else anyio.CapacityLimiter(at_once)

    async def one(place: int, values: Values) -> None:
        async with room:
            given[place] = await work(values)

    async with anyio.create_task_group() as tasks:
        for place, values in enumerate(inputs):
            tasks.start_soon(one, place, values)
    return given


class Chain(by_hand.Chain):
    """Nodes in a row."""

    async def run_all(self, inputs: Sequence[Values], at_once: int | None) -> Sequence[Values]:
        """A run for each input."""
        return await (super().run_all(inputs, 1) if at_once == 1 else together(self.run, inputs, at_once))


class Fan(by_hand.Fan):
    """Many beside each other."""

    async def run(self, values: Values) -> Values:
        """One run."""
        values = await self.body(values)
        return await self.body(merged(await together(self.body, [values] * self.width)))


class Layered(by_hand.Layered):
    """A layer after the other."""

    async def run(self, values: Values) -> Values:
        """One run."""
        values = await self.body(values)
        row = await together(self.body, [values] * self.width)
        for _ in range(self.layers - 1):
            row = await together(self.body, [merged([row[source] for source in sources]) for sources in self.before])
        return await self.body(merged(row))


class Anyio:
    """By hand, on anyio."""

    chain: Callable[[int, Body], Chain] = Chain
    fan: Callable[[int, Body], Fan] = Fan
    routed: Callable[[Body], by_hand.Routed] = by_hand.Routed
    layered: Callable[[int, int, Body], Layered] = Layered
