"""What the inputs must bring: what is read and, on some way, given by nobody before.

A key is needed by every run if somebody who runs on every way reads it each time and nobody might give it before;
a router's need is what all its routes need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from crewgraph.compiler.flow import Flow, Reading
from crewgraph.compiler.guards import ALWAYS, Guard
from crewgraph.compiler.tree import Loom, Tree
from crewgraph.graph import ANY_ROUTE, Graph, Switch, Work
from crewgraph.inputs import Declared, InputField, InputSpec, Needed
from crewgraph.shapes import Shape, Verdict, fit

__all__ = ["guarded_by", "inputs_of"]

MAX_ROUTES = 4
"""How many routes are named."""


def inputs_of(graph: Graph, flow: Flow, declared: Declared | None) -> InputSpec:
    """The keys that inputs must or may bring.

    Args:
        graph: without cycles.
        flow: what was seen in it.
        declared: what its inputs are declared to be.
    """
    readers = dict[str, list[Reading]]()
    for reading in flow.readings:
        if reading.from_input or reading.asked or (reading.maybe and declared is not None):
            readers.setdefault(reading.key, []).append(reading)
    always = _always(graph, flow, readers)
    own = declared.fields if declared else {}
    keys = own if declared else readers
    fields = [_field(graph, flow, key, readers.get(key, []), is_always=key in always, own=own.get(key)) for key in keys]
    return InputSpec(fields, declared=declared)


def _always(graph: Graph, flow: Flow, keys: Collection[str]) -> set[str]:
    """The keys that every run needs."""
    number = {key: place for place, key in enumerate(keys)}
    unmet = dict[str, list[int]]()
    for reading in flow.readings:
        may_be_json = reading.route is not None and reading.node in flow.told  # which is merged for routing
        is_given = reading.is_provided or reading.maybe or may_be_json
        if reading.from_input and reading.required and reading.is_sure and not is_given:
            unmet.setdefault(reading.node, []).append(number[reading.key])
    if not unmet or not any(isinstance(node, Switch) for node in graph.nodes.values()):  # without one every node runs
        places = {place for several in unmet.values() for place in several}
        return {key for key, place in number.items() if place in places}
    loom = Loom(False, len(number))
    below = dict[str, Tree[bool]]()
    for name in reversed(flow.order):
        below[name] = _needed_after(graph, name, below, loom)
        for place in unmet.get(name, ()):
            below[name] = below[name].put(place, True)
    needed = _any([below[name] for name in flow.order if not graph.predecessors(name)], loom)
    return {key for key, place in number.items() if needed[place]}


def _needed_after(graph: Graph, name: str, below: Mapping[str, Tree[bool]], loom: Loom[bool]) -> Tree[bool]:
    """What the nodes behind a node need from the input, whatever way the run takes."""
    node, edges = graph.nodes[name], graph.successors(name)
    if not isinstance(node, Switch):
        return _any([below[edge.target] for edge in edges], loom)
    ways = {*node.routes, *([ANY_ROUTE] if node.is_open else [])}
    if ways - {edge.route for edge in edges}:
        return loom.empty  # there is a way out behind which nothing is needed, as far as anybody knows
    by_route = dict[str | None, list[Tree[bool]]]()
    for edge in edges:
        by_route.setdefault(edge.route, []).append(below[edge.target])
    of_routes = [_any(several, loom) for several in by_route.values()]
    return (
        loom.joined(of_routes, lambda _, common, others: all((common, *others.values()))) if of_routes else loom.empty
    )


def _any(trees: Sequence[Tree[bool]], loom: Loom[bool]) -> Tree[bool]:
    """What at least one of several needs."""
    return loom.joined(trees, lambda _, common, others: any((common, *others.values()))) if trees else loom.empty


def _field(
    graph: Graph, flow: Flow, key: str, readers: Sequence[Reading], *, is_always: bool, own: Shape | None
) -> InputField:
    """What is known of one key."""
    needy = [reading for reading in readers if reading.required and reading.from_input]
    need = Needed.ALWAYS if is_always else Needed.ON_ROUTES if needy else Needed.OPTIONAL
    sure = [reading for reading in needy if reading.is_sure and flow.guards[reading.node] == ALWAYS]
    checks = [
        reading.kind for reading in sure if not (reading.is_provided or reading.maybe) and reading.kind is not Any
    ]
    if own is not None:
        need = Needed.ALWAYS if own.required else Needed.OPTIONAL
        checks = [kind for kind in checks if fit(own.kind, kind).verdict is not Verdict.FITS]
    return InputField(
        key=key,
        kind=own.kind if own is not None else _common([reading.kind for reading in readers]),
        need=need,
        used_by=tuple(dict.fromkeys(_reader(graph, reading, where) for reading in readers for where in reading.where)),
        routes=() if is_always or not needy else _routes(flow, needy),
        is_declared=own is not None,
        has_default=own is not None and not own.required,
        description=(own.description or "") if own is not None else "",
        checks=tuple(checks),
    )


def _common(kinds: Iterable[Any]) -> Any:
    """The narrowest of the types that readers want; the first, where none fits all others."""
    told = [kind for kind in kinds if kind is not Any]
    fitting = (kind for kind in told if all(fit(kind, other).verdict is Verdict.FITS for other in told))
    return next(fitting, told[0] if told else Any)


def _reader(graph: Graph, reading: Reading, where: str) -> str:
    node = graph.nodes[reading.node]
    is_step = isinstance(node, Work) and node.interface.kind == "step"
    return f"'{reading.node}'" if is_step else f"'{reading.node}', {where}"


def _routes(flow: Flow, readers: Iterable[Reading]) -> tuple[str, ...]:
    """The routes on which somebody needs it, the innermost choice of each; nothing where that says nothing."""
    told = dict[str, None]()
    for reading in readers:
        words = guarded_by(flow.guards[reading.node])
        if not words:
            return ()
        told[words] = None
    return tuple(told)[:MAX_ROUTES]


def guarded_by(guard: Guard) -> str:
    """The ways on which a node runs, in words; empty where it always runs, or nobody can tell."""
    if guard is None or guard == ALWAYS:
        return ""
    ways = sorted(" and ".join(f"route '{route}' of '{router}'" for router, route in sorted(way)) for way in guard)
    return " or ".join(ways[:MAX_ROUTES])
