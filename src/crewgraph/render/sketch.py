"""What is drawn, whatever the format: boxes within boxes, and lines.

The boxes follow the shape that the author wrote: a parallel stage is a box, each route of a router is one, and so is a
pipeline with a name inside another one; one that is a whole route shares its box. Joins and
merges with one way out are not drawn; the lines into them go straight on. One with several ways out stays, as a point,
because otherwise every line in would meet every line out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

from crewgraph.graph import ANY_ROUTE, Edge, Graph, GraphNode, Join, Merge, Start, Switch, Work
from crewgraph.render.escape import clean, columns, shortened
from crewgraph.render.palette import CORE, DEFAULT, Hue, hue_of
from crewgraph.trace import Choice, Leaf, Parallel, Series, Shape, Wired

__all__ = [
    "END",
    "Box",
    "Line",
    "Orientation",
    "Sketch",
    "checked",
    "condition_label",
    "found_node",
    "heads",
    "keys_label",
    "pipeline_name",
    "route_hue",
    "sketch_of",
]

Orientation = Literal["LR", "TB"]
"""From left to right, or from top to bottom."""

END = ""
"""The name of the pill at the end: no node of a graph has an empty name."""

MAX_CONDITION = 44
MAX_KEYS = 30
MAX_LABELLED = 4
"""Into how many branches the keys handed over are written on each line."""


@dataclass(frozen=True, slots=True)
class Box:
    """A frame with a title around nodes and further boxes; the outermost has neither.

    Attributes:
        key: unique in the picture.
        title: what stands on it.
        hue: its colour, and that of the cards directly inside.
        kind: "parallel", "route", "pipeline" or "all".
        items: names of nodes, and boxes, in the order of the text.
    """

    key: str
    title: str
    hue: Hue
    kind: str
    items: list[str | Box] = field(default_factory=list["str | Box"])

    @property
    def is_dashed(self) -> bool:
        """Whether the frame is dashed: the fallback's is."""
        return self.hue is DEFAULT and self.kind == "route"

    def nodes(self) -> Iterator[str]:
        """The names of all nodes in it, those of inner boxes included."""
        for item in self.items:
            if isinstance(item, Box):
                yield from item.nodes()
            else:
                yield item

    def hues(self) -> Iterator[tuple[str, Hue]]:
        """All nodes in it, each with the hue of the box in which it stands."""
        for item in self.items:
            if isinstance(item, Box):
                yield from item.hues()
            else:
                yield item, self.hue

    def boxes(self) -> Iterator[Box]:
        """All boxes in it, outer ones first."""
        for item in self.items:
            if isinstance(item, Box):
                yield item
                yield from item.boxes()


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as it is drawn.

    Attributes:
        source: the node it leaves.
        target: the node it leads to, or :data:`END`.
        label: what stands on it; may be empty.
        hue: the hue of its route; ``None`` for one that is always taken.
        route: the route, where it is one of a router.
        box: the key of the route's box, where the line enters one.
        legs: what it stands for where boxes are closed: lines one behind the other, of each leg any.
    """

    source: str
    target: str
    label: str = ""
    hue: Hue | None = None
    route: str | None = None
    box: str | None = None
    legs: tuple[tuple[Line, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Sketch:
    """A picture before it has a format.

    Attributes:
        boxes: the outermost box.
        lines: all edges.
        graph: what is drawn.
        loose: the nodes of graphs built by hand that follow others: they stand wherever there is room.
        keys: the key of the box of a shape, by the shape's identity.
        closed: the boxes that are closed, by the names of the cards that stand for them.
    """

    boxes: Box
    lines: list[Line]
    graph: Graph
    loose: frozenset[str] = frozenset()
    keys: Mapping[int, str] = field(default_factory=dict[int, str])
    closed: Mapping[str, Box] = field(default_factory=dict[str, Box])


def sketch_of(graph: Graph) -> Sketch:
    """Lay out what is drawn of a graph, with every box open."""
    boxing = _Boxing(graph)
    return Sketch(boxing.outermost(), list(_lines(graph)), graph, frozenset(boxing.loose), boxing.keys)


def checked(orientation: Orientation) -> Orientation:
    """The orientation, if it is one.

    Raises:
        ValueError: it is neither "LR" nor "TB".
    """
    if orientation not in ("LR", "TB"):
        raise ValueError(f'orientation is "LR" or "TB", not {orientation!r}')
    return orientation


def found_node(switch: str) -> str:
    """The name of the card that stands for pipelines which an open router comes up with."""
    return f"\0{switch}"  # no label begins so once it is cleaned, and it never appears in a picture


# ---- boxes -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Boxing:
    graph: Graph
    placed: set[str] = field(default_factory=set[str])
    loose: set[str] = field(default_factory=set[str])
    keys: dict[int, str] = field(default_factory=dict[int, str])
    counts: Counter[str] = field(default_factory=Counter[str])

    def outermost(self) -> Box:
        box = Box("", self.graph.name or "", CORE, "all")
        self.fill(box, self.graph.shape)
        # Graphs that were built by hand have no shape: their nodes stand side by side.
        rest = (name for name, node in self.graph.nodes.items() if self.is_drawn(node) and name not in self.placed)
        box.items.extend(rest)
        return box

    def is_drawn(self, node: object) -> bool:
        return not isinstance(node, Join | Merge | Start)

    def put(self, box: Box, name: str) -> None:
        self.placed.add(name)
        box.items.append(name)

    def fill(self, box: Box, shape: Shape) -> None:
        """Put a shape into a box, in a frame of its own where it is a pipeline with a name."""
        name = pipeline_name(shape)
        if name is None:
            self.inside(box, shape)
        else:
            self.point_before(box, shape)
            self.framed(box, self.numbered("pipeline", name, box.hue), shape)

    def numbered(self, kind: str, title: str, hue: Hue) -> Box:
        self.counts[kind] += 1
        return Box(f"{kind}{self.counts[kind]}", title, hue, kind)

    def framed(self, box: Box, inner: Box, shape: Shape) -> None:
        """Put a frame into a box and what belongs there into the frame; an empty one is left out."""
        self.keys[id(shape)] = inner.key
        self.inside(inner, shape)
        box.items.extend([inner] if inner.items else [])

    def inside(self, box: Box, shape: Shape) -> None:  # noqa: C901 - one case per shape
        match shape:
            case Leaf(node):
                self.put(box, node)
            case Series(parts):
                for part in parts:
                    self.fill(box, part)
            case Parallel(branches):
                self.point_before(box, shape)
                inner = self.numbered("parallel", f"parallel · {len(branches)}", CORE)
                self.keys[id(shape)] = inner.key
                for branch in branches:
                    self.fill(inner, branch)
                box.items.extend([inner] if inner.items else [])
            case Choice(router, routes):
                self.put(box, router)
                switch = self.graph.nodes[router]
                assert isinstance(switch, Switch)
                for route, arm in routes.items():
                    title = f"{route} · {name}" if (name := pipeline_name(arm)) not in {None, route} else route
                    self.framed(box, Box(_key(router, route), title, route_hue(switch, route), "route"), arm)
                box.items.extend([found_node(router)] if switch.is_open else [])
            case Wired(parts, before):
                for part, ways in zip(parts, before, strict=True):
                    self.point_before(box, part)
                    self.loose.update(heads(part) if ways else ())
                    self.fill(box, part)
            case _:
                assert_never(shape)

    def point_before(self, box: Box, shape: Shape) -> None:
        """Put the join or merge that leads into a parallel stage, or into several nodes, beside it."""
        for head in heads(shape):
            for edge in self.graph.predecessors(head):
                is_point = isinstance(self.graph.nodes[edge.source], Join | Merge)
                if is_point and edge.source not in self.placed and not _passes(self.graph, edge.source):
                    self.put(box, edge.source)


def pipeline_name(shape: Shape) -> str | None:
    """The name of a pipeline inside another one; ``None`` where it has none to be seen."""
    name = shape.name if isinstance(shape, Series | Wired) else None
    return name if name and clean(name) else None


def _key(router: str, route: str) -> str:
    return f"{router}\0{route}"


def heads(shape: Shape) -> Iterator[str]:  # noqa: C901 - one case per shape
    """The nodes in which a shape begins."""
    match shape:
        case Leaf(node):
            yield node
        case Choice(router):
            yield router
        case Series(parts):
            yield from next(filter(None, (list(heads(part)) for part in parts)), [])
        case Parallel(branches):
            for branch in branches:
                yield from heads(branch)
        case Wired(parts, before):
            for part, ways in zip(parts, before, strict=True):
                if not ways:
                    yield from heads(part)
        case _:
            assert_never(shape)


# ---- lines -----------------------------------------------------------------------------------------------------


def _passes(graph: Graph, name: str) -> bool:
    """Whether a join or merge is left out of the picture."""
    return isinstance(graph.nodes[name], Join | Merge) and len(graph.successors(name)) == 1


def _drawn_target(graph: Graph, name: str) -> str:
    seen = set[str]()
    while _passes(graph, name) and name not in seen:
        seen.add(name)
        name = graph.successors(name)[0].target
    return name


def _lines(graph: Graph) -> Iterator[Line]:
    for edge in graph.edges:
        if edge.route == ANY_ROUTE:
            yield from _found_lines(edge.source, _drawn_target(graph, edge.target))
        elif not _passes(graph, edge.source):
            yield _line(graph, edge, _drawn_target(graph, edge.target))
    closed = {edge.source for edge in graph.edges if edge.route == ANY_ROUTE}
    for name, node in graph.nodes.items():
        if isinstance(node, Switch) and node.is_open and name not in closed:
            yield from _found_lines(name, END)
        elif not graph.successors(name):
            yield Line(name, END, _keys(node))
        elif isinstance(node, Switch) and _may_end(graph, node):
            yield Line(name, END, condition_label(node, "default"), DEFAULT, "default", _key(name, "default"))


def _may_end(graph: Graph, switch: Switch) -> bool:
    """Whether a run may end at a router: where its default leads nowhere, and nothing follows beside it."""
    leads = {edge.route for edge in graph.successors(switch.name)}
    beside = [each for edge in graph.predecessors(switch.name) for each in graph.successors(edge.source)]
    return "default" in switch.routes and "default" not in leads and len(beside) == 1


def _found_lines(switch: str, target: str) -> Iterator[Line]:
    """Through the card that stands for what an open router comes up with."""
    found = found_node(switch)
    yield Line(switch, found, "", DEFAULT, ANY_ROUTE)
    yield Line(found, target)


def _line(graph: Graph, edge: Edge, target: str) -> Line:
    node = graph.nodes[edge.source]
    if not isinstance(node, Switch) or edge.route not in node.routes:
        is_fan = len(graph.successors(edge.source)) > MAX_LABELLED
        return Line(edge.source, target, "" if is_fan else _keys(node))
    label = condition_label(node, edge.route)
    box = _key(edge.source, edge.route)
    return Line(edge.source, target, label, route_hue(node, edge.route), edge.route, box)


def condition_label(switch: Switch, route: str) -> str:
    """``2 · score > 7``: Graphviz may reorder routes, so the order in which they are tried is written out."""
    condition = shortened(switch.conditions.get(route, ""), MAX_CONDITION)
    return "else" if route == "default" else f"{switch.routes.index(route) + 1} · {condition}"


def route_hue(switch: Switch, route: str) -> Hue:
    """The hue of one route, by its place among the routes."""
    return hue_of(switch.routes.index(route), route)


def _keys(node: GraphNode) -> str:
    """What a node hands over, where it says so."""
    return keys_label(node.interface.gives if isinstance(node, Work) else ())


def keys_label(handed: Iterable[str]) -> str:
    """Keys that are handed over, as many as fit on a line."""
    keys = [shortened(key, MAX_KEYS) for key in handed]
    fitting = keys[:1]
    while len(fitting) < len(keys) and columns(", ".join([*fitting, keys[len(fitting)]])) <= MAX_KEYS:
        fitting.append(keys[len(fitting)])
    rest = len(keys) - len(fitting)
    return ", ".join([*fitting, *([f"+ {rest}"] if rest else [])])
