"""The one thread that writes: whatever has gathered while it was busy goes into one commit."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import anyio
import anyio.to_thread

from crewgraph.errors import StoreError
from crewgraph.store.file import translated
from crewgraph.threads import waker

__all__ = ["Writer"]

Entry = tuple[str, Sequence[Any]]
"""A table, and a row for it, which replaces one with the same key."""

AT_ONCE = 2_000
"""Rows in one commit."""
WIDTHS = {"nodes": 12, "runs": 12, "meta": 2}
"""How many columns each table has."""
WIDEST = max(WIDTHS.values())

# One statement writes to all tables, and it is a transaction by itself: after each statement that lets go of Python's
# lock a thread may wait 5 ms until a busy event loop hands it back.
ENTRIES = f"CREATE TEMP VIEW entries AS SELECT '' AS kind, {', '.join(f'0 AS c{n}' for n in range(WIDEST))}"
TRIGGERS = [
    f"""CREATE TEMP TRIGGER put_{table} INSTEAD OF INSERT ON entries WHEN NEW.kind = '{table}'
    BEGIN INSERT OR REPLACE INTO {table} VALUES ({", ".join(f"NEW.c{n}" for n in range(width))}); END"""  # noqa: S608
    for table, width in WIDTHS.items()
]
FINENESS = 4
"""Between a power of two and the next there are statements of 2 ** FINENESS / 2 sizes: all fit the cache of a connection."""
NOTHING: Entry = ("", ())
_FILLED = [(None,) * (WIDEST - width) for width in range(WIDEST + 1)]


class Writer:
    """Writes rows in the order in which they are given, from a thread of its own.

    Made in the event loop that waits for them.

    Args:
        path: of the store, for messages.
        connection: belongs to the writer from now on.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._queue = SimpleQueue[Entry | anyio.Event | None]()
        self._wake = waker()
        self._error: StoreError | None = None
        places = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // (WIDEST + 1)
        self._at_once = 1 << (places.bit_length() - 1)
        for statement in (ENTRIES, *TRIGGERS):
            connection.execute(statement)
        self._thread = threading.Thread(target=self._work, name=f"crewgraph store {path.name}", daemon=True)
        self._thread.start()

    def put(self, table: str, values: Sequence[Any]) -> None:
        """Have a row written soon; what goes wrong with it is told to the next who waits."""
        self._queue.put((table, values))

    async def durable(self) -> None:
        """Wait until everything that was put so far is on disk.

        Raises:
            StoreError: it cannot be written, now or for some time already.
        """
        done = anyio.Event()
        self._queue.put(done)
        await done.wait()
        if self._error is not None:
            raise self._error.again()

    async def close(self) -> None:
        """Write what is left, and close the file."""
        self._queue.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join)

    # ---- in the thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        is_open = True
        while is_open:
            entries, waiting, is_open = self._gathered()
            if entries and self._error is None:
                try:
                    with translated(self._path):
                        self._commit(entries)
                except StoreError as error:
                    self._error = error
            if waiting:
                with contextlib.suppress(RuntimeError):  # the loop is gone, and whoever waited with it
                    self._wake(partial(_set, waiting))
        with contextlib.suppress(sqlite3.Error):  # what is committed stays in the log beside the file
            self._connection.close()

    def _gathered(self) -> tuple[list[Entry], list[anyio.Event], bool]:
        """What is to be written, who waits for it, and whether more may come."""
        entries, waiting = list[Entry](), list[anyio.Event]()
        item = self._queue.get()
        while item is not None:
            if isinstance(item, tuple):
                entries.append(item)
            else:
                waiting.append(item)
            if len(entries) >= AT_ONCE:
                break
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
        return entries, waiting, item is not None

    def _commit(self, entries: Sequence[Entry]) -> None:
        connection, at_once = self._connection, self._at_once
        if len(entries) <= at_once:
            connection.execute(*_statement(entries))
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            for begin in range(0, len(entries), at_once):
                connection.execute(*_statement(entries[begin : begin + at_once]))
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself
                connection.execute("ROLLBACK")
            raise


def _statement(entries: Sequence[Entry]) -> tuple[str, list[Any]]:
    """One statement for all of them; there are few different ones, so that each is parsed once.

    Rows of nothing fill it up, at most one in eight.
    """
    step = 1 << max(0, (len(entries) - 1).bit_length() - FINENESS)
    count = -(-len(entries) // step) * step
    values = list[Any]()
    for table, row in (*entries, *[NOTHING] * (count - len(entries))):
        values.append(table)
        values += row
        values += _FILLED[len(row)]
    return _insert(count), values


@cache
def _insert(count: int) -> str:
    row = f"({', '.join('?' * (WIDEST + 1))})"
    return f"INSERT INTO entries VALUES {', '.join([row] * count)}"  # noqa: S608 - question marks


def _set(events: Sequence[anyio.Event]) -> None:
    for event in events:
        event.set()
