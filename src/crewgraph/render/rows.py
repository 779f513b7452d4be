"""Rows: a box that is very long is broken into several, one below the other, as a text is.

A row is a box without a border. A line from one row to another leaves it at the far end, goes back in the space between
the rows, and comes into the other one at its near end. Each has a track of its own there, but for those that come from
one row and lead to one node.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from crewgraph.render.ranks import Extent, Found, Laid, Point
from crewgraph.render.spacing import Drawn

__all__ = ["Rows", "cuts"]

LONG = 6400.0
"""Boxes are broken where they are longer than this."""
ROW = 2800.0
"""No row is made shorter than about this."""
TRACK = 12.0
"""Between two lines that go back."""
MARGIN = 22.0
"""Between a row and the lines around it."""
SLACK = 0.3
"""By which part of a row it may end earlier or later, where fewer lines are cut there."""
MAX_CUT = 10
"""A row does not end where more lines than these would have to go back; it may be twice as long until there are fewer."""


def cuts(lengths: Sequence[float], crossings: Sequence[int], *, across: float, aspect: float) -> list[int]:
    """The ranks with which new rows begin; none where the box is not too long.

    Args:
        lengths: of the ranks.
        crossings: how many lines lead from each rank to those behind it.
        across: how broad a row is, about.
        aspect: how long the whole is to be, by how broad.
    """
    total = sum(lengths)
    if total <= LONG:
        return []
    wish = max(ROW, math.sqrt(aspect * total * (across + 2 * MARGIN)))
    wish = total / math.ceil(total / wish)
    ends, begin, found = list(accumulate(lengths)), 0.0, list[int]()
    while total - begin > wish * (1 + SLACK):
        near = [rank for rank, end in enumerate(ends[:-1]) if abs(end - begin - wish) <= SLACK * wish]
        later = (
            rank
            for rank, end in enumerate(ends)
            if wish < end - begin <= 2 * wish and total - end >= wish / 2  # no row of a few nodes at the end
        )
        fitting = sorted(
            (rank for rank in near if crossings[rank] <= MAX_CUT),
            key=lambda rank: (crossings[rank], abs(ends[rank] - begin - wish)),
        )
        cut = next(iter(fitting), None)
        cut = next((rank for rank in later if crossings[rank] <= MAX_CUT), None) if cut is None else cut
        if cut is None:
            break
        found.append(cut + 1)
        begin = ends[cut]
    return found


class Rows:
    """A box in rows; everything is measured from its corner, as in any other.

    Attributes:
        size: with its border.
        ins, outs: where lines cross the border at the near and the far end, across.
        members: the nodes in it.
        labelled: the lines whose labels stand in it.
    """

    def __init__(self, key: str, bands: Sequence[Laid], drawn: Drawn, *, is_root: bool) -> None:
        self.key, self.bands, self.drawn, self.is_root = key, bands, drawn, is_root
        self.owner = {name: number for number, band in enumerate(bands) for name in band.members}
        self.members = set(self.owner)
        self.ends = list(drawn.ends(self.owner))
        inner = set[int]().union(*(band.labelled for band in bands))
        self.own = {
            number
            for number, source, target in self.ends
            if number in drawn.labels and number not in inner and source is not None and target is not None
        }
        self.labelled = inner | self.own
        self.back = [list[tuple[int, int]]() for _ in bands]
        self.leader = dict[int, int]()
        first = dict[tuple[int, str], int]()
        for number, source, target in self.ends:
            if source is not None and target is not None:
                own = number if number in self.own else first.setdefault((source, drawn.lines[number].target), number)
                self.leader[number] = own
                self.back[target] += [(number, source)] if own == number else []
        for row, lines in enumerate(self.back):
            # near rows first, and of one row the lowest line: so none of them cross one another
            ranked = [(abs(row - source), -bands[source].outs[number], number, source) for number, source in lines]
            self.back[row] = [(number, source) for _, _, number, source in sorted(ranked)]
        self.right = self._tracks()
        self.ins, self.outs = dict[int, float](), dict[int, float]()
        self.size: Extent = self._stand()

    def _tracks(self) -> dict[int, int]:
        """For each line that goes back the number of its track at the far end; one is used again further on."""
        taken, tracks = list[list[tuple[int, int]]](), dict[int, int]()
        for target, lines in enumerate(self.back):
            for number, source in lines:
                first, last = sorted((source, target))
                free = (
                    place
                    for place, used in enumerate(taken)
                    if all(last <= one or other <= first for one, other in used)
                )
                place = next(free, len(taken))
                taken += [[]] if place == len(taken) else []
                taken[place].append((first, last))
                tracks[number] = place
        return tracks

    def _stand(self) -> Extent:
        """Put the rows one below the other; the size of the whole."""
        gaps = self.drawn.gaps
        before, after, above, below = (
            (0.0, 0.0, 0.0, 0.0) if self.is_root else (gaps.before, gaps.after, gaps.above, gaps.below)
        )
        deepest = max(map(len, self.back))
        self.left = before + deepest * TRACK + MARGIN
        self.far = self.left + max(band.size[0] for band in self.bands)
        self.starts, self.lanes = list[float](), dict[int, float]()
        y = above
        for band, lines in zip(self.bands, self.back, strict=True):
            y += MARGIN if self.starts else 0.0
            for number, _ in lines:
                broad = self.drawn.labels[number][1] + TRACK / 2 if number in self.own else TRACK
                self.lanes[number] = y + broad / 2
                y += broad
            y += MARGIN if self.starts else 0.0
            self.starts.append(y)
            y += band.size[1]
        for number, source, target in self.ends:
            if source is None and target is not None:
                self.ins[number] = self.starts[target] + self.bands[target].ins[number]
            elif target is None and source is not None:
                self.outs[number] = self.starts[source] + self.bands[source].outs[number]
        width = self.far + MARGIN + TRACK * (max(self.right.values(), default=-1) + 1) + after
        least = (0.0, 0.0) if self.is_root else self.drawn.titles[self.key]
        return max(width, least[0]), max(y + below, least[1])

    def place(self, corner: Point, depth: int, found: Found) -> None:
        """Write down where everything in the box stands, if its corner stands there."""
        if not self.is_root:
            found.boxes[self.key] = corner, self.size
        for band, start in zip(self.bands, self.starts, strict=True):
            band.place((corner[0] + self.left, corner[1] + start), depth + 1, found)
        for number, source, target in self.ends:
            phase = (2, depth) if source is None else (0, -depth) if target is None else (1, 0)
            found.piece(number, phase, corner, self._points(number, source, target))
            if number in self.own:
                length = self.drawn.labels[number][0]
                found.labels[number] = corner[0] + self.far - length / 2, corner[1] + self.lanes[number]

    def _points(self, number: int, source: int | None, target: int | None) -> list[Point]:
        """A line between two rows, or between a row and the border."""
        points = list[Point]()
        if source is None:
            points.append((0.0, self.ins[number]))
        else:
            y = self.starts[source] + self.bands[source].outs[number]
            points.append((self.left + self.bands[source].size[0], y))
        if source is not None and target is not None:
            leader = self.leader[number]
            far = self.far + MARGIN + TRACK * self.right[leader]
            order = [each for each, _ in self.back[target]].index(leader)
            near = self.left - MARGIN - TRACK * (len(self.back[target]) - 1 - order)
            lane = self.lanes[leader]
            points += [(far, points[0][1]), (far, lane), (near, lane)]
        if target is None:
            return [*points, (self.size[0], points[0][1])]
        y = self.starts[target] + self.bands[target].ins[number]
        return [*points, *([(points[-1][0], y)] if source is not None else []), (self.left, y)]
