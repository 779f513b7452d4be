"""Pipelines as a store knows them: their graphs, and what each node said of itself when runs were made."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from crewgraph.compiler.guards import guards_of
from crewgraph.compiler.plan import Plan, plan_of
from crewgraph.definition import digest
from crewgraph.errors import StoreError
from crewgraph.graph import Graph
from crewgraph.graph_record import graph_of, graph_record
from crewgraph.inputs import InputSpec
from crewgraph.store.source import Source, one_row
from crewgraph.store.versions import own_definitions, version_of

__all__ = [
    "Definition",
    "Definitions",
    "broken",
    "definition_of",
    "described",
    "digest_of_plan",
    "plan_of_graph",
    "stored_definition",
]

MAX_KNOWN = 64
"""Definitions that are kept at hand: a store has as many as there were edits."""


class Definition(NamedTuple):
    """What runs were made with.

    Attributes:
        plan: of the pipeline. Where it comes out of a store its nodes can be drawn, and not be run.
        own: for each node a digest of what it says itself.
        is_typed: whether its nodes say which types they give.
    """

    plan: Plan
    own: list[str]
    is_typed: bool


@contextmanager
def broken(where: str, what: str) -> Generator[None]:
    """Tell that something that stands in a store cannot be what was written there.

    Raises:
        StoreError: the text says what it is.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise StoreError(where, f"{what} is broken: {type(error).__name__}: {error}") from error


def definition_of(plan: Plan, beside: object = None) -> Definition:
    """The definition of a pipeline that is there; for ``beside`` see :func:`own_definitions`."""
    return Definition(plan, own_definitions(plan, beside), is_typed=True)


def described(plan: Plan, own: Sequence[str]) -> dict[str, Any]:
    """What a pipeline is now, as it is written: to be looked at where its code is not."""
    version = version_of(plan, own)
    return {"own": version.own, "whole": version.whole, "graph": graph_record(plan.graph)}


def stored_definition(record: Mapping[str, Any]) -> Definition:
    """The definition that was written: the graph, and by node what it said of itself.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: it is none.
    """
    plan = plan_of_graph(graph_of(record["graph"]))
    return Definition(plan, [str(record["own"][node.name]) for node in plan.nodes], is_typed=False)


def plan_of_graph(graph: Graph) -> Plan:
    """The plan of a graph whose nodes are to be walked and not to be run.

    Raises:
        ValueError, LookupError: its edges go in a circle, or lead nowhere.
    """
    order = graph.order()
    return plan_of(graph, order, InputSpec(), guards_of(graph, order))


def digest_of_plan(definition: Definition) -> str:
    """By what a definition is known in a store."""
    version = version_of(definition.plan, definition.own)
    return digest([version.own, version.whole])


class Definitions:
    """The definitions in a store, read when they are asked for.

    Args:
        source: the store.
        present: what the pipeline is now, where its code is at hand: what it made is read with its types.
    """

    def __init__(self, source: Source, present: Definition | None = None) -> None:
        self._source = source
        self._known = dict[str, Definition]()
        self._present = {} if present is None else {digest_of_plan(present): present}

    def __call__(self, name: str) -> Definition:
        """The definition that a run was made with.

        Raises:
            StoreError: it is not there, or broken.
        """
        known = self._present.get(name) or self._known.get(name)
        if known is not None:
            return known
        where, what = self._source.where, f"the definition {name[:12]}"
        found = one_row(self._source, "SELECT value FROM meta WHERE key = ?", f"definition:{name}")
        if found is None:
            raise StoreError(where, f"{what} is not there, so that nobody knows which nodes there were")
        with broken(where, what):
            known = stored_definition(json.loads(found[0]))
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[name] = known
        return known
