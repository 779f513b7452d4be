"""The verbs of drawing, which every pipeline has; their work is done in a higher room."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal

from crewgraph.runtime import verb

__all__ = ["Drawable"]


class Drawable:
    """Whatever can be drawn."""

    __slots__ = ()

    def to_dot(self, *, orientation: Literal["LR", "TB"] = "LR") -> str:
        """The picture as Graphviz source, from left to right or from top to bottom."""
        return verb("to_dot")(self, orientation=orientation)

    def to_mermaid(self, *, orientation: Literal["LR", "TB"] = "LR") -> str:
        """The picture as Mermaid source, from left to right or from top to bottom."""
        return verb("to_mermaid")(self, orientation=orientation)

    def to_text(self) -> str:
        """The picture as a tree of plain text."""
        return verb("to_text")(self)

    def draw(self, path: str | PathLike[str], *, orientation: Literal["LR", "TB"] = "LR") -> Path:
        """Write the picture to a file: .dot, .mmd and .txt always, .svg, .png and .pdf with Graphviz installed.

        Args:
            path: where to; its ending says in which format. Missing folders are made.
            orientation: "LR" from left to right, "TB" from top to bottom.

        Returns:
            The path written.

        Raises:
            RenderError: Graphviz is needed and not there, the ending is unknown, or the file cannot be written.
        """
        return verb("draw")(self, path, orientation=orientation)
