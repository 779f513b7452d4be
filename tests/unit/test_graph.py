"""The graph: nodes and edges in the order of the text, and what networkx knows of them."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.graph import Edge, Graph, Join, Merge, Start, Switch, Work
from crewgraph.node import Interface
from crewgraph.trace import Leaf, Series


def work(name: str) -> Work:
    return Work(name, name, object(), Interface())


def graph(names: str, *edges: str) -> Graph:
    """Nodes by letters, "s" the start; edges as "ab" or, with a route, "ab:high"."""
    nodes = [Start(name) if name == "s" else work(name) for name in names]
    return Graph(nodes, [Edge(edge[0], edge[1], edge[3:] or None) for edge in edges])


DIAMOND = graph("sabcd", "sa", "ab", "ac", "bd", "cd")


def test_nodes_and_edges_keep_the_order_of_the_text() -> None:
    """Whatever order is topological."""
    assert list(DIAMOND.nodes) == ["s", "a", "b", "c", "d"]
    assert DIAMOND.edges == (Edge("s", "a"), Edge("a", "b"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d"))


def test_neighbours_in_the_order_of_the_text() -> None:
    """By their edges, which carry the routes."""
    routed = graph("sabc", "sa", "ab:high", "ac:low", "bc")
    assert routed.successors("a") == [Edge("a", "b", "high"), Edge("a", "c", "low")]
    assert routed.predecessors("c") == [Edge("a", "c", "low"), Edge("b", "c")]
    assert (routed.predecessors("s"), routed.successors("c")) == ([], [])
    with pytest.raises(KeyError):
        routed.successors("z")


def test_works_and_exits() -> None:
    """The crews, and the nodes after which nothing comes."""
    assert [node.name for node in DIAMOND.works] == ["a", "b", "c", "d"]
    assert DIAMOND.exits == ["d"]
    assert graph("sab", "sa", "sb").exits == ["a", "b"]
    assert Graph([Start("s")], []).exits == ["s"]


def test_what_a_graph_knows_of_itself() -> None:
    """Title and shape have defaults."""
    assert (DIAMOND.name, DIAMOND.shape, DIAMOND.is_procedure, DIAMOND.merge_json) == (None, Series(()), False, True)
    told = Graph([Start("s")], [], shape=Leaf("s"), name="n", is_procedure=True, merge_json=False)
    assert (told.name, told.shape, told.is_procedure, told.merge_json) == ("n", Leaf("s"), True, False)


def test_an_edge_to_a_node_that_is_not_there_is_an_error() -> None:
    """A graph built by hand may be wrong."""
    with pytest.raises(KeyError):
        graph("s", "sa")


def test_as_networkx() -> None:
    """Kinds, nodes and routes are attributes; each call makes a new one."""
    switch = Switch("r", None, ("x",), {})
    given_graph = Graph([Start("s"), switch, Join("j"), Merge("m")], [Edge("s", "r"), Edge("r", "j", "x")], name="n")
    converted = given_graph.to_networkx()
    assert isinstance(converted, nx.DiGraph)
    assert converted.name == "n"
    assert list(converted.nodes(data="kind")) == [("s", "start"), ("r", "switch"), ("j", "join"), ("m", "merge")]
    assert converted.nodes["r"]["node"] is switch
    assert list(converted.edges(data="route")) == [("s", "r", None), ("r", "j", "x")]
    converted.clear()
    assert len(given_graph.to_networkx()) == 4


@pytest.mark.parametrize(
    ("given_graph", "cycle"),
    [
        (DIAMOND, []),
        (Graph([], []), []),
        (graph("sa", "sa", "aa"), ["a"]),
        (graph("sabc", "sa", "ab", "bc", "ca"), ["a", "b", "c"]),
        (graph("sabc", "sa", "bc", "cb"), ["b", "c"]),
    ],
    ids=["none", "empty", "itself", "three", "apart"],
)
def test_a_cycle_is_found(given_graph: Graph, cycle: list[str]) -> None:
    """Its nodes in order, also where no start reaches it."""
    assert given_graph.cycle() == cycle


@pytest.mark.parametrize(
    ("given_graph", "unreachable"),
    [
        (DIAMOND, []),
        (graph("sabc", "sa", "bc"), ["b", "c"]),
        (graph("sab", "sa", "ab", "bb"), []),
        (graph("ab", "ab"), ["a", "b"]),
    ],
    ids=["none", "apart", "cycle", "no start"],
)
def test_what_no_start_reaches(given_graph: Graph, unreachable: list[str]) -> None:
    """In the order of the text."""
    assert given_graph.unreachable() == unreachable


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_what_no_start_reaches_is_what_no_way_leads_to(starts: set[str], pairs: set[tuple[int, int]]) -> None:
    """As networkx finds it, with cycles and with none, with several starts and with none."""
    nodes = [Start(name) if name in starts else work(name) for name in "abcdef"]
    random = Graph(nodes, [Edge("abcdef"[source], "abcdef"[target]) for source, target in sorted(pairs)])
    reached = starts.union(*(nx.descendants(random.to_networkx(), name) for name in starts))
    assert random.unreachable() == [name for name in "abcdef" if name not in reached]


def test_an_order_of_a_cycle_is_an_error_that_names_it() -> None:
    """There is none."""
    with pytest.raises(ValueError, match=r"^the graph has a cycle: a → b$"):
        graph("sab", "sa", "ab", "ba").order()


@given(st.permutations("abcdefgh"), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_the_order_is_topological_and_that_of_the_text(names: list[str], pairs: set[tuple[int, int]]) -> None:
    """Of all topological orders it is the one nearest to the text."""
    edges = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    random = Graph(map(work, "hgfedcba"), [Edge(names[source], names[target]) for source, target in edges])
    order, place = random.order(), {name: number for number, name in enumerate(random.nodes)}
    assert sorted(order) == sorted(names)
    for step, name in enumerate(order):
        ready = [
            other for other in order[step:] if all(edge.source in order[:step] for edge in random.predecessors(other))
        ]
        assert name == min(ready, key=place.__getitem__)
