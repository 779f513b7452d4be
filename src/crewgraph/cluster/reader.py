"""Reads for a worker what is known of its runs, and waits for a database that is away."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

from crewgraph.cluster.book import Known
from crewgraph.errors import StoreError
from crewgraph.store.entries import Identity
from crewgraph.store.log import Line
from crewgraph.store.postgres import connected, shown_address, translated

__all__ = ["Reader"]

_log = logging.getLogger("crewgraph.cluster")

PAUSE = 0.5
"""Seconds between two attempts to reach a database that is away."""
LINES = f"SELECT {', '.join(Line._fields)} FROM nodes WHERE run = %s ORDER BY attempt"  # noqa: S608 - our own names
RUN = """SELECT pipeline, id, content, input, place, began, origin, status, workflow FROM runs JOIN tickets USING (run)
         WHERE run = %s"""


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
        while True:
            try:
                return await asyncio.to_thread(self._known, number)
            except StoreError as error:
                if not self._is_away():
                    raise
                _log.warning("%s; trying again", error)
            await asyncio.sleep(PAUSE)

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _is_away(self) -> bool:
        return self._connection is None or self._connection.closed or self._connection.broken

    def _known(self, number: int) -> tuple[Known, str]:
        with self._lock:
            if self._is_away():
                self._connection = None
                self._connection = connected(self._address)
            with translated(self._address):
                found = self._connection.execute(RUN, (number,)).fetchone()
                lines = [Line(*each) for each in self._connection.execute(LINES, (number,))]
        if found is None:
            raise StoreError(shown_address(self._address), f"there is no run {number} any more")
        pipeline, own, content, text, place, began, origin, status, workflow = found
        return Known(number, pipeline, Identity(own, content, text), place, began, origin, status, lines), workflow
