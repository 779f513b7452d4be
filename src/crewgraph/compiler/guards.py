"""On which routes a node runs: for each node the choices of routers that lead to it.

A choice is a pair of router and route, a *way* a set of choices that belong together, and a guard the ways on which a
node runs. In a pipeline written with ``>>`` each node has one way, the routes that it stands in; where the routes of a
router meet again, the router is forgotten. Graphs built by hand may have several ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crewgraph.graph import ANY_ROUTE, Edge, Graph, Switch

__all__ = ["ALWAYS", "Choice", "Guard", "Way", "covers", "exclude", "guards_of", "joined", "routes_of", "shortened"]

Choice = tuple[str, str]
"""A router and one of its routes."""
Way = frozenset[Choice]
Guard = frozenset[Way] | None
"""The ways on which a node runs; ``None`` where there are too many to tell."""

ALWAYS: frozenset[Way] = frozenset({Way()})
MAX_WAYS = 64
"""Beyond so many ways nobody follows them; only graphs built by hand come near."""


def guards_of(graph: Graph, order: Sequence[str]) -> Mapping[str, Guard]:
    """The guard of each node.

    Args:
        graph: without cycles.
        order: its nodes in plan order.
    """
    if all(edge.route is None for edge in graph.edges):
        return dict.fromkeys(order, ALWAYS)
    routes, guards = routes_of(graph), dict[str, Guard]()
    place = {name: number for number, name in enumerate(order)}
    for name in order:
        before = [_through(edge, guards[edge.source]) for edge in graph.predecessors(name)]
        guards[name] = joined(before, routes, place)
    return guards


def routes_of(graph: Graph) -> Mapping[str, frozenset[str]]:
    """All ways out of each router, those without an edge included."""
    return {
        name: frozenset((*node.routes, *((ANY_ROUTE,) if node.is_open else ())))
        for name, node in graph.nodes.items()
        if isinstance(node, Switch)
    }


def _through(edge: Edge, guard: Guard) -> Guard:
    if edge.route is None or guard is None:
        return guard
    return frozenset(way | {(edge.source, edge.route)} for way in guard)


def joined(guards: Sequence[Guard], routes: Mapping[str, frozenset[str]], place: Mapping[str, int]) -> Guard:
    """The ways on which at least one of several nodes runs, in their shortest form.

    Args:
        guards: of the nodes; none at all stands for where everything begins.
        routes: all routes of each router: where every one of them is among the ways, the router does not matter.
        place: the nodes' numbers in plan order: routers are forgotten from the last to the first.
    """
    first = guards[0] if guards else ALWAYS
    if guards.count(first) == len(guards):  # it looks at what is the same only once
        return first
    ways = set[Way]()
    for guard in guards:
        if guard is None:
            return None
        ways |= guard
    ways = shortened(ways, routes, place)
    return frozenset(ways) if len(ways) <= MAX_WAYS else None


def shortened(ways: set[Way], routes: Mapping[str, frozenset[str]], place: Mapping[str, int]) -> set[Way]:
    """Ways without the routers all of whose routes they hold, and without those that a shorter one holds."""
    routers = sorted({router for way in ways for router, _ in way}, key=place.__getitem__, reverse=True)
    for router in routers:
        taken = dict[Way, set[str]]()
        for way in ways:
            for choice in way:
                if choice[0] == router:
                    taken.setdefault(way - {choice}, set()).add(choice[1])
        for rest, some in taken.items():
            if some >= routes[router]:
                ways -= {rest | {(router, route)} for route in some}
                ways.add(rest)
    if len(ways) > MAX_WAYS:
        return ways
    return {way for way in ways if not any(other < way for other in ways)}


def covers(guard: Guard, other: Guard) -> bool:
    """Whether one node runs whenever another does, as far as can be told."""
    if guard is other or guard == other:
        return guard is not None
    if guard is None or other is None:
        return guard == ALWAYS
    return all(any(way <= each for way in guard) for each in other)


def exclude(guard: Guard, other: Guard) -> bool:
    """Whether two nodes never run together."""
    if guard is None or other is None:
        return False
    return all(_contradict(way, each) for way in guard for each in other)


def _contradict(way: Way, other: Iterable[Choice]) -> bool:
    routes = dict(way)
    return any(routes.get(router, route) != route for router, route in other)
