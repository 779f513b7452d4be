"""What an engine is: it takes a plan and rows of input, and delivers finished runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Protocol

from crewgraph.budget import Meter
from crewgraph.compiler.plan import Plan
from crewgraph.engine.log import Log
from crewgraph.engine.run import Run
from crewgraph.policy import UNDECLARED, Budget, Policy
from crewgraph.scope import Scope, budgeted, too_long
from crewgraph.store import Identity
from crewgraph.trace import Observer

__all__ = ["Engine", "Job", "Journal", "Log", "Row", "Rows"]


@dataclass(slots=True)
class Row:
    """One input.

    Attributes:
        index: which one, counted from 0.
        values: the input.
        error: why it cannot run; then it is delivered as a failed run.
        identity: by what it is known again, where a journal is kept.
    """

    index: int
    values: Mapping[str, Any]
    error: Exception | None = None
    identity: Identity | None = None


Rows = Iterable[Row] | AsyncGenerator[Row, None]


class Journal(Protocol):
    """Keeps what nodes gave beyond the end of this process. What it does not know has to run."""

    def begin(self, identity: Identity, place: int, state: bytearray) -> Log:
        """The log of a run that begins.

        Args:
            identity: of its input.
            place: the number of its input in this kickoff.
            state: of its nodes, as the frontier keeps it.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    async def durable(self) -> None:
        """Wait until everything that logs kept so far is on disk.

        Raises:
            StoreError: it cannot be written.
        """
        ...


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
        journal: keeps what nodes give, and knows what they gave before; ``None`` where nothing is kept.
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
    journal: Journal | None = None

    @property
    def is_over_budget(self) -> bool:
        """Whether a budget around all runs is used up, so that no further input is begun."""
        return any(meter.exceeded is not None or meter.deadline <= monotonic() for meter in self.scope.meters)

    def around(self, index: int) -> Scope:
        """What surrounds one run: the kickoff, and what is declared for each input."""
        scope = self.scope
        if scope.policy.run_timeout is not None:
            scope = replace(scope, endings=(*scope.endings, too_long(f"input {index}", scope.policy.run_timeout)))
        if self.input_budget is not None:
            meter = Meter(self.input_budget, f"input {index}")
            endings = (*scope.endings, *budgeted([meter]))
            scope = replace(scope, meters=(*scope.meters, meter), endings=endings)
        return scope


class Engine(Protocol):
    """Runs plans."""

    async def execute(self, plan: Plan, rows: Rows, job: Job) -> None:
        """Run every row and deliver every run; return when all are delivered."""
        ...
