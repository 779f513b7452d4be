"""Users' functions, wherever they may run: async ones in the event loop, others in a worker thread.

And a bell between event loops, for what a whole process shares.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import anyio
from anyio.lowlevel import RunVar

from crewgraph.bridge import in_event_loop, trio_here

__all__ = ["Bell", "Home", "awaited", "called", "is_async", "waker"]

MAX_THREADS = 100

_threads: RunVar[anyio.CapacityLimiter] = RunVar("crewgraph worker threads")


async def called(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """What a function gives: an async one is awaited here, any other runs in a worker thread; so is what it gives."""
    if is_async(function):
        value = function(*args, **kwargs)
    else:
        work = functools.partial(_boxed, function, args, kwargs)
        (value,) = await anyio.to_thread.run_sync(work, limiter=_limiter(), abandon_on_cancel=True)
    return await awaited(value)


async def awaited(value: Any) -> Any:
    """What comes in the end of something that may be awaited: a kickoff nobody awaited; a finished one gives itself."""
    last: object = None
    while inspect.isawaitable(value) and value is not last:
        last, value = value, await value
    return value


def is_async(function: Any) -> bool:
    """Whether calling a function gives a coroutine: one of its partials and objects with ``async __call__`` too."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - its kind is asked, not whether it is there


def _boxed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any]:
    """What a function returns, in a box: trio refuses a thread that returns something to await."""
    return (function(*args, **kwargs),)


def _limiter() -> anyio.CapacityLimiter:
    """One limiter of our own for each event loop: anyio's default one is used by model clients too."""
    limiter = _threads.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(MAX_THREADS)
        _threads.set(limiter)
    return limiter


def waker() -> Callable[[Callable[[], object]], object]:
    """How another thread calls something in the event loop that runs here."""
    trio = trio_here()
    if trio is not None:
        return trio.current_trio_token().run_sync_soon
    asyncio: Any = sys.modules["asyncio"]  # a loop that runs has been imported
    return asyncio.get_running_loop().call_soon_threadsafe


class Home:
    """The thread, and the event loop if one runs here: where those are to be called whom nobody made safe for others."""

    __slots__ = ("_thread", "_wake")

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._wake = waker() if in_event_loop() else None

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function there: at once from the same thread, else soon, in the order of the calls.

        From another thread it is called in a copy of the context there. Calls from other threads are dropped where no
        event loop runs, or no longer.
        """
        if threading.get_ident() == self._thread:
            function(*args)
        elif self._wake is not None:
            with suppress(RuntimeError):  # the loop is gone
                self._wake(functools.partial(copy_context().run, function, *args))


class Bell:
    """Wakes those who wait for it, whichever event loop or thread they are in; each ring wakes all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[anyio.Event, Callable[[Callable[[], object]], object]] = {}

    def listen(self) -> anyio.Event:
        """An event of this event loop that the next ring sets."""
        event = anyio.Event()
        with self._lock:
            self._waiting[event] = waker()
        return event

    def forget(self, event: anyio.Event) -> None:
        """Stop listening."""
        with self._lock:
            self._waiting.pop(event, None)

    def ring(self) -> bool:
        """Wake all who listen.

        Returns:
            Whether nobody was missing: false where one waited in an event loop that is gone.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        missing = 0
        for event, wake in waiting.items():
            try:
                wake(event.set)
            except RuntimeError:  # its loop is gone, and whoever waited with it
                missing += 1
        return not missing
