"""Runs that stand in the tables are put on the queue of their pipeline, where a worker takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from crewgraph.cluster.names import APPLICATION, WORKFLOW, queue_of, workflow_of
from crewgraph.errors import StoreError

__all__ = ["describe", "put_off", "requeue"]

STRUCTURE = "structure"
"""Stands in a definition for the structure that a worker must have to execute runs of it."""
DESCRIBE = """INSERT INTO crewgraph.meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value
              WHERE meta.value <> excluded.value"""
# All who lock several runs do so in the order of their numbers, so that none waits for the other.
FOUND = """SELECT r.run, r.pipeline, r.id, coalesce(t.number, 0), m.value::json ->> 'structure'
           FROM crewgraph.runs r LEFT JOIN crewgraph.tickets t USING (run)
           LEFT JOIN crewgraph.meta m ON m.key = 'definition:' || r.definition
           WHERE r.run = ANY(%s) ORDER BY r.run FOR UPDATE OF r"""
PUT_OFF = """UPDATE dbos.workflow_status s SET status = 'CANCELLED', owner_xid = NULL, queue_name = NULL,
               started_at_epoch_ms = NULL, updated_at = extract(epoch FROM clock_timestamp()) * 1000,
               completed_at = extract(epoch FROM clock_timestamp()) * 1000
             FROM crewgraph.tickets t
             WHERE t.workflow = s.workflow_uuid AND t.run = ANY(%s) AND s.status IN ('ENQUEUED', 'PENDING', 'DELAYED')"""
TICKETS = """INSERT INTO crewgraph.tickets
             SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::text[])
             ON CONFLICT (run) DO UPDATE SET number = excluded.number, workflow = excluded.workflow"""
QUEUED = """UPDATE crewgraph.runs SET status = 'queued', error = NULL, ended = NULL WHERE run = ANY(%s)"""
ENQUEUE = """SELECT dbos.enqueue_workflow(
               workflow_name => %s, queue_name => queue, positional_args => ARRAY[to_json(run), to_json(pipeline)],
               workflow_id => workflow, app_version => %s, application_name => %s)
             FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS due(run, pipeline, workflow, queue)
             ORDER BY run"""


def describe(connection: Any, definition: str, described: Mapping[str, Any], structure: str) -> None:
    """Note what a pipeline is now, and by which structure its workers are found.

    Args:
        connection: to the database.
        definition: by what it is known.
        described: its graph, and what its nodes say.
        structure: of it.
    """
    connection.execute(DESCRIBE, (f"definition:{definition}", json.dumps({**described, STRUCTURE: structure})))


def put_off(connection: Any, runs: Sequence[int]) -> None:
    """Take runs away from their queue, and from the worker that may have them; in the transaction of the caller."""
    connection.execute(PUT_OFF, (list(runs),))


def requeue(connection: Any, runs: Sequence[int], *, structure: str | None = None) -> None:
    """Put runs back on their queue under a new ticket, in the transaction of the caller; wherever they were, it is over.

    Args:
        connection: of psycopg, to the database.
        runs: their numbers.
        structure: of the pipeline that is to execute them; where it is not given, that of the definition that each was
            made with, so that the code of the pipeline is not needed.

    Raises:
        StoreError: one of them is not there, or nobody knows its structure.
    """
    found = connection.execute(FOUND, (sorted(runs),)).fetchall()
    lost = sorted(set(runs) - {each[0] for each in found})
    if lost:
        raise StoreError(_where(connection), f"there is no run {lost[0]} any more")
    unknown = [each for each in found if (structure or each[4]) is None]
    if unknown:
        _, pipeline, own, *_ = unknown[0]
        told = f"nobody knows the structure that run '{own}' of '{pipeline}' was submitted with"
        raise StoreError(_where(connection), told, hint="submit its input again")
    if not found:
        return
    numbers = [each[0] for each in found]
    workflows = [workflow_of(each[0], each[3] + 1) for each in found]
    queues = [queue_of(each[1], structure or each[4]) for each in found]
    put_off(connection, numbers)
    connection.execute(TICKETS, (numbers, [each[3] + 1 for each in found], workflows))
    connection.execute(QUEUED, (numbers,))
    connection.execute(
        ENQUEUE, (WORKFLOW, APPLICATION, APPLICATION, numbers, [each[1] for each in found], workflows, queues)
    )


def _where(connection: Any) -> str:
    """The database, for messages."""
    return f"postgresql://{connection.info.host}:{connection.info.port}/{connection.info.dbname}"
