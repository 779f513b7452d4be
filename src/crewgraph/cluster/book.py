"""The journal of one run on a worker: each node is kept inside of the step that is reserved for it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crewgraph.cluster.committer import Committer, Entries
from crewgraph.compiler.plan import Plan
from crewgraph.errors import StoreError
from crewgraph.store.entries import Identity
from crewgraph.store.log import FileLog
from crewgraph.store.pages import WAITING, Before, Line, Pages
from crewgraph.store.questions import Answer

__all__ = ["Book", "Known", "Overtaken"]

NODE, STATUS = 1, 4
"""The places of name and status in a row of a node."""
UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What Postgres does not take in a text. What nodes gave is JSON, which has other words for it."""


class Overtaken(StoreError):
    """Raised where another worker has written the same node of a run before; what it wrote counts."""


@dataclass(frozen=True, slots=True)
class Known:
    """A run as it stands in the database.

    Attributes:
        run: its number.
        pipeline: what its pipeline is called.
        identity: of its input.
        place: the number of its input in its kickoff.
        began: when it was submitted first.
        origin: what it was forked from.
        status: how it stands.
        lines: what its nodes gave so far.
        decisions: by node what somebody decided.
        looked: when that was looked at, by the clock of the database.
        attempts: how often a worker has begun it since a node of it ended last.
    """

    run: int
    pipeline: str
    identity: Identity
    place: int
    began: float
    origin: str | None
    status: str
    lines: Sequence[Line]
    decisions: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    looked: float = 0.0
    attempts: int = 1


@dataclass(slots=True)
class Book:
    """The journal of one run, and its writer.

    Attributes:
        where: the database, for messages.
        known: the run.
        workflow: under which the engine knows it.
        plan: what is run.
        own: for each node a digest of what it says itself.
        definition: a digest of all of that.
        committer: writes for all runs of the worker.
        steps: by node, what runs once under its reserved number; ``None`` where nothing is to be noted.
        clock: what time it is, by the database.
        stop: what the engine said when it took the run away from this worker.
    """

    where: str
    known: Known
    workflow: str
    plan: Plan
    own: list[str]
    definition: str
    committer: Committer
    steps: Mapping[str, Any]
    clock: Callable[[], float] = time.time
    read: int = 0
    is_further: bool = False
    stop: BaseException | None = None
    nodes: list[Sequence[Any]] = field(default_factory=list[Sequence[Any]])
    ends: list[Sequence[Any]] = field(default_factory=list[Sequence[Any]])
    told: list[str] = field(default_factory=list[str])
    asked: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.asked = frozenset(line.node for line in self.known.lines if line.status == WAITING)

    @property
    def pipeline(self) -> str:
        """What the pipeline is called."""
        return self.known.pipeline

    @property
    def writer(self) -> Any:
        """Itself: rows are put and made durable here."""
        return self

    def begin(self, identity: Identity, place: int, state: bytearray) -> FileLog:
        """The log of the run."""
        known = self.known
        before = Before(
            known.status, lines=known.lines, decisions=known.decisions, looked=known.looked,
            ahead=self.clock() - time.time(),
        )  # fmt: skip
        pages = Pages(self, known.run, identity, place, began=known.began, origin=known.origin, before=before)
        return FileLog(pages, self.plan, self.own, state, basis=identity.content)

    def note_run(self, pages: Pages, *, status: str, error: str | None, ended: float | None) -> None:
        """Note that the run is under way, or how it ended."""
        ended = None if ended is None else self.clock()
        self.ends.append((status, _writable(error), ended, self.definition, pages.run, self.workflow))

    def refuse(self, reason: str) -> None:
        """Note that the run cannot begin."""
        self.ends.append(("failed", _writable(reason), self.clock(), self.definition, self.known.run, self.workflow))

    def complain(self, node: str, reason: str, then: str) -> None:
        """Note why a node is not kept or not read."""
        self.told.append(f"node '{node}' {then}: {reason}")

    # ---- writing -----------------------------------------------------------------------------------------------

    def put(self, table: str, values: Sequence[Any]) -> None:
        """Have a row of a node written with what is made durable next."""
        if table == "nodes":
            *said, started, ended = [_writable(each) for each in values]
            # else it has just ended, by whatever clock; when a question was asked and answered is known by ours
            if said[STATUS] != WAITING and said[NODE] not in self.asked:
                started, ended = started + self.clock() - ended, self.clock()
            self.nodes.append([*said, started, ended])

    async def durable(self) -> None:
        """Write what was put so far, each node inside of its step.

        Raises:
            StoreError: it cannot be written, or the run is no longer this worker's.
        """
        while self.nodes:
            row = self.nodes.pop(0)
            entries = Entries(self.known.run, [row], self.ends[:], self._further(row))
            self.ends.clear()
            await self._kept(str(entries.nodes[0][1]), entries)

    def _further(self, row: Sequence[Any]) -> str | None:
        """The workflow, where this row shows that the run gets further than with the workers that died."""
        if self.known.attempts <= 1 or self.is_further or row[STATUS] != "ok":
            return None
        self.is_further = True
        return self.workflow

    async def _kept(self, node: str, entries: Entries) -> None:
        is_run = is_ours = False

        async def body() -> dict[str, Any]:
            nonlocal is_run, is_ours
            is_run, is_ours = True, await self.committer.commit(entries)
            return {"node": node}

        (_, _, item, _, status, *_) = entries.nodes[0]
        is_whole = item == 0 and status in ("ok", "not kept")  # no task of it, and nothing that makes way for more
        step = self.steps.get(node) if is_whole else None
        try:
            envelope = {"node": node} if step is None else await step(node, body)
            if not is_run:  # the engine had noted it, and the row is gone
                await body()
        except (asyncio.CancelledError, StoreError):
            raise
        except BaseException as error:
            self.stop = error
            raise StoreError(self.where, f"this worker may not go on with the run: {error}") from error
        if envelope != {"node": node}:
            raise StoreError(self.where, f"the step of node '{node}' holds {envelope!r:.80}, which belongs to another")
        if not is_ours:
            raise Overtaken(self.where, f"another worker wrote node '{node}' before")

    async def end(self) -> None:
        """Write what is left when the run is through."""
        if self.nodes or self.ends:
            await self.committer.commit(Entries(self.known.run, self.nodes[:], self.ends[:]))
            self.nodes.clear()
            self.ends.clear()


def _writable(value: Any) -> Any:
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return value
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", value)
