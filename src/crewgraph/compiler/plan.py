"""The plan: a checked graph as numbers and tuples, ready for an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from crewgraph.compiler.guards import Guard, covers
from crewgraph.drawable import bundle
from crewgraph.errors.root import counted
from crewgraph.frontier import Wiring
from crewgraph.graph import Graph, GraphNode, Merge, Switch, Work
from crewgraph.inputs import InputSpec
from crewgraph.render.escape import shortened
from crewgraph.template import placeholder_name

__all__ = ["Plan", "plan_of"]


MAX_SHOWN = 40
"""Characters of a name in a repr."""
MAX_NAMED = 10
"""How many nodes and keys a repr names."""


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """What engines run. Nodes are numbers in plan order: the order of the text.

    Attributes:
        graph: the graph it was made of.
        nodes: by number.
        number: of each node by name.
        wiring: successors and indegrees, for the frontier.
        sources: for each node its direct predecessors.
        upstream: for each node the nearest crews and steps before it, whose outputs are its direct context.
        texts: for each node the placeholders that stand for an earlier crew's text, with the crews of that name
            upstream, the last first: the first of them that ran counts.
        inputs: the keys that inputs must or may bring.
    """

    graph: Graph
    nodes: tuple[GraphNode, ...]
    number: Mapping[str, int]
    wiring: Wiring
    sources: tuple[tuple[int, ...], ...]
    upstream: tuple[tuple[int, ...], ...]
    texts: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]
    inputs: InputSpec

    def __repr__(self) -> str:
        nodes = [node.name for node in self.nodes if isinstance(node, Work | Switch)]
        return f"Plan({_told(nodes, 'node')}; {_told(self.inputs, 'input')})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The picture of its graph, for notebooks."""
        from crewgraph.render import to_svg  # for notebooks only

        return bundle(repr(self), to_svg(self.graph), alt="a plan")


def _told(names: Iterable[str], what: str) -> str:
    every = list(names)
    rest = len(every) - MAX_NAMED
    listed = [shortened(name, MAX_SHOWN) for name in every[:MAX_NAMED]] + ([f"… and {rest} more"] if rest > 0 else [])
    return f"{counted(len(every), what)}: {', '.join(listed)}" if listed else f"no {what}s"


def plan_of(graph: Graph, order: Sequence[str], inputs: InputSpec, guards: Mapping[str, Guard]) -> Plan:
    """Number a graph without cycles.

    Args:
        graph: the graph.
        order: its nodes in plan order.
        inputs: what its inputs must bring.
        guards: on which ways each node runs.
    """
    number = {name: place for place, name in enumerate(order)}
    nodes = tuple(graph.nodes[name] for name in order)
    sources = tuple(tuple(number[edge.source] for edge in graph.predecessors(name)) for name in order)
    wiring = Wiring(
        tuple(tuple((number[edge.target], edge.route) for edge in graph.successors(name)) for name in order),
        tuple(map(len, sources)),
        tuple(not isinstance(node, Work | Switch) for node in nodes),
    )
    return Plan(
        graph, nodes, number, wiring, sources, _upstream(nodes, sources), _texts(nodes, sources, guards), inputs
    )


def _upstream(nodes: tuple[GraphNode, ...], sources: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """The nearest crews and steps before each node; nodes behind one join share one tuple."""
    behind = list[tuple[int, ...]]()
    nearest = list[tuple[int, ...]]()
    for place, before in enumerate(sources):
        near = (
            behind[before[0]] if len(before) == 1 else tuple(sorted({n for source in before for n in behind[source]}))
        )
        nearest.append(near)
        behind.append((place,) if _gives(nodes[place]) else near)
    return tuple(nearest)


def _gives(node: GraphNode) -> bool:
    return isinstance(node, Work) or (isinstance(node, Switch) and node.is_open)


def _texts(
    nodes: tuple[GraphNode, ...], sources: tuple[tuple[int, ...], ...], guards: Mapping[str, Guard]
) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]:
    """Bind each placeholder that is a crew's name to the crews of that name upstream, back to one that ran for sure.

    Crews whose text somebody wants are bits of one integer, in plan order: the last one is the highest bit.
    """
    reads = [{need.key for need in node.interface.needs} if isinstance(node, Work) else set() for node in nodes]
    wanted = set[str]().union(*reads)
    named = [(placeholder_name(node.label), place) for place, node in enumerate(nodes) if isinstance(node, Work)]
    writers = [(key, place) for key, place in named if key in wanted]
    bit = {place: 1 << index for index, (_, place) in enumerate(writers)}
    of_name = dict[str, int]()
    for key, place in writers:
        of_name[key] = of_name.get(key, 0) | bit[place]
    behind, certain = list[int](), list[int]()  # before each node: crews that may have run, and that ran for sure
    bound = list[tuple[tuple[str, tuple[int, ...]], ...]]()
    for place, node in enumerate(nodes):
        ran = [certain[source] for source in sources[place] if _arrives(nodes[source], node, guards)]
        surely = reduce(and_ if isinstance(node, Merge) else or_, ran, ran[0] if ran else 0)
        before = reduce(or_, [behind[source] for source in sources[place]], 0)
        behind.append(before | bit.get(place, 0))
        certain.append(surely | bit.get(place, 0))
        found = ((key, before & of_name.get(key, 0)) for key in sorted(reads[place]))
        bound.append(
            tuple((key, tuple(writers[n][1] for n in _latest(texts, surely))) for key, texts in found if texts)
        )
    return tuple(bound)


def _arrives(source: GraphNode, meeting: GraphNode, guards: Mapping[str, Guard]) -> bool:
    """Whether a node has run whenever one behind it does; of the routes that meet in a merge each is asked."""
    return isinstance(meeting, Merge) or covers(guards[source.name], guards[meeting.name])


def _latest(bits: int, enough: int) -> Iterator[int]:
    """The places of the bits that are set, the highest first, up to one that is enough."""
    while bits:
        place = bits.bit_length() - 1
        yield place
        if enough >> place & 1:
            return
        bits ^= 1 << place
