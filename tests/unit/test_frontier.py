"""The scheduler's core: every node is released once, and only when its inputs are settled."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.frontier import DONE, IDLE, READY, SKIPPED, Frontier, Wiring


def wiring(count: int, *edges: Any, passive: str = "") -> Wiring:
    """Edges as (source, target) or (source, target, route)."""
    successors: list[list[tuple[int, str | None]]] = [[] for _ in range(count)]
    indegrees = [0] * count
    for source, target, *route in edges:
        successors[source].append((target, route[0] if route else None))
        indegrees[target] += 1
    return Wiring(tuple(map(tuple, successors)), tuple(indegrees), tuple(str(node) in passive for node in range(count)))


def wired(count: int, *edges: Any, passive: str = "") -> Frontier:
    """The beginning of a run through them."""
    return Frontier(wiring(count, *edges, passive=passive))


# ---- by hand ---------------------------------------------------------------------------------------------------


def test_an_empty_graph_has_nothing_to_do() -> None:
    """Nothing is ready."""
    assert wired(0).start() == []


def test_a_chain_is_walked_one_by_one() -> None:
    """Each node follows the one before."""
    frontier = wired(3, (0, 1), (1, 2))
    assert frontier.start() == [0]
    assert list(frontier.state) == [READY, IDLE, IDLE]
    assert frontier.done(0) == [1]
    assert frontier.done(1) == [2]
    assert frontier.done(2) == []
    assert list(frontier.state) == [DONE] * 3


def test_several_beginnings_are_ready_at_once() -> None:
    """In plan order."""
    assert wired(4, (0, 3)).start() == [0, 1, 2]


def test_branches_are_ready_in_plan_order() -> None:
    """Whatever the order of the edges."""
    frontier = wired(4, (0, 3), (0, 1), (0, 2))
    assert frontier.start() == [0]
    assert frontier.done(0) == [1, 2, 3]


def test_a_join_waits_for_every_branch() -> None:
    """In whatever order they end."""
    frontier = wired(5, (0, 1), (0, 2), (1, 3), (2, 3), (3, 4), passive="3")
    frontier.start()
    frontier.done(0)
    assert frontier.done(2) == []
    assert frontier.done(1) == [4]


def test_wiring_is_never_handed_out() -> None:
    """Start, joins and merges are done as soon as they can be; a graph of nothing else is done at once."""
    frontier = wired(4, (0, 1), (0, 2), (1, 3), (2, 3), passive="0123")
    assert frontier.start() == []
    assert list(frontier.state) == [DONE] * 4


def test_a_route_not_taken_is_skipped_up_to_where_the_routes_meet() -> None:
    """And the merge waits for the one that was."""
    frontier = wired(7, (0, 1, "x"), (1, 2), (0, 3, "y"), (2, 4), (3, 4), (4, 5), (0, 6, "z"), (6, 4), passive="4")
    frontier.start()
    assert frontier.done(0, "y") == [3]
    assert list(frontier.state) == [DONE, SKIPPED, SKIPPED, READY, IDLE, IDLE, SKIPPED]
    assert frontier.done(3) == [5]


def test_a_router_that_leads_straight_on() -> None:
    """An edge with a route may lead into a merge."""
    frontier = wired(4, (0, 1, "x"), (1, 2), (0, 2, "y"), (2, 3), passive="2")
    frontier.start()
    assert frontier.done(0, "y") == [3]
    assert frontier.state[1] == SKIPPED


@pytest.mark.parametrize("route", [None, "nowhere"])
def test_a_route_that_leads_nowhere_skips_everything(route: str | None) -> None:
    """An undeclared route has no edge."""
    frontier = wired(4, (0, 1, "x"), (1, 2), (0, 3, "y"))
    frontier.start()
    assert frontier.done(0, route) == []
    assert list(frontier.state) == [DONE, SKIPPED, SKIPPED, SKIPPED]


def test_edges_without_a_route_are_always_taken() -> None:
    """Also out of a router."""
    frontier = wired(3, (0, 1, "x"), (0, 2))
    frontier.start()
    assert frontier.done(0, "y") == [2]


def test_two_routes_into_one_node() -> None:
    """It is ready once, on either."""
    for route in "xy":
        frontier = wired(2, (0, 1, "x"), (0, 1, "y"))
        frontier.start()
        assert frontier.done(0, route) == [1]


@pytest.mark.parametrize("node", [1, 2, 3], ids=["idle", "skipped", "join"])
def test_a_node_that_is_not_ready_cannot_be_done(node: int) -> None:
    """It is an error of the engine."""
    frontier = wired(4, (0, 1), (0, 2, "x"), (1, 3), passive="3")
    frontier.start()
    if node == 2:
        frontier.done(0)
    with pytest.raises(ValueError, match=f"^node {node} is not ready$"):
        frontier.done(node)


def test_a_node_cannot_be_done_twice() -> None:
    """Nor before the start."""
    frontier = wired(2, (0, 1))
    with pytest.raises(ValueError, match="node 0 is not ready"):
        frontier.done(0)
    frontier.start()
    frontier.done(0)
    with pytest.raises(ValueError, match="node 0 is not ready"):
        frontier.done(0)


def test_frontiers_of_one_wiring_are_independent() -> None:
    """A plan serves any number of runs."""
    first = wired(2, (0, 1))
    second = Frontier(first._wiring)
    first.start()
    first.done(0)
    assert list(second.state) == [IDLE, IDLE]
    assert second.start() == [0]


def test_long_chains_of_skipped_nodes_need_no_recursion() -> None:
    """A hundred thousand nodes are skipped in one go."""
    count = 100_000
    frontier = wired(count, (0, 1, "x"), *((node, node + 1) for node in range(1, count - 1)))
    frontier.start()
    assert frontier.done(0, "y") == []
    assert set(frontier.state[1:]) == {SKIPPED}


# ---- against networkx ------------------------------------------------------------------------------------------


@st.composite
def dags(draw: st.DrawFn) -> tuple[int, list[Any], str]:
    """A random DAG; some nodes are routers, whose edges carry routes, and some are wiring."""
    count = draw(st.integers(1, 10))
    pairs = draw(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
    kinds = draw(st.lists(st.sampled_from(["work", "router", "wiring"]), min_size=count, max_size=count))
    edges: list[Any] = []
    for source, target in sorted(pairs):
        if source < target < count:
            routed = kinds[source] == "router" and draw(st.booleans())
            edges.append((source, target, draw(st.sampled_from("xyz"))) if routed else (source, target))
    return count, edges, "".join(str(node) for node in range(count) if kinds[node] == "wiring")


def walk(frontier: Frontier, data: st.DataObject, routes: dict[int, str]) -> list[int]:
    """Run everything, in a random order; returns the order of release."""
    released, ready = list[int](), frontier.start()
    released += ready
    while ready:
        node = ready.pop(data.draw(st.integers(0, len(ready) - 1)))
        new = frontier.done(node, routes[node])
        assert new == sorted(new)
        released += new
        ready += new
    return released


@pytest.mark.parametrize(
    ("edges", "is_line"),
    [
        ([(0, 1), (1, 2)], True),
        ([(0, 1, "x"), (0, 2, "y")], True),
        ([(0, 1, "x"), (0, 2, "x")], False),
        ([(0, 1, "x"), (0, 2)], False),
        ([(0, 1), (0, 2)], False),
        ([(0, 2), (1, 2)], False),
    ],
)
def test_a_line_never_forks(edges: list[Any], is_line: bool) -> None:
    """Routes of different names exclude each other; two beginnings do not."""
    assert wiring(3, *edges).is_line is is_line


@given(dags(), st.data())
def test_in_a_line_one_node_is_ready_at_a_time(dag: tuple[int, list[Any], str], data: st.DataObject) -> None:
    """Whatever routes are taken; who waits for a second one waits in vain."""
    count, edges, passive = dag
    graph = wiring(count, *edges, passive=passive)
    frontier = Frontier(graph)
    ready = frontier.start()
    while ready:
        assert len(ready) == 1 or not graph.is_line
        ready = ready[1:] + frontier.done(ready[0], data.draw(st.sampled_from("xyz")))


@given(dags(), st.data())
def test_random_graphs_with_routes(dag: tuple[int, list[Any], str], data: st.DataObject) -> None:
    """Each node is released once, after all its predecessors are settled, and runs just if a taken way leads to it."""
    count, edges, passive = dag
    frontier = wired(count, *edges, passive=passive)
    routes = {node: data.draw(st.sampled_from("xyz")) for node in range(count)}
    released = walk(frontier, data, routes)
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(
        (source, target) for source, target, *route in edges if not route or route[0] == routes[source]
    )
    roots = [node for node in range(count) if all(edge[1] != node for edge in edges)]
    alive = set(roots).union(*(nx.descendants(graph, root) for root in roots))
    assert len(released) == len(set(released))
    assert set(released) == {node for node in alive if str(node) not in passive}
    assert [state == DONE for state in frontier.state] == [node in alive for node in range(count)]
    assert all(state in (DONE, SKIPPED) for state in frontier.state)


@given(dags(), st.data())
def test_a_node_is_released_as_soon_as_it_can_be_and_not_before(
    dag: tuple[int, list[Any], str], data: st.DataObject
) -> None:
    """At every moment exactly those nodes are out whose predecessors are all settled."""
    count, edges, passive = dag
    frontier = wired(count, *edges, passive=passive)
    before: list[list[int]] = [[edge[0] for edge in edges if edge[1] == node] for node in range(count)]
    ready = frontier.start()
    while True:
        settled = [state in (DONE, SKIPPED) for state in frontier.state]
        for node in range(count):
            free = all(settled[source] for source in before[node])
            assert (frontier.state[node] != IDLE) is free
        assert sorted(ready) == [node for node in range(count) if frontier.state[node] == READY]
        if not ready:
            break
        ready += frontier.done(ready.pop(data.draw(st.integers(0, len(ready) - 1))), data.draw(st.sampled_from("xyz")))


@given(dags(), st.data())
def test_the_order_of_ends_does_not_matter(dag: tuple[int, list[Any], str], data: st.DataObject) -> None:
    """With the same routes, the same nodes run and the same are skipped."""
    count, edges, passive = dag
    routes = {node: data.draw(st.sampled_from("xyz")) for node in range(count)}
    first, second = wired(count, *edges, passive=passive), wired(count, *edges, passive=passive)
    assert sorted(walk(first, data, routes)) == sorted(walk(second, data, routes))
    assert first.state == second.state
