"""What stands in a node of a DOT picture: cards, pills, diamonds and tables, as Graphviz's HTML-like labels.

Every text goes through :func:`_font`, which escapes it. Widths stand on cells: on tables Graphviz ignores them.
"""

from __future__ import annotations

from collections.abc import Iterable

from crewgraph.graph import Switch, Work
from crewgraph.render.escape import columns, html_text, shortened
from crewgraph.render.marks import Mark
from crewgraph.render.palette import CORE, DEFAULT, INK, Hue
from crewgraph.render.sketch import route_hue

__all__ = [
    "MONOSPACE",
    "SANS",
    "card",
    "chip",
    "cluster_title",
    "diamond",
    "found",
    "is_long",
    "pill",
    "switch_table",
    "title",
]

SANS = "Helvetica,Arial,sans-serif"
MONOSPACE = "Courier New"

MAX_NAME = 36
MAX_SUMMARY = 46
MAX_TASK = 36
MAX_AGENT = 24
MAX_ROWS = 6
MAX_TITLE = 48
MAX_CHIP, MAX_CHIPS = 28, 4
"""How long, and how many, conditions may be to stand on the edges out of a diamond."""

_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">{rows}</TABLE>'
_FRAME = (
    '<TABLE BORDER="{width}" COLOR="{border}" BGCOLOR="{ground}" STYLE="{style}" '
    'CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">{rows}</TABLE>'
)
_BAR = (
    '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" BGCOLOR="{color}" STYLE="ROUNDED">'
    '<TR><TD WIDTH="4" HEIGHT="{height}"></TD></TR></TABLE>'
)
_GAP = '<TR><TD COLSPAN="2" HEIGHT="{height}" CELLPADDING="0"></TD></TR>'


def _font(text: str, size: float, color: str, *, style: str = "", face: str = "") -> str:
    inner = f"<{style}>{html_text(text)}</{style}>" if style else html_text(text)
    named = f' FACE="{face}"' if face else ""
    return f'<FONT POINT-SIZE="{size:g}" COLOR="{color}"{named}>{inner}</FONT>'


def _cell(content: str, attributes: str = 'ALIGN="LEFT"') -> str:
    return f"<TD {attributes}>{content}</TD>"


def _row(*cells: str) -> str:
    return f"<TR>{''.join(cells)}</TR>"


def card(work: Work, hue: Hue, mark: Mark | None = None) -> str:
    """A crew with its tasks, or a step, which is smaller; with what is wrong with it."""
    rows = work.interface.rows
    wide = 'ALIGN="LEFT" COLSPAN="2"'
    is_small = not rows
    name = _font(shortened(work.name, MAX_NAME), 12 if is_small else 14, INK.text, style="B")
    lines = [_row(_cell(name, f'{wide} WIDTH="{90 if is_small else 176}"'))]
    if work.interface.summary:
        lines.append(_row(_cell(_font(shortened(work.interface.summary, MAX_SUMMARY), 9, INK.faint), wide)))
    height = 14 + 12 * len(lines)
    if rows:
        lines += [_GAP.format(height=4), "<HR/>", _GAP.format(height=2), *_tasks(rows)]
        height = 40 + 17 * min(len(rows), MAX_ROWS + 1)
    if mark:
        lines += [_GAP.format(height=2), _row(_cell(_badge(mark), wide))]
        height += 17
    inner = _TABLE.format(padding=2, rows="".join(lines))
    content = _row(_cell(_BAR.format(color=hue.accent, height=height - 6)), _cell(inner))
    return _framed(content, INK.frame, INK.card, padding=4 if is_small else 6, mark=mark)


def _badge(mark: Mark) -> str:
    return _font(mark.badge, 10, mark.color, style="B")


def _tasks(rows: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(rows)
    lines = [
        _row(
            _cell(_font(shortened(task, MAX_TASK), 10.5, INK.text)),
            _cell(
                _font(f" {shortened(agent, MAX_AGENT)}", 9.5, INK.soft, style="I") if agent else "",
                'ALIGN="RIGHT"',
            ),
        )
        for task, agent in rows[:MAX_ROWS]
    ]
    rest = len(rows) - MAX_ROWS
    more = [_row(_cell(_font(f"+ {rest} more", 9.5, INK.faint), 'ALIGN="LEFT" COLSPAN="2"'))] if rest > 0 else []
    return lines + more


def found(switch: Switch) -> str:
    """The card for pipelines that a router of the user's own class comes up with while it runs."""
    lines = _row(_cell(_font("any pipeline", 12, INK.soft, style="B")))
    lines += _row(_cell(_font(f"chosen by {shortened(switch.name, MAX_NAME)} at run time", 9, INK.faint)))
    return _framed(lines, DEFAULT.border, DEFAULT.tint, padding=5, style="ROUNDED,DASHED")


def pill(text: str) -> str:
    """Where the inputs come in and the result comes out."""
    return _framed(
        _row(_cell(_font(text, 9.5, CORE.text, style="B", face=MONOSPACE))), CORE.border, CORE.tint, padding=4
    )


def chip(text: str, hue: Hue | None = None) -> str:
    """What stands on an edge: keys handed over, or the condition of a route."""
    color, border = (hue.text, hue.border) if hue else (INK.soft, INK.frame)
    return _framed(_row(_cell(_font(text, 9.5, color, face=MONOSPACE))), border, DEFAULT.tint, padding=3)


def diamond(switch: Switch, mark: Mark | None = None) -> str:
    """A router: its name, and what is wrong with it."""
    name = _font(shortened(switch.name, MAX_AGENT), 13, INK.text, style="B")
    return f"{name}<BR/>{_font('router', 9, INK.faint)}{f'<BR/>{_badge(mark)}' if mark else ''}"


def switch_table(switch: Switch, mark: Mark | None = None) -> str:
    """A router with many or long conditions: one row for each, with a port to leave by; with what is wrong with it."""
    name = _font("◆ ", 12, INK.router) + _font(shortened(switch.name, MAX_NAME), 14, INK.text, style="B")
    head = _row(_cell(name + _font("  router · first match", 9, INK.faint), 'ALIGN="LEFT" COLSPAN="3"'))
    rows = "".join(_choice(switch, place, route) for place, route in enumerate(switch.routes, 1))
    wrong = "<HR/>" + _row(_cell(_badge(mark), 'ALIGN="LEFT" COLSPAN="3"')) if mark else ""
    return _framed(f"{head}<HR/>{rows}{wrong}", INK.router, "#fffbeb", padding=3, mark=mark)


def _choice(switch: Switch, place: int, route: str) -> str:
    hue = route_hue(switch, route)
    is_default = route == "default"
    condition = "" if is_default else shortened(switch.conditions.get(route, ""), MAX_TITLE)
    return _row(
        _cell(_font("else" if is_default else f"{place}.", 9, INK.faint)),
        _cell(_font(condition, 10.5, hue.text, face=MONOSPACE) if condition else ""),
        _cell(
            _font(f"  {shortened(route, MAX_AGENT)} •", 10, hue.text, style="B"),
            f'ALIGN="RIGHT" PORT="r{place}"',
        ),
    )


def cluster_title(text: str, hue: Hue) -> str:
    """The title of a parallel stage or a route."""
    return _font(shortened(text, MAX_TITLE), 10.5, hue.text, style="B")


def title(text: str) -> str:
    """The title of the picture."""
    return _font(shortened(text, 2 * MAX_TITLE), 16, INK.text, style="B")


def is_long(switch: Switch) -> bool:
    """Whether a router is drawn as a table: chips of this length, or so many, would cross each other."""
    longest = max((columns(condition) for condition in switch.conditions.values()), default=0)
    return len(switch.routes) > MAX_CHIPS or longest > MAX_CHIP


def _framed(
    rows: str, border: str, ground: str, *, padding: int, style: str = "ROUNDED", mark: Mark | None = None
) -> str:
    border, width = (mark.color, 2) if mark else (border, 1)
    return _FRAME.format(border=border, ground=ground, padding=padding, rows=rows, style=style, width=width)
