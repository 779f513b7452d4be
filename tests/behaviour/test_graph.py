"""The behaviour table of graphs built by hand: the graph, its input, and what comes out, on both event loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from crewgraph.edges import Edge, Graph
from crewgraph.errors import ConditionError, KickoffError, NodeError
from crewgraph.handoff import Handoff
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Policy
from crewgraph.router import Route, Router
from crewgraph.scope import current
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.trace import NodeSkipped, RouteTaken
from tests.behaviour.test_rows import Cast, Row, Witness

I0, I4, I9 = {"i": 0}, {"i": 4}, {"i": 9}


def bridge(c: Cast) -> Graph:
    """The smallest shape that ``>>`` cannot say."""
    return Graph([(c("a"), c("c")), (c("b"), c("c")), (c("b"), c("d"))])


def desks(c: Cast, **otherwise: Any) -> Graph:
    high = Edge(c("a"), c("h"), when="i > 7", route="high")
    rest = [Edge(c("a"), c("d"), otherwise=True)] if otherwise else []
    return Graph([high, Edge(c("a"), c("m"), when=lambda values: values["i"] > 2), *rest])


ROWS = [
    Row("one node", lambda c: Graph(nodes=[c("a")]), [[I0, "a"]], saw={"a": I0}, out=[{"a": 1}]),
    Row(
        "a chain accumulates",
        lambda c: Graph([(c("a"), c("b"), c("c"))]),
        [[I0, "a", "b", "c"]],
        saw={"b": {"i": 0, "a": 1}, "c": {"i": 0, "a": 1, "b": 1}},
        out=[{"c": 1}],
    ),
    Row(
        "a shape that >> cannot say",
        bridge,
        [[I0, "a", "b", "c"], [I0, "b", "d"]],
        saw={"a": I0, "b": I0, "c": {"i": 0, "a": 1, "b": 1}, "d": {"i": 0, "b": 1}},
        out=[{"c": 1}, {"d": 1}],
    ),
    Row(
        "a diamond and what leads past it",
        lambda c: Graph([(c("a"), c("b"), c("d")), (c("a"), c("c"), c("d")), (c("a"), c("d")), (c("c"), c("e"))]),
        [[I0, "a", "b", "c", "d"], [I0, "a", "c", "e"]],
        saw={"d": {"i": 0, "a": 1, "b": 1, "c": 1}, "e": {"i": 0, "a": 1, "c": 1}},
    ),
    Row(
        "names in place of nodes",
        lambda c: Graph([("b", "c"), (c("a"), "b")], nodes=[c("b"), c("c")]),
        [[I0, "a", "b", "c"]],
        saw={"c": {"i": 0, "a": 1, "b": 1}},
    ),
    Row(
        "of two writers the later in the text counts",
        lambda c: Graph([(c("a", {"k": "a"}), c("z")), (c("b", {"k": "b"}), c("z"))], nodes=[c("b"), c("a")]),
        [[I0, "b", "a", "z"]],
        saw={"z": {"i": 0, "k": "a"}},
    ),
    Row(
        "a node that writes nothing hands on what was written before",
        lambda c: Graph([(c("s", {"k": "s"}), c("a", {"k": "a"}), c("z")), (c("s"), c("b", {}), c("z"))]),
        [[I0, "s", "a", "b", "z"]],
        saw={"z": {"i": 0, "k": "a"}},
    ),
    Row(
        "the first true condition wins",
        lambda c: desks(c, otherwise=True),
        [[I9, "a", {"route_taken": "high"}, "h"]],
        inputs=I9,
        saw={"h": {"i": 9, "a": 1}},
    ),
    Row(
        "a route without a name is called after its target",
        lambda c: desks(c, otherwise=True),
        [[I4, "a", {"route_taken": "m"}, "m"]],
        inputs=I4,
    ),
    Row("otherwise", lambda c: desks(c, otherwise=True), [[I0, "a", {"route_taken": "default"}, "d"]], out=[{"d": 1}]),
    Row(
        "where no condition is true a run ends",
        desks,
        [[I0, "a", {"route_taken": "default"}]],
        out=[{"a": 1}],
    ),
    Row(
        "an edge without a condition is taken beside those with one",
        lambda c: Graph([Edge(c("a"), c("h"), when="i > 7"), (c("a"), c("l"))]),
        [[I9, "a", {"route_taken": "h"}, "h"], [I9, "a", "l"]],
        inputs=I9,
    ),
    Row(
        "where no condition is true the run goes on beside it, and does not end there",
        lambda c: Graph([Edge(c("a"), c("h"), when="i > 7"), (c("a"), c("l"))]),
        [[I0, "a", "l"]],
    ),
    Row(
        "routes meet again",
        lambda c: Graph(
            [Edge(c("a"), c("h"), when="i > 7"), Edge(c("a"), c("d"), otherwise=True), (c("h"), c("z")), (c("d"), "z")]
        ),
        [[I9, "a", {"route_taken": "h"}, "h", "z"]],
        inputs=I9,
        saw={"z": {"i": 9, "a": 1, "h": 1}},
    ),
    Row(
        "a node waits for what can still arrive, and for nothing else",
        lambda c: Graph([Edge(c("a"), c("h"), when="i > 7"), (c("h"), c("z")), (c("s"), c("z"))]),
        [[I0, "a", {"route_taken": "default"}], [I0, "s", "z"]],
        saw={"z": {"i": 0, "s": 1}},
    ),
    Row(
        "what did not lead to a node is not handed to it, although it ran",
        lambda c: Graph([Edge(c("a"), c("z"), when="i > 7"), Edge(c("a"), c("d"), otherwise=True), (c("s"), c("z"))]),
        [[I0, "a", {"route_taken": "default"}, "d"], [I0, "s", "z"]],
        saw={"z": {"i": 0, "s": 1}},
    ),
    Row(
        "and is where it did",
        lambda c: Graph([Edge(c("a"), c("z"), when="i > 7"), Edge(c("a"), c("d"), otherwise=True), (c("s"), c("z"))]),
        [[I9, "a", {"route_taken": "z"}, "s", "z"]],
        inputs=I9,
        saw={"z": {"i": 9, "a": 1, "s": 1}},
    ),
    Row(
        "two routes may lead to one node",
        lambda c: Graph(
            [
                Edge(c("a"), c("h"), when="i > 7", route="hot"),
                Edge(c("a"), c("m"), when="i > 2", route="mild"),
                Edge(c("a"), c("h"), otherwise=True),
            ]
        ),
        [[I0, "a", {"route_taken": "default"}, "h"]],
        saw={"h": {"i": 0, "a": 1}},
    ),
    Row(
        "a choice behind a choice",
        lambda c: Graph(
            [
                Edge(c("a"), c("b"), when="i > 2"),
                Edge(c("b"), c("h"), when="i > 7"),
                Edge(c("b"), c("m"), otherwise=True),
                Edge(c("h"), c("z")),
                Edge(c("m"), c("z")),
            ]
        ),
        [[I4, "a", {"route_taken": "b"}, "b", {"route_taken": "default"}, "m", "z"]],
        inputs=I4,
    ),
    Row(
        "a graph between stages",
        lambda c: c("x") >> bridge(c) >> c("z"),
        [[I0, "x", "a", "b", "c", "d", "z"]],
        saw={"a": {"i": 0, "x": 1}, "z": {"i": 0, "x": 1, "a": 1, "b": 1, "c": 1, "d": 1}},
        out=[{"z": 1}],
    ),
    Row(
        "a graph at the end gives a result for each of its ends",
        lambda c: c("x") >> bridge(c),
        [[I0, "x", "a", "b", "c"], [I0, "x", "b", "d"]],
    ),
    Row(
        "what follows a graph runs where it ended without a decision too",
        lambda c: desks(c) >> c("z"),
        [[I0, "a", {"route_taken": "default"}, "z"]],
        saw={"z": {"i": 0, "a": 1}},
    ),
    Row(
        "a graph as a branch",
        lambda c: [bridge(c), c("x")] >> c("z"),
        [[I0, [["a", "b", "c", "d"], "x"], "z"]],
        saw={"z": {"i": 0, "a": 1, "b": 1, "c": 1, "d": 1, "x": 1}},
    ),
    Row(
        "a graph as a final branch",
        lambda c: c("y") >> [bridge(c), c("x")],
        [[I0, "y", "a", "b", "c"], [I0, "y", "b", "d"], [I0, "y", "x"]],
    ),
    Row(
        "a route that leads to a graph",
        lambda c: c("y") >> Router({"r": Route("i > 2", bridge(c))}, c("x")),
        [[I4, "y", {"route_taken": "r"}, "a", "b", "c"], [I4, "y", {"route_taken": "r"}, "b", "d"]],
        inputs=I4,
    ),
    Row(
        "a graph in a list of stages",
        lambda c: Pipeline([c("y"), bridge(c), [c("v"), c("w")]]),
        [[I0, "y", "a", "b", "c", "d", "v"], [I0, "y", "a", "b", "c", "d", "w"]],
    ),
    Row(
        "a graph as a node of a graph",
        lambda c: Graph([(c("x"), inner := bridge(c), c("y")), (inner, c("z"))]),
        [[I0, "x", "a", "b", "c", "d", "y"], [I0, "x", "a", "b", "c", "d", "z"]],
        saw={"y": {"i": 0, "x": 1, "a": 1, "b": 1, "c": 1, "d": 1}},
    ),
    Row(
        "a pipeline as a node",
        lambda c: Graph([(c("x"), c("a") >> [c("b"), c("c")], c("z")), (c("x"), c("z"))]),
        [[I0, "x", "a", ["b", "c"], "z"]],
        saw={"z": {"i": 0, "x": 1, "a": 1, "b": 1, "c": 1}},
    ),
    Row(
        "a pipeline as the last node gives a result for each of its ends",
        lambda c: Graph([(c("x"), c("a") >> [c("b"), c("c")])]),
        [[I0, "x", "a", "b"], [I0, "x", "a", "c"]],
    ),
    Row(
        "a router as a node, and what follows it whatever it takes",
        lambda c: Graph([(c("x"), Router({"r": Route("i > 2", c("r"))}, c("d"), name="R"), c("y")), ("R", c("z"))]),
        [[I4, "x", {"route_taken": "r"}, "r", "y"], [I4, "x", {"route_taken": "r"}, "r", "z"]],
        inputs=I4,
    ),
    Row(
        "conditions out of a pipeline",
        lambda c: Graph([Edge(c("x") >> [c("a"), c("b")], c("h"), when="a == 1 and b == 1")]),
        [[I0, "x", ["a", "b"], {"route_taken": "h"}, "h"]],
    ),
    Row(
        "a pipeline after which nothing was decided ends at each of its ends",
        lambda c: Graph([Edge(c("x") >> [c("a"), c("b")], c("h"), when="a == 2")]),
        [[I0, "x", "a", {"route_taken": "default"}], [I0, "x", "b", {"route_taken": "default"}]],
        out=[{"a": 1}, {"b": 1}],
    ),
    Row(
        "a node without an edge runs by itself",
        lambda c: Graph([(c("a"), c("b"))], nodes=[c("x")]),
        [[I0, "x"], [I0, "a", "b"]],
    ),
    Row(
        "raw JSON is not merged where that is switched off",
        lambda c: Graph([(c("a", '{"k": 7}'), c("b"))], merge_json=False),
        [[I0, "a", "b"]],
        saw={"b": I0},
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_row(row: Row) -> None:
    """The row holds: traces, what the witnesses saw, and the structured output."""
    cast = Cast()
    result = await row.build(cast).kickoff_async(row.inputs)
    assert [run.trace for run in result] == row.trace
    for name, seen in row.saw.items():
        assert cast[name].saw == [seen]
    if row.out:
        assert [run.to_dict() for run in result] == row.out


@pytest.mark.anyio
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_many_inputs_are_isolated(row: Row) -> None:
    """The same row thirty times at once gives thirty times the same, in the order of the inputs."""
    inputs = [row.inputs | {"n": n} for n in range(30)]
    result = await row.build(Cast()).kickoff_async(inputs, max_concurrency=7)
    assert [run.trace[1:] for run in result] == [trace[1:] for trace in row.trace] * 30
    assert [run.index for run in result] == [n for n in range(30) for _ in row.trace]


@pytest.mark.anyio
async def test_conditions_may_be_async() -> None:
    """As those of a router, and each is given a dict of its own."""
    asked = list[str]()

    async def hot(values: dict[str, Any]) -> bool:
        asked.append("hot")
        values["i"] = "mine"
        return False

    async def mild(values: dict[str, Any]) -> bool:
        asked.append("mild")
        return values["i"] == 4

    c = Cast()
    graph = Graph(
        [Edge(c("a"), c("h"), when=hot), Edge(c("a"), c("m"), when=mild), Edge(c("a"), c("d"), when=hot, route="x")]
    )
    (run,) = await graph.kickoff_async(I4)
    assert run.trace == [I4, "a", {"route_taken": "m"}, "m"]
    assert asked == ["hot", "mild"]


@pytest.mark.anyio
async def test_a_condition_that_raises_fails_its_run() -> None:
    """It never means otherwise; the other inputs go on, and what finished is kept."""
    c = Cast()
    graph = Graph([Edge(c("a"), c("h"), when="missing > 7"), Edge(c("a"), c("d"), otherwise=True), (c("a"), c("l"))])
    result = await graph.kickoff_async([I0, {"missing": 9}], on_error="collect")
    failed, *others = result
    assert isinstance(failed.error, NodeError)
    assert isinstance(failed.error.__cause__, ConditionError)
    assert failed.error.node == "after a"
    assert failed.trace[:2] == [I0, "a"]
    assert [run.trace[-1] for run in others] == ["h", "l"]


@pytest.mark.anyio
async def test_a_node_that_fails_fails_its_run() -> None:
    """With what ran before it in the trace."""
    c = Cast()
    c("b", ValueError("no"))
    with pytest.raises(KickoffError) as caught:
        await Graph([(c("a"), c("b"), c("d"))]).kickoff_async(I0)
    (run,) = caught.value.result
    assert run.trace == [I0, "a", "b"]


@pytest.mark.anyio
async def test_spans_events_and_usage_tell_of_every_node() -> None:
    """The conditional edges out of a node are told as a router behind it; what is not reached is skipped."""
    c, events = Cast(), list[Any]()
    graph = desks(c, otherwise=True)
    (run,) = await graph.kickoff_async(I4, observer=events.append)
    assert [(span.node, span.kind, span.status) for span in run.spans] == [
        ("a", "crew", "ok"),
        ("after a", "router", "ok"),
        ("h", "crew", "skipped"),
        ("m", "crew", "ok"),
        ("d", "crew", "skipped"),
    ]
    assert run.spans[1].route == "m"
    assert [(event.node, event.route) for event in events if isinstance(event, RouteTaken)] == [("after a", "m")]
    assert [event.node for event in events if isinstance(event, NodeSkipped)] == ["h", "d"]
    assert set(run.token_usage) == {"a", "m"}
    assert [output.json_dict for output in run.crews_outputs] == [{"a": 1}, {"m": 1}]


class Reader(Witness):
    """Notes whose outputs it was given to read."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.read = list[list[str]]()

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        assert isinstance(inputs, Handoff)
        self.read.append(list(inputs.upstream))
        return await super().kickoff_async(inputs)


@pytest.mark.anyio
async def test_only_what_led_to_a_node_is_its_context() -> None:
    """A crew that ran before it and went another way is not."""
    c, reader = Cast(), Reader("z")
    graph = Graph([Edge(c("a"), reader, when="i > 7"), (c("s"), reader), (c("s"), c("t"), reader)])
    await graph.kickoff_async([I0, I9], max_concurrency=1)
    assert reader.read == [["s", "t"], ["a", "s", "t"]]


@pytest.mark.anyio
@pytest.mark.parametrize(("inputs", "read"), [(I9, ["h"]), (I0, ["a"])], ids=["decided", "undecided"])
async def test_a_graph_that_an_open_router_comes_up_with(inputs: dict[str, int], read: list[str]) -> None:
    """It runs inside the run; what it wrote is handed on wherever it ended."""
    c, reader = Cast(), Reader("z")

    class Open(Router):
        def route(self, values: dict[str, Any]) -> tuple[Any, str]:
            return Graph([Edge(c("a"), c("h"), when="i > 7")]), "new"

    (run,) = await Pipeline([Open({}, c("d")), reader]).kickoff_async(inputs)
    decided = {"route_taken": "h" if inputs is I9 else "default"}
    assert run.trace == [inputs, {"route_taken": "new"}, "a", decided, *(["h"] if inputs is I9 else []), "z"]
    assert reader.read == [read]
    assert reader.saw[0].items() >= {"a": 1}.items()


@pytest.mark.anyio
async def test_functions_and_foreign_crews_are_nodes() -> None:
    """A plain function becomes a step, once however often it is named, and methods of one object are one too."""

    class Foreign:
        async def kickoff_async(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
            return {"foreign": inputs["fetch"]}

    class Shop:
        def price(self, fetch: int) -> int:
            return fetch * 2

    def fetch(i: int) -> int:
        return i + 1

    @step
    def total(price: int, foreign: int) -> int:
        return price + foreign

    shop, foreign = Shop(), Foreign()
    graph = Graph([(fetch, shop.price), (fetch, foreign), (shop.price, total), ("foreign", "total")])
    (run,) = await graph.kickoff_async(I4)
    assert run.to_dict() == {"total": 15}
    assert len(graph.nodes) == 4


@pytest.mark.anyio
async def test_the_policy_of_a_graph_holds_for_its_nodes() -> None:
    """Where it is a stage of another pipeline, as for any pipeline."""
    seen = list[int | None]()

    @step
    def look() -> None:
        seen.append(current().policy.retries)

    inner = Graph([(look, Witness("b"))], policy=Policy(retries=7))
    await Pipeline([Witness("a"), inner]).kickoff_async(I0)
    assert seen == [7]


def test_a_graph_is_as_wide_as_it_may_be() -> None:
    """Nodes of one depth run at once, and no barrier keeps a node back."""
    started = list[str]()

    class Starter(Witness):
        async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
            started.append(self.name)
            return await super().kickoff_async(inputs)

    first, last = Starter("first"), Starter("last")
    middle = [Starter(f"m{n}") for n in range(20)]
    Graph([*((first, node) for node in middle), *((node, last) for node in middle)]).kickoff(I0)
    assert started == ["first", *(node.name for node in middle), "last"]
