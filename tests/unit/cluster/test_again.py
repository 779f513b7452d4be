"""Runs of a cluster that go on: they are put back on their queue, resumed, retried and forked."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import anyio
import pytest
from click.testing import CliRunner

from crewgraph import KickoffError
from crewgraph.cli import cli
from crewgraph.cluster import engine
from crewgraph.cluster.names import queue_of, structure_of
from crewgraph.cluster.requeue import requeue
from crewgraph.cluster.submit import cancel_runs
from crewgraph.compiler import compile_pipeline
from crewgraph.errors import StoreError
from crewgraph.store import StoredRuns, collect, stored_runs
from crewgraph.store.postgres import connected
from tests.again_app import asked, broken, submitted, tickets
from tests.cluster_app import pipeline
from tests.postgres import changed

pytestmark = pytest.mark.filterwarnings("ignore")


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


# ---- resume, retry and fork ------------------------------------------------------------------------------------


def failed(where: str, *tickets_: str) -> None:
    """Runs that failed, because the line was dead, which it is no more."""
    inputs = [{"ticket": ticket, "n": place + 1} for place, ticket in enumerate(tickets_)]
    broken.update(each["n"] for each in inputs)
    with pytest.raises(KickoffError):
        tickets.kickoff(inputs, store=where, id_column="ticket")
    asked.clear()
    broken.clear()


def test_what_failed_is_tried_again(where: str) -> None:
    """Without the inputs: what failed runs, what is kept is read, and values have their types."""
    failed(where, "R-1", "R-2")
    (run,) = tickets.retry(store=where, runs=["R-2"])
    assert asked == ["judge 20"]
    assert (run.run_id, run.trace[0], run.to_dict()["day"]) == ("R-2", {"ticket": "R-2", "n": 2}, date(2026, 1, 2))
    assert [(span.status, span.attempts) for span in run.spans] == [("ok", 1), ("ok", 2)]
    (run,) = tickets.retry(store=where)
    assert (asked, run.run_id) == (["judge 20", "judge 10"], "R-1")
    assert len(tickets.retry(store=where)) == 0


def test_what_has_not_ended_goes_on(where: str) -> None:
    """Cancelled runs go on with what is left of them."""
    tickets.kickoff([{"ticket": "G-1", "n": 4}], store=where, id_column="ticket")
    changed(
        where,
        "DELETE FROM nodes WHERE node = 'judge' AND run = (SELECT run FROM runs WHERE id = 'G-1')",
        "UPDATE runs SET status = 'cancelled' WHERE id = 'G-1'",
    )
    asked.clear()
    (run,) = tickets.resume(store=where)
    assert (asked, run.run_id, run.ok) == (["judge 40"], "G-1", True)


def test_a_fork_takes_over_what_lies_above(where: str) -> None:
    """The new run reads what it took over, runs the rest with other inputs, and the old one stays as it is."""
    tickets.kickoff([{"ticket": "F-1", "n": 5}], store=where, id_column="ticket")
    asked.clear()
    broken.add(7)
    with pytest.raises(KickoffError, match="the line is dead"):
        tickets.fork("F-1", at="judge", inputs={"n": 7}, store=where)
    (run,) = tickets.fork("F-1", at="judge", inputs={"n": 8}, store=where)
    assert (asked, run.run_id, run.trace[0]) == (["judge 50", "judge 50"], "F-1~2", {"ticket": "F-1", "n": 8})
    assert run.forked_from == {"run": "F-1", "from": "judge"}
    broken.clear()
    (run,) = tickets.retry(store=where, runs=["F-1~1"])
    assert (run.run_id, run.trace[0]) == ("F-1~1", {"ticket": "F-1", "n": 7})
    (old,) = [run for run in stored_runs(where) if run.id == "F-1"]
    assert (old.inputs, old.status) == ({"ticket": "F-1", "n": 5}, "ok")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda where: tickets.retry(store=where, runs=["W-1"]), "'W-1' has not failed: it is 'ok'. hint: fork it"),
        (lambda where: tickets.resume(store=where, runs=["W-1"]), "'W-1' has ended well. hint: fork it"),
        (lambda where: tickets.resume(store=where, runs=["X-1"]), "there is no run 'X-1' of 'tickets'"),
        (lambda where: tickets.fork("W-1", at="jugde", store=where), "no node 'jugde'.*did you mean 'judge'"),
        (lambda where: tickets.fork("W-1", id="W-1", store=where), "there is a run 'W-1' of 'tickets' already"),
    ],
    ids=["not failed", "ended", "unknown", "no such node", "same id"],
)
def test_runs_that_cannot_go_on_are_refused(where: str, call: Any, told: str) -> None:
    """In the same words, whatever the store is."""
    tickets.kickoff([{"ticket": "W-1", "n": 6}], store=where, id_column="ticket")
    with pytest.raises(StoreError, match=told):
        call(where)


@pytest.mark.anyio
async def test_results_of_runs_that_go_on_come_one_by_one(where: str, anyio_backend_name: str) -> None:
    """Stored runs stand in the place of inputs, under asyncio and trio."""
    inputs = [{"ticket": f"{anyio_backend_name} {n}", "n": n} for n in range(1, 4)]
    broken.update(range(1, 4))
    await tickets.kickoff_async(inputs, store=where, id_column="ticket", on_error="collect")
    broken.clear()
    ids = [run.run_id async for run in tickets.stream(StoredRuns("failed"), store=where)]
    assert sorted(ids) == [each["ticket"] for each in inputs]


# ---- the command line ------------------------------------------------------------------------------------------


def called(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, [*words])
    assert done.exit_code == code, done.output
    return done.output


TARGET = "tests.again_app:tickets"


def test_the_command_line_resumes_retries_and_forks(where: str) -> None:
    """With --dry-run as well, which writes nothing."""
    failed(where, "C-1")
    told = called("retry", TARGET, "C-1", "--store", where, "--dry-run")
    assert told.split() == [
        "1",
        "run",
        "is",
        "tried",
        "again",
        "fetch",
        "is",
        "read",
        "in",
        "1",
        "judge",
        "runs",
        "in",
        "1",
    ]
    assert '"run_id": "C-1"' in called("retry", TARGET, "C-1", "--store", where, "-q")
    told = called("fork", TARGET, "C-1", "--from", "judge", "--store", where, "--dry-run")
    assert told.splitlines()[0] == "1 run is forked"
    assert '"run_id": "C-1~1"' in called("fork", TARGET, "C-1", "--from", "judge", "--store", where, "-q")
    assert called("resume", TARGET, "--store", where, "--dry-run") == "nothing is left to do\n"


def test_runs_are_given_to_workers_and_nobody_waits(database: str) -> None:
    """`--detach` returns at once; the runs end all the same."""
    failed(database, "D-1")
    assert called("retry", TARGET, "D-1", "--store", database, "--detach") == (
        "0 runs new, 1 submitted again, 0 under way, 0 done\n"
    )
    (run,) = tickets.kickoff([{"ticket": "D-1", "n": 1}], store=database, id_column="ticket")
    assert [(span.status, span.attempts) for span in run.spans] == [("ok", 1), ("ok", 2)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--store", "runs.sqlite"], "the runs in a file have no workers"),
        (["--store", "postgresql://h/d", "--retries", "3"], "hint: Crew\\(budget=…\\), Pipeline\\(…, policy=…\\)"),
    ],
    ids=["file", "policy"],
)
def test_what_cannot_be_given_to_workers_is_refused(words: list[str], told: str) -> None:
    """Before anything is read."""
    done = CliRunner().invoke(cli, ["resume", TARGET, "--detach", *words])
    assert done.exit_code == 2
    assert pytest.raises(AssertionError, match=told).matches(AssertionError(done.output))


# ---- inputs that come one by one -------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_results_come_while_inputs_are_read(database: str, anyio_backend_name: str) -> None:
    """The second input is not there before the result of the first is."""
    is_there = anyio.Event()

    async def given() -> AsyncIterator[dict[str, int]]:
        yield {"n": 1}
        await is_there.wait()
        yield {"n": 2}

    async for _ in tickets.stream(given(), store=database, batch=anyio_backend_name):
        is_there.set()


@pytest.mark.anyio
async def test_a_stream_is_read_no_faster_than_its_results_are_taken(
    database: str, monkeypatch: pytest.MonkeyPatch, anyio_backend_name: str
) -> None:
    """So that it may be of any length."""
    monkeypatch.setattr(engine, "AHEAD", 5)
    read, taken = 0, 0

    def given() -> Iterator[dict[str, int]]:
        nonlocal read
        for n in range(1, 25):
            read += 1
            yield {"n": n}

    async for _ in tickets.stream(given(), store=database, batch=f"long {anyio_backend_name}"):
        taken += 1
        assert read - taken <= 5 + 1  # one was read and is to be put
    assert taken == 24


@pytest.mark.anyio
async def test_the_first_failure_ends_a_stream_without_end(
    database: str, monkeypatch: pytest.MonkeyPatch, anyio_backend_name: str
) -> None:
    """With fail_fast nothing more is read, and what was submitted and has not ended is cancelled."""
    monkeypatch.setattr(engine, "AHEAD", 50)
    broken.add(3)
    endless = ({"n": n % 31 + 1} for n in itertools.count())
    with pytest.raises(KickoffError, match="the line is dead"):
        async for _ in tickets.stream(
            endless, store=database, batch=f"endless {anyio_backend_name}", on_error="fail_fast"
        ):
            pass
    assert [run.id for run in stored_runs(database, status=["queued", "running"])] == []


def test_cancelling_waits_for_whoever_writes(store: str) -> None:
    """Runs are locked in the order of their numbers, wherever they lie: no writer of several waits in a circle."""
    first, second = submitted(store, 2)
    with connected(store) as writer, ThreadPoolExecutor(1) as aside:
        writer.execute("UPDATE runs SET place = place WHERE run = %s", (first,))  # it lies behind the other now
        with writer.transaction():
            writer.execute("SELECT FROM runs WHERE run = %s FOR UPDATE", (first,))
            as_they_lie = f"{store}?options=-c%20enable_indexscan%3Doff%20-c%20enable_bitmapscan%3Doff"
            cancelled = aside.submit(cancel_runs, as_they_lie, [second, first])
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            with connected(store) as looker:
                while looker.execute(waits).fetchone() == (0,):
                    time.sleep(0.01)
            writer.execute("UPDATE runs SET place = place WHERE run = %s", (second,))
        assert cancelled.result(30) == 2


# ---- what is no longer needed ----------------------------------------------------------------------------------

LEFT = """SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM nodes), (SELECT count(*) FROM tickets),
                 (SELECT count(*) FROM dbos.workflow_status WHERE name = 'crewgraph.run'),
                 (SELECT count(*) FROM dbos.workflow_input), (SELECT count(*) FROM dbos.operation_outputs)"""


def left_of(store: str) -> tuple[int, ...]:
    """Rows of runs, nodes, tickets, and of the engine: workflows, inputs, steps."""
    with connected(store) as connection:
        (found,) = connection.execute(LEFT).fetchall()
        return tuple(found)


def at_rest(store: str) -> None:
    """Wait until the engine has noted what we have noted."""
    with connected(store) as connection:
        query = "SELECT FROM dbos.workflow_status WHERE status IN ('PENDING', 'ENQUEUED') AND name = 'crewgraph.run' LIMIT 1"
        while connection.execute(query).fetchall():
            time.sleep(0.02)


def test_what_ended_long_ago_goes_with_what_the_engine_has_of_it(database: str) -> None:
    """What has not ended stays; of runs that stay, attempts and tickets go that later ones have replaced."""
    collect(database, older=timedelta(0))
    asked.clear()
    failed(database, "K-1", "K-2")
    tickets.retry(store=database, runs=["K-1"])
    at_rest(database)
    submitted(database, 1)  # of another pipeline, which the worker may or may not have by now
    at_rest(database)
    changed(database, "UPDATE runs SET status = 'running', ended = NULL WHERE pipeline = 'clustered'")
    assert left_of(database) == (3, 2 + 1 + 2 + 4, 3, 4, 4, 2 + 1 + 4)
    would = collect(database, older=timedelta(0), status=["failed"], dry_run=True)
    assert (would.runs, would.attempts, left_of(database)[0]) == ({"failed": 1}, 1, 3)
    told = called("gc", "--store", database, "--older", "0s", "--status", "failed")
    assert told.startswith("removed: 1 run (1 failed), 1 attempt that a later one replaced\npostgresql://127.0.0.1:")
    assert left_of(database) == (2, 2 + 4, 2, 2, 2, 1 + 4)
    assert collect(database, older=timedelta(days=1)).runs == {}
    assert collect(database, older=timedelta(0)).runs == {"ok": 1}
    assert [(run.pipeline, run.status) for run in stored_runs(database)] == [("clustered", "running")]
    assert called("gc", "--store", database, "--older", "0s") == "there is nothing to remove\n"


def test_old_ticks_go_with_who_fired_them(store: str) -> None:
    """The last hundred of a schedule stay, and those that have not ended."""
    every = "SELECT 'daily', to_char(n, '0000'), 'ok', NULL, n, n FROM generate_series(1, 130) AS of_(n)"
    changed(store, f"INSERT INTO ticks {every}")
    changed(store, "INSERT INTO firings SELECT schedule, tick, 'w', NULL, '{}' FROM ticks")
    changed(store, "UPDATE ticks SET status = 'running', ended = NULL WHERE began = 1")
    assert not collect(store, older=timedelta(0), key="clustered")
    assert collect(store, older=timedelta(0), dry_run=True).ticks == 29
    assert called("gc", "--store", store, "--older", "0s").startswith("removed: 29 ticks of schedules\n")
    with connected(store) as connection:
        left = "SELECT count(*), min(began) FROM ticks JOIN firings USING (schedule, tick)"
        assert connection.execute(left).fetchone() == (101, 1)
        assert connection.execute("SELECT count(*) FROM firings").fetchone() == (101,)


def test_what_is_under_way_stays(store: str) -> None:
    """A run that was noted as ended, and whose workflow is at work or was put back on its queue."""
    submitted(store, 2)
    changed(store, "UPDATE runs SET status = 'failed', ended = 0")
    assert not collect(store, older=timedelta(0))
    changed(store, "UPDATE dbos.workflow_status SET status = 'ERROR' WHERE workflow_uuid = 'crewgraph/1/1'")
    assert collect(store, older=timedelta(0)).runs == {"failed": 1}
    assert [run.number for run in stored_runs(store)] == [2]


def test_a_result_that_was_removed_is_not_waited_for(
    store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits for a run is told that it is gone."""
    monkeypatch.setattr(engine, "COMPLAIN", 0.0)

    def removed(*_: object) -> list[Any]:
        changed(store, "DELETE FROM runs")
        return []

    monkeypatch.setattr(engine, "ended_runs", removed)
    with pytest.raises(KickoffError, match="the run was removed before its result was read"):
        pipeline.kickoff({"n": 1}, store=store)
    assert "no worker of 'clustered' version" in caplog.text
