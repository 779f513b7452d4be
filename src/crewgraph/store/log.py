"""The log of one run: what its nodes gave before, and what they give now."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest_of
from crewgraph.errors.root import in_words
from crewgraph.frontier import DONE
from crewgraph.graph import Work
from crewgraph.node import Interface
from crewgraph.outputs import CrewOutput
from crewgraph.store.codec import NotPlain, decoded, encoded, read_spent, written_spent
from crewgraph.store.entries import Identity, Kept, Spent
from crewgraph.store.own_names import own_names
from crewgraph.store.versions import own_definitions
from crewgraph.usage import Account

__all__ = ["FileLog", "Line", "Pages"]

UNKNOWN = "?"
"""Stands for what a node gave that is not kept: it is taken to give the same again."""


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


class Writer(Protocol):
    """Takes rows, and says when they are safe."""

    def put(self, table: str, values: Sequence[object]) -> None: ...
    async def durable(self) -> None: ...


class Book(Protocol):
    """The journal that a log is part of."""

    read: int

    @property
    def writer(self) -> Writer: ...

    def note_run(self, pages: Pages, *, status: str, error: str | None, ended: float | None) -> None: ...
    def complain(self, node: str, reason: str, then: str) -> None: ...


@dataclass(slots=True)
class Pages:
    """What the logs of one run share: that of the run itself, and those of runs inside of it.

    Attributes:
        book: the journal.
        run: the number of the run in the file.
        identity: of its input.
        place: the number of its input in this kickoff.
        began: when it was begun first, in seconds since the epoch.
        origin: what it was forked from; ``None`` for what an input made.
        status: how it had ended; ``None`` where it is new.
        lines: what is known of it from before.
    """

    book: Book
    run: int
    identity: Identity
    place: int
    began: float
    origin: str | None = None
    status: str | None = None
    lines: Sequence[Line] = ()
    known: dict[tuple[str, str], Line] = field(default_factory=dict[tuple[str, str], Line])
    """By node and fingerprint the last line that can be read."""
    attempts: defaultdict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    """How often each node was noted so far."""
    is_noted: bool = False

    def __post_init__(self) -> None:
        for line in self.lines:
            self.attempts[line.node] = line.attempt
            if line.status == "ok":
                self.known[line.node, line.fingerprint] = line

    def note(self) -> None:
        """Note that the run is under way, before anything else of it is."""
        if not self.is_noted:
            self.is_noted = True
            self.book.note_run(self, status="running", error=None, ended=None)


class FileLog:
    """The log of one run of a plan.

    Args:
        pages: what it is written to.
        plan: what is run.
        own: for each node a digest of what it says itself.
        state: of its nodes, as the frontier keeps it.
        basis: stands for everything that the run begins with.
        within: the names of the routers that this run is inside of.
    """

    __slots__ = ("_basis", "_faces", "_keys", "_names", "_own", "_pages", "_plan", "_results", "_state")

    def __init__(
        self, pages: Pages, plan: Plan, own: Sequence[str], state: bytearray, *, basis: str, within: Sequence[str] = ()
    ) -> None:
        self._pages = pages
        self._plan = plan
        self._own = own
        self._state = state
        self._basis = basis
        self._names: Sequence[str] = own_names(plan, within) if within else [node.name for node in plan.nodes]
        self._keys = dict[int, str]()
        self._results = dict[int, str]()

    # ---- reading -----------------------------------------------------------------------------------------------

    def attempt(self, node: int) -> int:
        """Which attempt the next one is, counted from 1."""
        return self._pages.attempts[self._names[node]] + 1

    def recall(self, node: int) -> Kept | None:
        """What a node gave before; ``None`` where it has to run."""
        name, key = self._names[node], self._key(node)
        line = self._pages.known.get((name, key))
        if line is None:
            return None
        try:
            output = None if line.output is None else decoded(line.output, self._face(node))
        except (ValueError, TypeError, LookupError) as error:
            self._pages.book.complain(name, f"what is kept of it does not fit any more: {error}", "runs again")
            return None
        spent = Spent() if line.spent is None else read_spent(line.spent)
        if output is not None:
            output.token_usage, output.calls = spent.usage, list(spent.calls)
        self._results[node] = digest_of(key, line.output or line.route or "")
        self._pages.book.read += 1
        return Kept(output, line.route, spent, line.started, line.ended, line.attempt)

    # ---- writing -----------------------------------------------------------------------------------------------

    async def gave(self, node: int, output: CrewOutput, *, started: float, ended: float) -> None:
        """Keep what a node gave; it is on disk when this returns.

        Raises:
            StoreError: it cannot be written.
        """
        spent = written_spent(output.token_usage, output.calls)
        try:
            text = encoded(output, self._face(node))
        except NotPlain as error:
            self._pages.book.complain(self._names[node], str(error), "is not kept, and runs again when this is resumed")
            self._results[node] = digest_of(self._key(node), UNKNOWN)
            self._line(node, "not kept", started, ended, spent=spent, error=str(error))
        else:
            self._results[node] = digest_of(self._key(node), text)
            self._line(node, "ok", started, ended, output=text, spent=spent)
        await self._pages.book.writer.durable()

    async def took(self, node: int, route: str, *, started: float, ended: float) -> None:
        """Keep which route a router took; it is on disk when this returns.

        Raises:
            StoreError: it cannot be written.
        """
        self._results[node] = digest_of(self._key(node), route)
        self._line(node, "ok", started, ended, route=route)
        await self._pages.book.writer.durable()

    def failed(self, node: int, error: BaseException, account: Account | None, *, started: float, ended: float) -> None:
        """Note that a node failed; it runs again when this is resumed."""
        spent = written_spent(account.usage, account.calls) if account is not None else None
        self._line(node, "failed", started, ended, spent=spent, error=in_words(error))

    def end(self, status: str, error: str | None) -> None:
        """Note how the run ended, if that is news."""
        if self._pages.is_noted or self._pages.status != status:
            self._pages.book.note_run(self._pages, status=status, error=error, ended=time.time())

    def _line(
        self, node: int, status: str, started: float, ended: float, *, output: str | None = None, route: str | None = None,
        spent: str | None = None, error: str | None = None,
    ) -> None:  # fmt: skip
        self._pages.note()
        name = self._names[node]
        self._pages.attempts[name] += 1
        values = (
            self._pages.run, name, 0, self._pages.attempts[name], status, self._key(node), output, route, spent, error,
            started, ended,
        )  # fmt: skip
        self._pages.book.writer.put("nodes", values)

    # ---- runs inside of this one -------------------------------------------------------------------------------

    def inside(self, router: int, route: str, plan: Plan, state: bytearray) -> FileLog:
        """The log of a run of the pipeline that an open router came up with; such a router is asked again each time."""
        name = self._names[router]
        return FileLog(
            self._pages, plan, own_definitions(plan), state, basis=digest_of(self._key(router), route), within=(name,)
        )

    def adopt(self, router: int, inner: FileLog, exits: Iterable[int]) -> None:
        """Note that the run inside of a router is through."""
        self._results[router] = digest_of(self._key(router), *(inner._result(node) for node in exits))

    # ---- fingerprints ------------------------------------------------------------------------------------------

    def _key(self, node: int) -> str:
        """The fingerprint of a node that is ready: what it says itself, and everything that led to it."""
        known = self._keys.get(node)
        if known is None:
            led = [self._result(source) for source in self._plan.sources[node] if self._state[source] == DONE]
            known = self._keys[node] = digest_of(self._own[node], *(led or [self._basis]))
        return known

    def _result(self, node: int) -> str:
        """Stands for what a node that is done gave, and for everything that led to it."""
        known = self._results.get(node)
        if known is None:  # a start, a join or a merge, which have nothing of their own
            known = self._results[node] = self._key(node)
        return known

    def _face(self, node: int) -> Interface:
        kind = self._plan.nodes[node]
        return kind.interface if isinstance(kind, Work) else Interface()
