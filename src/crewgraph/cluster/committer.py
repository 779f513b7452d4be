"""The thread of a worker that writes: what all its runs have gathered meanwhile goes into one commit."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from crewgraph.errors import StoreError
from crewgraph.store.postgres import connected, shown_address, translated

__all__ = ["Committer", "Entries"]

_log = logging.getLogger("crewgraph.cluster")

AT_ONCE = 500
"""Runs whose rows go into one commit."""
PAUSE = 0.1, 2.0
"""Seconds between attempts to reach a database that went away, at first and at last."""
NODES = (
    "run", "node", "item", "attempt", "status", "fingerprint", "output", "route", "spent", "error", "started", "ended",
)  # fmt: skip
INSERT = """INSERT INTO nodes SELECT * FROM jsonb_populate_recordset(NULL::nodes, %s::jsonb)
            ORDER BY run, node, item, attempt ON CONFLICT (run, node, item, attempt) DO UPDATE
            SET status = excluded.status, fingerprint = excluded.fingerprint, output = excluded.output,
                route = excluded.route, spent = excluded.spent, error = excluded.error, started = excluded.started,
                ended = excluded.ended
            WHERE nodes.status IN ('cancelled', 'opened', 'waiting')"""  # what was there to be looked at makes way
# A reply to a commit may get lost; then the rows that are there are our own.
LOST = """SELECT DISTINCT n.run FROM jsonb_populate_recordset(NULL::nodes, %s::jsonb) n
          JOIN nodes o USING (run, node, item, attempt)
          WHERE (n.fingerprint, n.status, n.output, n.route, n.started, n.ended)
                IS DISTINCT FROM (o.fingerprint, o.status, o.output, o.route, o.started, o.ended)"""
# Who froze and thaws later, or was cancelled meanwhile, has nothing to say about the run any more.
UPDATE = """UPDATE runs SET status = %s, error = %s, ended = %s, definition = %s
            WHERE run = %s AND status IN ('queued', 'running') AND EXISTS (SELECT FROM tickets t WHERE t.run = runs.run AND t.workflow = %s)"""


class Entries(NamedTuple):
    """What one run has to have written.

    Attributes:
        run: its number.
        nodes: rows of the table of nodes.
        ends: what becomes of its row in the table of runs, in the order of the statement.
    """

    run: int
    nodes: Sequence[Sequence[Any]]
    ends: Sequence[Sequence[Any]]


class Committer:
    """Writes for all runs of a worker, and waits for a database that is away.

    Args:
        address: of the database.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._queue = SimpleQueue[tuple[Entries, Future[bool]] | None]()
        self._connection: Any = connected(address)
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="crewgraph commits", daemon=True)
        self._thread.start()

    async def commit(self, entries: Entries) -> bool:
        """Write; returns whether these rows are the ones that count, and not those of another worker."""
        done = Future[bool]()
        self._queue.put((entries, done))
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        """Write what is left."""
        self._queue.put(None)
        self._is_closed.set()
        self._thread.join(timeout=5)

    # ---- in the thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (batch := self._gathered()) is not None:
            self._write(batch)
        if self._connection is not None:
            self._connection.close()

    def _write(self, batch: Sequence[tuple[Entries, Future[bool]]]) -> None:
        try:
            lost = self._written([entries for entries, _ in batch])
        except StoreError as error:
            if len(batch) > 1:  # what Postgres does not take of one run is nothing to the others
                for each in batch:
                    self._write([each])
            else:
                batch[0][1].set_exception(error)
        else:
            for entries, done in batch:
                done.set_result(entries.run not in lost)

    def _gathered(self) -> list[tuple[Entries, Future[bool]]] | None:
        item = self._queue.get()
        batch = list[tuple[Entries, Future[bool]]]()
        while item is not None and len(batch) < AT_ONCE:
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
            try:
                item = self._queue.get_nowait()
            except Empty:
                return batch
        if item is not None:
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
        elif batch:
            self._queue.put(None)
        return batch or None

    def _written(self, batch: Sequence[Entries]) -> set[int]:
        """Write until it is written; returns the runs some of whose rows others had written before."""
        pause = PAUSE[0]
        while True:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = connected(self._address)
                with translated(self._address), self._connection.transaction():
                    return self._in_one(batch)
            except StoreError as error:
                if self._is_closed.is_set() or not self._is_away():
                    raise
                _log.warning("%s; trying again", error)
            time.sleep(pause)
            pause = min(2 * pause, PAUSE[1])

    def _is_away(self) -> bool:
        return self._connection is None or self._connection.closed or self._connection.broken

    def _in_one(self, batch: Sequence[Entries]) -> set[int]:
        rows = [dict(zip(NODES, row, strict=True)) for entries in batch for row in entries.nodes]
        lost = set[int]()
        with self._connection.cursor() as cursor:
            if rows:
                text = json.dumps(rows)
                cursor.execute(INSERT, (text,))
                if cursor.rowcount < len(rows):
                    lost = {run for (run,) in cursor.execute(LOST, (text,)).fetchall()}
            ends = sorted((end for entries in batch for end in entries.ends), key=lambda end: end[4])
            for end in ends:
                cursor.execute(UPDATE, end)
        return lost

    def __repr__(self) -> str:
        return f"Committer({shown_address(self._address)!r})"
