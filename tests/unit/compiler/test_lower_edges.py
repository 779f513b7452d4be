"""Lowering of graphs built by hand: order, meetings, switches, ends, and what is found."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.compiler import check
from crewgraph.compiler.lower import lower
from crewgraph.compiler.lower_edges import MAX_CYCLES, Fork
from crewgraph.diagnostics import Severity
from crewgraph.edges import Edge, Graph
from crewgraph.graph import Graph as Lowered
from crewgraph.graph import Join, Merge, Switch, Work
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Policy
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Stage
from crewgraph.trace import Choice, Leaf, Series, Wired


class Crew(Stage):
    """A stand-in for a crew."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput()


a, b, c, d, e = map(Crew, "abcde")


def when(source: Any, target: Any, condition: Any = "n > 1", **options: Any) -> Edge:
    return Edge(source, target, when=condition, **options)


def otherwise(source: Any, target: Any) -> Edge:
    return Edge(source, target, otherwise=True)


def edges(graph: Lowered) -> list[str]:
    return [f"{edge.source} {edge.target}" + (f" {edge.route}" if edge.route else "") for edge in graph.edges]


def clean(pipeline: Pipeline) -> Lowered:
    graph, found = lower(pipeline)
    assert found == []
    return graph


def findings(pipeline: Pipeline) -> list[str]:
    return [str(finding) for finding in lower(pipeline)[1]]


# ---- shapes ----------------------------------------------------------------------------------------------------

LOWERED: list[tuple[str, Pipeline, list[str], list[str]]] = [
    ("one", Graph(nodes=[a]), ["start a"], ["a"]),
    ("a chain", Graph([(a, b, c)]), ["start a", "a b", "b c"], ["c"]),
    (
        "a shape that >> cannot say",
        Graph([(a, c), (b, c), (b, d)]),
        ["start a", "start b", "a join", "b join", "join c", "b d"],
        ["c", "d"],
    ),
    (
        "routes and no way for the rest",
        Graph([when(a, b), when(a, c, "n > 2")]),
        ["start a", "a after a", "after a b b", "after a c c"],
        ["b", "c"],
    ),
    (
        "routes meet in a merge",
        Graph([when(a, b, route="r"), otherwise(a, c), (b, d), (c, d)]),
        ["start a", "a after a", "after a b r", "after a c default", "b merge", "c merge", "merge d"],
        ["d"],
    ),
    (
        "routes meet what is always there in a join",
        Graph([when(a, b), otherwise(a, c), (b, d), (c, d), (a, d)]),
        ["start a", "a after a", "after a b b", "after a c default", "a join", "b join", "c join", "join d"],
        ["d"],
    ),
    (
        "a route that leads straight to where ways meet has a gate",
        Graph([when(a, b), otherwise(a, c), (b, c)]),
        ["start a", "a after a", "after a b b", "after a gate default", "b merge", "gate merge", "merge c"],
        ["c"],
    ),
    (
        "two routes to one node",
        Graph([when(a, b, route="x"), when(a, b, "n > 2", route="y")]),
        ["start a", "a after a", "after a gate x", "after a gate#2 y", "gate merge", "gate#2 merge", "merge b"],
        ["b"],
    ),
    (
        "a diamond within a route is a join, and the routes a merge",
        Graph([when(a, b), otherwise(a, e), (b, c), (b, d), (c, "z"), (d, "z"), ("z", "y"), (e, "y")], nodes=[Crew("z"), Crew("y")]),
        [
            "start a", "a after a", "after a b b", "b c", "b d", "after a e default", "c join", "d join", "join z",
            "z merge", "e merge", "merge y",
        ],
        ["y"],
    ),
    (
        "a choice within a route",
        Graph([when(a, b), otherwise(a, c), when(b, d), otherwise(b, e), (d, "z"), (e, "z"), ("z", "y"), (c, "y")], nodes=[Crew("z"), Crew("y")]),
        [
            "start a", "a after a", "after a b b", "b after b", "after a c default", "after b d d", "after b e default",
            "d merge", "e merge", "merge z", "z merge#2", "c merge#2", "merge#2 y",
        ],
        ["y"],
    ),
    (
        "a route that forks meets the other in a join: two of three may arrive",
        Graph([when(a, b), otherwise(a, c), (b, d), (b, e), *((end, "z") for end in (c, d, e))], nodes=[Crew("z")]),
        [
            "start a", "a after a", "after a b b", "b d", "b e", "after a c default", "c join", "d join", "e join",
            "join z",
        ],
        ["z"],
    ),
    (
        "between stages",
        Pipeline([a, Graph([(b, d), (c, d)]), e]),
        ["start a", "a b", "a c", "b join", "c join", "join d", "d e"],
        ["e"],
    ),
    (
        "ends are closed where something follows",
        Pipeline([Graph([(a, b), (a, c)]), d]),
        ["start a", "a b", "a c", "b join", "c join", "join d"],
        ["d"],
    ),
    (
        "a run may end where nothing was decided, and goes on from there",
        Pipeline([Graph([when(a, b)]), d]),
        ["start a", "a after a", "after a b b", "after a gate default", "gate merge", "b merge", "merge d"],
        ["d"],
    ),
    (
        "but not where something follows beside it",
        Pipeline([Graph([when(a, b), (a, c)]), d]),
        ["start a", "a after a", "after a b b", "a c", "b join", "c join", "join d"],
        ["d"],
    ),
    (
        "a pipeline as a node",
        Graph([(a, Pipeline([b, [c, d]]), e), (a, e)]),
        ["start a", "a b", "b c", "b d", "c join", "d join", "a join#2", "join join#2", "join#2 e"],
        ["e"],
    ),
    (
        "a pipeline that ends in branches stays open at the end",
        Graph([(a, Pipeline([[b, c]]))]),
        ["start a", "a b", "a c"],
        ["b", "c"],
    ),
    (
        "a router as a node",
        Graph([(a, Router({"x": Route("n > 1", b)}, c, name="R"), d), ("R", e)]),
        ["start a", "a R", "R b x", "R c default", "b merge", "c merge", "merge d", "merge e"],
        ["d", "e"],
    ),
    (
        "a route to a graph",
        Pipeline([Router({"x": Route("n > 1", Graph([(a, c), (b, c)]))}, d)]),
        ["start router", "router a x", "router b x", "a join", "b join", "join c", "router d default"],
        ["c", "d"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pipeline", "expected", "exits"), [row[1:] for row in LOWERED], ids=[row[0] for row in LOWERED]
)
def test_the_graph_of_a_graph(pipeline: Pipeline, expected: list[str], exits: list[str]) -> None:
    """Its edges, and where it ends."""
    graph = clean(pipeline)
    assert sorted(edges(graph)) == sorted(expected)
    assert graph.exits == exits


def test_the_order_is_that_of_the_text_wherever_edges_leave_a_choice() -> None:
    """Not that of the edges, and not that of the nodes where an edge says otherwise."""
    graph = clean(Graph([(c, a), (b, d)], nodes=[d, c, b, a]))
    assert graph.order() == ["start", "c", "b", "d", "a"]
    assert list(graph.nodes) == graph.order()


def test_nodes_and_switches_know_their_place() -> None:
    """A node by its name, a switch by the node that its edges leave."""
    route = Router({"x": Route("n > 1", c)}, d, name="R")
    inner = Pipeline([e, Graph([when(a, b, route="big")])], name="sub")
    graph, _ = lower(Pipeline([Graph([(inner, route)])]))
    paths = {name: node.path for name, node in graph.nodes.items() if isinstance(node, Work | Switch)}
    place = ("stage 1", "node 'sub'", "stage 2")
    assert paths == {
        "e": ("stage 1", "node 'sub'", "stage 1 'e'"),
        "a": (*place, "node 'a'"),
        "after a": (*place, "edges out of 'a'"),
        "b": (*place, "node 'b'"),
        "R": ("stage 1", "node 'R'"),
        "c": ("stage 1", "node 'R'", "route 'x'", "stage 1 'c'"),
        "d": ("stage 1", "node 'R'", "route 'default'", "stage 1 'd'"),
    }


@pytest.mark.parametrize("has_default", [True, False])
def test_a_switch_has_the_face_of_a_router(has_default: bool) -> None:
    """Routes with declared conditions and targets; the default leads nowhere where there is none."""

    def is_big(values: Any) -> bool:
        return False

    rest = [otherwise(a, d)] if has_default else []
    graph, _ = lower(Graph([when(a, b, "n > 7", route="huge"), when(a, c, is_big), *rest]))
    switch = graph.nodes["after a"]
    assert isinstance(switch, Switch)
    assert isinstance(switch.router, Fork)
    assert (switch.routes, switch.is_open) == (("huge", "c", "default"), False)
    assert switch.conditions == {"huge": "n > 7", "c": "is_big", "default": "else"}
    assert [route.declared and route.declared.reads for route in switch.router.routes.values()] == [("n",), None]
    assert switch.router.default is (d if has_default else None)
    assert switch.router.route({"n": 9}) == (b, "huge")
    assert switch.router.route({"n": 1}) == (switch.router.default, "default")


def test_the_shape_holds_parts_and_what_leads_to_them() -> None:
    """Conditional edges are a part behind the one that they lead out of."""
    shape = clean(Graph([(a, Pipeline([b, c]), d), when(a, e, route="x"), (e, d)])).shape
    assert shape == Wired(
        (Leaf("a"), Choice("after a", {}), Series((Leaf("b"), Leaf("c"))), Leaf("e"), Leaf("d")),
        ((), ((0, None),), ((0, None),), ((1, "x"),), ((2, None), (3, None))),
        {1: 0},
        (4,),
    )


def test_the_ends_of_a_shape_are_where_a_run_may_end() -> None:
    """A switch is one where nothing else follows."""
    lonely, beside = clean(Graph([when(a, b)])).shape, clean(Graph([when(a, b), (a, c)])).shape
    assert isinstance(lonely, Wired)
    assert isinstance(beside, Wired)
    assert (lonely.ends, beside.ends) == ((1, 2), (2, 3))


def test_the_policy_of_a_graph_is_around_its_nodes() -> None:
    """Where it is a stage; the outermost counts for the whole kickoff."""
    policy = Policy(retries=7)
    graph = clean(Pipeline([a, Graph([(b, Pipeline([c]))], policy=policy), d]))
    assert {work.name: work.policy for work in graph.works} == {"a": None, "b": policy, "c": policy, "d": None}
    assert [work.policy for work in clean(Graph([(a, b)], policy=policy)).works] == [None, None]


# ---- findings --------------------------------------------------------------------------------------------------


def test_a_cycle_is_named_and_nothing_hangs() -> None:
    """All that is not part of the way round is left out; the graph is drawn without the edge that closes it."""
    graph, found = lower(Graph([(a, b, c, d), (d, "b"), (c, e)]))
    assert [str(finding) for finding in found] == [
        "CG202 cycle: the edges lead in a circle: b → c → d → b. hint: take one of these edges away; a graph runs each node once"
    ]
    assert edges(graph) == ["start a", "a b", "b c", "c d", "c e"]


def test_two_cycles_are_two_findings() -> None:
    """Each with its place, and its route where the edge is conditional."""
    inner = Graph([(a, b), when(b, a), (c, d, "c")])
    assert [line.split(" hint: ")[0] for line in findings(Pipeline([e, inner]))] == [
        "CG202 cycle: the edges lead in a circle: a → b → a (stage 2).",
        "CG202 cycle: the edges lead in a circle: c → d → c (stage 2).",
    ]


def test_many_cycles_are_counted() -> None:
    """And a long one is not written out."""
    nodes = [Crew(f"n{number}") for number in range(30)]
    found = findings(Graph([(one, other) for one in nodes for other in nodes if one is not other]))
    assert len(found) == MAX_CYCLES + 1
    assert found[-1] == "CG202 cycle: 425 more edges lead in a circle."
    (long,) = findings(Graph([(*nodes, nodes[0])]))
    assert "n0 → n1" in long
    assert "n10 → … → n29 → n0" in long


def test_a_node_without_an_edge_is_noted() -> None:
    """Where others have some: it would run, so it is a warning."""
    (finding,) = lower(Graph([(a, b)], nodes=[c]))[1]
    assert (finding.code, finding.severity) == ("CG203", Severity.WARNING)
    assert str(finding) == (
        "CG203 unreachable: nothing leads to 'c' and nothing follows it, while other nodes are connected (node 'c'). "
        "hint: connect it, or take it away; by itself it runs at the beginning"
    )
    assert findings(Graph(nodes=[a, b])) == []


def test_callable_conditions_are_noted() -> None:
    """As those of a router."""
    found = check(Pipeline([Graph([when(a, b, len), when(a, c, "n > 1")])]))
    places = [finding.path[:2] for finding in found if finding.code == "CG403"]
    assert places == [("stage 1", "edges out of 'a'")]


def test_what_is_wrong_inside_a_node_is_found() -> None:
    """An empty pipeline, a list that was changed."""
    empty = Pipeline(name="sub")
    graph, found = lower(Graph([when(a, empty), (empty, b)]))
    assert [str(finding).split(" hint: ")[0] for finding in found] == [
        "CG102 empty: node 'sub' has no stages (node 'sub')."
    ]
    assert edges(graph) == ["start a", "a after a", "after a b sub"]


def test_two_pipelines_of_one_name_have_places_of_their_own() -> None:
    """A crew has a name of its own in the graph, a pipeline only its place."""
    graph, _ = lower(Graph([(Pipeline([a]), Pipeline([b]), c)]))
    assert [work.path[0] for work in graph.works] == ["node 'pipeline'", "node 'pipeline#2'", "node 'c'"]


def test_a_graph_has_no_stages() -> None:
    """Somebody has appended to the list that every pipeline has."""
    graph = Graph([(a, b)])
    graph.stages.append(c)
    assert findings(graph) == [
        "CG103 not-a-stage: a graph built by hand has no stages. hint: put them among its nodes and edges"
    ]
    assert findings(Pipeline([d, Graph.model_construct()])) == [
        "CG102 empty: stage 2 has no nodes (stage 2). hint: Graph([(a, b), (b, c)])"
    ]


def test_a_large_graph_is_lowered_at_once() -> None:
    """Whatever the depth: within the time limit of a test."""
    nodes = [Crew(f"n{number}") for number in range(3_000)]
    chain = [
        when(one, other) if number % 3 else Edge(one, other)
        for number, (one, other) in enumerate(itertools.pairwise(nodes))
    ]
    graph, found = lower(Graph([*chain, *zip(nodes, nodes[7:], strict=False)]))
    assert found == []
    assert len(graph.works) == 3_000


# ---- properties ------------------------------------------------------------------------------------------------

any_edges = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.booleans()).filter(lambda edge: edge[0] != edge[1]),
    unique_by=lambda edge: edge[:2],
    max_size=25,
)


@settings(max_examples=200)
@given(any_edges)
def test_a_cycle_is_found_exactly_where_there_is_one(drawn: list[tuple[int, int, bool]]) -> None:
    """Compared with networkx; what was lowered has none, and holds every node."""
    import networkx as nx

    nodes = [Crew(f"n{number}") for number in range(8)]
    graph, found = lower(
        Graph([when(nodes[s], nodes[t]) if is_c else Edge(nodes[s], nodes[t]) for s, t, is_c in drawn], nodes=nodes)
    )
    reference = nx.DiGraph([(s, t) for s, t, _ in drawn])
    assert any(finding.code == "CG202" for finding in found) is not nx.is_directed_acyclic_graph(reference)
    assert graph.cycle() == []
    assert graph.unreachable() == []
    assert len(graph.works) == 8
    for name, node in graph.nodes.items():
        if isinstance(node, Join | Merge):
            assert graph.predecessors(name)
            assert graph.successors(name)
