"""Where everything stands in a picture: boxes within boxes, each laid out in ranks, and lines around what is in the way.

A box is laid out after the boxes in it. Its items stand in ranks, by the longest way of lines to them, in the order of
the author, or where lines demand it in one that lets fewer of them cross. A line that passes a rank gets a place in it,
like an item; one that enters or leaves the box ends at its border and goes on in the box around it.

Everything here has two axes: *along* the lines and *across* them. Whoever draws from top to bottom swaps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from crewgraph.render.grid import Grid
from crewgraph.render.ranks import Extent, Found, Laid, Point, Slot, order, ranked, spread, wanted
from crewgraph.render.rows import Rows, cuts
from crewgraph.render.sketch import Box
from crewgraph.render.spacing import Drawn, Gaps

__all__ = ["Drawn", "Gaps", "Layout", "Point", "layout_of"]

BROAD, MANY = 3200.0, 12
"""A box with at least so many items side by side that are broader than this is a grid."""
SWEEPS = 16
"""How often items are moved towards their neighbours."""
BEND = 56.0
"""Within this length a line changes its place across."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands where.

    Attributes:
        size: of the whole.
        nodes: the corner nearest to the origin of each node.
        boxes: the corner and the size of each box, by its key.
        lines: the points of each line; between two of the same place across it is straight, else it bends.
        labels: the middle of each label, by the number of its line.
    """

    size: Extent
    nodes: Mapping[str, Point]
    boxes: Mapping[str, tuple[Point, Extent]]
    lines: Sequence[Sequence[Point]]
    labels: Mapping[int, Point]


def layout_of(root: Box, drawn: Drawn) -> Layout:
    """Lay out a picture, of which the outermost box has no border."""
    frame, found = _laid(root, drawn, is_root=True), Found()
    frame.place((0.0, 0.0), 0, found)
    ways = [_joined(found.pieces.get(number, [])) for number in range(len(drawn.lines))]
    return Layout(frame.size, found.nodes, found.boxes, ways, found.labels)


def _joined(pieces: list[tuple[tuple[int, int], list[Point]]]) -> list[Point]:
    """The pieces of a line in their order, each point once."""
    points = list[Point]()
    for _, piece in sorted(pieces, key=lambda each: each[0]):
        for point in piece:
            if not points or point != points[-1]:
                points.append(point)
    return points


def _laid(box: Box, drawn: Drawn, *, is_root: bool = False) -> Laid:
    """A box, in rows one below the other where it is very long, and in a grid where it holds very many side by side."""
    items = [_laid(item, drawn) if isinstance(item, Box) else item for item in box.items]
    frame = _Frame(box, drawn, items, is_root=is_root)
    cells = [] if is_root or frame.across() <= BROAD else list(frame.cells())
    if len(cells) >= MANY and not any(source is None and number in drawn.labels for number, source, _ in frame.ends):
        return Grid(box.key, [_cell(box, drawn, cell) for cell in cells], drawn)
    places = cuts(frame.lengths(), frame.crossings(), across=frame.across(), aspect=drawn.gaps.aspect)
    if not places:
        frame.stand()
        return frame
    bands = list[Laid]()
    for begin, end in pairwise([0, *places, len(frame.rows)]):
        inside = [item for item, slot in zip(items, frame.slots, strict=True) if begin <= slot.rank < end]
        bands.append(_bare(box, drawn, inside))
    return Rows(box.key, bands, drawn, is_root=is_root)


def _cell(box: Box, drawn: Drawn, items: Sequence[Laid | str]) -> Laid | str:
    """What hangs together in a box, as one item."""
    return items[0] if len(items) == 1 else _bare(box, drawn, items)


def _bare(box: Box, drawn: Drawn, items: Sequence[Laid | str]) -> Laid:
    """Some items of a box, without its border."""
    frame = _Frame(box, drawn, items, is_root=True)
    frame.stand()
    return frame


# ---- a box -----------------------------------------------------------------------------------------------------


class _Frame:
    """A box, laid out for itself: everything is measured from its corner.

    Attributes:
        size: of the box, its border included.
        ins, outs: where lines cross the border at the near and the far end, across.
    """

    def __init__(self, box: Box, drawn: Drawn, items: Sequence[Laid | str], *, is_root: bool = False) -> None:
        self.box, self.drawn, self.gaps, self.is_root = box, drawn, drawn.gaps, is_root
        self.ins, self.outs, self.size = dict[int, float](), dict[int, float](), (0.0, 0.0)
        self.items = items
        self.owner = {
            name: place
            for place, item in enumerate(self.items)
            for name in ([item] if isinstance(item, str) else item.members)
        }
        self.members = set(self.owner)
        self.ends = list(drawn.ends(self.owner))
        ranks = ranked(len(self.items), [(a, b) for _, a, b in self.ends if a is not None and b is not None])
        self.slots = [
            Slot(rank, drawn.sizes[item] if isinstance(item, str) else item.size, item, place)
            for place, (item, rank) in enumerate(zip(self.items, ranks, strict=True))
        ]
        self.rows: list[list[Slot]] = [[] for _ in range(max(ranks, default=0) + 1)]
        for slot in self.slots:
            self.rows[slot.rank].append(slot)
        self.chains = {number: self._chain(source, target) for number, source, target in self.ends}
        self.fans = self._fans()
        self.own = set(self._labelled())
        self.labelled = self.own.union(*(item.labelled for item in self.items if not isinstance(item, str)))

    def stand(self) -> None:
        """Find the places of all that is in it."""
        self._connect()
        order(self.rows)
        self._stand((0.0, 0.0) if self.is_root else self.drawn.titles[self.box.key])

    def lengths(self) -> list[float]:
        """How much each rank takes along, with what lies behind it."""
        return [
            max((slot.size[0] for slot in row), default=0.0) + self._gap(rank) for rank, row in enumerate(self.rows)
        ]

    def crossings(self) -> list[int]:
        """How many lines lead from each rank, or over it, to one behind it; those to one node count once."""
        begins = dict[tuple[str, int], tuple[int, int]]()
        for number, source, target in self.ends:
            if source is not None and target is not None:
                first, last = sorted((self.slots[source].rank, self.slots[target].rank))
                key = (self.drawn.lines[number].target, number if number in self.own else -1)
                begins[key] = (min(first, begins.get(key, (first, last))[0]), last)
        steps = [0] * (len(self.rows) + 1)
        for first, last in begins.values():
            steps[first] += 1
            steps[last] -= 1
        return list(accumulate(steps[:-1]))

    def cells(self) -> Iterator[list[Laid | str]]:
        """The items that hang together by lines in the box, in the order of the author."""
        near = [set[int]() for _ in self.items]
        for _, source, target in self.ends:
            if source is not None and target is not None:
                near[source].add(target)
                near[target].add(source)
        seen = set[int]()
        for root in range(len(self.items)):
            together, todo = list[int](), [root] if root not in seen else []
            seen.add(root)
            while todo:
                together.append(todo.pop())
                todo += near[together[-1]] - seen
                seen |= near[together[-1]]
            if together:
                yield [self.items[place] for place in sorted(together)]

    def across(self) -> float:
        """About how broad it is."""
        return max((sum(slot.size[1] + self.gaps.across for slot in row) for row in self.rows), default=0.0)

    def _connect(self) -> None:
        """Tell each slot its neighbours, and how much room the labels beside it take."""
        for number, chain in self.chains.items():
            for one, other in pairwise(chain):
                one.after.append((other, number))
                other.before.append((one, number))
        for number in self.own:
            beside = self.chains[number][number in self.fans]
            beside.wings = max(beside.wings, (self.drawn.labels[number][1] - beside.size[1]) / 2)

    def _labelled(self) -> Iterator[int]:
        """The lines whose labels stand here: behind their source, as soon as something stands behind it."""
        inner = {number for item in self.items if not isinstance(item, str) for number in item.labelled}
        for number, source, target in self.ends:
            if number in self.drawn.labels and source is not None and number not in inner:
                is_last = self.slots[source].rank == len(self.rows) - 1
                if target is not None or not is_last:
                    yield number

    def _chain(self, source: int | None, target: int | None) -> list[Slot]:
        """The slots of a line from end to end; a place is made in each rank that it passes."""
        first = -1 if source is None else self.slots[source].rank
        last = len(self.rows) if target is None else self.slots[target].rank
        chain = [] if source is None else [self.slots[source]]
        place = source if source is not None else target
        assert place is not None, "a line without an end in the box is none of its lines"
        for rank in range(first + 1, last):
            passing = Slot(rank, (0.0, 0.0), None, place)
            self.rows[rank].append(passing)
            chain.append(passing)
        return chain if target is None else [*chain, self.slots[target]]

    # ---- coordinates -------------------------------------------------------------------------------------------

    def _stand(self, least: Extent) -> None:
        """Give each slot its place across and each rank its place along."""
        for row in self.rows:
            spread(row, [0.0] * len(row), self._distances(row))
        for sweep in range(SWEEPS):
            is_back = not sweep % 2  # the last goes forward: what follows alone stands in line
            is_both = SWEEPS // 2 <= sweep < SWEEPS - 2
            for row in reversed(self.rows) if is_back else self.rows:
                places = [wanted(slot, before=is_both or not is_back, after=is_both or is_back) for slot in row]
                spread(row, places, self._distances(row))
        across = self._shift(least[1])
        self.columns = list[tuple[float, float]]()
        start = 0.0 if self.is_root else self.gaps.before
        for rank, row in enumerate(self.rows):
            width = max((slot.size[0] for slot in row), default=0.0)
            self.columns.append((start, width))
            start += width + (self._gap(rank) if rank < len(self.rows) - 1 else 0.0)
        self.size = (max(start + (0.0 if self.is_root else self.gaps.after), least[0]), across)
        for number, source, target in self.ends:
            chain = self.chains[number]
            if source is None:
                self.ins[number] = chain[0].start + chain[0].port(number, is_out=False)
            if target is None:
                self.outs[number] = chain[-1].start + chain[-1].port(number, is_out=True)

    def _shift(self, least: float) -> float:
        """Let the slots begin behind the border; the size of the box across."""
        every = [slot for row in self.rows for slot in row]
        above, below = (0.0, 0.0) if self.is_root else (self.gaps.above, self.gaps.below)
        top = min((slot.start - slot.wings for slot in every), default=0.0)
        needed = max((slot.start + slot.size[1] + slot.wings - top for slot in every), default=0.0) + above + below
        for slot in every:
            slot.start += above - top + max(0.0, least - needed) / 2
        return max(needed, least)

    def _distances(self, row: Sequence[Slot]) -> list[float]:
        """What lies between neighbours of a rank."""
        gaps = self.gaps
        return [
            max(
                gaps.passing if one.item is None or other.item is None else gaps.across,
                one.wings + other.wings + gaps.label if one.wings + other.wings else 0.0,
            )
            for one, other in pairwise(row)
        ]

    def _gap(self, rank: int) -> float:
        """The room behind a rank: for a bend, and for the labels of the lines that begin there."""
        labels = [
            self.drawn.labels[number][0]
            for number, source, _ in self.ends
            if number in self.own and source is not None and self.slots[source].rank == rank
        ]
        return max([self.gaps.along, *(BEND + width + 2 * self.gaps.label for width in labels)])

    # ---- lines -------------------------------------------------------------------------------------------------

    def place(self, corner: Point, depth: int, found: Found) -> None:
        """Write down where everything in the box stands, if its corner stands there."""
        if not self.is_root:
            found.boxes[self.box.key] = corner, self.size
        for item, slot in zip(self.items, self.slots, strict=True):
            at = (corner[0] + self.columns[slot.rank][0], corner[1] + slot.start)
            if isinstance(item, str):
                found.nodes[item] = at
            else:
                item.place(at, depth + 1, found)
        for number, source, target in self.ends:
            points = self._points(number, source, target)
            phase = (2, depth) if source is None else (0, -depth) if target is None else (1, 0)
            found.piece(number, phase, corner, points)
            if number in self.own and source is not None:
                x, y = self._label(self.slots[source].rank, points, is_fan=number in self.fans)
                found.labels[number] = corner[0] + x, corner[1] + y

    def _fans(self) -> set[int]:
        """The lines that leave together with others: they part at once, and others meet as late as they can."""
        leaving = dict[str, list[int]]()
        for number, source, _ in self.ends:
            if source is not None:
                leaving.setdefault(self.drawn.lines[number].source, []).append(number)
        return {number for several in leaving.values() if len(several) > 1 for number in several}

    def _points(self, number: int, source: int | None, target: int | None) -> list[Point]:
        """A line through this box: from the source, or the border, to the target, or the border."""
        points = [(0.0, self.ins[number])] if source is None else []
        for slot in self.chains[number]:
            is_first = source is not None and slot is self.slots[source]
            start, width = self.columns[slot.rank]
            y = slot.start + slot.port(number, is_out=is_first)
            if is_first:
                points.append((start + slot.size[0], y))
            else:
                points += self._bent(points[-1], (start, y), is_early=number in self.fans)
            if target is None or slot is not self.slots[target]:
                points.append((start + width, y))
        return points if target is not None else [*points, (self.size[0], points[-1][1])]

    def _bent(self, one: Point, other: Point, *, is_early: bool) -> list[Point]:
        """The way from one rank to the next: straight but for one bend, at the near or the far end."""
        room = min(BEND, other[0] - one[0])
        between = (one[0] + room, other[1]) if is_early else (other[0] - room, one[1])
        return [between, other]

    def _label(self, rank: int, points: Sequence[Point], *, is_fan: bool) -> Point:
        """The middle of a label: behind the bend of a line that parts from others, else before it."""
        start, width = self.columns[rank]
        begin, end = start + width, start + width + self._gap(rank)
        inside = [point for point in points if begin <= point[0] <= end]
        along = (begin + BEND + end) / 2 if is_fan else (begin + end - BEND) / 2
        return along, inside[-1][1] if is_fan else inside[0][1]
