"""Plans of graphs built by hand, beside those of the pipelines that say the same."""

from __future__ import annotations

import pytest

from crewgraph.edges import Edge, Graph
from crewgraph.forecast import Forecast
from crewgraph.outlook import Range
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline
from tests.unit.engine.test_forecast import Node, rows_of

ONCE = Range.exactly(1)


def figures(forecast: Forecast) -> list[Range | None]:
    return [forecast.calls, forecast.tokens, forecast.usd, forecast.seconds]


def test_a_graph_takes_as_long_as_its_longest_way() -> None:
    """Calls and money add up."""
    a, b, c, d = Node("a", seconds=5), Node("b", seconds=2), Node("c", seconds=1), Node("d", seconds=7)
    forecast = Graph([(a, c), (b, c), (b, d)]).plan({})
    assert forecast.calls == Range.exactly(4)
    assert forecast.seconds == Range.exactly(9)
    assert [(row.name, row.depth) for row in forecast.rows] == [("a", 0), ("b", 0), ("c", 0), ("d", 0)]


def test_routes_count_as_those_of_a_router() -> None:
    """The least, the mean, the most; what is not known beforehand is as likely on each route."""

    def nodes() -> list[Node]:
        return [Node("a"), Node("big", calls=Range.exactly(10), seconds=9), Node("small"), Node("z")]

    a, big, small, z = nodes()
    graph = Graph([Edge(a, big, when=lambda values: True), Edge(a, small, otherwise=True), (big, z), (small, z)])
    a, big, small, z = nodes()
    pipeline = Pipeline([a, Router({"big": Route(lambda values: True, big)}, small), z])
    assert figures(graph.plan({})) == figures(pipeline.plan({}))
    assert graph.plan({}).calls == Range(3, 7.5, 12)
    rows = rows_of(graph.plan({}))
    assert rows == {
        "a": ONCE,
        "after a": Range.exactly(0),
        "big": Range(0, 5, 10),
        "small": Range(0, 0.5, 1),
        "z": ONCE,
    }
    assert any("each route of a router is as likely" in each for each in graph.plan({}).assumptions)


@pytest.mark.parametrize(("size", "calls"), [(9, 12), (1, 3), (5, 1)], ids=["one", "other", "none"])
def test_the_inputs_decide_the_route(size: int, calls: int) -> None:
    """A run that nothing is true for ends there; what cannot be taken is not counted, and nothing is assumed."""
    a, big, small, z = Node("a"), Node("big", calls=Range.exactly(10)), Node("small"), Node("z")
    graph = Graph([Edge(a, big, when="size > 5"), Edge(a, small, when="size < 5"), (big, z), (small, z)])
    forecast = (graph >> Node("end")).plan({"size": size})
    assert forecast.calls == Range.exactly(calls + 1)
    assert not any("as likely" in each for each in forecast.assumptions)


def test_a_graph_in_a_route_is_as_likely_as_the_route() -> None:
    """Shares multiply."""
    graph = Graph([Edge(Node("a"), Node("b"), when=lambda values: True), Edge("a", Node("c"), otherwise=True)])
    forecast = Pipeline([Router({"r": Route(lambda values: True, graph)}, Node("d"))]).plan({})
    assert rows_of(forecast)["a"] == Range(0, 0.5, 1)
    assert rows_of(forecast)["b"] == Range(0, 0.25, 1)
    assert [row.depth for row in forecast.rows if row.name == "b"] == [2]


def test_pipelines_and_routers_as_nodes() -> None:
    """They count as they do alone."""
    router = Router({"r": Route(lambda values: True, Node("r", calls=Range.exactly(9)))}, Node("d"), name="R")
    forecast = Graph([(Node("x") >> [Node("a", seconds=4), Node("b")], router)]).plan({})
    assert forecast.calls == Range(4, 8, 12)
    assert forecast.seconds == Range.exactly(6)
    assert [row.name for row in forecast.rows] == ["x", "a", "b", "R", "route 'r'", "r", "route 'default'", "d"]


def test_what_a_node_reads_of_those_before_it() -> None:
    """Texts of the nodes that may lead to it, as likely as they do."""
    a, b, z = Node("a", text=100), Node("b", text=60), Node("z")
    graph = Graph([Edge(a, b, when=lambda values: True), (a, z), (b, z)])
    graph.plan({})
    (sight,) = z.sights
    assert sight.texts == (("a", Range.exactly(100)), ("b", Range(0, 30, 60)))


def test_many_combinations_of_routes_are_looked_at_in_part() -> None:
    """And the plan says so."""
    a = Node("a")
    heads = [Node(f"h{number}") for number in range(10)]
    edges = [Edge(head, Node(f"t{number}"), when=lambda values: True) for number, head in enumerate(heads)]
    forecast = Graph([*((a, head) for head in heads), *edges]).plan({})
    assert forecast.calls.expected == pytest.approx(16)
    assert any("64 stand for all" in each for each in forecast.assumptions)
