"""What the nodes of one run wrote, merged at every place of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crewgraph.frontier import DONE

__all__ = ["Merged"]


class Merged:
    """The values before and behind each node. Of two writers of a key the later one in the text counts.

    Who wrote a key is asked only where several ways meet, and most nodes have one before them: it is looked up then. What
    is kept for each node are plain dicts, which the collector of garbage does not look through: with 1,000 runs at once
    that took a fifth of the time.

    Args:
        inputs: what the run was given.
        sources: for each node its direct predecessors.
        state: of the nodes, as the frontier keeps it.
    """

    __slots__ = ("_after", "_before", "_inputs", "_sources", "_state", "_writers", "_writers_before", "_wrote")

    def __init__(self, inputs: dict[str, Any], sources: Sequence[Sequence[int]], state: bytearray) -> None:
        self._inputs = inputs
        self._sources = sources
        self._state = state
        self._after: dict[int, dict[str, Any]] = {}
        self._before: dict[int, dict[str, Any]] = {}
        """Of nodes behind a meeting of ways: needed twice, to hand the values over and to write on them."""
        self._wrote: dict[int, dict[str, Any]] = {}
        self._writers: dict[int, dict[str, int]] = {}
        self._writers_before: dict[int, dict[str, int]] = {}

    def before(self, node: int) -> dict[str, Any]:
        """What arrived at a node; not to be written on."""
        sources = self._sources[node]
        if len(sources) == 1:  # as nearly always: a third of the time of what follows
            known = self._after.get(sources[0])
            if known is not None:
                return known
        arrived = self._arrived(node)
        if len(arrived) == 1:
            return self.after(arrived[0])
        if not arrived:
            return self._inputs
        if node not in self._before:
            self._before[node], self._writers_before[node] = self.meeting(arrived)
        return self._before[node]

    def after(self, node: int) -> dict[str, Any]:
        """What goes on from a node; not to be written on."""
        known = self._after.get(node)
        if known is None:
            known = self._after[node] = self.before(node)
        return known

    def write(self, node: int, keys: dict[str, Any]) -> None:
        """A node wrote some keys, or none; from now on they are kept here, and not to be written on."""
        before = self.before(node)
        if self._before:
            self._before.pop(node, None)
        if keys:
            self._wrote[node] = keys
            before = before | keys
        self._after[node] = before

    def meeting(self, nodes: Iterable[int]) -> tuple[dict[str, Any], dict[str, int]]:
        """What goes on from several nodes together, and by key which node wrote it, or -1 where the input brought it."""
        values, writers = dict[str, Any](), dict[str, int]()
        for each in nodes:
            theirs = self.after(each)
            for key, writer in self._writers_after(each).items():
                if writer >= writers.get(key, -1):
                    values[key] = theirs[key]
                    writers[key] = writer
        return values, writers

    def _arrived(self, node: int) -> Sequence[int]:
        sources = self._sources[node]
        if len(sources) == 1:
            return sources
        state = self._state
        return [source for source in sources if state[source] == DONE]

    def _writers_after(self, node: int) -> dict[str, int]:
        """By key the node that wrote it. Not by recursion: a chain may be long."""
        known, chain = self._writers, list[int]()
        while node not in known:
            chain.append(node)
            arrived = self._arrived(node)
            if len(arrived) != 1:
                before = self._writers_before[node] if arrived else dict.fromkeys(self._inputs, -1)
                break
            node = arrived[0]
        else:
            before = known[node]
        for each in reversed(chain):
            keys = self._wrote.get(each)
            before = known[each] = before | dict.fromkeys(keys, each) if keys else before
        return before
