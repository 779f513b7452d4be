"""The plan: a checked graph as numbers and tuples, ready for an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crewgraph.compiler.guards import Guard, covers
from crewgraph.compiler.layout import NOTHING, Cell, State
from crewgraph.compiler.meeting import Meeting, merged
from crewgraph.compiler.tree import Loom
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
        graph, nodes, number, wiring, sources, _upstream(nodes, sources), _texts(graph, nodes, sources, guards), inputs
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


def _spoken(node: GraphNode, *, is_procedure: bool) -> str:
    """The placeholder that stands for the text of a node; that of an approval stands for its decision.

    Where it gives a key of this name that is what everybody finds; but in a procedure the text outlasts the keys.
    """
    if not isinstance(node, Work) or node.interface.hands_on:
        return ""
    name = placeholder_name(node.label)
    return name if is_procedure or name not in node.interface.gives else ""


def _texts(
    graph: Graph, nodes: tuple[GraphNode, ...], sources: tuple[tuple[int, ...], ...], guards: Mapping[str, Guard]
) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]:
    """Bind each placeholder that is a crew's name to the crews of that name upstream, back to one that ran for sure."""
    wanted = {need.key for node in nodes if isinstance(node, Work) for need in node.interface.needs}
    names = [_spoken(node, is_procedure=graph.is_procedure) for node in nodes]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name in names if name in wanted))}
    if not numbers:  # as in every graph of steps: nobody is told a text
        return ((),) * len(nodes)
    reads = [{need.key for need in node.interface.needs} if isinstance(node, Work) else set() for node in nodes]
    last = [-1] * len(numbers)
    for place, keys in enumerate(reads):
        for key in keys & numbers.keys():
            last[numbers[key]] = place
    loom = Loom(NOTHING, len(numbers), last)
    behind, bound = list[State](), list[tuple[tuple[str, tuple[int, ...]], ...]]()
    for place, node in enumerate(nodes):
        states = [behind[source] for source in sources[place]]
        if len(states) <= 1:
            state = states[0] if states else loom.empty
        elif isinstance(node, Merge):
            state = merged(states, loom, place)
        else:
            meeting = _meeting(node, [nodes[source] for source in sources[place]], guards)
            state = meeting.joined(states, loom, place)
        found = ((key, state[numbers[key]].writers) for key in sorted(reads[place]) if key in numbers)
        bound.append(tuple((key, tuple(sorted(texts, reverse=True))) for key, texts in found if texts))
        own = numbers.get(names[place])
        behind.append(state if own is None else state.put(own, Cell(0, frozenset((place,)))))
    return tuple(bound)


def _meeting(node: GraphNode, before: Sequence[GraphNode], guards: Mapping[str, Guard]) -> Meeting:
    """How several ways arrive at a node together."""
    own = [guards[source.name] for source in before]
    return Meeting(own, frozenset(way for way, guard in enumerate(own) if covers(guard, guards[node.name])))
