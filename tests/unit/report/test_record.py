"""What is kept of a run: as a line of a trace, and back; and what is no such line."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from crewgraph.outputs import PipelineRunResult, RunStatus
from crewgraph.report.lines import encoded_line
from crewgraph.report.record import record_of, record_read, trace_line
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from tests.browser.newsdesk import records


@step
def halve(n: int) -> dict[str, int]:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return {"half": n // 2}


def line() -> dict[str, Any]:
    return trace_line(next(records(1)))


@pytest.mark.parametrize("index", range(12))
def test_a_line_that_is_read_back_is_written_the_same(index) -> None:
    """With spans, calls, usage and errors."""
    written = encoded_line(trace_line(list(records(12))[index]))
    assert encoded_line(trace_line(record_read(json.loads(written)))) == written


def test_a_fork_as_a_record(tmp_path) -> None:
    """It says what it was made of, as a line and read back."""
    pipeline = Pipeline([step(lambda n: n)])
    pipeline.kickoff([{"n": 1, "id": "T"}], store=tmp_path / "runs.sqlite", id_column="id")
    (fork,) = pipeline.fork("T", store=tmp_path / "runs.sqlite", inputs={"n": 2})
    line = trace_line(record_of(fork))
    assert line["forked_from"] == {"run": "T", "from": None}
    assert record_read(line).forked_from == {"run": "T", "from": None}


def test_a_result_as_a_record() -> None:
    """Which input, what it was given, how it ended and why."""
    good, bad = Pipeline([halve]).kickoff([{"n": 2}, {"n": 3}], on_error="collect")
    assert (record_of(good).status, record_of(good).error, record_of(good).inputs) == ("ok", None, {"n": 2})
    assert record_of(bad).error == "'halve' failed: ValueError: 3 is odd"
    assert record_of(bad, reason="line 7 is no JSON").error == "line 7 is no JSON"
    assert [span.status for span in record_of(bad).spans] == ["failed"]


def test_the_reasons_of_what_did_not_run() -> None:
    """A missing key is told without the rest of the kickoff; a cancelled run has no error."""
    (lacking,) = Pipeline([halve]).kickoff([{}], on_error="collect")
    assert record_of(lacking).error == "lacks 'n' (needed by 'halve')"
    assert record_of(lacking).inputs == {}
    cancelled = PipelineRunResult(status=RunStatus.CANCELLED)
    assert record_of(cancelled).error == "cancelled: the run did not reach its end"
    silent = PipelineRunResult(status=RunStatus.FAILED, error=ValueError())
    assert record_of(silent).error == "ValueError"


def without(key: str) -> Any:
    return {name: value for name, value in line().items() if name != key}


def changed(key: str, value: Any) -> Any:
    told = deepcopy(line())
    told["spans"][0][key] = value
    return told


@pytest.mark.parametrize(
    ("told", "what"),
    [
        pytest.param(without("spans"), "it lacks 'spans'", id="key"),
        pytest.param(without("inputs"), "it lacks 'inputs'", id="inputs"),
        pytest.param([1, 2], "list indices must be", id="list"),
        pytest.param(None, "'NoneType' object is not", id="null"),
        pytest.param({**line(), "spans": 7}, "'int' object is not iterable", id="spans"),
        pytest.param({**line(), "index": "x"}, "invalid literal for int", id="index"),
        pytest.param(changed("started", "yesterday"), "started: Input should be a valid datetime", id="time"),
        pytest.param(changed("usage", {"total_tokens": "many"}), "total_tokens: ", id="usage"),
        pytest.param(changed("usage", 7), "Input should be a valid dictionary", id="no usage"),
        pytest.param(
            changed("calls", [{"kind": "prayer", "name": "x"}]), "kind: Input should be 'model' or 'tool'", id="call"
        ),
        pytest.param(changed("calls", [3]), "dictionary", id="no call"),
    ],
)
def test_what_is_no_line_of_a_trace(told, what):
    """It is told what is wrong with it."""
    with pytest.raises(ValueError, match=what):
        record_read(told)
