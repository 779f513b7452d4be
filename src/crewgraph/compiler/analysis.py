"""What the passes look at: a graph, and what is known of the way of its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crewgraph.compiler.asks import Ask
from crewgraph.compiler.flow import Flow, Reading, flow_of
from crewgraph.compiler.guards import routes_of
from crewgraph.compiler.inputs import inputs_of
from crewgraph.compiler.memory import Memory
from crewgraph.compiler.slips import index_of, is_compared, similar
from crewgraph.condition import Condition
from crewgraph.condition.answer import Verdict
from crewgraph.condition.mistakes import Mistake, Misuse, mistakes
from crewgraph.condition.routes import RouteReport, report_routes
from crewgraph.graph import Graph, Switch, Work
from crewgraph.inputs import Declared, InputSpec
from crewgraph.node import Interface
from crewgraph.shapes import Shape, example, union_of
from crewgraph.template import placeholder_name

__all__ = ["Analysis", "analysis_of"]

MAX_LOOKED_AT = 500_000
"""So many nodes and names are looked at to tell more of findings: which way leads there, what may be meant."""
MAX_REMEMBERED = 2_000
_REPORTS = Memory[RouteReport](MAX_REMEMBERED)
_MISTAKES = Memory[Sequence[Mistake]](MAX_REMEMBERED)


@dataclass(frozen=True)
class Analysis:
    """A graph without cycles, looked through.

    Attributes:
        graph: the graph.
        flow: what reaches whom.
        inputs: what the inputs must bring.
        declared: what they are declared to be, or ``None``.
    """

    graph: Graph
    flow: Flow
    inputs: InputSpec
    declared: Declared | None

    @cached_property
    def number(self) -> Mapping[str, int]:
        """The numbers of the nodes in plan order."""
        return {name: number for number, name in enumerate(self.flow.order)}

    @cached_property
    def writers(self) -> Mapping[str, Sequence[str]]:
        """For each key that is declared somewhere the nodes that give it, at least at times."""
        found = dict[str, list[str]]()
        for work in self.works:
            for key in (*work.interface.gives, *work.interface.sometimes):
                found.setdefault(key, []).append(work.name)
        return found

    @cached_property
    def givers(self) -> Mapping[str, Sequence[str]]:
        """As ``writers``, without those that replace what they have read."""
        return {
            key: [name for name in names if key not in self._reads.get(name, ())] for key, names in self.writers.items()
        }

    @cached_property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """For each name by which a text can be reached the nodes that write one."""
        found = dict[str, list[str]]()
        for work in self.works:
            found.setdefault(placeholder_name(work.label), []).append(work.name)
        return found

    @cached_property
    def works(self) -> Sequence[Work]:
        """The crews and steps in plan order."""
        nodes = (self.graph.nodes[name] for name in self.flow.order)
        return [node for node in nodes if isinstance(node, Work)]

    @cached_property
    def place_of_input(self) -> Mapping[str, int]:
        """In which place each key of the inputs stands."""
        return {key: place for place, key in enumerate(self.inputs)}

    def similar(self, key: str) -> list[str]:
        """The keys of inputs and nodes that may be one edit apart from a key."""
        return similar(key, self._index) if is_compared(key) else []

    @cached_property
    def _index(self) -> Mapping[str, list[str]]:
        return index_of(dict.fromkeys((*self.writers, *self.inputs, *self.texts)))

    def read_by(self, node: str) -> frozenset[str]:
        """The keys that a node reads."""
        return self._reads.get(node, frozenset())

    @cached_property
    def _reads(self) -> Mapping[str, frozenset[str]]:
        found = dict[str, set[str]]()
        for reading in self.flow.readings:
            found.setdefault(reading.node, set()).add(reading.key)
        return {node: frozenset(keys) for node, keys in found.items()}

    @cached_property
    def routes(self) -> Mapping[str, frozenset[str]]:
        """All ways out of each router."""
        return routes_of(self.graph)

    @cached_property
    def nearest(self) -> dict[str, dict[str, str | None]]:
        """For each key, and nodes that were asked about, the nearest node before that may give it undeclared."""
        return {}

    def spends(self, count: int) -> bool:
        """Whether so many more nodes or names may be looked at to tell more of a finding; they count."""
        self._looked_at.append(self._looked_at.pop() + count)
        return self._looked_at[0] <= MAX_LOOKED_AT

    @cached_property
    def _looked_at(self) -> list[int]:
        return [0]

    @cached_property
    def sample(self) -> Mapping[str, Any]:
        """An input that passes what is declared."""
        if self.declared is None:
            return {key: example(each.kind) for key, each in self.inputs.items() if each.is_required}
        return {key: example(each.kind) for key, each in self.declared.fields.items() if each.required}

    @cached_property
    def of_router(self) -> Mapping[str, Mapping[str, Reading]]:
        """For each router what it reads, by key; the first reading of each."""
        found = dict[str, dict[str, Reading]]()
        for reading in self.flow.readings:
            if reading.route is not None:
                found.setdefault(reading.node, {}).setdefault(reading.key, reading)
        return found

    @cached_property
    def open_behind(self) -> frozenset[str]:
        """The nodes behind which somebody may read any key: a step that takes all values, a condition, a foreign crew."""
        found = set[str]()
        for name in reversed(self.flow.order):
            behind = (edge.target for edge in self.graph.successors(name))
            if any(target in found or self.takes_all(target) for target in behind):
                found.add(name)
        return frozenset(found)

    def takes_all(self, name: str) -> bool:
        """Whether nobody knows which values a node reads."""
        node = self.graph.nodes[name]
        if isinstance(node, Work):
            return node.interface.takes_all or node.interface == Interface()
        return isinstance(node, Switch) and (node.is_open or any(ask.is_open for ask in self.flow.asks[name]))

    def own(self, key: str) -> Shape | None:
        """What the declared inputs say of a key."""
        return self.declared.provided.get(key) if self.declared else None

    def is_in_every_row(self, key: str) -> bool:
        """Whether the declared inputs always have a key."""
        own = self.own(key)
        return own is not None and (own.required or own.has_default)

    def kind_of(self, reading: Reading) -> Any:
        """The type of what is read; ``Any`` where somebody who declares nothing may have given it."""
        kinds = [source.kind if source.is_sure else Any for source in reading.sources]
        if reading.maybe or reading.is_foggy:
            return Any
        if reading.from_input or reading.asked:
            own = self.own(reading.key)
            kinds.append(own.kind if own is not None else Any)
        return union_of(kinds) if kinds else Any

    def kinds_at(self, router: str) -> dict[str, Any]:
        """The types of what a router reads, as far as they are known."""
        known = {key: self.kind_of(reading) for key, reading in self.of_router.get(router, {}).items()}
        return {key: kind for key, kind in known.items() if kind is not Any}

    def report(self, router: str) -> RouteReport:
        """What can be decided about the routes of a router; a condition that fails is one that nobody can look into."""
        if router not in self._reports:
            readings = self.of_router.get(router, {})
            there = [key for key, each in readings.items() if not (each.from_input or each.maybe)]
            there += [key for key in readings if self.is_in_every_row(key)]
            self._reports[router] = self._decided(router, frozenset(there))
        return self._reports[router]

    def is_dead(self, router: str, route: str) -> bool:
        """Whether a route can never be taken, by what its condition and those before it say."""
        return any(fate.name == route and fate.reachable.verdict is Verdict.NO for fate in self.report(router).routes)

    def absent(self, router: str) -> Sequence[str]:
        """The keys that a router reads or asks for and nobody provides, where the inputs are declared."""
        if self.declared is None or router in self.flow.told:  # what is told in text may be JSON, which is merged
            return ()
        readings = self.of_router.get(router, {})
        return [key for key, each in readings.items() if not (each.is_provided or each.maybe or self.own(key))]

    def fails(self, router: str, ask: Ask) -> bool:
        """Whether a condition of a router reads what nobody provides, or does what the types do not allow."""
        found = self.mistakes(router, ask.condition) if ask.condition is not None else ()
        absent = set(self.absent(router))
        return any(key in absent for key in (*ask.sure, *ask.maybe)) or any(each.kind is Misuse.FAILS for each in found)

    def _decided(self, router: str, there: frozenset[str]) -> RouteReport:
        absent, kinds = set(self.absent(router)), self.kinds_at(router)
        routes = [
            (ask.route, None if absent.intersection(ask.asked) or self.fails(router, ask) else ask.condition)
            for ask in self.flow.asks[router]
        ]
        texts = tuple((route, condition and condition.text) for route, condition in routes)
        return _REPORTS.of((texts, there), kinds, lambda: report_routes(routes, kinds, present=there))

    @cached_property
    def _reports(self) -> dict[str, RouteReport]:
        return {}

    def mistakes(self, router: str, condition: Condition) -> Sequence[Mistake]:
        """What a condition of a router does that its types do not allow."""
        kinds = self.kinds_at(router)
        return _MISTAKES.of(condition.text, kinds, lambda: mistakes(condition, kinds))

    def path(self, name: str) -> tuple[str, ...]:
        """The place of a node in the syntax tree."""
        node = self.graph.nodes[name]
        return node.path if isinstance(node, Work | Switch) else ()

    def routers(self) -> Iterator[tuple[Switch, tuple[Ask, ...]]]:
        """The routers in plan order, with their conditions."""
        for name, asks in self.flow.asks.items():
            node = self.graph.nodes[name]
            assert isinstance(node, Switch), "only routers ask"
            yield node, asks


def analysis_of(graph: Graph, order: Sequence[str], declared: Declared | None) -> Analysis:
    """Look through a graph without cycles."""
    flow = flow_of(graph, order, declared=list(declared.provided) if declared else None)
    return Analysis(graph, flow, inputs_of(graph, flow, declared), declared)
