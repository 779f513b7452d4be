"""The journal of a kickoff: which runs there are, and for each run what its nodes gave.

A node is known by its name and by a fingerprint of what it says itself and of everything that led to it: definitions,
the input, and what the nodes above gave. In which order nodes finish has no part in it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest
from crewgraph.errors.root import counted
from crewgraph.options import Fork, StoredRuns
from crewgraph.store.again import StoredInput, stored_inputs, told_of
from crewgraph.store.definitions import described
from crewgraph.store.entries import Identity
from crewgraph.store.file import absent, looked_at, make, translated, writable
from crewgraph.store.forks import fork_of
from crewgraph.store.identity import Identities
from crewgraph.store.lock import Lock
from crewgraph.store.log import FileLog
from crewgraph.store.pages import Before, Line, Pages
from crewgraph.store.questions import ANSWERS, answers_of
from crewgraph.store.source import FileSource
from crewgraph.store.versions import Version, changes, own_definitions, version_of
from crewgraph.store.writer import Writer

__all__ = ["FileJournal"]

_log = logging.getLogger("crewgraph.store")


@dataclass(slots=True)
class FileJournal:
    """A journal in a file of SQLite; made by :meth:`opened`.

    Attributes:
        path: the file.
        plan: what is run.
        pipeline: what the pipeline is called in the file.
        identities: gives inputs their identities.
        read: how many nodes were read so far, and not run.
    """

    path: Path
    plan: Plan
    pipeline: str
    identities: Identities
    writer: Writer
    reader: sqlite3.Connection
    own: list[str]
    definition: str
    next_run: int
    known: int
    """How many runs of this pipeline were there when the file was opened."""
    read: int = 0
    told: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """What was said already of nodes that are not kept."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        path: str | PathLike[str],
        plan: Plan,
        *,
        pipeline: str,
        beside: object = None,
        id_column: str | None = None,
        batch: str | None = None,
        must_exist: bool = False,
    ) -> AsyncGenerator[FileJournal]:
        """Open a store to write to it, and close it at the end.

        Args:
            path: the file; it is made where there is none.
            plan: what is run.
            pipeline: what the pipeline is called in the file.
            beside: what the pipeline says that decides about every node, such as the model of its inputs.
            id_column: the key of the inputs whose value tells them apart.
            batch: stands before the ids of the runs.
            must_exist: whether a file that is not there is refused.

        Raises:
            StoreError: it cannot be used.
        """
        place = Path(path)
        async with contextlib.AsyncExitStack() as stack:
            if not looked_at(place) and must_exist:  # before anything is made beside it
                raise absent(place)
            lock = Lock(place)
            stack.callback(lock.release)
            if not looked_at(place):
                make(place)
            identities = Identities(str(path), id_column, batch)
            stack.callback(identities.close)
            reader = writable(place)
            stack.callback(reader.close)
            with translated(place):
                writer = Writer(place, writable(place, is_checked=True))
                stack.push_async_callback(writer.close)
                own = own_definitions(plan, beside)
                version = version_of(plan, own)
                (last,) = reader.execute("SELECT coalesce(max(run), 0) FROM runs").fetchone()
                (known,) = reader.execute("SELECT count(*) FROM runs WHERE pipeline = ?", (pipeline,)).fetchone()
                definition = digest([version.own, version.whole])
                journal = cls(place, plan, pipeline, identities, writer, reader, own, definition, last + 1, known)
                journal.describe()
            yield journal
            if journal.read:
                _log.info("%s: %s read, and not run", path, counted(journal.read, "node"))

    def describe(self) -> None:
        """Note what the pipeline is now, and say what of earlier runs will be read and what runs again."""
        if self.known:
            for line in self._differences(version_of(self.plan, self.own)):
                _log.info("%s: %s", self.path, line)
        self.writer.put("meta", (f"definition:{self.definition}", json.dumps(described(self.plan, self.own))))

    def _differences(self, version: Version) -> list[str]:
        """What is in the file of this pipeline, and for each earlier definition what of it is no longer so."""
        query = "SELECT count(*), sum(status <> 'ok') FROM runs WHERE pipeline = ?"
        total, open_ = self.reader.execute(query, (self.pipeline,)).fetchone()
        lines = [f"{counted(total, 'run')} of '{self.pipeline}' {_are(total)} there, {open_:,} of them not finished"]
        query = (
            "SELECT definition, count(*) FROM runs WHERE pipeline = ? AND definition <> ? GROUP BY 1 ORDER BY 2 DESC"
        )
        for name, count in self.reader.execute(query, (self.pipeline, self.definition)).fetchall():
            found = self.reader.execute("SELECT value FROM meta WHERE key = ?", (f"definition:{name}",)).fetchone()
            before = json.loads(found[0]) if found else {"own": {}, "whole": {}}
            said = changes(self.plan, Version(before["own"], before["whole"]), version)
            if said:
                lines.append(f"in {counted(count, 'run')} of these {said}")
        return lines

    # ---- runs --------------------------------------------------------------------------------------------------

    def identify(self, index: int, values: Mapping[str, Any]) -> Identity:
        """By what an input is known again."""
        return self.identities(index, values)

    def again(self, chosen: StoredRuns | Fork) -> Iterator[StoredInput]:
        """The inputs of runs that are in the store and go on, or of a new one that is forked from one of them.

        Raises:
            StoreError: one that is named is not there, or cannot go on this way.
        """
        source = FileSource(self.path, self.reader)
        if isinstance(chosen, Fork):
            return iter([StoredInput(str(self.path), self._forked(source, chosen))])
        inputs = stored_inputs(source, self.pipeline, chosen)
        _log.info("%s: %s", self.path, told_of(source, self.pipeline, chosen))
        return inputs

    def _forked(self, source: FileSource, fork: Fork) -> Identity:
        """Make a fork: the new run appears with all that it takes over, or not at all."""
        made = fork_of(source, self.plan, self.own, self.pipeline, fork)
        run, identity, now = self.next_run, made.identity, time.time()
        self.next_run += 1
        row = (
            run, self.pipeline, identity.id, identity.content, identity.text, self.definition, made.parent.place,
            identity.origin, "running", None, now, None,
        )  # fmt: skip
        nodes = [
            (run, line.node, line.item, line.attempt, line.status, line.fingerprint, line.output, line.route, line.spent,
             None, line.started, line.ended)
            for line in made.lines
        ]  # fmt: skip
        with translated(self.path), self.reader:
            self.reader.execute("BEGIN IMMEDIATE")
            self.reader.execute(f"INSERT INTO runs VALUES ({', '.join('?' * 12)})", row)  # noqa: S608 - question marks
            self.reader.executemany(f"INSERT INTO nodes VALUES ({', '.join('?' * 12)})", nodes)  # noqa: S608
        _log.info("%s: %s", self.path, made.told)
        return identity

    def begin(self, identity: Identity, place: int, state: bytearray) -> FileLog:
        """The log of a run that begins, with what is known of it from before.

        Args:
            identity: of its input.
            place: the number of its input in this kickoff.
            state: of its nodes, as the frontier keeps it.

        Raises:
            StoreError: the file cannot be read.
        """
        place = place if identity.place is None else identity.place
        pages = self._found(identity, place) if self.known else None
        if pages is None:
            pages = Pages(self, self.next_run, identity, place, began=time.time())
            self.next_run += 1
        return FileLog(pages, self.plan, self.own, state, basis=identity.content)

    def _found(self, identity: Identity, place: int) -> Pages | None:
        with translated(self.path):
            query = """SELECT run, began, origin, status, ended, place = ? AND definition = ?
                       FROM runs WHERE pipeline = ? AND id = ?"""
            values = (place, self.definition, self.pipeline, identity.id)
            found = self.reader.execute(query, values).fetchone()
            if found is None:
                return None
            run, began, origin, status, ended, is_same = found
            query = """SELECT node, attempt, status, fingerprint, output, route, spent, started, ended, item
                       FROM nodes WHERE run = ? ORDER BY attempt"""
            lines, looked = [Line(*each) for each in self.reader.execute(query, (run,))], time.time()
            decisions = answers_of(self.reader.execute(f"{ANSWERS} WHERE run = ?", (run,)))
        before = Before(status, ended, is_moved=not is_same, lines=lines, decisions=decisions, looked=looked)
        return Pages(self, run, identity, place, began=began, origin=origin, before=before)

    async def durable(self) -> None:
        """Wait until everything that logs kept so far is on disk.

        Raises:
            StoreError: it cannot be written.
        """
        await self.writer.durable()

    def note_run(self, pages: Pages, *, status: str, error: str | None, ended: float | None) -> None:
        """Note that a run is under way, or how it ended."""
        known = pages.identity
        values = (
            pages.run, self.pipeline, known.id, known.content, known.text, self.definition, pages.place, pages.origin,
            status, error, pages.began, ended,
        )  # fmt: skip
        self.writer.put("runs", values)

    def complain(self, node: str, reason: str, then: str) -> None:
        """Say of a node why it is not kept or not read: each reason once in a kickoff."""
        if (node, reason) not in self.told:
            self.told.add((node, reason))
            _log.warning("%s: node '%s' %s: %s", self.path, node, then, reason)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
