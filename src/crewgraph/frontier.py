"""Which nodes are ready, running, done or skipped: the scheduler's core, without clock or event loop.

It follows ``graphlib.TopologicalSorter`` (``start``, ``done``) and adds what a workflow needs: routes. A route not
taken settles everything below it as skipped, up to where the routes meet. A node is ready once all its predecessors
are settled and at least one of them arrived, so a join waits for every branch that can still come, and for no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["DONE", "IDLE", "READY", "SKIPPED", "Frontier", "Wiring"]

IDLE, READY, DONE, SKIPPED = range(4)


@dataclass(frozen=True, slots=True)
class Wiring:
    """A graph as numbers: nodes are 0 … n-1 in plan order.

    Attributes:
        successors: for each node its edges, as (target, route or ``None``).
        indegrees: how many edges lead into each node.
        passive: whether a node is only wiring (start, join, merge) and done as soon as it is ready.
        only: for each node the one that follows it whatever happens, and waits for nothing else; -1 where there is none.
        first: the nodes into which no edge leads.
        is_line: whether at most one node can be ready at a time.
    """

    successors: tuple[tuple[tuple[int, str | None], ...], ...]
    indegrees: tuple[int, ...]
    passive: tuple[bool, ...]
    only: tuple[int, ...] = field(init=False)
    first: tuple[int, ...] = field(init=False)
    is_line: bool = field(init=False)

    def __post_init__(self) -> None:
        first = tuple(node for node, edges in enumerate(self.indegrees) if edges == 0)
        object.__setattr__(self, "only", tuple(map(self._only, self.successors)))
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "is_line", len(first) <= 1 and not any(map(self._forks, self.successors)))

    @staticmethod
    def _forks(after: tuple[tuple[int, str | None], ...]) -> bool:
        """Whether more than one node may follow: routes of a name of their own exclude each other."""
        routes = {route for _, route in after}
        return len(after) > 1 and (None in routes or len(routes) < len(after))

    def _only(self, after: tuple[tuple[int, str | None], ...]) -> int:
        if len(after) != 1 or after[0][1] is not None:
            return -1
        target = after[0][0]
        return target if self.indegrees[target] == 1 and not self.passive[target] else -1


class Frontier:
    """The state of one run. Every node becomes ready at most once.

    Attributes:
        state: for each node ``IDLE``, ``READY`` (handed out, not done), ``DONE`` or ``SKIPPED``.
    """

    __slots__ = ("_arrived", "_waiting", "_wiring", "state")

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._waiting = list(wiring.indegrees)
        self._arrived = bytearray(len(wiring.indegrees))
        self.state = bytearray(len(wiring.indegrees))

    def start(self) -> list[int]:
        """The nodes that are ready at the beginning."""
        ready: list[int] = []
        for node in self._wiring.first:
            self._arrived[node] = 1
            if self._wiring.passive[node]:
                ready += self._settle(node, None)
            else:
                self.state[node] = READY
                ready.append(node)
        return ready

    def done(self, node: int, route: str | None = None) -> list[int]:
        """Settle a ready node and return the nodes that are ready because of it, in plan order.

        Args:
            node: a node that ``start`` or ``done`` handed out.
            route: the route that a router took; edges of other routes are skipped.

        Raises:
            ValueError: the node is not ready, or was settled before.
        """
        if self.state[node] != READY:
            raise ValueError(f"node {node} is not ready")
        only = self._wiring.only[node]
        if only >= 0:  # most nodes of most pipelines: a quarter of the time of settling the same in general
            self.state[node] = DONE
            self.state[only] = READY
            self._arrived[only] = 1
            self._waiting[only] = 0
            return [only]
        return self._settle(node, route)

    def _settle(self, node: int, route: str | None) -> list[int]:
        wiring, waiting, arrived, state = self._wiring, self._waiting, self._arrived, self.state
        ready: list[int] = []
        settled = [(node, route)]
        for each, taken in settled:  # which grows meanwhile
            is_alive = arrived[each]
            state[each] = DONE if is_alive else SKIPPED
            for target, label in wiring.successors[each]:
                if is_alive and (label is None or label == taken):
                    arrived[target] = 1
                waiting[target] -= 1
                if waiting[target] == 0:
                    if wiring.passive[target] or not arrived[target]:
                        settled.append((target, None))
                    else:
                        state[target] = READY
                        ready.append(target)
        ready.sort()
        return ready
