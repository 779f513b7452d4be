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
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

import anyio
from anyio.lowlevel import RunVar

from crewgraph.bridge import trio_here
from crewgraph.threads import waker

__all__ = ["AsyncioThread"]

T = TypeVar("T")
P = TypeVar("P")

NO_OTHER = (None, "asyncio")
"""Where a context names one of these, libraries find asyncio by themselves."""

STOP_SECONDS = 5.0
"""How long :meth:`AsyncioThread.stop` waits for connections to close."""


class AsyncioThread:
    """An asyncio loop in a daemon thread, started by the first call and again after a fork."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._post: _Post | None = None

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

        Raises:
            CancelledError: of ``concurrent.futures``; :meth:`stop` ended the work.
        """
        visit, post = _Visit[T, P](_home()), self._started()
        post.call(visit.begin, work, _context())
        try:
            is_done = False
            while not is_done:
                await visit.event.wait()
                is_done = visit.looked()  # asked before the last pieces are taken: all were sent before
                while visit.pieces:
                    receive(visit.pieces.popleft())
        finally:
            if not visit.is_done:
                with suppress(RuntimeError):  # the loop over there is gone, and the coroutine with it
                    post.call(visit.call_off)
        return visit.result()

    def stop(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what still runs, run ``farewell`` in the loop, and end the thread. A later call starts it anew."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = self._post = None
        if loop is None or thread is None or not thread.is_alive():
            return
        leaving = asyncio.run_coroutine_threadsafe(_wind_up(farewell), loop)
        with suppress(Exception):  # a connection that cannot be closed must not keep the process from ending
            leaving.result(STOP_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS)
        with suppress(RuntimeError):  # it still runs; the thread is a daemon and dies with the process
            loop.close()

    def _started(self) -> _Post:
        """How calls are handed to the loop over there."""
        post = self._post
        if post is not None and self._runs():
            return post
        with self._lock:
            if self._post is None or not self._runs():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
                self._post = _Post(self._loop.call_soon_threadsafe)
            return self._post

    def _runs(self) -> bool:
        """Whether the thread is there: a fork leaves this object behind without it."""
        return self._thread is not None and self._thread.is_alive()


def _nobody(_: object) -> None:
    """Receive the pieces of a work that has none."""


class _Post:
    """Calls something in an event loop from other threads, and wakes it once for all that comes until it looks.

    Waking costs a system call here and a turn of the loop there; with hundreds of calls under way most come in crowds.
    """

    def __init__(self, wake: Callable[[Callable[[], object]], object]) -> None:
        self._wake = wake
        self._calls = deque[tuple[Callable[..., object], tuple[Any, ...]]]()
        self._is_rung = False

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function over there soon, in the order of the calls.

        Raises:
            RuntimeError: the loop is gone.
        """
        self._calls.append((function, args))
        if self._is_rung:
            return  # whoever is woken looks after that was said, and so finds this too
        self._is_rung = True
        try:
            self._wake(self._deliver)
        except RuntimeError:
            self._is_rung = False
            raise

    def _deliver(self) -> None:
        self._is_rung = False  # before looking: what arrives from now on rings again
        while self._calls:
            function, args = self._calls.popleft()
            function(*args)


class _Ring:
    """What :class:`anyio.Event` is, for the one task that waits for it in an asyncio loop.

    Half of what came with each wait was there for others: a list of those who wait, and asking which library runs.
    """

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future = asyncio.get_running_loop().create_future()

    def set(self) -> None:
        """Wake it, unless it has been cancelled."""
        if not self._future.done():
            self._future.set_result(None)

    def wait(self) -> asyncio.Future[None]:
        """Await this."""
        return self._future


class _Home(_Post):
    """The event loop of those who call, as other threads reach it.

    Attributes:
        event: makes an event of this loop.
    """

    def __init__(self) -> None:
        super().__init__(waker())
        self.event: Callable[[], _Ring | anyio.Event] = _Ring if trio_here() is None else anyio.Event


_homes = RunVar[_Home]("crewgraph post of the loop")


def _home() -> _Home:
    """The event loop that runs here."""
    home = _homes.get(None)
    if home is None:
        home = _Home()
        _homes.set(home)
    return home


class _Visit(Generic[T, P]):
    """One coroutine over there, for whom a task waits over here.

    Attributes:
        event: is set when something has arrived since the last look.
        pieces: what it has sent and nobody has taken yet.
        is_done: whether it has ended.
    """

    __slots__ = ("_home", "_is_rung", "_task", "event", "is_done", "pieces")

    def __init__(self, home: _Home) -> None:
        self.event = home.event()
        self.pieces: deque[P] | None = None  # few calls have any
        self.is_done = False
        self._home = home
        self._is_rung = False
        self._task: asyncio.Task[T] | None = None

    # ---- over there --------------------------------------------------------------------------------------------

    def begin(self, work: Callable[[Callable[[P], None]], Coroutine[Any, Any, T]], context: Context) -> None:
        """Begin it."""
        self._task = asyncio.get_running_loop().create_task(work(self._send), context=context)
        self._task.add_done_callback(self._ended)

    def call_off(self) -> None:
        """Cancel it; nobody waits any more."""
        assert self._task is not None, "calls come in their order, and the first is to begin"
        self._task.cancel()

    def _send(self, piece: P) -> None:
        if self.pieces is None:
            self.pieces = deque()
        self.pieces.append(piece)
        self._arrived()

    def _ended(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # else asyncio complains of an error that nobody has seen, where nobody waits any more
        self.is_done = True
        self._arrived()

    def _arrived(self) -> None:
        if self._is_rung:
            return
        self._is_rung = True
        with suppress(RuntimeError):  # the caller was cancelled, and its loop is gone
            self._home.call(self._ring)

    # ---- over here ---------------------------------------------------------------------------------------------

    def _ring(self) -> None:
        self.event.set()  # the event of the time when it rings

    def looked(self) -> bool:
        """Listen for what arrives from now on.

        Returns:
            Whether it has ended, and nothing will.
        """
        if self.is_done:
            return True
        self.event = self._home.event()
        self._is_rung = False  # before looking: what arrives from now on rings again
        return self.is_done

    def result(self) -> T:
        """What came of it.

        Raises:
            CancelledError: it was ended over there.
        """
        assert self._task is not None, "what has ended has begun"
        if self._task.cancelled():
            raise CancelledError
        return self._task.result()


def _context() -> Context:
    """The caller's context, but for one variable: in which the caller's loop may be named."""
    context = copy_context()
    library: Any = getattr(sys.modules.get("sniffio"), "current_async_library_cvar", None)
    if library is not None and context.get(library) not in NO_OTHER:
        context.run(library.set, "asyncio")
    return context


async def _wind_up(farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await farewell()
    await asyncio.sleep(0)  # a closed transport lets go of its socket one turn of the loop later
