"""A task beside the caller's, for results that are handed out while work goes on.

An async generator must not hold a task group across a ``yield``: whoever breaks out of the loop would close it from
another task. So the work gets a task of its own, which ends when the generator does, however it ends.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable

import anyio

from crewgraph.bridge import trio_here

__all__ = ["Background"]


class Background:
    """Work in a task of its own.

    Attributes:
        error: what the work raised, once it has ended.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._task: object = None
        self.error: BaseException | None = None

    def start(self) -> None:
        """Start the work; it begins at the caller's next wait."""
        trio = trio_here()
        if trio is not None:
            self._task = trio.spawn_system_task(self._run, context=contextvars.copy_context())
        else:
            task = self._task = asyncio.get_running_loop().create_task(self._run())
            task.add_done_callback(lambda _: self._ended.set())  # also where it was cancelled before it began

    async def stop(self) -> None:
        """Cancel the work, if it still goes on, and wait until it has ended."""
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._work()
        except BaseException as error:
            self.error = error
            if isinstance(error, anyio.get_cancelled_exc_class()):
                raise
        finally:
            self._ended.set()
