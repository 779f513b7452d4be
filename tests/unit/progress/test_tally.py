"""What is counted while a pipeline runs."""

from __future__ import annotations

import pytest

from crewgraph.outputs import PipelineRunResult, RunStatus, UsageMetrics
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.progress.words import line_of
from crewgraph.trace import (
    ModelCallFailed,
    ModelCallStarted,
    NodeFailed,
    NodeStarted,
)
from tests.tallies import Clock, took, under_way


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tally(clock):
    return under_way(clock)


def test_counts_are_folded_from_events_and_results(tally):
    """Results of one input count once; tokens of unfinished runs are counted too."""
    assert (tally.done, tally.ok, tally.failed, tally.running) == (2, 1, 1, 1)
    assert tally.tokens == 1100 + 100 + 100
    assert tally.failures == [(1, "the reason")]
    assert tally.nodes["read"] == NodeCount(0, 3, 0, 0)
    assert tally.nodes["\x1b[31mwrite"] == NodeCount(0, 0, 1, 1)


def test_cancelled_inputs_are_counted(tally):
    """They are neither well nor failed."""
    tally.count(PipelineRunResult(index=2, status=RunStatus.CANCELLED), "")
    assert (tally.cancelled, tally.done, tally.running) == (1, 3, 0)


def test_usage_is_counted_by_model(tally):
    """What each model took, whether its run has ended or not."""
    assert tally.models == {"m": UsageMetrics.sum([took(100)] * 3)}


def test_time_left_is_told_where_it_can_be(clock, tally):
    """From the rate so far and the number of inputs."""
    assert tally.left == 4.0
    assert Tally(None, clock=clock).left is None
    assert Tally(3, clock=clock).rate == 0.0
    at_once = Tally(3, clock=clock)
    at_once.count(PipelineRunResult(index=0), "")
    assert at_once.left is None


def test_only_the_first_failures_are_kept():
    """A kickoff over a million inputs may fail a million times."""
    tally = Tally()
    for index in range(9):
        tally.count(PipelineRunResult(index=index, status=RunStatus.FAILED), "x")
    assert (tally.failed, len(tally.failures)) == (9, 5)


def test_runs_that_a_budget_stopped_are_counted(tally):
    """Beside the failed ones, with their reason."""
    tally.count(PipelineRunResult(index=2, status=RunStatus.OVER_BUDGET), "too dear")
    assert (tally.over_budget, tally.failed, tally.done, tally.not_begun) == (1, 1, 3, 1)
    assert tally.failures[1] == (2, "too dear")
    assert "1 over budget" in line_of(tally)


def test_who_waits_for_another_attempt_is_counted():
    """Until the model is asked again, or the node ends."""
    tally, here = Tally(1), {"run": 0, "node": "n", "agent": "a", "model": "m"}
    tally.observe(NodeStarted(run=0, node="n"))
    tally.observe(ModelCallFailed(**here, call=1, retry_in=2.0))
    assert "1 waiting to ask again" in line_of(tally)
    tally.observe(ModelCallStarted(**here, call=2))
    assert not tally.waiting
    tally.observe(ModelCallFailed(**here, call=2, retry_in=2.0))
    tally.observe(ModelCallFailed(**{**here, "run": 1}, call=3, retry_in=2.0))
    tally.observe(NodeFailed(run=0, node="n"))
    assert len(tally.waiting) == 1
