"""A store that is open to decide in it: one short transaction that reads and then writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from crewgraph.store import file, postgres
from crewgraph.store.source import FileSource, Source

__all__ = ["Desk", "opened_desk"]


class Desk(Source, Protocol):
    """A store in one transaction that reads and then writes."""

    def hold(self, run: int) -> None:
        """From now on what is read of a run stays so until it is written."""
        ...

    def change(self, query: str, *values: Any) -> None:
        """Write, as part of the transaction."""
        ...


class _FileDesk(FileSource):
    """A file in one transaction, which no other writer is in the middle of."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self._changing = connection

    def hold(self, run: int) -> None:
        """Nobody else writes anyway."""

    def change(self, query: str, *values: Any) -> None:
        """Write, as part of the transaction."""
        self._changing.execute(query, values)


class _DatabaseDesk(postgres.PostgresSource):
    """A database in one transaction, in the middle of others."""

    def hold(self, run: int) -> None:
        """Wait until nobody else decides about a run, and keep others from it: in the order in which workers write."""
        self.change("SELECT FROM nodes WHERE run = ? AND status = 'waiting' ORDER BY node, attempt FOR UPDATE", run)
        self.change("SELECT FROM runs WHERE run = ? FOR UPDATE", run)

    def change(self, query: str, *values: Any) -> None:
        """Write, as part of the transaction."""
        self.execute(query, *values)


@contextmanager
def opened_desk(store: str | PathLike[str]) -> Generator[Desk]:
    """Open a store to decide in it. The lock of kickoffs is not needed.

    Raises:
        StoreError: it is none, or it cannot be used.
    """
    if postgres.is_address(store):
        address = str(store)
        with (
            postgres.connected(address) as connection,
            postgres.translated(address),
            connection.transaction(),
        ):
            yield _DatabaseDesk(address, connection)
        return
    path = Path(store)
    if not file.looked_at(path):
        raise file.absent(path)
    with closing(file.writable(path, is_checked=True)) as connection, file.translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield _FileDesk(path, connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
