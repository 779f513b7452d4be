"""What every format draws: the sketch of a graph, and all that is laid over it: findings, runs, the user's own marks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from crewgraph.drawable import NodeStyle
from crewgraph.graph import Graph, Start, Switch
from crewgraph.render.closing import sketched
from crewgraph.render.escape import clean, shortened
from crewgraph.render.marks import Mark, Marks, worst
from crewgraph.render.palette import Hue, named_hue
from crewgraph.render.runs import Ran, Runs
from crewgraph.render.sketch import END, Box, Line, Sketch
from crewgraph.render.styles import Styles
from crewgraph.render.theme import WIDTHS

__all__ = ["Over", "Scene", "scene_of"]

MAX_CONDITION = 1_000
"""Columns of a condition that are told when its label is pointed at."""


class Over(TypedDict, total=False):
    """How much is drawn of a graph, and what is laid over it.

    Attributes:
        depth: how many boxes within boxes are open; ``None`` opens all. Runs have been counted for a depth of their own.
        marks: what is wrong with nodes.
        runs: what runs did.
        styles: how the user wants nodes to look.
    """

    depth: int | None
    marks: Marks | None
    runs: Runs | None
    styles: Styles | None


@dataclass(frozen=True, slots=True)
class Scene:
    """A sketch and what is laid over it.

    Attributes:
        sketch: what is drawn.
        marks: what is wrong with nodes.
        runs: what runs did.
        styles: how the user wants nodes to look.
    """

    sketch: Sketch
    marks: Marks = field(default_factory=dict[str, Mark])
    runs: Runs | None = None
    styles: Styles = field(default_factory=dict[str, NodeStyle])

    @property
    def graph(self) -> Graph:
        """What is drawn."""
        return self.sketch.graph

    def starts(self) -> Iterator[str]:
        """Where the inputs come in."""
        return (name for name, node in self.graph.nodes.items() if isinstance(node, Start))

    def mark(self, name: str) -> Mark | None:
        """What is wrong with a node, or with those in a closed box."""
        box = self.sketch.closed.get(name)
        return worst(self.marks.get(node) for node in box.nodes()) if box else self.marks.get(name)

    def ran(self, name: str) -> Ran | None:
        """What a node, or those in a closed box, did."""
        return self.runs.ran(name) if self.runs else None

    def note(self, name: str) -> str:
        """What the user wrote on a node."""
        style = self.styles.get(name)
        return style.note if style else ""

    def tooltip(self, name: str, own: str) -> str:
        """What is told of a node when it is pointed at, by the user or else by us."""
        style = self.styles.get(name)
        return (style.tooltip if style else "") or own

    def hue(self, name: str) -> Hue | None:
        """The hue that the user gave a node."""
        style = self.styles.get(name)
        return named_hue(style.hue) if style and style.hue else None

    def is_idle(self, box: Box) -> bool:
        """Whether there were runs, and nothing in a box ran."""
        states = [ran.state for name in box.nodes() if (ran := self.ran(name)) is not None]
        return bool(states) and set(states) == {"not"}

    def step(self, number: int) -> int:
        """How wide a line is drawn, by how many runs went along it; one run is drawn in the same width all along."""
        if self.runs is None or not self.runs.traffic[number]:
            return 0
        return 3 if self.runs.count == 1 else math.ceil(self.runs.share(number) * WIDTHS)

    def is_unused(self, number: int) -> bool:
        """Whether there were runs, and none went along a line."""
        return self.runs is not None and not self.runs.traffic[number]

    def times(self, number: int) -> str:
        """How many runs went along a line, in words."""
        return f" · {self.runs.traffic[number]:,} of {self.runs.count:,} runs" if self.runs else ""

    def condition(self, line: Line) -> str:
        """The whole condition of a line, where its label shows a part of it."""
        node = self.graph.nodes.get(line.source)
        condition = node.conditions.get(line.route or "", "") if isinstance(node, Switch) else ""
        return "" if line.label.endswith(clean(condition)) else shortened(condition, MAX_CONDITION)

    def called(self, name: str) -> str:
        """A node in words: what an open router comes up with is called after it, and a closed box by its title."""
        if name in self.sketch.closed:
            return self.sketch.closed[name].title
        if isinstance(self.graph.nodes.get(name), Start):
            return "input"
        return "result" if name == END else name.removeprefix("\0")


def scene_of(graph: Graph, **over: Unpack[Over]) -> Scene:
    """Everything that is drawn of a graph; where there are runs, the sketch on which they were counted.

    Raises:
        ValueError: the depth is no whole number, or below 0.
    """
    runs = over.get("runs")
    sketch = runs.sketch if runs else sketched(graph, over.get("depth"))
    return Scene(sketch, over.get("marks") or {}, runs, over.get("styles") or {})
