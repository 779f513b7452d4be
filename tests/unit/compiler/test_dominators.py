"""The last node that every way leads through, against networkx."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.compiler.dominators import dominators_of

Sources = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Sources:
    """For each node the nodes that lead to it; all but the first have one."""
    count = draw(st.integers(1, 14))
    return [[], *(draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=3, unique=True)) for n in range(1, count))]


@settings(max_examples=50)
@given(graphs())
def test_dominators_are_those_of_networkx(sources: Sources) -> None:
    """Of every graph with one beginning."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(sources)))
    graph.add_edges_from((source, target) for target, before in enumerate(sources) for source in before)
    known = nx.immediate_dominators(graph, 0)
    assert list(dominators_of(sources))[1:] == [known[node] for node in range(1, len(sources))]


@pytest.mark.parametrize(
    ("sources", "dominators"),
    [([], []), ([[]], [-1]), ([[], []], [-1, -1]), ([[], [], [0, 1]], [-1, -1, -1])],
    ids=["nothing", "one", "two beginnings", "what two beginnings lead to"],
)
def test_where_no_node_leads_to_all(sources: Sources, dominators: list[int]) -> None:
    """There is none."""
    assert list(dominators_of(sources)) == dominators
