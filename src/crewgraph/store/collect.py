"""What of a store nobody needs any more, and how it is removed."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from os import PathLike
from pathlib import Path

from crewgraph.store.file import absent, looked_at, read_only, translated, writable
from crewgraph.store.lock import Lock
from crewgraph.store.postgres import is_address
from crewgraph.store.removals import ENDED, Collected, Removal, removals
from crewgraph.store.sweep import swept

__all__ = ["collect"]


def collect(
    where: str | PathLike[str],
    *,
    older: timedelta,
    status: Collection[str] = ENDED,
    key: str | None = None,
    dry_run: bool = False,
) -> Collected:
    """Remove what has ended long ago from a store, and give the space back.

    Runs go with everything that is kept of them. Those that have not ended, or that wait, stay however old they are. Of
    runs that stay, failed attempts go that a later one has replaced; and versions of pipelines of which no run is left. Of
    each schedule the last 100 ticks stay, and all of them where ``key`` is given.
    In a database others may go on meanwhile, and versions stay, for workers may have them; the space is free for new runs.

    Args:
        where: the store.
        older: how long ago it must have ended.
        status: only runs that ended so.
        key: only runs of the pipeline of this name.
        dry_run: remove nothing, and say what would be.

    Raises:
        StoreError: it is none, or it is a file and somebody writes to it.
        ValueError: a run that has ended cannot have that status, or the time lies ahead.
    """
    unknown = sorted(set(status) - set(ENDED))
    if unknown:
        raise ValueError(f"a run does not end as '{unknown[0]}'. hint: {', '.join(ENDED)}")
    if older < timedelta(0):
        raise ValueError(f"older is how long ago a run must have ended, and {older} lies ahead")
    if is_address(where):
        return swept(str(where), older=older, status=status, key=key, dry_run=dry_run)
    path = Path(where)
    if not looked_at(path):
        raise absent(path)
    planned = removals(time.time() - older.total_seconds(), status, key)
    before = path.stat().st_size
    with contextlib.ExitStack() as stack:
        if not dry_run:
            stack.callback(Lock(path).release)
        connection = stack.enter_context(contextlib.closing(read_only(path) if dry_run else writable(path)))
        with translated(path):
            collected = _counted(connection, planned, before)
            if collected and not dry_run:
                _remove(connection, planned)
    return replace(collected, after=path.stat().st_size)


def _counted(connection: sqlite3.Connection, planned: tuple[Removal, ...], size: int) -> Collected:
    """What would be removed; definitions that only the runs that go have used are among it."""
    _, _, runs, attempts, definitions, ticks = planned
    by_status = f"SELECT status, count(*) FROM runs WHERE {runs.condition} GROUP BY 1 ORDER BY 1"  # noqa: S608
    counts: dict[str, int] = dict(connection.execute(by_status, runs.values).fetchall())
    query = f"SELECT count(*) FROM nodes WHERE {attempts.condition} AND run NOT IN (SELECT run FROM runs WHERE {runs.condition})"  # noqa: S608
    (of_nodes,) = connection.execute(query, (*attempts.values, *runs.values)).fetchone()
    left = f"{definitions.condition[:-1]} WHERE NOT ({runs.condition}) OR ended IS NULL)"
    (of_meta,) = connection.execute(f"SELECT count(*) FROM meta WHERE {left}", runs.values).fetchone()  # noqa: S608
    (of_ticks,) = connection.execute(f"SELECT count(*) FROM ticks WHERE {ticks.condition}", ticks.values).fetchone()  # noqa: S608
    return Collected(counts, of_nodes, of_meta, size, size, of_ticks)


def _remove(connection: sqlite3.Connection, planned: tuple[Removal, ...]) -> None:
    """All of it or nothing; then the file becomes as small as what is left."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table, condition, values in planned:
            connection.execute(f"DELETE FROM {table} WHERE {condition}", values)  # noqa: S608
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
