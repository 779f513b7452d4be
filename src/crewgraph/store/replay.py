"""What is kept of one run, read back node by node: nothing is written, and no node is called."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from crewgraph.definition import digest_of
from crewgraph.outputs import CrewOutput, Waiting
from crewgraph.store.closed import Closed
from crewgraph.store.codec import decoded, read_spent
from crewgraph.store.definitions import Definition, broken, stored_definition
from crewgraph.store.entries import Identity, Kept, Spent
from crewgraph.store.log import ANY, UNKNOWN, FileLog
from crewgraph.store.pages import Line, Pages
from crewgraph.store.questions import question_of
from crewgraph.store.runs import StoredRun, lines_of
from crewgraph.store.source import Source

__all__ = ["StoredLog", "stored_log"]


class StoredLog(FileLog):
    """The log of a run that is looked at, or of a run inside of it.

    Args:
        pages: what it is part of.
        definition: what the run was made with.
        state: of its nodes, as the frontier keeps it.
        where: the store, for messages.
        basis: stands for everything that the run begins with.
        last: by node and fingerprint the last that was noted.
        within: the names of the routers that this run is inside of.
    """

    __slots__ = ("_definition", "_last", "where")

    def __init__(
        self,
        pages: Pages,
        definition: Definition,
        state: bytearray,
        *,
        where: str,
        basis: str,
        last: Mapping[tuple[str, str], Line],
        within: Sequence[str] = (),
    ) -> None:
        super().__init__(pages, definition.plan, definition.own, state, basis=basis, within=within)
        self._definition, self._last, self.where = definition, last, where

    @property
    def plain(self) -> FileLog:
        """This one, as engines know it."""
        return self

    def line(self, node: int) -> Line | None:
        """What was noted last of a node that is ready, with everything that led to it; ``None`` where nothing was."""
        name = self._names[node]
        return self._last.get((name, self._key(node))) or self._last.get((name, ANY))

    def kept(self, node: int, line: Line) -> Kept:
        """What a node gave.

        Raises:
            StoreError: what stands there is broken; the message names the run and the node.
        """
        spent = self.spent(node, line)
        is_kept = line.status != "not kept"
        output = self._output(node, line) if is_kept else CrewOutput()
        given = line.output or line.route or "" if is_kept else UNKNOWN
        if output is not None:
            output.token_usage, output.calls = spent.usage, list(spent.calls)
        self._results[node] = digest_of(self._key(node), given)
        return Kept(output, line.route, spent, line.started, line.ended, line.attempt)

    def _output(self, node: int, line: Line) -> CrewOutput | None:
        if line.output is None:
            return None
        if self._definition.is_typed:
            try:
                return decoded(line.output, self._face(node))
            except (ValueError, TypeError, LookupError):
                pass  # a class that is no longer there: it is shown as JSON has it
        with broken(self.where, self._named(node, line)):
            return decoded(line.output, None)

    def spent(self, node: int, line: Line) -> Spent:
        """What a node took.

        Raises:
            StoreError: what stands there is broken.
        """
        if line.spent is None:
            return Spent()
        with broken(self.where, self._named(node, line)):
            return read_spent(line.spent)

    def question(self, node: int, line: Line) -> Waiting:
        """What somebody is asked there.

        Raises:
            StoreError: what stands there is broken.
        """
        with broken(self.where, self._named(node, line)):
            return question_of(self._plan.nodes[node].name, line.output or "")

    def opened(self, router: int, line: Line) -> Definition:
        """The pipeline that an open router came up with.

        Raises:
            StoreError: what stands there is broken.
        """
        with broken(self.where, self._named(router, line)):
            return stored_definition(json.loads(line.output or ""))

    def within(self, router: int, line: Line, definition: Definition, state: bytearray) -> StoredLog:
        """The log of the run of that pipeline."""
        basis = digest_of(self._key(router), line.route or "")
        name = self._names[router]
        return StoredLog(self._pages, definition, state, where=self.where, basis=basis, last=self._last, within=(name,))

    def _named(self, node: int, line: Line) -> str:
        return f"attempt {line.attempt} of node '{self._names[node]}' of run '{self.run_id}'"


def stored_log(
    source: Source, run: StoredRun, definition: Definition, state: bytearray, lines: Sequence[Line] | None = None
) -> StoredLog:
    """The log of a run in a store.

    Args:
        source: the store.
        run: the run.
        definition: what it was made with.
        state: of its nodes, as the frontier keeps it.
        lines: what was noted of its nodes, where that is known already.

    Raises:
        StoreError: it cannot be read.
    """
    lines = lines_of(source, run.number) if lines is None else lines
    identity = Identity(run.id, run.content, run.text)
    pages = Pages(Closed(run.pipeline), run.number, identity, run.place, began=run.began, origin=run.origin)
    last = {(line.node, line.fingerprint): line for line in lines}
    return StoredLog(pages, definition, state, where=source.where, basis=run.content, last=last)
