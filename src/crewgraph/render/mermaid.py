"""The picture as Mermaid source, for pages that draw it in the browser: READMEs, issues, notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crewgraph.graph import Graph, Join, Merge, Start, Switch, Work
from crewgraph.render.escape import mermaid_text, mermaid_title, shortened
from crewgraph.render.marks import Marks
from crewgraph.render.palette import CORE, DEFAULT, INK, ROUTES, Hue
from crewgraph.render.sketch import END, Box, Line, Orientation, checked, sketch_of

__all__ = ["to_mermaid"]

MAX_NAME = 40
MAX_SUMMARY = 46
_INDENT = "    "


def to_mermaid(graph: Graph, *, orientation: Orientation = "LR", marks: Marks | None = None) -> str:
    """The picture as a Mermaid flowchart.

    Args:
        graph: what is drawn.
        orientation: "LR" from left to right, "TB" from top to bottom.
        marks: what is wrong with nodes.

    Raises:
        ValueError: the orientation is none of these.
    """
    drawing = _Drawing(graph, marks or {})
    lines = [f"flowchart {checked(orientation)}", *(_INDENT + line for line in drawing.lines()), ""]
    if graph.name:
        lines = ["---", f'title: "{mermaid_title(shortened(graph.name, 2 * MAX_NAME))}"', "---", *lines]
    return "\n".join(lines)


class _Drawing:
    def __init__(self, graph: Graph, marks: Marks) -> None:
        self.graph = graph
        self.marks = marks
        self.sketch = sketch_of(graph)
        starts = [name for name, node in graph.nodes.items() if isinstance(node, Start)]
        drawn = [*starts, *self.sketch.boxes.nodes(), END]
        self.starts = starts
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
                if item in self.marks:
                    yield f"class {self.key[item]} {self.marks[item].name}"

    def subgraph(self, box: Box) -> Iterator[str]:
        self.boxes += 1
        key = f"b{self.boxes}"
        yield f'subgraph {key}["{mermaid_text(shortened(box.title, MAX_NAME))}"]'
        for line in self.box(box):
            yield _INDENT + line
        yield "end"
        yield f"class {key} {box.hue.name}Box"

    def node(self, name: str, hue: Hue) -> str:
        key, node = self.key[name], self.graph.nodes.get(name)
        if isinstance(node, Work):
            summary = node.interface.summary
            small = f"<br/><small>{mermaid_text(shortened(summary, MAX_SUMMARY))}</small>" if summary else ""
            return (
                f'{key}["<b>{mermaid_text(shortened(node.name, MAX_NAME))}</b>{small}{self.badge(name)}"]:::{hue.name}'
            )
        if isinstance(node, Switch):
            return f'{key}{{"<b>{mermaid_text(shortened(node.name, MAX_NAME))}</b>{self.badge(name)}"}}:::router'
        if isinstance(node, Join | Merge):
            return f'{key}((" ")):::point'
        return f'{key}["any pipeline, chosen at run time"]:::found'

    def badge(self, name: str) -> str:
        return f"<br/><b>{mermaid_text(self.marks[name].badge)}</b>" if name in self.marks else ""

    def edge(self, line: Line) -> str:
        arrow = "-.->" if line.hue else "-->"
        label = f'|"{mermaid_text(line.label)}"|' if line.label else ""
        return f"{self.key[line.source]} {arrow}{label} {self.key[line.target]}"

    def styles(self) -> Iterator[str]:
        """The colours; only those that occur."""
        text = list(self.box(self.sketch.boxes))
        for hue in (CORE, *ROUTES, DEFAULT):
            yield from _used(
                text,
                f":::{hue.name}",
                f"classDef {hue.name} fill:{INK.card},stroke:{hue.accent},color:{INK.text}",
            )
            ground = f"fill:{hue.tint},stroke:{hue.border},color:{hue.text}"
            yield from _used(text, f"{hue.name}Box", f"classDef {hue.name}Box {ground}{_dashed(hue)}")
        yield from _used(text, ":::router", f"classDef router fill:#fffbeb,stroke:{INK.router},color:{INK.text}")
        yield from _used(text, ":::point", f"classDef point fill:{INK.edge},stroke:{INK.edge},color:{INK.edge}")
        found = f"fill:{DEFAULT.tint},stroke:{DEFAULT.border},color:{DEFAULT.text}{_dashed(DEFAULT)}"
        yield from _used(text, ":::found", f"classDef found {found}")
        for mark in {mark.name: mark for mark in self.marks.values()}.values():
            yield from _used(text, f" {mark.name}", f"classDef {mark.name} stroke:{mark.color},stroke-width:3px")
        yield f"classDef pill fill:{CORE.tint},stroke:{CORE.border},color:{CORE.text}"
        for number, line in enumerate(self.sketch.lines):
            if line.hue:
                yield f"linkStyle {number} stroke:{line.hue.accent},color:{line.hue.text}"


def _dashed(hue: Hue) -> str:
    return ",stroke-dasharray:5 4" if hue is DEFAULT else ""


def _used(text: Iterable[str], mark: str, definition: str) -> Iterator[str]:
    if any(line.endswith(mark) for line in text):
        yield definition
