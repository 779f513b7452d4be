"""Graphs built by hand: what can be written, and everything that is wrong with what was."""

from __future__ import annotations

import copy
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.compiler import check
from crewgraph.edges import Edge, Graph
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Policy
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline, Procedure, Stage


class Crew(Stage):
    """A stand-in for a crew."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput()


def fetch(x: int) -> int:
    return x


a, b, c, d = map(Crew, "abcd")


def pairs(graph: Graph) -> list[str]:
    return [f"{graph.wires.names[source]}{graph.wires.names[target]}" for source, target in graph.wires.ends]


# ---- what can be written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edges", "nodes", "expected", "order"),
    [
        ([Edge(a, b)], [], ["ab"], "ab"),
        ([(a, b)], [], ["ab"], "ab"),
        ([(a, b, c), (a, c)], [], ["ab", "bc", "ac"], "abc"),
        ([(a, b)], [c, b], ["ab"], "cba"),
        ([("a", "b")], [b, a], ["ab"], "ba"),
        ([("a", c), (a, "b")], [b], ["ac", "ab"], "bca"),
        ([], [a], [], "a"),
        (iter([(a, b)]), iter([c]), ["ab"], "cab"),
        ({(a, b): 1}.keys(), (), ["ab"], "ab"),
    ],
    ids=["edge", "pair", "chain", "order", "names", "mixed", "no edges", "iterators", "views"],
)
def test_edges_and_nodes(edges: Any, nodes: Any, expected: list[str], order: str) -> None:
    """Edges in the order of the text; nodes as they are listed, then as edges name them."""
    graph = Graph(edges, nodes=nodes)
    assert pairs(graph) == expected
    assert "".join(graph.wires.names) == order
    assert [node.name for node in graph.nodes] == list(order)


def test_edges_hold_nodes_in_place_of_names() -> None:
    """Whoever reads a graph finds the objects, and the options of each edge as they were given."""
    graph = Graph([Edge("a", "b", when="n > 1", route="big"), Edge("a", c, otherwise=True)], nodes=[a, b])
    assert graph.edges == (Edge(a, b, when="n > 1", route="big"), Edge(a, c, otherwise=True))
    assert graph.wires.routes == ("big", "default")
    assert graph.nodes == (a, b, c)


def test_everything_that_can_be_a_stage_can_be_a_node() -> None:
    """Crews, steps, functions, methods, foreign crews, routers, pipelines, graphs."""

    class Foreign:
        async def kickoff_async(self, inputs: Any) -> str:
            return ""

    class Desk(Router):
        """A router of the user's own, without a name."""

    made = step(name="made")(fetch)
    nodes = [a, made, fetch, len, (lambda x: x), Foreign(), Router({}, b), Desk({}, b), b >> c, Graph(nodes=[d])]
    graph = Graph(nodes=nodes)
    names = ["a", "made", "fetch", "len", "lambda", "foreign", "router", "router", "procedure", "graph"]
    assert list(graph.wires.names) == names


def test_options_are_those_of_a_pipeline() -> None:
    """They are handed through."""
    policy = Policy(retries=1)
    graph = Graph([(a, b)], name="n", merge_json=False, policy=policy)
    assert (graph.name, graph.merge_json, graph.policy, graph.stages) == ("n", False, policy, [])
    with pytest.raises(TypeError, match="colour"):
        Graph([(a, b)], colour="red")


def test_how_a_graph_and_its_edges_are_shown() -> None:
    """Short, by names."""
    assert repr(Graph([(a, b, c)], name="n")) == str(Graph([(a, b, c)], name="n")) == "Graph(3 nodes, 2 edges, 'n')"
    assert repr(Graph(nodes=[a])) == "Graph(1 nodes, 0 edges)"
    assert repr(Edge(a, fetch)) == "Edge(a → fetch)"
    assert repr(Edge("a", b, when="n > 1")) == "Edge('a' → b, when='n > 1')"
    assert repr(Edge(a, 7, otherwise=True)) == "Edge(a → a int, otherwise=True)"
    assert len(repr(Edge("x" * 999, Crew("y" * 999)))) < 100


def test_a_graph_is_a_stage_that_stays_whole() -> None:
    """In a list, behind another stage, in a branch; a pipeline that holds one takes over its name and input model."""
    graph = Graph([(a, b)], name="n")
    assert Pipeline([graph, c]).stages == [graph, c]
    chained = c >> graph >> [graph, d]
    assert chained.stages == [c, graph, [graph, d]]
    assert type(chained) is Pipeline
    assert chained.name == "n"
    assert (graph >> graph).stages == [graph, graph]
    assert ([c, d] >> graph).stages == [[c, d], graph]


def test_a_graph_is_no_crew_of_a_procedure() -> None:
    """A procedure hands over the output of one crew."""
    with pytest.raises(ValueError, match=r"CG103 a procedure is a chain of single crews, got .*Graph"):
        Procedure([a, Graph([(a, b)])])
    with pytest.raises(ValueError, match="CG103 a procedure"):
        Procedure([a, Pipeline([a, [b, c]], policy=Policy(retries=1))])


def test_a_graph_is_never_changed() -> None:
    """Nodes and edges are tuples, and a copy has its own."""
    graph = Graph([(a, b)])
    with pytest.raises(AttributeError):
        graph.edges = ()  # type: ignore[misc]
    deep = copy.deepcopy(graph)
    assert pairs(deep) == ["ab"]
    assert deep.nodes[0] is not a
    assert check(deep).ok
    assert pairs(graph.model_copy()) == ["ab"]


def test_a_graph_that_was_never_constructed_is_empty() -> None:
    """Validated or made without a constructor: nobody gave it edges."""
    graph = Graph.model_construct()
    assert (graph.nodes, graph.edges) == ((), ())
    assert [finding.code for finding in check(graph)] == ["CG102"]


# ---- what is wrong -----------------------------------------------------------------------------------------------

TWIN = Crew("a")
HALF = Edge(a, b, when="n > 1")

WRONG: list[tuple[str, Any, str]] = [
    ("nothing", Graph, "it has no nodes. hint: Graph([(a, b), (b, c)])"),
    ("no list", lambda: Graph(7), "edges is a list, got <class 'int'>. hint: edges=[Edge(a, b), (b, c)]"),
    ("a pipeline", lambda: Graph(a >> b), "edges is a list, got <class 'crewgraph.syntax.Procedure'>"),
    ("an edge", lambda: Graph(Edge(a, b)), "edges is a list, got <class 'crewgraph.edges.Edge'>"),
    ("a text", lambda: Graph("ab"), "edges is a list, got <class 'str'>"),
    ("a dict", lambda: Graph({a: b}), "edges is a list, got <class 'dict'>"),
    ("nodes", lambda: Graph(nodes=a), "nodes is a list, got <class 'tests.unit.test_edges.Crew'>. hint: nodes=[a, b]"),
    ("stages", lambda: Graph([(a, b)], stages=[a]), "it has no stages. hint: put them into edges="),
    ("a node twice", lambda: Graph(nodes=[a, b, a]), "node 3: a is there twice"),
    (
        "no node",
        lambda: Graph(nodes=[a, "b"]),
        "node 2: a node is a crew, a step, a router or a pipeline, got <class 'str'>",
    ),
    (
        "a class",
        lambda: Graph(nodes=[Crew]),
        "node 1: a node is a crew, a step, a router or a pipeline, got <class 'type'>",
    ),
    ("a list as edge", lambda: Graph([[a, b]]), "edge 1: got <class 'list'>, no edge. hint: write a tuple, (a, b)"),
    (
        "a node as edge",
        lambda: Graph([a >> b]),
        "edge 1: got <class 'crewgraph.syntax.Procedure'>, no edge. hint: Edge(a, b)",
    ),
    ("half an edge", lambda: Graph([(a,), (a, b)]), "edge 1: it needs two nodes, and there is 1. hint: (a, b)"),
    ("none of an edge", lambda: Graph([()]), "edge 1: it needs two nodes, and there is 0. hint: (a, b)"),
    (
        "a list as end",
        lambda: Graph([Edge(a, [b, c])]),
        "edge 1 (a → a list): a node is a crew, a step, a router or a pipeline, got <class 'list'>. hint: write an edge for each",
    ),
    ("no end", lambda: Graph([(a, None)]), "edge 1 (a → a NoneType): a node is a crew"),
    (
        "a near miss",
        lambda: Graph([(a, fetch), (a, "fetsh")]),
        "edge 2 (a → 'fetsh'): no node is called 'fetsh'. Did you mean 'fetch'?",
    ),
    (
        "no miss",
        lambda: Graph([(a, "zebra")]),
        "edge 1 (a → 'zebra'): no node is called 'zebra'. hint: put the object itself",
    ),
    (
        "one name for two",
        lambda: Graph([(TWIN, b), ("a", c)], nodes=[a]),
        "edge 2 ('a' → c): 2 nodes are called 'a'. hint: give one of them another name, or put the object itself",
    ),
    (
        "a loop",
        lambda: Graph([(a, b), (b, "b")]),
        "edge 2 (b → 'b'): it leads back to where it begins. hint: a graph runs",
    ),
    (
        "an edge twice",
        lambda: Graph([(a, b), Edge(a, "b")]),
        "edge 2 (a → 'b'): the edge is there twice. hint: keep one",
    ),
    ("in a chain", lambda: Graph([(a, b, c), (b, c)]), "edge 2 (b → c): the edge is there twice"),
    (
        "always and at times",
        lambda: Graph([(a, b), HALF]),
        "edge 2 (a → b): the edge is taken always and on a condition",
    ),
    (
        "at times and always",
        lambda: Graph([HALF, (a, b)]),
        "edge 2 (a → b): the edge is taken always and on a condition",
    ),
    (
        "a condition twice",
        lambda: Graph([HALF, Edge(a, b, when="n > 2")]),
        "edge 2 (a → b): a second route 'b' out of 'a'; the first is edge 1 (a → b). hint: give one of them a name, as in route=",
    ),
    (
        "a route twice",
        lambda: Graph([HALF, Edge(a, c, when="n > 2", route="b")]),
        "edge 2 (a → c): a second route 'b' out of 'a'; the first is edge 1 (a → b)",
    ),
    (
        "otherwise twice",
        lambda: Graph([HALF, Edge(a, c, otherwise=True), Edge(a, d, otherwise=True)]),
        "edge 3 (a → d): a second otherwise=True out of 'a'; the first is edge 2 (a → c)",
    ),
    (
        "otherwise alone",
        lambda: Graph([Edge(a, b, otherwise=True), (a, c)]),
        "edge 1 (a → b): otherwise than what? No edge out of 'a' has a condition. hint: give another edge a condition",
    ),
    (
        "otherwise and when",
        lambda: Graph([Edge(a, b, when="n > 1", otherwise=True)]),
        "edge 1 (a → b): it has a condition and otherwise=True. hint: keep one of them",
    ),
    (
        "otherwise of a kind",
        lambda: Graph([Edge(a, b, otherwise="yes")]),
        "edge 1 (a → b): otherwise is True or False, got 'yes'",
    ),  # type: ignore[arg-type]
    (
        "a bad condition",
        lambda: Graph([Edge(a, b, when="n >")]),
        "edge 1 (a → b): condition `n >` is not an expression",
    ),
    ("an empty condition", lambda: Graph([Edge(a, b, when="")]), "edge 1 (a → b): condition `` is not an expression"),
    ("a call", lambda: Graph([Edge(a, b, when="open('x')")]), "edge 1 (a → b): condition `open('x')`: "),
    (
        "no condition",
        lambda: Graph([Edge(a, b, when=True)]),  # type: ignore[arg-type]
        "edge 1 (a → b): when is a callable or an expression such as 'score > 7', got <class 'bool'>",
    ),
    (
        "a route without",
        lambda: Graph([Edge(a, b, route="r")]),
        "edge 1 (a → b): route='r', but it has no condition. hint: leave route",
    ),
    (
        "the route of otherwise",
        lambda: Graph([HALF, Edge(a, c, otherwise=True, route="r")]),
        "edge 2 (a → c): route='r', but the route of otherwise=True is called 'default'. hint: leave route away",
    ),
    (
        "a route called default",
        lambda: Graph([Edge(a, b, when="n > 1", route="default")]),
        "edge 1 (a → b): 'default' is what the route of otherwise=True is called. hint: give it another name",
    ),
    (
        "a target called default",
        lambda: Graph([Edge(a, Crew("default"), when="n > 1")]),
        "edge 1 (a → default): 'default' is what the route of otherwise=True is called",
    ),
    (
        "a blank route",
        lambda: Graph([Edge(a, b, when="n > 1", route=" ")]),
        "edge 1 (a → b): a route is called by a text, got ' '",
    ),
    (
        "a route of a kind",
        lambda: Graph([Edge(a, b, when="n", route=7)]),
        "edge 1 (a → b): a route is called by a text, got 7",
    ),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("build", "told"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_with_its_place_and_an_edit(build: Any, told: str) -> None:
    """One line, and no other."""
    with pytest.raises(ValueError, match=r"^this is no graph\n- ") as caught:
        build()
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"- {told}")


def test_everything_is_told_at_once() -> None:
    """In the order of the text, what shows only at the end last."""
    with pytest.raises(ValueError, match="this is no graph") as caught:
        Graph([(a, a), Edge(b, "z", when="n >"), [a, b], Edge(b, c, otherwise=True)], nodes=[7], stages=[])
    starts = [line.split(":")[0].split(".")[0] for line in str(caught.value).splitlines()]
    assert starts == [
        "this is no graph",
        "- it has no stages",
        "- node 1",
        "- edge 3",
        "- edge 1 (a → a)",
        "- edge 2 (b → 'z')",
        "- edge 2 (b → 'z')",
    ]


def test_a_double_may_be_a_node_and_a_condition() -> None:
    """A mock answers everything, and is one node."""
    double = MagicMock()
    graph = Graph([Edge(double, a, when=MagicMock()), (double, b)])
    assert len(graph.nodes) == 3


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.sampled_from([a, b, fetch, "a", Crew])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(inner, max_size=4).map(tuple)),
    max_leaves=8,
)
any_edge = st.builds(Edge, anything, anything, when=anything, otherwise=anything, route=anything)


@settings(max_examples=300)
@given(
    st.one_of(anything, st.lists(st.one_of(any_edge, anything), max_size=5)), st.one_of(anything, st.lists(anything))
)
def test_whatever_is_given_is_a_graph_or_a_value_error(edges: Any, nodes: Any) -> None:
    """Nothing else is raised, and what was accepted can be checked."""
    try:
        graph = Graph(edges, nodes=nodes)
    except ValueError as error:
        assert str(error).startswith("this is no graph\n- ")  # noqa: PT017 - it may also be a graph
    else:
        check(graph)


def test_a_router_that_leads_to_a_graph_and_back_is_a_cycle() -> None:
    """Found when it is checked, with the way."""
    router = Router({}, a)
    graph = Graph([(b, router)])
    router.add_route("again", "n > 1", graph)
    (finding,) = check(graph).errors
    assert finding.code == "CG202"
    assert "the pipeline → router 'router' → route 'again'" in finding.message


def test_routes_of_edges_are_no_routes_of_routers() -> None:
    """The two are not mixed up: a route is no edge."""
    with pytest.raises(ValueError, match="no edge"):
        Graph([Route("n > 1", a)])  # type: ignore[list-item]
