"""The verbs of drawing, which every pipeline has; their work is done in a higher room."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from crewgraph import outputs
from crewgraph.runtime import verb

__all__ = ["Drawable", "DrawnNode", "Hue", "NodeStyle", "Picture", "Style", "bundle"]

Hue = Literal["blue", "green", "amber", "violet", "teal", "pink", "slate"]
"""The hues for nodes, in light and dark; red is for what failed, and nothing else."""


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """What a style is asked about.

    Attributes:
        name: in the picture, in results and in traces.
        kind: "crew", "step", "router", or what the node calls itself.
        node: the crew, step or router itself.
    """

    name: str
    kind: str
    node: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStyle:
    """How a node looks in a picture.

    Attributes:
        hue: one of seven hues; ``None`` leaves it as it is.
        note: a few words on it.
        tooltip: what is told when it is pointed at, in formats that can.
    """

    hue: Hue | None = None
    note: str = ""
    tooltip: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no hue, or no text."""
        if self.hue is not None and self.hue not in get_args(Hue):
            raise ValueError(f"hue is {', '.join(map(repr, get_args(Hue)))} or None, not {self.hue!r}")
        for name, text in (("note", self.note), ("tooltip", self.tooltip)):
            if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - it is the user's
                raise TypeError(f"{name} is a str, not {type(text).__name__}")


Style = Callable[[DrawnNode], NodeStyle | None]
"""A rule of the user's: how a node looks; ``None`` leaves it as it is."""
Ran: TypeAlias = "outputs.RunResult | outputs.PipelineKickoffResult | Iterable[outputs.RunResult] | None"
"""A result to be laid over a picture, several, or a whole kickoff."""


class Picture(str):
    """The text of an SVG, which a notebook shows as a picture."""

    __slots__ = ()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The picture, for notebooks."""
        return bundle(f"an SVG of {len(self):,} characters", self, alt="a pipeline")


def bundle(words: str, svg: str, *, alt: str) -> dict[str, str]:
    """A picture for notebooks: an image, so that a notebook which is not trusted shows it too, and words."""
    image = base64.b64encode(svg.encode()).decode()
    return {
        "text/plain": words,
        "image/svg+xml": str(svg),
        "text/html": f'<img style="max-width:100%" alt="{alt}" src="data:image/svg+xml;base64,{image}"/>',
    }


class Drawable:
    """Whatever can be drawn."""

    __slots__ = ()

    def to_dot(
        self,
        *,
        orientation: Literal["LR", "TB"] = "LR",
        depth: int | None = None,
        run: Ran = None,
        style: Style | None = None,
    ) -> str:
        """The picture as Graphviz source; arguments as for :meth:`to_svg`."""
        return verb("to_dot")(self, orientation=orientation, depth=depth, run=run, style=style)

    def to_mermaid(
        self,
        *,
        orientation: Literal["LR", "TB"] = "LR",
        depth: int | None = None,
        run: Ran = None,
        style: Style | None = None,
    ) -> str:
        """The picture as Mermaid source; arguments as for :meth:`to_svg`."""
        return verb("to_mermaid")(self, orientation=orientation, depth=depth, run=run, style=style)

    def to_svg(
        self,
        *,
        orientation: Literal["LR", "TB"] = "LR",
        theme: Literal["auto", "light", "dark"] = "auto",
        depth: int | None = None,
        run: Ran = None,
        style: Style | None = None,
    ) -> str:
        """The picture as SVG, with the routes of routers in their order; the same bytes on every machine.

        It is text; where it ends the cell of a notebook it is shown as a picture.

        Args:
            orientation: "LR" from left to right, "TB" from top to bottom.
            theme: "light", "dark", or "auto" for what the reader's desktop has.
            depth: how many frames within frames are open; those nested deeper become one card each. A frame is a
                parallel stage, a route, or a pipeline with a name inside another one. ``None`` opens all.
            run: a result of this pipeline, to be laid over it: the route taken, durations, tokens, money and errors. Of
                a whole kickoff, or of several results, lines are as wide as many runs went along them, and times are
                the median and the 95th percentile.
            style: a function that is asked once for each crew, step and router how it is to look.

        Raises:
            RenderError: the style failed, or gave no :class:`NodeStyle`.
            ValueError: the depth is no whole number, or below 0.
        """
        return verb("to_svg")(self, orientation=orientation, theme=theme, depth=depth, run=run, style=style)

    def to_text(self, *, depth: int | None = None, run: Ran = None, style: Style | None = None) -> str:
        """The picture as a tree of plain text, with the notes of a style; arguments as for :meth:`to_svg`."""
        return verb("to_text")(self, depth=depth, run=run, style=style)

    def draw(
        self,
        path: str | PathLike[str],
        *,
        orientation: Literal["LR", "TB"] = "LR",
        theme: Literal["auto", "light", "dark"] = "auto",
        depth: int | None = None,
        run: Ran = None,
        style: Style | None = None,
    ) -> Path:
        """Write the picture to a file: .svg, .dot, .mmd and .txt always, .png and .pdf with Graphviz installed.

        Args:
            path: where to; its ending says in which format. Missing folders are made.
            orientation: "LR" from left to right, "TB" from top to bottom.
            theme: the colours of an SVG: "light", "dark", or "auto" for what the reader's desktop has.
            depth: how many frames within frames are open: see :meth:`to_svg`.
            run: a result of this pipeline, several, or a whole kickoff, to be laid over it: see :meth:`to_svg`.
            style: how nodes are to look: see :meth:`to_svg`.

        Returns:
            The path written.

        Raises:
            RenderError: Graphviz is needed and not there, the ending is unknown, the style failed, or the file cannot
                be written.
            ValueError: the depth is no whole number, or below 0.
        """
        return verb("draw")(self, path, orientation=orientation, theme=theme, depth=depth, run=run, style=style)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The picture, for notebooks."""
        try:
            svg = self.to_svg()
        except Exception:  # noqa: BLE001 - a node of the user's that cannot describe itself; check() says so
            return {"text/plain": repr(self)}
        return bundle(repr(self), svg, alt="a pipeline")
