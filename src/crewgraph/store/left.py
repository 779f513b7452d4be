"""What runs in a store have left to do: what would be read and what would run if they went on now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from crewgraph.compiler.plan import Plan
from crewgraph.frontier import IDLE, Frontier
from crewgraph.graph import Switch, Work
from crewgraph.options import Fork, StoredRuns
from crewgraph.store.again import found_run, stored_inputs
from crewgraph.store.chain import chain_of, lines_in
from crewgraph.store.entries import Identity
from crewgraph.store.forks import fork_of
from crewgraph.store.log import ANY
from crewgraph.store.pages import Line
from crewgraph.store.source import Source

__all__ = ["Left", "NodeLeft", "left_in"]


@dataclass(slots=True)
class NodeLeft:
    """One node, over all runs that go on.

    Attributes:
        read: in how many it is kept.
        runs: in how many it runs, as what comes before it is kept.
        may_run: in how many it may run after others.
    """

    read: int = 0
    runs: int = 0
    may_run: int = 0


@dataclass(slots=True)
class Left:
    """What runs have left to do.

    Attributes:
        runs: how many there are.
        nodes: by name, in the order of the text.
    """

    runs: int
    nodes: Mapping[str, NodeLeft]


def left_in(source: Source, plan: Plan, own: Sequence[str], pipeline: str, chosen: StoredRuns | Fork) -> Left:
    """What would be read, and what would run.

    Args:
        source: the store.
        plan: what would run.
        own: for each node a digest of what it says itself.
        pipeline: what the pipeline is called in the store.
        chosen: which runs.

    Raises:
        StoreError: one of them is not there, or cannot go on this way.
    """
    left = Left(0, {node.name: NodeLeft() for node in plan.nodes if isinstance(node, Work | Switch)})
    for identity, lines in _runs(source, plan, own, pipeline, chosen):
        left.runs += 1
        _look_at(left.nodes, plan, own, identity, lines)
    return left


def _runs(
    source: Source, plan: Plan, own: Sequence[str], pipeline: str, chosen: StoredRuns | Fork
) -> Iterator[tuple[Identity, list[Line]]]:
    """The runs that would go on, each with what is kept of it."""
    if isinstance(chosen, Fork):
        made = fork_of(source, plan, own, pipeline, chosen)
        yield made.identity, list(made.lines)
        return
    for stored in stored_inputs(source, pipeline, chosen):
        stored.values()  # one that cannot be read is told of now
        yield stored.identity, lines_in(source, found_run(source, pipeline, stored.identity.id).run)


def _look_at(
    nodes: Mapping[str, NodeLeft], plan: Plan, own: Sequence[str], identity: Identity, lines: Iterable[Line]
) -> None:
    """Walk through one run as far as it is kept, and count."""
    frontier = Frontier(plan.wiring)
    chain = chain_of(plan, own, frontier.state, identity)
    known = {(line.node, line.fingerprint): line for line in lines if not line.item}
    ready = frontier.start()
    while ready:
        node = ready.pop()
        name = chain.name(node)
        line = known.get((name, chain.key(node))) or known.get((name, ANY))
        if line is None:
            nodes[name].runs += 1
            continue
        if line.status == "ok":
            nodes[name].read += 1
        else:
            nodes[name].runs += 1
        chain.gave_this(node, line)
        ready += frontier.done(node, line.route)
    for node, state in enumerate(frontier.state):
        if state == IDLE and isinstance(plan.nodes[node], Work | Switch):
            nodes[chain.name(node)].may_run += 1
