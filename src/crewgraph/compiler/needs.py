"""Which keys the inputs must bring: what nodes read, less what is handed to them on the way.

A forward walk finds for each node the keys that upstream nodes always give and those they might; what a node reads
and neither set holds can only come from the input. A backward walk tells what every run needs from what only some
routes need: a router's need is what all its routes need. Keys are bits of one integer, so both walks are linear in
the edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crewgraph.graph import ANY_ROUTE, Graph, Switch, Work
from crewgraph.node import Interface
from crewgraph.template import placeholder_name

__all__ = ["Demand", "demand_of"]


@dataclass(frozen=True, slots=True)
class Demand:
    """The keys that inputs must bring.

    Attributes:
        always: keys that every run needs, each with those who read it, in words.
        on_routes: keys that only some routes need.
    """

    always: Mapping[str, tuple[str, ...]]
    on_routes: Mapping[str, tuple[str, ...]]

    def missing(self, inputs: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """What an input lacks for sure."""
        given = set(inputs)
        return {key: whom for key, whom in self.always.items() if key not in given}


def demand_of(graph: Graph, order: list[str]) -> Demand:
    """Work out the demand of a graph.

    Args:
        graph: without cycles.
        order: its nodes in plan order.
    """
    keys = sorted({need.key for work in graph.works for need in work.interface.needs if need.required})
    bit = {key: 1 << place for place, key in enumerate(keys)}
    unmet = _unmet(graph, order, bit)
    below = dict[str, int]()
    for name in reversed(order):
        below[name] = unmet.get(name, 0) | _needed_after(graph, name, below)
    always = _any_of(below[name] for name in order if not graph.predecessors(name))
    some = _any_of(unmet.values()) & ~always
    readers = _readers(graph, unmet, bit)
    return Demand(
        {key: readers[key] for key in keys if always & bit[key]},
        {key: readers[key] for key in keys if some & bit[key]},
    )


def _needed_after(graph: Graph, name: str, below: Mapping[str, int]) -> int:
    """What the nodes behind a node need from the input, whatever way the run takes."""
    node, edges = graph.nodes[name], graph.successors(name)
    later = [below[edge.target] for edge in edges]
    if not isinstance(node, Switch):
        return _any_of(later)
    if node.is_open and all(edge.route != ANY_ROUTE for edge in edges):
        return 0  # the pipeline that it comes up with may need nothing, and nothing follows
    return _all_of(later)


def _unmet(graph: Graph, order: list[str], bit: Mapping[str, int]) -> dict[str, int]:
    """For each crew and step the keys it reads that nobody upstream gives or might give."""
    everything = _any_of(bit.values())
    given, texts, unmet = dict[str, int](), dict[str, int](), dict[str, int]()
    for name in order:
        node, edges = graph.nodes[name], graph.predecessors(name)
        reached = _any_of(everything if edge.route == ANY_ROUTE else given[edge.source] for edge in edges)
        given[name] = reached
        texts[name] = _any_of(texts[edge.source] for edge in edges)
        if isinstance(node, Work):
            reads = _any_of(bit[need.key] for need in node.interface.needs if need.required)
            unmet[name] = reads & ~(reached | texts[name])
            own = _offers(node.interface, node.label, bit, everything)
            given[name] = own | (0 if graph.is_procedure else reached)
            texts[name] |= _text_of(node, bit)
    return unmet


def _offers(interface: Interface, label: str, bit: Mapping[str, int], everything: int) -> int:
    if interface.may_give is None:
        return everything
    return _any_of(bit.get(key, 0) for key in (*interface.gives, *interface.may_give, label))


def _text_of(work: Work, bit: Mapping[str, int]) -> int:
    """A crew's text is reached under its name."""
    return bit.get(placeholder_name(work.label), 0)


def _readers(graph: Graph, unmet: Mapping[str, int], bit: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    readers: dict[str, dict[str, None]] = {key: {} for key in bit}
    for work in graph.works:
        for need in work.interface.needs:
            if unmet[work.name] & bit.get(need.key, 0):
                readers[need.key][
                    f"'{work.name}'" if need.where.startswith("step") else f"'{work.name}', {need.where}"
                ] = None
    return {key: tuple(whom) for key, whom in readers.items()}


def _any_of(sets: Iterable[int]) -> int:
    union = 0
    for keys in sets:
        union |= keys
    return union


def _all_of(sets: list[int]) -> int:
    common = sets[0] if sets else 0
    for keys in sets[1:]:
        common &= keys
    return common
