"""The fingerprints of a run that is looked at and not run."""

from __future__ import annotations

from collections.abc import Sequence

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest_of
from crewgraph.store.closed import Closed
from crewgraph.store.entries import Identity
from crewgraph.store.log import UNKNOWN, FileLog
from crewgraph.store.pages import Line, Pages
from crewgraph.store.source import Source

__all__ = ["Chain", "chain_of", "lines_in"]


class Chain(FileLog):
    """The fingerprints of a run, by what its nodes gave."""

    __slots__ = ()

    def name(self, node: int) -> str:
        """What a node is called in the store."""
        return self._names[node]

    def key(self, node: int) -> str:
        """The fingerprint of a node that is ready."""
        return self._key(node)

    def gave_this(self, node: int, line: Line) -> None:
        """Note what a node gave."""
        given = UNKNOWN if line.status == "not kept" else line.output or line.route or ""
        self._results[node] = digest_of(self._key(node), given)


def chain_of(plan: Plan, own: Sequence[str], state: bytearray, identity: Identity) -> Chain:
    """The fingerprints of a run.

    Args:
        plan: what is run.
        own: for each node a digest of what it says itself.
        state: of its nodes, as the frontier keeps it.
        identity: of its input.
    """
    pages = Pages(Closed(), 0, identity, 0, began=0.0)
    return Chain(pages, plan, own, state, basis=identity.content)


def lines_in(source: Source, run: int) -> list[Line]:
    """What nodes and tasks of a run gave, in the order of their attempts."""
    query = """SELECT node, attempt, status, fingerprint, output, route, spent, started, ended, item
               FROM nodes WHERE run = ? AND status IN ('ok', 'not kept') ORDER BY attempt"""
    return [Line(*row) for row in source.rows(query, run)]
