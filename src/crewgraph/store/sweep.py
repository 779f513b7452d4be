"""What nobody needs any more is removed from a database, while others submit and execute runs there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from crewgraph.store.postgres import connected, translated, workflow_of
from crewgraph.store.removals import Collected, Removal, removals

__all__ = ["swept"]

AT_ONCE = 1_000
"""Runs that go in one transaction."""
IS_SUBMITTED = "SELECT to_regclass('dbos.workflow_status') IS NOT NULL"
# A run may be noted as ended and its workflow not yet, and one that was put back on its queue has not ended.
AT_REST = """NOT EXISTS (SELECT FROM tickets JOIN dbos.workflow_status s ON s.workflow_uuid = tickets.workflow
             WHERE tickets.run = runs.run AND s.status IN ('ENQUEUED', 'PENDING', 'DELAYED'))"""
FIRED_BY_NOBODY = (
    "DELETE FROM firings f WHERE NOT EXISTS (SELECT FROM ticks t WHERE (t.schedule, t.tick) = (f.schedule, f.tick))"
)
OF_RUNS = ("decisions", "nodes", "tickets", "runs")
OF_WORKFLOWS = ("workflow_input", "workflow_output", "operation_outputs", "workflow_status")


def swept(address: str, *, older: timedelta, status: Collection[str], key: str | None, dry_run: bool) -> Collected:
    """Remove what has ended long ago, with what the engine has of it; for the arguments see :func:`collect`.

    Raises:
        StoreError: the database cannot be used.
    """
    with connected(address) as connection, translated(address):
        connection.execute("SELECT 1 FROM meta LIMIT 1")
        ((now,),) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
        _, _, runs, attempts, _, ticks = removals(now - older.total_seconds(), status, key)
        if connection.execute(IS_SUBMITTED).fetchone()[0]:
            runs = runs._replace(condition=f"{runs.condition} AND {AT_REST}")
        before, counted = _size(connection), _counted(connection, runs, attempts)
        query = f"SELECT count(*) FROM ticks WHERE {_of(ticks)}"  # noqa: S608 - of ours
        (of_ticks,) = connection.execute(query, ticks.values).fetchone()
        if dry_run:
            return Collected(*counted, 0, before, before, of_ticks)
        while _remove_some(connection, runs):
            pass
        connection.execute(f"DELETE FROM nodes WHERE {_of(attempts)}", attempts.values)  # noqa: S608 - of ours
        _forget_earlier(connection, runs.values[0])
        connection.execute(f"DELETE FROM ticks WHERE {_of(ticks)}", ticks.values)  # noqa: S608 - of ours
        connection.execute(FIRED_BY_NOBODY)
        return Collected(*counted, 0, before, _size(connection), of_ticks)


def _of(removal: Removal) -> str:
    return removal.condition.replace("?", "%s")


def _size(connection: Any) -> int:
    return int(connection.execute("SELECT pg_database_size(current_database())").fetchone()[0])


def _counted(connection: Any, runs: Removal, attempts: Removal) -> tuple[dict[str, int], int]:
    query = f"SELECT status, count(*) FROM runs WHERE {_of(runs)} GROUP BY 1 ORDER BY 1"  # noqa: S608
    by_status: dict[str, int] = dict(connection.execute(query, runs.values).fetchall())
    query = f"""SELECT count(*) FROM nodes WHERE {_of(attempts)}
                AND run NOT IN (SELECT run FROM runs WHERE {_of(runs)})"""  # noqa: S608
    return by_status, int(connection.execute(query, (*attempts.values, *runs.values)).fetchone()[0])


def _remove_some(connection: Any, runs: Removal) -> bool:
    """Remove some runs, all of each or nothing; whether there may be more. One that is submitted just now stays."""
    query = f"""SELECT run, coalesce(number, 0) FROM runs LEFT JOIN tickets USING (run) WHERE {_of(runs)}
                ORDER BY run LIMIT {AT_ONCE} FOR UPDATE OF runs SKIP LOCKED"""  # noqa: S608
    with connection.transaction():
        found = connection.execute(query, runs.values).fetchall()
        for table in OF_RUNS:
            connection.execute(f"DELETE FROM {table} WHERE run = ANY(%s)", ([run for run, _ in found],))  # noqa: S608
        _forget(connection, [workflow_of(run, each + 1) for run, number in found for each in range(number)])
    return len(found) == AT_ONCE


def _forget(connection: Any, workflows: Sequence[str]) -> None:
    """Remove what the engine has of workflows."""
    for begin in range(0, len(workflows), AT_ONCE):
        some = list(workflows[begin : begin + AT_ONCE])
        for table in OF_WORKFLOWS:
            connection.execute(f"DELETE FROM dbos.{table} WHERE workflow_uuid = ANY(%s)", (some,))  # noqa: S608


def _forget_earlier(connection: Any, until: float) -> None:
    """Remove what the engine has of earlier tickets of runs that stay."""
    query = "SELECT run, number FROM tickets JOIN runs USING (run) WHERE number > 1 AND ended < %s"
    found = connection.execute(query, (until,)).fetchall()
    _forget(connection, [workflow_of(run, each) for run, number in found for each in range(1, number)])
