"""The tables of schedules and ticks in a store: short transactions of their own, beside whatever kickoff writes to it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from crewgraph.store.again import DECIDED
from crewgraph.store.file import absent, looked_at, make, translated, writable
from crewgraph.store.lock import Lock, holder_of

__all__ = ["TickRow", "Timetable"]


class TickRow(NamedTuple):
    """A tick that has begun.

    Attributes:
        schedule: the name of its schedule.
        tick: the instant it stands for, as ISO 8601 in UTC.
        status: "wanted", "running", "ok", "failed" or "skipped".
        error: what went wrong, or why it was skipped, in words.
        began, ended: in seconds since the epoch.
        runs: how many of its runs have which status, where that was asked for.
    """

    schedule: str
    tick: str
    status: str
    error: str | None
    began: float
    ended: float | None
    runs: Mapping[str, int] = MappingProxyType({})


class Timetable:
    """Schedules and ticks of one store.

    Args:
        path: the file.
        is_made: whether it is made where there is none.

    Raises:
        StoreError: it cannot be used.
    """

    def __init__(self, path: Path, *, is_made: bool = True) -> None:
        self.path = path
        if not looked_at(path):
            if not is_made:
                raise absent(path, hint="crewgraph schedule add … makes one")
            lock = Lock(path)
            try:
                if not looked_at(path):
                    make(path)
            finally:
                lock.release()

    # ---- schedules ---------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The time by which ticks come."""
        return time.time()

    def put(self, name: str, record: str) -> bool:
        """Add a schedule; false where there is one of this name."""
        with self._writing() as store:
            added = store.execute("INSERT OR IGNORE INTO schedules VALUES (?, ?, 0)", (name, record))
            return added.rowcount > 0

    def schedules(self) -> dict[str, tuple[str, bool]]:
        """By name the record of each schedule, as JSON, and whether it is paused."""
        with self._writing() as store:
            rows = store.execute("SELECT name, record, is_paused FROM schedules ORDER BY name").fetchall()
        return {str(name): (str(record), bool(is_paused)) for name, record, is_paused in rows}

    def change(self, name: str, record: str, *, is_paused: bool) -> bool:
        """Write a schedule anew; false where there is none of this name."""
        with self._writing() as store:
            values = (record, is_paused, name)
            return store.execute("UPDATE schedules SET record = ?, is_paused = ? WHERE name = ?", values).rowcount > 0

    def remove(self, name: str) -> bool:
        """Take a schedule away; its ticks stay, so that none of them runs twice. False where there is none."""
        query = """UPDATE ticks SET status = 'failed', error = 'its schedule was removed', ended = ?
                   WHERE schedule = ? AND status IN ('wanted', 'running')"""
        with self._writing() as store:
            store.execute(query, (time.time(), name))
            return store.execute("DELETE FROM schedules WHERE name = ?", (name,)).rowcount > 0

    # ---- ticks -------------------------------------------------------------------------------------------------

    def want(self, name: str, tick: str, now: float) -> bool:
        """Ask for a tick; false where it was asked for, or has begun."""
        with self._writing() as store:
            values = (name, tick, now)
            return (
                store.execute("INSERT OR IGNORE INTO ticks VALUES (?, ?, 'wanted', NULL, ?, NULL)", values).rowcount > 0
            )

    def begin(self, name: str, tick: str, now: float) -> bool:
        """Begin a tick, or go on with one; false where it is through: nobody may run it again."""
        query = """INSERT INTO ticks VALUES (?, ?, 'running', NULL, ?, NULL)
                   ON CONFLICT DO UPDATE SET status = 'running', error = NULL WHERE status IN ('wanted', 'running')"""
        with self._writing() as store:
            return store.execute(query, (name, tick, now)).rowcount > 0

    def end(self, name: str, tick: str, status: str, error: str | None, now: float) -> None:
        """Note how a tick ended."""
        with self._writing() as store:
            query = "UPDATE ticks SET status = ?, error = ?, ended = ? WHERE schedule = ? AND tick = ?"
            store.execute(query, (status, error, now, name, tick))

    def skip(self, name: str, tick: str, reason: str, now: float) -> None:
        """Note that a tick does not run."""
        with self._writing() as store:
            store.execute(
                "INSERT OR IGNORE INTO ticks VALUES (?, ?, 'skipped', ?, ?, ?)", (name, tick, reason, now, now)
            )

    def open_ticks(self) -> list[TickRow]:
        """Those that are wanted, or were cut off, the earliest first."""
        return self._ticks("WHERE status IN ('wanted', 'running') ORDER BY tick, schedule")

    def last(self) -> dict[str, TickRow]:
        """By schedule its latest tick."""
        where = """WHERE (schedule, tick) IN (
                     SELECT name, (SELECT max(tick) FROM ticks WHERE schedule = name) FROM schedules)"""
        return {row.schedule: row for row in self._ticks(where)}

    def latest(self, name: str, until: str) -> list[TickRow]:
        """The latest ticks of a schedule up to one, the last one first."""
        return self._ticks("WHERE schedule = ? AND tick <= ? ORDER BY tick DESC LIMIT 100", name, until)

    def ticks(self, name: str, limit: int) -> list[TickRow]:
        """The latest ticks of a schedule with their runs, the last one first."""
        rows = self._ticks("WHERE schedule = ? ORDER BY tick DESC LIMIT ?", name, limit)
        query = "SELECT status, count(*) FROM runs WHERE pipeline = ? AND id > ? AND id < ? GROUP BY 1 ORDER BY 1"
        with self._writing() as store:
            batches = [f"{row.schedule}@{row.tick}" for row in rows]  # the ids of its runs begin so, with a / behind it
            counts = [dict(store.execute(query, (name, f"{batch}/", f"{batch}0"))) for batch in batches]
        return [row._replace(runs=runs) for row, runs in zip(rows, counts, strict=True)]

    def has_ended(self, name: str, tick: str) -> bool:
        """Whether a tick is through."""
        return bool(self._ticks("WHERE schedule = ? AND tick = ? AND status NOT IN ('wanted', 'running')", name, tick))

    def _ticks(self, where: str, *values: Any) -> list[TickRow]:
        with self._writing() as store:
            query = f"SELECT schedule, tick, status, error, began, ended FROM ticks {where}"  # noqa: S608 - from above
            return [TickRow(*row) for row in store.execute(query, values)]

    def left(self, name: str) -> list[tuple[str, float]]:
        """The runs of a schedule that can go on, each with a number that is another one after the next question or decision.

        They waited for a person who has decided, or whose time is up; or they did, and were cut off when they went on.
        """
        query = f"""SELECT id, (SELECT total(decided) FROM decisions WHERE decisions.run = runs.run)
                      + (SELECT total(ended) FROM nodes WHERE nodes.run = runs.run AND status = 'waiting') FROM runs
                    WHERE pipeline = ? AND id > ? AND id < ?
                    AND (status = 'running' OR status = 'waiting' AND EXISTS ({DECIDED.format(now=time.time())}))
                    ORDER BY run"""  # noqa: S608 - of ours
        with self._writing() as store:
            values = (name, f"{name}@", f"{name}A")  # the ids of its runs begin so, and A is what comes after @
            return [(str(run), float(decided)) for run, decided in store.execute(query, values)]

    # ---- what a tick was given ---------------------------------------------------------------------------------

    def kept_rows(self, batch: str) -> Any:
        """The inputs that were kept for a tick; ``None`` where there are none."""
        with self._writing() as store:
            found = store.execute("SELECT value FROM meta WHERE key = ?", (f"inputs:{batch}",)).fetchone()
        return None if found is None else json.loads(found[0])

    def keep_rows(self, batch: str, rows: Any) -> None:
        """Keep the inputs of a tick, so that one that was cut off goes on with the same."""
        with self._writing() as store:
            store.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"inputs:{batch}", json.dumps(rows)))

    def forget_rows(self, batch: str) -> None:
        """The tick is through."""
        with self._writing() as store:
            store.execute("DELETE FROM meta WHERE key = ?", (f"inputs:{batch}",))

    # ---- who is there ------------------------------------------------------------------------------------------

    def writer(self) -> str | None:
        """Who runs a kickoff on the store just now, in words."""
        return holder_of(self.path)

    def server(self) -> str | None:
        """Who serves its schedules just now, in words."""
        return holder_of(self._served)

    @contextmanager
    def serving(self) -> Generator[None]:
        """Be the one who serves its schedules.

        Raises:
            StoreError: somebody else does.
        """
        lock = Lock(self._served, "serves the schedules already, and one process is enough")
        try:
            yield
        finally:
            lock.release()

    @property
    def _served(self) -> Path:
        return self.path.with_name(f"{self.path.name}.schedules")

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with translated(self.path), closing(writable(self.path, is_checked=True)) as store:
            yield store
