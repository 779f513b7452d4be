from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import anyio
import anyio.to_thread
import pytest

from crewgraph.llm.asyncio_thread import AsyncioThread

pytestmark = pytest.mark.anyio

Send = Callable[[int], None]


async def farewell() -> None:
    """Nothing to close."""


@pytest.fixture
def elsewhere() -> Iterator[AsyncioThread]:
    thread = AsyncioThread("elsewhere")
    yield thread
    thread.stop(farewell)


async def test_pieces(elsewhere: AsyncioThread) -> None:
    """All pieces come, in order, before the result: those sent at once and those sent one by one."""

    async def count(send: Send) -> str:
        for number in range(2_000):
            send(number)
            if number % 7 == 0:
                await asyncio.sleep(0)
        return "done"

    seen = list[int]()
    assert await elsewhere.stream(count, seen.append) == "done"
    assert seen == list(range(2_000))


async def test_caller_thread_and_task(elsewhere: AsyncioThread) -> None:
    """Pieces are received in the thread and in the task of the caller."""
    here = threading.get_ident(), anyio.get_current_task().id
    seen = list[tuple[int, int]]()

    async def one(send: Send) -> None:
        send(1)

    await elsewhere.stream(one, lambda _: seen.append((threading.get_ident(), anyio.get_current_task().id)))
    assert seen == [here]


async def test_pieces_come_while_the_work_goes_on(elsewhere: AsyncioThread) -> None:
    """A piece is received before the work has ended."""
    got = threading.Event()

    async def wait_for_it(send: Send) -> bool:
        send(1)
        return await asyncio.get_running_loop().run_in_executor(None, got.wait, 60)

    assert await elsewhere.stream(wait_for_it, lambda _: got.set())


async def test_pieces_before_an_error(elsewhere: AsyncioThread) -> None:
    """What was sent before the work failed is received."""
    seen = list[int]()

    async def fail(send: Send) -> None:
        send(1)
        raise LookupError("there")

    with pytest.raises(LookupError, match="there"):
        await elsewhere.stream(fail, seen.append)
    assert seen == [1]


async def test_receiver_that_raises(elsewhere: AsyncioThread) -> None:
    """What the receiver raises reaches the caller and ends the work over there."""
    ended = threading.Event()

    async def forever(send: Send) -> None:
        try:
            send(1)
            await asyncio.sleep(3600)
        finally:
            ended.set()

    def refuse(_: int) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await elsewhere.stream(forever, refuse)
    assert await anyio.to_thread.run_sync(ended.wait, 60)


async def test_nothing_after_a_cancelled_wait(elsewhere: AsyncioThread) -> None:
    """Pieces that are sent after the caller was cancelled are dropped, and harm nobody."""
    seen, ended = list[int](), threading.Event()

    async def stubborn(send: Send) -> None:
        send(1)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            for number in range(2, 100):
                send(number)
            ended.set()
            raise

    async with anyio.create_task_group() as tasks:

        def stop(number: int) -> None:
            seen.append(number)
            tasks.cancel_scope.cancel()

        tasks.start_soon(elsewhere.stream, stubborn, stop)
    assert await anyio.to_thread.run_sync(ended.wait, 60)
    assert seen == [1]


async def test_many_streams(elsewhere: AsyncioThread) -> None:
    """Streams side by side do not mix."""
    seen = {number: list[int]() for number in range(20)}

    def counting(number: int) -> Callable[[Send], object]:
        async def count(send: Send) -> None:
            for step in range(50):
                send(1000 * number + step)
                await asyncio.sleep(0)

        return count

    async with anyio.create_task_group() as tasks:
        for number, into in seen.items():
            tasks.start_soon(elsewhere.stream, counting(number), into.append)
    assert seen == {number: [1000 * number + step for step in range(50)] for number in range(20)}
