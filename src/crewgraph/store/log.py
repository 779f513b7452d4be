"""The log of one run: what its nodes gave before, and what they give now."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest_of
from crewgraph.errors import ModelError
from crewgraph.errors.root import in_words
from crewgraph.frontier import DONE
from crewgraph.graph import Work
from crewgraph.graph_record import graph_record
from crewgraph.node import Interface
from crewgraph.outputs import CrewOutput, Waiting
from crewgraph.store.codec import NotPlain, decoded, encoded, encoded_keys, read_spent, written_spent
from crewgraph.store.entries import Asked, Identity, Kept, Spent
from crewgraph.store.own_names import own_names
from crewgraph.store.plain import as_json
from crewgraph.store.questions import Answer, asked_of, question_id, question_text
from crewgraph.store.tasks import FileTasks
from crewgraph.store.versions import own_definitions, version_of
from crewgraph.usage import Account, UsageMetrics

__all__ = ["ANY", "UNKNOWN", "WAITING", "FileLog", "Line", "Pages"]

ANY = "*"
"""Stands for a fingerprint of which nobody knows what it would be: what it was given to is read whatever led to it."""
WAITING = "waiting"
"""The status of a node that waits for a person, and of its run."""
UNKNOWN = "?"
"""Stands for what a node gave that is not kept: it is taken to give the same again."""
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
        ended: when that was.
        is_moved: whether it now has another place, or the pipeline another definition.
        lines: what is known of it from before.
        looked: when it was looked what people have decided, by the clock of the store.
        ahead: how many seconds that clock is ahead of the one of this machine.
    """

    book: Book
    run: int
    identity: Identity
    place: int
    began: float
    origin: str | None = None
    status: str | None = None
    ended: float | None = None
    is_moved: bool = False
    lines: Sequence[Line] = ()
    looked: float = 0.0
    ahead: float = 0.0
    known: dict[tuple[str, str], Line] = field(default_factory=dict[tuple[str, str], Line])
    """By node and fingerprint the last line that can be read."""
    decisions: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    """By node what somebody decided."""
    last: dict[str, Line] = field(default_factory=dict[str, Line])
    """By node its last line."""
    asked: set[str] = field(default_factory=set[str])
    """The approvals that this kickoff has come to."""
    attempts: Counter[str] = field(default_factory=Counter)
    """How often each node was noted so far."""
    task_attempts: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each task inside of a node was noted so far."""
    opened: dict[tuple[str, str], str | None] = field(default_factory=dict[tuple[str, str], "str | None"])
    """By router and fingerprint the pipeline that it came up with."""
    is_noted: bool = False

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
            attempt = self.task_attempts[node, item] = self.task_attempts[node, item] + 1
        else:
            attempt = self.attempts[node] + 1
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

    @property
    def pipeline(self) -> str:
        """What the pipeline is called in the file."""
        return self._pages.book.pipeline

    @property
    def run_id(self) -> str:
        """What the run is called there."""
        return self._pages.identity.id

    # ---- reading -----------------------------------------------------------------------------------------------

    def attempt(self, node: int) -> int:
        """Which attempt the next one is, counted from 1."""
        return self._pages.attempts[self._names[node]] + 1

    def recall(self, node: int) -> Kept | None:
        """What a node gave before; ``None`` where it has to run."""
        if not self._pages.known:
            return None
        name, key = self._names[node], self._key(node)
        line = self._pages.known.get((name, key)) or self._pages.known.get((name, ANY))
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

    def gave(self, node: int, output: CrewOutput | dict[str, Any], *, started: float, ended: float) -> None:
        """Keep what a node gave, an output or plain keys alone; it is on disk when the journal is durable."""
        spent = None if isinstance(output, dict) else written_spent(output.token_usage, output.calls)
        try:
            face = self._face(node)
            text = encoded_keys(output, face) if isinstance(output, dict) else encoded(output, face)
        except NotPlain as error:
            self._pages.book.complain(self._names[node], str(error), "is not kept, and runs again when this is resumed")
            self._results[node] = digest_of(self._key(node), UNKNOWN)
            self._line(node, "not kept", started, ended, spent=spent, error=str(error))
        else:
            self._results[node] = digest_of(self._key(node), text)
            self._line(node, "ok", started, ended, output=text, spent=spent)

    def took(self, node: int, route: str, *, started: float, ended: float) -> None:
        """Keep which route a router took; it is on disk when the journal is durable."""
        self._results[node] = digest_of(self._key(node), route)
        self._line(node, "ok", started, ended, route=route)

    def asked(self, node: int) -> Asked | None:
        """What an approval has asked already about just this, with what was decided; ``None`` where it has to ask."""
        name, key = self._names[node], self._key(node)
        self._pages.asked.add(name)
        line, answer = self._pages.last.get(name), self._pages.decisions.get(name)
        if line is None or line.status != WAITING or line.output is None:
            return None
        if answer is not None and answer.question != question_id(line.attempt, line.fingerprint):
            answer = None
        if line.fingerprint == key:
            self._pages.attempts[name] = line.attempt - 1  # it is still the same attempt, and its row is replaced
            return asked_of(name, line.output, line.attempt, answer, looked=self._pages.looked)
        if answer is not None:
            reason = "what leads to its question has changed since that was decided"
            self._pages.book.complain(name, reason, "asks again")
        return None

    def now(self) -> float:
        """What time it is by the clock of the store, in seconds since the epoch."""
        return time.time() + self._pages.ahead

    def ask(self, node: int, question: Waiting) -> None:
        """Keep what a person is asked; it is on disk when the journal is durable."""
        since = question.since.timestamp()
        until = since if question.until is None else question.until.timestamp()
        self._line(node, WAITING, since, until, output=question_text(question))

    def failed(self, node: int, error: BaseException, account: Account | None, *, started: float, ended: float) -> None:
        """Note that a node failed; it runs again when this is resumed."""
        calls = account.calls if account is not None else []
        told = error.usage if isinstance(error, ModelError) else None  # of a crew that keeps no account here
        usage = account.usage if account is not None and calls else told
        spent = written_spent(usage, calls) if isinstance(usage, UsageMetrics) else None
        self._line(node, "failed", started, ended, spent=spent, error=in_words(error))

    def stopped(self, node: int, account: Account | None, *, started: float, ended: float) -> None:
        """Note that a node was at work when something else ended its run, and what it had spent."""
        spent = written_spent(account.usage, account.calls) if account is not None else None
        self._line(node, "cancelled", started, ended, spent=spent)

    def end(self, status: str, error: str | None) -> None:
        """Note how the run ended, if that is news."""
        pages = self._pages
        if status in ("ok", WAITING):
            self._drop_questions()
        if pages.is_noted or pages.status != status:
            pages.book.note_run(pages, status=status, error=error, ended=time.time())
        elif pages.is_moved:
            pages.book.note_run(pages, status=status, error=error, ended=pages.ended)

    def _drop_questions(self) -> None:
        """Take back the questions that the run does not come to any more, so that nobody answers them."""
        for name, line in self._pages.last.items():
            if line.status == WAITING and name not in self._pages.asked:
                values = (
                    self._pages.run, name, 0, line.attempt, "not kept", line.fingerprint, None, None, None,
                    "it is not asked any more", line.started, line.ended,
                )  # fmt: skip
                self._pages.book.writer.put("nodes", values)

    def _line(
        self, node: int, status: str, started: float, ended: float, *, output: str | None = None, route: str | None = None,
        spent: str | None = None, error: str | None = None,
    ) -> None:  # fmt: skip
        self._pages.line(
            self._names[node], status, self._key(node), started, ended, output=output, route=route, spent=spent, error=error
        )  # fmt: skip

    @property
    def origin(self) -> str | None:
        """What the run was forked from, as JSON; ``None`` for what an input made."""
        return self._pages.origin

    def tasks(self, node: int) -> FileTasks:
        """The log of the tasks inside of a node."""
        return FileTasks(self._pages, self._names[node], self._key(node), self._face(node))

    # ---- runs inside of this one -------------------------------------------------------------------------------

    def inside(self, router: int, route: str, plan: Plan, state: bytearray, *, started: float, ended: float) -> FileLog:
        """The log of a run of the pipeline that an open router came up with.

        Such a router is asked again each time. What it came up with is kept to be looked at.
        """
        name, own = self._names[router], own_definitions(plan)
        text = as_json({"graph": graph_record(plan.graph), "own": version_of(plan, own).own})
        if self._pages.opened.get((name, self._key(router))) != text:
            self._line(router, "opened", started, ended, output=text, route=route)
        return FileLog(self._pages, plan, own, state, basis=digest_of(self._key(router), route), within=(name,))

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
