"""The picture as Graphviz source; the only module that knows python-graphviz.

It writes the source only. Rendering is a matter of the ``dot`` program (see :mod:`crewgraph.render.files`).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from crewgraph.graph import Graph, Join, Merge, Start, Switch, Work
from crewgraph.render import cards
from crewgraph.render.escape import clean, dot_text, identifier, shortened
from crewgraph.render.marks import Marks
from crewgraph.render.palette import INK, Hue
from crewgraph.render.sketch import END, Box, Line, Orientation, Sketch, checked, sketch_of

__all__ = ["to_dot"]

_END = "(end)"  # an encoded name holds no parenthesis
MAX_TOOLTIP = 200


def to_dot(graph: Graph, *, orientation: Orientation = "LR", marks: Marks | None = None) -> str:
    """The picture as DOT.

    Args:
        graph: what is drawn.
        orientation: "LR" from left to right, "TB" from top to bottom.
        marks: what is wrong with nodes.

    Raises:
        ValueError: the orientation is none of these.
    """
    return _Drawing(graph, checked(orientation), marks or {}).source()


class _Drawing:
    def __init__(self, graph: Graph, orientation: Orientation, marks: Marks) -> None:
        self.graph = graph
        self.marks = marks
        self.sketch: Sketch = sketch_of(graph)
        self.is_flat = orientation == "LR"
        self.tables = {
            name
            for name, node in graph.nodes.items()
            if isinstance(node, Switch) and self.is_flat and cards.is_long(node)
        }
        self.clusters = dict[str, str]()
        self.members = dict[str, set[str]]()
        self.edge_ids = set[str]()
        graphviz: Any = importlib.import_module("graphviz")
        self.digraph_class: Any = graphviz.Digraph
        self.dot: Any = graphviz.Digraph(
            identifier(graph.name or "pipeline"),
            graph_attr=self.graph_attributes(orientation),
            node_attr={"fontname": cards.SANS, "fontsize": "11", "shape": "plain"},
            edge_attr={
                "arrowsize": "0.7",
                "color": INK.edge,
                "fontname": cards.SANS,
                "fontsize": "10",
                "penwidth": "1.4",
            },
        )

    def graph_attributes(self, orientation: Orientation) -> dict[str, str]:
        label = clean(self.graph.name or "")
        return {
            "bgcolor": INK.canvas,
            "compound": "true",
            "fontname": cards.SANS,
            "newrank": "true",
            "nodesep": "0.3",
            "outputorder": "edgesfirst",
            "pad": "0.25",
            "rankdir": orientation,
            "ranksep": "0.55" if self.is_flat else "0.45",
            "tooltip": _tooltip(label or "pipeline"),
            **({"label": f"<{cards.title(label)}>", "labelloc": "t", "labeljust": "l"} if label else {}),
        }

    def source(self) -> str:
        for name, node in self.graph.nodes.items():
            if isinstance(node, Start):
                self.node(self.dot, name, cards.pill("input"), "start", "the inputs")
        self.fill(self.dot, self.sketch.boxes)
        self.node(self.dot, END, cards.pill("result"), "end", "the result")
        for line in self.sketch.lines:
            self.edge(line)
        for heads in self.side_by_side():
            self.dot.body.append(f"\t{{rank=same; {' '.join(heads)}}}\n")
        return str(self.dot.source)

    # ---- nodes -------------------------------------------------------------------------------------------------

    def fill(self, dot: Any, box: Box) -> None:
        """Draw what is in a box, in the order of the text."""
        for item in box.items:
            if isinstance(item, Box):
                self.cluster(dot, item)
            else:
                self.drawn(dot, item, box.hue)

    def cluster(self, dot: Any, box: Box) -> None:
        self.clusters[box.key] = f"cluster_{identifier(box.key)}"
        self.members[box.key] = set(box.nodes())
        inner = self.digraph_class(self.clusters[box.key])
        inner.attr(
            "graph",
            _attributes={
                "class": box.kind,
                "color": box.hue.border,
                "fillcolor": box.hue.tint,
                "id": f"c-{identifier(box.key)}",
                "label": f"<{cards.cluster_title(box.title, box.hue)}>",
                "labeljust": "l",
                "margin": "14",
                "penwidth": "1.2",
                "style": "rounded,filled,dashed" if box.is_dashed else "rounded,filled",
                "tooltip": _tooltip(box.title),
            },
        )
        self.fill(inner, box)
        dot.subgraph(inner)

    def drawn(self, dot: Any, name: str, hue: Hue) -> None:
        """Draw one node, by its kind."""
        node = self.graph.nodes.get(name)
        if isinstance(node, Work):
            kind = shortened(node.interface.kind, 20)
            self.node(
                dot, name, cards.card(node, hue, self.marks.get(name)), node.interface.kind, f"{kind} {node.name}"
            )
        elif isinstance(node, Switch):
            self.switch(dot, node)
        elif node is None:
            switch = self.graph.nodes[name[1:]]
            assert isinstance(switch, Switch)
            self.node(dot, name, cards.found(switch), "found", f"what {switch.name} chooses at run time")
        else:
            kind = type(node).__name__.lower()
            point = {"shape": "point", "width": "0.07", "color": INK.edge}
            self.node(dot, name, "", kind, kind, **point)

    def switch(self, dot: Any, switch: Switch) -> None:
        mark = self.marks.get(switch.name)
        if switch.name in self.tables:
            self.node(dot, switch.name, cards.switch_table(switch, mark), "router", f"router {switch.name}")
            return
        style = {
            "color": mark.color if mark else INK.router,
            "fillcolor": "#fffbeb",
            "height": "1.05",
            "margin": "0.02",
            "penwidth": "2.4" if mark else "1.6",
            "shape": "diamond",
            "style": "filled",
            "width": "1.5",
        }
        self.node(dot, switch.name, cards.diamond(switch, mark), "router", f"router {switch.name}", **style)

    def node(self, dot: Any, name: str, label: str, kind: str, tooltip: str, **style: str) -> None:
        key, mark = _key(name), self.marks.get(name)
        kinds = f"{_class(kind)} {mark.name}" if mark else _class(kind)
        attributes = {"class": kinds, "id": f"n-{key}", "tooltip": _tooltip(tooltip), **style}
        dot.node(key, _attributes={"label": f"<{label}>" if label else "", **attributes})

    # ---- edges -------------------------------------------------------------------------------------------------

    def edge(self, line: Line) -> None:
        tail, head = _key(line.source), _key(line.target)
        attributes = {
            "class": "route" if line.route else "flow",
            "id": self.edge_id(tail, head, line.route),
            "tooltip": _tooltip(f"{self.called(line.source)} → {self.called(line.target)}"),
        }
        attributes |= self.route_style(line) if line.hue else {}
        has_row = line.source in self.tables and line.box
        if line.label and not has_row:
            attributes["label"] = f"<{cards.chip(line.label, line.hue)}>"
        if self.is_flat and not self.is_point(line.target):
            attributes["headport"] = "w"
        if self.is_flat and isinstance(self.graph.nodes.get(line.source), Work):
            attributes["tailport"] = "e"
        if self.is_point(line.target):
            attributes["arrowhead"] = "none"
        self.dot.edge(tail, head, _attributes=attributes)

    def edge_id(self, tail: str, head: str, route: str | None) -> str:
        """Unique in the picture: in a graph built by hand two routes may lead from one node to another."""
        name = f"e-{tail}-{head}"
        name = f"{name}-{identifier(route or '')}" if name in self.edge_ids else name
        self.edge_ids.add(name)
        return name

    def route_style(self, line: Line) -> dict[str, str]:
        assert line.hue
        style = {"color": line.hue.accent, "style": "dashed"}
        if self.enters(line):
            style["lhead"] = self.clusters[line.box or ""]
        switch = self.graph.nodes[line.source]
        if line.source in self.tables and isinstance(switch, Switch) and line.route in switch.routes:
            style["minlen"] = "2"  # room to fan out from the rows
            style["tailport"] = f"r{switch.routes.index(line.route) + 1}:e"
        return style

    def side_by_side(self) -> Iterator[list[str]]:
        """The heads of each parallel stage and of each router's routes: they stand in one line."""
        heads = dict[str, list[str]]()
        for line in self.sketch.lines:
            is_loose = line.target == END or line.target in self.sketch.loose
            is_head = not is_loose and not self.is_point(line.target)
            if is_head and (line.box is None or self.enters(line)):
                heads.setdefault(line.source, []).append(f'"{_key(line.target)}"')
        yield from (several for several in heads.values() if len(several) > 1)

    # ---- looking up --------------------------------------------------------------------------------------------

    def is_point(self, name: str) -> bool:
        return isinstance(self.graph.nodes.get(name), Join | Merge)

    def enters(self, line: Line) -> bool:
        """Whether a line leads into the box of its route, which is not drawn where the route is empty."""
        return line.box in self.clusters and line.target in self.members[line.box or ""]

    def called(self, name: str) -> str:
        return "result" if name == END else name


def _key(name: str) -> str:
    return identifier(name) if name != END else _END


def _class(kind: str) -> str:
    return identifier(kind or "node")


def _tooltip(text: str) -> str:
    return dot_text(shortened(text, MAX_TOOLTIP))
