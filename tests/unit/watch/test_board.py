"""What is known of a kickoff that is under way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from crewgraph.report import Record
from crewgraph.trace import (
    Event,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunStarted,
    Span,
)
from crewgraph.watch import Board
from tests.browser.newsdesk import graph, records


@pytest.fixture
def board():
    with Board(graph(), total=12) as made:
        yield made


def under_way(board: Board, now: float) -> Any:
    return json.loads(board.under_way(now)[0])["rows"]


def test_runs_that_ended_are_rows(board):
    """With facts beside them, and details when somebody asks."""
    for record in records(3):
        board.take(record)
    facts, rows = board.rows(1, 5)
    assert [json.loads(row)[0] for row in rows] == [1, 2]
    assert board.rows(0, 2)[1] == [board.rows(0, 9)[1][0], board.rows(0, 9)[1][1]]
    assert board.facts()["total"] == 12
    assert facts["nodes"] == board.facts()["nodes"]
    assert board.rows(0, 9, known=len(facts["nodes"]))[0]["nodes"] == []
    assert board.count == 3
    assert "Intake of <i>日本語" not in board.picture()
    told = json.loads(board.details(1) or b"")
    assert "Bank merger rumour" in told["texts"]
    assert (board.details(3), board.details(-1)) == (None, None)


def test_runs_under_way_grow(board):
    """Node by node, each with how long it has been at work."""
    happened: list[Event] = [
        RunStarted(run=4, at=100.0, inputs={"title": "Dam safety"}),
        NodeStarted(run=4, node="Intake", at=100.0),
        NodeFinished(run=4, node="Intake", at=101.0, tokens=30),
        NodeStarted(run=4, node="Triage", at=101.0),
        RouteTaken(run=4, node="Triage", at=101.0, route="legal"),
        NodeSkipped(run=4, node="Clarify", at=101.0),
        NodeStarted(run=4, node="Research", at=101.5),
        NodeStarted(run=4, node="Rework", at=101.5),
        NodeFailed(run=4, node="Rework", at=102.0),
    ]
    for event in happened:
        board.observe(event)
    names = list(board.facts()["nodes"])
    (row,) = under_way(board, 103.0)
    assert row[:7] == [4, "Dam safety", "running", None, 0, 3000, None]
    assert [(names[bar[0]]["name"], bar[1], bar[2], bar[3], bar[4], bar[8]) for bar in row[7]] == [
        ("Intake", "ok", 0, 1000, 30, None),
        ("Triage", "ok", 1000, 0, 0, "legal"),
        ("Research", "running", 1500, 1500, 0, None),
        ("Rework", "failed", 1500, 500, 0, None),
    ]


def test_a_run_that_waits_grows_no_more(board):
    """It took the time until then, however long nobody decides."""
    at = [datetime.fromtimestamp(100.0 + each, UTC) for each in range(3)]
    spans = (
        Span(node="Intake", kind="crew", status="ok", started=at[0], ended=at[1]),
        Span(node="Ask", kind="approval", status="waiting", started=at[2]),
    )
    board.look([(100.0, Record(3, "3", "waiting", None, {}, spans))], 4)
    (row,) = under_way(board, 10_000.0)
    assert (row[2], row[5], [bar[1:4] for bar in row[7]]) == (
        "waiting",
        2000,
        [["ok", 0, 1000], ["waiting", 2000, 0]],
    )


@pytest.mark.parametrize("end", [RunFinished(run=1), RunFailed(run=1)])
def test_a_run_that_ends_is_no_longer_under_way(board, end):
    """Whatever comes of it; late events of it are nothing."""
    board.observe(RunStarted(run=1, at=5.0))
    assert len(under_way(board, 6.0)) == 1
    board.observe(end)
    board.observe(NodeStarted(run=1, node="Intake", at=6.0))
    board.observe(NodeFinished(run=1, node="Intake", at=7.0))
    assert under_way(board, 8.0) == []


def test_a_run_whose_result_has_come_is_no_longer_under_way(board):
    """It is a row."""
    board.observe(RunStarted(run=0, at=5.0))
    board.take(next(records(1)))
    assert under_way(board, 6.0) == []


def test_what_an_open_router_came_up_with_has_a_name(board):
    """The first time that it is at work."""
    board.observe(RunStarted(run=1, at=5.0))
    board.observe(NodeStarted(run=1, node="unforeseen", at=5.0))
    ((*_, ((number, *_),)),) = under_way(board, 6.0)
    assert board.facts()["nodes"][number]["name"] == "unforeseen"


def test_at_the_end_nothing_is_under_way(board):
    """What ended may still be looked at, until it is closed."""
    board.take(next(records(1)))
    board.observe(RunStarted(run=1, at=5.0))
    board.end()
    assert board.is_over
    assert under_way(board, 6.0) == []
    assert board.details(0)
    board.close()
    assert board.details(0) is None
