"""A grid: a box with very many items side by side has them in rows.

Lines enter in one place and leave in one, as what stands side by side is led to from one place and leads to one. Above
each row is a track for the lines into its items, and below it one for those out of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from crewgraph.render.ranks import Extent, Found, Laid, Point
from crewgraph.render.spacing import Drawn

__all__ = ["Grid"]

TRACK = 16.0
"""Between a track and the items beside it."""
STUB = 18.0
"""How far from an item a line turns."""


class Grid:
    """A box in a grid; everything is measured from its corner, as in any other.

    Attributes:
        size: with its border.
        ins, outs: where lines cross the border at the near and the far end, across.
        members: the nodes in it.
        labelled: the lines whose labels stand in it.
    """

    def __init__(self, key: str, cells: Sequence[Laid | str], drawn: Drawn) -> None:
        self.key, self.cells, self.drawn = key, cells, drawn
        self.owner = {
            name: place
            for place, cell in enumerate(cells)
            for name in ([cell] if isinstance(cell, str) else cell.members)
        }
        self.members = set(self.owner)
        self.ends = list(drawn.ends(self.owner))
        inner = {number for cell in cells if not isinstance(cell, str) for number in cell.labelled}
        self.own = {number for number, source, _ in self.ends if number in drawn.labels and source is not None} - inner
        self.labelled = inner | self.own
        self.sizes = [drawn.sizes[cell] if isinstance(cell, str) else cell.size for cell in cells]
        label = max((drawn.labels[number][0] + 2 * drawn.gaps.label for number in self.own), default=0.0)
        self.behind = max(drawn.gaps.along, label + 2 * STUB)
        self.turns = dict[int, float]()
        for number, source, _ in self.ends:
            if source is not None and number in self.own:
                room = drawn.labels[number][0] + 2 * drawn.gaps.label
                self.turns[source] = max(room, self.turns.get(source, 0.0))
        self.columns = self._columns()
        self.ins, self.outs = dict[int, float](), dict[int, float]()
        self.size: Extent = self._stand()

    def _columns(self) -> int:
        """How many items are in a row, so that the whole is about as long as it is to be."""
        length = max(size[0] for size in self.sizes) + self.behind
        across = sum(size[1] + 2 * TRACK + self.drawn.gaps.across for size in self.sizes)
        return max(2, round(math.sqrt(self.drawn.gaps.aspect * across / length)))

    def _stand(self) -> Extent:
        """Put the items into rows; the size of the whole."""
        gaps, count = self.drawn.gaps, self.columns
        widths = [max(size[0] for size in self.sizes[column::count]) for column in range(count)]
        self.starts = [gaps.before + 2 * STUB]  # a stub for the way to the tracks, one for the way to the items
        for width in widths:
            self.starts.append(self.starts[-1] + width + self.behind)
        self.corners, self.tracks, y = list[Point](), list[tuple[float, float]](), gaps.above
        for begin in range(0, len(self.cells), count):
            row = self.sizes[begin : begin + count]
            broad = max(size[1] for size in row)
            self.tracks.append((y, y + broad + 2 * TRACK))
            self.corners += [
                (self.starts[column], y + TRACK + (broad - size[1]) / 2) for column, size in enumerate(row)
            ]
            y += broad + 2 * TRACK + gaps.across / 2
        least = self.drawn.titles[self.key]
        across = max(y - gaps.across / 2 + gaps.below, least[1])
        for number, source, _ in self.ends:
            (self.ins if source is None else self.outs)[number] = across / 2
        return max(self.starts[-1] + gaps.after, least[0]), across

    def place(self, corner: Point, depth: int, found: Found) -> None:
        """Write down where everything in the box stands, if its corner stands there."""
        found.boxes[self.key] = corner, self.size
        for cell, (x, y) in zip(self.cells, self.corners, strict=True):
            if isinstance(cell, str):
                found.nodes[cell] = corner[0] + x, corner[1] + y
            else:
                cell.place((corner[0] + x, corner[1] + y), depth + 1, found)
        for number, source, target in self.ends:
            if source is None:
                assert target is not None, "a line without an end in the box is none of its lines"
                found.piece(number, (2, depth), corner, self._into(number, target))
                continue
            points = self._out_of(number, source)
            found.piece(number, (0, -depth), corner, points)
            if number in self.own:
                middle = points[0][0] + self.drawn.gaps.label + self.drawn.labels[number][0] / 2
                found.labels[number] = corner[0] + middle, corner[1] + points[0][1]

    def _into(self, number: int, place: int) -> list[Point]:
        """A line from the border to the track above the row, and from there to the item."""
        cell, (x, y), track = self.cells[place], self.corners[place], self.tracks[place // self.columns][0]
        first, middle = self.drawn.gaps.before, self.ins[number]
        y += self.sizes[place][1] / 2 if isinstance(cell, str) else cell.ins[number]
        return [(0.0, middle), (first, middle), (first, track), (x - STUB, track), (x - STUB, y), (x, y)]

    def _out_of(self, number: int, place: int) -> list[Point]:
        """A line from an item to the track below the row, and from there to the border."""
        cell, (x, y), track = self.cells[place], self.corners[place], self.tracks[place // self.columns][1]
        last, middle = self.size[0] - self.drawn.gaps.after, self.outs[number]
        x += self.sizes[place][0]
        y += self.sizes[place][1] / 2 if isinstance(cell, str) else cell.outs[number]
        turn = x + self.turns.get(place, STUB)
        return [(x, y), (turn, y), (turn, track), (last, track), (last, middle), (self.size[0], middle)]
