from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import anyio
import pytest

from crewgraph.bridge import Awaited
from crewgraph.threads import MAX_THREADS, Bell, Home, called, is_async

pytestmark = pytest.mark.anyio


async def native(n: int) -> tuple[int, int]:
    return n, threading.get_ident()


def plain(n: int) -> tuple[int, int]:
    return n, threading.get_ident()


class AsyncCallable:
    async def __call__(self, n: int) -> tuple[int, int]:
        return n, threading.get_ident()


def gives_a_coroutine(n: int) -> Any:
    return native(n)


@pytest.mark.parametrize(
    ("function", "here"),
    [
        (native, True),
        (functools.partial(native), True),
        (AsyncCallable(), True),
        (plain, False),
        (functools.partial(functools.partial(plain)), False),
    ],
    ids=["async", "partial", "object", "sync", "sync partial"],
)
async def test_where_a_function_runs(function: Any, here: bool) -> None:
    """Async functions run in the event loop, others in a worker thread."""
    assert is_async(function) is here
    n, thread = await called(function, 3)
    assert (n, thread == threading.get_ident()) == (3, here)


async def test_a_function_that_gives_a_coroutine() -> None:
    """What a synchronous function returns to be awaited is awaited, in the loop."""
    assert await called(gives_a_coroutine, n=4) == (4, threading.get_ident())


async def test_a_parameter_called_function() -> None:
    """A function may name its parameters as it likes."""

    def doubled(function: int) -> int:
        return 2 * function

    assert await called(doubled, function=2) == 4


async def test_what_gives_itself() -> None:
    """A finished kickoff may be awaited and gives itself; it is not awaited for ever."""
    done = Awaited()
    assert await called(lambda: done) is done


async def test_errors_come_through() -> None:
    """What the function raises in its thread is raised here."""
    with pytest.raises(ZeroDivisionError):
        await called(lambda: 1 // 0)


async def test_a_thread_that_outlives_its_deadline() -> None:
    """A thread cannot be stopped: it is left alone, and whoever waited goes on at once."""
    begun, let_go, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        let_go.wait(60)
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(called, slow)
        await anyio.to_thread.run_sync(begun.wait, 60)
        tasks.cancel_scope.cancel()
    assert not ended.is_set()
    let_go.set()
    await anyio.to_thread.run_sync(ended.wait, 60)
    assert ended.is_set()


async def test_threads_are_bounded() -> None:
    """No more than so many functions run at once; the others wait for a thread."""
    lock, at_once, peak = threading.Lock(), 0, 0
    full = threading.Barrier(MAX_THREADS)

    def busy() -> None:
        nonlocal at_once, peak
        with lock:
            at_once += 1
            peak = max(peak, at_once)
        full.wait(60)
        with lock:
            at_once -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(2 * MAX_THREADS):
            tasks.start_soon(called, busy)
    assert peak == MAX_THREADS


class TestHome:
    """Functions that may only be called in one thread."""

    async def test_from_home(self) -> None:
        """In its own thread a function is called at once."""
        told = list[int]()
        Home().call(told.append, 1)
        assert told == [1]

    async def test_from_another_thread(self) -> None:
        """From another thread functions are called at home, in order, before the thread's result is there."""
        told, home = list[tuple[int, int]](), Home()

        def tell(n: int) -> None:
            told.append((n, threading.get_ident()))

        def abroad() -> None:
            for n in range(50):
                home.call(tell, n)

        await called(abroad)
        assert told == [(n, threading.get_ident()) for n in range(50)]

    def test_without_a_loop(self) -> None:
        """Where no event loop runs nobody can be called from elsewhere, and nothing breaks."""
        told, home = list[int](), Home()
        thread = threading.Thread(target=home.call, args=(told.append, 1))
        thread.start()
        thread.join()
        home.call(told.append, 2)
        assert told == [2]

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_after_the_loop(self, backend: str) -> None:
        """A thread that outlives the event loop calls into nothing, without an error."""

        async def made() -> Home:
            return Home()

        told, errors, home = list[int](), list[BaseException](), anyio.run(made, backend=backend)

        def late() -> None:
            try:
                home.call(told.append, 1)
            except BaseException as error:  # noqa: BLE001 - there must be none of any kind
                errors.append(error)

        thread = threading.Thread(target=late)
        thread.start()
        thread.join()
        assert (told, errors) == ([], [])


class TestBell:
    """Waking others, wherever they are."""

    async def test_wakes_all(self) -> None:
        """A ring wakes all who listen, once."""
        bell = Bell()
        one, other, gone = bell.listen(), bell.listen(), bell.listen()
        bell.forget(gone)
        assert bell.ring()
        with anyio.fail_after(60):
            await one.wait()
            await other.wait()
        assert not gone.is_set()
        assert bell.ring()

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    async def test_from_another_loop(self, backend: str) -> None:
        """Whoever listens in another thread and loop is woken too."""
        bell, listening = Bell(), threading.Event()

        async def waits() -> bool:
            heard = bell.listen()
            listening.set()
            with anyio.fail_after(60):
                await heard.wait()
            return True

        async with anyio.create_task_group() as tasks:
            woken = list[bool]()

            async def elsewhere() -> None:
                woken.append(await anyio.to_thread.run_sync(lambda: anyio.run(waits, backend=backend)))

            tasks.start_soon(elsewhere)
            await anyio.to_thread.run_sync(listening.wait, 60)
            assert bell.ring()
        assert woken == [True]

    async def test_a_loop_that_is_gone(self) -> None:
        """Ringing tells when somebody listened in a loop that has been closed."""
        bell = Bell()

        def elsewhere() -> None:
            loop = asyncio.new_event_loop()
            loop.run_until_complete(leave())
            loop.close()

        async def leave() -> None:
            bell.listen()

        await anyio.to_thread.run_sync(elsewhere)
        assert not bell.ring()
        assert bell.ring()
