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
from crewgraph.store.postgres import Away, connected, shown_address, translated

__all__ = ["Committer", "Entries"]

_log = logging.getLogger("crewgraph.cluster")

AT_ONCE = 500
"""Runs whose rows go into one commit."""
LARGE = 8_000_000
"""Characters after which no more go into it: Postgres takes 256 MB in one statement, and memory is not ours alone."""
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
            WHERE nodes.status IN ('cancelled', 'opened', 'waiting')
              AND NOT (nodes.status = 'waiting' AND excluded.status = 'waiting'
                       AND nodes.fingerprint = excluded.fingerprint)"""
# What was there to be looked at makes way; but the same question again does not replace one that may be decided by now.
# A reply to a commit may get lost; then the rows that are there are our own.
LOST = """SELECT DISTINCT n.run FROM jsonb_populate_recordset(NULL::nodes, %s::jsonb) n
          JOIN nodes o USING (run, node, item, attempt)
          WHERE (n.fingerprint, n.status, n.output, n.route, n.started, n.ended)
                IS DISTINCT FROM (o.fingerprint, o.status, o.output, o.route, o.started, o.ended)"""
# Who froze and thaws later, so that another walks the run, or was cancelled meanwhile has nothing to say about it any more. Who
# walks it does, also where the other said in the last moment that it waits: what waits is not walked.
UPDATE = """UPDATE runs SET status = %s, error = %s, ended = %s, definition = %s
            WHERE run = %s AND status IN ('queued', 'running', 'waiting') AND EXISTS (
              SELECT FROM tickets t JOIN dbos.workflow_status s ON s.workflow_uuid = t.workflow
              WHERE t.run = runs.run AND t.workflow = %s AND s.executor_id = %s)"""

FURTHER = """UPDATE dbos.workflow_status SET recovery_attempts = 1
             WHERE workflow_uuid = %s AND status = 'PENDING' AND recovery_attempts > 1"""


class Entries(NamedTuple):
    """What one run has to have written.

    Attributes:
        run: its number.
        nodes: rows of the table of nodes.
        ends: what becomes of its row in the table of runs, in the order of the statement.
        further: the workflow of a run that got further than with workers that died: what is counted of them is over.
    """

    run: int
    nodes: Sequence[Sequence[Any]]
    ends: Sequence[Sequence[Any]]
    further: str | None = None

    @property
    def size(self) -> int:
        """How many characters are written, about."""
        return sum(len(each) for row in self.nodes for each in row if isinstance(each, str))


class Committer:
    """Writes for all runs of a worker, and waits for a database that is away.

    Args:
        address: of the database.
        name: of the worker.
    """

    def __init__(self, address: str, name: str) -> None:
        self._address = address
        self._name = name
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
        if self._connection is not None:
            self._connection.close()

    # ---- in the thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (batch := self._gathered()) is not None:
            self._write(batch)
        if self._connection is not None:
            self._connection.close()

    def _write(self, batch: Sequence[tuple[Entries, Future[bool]]]) -> None:
        try:
            lost = self._written([entries for entries, _ in batch])
        except Exception as error:  # noqa: BLE001 - the thread must outlive what cannot be written
            if len(batch) > 1:  # what Postgres does not take of one run is nothing to the others
                for each in batch:
                    self._write([each])
            elif isinstance(error, StoreError):
                batch[0][1].set_exception(error)
            else:
                told = f"cannot keep what run {batch[0][0].run} gave: {type(error).__name__}: {error}"
                batch[0][1].set_exception(StoreError(shown_address(self._address), told))
        else:
            for entries, done in batch:
                done.set_result(entries.run not in lost)

    def _gathered(self) -> list[tuple[Entries, Future[bool]]] | None:
        """What is to be written now, as far as one statement should hold; nothing where the thread is to end."""
        item, batch, size = self._queue.get(), list[tuple[Entries, Future[bool]]](), 0
        while item is not None:
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
                size += item[0].size
            if len(batch) >= AT_ONCE or size >= LARGE:
                return batch
            try:
                item = self._queue.get_nowait()
            except Empty:
                return batch
        if batch:
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
            except Away as error:
                if self._is_closed.is_set():
                    raise
                _log.warning("%s; trying again", error)
            time.sleep(pause)
            pause = min(2 * pause, PAUSE[1])

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
                cursor.execute(UPDATE, (*end, self._name))
            for workflow in sorted(entries.further for entries in batch if entries.further is not None):
                cursor.execute(FURTHER, (workflow,))
        return lost

    def __repr__(self) -> str:
        return f"Committer({shown_address(self._address)!r})"
