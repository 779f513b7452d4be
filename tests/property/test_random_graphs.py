"""Random graphs built by hand against a reference that knows only the contract: a walk over nodes and edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.compiler import compile_pipeline, inputs
from crewgraph.edges import Edge, Graph
from crewgraph.graph import Join, Merge, Start, Switch
from crewgraph.handoff import Handoff
from crewgraph.node import Interface, Need
from crewgraph.outputs import CrewOutput
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Stage

KEYS = "pqrs"
START = {"p": -7}


class Node(Stage):
    """A crew that gives what it is told, and notes what it saw and whose outputs came directly before it."""

    def __init__(self, name: str, gives: dict[str, int], pauses: int = 0) -> None:
        self.name = name
        self.gives = gives
        self.pauses = pauses
        self.saw: dict[str, Any] | None = None
        self.upstream: list[str] = []

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        for _ in range(self.pauses):
            await anyio.lowlevel.checkpoint()
        assert self.saw is None, "a node runs once"
        assert isinstance(inputs, Handoff)
        self.saw = dict(inputs)
        self.upstream = list(inputs.upstream)
        return CrewOutput(json_dict=self.gives)


# ---- any graph -----------------------------------------------------------------------------------------------------


@dataclass
class Drawn:
    """A graph with the decisions of its conditions.

    Attributes:
        nodes: in the order of the text.
        edges: source, target, and the verdict of the condition: ``None`` without one, "otherwise" for the fallback.
    """

    nodes: list[Node]
    edges: list[tuple[int, int, Any]]

    def graph(self) -> Graph:
        edges = [
            Edge(
                self.nodes[source],
                self.nodes[target].name,
                when=None if verdict in {None, "otherwise"} else (lambda _, verdict=verdict: verdict == "true"),
                otherwise=verdict == "otherwise",
            )
            for source, target, verdict in self.edges
        ]
        return Graph(edges, nodes=self.nodes)

    def taken(self, source: int) -> list[int]:
        """The targets of the edges that a run takes out of a node."""
        out = [(target, verdict) for origin, target, verdict in self.edges if origin == source]
        chosen = next((target for target, verdict in out if verdict == "true"), None)
        if chosen is None:
            chosen = next((target for target, verdict in out if verdict == "otherwise"), None)
        return [target for target, verdict in out if verdict is None or target == chosen]

    def route(self, source: int) -> str | None:
        """What its conditions decide; ``None`` where there are none."""
        out = [(target, verdict) for origin, target, verdict in self.edges if origin == source]
        if all(verdict is None for _, verdict in out):
            return None
        return next((self.nodes[target].name for target, verdict in out if verdict == "true"), "default")


@st.composite
def graphs(draw: st.DrawFn) -> Drawn:
    """Up to nine nodes, edges from earlier to later ones in a hidden order that is not that of the text."""
    size = draw(st.integers(1, 9))
    nodes = [
        Node(
            f"n{number}",
            draw(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 99), max_size=2)),
            draw(st.integers(0, 2)),
        )
        for number in range(size)
    ]
    hidden = draw(st.permutations(range(size)))
    edges = list[tuple[int, int, Any]]()
    for place, source in enumerate(hidden):
        targets = (
            draw(st.lists(st.sampled_from(hidden[place + 1 :]), unique=True, max_size=4)) if hidden[place + 1 :] else []
        )
        kinds = [draw(st.sampled_from([None, None, "true", "false"])) for _ in targets]
        if "true" in kinds or "false" in kinds:
            spare = [number for number, kind in enumerate(kinds) if kind is None]
            if spare and draw(st.booleans()):
                kinds[spare[0]] = "otherwise"
        edges += [(source, target, kind) for target, kind in zip(targets, kinds, strict=True)]
    return Drawn(nodes, draw(st.permutations(edges)))


class Reference:
    """What a graph means, node by node."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        self.order = self.plan_order()
        place = {node: number for number, node in enumerate(self.order)}
        incoming: dict[int, set[int]] = {node: set() for node in self.order}
        starts = set(self.order) - {target for _, target, _ in drawn.edges}
        self.saw = dict[int, dict[str, int]]()
        self.before = dict[int, list[int]]()
        after = dict[int, dict[str, tuple[int, int]]]()
        for node in self.order:
            if node not in starts and not incoming[node]:
                continue
            merged = {key: (-1, value) for key, value in START.items()} if node in starts else {}
            for early in incoming[node]:
                merged |= {key: pair for key, pair in after[early].items() if pair[0] >= merged.get(key, (-2,))[0]}
            self.saw[node] = {key: value for key, (_, value) in merged.items()}
            after[node] = merged | {key: (place[node], value) for key, value in drawn.nodes[node].gives.items()}
            self.before[node] = sorted(incoming[node], key=place.__getitem__)
            for target in drawn.taken(node):
                incoming[target].add(node)
        self.incoming = incoming

    def plan_order(self) -> list[int]:
        """Topological, and as in the text wherever that leaves a choice."""
        order, left = list[int](), set(range(len(self.drawn.nodes)))
        while left:
            ready = [node for node in left if not any(t == node and s in left for s, t, _ in self.drawn.edges)]
            order.append(min(ready))
            left.remove(order[-1])
        return order

    def ends(self) -> list[list[Any]]:
        """The trace to each node that ran and after which nothing ran."""
        traces = list[list[Any]]()
        for end in self.order:
            if end not in self.saw or self.drawn.taken(end):
                continue
            traces.append(self.way(end))
        return traces

    def way(self, end: int) -> list[Any]:
        """Whatever led to a node by edges that were taken."""
        decided = {end} if self.drawn.route(end) is not None else set[int]()
        led, todo = {end}, [end]
        while todo:
            node = todo.pop()
            for early in self.incoming[node]:
                if (early, node, None) not in self.drawn.edges:
                    decided.add(early)
                todo += [early] if early not in led else []
                led.add(early)
        way = list[Any]()
        for node in self.order:
            way += [self.drawn.nodes[node].name] if node in led else []
            way += [{"route_taken": self.drawn.route(node)}] if node in decided else []
        return [START, *way]


@settings(max_examples=300)
@given(drawn=graphs(), limit=st.integers(1, 5), backend=st.sampled_from(["asyncio", "asyncio", "trio"]))
def test_runs_as_the_edges_read(drawn: Drawn, limit: int, backend: str) -> None:
    """Nodes run once and only if an edge to them was taken; they see what arrived; each end has its trace."""
    reference = Reference(drawn)
    graph = drawn.graph()

    async def run() -> Any:
        return await graph.kickoff_async(START, max_concurrency=limit)

    result = anyio.run(run, backend=backend)
    saw = {number: node.saw for number, node in enumerate(drawn.nodes) if node.saw is not None}
    assert saw == reference.saw
    for number in saw:
        assert drawn.nodes[number].upstream == [drawn.nodes[early].name for early in reference.before[number]]
    assert [each.trace for each in result] == reference.ends()


@settings(max_examples=150)
@given(drawn=graphs())
def test_lowering_is_deterministic_and_nearly_in_normal_form(drawn: Drawn) -> None:
    """Compiling twice gives the same graph; works and switches have one predecessor; the order is topological."""
    graph = drawn.graph()
    plan, again = compile_pipeline(graph), compile_pipeline(graph)
    assert plan.graph.edges == again.graph.edges
    assert list(plan.graph.nodes) == list(again.graph.nodes)
    assert plan.graph.shape == again.graph.shape
    assert [node.name for node in plan.nodes] == list(plan.graph.nodes)
    for place, node in enumerate(plan.nodes):
        before = plan.graph.predecessors(node.name)
        assert all(plan.number[edge.source] < place for edge in before)
        if isinstance(node, Start):
            assert not before
        elif isinstance(node, Join | Merge):
            assert all(edge.route is None for edge in before) or len(before) == 1
            assert plan.graph.successors(node.name)
        else:
            assert len(before) == 1
        if isinstance(node, Switch):
            assert {edge.route for edge in plan.graph.successors(node.name)} <= {*node.routes}


@settings(max_examples=100)
@given(drawn=graphs(), before=st.booleans(), kind=st.sampled_from(["series", "branch", "route", "node"]))
def test_a_graph_as_a_stage_runs_as_it_does_alone(drawn: Drawn, before: bool, kind: str) -> None:
    """Whatever it stands in: the same nodes run, and what follows it sees everything that was written, and runs."""
    alone, last = Reference(drawn), Node("z", {})
    graph = drawn.graph()
    first = [Node("a", {})] if before else []
    pipeline: Pipeline
    match kind:
        case "series":
            pipeline = Pipeline([*first, graph, last])
        case "branch":
            pipeline = Pipeline([*first, [graph, Node("b", {})], last])
        case "route":
            pipeline = Pipeline([*first, Router({"r": Route("p < 0", graph)}, Node("d", {})), last])
        case _:
            pipeline = Graph([(graph, last)])
    (result,) = pipeline.kickoff(START)
    assert {number: node.saw for number, node in enumerate(drawn.nodes) if node.saw is not None} == alone.saw
    assert last.saw is not None
    names = [drawn.nodes[number].name for number in alone.order if number in alone.saw]
    ran = [name for name in flat(result.trace[1:]) if name.startswith("n")]
    assert ran == names
    assert result.trace[-1] == "z"


def flat(items: list[Any]) -> list[str]:
    return [
        name
        for item in items
        for name in (flat(item) if isinstance(item, list) else [item] if isinstance(item, str) else [])
    ]


# ---- graphs that >> can say ----------------------------------------------------------------------------------------
# Trees of leaves, series, parallels, and choices behind a leaf whose arms begin with one: ("choice", head, taken, arms).

leaves = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 99), max_size=2).map(lambda gives: ("leaf", gives))


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arm = st.lists(inner, max_size=2).flatmap(lambda rest: leaves.map(lambda head: ("series", [head, *rest])))
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ("series", parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ("parallel", parts)),
        st.tuples(leaves, st.integers(0, 2), st.tuples(arm, arm, arm)).map(lambda three: ("choice", *three)),
    )


class Twice:
    """A tree as a pipeline, and as nodes and edges; both with nodes of their own."""

    def __init__(self, root: Any) -> None:
        self.nodes = list[Node]()
        self.edges = list[Edge]()
        self.pipeline = Pipeline([self.stage(root)])
        self.twins = [Node(node.name, node.gives) for node in self.nodes]
        self.count = 0
        self.wire(root)

    def leaf(self, gives: dict[str, int]) -> Node:
        self.nodes.append(Node(f"n{len(self.nodes)}", gives))
        return self.nodes[-1]

    def stage(self, tree: Any) -> Any:
        match tree:
            case ("leaf", gives):
                return self.leaf(gives)
            case ("series", parts):
                return Pipeline([self.stage(part) for part in parts])
            case ("parallel", parts):
                return Pipeline([[self.stage(part) for part in parts]])
            case ("choice", (_, gives), taken, arms):
                head = self.leaf(gives)
                one, two, other = (self.stage(arm) for arm in arms)
                conditions = {"one": taken == 0, "two": taken == 1}
                routes = {
                    "one": Route(lambda _: conditions["one"], one),
                    "two": Route(lambda _: conditions["two"], two),
                }
                return Pipeline([head, Router(routes, other)])
        raise AssertionError(tree)

    def next(self) -> Node:
        self.count += 1
        return self.twins[self.count - 1]

    def wire(self, tree: Any, before: tuple[Node, ...] = ()) -> tuple[Node, ...]:
        """Add the edges of a tree behind some nodes; returns where it ends."""
        match tree:
            case ("leaf", _):
                node = self.next()
                self.edges += [Edge(early, node) for early in before]
                return (node,)
            case ("series", parts):
                for part in parts:
                    before = self.wire(part, before)
                return before
            case ("parallel", parts):
                return tuple(end for part in parts for end in self.wire(part, before))
            case ("choice", leaf, taken, arms):
                (head,) = self.wire(leaf, before)
                ends = list[Node]()
                for place, arm in enumerate(arms):
                    first = self.twins[self.count]
                    is_taken = place == taken
                    self.edges.append(
                        Edge(head, first, when=lambda _, is_taken=is_taken: is_taken)
                        if place < 2
                        else Edge(head, first, otherwise=True)
                    )
                    ends += self.wire(arm)
                return tuple(ends)
        raise AssertionError(tree)


@settings(max_examples=200)
@given(root=st.recursive(leaves, trees, max_leaves=10))
def test_a_tree_written_as_edges_runs_as_the_pipeline(root: Any) -> None:
    """The same nodes run and see the same, and the results are the same."""
    twice = Twice(root)
    graph = Graph(twice.edges, nodes=twice.twins)
    result, twin = twice.pipeline.kickoff(START), graph.kickoff(START)
    assert {node.name: node.saw for node in twice.nodes} == {node.name: node.saw for node in twice.twins}
    assert [run.to_dict() for run in result] == [run.to_dict() for run in twin]
    assert [run.trace[-1] for run in result] == [run.trace[-1] for run in twin]


# ---- without routers -----------------------------------------------------------------------------------------------


class Reader(Stage):
    """A crew that says what it reads and gives."""

    def __init__(self, name: str, reads: dict[str, bool], gives: set[str], *, is_open: bool) -> None:
        self.name = name
        needs = tuple(Need(key, f"crew '{name}'", is_needed) for key, is_needed in reads.items())
        self.told = Interface("crew", needs, dict.fromkeys(sorted(gives), int), None if is_open else frozenset())

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        raise AssertionError("nothing runs")

    def interface(self) -> Interface:
        return self.told


readers = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(KEYS), st.booleans()), st.sets(st.sampled_from(KEYS)), st.booleans()),
    min_size=1,
    max_size=6,
)


@given(readers, st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_a_router_that_reads_nothing_changes_no_need(drawn: list[Any], pairs: set[tuple[int, int]]) -> None:
    """Where there is no router nobody follows the routes; with one somewhere behind, the same is found by following."""
    crews = [Reader(f"n{number}", *given[:2], is_open=given[2]) for number, given in enumerate(drawn)]
    ends = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1] and max(pair) < len(crews)})
    graph = Graph([(crews[source], crews[target]) for source, target in ends], nodes=crews)
    one, other = (Reader(name, {}, set(), is_open=False) for name in ("one", "other"))
    behind = Router({"x": Route("1 < 2", one)}, other)
    alone, followed = (
        {key: (field.need, field.used_by, field.routes, field.checks) for key, field in inputs(each).items()}
        for each in (graph, Pipeline([graph, behind]))
    )
    assert alone == followed
