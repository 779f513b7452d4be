"""Submitting to a cluster and reading it back, with a worker in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from crewgraph import Budget, KickoffError, Pipeline, Policy, step
from crewgraph.cli import cli
from crewgraph.cluster import worker as worker_module
from crewgraph.cluster.worker import Worker
from crewgraph.errors import StoreError
from crewgraph.schedule import ticker as ticker_module
from crewgraph.testing.clusters import database
from tests.cluster_app import pipeline
from tests.postgres import created

pytestmark = pytest.mark.filterwarnings("ignore")
TARGET = "tests.cluster_app:pipeline"


@pytest.fixture(scope="module")
def store() -> Generator[str]:
    with database() as address:
        yield address


@pytest.fixture(scope="module")
def worker(store: str) -> Generator[Worker]:
    """A worker in this process: in a thread of the engine's, as it would be elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREWGRAPH_TEST_BAD", "1")
        made = Worker(store, {"clustered": pipeline}, dead_after=3.0)
        made.start()
        yield made
        made.stop(5.0)


def test_results_are_those_of_this_process(store: str, worker: object) -> None:
    """Results, traces, journeys and usage are the same as those of a kickoff without a cluster."""
    inputs = [{"n": n} for n in range(5)]
    there, here = pipeline.kickoff(inputs, store=store), pipeline.kickoff(inputs)
    for attribute in ("trace", "raw", "json_dict", "token_usage", "status", "index"):
        assert [getattr(run, attribute) for run in there] == [getattr(run, attribute) for run in here]
    assert {span.source for run in there for span in run.spans} == {"store"}


def test_a_failure_on_a_worker_is_told_here(store: str, worker: object) -> None:
    """A node that fails on a worker fails its run here, with what the worker said; the others are there."""
    with pytest.raises(KickoffError, match="the line is dead") as caught:
        pipeline.kickoff([{"n": 13}, {"n": 14}], store=store)
    assert [str(run.status) for run in caught.value.result] == ["failed", "ok"]
    assert [span.status for span in caught.value.result[0].spans] == ["ok", "ok", "ok", "failed"]


def test_the_same_file_again_submits_what_is_new(store: str, worker: object, tmp_path: Path) -> None:
    """`submit` returns at once and says how many runs were new and how many were done."""
    file = tmp_path / "in.jsonl"
    file.write_text('{"n": 100}\n{"n": 101}\n')
    pipeline.kickoff([{"n": 100}], store=store)
    said = CliRunner().invoke(cli, ["submit", TARGET, str(file), "--store", store])
    assert (said.exit_code, said.stdout) == (0, "1 run new, 0 submitted again, 0 under way, 1 done\n")
    assert len(pipeline.kickoff([{"n": 101}], store=store)) == 1


def test_status_reads_the_database(store: str, worker: object) -> None:
    """`status` takes an address as it takes a file."""
    pipeline.kickoff([{"n": 200}], store=store)
    said = CliRunner().invoke(cli, ["status", store])
    assert (said.exit_code, said.stdout.split()[0]) == (0, "clustered")


def test_an_edit_is_submitted_anew(store: str, worker: object) -> None:
    """The same id with another input supersedes a run that waits, and what is read belongs to the new input."""
    known = {"store": store, "id_column": "ticket"}
    pipeline.kickoff([{"n": 300, "ticket": "E-1"}], **known)
    (run,) = pipeline.kickoff([{"n": 301, "ticket": "E-1"}], **known)
    (here,) = pipeline.kickoff([{"n": 301, "ticket": "E-1"}])
    assert run.to_dict() == here.to_dict()


def test_a_run_nobody_executes_is_told_and_can_be_cancelled(store: str, worker: object, tmp_path: Path) -> None:
    """A pipeline of another structure finds no worker: it is said which are there, and its runs can be cancelled."""
    file = tmp_path / "in.jsonl"
    file.write_text('{"n": 7777, "ticket": "T-1"}\n')
    (tmp_path / "other_app.py").write_text(
        "from tests.cluster_app import *\npipeline = Pipeline([first, slow], name='clustered')\n"
    )
    runner, target = CliRunner(), f"{tmp_path / 'other_app.py'}:pipeline"
    said = runner.invoke(cli, ["submit", target, str(file), "--store", store, "--id-column", "ticket"])
    assert "no worker of 'clustered' in this version is there" in said.stderr
    assert runner.invoke(cli, ["cancel", "T-1", "--store", store]).stdout == "1 run cancelled\n"
    assert runner.invoke(cli, ["cancel", "T-1", "--store", store]).stdout == "0 runs cancelled\n"
    assert runner.invoke(cli, ["cancel", "T-9", "--store", store]).exit_code == 2


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"budget": Budget(tokens=5)}, "Crew\\(budget"),
        ({"input_budget": Budget(tokens=5)}, "Crew\\(budget"),
        ({"policy": Policy(retries=1)}, "Pipeline\\(…, policy"),
    ],
    ids=["budget", "input budget", "policy"],
)
def test_what_workers_would_not_see_is_refused(store: str, options: dict[str, object], hint: str) -> None:
    """An option that would end at this process is refused before anything is submitted."""
    with pytest.raises(ValueError, match=hint):
        pipeline.kickoff([{"n": 1}], store=store, **options)


def test_a_pipeline_without_a_name_is_refused(store: str) -> None:
    """Workers know pipelines by their names, so one without is refused, with the edit."""

    @step
    def one(n: int) -> dict[str, int]:
        return {"m": n}

    with pytest.raises(StoreError, match="name='…'"):
        Pipeline([one]).kickoff([{"n": 1}], store=store)


def test_the_engine_needs_a_database() -> None:
    """The cluster without a database is refused, with the option that names one."""
    with pytest.raises(ValueError, match="store='postgresql"):
        pipeline.kickoff([{"n": 1}], engine="cluster")


def test_a_database_that_is_no_store_is_refused(store: str) -> None:
    """A database that was never migrated says which command makes it a store."""
    bare = created(store, "bare")
    with pytest.raises(StoreError, match="crewgraph migrate"):
        pipeline.kickoff([{"n": 1}], store=bare)


def test_a_worker_is_a_process(store: str) -> None:
    """It says what it takes, ends runs at work when it is stopped, and leaves with 0."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "crewgraph", "worker", TARGET, "--store", store, "--grace", "5"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        assert "takes runs of 'clustered'" in started.stderr.readline()
        (run,) = pipeline.kickoff([{"n": 77}], store=store)
        assert run.ok
        started.terminate()
        assert started.wait(100) == 0


@pytest.mark.parametrize("is_async", [False, True], ids=["iterator", "async"])
def test_streams_from_a_cluster(store: str, worker: object, is_async: bool) -> None:
    """Results come as runs end, over inputs of either kind."""

    async def given() -> AsyncIterator[dict[str, int]]:
        for n in range(200, 204):
            yield {"n": n}

    async def read() -> list[int]:
        inputs = given() if is_async else iter([{"n": n} for n in range(200, 204)])
        return [run.index async for run in pipeline.stream(inputs, store=store)]

    assert sorted(asyncio.run(read())) == [0, 1, 2, 3]


def test_the_first_failure_may_cancel_the_others(store: str, worker: object) -> None:
    """With fail_fast the runs that have not ended are cancelled."""
    with pytest.raises(KickoffError) as caught:
        pipeline.kickoff([{"n": 13}, *({"n": n} for n in range(300, 360))], store=store, on_error="fail_fast")
    statuses = {str(run.status) for run in caught.value.result}
    assert "failed" in statuses


class Told:
    """Stands for a worker on the command line."""

    seen: ClassVar[list[str]] = []

    def __init__(self, address: str, pipelines: dict[str, Pipeline], *_: object) -> None:
        self.name = "me"
        self.seen.append(f"{address} {sorted(pipelines)}")

    def start(self) -> None:
        self.seen.append("start")

    def stop(self, grace: float) -> None:
        self.seen.append(f"stop {grace:g}")


class Served(Told):
    """Stands for what fires the ticks of schedules."""

    def __init__(self, address: str, _: str, pipelines: dict[str, Pipeline], *__: object, **said: Any) -> None:
        self.seen.append(f"{address} serves {sorted(pipelines)}")
        said["told"]("often: 3 runs ok")


def test_the_command_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts, waits until it is told to stop, and stops; two pipelines need two names."""

    class Waiting:
        def wait(self) -> None:
            Told.seen.append("wait")

        def set(self) -> None:
            """Nobody sends a signal."""

    monkeypatch.setattr(worker_module, "Worker", Told)
    monkeypatch.setattr(ticker_module, "Ticker", Served)
    monkeypatch.setattr(threading, "Event", Waiting)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    address = "postgresql://me:secret@here:1/x"
    done = CliRunner().invoke(cli, ["worker", TARGET, "--store", address, "--grace", "3"])
    assert done.exit_code == 0, done.output
    assert "secret" not in done.output
    assert "often: 3 runs ok" in done.stderr
    assert Told.seen == [
        f"{address} ['clustered']", "start", f"{address} serves ['clustered']", "start", "wait", "stop 3", "stop 3",
    ]  # fmt: skip
    twice = CliRunner().invoke(cli, ["worker", TARGET, TARGET, "--store", address])
    assert (twice.exit_code, "two of the pipelines are called 'clustered'" in twice.output) == (2, True)
