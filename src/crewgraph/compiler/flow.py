"""What reaches whom: the definite assignment analysis of compilers, forward over the graph.

For each node, and each way that leads to it, the keys it reads are always, sometimes or never provided, by whom, and
with which type. A state (:mod:`crewgraph.compiler.layout`) says what may be true at a place; where branches meet the
states are joined, and a value that another branch surely writes over is dropped. States share what they have in common,
so the walk takes the time of what nodes read and write, and a state is forgotten when all that follow it have seen it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from crewgraph.compiler.asks import Ask, asks_of
from crewgraph.compiler.dominators import dominators_of
from crewgraph.compiler.guards import Guard, covers, guards_of
from crewgraph.compiler.layout import ABSENT, ASKED, FOGGY, MAYBE, TEXT, Cell, Layout, State, Variable, layout_of
from crewgraph.compiler.meeting import Ancestry, Meeting, merged
from crewgraph.graph import ANY_ROUTE, Edge, Graph, GraphNode, Join, Switch, Work
from crewgraph.node import Interface, Need
from crewgraph.template import placeholder_name

__all__ = ["Clash", "Flow", "Reading", "Source", "flow_of"]


@dataclass(frozen=True, slots=True)
class Source:
    """A node that may have given the value which is read.

    Attributes:
        node: its name.
        kind: the declared type of what it gives.
        is_text: whether it is the text of a crew, reached by its name.
        is_sure: whether nobody undeclared may have written over it.
    """

    node: str
    kind: Any = Any
    is_text: bool = False
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """A node reads a key.

    Attributes:
        node: who reads.
        key: which key.
        where: where it stands, in words, each place once.
        kind: the type that the reader wants.
        required: whether it fails without the key.
        is_sure: whether it is read each time the node runs.
        from_input: whether, on some way, nobody before gave it.
        maybe: whether, on some way, somebody may have given it without having declared so.
        asked: whether, on some way, a condition has seen that it is there, and nobody who gives it is known.
        is_foggy: whether then somebody may have given it without having declared so.
        sources: the nodes whose declared value it may be, in plan order.
        route: for a router, the route whose condition it is.
    """

    node: str
    key: str
    where: tuple[str, ...]
    kind: Any = Any
    required: bool = True
    is_sure: bool = True
    from_input: bool = False
    maybe: bool = False
    asked: bool = False
    is_foggy: bool = False
    sources: tuple[Source, ...] = ()
    route: str | None = None

    @property
    def is_provided(self) -> bool:
        """Whether, on some way, somebody before gives it or a condition has seen it."""
        return bool(self.sources) or self.asked


@dataclass(frozen=True, slots=True)
class Clash:
    """Branches that meet have written the same key.

    Attributes:
        key: the key.
        meeting: the name of the join.
        writers: those who wrote it, in plan order; the value of the last one that ran counts.
    """

    key: str
    meeting: str
    writers: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """What the walk has seen.

    Attributes:
        order: the nodes in plan order.
        guards: for each node the ways on which it runs.
        asks: for each router its conditions.
        readings: who reads what, in plan order.
        clashes: what parallel branches write twice.
        shadows: pairs of a node and a key that it writes, which until there may have been an input.
        used: pairs of a node and a key that it gives and somebody reads.
        told: the nodes behind a crew that answers in text, which may be JSON without anybody having asked for it.
    """

    order: Sequence[str]
    guards: Mapping[str, Guard]
    asks: Mapping[str, tuple[Ask, ...]]
    readings: Sequence[Reading]
    clashes: Sequence[Clash]
    shadows: Sequence[tuple[str, str]]
    used: frozenset[tuple[str, str]]
    told: frozenset[str]


def flow_of(graph: Graph, order: Sequence[str], *, declared: Sequence[str] | None = None) -> Flow:
    """Walk a graph.

    Args:
        graph: without cycles.
        order: its nodes in plan order.
        declared: the keys that inputs are declared to have; ``None`` where nothing is declared.
    """
    nodes = [graph.nodes[name] for name in order]
    asks = {node.name: asks_of(node) for node in nodes if isinstance(node, Switch)}
    number = {name: place for place, name in enumerate(order)}
    needs = [(place, node.interface.needs) for place, node in enumerate(nodes) if isinstance(node, Work)]
    reads = {need.key: place for place, own in needs for need in own}
    for name, own in asks.items():
        for key in (key for ask in own for key in (*ask.sure, *ask.maybe, *ask.asked)):
            reads[key] = max(number[name], reads.get(key, -1))
    layout = layout_of(nodes, dict.fromkeys((*reads, *(declared or ())), -1) | reads)
    before = [[number[edge.source] for edge in graph.predecessors(name)] for name in order]
    walk = _Walk(graph, order, layout, guards_of(graph, order), asks, declared is not None, before)
    walk.all()
    used = frozenset((source.node, reading.key) for reading in walk.readings for source in reading.sources)
    return Flow(order, walk.guards, asks, walk.readings, walk.clashes, walk.shadows, used, frozenset(walk.told))


@dataclass
class _Walk:
    graph: Graph
    order: Sequence[str]
    layout: Layout
    guards: Mapping[str, Guard]
    asks: Mapping[str, tuple[Ask, ...]]
    is_declared: bool
    sources_of: Sequence[Sequence[int]]
    """The numbers of the predecessors of each node."""
    after: dict[int, State] = field(default_factory=dict[int, State])
    texts: State = field(init=False)
    """In a procedure, where only these last: what can be reached besides what the node before gave."""
    readings: list[Reading] = field(default_factory=list[Reading])
    clashes: list[Clash] = field(default_factory=list[Clash])
    shadows: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    told: set[str] = field(default_factory=set[str])

    def all(self) -> None:
        """Visit the nodes in their order."""
        waiting = [len(self.graph.successors(name)) for name in self.order]
        self.texts = self.layout.absent
        telling = set[int]()
        for number, name in enumerate(self.order):
            edges, sources = self.graph.predecessors(name), self.sources_of[number]
            before = self.before(number, name, edges, sources)
            node = self.graph.nodes[name]
            if telling and not telling.isdisjoint(sources):
                self.told.add(name)
                telling.add(number)
            elif self.tells(node):
                telling.add(number)
            if isinstance(node, Switch):
                self.ask(node, before)
            elif isinstance(node, Work):
                before = self.work(number, node, before)
            self.after[number] = before
            for source in sources:
                waiting[source] -= 1
                if not waiting[source]:
                    del self.after[source]

    # ---- meeting -----------------------------------------------------------------------------------------------

    @cached_property
    def dominators(self) -> Sequence[int]:
        """Of each node; asked for where ways meet that bring different things."""
        return dominators_of(self.sources_of)

    @cached_property
    def ancestry(self) -> Ancestry:
        """Of the graph."""
        return Ancestry(self.sources_of)

    def before(self, number: int, name: str, edges: Sequence[Edge], sources: Sequence[int]) -> State:
        """The state at a node."""
        if not edges:
            return self.layout.absent
        states = [self.after[source] for source in sources]
        if any(edge.route is not None for edge in edges):
            states = [self.through(edge, state) for edge, state in zip(edges, states, strict=True)]
        if len(set(map(id, states))) == 1:  # as nearly everywhere
            return states[0]
        if not isinstance(self.graph.nodes[name], Join):
            return merged(states, self.layout.loom, number)
        guards, own = [self.guards[edge.source] for edge in edges], self.guards[name]
        sure = frozenset(way for way, guard in enumerate(guards) if covers(guard, own))
        meeting = Meeting(guards, sure, self.dominators[number], len(self.layout.values))
        state = meeting.joined(states, self.layout.loom, number)
        for written, writers in meeting.clashes(sources, self.ancestry):
            variable = self.layout.ordered[written]
            self.clashes.append(Clash(variable.key, name, self.sources(variable, Cell(0, frozenset(writers)))))
        return state

    def through(self, edge: Edge, state: State) -> State:
        """The state behind an edge: whoever takes a route has passed its conditions."""
        if edge.route == ANY_ROUTE:
            return state.mapped(Cell.blurred)
        if edge.route is None:
            return state
        for key in self.passed(edge.source, edge.route):
            for variable in self.layout.both(key):
                state = state.put(variable.number, state[variable.number].found())
        return state

    def passed(self, router: str, route: str) -> Iterator[str]:
        """The keys that are there when a route is taken.

        Where the inputs are not declared, keys that a condition reads without asking first are needed of the input,
        and whoever reads them behind it needs them too.
        """
        for ask in self.asks[router]:
            known = ask.found if ask.route == route else ask.not_missed
            asked = set(ask.asked)
            yield from (key for key in sorted(known) if self.is_declared or key in asked)
            if ask.route == route:
                return

    # ---- visiting ----------------------------------------------------------------------------------------------

    def ask(self, switch: Switch, state: State) -> None:
        """A router reads what its conditions read; those after the first are not always asked."""
        for number, ask in enumerate(self.asks[switch.name]):
            reads = [(key, True, True) for key in ask.sure] + [(key, True, False) for key in ask.maybe]
            for key, required, is_sure in [*reads, *((key, False, False) for key in ask.asked)]:
                self.read(
                    switch.name, self.layout.values[key], state, (ask.where,),
                    required=required, is_sure=is_sure and not number, route=ask.route,
                )  # fmt: skip

    def work(self, number: int, work: Work, state: State) -> State:
        """A crew or step reads what it needs and writes what it gives."""
        needs = work.interface.needs
        own = {need.key for need in needs}
        for need, where in ((need, (need.where,)) for need in needs) if len(own) == len(needs) else _together(needs):
            self.read(work.name, self.layout.reach(need.key), state, where, kind=need.type, required=need.required)
        for key in (*work.interface.gives, *work.interface.sometimes):
            if key not in own and state[self.layout.values[key].number].flags & (ABSENT | ASKED):
                self.shadows.append((work.name, key))
        return self.written(number, work, state)

    def written(self, number: int, work: Work, state: State) -> State:
        """The state behind a node."""
        face = work.interface
        only_texts = self.graph.is_procedure and not face.hands_on
        state = self.undeclared(face, self.texts if only_texts else state)
        for key in face.sometimes:
            for variable in self.layout.both(key):
                state = state.put(variable.number, state[variable.number].maybe_of(number))
        given = Cell(0, frozenset((number,)))
        for key in face.gives:
            for variable in self.layout.both(key):
                state = state.put(variable.number, given)
        return self.texted(number, work, state)

    def undeclared(self, face: Interface, state: State) -> State:
        """The state behind a node, by what it might give without having declared it."""
        if face.is_text and not self.graph.merge_json:
            return state
        if face.may_give is None:
            return state.mapped(Cell.blurred)
        named = (key for key in face.may_give if key not in face.sometimes and key not in face.gives)
        for variable in (each for key in named for each in self.layout.both(key)):
            state = state.put(variable.number, state[variable.number].undeclared())
        return state

    def tells(self, node: GraphNode) -> bool:
        """Whether a node is a crew whose text might be JSON."""
        if not isinstance(node, Work) or not self.graph.merge_json:
            return False
        may_give = node.interface.may_give
        return node.interface.is_text and (may_give is None or bool(may_give - node.interface.sometimes.keys()))

    def texted(self, number: int, work: Work, state: State) -> State:
        """The state when the text of a node can be reached by its name, if somebody wants it."""
        variable = self.layout.reached.get(placeholder_name(work.label)) if self.layout.reached else None
        if variable is None or variable.writers.get(number) is not TEXT:
            return state
        may_be_value = work.interface.may_give is None and not work.interface.is_text

        def over(cell: Cell) -> Cell:
            sure, doubted = (frozenset(self.values(variable, writers)) for writers in (cell.sure, cell.doubted))
            own = frozenset((number,))
            flags = cell.flags & ~(ABSENT | MAYBE)
            return Cell(flags, sure, doubted | own) if may_be_value else Cell(flags, sure | own, doubted)

        self.texts = self.texts.put(variable.number, over(self.texts[variable.number]))
        return state.put(variable.number, over(state[variable.number]))

    @staticmethod
    def values(variable: Variable, writers: Iterable[int]) -> Iterator[int]:
        """Those of some writers that give more than their text."""
        return (writer for writer in writers if variable.writers[writer] is not TEXT)

    # ---- reading -----------------------------------------------------------------------------------------------

    def read(self, node: str, variable: Variable, state: State, where: tuple[str, ...], **more: Any) -> None:
        """Note what a node reads."""
        cell = state[variable.number]
        flags = cell.flags
        self.readings.append(
            Reading(
                node, variable.key, where,
                from_input=bool(flags & ABSENT), maybe=bool(flags & MAYBE), asked=bool(flags & ASKED),
                is_foggy=bool(flags & FOGGY), sources=self.sources(variable, cell), **more,
            )
        )  # fmt: skip

    def sources(self, variable: Variable, cell: Cell) -> tuple[Source, ...]:
        """Whose value it may be."""
        if not (cell.sure or cell.doubted):
            return ()
        return tuple(
            Source(self.order[writer], str if is_text else kind, is_text, is_sure=writer in cell.sure)
            for writer in sorted(cell.writers)
            for kind in (variable.writers[writer],)
            for is_text in (kind is TEXT,)
        )


def _together(needs: Iterable[Need]) -> Iterator[tuple[Need, tuple[str, ...]]]:
    """What is read at several places, once for each key and type, with the places."""
    places = dict[tuple[str, bool, str], tuple[Need, dict[str, None]]]()
    for need in needs:
        _, where = places.setdefault((need.key, need.required, repr(need.type)), (need, {}))
        where[need.where] = None
    return ((need, tuple(where)) for need, where in places.values())
