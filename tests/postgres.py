"""A server of Postgres for tests, and stores of both kinds that are written to behind their backs."""

from __future__ import annotations

import contextlib
import sqlite3

from crewgraph.store.postgres import connected, is_address
from crewgraph.testing.postgres import Server, created, served

__all__ = ["Server", "changed", "created", "served"]


def changed(where: str, *statements: str) -> None:
    """Write to a store, a file or a database, behind its back."""
    with connected(where) if is_address(where) else contextlib.closing(sqlite3.connect(where)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
