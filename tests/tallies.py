"""A kickoff under way, counted on a clock that somebody sets."""

from __future__ import annotations

from crewgraph.outputs import PipelineRunResult, RunStatus, UsageMetrics
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.trace import (
    ModelCallFinished,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunStarted,
)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def took(tokens):
    """Tokens at a dollar for ten thousand."""
    return UsageMetrics(total_tokens=tokens, successful_requests=1, picodollars=tokens * 10**8)


def under_way(clock):
    """Four inputs, of which one is done, one failed and one is on its way."""
    tally = Tally(4, {"read": NodeCount(), "\x1b[31mwrite": NodeCount()}, clock=clock)
    for run in range(3):
        tally.observe(RunStarted(run=run))
        tally.observe(NodeStarted(run=run, node="read"))
        tally.observe(ModelCallFinished(run=run, node="read", model="m", usage=took(100)))
        tally.observe(NodeFinished(run=run, node="read", tokens=100))
    tally.observe(NodeSkipped(run=0, node="\x1b[31mwrite"))
    tally.observe(RouteTaken(run=0, node="read", route="x"))
    tally.observe(RunFinished(run=0, tokens=1100))
    tally.observe(NodeStarted(run=1, node="\x1b[31mwrite"))
    tally.observe(NodeFailed(run=1, node="\x1b[31mwrite"))
    tally.observe(RunFailed(run=1, tokens=100))
    tally.count(PipelineRunResult(index=0, usage=took(1100)), "")
    tally.count(PipelineRunResult(index=0, usage=took(1100)), "")
    tally.count(PipelineRunResult(index=1, status=RunStatus.FAILED, usage=took(100)), "the reason")
    clock.now = 4.0
    return tally
