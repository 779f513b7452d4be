"""The tables of schedules and ticks in a database: workers claim ticks there, and say what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from crewgraph.store.postgres import ALIVE, connected, shown_address, translated
from crewgraph.store.timetable import TickRow

__all__ = ["Firing", "RemoteTimetable"]

CLOSER = 1668442741
"""Held by the one worker that looks which ticks are through."""
COLUMNS = "t.schedule, t.tick, t.status, t.error, t.began, t.ended"
OPEN = f"""SELECT {COLUMNS}, f.worker, f.runs IS NOT NULL, EXISTS (SELECT FROM workers w WHERE w.id = f.worker
             AND w.beat > clock_timestamp() - make_interval(secs => %s))
           FROM ticks t LEFT JOIN firings f USING (schedule, tick)
           WHERE t.status IN ('wanted', 'running') ORDER BY t.tick, t.schedule"""  # noqa: S608 - our own names
# One tick of a schedule at a time, whoever fires it: whoever claims one has the row of its schedule.
CLAIM = """INSERT INTO ticks SELECT %(name)s, %(tick)s, 'running', NULL, %(now)s, NULL
           WHERE NOT EXISTS (SELECT FROM ticks WHERE schedule = %(name)s AND status = 'running')
           ON CONFLICT (schedule, tick) DO UPDATE SET status = 'running', began = excluded.began
           WHERE ticks.status = 'wanted'"""
UNFIRED = "schedule = %s AND tick = %s AND worker = %s AND runs IS NULL"
THROUGH = """SELECT t.schedule, t.tick, f.refused, f.reason, f.runs FROM ticks t JOIN firings f USING (schedule, tick)
             WHERE t.status = 'running' AND f.runs IS NOT NULL AND NOT EXISTS (
               SELECT FROM unnest(f.runs) AS n(run) JOIN runs r USING (run) WHERE r.status IN ('new', 'queued', 'running'))"""
COUNTS = "SELECT status, count(*) FROM runs WHERE run = ANY(%s) GROUP BY 1 ORDER BY 1"
FIRST = """SELECT error FROM runs WHERE run = ANY(%s) AND status NOT IN ('ok', 'waiting')
           ORDER BY status = 'cancelled', place LIMIT 1"""
FAILING = """SELECT f.runs FROM ticks t JOIN firings f USING (schedule, tick)
             WHERE t.status = 'running' AND t.schedule = ANY(%s) AND EXISTS (
               SELECT FROM unnest(f.runs) AS n(run) JOIN runs r USING (run) WHERE r.status = 'failed')"""


class Firing(NamedTuple):
    """An open tick, and who fires it.

    Attributes:
        row: the tick.
        worker: who has claimed it; ``None`` where nobody has.
        is_fired: whether its runs are submitted.
        is_alive: whether that worker has said lately that it lives.
    """

    row: TickRow
    worker: str | None
    is_fired: bool
    is_alive: bool


class RemoteTimetable:
    """Schedules and ticks of one database.

    Args:
        address: of the database.
        is_kept: whether the connection is kept until :meth:`close`.
    """

    def __init__(self, address: str, *, is_kept: bool = False) -> None:
        self.address = address
        self.where = shown_address(address)
        self._is_kept = is_kept
        self._connection: Any = None

    def close(self) -> None:
        """Close the connection that was kept."""
        if self._connection is not None:
            self._connection.close()

    @contextmanager
    def _connected(self) -> Generator[Any]:
        """A connection in a transaction of its own."""
        if not self._is_kept:
            with connected(self.address) as connection, translated(self.address), connection.transaction():
                yield connection
            return
        if self._connection is None or self._connection.closed:
            self._connection = connected(self.address)
        with translated(self.address), self._connection.transaction():
            yield self._connection

    def _rows(self, query: str, values: Any = ()) -> list[Any]:
        with self._connected() as connection:
            found: list[Any] = connection.execute(query, values).fetchall()
        return found

    def _changed(self, query: str, values: Any) -> bool:
        with self._connected() as connection:
            return bool(connection.execute(query, values).rowcount > 0)

    # ---- schedules ---------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The time of the database, by which ticks come."""
        return float(self._rows("SELECT extract(epoch FROM clock_timestamp())")[0][0])

    def put(self, name: str, record: str) -> bool:
        """Add a schedule; false where there is one of this name."""
        return self._changed("INSERT INTO schedules VALUES (%s, %s, 0) ON CONFLICT DO NOTHING", (name, record))

    def schedules(self) -> dict[str, tuple[str, bool]]:
        """By name the record of each schedule, as JSON, and whether it is paused."""
        rows = self._rows('SELECT name, record, is_paused FROM schedules ORDER BY name COLLATE "C"')
        return {name: (record, bool(is_paused)) for name, record, is_paused in rows}

    def change(self, name: str, record: str, *, is_paused: bool) -> bool:
        """Write a schedule anew; false where there is none of this name."""
        values = (record, int(is_paused), name)
        return self._changed("UPDATE schedules SET record = %s, is_paused = %s WHERE name = %s", values)

    def remove(self, name: str) -> bool:
        """Take a schedule away; its ticks stay, so that none of them runs twice. False where there is none.

        A tick whose runs are submitted goes on, and ends by itself.
        """
        claims = "DELETE FROM firings WHERE schedule = %s AND runs IS NULL"  # so that who fires them rolls back
        query = """UPDATE ticks t SET status = 'failed', error = 'its schedule was removed',
                     ended = extract(epoch FROM clock_timestamp())
                   WHERE schedule = %s AND status IN ('wanted', 'running') AND NOT EXISTS (
                     SELECT FROM firings f WHERE f.schedule = t.schedule AND f.tick = t.tick AND f.runs IS NOT NULL)"""
        with self._connected() as connection:
            removed = connection.execute("DELETE FROM schedules WHERE name = %s", (name,)).rowcount > 0
            connection.execute(claims, (name,))
            connection.execute(query, (name,))
        return bool(removed)

    def workers(self) -> dict[str, int]:
        """By pipeline how many workers have it just now."""
        query = f"SELECT pipeline, count(*) FROM workers WHERE {ALIVE} GROUP BY 1"  # noqa: S608 - of ours
        return dict(self._rows(query))

    # ---- ticks -------------------------------------------------------------------------------------------------

    def want(self, name: str, tick: str, now: float) -> bool:
        """Ask for a tick; false where it was asked for, or has begun."""
        query = "INSERT INTO ticks VALUES (%s, %s, 'wanted', NULL, %s, NULL) ON CONFLICT DO NOTHING"
        return self._changed(query, (name, tick, now))

    def skip(self, name: str, tick: str, reason: str, now: float) -> None:
        """Note that a tick does not run."""
        query = "INSERT INTO ticks VALUES (%s, %s, 'skipped', %s, %s, %s) ON CONFLICT DO NOTHING"
        self._changed(query, (name, tick, reason, now, now))

    def last(self) -> dict[str, TickRow]:
        """By schedule its latest tick."""
        query = f"""SELECT l.* FROM schedules s, LATERAL (SELECT {COLUMNS} FROM ticks t WHERE t.schedule = s.name
                    ORDER BY t.tick DESC LIMIT 1) l"""  # noqa: S608 - our own names
        return {row[0]: TickRow(*row) for row in self._rows(query)}

    def latest(self, name: str, until: str) -> list[TickRow]:
        """The latest ticks of a schedule up to one, the last one first."""
        return self._ticks("WHERE schedule = %s AND tick <= %s ORDER BY tick DESC LIMIT 100", name, until)

    def ticks(self, name: str, limit: int) -> list[TickRow]:
        """The latest ticks of a schedule with their runs, the last one first."""
        query = "SELECT r.status, count(*) FROM firings f JOIN runs r ON r.run = ANY(f.runs) WHERE f.schedule = %s AND f.tick = %s GROUP BY 1 ORDER BY 1"
        rows = self._ticks("WHERE schedule = %s ORDER BY tick DESC LIMIT %s", name, limit)
        with self._connected() as connection:
            counts = [dict(connection.execute(query, (row.schedule, row.tick)).fetchall()) for row in rows]
        return [row._replace(runs=runs) for row, runs in zip(rows, counts, strict=True)]

    def has_ended(self, name: str, tick: str) -> bool:
        """Whether a tick is through."""
        where = "WHERE schedule = %s AND tick = %s AND status NOT IN ('wanted', 'running')"
        return bool(self._ticks(where, name, tick))

    def _ticks(self, where: str, *values: Any) -> list[TickRow]:
        return [TickRow(*row) for row in self._rows(f"SELECT {COLUMNS} FROM ticks t {where}", values)]  # noqa: S608

    # ---- firing ------------------------------------------------------------------------------------------------

    def open_ticks(self, dead_after: float) -> list[Firing]:
        """Those that are wanted or at work, the earliest first."""
        return [Firing(TickRow(*row[:6]), *row[6:]) for row in self._rows(OPEN, (dead_after,))]

    def claim(self, name: str, record: str, tick: str, worker: str, now: float, *, is_wanted: bool) -> bool:
        """Begin a tick; false where others did, another one is at work, or the schedule was changed or paused meanwhile."""
        with self._connected() as connection:
            found = connection.execute("SELECT record, is_paused FROM schedules WHERE name = %s FOR UPDATE", (name,))
            row = found.fetchone()
            if row is None or row[0] != record or (row[1] and not is_wanted):
                return False
            if connection.execute(CLAIM, {"name": name, "tick": tick, "now": now}).rowcount == 0:
                return False
            query = """INSERT INTO firings (schedule, tick, worker) VALUES (%s, %s, %s)
                       ON CONFLICT (schedule, tick) DO UPDATE SET worker = excluded.worker, runs = NULL, given = NULL"""
            connection.execute(query, (name, tick, worker))
            return True

    def take_over(self, name: str, tick: str, before: str | None, worker: str) -> bool:
        """Go on with a tick that a dead worker has claimed; false where others do."""
        if before is None:
            query = "INSERT INTO firings (schedule, tick, worker) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
            return self._changed(query, (name, tick, worker))
        return self._changed(f"UPDATE firings SET worker = %s WHERE {UNFIRED}", (worker, name, tick, before))  # noqa: S608

    def given(self, name: str, tick: str) -> Any:
        """The inputs that a function gave for a tick; ``None`` where it was not asked yet."""
        found = self._rows("SELECT given FROM firings WHERE schedule = %s AND tick = %s", (name, tick))
        return json.loads(found[0][0]) if found and found[0][0] is not None else None

    def keep_given(self, name: str, tick: str, worker: str, given: Any) -> None:
        """Keep the inputs of a tick until it is fired, so that whoever takes it over goes on with the same."""
        text = json.dumps(given)
        self._changed(f"UPDATE firings SET given = %s WHERE {UNFIRED}", (text, name, tick, worker))  # noqa: S608

    def fail(self, name: str, tick: str, worker: str, error: str, *, now: float) -> bool:
        """Note that a tick cannot begin; false where it is no longer this worker's."""
        told = error.replace("\0", "\N{REPLACEMENT CHARACTER}")
        with self._connected() as connection:
            query = f"UPDATE firings SET runs = '{{}}', given = NULL WHERE {UNFIRED}"  # noqa: S608 - our own
            if connection.execute(query, (name, tick, worker)).rowcount == 0:
                return False
            query = """UPDATE ticks SET status = 'failed', error = %s, ended = %s
                       WHERE schedule = %s AND tick = %s AND status = 'running'"""
            return bool(connection.execute(query, (told, now, name, tick)).rowcount > 0)

    @staticmethod
    def fired(cursor: Any, name: str, tick: str, worker: str, *, runs: Sequence[int], refused: Sequence[str]) -> bool:
        """Note the runs of a tick in the transaction that submits them; false where it is no longer this worker's."""
        query = f"""UPDATE crewgraph.firings f SET runs = %s, refused = %s, reason = %s, given = NULL WHERE {UNFIRED}
                    AND EXISTS (SELECT FROM crewgraph.ticks t WHERE t.schedule = f.schedule AND t.tick = f.tick
                      AND t.status = 'running')"""  # noqa: S608 - our own
        reason = refused[0].replace("\0", "\N{REPLACEMENT CHARACTER}") if refused else None
        return bool(cursor.execute(query, (list(runs), len(refused), reason, name, tick, worker)).rowcount > 0)

    def through(self, end: Callable[[int, int, str | None], str | None], now: float) -> list[TickRow]:
        """End the ticks whose runs have all ended; those that this call has ended.

        Args:
            end: says of how many runs, how many failed, and why the first did, in words, what went wrong.
            now: when that was.
        """
        done = list[TickRow]()
        with self._connected() as connection:
            (is_ours,) = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (CLOSER,)).fetchone()
            for name, tick, refused, reason, runs in connection.execute(THROUGH).fetchall() if is_ours else ():
                counts = dict(connection.execute(COUNTS, (runs,)).fetchall())
                total = sum(counts.values())
                failed = total - counts.get("ok", 0) - counts.get("waiting", 0) + refused
                first = connection.execute(FIRST, (runs,)).fetchone() if reason is None else None
                told = end(total + refused, failed, first[0] if first else reason)
                query = f"""UPDATE ticks t SET status = %s, error = %s, ended = %s
                            WHERE schedule = %s AND tick = %s AND status = 'running' RETURNING {COLUMNS}"""  # noqa: S608
                ended = connection.execute(query, ("failed" if told else "ok", told, now, name, tick)).fetchone()
                done += [] if ended is None else [TickRow(*ended)._replace(runs=counts)]
        return done

    def failing(self, names: Sequence[str]) -> list[int]:
        """The runs of ticks of these schedules some of whose runs have failed."""
        return [run for (runs,) in self._rows(FAILING, (list(names),)) for run in runs] if names else []
