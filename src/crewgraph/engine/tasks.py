"""The tasks inside of a node at work: what they give is kept, and where that cannot be, the kickoff ends and not the node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from anyio.lowlevel import checkpoint_if_cancelled

from crewgraph.outputs import TaskOutput
from crewgraph.scope import KeptTask, TaskLog
from crewgraph.usage import Account

__all__ = ["KeptTasks"]


@dataclass(frozen=True, slots=True)
class KeptTasks:
    """The log of the tasks of one node, as the node is given it.

    Attributes:
        log: what keeps them.
        keep: waits until something is on disk, and minds what becomes of the kickoff where that cannot be.
    """

    log: TaskLog
    keep: Callable[[Awaitable[None]], Awaitable[None]]

    def recall(self, task: int, said: str, before: Sequence[int]) -> KeptTask | None:
        """What a task gave before; ``None`` where it has to be done."""
        return self.log.recall(task, said, before)

    async def gave(self, task: int, output: TaskOutput, account: Account, *, started: float, ended: float) -> None:
        """Keep what a task gave; it is on disk when this returns."""
        await self.keep(self.log.gave(task, output, account, started=started, ended=ended))
        await checkpoint_if_cancelled()  # where it could not be kept: the next task may never wait by itself
