"""What an engine is: it takes a plan and rows of input, and delivers finished runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from crewgraph.compiler.plan import Plan
from crewgraph.engine.run import Run
from crewgraph.policy import UNDECLARED, Budget, Policy
from crewgraph.scope import Scope
from crewgraph.trace import Observer

__all__ = ["Engine", "Job", "Row", "Rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One input.

    Attributes:
        index: which one, counted from 0.
        values: the input.
        error: why it cannot run; then it is delivered as a failed run.
    """

    index: int
    values: Mapping[str, Any]
    error: Exception | None = None


Rows = Iterable[Row] | AsyncGenerator[Row, None]


@dataclass(frozen=True, slots=True)
class Job:
    """How to run.

    Attributes:
        max_concurrency: how many nodes may be at work at once.
        fail_fast: whether the first failed run cancels all others.
        observer: called with every event; ``None`` where nobody listens.
        scope: what surrounds the kickoff; its account is charged for everything, and its endings end all runs.
        input_budget: what each input may cost.
        policy: what the kickoff itself declares, which wins over every pipeline.
        deliver: awaited with every run that ended, in the order of ending; it may wait, which slows the engine.
        not_begun: the engine notes here which inputs it did not begin because a budget was used up; of a stream of
            inputs the first one only, for the others are not even read.
        salvage: called with the runs that had begun when the engine itself is cancelled; it must not wait.
    """

    max_concurrency: int
    fail_fast: bool
    observer: Observer | None
    deliver: Callable[[Run], Awaitable[None]]
    salvage: Callable[[Run], None] | None = None
    scope: Scope = field(default_factory=Scope)
    input_budget: Budget | None = None
    policy: Policy = UNDECLARED
    not_begun: list[int] = field(default_factory=list[int])

    @property
    def is_over_budget(self) -> bool:
        """Whether a budget around all runs is used up, so that no further input is begun."""
        return any(meter.exceeded is not None or meter.deadline <= monotonic() for meter in self.scope.meters)


class Engine(Protocol):
    """Runs plans."""

    async def execute(self, plan: Plan, rows: Rows, job: Job) -> None:
        """Run every row and deliver every run; return when all are delivered."""
        ...
