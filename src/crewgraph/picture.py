"""The verbs of drawing: a pipeline is lowered and handed to a renderer; one with mistakes is drawn as far as it goes, and they are marked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypedDict, Unpack

from crewgraph import render
from crewgraph.compiler import analyse
from crewgraph.drawable import Picture, Style
from crewgraph.graph import Graph
from crewgraph.render import Orientation, Over, Theme
from crewgraph.syntax import Pipeline

__all__ = ["draw", "to_dot", "to_mermaid", "to_svg", "to_text"]


class _Asked(TypedDict, total=False):
    """What the user wants to see of a pipeline, in whatever format."""

    depth: int | None
    run: Any
    style: Style | None


def to_dot(pipeline: Pipeline, *, orientation: Orientation = "LR", **asked: Unpack[_Asked]) -> str:
    """See :meth:`Pipeline.to_dot`."""
    graph, over = _laid(pipeline, **asked)
    return render.to_dot(graph, orientation=orientation, **over)


def to_mermaid(pipeline: Pipeline, *, orientation: Orientation = "LR", **asked: Unpack[_Asked]) -> str:
    """See :meth:`Pipeline.to_mermaid`."""
    graph, over = _laid(pipeline, **asked)
    return render.to_mermaid(graph, orientation=orientation, **over)


def to_svg(
    pipeline: Pipeline, *, orientation: Orientation = "LR", theme: Theme = "auto", **asked: Unpack[_Asked]
) -> Picture:
    """See :meth:`Pipeline.to_svg`."""
    graph, over = _laid(pipeline, **asked)
    return Picture(render.to_svg(graph, orientation=orientation, theme=theme, **over))


def to_text(pipeline: Pipeline, **asked: Unpack[_Asked]) -> str:
    """See :meth:`Pipeline.to_text`."""
    graph, over = _laid(pipeline, **asked)
    return render.to_text(graph, **over)


def draw(
    pipeline: Pipeline,
    path: str | os.PathLike[str],
    *,
    orientation: Orientation = "LR",
    theme: Theme = "auto",
    **asked: Unpack[_Asked],
) -> Path:
    """See :meth:`Pipeline.draw`."""
    name = render.format_of(path)
    graph, over = _laid(pipeline, **asked)
    return render.write(path, render.encoded(graph, name, orientation=orientation, theme=theme, **over))


def _laid(
    pipeline: Pipeline, *, depth: int | None = None, run: Any = None, style: Style | None = None
) -> tuple[Graph, Over]:
    """The graph of a pipeline, and what is laid over it."""
    graph, findings = analyse(pipeline)
    over: Over = {"depth": depth, "marks": render.marks_of(findings)}
    if run is not None:
        over["runs"] = render.runs_of(graph, run, depth=depth)
    if style is not None:
        over["styles"] = render.styles_of(graph, style)
    return graph, over
