"""Columns of text, side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from crewgraph.render.escape import columns

__all__ = ["table"]


def table(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> Iterator[str]:
    """The lines of a table; what ends a row takes what room it wants, and a column without words none.

    Args:
        rows: the cells, fit to be shown; rows may differ in length.
        right: the columns whose cells stand at the right.
    """
    places = range(max(map(len, rows), default=0))
    widths = [max((columns(row[place]) for row in rows if len(row) > place + 1), default=0) for place in places]
    for row in rows:
        cells = list[str]()
        for place, (cell, width) in enumerate(zip(row, widths, strict=False)):
            room = " " * (width - columns(cell))
            if width or cell:
                cells.append(room + cell if place in right else cell + room)
        yield "  ".join(cells).rstrip()
