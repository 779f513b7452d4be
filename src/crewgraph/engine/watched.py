"""A kickoff whose progress is shown beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from crewgraph.compiler import Plan
from crewgraph.engine.background import Background
from crewgraph.engine.run import Run
from crewgraph.graph import Switch, Work
from crewgraph.outputs import UsageMetrics
from crewgraph.progress.shown import Progress

__all__ = ["counting", "shown"]

Deliver = Callable[[Run], Awaitable[None]]


def counting(progress: Progress | None, deliver: Deliver) -> Deliver:
    """A delivery that counts what it delivers."""
    if progress is None:
        return deliver

    async def counted(run: Run) -> None:
        progress.settle(run.index, run.status, UsageMetrics.sum(run.usage().values()))
        await deliver(run)

    return counted


@asynccontextmanager
async def shown(progress: Progress | None, plan: Plan, total: int | None) -> AsyncGenerator[None]:
    """Show progress for as long as this lasts, in a task of its own, and at the end how it went.

    Args:
        progress: what is shown, if anything.
        plan: what runs.
        total: how many inputs there are, where that is known.
    """
    if progress is None:
        yield
        return
    progress.begin((node.name for node in plan.nodes if isinstance(node, Work | Switch)), total)

    async def draw() -> None:
        while True:
            await anyio.sleep(progress.interval)
            progress.refresh()

    drawing = Background(draw)
    drawing.start()
    try:
        yield
    finally:
        await drawing.stop()
        progress.end()
