"""What an engine asks of the log of a run: what nodes gave before, and to keep what they give now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

from crewgraph.compiler.plan import Plan
from crewgraph.outputs import CrewOutput, Waiting
from crewgraph.store import Asked, Kept
from crewgraph.usage import Account

__all__ = ["Log"]


class Log(Protocol):
    """What is kept of one run. Nodes are told by their numbers in its plan, and once they are ready."""

    def attempt(self, node: int) -> int:
        """Which attempt the next one of a node is, counted from 1."""
        ...

    def recall(self, node: int) -> Kept | None:
        """What a node gave before; ``None`` where it has to run."""
        ...

    async def gave(self, node: int, output: CrewOutput, *, started: float, ended: float) -> None:
        """Keep what a node gave; it is on disk when this returns.

        Raises:
            StoreError: it cannot be written.
        """
        ...

    async def took(self, node: int, route: str, *, started: float, ended: float) -> None:
        """Keep which route a router took; it is on disk when this returns.

        Raises:
            StoreError: it cannot be written.
        """
        ...

    def asked(self, node: int) -> Asked | None:
        """What an approval has asked already about just this; ``None`` where it has not."""
        ...

    async def ask(self, node: int, question: Waiting) -> None:
        """Keep what a person is asked; it is on disk when this returns.

        Raises:
            StoreError: it cannot be written.
        """
        ...

    def failed(self, node: int, error: BaseException, account: Account | None, *, started: float, ended: float) -> None:
        """Note that a node failed."""
        ...

    def inside(self, router: int, route: str, plan: Plan, state: bytearray) -> Self:
        """The log of a run of the pipeline that a router came up with."""
        ...

    def adopt(self, router: int, inner: Self, exits: Iterable[int]) -> None:
        """Note that the run inside of a router is through; it ended at these nodes."""
        ...

    def end(self, status: str, error: str | None) -> None:
        """Note how the run ended."""
        ...
