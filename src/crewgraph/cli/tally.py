"""What is counted while a pipeline runs: by run, by node, in tokens. Folded from events and results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from crewgraph.outputs import PipelineRunResult, ProcedureRunResult, RunStatus
from crewgraph.trace import (
    Event,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    RunFailed,
    RunFinished,
    RunStarted,
)

__all__ = ["NodeCount", "Tally"]

MAX_FAILURES = 5
"""How many failures the summary tells; all of them are among the results."""


@dataclass(slots=True)
class NodeCount:
    """How often a node ran."""

    running: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(slots=True)
class Tally:
    """The counts of one kickoff.

    Attributes:
        total: how many inputs there are, where that is known.
        nodes: by name, in the order of the plan.
        failures: number and reason of the first failed inputs.
    """

    total: int | None = None
    nodes: dict[str, NodeCount] = field(default_factory=dict[str, NodeCount])
    started: int = 0
    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    clock: Callable[[], float] = time.monotonic
    begun: float = 0.0
    _settled_tokens: int = 0
    _open_tokens: dict[int, int] = field(default_factory=dict[int, int])
    _last: int = -1

    def __post_init__(self) -> None:
        self.begun = self.clock()

    @property
    def done(self) -> int:
        """How many inputs are through, well or not."""
        return self.ok + self.failed + self.cancelled

    @property
    def running(self) -> int:
        """How many inputs are on their way."""
        return max(0, self.started - self.done)

    @property
    def tokens(self) -> int:
        """What was spent so far, that of unfinished runs included."""
        return self._settled_tokens + sum(self._open_tokens.values())

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return self.clock() - self.begun

    @property
    def rate(self) -> float:
        """Inputs per second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to go at this rate; ``None`` where nobody can tell."""
        return None if self.total is None or not self.done else (self.total - self.done) / self.rate

    def observe(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RunStarted():
                self.started += 1
            case RunFinished(tokens=tokens) | RunFailed(tokens=tokens):
                self._open_tokens.pop(event.run, None)
                self._settled_tokens += tokens
            case NodeFinished(tokens=tokens) if tokens:
                self._open_tokens[event.run] = self._open_tokens.get(event.run, 0) + tokens
            case _:
                pass
        if event.node is not None:
            self._count_node(event, self.nodes.setdefault(event.node, NodeCount()))

    def _count_node(self, event: Event, node: NodeCount) -> None:
        match event:
            case NodeStarted():
                node.running += 1
            case NodeFinished():
                node.running -= 1
                node.done += 1
            case NodeFailed():
                node.running -= 1
                node.failed += 1
            case NodeSkipped():
                node.skipped += 1
            case _:
                pass

    def count(self, result: PipelineRunResult | ProcedureRunResult, reason: str) -> None:
        """Count a result; the results of one input come one after the other and count once."""
        if result.index == self._last:
            return
        self._last = result.index
        match result.status:
            case RunStatus.OK:
                self.ok += 1
            case RunStatus.FAILED:
                self.failed += 1
                if len(self.failures) < MAX_FAILURES:
                    self.failures.append((result.index, reason))
            case _:
                self.cancelled += 1
