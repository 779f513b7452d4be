"""The plan: a checked graph as numbers and tuples, ready for an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crewgraph.compiler.guards import Guard, covers
from crewgraph.compiler.layout import Cell, State
from crewgraph.compiler.meeting import Meeting, merged
from crewgraph.compiler.tree import Tree
from crewgraph.drawable import bundle
from crewgraph.errors.root import counted
from crewgraph.frontier import Wiring
from crewgraph.graph import Graph, GraphNode, Merge, Switch, Work
from crewgraph.inputs import InputSpec
from crewgraph.render.escape import shortened
from crewgraph.step import Step
from crewgraph.template import placeholder_name
from crewgraph.trace import only_end

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
        free: by node the step, where it is one and nothing is declared that limits it.
        last: the crew or step at which every run ends that comes to its end; ``None`` where there are several ends.
    """

    graph: Graph
    nodes: tuple[GraphNode, ...]
    number: Mapping[str, int]
    wiring: Wiring
    sources: tuple[tuple[int, ...], ...]
    upstream: tuple[tuple[int, ...], ...]
    texts: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]
    inputs: InputSpec
    free: tuple[Step | None, ...] = field(init=False)
    last: int | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "free", tuple(map(_free, self.nodes)))
        last = only_end(self.graph.shape)
        object.__setattr__(self, "last", None if last is None else self.number[last])

    def __repr__(self) -> str:
        nodes = [node.name for node in self.nodes if isinstance(node, Work | Switch)]
        return f"Plan({_told(nodes, 'node')}; {_told(self.inputs, 'input')})"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The picture of its graph, for notebooks."""
        from crewgraph.render import to_svg  # for notebooks only

        return bundle(repr(self), to_svg(self.graph), alt="a plan")


def _free(node: GraphNode) -> Step | None:
    step = node.node if isinstance(node, Work) and node.policy is None else None
    return step if isinstance(step, Step) and step.policy is None and step.budget is None else None


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
    # lists within: a generator for each node takes longer than what it gives
    sources = tuple([tuple([number[edge.source] for edge in graph.predecessors(name)]) for name in order])
    wiring = Wiring(
        tuple([tuple([(number[edge.target], edge.route) for edge in graph.successors(name)]) for name in order]),
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


def _spoken(node: GraphNode) -> str:
    """The placeholder that stands for the text of a node; that of an approval stands for its decision."""
    return placeholder_name(node.label) if isinstance(node, Work) and not node.interface.hands_on else ""


def _texts(
    nodes: tuple[GraphNode, ...], sources: tuple[tuple[int, ...], ...], guards: Mapping[str, Guard]
) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]:
    """Bind each placeholder that is a crew's name to the crews of that name upstream, back to one that ran for sure."""
    wanted = {need.key for node in nodes if isinstance(node, Work) for need in node.interface.needs}
    names = list(map(_spoken, nodes))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name in names if name in wanted))}
    if not numbers:  # as in every graph of steps: nobody is told a text
        return ((),) * len(nodes)
    reads = [{need.key for need in node.interface.needs} if isinstance(node, Work) else set() for node in nodes]
    behind, bound = list[State](), list[tuple[tuple[str, tuple[int, ...]], ...]]()
    for place, node in enumerate(nodes):
        state = _arrived(
            node, [nodes[source] for source in sources[place]], [behind[n] for n in sources[place]], guards
        )
        if state is None:
            state = Tree.filled(Cell(), len(numbers))
        found = ((key, state[numbers[key]].writers) for key in sorted(reads[place]) if key in numbers)
        bound.append(tuple((key, tuple(sorted(texts, reverse=True))) for key, texts in found if texts))
        own = numbers.get(names[place])
        behind.append(state if own is None else state.put(own, Cell(0, frozenset((place,)))))
    return tuple(bound)


def _arrived(
    node: GraphNode, before: Sequence[GraphNode], states: Sequence[State], guards: Mapping[str, Guard]
) -> State | None:
    """The texts that may be there at a node; ``None`` where everything begins."""
    if len(states) <= 1:
        return states[0] if states else None
    if isinstance(node, Merge):
        return merged(states)
    own = [guards[source.name] for source in before]
    sure = frozenset(way for way, guard in enumerate(own) if covers(guard, guards[node.name]))
    return Meeting(own, sure).joined(states)
