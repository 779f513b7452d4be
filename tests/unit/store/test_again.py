"""Runs that go on, are tried again or are forked, without their inputs being given once more."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import time
from contextlib import aclosing, suppress
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from crewgraph.approval import Approval
from crewgraph.engine.stored import left_of
from crewgraph.errors import InputTypeError, KickoffError, StoreError
from crewgraph.outputs import RunStatus
from crewgraph.policy import Budget
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.store import Fork, StoredRuns, overview_of
from crewgraph.syntax import Pipeline


class Works:
    """Steps that note what they see, and fail or end the kickoff where they are told to."""

    def __init__(self) -> None:
        self.ran = list[str]()
        self.fails = set[str]()
        self.kills = set[str]()

    def step(self, name: str, gives: Any = None) -> Any:
        async def work(inputs: dict[str, Any]) -> dict[str, Any]:
            if f"{name} {inputs['n']}" in self.kills:
                raise SystemExit
            self.ran.append(f"{name} {inputs['n']}")
            if f"{name} {inputs['n']}" in self.fails:
                raise ValueError(f"{name} fails")
            return {name: f"{name} of {inputs['n']}" if gives is None else gives}

        return step(name=name)(work)

    def since(self) -> list[str]:
        told = list(self.ran)
        self.ran.clear()
        return told


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def pipeline(works: Works) -> Pipeline:
    return Pipeline([works.step("a"), works.step("b"), works.step("c")], name="p")


def started(pipeline: Pipeline, inputs: Any, **options: Any) -> None:
    """A kickoff that ends early, or fails."""
    with suppress(KickoffError, SystemExit):
        pipeline.kickoff(inputs, max_concurrency=1, **options)


def ids(rows: Any) -> list[str]:
    return [name for (name,) in rows("SELECT id FROM runs ORDER BY run")]


# ---- going on ------------------------------------------------------------------------------------------------------


def test_what_was_killed_goes_on(store, works, pipeline) -> None:
    """Runs that had begun are gone on with, under their own ids and places; those that had ended are left alone."""
    works.kills = {"b 2"}
    started(pipeline, [{"n": 1}, {"n": 2}, {"n": 3}], store=store)
    assert works.since() == ["a 1", "b 1", "c 1", "a 2"]
    works.kills.clear()
    (run,) = pipeline.resume(store=store)
    assert works.since() == ["b 2", "c 2"]
    assert run.trace == [{"n": 2}, "a", "b", "c"]
    assert overview_of(store).pipelines[0].runs == {"ok": 2}
    assert len(pipeline.resume(store=store)) == 0


def test_the_same_run_goes_on(store, works, pipeline, rows) -> None:
    """Whether it is known by an id column, by its content, or as the second of two equal ones; its place stays."""
    works.fails = {"b 1"}
    inputs = [{"n": 0}, {"n": 1}, {"n": 1}]
    started(pipeline, inputs, store=store)
    before = rows("SELECT run, id, content, input, place FROM runs ORDER BY run")
    works.fails.clear()
    works.since()
    assert [run.index for run in pipeline.retry(store=store)] == [0, 1]
    assert works.since() == ["b 1", "b 1", "c 1", "c 1"]
    assert rows("SELECT run, id, content, input, place FROM runs ORDER BY run") == before
    pipeline.kickoff(inputs, store=store)
    assert works.since() == []


def test_an_id_column_stays_the_id(store, works, pipeline, rows) -> None:
    """A later kickoff with the id column reads what was resumed."""
    works.fails = {"c 1"}
    started(pipeline, [{"n": 1, "ticket": "T-1"}], store=store, id_column="ticket")
    works.fails.clear()
    pipeline.retry(store=store, runs="T-1")
    works.since()
    pipeline.kickoff([{"n": 1, "ticket": "T-1"}], store=store, id_column="ticket")
    assert works.since() == []
    assert ids(rows) == ["T-1"]


def test_what_failed_is_tried_again(store, works, pipeline) -> None:
    """Only what failed runs again, and what comes after it; another failure is a failure again."""
    works.fails = {"b 1", "b 2"}
    started(pipeline, [{"n": 0}, {"n": 1}, {"n": 2}], store=store)
    works.since()
    works.fails = {"b 2"}
    with pytest.raises(KickoffError, match="1 of 2 runs failed"):
        pipeline.retry(store=store)
    assert sorted(works.since()) == ["b 1", "b 2", "c 1"]
    (run,) = pipeline.retry(store=store, on_error="collect")
    assert run.status is RunStatus.FAILED
    assert [(span.attempts, span.source) for span in run.spans] == [(1, "store"), (3, None), (0, None)]


def test_what_a_budget_stopped_goes_on(store, works) -> None:
    """A run that was over its budget is unfinished, and not failed."""
    from crewgraph.crew import Agent, Crew, Task
    from crewgraph.testing import ScriptedLLM

    clerk = Agent(role="Clerk", llm=ScriptedLLM("one", "two"))
    pipeline = Pipeline([Crew(name=name, agents=[clerk], tasks=[Task(description=name)]) for name in "ab"])
    pipeline.kickoff({}, store=store, budget=Budget(calls=1), on_error="collect")
    assert len(pipeline.retry(store=store)) == 0
    (run,) = pipeline.resume(store=store, budget=Budget(calls=1))
    assert run.raw == "two"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_in_an_event_loop(store, works, pipeline, backend) -> None:
    """The call is awaited there, says so, and the async twins always are."""
    works.fails = {"b 1"}
    started(pipeline, {"n": 1}, store=store)

    async def main() -> None:
        works.fails.clear()
        (run,) = await pipeline.retry_async(store=store)
        assert run.ok
        assert len(await pipeline.resume_async(store=store)) == 0
        pending = pipeline.resume(store=store)
        assert "await pipeline.resume(…)" in repr(pending)
        assert len(await pending) == 0
        (fork,) = await pipeline.fork_async(run.trace[0] and ids_of(store)[0], store=store, at="c")
        assert fork.ok

    anyio.run(main, backend=backend)


def ids_of(store: Any) -> list[str]:
    connection = sqlite3.connect(store)
    try:
        return [name for (name,) in connection.execute("SELECT id FROM runs ORDER BY run")]
    finally:
        connection.close()


@pytest.mark.anyio
async def test_a_stream_of_runs_that_go_on(store, works, pipeline) -> None:
    """Stored runs may stand in the place of inputs wherever these are given; each is taken once, also where it fails again."""
    works.fails = {f"b {n}" for n in range(600)}
    with pytest.raises(KickoffError):
        await pipeline.kickoff_async(({"n": n} for n in range(600)), store=store)
    works.fails = {"b 7"}
    works.since()
    async with aclosing(pipeline.stream(StoredRuns("failed"), store=store, on_error="collect")) as runs:
        ended = [run.status async for run in runs]
    assert len(ended) == 600
    assert ended.count(RunStatus.FAILED) == 1
    assert len(works.since()) == 600 + 599
    told = [event async for event in pipeline.events(StoredRuns("failed"), store=store)]
    assert type(told[0]).__name__ == "RunStarted"


def test_what_is_left_is_told_beforehand(store, works, pipeline, caplog) -> None:
    """How many runs go on, and how much of them is kept."""
    caplog.set_level(logging.INFO, "crewgraph.store")
    works.fails = {"c 1", "b 2"}
    started(pipeline, [{"n": n} for n in range(3)], store=store)
    pipeline.resume(store=store)
    pipeline.retry(store=store, on_error="collect")
    pipeline.retry(store=store, runs=ids_of(store)[1:2], on_error="collect")
    told = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert "no run of 'p' is left to go on" in told
    assert "2 runs are tried again; of them 3 answers are kept" in told
    assert "1 run is tried again; of it 2 answers are kept" in told


def test_after_an_edit_the_rest_runs_as_it_is_now(store, works) -> None:
    """What was edited runs again, and what lies below it."""
    works.fails = {"c 1"}
    started(Pipeline([works.step("a"), works.step("b"), works.step("c")], name="p"), {"n": 1}, store=store)
    works.since()
    works.fails.clear()
    (run,) = Pipeline([works.step("a"), works.step("b", 7), works.step("c")], name="p").retry(store=store)
    assert works.since() == ["b 1", "c 1"]
    assert run.crews_outputs[1].to_dict() == {"b": 7}


# ---- what cannot go on ---------------------------------------------------------------------------------------------


@pytest.fixture
def some(store, works, pipeline) -> Any:
    """A store with runs that ended well, that failed and that did not end."""
    works.fails, works.kills = {"b 2"}, {"b 3"}
    tickets = [{"n": 1, "id": "T-1"}, {"n": 2, "id": "T-2"}, {"n": 3, "id": "U-3"}]
    started(pipeline, tickets, store=store, id_column="id")
    works.kills.clear()
    works.since()
    return store


@pytest.mark.parametrize(
    ("verb", "runs", "message"),
    [
        ("resume", ["T-1"], "run 'T-1' has ended well. hint: fork it to run some of it anew"),
        ("resume", ["T-2"], "run 'T-2' failed. hint: retry it: then what failed is tried once more"),
        ("retry", ["T-1"], "run 'T-1' has not failed: it is 'ok'. hint: fork it"),
        ("retry", ["U"], "run 'U-3' has not failed: it is 'cancelled'. hint: resume it"),
        ("retry", ["T"], "'T' may be 'T-1', 'T-2'. hint: write more of the one that is meant"),
        ("retry", ["T-2", "X"], "there is no run 'X' of 'p'. hint: name it by its id, or by the beginning of that"),
        ("retry", [""], "there is no run ''"),
        ("retry", ["T_2"], "there is no run 'T_2'"),
        ("retry", ["%"], "there is no run '%'"),
    ],
)
def test_runs_that_cannot_go_on(some, works, pipeline, *, verb, runs, message) -> None:
    """A run that is named has to be there, be meant alone, and have something left to do; nothing has run."""
    with pytest.raises(StoreError) as told:
        getattr(pipeline, verb)(store=some, runs=runs)
    assert message in str(told.value)
    assert works.since() == []


def test_a_beginning_that_fits_one_run(some, works, pipeline) -> None:
    """It will do; a run that is named twice goes on once."""
    (run,) = pipeline.resume(store=some, runs=["U", "U-3"])
    assert run.trace[0]["id"] == "U-3"
    assert works.since() == ["b 3", "c 3"]


def test_pipelines_without_runs(some, works, tmp_path) -> None:
    """They are told which there are; a file that is not there is not made."""
    other = Pipeline([works.step("a")], name="other")
    with pytest.raises(StoreError, match=r"holds no runs of 'other'; there are those of 'p'. hint: name the pipeline"):
        other.resume(store=some)
    assert len(other.retry(store=some, key="p", on_error="collect")) == 1
    with pytest.raises(StoreError, match="there is no such file"):
        other.resume(store=tmp_path / "none.sqlite")
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("none")] == []
    other.kickoff([], store=tmp_path / "empty.sqlite")
    with pytest.raises(StoreError, match="holds no runs of 'other'; there are none"):
        other.resume(store=tmp_path / "empty.sqlite")


def test_wrong_options(some, pipeline) -> None:
    """Without a store there is nothing to go on with; the ids are known; a plan is about inputs."""
    with pytest.raises(TypeError, match="runs that go on are read from a store, and there is none"):
        pipeline.resume()
    with pytest.raises(TypeError, match="id_column tells new inputs apart"):
        pipeline.retry(store=some, id_column="id")
    with pytest.raises(InputTypeError, match="a plan is made of inputs"):
        pipeline.plan(StoredRuns(), store=some)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StoredRuns("ok"), 'stored runs are "unfinished" or "failed", not \'ok\''),  # type: ignore[arg-type]
        (lambda: StoredRuns("failed", "T-1"), "runs is a list of ids, as in ['T-1'], not 'T-1'"),
        (lambda: StoredRuns("failed", [1]), "runs is a list of ids"),  # type: ignore[list-item]
        (lambda: Fork(7), "run is the id of a run, not 7"),  # type: ignore[arg-type]
        (lambda: Fork(""), "run is the id of a run, not ''"),
        (lambda: Fork("T", at=""), "at is the name of a node, not ''"),
        (lambda: Fork("T", id=7), "id is the id of the new run, not 7"),  # type: ignore[arg-type]
        (lambda: Fork("T", inputs=[1]), "inputs are the values that are others in the fork"),  # type: ignore[arg-type]
        (lambda: Fork("T", inputs={1: 2}), "inputs are the values that are others in the fork"),  # type: ignore[dict-item]
        (lambda: Pipeline([step(lambda: None)]).fork("T", inputs=3), "inputs are the values that are others"),
    ],
)
def test_what_is_no_run_and_no_fork(make, message) -> None:
    """It is refused where it is made, before any store is looked at."""
    with pytest.raises((TypeError, ValueError)) as told:
        make()
    assert message in str(told.value)


def test_inputs_that_do_not_fit_any_more(store, works) -> None:
    """After an edit a run may lack a key; it is told by its id, and a fork brings what it needs."""
    works.fails = {"b 1", "b 2"}
    inputs = [{"n": 1, "id": "x"}, {"n": 2, "id": "y", "more": 5}]
    started(Pipeline([works.step("b")], name="p"), inputs, store=store, id_column="id")
    works.fails.clear()

    @step
    async def needs(more: int) -> int:
        return more

    edited = Pipeline([needs, works.step("b")], name="p")
    with pytest.raises(
        StoreError, match=r"the input of run 'x' lacks 'more' .*hint: edit the pipeline, or fork the run"
    ):
        edited.retry(store=store)
    lacking, other = edited.retry(store=store, on_error="collect")
    assert (type(lacking.error), other.ok) == (StoreError, True)
    (fork,) = edited.fork("x", store=store, inputs={"more": 6})
    assert fork.crews_outputs[0].raw == "6"


def test_inputs_with_a_model(store, works) -> None:
    """What is read is the input as it was given, and is validated as it was then."""

    class Day(BaseModel):
        n: int
        day: dt.date

    works.fails = {"a 1"}
    pipeline = Pipeline([works.step("a")], inputs=Day, name="p")
    started(pipeline, {"n": "1", "day": "2026-01-02"}, store=store)
    works.fails.clear()
    (run,) = pipeline.retry(store=store)
    assert run.trace[0] == {"n": 1, "day": dt.date(2026, 1, 2)}


@pytest.mark.anyio
async def test_a_store_that_somebody_writes_to(store, works, pipeline) -> None:
    """It is refused, and told who that is."""
    await pipeline.kickoff_async([{"n": 1, "id": "T"}], store=store, id_column="id")

    @step
    async def inside() -> str:
        for verb in (pipeline.resume_async, pipeline.retry_async):
            with pytest.raises(StoreError, match="writes to it already"):
                await verb(store=store)
        with pytest.raises(StoreError, match="writes to it already"):
            await pipeline.fork_async("T", store=store)
        return "done"

    (run,) = await Pipeline([inside]).kickoff_async({}, store=store)
    assert run.raw == "done"


@pytest.mark.parametrize("value", [dt.date(2026, 1, 1), (1, 2), {"b"}, b"x", float("inf")], ids=repr)
def test_inputs_that_json_does_not_give_back(store, works, pipeline, value) -> None:
    """They are refused by name of the run; where others are to go on, they fail alone and stay as they are."""
    works.fails = {"b 1", "b 2"}
    started(pipeline, [{"n": 1, "id": "x", "value": value}, {"n": 2, "id": "y"}], store=store, id_column="id")
    works.fails.clear()
    with pytest.raises(StoreError, match=r"run 'x' had an input that JSON does not give back .* start the kickoff"):
        pipeline.retry(store=store)
    refused, other = pipeline.retry(store=store, on_error="collect")
    assert isinstance(refused.error, StoreError)
    assert other.ok
    assert overview_of(store).pipelines[0].runs == {"failed": 1, "ok": 1}
    with pytest.raises(StoreError, match="run 'x' had an input"):
        pipeline.fork("x", store=store)
    pipeline.kickoff({"n": 1, "id": "x", "value": value}, store=store, id_column="id")
    assert overview_of(store).pipelines[0].runs == {"ok": 2}


@pytest.mark.parametrize("text", ["{", "[1]", "null"])
def test_inputs_that_are_broken(some, pipeline, text) -> None:
    """A store that somebody wrote into is told of."""
    connection = sqlite3.connect(some)
    with connection:
        connection.execute("UPDATE runs SET input = ? WHERE id = 'T-2'", (text,))
    connection.close()
    with pytest.raises(StoreError, match="the input of run 'T-2' is broken"):
        pipeline.retry(store=some)


def test_waiting_runs_go_on_once_it_is_decided(some, works, pipeline) -> None:
    """Those for whose node there is a decision; the others stay where they are."""
    connection = sqlite3.connect(some)
    with connection:
        connection.execute("UPDATE runs SET status = 'waiting' WHERE id <> 'T-1'")
        connection.execute("UPDATE nodes SET status = 'waiting' WHERE status = 'failed'")
        connection.execute("INSERT INTO decisions VALUES (2, 'b', '{}', 0)")
    connection.close()
    works.fails.clear()
    (run,) = pipeline.resume(store=some)
    assert run.trace[0]["id"] == "T-2"


def test_waiting_runs_go_on_when_their_time_is_up(store, monkeypatch) -> None:
    """A question that has expired is answered by that; one that has not waits on."""
    real, asked = time.time, (Approval("late", ask="Well?", timeout=1_000), Approval("soon", ask="Well?"))
    for each in asked:
        Pipeline([each], name=each.name).kickoff({"n": 1}, store=store)
    monkeypatch.setattr(time, "time", lambda: real() + 5_000)
    (run,) = Pipeline([asked[0]], name="late").resume(store=store)
    assert run.to_dict()["late"] == "expired"
    assert len(Pipeline([asked[1]], name="soon").resume(store=store)) == 0


# ---- forks ---------------------------------------------------------------------------------------------------------


def branched(works: Works, **gives: Any) -> Pipeline:
    return Pipeline(
        [
            works.step("a", gives.get("a")),
            [works.step("b", gives.get("b")), works.step("c", gives.get("c"))],
            works.step("d", gives.get("d")),
        ],
        name="p",
    )


def test_a_fork_runs_anew_from_a_node_on(store, works, rows) -> None:
    """What lies above keeps what it gave, what lies beside is read, the node and what is below run; the old run stays."""
    pipeline = branched(works)
    (old,) = pipeline.kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    before = rows("SELECT * FROM nodes")
    works.since()
    (run,) = pipeline.fork("T", store=store, at="b")
    assert works.since() == ["b 1", "d 1"]
    assert run.forked_from == {"run": "T", "from": "b"}
    assert old.forked_from is None
    assert [(span.node, span.source) for span in run.spans] == [
        ("a", "store"),
        ("b", None),
        ("c", "store"),
        ("d", None),
    ]
    assert rows("SELECT * FROM nodes WHERE run = 1") == before
    assert ids(rows) == ["T", "T~1"]
    assert rows("SELECT origin, place FROM runs WHERE run = 2") == [('{"run": "T", "from": "b"}', 0)]
    assert rows("SELECT DISTINCT fingerprint FROM nodes WHERE fingerprint = '*'") == []


def test_a_fork_with_other_inputs(store, works) -> None:
    """They are seen from the node on; above it there is what there was."""
    pipeline = branched(works)
    pipeline.kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    works.since()
    (run,) = pipeline.fork("T", store=store, at="b", inputs={"n": 5})
    assert sorted(works.since()) == ["b 5", "c 5", "d 5"]
    assert run.crews_outputs[0].to_dict() == {"a": "a of 1"}
    assert run.trace[0] == {"n": 5, "id": "T"}


def test_a_fork_after_an_edit(store, works) -> None:
    """Nodes above keep what they gave although they were edited; without a node, what was edited runs."""
    branched(works).kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    works.since()
    (run,) = branched(works, a=8, d=9).fork("T", store=store, at="d")
    assert works.since() == ["d 1"]
    assert [output.to_dict() for output in run.crews_outputs] == [
        {"a": "a of 1"},
        {"b": "b of 1"},
        {"c": "c of 1"},
        {"d": 9},
    ]
    (run,) = branched(works, c=7).fork("T", store=store)
    assert sorted(works.since()) == ["c 1", "d 1"]
    assert run.forked_from == {"run": "T", "from": None}


def test_ids_of_forks(store, works, pipeline, rows) -> None:
    """They are counted, forks of forks too, or given; the beginning of the first run's id still means that run."""
    pipeline.kickoff([{"n": 1, "id": "T-1"}], store=store, id_column="id")
    for run, own in (("T-1", None), ("T", None), ("T-1~1", None), ("T", "mine")):
        pipeline.fork(run, store=store, at="c", id=own)
    assert ids(rows) == ["T-1", "T-1~1", "T-1~2", "T-1~1~1", "mine"]
    with pytest.raises(StoreError, match="there is a run 'mine' of 'p' already"):
        pipeline.fork("T", store=store, id="mine")


def test_a_fork_that_fails_is_tried_again(store, works, pipeline) -> None:
    """It is a run as any other: what it took over is still kept, also where its inputs are others."""
    pipeline.kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    works.fails = {"c 5"}
    with pytest.raises(KickoffError):
        pipeline.fork("T", store=store, at="b", inputs={"n": 5})
    works.fails.clear()
    works.since()
    (run,) = pipeline.retry(store=store)
    assert works.since() == ["c 5"]
    assert run.forked_from == {"run": "T", "from": "b"}
    assert [span.source for span in run.spans] == ["store", "store", None]


def test_a_fork_of_a_run_that_failed(store, works, pipeline) -> None:
    """It may be forked from the node that failed, and not from one that it did not come to."""
    works.fails = {"b 1"}
    started(pipeline, [{"n": 1, "id": "T"}], store=store, id_column="id")
    works.fails.clear()
    with pytest.raises(
        StoreError, match=r"run 'T' has not come as far as 'c': nothing is kept of 'b'. hint: fork it from"
    ):
        pipeline.fork("T", store=store, at="c")
    works.since()
    pipeline.fork("T", store=store, at="b")
    assert works.since() == ["b 1", "c 1"]


def test_of_several_answers_the_one_of_today_counts(store, works) -> None:
    """An edit that was undone does not come back through a fork."""
    for gives in (None, 5, None):
        branched(works, a=gives).kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    (run,) = branched(works).fork("T", store=store, at="d")
    assert run.crews_outputs[0].to_dict() == {"a": "a of 1"}
    (run,) = branched(works, a=6).fork("T", store=store, at="d")
    assert run.crews_outputs[0].to_dict() == {"a": 5}


def routed(works: Works, limit: int) -> Pipeline:
    router = Router({"high": Route(f"n > {limit}", works.step("h"))}, works.step("l"), name="size")
    return Pipeline([works.step("a"), router, works.step("z")], name="p")


def test_routers_above_keep_their_decisions(store, works) -> None:
    """Also where they would decide otherwise by now; a fork from the router asks it."""
    routed(works, 5).kickoff([{"n": 9, "id": "T"}], store=store, id_column="id")
    works.since()
    (run,) = routed(works, 50).fork("T", store=store, at="z", inputs={"n": 1})
    assert works.since() == ["z 1"]
    assert run.trace == [{"n": 1, "id": "T"}, "a", {"route_taken": "high"}, "h", "z"]
    (run,) = routed(works, 5).fork("T", store=store, at="size", inputs={"n": 1})
    assert works.since() == ["l 1", "z 1"]
    assert run.trace == [{"n": 1, "id": "T"}, "a", {"route_taken": "default"}, "l", "z"]


def test_nodes_that_cannot_be_forked_from(store, works) -> None:
    """One that is not there, and one on a route that the run did not take."""
    pipeline = routed(works, 5)
    pipeline.kickoff([{"n": 9, "id": "T"}], store=store, id_column="id")
    with pytest.raises(StoreError, match="run 'T' did not come by 'l': 'size' took 'high'"):
        pipeline.fork("T", store=store, at="l")
    with pytest.raises(StoreError, match=r"no node 'sise' to fork run 'T' from. hint: did you mean 'size'\?"):
        pipeline.fork("T", store=store, at="sise")
    with pytest.raises(StoreError, match=r"no node 'start'.*hint: there is 'a', 'size', 'h', 'l', 'z'"):
        pipeline.fork("T", store=store, at="start")
    with pytest.raises(StoreError, match="there is no run 'X'"):
        pipeline.fork("X", store=store)
    assert len(ids_of(store)) == 1


def test_open_routers(store, works) -> None:
    """They are asked again; what is inside of them keeps what it gave above the node, and cannot be forked from."""

    class Own(Router):
        def route(self, values: dict[str, Any]) -> Any:
            return Pipeline([works.step("x"), works.step("y")]), "own"

    pipeline = Pipeline([works.step("a"), Own(default=works.step("never"), name="own"), works.step("z")], name="p")
    pipeline.kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    works.since()
    (run,) = pipeline.fork("T", store=store, at="z", inputs={"n": 5})
    assert works.since() == ["z 5"]
    assert run.ok
    pipeline.fork("T", store=store, at="own", inputs={"n": 5})
    assert works.since() == ["x 5", "y 5", "z 5"]
    with pytest.raises(StoreError, match="node 'own › x' is part of what the router 'own' came up with in run 'T'"):
        pipeline.fork("T", store=store, at="own › x")


def test_what_is_not_kept_runs_again_in_a_fork(store, works, caplog) -> None:
    """Nobody knows what it gave; what lies below it and above the node keeps what it gave."""
    pipeline = Pipeline([works.step("a", object()), works.step("b"), works.step("c")], name="p")
    pipeline.kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    works.since()
    pipeline.fork("T", store=store, at="c", inputs={"n": 2})
    assert works.since() == ["a 2", "c 2"]


def test_a_fork_in_the_place_of_inputs(store, works, pipeline) -> None:
    """It can be streamed as well."""
    pipeline.kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")

    async def main() -> list[Any]:
        return [run async for run in pipeline.stream(Fork("T", at="c"), store=store)]

    (run,) = anyio.run(main)
    assert run.forked_from == {"run": "T", "from": "c"}


def test_forks_and_new_runs_do_not_collide(store, works, pipeline, rows) -> None:
    """What is begun after a fork gets a number of its own."""
    pipeline.kickoff([{"n": 1, "id": "T"}], store=store, id_column="id")
    pipeline.fork("T", store=store, at="b")
    pipeline.kickoff([{"n": 2, "id": "V"}], store=store, id_column="id")
    assert rows("SELECT run, id, status FROM runs") == [(1, "T", "ok"), (2, "T~1", "ok"), (3, "V", "ok")]


# ---- what is left --------------------------------------------------------------------------------------------------


def left(pipeline: Pipeline, store: Any, chosen: Any) -> dict[str, tuple[int, int, int]]:
    told = left_of(pipeline, store, chosen)
    return {name: (node.read, node.runs, node.may_run) for name, node in told.nodes.items()}


def test_what_is_left_is_what_then_runs(store, works) -> None:
    """Nodes that are read, that run, and that may run after them; what is not kept runs, and what lies below is read."""
    pipeline = Pipeline([works.step("a"), works.step("b", object()), works.step("c"), works.step("d")], name="p")
    works.fails = {"c 1", "a 2"}
    started(pipeline, [{"n": n, "id": f"T-{n}"} for n in range(3)], store=store, id_column="id")
    before = store.read_bytes()
    assert left(pipeline, store, StoredRuns("failed")) == {
        "a": (1, 1, 0),
        "b": (0, 1, 1),
        "c": (0, 1, 1),
        "d": (0, 0, 2),
    }
    assert left(pipeline, store, Fork("T-0")) == {"a": (1, 0, 0), "b": (0, 1, 0), "c": (1, 0, 0), "d": (1, 0, 0)}
    assert left(pipeline, store, Fork("T-0", at="d")) == {
        "a": (1, 0, 0),
        "b": (0, 1, 0),
        "c": (1, 0, 0),
        "d": (0, 1, 0),
    }
    assert store.read_bytes() == before
    works.since()
    pipeline.fork("T-0", at="d", store=store)
    assert works.since() == ["b 0", "d 0"]


def test_runs_that_cannot_be_read_are_told_of_beforehand(store, works) -> None:
    """Whoever asks what is left hears what will be refused."""
    works.fails = {"a 1"}
    pipeline = Pipeline([works.step("a")], name="p")
    started(pipeline, {"n": 1, "when": dt.date(2026, 1, 1)}, store=store)
    with pytest.raises(StoreError, match="JSON does not give back"):
        left_of(pipeline, store, StoredRuns("failed"))
