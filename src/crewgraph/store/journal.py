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
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest
from crewgraph.errors.root import counted
from crewgraph.graph_record import graph_record
from crewgraph.store.entries import Identity
from crewgraph.store.file import looked_at, make, translated, writable
from crewgraph.store.identity import Identities
from crewgraph.store.lock import Lock
from crewgraph.store.log import FileLog, Line, Pages
from crewgraph.store.questions import ANSWERS, answers_of
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
    ) -> AsyncGenerator[FileJournal]:
        """Open a store to write to it, and close it at the end.

        Args:
            path: the file; it is made where there is none.
            plan: what is run.
            pipeline: what the pipeline is called in the file.
            beside: what the pipeline says that decides about every node, such as the model of its inputs.
            id_column: the key of the inputs whose value tells them apart.

        Raises:
            StoreError: it cannot be used.
        """
        place = Path(path)
        async with contextlib.AsyncExitStack() as stack:
            looked_at(place)  # before anything is made beside it
            lock = Lock(place)
            stack.callback(lock.release)
            if not looked_at(place):
                make(place)
            identities = Identities(str(path), id_column)
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
        version = version_of(self.plan, self.own)
        if self.known:
            for line in self._differences(version):
                _log.info("%s: %s", self.path, line)
        told = {"own": version.own, "whole": version.whole, "graph": graph_record(self.plan.graph)}
        self.writer.put("meta", (f"definition:{self.definition}", json.dumps(told)))

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

    def begin(self, identity: Identity, place: int, state: bytearray) -> FileLog:
        """The log of a run that begins, with what is known of it from before.

        Args:
            identity: of its input.
            place: the number of its input in this kickoff.
            state: of its nodes, as the frontier keeps it.

        Raises:
            StoreError: the file cannot be read.
        """
        pages = self._found(identity, place) if self.known else None
        if pages is None:
            pages = Pages(self, self.next_run, identity, place, began=time.time())
            self.next_run += 1
        return FileLog(pages, self.plan, self.own, state, basis=identity.content)

    def _found(self, identity: Identity, place: int) -> Pages | None:
        with translated(self.path):
            query = "SELECT run, began, origin, status FROM runs WHERE pipeline = ? AND id = ?"
            found = self.reader.execute(query, (self.pipeline, identity.id)).fetchone()
            if found is None:
                return None
            run, began, origin, status = found
            query = """SELECT node, attempt, status, fingerprint, output, route, spent, started, ended
                       FROM nodes WHERE run = ? ORDER BY attempt"""
            lines = [Line(*each) for each in self.reader.execute(query, (run,))]
            decisions = answers_of(self.reader.execute(f"{ANSWERS} WHERE run = ?", (run,)))
        return Pages(
            self, run, identity, place, began=began, origin=origin, status=status, lines=lines, decisions=decisions
        )

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
