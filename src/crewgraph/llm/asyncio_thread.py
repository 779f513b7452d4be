"""A thread with an asyncio loop of its own, for a library that runs on nothing else.

Callers on any event loop hand it coroutines. One such loop for the whole process means: the library works under trio
as it does under asyncio, its connections outlive the caller's loop (``crew.kickoff()`` twice in a script uses them
twice), its import blocks nobody, and no executor is shared with the user's own blocking calls.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import anyio

from crewgraph.threads import waker

__all__ = ["AsyncioThread"]

T = TypeVar("T")
P = TypeVar("P")

STOP_SECONDS = 5.0
"""How long :meth:`AsyncioThread.stop` waits for connections to close."""


class AsyncioThread:
    """An asyncio loop in a daemon thread, started by the first call and again after a fork."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine over there and wait for its result; cancelling the wait cancels the coroutine."""
        return await self.stream(lambda _: work(), _nobody)

    async def stream(
        self, work: Callable[[Callable[[P], None]], Coroutine[Any, Any, T]], receive: Callable[[P], object]
    ) -> T:
        """Run a coroutine that gives pieces on its way, and hand them over to this event loop.

        Args:
            work: is given a function to call with each piece.
            receive: called here, in the task that waits, with each piece in order; all of them before the result is
                returned, none after the wait was cancelled. What it raises ends the work.
        """
        pieces, mail = deque[P](), _Mail(waker())

        def send(piece: P) -> None:
            pieces.append(piece)
            mail.arrived()

        future = asyncio.run_coroutine_threadsafe(_on_asyncio(lambda: work(send)), self._started())
        future.add_done_callback(lambda _: mail.arrived())
        try:
            is_done = False
            while not is_done:
                await mail.wait()
                is_done = future.done()  # asked before the last pieces are taken: all were sent before
                while pieces:
                    receive(pieces.popleft())
        finally:
            future.cancel()  # does nothing to one that is done
        return future.result()

    def stop(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what still runs, run ``farewell`` in the loop, and end the thread. A later call starts it anew."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or not thread.is_alive():
            return
        leaving = asyncio.run_coroutine_threadsafe(_wind_up(farewell), loop)
        with suppress(Exception):  # a connection that cannot be closed must not keep the process from ending
            leaving.result(STOP_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS)
        with suppress(RuntimeError):  # it still runs; the thread is a daemon and dies with the process
            loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # a fork leaves the object behind without its thread
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return self._loop


def _nobody(_: object) -> None:
    """Receive the pieces of a work that has none."""


class _Mail:
    """Wakes one task of an event loop from another thread, once for all that arrives until it looks."""

    def __init__(self, wake: Callable[[Callable[[], object]], object]) -> None:
        self._wake = wake
        self._event = anyio.Event()
        self._is_rung = False

    def arrived(self) -> None:
        """Say, over there, that something has arrived."""
        if self._is_rung:
            return  # whoever is woken looks after that was said, and so finds this too
        self._is_rung = True
        with suppress(RuntimeError):  # the caller was cancelled, and its loop is gone
            self._wake(self._ring)

    def _ring(self) -> None:
        self._event.set()  # the event of the time when it rings

    async def wait(self) -> None:
        """Wait, over here, until something has arrived since the last look."""
        await self._event.wait()
        self._event = anyio.Event()
        self._is_rung = False  # before looking: what arrives from now on rings again


async def _on_asyncio(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do the work in the caller's context, but for one variable: in which the caller's loop may be named."""
    library: Any = getattr(sys.modules.get("sniffio"), "current_async_library_cvar", None)
    if library is not None:
        library.set("asyncio")
    return await work()


async def _wind_up(farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await farewell()
    await asyncio.sleep(0)  # a closed transport lets go of its socket one turn of the loop later
