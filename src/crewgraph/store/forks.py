"""Forks: a new run that takes over what a run gave, up to a node from which on everything runs anew."""

from __future__ import annotations

import difflib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from crewgraph.compiler.plan import Plan
from crewgraph.errors import StoreError
from crewgraph.errors.root import counted
from crewgraph.frontier import READY, Frontier
from crewgraph.graph import ANY_ROUTE, Switch, Work
from crewgraph.options import Fork
from crewgraph.store.again import Found, StoredInput, found_run, refuse_nobody
from crewgraph.store.chain import Chain, chain_of, lines_in
from crewgraph.store.entries import Identity
from crewgraph.store.identity import identity_of
from crewgraph.store.log import ANY
from crewgraph.store.pages import Line
from crewgraph.store.source import Source

__all__ = ["NewRun", "fork_of"]

INSIDE = " › "
"""Stands in the names of nodes between a router and what is inside of it."""


class NewRun(NamedTuple):
    """A fork that is to be made.

    Attributes:
        parent: the run that is forked.
        identity: of the new one.
        lines: what it takes over.
    """

    parent: Found
    identity: Identity
    lines: Sequence[Line]

    @property
    def told(self) -> str:
        """What was made, in words."""
        kept = counted(len({line.node for line in self.lines}), "node")
        return f"run '{self.identity.id}' is forked from '{self.parent.id}' and takes over {kept}"


def fork_of(source: Source, plan: Plan, own: Sequence[str], pipeline: str, fork: Fork) -> NewRun:
    """The run that a fork makes; nothing is written.

    Args:
        source: the store.
        plan: what is run.
        own: for each node a digest of what it says itself.
        pipeline: what the pipeline is called in the store.
        fork: of which run, and what is to be different.

    Raises:
        StoreError: there is no such run or node, the run did not come to it, or the new run would have the id of another.
    """
    parent = parent_of(source, pipeline, fork)
    identity = identity_of_fork(source, pipeline, parent, fork)
    return NewRun(parent, identity, taken_over(source, plan, own, parent=parent, identity=identity, at=fork.at))


def parent_of(source: Source, pipeline: str, fork: Fork) -> Found:
    """The run that is forked.

    Raises:
        StoreError: there is none.
    """
    refuse_nobody(source, pipeline)
    return found_run(source, pipeline, fork.run)


def identity_of_fork(source: Source, pipeline: str, parent: Found, fork: Fork) -> Identity:
    """What the new run is called, and its input.

    Raises:
        StoreError: there is a run of that id, or the input of the parent is not known.
    """
    values = StoredInput(source.where, parent.identity).values() | dict(fork.inputs)
    query = "SELECT 1 FROM runs WHERE pipeline = ? AND id = ?"
    number, own = 1, fork.id or f"{parent.id}~1"
    while next(source.rows(query, pipeline, own), None) is not None:
        if fork.id:
            hint = "give it another id, or none: then it gets one"
            raise StoreError(source.where, f"there is a run '{own}' of '{pipeline}' already", hint=hint)
        number += 1
        own = f"{parent.id}~{number}"
    origin = json.dumps({"run": parent.id, "from": fork.at}, ensure_ascii=False)
    return identity_of(values, own=own, place=parent.place, origin=origin)


def taken_over(
    source: Source, plan: Plan, own: Sequence[str], *, parent: Found, identity: Identity, at: str | None
) -> list[Line]:
    """The lines of a run that its fork begins with.

    Args:
        source: the store.
        plan: what is run.
        own: for each node a digest of what it says itself.
        parent: the run that is forked.
        identity: of the new run.
        at: the node from which on everything runs anew.

    Raises:
        StoreError: there is no such node, or the run did not come to it.
    """
    lines = lines_in(source, parent.run)
    if at is None:
        return lines
    node = _number_of(source, plan, parent, lines, at)
    frontier = Frontier(plan.wiring)
    before, now = (chain_of(plan, own, frontier.state, each) for each in (parent.identity, identity))
    walk = _Walk(plan, node, lines, frontier, before, now)
    walk.go()
    if frontier.state[node] != READY:
        raise StoreError(
            source.where, f"run '{parent.id}' {walk.obstacle()}", hint="fork it from a node that it came to"
        )
    return [*walk.taken, *_beside(plan, node, lines)]


def _number_of(source: Source, plan: Plan, parent: Found, lines: Sequence[Line], at: str) -> int:
    """The number of a node that is named."""
    node = plan.number.get(at)
    if node is not None and isinstance(plan.nodes[node], Work | Switch):
        return node
    router = at.partition(INSIDE)[0]
    if INSIDE in at and any(line.node == at for line in lines):
        told = f"node '{at}' is part of what the router '{router}' came up with in run '{parent.id}'"
        raise StoreError(source.where, told, hint=f"fork from the router, which is then asked again: '{router}'")
    names = [each.name for each in plan.nodes if isinstance(each, Work | Switch)]
    close = difflib.get_close_matches(at, names, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there is {', '.join(map(repr, names))}"
    raise StoreError(source.where, f"the pipeline has no node '{at}' to fork run '{parent.id}' from", hint=hint)


# ---- above the node --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Walk:
    """The way of a run to a node: every node above it keeps what it gave, under the fingerprint that it has by now.

    Of several answers of a node that counts which it would read today, else the last one: the pipeline was edited since.
    """

    plan: Plan
    node: int
    lines: Sequence[Line]
    frontier: Frontier
    before: Chain
    now: Chain
    taken: list[Line] = field(default_factory=list[Line])
    lacking: list[int] = field(default_factory=list[int])
    routes: dict[int, str] = field(default_factory=dict[int, str])
    opened: set[int] = field(default_factory=set[int])
    """Routers that came up with pipelines of their own; what is below them has no fingerprint that is known here."""

    def go(self) -> None:
        """Walk as far as the run came."""
        frontier, before, now = self.frontier, self.before, self.now
        known = {(line.node, line.fingerprint): line for line in self.lines if not line.item}
        last = {line.node: line for line in self.lines if not line.item}
        above, ready = ancestors(self.plan, self.node), deque(frontier.start())
        while ready:
            node = ready.popleft()
            if node not in above:
                continue
            name = before.name(node)
            line = known.get((name, before.key(node))) or last.get(name)
            if line is not None:
                is_blind = bool(self.opened & ancestors(self.plan, node))
                self.taken.append(line._replace(fingerprint=ANY if is_blind else now.key(node)))
                before.gave_this(node, line)
                now.gave_this(node, line)
                self.routes[node] = line.route or ""
                ready += frontier.done(node, line.route)
            elif self._is_open(node, name):
                ready += frontier.done(node, ANY_ROUTE)
            else:
                self.lacking.append(node)

    def _is_open(self, node: int, name: str) -> bool:
        """Whether a router came up with a pipeline of its own; it is asked again, and what is inside keeps what it gave."""
        if not isinstance(self.plan.nodes[node], Switch):
            return False
        inside = {line.node: line for line in self.lines if not line.item and line.node.startswith(f"{name}{INSIDE}")}
        self.taken += [line._replace(fingerprint=ANY) for line in inside.values()]
        self.opened.add(node)
        return bool(inside)

    def obstacle(self) -> str:
        """Why the run did not come to the node."""
        name = self.plan.nodes[self.node].name
        if self.lacking:
            return f"has not come as far as '{name}': nothing is kept of '{self.plan.nodes[self.lacking[0]].name}'"
        above = ancestors(self.plan, self.node)
        took = [
            f"'{self.plan.nodes[node].name}' took '{route}'"
            for node, route in self.routes.items()
            if route and node in above
        ]
        return f"did not come by '{name}': {' and '.join(took)}"


def ancestors(plan: Plan, node: int) -> set[int]:
    """The nodes that lie above a node."""
    seen, todo = set[int](), list(plan.sources[node])
    while todo:
        each = todo.pop()
        if each not in seen:
            seen.add(each)
            todo += plan.sources[each]
    return seen


# ---- beside it -------------------------------------------------------------------------------------------------


def _beside(plan: Plan, node: int, lines: Sequence[Line]) -> Iterator[Line]:
    """What lies neither above the node nor below it, as it is: it is read where it fits."""
    below = {place for place in range(len(plan.nodes)) if place == node or node in ancestors(plan, place)}
    gone = {plan.nodes[place].name for place in below | ancestors(plan, node)}
    for line in lines:
        if line.node.partition(INSIDE)[0] not in gone:
            yield line
