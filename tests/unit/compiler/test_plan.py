"""The plan: a graph as numbers, in the order of the text."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.compiler import compile_pipeline
from crewgraph.compiler.plan import Plan
from crewgraph.graph import Work
from crewgraph.node import Interface, Need
from crewgraph.outputs import CrewOutput
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Stage


class Crew(Stage):
    """A stand-in for a crew: "x y" are the placeholders it reads."""

    def __init__(self, name: str, reads: str = "") -> None:
        self.name = name
        self.reads = reads

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput()

    def interface(self) -> Interface:
        return Interface(needs=tuple(Need(key, "task 't'") for key in self.reads.split()))


class Open(Router):
    """A router that decides by itself."""

    def route(self, values: Any) -> Any:
        return self.default, "new"


a, b, c, d = map(Crew, "abcd")


def router(*targets: Any, kind: Any = Router) -> Router:
    *routes, default = targets
    return kind({f"r{n}": Route(f"n == {n}", target) for n, target in enumerate(routes)}, default)


def plan(*stages: Any) -> Plan:
    return compile_pipeline(Pipeline(list(stages)))


def upstream(told: Plan) -> dict[str, str]:
    return {
        node.name: " ".join(told.nodes[early].name for early in told.upstream[place])
        for place, node in enumerate(told.nodes)
        if isinstance(node, Work)
    }


def texts(told: Plan, name: str) -> dict[str, str]:
    """For each placeholder of a node the crews whose text it may stand for."""
    return {key: " ".join(told.nodes[place].name for place in places) for key, places in told.texts[told.number[name]]}


def test_nodes_are_numbered_in_the_order_of_the_text() -> None:
    """Names, numbers, edges and their routes agree."""
    told = plan(a, router(b, c), d)
    assert [node.name for node in told.nodes] == ["start", "a", "router", "b", "c", "merge", "d"]
    assert told.number == {node.name: place for place, node in enumerate(told.nodes)}
    assert told.wiring.successors == (
        ((1, None),),
        ((2, None),),
        ((3, "r0"), (4, "default")),
        ((5, None),),
        ((5, None),),
        ((6, None),),
        (),
    )
    assert told.wiring.indegrees == (0, 1, 1, 1, 1, 2, 1)
    assert told.sources == ((), (0,), (1,), (2,), (2,), (3, 4), (5,))


def test_only_crews_steps_and_routers_are_handed_out() -> None:
    """Start, joins and merges are wiring."""
    told = plan([a, b], router(c, d), a)
    passive = {node.name for node, is_passive in zip(told.nodes, told.wiring.passive, strict=True) if is_passive}
    assert passive == {"start", "join", "merge"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (plan(a, b), {"a": "", "b": "a"}),
        (plan(a, [b, c], d), {"a": "", "b": "a", "c": "a", "d": "b c"}),
        (plan([a, b], [c, d]), {"a": "", "b": "", "c": "a b", "d": "a b"}),
        (plan(a, router(b, c), d), {"a": "", "b": "a", "c": "a", "d": "b c"}),
        (plan(a, router(b, c, kind=Open), d), {"a": "", "b": "router", "c": "router", "d": "router b c"}),
        (plan([Pipeline([a, b]), c], d), {"a": "", "b": "a", "c": "", "d": "b c"}),
    ],
    ids=["chain", "fork", "fork after fork", "routes", "open routes", "branch of several"],
)
def test_the_direct_context_of_a_node(told: Plan, expected: dict[str, str]) -> None:
    """The nearest crews before it, through joins and merges, in the order of the text."""
    assert upstream(told) == expected


def test_nodes_behind_one_join_share_their_context() -> None:
    """A wide layer after a wide layer takes no square of memory."""
    told = plan([Crew(f"l{n}") for n in range(50)], [Crew(f"r{n}") for n in range(50)])
    assert len({id(told.upstream[told.number[f"r{n}"]]) for n in range(50)}) == 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (plan(a, b, Crew("z", "a b q")), {"a": "a", "b": "b"}),
        (plan(Crew("The News"), Crew("z", "the_news")), {"the_news": "The News"}),
        (plan(a, a, b, Crew("z", "a")), {"a": "a#2"}),
        (plan([a, Crew("z", "a")]), {}),
        (plan(Crew("z", "z")), {}),
        (plan(Crew("z", "a"), a), {}),
        (plan([Pipeline([a, b]), c], Crew("z", "a b c")), {"a": "a", "b": "b", "c": "c"}),
        (plan([a, a], Crew("z", "a")), {"a": "a#2"}),
        (plan(router(a, b), Crew("z", "a b")), {"a": "a", "b": "b"}),
        (plan(a, router(a, b), Crew("z", "a")), {"a": "a#2 a"}),
        (plan(router(a, a), Crew("z", "a")), {"a": "a#2 a"}),
        (plan(a, router(a, b), a, router(a, a), Crew("z", "a")), {"a": "a#5 a#4"}),
        (plan(a, router(Pipeline([a, Crew("z", "a")]), b)), {"a": "a#2"}),
        (plan(a, [router(a, b), c], Crew("z", "a")), {"a": "a#2 a"}),
    ],
    ids=[
        "by name",
        "by a name made a placeholder",
        "the last of that name",
        "not beside",
        "not its own",
        "not later",
        "in a branch",
        "of two branches the later",
        "on a route",
        "on a route, else before it",
        "on either route",
        "back to where one ran on every way",
        "on its own route",
        "behind a join, on a route, else before it",
    ],
)
def test_a_placeholder_that_is_a_crews_name(told: Plan, expected: dict[str, str]) -> None:
    """It stands for the text of the last crew of that name that ran; crews behind which one surely ran are left out."""
    assert texts(told, "z") == expected


def test_crews_that_nobody_names_are_not_bound() -> None:
    """Nothing is noted for them."""
    told = plan(a, b, c)
    assert told.texts == ((), (), (), ())


# ---- against networkx ------------------------------------------------------------------------------------------


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(st.one_of(inner, st.lists(inner, min_size=1, max_size=3)), min_size=1, max_size=3).map(Pipeline),
        st.lists(inner, min_size=1, max_size=3).map(lambda targets: router(*targets)),
    )


readers = st.builds(Crew, st.sampled_from("abc"), st.sampled_from(["", "a", "a b", "a b c"]))
pipelines = st.recursive(readers, trees, max_leaves=12).map(
    lambda stage: stage if isinstance(stage, Pipeline) else Pipeline([stage])
)


@given(pipelines)
def test_a_plan_says_what_the_graph_says(pipeline: Pipeline) -> None:
    """Edges point forward; contexts and texts are those that networkx finds."""
    told = compile_pipeline(pipeline)
    graph = told.graph.to_networkx()
    for place, node in enumerate(told.nodes):
        assert told.number[node.name] == place
        assert all(target > place for target, _ in told.wiring.successors[place])
        assert told.wiring.indegrees[place] == graph.in_degree(node.name) == len(told.sources[place])
        if not isinstance(node, Work):
            continue
        above = {told.number[name] for name in nx.ancestors(graph, node.name)}
        for key, places in told.texts[place]:
            named = [early for early in sorted(above, reverse=True) if getattr(told.nodes[early], "label", None) == key]
            assert set(places) <= set(named)
            for alive in runs(told):
                if node.name in alive:  # whatever is left out is never the last that ran
                    assert last(told, places, alive) == last(told, named, alive)
        wanted = {need.key for need in node.interface.needs}
        there = {getattr(told.nodes[early], "label", None) for early in above}
        assert {key for key, _ in told.texts[place]} == wanted & there


def last(told: Plan, places: Sequence[int], alive: frozenset[str]) -> int | None:
    """The first of some nodes that ran; they are told from the last to the first."""
    return next((place for place in places if told.nodes[place].name in alive), None)


def runs(told: Plan) -> Iterator[frozenset[str]]:
    """The nodes that run, for every choice of routes."""

    def go(place: int, alive: frozenset[str]) -> Iterator[frozenset[str]]:
        if place == len(told.nodes):
            yield alive
            return
        node = told.nodes[place]
        sources = told.graph.predecessors(node.name)
        arrives = not sources or any(
            edge.source in alive and (edge.route is None or f"{edge.source}={edge.route}" in alive) for edge in sources
        )
        routes = getattr(node, "routes", None)
        if not arrives:
            yield from go(place + 1, alive)
        elif routes is None:
            yield from go(place + 1, alive | {node.name})
        else:
            for route in routes:
                yield from go(place + 1, alive | {node.name, f"{node.name}={route}"})

    return go(0, frozenset({"start"}))


# ---- speed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stages",
    [
        [Crew(f"n{n}", f"n{n - 1} n0") for n in range(2_000)],
        [Crew("n", "n") for _ in range(2_000)],
        [[Crew(f"n{layer}_{n}", f"n0_{n}") for n in range(50)] for layer in range(40)],
        [Crew("s"), [Crew(f"n{n}", "s") for n in range(5_000)], Crew("e", "n7 s")],
    ],
    ids=["a long chain", "one name", "many layers", "wide"],
)
def test_big_pipelines_compile_in_no_time(stages: list[Any]) -> None:
    """Thousands of nodes take well under a second; the limit only tells linear from quadratic on a slow machine."""
    began = time.perf_counter()
    plan(*stages)
    assert time.perf_counter() - began < 20


# ---- for people ------------------------------------------------------------------------------------------------


def test_a_plan_tells_what_it_is_of() -> None:
    """Its nodes and the keys it reads, as far as they can be taken in; hostile names are cleaned."""
    plan = compile_pipeline(Pipeline([Crew("a\x1b[31m", "topic"), Crew("b")]))
    assert repr(plan) == "Plan(2 nodes: a, b; 1 input: topic)"
    assert repr(compile_pipeline(Pipeline([Crew("a")]))) == "Plan(1 node: a; no inputs)"
    many = compile_pipeline(Pipeline([Crew(f"n{number}") for number in range(12)]))
    assert repr(many).endswith("n9, … and 2 more; no inputs)")


def test_a_plan_shows_itself_in_notebooks() -> None:
    """As the picture of its graph."""
    plan = compile_pipeline(Pipeline([Crew("<script>")]))
    shown = plan._repr_mimebundle_(include=None, exclude=None)
    assert list(shown) == ["text/plain", "image/svg+xml", "text/html"]
    assert shown["image/svg+xml"].startswith("<svg")
    assert "<script" not in shown["image/svg+xml"]
    assert shown["text/html"].startswith("<img ")
