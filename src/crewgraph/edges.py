"""A graph built by hand: nodes and the edges between them, for shapes that ``>>`` cannot say.

Like all syntax it is inert: here is read what a user wrote, and everything that is wrong with it is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import pairwise
from typing import Any, ClassVar

from pydantic import PrivateAttr

from crewgraph.condition import parse_condition
from crewgraph.errors import ConditionError
from crewgraph.errors.near import near
from crewgraph.node import is_node, label_of
from crewgraph.syntax import Pipeline, is_function, is_single

__all__ = ["OTHERWISE", "Edge", "Graph", "Wires"]

OTHERWISE = "default"
"""The route of an edge that is taken where no condition is true."""
MAX_SHOWN = 40


@dataclass(frozen=True, slots=True, repr=False)
class Edge:
    """An edge of a :class:`Graph`.

    Attributes:
        source: the node it leaves: a crew, a step, a function, a router, a pipeline, or the name of one of them.
        target: the node it leads to.
        when: a callable of the merged values (sync or async), or an expression such as ``"score > 7"``; the edge is
            taken where it is true and that of no earlier edge out of the same node was.
        otherwise: whether the edge is taken where no condition of the other edges out of the same node is true.
        route: how the route is called in traces; the target's name where it is not given.
    """

    source: Any
    target: Any
    _: KW_ONLY
    when: Callable[[dict[str, Any]], Any] | str | None = None
    otherwise: bool = False
    route: str | None = None

    def __repr__(self) -> str:
        condition = f", when={self.when!r}" if self.when is not None else ", otherwise=True" if self.otherwise else ""
        return f"Edge({_called(self.source)} → {_called(self.target)}{condition})"


@dataclass(frozen=True, slots=True)
class Wires:
    """A graph as its author meant it.

    Attributes:
        nodes: crews, steps, functions, routers, pipelines, in the order of the text.
        names: what each is called; the second pipeline of a name is ``name#2``.
        edges: with nodes in place of their names.
        ends: for each edge the numbers of the nodes that it leaves and leads to.
        routes: for each edge its route; ``None`` where it is always taken.
    """

    nodes: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    ends: tuple[tuple[int, int], ...] = ()
    routes: tuple[str | None, ...] = ()


class Graph(Pipeline):
    """Nodes and edges, for shapes that ``>>`` cannot say; it is checked, drawn, planned and run as any pipeline is.

    A node runs once all nodes before it have settled and at least one edge to it was taken. Edges without a condition
    are always taken; of those with one, out of the same node, the first that is true. Each node that ran, and after
    which nothing ran, gives a result.

    Attributes:
        edges: an :class:`Edge` each, or short ``(a, b)``, and ``(a, b, c)`` for a chain. A node is the object itself or
            its name.
        nodes: the nodes in the order of the text, where the edges leave that open, and nodes without an edge.
        options: by keyword, those of :class:`Pipeline`, such as ``name`` and ``policy``.
    """

    is_spliced: ClassVar[bool] = False

    _wires: Wires = PrivateAttr(default_factory=Wires)

    def __init__(
        self, edges: Iterable[Edge | tuple[Any, ...]] = (), *, nodes: Iterable[Any] = (), **options: Any
    ) -> None:
        reading = _Reading(problems=["it has no stages. hint: put them into edges="] if "stages" in options else [])
        wires = reading.read(nodes, edges)
        if reading.problems:
            raise ValueError("\n".join(["this is no graph", *(f"- {line}" for line in reading.problems)]))
        super().__init__((), **options)
        self._wires = wires

    @property
    def nodes(self) -> tuple[Any, ...]:
        """The nodes, in the order of the text."""
        return self._wires.nodes

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges, in the order of the text, with nodes in place of their names."""
        return self._wires.edges

    @property
    def wires(self) -> Wires:
        """The same by numbers, for the compiler."""
        return self._wires

    def __repr__(self) -> str:
        name = f", {self.name!r}" if self.name else ""
        return f"{type(self).__name__}({len(self.nodes)} nodes, {len(self.edges)} edges{name})"

    __str__ = __repr__


# ---- reading ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """What was understood so far, and everything that was not."""

    problems: list[str]
    nodes: list[Any] = field(default_factory=list[Any])
    names: list[str] = field(default_factory=list[str])
    numbers: dict[Hashable, int] = field(default_factory=dict[Hashable, int])
    """Nodes by identity."""
    called: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Nodes by name."""

    def read(self, nodes: Any, edges: Any) -> Wires:
        """Read nodes and edges; what is wrong is among the problems afterwards."""
        for place, node in enumerate(self.listed(nodes, "nodes", "nodes=[a, b]"), 1):
            if self.may_be(node, f"node {place}") and not self.add(node):
                self.problems.append(f"node {place}: {_called(node)} is there twice")
        written = list(self.written(self.listed(edges, "edges", "edges=[Edge(a, b), (b, c)]")))
        for _, edge in written:
            for end in (edge.source, edge.target):
                if is_single(end):
                    self.add(end)
        if not self.nodes and not self.problems:
            self.problems.append("it has no nodes. hint: Graph([(a, b), (b, c)])")
        return self.wired(written)

    def listed(self, values: Any, what: str, example: str) -> list[Any]:
        """The items of an argument."""
        if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping) and not is_single(values):
            return list(values)
        self.problems.append(f"{what} is a list, got {type(values)}. hint: {example}")
        return []

    def may_be(self, value: Any, where: str) -> bool:
        """Whether a value can be a node; noted where it cannot."""
        if not is_single(value):
            hint = "" if not isinstance(value, list | tuple) else ". hint: write an edge for each"
            self.problems.append(f"{where}: a node is a crew, a step, a router or a pipeline, got {type(value)}{hint}")
        return is_single(value)

    def add(self, node: Any) -> bool:
        """Number a node; false where it has its number."""
        key: Hashable = node if is_function(node) else id(node)  # each `thing.method` is another object, and equal
        if key in self.numbers:
            return False
        name = _name(node)
        self.numbers[key] = len(self.nodes)
        others = self.called.setdefault(name, [])
        others.append(len(self.nodes))
        self.nodes.append(node)
        # compiled, a crew gets a name of its own; a pipeline has only its place
        self.names.append(f"{name}#{len(others)}" if isinstance(node, Pipeline) and len(others) > 1 else name)
        return True

    def written(self, items: Iterable[Any]) -> Iterator[tuple[str, Edge]]:
        """The edges, each with its place."""
        for place, item in enumerate(items, 1):
            if isinstance(item, Edge):
                yield f"edge {place}", item
            elif not isinstance(item, tuple):
                hint = (
                    " hint: write a tuple, (a, b)" if isinstance(item, list) else " hint: Edge(a, b), or short (a, b)"
                )
                self.problems.append(f"edge {place}: got {type(item)}, no edge.{hint}")
            elif len(item) <= 1:
                self.problems.append(f"edge {place}: it needs two nodes, and there is {len(item)}. hint: (a, b)")
            else:
                yield from ((f"edge {place}", Edge(*pair)) for pair in pairwise(item))

    def wired(self, written: Iterable[tuple[str, Edge]]) -> Wires:
        """Find the nodes that edges name, and give routes their names."""
        edges, ends, routes = list[Edge](), list[tuple[int, int]](), list[str | None]()
        leaving = dict[int, _Leaving]()
        for place, edge in written:
            where = f"{place} ({_called(edge.source)} → {_called(edge.target)})"
            source, target = self.number(edge.source, where), self.number(edge.target, where)
            wrong = list(_wrong(edge))
            self.problems += [f"{where}: {line}" for line in wrong]
            if source is None:
                continue
            out = leaving.setdefault(source, _Leaving(self.names[source]))
            out.is_choice |= edge.when is not None
            if target is None or wrong:
                continue
            route = _route(edge, self.names[target])
            self.problems += [f"{where}: {line}" for line in out.wrong(edge, route, target, where)]
            if source == target:
                self.problems.append(f"{where}: it leads back to where it begins. hint: a graph runs each node once")
            edges.append(replace(edge, source=self.nodes[source], target=self.nodes[target]))
            ends.append((source, target))
            routes.append(route)
        self.problems += [line for out in leaving.values() for line in out.left_over()]
        return Wires(tuple(self.nodes), tuple(self.names), tuple(edges), tuple(ends), tuple(routes))

    def number(self, end: Any, where: str) -> int | None:
        """The number of the node at an end of an edge."""
        if not isinstance(end, str):
            return self.numbers[end if is_function(end) else id(end)] if self.may_be(end, where) else None
        found = self.called.get(end, [])
        if len(found) == 1:
            return found[0]
        if found:
            hint = "give one of them another name, or put the object itself"
            self.problems.append(f"{where}: {len(found)} nodes are called '{end}'. hint: {hint}")
        else:
            close = near(end, self.called)
            meant = f". Did you mean '{close}'?" if close else ". hint: put the object itself, or list it in nodes="
            self.problems.append(f"{where}: no node is called '{_short(end)}'{meant}")
        return None


@dataclass(slots=True)
class _Leaving:
    """The edges out of one node, as far as they were read."""

    name: str
    always: set[int] = field(default_factory=set[int])
    """The nodes that edges without a condition lead to."""
    targets: set[int] = field(default_factory=set[int])
    routes: dict[str, str] = field(default_factory=dict[str, str])
    """Where each route stands."""
    is_choice: bool = False
    """Whether one of them has a condition, be it a wrong one."""

    def wrong(self, edge: Edge, route: str | None, target: int, where: str) -> Iterator[str]:
        """Note one more edge, and tell what is wrong with it beside the others."""
        if route == OTHERWISE and not edge.otherwise:
            told = f"'{OTHERWISE}' is what the route of otherwise=True is called"
            yield f"{told}. hint: give it another name, as in route='urgent'"
            return
        if target in self.always or (route is None and target in self.targets):
            both = "is there twice" if route is None and target in self.always else "is taken always and on a condition"
            yield f"the edge {both}. hint: keep one of them"
        if route in self.routes:
            if route == OTHERWISE:
                yield f"a second otherwise=True out of '{self.name}'; the first is {self.routes[route]}"
            else:
                hint = "give one of them a name, as in route='urgent'"
                yield f"a second route '{route}' out of '{self.name}'; the first is {self.routes[route]}. hint: {hint}"
        self.targets.add(target)
        if route is None:
            self.always.add(target)
        else:
            self.routes.setdefault(route, where)

    def left_over(self) -> Iterator[str]:
        """What shows only when all are read."""
        if OTHERWISE in self.routes and not self.is_choice:
            hint = "give another edge a condition, when='…', or leave otherwise away"
            yield f"{self.routes[OTHERWISE]}: otherwise than what? No edge out of '{self.name}' has a condition. hint: {hint}"


def _wrong(edge: Edge) -> Iterator[str]:
    """What is wrong with an edge by itself."""
    otherwise: Any = edge.otherwise
    route: Any = edge.route
    if not isinstance(otherwise, bool):
        yield f"otherwise is True or False, got {_short(repr(otherwise))}"
    elif otherwise and edge.when is not None:
        yield "it has a condition and otherwise=True. hint: keep one of them"
    elif route is not None and edge.when is None:
        told = f"the route of otherwise=True is called '{OTHERWISE}'" if otherwise else "it has no condition"
        yield f"route={_short(repr(route))}, but {told}. hint: leave route away"
    if edge.when is not None:
        yield from _wrong_condition(edge.when)
    if route is not None and not (isinstance(route, str) and route.strip()):
        yield f"a route is called by a text, got {_short(repr(route))}"


def _wrong_condition(when: Any) -> Iterator[str]:
    if isinstance(when, str):
        try:
            parse_condition(when)
        except ConditionError as error:
            yield str(error)
    elif not callable(when):
        yield f"when is a callable or an expression such as 'score > 7', got {type(when)}"


def _route(edge: Edge, target: str) -> str | None:
    if edge.otherwise:
        return OTHERWISE
    return None if edge.when is None else edge.route or target


def _name(node: Any) -> str:
    """What a node is called, as lowering calls it."""
    if is_function(node):
        return str(node.__name__).strip("<>")
    if is_node(node):
        return label_of(node)
    name = getattr(node, "name", None)
    return name if isinstance(name, str) and name.strip() else "router"


def _called(end: Any) -> str:
    """An end of an edge in a message."""
    return _short(repr(end) if isinstance(end, str) else _name(end) if is_single(end) else f"a {type(end).__name__}")


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
