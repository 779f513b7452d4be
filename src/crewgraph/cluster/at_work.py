"""The runs that a worker walks just now, and how they are stopped when they are no longer its own."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import anyio

__all__ = ["AtWork"]

TICKETS = "SELECT run, workflow FROM tickets WHERE run = ANY(%s)"


class _Walk(NamedTuple):
    workflow: str
    loop: asyncio.AbstractEventLoop
    scope: anyio.CancelScope


class AtWork:
    """Runs that are at work, by number; those that were cancelled or submitted anew meanwhile need not work on."""

    def __init__(self) -> None:
        self._walks = dict[int, _Walk]()

    @contextmanager
    def walking(self, run: int, workflow: str) -> Generator[anyio.CancelScope]:
        """A scope in which a run is walked; it is cancelled when the run is taken away.

        Args:
            run: its number.
            workflow: under which it is walked here.
        """
        with anyio.CancelScope() as scope:
            self._walks[run] = mine = _Walk(workflow, asyncio.get_running_loop(), scope)
            try:
                yield scope
            finally:
                if self._walks.get(run) is mine:
                    del self._walks[run]

    def look(self, connection: Any) -> None:
        """Stop the runs whose tickets say that they are no longer walked here; called in another thread."""
        walks = dict(self._walks)
        if not walks:
            return
        for run, workflow in connection.execute(TICKETS, (list(walks),)).fetchall():
            walk = walks[run]
            if workflow != walk.workflow:
                walk.loop.call_soon_threadsafe(walk.scope.cancel)
