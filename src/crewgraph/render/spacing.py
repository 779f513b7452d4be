"""What is to be laid out: sizes and distances, along the lines of a picture and across them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crewgraph.render.ranks import Extent
from crewgraph.render.sketch import Line

__all__ = ["Drawn", "Gaps"]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Distances in pixels.

    Attributes:
        along: between two ranks.
        across: between two items of a rank.
        passing: between a line that passes a rank and what is beside it.
        label: around a label on a line.
        before, after: from a box's border to what is in it, along the lines.
        above, below: the same, across them.
        aspect: by how much long pictures are longer along than across, once they are broken into rows.
    """

    along: float = 52
    across: float = 24
    passing: float = 16
    label: float = 12
    before: float = 16
    after: float = 16
    above: float = 34
    below: float = 16
    aspect: float = 1.8


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is to be laid out.

    Attributes:
        lines: all lines.
        sizes: of the nodes.
        labels: the sizes of labels, by the number of their line.
        titles: the least sizes of boxes, by their keys, so that their titles fit.
        gaps: the distances.
    """

    lines: Sequence[Line]
    sizes: Mapping[str, Extent]
    labels: Mapping[int, Extent]
    titles: Mapping[str, Extent]
    gaps: Gaps
