"""What is to be laid out: sizes and distances, along the lines of a picture and across them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
        touching: the numbers of the lines that begin or end at each node.
    """

    lines: Sequence[Line]
    sizes: Mapping[str, Extent]
    labels: Mapping[int, Extent]
    titles: Mapping[str, Extent]
    gaps: Gaps
    touching: Mapping[str, Sequence[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Note which lines touch which nodes: boxes are many."""
        touching = dict[str, list[int]]()
        for number, line in enumerate(self.lines):
            for name in (line.source, line.target):
                touching.setdefault(name, []).append(number)
        object.__setattr__(self, "touching", touching)

    def ends(self, owner: Mapping[str, int]) -> Iterator[tuple[int, int | None, int | None]]:
        """The lines that begin or end in a box, not within one of its items; each with the items at its ends, if any."""
        for number in sorted({number for name in owner for number in self.touching.get(name, ())}):
            line = self.lines[number]
            source, target = owner.get(line.source), owner.get(line.target)
            if source != target:
                yield number, source, target
