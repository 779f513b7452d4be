"""Giving runs to the workers of a cluster, and taking them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

from crewgraph.cluster.names import structure_of
from crewgraph.cluster.requeue import describe, put_off, requeue
from crewgraph.engine.port import Row
from crewgraph.errors import StoreError
from crewgraph.store.definitions import described
from crewgraph.store.entries import Identity
from crewgraph.store.postgres import ALIVE, connected, prepare, shown_address, translated
from crewgraph.store.remote import RemoteJournal

__all__ = ["AT_ONCE", "Submitted", "Submitter", "cancel_runs", "give", "migrate", "workers_of"]

AT_ONCE = 1_000
"""Runs in one transaction."""
ACTIVE = ("ENQUEUED", "PENDING", "DELAYED")
INSERT = """INSERT INTO crewgraph.runs (pipeline, id, content, input, definition, place, status, began)
            SELECT %(pipeline)s, r.id, r.content, r.input, %(definition)s, r.place, 'new',
                   extract(epoch FROM clock_timestamp())
            FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id text, content text, input text, place bigint)
            ORDER BY r.id ON CONFLICT DO NOTHING"""
FOUND = """SELECT r.id, r.run, r.status, r.content, r.definition, coalesce(t.number, 0), s.status
           FROM crewgraph.runs r LEFT JOIN crewgraph.tickets t USING (run)
           LEFT JOIN dbos.workflow_status s ON s.workflow_uuid = t.workflow
           WHERE r.pipeline = %(pipeline)s AND r.id = ANY(%(ids)s) ORDER BY r.run FOR UPDATE OF r"""
DUE = """UPDATE crewgraph.runs SET definition = %(definition)s, content = r.content, input = r.input, place = r.place
         FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id text, content text, input text, place bigint)
         WHERE pipeline = %(pipeline)s AND runs.id = r.id"""
WORKERS = f"""SELECT version, count(*), extract(epoch FROM clock_timestamp() - min(began)) FROM workers
             WHERE pipeline = %s AND {ALIVE} GROUP BY 1 ORDER BY 1"""  # noqa: S608 - of ours
# All who lock several rows do so in the order of their keys, as workers do that write, so that none waits for the other.
CANCEL = """WITH own AS (SELECT run FROM crewgraph.runs WHERE run = ANY(%s) AND status IN ('queued', 'running', 'waiting')
                         ORDER BY run FOR UPDATE)
            UPDATE crewgraph.runs SET status = 'cancelled', ended = extract(epoch FROM clock_timestamp())
            FROM own WHERE runs.run = own.run"""
# A question of such a run is not asked any more, so that nobody answers it.
UNASK = """WITH own AS (SELECT n.run, n.node, n.item, n.attempt FROM crewgraph.nodes n JOIN crewgraph.runs r USING (run)
                        WHERE r.run = ANY(%s) AND n.status = 'waiting' AND r.status IN ('queued', 'running', 'waiting')
                        ORDER BY n.run, n.node, n.item, n.attempt FOR UPDATE OF n)
           UPDATE crewgraph.nodes n SET status = 'not kept', output = NULL, error = 'it is not asked any more'
           FROM own WHERE (n.run, n.node, n.item, n.attempt) = (own.run, own.node, own.item, own.attempt)"""


@dataclass(slots=True)
class Submitted:
    """What became of inputs that were submitted.

    Attributes:
        runs: by number of the run, its row; whoever waits takes those out that have ended.
        new: how many were not there.
        again: how many were there, had not ended well and wait for a worker once more.
        under_way: how many a worker had already, or would have soon.
        done: how many had ended well.
    """

    runs: dict[int, Row] = field(default_factory=dict[int, Row])
    new: int = 0
    again: int = 0
    under_way: int = 0
    done: int = 0

    def add(self, other: Submitted) -> None:
        """Count others to it."""
        self.runs |= other.runs
        self.new += other.new
        self.again += other.again
        self.under_way += other.under_way
        self.done += other.done


def migrate(address: str) -> None:
    """Make what a cluster needs in a database, or bring it up to date: once for each release, before workers start.

    Raises:
        StoreError: it cannot be made.
    """
    from dbos._serialization import DBOSPortableJSON
    from dbos._sys_db import SystemDatabase

    prepare(address)
    try:
        database = SystemDatabase.create(
            system_database_url=address, engine_kwargs={}, engine=None, schema="dbos", serializer=DBOSPortableJSON,
            executor_id=None, use_listen_notify=True,
        )  # fmt: skip
        try:
            database.run_migrations()
        finally:
            database.destroy()
    except Exception as error:  # noqa: BLE001 - whatever DBOS raises may quote the address
        raise StoreError(shown_address(address), f"the tables of DBOS cannot be made: {type(error).__name__}") from None


class Submitter(AbstractContextManager["Submitter"]):
    """Submits runs of one pipeline.

    Args:
        journal: what is known of the kickoff.
    """

    def __init__(self, journal: RemoteJournal) -> None:
        self._journal = journal
        self.structure = structure_of(journal.plan)
        self._connection: Any = connected(journal.address)
        with ExitStack() as stack, translated(journal.address):
            stack.callback(self._connection.close)
            self._connection.execute("SELECT 1 FROM meta, dbos.workflow_status LIMIT 1")
            describe(self._connection, journal.definition, described(journal.plan, journal.own), self.structure)
            stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def is_away(self) -> bool:
        """Whether the database went away, so that to submit the same once more is worth a try."""
        return bool(self._connection.closed or self._connection.broken)

    def submit(
        self, batch: Sequence[Row], into: Submitted, *, beside: Callable[[Any, Sequence[int]], None] = lambda *_: None
    ) -> None:
        """Submit rows in one transaction; those that are there already are only counted.

        Args:
            batch: the rows.
            into: what became of them.
            beside: called in the transaction with its connection and the numbers of the runs, before it is committed.

        Raises:
            StoreError: the database cannot be used.
        """
        if self.is_away:
            self._connection = connected(self._journal.address)
        into.add(self._submitted(batch, beside))

    def _submitted(self, batch: Sequence[Row], beside: Callable[[Any, Sequence[int]], None]) -> Submitted:
        journal, connection, into = self._journal, self._connection, Submitted()
        rows = {row.identity.id: row for row in batch if row.identity is not None}
        said: dict[str, Any] = {"pipeline": journal.pipeline, "definition": journal.definition}
        with translated(journal.address), connection.transaction():
            connection.execute(INSERT, {**said, "rows": _records(rows.values())})
            found = connection.execute(FOUND, {**said, "ids": sorted(rows)}).fetchall()
            due = [each for each in found if self._is_due(each, rows[each[0]], into)]
            connection.execute(DUE, {**said, "rows": _records(rows[each[0]] for each in due)})
            requeue(connection, [each[1] for each in due], structure=self.structure)
            beside(connection, [each[1] for each in found])
        into.runs = {each[1]: rows[each[0]] for each in found}
        return into

    def _is_due(self, found: Sequence[Any], row: Row, into: Submitted) -> bool:
        """Whether a run waits for a worker from now on."""
        _, _, status, content, definition, number, state = found
        is_same = row.identity is not None and (content, definition) == (row.identity.content, self._journal.definition)
        if is_same and status == "ok":
            into.done += 1
        elif is_same and status in {"queued", "running"} and state in ACTIVE:
            into.under_way += 1
        elif number == 0:
            into.new += 1
            return True
        else:
            into.again += 1
            return True
        return False


def _record(row: Row, known: Identity) -> dict[str, Any]:
    place = row.index if known.place is None else known.place
    return {"id": known.id, "content": known.content, "input": known.text, "place": place}


def _records(rows: Iterable[Row]) -> str:
    return json.dumps([_record(row, row.identity) for row in rows if row.identity is not None])


def give(journal: RemoteJournal, rows: Iterable[Row]) -> tuple[Submitted, bool]:
    """Submit rows and wait for nobody; returns also whether a worker is there that would take them.

    Raises:
        StoreError: the database cannot be used.
    """
    into, left = Submitted(), iter(rows)
    with Submitter(journal) as submitter:
        while batch := list(islice(left, AT_ONCE)):
            submitter.submit(batch, into)
    with connected(journal.address) as connection, translated(journal.address):
        return into, any(version == submitter.structure for version, _, _ in workers_of(connection, journal.pipeline))


def workers_of(connection: Any, pipeline: str) -> list[tuple[str, int, float]]:
    """For each version of a pipeline that workers have just now, how many there are and since when."""
    return [(version, count, float(age)) for version, count, age in connection.execute(WORKERS, (pipeline,)).fetchall()]


def cancel_runs(address: str, runs: Sequence[int]) -> int:
    """Cancel runs that have not ended; returns how many those were.

    Raises:
        StoreError: the database cannot be used.
    """
    with connected(address) as connection, translated(address), connection.transaction():
        connection.execute(UNASK, (list(runs),))  # nodes before runs, as workers write
        cancelled: int = connection.execute(CANCEL, (list(runs),)).rowcount
        put_off(connection, runs)
        connection.execute("UPDATE tickets SET workflow = '' WHERE run = ANY(%s)", (list(runs),))
    return cancelled
