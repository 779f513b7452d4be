"""How nodes were defined when runs were made, and how they are now: which of them will run again, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest, told
from crewgraph.errors.root import MAX_NAMED, counted
from crewgraph.graph import Join, Merge, Start, Switch, Work
from crewgraph.node import definition_of

__all__ = ["Version", "changes", "own_definitions", "structure_of", "version_of"]


@dataclass(frozen=True, slots=True)
class Version:
    """The nodes of a plan, as they are defined.

    Attributes:
        own: by name, a digest of what the node itself says.
        whole: by name, a digest of that and of everything above it.
    """

    own: Mapping[str, str]
    whole: Mapping[str, str]


def own_definitions(plan: Plan, beside: object = None) -> list[str]:
    """For each node a digest of what it says itself.

    Args:
        plan: the plan.
        beside: what the pipeline says that decides about every node, such as the model of its inputs.
    """
    graph = plan.graph
    around = [graph.is_procedure, graph.merge_json, told(beside)]
    said = list[str]()
    for node in plan.nodes:
        match node:
            case Start():
                said.append(digest(["start", around]))
            case Work(node=own):
                said.append(digest(["work", definition_of(own)]))
            case Switch(router=router, routes=routes):
                said.append(digest(["switch", list(routes), definition_of(router)]))
            case Join() | Merge():
                said.append(digest([type(node).__name__]))
            case _:
                assert_never(node)
    return said


def version_of(plan: Plan, own: Sequence[str]) -> Version:
    """The version of a plan whose nodes say this of themselves."""
    whole = list[str]()
    for place, node in enumerate(plan.nodes):
        above = [[whole[plan.number[edge.source]], edge.route] for edge in plan.graph.predecessors(node.name)]
        whole.append(digest([own[place], above]))
    names = [node.name for node in plan.nodes]
    return Version(dict(zip(names, own, strict=True)), dict(zip(names, whole, strict=True)))


def structure_of(plan: Plan) -> str:
    """A digest of nodes, routes and edges, and of nothing that nodes say: edits of prompts do not change it."""
    nodes = [[type(node).__name__, node.name] for node in plan.nodes]
    edges = [[[edge.source, edge.route] for edge in plan.graph.predecessors(node.name)] for node in plan.nodes]
    return digest([nodes, edges])[:12]


def changes(plan: Plan, before: Version, now: Version) -> str:
    """What runs again because of edits between two versions, in words; "" where nothing does."""
    edited, below = list[str](), list[str]()
    differs = {name for name, whole in now.whole.items() if before.whole.get(name) != whole}
    shown = [node.name for node in plan.nodes if isinstance(node, Work | Switch)]
    for name in shown:
        if name in differs:
            above = {edge.source for edge in plan.graph.predecessors(name)}
            is_edited = before.own.get(name) != now.own[name] or not above & differs
            (edited if is_edited else below).append(name)
    if not edited:
        return f"{_named(below)} {_run(below)} again: what leads there was changed" if below else ""
    follows = f", and below {_them(edited)} {_named(below)}" if below else ""
    return f"{_named(edited)} changed and {_run(edited)} again{follows}"


def _run(names: Sequence[str]) -> str:
    return "runs" if len(names) == 1 else "run"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _named(names: Iterable[str]) -> str:
    every = [f"'{name}'" for name in names]
    rest = len(every) - MAX_NAMED
    if rest > 0:
        return f"{', '.join(every[:MAX_NAMED])} and {counted(rest, 'more node')}"
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
