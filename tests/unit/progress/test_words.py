"""A tally in words."""

from __future__ import annotations

import pytest

from crewgraph.outputs import UsageMetrics
from crewgraph.progress.tally import Tally
from crewgraph.progress.words import line_of, spent
from tests.tallies import Clock, took, under_way


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tally(clock):
    return under_way(clock)


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (UsageMetrics(total_tokens=1204), "1,204 tokens"),
        (UsageMetrics(total_tokens=5, successful_requests=1, unpriced_requests=1), "5 tokens, cost unknown"),
        (took(12), "12 tokens, cost $0.0012"),
    ],
    ids=["no call", "unknown", "known"],
)
def test_unknown_costs_are_told_as_unknown(usage, told):
    """And never as nothing."""
    assert spent(usage) == told


def test_a_line_without_a_total(clock):
    """As while standard input is read."""
    assert line_of(Tally(clock=clock)) == "0 done, 0 failed, 0 running, 0 ms"
