"""The verbs of drawing: a pipeline is lowered and handed to a renderer; one with mistakes is drawn as far as it goes."""

from __future__ import annotations

import os
from pathlib import Path

from crewgraph import render
from crewgraph.compiler import analyse
from crewgraph.graph import Graph
from crewgraph.render import Orientation
from crewgraph.syntax import Pipeline

__all__ = ["draw", "to_dot", "to_mermaid", "to_text"]


def to_dot(pipeline: Pipeline, *, orientation: Orientation = "LR") -> str:
    """See :meth:`Pipeline.to_dot`."""
    return render.to_dot(_graph(pipeline), orientation=orientation)


def to_mermaid(pipeline: Pipeline, *, orientation: Orientation = "LR") -> str:
    """See :meth:`Pipeline.to_mermaid`."""
    return render.to_mermaid(_graph(pipeline), orientation=orientation)


def to_text(pipeline: Pipeline) -> str:
    """See :meth:`Pipeline.to_text`."""
    return render.to_text(_graph(pipeline))


def draw(pipeline: Pipeline, path: str | os.PathLike[str], *, orientation: Orientation = "LR") -> Path:
    """See :meth:`Pipeline.draw`."""
    content = render.encoded(_graph(pipeline), render.format_of(path), orientation=orientation)
    return render.write(path, content)


def _graph(pipeline: Pipeline) -> Graph:
    return analyse(pipeline)[0]
