"""Where a store is read from: a file of SQLite or a database of Postgres, by the same statements."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from crewgraph.store.file import MAGIC, log_of, read_only, translated
from crewgraph.store.lock import holder_of
from crewgraph.store.postgres import is_address, opened_postgres

__all__ = ["Source", "is_store", "one_row", "opened_source"]


class Source(Protocol):
    """A store that is open for reading.

    Statements are written so that both databases take them: values stand as ``?``, counts of some of the rows as
    ``count(*) FILTER (WHERE …)``.
    """

    where: str
    """The file, or the address without its password: for messages."""

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, read as they are asked for.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def writer(self) -> str | None:
        """Who has it alone and writes to it just now, in words; ``None`` where nobody does."""
        ...

    def is_at_work(self) -> bool:
        """Whether somebody is there who executes runs: what has not ended goes on by itself."""
        ...

    def now(self) -> float:
        """What time it is by its clock, in seconds since the epoch."""
        ...


class FileSource:
    """A file of SQLite, open for reading.

    A file at rest is read as one that nobody changes, which leaves nothing beside it. So before each query it is looked
    whether somebody has begun to write since it was opened; then it is opened anew.

    Args:
        path: the file.
        connection: to it, where there is one already.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection | None = None) -> None:
        self.where = str(path)
        self._path = path
        self._stamp = _stamp(path) if connection is None else None
        self._connection = read_only(path) if connection is None else connection

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, read as they are asked for."""
        with translated(self._path):
            yield from self._current().execute(query, values)

    def _current(self) -> sqlite3.Connection:
        """A connection that sees what is there."""
        if self._stamp is not None and (now := _stamp(self._path)) != self._stamp:
            self._connection.close()
            self._stamp = now
            self._connection = read_only(self._path)
        return self._connection

    def close(self) -> None:
        """Nothing more is read."""
        self._connection.close()

    def writer(self) -> str | None:
        """Who writes to it just now, in words."""
        return holder_of(self._path)

    def is_at_work(self) -> bool:
        """Whether somebody writes to it."""
        return self.writer() is not None

    def now(self) -> float:
        """What time it is on this machine."""
        return time.time()


@contextmanager
def opened_source(where: str | PathLike[str]) -> Generator[Source]:
    """Open a store for reading, also while somebody writes to it.

    Raises:
        StoreError: it is none, or it is damaged.
    """
    if is_address(where):
        with opened_postgres(str(where)) as source:
            yield source
        return
    with closing(FileSource(Path(where))) as source:
        yield source


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Tells one state of a file at rest from another; ``None`` where somebody writes, or has left a log beside it."""
    with suppress(OSError):
        if not log_of(path).exists():
            now = path.stat()
            return now.st_ino, now.st_mtime_ns, now.st_size
    return None


def one_row(source: Source, query: str, *values: Any) -> tuple[Any, ...] | None:
    """The row of a query that has one at most; ``None`` where it has none. It is read to its end."""
    rows = list(source.rows(query, *values))
    return rows[0] if rows else None


def is_store(where: str | PathLike[str]) -> bool:
    """Whether something is an address or a database, by what is in it, so that a store is looked for there."""
    if "://" in str(where):
        return True
    try:
        with Path(where).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
