"""What is counted while a pipeline runs: by run, by node, in tokens and money. Folded from events and results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from crewgraph.outputs import PipelineRunResult, ProcedureRunResult, RunStatus
from crewgraph.trace import (
    Event,
    ModelCallFailed,
    ModelCallFinished,
    ModelCallStarted,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    NodeWaiting,
    RunStarted,
)
from crewgraph.usage import UsageMetrics

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
    cancelled: int = 0
    waiting: int = 0


@dataclass(slots=True)
class Tally:
    """The counts of one kickoff.

    Attributes:
        total: how many inputs there are, where that is known.
        nodes: by name, in the order of the plan.
        failures: number and reason of the first inputs that failed or were stopped by a budget.
        models: what the calls of each model took.
        is_cut_short: whether a budget kept inputs from beginning.
        waiting: who waits before asking a model again.
        parked: how many inputs wait for a person.
    """

    total: int | None = None
    nodes: dict[str, NodeCount] = field(default_factory=dict[str, NodeCount])
    started: int = 0
    ok: int = 0
    failed: int = 0
    over_budget: int = 0
    is_cut_short: bool = False
    cancelled: int = 0
    parked: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    models: dict[str, UsageMetrics] = field(default_factory=dict[str, UsageMetrics])
    waiting: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])
    clock: Callable[[], float] = time.monotonic
    begun: float = 0.0
    _settled: UsageMetrics = field(default_factory=UsageMetrics)
    _open: dict[int, UsageMetrics] = field(default_factory=dict[int, UsageMetrics])
    """By input, what the model calls of a run took whose result is not there yet."""
    _last: int = -1

    def __post_init__(self) -> None:
        self.begun = self.clock()

    @property
    def done(self) -> int:
        """How many inputs are through, well or not; those that wait for a person are for now."""
        return self.ok + self.failed + self.over_budget + self.cancelled + self.parked

    @property
    def running(self) -> int:
        """How many inputs are on their way."""
        return max(0, self.started - self.done)

    @property
    def not_begun(self) -> int:
        """How many inputs have not been begun, as far as their number is known."""
        return max(0, (self.total or 0) - self.started)

    @property
    def usage(self) -> UsageMetrics:
        """What was spent so far, that of unfinished runs included."""
        return UsageMetrics.sum((self._settled, *self._open.values()))

    @property
    def tokens(self) -> int:
        """The tokens of it."""
        return self.usage.total_tokens

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
        return None if self.total is None or not self.rate else (self.total - self.done) / self.rate

    def observe(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RunStarted():
                self.started += 1
            case ModelCallFinished() | ModelCallFailed():
                self._count_call(event)
            case ModelCallStarted():
                self.waiting.discard(_asker(event))
            case _:
                pass
        if event.node is not None:
            self._count_node(event, self.nodes.setdefault(event.node, NodeCount()))

    def _count_call(self, event: ModelCallFinished | ModelCallFailed) -> None:
        if isinstance(event.usage, UsageMetrics):
            self._open.setdefault(event.run, UsageMetrics()).add_usage_metrics(event.usage)
            self.models.setdefault(event.model, UsageMetrics()).add_usage_metrics(event.usage)
        if isinstance(event, ModelCallFailed) and event.retry_in:
            self.waiting.add(_asker(event))

    def _count_node(self, event: Event, node: NodeCount) -> None:
        match event:
            case NodeStarted():
                node.running += 1
            case NodeFinished():
                node.running -= 1
                node.done += 1
            case NodeFailed():
                node.running -= 1
                node.failed += not event.is_cancelled
                node.cancelled += event.is_cancelled
                self.waiting = {each for each in self.waiting if each[:2] != (event.run, event.node)}
            case NodeWaiting():
                node.running -= 1
                node.waiting += 1
            case NodeSkipped():
                node.skipped += 1
            case _:
                pass

    def count(self, result: PipelineRunResult | ProcedureRunResult, reason: str) -> None:
        """Count a result; the results of one input come one after the other and count once."""
        if result.index != self._last:
            self._last = result.index
            self.settle(result.index, result.status, result.usage, reason)

    def settle(self, index: int, status: RunStatus, usage: UsageMetrics, reason: str) -> None:
        """Count an input that is through."""
        self._open.pop(index, None)
        self._settled.add_usage_metrics(usage)
        match status:
            case RunStatus.OK:
                self.ok += 1
            case RunStatus.WAITING:
                self.parked += 1
            case RunStatus.CANCELLED:
                self.cancelled += 1
            case _:
                self.failed += status is RunStatus.FAILED
                self.over_budget += status is RunStatus.OVER_BUDGET
                if len(self.failures) < MAX_FAILURES:
                    self.failures.append((index, reason))


def _asker(event: ModelCallStarted) -> tuple[object, ...]:
    """Who asks: the number of the call is another one with each attempt."""
    return (event.run, event.node, event.crew, event.task, event.agent)
