"""The verbs of drawing: a pipeline is lowered and handed to a renderer; one with mistakes is drawn as far as it goes, and they are marked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from crewgraph import render
from crewgraph.compiler import analyse
from crewgraph.drawable import Picture
from crewgraph.errors import RenderError
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


def to_svg(pipeline: Pipeline, *, orientation: Orientation = "LR", theme: Theme = "auto", run: Any = None) -> Picture:
    """See :meth:`Pipeline.to_svg`."""
    graph, marks = _marked(pipeline)
    runs = None if run is None else render.runs_of(graph, run)
    return Picture(render.to_svg(graph, orientation=orientation, marks=marks, theme=theme, runs=runs))


def to_text(pipeline: Pipeline) -> str:
    """See :meth:`Pipeline.to_text`."""
    graph, marks = _marked(pipeline)
    return render.to_text(graph, marks=marks)


def draw(
    pipeline: Pipeline,
    path: str | os.PathLike[str],
    *,
    orientation: Orientation = "LR",
    theme: Theme = "auto",
    run: Any = None,
) -> Path:
    """See :meth:`Pipeline.draw`."""
    name = render.format_of(path)
    if run is not None and name != "svg":
        raise RenderError(
            f"a run is laid over SVG pictures only, not over {name}. hint: name the file {Path(path).stem}.svg"
        )
    graph, marks = _marked(pipeline)
    runs = None if run is None else render.runs_of(graph, run)
    picture = render.encoded(graph, name, orientation=orientation, marks=marks, theme=theme, runs=runs)
    return render.write(path, picture)


def _marked(pipeline: Pipeline) -> tuple[Graph, Marks]:
    graph, findings = analyse(pipeline)
    return graph, render.marks_of(findings)
