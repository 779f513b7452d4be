"""The picture as Mermaid source, for pages that draw it in the browser: READMEs, issues, notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Unpack

from crewgraph.graph import Graph, Join, Merge, Switch, Work
from crewgraph.render.closing import told
from crewgraph.render.escape import mermaid_text, mermaid_title, shortened
from crewgraph.render.palette import AMBER, CORE, DEFAULT, GREEN, HUES, INK, RED, Hue, faded
from crewgraph.render.scene import Over, Scene, scene_of
from crewgraph.render.sketch import END, Box, Line, Orientation, checked
from crewgraph.render.theme import line_width

__all__ = ["to_mermaid"]

MAX_NAME = 40
MAX_SUMMARY = 46
_INDENT = "    "


def to_mermaid(graph: Graph, *, orientation: Orientation = "LR", **over: Unpack[Over]) -> str:
    """The picture as a Mermaid flowchart.

    Args:
        graph: what is drawn.
        orientation: "LR" from left to right, "TB" from top to bottom.
        **over: how much of it, and what is laid over it.

    Raises:
        ValueError: the orientation is none of these, or the depth no whole number, or below 0.
    """
    drawing = _Drawing(scene_of(graph, **over))
    lines = [f"flowchart {checked(orientation)}", *(_INDENT + line for line in drawing.lines()), ""]
    if graph.name:
        lines = ["---", f'title: "{mermaid_title(shortened(graph.name, 2 * MAX_NAME))}"', "---", *lines]
    return "\n".join(lines)


class _Drawing:
    def __init__(self, scene: Scene) -> None:
        self.scene, self.graph, self.sketch = scene, scene.graph, scene.sketch
        self.starts = list(scene.starts())
        drawn = [*self.starts, *self.sketch.boxes.nodes(), END]
        self.key = {name: f"n{number}" for number, name in enumerate(drawn)}
        self.boxes = 0

    def lines(self) -> Iterator[str]:
        for start in self.starts:
            yield f'{self.key[start]}(["input"]):::pill'
        yield from self.box(self.sketch.boxes)
        yield f'{self.key[END]}(["result"]):::pill'
        for line in self.sketch.lines:
            yield self.edge(line)
        yield from self.styles()

    def box(self, box: Box) -> Iterator[str]:
        for item in box.items:
            if isinstance(item, Box):
                yield from self.subgraph(item)
            else:
                yield self.node(item, box.hue)
                yield from (f"class {self.key[item]} {kind}" for kind in self.kinds(item))

    def subgraph(self, box: Box) -> Iterator[str]:
        self.boxes += 1
        key = f"b{self.boxes}"
        yield f'subgraph {key}["{mermaid_text(shortened(box.title, MAX_NAME))}"]'
        for line in self.box(box):
            yield _INDENT + line
        yield "end"
        yield f"class {key} {box.hue.name}Box"

    def kinds(self, name: str) -> Iterator[str]:
        """The classes of a node, beside that of its kind: those below win."""
        hue, ran, mark = self.scene.hue(name), self.scene.ran(name), self.scene.mark(name)
        yield from [f"{hue.name}Own"] if hue else []
        yield from [f"did{ran.state.capitalize()}"] if ran else []
        yield from [mark.name] if mark else []

    def node(self, name: str, hue: Hue) -> str:
        key, node, box = self.key[name], self.graph.nodes.get(name), self.sketch.closed.get(name)
        if box is not None:
            small = f"<br/><small>{mermaid_text(shortened(told(self.graph, box), MAX_NAME))}</small>"
            title = mermaid_text(shortened(box.title, MAX_NAME))
            return f'{key}[["<b>{title}</b>{small}{self.about(name)}"]]:::{box.hue.name}Box'
        if isinstance(node, Work):
            summary = node.interface.summary
            small = f"<br/><small>{mermaid_text(shortened(summary, MAX_SUMMARY))}</small>" if summary else ""
            return (
                f'{key}["<b>{mermaid_text(shortened(node.name, MAX_NAME))}</b>{small}{self.about(name)}"]:::{hue.name}'
            )
        if isinstance(node, Switch):
            return f'{key}{{"<b>{mermaid_text(shortened(node.name, MAX_NAME))}</b>{self.about(name)}"}}:::router'
        if isinstance(node, Join | Merge):
            return f'{key}((" ")):::point'
        return f'{key}["any pipeline, chosen at run time{self.about(name)}"]:::found'

    def about(self, name: str) -> str:
        """What is laid over a node: the user's note, what is wrong with it, and what it did."""
        ran, mark, note = self.scene.ran(name), self.scene.mark(name), self.scene.note(name)
        did = (
            [f"<b>{mermaid_text(ran.sign)}</b>", *map(mermaid_text, filter(None, (ran.time, ran.spent)))] if ran else []
        )
        lines = [
            f"<i>{mermaid_text(shortened(note, MAX_SUMMARY))}</i>" if note else "",
            f"<b>{mermaid_text(mark.badge)}</b>" if mark else "",
            mermaid_text(" · ").join(did),
            mermaid_text(ran.told) if ran else "",
        ]
        return "".join(f"<br/>{line}" for line in lines if line)

    def edge(self, line: Line) -> str:
        arrow = "-.->" if line.hue else "-->"
        label = f'|"{mermaid_text(line.label)}"|' if line.label else ""
        return f"{self.key[line.source]} {arrow}{label} {self.key[line.target]}"

    def styles(self) -> Iterator[str]:
        """The colours; only those that occur."""
        text = list(self.box(self.sketch.boxes))
        for hue in HUES:
            yield from _used(
                text,
                f":::{hue.name}",
                f"classDef {hue.name} fill:{INK.card},stroke:{hue.accent},color:{INK.text}",
            )
            ground = f"fill:{hue.tint},stroke:{hue.border},color:{hue.text}"
            yield from _used(text, f"{hue.name}Box", f"classDef {hue.name}Box {ground}{_dashed(hue)}")
            own = f"fill:{hue.tint},stroke:{hue.accent},color:{hue.text}"
            yield from _used(text, f" {hue.name}Own", f"classDef {hue.name}Own {own}")
        yield from _used(text, ":::router", f"classDef router fill:#fffbeb,stroke:{INK.router},color:{INK.text}")
        yield from _used(text, ":::point", f"classDef point fill:{INK.edge},stroke:{INK.edge},color:{INK.edge}")
        found = f"fill:{DEFAULT.tint},stroke:{DEFAULT.border},color:{DEFAULT.text}{_dashed(DEFAULT)}"
        yield from _used(text, ":::found", f"classDef found {found}")
        for state, style in _DID.items():
            yield from _used(text, f" did{state}", f"classDef did{state} {style}")
        for mark in {mark.name: mark for mark in self.scene.marks.values()}.values():
            yield from _used(text, f" {mark.name}", f"classDef {mark.name} stroke:{mark.color},stroke-width:3px")
        yield f"classDef pill fill:{CORE.tint},stroke:{CORE.border},color:{CORE.text}"
        for number, line in enumerate(self.sketch.lines):
            style = self.line_style(number, line)
            if style:
                yield f"linkStyle {number} {style}"

    def line_style(self, number: int, line: Line) -> str:
        """The colours of a line, and how wide it is by how many runs went along it."""
        if step := self.scene.step(number):
            return f"stroke:{GREEN.accent},color:{GREEN.text},stroke-width:{line_width(step):g}px"
        if self.scene.is_unused(number):
            return f"stroke:{faded(INK.edge)},color:{INK.faint}"
        return f"stroke:{line.hue.accent},color:{line.hue.text}" if line.hue else ""


_DID = {
    "Ok": f"stroke:{GREEN.accent},stroke-width:2px",
    "Failed": f"fill:{RED.tint},stroke:{RED.accent},color:{RED.text},stroke-width:2px",
    "Waiting": f"fill:{AMBER.tint},stroke:{AMBER.accent},color:{AMBER.text},stroke-width:2px",
    "Not": f"fill:{INK.canvas},stroke:{faded(INK.frame)},color:{INK.faint}",
}
"""How what ran looks, what failed, what waits, and what did not run."""


def _dashed(hue: Hue) -> str:
    return ",stroke-dasharray:5 4" if hue is DEFAULT else ""


def _used(text: Iterable[str], mark: str, definition: str) -> Iterator[str]:
    if any(line.endswith(mark) for line in text):
        yield definition
