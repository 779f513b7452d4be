"""What a worker does about runs that nobody walks, and about a database that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from crewgraph.cluster import janitor, reader
from crewgraph.cluster.at_work import AtWork
from crewgraph.cluster.committer import Committer, Entries
from crewgraph.cluster.names import queue_of, structure_of
from crewgraph.cluster.reader import Reader
from crewgraph.cluster.requeue import requeue
from crewgraph.cluster.submit import migrate
from crewgraph.cluster.worker import Worker
from crewgraph.compiler import compile_pipeline
from crewgraph.errors import StoreError
from crewgraph.store import stored_runs
from crewgraph.store.postgres import connected
from tests import cluster_app
from tests.again_app import submitted
from tests.cluster_app import pipeline
from tests.faults.cluster import until
from tests.postgres import Server, created, served

pytestmark = pytest.mark.filterwarnings("ignore")
CLAIMED = "UPDATE dbos.workflow_status SET status = 'PENDING', executor_id = %s, queue_name = %s, updated_at = 0"


@pytest.fixture
def worker(store: str, monkeypatch: pytest.MonkeyPatch) -> Generator[Worker]:
    """One that looks often; each test starts it."""
    monkeypatch.setattr(janitor, "BEAT", 0.05)
    made = Worker(store, {"clustered": pipeline}, dead_after=3.0)
    yield made
    made.stop(5.0)


def statuses(store: str) -> list[str]:
    return [run.status for run in stored_runs(store)]


def claimed(store: str, who: str) -> None:
    """Have somebody claim all runs who never walks them."""
    with connected(store) as connection:
        connection.execute(CLAIMED, (who, queue_of("clustered", structure_of(compile_pipeline(pipeline)))))


def test_runs_of_a_silent_worker_are_taken_over(store: str, worker: Worker) -> None:
    """A worker that has shown no sign of life is dead, and its runs go to others."""
    submitted(store, 2)
    claimed(store, "gone-1-1")
    worker.start()
    until(lambda: statuses(store) == ["ok", "ok"])


def test_runs_that_were_claimed_and_never_begun_are_begun(store: str, worker: Worker, monkeypatch: Any) -> None:
    """The reply to a claim may get lost: the worker finds what is its own and is walked by nobody."""
    monkeypatch.setattr(janitor, "STRANDED_AFTER", 0.1)
    runs = submitted(store, 2)
    with connected(store) as connection, connection.transaction():
        requeue(connection, runs, structure="nobody's")
    worker.start()
    claimed(store, worker.name)
    until(lambda: statuses(store) == ["ok", "ok"])


def test_a_worker_that_stood_still_does_not_take_itself_for_dead(store: str, worker: Worker, monkeypatch: Any) -> None:
    """However long ago it said that it lives when it looks after the others: its runs are not begun once more."""

    def stand_still(_: AtWork, connection: Any) -> None:
        connection.execute("UPDATE workers SET beat = beat - interval '1 hour'")

    monkeypatch.setattr(AtWork, "look", stand_still)
    monkeypatch.setattr(cluster_app, "PAUSE", 0.2)
    submitted(store, 2)
    worker.start()
    until(lambda: statuses(store) == ["ok", "ok"])
    with connected(store) as connection:
        query = "SELECT DISTINCT recovery_attempts FROM dbos.workflow_status WHERE name = 'crewgraph.run'"
        assert connection.execute(query).fetchall() == [(1,)]


@pytest.mark.parametrize("said", ["running", "waiting"])
@pytest.mark.parametrize("who", ["me", "gone-1-1"])
def test_who_thaws_says_nothing_about_a_run(store: str, who: str, said: str) -> None:
    """Of a run that was taken over only the worker that has it says how it stands, whatever the other had said of it."""
    (run,) = submitted(store, 1)
    claimed(store, "me")
    with connected(store) as connection:
        (workflow,) = connection.execute(
            "UPDATE runs SET status = %s FROM tickets RETURNING workflow", (said,)
        ).fetchone()
    committer = Committer(store, who)
    assert asyncio.run(committer.commit(Entries(run, [], [("ok", None, 1.0, "a definition", run, workflow)])))
    committer.close()
    assert statuses(store) == ["ok" if who == "me" else said]


# ---- a database that is away -----------------------------------------------------------------------------------


@pytest.fixture
def anyio_backend() -> str:
    """Workers run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with served("-c", "fsync=off") as running:
        yield running


@pytest.fixture(scope="module")
def database(server: Server) -> str:
    address = created(server.url(), "looked_after")
    migrate(address)
    return address


def end(run: int) -> Entries:
    """That a run which is nowhere has ended: writing it changes nothing, and works."""
    return Entries(run, [], [("ok", None, 1.0, "a definition", run, "a workflow")])


def node(run: int, *, status: Any = "ok") -> Entries:
    return Entries(run, [(run, "a", 0, 1, status, "f", None, None, None, None, 1.0, 2.0)], [])


@pytest.mark.anyio
async def test_a_worker_waits_for_its_database(server: Server, database: str, monkeypatch: Any) -> None:
    """What it has to write is written when the database is back, and what it asks is answered then."""
    monkeypatch.setattr(reader, "PAUSE", 0.05)
    committer, asked = Committer(database, "me"), Reader(database)
    with pytest.raises(StoreError, match="there is no run 1 any more"):
        await asked.known(1)
    server.stop("immediate")
    written = asyncio.create_task(committer.commit(end(1)))
    known = asyncio.create_task(asked.known(1))
    await asyncio.sleep(0.3)
    assert not written.done()
    assert not known.done()
    await asyncio.to_thread(server.start)
    assert await written
    with pytest.raises(StoreError, match="there is no run 1 any more"):
        await known
    committer.close()
    asked.close()


@pytest.mark.anyio
async def test_what_cannot_be_written_is_nothing_to_others(database: str) -> None:
    """Rows of many runs go into one statement; one that the database or nobody takes is refused alone."""
    committer = Committer(database, "me")
    broken = {3: node(3, status=None), 7: Entries(7, [("too short",)], [])}
    tasks = [committer.commit(broken.get(run) or node(run)) for run in range(12)]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [run for run, each in enumerate(done) if each is not True] == [3, 7]
    assert all(isinstance(done[run], StoreError) for run in broken)
    assert "cannot keep what run 7 gave: ValueError" in str(done[7])
    assert await committer.commit(node(3))
    committer.close()


@pytest.mark.anyio
async def test_rows_of_others_are_told_from_our_own(database: str) -> None:
    """Where another worker was first its row counts; one that is equal is ours, after a reply that was lost."""
    committer = Committer(database, "me")
    assert await committer.commit(node(20))
    assert await committer.commit(node(20))
    assert not await committer.commit(node(20, status="failed"))
    committer.close()
    assert "postgresql://127.0.0.1" in repr(committer)
