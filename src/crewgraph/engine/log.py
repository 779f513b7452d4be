"""What an engine asks of the log of a run: what nodes gave before, and to keep what they give now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, Self

from crewgraph.compiler.plan import Plan
from crewgraph.outputs import CrewOutput, Waiting
from crewgraph.scope import TaskLog
from crewgraph.store import Asked, Kept
from crewgraph.usage import Account

__all__ = ["Log"]


class Log(Protocol):
    """What is kept of one run. Nodes are told by their numbers in its plan, and once they are ready."""

    @property
    def origin(self) -> str | None:
        """What the run was forked from, as JSON; ``None`` for what an input made."""
        ...

    @property
    def pipeline(self) -> str:
        """What the pipeline is called where it is kept."""
        ...

    @property
    def run_id(self) -> str:
        """What the run is called there."""
        ...

    def attempt(self, node: int) -> int:
        """Which attempt the next one of a node is, counted from 1."""
        ...

    def recall(self, node: int) -> Kept | None:
        """What a node gave before; ``None`` where it has to run."""
        ...

    def gave(self, node: int, output: CrewOutput | dict[str, Any], *, started: float, ended: float) -> None:
        """Keep what a node gave, an output or plain keys alone; it is on disk when the journal is durable."""
        ...

    def took(self, node: int, route: str, *, started: float, ended: float) -> None:
        """Keep which route a router took; it is on disk when the journal is durable."""
        ...

    def asked(self, node: int) -> Asked | None:
        """What an approval has asked already about just this; ``None`` where it has not."""
        ...

    def now(self) -> float:
        """What time it is where it is kept, in seconds since the epoch."""
        ...

    def ask(self, node: int, question: Waiting) -> None:
        """Keep what a person is asked; it is on disk when the journal is durable."""
        ...

    def failed(self, node: int, error: BaseException, account: Account | None, *, started: float, ended: float) -> None:
        """Note that a node failed."""
        ...

    def tasks(self, node: int) -> TaskLog:
        """The log of the tasks inside of a node; keeping one raises a StoreError where it cannot be written."""
        ...

    def stopped(self, node: int, account: Account | None, *, started: float, ended: float) -> None:
        """Note that a node was at work when something else ended its run."""
        ...

    def inside(self, router: int, route: str, plan: Plan, state: bytearray, *, started: float, ended: float) -> Self:
        """The log of a run of the pipeline that a router came up with; which one that is is kept, to be looked at."""
        ...

    def adopt(self, router: int, inner: Self, exits: Iterable[int]) -> None:
        """Note that the run inside of a router is through; it ended at these nodes."""
        ...

    def end(self, status: str, error: str | None) -> None:
        """Note how the run ended."""
        ...
