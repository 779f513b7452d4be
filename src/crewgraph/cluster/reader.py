"""Reads for a worker what is known of its runs, and waits for a database that is away."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from crewgraph.cluster.book import Known
from crewgraph.errors import StoreError
from crewgraph.store.entries import Identity
from crewgraph.store.pages import WAITING, Line
from crewgraph.store.postgres import Away, connected, shown_address, translated
from crewgraph.store.questions import ANSWERS, Answer, answers_of

__all__ = ["Reader"]

T = TypeVar("T")

_log = logging.getLogger("crewgraph.cluster")

PAUSE = 0.5
"""Seconds between two attempts to reach a database that is away."""
LINES = f"SELECT {', '.join(Line._fields)} FROM nodes WHERE run = %s ORDER BY attempt"  # noqa: S608 - our own names
RUN = """SELECT pipeline, id, content, input, place, began, origin, r.status, workflow, coalesce(recovery_attempts, 1),
                extract(epoch FROM clock_timestamp())::float8
         FROM runs r JOIN tickets USING (run) LEFT JOIN dbos.workflow_status ON workflow_uuid = workflow
         WHERE run = %s"""
# Who decides holds the row. After this all that was decided before we looked at the clock can be read.
HELD = "SELECT FROM runs WHERE run = %s FOR SHARE"
TURN = """INSERT INTO turns VALUES (%s, %s) ON CONFLICT (worker) DO UPDATE SET workflow = excluded.workflow"""


class Reader:
    """Reads runs, one after the other, on one connection.

    Args:
        address: of the database.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._connection: Any = None

    async def known(self, number: int) -> tuple[Known, str]:
        """A run as it stands, and the workflow it belongs to now.

        Raises:
            StoreError: it is gone, or the database answers with an error.
        """
        return await self._patiently(self._known, number)

    async def turn(self, worker: str, workflow: str) -> None:
        """Note which of the runs that take turns a worker begins now, so that no other is blamed should it die.

        Raises:
            StoreError: the database answers with an error.
        """
        await self._patiently(self._executed, TURN, worker, workflow)

    async def _patiently(self, ask: Callable[..., T], *values: Any) -> T:
        while True:
            try:
                return await asyncio.to_thread(ask, *values)
            except Away as error:
                _log.warning("%s; trying again", error)
            await asyncio.sleep(PAUSE)

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _is_away(self) -> bool:
        return self._connection is None or self._connection.closed or self._connection.broken

    def _executed(self, query: str, *values: Any) -> None:
        with self._lock, translated(self._address):
            self._opened().execute(query, values)

    def _opened(self) -> Any:
        if self._is_away():
            self._connection = None
            self._connection = connected(self._address)
        return self._connection

    def _known(self, number: int) -> tuple[Known, str]:
        with self._lock, translated(self._address):
            connection = self._opened()
            found = connection.execute(RUN, (number,)).fetchone()
            lines = [Line(*each) for each in connection.execute(LINES, (number,))]
            decisions = self._decisions(number) if any(line.status == WAITING for line in lines) else {}
        if found is None:
            raise StoreError(shown_address(self._address), f"there is no run {number} any more")
        pipeline, own, content, text, place, began, origin, status, workflow, attempts, now = found
        known = Known(
            number, pipeline, Identity(own, content, text), place, began, origin, status, lines, decisions,
            looked=now, attempts=attempts,
        )  # fmt: skip
        return known, workflow

    def _decisions(self, number: int) -> Mapping[str, Answer]:
        self._connection.execute(HELD, (number,))
        return answers_of(self._connection.execute(f"{ANSWERS} WHERE run = %s", (number,)))
