"""Where a store is read from: a file of SQLite or a database of Postgres, by the same statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from crewgraph.store.file import read_only, translated
from crewgraph.store.lock import holder_of
from crewgraph.store.postgres import is_address, opened_postgres

__all__ = ["Source", "opened_source"]


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
        """Who writes to it just now, in words; ``None`` where nobody does."""
        ...


class FileSource:
    """A file of SQLite, open for reading."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.where = str(path)
        self._path = path
        self._connection = connection

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, read as they are asked for."""
        with translated(self._path):
            yield from self._connection.execute(query, values)

    def writer(self) -> str | None:
        """Who writes to it just now, in words."""
        return holder_of(self._path)


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
    path = Path(where)
    with closing(read_only(path)) as connection:
        yield FileSource(path, connection)
