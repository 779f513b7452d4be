"""Approvals on a cluster: runs wait in the database, and go on by themselves when somebody has decided or time is up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from crewgraph import Approval, Decision, Pipeline, Procedure, Route, Router, step
from crewgraph.cli import cli
from crewgraph.cluster import book, janitor
from crewgraph.cluster.names import queue_of, structure_of
from crewgraph.cluster.worker import Served, Worker
from crewgraph.compiler import compile_pipeline
from crewgraph.errors import KickoffError, StoreError
from crewgraph.store import WaitingRun, decide, log, stored_runs, waiting
from crewgraph.store.postgres import connected
from crewgraph.testing import decided_by
from crewgraph.testing.clusters import database

pytestmark = pytest.mark.filterwarnings("ignore")

ran = list[str]()
gate = threading.Event()


def noted(name: str) -> Any:
    """A step that notes that it ran."""

    @step(name=name, inline=True)
    def work(i: int) -> dict[str, str]:
        ran.append(f"{name} {i}")
        return {name: f"{name}{i}"}

    return work


@step
def slow(i: int) -> dict[str, str]:
    assert gate.wait(60)
    ran.append(f"slow {i}")
    return {"slow": f"slow{i}"}


@step(inline=True)
def fails_once(i: int) -> dict[str, str]:
    ran.append(f"fails {i}")
    if ran.count(f"fails {i}") == 1:
        raise ConnectionError("the line is dead")
    return {"mended": f"{i}"}


@step(inline=True)
def noted_last(a: str, ok: str) -> dict[str, str]:
    return {"last": f"{a} {ok}"}


def letters(ask: str = "Send {a}?") -> Pipeline:
    choice = Router({"yes": Route("ok == 'approved'", noted("b"))}, noted("c"))
    return Pipeline([noted("a"), [Approval("ok", ask=ask), noted("beside")], choice], name="letters")


PIPELINES = {
    "letters": letters(),
    "two": Pipeline(
        [[Approval("one"), Approval("two")], Approval("three", ask="{one} {two}?"), noted("d")], name="two"
    ),
    "quick": Pipeline([noted("a"), Approval("ok", timeout=60)], name="quick"),
    "long": Pipeline([Approval("ok", timeout=timedelta(days=3), edits={"i": int})], name="long"),
    "slow": Pipeline([[Approval("ok"), slow]], name="slow"),
    "mended": Pipeline([[Approval("ok"), fails_once]], name="mended"),
    "strict": Pipeline([Approval("ok", required=True), noted("e")], name="strict"),
    "chain": Procedure([noted("a"), Approval("ok"), noted_last], name="chain"),
    "machine": Pipeline([Approval("ok", decide=lambda question: question.values == {})], name="machine"),
}


@pytest.fixture(scope="module")
def store() -> Generator[str]:
    with database() as address:
        yield address


@pytest.fixture(scope="module")
def worker(store: str) -> Generator[Worker]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(janitor, "BEAT", 0.1)
        made = Worker(store, PIPELINES)
        made.start()
        yield made
        made.stop(5.0)


def parked(store: str, name: str, i: int) -> Any:
    """A run that waits, as a kickoff gives it."""
    (run, *_) = PIPELINES[name].kickoff([{"i": i}], store=store, id_column="i")
    return run


def asked(store: str, name: str, i: int) -> list[WaitingRun]:
    return [each for each in waiting(store) if (each.pipeline, each.run) == (name, str(i))]


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def expired(store: str, name: str, i: int) -> None:
    """Let what a run asks have been asked an hour before."""
    with connected(store) as connection:
        query = (
            "SELECT nodes.run, output FROM nodes JOIN runs USING (run) WHERE pipeline = %s AND id = %s AND node = 'ok'"
        )
        ((run, output),) = connection.execute(query, (name, str(i))).fetchall()
        question = json.loads(output)
        question.update(since=question["since"] - 3600, until=question["until"] - 3600)
        query = "UPDATE nodes SET output = %s, started = started - 3600, ended = ended - 3600 WHERE run = %s AND node = 'ok'"
        connection.execute(query, (json.dumps(question), run))


def ends(store: str, name: str, i: int, status: str = "ok") -> None:
    """Wait until a run stands so, without kicking it off."""
    until(lambda: (str(i), status) in [(each.id, each.status) for each in stored_runs(store, key=name)])


def numbers(store: str, name: str, i: int) -> int:
    """How often a run was given to workers."""
    with connected(store) as connection:
        query = "SELECT number FROM tickets JOIN runs USING (run) WHERE pipeline = %s AND id = %s"
        return int(connection.execute(query, (name, str(i))).fetchone()[0])


def test_it_waits_without_a_worker(store: str, worker: Worker) -> None:
    """What does not depend on it has run, kickoffs return the run as one that waits, and nothing is asked or run twice."""
    first, again = parked(store, "letters", 1), parked(store, "letters", 1)
    for run in (first, again):
        assert (run.status, run.ok, run.error, run.run_id) == ("waiting", False, None, "1")
        assert [(each.node, each.ask, each.values) for each in run.waiting] == [("ok", "Send a1?", {"a": "a1"})]
        assert [span.status for span in run.spans] == ["ok", "waiting", "ok", "skipped", "skipped", "skipped"]
        assert run.trace == [{"i": 1}, "a", ["ok", "beside"]]
    assert first.waiting == again.waiting
    assert [each for each in ran if each.endswith(" 1")] == ["a 1", "beside 1"]
    assert worker.committer is not None


@pytest.mark.parametrize(("decision", "last"), [("approved", "b"), ("rejected", "c")])
def test_it_goes_on_by_itself(store: str, worker: object, decision: Any, last: str) -> None:
    """A decision is enough: a worker goes on, and whoever kicks off again reads how it ended."""
    i = 2 if decision == "approved" else 3
    parked(store, "letters", i)
    decide(store, str(i), decision, by="Ann", key="letters")
    ends(store, "letters", i)
    run = parked(store, "letters", i)
    assert run.to_dict() == {last: f"{last}{i}"}
    assert run.crews_outputs[1].to_dict() == {"ok": decision, "ok_comment": "", "ok_by": "Ann"}
    assert (ran.count(f"a {i}"), ran.count(f"{last} {i}"), asked(store, "letters", i)) == (1, 1, [])


def test_its_time_ends_by_itself(store: str, worker: object) -> None:
    """Nobody has to kick off for what nobody decided in time, and it is too late then."""
    (question,) = parked(store, "quick", 4).waiting
    expired(store, "quick", 4)
    ends(store, "quick", 4)
    run = parked(store, "quick", 4)
    assert run.to_dict() == {"ok": "expired", "ok_comment": "", "ok_by": ""}
    (span,) = (span for span in run.spans if span.node == "ok")
    hour = timedelta(hours=1)
    assert question.until is not None
    assert (span.started, span.ended) == (question.since - hour, question.until - hour)
    with pytest.raises(StoreError, match="run 4 does not wait for anybody"):
        decide(store, "4", "approved", key="quick")


def test_several_in_one_run(store: str, worker: object) -> None:
    """Each is decided for itself, and asked when it is reached."""
    parked(store, "two", 5)
    decide(store, "5", "approved", node="two", key="two")
    assert [each.node for each in parked(store, "two", 5).waiting] == ["one"]
    decide(store, "5", "rejected", node="one", key="two")
    assert [each.ask for each in parked(store, "two", 5).waiting] == ["rejected approved?"]
    decide(store, "5", "approved", key="two")
    ends(store, "two", 5)


def test_in_a_procedure(store: str, worker: object) -> None:
    """What was handed to it goes on with the decision, on whichever worker that is."""
    parked(store, "chain", 17)
    decide(store, "17", "approved", key="chain")
    ends(store, "chain", 17)
    assert parked(store, "chain", 17).to_dict() == {"last": "a17 approved"}


def test_while_something_else_of_it_is_at_work(store: str, worker: object) -> None:
    """A decision that comes before the run waits is not lost: it goes on when it is there."""
    with ThreadPoolExecutor(1) as pool:
        kicked = pool.submit(parked, store, "slow", 6)
        while not asked(store, "slow", 6):
            time.sleep(0.02)
        said = decide(store, "6", "approved", key="slow")
        assert (said.status, asked(store, "slow", 6)[0].decision) == ("running", Decision(decision="approved"))
        gate.set()
        kicked.result()
    ends(store, "slow", 6)
    assert ran.count("slow 6") == 1


def orphaned(store: str, name: str, i: int) -> Callable[[], bool]:
    """Let the worker of a run that is through have died before the engine knew; returns whether it came to another one."""
    own = "(SELECT workflow FROM tickets JOIN runs USING (run) WHERE pipeline = %s AND id = %s)"
    what = (name, str(i))
    with connected(store) as connection:
        connection.execute(
            "UPDATE dbos.workflow_status SET status = 'PENDING', executor_id = 'gone-1-1', queue_name = %s"
            f" WHERE workflow_uuid = {own}",
            (queue_of(name, structure_of(compile_pipeline(PIPELINES[name]))), *what),
        )

    def is_through() -> bool:
        with connected(store) as connection:
            query = f"SELECT status FROM dbos.workflow_status WHERE workflow_uuid = {own}"
            return bool(connection.execute(query, what).fetchone() == ("SUCCESS",))

    return is_through


def test_a_worker_dies_right_after_it_was_put_away(store: str, worker: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run comes to another one, which leaves it where it is: when it is decided it goes on, as any that waits."""
    parked(store, "letters", 13)
    with monkeypatch.context() as patch:
        patch.setattr(janitor, "go_on", lambda _: None)
        decide(store, "13", "approved", key="letters")
        until(orphaned(store, "letters", 13))
        ends(store, "letters", 13, "waiting")
        assert ran.count("b 13") == 0
    ends(store, "letters", 13)
    assert (ran.count("b 13"), numbers(store, "letters", 13)) == (1, 2)


def test_a_worker_dies_right_after_a_failure(store: str, worker: object) -> None:
    """What had failed is not run once more because of that."""
    with pytest.raises(KickoffError, match="the line is dead"):
        parked(store, "mended", 14)
    until(orphaned(store, "mended", 14))
    ends(store, "mended", 14, "failed")
    assert ran.count("fails 14") == 1


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided is not taken up meanwhile."""
    monkeypatch.setattr(janitor, "go_on", lambda _: None)


def test_the_same_decision_again(store: str, worker: object, at_rest: None) -> None:
    """It changes nothing, another one is refused, and values are looked at as in a file."""
    parked(store, "long", 7)
    with pytest.raises(StoreError, match="'i' of 'ok': 'x' is no int"):
        decide(store, "7", "approved", key="long", values={"i": "x"})
    said = [decide(store, "7", "rejected", key="long", by="Ann") for _ in range(2)]
    assert said[0] == said[1]
    with pytest.raises(StoreError, match="'ok' of run 7 was rejected by Ann already"):
        decide(store, "7", "approved", key="long")
    assert [each.decision for each in asked(store, "long", 7)] == [said[0].decision]


def test_two_who_decide_at_once(store: str, worker: object, at_rest: None) -> None:
    """One wins, and the other is told."""
    parked(store, "long", 8)

    def both_wait() -> bool:
        with connected(store) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE'"
            return bool(connection.execute(query).fetchone()[0] >= 2)

    with ThreadPoolExecutor(2) as pool:
        with connected(store) as connection, connection.transaction():
            connection.execute("SELECT FROM runs WHERE pipeline = 'long' AND id = '8' FOR UPDATE")
            said = [pool.submit(decide, store, "8", each, key="long") for each in ("approved", "rejected")]
            until(both_wait)
        errors = [each.exception() for each in said]
    (winner,) = (each.result().decision for each, error in zip(said, errors, strict=True) if error is None)
    (told,) = (str(error) for error in errors if error is not None)
    assert f"'ok' of run 8 was {winner.decision} already" in told
    assert [each.decision for each in asked(store, "long", 8)] == [winner]


def test_too_late(store: str, worker: object) -> None:
    """It is refused also where no worker can go on, which holds up none of the others."""
    with connected(store) as connection:
        number = connection.execute(
            """INSERT INTO runs (pipeline, id, content, input, definition, place, status, began)
               VALUES ('gone', '9', '', '{}', '', 0, 'waiting', 0) RETURNING run"""
        ).fetchone()[0]
        question = '{"ask": "?", "since": 0, "until": 1, "values": {}, "edits": {}}'
        connection.execute(
            "INSERT INTO nodes VALUES (%s, 'ok', 0, 1, 'waiting', 'f', %s, NULL, NULL, NULL, 0, 1)", (number, question)
        )
    assert asked(store, "gone", 9)[0].is_late
    with pytest.raises(StoreError, match=r"that has passed. hint: a worker goes on with it"):
        decide(store, "9", "approved", key="gone")
    parked(store, "quick", 9)
    expired(store, "quick", 9)
    ends(store, "quick", 9)


def test_an_edit_asks_again(store: str, worker: Worker) -> None:
    """A decision on another question is not taken, and nobody goes on because of it."""
    parked(store, "letters", 10)
    unedited = worker.served["letters"]
    worker.served["letters"] = Served.of(letters("Really send {a}?"))
    try:
        decide(store, "10", "approved", key="letters")
        until(lambda: "Really send a10?" in [each.question.ask for each in asked(store, "letters", 10)])
        ends(store, "letters", 10, "waiting")
        assert [each.decision for each in asked(store, "letters", 10)] == [None]
        before = numbers(store, "letters", 10)
        parked(store, "quick", 10)
        expired(store, "quick", 10)
        ends(store, "quick", 10)  # the janitor has looked meanwhile
        assert numbers(store, "letters", 10) == before == 2
    finally:
        worker.served["letters"] = unedited


def test_a_failure_beside_it(store: str, worker: object) -> None:
    """The question stays, and is not asked again when the failure is mended."""
    with pytest.raises(KickoffError, match="the line is dead"):
        parked(store, "mended", 11)
    for each in asked(store, "mended", 11):
        assert each.status == "failed"
    run = parked(store, "mended", 11)
    assert (run.status, ran.count("fails 11")) == ("waiting", 2)
    decide(store, "11", "approved", key="mended")
    ends(store, "mended", 11)
    assert ran.count("fails 11") == 2


def test_what_has_to_be_approved(store: str, worker: object) -> None:
    """A rejected run fails by itself; the same kickoff asks once more, and then it goes on."""
    parked(store, "strict", 17)
    decide(store, "17", "rejected", key="strict", by="Ann", comment="no")
    ends(store, "strict", 17, "failed")
    (stored,) = (each for each in stored_runs(store, key="strict"))
    assert "'ok' was rejected by Ann: no" in str(stored.error)
    assert parked(store, "strict", 17).status == "waiting"
    decide(store, "17", "approved", key="strict")
    ends(store, "strict", 17)
    assert ran.count("e 17") == 1


def test_a_run_that_is_cancelled_asks_nobody(store: str, worker: object) -> None:
    """Its question is taken back; the same inputs again ask it anew."""
    parked(store, "long", 12)
    done = CliRunner().invoke(cli, ["cancel", "12", "--store", store])
    assert (done.exit_code, done.stdout) == (0, "1 run cancelled\n")
    assert asked(store, "long", 12) == []
    with pytest.raises(StoreError, match="run 12 does not wait for anybody"):
        decide(store, "12", "approved", key="long")
    assert parked(store, "long", 12).status == "waiting"
    assert len(asked(store, "long", 12)) == 1


def test_the_clock_is_that_of_the_database(store: str, worker: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose clock is hours ahead asks now, and its question does not expire before its time."""
    real = time.time
    for module in (book, log):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: real() + 90 * 86_400))
    (question,) = parked(store, "long", 13).waiting
    assert abs(question.since.timestamp() - real()) < 60
    assert parked(store, "long", 13).status == "waiting"


def test_functions_decide_on_workers(store: str, worker: object) -> None:
    """Those of the pipeline do; one around a kickoff ends at its process, and is refused."""
    assert parked(store, "machine", 14).to_dict()["ok"] == "approved"
    with decided_by(lambda _: True), pytest.raises(ValueError, match="Approval\\(…, decide=…\\)"):
        parked(store, "machine", 15)


def test_the_command_line(store: str, worker: object) -> None:
    """`waiting`, `approve` and `reject` take an address, and say that workers go on."""
    parked(store, "long", 16)
    runner = CliRunner()
    shown = runner.invoke(cli, ["waiting", store]).stdout
    assert "run 16 of 'long': 'ok' asks since" in shown
    assert "decide with: crewgraph approve" in shown
    done = runner.invoke(cli, ["approve", "16", "--store", store, "--key", "long", "--set", "i:=3"])
    assert (done.exit_code, done.stdout) == (0, "approved: ok of run 16; a worker goes on with it\n")
    ends(store, "long", 16)
    done = runner.invoke(cli, ["reject", "16", "--store", store, "--key", "long"])
    assert (done.exit_code, "does not wait for anybody" in done.stderr) == (2, True)
