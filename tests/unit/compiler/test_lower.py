"""Lowering: from the tree as written to a graph in normal form, with every structural finding."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.compiler import check
from crewgraph.compiler.lower import MAX_NESTING, lower
from crewgraph.graph import ANY_ROUTE, Graph, Join, Merge, Start, Switch, Work
from crewgraph.node import Interface, Problem
from crewgraph.outputs import CrewOutput
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import DOUBLE_NESTING, Pipeline, Procedure, Stage
from crewgraph.trace import Choice, Journey, Leaf, Parallel, Series, journey, journeys


class Crew(Stage):
    """A stand-in for a crew."""

    def __init__(self, name: str | None = "crew", *problems: Problem) -> None:
        self.name = name
        self.problems = problems

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput()

    def interface(self) -> Interface:
        return Interface(problems=self.problems)


def fetch(x: int) -> int:
    return x


a, b, c, d, e = map(Crew, "abcde")


def router(**targets: Any) -> Router:
    """Routes by name, the default under "default"."""
    default = targets.pop("default", e)
    return Router({name: Route(f"n == '{name}'", target) for name, target in targets.items()}, default)


def edges(graph: Graph) -> list[str]:
    return [f"{edge.source} {edge.target}" + (f" {edge.route}" if edge.route else "") for edge in graph.edges]


def findings(pipeline: Pipeline) -> list[str]:
    return [str(finding) for finding in lower(pipeline)[1]]


def clean(pipeline: Pipeline) -> Graph:
    graph, found = lower(pipeline)
    assert found == []
    return graph


# ---- shapes ----------------------------------------------------------------------------------------------------

LOWERED: list[tuple[str, Pipeline, list[str], list[str]]] = [
    ("one", Pipeline([a]), ["start a"], ["a"]),
    ("a chain", Pipeline([a, b, c]), ["start a", "a b", "b c"], ["c"]),
    ("a fork stays open at the end", Pipeline([a, [b, c]]), ["start a", "a b", "a c"], ["b", "c"]),
    ("a fork at the beginning", Pipeline([[a, b], c]), ["start a", "start b", "a join", "b join", "join c"], ["c"]),
    (
        "a fork after a fork",
        Pipeline([[a, b], [c, d]]),
        ["start a", "start b", "a join", "b join", "join c", "join d"],
        ["c", "d"],
    ),
    ("a list of one needs no join", Pipeline([[a], b]), ["start a", "a b"], ["b"]),
    (
        "a branch of several",
        Pipeline([[Pipeline([a, b]), c], d]),
        ["start a", "a b", "start c", "b join", "c join", "join d"],
        ["d"],
    ),
    (
        "a fork in a branch is closed on its own",
        Pipeline([[Pipeline([a, [b, c]]), d], e]),
        ["start a", "a b", "a c", "start d", "b join", "c join", "join join#2", "d join#2", "join#2 e"],
        ["e"],
    ),
    (
        "routes stay open at the end",
        Pipeline([a, router(x=b, default=c)]),
        ["start a", "a router", "router b x", "router c default"],
        ["b", "c"],
    ),
    (
        "routes meet in a merge",
        Pipeline([router(x=b, default=c), d]),
        ["start router", "router b x", "router c default", "b merge", "c merge", "merge d"],
        ["d"],
    ),
    (
        "a router with one way needs no merge",
        Pipeline([router(default=c), d]),
        ["start router", "router c default", "c d"],
        ["d"],
    ),
    (
        "a route that forks",
        Pipeline([router(x=Pipeline([[a, b]]), default=c), d]),
        [
            "start router",
            "router a x",
            "router b x",
            "router c default",
            "a join",
            "b join",
            "join merge",
            "c merge",
            "merge d",
        ],
        ["d"],
    ),
    (
        "a router in a branch",
        Pipeline([[a, router(x=b, default=c)], d]),
        [
            "start a",
            "start router",
            "router b x",
            "router c default",
            "b merge",
            "c merge",
            "a join",
            "merge join",
            "join d",
        ],
        ["d"],
    ),
    (
        "a route that leads straight to a router",
        Pipeline([router(x=router(y=a, default=b), default=c), d]),
        [
            "start router",
            "router router#2 x",
            "router#2 a y",
            "router#2 b default",
            "router c default",
            "a merge",
            "b merge",
            "merge merge#2",
            "c merge#2",
            "merge#2 d",
        ],
        ["d"],
    ),
    ("functions and steps", Pipeline([fetch, step(fetch, name="g")]), ["start fetch", "fetch g"], ["g"]),
]


@pytest.mark.parametrize(
    ("pipeline", "expected", "exits"), [row[1:] for row in LOWERED], ids=[row[0] for row in LOWERED]
)
def test_the_graph_of_a_pipeline(pipeline: Pipeline, expected: list[str], exits: list[str]) -> None:
    """Its edges, and where it ends; joins and merges are made only where something follows."""
    graph = clean(pipeline)
    assert edges(graph) == expected
    assert graph.exits == exits


def test_nodes_keep_the_users_objects() -> None:
    """Crews and routers are the same objects, with label, interface and place."""
    route = router(x=b, default=c)
    graph = clean(Pipeline([a, route], name="title"))
    start, first, switch, second, _ = graph.nodes.values()
    assert start == Start("start")
    assert isinstance(first, Work)
    assert (first.name, first.label, first.node, first.path) == ("a", "a", a, ("stage 1 'a'",))
    assert isinstance(switch, Switch)
    assert switch.router is route
    assert (switch.routes, switch.is_open, switch.path) == (("x", "default"), False, ("stage 2 'router'",))
    assert isinstance(second, Work)
    assert second.path == ("stage 2 'router'", "route 'x'", "stage 1 'b'")
    assert graph.name == "title"


@pytest.mark.parametrize(
    ("pipeline", "is_procedure", "merge_json"),
    [(Pipeline([a]), False, True), (Procedure([a]), True, True), (Pipeline([a], merge_json=False), False, False)],
    ids=["pipeline", "procedure", "text"],
)
def test_a_graph_knows_how_values_are_handed_over(pipeline: Pipeline, is_procedure: bool, merge_json: bool) -> None:
    """As the pipeline says."""
    graph = clean(pipeline)
    assert (graph.is_procedure, graph.merge_json) == (is_procedure, merge_json)


def test_the_shape_is_as_it_was_written() -> None:
    """Series, parallels and choices with the final names."""
    shape = clean(Pipeline([a, [b, Pipeline([a, c])], router(x=d)])).shape
    assert shape == Series(
        (
            Leaf("a"),
            Parallel((Leaf("b"), Series((Leaf("a#2"), Leaf("c"))))),
            Choice("router", {"x": Series((Leaf("d"),)), "default": Series((Leaf("e"),))}),
        )
    )


# ---- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pipeline", "names"),
    [
        (Pipeline([a, a, a]), ["start", "a", "a#2", "a#3"]),
        (Pipeline([Crew("x"), Crew("x")]), ["start", "x", "x#2"]),
        (Pipeline([Crew("x"), Crew("x"), Crew("x#2")]), ["start", "x", "x#2", "x#2#2"]),
        (Pipeline([Crew("x#2"), Crew("x"), Crew("x")]), ["start", "x#2", "x", "x#3"]),
        (Pipeline([Crew(None), Crew("  ")]), ["start", "crew", "crew#2"]),
        (Pipeline([Crew("start")]), ["start#2", "start"]),
        (
            Pipeline([[Crew("join"), Crew("router")], router(default=Crew("merge"))]),
            ["start", "join", "router", "join#2", "router#2", "merge"],
        ),
        (Pipeline([fetch, fetch]), ["start", "fetch", "fetch#2"]),
    ],
    ids=[
        "one crew",
        "one name",
        "a name with a number",
        "the number is taken",
        "no names",
        "start",
        "wiring",
        "function",
    ],
)
def test_names_are_unique_and_crews_come_first(pipeline: Pipeline, names: list[str]) -> None:
    """A crew gets its own name, the wiring takes what is left."""
    assert list(lower(pipeline)[0].nodes) == names


def test_names_that_are_taken_are_not_given() -> None:
    """A pipeline that runs inside another one has names of its own."""
    graph, _ = lower(Pipeline([a, [b, c], d]), taken=["a", "b", "start", "join"])
    assert list(graph.nodes) == ["start#2", "a#2", "b#2", "c", "join#2", "d"]


@pytest.mark.parametrize(
    ("name", "label"),
    [("triage", "triage"), (None, "router"), ("  ", "router"), (MagicMock(), "router")],
    ids=["name", "none", "blank", "mock"],
)
def test_a_router_has_a_name(name: Any, label: str) -> None:
    """Its own, where it has one."""
    route = router(x=a)
    object.__setattr__(route, "name", name)
    assert label in clean(Pipeline([route])).nodes


# ---- conditions ------------------------------------------------------------------------------------------------


def test_what_is_drawn_on_the_edges() -> None:
    """The expression, or the name of a function; a lambda has none."""

    def is_urgent(values: Any) -> bool:
        return True

    class Check:
        def __call__(self, values: Any) -> bool:
            return True

    conditions: dict[str, Any] = {"text": "n > 7", "named": is_urgent, "lambda": lambda v: v, "object": Check()}
    graph, _ = lower(Pipeline([Router({name: Route(condition, a) for name, condition in conditions.items()}, b)]))
    switch = graph.nodes["router"]
    assert isinstance(switch, Switch)
    assert switch.conditions == {"text": "n > 7", "named": "is_urgent", "lambda": "λ", "object": "λ", "default": "else"}


@pytest.mark.parametrize(
    ("condition", "is_opaque"),
    [
        ("n > 7", False),
        ("λ", False),
        (lambda v: v["n"] > 7, False),
        (lambda v: v, True),
        (len, True),
        (MagicMock(), True),
    ],
    ids=["text", "text that looks like it", "simple", "lambda", "named", "mock"],
)
def test_a_condition_that_is_a_callable_is_noted(condition: Any, is_opaque: bool) -> None:
    """Whatever it is called: it is not checked."""
    found = [str(each) for each in check(Pipeline([Router({"x": Route(condition, a)}, b)])) if each.code == "CG403"]
    told = "CG403 opaque-condition: the condition of route 'x' is a callable; it is not checked (stage 1 'router' › route 'x')."
    assert found == ([told] if is_opaque else [])


# ---- routers that decide by themselves -------------------------------------------------------------------------


class Deciding(Router):
    """A router that comes up with pipelines of its own."""

    def route(self, values: Any) -> Any:
        return Pipeline([a]), "new"


def test_a_router_that_decides_by_itself_is_open() -> None:
    """What it declares is lowered, and an edge stands for the rest."""
    graph = clean(Pipeline([Deciding({"x": Route("n > 1", a)}, b), c]))
    assert edges(graph) == [
        "start router",
        "router a x",
        "router b default",
        "a merge",
        "b merge",
        "router merge *",
        "merge c",
    ]
    switch = graph.nodes["router"]
    assert isinstance(switch, Switch)
    assert switch.is_open
    assert graph.edges[-2].route == ANY_ROUTE


def test_a_final_router_that_decides_by_itself() -> None:
    """The way that is not known ends in the router."""
    graph = clean(Pipeline([Deciding({"x": Route("n > 1", a)}, b)]))
    assert graph.exits == ["a", "b"]


@pytest.mark.parametrize("stages", [[1], [1, 2]], ids=["at the end", "in between"])
def test_a_router_double_declares_nothing(stages: list[int]) -> None:
    """A class that inherits from a mock and a router may take any way."""
    double = type("Double", (MagicMock, Router), {})()
    graph = clean(Pipeline([double, *([c] if len(stages) > 1 else [])]))
    switch = graph.nodes["router"]
    assert isinstance(switch, Switch)
    assert (switch.routes, switch.is_open) == ((), True)
    assert edges(graph) == (["start router", "router c *"] if len(stages) > 1 else ["start router"])


# ---- findings --------------------------------------------------------------------------------------------------


def appended(pipeline: Pipeline, *stages: Any) -> Pipeline:
    """What nobody checked when it was written."""
    pipeline.stages.extend(stages)
    return pipeline


NOT_A_STAGE = "CG103 not-a-stage: Expected Crew instance, Router instance, or list of Crews, got"


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        (Pipeline(), ["CG102 empty: the pipeline has no stages."]),
        (Pipeline([a, []]), ["CG102 empty: a parallel stage has no branches (stage 2)."]),
        (Pipeline([[a, Pipeline()]]), ["CG102 empty: branch 2 has no stages (stage 1 › branch 2)."]),
        (
            Pipeline([router(x=Pipeline(), default=a)]),
            ["CG102 empty: route 'x' has no stages (stage 1 'router' › route 'x')."],
        ),
        (appended(Pipeline([a]), 7, a), [f"{NOT_A_STAGE} <class 'int'> (stage 2)."]),
        (appended(Pipeline([a]), [b, "x"]), [f"{NOT_A_STAGE} <class 'str'> (stage 2 › branch 2)."]),
        (appended(Pipeline([a]), [[b, c], d]), [f"CG101 double-nesting: {DOUBLE_NESTING} (stage 2 › branch 1)."]),
        (appended(Pipeline([a]), ([b],), c), [f"CG101 double-nesting: {DOUBLE_NESTING} (stage 2 › branch 1)."]),
        (
            Pipeline([Crew("x", Problem("CG501", "no model", "take one"), Problem("CG502", "no agent"))]),
            ["CG501 no-model: no model (stage 1 'x'). hint: take one", "CG502 no-agent: no agent (stage 1 'x')."],
        ),
        (
            appended(Pipeline(), None, [], [[a]], Pipeline()),
            [
                f"{NOT_A_STAGE} <class 'NoneType'> (stage 1).",
                "CG102 empty: a parallel stage has no branches (stage 2).",
                f"CG101 double-nesting: {DOUBLE_NESTING} (stage 3 › branch 1).",
                "CG102 empty: stage 4 has no stages (stage 4).",
            ],
        ),
    ],
    ids=[
        "empty",
        "empty list",
        "empty branch",
        "empty route",
        "no stage",
        "no branch",
        "nested",
        "nested tuple",
        "a crew's own",
        "many",
    ],
)
def test_findings_are_told_all_at_once_with_their_place(pipeline: Pipeline, told: list[str]) -> None:
    """Whatever is wrong, and the graph holds what could be lowered."""
    graph, found = lower(pipeline)
    assert [line.split(" hint: ")[0] for line in map(str, found)] == [line.split(" hint: ")[0] for line in told]
    assert graph.order()[0] == "start"


@pytest.mark.parametrize("finding", lower(appended(Pipeline(), None, [], [[a]]))[1], ids=lambda finding: finding.code)
def test_every_structural_finding_has_a_hint(finding: Any) -> None:
    """An edit that mends it."""
    assert finding.hint


@pytest.mark.parametrize("value", ["text", None, a, Pipeline([a]), (1, a)], ids=lambda value: type(value).__name__)
def test_what_is_no_route_among_the_routes(value: Any) -> None:
    """Somebody wrote into the dict of a router."""
    route = router(x=a)
    route.routes["y"] = value
    graph, found = lower(Pipeline([route]))
    assert [finding.code for finding in found] == ["CG103"]
    assert str(found[0]) == (
        f"CG103 not-a-stage: route 'y' is a {type(value).__name__}, no Route (stage 1 'router' › route 'y'). "
        "hint: use router.add_route(name, condition, pipeline)"
    )
    assert edges(graph) == ["start router", "router a x", "router e default"]


def test_a_default_that_was_taken_away() -> None:
    """Assignments are not validated, and so found here."""
    route = router(x=a)
    object.__setattr__(route, "default", None)
    assert findings(Pipeline([route]))[0].startswith(
        f"{NOT_A_STAGE} <class 'NoneType'> (stage 1 'router' › route 'default'"
    )


# ---- cycles ----------------------------------------------------------------------------------------------------


def test_a_pipeline_that_reaches_itself_through_a_router() -> None:
    """The way is named, and the place where it closes."""
    route = router(x=a)
    pipeline = Pipeline([a, route], name="main")
    route.add_route("again", "n > 1", pipeline)
    graph, found = lower(pipeline)
    (finding,) = found
    assert str(finding) == (
        "CG202 cycle: the pipeline reaches itself: the pipeline → router 'router' → route 'again' "
        "(stage 2 'router' › route 'again'). "
        "hint: let the route lead to a pipeline of its own; a graph runs each node once"
    )
    assert graph.cycle() == []


def test_a_router_that_leads_to_itself() -> None:
    """Directly, or by a pipeline that holds it."""
    route = router(x=a)
    route.add_route("direct", "n > 1", route)
    route.add_route("around", "n > 1", Pipeline([b, route]))
    assert [line.split(" (")[0] for line in findings(Pipeline([route]))] == [
        "CG202 cycle: the pipeline reaches itself: router 'router' → route 'direct' → router 'router'",
        "CG202 cycle: the pipeline reaches itself: router 'router' → route 'around' → router 'router'",
    ]


def test_two_routers_that_lead_to_each_other() -> None:
    """The whole way is named."""
    one, two = router(default=a), router(default=b)
    one.name, two.name = "one", "two"
    one.add_route("over", "n > 1", Pipeline([two]))
    two.add_route("back", "n > 1", Pipeline([one]))
    assert [line.split(" (")[0] for line in findings(Pipeline([one]))] == [
        "CG202 cycle: the pipeline reaches itself: router 'one' → route 'over' → router 'two' → route 'back' → router 'one'"
    ]


@pytest.mark.parametrize("nest", [lambda p: p, lambda p: [a, p]], ids=["stage", "branch"])
def test_a_pipeline_that_holds_itself(nest: Any) -> None:
    """Put into its own list."""
    pipeline = Pipeline([a])
    pipeline.stages.append(nest(pipeline))
    assert findings(pipeline)[0].startswith("CG202 cycle: the pipeline reaches itself: the pipeline → ")


def test_a_list_that_holds_itself() -> None:
    """Is a list in a list."""
    pipeline = Pipeline([[a]])
    pipeline.stages[0].append(pipeline.stages[0])
    assert [finding.code for finding in lower(pipeline)[1]] == ["CG101"]


def test_the_same_pipeline_on_two_routes_is_no_cycle() -> None:
    """Nor one router behind the other, nor the same one twice: each is lowered anew."""
    shared = Pipeline([a])
    route = router(x=shared, default=shared)
    graph = clean(Pipeline([route, route]))
    assert [name for name in graph.nodes if name[0] == "a"] == ["a", "a#2", "a#3", "a#4"]


@pytest.mark.parametrize(
    "nest", [lambda p: Pipeline([[p]]), lambda p: Pipeline([router(default=p)])], ids=["branches", "routes"]
)
@pytest.mark.parametrize(("depth", "codes"), [(40, []), (2_000, ["CG104"])], ids=["deep", "too deep"])
def test_deep_nesting_is_a_finding_not_a_crash(nest: Any, depth: int, codes: list[str]) -> None:
    """There is a bound, and no real pipeline comes near it."""
    pipeline = Pipeline([a])
    for _ in range(depth):
        pipeline = nest(pipeline)
    assert [finding.code for finding in lower(pipeline)[1]] == codes
    assert MAX_NESTING == 100


# ---- properties ------------------------------------------------------------------------------------------------


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    branch = st.one_of(inner, st.just(fetch))
    return st.one_of(
        st.lists(st.one_of(branch, st.lists(branch, min_size=1, max_size=3)), min_size=1, max_size=3).map(Pipeline),
        st.dictionaries(st.sampled_from("xyz"), inner, max_size=3).map(lambda routes: router(**routes)),
        st.dictionaries(st.sampled_from("xyz"), inner, max_size=2).map(
            lambda routes: Deciding({name: Route("n > 1", target) for name, target in routes.items()}, e)
        ),
    )


pipelines = st.recursive(st.sampled_from([a, b, c, Crew("start"), Crew("join")]), trees, max_leaves=15).map(
    lambda stage: stage if isinstance(stage, Pipeline) else Pipeline([stage])
)


@given(pipelines)
def test_every_graph_is_in_normal_form(pipeline: Pipeline) -> None:
    """One start, first; joins and merges have several predecessors, everything else exactly one; no cycle."""
    graph, found = lower(pipeline)
    assert not any(finding.is_error for finding in found)
    assert graph.cycle() == []
    assert graph.unreachable() == []
    for number, (name, node) in enumerate(graph.nodes.items()):
        assert node.name == name
        assert isinstance(node, Start) is (number == 0)
        before, after = graph.predecessors(name), graph.successors(name)
        match node:
            case Start():
                assert before == []
            case Join() | Merge():
                assert len(before) >= 2
                assert after
            case Work() | Switch():
                assert len(before) == 1
        for edge in after:
            if isinstance(node, Switch):
                assert edge.route in {*node.routes, ANY_ROUTE}
            else:
                assert edge.route is None


@given(pipelines)
def test_a_merge_closes_the_routes_of_one_router_and_a_join_the_branches_of_one_stage(pipeline: Pipeline) -> None:
    """So that just one way arrives at a merge, and all or none at a join."""
    graph, _ = lower(pipeline)
    for node in graph.nodes.values():
        for edge in graph.predecessors(node.name):
            assert edge.route is None or not isinstance(node, Join)


@given(pipelines)
def test_the_order_is_topological_and_starts_at_the_start(pipeline: Pipeline) -> None:
    """And crews stand in it in the order of the text."""
    graph, _ = lower(pipeline)
    order = graph.order()
    place = {name: number for number, name in enumerate(order)}
    assert order[0] == next(iter(graph.nodes))
    assert all(place[edge.source] < place[edge.target] for edge in graph.edges)
    assert order == list(graph.nodes)


@given(pipelines)
def test_lowering_is_deterministic_and_changes_nothing(pipeline: Pipeline) -> None:
    """Twice the same graph, and the pipeline as it was."""
    before = repr(pipeline.model_dump(include={"name", "merge_json"})), list(pipeline.stages)
    first, found = lower(pipeline)
    second, again = lower(pipeline)
    assert list(first.nodes) == list(second.nodes)
    assert first.edges == second.edges
    assert first.shape == second.shape
    assert found == again
    assert before == (repr(pipeline.model_dump(include={"name", "merge_json"})), list(pipeline.stages))


# ---- names -----------------------------------------------------------------------------------------------------


def with_names(title: str | None) -> Pipeline:
    """A pipeline as a stage, a branch and a route, and one in another, named or not."""

    def called(*stages: Any) -> Pipeline:
        return Pipeline(stages=list(stages), name=title)

    router = Router({"r": Route("x", called(Crew("d"), [Crew("e"), Crew("f")]))}, called(Crew("g")), name="choose")
    return Pipeline(stages=[called(Crew("a"), called(Crew("b"))), [called(Crew("c")), Crew("h")], router, Crew("i")])


def test_names_of_inner_pipelines_change_the_shape_alone() -> None:
    """Nodes and edges are the same, and the shape keeps the names for pictures."""
    named, unnamed = lower(with_names("inner"))[0], lower(with_names(None))[0]
    assert list(named.nodes) == list(unnamed.nodes)
    assert named.edges == unnamed.edges
    assert isinstance(named.shape, Series)
    first, parallel, choice, _ = named.shape.parts
    assert first == Series((Leaf("a"), Series((Leaf("b"),), "inner")), "inner")
    assert parallel == Parallel((Series((Leaf("c"),), "inner"), Leaf("h")))
    assert isinstance(choice, Choice)
    assert choice.routes["default"] == Series((Leaf("g"),), "inner")
    assert named.shape.name is None


def test_names_of_inner_pipelines_change_no_journey() -> None:
    """Whatever ran."""
    shapes = [lower(with_names(title))[0].shape for title in ("inner", None)]
    for ran, taken in (("abchdefi", {"choose": "r"}), ("abchg", {"choose": "default"}), ("ab", {})):
        did = Journey(ran, taken)
        one, other = ((journey(shape, did), list(journeys(shape, did))) for shape in shapes)
        assert one == other
