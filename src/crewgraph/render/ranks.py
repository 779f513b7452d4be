"""The places in the ranks of a box: in which rank an item stands, in which order, and where across.

Within a rank the items are moved as close as they can come to what they are connected with, by least squares under the
order and the distances (isotonic regression, by pooling adjacent violators).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["STRAIGHT", "Extent", "Found", "Laid", "Point", "Slot", "order", "ranked", "spread", "wanted"]

Point = tuple[float, float]
"""Along, across."""

Extent = tuple[float, float]
"""A size in pixels: along the lines, across them."""
STRAIGHT = 6.0
"""How much more a line is kept straight where it passes a rank than where it ends."""


@dataclass(slots=True)
class Found:
    """Where everything stands, as far as it is known."""

    nodes: dict[str, Point] = field(default_factory=dict[str, Point])
    boxes: dict[str, tuple[Point, Extent]] = field(default_factory=dict[str, tuple[Point, Extent]])
    labels: dict[int, Point] = field(default_factory=dict[int, Point])
    pieces: dict[int, list[tuple[tuple[int, int], list[Point]]]] = field(
        default_factory=dict[int, list[tuple[tuple[int, int], list[Point]]]]
    )

    def piece(self, number: int, phase: tuple[int, int], corner: Point, points: Iterable[Point]) -> None:
        """Note a piece of a line, measured from a corner; pieces follow one another by their phases."""
        self.pieces.setdefault(number, []).append((phase, [(corner[0] + x, corner[1] + y) for x, y in points]))


class Laid(Protocol):
    """A box that is laid out.

    Attributes:
        size: with its border.
        ins, outs: where lines cross the border at the near and the far end, across.
        members: the nodes in it.
        labelled: the lines whose labels stand in it.
    """

    size: Extent
    ins: dict[int, float]
    outs: dict[int, float]
    members: set[str]
    labelled: set[int]

    def place(self, corner: Point, depth: int, found: Found) -> None:
        """Write down where everything in it stands, if its corner stands there."""


@dataclass(slots=True)
class Slot:
    """A place in a rank: an item, or a line that passes.

    Attributes:
        rank: where it stands along.
        size: of the item; a line takes none.
        item: the name of a node, a box that is laid out, or ``None``.
        order: where the author has it.
        start: its first pixel across.
        wings: by how much labels on its lines are broader, at each side.
    """

    rank: int
    size: Extent
    item: str | Laid | None
    order: int
    start: float = 0.0
    wings: float = 0.0
    before: list[tuple[Slot, int]] = field(default_factory=list["tuple[Slot, int]"])
    after: list[tuple[Slot, int]] = field(default_factory=list["tuple[Slot, int]"])

    def port(self, line: int, *, is_out: bool) -> float:
        """Where a line touches it, across, from its first pixel."""
        if self.item is None or isinstance(self.item, str):
            return self.size[1] / 2
        return (self.item.outs if is_out else self.item.ins)[line]


def _tension(one: Slot, other: Slot) -> float:
    """How much a line is to be straight here: most of all where it passes several ranks."""
    passing = (one.item is None) + (other.item is None)
    return STRAIGHT**passing


# ---- ranks, order, places --------------------------------------------------------------------------------------


def ranked(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The ranks of items, by the longest way to each; an edge that leads back counts for nothing."""
    after = [list[int]() for _ in range(count)]
    for one, other in dict.fromkeys(edges):
        after[one].append(other)
    ranks, order = [0] * count, list(_depth_first(after))
    place = {item: number for number, item in enumerate(order)}
    for one in order:
        for other in after[one]:
            if place[other] > place[one]:
                ranks[other] = max(ranks[other], ranks[one] + 1)
    return ranks


def _depth_first(after: Sequence[Sequence[int]]) -> Iterator[int]:
    """Items in an order in which edges lead forward, but for those of cycles."""
    seen, done = set[int](), list[int]()
    for root in range(len(after)):
        todo = [(root, iter(after[root]))] if root not in seen else []
        seen.add(root)
        while todo:
            item, rest = todo[-1]
            following = next((each for each in rest if each not in seen), None)
            if following is None:
                done.append(item)
                todo.pop()
            else:
                seen.add(following)
                todo.append((following, iter(after[following])))
    return reversed(done)


def order(rows: Sequence[list[Slot]]) -> None:
    """Order each rank by the middle of what leads there, and where that does not decide as the author has it."""
    places = dict[int, int]()
    for row in rows:
        middles = dict[int, float]()
        for slot in row:
            near = [places[id(other)] for other, _ in slot.before]
            middles[id(slot)] = sum(near) / len(near) if near else float(slot.order)
        row.sort(key=lambda slot: (middles[id(slot)], slot.order))
        places |= {id(slot): place for place, slot in enumerate(row)}


def wanted(slot: Slot, *, before: bool, after: bool) -> float:
    """Where a slot would stand for its lines to be straight, by what is before it, after it, or both."""
    pull = total = 0.0
    for neighbours, is_after in ((slot.before if before else [], False), (slot.after if after else [], True)):
        for other, line in neighbours:
            weight = _tension(slot, other)
            theirs, mine = other.port(line, is_out=not is_after), slot.port(line, is_out=is_after)
            pull += weight * (other.start + theirs - mine)
            total += weight
    return pull / total if total else slot.start


def spread(row: Sequence[Slot], places: Sequence[float], distances: Sequence[float]) -> None:
    """Put the slots of a rank where they are wanted, as near as their order and distances allow."""
    offsets, weights = [0.0], [STRAIGHT if slot.item is None else 1.0 for slot in row]
    for slot, distance in zip(row, distances, strict=False):
        offsets.append(offsets[-1] + slot.size[1] + distance)
    pools = list[tuple[float, float, int]]()  # mean, weight, count
    for want, weight, offset in zip(places, weights, offsets, strict=False):
        mean, total, count = want - offset, weight, 1
        while pools and pools[-1][0] > mean:
            other, theirs, several = pools.pop()
            mean = (mean * total + other * theirs) / (total + theirs)
            total, count = total + theirs, count + several
        pools.append((mean, total, count))
    starts = (mean for mean, _, count in pools for _ in range(count))
    for slot, start, offset in zip(row, starts, offsets, strict=False):
        slot.start = start + offset
