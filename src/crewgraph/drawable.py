"""The verbs of drawing, which every pipeline has; their work is done in a higher room."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Literal

from crewgraph.outputs import PipelineKickoffResult, RunResult
from crewgraph.runtime import verb

__all__ = ["Drawable", "Picture", "bundle"]


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

    def to_dot(self, *, orientation: Literal["LR", "TB"] = "LR") -> str:
        """The picture as Graphviz source, from left to right or from top to bottom."""
        return verb("to_dot")(self, orientation=orientation)

    def to_mermaid(self, *, orientation: Literal["LR", "TB"] = "LR") -> str:
        """The picture as Mermaid source, from left to right or from top to bottom."""
        return verb("to_mermaid")(self, orientation=orientation)

    def to_svg(
        self,
        *,
        orientation: Literal["LR", "TB"] = "LR",
        theme: Literal["auto", "light", "dark"] = "auto",
        run: RunResult | PipelineKickoffResult | Iterable[RunResult] | None = None,
    ) -> str:
        """The picture as SVG, with the routes of routers in their order; the same bytes on every machine.

        It is text; where it ends the cell of a notebook it is shown as a picture.

        Args:
            orientation: "LR" from left to right, "TB" from top to bottom.
            theme: "light", "dark", or "auto" for what the reader's desktop has.
            run: a result of this pipeline, to be laid over it: the route taken, durations, tokens, money and errors. Of
                a whole kickoff, or of several results, lines are as wide as many runs went along them, and times are
                the median and the 95th percentile.
        """
        return verb("to_svg")(self, orientation=orientation, theme=theme, run=run)

    def to_text(self) -> str:
        """The picture as a tree of plain text."""
        return verb("to_text")(self)

    def draw(
        self,
        path: str | PathLike[str],
        *,
        orientation: Literal["LR", "TB"] = "LR",
        theme: Literal["auto", "light", "dark"] = "auto",
        run: RunResult | PipelineKickoffResult | Iterable[RunResult] | None = None,
    ) -> Path:
        """Write the picture to a file: .svg, .dot, .mmd and .txt always, .png and .pdf with Graphviz installed.

        Args:
            path: where to; its ending says in which format. Missing folders are made.
            orientation: "LR" from left to right, "TB" from top to bottom.
            theme: the colours of an SVG: "light", "dark", or "auto" for what the reader's desktop has.
            run: a result of this pipeline, several, or a whole kickoff, to be laid over an SVG: see :meth:`to_svg`.

        Returns:
            The path written.

        Raises:
            RenderError: Graphviz is needed and not there, the ending is unknown, or the file cannot be written.
        """
        return verb("draw")(self, path, orientation=orientation, theme=theme, run=run)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The picture, for notebooks."""
        try:
            svg = self.to_svg()
        except Exception:  # noqa: BLE001 - a node of the user's that cannot describe itself; check() says so
            return {"text/plain": repr(self)}
        return bundle(repr(self), svg, alt="a pipeline")
