"""Results as data frames, with pandas and polars as they are installed."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC
from typing import Any

import pandas as pd
import polars as pl
import pytest

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import LibraryMissing
from crewgraph.frames import records, to_pandas, to_polars
from crewgraph.frames.tables import FIXED
from crewgraph.llm import OfflineLLM
from crewgraph.outputs import PipelineKickoffResult, PipelineRunResult, RunStatus, UsageMetrics
from crewgraph.report import stored_results
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline

MAKERS = pytest.mark.parametrize("make", [to_pandas, to_polars], ids=["pandas", "polars"])
TABLES = pytest.mark.parametrize("table", ["runs", "nodes", "usage"])


def crew(name: str) -> Crew:
    return Crew(name=name, agents=[Agent(role=f"the {name}")], tasks=[Task(description="{n}")], llm="offline")


@step
def read(n: int) -> dict[str, Any]:
    if n > 90:
        raise ValueError(f"{n} is too much")
    return {"square": n * n, "parts": [n, {"half": n / 2}]}


SIZES = Pipeline([read, Router({"big": Route("n > 9", crew("large"))}, crew("small"), name="size")])
BRANCHES = Pipeline([read, [crew("left"), crew("right")]])


def kickoff(pipeline: Pipeline, *numbers: Any, **more: Any) -> PipelineKickoffResult:
    done: PipelineKickoffResult = pipeline.kickoff([{"n": number, **more} for number in numbers], on_error="collect")
    return done


def rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of either frame, with ``None`` for what is missing."""
    if isinstance(frame, pl.DataFrame):
        return frame.to_dicts()
    plain = frame.astype(object).where(frame.notna(), None)
    return plain.to_dict("records")


def types(frame: Any) -> dict[str, str]:
    kinds = frame.schema if isinstance(frame, pl.DataFrame) else frame.dtypes
    return {name: str(kind) for name, kind in kinds.items()}


def test_without_the_right_frame() -> None:
    """Every frame here is made by the real libraries."""
    assert isinstance(kickoff(SIZES, 1).to_pandas(), pd.DataFrame)
    assert isinstance(kickoff(SIZES, 1).to_polars(), pl.DataFrame)


# ---- runs ------------------------------------------------------------------------------------------------------


@MAKERS
def test_a_row_for_each_run(make: Any) -> None:
    """How it ended, its route, when, what it took, and what it was given and answered."""
    result = kickoff(SIZES, 1, 12, 99, note=["a"])
    one, two, three = rows(make(result))
    assert [each["status"] for each in (one, two, three)] == ["ok", "ok", "failed"]
    assert [each["route"] for each in (one, two, three)] == ["default", "big", None]
    assert (one["index"], one["branch"], one["input.n"], one["input.note"]) == (0, 0, 1, '["a"]')
    assert one["answer"] == result[0].raw
    assert one["total_tokens"] == result[0].usage.total_tokens == one["prompt_tokens"] + one["completion_tokens"]
    assert (one["requests"], one["cost"], one["error"]) == (1, 0.0, None)
    assert three["error"] == "'read' failed: ValueError: 99 is too much"
    assert (three["answer"], three["total_tokens"]) == (None, 0)
    assert one["started"].utcoffset() == UTC.utcoffset(None)
    assert one["seconds"] >= 0


@MAKERS
def test_a_structured_answer(make: Any) -> None:
    """Has a column for each key; what is nested is JSON text."""
    one, two = rows(make(kickoff(Pipeline([read]), 2, 3)))
    assert (one["answer.square"], two["answer.square"]) == (4, 9)
    assert one["answer.parts"] == '[2, {"half": 1.0}]'


@MAKERS
def test_several_results_of_a_run(make: Any) -> None:
    """Are rows of their own; what the run took stands in the first, so that sums are those of the kickoff."""
    result = kickoff(BRANCHES, 1, 2)
    made = rows(make(result))
    assert [(each["index"], each["branch"]) for each in made] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [each["total_tokens"] is None for each in made] == [False, True, False, True]
    assert sum(each["total_tokens"] or 0 for each in made) == result.usage.total_tokens
    assert all(each["seconds"] is not None for each in made)


@MAKERS
def test_several_routes(make: Any) -> None:
    """Stand in one text, in the order of the way, those of branches side by side included."""
    first = Router({"some": Route("n > 0", crew("any"))}, crew("none"), name="sign")
    (made,) = rows(make(kickoff(Pipeline([first, [SIZES, crew("left")], crew("last")]), 12)))
    assert made["route"] == "some, big"


@MAKERS
def test_an_unknown_cost_is_missing(make: Any) -> None:
    """And never 0."""
    usage = UsageMetrics(total_tokens=3, successful_requests=1, unpriced_requests=1)
    assert rows(make(PipelineRunResult(usage=usage)))[0]["cost"] is None
    priced = usage.model_copy(update={"unpriced_requests": 0, "picodollars": 5 * 10**11})
    assert rows(make(PipelineRunResult(usage=priced)))[0]["cost"] == 0.5


@MAKERS
def test_hostile_keys(make: Any) -> None:
    """Are names of columns like others, and no two share one."""
    keys: dict[Any, Any] = {"": 1, "a.b": 2, "<script>": 3, "\ud800": 4, "\\ud800": 5, 1: 6, "1": 7, "n\nm": 8}
    run = PipelineRunResult(trace=[keys], json_dict={"index": 9})
    (made,) = rows(make([run]))
    given = {name: value for name, value in made.items() if name.startswith("input.")}
    assert given == {
        "input.": 1, "input.a.b": 2, "input.<script>": 3, "input.\\ud800": 4, "input.\\ud800_": 5, "input.1": 6,
        "input.1_": 7, "input.n\nm": 8,
    }  # fmt: skip
    assert (made["index"], made["answer.index"]) == (0, 9)


@MAKERS
def test_errors_and_answers_that_cannot_be_told(make: Any) -> None:
    """Cost no frame."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    class Undumped(PipelineRunResult):
        def to_dict(self) -> dict[str, Any]:
            raise RuntimeError

    failed = Undumped(status=RunStatus.FAILED, error=Mute(), raw="so far\ud800", trace=["no input"])
    (made,) = rows(make([failed]))
    assert (made["error"], made["answer"]) == ("Mute", "so far\\ud800")


# ---- nodes -----------------------------------------------------------------------------------------------------


@MAKERS
def test_a_row_for_each_node(make: Any) -> None:
    """Those that did not run included; a router has its route."""
    first = [each for each in rows(make(kickoff(SIZES, 12, 99), "nodes")) if each["index"] == 0]
    assert [(each["node"], each["kind"], each["status"]) for each in first] == [
        ("read", "step", "ok"), ("size", "router", "ok"), ("large", "crew", "ok"), ("small", "crew", "skipped"),
    ]  # fmt: skip
    assert [each["route"] for each in first] == [None, "big", None, None]
    assert first[2]["model"] == "offline"
    assert first[2]["total_tokens"] > 0
    assert (first[3]["started"], first[3]["seconds"], first[3]["total_tokens"]) == (None, None, None)


@MAKERS
def test_nodes_of_a_run_with_several_results(make: Any) -> None:
    """Are told once."""
    assert [each["node"] for each in rows(make(kickoff(BRANCHES, 1), "nodes"))] == ["read", "left", "right"]


@MAKERS
def test_the_error_of_a_node(make: Any) -> None:
    """Is that of the node itself."""
    assert rows(make(kickoff(SIZES, 99), "nodes"))[0]["error"] == "ValueError: 99 is too much"


# ---- usage -----------------------------------------------------------------------------------------------------


@MAKERS
def test_a_row_for_each_share_of_the_usage(make: Any) -> None:
    """By node, crew, agent and model; all of them together are the kickoff's, and what took nothing has no row."""
    result = kickoff(BRANCHES, 1, 2)
    made = rows(make(result, "usage"))
    assert [(each["index"], each["node"], each["crew"], each["agent"], each["model"]) for each in made] == [
        (index, side, side, f"the {side}", "offline") for index in (0, 1) for side in ("left", "right")
    ]
    assert sum(each["total_tokens"] for each in made) == result.usage.total_tokens
    assert sum(each["requests"] for each in made) == result.usage.requests
    assert {each["failed_requests"] for each in made} == {0}


@MAKERS
def test_calls_of_one_agent_are_added_up(make: Any) -> None:
    """An agent that is asked twice has one row."""
    tasks = [Task(description="one"), Task(description="two")]
    twice = Crew(name="twice", agents=[Agent(role="r")], tasks=tasks, llm=OfflineLLM())
    (made,) = rows(make(kickoff(Pipeline([twice]), 1), "usage"))
    assert made["requests"] == 2


@MAKERS
def test_usage_that_nobody_explains(make: Any) -> None:
    """Belongs to no node."""
    (made,) = rows(make([PipelineRunResult(usage=UsageMetrics(total_tokens=7))], "usage"))
    assert (made["node"], made["agent"], made["total_tokens"]) == (None, None, 7)


# ---- whatever the results ------------------------------------------------------------------------------------------


@MAKERS
@TABLES
def test_columns_and_types_are_always_the_same(make: Any, table: Any) -> None:
    """With no result, with failed ones only, and with good ones."""
    none, failed = make([], table), make(kickoff(SIZES, 99, 98), table)
    good = make(kickoff(SIZES, 1, 12), table)
    fixed = [*FIXED[table]]
    assert list(none.columns) == fixed
    for frame in (failed, good):
        assert list(frame.columns)[: len(fixed)] == fixed
        assert {name: types(frame)[name] for name in fixed} == types(none)


def test_the_types() -> None:
    """Have a place for what is missing, in both libraries."""
    assert set(types(to_pandas([])).values()) == {"Int64", "string", "float64", "datetime64[us, UTC]"}
    assert set(types(to_polars([])).values()) == {
        "Int64",
        "String",
        "Float64",
        "Datetime(time_unit='us', time_zone='UTC')",
    }
    run = PipelineRunResult(trace=[{"is_new": True}])
    assert types(to_pandas([run]))["input.is_new"] == "boolean"
    assert types(to_polars([run]))["input.is_new"] == "Boolean"


def test_results_of_a_stream() -> None:
    """Are taken as those of a kickoff, and so is a single one."""

    async def streamed() -> list[Any]:
        return [run async for run in SIZES.stream([{"n": 1}, {"n": 12}])]

    every = asyncio.run(streamed())
    assert sorted(to_pandas(every)["index"]) == [0, 1]
    assert len(to_polars(every[0])) == 1
    assert [each["index"] for each in records(iter(every[:1]))] == [every[0].index]


def test_procedures() -> None:
    """Have the same columns."""
    procedure = crew("left") >> crew("right")
    (made,) = rows(kickoff(procedure, 1).to_pandas())
    assert (made["status"], made["requests"], made["input.n"]) == ("ok", 2, 1)


@MAKERS
def test_an_unknown_table(make: Any) -> None:
    """Is refused with the names that there are."""
    with pytest.raises(ValueError, match='a table is "runs", "nodes" or "usage", not \'run\''):
        make([], "run")
    with pytest.raises(ValueError, match="a table is"):
        records([], "run")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The error says how to get it, and whoever catches an ImportError has it."""
    monkeypatch.setitem(sys.modules, name, None)
    result = PipelineKickoffResult()
    with pytest.raises(ImportError, match=rf"needs {name}, .* hint: pip install 'crewgraph\[{name}\]'") as caught:
        result.to_pandas() if name == "pandas" else result.to_polars()
    assert isinstance(caught.value, LibraryMissing)


def test_runs_of_a_store_have_their_names(tmp_path):
    """In each table, and the same as those of the kickoff."""

    @step(inline=True)
    def echo(n: int) -> int:
        return n

    result = Pipeline([echo]).kickoff([{"n": 1, "id": "x"}, {"n": 2, "id": "y"}], store=tmp_path / "s", id_column="n")
    for table in ("runs", "nodes"):
        assert [each["run_id"] for each in records(result, table)] == ["1", "2"]
        assert list(records(stored_results(tmp_path / "s"), table)) == list(records(result, table))
