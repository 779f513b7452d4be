"""What is reported of the runs in a store is what is reported of their results."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crewgraph.engine.kickoff import stream
from crewgraph.errors import StoreError, TraceError
from crewgraph.report import ChromeTrace, Follower, Record, Report, TraceFile, opened_runs, record_of, trace_line
from crewgraph.report.fold import Fold
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.store import stored_runs
from crewgraph.syntax import Pipeline
from crewgraph.watch import Board


@step
async def measure(text: str) -> dict[str, int]:
    return {"size": len(text)}


@step
async def long(text: str) -> str:
    if "boom" in text:
        raise ValueError(f"the {text} is not 'ok':\n<b>")
    return text.upper()


@step
async def short(size: int) -> str:
    return f"only {size}"


@step
async def other(size: int) -> str:
    return f"not {size}"


PIPELINE = Pipeline(
    [measure, Router({"long": Route("size > 5", long)}, short, name="by size"), [short, other]], name="Flow"
)
INPUTS = [{"text": "a long one"}, {"text": "boom boom"}, {"text": "hi"}, {"text": "hi"}]


class Taken(Fold):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records = list[Record]()

    def take(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


def kickoff(store: Path, inputs: Any = INPUTS, pipeline: Pipeline = PIPELINE, **options: Any) -> Any:
    return pipeline.kickoff(inputs, store=store, on_error="collect", **options)


def change(store: Path, *statements: str) -> None:
    with closing(sqlite3.connect(store)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# ---- pages, traces -------------------------------------------------------------------------------------------------


def test_the_report_of_a_store(store, tmp_path) -> None:
    """Is byte for byte that of the results; so is the trace for Chrome."""
    result = kickoff(store)
    result.report(tmp_path / "one.html")
    result.chrome_trace(tmp_path / "one.json")
    with opened_runs(store) as runs, Report(runs.graph, total=runs.total) as report, ChromeTrace() as chrome:
        for record in runs.records:
            report.take(record)
            chrome.take(record)
        report.write(tmp_path / "other.html")
        chrome.write(tmp_path / "other.json")
    assert (tmp_path / "other.html").read_bytes() == (tmp_path / "one.html").read_bytes()
    assert (tmp_path / "other.json").read_bytes() == (tmp_path / "one.json").read_bytes()
    assert str(result[0].run_id) in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_the_trace_of_a_store(store, tmp_path) -> None:
    """Is that of the results, and is read as the store is."""
    result = kickoff(store)
    with TraceFile(tmp_path / "one.jsonl", PIPELINE, total=4) as trace:
        for run in result:
            trace.add(run)
    with opened_runs(store) as runs, TraceFile(tmp_path / "other.jsonl", runs.graph, total=runs.total) as trace:
        for record in runs.records:
            trace.take(record)
    assert (tmp_path / "other.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    with opened_runs(tmp_path / "other.jsonl") as read, opened_runs(store) as runs:
        assert [trace_line(record) for record in read.records] == [trace_line(record) for record in runs.records]


def test_a_resumed_kickoff(store) -> None:
    """Differs in what was read: a store tells of the time when it ran, and that nothing was read then."""
    kickoff(store)
    again = kickoff(store)
    with opened_runs(store) as runs:
        stored = [trace_line(record) for record in runs.records]
    told = {id(run.origin): trace_line(record_of(run)) for run in reversed(list(again))}
    for line in told.values():
        assert {span["source"] for span in line["spans"]} == {"store", None}
        for span in line["spans"]:
            span["source"] = None
    assert stored == sorted(told.values(), key=lambda line: line["index"])


# ---- one of them, some of them -------------------------------------------------------------------------------------


def test_one_run(store, tmp_path) -> None:
    """By its name or the beginning of it; in a trace also by its number, or the id of its result."""
    result = kickoff(store, id_column="text", inputs=INPUTS[:3])
    with opened_runs(store, run="a lo") as runs:
        assert [record.run_id for record in runs.records] == ["a long one"]
        assert runs.total == 1
    with TraceFile(tmp_path / "t.jsonl", PIPELINE) as trace:
        for run in result:
            trace.add(run)
    (boom,) = result.failed
    for name in ("boom", "1", str(boom.id), str(boom.id)[:9]):
        with opened_runs(tmp_path / "t.jsonl", run=name) as runs:
            assert [record.run_id for record in runs.records] == ["boom boom"]
    for name, message in (("x", "has no run 'x'"), ("", "has several runs '…'")):
        with pytest.raises(TraceError, match=message), opened_runs(tmp_path / "t.jsonl", run=name):
            pass


def test_runs_are_named_unmistakably(store) -> None:
    """Else it is told which there are."""
    texts = [{"text": f"run {number}"} for number in range(12)]
    kickoff(store, texts, id_column="text")
    kickoff(store, texts[:1], Pipeline([measure], name="second"), id_column="text")
    for name, key, message in (
        ("run", "Flow", r"'run' may be 'run 0', .*'run 9' and more\. hint: write more of it"),
        ("run 0", None, r"'run 0' is a run of several pipelines: 'Flow', 'second'\. hint: say which, as in key='Flow'"),
        ("none", None, r"there is no run 'none' in it\. hint: crewgraph status \S+ --runs lists them"),
        ("RUN 1", None, r"there is no run 'RUN 1'"),
        ("%", None, r"there is no run '%'"),
    ):
        with pytest.raises(StoreError, match=message), opened_runs(store, key=key, run=name):
            pass
    with opened_runs(store, key="second", run="run") as runs:
        assert runs.graph.name == "second"


def test_the_beginning_of_a_name_means_no_fork(store) -> None:
    """A run is still known by it when it has forks, and equal inputs; each of these by its own."""
    flow = Pipeline([measure], name="Flow")
    kickoff(store, [{"text": "a"}, {"text": "a"}], flow)
    (first, second) = sorted((run.id for run in stored_runs(store)), key=len)
    for _ in range(2):
        flow.fork(first, store=store)
    for name, meant in ((first[:6], first), (second, second), (f"{first}~2", f"{first}~2")):
        with opened_runs(store, run=name) as runs:
            assert [record.run_id for record in runs.records] == [meant]
    with pytest.raises(StoreError, match=r"may be '\w+~1', '\w+~2'"), opened_runs(store, run=f"{first}~"):
        pass


def test_pipelines_are_named(store) -> None:
    """Where a store holds several."""
    with pytest.raises(StoreError, match="there is no such file"), opened_runs(store):
        pass
    kickoff(store, [])
    with pytest.raises(StoreError, match="there are no runs in it yet"), opened_runs(store):
        pass
    kickoff(store)
    kickoff(store, pipeline=Pipeline([measure], name="second"))
    with (
        pytest.raises(StoreError, match=r"2 pipelines in it: 'Flow', 'second'.*key='Flow' or --key"),
        opened_runs(store),
    ):
        pass
    message = r"no runs of 'third' in it\. hint: there is 'Flow', 'second'"
    with pytest.raises(StoreError, match=message), opened_runs(store, key="third"):
        pass
    with opened_runs(store, key="second") as runs:
        assert (runs.graph.name, runs.total, len(list(runs.records))) == ("second", 4, 4)


def test_the_graph_is_the_last_one(store) -> None:
    """Runs of earlier ones are there all the same."""
    kickoff(store)
    edited = Pipeline([measure, short], name="Flow")
    kickoff(store, [{"text": "new"}], edited)
    with opened_runs(store) as runs, Report(runs.graph) as report:
        assert list(runs.graph.nodes) == list(edited.compile().graph.nodes)
        records = list(runs.records)
        assert [len(record.spans) for record in records] == [6, 2, 6, 6, 6]
        for record in records:
            report.take(record)
        report.write(store.with_suffix(".html"))


def test_a_row_that_is_broken(store) -> None:
    """Makes one failed run, that says so; the others are reported."""
    kickoff(store)
    change(store, "UPDATE nodes SET output = '\"' WHERE run = 3 AND node = 'measure'")
    with opened_runs(store) as runs:
        records = list(runs.records)
    assert [record.status for record in records] == ["ok", "failed", "failed", "ok"]
    assert "attempt 1 of node 'measure' of run" in str(records[2].error)


def test_a_run_that_waits_says_so(store) -> None:
    """It is neither cancelled nor failed."""
    kickoff(store, INPUTS[:1])
    change(
        store,
        "UPDATE runs SET status = 'waiting', ended = NULL",
        "UPDATE nodes SET status = 'waiting', output = NULL WHERE node = 'short'",
    )
    with opened_runs(store) as runs:
        (record,) = runs.records
    assert (record.status, record.error) == ("waiting", "it waits for a decision")
    assert {span.node: span.status for span in record.spans}["measure"] == "ok"


# ---- while it is written -------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_store_that_is_written(store) -> None:
    """Runs under way are left out of a report, and told beside those that ended; none is told twice."""
    follower, taken = Follower(store), Taken()
    looks = list[Any]()

    @step
    async def look(n: int) -> int:
        if n == 1:
            with opened_runs(store) as runs:
                looks.append((runs.total, [record.inputs["n"] for record in runs.records]))
            looks.append((follower.graph() or [None])[0])
            looks.append((follower.news(taken), [record.inputs["n"] for record in taken.records]))
            looks.append(
                [(record.status, [span.status for span in record.spans]) for _, record in follower.under_way(9)]
            )
        return n

    @step
    async def first(n: int) -> int:
        return n

    pipeline = Pipeline([first, look])
    async for _ in stream(pipeline, [{"n": 0}, {"n": 1}], store=store, max_concurrency=1):
        pass
    assert looks[0] == (2, [0])
    assert list(looks[1].nodes) == list(pipeline.compile().graph.nodes)
    assert looks[2:] == [(2, [0]), [("cancelled", ["ok", "skipped"])]]
    assert follower.news(taken) == 2
    assert follower.news(taken) == 2
    assert [record.inputs["n"] for record in taken.records] == [0, 1]
    assert follower.under_way(9) == []


def test_runs_that_end_once_more_are_told_again(store) -> None:
    """As a failed one that was resumed."""
    follower, taken = Follower(store), Taken()
    kickoff(store, INPUTS[:2])
    assert follower.graph() is not None
    follower.news(taken)
    kickoff(store, INPUTS[:2])
    follower.news(taken)
    ended = sorted((record.index, record.status) for record in taken.records)
    assert ended == [(0, "ok"), (1, "failed"), (1, "failed")]
    change(store, "UPDATE runs SET status = 'waiting', ended = ended + 1")
    follower.news(taken)
    assert len(taken.records) == 3
    assert [(record.index, record.status) for _, record in follower.under_way(1)] == [(0, "waiting")]
    assert len(follower.under_way(9)) == 2


def test_an_empty_store_is_waited_for(store) -> None:
    """There is nothing to be drawn yet."""
    kickoff(store, [])
    assert Follower(store).graph() is None


def test_runs_under_way_are_on_the_board(store) -> None:
    """In place of those that were there before, with the nodes that have finished."""
    kickoff(store, INPUTS[:1])
    with opened_runs(store) as runs, Board(runs.graph) as board:
        (record,) = runs.records
        board.look([(0.0, record)], 7)
        told, _ = board.under_way(1.0)
        (row,) = json.loads(told)["rows"]
        assert (row[0], row[1], row[2], len(row[7])) == (0, "a long one", "running", 5)
        assert board.facts()["total"] == 7
        board.look([], 7)
        assert json.loads(board.under_way(1.0)[0])["rows"] == []


def test_runs_that_wait_are_under_way_too(store) -> None:
    """Also where nobody is at work; on the board they stand still."""
    kickoff(store, INPUTS[2:])
    change(
        store,
        "UPDATE runs SET status = 'waiting', ended = NULL",
        "UPDATE nodes SET status = 'waiting', output = NULL WHERE node = 'short'",
    )
    follower = Follower(store)
    found = follower.graph()
    assert found is not None
    assert [record.status for _, record in follower.under_way(9)] == ["waiting", "waiting"]
    assert len(follower.under_way(1)) == 1
    with Board(found[0]) as board:
        board.look(follower.under_way(9), 2)
        now, later = (json.loads(board.under_way(at)[0])["rows"] for at in (1e10, 2e10))
    assert [row[2] for row in now] == ["waiting", "waiting"]
    assert now == later
    assert all(row[5] < 60_000 for row in now)
