"""What reaches whom: the definite assignment analysis of compilers, forward over the graph.

For each node, and each way that leads to it, the keys it reads are always, sometimes or never provided, by whom, and
with which type. A state (:mod:`crewgraph.compiler.layout`) says what may be true at a place; where branches meet the
states are joined, and a value that another branch surely writes over is dropped. The walk is linear in the edges, and
a state is forgotten when all that follow it have seen it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

from crewgraph.compiler.asks import Ask, asks_of
from crewgraph.compiler.guards import Guard, covers, exclude, guards_of
from crewgraph.compiler.layout import ABSENT, ASKED, FLAGS, FOGGY, MAYBE, TEXT, Layout, Variable, layout_of
from crewgraph.graph import ANY_ROUTE, Edge, Graph, Join, Switch, Work
from crewgraph.node import Interface
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
    asked = [key for each in asks.values() for ask in each for key in (*ask.sure, *ask.maybe, *ask.asked)]
    needed = [need.key for node in nodes if isinstance(node, Work) for need in node.interface.needs]
    layout = layout_of(nodes, [*needed, *asked, *(declared or ())])
    walk = _Walk(graph, order, layout, guards_of(graph, order), asks, is_declared=declared is not None)
    walk.all()
    used = frozenset((source.node, reading.key) for reading in walk.readings for source in reading.sources)
    return Flow(order, walk.guards, asks, walk.readings, walk.clashes, walk.shadows, used, frozenset(walk.told))


@dataclass(slots=True)
class _Walk:
    graph: Graph
    order: Sequence[str]
    layout: Layout
    guards: Mapping[str, Guard]
    asks: Mapping[str, tuple[Ask, ...]]
    is_declared: bool
    after: dict[str, int] = field(default_factory=dict[str, int])
    ever: dict[str, int] = field(default_factory=dict[str, int])
    """The values that were written on any way to a node, written over or not."""
    texts: int = 0
    """In a procedure, where only these last: what can be reached besides what the node before gave."""
    readings: list[Reading] = field(default_factory=list[Reading])
    clashes: list[Clash] = field(default_factory=list[Clash])
    shadows: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    told: set[str] = field(default_factory=set[str])

    def all(self) -> None:
        """Visit the nodes in their order."""
        waiting = {name: len(self.graph.successors(name)) for name in self.order}
        self.texts = self.layout.absent
        for number, name in enumerate(self.order):
            edges = self.graph.predecessors(name)
            before, ever = self.before(name, edges)
            node = self.graph.nodes[name]
            if any(edge.source in self.told or self.tells(edge.source) for edge in edges):
                self.told.add(name)
            if isinstance(node, Switch):
                self.ask(node, before)
            elif isinstance(node, Work):
                before, ever = self.work(number, node, before, ever)
            self.after[name], self.ever[name] = before, ever
            for edge in edges:
                waiting[edge.source] -= 1
                if not waiting[edge.source]:
                    del self.after[edge.source], self.ever[edge.source]

    # ---- meeting -----------------------------------------------------------------------------------------------

    def before(self, name: str, edges: Sequence[Edge]) -> tuple[int, int]:
        """The state at a node, and what was ever written on the way to it."""
        if not edges:
            return self.layout.absent, 0
        states = [self.through(edge) for edge in edges]
        evers = [self.ever[edge.source] for edge in edges]
        if len(edges) == 1:
            return states[0], evers[0]
        return self.meet(name, edges, states, evers), reduce(or_, evers)

    def through(self, edge: Edge) -> int:
        """The state behind an edge: whoever takes a route has passed its conditions."""
        state = self.after[edge.source]
        if edge.route == ANY_ROUTE:
            return self.blurred(state)
        if edge.route is None:
            return state
        for key in self.passed(edge.source, edge.route):
            for variable in self.layout.both(key):
                bits = variable.read(state)
                if bits & (ABSENT | MAYBE):
                    fog = FOGGY if bits & MAYBE else 0
                    state = variable.put(state, bits & ~(ABSENT | MAYBE) | ASKED | fog)
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

    def meet(self, name: str, edges: Sequence[Edge], states: Sequence[int], evers: Sequence[int]) -> int:
        """The state where several edges meet."""
        union = reduce(or_, states)
        if not isinstance(self.graph.nodes[name], Join):
            return union
        guards = [self.guards[edge.source] for edge in edges]
        self.compare(name, states, evers, guards)
        sure = [state for state, guard in zip(states, guards, strict=True) if covers(guard, self.guards[name])]
        return _joined(union, sure, self.layout)

    def compare(self, name: str, states: Sequence[int], evers: Sequence[int], guards: Sequence[Guard]) -> None:
        """Note the nodes that wrote a key side by side: neither comes after the other, and both may run."""
        layout, before, once, twice = self.layout, reduce(and_, evers), 0, 0
        for state in states:
            own = layout.any(state & layout.written & ~(before | before << 1))
            twice |= once & own
            once |= own
        for variable in layout.touched(twice):
            if variable is not layout.values.get(variable.key):
                continue  # what is reached besides is no second value
            rows = [variable.read(state) >> FLAGS for state in states]
            ever = [bits | bits << 1 for bits in (variable.read(each) >> FLAGS for each in evers)]
            live = [place for place, row in enumerate(rows) if row]
            found = {
                writer: None
                for one in live
                for other in live
                if rows[one] & ~ever[other] and rows[other] & ~ever[one] and not exclude(guards[one], guards[other])
                for writer in variable.named((rows[one] & ~ever[other]) << FLAGS)
            }
            if found:
                bits = reduce(or_, (variable.bits[writer] for writer in found))
                self.clashes.append(Clash(variable.key, name, self.sources(variable, bits)))

    # ---- visiting ----------------------------------------------------------------------------------------------

    def ask(self, switch: Switch, state: int) -> None:
        """A router reads what its conditions read; those after the first are not always asked."""
        for number, ask in enumerate(self.asks[switch.name]):
            reads = [(key, True, True) for key in ask.sure] + [(key, True, False) for key in ask.maybe]
            for key, required, is_sure in [*reads, *((key, False, False) for key in ask.asked)]:
                self.read(
                    switch.name, self.layout.values[key], state, (ask.where,),
                    required=required, is_sure=is_sure and not number, route=ask.route,
                )  # fmt: skip

    def work(self, number: int, work: Work, state: int, ever: int) -> tuple[int, int]:
        """A crew or step reads what it needs and writes what it gives."""
        places = dict[tuple[str, bool, str], tuple[Any, dict[str, None]]]()
        for need in work.interface.needs:
            _, where = places.setdefault((need.key, need.required, repr(need.type)), (need.type, {}))
            where[need.where] = None
        for (key, required, _), (kind, where) in places.items():
            self.read(work.name, self.layout.reach(key), state, tuple(where), kind=kind, required=required)
        given = work.interface.gives
        own = {need.key for need in work.interface.needs}
        for key in (*given, *work.interface.sometimes):
            variable = self.layout.values[key]
            if key not in own and variable.read(state) & (ABSENT | ASKED):
                self.shadows.append((work.name, key))
        return self.written(number, work, state), ever | self.ever_of(number, work)

    def written(self, number: int, work: Work, state: int) -> int:
        """The state behind a node."""
        face = work.interface
        only_texts = self.graph.is_procedure and not face.hands_on
        state = self.undeclared(face, self.texts if only_texts else state)
        for key in face.sometimes:
            for variable in self.layout.both(key):
                state |= variable.bits[number] << variable.offset
        for key in face.gives:
            for variable in self.layout.both(key):
                state = variable.put(state, variable.bits[number])
        return self.texted(number, work, state)

    def undeclared(self, face: Interface, state: int) -> int:
        """The state behind a node, by what it might give without having declared it."""
        if face.is_text and not self.graph.merge_json:
            return state
        if face.may_give is None:
            return self.blurred(state)
        named = (key for key in face.may_give if key not in face.sometimes and key not in face.gives)
        for variable in (each for key in named for each in self.layout.both(key)):
            bits = variable.read(state)
            if bits & ABSENT:
                state = variable.put(state, bits & ~ABSENT | MAYBE)
        return state

    def tells(self, name: str) -> bool:
        """Whether a node is a crew whose text might be JSON."""
        node = self.graph.nodes[name]
        if not isinstance(node, Work) or not self.graph.merge_json:
            return False
        may_give = node.interface.may_give
        return node.interface.is_text and (may_give is None or bool(may_give - node.interface.sometimes.keys()))

    def texted(self, number: int, work: Work, state: int) -> int:
        """The state when the text of a node can be reached by its name, if somebody wants it."""
        variable = self.layout.reached.get(placeholder_name(work.label))
        if variable is None or variable.writers.get(number) is not TEXT:
            return state
        over, bit = ABSENT | MAYBE | variable.texts, variable.bits[number]
        if work.interface.may_give is None and not work.interface.is_text:
            bit <<= 1  # it may give a value of that name, too
        self.texts = variable.put(self.texts, variable.read(self.texts) & ~over | bit)
        return variable.put(state, variable.read(state) & ~over | bit)

    def ever_of(self, number: int, work: Work) -> int:
        """The values that a node writes."""
        ever = 0
        for key in (*work.interface.gives, *work.interface.sometimes):
            variable = self.layout.values[key]
            ever |= variable.bits[number] << variable.offset
        return ever

    def blurred(self, state: int) -> int:
        """The state behind somebody who may have written anything."""
        absent = state & self.layout.absent
        there = state & self.layout.there
        return state & ~absent & ~there | absent << 1 | there << 1

    # ---- reading -----------------------------------------------------------------------------------------------

    def read(self, node: str, variable: Variable, state: int, where: tuple[str, ...], **more: Any) -> None:
        """Note what a node reads."""
        bits = variable.read(state)
        seen: dict[str, Any] = {"from_input": bool(bits & ABSENT), "maybe": bool(bits & MAYBE)}
        seen |= {"asked": bool(bits & ASKED), "is_foggy": bool(bits & FOGGY), "sources": self.sources(variable, bits)}
        self.readings.append(Reading(node, variable.key, where, **seen, **more))

    def sources(self, variable: Variable, bits: int) -> tuple[Source, ...]:
        """The writers in some bits of a variable."""
        return tuple(
            Source(self.order[writer], str if is_text else kind, is_text, is_sure=bool(bits & variable.bits[writer]))
            for writer in variable.named(bits)
            for kind in (variable.writers[writer],)
            for is_text in (kind is TEXT,)
        )


def _joined(union: int, sure: Sequence[int], layout: Layout) -> int:
    """The state where branches meet of which some surely arrive.

    A branch that surely arrives and surely has a key makes it sure. Of several values that of the node that stands
    last counts, so one that stands before all that a sure branch may bring is dropped.
    """
    if not sure:
        return union
    there = reduce(or_, (layout.absent & ~state for state in sure))
    given = [layout.absent & ~state & ~(state >> 1) for state in sure]
    for_sure = reduce(or_, given)
    doubtful = union & for_sure << 1
    union &= ~(there | for_sure << 1)
    if doubtful:  # what somebody undeclared may have given: whether it is the last value, nobody knows
        values = union & layout.there & layout.spread(doubtful >> 1)
        union = union & ~values | values << 1
    for state, clean in zip(sure, given, strict=True):
        own = layout.spread(clean & ~(state >> 2))
        for variable in layout.touched(union & layout.written & ~state & own):
            row = variable.read(state) >> FLAGS
            lowest = (row & -row).bit_length() - 1 & ~1
            early = variable.read(union) >> FLAGS & (1 << lowest) - 1 & layout.there_of(variable)
            union &= ~(early << FLAGS << variable.offset)
    return union
