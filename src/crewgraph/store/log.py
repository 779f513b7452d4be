"""The log of one run: what its nodes gave before, and what they give now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

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
from crewgraph.store.entries import Asked, Kept, Spent
from crewgraph.store.own_names import own_names
from crewgraph.store.pages import WAITING, Pages
from crewgraph.store.plain import as_json
from crewgraph.store.questions import asked_of, question_id, question_text
from crewgraph.store.tasks import FileTasks
from crewgraph.store.versions import own_definitions, version_of
from crewgraph.usage import Account, UsageMetrics

__all__ = ["ANY", "UNKNOWN", "FileLog"]

ANY = "*"
"""Stands for a fingerprint of which nobody knows what it would be: what it was given to is read whatever led to it."""
UNKNOWN = "?"
"""Stands for what a node gave that is not kept: it is taken to give the same again."""


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

    __slots__ = ("_basis", "_keys", "_names", "_own", "_pages", "_plan", "_results", "_state")

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
        return self._pages.attempts.get(self._names[node], 0) + 1

    def recall(self, node: int) -> Kept | None:
        """What a node gave before; ``None`` where it has to run."""
        if not self._pages.before.known:
            return None
        name, key = self._names[node], self._key(node)
        line = self._pages.before.known.get((name, key)) or self._pages.before.known.get((name, ANY))
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
        line, answer = self._pages.before.last.get(name), self._pages.before.decisions.get(name)
        if line is None or line.status != WAITING or line.output is None:
            return None
        if answer is not None and answer.question != question_id(line.attempt, line.fingerprint):
            answer = None
        if line.fingerprint == key:
            self._pages.attempts[name] = line.attempt - 1  # it is still the same attempt, and its row is replaced
            return asked_of(name, line.output, line.attempt, answer, looked=self._pages.before.looked)
        if answer is not None:
            reason = "what leads to its question has changed since that was decided"
            self._pages.book.complain(name, reason, "asks again")
        return None

    def now(self) -> float:
        """What time it is by the clock of the store, in seconds since the epoch."""
        return time.time() + self._pages.before.ahead

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
        if pages.is_noted or pages.before.status != status:
            pages.book.note_run(pages, status=status, error=error, ended=time.time())
        elif pages.before.is_moved:
            pages.book.note_run(pages, status=status, error=error, ended=pages.before.ended)

    def _drop_questions(self) -> None:
        """Take back the questions that the run does not come to any more, so that nobody answers them."""
        for name, line in self._pages.before.last.items():
            if line.status == WAITING and name not in self._pages.asked:
                values = (
                    self._pages.run, name, 0, line.attempt, "not kept", line.fingerprint, None, None, None,
                    "it is not asked any more", line.started, line.ended,
                )  # fmt: skip
                self._pages.book.writer.put("nodes", values)

    def _line(self, node: int, status: str, started: float, ended: float, **said: Any) -> None:
        self._pages.line(self._names[node], status, self._key(node), started, ended, **said)

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
        if self._pages.before.opened.get((name, self._key(router))) != text:
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
