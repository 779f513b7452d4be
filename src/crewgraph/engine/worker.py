"""One of those who walk the runs of a kickoff."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import anyio

from crewgraph.engine.run import Run

__all__ = ["BREATH", "Worker"]

BREATH = 64
"""After how many nodes a worker lets others run, where nodes themselves never wait."""


class Crashing(Protocol):
    """What all of them belong to."""

    @property
    def crash(self) -> BaseException | None: ...


@dataclass(eq=False, slots=True)
class Worker:
    """One of those who walk runs.

    Attributes:
        pool: where it belongs, which may have crashed.
        scope: around everything that it does; one for many nodes, because a scope takes as long as several nodes.
        root: the run whose node is at work here, while one is.
        node: that node, or the last one that was.
        walked: how many nodes it ran since it let others run.
        is_stopped: whether that node was cancelled, and the scope with it.
        left: the run in which that was, until it is put away.
        is_off: whether nothing is left to do.
    """

    pool: Crashing
    scope: anyio.CancelScope = field(init=False)
    root: Run | None = None
    node: int = -1
    walked: int = 0
    is_stopped: bool = False
    left: Run | None = None
    is_off: bool = False

    def stop(self) -> None:
        """Cancel the node that is at work here."""
        self.is_stopped = True
        self.scope.cancel()

    def may_go(self, node: int) -> bool:
        """Whether it may go on to a node of the same run in place; it is noted."""
        if self.is_stopped or self.walked >= BREATH or self.pool.crash is not None:
            return False
        self.node, self.walked = node, self.walked + 1
        return True
