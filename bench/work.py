"""What is measured: shapes of work whose nodes do next to nothing, and what a peer has to offer for them.

It needs nothing but Python, as peers run in environments of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

Values = dict[str, int]


class Body(NamedTuple):
    """What every node does: it waits, and adds 1. Both spellings cost the same.

    Attributes:
        of_values: takes a dict, as most peers hand over.
        of_v: takes the value by its name.
    """

    of_values: Callable[[Values], Awaitable[Values]]
    of_v: Callable[[int], Awaitable[Values]]


def body(seconds: float = 0.0) -> Body:
    """A body that waits so long; without seconds it lets others run once."""

    async def of_values(values: Values) -> Values:
        await asyncio.sleep(seconds)
        return {"v": values["v"] + 1}

    async def of_v(v: int) -> Values:
        await asyncio.sleep(seconds)
        return {"v": v + 1}

    return Body(of_values, of_v)


def told(inner: Body, tell: Callable[[int], object]) -> Body:
    """The same body, which tells its value before it begins."""

    async def of_values(values: Values) -> Values:
        tell(values["v"])
        return await inner.of_values(values)

    async def of_v(v: int) -> Values:
        tell(v)
        return await inner.of_v(v)

    return Body(of_values, of_v)


class Runs:
    """A pipeline that was built, ready to run.

    Attributes:
        nodes: how many nodes run in one run.
    """

    nodes: int

    async def run(self, values: Values) -> Values:
        """One run."""
        raise NotImplementedError

    async def run_all(self, inputs: Sequence[Values], at_once: int | None) -> Sequence[Values]:
        """A run for each input, so many at once; all of them where it is ``None``."""
        if at_once == 1:
            return [await self.run(values) for values in inputs]
        room = asyncio.Semaphore(at_once or len(inputs))

        async def one(values: Values) -> Values:
            async with room:
                return await self.run(values)

        return await asyncio.gather(*map(one if at_once else self.run, inputs))


class Peer(Protocol):
    """Builds the shapes. One that cannot build a shape raises ``NotImplementedError``, and says why."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        ...

    def fan(self, width: int, body: Body) -> Runs:
        """A node, many beside each other, a node."""
        ...

    def routed(self, body: Body) -> Runs:
        """A node, one of three routes of two nodes, a node."""
        ...

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """A node, layers in which each node needs three of the layer before (see :func:`before`), a node."""
        ...


def route_of(values: Values) -> int:
    """Which of three routes a run takes behind its first node."""
    return values["v"] % 3


def before(place: int, width: int) -> list[int]:
    """Which nodes of the layer before a node of a layer needs."""
    return sorted({place, (place + 1) % width, (place + 7) % width})


def merged(parts: Iterable[Values]) -> Values:
    """What several nodes gave, as one."""
    values = Values()
    for part in parts:
        values |= part
    return values


class Work(NamedTuple):
    """One workload.

    Attributes:
        told: in words.
        shape: the method of a peer that builds it.
        sizes: what that method is given, before the body.
        depth: how much is added to ``v`` from end to end.
        runs: how many runs one measurement takes, where a peer is quick enough.
        at_once: how many runs at once; all of them where it is ``None``.
        seconds: how long each node waits.
        small: sizes of the same shape on which a peer is checked.
    """

    told: str
    shape: str
    sizes: tuple[int, ...]
    depth: int
    runs: int
    at_once: int | None = 1
    seconds: float = 0.0
    small: tuple[int, ...] | None = None

    def built(self, peer: Peer, body: Body) -> Runs:
        """What the peer makes of it."""
        return self._of(peer, self.sizes, body)

    def built_small(self, peer: Peer, body: Body) -> tuple[Runs, int]:
        """The same where a peer is checked, and how much that adds to ``v``."""
        if self.small is None:
            return self.built(peer, body), self.depth
        shorter = self.sizes[0] - self.small[0] if self.shape == "layered" else 0  # a narrower fan is as deep
        return self._of(peer, self.small, body), self.depth - shorter

    def _of(self, peer: Peer, sizes: tuple[int, ...], body: Body) -> Runs:
        make: Callable[..., Runs] = getattr(peer, self.shape)
        return make(*sizes, body)


WORK = {
    "w1": Work("chain of 10, one run at a time", "chain", (10,), 10, 300),
    "w2": Work("chain of 10, 1,000 runs at once", "chain", (10,), 10, 1_000, None),
    "w2_10k": Work("chain of 10, 10,000 runs at once", "chain", (10,), 10, 10_000, None),
    "w3": Work("1 → 100 → 1, one run at a time", "fan", (100,), 3, 30, small=(10,)),
    "w4": Work("router, one run at a time", "routed", (), 4, 700),
    "w5_1k": Work("graph of 1,000 nodes", "layered", (10, 100), 12, 3, small=(3, 10)),
    "w5_10k": Work("graph of 10,000 nodes", "layered", (100, 100), 102, 1, small=(3, 10)),
    "w7": Work("1,000 chains of 5 nodes of 10 ms, all at once", "chain", (5,), 5, 1_000, None, 0.01),
    "w7_100": Work("1,000 chains of 5 nodes of 10 ms, 100 at once", "chain", (5,), 5, 1_000, 100, 0.01),
}
"""W6, what an import takes, is measured by ``bench/imports.py``."""
