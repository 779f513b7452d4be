"""What is noted of one run, and what is known of it from before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from crewgraph.store.entries import Identity
from crewgraph.store.questions import Answer

__all__ = ["NEW", "WAITING", "Before", "Line", "Pages"]

WAITING = "waiting"
"""The status of a node that waits for a person, and of its run."""
PASSING = frozenset({"cancelled", "opened"})
"""Of rows that are there to be looked at, and make way for what comes next: they count as no attempt."""


class Line(NamedTuple):
    """A row of the table of nodes."""

    node: str
    attempt: int
    status: str
    fingerprint: str
    output: str | None
    route: str | None
    spent: str | None
    started: float
    ended: float
    item: int = 0
    error: str | None = None


class Writer(Protocol):
    """Takes rows, and says when they are safe."""

    def put(self, table: str, values: Sequence[object]) -> None: ...
    async def durable(self) -> None: ...


class Book(Protocol):
    """The journal that a log is part of."""

    @property
    def pipeline(self) -> str: ...

    read: int

    @property
    def writer(self) -> Writer: ...

    def note_run(self, pages: Pages, *, status: str, error: str | None, ended: float | None) -> None: ...
    def complain(self, node: str, reason: str, then: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a run from before this kickoff.

    Attributes:
        status: how it had ended; ``None`` where it is new.
        ended: when that was.
        is_moved: whether it now has another place, or the pipeline another definition.
        lines: its attempts, in their order.
        decisions: by node what somebody decided.
        looked: when it was looked what people have decided, by the clock of the store.
        ahead: how many seconds that clock is ahead of the one of this machine.
    """

    status: str | None = None
    ended: float | None = None
    is_moved: bool = False
    lines: Sequence[Line] = ()
    decisions: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    looked: float = 0.0
    ahead: float = 0.0
    known: dict[tuple[str, str], Line] = field(default_factory=dict[tuple[str, str], Line], init=False)
    """By node and fingerprint the last line that can be read."""
    last: dict[str, Line] = field(default_factory=dict[str, Line], init=False)
    """By node its last line."""
    attempts: dict[str, int] = field(default_factory=dict[str, int], init=False)
    """How often each node was noted."""
    task_attempts: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int], init=False)
    """How often each task inside of a node was noted."""
    opened: dict[tuple[str, str], str | None] = field(default_factory=dict[tuple[str, str], "str | None"], init=False)
    """By router and fingerprint the pipeline that it came up with."""

    def __post_init__(self) -> None:
        for line in self.lines:
            if line.item:
                self.task_attempts[line.node, line.item] = line.attempt
            else:
                self.last[line.node] = line
                if line.status not in PASSING:
                    self.attempts[line.node] = line.attempt
            if line.status == "ok":
                self.known[line.node, line.fingerprint] = line
            if line.status == "opened":
                self.opened[line.node, line.fingerprint] = line.output


NEW = Before()
"""Of a run that nobody has begun before."""


class Pages:
    """What the logs of one run share: that of the run itself, and those of runs inside of it.

    Args:
        book: the journal.
        run: the number of the run in the file.
        identity: of its input.
        place: the number of its input in this kickoff.
        began: when it was begun first, in seconds since the epoch.
        origin: what it was forked from; ``None`` for what an input made.
        before: what is known of it from before.
    """

    __slots__ = (
        "asked", "attempts", "before", "began", "book", "identity", "is_noted", "origin", "place", "run", "task_attempts",
    )  # fmt: skip

    def __init__(
        self,
        book: Book,
        run: int,
        identity: Identity,
        place: int,
        *,
        began: float,
        origin: str | None = None,
        before: Before = NEW,
    ) -> None:
        self.book = book
        self.run = run
        self.identity = identity
        self.place = place
        self.began = began
        self.origin = origin
        self.before = before
        self.asked = set[str]()
        """The approvals that this kickoff has come to."""
        self.attempts = before.attempts.copy()
        self.task_attempts = before.task_attempts.copy()
        self.is_noted = False

    def note(self) -> None:
        """Note that the run is under way, before anything else of it is."""
        if not self.is_noted:
            self.is_noted = True
            self.book.note_run(self, status="running", error=None, ended=None)

    def line(
        self,
        node: str,
        status: str,
        fingerprint: str,
        started: float,
        ended: float,
        *,
        item: int = 0,
        **said: str | None,
    ) -> None:
        """Note an attempt of a node, or of a task inside of it; ``said`` is its output, route, what it spent, and its error."""
        self.note()
        if item:
            attempt = self.task_attempts[node, item] = self.task_attempts.get((node, item), 0) + 1
        else:
            attempt = self.attempts.get(node, 0) + 1
            self.attempts[node] = attempt - (status in PASSING)
        get = said.get
        self.book.writer.put(
            "nodes",
            (self.run, node, item, attempt, status, fingerprint, get("output"), get("route"), get("spent"), get("error"),
             started, ended),
        )  # fmt: skip

    def complain(self, node: str, reason: str, then: str) -> None:
        """Say of a node why it is not kept or not read."""
        self.book.complain(node, reason, then)

    async def durable(self) -> None:
        """Wait until everything that was noted so far is on disk."""
        await self.book.writer.durable()
