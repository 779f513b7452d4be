"""Rows and details of runs, as the page reads them."""

from __future__ import annotations

from typing import Any

import pytest

from crewgraph.outputs import CrewOutput, TaskOutput
from crewgraph.report.compact import MAX_TEXT, Compact, label_of
from crewgraph.report.record import Record
from crewgraph.trace import Span, moment
from crewgraph.usage import Call, UsageMetrics
from tests.browser.newsdesk import records


def record(*spans: Span, inputs: Any = None, error: str | None = None) -> Record:
    return Record(0, "id", "failed" if error else "ok", error, inputs or {}, spans)


@pytest.mark.parametrize(
    ("inputs", "label"),
    [
        ({"text": "first", "title": "best"}, "best"),
        ({"text": "first", "id": 7}, "7"),
        ({"blank": " ", "rows": [1], "text": "x" * 100}, "x" * 79 + "…"),
        ({"rows": [1]}, ""),
        ({}, ""),
    ],
)
def test_a_label_tells_inputs_apart(inputs, label):
    """By what names it, else by its first text; cut where it is long."""
    assert label_of(inputs) == label


def test_a_row_tells_when_and_how_much():
    """Milliseconds since the first run began; money in USD."""
    compact = Compact([])
    first, second = (compact.row(each, [index, 2]) for index, each in enumerate(list(records(2))))
    assert first[:4] == [0, "Solar canopy permits", "ok", None]
    assert second[3] == "'Rework' failed: ValidationError: Article.body <b>Input should be a valid string</b>"
    assert (first[4], second[4]) == (0, 130)
    assert first[7][0] == [0, "ok", 0, 1500, 450, 150, 0.0012, 0, None]
    assert compact.ways == {(0, 2): 0, (1, 2): 1}


def test_a_run_that_never_began():
    """It has no times and no bars."""
    told = record(Span(node="a", kind="step", status="skipped"), error="lacks 'n'")
    assert Compact(["a"]).row(told, []) == [0, "", "failed", "lacks 'n'", None, None, 0, []]
    assert Compact(["a"]).details(told)["spans"] == [{"node": 0, "kind": "step", "status": "skipped", "ms": 0}]


def test_a_text_is_written_once():
    """However many nodes were handed it; a long one is cut, and says so."""
    long = "y" * (MAX_TEXT + 5)
    spans = [
        Span(node=node, kind="step", status="ok", started=moment(5.0), ended=moment(6.0), inputs={"text": long, "n": 1})
        for node in "ab"
    ]
    details = Compact(["a", "b"]).details(record(*spans, inputs={"text": long, "n": 1}))
    assert details["texts"] == [f"{'y' * MAX_TEXT}… and 5 more characters", "1"]
    assert [span["inputs"] for span in details["spans"]] == [{"text": 0, "n": 1}] * 2


def test_what_an_answer_holds():
    """Raw text, structure, tasks with what is worth noting, and calls."""
    task = TaskOutput(name="sum up", agent="Clerk", description="Sum up.", raw="4", repaired=True, tools_used=["add"])
    output = CrewOutput(raw="4", json_dict={"sum": 4}, tasks_output=[task])
    call = Call(
        kind="model", name="m", task="task 'sum up'", started=5.5, seconds=0.25, waited=1.0, attempt=2,
        usage=UsageMetrics(total_tokens=3), error="ModelTimeout", source="cache",
    )  # fmt: skip
    span = Span(node="a", kind="crew", status="ok", started=moment(5.0), ended=moment(6.0), output=output, calls=[call])
    compact = Compact([])
    compact.row(record(span), [])
    details = compact.details(record(span))
    (told,), texts = details["spans"], details["texts"]
    assert texts[told["answer"]] == '{\n "sum": 4\n}'
    (inner,) = told["tasks"]
    assert (inner["name"], inner["flags"], inner["tools"]) == ("sum up", ["repaired"], ["add"])
    assert texts[inner["description"]] == "Sum up."
    assert told["calls"] == [
        {
            "kind": "model", "name": "m", "task": "task 'sum up'", "start": 500, "ms": 250, "waited": 1000, "attempt": 2,
            "usage": {"total_tokens": 3}, "error": texts.index("ModelTimeout"), "source": "cache",
        }
    ]  # fmt: skip


def test_an_answer_of_an_odd_kind_is_text():
    """What a step of the user's made of it is no reason to lose the report."""
    span = Span(node="a", kind="step", status="ok", started=moment(5.0), ended=moment(6.0), output="plain", inputs=[1])
    (told,) = Compact([]).details(record(span))["spans"]
    assert "raw" not in told
    assert "inputs" not in told
    odd = span.model_copy(update={"output": {"raw": 7, "tasks_output": [3]}})
    (told,) = Compact([]).details(record(odd))["spans"]
    assert told["raw"] == 0
