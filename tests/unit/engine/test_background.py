"""Work beside the caller ends with it, however that ends."""

from __future__ import annotations

import asyncio
import math

import anyio
import pytest

from crewgraph.engine.background import Background


@pytest.mark.anyio
async def test_stopping_cancels_the_work() -> None:
    """The work is cancelled and has ended when ``stop`` returns."""
    ended = False

    async def work() -> None:
        nonlocal ended
        try:
            await anyio.sleep(math.inf)
        finally:
            ended = True

    background = Background(work)
    background.start()
    await anyio.lowlevel.checkpoint()
    await background.stop()
    assert ended
    assert background.error is None


@pytest.mark.anyio
async def test_work_that_never_began_is_stopped_too() -> None:
    """Stopping at once does not wait for work that had no chance to begin."""
    background = Background(anyio.sleep_forever)
    background.start()
    with anyio.fail_after(60):
        await background.stop()


@pytest.mark.anyio
async def test_what_the_work_raises_is_kept() -> None:
    """The error waits for whoever reads the results."""

    async def work() -> None:
        raise ValueError("no")

    background = Background(work)
    background.start()
    with anyio.fail_after(60):
        while background.error is None:
            await anyio.lowlevel.checkpoint()
    await background.stop()
    assert str(background.error) == "no"


def test_a_loop_that_shuts_down_takes_the_work_along() -> None:
    """Work that is left behind is cancelled with the loop, and its end is known."""
    left = list[Background]()

    async def main() -> None:
        left.append(Background(anyio.sleep_forever))
        left[0].start()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert isinstance(left[0].error, asyncio.CancelledError)
