"""Runs of a cluster that go on: they are put back on their queue, resumed, retried and forked."""

from __future__ import annotations

from collections.abc import Generator

import anyio
import pytest

from crewgraph.cluster.names import queue_of, structure_of
from crewgraph.cluster.requeue import requeue
from crewgraph.cluster.submit import Submitted, Submitter, migrate
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import rows
from crewgraph.errors import StoreError
from crewgraph.store.postgres import connected
from crewgraph.store.remote import RemoteJournal
from tests.cluster_app import pipeline
from tests.postgres import created, served

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def template() -> Generator[str]:
    with served("-c", "fsync=off") as server:
        address = created(server.url(), "template")
        migrate(address)
        yield address


@pytest.fixture
def store(template: str, request: pytest.FixtureRequest) -> str:
    return created(template, f"db{abs(hash(request.node.name))}", "template")


def submitted(store: str, count: int) -> list[int]:
    """Runs that nobody executes; returns their numbers."""
    plan, into = compile_pipeline(pipeline), Submitted()

    async def give() -> None:
        async with RemoteJournal.opened(store, plan, pipeline="clustered") as journal:
            with Submitter(journal) as submitter:
                submitter.submit(list(rows([{"n": n} for n in range(count)], plan, journal.identify)), into)

    anyio.run(give)
    return sorted(into.runs)


# ---- on the queue ----------------------------------------------------------------------------------------------


def test_runs_are_put_back_on_their_queue(store: str) -> None:
    """Without the code of the pipeline: under a new ticket on the same queue, and what was there is cancelled."""
    runs = submitted(store, 2)
    with connected(store) as connection:
        with connection.transaction():
            requeue(connection, runs[:1])
        query = """SELECT run, number, status, queue_name FROM tickets
                   JOIN dbos.workflow_status ON workflow_uuid = workflow ORDER BY run"""
        queue = queue_of("clustered", structure_of(compile_pipeline(pipeline)))
        assert connection.execute(query).fetchall() == [(1, 2, "ENQUEUED", queue), (2, 1, "ENQUEUED", queue)]
        query = "SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'CANCELLED'"
        assert connection.execute(query).fetchall() == [("crewgraph/1/1",)]


def test_what_the_caller_takes_back_was_never_put_back(store: str) -> None:
    """It is part of the caller's transaction."""
    runs = submitted(store, 1)
    with connected(store) as connection:
        with pytest.raises(ZeroDivisionError), connection.transaction():
            requeue(connection, runs)
            raise ZeroDivisionError
        assert connection.execute("SELECT number FROM tickets").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("DELETE FROM runs", "postgresql://127.0.0.1:.*: there is no run 1 any more"),
        ("DELETE FROM meta", "nobody knows the structure that run '.*' of 'clustered' was submitted with.*hint"),
    ],
    ids=["no run", "no definition"],
)
def test_a_run_that_cannot_be_put_back_is_told(store: str, edit: str, told: str) -> None:
    """A run that was removed, and one of which nobody knows what it was made with."""
    runs = submitted(store, 1)
    with connected(store) as connection:
        connection.execute(edit)
        with pytest.raises(StoreError, match=told), connection.transaction():
            requeue(connection, runs)
