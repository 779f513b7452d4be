"""What observers are told at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator

from crewgraph.engine.run import Run
from crewgraph.frontier import SKIPPED
from crewgraph.graph import Switch, Work
from crewgraph.trace import Event, NodeSkipped, RunFailed, RunFinished, RunWaiting

__all__ = ["last_events"]


def last_events(run: Run, error: str | None) -> Iterator[tuple[Event, int | None]]:
    """How a run ended, and the nodes on routes that it did not take, each with its number.

    Args:
        run: the run.
        error: why it failed, in words.
    """
    tokens = sum(usage.total_tokens for usage in run.usage().values())
    if error is not None:
        yield RunFailed(error=error, tokens=tokens), None
        return
    for node, state in enumerate(run.frontier.state):
        if state == SKIPPED and isinstance(run.plan.nodes[node], Work | Switch):
            yield NodeSkipped(), node
    yield RunWaiting(tokens=tokens) if run.questions else RunFinished(tokens=tokens), None
