"""The verbs of drawing: a pipeline is lowered and handed to a renderer; one with mistakes is drawn as far as it goes, and they are marked."""

from __future__ import annotations

import os
from pathlib import Path

from crewgraph import render
from crewgraph.compiler import analyse
from crewgraph.graph import Graph
from crewgraph.render import Marks, Orientation, Theme
from crewgraph.syntax import Pipeline

__all__ = ["draw", "to_dot", "to_mermaid", "to_svg", "to_text"]


def to_dot(pipeline: Pipeline, *, orientation: Orientation = "LR") -> str:
    """See :meth:`Pipeline.to_dot`."""
    graph, marks = _marked(pipeline)
    return render.to_dot(graph, orientation=orientation, marks=marks)


def to_mermaid(pipeline: Pipeline, *, orientation: Orientation = "LR") -> str:
    """See :meth:`Pipeline.to_mermaid`."""
    graph, marks = _marked(pipeline)
    return render.to_mermaid(graph, orientation=orientation, marks=marks)


def to_svg(pipeline: Pipeline, *, orientation: Orientation = "LR", theme: Theme = "auto") -> str:
    """See :meth:`Pipeline.to_svg`."""
    graph, marks = _marked(pipeline)
    return render.to_svg(graph, orientation=orientation, marks=marks, theme=theme)


def to_text(pipeline: Pipeline) -> str:
    """See :meth:`Pipeline.to_text`."""
    graph, marks = _marked(pipeline)
    return render.to_text(graph, marks=marks)


def draw(
    pipeline: Pipeline, path: str | os.PathLike[str], *, orientation: Orientation = "LR", theme: Theme = "auto"
) -> Path:
    """See :meth:`Pipeline.draw`."""
    graph, marks = _marked(pipeline)
    name = render.format_of(path)
    return render.write(path, render.encoded(graph, name, orientation=orientation, marks=marks, theme=theme))


def _marked(pipeline: Pipeline) -> tuple[Graph, Marks]:
    graph, findings = analyse(pipeline)
    return graph, render.marks_of(findings)
