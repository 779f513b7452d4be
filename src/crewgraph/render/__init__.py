"""From a graph to a picture: SVG, DOT, Mermaid, a tree of text, and through Graphviz PNG and PDF.

Everything here is a pure function of a graph, but for :func:`encoded` and :func:`write`, which run ``dot`` and write
files. A picture holds names, models and conditions, and never the text of a prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.render.dot import to_dot
    from crewgraph.render.files import FORMATS, encoded, format_of, replacing, write
    from crewgraph.render.marks import Mark, Marks, marks_of
    from crewgraph.render.mermaid import to_mermaid
    from crewgraph.render.runs import Runs, runs_of
    from crewgraph.render.scene import Over
    from crewgraph.render.sketch import Orientation
    from crewgraph.render.styles import Styles, styles_of
    from crewgraph.render.svg import to_svg
    from crewgraph.render.text import to_text
    from crewgraph.render.theme import Theme

__all__ = [
    "FORMATS",
    "Mark",
    "Marks",
    "Orientation",
    "Over",
    "Runs",
    "Styles",
    "Theme",
    "encoded",
    "format_of",
    "marks_of",
    "replacing",
    "runs_of",
    "styles_of",
    "to_dot",
    "to_mermaid",
    "to_svg",
    "to_text",
    "write",
]

lazily(
    __name__,
    {
        "crewgraph.render.dot": "to_dot",
        "crewgraph.render.files": "FORMATS encoded format_of replacing write",
        "crewgraph.render.marks": "Mark Marks marks_of",
        "crewgraph.render.mermaid": "to_mermaid",
        "crewgraph.render.runs": "Runs runs_of",
        "crewgraph.render.scene": "Over",
        "crewgraph.render.sketch": "Orientation",
        "crewgraph.render.styles": "Styles styles_of",
        "crewgraph.render.svg": "to_svg",
        "crewgraph.render.text": "to_text",
        "crewgraph.render.theme": "Theme",
    },
)
