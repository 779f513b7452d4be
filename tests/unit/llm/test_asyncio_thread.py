from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest
from sniffio import current_async_library

from crewgraph.llm.asyncio_thread import AsyncioThread

pytestmark = pytest.mark.anyio


async def farewell() -> None:
    """Nothing to close."""


async def where() -> str:
    assert asyncio.get_running_loop()
    return threading.current_thread().name


@pytest.fixture
def elsewhere() -> Iterator[AsyncioThread]:
    thread = AsyncioThread("elsewhere")
    yield thread
    thread.stop(farewell)


async def test_result(elsewhere: AsyncioThread) -> None:
    """A coroutine runs on asyncio in the other thread, whatever the caller runs on."""
    assert await elsewhere.run(where) == "elsewhere"


async def test_error(elsewhere: AsyncioThread) -> None:
    """What the coroutine raises, the caller gets."""

    async def fail() -> None:
        raise LookupError("there")

    with pytest.raises(LookupError, match="there"):
        await elsewhere.run(fail)


async def test_cancelled(elsewhere: AsyncioThread) -> None:
    """Who stops waiting cancels the coroutine over there."""
    started, ended = threading.Event(), threading.Event()

    async def hang() -> None:
        started.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(elsewhere.run, hang)
        await anyio.to_thread.run_sync(started.wait, 60)
        tasks.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(ended.wait, 60)


async def test_context_variables(elsewhere: AsyncioThread) -> None:
    """The coroutine sees the caller's context, so that tracing goes on over there."""
    span: ContextVar[str] = ContextVar("span")
    span.set("mine")

    async def seen() -> str:
        return span.get()

    assert await elsewhere.run(seen) == "mine"


async def test_anyio_over_there(elsewhere: AsyncioThread) -> None:
    """Libraries over there find asyncio, even when the caller runs on trio."""

    async def nap() -> str:
        await anyio.lowlevel.checkpoint()
        return current_async_library()

    assert await elsewhere.run(nap) == "asyncio"


def test_without_sniffio(elsewhere: AsyncioThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has imported sniffio, there is nothing to tell it."""
    monkeypatch.delitem(sys.modules, "sniffio")
    assert asyncio.run(elsewhere.run(where)) == "elsewhere"


def test_loop_of_the_caller_is_gone(elsewhere: AsyncioThread) -> None:
    """A coroutine that ends after its caller's loop has closed harms nobody."""
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()

    async def stubborn() -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.get_running_loop().run_in_executor(None, release.wait, 60)
            ended.set()

    async def impatient() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(elsewhere.run, stubborn)
            await anyio.to_thread.run_sync(begun.wait, 60)
            tasks.cancel_scope.cancel()

    asyncio.run(impatient())
    release.set()
    assert ended.wait(60)
    assert asyncio.run(elsewhere.run(where)) == "elsewhere"


def test_stop_cancels_what_runs(elsewhere: AsyncioThread) -> None:
    """Stopping cancels what still runs, says farewell in the loop, and ends the thread."""
    said = list[str]()

    async def forever() -> None:
        await asyncio.sleep(3600)

    async def stop_meanwhile() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(elsewhere.run, forever)
            await elsewhere.run(where)
            await anyio.to_thread.run_sync(elsewhere.stop, note)

    async def note() -> None:
        said.append(threading.current_thread().name)

    with pytest.raises(BaseExceptionGroup):
        anyio.run(stop_meanwhile)
    assert said == ["elsewhere"]
    assert not [thread for thread in threading.enumerate() if thread.name == "elsewhere"]


def test_stop_before_start(elsewhere: AsyncioThread) -> None:
    """Stopping what never ran does nothing."""
    elsewhere.stop(farewell)


def test_farewell_that_fails(elsewhere: AsyncioThread) -> None:
    """What goes wrong while closing keeps nobody from ending."""

    async def fail() -> None:
        raise OSError("socket gone")

    anyio.run(elsewhere.run, where)
    elsewhere.stop(fail)


def test_restart(elsewhere: AsyncioThread) -> None:
    """A thread that is gone, as after a fork, is replaced by the next call."""
    anyio.run(elsewhere.run, where)
    loop, thread = elsewhere._loop, elsewhere._thread
    assert loop is not None
    assert thread is not None
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()
    assert anyio.run(elsewhere.run, where) == "elsewhere"
