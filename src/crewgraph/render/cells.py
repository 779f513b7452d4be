"""Pieces of HTML for notebooks: no colour of ground or text, so that they read in light and dark; all text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable

from crewgraph.render.escape import clean

__all__ = ["figures", "headings", "row", "small", "table", "text"]

_PLAIN = "vertical-align:top;padding:4px 10px;border:0"
_CELL = f"text-align:left;{_PLAIN}"
_FIGURE = f"text-align:right;white-space:nowrap;{_PLAIN}"

_TABLE = "border-collapse:collapse;color:inherit;margin:0"
_SCROLLED = "max-height:36em;overflow:auto"
"""A long table scrolls; what comes after it stays in sight."""


def text(content: str) -> str:
    """Cleaned and escaped."""
    return html.escape(clean(content), quote=True)


def small(content: str) -> str:
    """Smaller and fainter."""
    return f'<span style="font-size:90%;opacity:0.75">{text(content)}</span>'


def figures(content: Iterable[str]) -> str:
    """What is counted and measured, small and on one line."""
    return f'<span style="white-space:nowrap">{small(" · ".join(content))}</span>'


def row(cells: Iterable[str], *, color: str, are_figures: bool = False) -> str:
    """A row with a bar of this colour at its left; the cells are HTML, figures behind the first stand at the right."""
    first, *others = cells
    style = _FIGURE if are_figures else _CELL
    bar = f'<td style="{_CELL};border-left:3px solid {color};white-space:nowrap">{first}</td>'
    return f'<tr style="background:none">{bar}{"".join(f"""<td style="{style}">{cell}</td>""" for cell in others)}</tr>'


def headings(names: Iterable[str]) -> str:
    """The row above columns of figures."""
    cells = (f'<th style="{_FIGURE};font-weight:normal">{small(name)}</th>' for name in names)
    return f'<tr style="background:none"><th style="{_CELL}"></th>{"".join(cells)}</tr>'


def table(head: str, rows: Iterable[str], *, rest: int = 0) -> str:
    """A line above a table that scrolls, and how many rows are left out below it; the head and the rows are HTML."""
    body = "".join(rows)
    more = f'<div style="margin:4px 0">… and {rest:,} more</div>' if rest > 0 else ""
    inner = f'<div style="{_SCROLLED}"><table style="{_TABLE}">{body}</table></div>' if body else ""
    return f'<div><div style="margin:4px 0">{head}</div>{inner}{more}</div>'
