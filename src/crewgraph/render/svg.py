"""The picture as SVG, without any program: the same bytes on every machine, with the routes in the author's order.

All colours are in a style sheet, so that a dark desktop sees a dark picture. Texts are measured by Helvetica's widths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Unpack

from crewgraph.graph import Graph, Join, Merge, Start, Switch, Work
from crewgraph.render import glyphs
from crewgraph.render.cards import MAX_TITLE
from crewgraph.render.closing import told
from crewgraph.render.escape import clean, identifier, shortened
from crewgraph.render.glyphs import Glyph, rect, text
from crewgraph.render.glyphs import number as px
from crewgraph.render.layout import Drawn, Gaps, Point, layout_of
from crewgraph.render.metrics import mono_width, text_width
from crewgraph.render.palette import CORE
from crewgraph.render.ranks import Extent
from crewgraph.render.scene import Over, Scene, scene_of
from crewgraph.render.sketch import END, Box, Line, Orientation, checked
from crewgraph.render.theme import Theme, line_width, style_sheet

__all__ = ["to_svg"]

_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
    'role="img" aria-label="{name}" class="crewgraph-{theme}">'
)
_CLASSES = re.compile(r'class="([^"]*)"')  # texts hold no quotes once they are escaped
MAX_TOOLTIP = 200
MANY = 150
"""Pictures of more nodes than these have cards without tasks."""
PAD = 24.0
ROUND = 10.0
"""The radius of corners."""
HEAD = 8.0
"""The length of an arrow's head."""


def to_svg(
    graph: Graph,
    *,
    orientation: Orientation = "LR",
    theme: Theme = "auto",
    **over: Unpack[Over],
) -> str:
    """The picture as SVG.

    Args:
        graph: what is drawn.
        orientation: "LR" from left to right, "TB" from top to bottom.
        theme: "light", "dark", or "auto" for what the reader's desktop has.
        **over: how much of it, and what is laid over it.

    Raises:
        ValueError: the orientation or the theme is none of these, or the depth no whole number, or below 0.
    """
    return _Drawing(scene_of(graph, **over), checked(orientation), theme).source()


class _Drawing:
    def __init__(self, scene: Scene, orientation: Orientation, theme: Theme = "auto") -> None:
        self.scene, self.graph, self.sketch, self.runs = scene, scene.graph, scene.sketch, scene.runs
        self.theme: Theme = theme
        self.is_flat = orientation == "LR"
        self.root = Box("", "", CORE, "all", [*scene.starts(), *self.sketch.boxes.items, END])
        self.hues = {name: scene.hue(name) or hue for name, hue in self.root.hues()}
        self.hues |= {name: box.hue for name, box in self.sketch.closed.items()}
        self.is_small = len(self.hues) > MANY
        self.glyphs = {name: self.glyph(name) for name in self.hues}
        drawn = Drawn(
            self.sketch.lines,
            {name: self.turned((each.width, each.height)) for name, each in self.glyphs.items()},
            labels={
                number: self.turned((mono_width(line.label, 9.5) + 12, 18.0))
                for number, line in enumerate(self.sketch.lines)
                if line.label
            },
            titles=dict(self.titles(self.root)),
            gaps=Gaps() if self.is_flat else Gaps(across=28, before=34, above=16, aspect=0.7),
        )
        self.layout = layout_of(self.root, drawn)

    def turned(self, pair: Point) -> Point:
        """Along and across as x and y, and the other way round."""
        return pair if self.is_flat else (pair[1], pair[0])

    def titles(self, box: Box) -> Iterator[tuple[str, Extent]]:
        for item in box.items:
            if isinstance(item, Box):
                width = text_width(shortened(item.title, MAX_TITLE), 10.5, bold=True) + 24
                yield item.key, self.turned((width, 0.0))
                yield from self.titles(item)

    def source(self) -> str:
        title = clean(self.graph.name or "")
        top = 34.0 if title else 0.0
        width, height = self.turned(self.layout.size)
        width = max(width, text_width(shortened(title, 2 * MAX_TITLE), 16, bold=True) if title else 0.0) + 2 * PAD
        height += 2 * PAD + top
        name = escape(shortened(title or "pipeline", MAX_TOOLTIP))
        parts = [f'<rect class="canvas" width="{px(width)}" height="{px(height)}"/>']
        if title:
            parts.append(text(PAD, PAD + 10, shortened(title, 2 * MAX_TITLE), "title"))
        parts.append(f'<g transform="translate({px(PAD)} {px(PAD + top)})">')
        parts += self.box_elements(self.root)
        parts += [self.line(number, line) for number, line in enumerate(self.sketch.lines)]
        parts += [self.node(name) for name in self.hues]
        parts += [self.label(number, line) for number, line in enumerate(self.sketch.lines) if line.label]
        body = "\n".join([*parts, "</g>", "</svg>", ""])
        used = {kind for kinds in _CLASSES.findall(body) for kind in kinds.split()}
        opening = _SVG.format(width=px(width), height=px(height), name=name, theme=self.theme)
        return f"{opening}\n<title>{name}</title>\n<style>{style_sheet(self.theme, used)}</style>\n{body}"

    # ---- boxes and lines ---------------------------------------------------------------------------------------

    def box_elements(self, box: Box) -> Iterator[str]:
        """The frames of inner boxes, outer ones first."""
        for item in box.items:
            if isinstance(item, Box):
                corner, size = (self.turned(pair) for pair in self.layout.boxes[item.key])
                kind = f"box {item.hue.name}{' dashed' if item.is_dashed else ''}"
                kind += " did-not" if self.scene.is_idle(item) else ""
                title = text(corner[0] + 12, corner[1] + 19, shortened(item.title, MAX_TITLE), "box-title")
                frame = rect(*corner, size, 10)
                yield f'<g id="c-{identifier(item.key)}" class="{kind}">{frame}{title}</g>'
                yield from self.box_elements(item)

    def line(self, number: int, line: Line) -> str:
        points = list(self.layout.lines[number])
        has_head = not isinstance(self.graph.nodes.get(line.target), Join | Merge)
        step, (x, y), head = self.scene.step(number), points[-1], ""
        if has_head:
            length, side = HEAD + step, 2.5 + line_width(step) / 2
            points[-1] = (x - length, y)
            corners = [(x, y), (x - length, y - side), (x - length, y + side)]
            head = f'<path class="head" d="M{" L".join(self.at(each) for each in corners)}Z"/>'
        kind = f"line {line.hue.name} route" if line.hue else "line"
        if self.runs:
            kind += f" took w{step}" if step else " did-not"
        called, times = self.scene.called, self.scene.times(number)
        title = escape(shortened(f"{called(line.source)} → {called(line.target)}", MAX_TOOLTIP))
        way = f'<title>{title}{times}</title><path class="way" d="{self.way(points)}"/>{head}'
        return f'<g id="l-{number}" class="{kind}">{way}</g>'

    def way(self, points: Sequence[Point]) -> str:
        """Straight where the place across stays the same, else an S; corners are rounded."""
        told = [f"M{self.at(points[0])}"]
        for one, other, following in zip(points, points[1:], [*points[2:], None], strict=False):
            if following and _is_corner(one, other, following):
                told.append(f"L{self.at(_towards(other, one))}Q{self.at(other)} {self.at(_towards(other, following))}")
            elif one[1] == other[1] or one[0] == other[0]:
                told.append(f"L{self.at(other)}")
            else:
                middle = (one[0] + other[0]) / 2
                told.append(f"C{self.at((middle, one[1]))} {self.at((middle, other[1]))} {self.at(other)}")
        return "".join(told)

    def at(self, point: Point) -> str:
        x, y = self.turned(point)
        return f"{px(x)} {px(y)}"

    def label(self, number: int, line: Line) -> str:
        x, y = self.turned(self.layout.labels[number]) if number in self.layout.labels else (0.0, 0.0)
        width = mono_width(line.label, 9.5) + 12
        kind = f"chip {line.hue.name}" if line.hue else "chip"
        kind += " did-not" if self.scene.is_unused(number) else ""
        label = text(x, y + 3.4, line.label, "mono", anchor="middle")
        told = escape(self.scene.condition(line))
        label += f"<title>{told}</title>" if told else ""
        return f'<g id="k-{number}" class="{kind}">{rect(x - width / 2, y - 9, (width, 18), 6)}{label}</g>'

    # ---- nodes -------------------------------------------------------------------------------------------------

    def node(self, name: str) -> str:
        glyph, mark, ran = self.glyphs[name], self.scene.mark(name), self.scene.ran(name)
        x, y = self.turned(self.layout.nodes[name])
        kinds = f"node {glyph.kind} {self.hues[name].name}{' styled' if self.scene.hue(name) else ''}"
        kinds += f"{f' {mark.name}' if mark else ''}{f' did-{ran.state}' if ran else ''}"
        title = f"<title>{escape(shortened(self.scene.tooltip(name, glyph.tooltip), MAX_TOOLTIP))}</title>"
        return (
            f'<g id="n-{identifier(name) if name else "(end)"}" class="{kinds}" '
            f'transform="translate({px(x)} {px(y)})">{title}{glyph.content}</g>'
        )

    def glyph(self, name: str) -> Glyph:
        """What stands for a node, by its kind."""
        node, scene = self.graph.nodes.get(name), self.scene
        over = glyphs.Over(scene.mark(name), scene.ran(name), scene.note(name))
        if name == END:
            return glyphs.pill("result", "the result")
        if name in self.sketch.closed:
            return glyphs.closed(self.sketch.closed[name], told(self.graph, self.sketch.closed[name]), over)
        match node:
            case Start():
                return glyphs.pill("input", "the inputs")
            case Work():
                return glyphs.card(node, over, is_small=self.is_small)
            case Switch():
                return glyphs.diamond(node, over)
            case None:
                return glyphs.found(name[1:], over)
            case _:
                return glyphs.point(type(node).__name__.lower())


def _is_corner(one: Point, other: Point, following: Point) -> bool:
    """Whether a line turns by a right angle."""
    turns = ((one[axis] == other[axis] and other[1 - axis] == following[1 - axis]) for axis in (0, 1))
    return other not in (one, following) and any(turns)


def _towards(corner: Point, other: Point) -> Point:
    """Where a corner begins or ends, seen from its tip."""
    length = abs(other[0] - corner[0]) + abs(other[1] - corner[1])
    part = min(ROUND, length / 2) / length
    return corner[0] + (other[0] - corner[0]) * part, corner[1] + (other[1] - corner[1]) * part
