"""Runs out of a store are what they were when they ran."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypedDict

import anyio
import pytest
from pydantic import BaseModel

from crewgraph.crew import Agent, Crew, Task
from crewgraph.engine.replayed import stored_results
from crewgraph.errors import BudgetExceeded, ModelUnavailable, NodeError, StoreError, ToolError
from crewgraph.outputs import CrewOutput, UsageMetrics
from crewgraph.policy import Budget, Policy
from crewgraph.report import plain, record_of, trace_line
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.testing import FailingLLM, ScriptedLLM
from tests.clocks import jump


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


def told(results: Any) -> list[Any]:
    """Everything that is known of results, the errors in words among it."""
    return [(plain(run.model_dump()), trace_line(record_of(run))) for run in results]


def change(store: Path, *statements: str) -> None:
    with closing(sqlite3.connect(store)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def giving(name: str, gives: Any = None) -> Any:
    @step(name=name, inline=True)
    def work(n: int) -> Any:
        if isinstance(gives, BaseException):
            raise gives
        return {name: n} if gives is None else gives

    return work


def _noted() -> Exception:
    error = ValueError("with a note")
    error.add_note("this one")
    return error


# ---- how runs ended ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        ValueError(),
        KeyError("key"),
        ValueError("two\nlines: and a colon\n"),
        _noted(),
        type("Not a name", (Exception,), {})("said"),
        FileNotFoundError(2, "No such file or directory", "x"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        ExceptionGroup("both", [ValueError("no")]),
    ],
    ids=["plain", "empty", "key", "lines", "note", "odd class", "file", "text", "group"],
)
def test_failures(store, error) -> None:
    """The words, the class by its name, and where it happened."""
    pipeline = Pipeline([giving("a"), giving("b", error), giving("c")])
    first = pipeline.kickoff({"n": 1}, store=store, on_error="collect")
    results = list(stored_results(store))
    if type(error).__name__.isidentifier():
        assert told(results) == told(first)
    (run,) = results
    assert isinstance(run.error, NodeError)
    assert (run.error.node, str(run.error)) == ("b", str(first[0].error))
    assert [span.status for span in run.spans] == ["ok", "failed", "skipped"]


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("key"), TimeoutError("late"), OSError(5, "io"), ToolError("t")], ids=repr
)
def test_errors_are_found_by_their_classes(store, error) -> None:
    """Whoever asks for a class of Python's or of ours finds it, where it holds a text only; of others the name is known."""
    Pipeline([giving("a", error)]).kickoff({"n": 1}, store=store, on_error="collect")
    (run,) = stored_results(store)
    assert isinstance(run.error, NodeError)
    assert isinstance(run.error.cause, type(error))
    assert (type(run.error.cause).__name__, str(run.error.cause)) == (type(error).__name__, str(error))


def test_what_an_error_says_was_spent(store) -> None:
    """Where nothing but the error of a model tells what was spent, that is known too."""
    error = ModelUnavailable("gone", model="m", usage=UsageMetrics(total_tokens=7))
    Pipeline([giving("a", error)]).kickoff({"n": 1}, store=store, on_error="collect")
    (run,) = stored_results(store)
    assert run.token_usage == {"a": {"total_tokens": 7}}


def test_what_was_stopped_with_it(store) -> None:
    """A node that was at work when another one failed is cancelled, and what it had spent is known."""
    is_asked, gate = list[bool](), anyio.Event()

    class Slow(ScriptedLLM):
        async def reply(self, request: Any) -> Any:
            if is_asked:
                gate.set()
                await anyio.sleep_forever()
            is_asked.append(True)
            return await super().reply(request)

    @step
    async def fail(n: int) -> None:
        await gate.wait()
        raise ConnectionError("dead")

    clerk = Agent(role="Clerk", llm=Slow("one"))
    slow = Crew(name="slow", agents=[clerk], tasks=[Task(description="one"), Task(description="two")])
    first = Pipeline([giving("a"), [fail, slow]]).kickoff({"n": 1}, store=store, on_error="collect")
    results = list(stored_results(store))
    assert [span.status for span in results[0].spans] == ["ok", "failed", "cancelled"]
    assert results[0].spans[2].usage.successful_requests == 1
    assert told(results) == told(first)


def test_failed_models(store) -> None:
    """What had been spent until then, on which model."""
    clerk = Agent(role="Clerk", llm=FailingLLM())
    first = Pipeline([Crew(name="x", agents=[clerk], tasks=[Task(description="x")])]).kickoff(
        {}, store=store, on_error="collect"
    )
    assert first[0].spans[0].model is not None
    assert told(stored_results(store)) == told(first)


@pytest.mark.anyio
@pytest.mark.virtual_time(by_hand=True)
async def test_time_that_was_up(store) -> None:
    """Of the run, and so of its nodes at work."""

    @step
    async def wait(n: int) -> None:
        jump(1)
        await anyio.sleep_forever()

    pipeline = Pipeline([giving("a"), [wait, giving("b")]])
    options: Any = {"store": store, "on_error": "collect", "policy": Policy(run_timeout=0.05)}
    first = await pipeline.kickoff_async({"n": 1}, **options)
    results = list(stored_results(store))
    assert told(results) == told(first)
    assert results[0].spans[1].error == "DeadlineExceeded: input 0 took longer than 0.05 s"


def test_budgets_that_were_used_up(store) -> None:
    """The run is over budget, and so is the node that wanted more."""
    clerk = Agent(role="Clerk", llm=ScriptedLLM("one", "two"))
    pipeline = Pipeline([Crew(name=name, agents=[clerk], tasks=[Task(description=name)]) for name in "ab"])
    first = pipeline.kickoff({}, store=store, budget=Budget(calls=1), on_error="collect")
    results = list(stored_results(store))
    assert told(results) == told(first)
    assert results[0].status == "over_budget"
    assert isinstance(results[0].error.cause, BudgetExceeded)


def test_runs_that_were_cut_off(store) -> None:
    """By the failure of another one, which ended the kickoff."""
    begun = anyio.Event()

    @step
    async def work(n: int) -> None:
        if n == 1:
            await begun.wait()
            raise ValueError("no")
        begun.set()
        await anyio.sleep_forever()

    with pytest.raises(Exception, match="no") as raised:
        Pipeline([giving("a"), work]).kickoff([{"n": 0}, {"n": 1}], store=store, on_error="fail_fast")
    results = list(stored_results(store))
    assert [run.status for run in results] == ["cancelled", "failed"]
    assert told(results) == told(raised.value.result)


def test_runs_of_a_process_that_was_killed(store) -> None:
    """They are cancelled where they stood."""
    Pipeline([giving("a"), giving("b")]).kickoff({"n": 1}, store=store)
    change(store, "UPDATE runs SET status = 'running', ended = NULL", "DELETE FROM nodes WHERE node = 'b'")
    (run,) = stored_results(store)
    assert (run.status, run.error) == ("cancelled", None)
    assert [span.status for span in run.spans] == ["ok", "skipped"]


# ---- what nodes gave -----------------------------------------------------------------------------------------------


class Day(TypedDict):
    day: date


class Verdict(BaseModel):
    text: str
    score: int


def test_types_come_back_with_the_pipeline(store) -> None:
    """Without it values are as JSON has them, and models are their fields; a trace is the same."""

    @step(inline=True)
    def when(n: int) -> Day:
        return {"day": date(2026, 1, n)}

    @step(inline=True)
    def judge(n: int) -> Verdict:
        return Verdict(text="good", score=n)

    pipeline = Pipeline([when, judge])
    first = pipeline.kickoff({"n": 1}, store=store)
    (typed,), (untyped,) = stored_results(store, pipeline), stored_results(store)
    assert told([typed]) == told([untyped]) == told(first)
    assert typed.pydantic == Verdict(text="good", score=1)
    assert typed.spans[1].inputs["day"] == date(2026, 1, 1)
    assert untyped.spans[1].inputs["day"] == "2026-01-01"
    assert untyped.pydantic.model_dump() == {"text": "good", "score": 1}


def test_inputs_are_those_of_the_pipeline(store) -> None:
    """Where it declares a model, defaults are filled in; without the pipeline they are as they were given."""

    class Row(BaseModel):
        n: int
        m: int = 3

    pipeline = Pipeline([giving("a")], inputs=Row)
    pipeline.kickoff({"n": 1}, store=store)
    (typed,), (untyped,) = stored_results(store, pipeline), stored_results(store)
    assert (typed.trace[0], untyped.trace[0]) == ({"n": 1, "m": 3}, {"n": 1})


def test_what_was_not_kept_is_empty(store) -> None:
    """And what lies below it is there."""
    first = Pipeline([giving("a", {"x": datetime(2026, 1, 1, tzinfo=UTC)}), giving("b")]).kickoff({"n": 1}, store=store)
    (run,) = stored_results(store)
    assert [span.status for span in run.spans] == ["ok", "ok"]
    assert run.spans[0].output == CrewOutput()
    assert run.spans[1].output.json_dict == first[0].spans[1].output.json_dict


# ---- routers that come up with pipelines -----------------------------------------------------------------------------


class Finder(Router):
    """Comes up with a pipeline of its own, as often as ``deep`` says."""

    deep: int = 1
    fails: bool = False

    def route(self, values: Any) -> Any:
        inner = giving("inner", ValueError("inside") if self.fails and self.deep == 1 else None)
        after: list[Any] = (
            [inner] if self.deep == 1 else [inner, Finder(default=giving("z"), deep=self.deep - 1, name="f")]
        )
        return Pipeline([*after, giving("inner")], name="found"), "found"


@pytest.mark.parametrize("deep", [1, 3])
@pytest.mark.parametrize("fails", [False, True], ids=["ok", "failed"])
@pytest.mark.parametrize("has_pipeline", [False, True], ids=["no code", "pipeline"])
def test_pipelines_that_nobody_declared(store, deep, fails, has_pipeline) -> None:
    """They are in the store, in one another too; the router is not asked for that, but by the kickoff that resumes."""
    pipeline = Pipeline([giving("a"), Finder(default=giving("z"), deep=deep, fails=fails, name="f"), giving("b")])
    first = pipeline.kickoff({"n": 1}, store=store, on_error="collect")
    assert told(stored_results(store, pipeline if has_pipeline else None)) == told(first)
    again = pipeline.kickoff({"n": 1}, store=store, on_error="collect")
    assert again[0].spans[1].source is None
    assert told(stored_results(store))[0][0]["trace"] == first[0].trace


def test_a_pipeline_that_was_noted_is_not_noted_again(store) -> None:
    """Where a router comes up with the same one."""
    pipeline = Pipeline([Finder(default=giving("z"), name="f")])
    for _ in range(2):
        pipeline.kickoff({"n": 1}, store=store)
        with closing(sqlite3.connect(store)) as connection:
            ended = connection.execute("SELECT ended, (SELECT count(*) FROM nodes) FROM runs").fetchall()
        assert ended[0][1] == 3
    (run,) = stored_results(store)
    assert run.spans[0].attempts == 1


# ---- several of them -------------------------------------------------------------------------------------------------


def test_each_run_is_what_its_definition_was(store) -> None:
    """After an edit runs of both are there."""
    one = Pipeline([giving("a"), giving("b")], name="p")
    other = Pipeline([giving("a"), giving("c"), Router({"big": Route("n > 5", giving("d"))}, giving("e"))], name="p")
    first = list(one.kickoff([{"n": 1}, {"n": 2}], store=store))
    second = list(other.kickoff([{"n": 9}], store=store))
    results = {run.run_id: run for run in stored_results(store, other)}
    assert told(results[run.run_id] for run in (*first, *second)) == told([*first, *second])


def test_runs_are_chosen(store) -> None:
    """By the name of the pipeline, or by how they ended."""
    for name in ("one", "two"):
        Pipeline([giving("a", None if name == "one" else ValueError())], name=name).kickoff(
            {"n": 1}, store=store, on_error="collect"
        )
    assert [run.status for run in stored_results(store)] == ["ok", "failed"]
    assert [run.status for run in stored_results(store, key="two")] == ["failed"]
    assert [run.status for run in stored_results(store, Pipeline([giving("a")], name="one"))] == ["ok"]
    assert [run.status for run in stored_results(store, status=["failed", "ok"])] == ["ok", "failed"]
    assert [run.status for run in stored_results(store, status="running")] == []
    assert list(stored_results(store, Pipeline([giving("a")]))) == []


# ---- what is broken --------------------------------------------------------------------------------------------------

BROKEN = [
    ("UPDATE nodes SET output = '{' WHERE run = 1 AND node = 'b'", r"attempt 1 of node 'b' of run '\w+' is broken"),
    ("UPDATE nodes SET output = '[]' WHERE run = 1 AND node = 'b'", r"attempt 1 of node 'b' of run '\w+' is broken"),
    (
        "UPDATE nodes SET output = '{\"value\": [1, 2]}' WHERE run = 1 AND node = 'b'",
        r"node 'b' of run '\w+' is broken",
    ),
    ("UPDATE nodes SET spent = '{}' WHERE run = 1 AND node = 'a'", r"attempt 1 of node 'a' of run '\w+' is broken"),
    (
        "UPDATE runs SET input = '[1]' WHERE run = 1",
        r"the input of run '\w+' is broken: ValueError: the input is no obj",
    ),
    ("UPDATE runs SET input = 'x' WHERE run = 1", r"the input of run '\w+' is broken"),
    ("UPDATE runs SET definition = 'gone' WHERE run = 1", r"the definition gone is not there, so that nobody knows"),
    ("UPDATE runs SET content = 'other' WHERE run = 1", r"run '\w+' is noted as ok, and what is noted of its nodes"),
    ("DELETE FROM nodes WHERE run = 1", r"does not lead to its end"),
    ("UPDATE nodes SET status = 'opened' WHERE run = 1 AND node = 'a'", r"node 'a' of run '\w+' is broken"),
]


@pytest.mark.parametrize(("statement", "message"), BROKEN)
def test_a_broken_row_is_a_failed_result(store, statement, message) -> None:
    """Its error names the run and the node; the other runs are what they were."""
    pipeline = Pipeline([giving("a"), giving("b"), giving("c")])
    first = pipeline.kickoff([{"n": 1}, {"n": 2}], store=store)
    change(store, statement)
    broken, good = stored_results(store)
    assert told([good]) == told(first[1:])
    assert broken.status == "failed"
    with pytest.raises(StoreError, match=message):
        raise broken.error


def test_what_no_longer_fits_is_shown_as_it_was_written(store) -> None:
    """As where a class is gone whose name the definition does not know."""

    @step(inline=True)
    def make(n: int) -> Verdict:
        return Verdict(text="x", score=n)

    pipeline = Pipeline([make])
    pipeline.kickoff({"n": 1}, store=store)
    change(store, "UPDATE nodes SET output = replace(output, 'Verdict', 'Gone')")
    (run,) = stored_results(store, pipeline)
    assert (run.status, run.pydantic.model_dump()) == ("ok", {"text": "x", "score": 1})


def test_pipelines_do_not_go_too_deep(store, monkeypatch) -> None:
    """In a file that somebody has made."""
    pipeline = Pipeline([Finder(default=giving("z"), deep=3, name="f")])
    pipeline.kickoff({"n": 1}, store=store)
    monkeypatch.setattr("crewgraph.engine.replayed.MAX_NESTING", 2)
    (run,) = stored_results(store)
    assert "goes 2 pipelines deep into itself" in str(run.error)


def test_a_budget_behind_another_error(store) -> None:
    """The run was stopped by a budget, whatever the node made of it."""
    clerk = Agent(role="Clerk", llm=ScriptedLLM("one", "two"))
    one, two = (Crew(name=name, agents=[clerk], tasks=[Task(description=name)]) for name in "ab")

    @step
    async def wrapped(n: int) -> str:
        try:
            await one.kickoff_async({})
            await two.kickoff_async({})
        except BudgetExceeded as error:
            raise RuntimeError("no more") from error
        return "done"

    first = Pipeline([wrapped]).kickoff({"n": 1}, store=store, budget=Budget(calls=1), on_error="collect")
    results = list(stored_results(store))
    assert results[0].status == first[0].status == "over_budget"
    assert [span.status for span in results[0].spans] == [span.status for span in first[0].spans] == ["over_budget"]


def test_the_first_failure_is_that_of_the_run(store) -> None:
    """Where several failed together."""
    gate = anyio.Event()

    @step
    async def early(n: int) -> None:
        await gate.wait()
        raise ValueError("early")

    @step
    async def late(n: int) -> None:
        try:
            gate.set()
            await anyio.sleep_forever()
        finally:
            raise KeyError("late")

    first = Pipeline([giving("a"), [late, early]]).kickoff({"n": 1}, store=store, on_error="collect")
    assert told(stored_results(store)) == told(first)
    assert first[0].error.node == "early"
    change(store, "UPDATE nodes SET ended = 0 WHERE node = 'late'")
    assert told(stored_results(store))[0][1]["error"] == str(first[0].error)


def test_a_broken_definition(store) -> None:
    """Is a failed result too, whatever is wrong with it."""
    Pipeline([giving("a")]).kickoff({"n": 1}, store=store)
    with closing(sqlite3.connect(store)) as connection:
        (text,) = connection.execute("SELECT value FROM meta").fetchone()
    record = json.loads(text)
    for bad in (
        [], {}, record | {"own": {}}, record | {"graph": {}}, record | {"own": 3},
        record | {"graph": record["graph"] | {"edges": [["a", "a", None]]}},
        record | {"graph": record["graph"] | {"edges": [["a", "nobody", None]]}},
        record | {"graph": record["graph"] | {"nodes": [{"kind": "new", "name": "a"}]}},
    ):  # fmt: skip
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("UPDATE meta SET value = ?", (json.dumps(bad),))
            connection.commit()
        (run,) = stored_results(store)
        assert "is broken" in str(run.error)


def test_nodes_that_nobody_knows_are_left_out(store) -> None:
    """Rows of them change nothing."""
    first = Pipeline([giving("a")]).kickoff({"n": 1}, store=store)
    change(
        store,
        "INSERT INTO nodes SELECT run, 'x', item, attempt, 'new', fingerprint, '{', route, '{', error, 1, 2 FROM nodes",
        "INSERT INTO nodes SELECT run, node, 7, attempt, 'ok', fingerprint, '{', route, '{', error, 1, 2 FROM nodes",
    )
    assert told(stored_results(store)) == told(first)


def test_what_a_fork_took_over_is_read_whatever_led_to_it(store) -> None:
    """Its fingerprint says so."""
    first = Pipeline([giving("a"), giving("b"), giving("c")]).kickoff({"n": 1}, store=store)
    change(store, "UPDATE nodes SET fingerprint = '*'")
    assert told(stored_results(store)) == told(first)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE runs SET began = 'x'", "UPDATE runs SET ended = 'x'", "UPDATE nodes SET started = 'x'"],
)
def test_what_is_of_another_kind(store, statement) -> None:
    """Is told with the run."""
    Pipeline([giving("a")]).kickoff({"n": 1}, store=store)
    change(store, statement)
    with pytest.raises(StoreError, match=r"what is noted of run .* is broken: ValueError: could not convert"):
        list(stored_results(store))


@pytest.mark.parametrize("noted", [None, "something else"])
def test_errors_that_no_node_explains(store, noted) -> None:
    """What was noted of the run counts."""
    Pipeline([giving("a")]).kickoff({"n": 1}, store=store)
    for status in ("failed", "over_budget"):
        change(store, f"UPDATE runs SET status = '{status}', error = {'NULL' if noted is None else repr(noted)}")
        (run,) = stored_results(store)
        assert (run.status, str(run.error)) == (status, noted or "nobody noted why")
