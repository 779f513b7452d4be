"""Where a cache keeps its answers: in memory, or in a file of SQLite. Both forget what was not used for longest."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from crewgraph.errors import CacheError

__all__ = ["MemoryStore", "SqliteStore", "Store"]

_log = logging.getLogger("crewgraph.llm")

T = TypeVar("T")

OVERHEAD = 200
"""Bytes that an entry takes beside its value, about: its key, its times, its places in tables."""
APPLICATION = 1668441975  # "crgw" in bytes
"""Marks a file of SQLite as a cache of crewgraph."""
VERSION = 1
PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
AT_ONCE = 100
"""Entries that are looked at in one step when there is no more room."""

SCHEMA = (
    """CREATE TABLE answers (key TEXT PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL,
                             created REAL NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX by_use ON answers (used)",
    "CREATE TABLE total (size INTEGER NOT NULL)",
    "INSERT INTO total VALUES (0)",
    "CREATE TRIGGER added AFTER INSERT ON answers BEGIN UPDATE total SET size = size + NEW.size; END",
    "CREATE TRIGGER removed AFTER DELETE ON answers BEGIN UPDATE total SET size = size - OLD.size; END",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


class Store(Protocol):
    """Keeps values of a bounded total size; may be used by several threads.

    Attributes:
        is_slow: whether it is better asked from a worker thread.
    """

    is_slow: bool

    def get(self, key: str, max_age: float | None) -> bytes | None:
        """A value, if it is there and no older than so many seconds."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; others may have to go."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...

    def close(self) -> None:
        """Keep nothing and know nothing from now on."""
        ...


class MemoryStore:
    """Keeps values in this process."""

    is_slow = False

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries = OrderedDict[str, tuple[bytes, float]]()
        self._size = 0
        self._is_closed = False
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return "in memory"

    def get(self, key: str, max_age: float | None) -> bytes | None:
        """A value, if it is there and no older than so many seconds."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            value, created = found
            if max_age is not None and time.monotonic() - created > max_age:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; others may have to go."""
        size = len(value) + OVERHEAD
        with self._lock:
            if key in self._entries:
                self._drop(key)
            if size > self._max_bytes or self._is_closed:
                return
            self._entries[key] = (value, time.monotonic())
            self._size += size
            while self._size > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def close(self) -> None:
        """Keep nothing and know nothing from now on."""
        self._is_closed = True
        self.clear()

    def _drop(self, key: str) -> None:
        value, _ = self._entries.pop(key)
        self._size -= len(value) + OVERHEAD


class SqliteStore:
    """Keeps values in a file that several processes may share.

    What goes wrong with the file after it was opened costs answers, and no run: it is logged.

    Raises:
        CacheError: the file cannot be opened, or is something else.
    """

    is_slow = True

    def __init__(self, path: str | os.PathLike[str], max_bytes: int) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._is_closed = False
        self._connection = self._opened()
        self._process = os.getpid()

    def __str__(self) -> str:
        return str(self._path)

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)  # there is none where opening it failed
        if connection is not None:
            connection.close()

    def get(self, key: str, max_age: float | None) -> bytes | None:
        """A value, if it is there and no older than so many seconds."""
        oldest = -1.0 if max_age is None else time.time() - max_age

        def read(connection: sqlite3.Connection) -> bytes | None:
            query = "SELECT value FROM answers WHERE key = ? AND created >= ?"
            row = connection.execute(query, (key, oldest)).fetchone()
            if row is not None:
                connection.execute("UPDATE answers SET used = ? WHERE key = ?", (time.time_ns(), key))
            return None if row is None else row[0]

        return self._try(read)

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; others may have to go."""
        size = len(value) + OVERHEAD
        if size > self._max_bytes:
            return

        def write(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.execute("DELETE FROM answers WHERE key = ?", (key,))
                self._make_room(connection, size)
                row = (key, value, size, time.time(), time.time_ns())
                connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", row)

        self._try(write)

    def clear(self) -> None:
        """Forget everything."""
        self._try(lambda connection: connection.execute("DELETE FROM answers"))

    def close(self) -> None:
        """Keep nothing and know nothing from now on."""
        with self._lock:
            self._is_closed = True
            self._connection.close()

    def _make_room(self, connection: sqlite3.Connection, size: int) -> None:
        (total,) = connection.execute("SELECT size FROM total").fetchone()
        while total + size > self._max_bytes:
            unused = connection.execute("SELECT key, size FROM answers ORDER BY used LIMIT ?", (AT_ONCE,)).fetchall()
            for key, freed in unused:
                connection.execute("DELETE FROM answers WHERE key = ?", (key,))
                total -= freed
                if total + size <= self._max_bytes:
                    break

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        with self._lock:
            if self._is_closed:
                return None
            try:
                if self._process != os.getpid():  # forked: a connection must not be shared with the parent
                    self._connection, self._process = self._opened(), os.getpid()
                return work(self._connection)
            except (sqlite3.Error, CacheError) as error:
                _log.warning("the response cache %s cannot be used: %s", self._path, error)
                return None

    def _opened(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise CacheError(f"{self._path}: cannot be opened as a response cache: {error}") from error
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise CacheError(f"{self._path}: cannot be opened as a response cache: {error}") from error
        except CacheError:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables where there are none yet; of several processes that begin together one does so."""
        with _transaction(connection):
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in SCHEMA:
                    connection.execute(statement)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION:
            raise CacheError(f"{self._path}: is a database of something else. hint: name another file")
        if version != VERSION:
            raise CacheError(
                f"{self._path}: a response cache of version {version}; this crewgraph uses version {VERSION}. "
                "hint: delete the file, it is only a cache"
            )
        try:
            connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
        except sqlite3.OperationalError as error:
            # SQLite does not wait here for who uses the file just now; whoever opens it next makes the change
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last answers, not the file


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
