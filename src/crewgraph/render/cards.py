"""What stands in a node of a DOT picture: cards, pills, diamonds and tables, as Graphviz's HTML-like labels.

Every text goes through :func:`_font`, which escapes it. Widths stand on cells: on tables Graphviz ignores them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from crewgraph.graph import Switch, Work
from crewgraph.render.escape import columns, html_text, shortened
from crewgraph.render.marks import Mark
from crewgraph.render.palette import AMBER, CORE, DEFAULT, GREEN, INK, RED, Hue, faded
from crewgraph.render.runs import Ran
from crewgraph.render.sketch import route_hue

__all__ = [
    "MONOSPACE",
    "NOTHING",
    "SANS",
    "Over",
    "card",
    "chip",
    "closed",
    "cluster_title",
    "diamond",
    "dimmed",
    "is_long",
    "pill",
    "router",
    "switch_table",
    "title",
]

_DID = {
    "ok": (GREEN.accent, INK.card),
    "failed": (RED.accent, RED.tint),
    "waiting": (AMBER.accent, AMBER.tint),
}
"""The colours of frame and ground of what went well, what did not, and what waits."""

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


_WIDE = 'ALIGN="LEFT" COLSPAN="2"'


@dataclass(frozen=True, slots=True)
class Over:
    """What is laid over a node.

    Attributes:
        mark: what is wrong with it.
        ran: what it did.
        hue: what the user gave it.
        note: what the user wrote on it.
    """

    mark: Mark | None = None
    ran: Ran | None = None
    hue: Hue | None = None
    note: str = ""

    @property
    def frame(self) -> tuple[str, str] | None:
        """The colours of frame and ground, where something is laid over it that has some."""
        if self.mark:
            return self.mark.color, RED.tint if self.ran and self.ran.state == "failed" else INK.card
        if self.ran and self.ran.state != "not":
            return _DID[self.ran.state]
        return (self.hue.accent, self.hue.tint) if self.hue else None

    @property
    def color(self) -> str:
        """The colour of what it did."""
        return {"ok": GREEN.text, "failed": RED.text, "waiting": AMBER.text}.get(
            self.ran.state if self.ran else "", INK.faint
        )


NOTHING = Over()


def card(work: Work, hue: Hue, over: Over = NOTHING) -> str:
    """A crew with its tasks, or a step, which is smaller; with what is laid over it."""
    rows = work.interface.rows
    is_small = not rows
    lines = [_head(work.name, 12 if is_small else 14, 90 if is_small else 176, over)]
    if work.interface.summary:
        lines.append(_row(_cell(_font(shortened(work.interface.summary, MAX_SUMMARY), 9, INK.faint), _WIDE)))
    lines += _note(over)
    height = 14 + 12 * len(lines)
    if rows:
        lines += [_GAP.format(height=4), "<HR/>", _GAP.format(height=2), *_tasks(rows)]
        height = 40 + 17 * min(len(rows), MAX_ROWS + 1)
    below = _below(over)
    lines += below
    inner = _TABLE.format(padding=2, rows="".join(lines))
    color = (over.hue or hue).accent
    height += 17 * sum(line.startswith("<TR><TD ALIGN") for line in below) - 6
    content = _row(_cell(_BAR.format(color=color, height=height)), _cell(inner))
    return _framed(content, INK.frame, INK.card, padding=4 if is_small else 6, over=over)


def closed(title: str, told: str, hue: Hue, over: Over = NOTHING, *, is_dashed: bool = False) -> str:
    """The card for all that is in a closed box, which looks as the box does."""
    lines = [_head(title, 12, 90, over), _row(_cell(_font(shortened(told, MAX_SUMMARY), 9, hue.text), _WIDE))]
    inner = _row(_cell(_TABLE.format(padding=2, rows="".join([*lines, *_below(over)]))))
    style = "ROUNDED,DASHED" if is_dashed else "ROUNDED"
    return _framed(inner, hue.border, hue.tint, padding=5, style=style, over=over)


def dimmed(label: str) -> str:
    """A label in colours half way to that of the canvas: Graphviz knows no opacity there."""
    return re.sub(r'(COLOR=")(#[0-9a-f]{6})"', lambda found: f'{found[1]}{faded(found[2])}"', label)


def _head(name: str, size: int, width: int, over: Over) -> str:
    """The name, and at the right a sign of how it went."""
    told = _font(shortened(name, MAX_NAME), size, INK.text, style="B")
    if over.ran is None:
        return _row(_cell(told, f'{_WIDE} WIDTH="{width}"'))
    sign = _font(f"  {over.ran.sign}", 10.5, over.color, style="B")
    return _row(_cell(told, f'ALIGN="LEFT" WIDTH="{width - 40}"'), _cell(sign, 'ALIGN="RIGHT"'))


def _note(over: Over) -> list[str]:
    """What the user wrote on it."""
    color = over.hue.text if over.hue else INK.soft
    return [_row(_cell(_font(shortened(over.note, MAX_SUMMARY), 9.5, color, style="B"), _WIDE))] if over.note else []


def _below(over: Over) -> list[str]:
    """What is wrong with a node, and what it did: the error, the time, and what it spent."""
    lines = [_row(_cell(_badge(over.mark), _WIDE))] if over.mark else []
    if over.ran and over.ran.told:
        lines.append(_row(_cell(_font(over.ran.told, 9.5, over.color, style="B"), _WIDE)))
    if over.ran and over.ran.time:
        time, figures = _font(over.ran.time, 9.5, over.color, style="B"), _font(f"  {over.ran.spent}", 9.5, INK.soft)
        lines.append(_row(_cell(time), _cell(figures, 'ALIGN="RIGHT"')))
    return [_GAP.format(height=2), *lines] if lines else []


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


def pill(text: str) -> str:
    """Where the inputs come in and the result comes out."""
    return _framed(
        _row(_cell(_font(text, 9.5, CORE.text, style="B", face=MONOSPACE))), CORE.border, CORE.tint, padding=4
    )


def chip(text: str, hue: Hue | None = None) -> str:
    """What stands on an edge: keys handed over, or the condition of a route."""
    color, border = (hue.text, hue.border) if hue else (INK.soft, INK.frame)
    return _framed(_row(_cell(_font(text, 9.5, color, face=MONOSPACE))), border, DEFAULT.tint, padding=3)


def diamond(switch: Switch, over: Over = NOTHING) -> str:
    """A router: its name, and what is laid over it; of one run which way it took."""
    ran, lines = over.ran, [_font(shortened(switch.name, MAX_AGENT), 13, INK.text, style="B")]
    if ran:
        lines.append(_font(ran.told or ran.spent or ran.sign, 9.5, over.color, style="B"))
    else:
        lines.append(_font("router", 9, INK.faint))
    if over.note:
        lines.append(_font(shortened(over.note, MAX_AGENT), 9.5, over.hue.text if over.hue else INK.soft, style="B"))
    return "<BR/>".join([*lines, *([_badge(over.mark)] if over.mark else [])])


def switch_table(switch: Switch, over: Over = NOTHING) -> str:
    """A router with many or long conditions: one row for each, with a port to leave by; with what is laid over it."""
    name = _font("◆ ", 12, INK.router) + _font(shortened(switch.name, MAX_NAME), 14, INK.text, style="B")
    head = _row(_cell(name + _font("  router · first match", 9, INK.faint), 'ALIGN="LEFT" COLSPAN="3"'))
    rows = "".join(_choice(switch, place, route) for place, route in enumerate(switch.routes, 1))
    ran, told = over.ran, list[str]()
    if over.note:
        told.append(_font(shortened(over.note, MAX_SUMMARY), 9.5, over.hue.text if over.hue else INK.soft, style="B"))
    told += [_badge(over.mark)] if over.mark else []
    if ran:
        told.append(_font(" · ".join(filter(None, (ran.sign, ran.told or ran.spent))), 9.5, over.color, style="B"))
    below = "".join(_row(_cell(line, 'ALIGN="LEFT" COLSPAN="3"')) for line in told)
    return _framed(
        f"{head}<HR/>{rows}{f'<HR/>{below}' if below else ''}", INK.router, "#fffbeb", padding=3, over=router(over)
    )


def router(over: Over) -> Over:
    """What is laid over a router: it stays amber where it went well."""
    return replace(over, ran=None) if over.ran and over.ran.state == "ok" else over


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


def _framed(rows: str, border: str, ground: str, *, padding: int, style: str = "ROUNDED", over: Over = NOTHING) -> str:
    """A frame; what is laid over the node colours it."""
    (border, ground), width = (over.frame, 2) if over.frame else ((border, ground), 1)
    return _FRAME.format(border=border, ground=ground, padding=padding, rows=rows, style=style, width=width)
