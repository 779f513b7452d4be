"""Synchronous code calls asynchronous code: one call that runs now, or waits to be awaited.

``pipeline.kickoff(inputs)`` in a script returns the result. The same line in a running event loop (async code, a
notebook) returns a :class:`Pending` that must be awaited. What a script gets back can be awaited too, so that
``asyncio.run(pipeline.kickoff(inputs))`` and ``await pipeline.kickoff(inputs)`` work wherever they are written.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, Self, TypeVar

import anyio

from crewgraph.runtime import verb

__all__ = ["Awaited", "Pending", "in_event_loop", "run_or_pend", "trio_here"]

T = TypeVar("T")


def trio_here() -> Any:
    """``trio.lowlevel`` where this thread runs trio, else ``None``.

    What runs here has been imported, but another thread may be importing it just now: nothing is there for sure.
    """
    lowlevel: Any = sys.modules.get("trio.lowlevel")
    in_trio_run = getattr(lowlevel, "in_trio_run", None)
    return lowlevel if in_trio_run is not None and in_trio_run() else None


def in_event_loop() -> bool:
    """Whether this thread is running an event loop (asyncio or trio)."""
    if trio_here() is not None:
        return True
    running = getattr(sys.modules.get("asyncio"), "get_running_loop", None)
    try:
        return running is not None and running() is not None
    except RuntimeError:
        return False


class Awaited:
    """A finished value that may be awaited, once or often: it answers with itself.

    It has the methods of a coroutine because ``asyncio.run`` accepts nothing else.
    """

    def __await__(self) -> Generator[Any, Any, Self]:
        yield from ()  # makes this a generator, which is what an awaitable's iterator has to be
        return self

    def send(self, value: object) -> Any:  # noqa: ARG002 - the signature of a coroutine
        """Finish at once, as a coroutine that has nothing to wait for."""
        raise StopIteration(self)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:  # noqa: ARG002
        """Raise what the event loop throws in."""
        raise typ if val is None else val

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class Pending(Coroutine[Any, Any, T], Generic[T]):
    """A kickoff that has not started: await it. It runs once; awaited again, it answers the same again.

    Attributes:
        label: how it is written.
    """

    def __init__(self, start: Callable[[], Coroutine[Any, Any, T]], label: str) -> None:
        self.label = label
        self._start = start
        self._running: Coroutine[Any, Any, T] | None = None
        self._answer: Callable[[], T] | None = None

    @property
    def state(self) -> str:
        """Whether it is "not started", "started" or "finished"."""
        if self._answer is not None:
            return "finished"
        return "not started" if self._running is None else "started"

    def _coroutine(self) -> Coroutine[Any, Any, T]:
        running = self._running
        if running is None or (self._answer and inspect.getcoroutinestate(running) == inspect.CORO_CLOSED):
            self._running = running = self._run()
        return running

    async def _run(self) -> T:
        if self._answer is None:
            self._answer = await _answer_of(self._start)
        return self._answer()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine().__await__()

    def send(self, value: Any) -> Any:
        """Advance the kickoff, as the event loop does."""
        return self._coroutine().send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:  # noqa: ARG002
        """Throw an exception into the kickoff, as the event loop does on cancellation."""
        return self._coroutine().throw(typ if val is None else val)

    def close(self) -> None:
        """Give the kickoff up."""
        self._coroutine().close()

    def __repr__(self) -> str:
        if self._answer is not None:
            return f"<{self.label}: finished; awaited again, it answers the same again>"
        return f"<{self.label}: {self.state}; an event loop is running here, so write `await {self.label}`>"

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        html: str = verb("pending_html")(self)
        return html

    def __del__(self) -> None:
        if self._running is None:
            warnings.warn(f"`{self.label}` was never awaited", RuntimeWarning, stacklevel=2, source=self)


async def _answer_of(start: Callable[[], Awaitable[T]]) -> Callable[[], T]:
    """What tells the outcome of a piece of work, as often as it is asked; work that is cancelled has none."""
    try:
        value = await start()
    except Exception as error:  # noqa: BLE001 - it is raised where the outcome is asked for
        reason = error

        def fail() -> T:
            raise reason

        return fail
    return lambda: value


def run_or_pend(work: Callable[[], Awaitable[T]], label: str) -> T | Pending[T]:
    """Run ``work()`` now where no event loop runs, else hand back a :class:`Pending` of it."""

    async def start() -> T:
        return await work()

    return Pending(start, label) if in_event_loop() else _run(start)


def _run(start: Callable[[], Awaitable[T]]) -> T:
    """Run in a new event loop, also in a thread that was given the context of another loop's task."""
    library: Any = getattr(sys.modules.get("sniffio"), "current_async_library_cvar", None)
    if library is None:
        return anyio.run(start)
    token = library.set(None)
    try:
        return anyio.run(start)
    finally:
        library.reset(token)
