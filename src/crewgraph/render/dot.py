"""The picture as Graphviz source; the only module that knows python-graphviz.

It writes the source only. Rendering is a matter of the ``dot`` program (see :mod:`crewgraph.render.files`).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Unpack

from crewgraph.graph import Graph, Join, Merge, Switch, Work
from crewgraph.render import cards
from crewgraph.render.closing import told
from crewgraph.render.escape import clean, dot_text, identifier, shortened
from crewgraph.render.palette import DEFAULT, GREEN, INK, Hue, faded
from crewgraph.render.scene import Over, Scene, scene_of
from crewgraph.render.sketch import END, Box, Line, Orientation, Sketch, checked
from crewgraph.render.theme import line_width

__all__ = ["to_dot"]

_END = "(end)"  # an encoded name holds no parenthesis
MAX_TOOLTIP = 200


def to_dot(graph: Graph, *, orientation: Orientation = "LR", **over: Unpack[Over]) -> str:
    """The picture as DOT.

    Args:
        graph: what is drawn.
        orientation: "LR" from left to right, "TB" from top to bottom.
        **over: how much of it, and what is laid over it.

    Raises:
        ValueError: the orientation is none of these, or the depth no whole number, or below 0.
    """
    return _Drawing(scene_of(graph, **over), checked(orientation)).source()


class _Drawing:
    def __init__(self, scene: Scene, orientation: Orientation) -> None:
        self.scene, self.graph = scene, scene.graph
        self.sketch: Sketch = scene.sketch
        self.is_flat = orientation == "LR"
        self.tables = {
            name
            for name, node in self.graph.nodes.items()
            if isinstance(node, Switch) and self.is_flat and cards.is_long(node)
        }
        self.clusters = dict[str, str]()
        self.members = dict[str, set[str]]()
        self.edge_ids = set[str]()
        graphviz: Any = importlib.import_module("graphviz")
        self.digraph_class: Any = graphviz.Digraph
        self.dot: Any = graphviz.Digraph(
            identifier(self.graph.name or "pipeline"),
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
        for name in self.scene.starts():
            self.node(self.dot, name, cards.pill("input"), "start", "the inputs")
        self.fill(self.dot, self.sketch.boxes)
        self.node(self.dot, END, cards.pill("result"), "end", "the result")
        for number, line in enumerate(self.sketch.lines):
            self.edge(number, line)
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
        is_idle = self.scene.is_idle(box)
        title = cards.cluster_title(box.title, box.hue)
        inner.attr(
            "graph",
            _attributes={
                "class": box.kind,
                "color": faded(box.hue.border) if is_idle else box.hue.border,
                "fillcolor": faded(box.hue.tint) if is_idle else box.hue.tint,
                "id": f"c-{identifier(box.key)}",
                "label": f"<{cards.dimmed(title) if is_idle else title}>",
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
        if name in self.sketch.closed:
            self.closed(dot, name, self.sketch.closed[name])
        elif isinstance(node, Work):
            kind = shortened(node.interface.kind, 20)
            self.node(dot, name, cards.card(node, hue, self.over(name)), node.interface.kind, f"{kind} {node.name}")
        elif isinstance(node, Switch):
            self.switch(dot, node)
        elif node is None:
            switch = self.graph.nodes[name[1:]]
            assert isinstance(switch, Switch)
            chosen = f"chosen by {switch.name} at run time"
            label = cards.closed("any pipeline", chosen, DEFAULT, self.over(name), is_dashed=True)
            self.node(dot, name, label, "found", f"what {switch.name} chooses at run time")
        else:
            kind = type(node).__name__.lower()
            point = {"shape": "point", "width": "0.07", "color": INK.edge}
            self.node(dot, name, "", kind, kind, **point)

    def over(self, name: str) -> cards.Over:
        """What is laid over a node."""
        scene = self.scene
        return cards.Over(scene.mark(name), scene.ran(name), scene.hue(name), scene.note(name))

    def closed(self, dot: Any, name: str, box: Box) -> None:
        """The card for all that is in a closed box."""
        inside = told(self.graph, box)
        label = cards.closed(box.title, inside, box.hue, self.over(name), is_dashed=box.is_dashed)
        self.node(dot, name, label, "closed", f"{box.title}: {inside}")

    def switch(self, dot: Any, switch: Switch) -> None:
        over = self.over(switch.name)
        if switch.name in self.tables:
            self.node(dot, switch.name, cards.switch_table(switch, over), "router", f"router {switch.name}")
            return
        frame, ground = cards.router(over).frame or (INK.router, "#fffbeb")
        is_idle = over.ran is not None and over.ran.state == "not"
        style = {
            "color": faded(frame) if is_idle else frame,
            "fillcolor": "#fffbeb" if over.mark else ground,
            "height": "1.05",
            "margin": "0.02",
            "penwidth": "2.4" if cards.router(over).frame else "1.6",
            "shape": "diamond",
            "style": "filled",
            "width": "1.5",
        }
        self.node(dot, switch.name, cards.diamond(switch, over), "router", f"router {switch.name}", **style)

    def node(self, dot: Any, name: str, label: str, kind: str, tooltip: str, **style: str) -> None:
        key, mark, ran = _key(name), self.scene.mark(name), self.scene.ran(name)
        kinds = [_class(kind), *([mark.name] if mark else []), *([f"did-{ran.state}"] if ran else [])]
        label = cards.dimmed(label) if ran and ran.state == "not" and not mark else label
        told = _tooltip(self.scene.tooltip(name, tooltip))
        attributes = {"class": " ".join(kinds), "id": f"n-{key}", "tooltip": told, **style}
        dot.node(key, _attributes={"label": f"<{label}>" if label else "", **attributes})

    # ---- edges -------------------------------------------------------------------------------------------------

    def edge(self, number: int, line: Line) -> None:
        tail, head, called = _key(line.source), _key(line.target), self.scene.called
        condition = self.scene.condition(line)
        told = f"{called(line.source)} → {called(line.target)}{f': {condition}' if condition else ''}"
        attributes = {
            "class": "route" if line.route else "flow",
            "id": self.edge_id(tail, head, line.route),
            "tooltip": _tooltip(told) + self.scene.times(number),
        }
        attributes |= self.route_style(line) if line.hue else {}
        attributes |= self.traffic(number)
        has_row = line.source in self.tables and line.box
        if line.label and not has_row:
            chip = cards.chip(line.label, line.hue)
            attributes["label"] = f"<{cards.dimmed(chip) if self.scene.is_unused(number) else chip}>"
        if self.is_flat and not self.is_point(line.target):
            attributes["headport"] = "w"
        if self.is_flat and isinstance(self.graph.nodes.get(line.source), Work):
            attributes["tailport"] = "e"
        if self.is_point(line.target):
            attributes["arrowhead"] = "none"
        self.dot.edge(tail, head, _attributes=attributes)

    def traffic(self, number: int) -> dict[str, str]:
        """How a line looks by how many runs went along it."""
        if step := self.scene.step(number):
            return {"color": GREEN.accent, "penwidth": f"{line_width(step):g}"}
        return {"color": faded(INK.edge)} if self.scene.is_unused(number) else {}

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


def _key(name: str) -> str:
    return identifier(name) if name != END else _END


def _class(kind: str) -> str:
    return identifier(kind or "node")


def _tooltip(text: str) -> str:
    return dot_text(shortened(text, MAX_TOOLTIP))
