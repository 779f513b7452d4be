"""What stands in a node of an SVG picture: cards, pills and diamonds, each measured from its corner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Literal, NamedTuple

from crewgraph.graph import Switch, Work
from crewgraph.render.cards import MAX_AGENT, MAX_NAME, MAX_ROWS, MAX_SUMMARY, MAX_TASK
from crewgraph.render.escape import identifier, shortened
from crewgraph.render.marks import Mark
from crewgraph.render.metrics import mono_width, text_width
from crewgraph.render.runs import Ran
from crewgraph.render.sketch import Box

__all__ = ["Glyph", "Over", "card", "closed", "diamond", "found", "number", "pill", "point", "rect", "text"]


@dataclass(frozen=True, slots=True)
class Glyph:
    """What stands for a node: its size, and its elements, measured from its corner."""

    width: float
    height: float
    content: str
    kind: str
    tooltip: str


class Over(NamedTuple):
    """What is laid over a node: what is wrong with it, what it did, and what the user wrote on it."""

    mark: Mark | None = None
    ran: Ran | None = None
    note: str = ""

    @property
    def badge(self) -> list[_Row]:
        """What is wrong with it."""
        return [_Row(self.mark.badge, "badge")] if self.mark else []

    @property
    def sign(self) -> str:
        """How it went."""
        return self.ran.sign if self.ran else ""


def card(work: Work, over: Over, *, is_small: bool) -> Glyph:
    """A crew with its tasks, or a step, which is smaller; with what is laid over it.

    Args:
        work: the crew or step.
        over: what is laid over it.
        is_small: whether tasks are left out.
    """
    least = 210.0 if work.interface.rows else 124.0
    tasks = [] if is_small else _tasks(work)
    head = [*_head(work, over.sign), *([_Row(shortened(over.note, MAX_SUMMARY), "note")] if over.note else [])]
    head += [] if tasks else over.badge
    kind = work.interface.kind or "node"
    content = _sheet(head, tasks, over.badge if tasks else [], list(_foot(over.ran)), least=least)
    return Glyph(*content, identifier(kind), f"{kind} {work.name}")


def closed(box: Box, told: str, over: Over) -> Glyph:
    """All that is in a closed box, in one card that looks as the box does, with a sheet behind it."""
    head = [_Row(shortened(box.title, MAX_NAME), "name small", over.sign, "sign")]
    head += [_Row(shortened(told, MAX_SUMMARY), "summary"), *over.badge]
    width, height, content = _sheet(head, [], [], list(_foot(over.ran)), least=124.0)
    behind = rect(4, 4, (width, height), 9, "card behind")
    return Glyph(
        width + 4, height + 4, behind + content, "closed dashed" if box.is_dashed else "closed", f"{box.title}: {told}"
    )


def _sheet(
    head: list[_Row], tasks: list[_Row], tail: list[_Row], foot: list[_Row], *, least: float
) -> tuple[float, float, str]:
    """A card of rows, with rules above the tasks and above what it did: its size, and its elements."""
    rows = [*head, *tasks, *tail, *foot]
    rules = {len(head)} if tasks else set[int]()
    rules |= {len(rows) - len(foot)} if foot else set()
    width = max(least, *(row.width + 34 for row in rows))
    parts, y = list[str](), 6.0
    for place, row in enumerate(rows):
        if place in rules:
            parts.append(f'<path class="rule" d="M20 {number(y + 8)}H{number(width - 14)}"/>')
            y += 7
        y += row.height
        parts.append(text(20, y, row.left, row.kind))
        parts += [text(width - 14, y, row.right, row.side, anchor="end")] if row.right else []
    height = y + 13
    frame = rect(0, 0, (width, height), 9, "card") + rect(8, 9, (4, height - 18), 2, "bar")
    return width, height, frame + "".join(parts)


class _Row(NamedTuple):
    """A line of text in a card, of one kind at the left and maybe something at the right: an agent, a sign."""

    left: str
    kind: str
    right: str = ""
    side: str = "agent"

    @property
    def height(self) -> float:
        return _ROWS[self.kind][1]

    @property
    def width(self) -> float:
        size, _, bold = _ROWS[self.kind]
        return text_width(self.left, size, bold=bold) + (text_width(self.right, 9.5) + 14 if self.right else 0.0)


_ROWS = {
    "name": (14.0, 15.0, True),
    "name small": (12.0, 14.0, True),
    "summary": (9.0, 15.0, False),
    "task": (10.5, 17.0, False),
    "agent": (9.5, 17.0, False),
    "badge": (10.0, 17.0, True),
    "note": (9.5, 16.0, True),
    "foot": (9.5, 17.0, True),
    "error": (9.5, 16.0, True),
}
"""For each kind of line the size of its letters, its height, and whether it is bold."""


def _head(work: Work, sign: str) -> list[_Row]:
    kind = "name" if work.interface.rows else "name small"
    rows = [_Row(shortened(work.name, MAX_NAME), kind, sign, "sign")]
    summary = work.interface.summary
    return [*rows, _Row(shortened(summary, MAX_SUMMARY), "summary")] if summary else rows


def _foot(ran: Ran | None) -> Iterator[_Row]:
    """What a node did, below its tasks."""
    if ran is not None and ran.told:
        yield _Row(ran.told, "error")
    if ran is not None and ran.time:
        yield _Row(ran.time, "foot", ran.spent, "figures")


def _tasks(work: Work) -> list[_Row]:
    every = work.interface.rows
    rows = [
        _Row(shortened(task, MAX_TASK), "task", shortened(agent, MAX_AGENT) if agent else "")
        for task, agent in every[:MAX_ROWS]
    ]
    return rows if len(every) <= MAX_ROWS else [*rows, _Row(f"+ {len(every) - MAX_ROWS} more", "agent")]


def diamond(switch: Switch, over: Over) -> Glyph:
    """A router: its name, what is laid over it, and which way it took; as wide as any way needs it."""
    name, ran = shortened(switch.name, MAX_AGENT), over.ran
    said = (ran.sign if ran.state == "failed" else ran.told or ran.spent or ran.sign) if ran else ""
    told = (said, "foot") if ran else ("router", "summary")
    note = [(shortened(over.note, MAX_AGENT), "note")] if over.note else []
    lines = [(name, "name small"), told, *note, *((row.left, row.kind) for row in over.badge)]
    ways = [(f"→ {shortened(route, MAX_AGENT)}", "foot") for route in switch.routes] if ran else []
    widths = [text_width(line, 10 if kind != "name small" else 12, bold=True) for line, kind in (*lines, *ways)]
    width = max(widths) * 1.45 + 52
    height = 66.0 + 22 * (len(lines) - 2)
    x, y = number(width / 2), number(height / 2)
    corners = f"M{x} 0 L{number(width)} {y} L{x} {number(height)} L0 {y}Z"
    top = height / 2 + 1 - 6.5 * (len(lines) - 2)
    texts = [text(width / 2, top + 13 * place, line, kind, anchor="middle") for place, (line, kind) in enumerate(lines)]
    content = f'<path class="diamond" d="{corners}"/>{"".join(texts)}'
    return Glyph(width, height, content, "router", f"router {switch.name}")


def pill(label: str, tooltip: str) -> Glyph:
    """Where the inputs come in and the result comes out."""
    width = mono_width(label, 9.5) + 18
    content = rect(0, 0, (width, 22), 8, "pill") + text(width / 2, 14.4, label, "mono pill-text", anchor="middle")
    return Glyph(width, 22, content, "end", tooltip)


def point(tooltip: str) -> Glyph:
    """Where several lines meet and several go on."""
    return Glyph(6, 6, '<circle class="point" cx="3" cy="3" r="3"/>', "point", tooltip)


def found(switch: str, over: Over) -> Glyph:
    """The card for pipelines that a router of the user's own class comes up with while it runs; with what they did."""
    told = f"chosen by {shortened(switch, MAX_NAME)} at run time"
    head = [_Row("any pipeline", "name small", over.sign, "sign"), _Row(told, "summary")]
    content = _sheet(head, [], [], list(_foot(over.ran)), least=124.0)
    return Glyph(*content, "found", f"what {switch} chooses at run time")


# ---- elements --------------------------------------------------------------------------------------------------


def text(x: float, y: float, content: str, kind: str, *, anchor: Literal["", "middle", "end"] = "") -> str:
    """A line of text."""
    where = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{where}>{escape(content)}</text>'


def rect(x: float, y: float, size: tuple[float, float], radius: float, kind: str = "") -> str:
    """A rectangle with round corners."""
    name, (width, height) = f' class="{kind}"' if kind else "", map(number, size)
    return f'<rect{name} x="{number(x)}" y="{number(y)}" width="{width}" height="{height}" rx="{number(radius)}"/>'


def number(value: float) -> str:
    """A number as short as it can be, the same on every machine."""
    told = f"{value:.1f}".removesuffix(".0")
    return "0" if told == "-0" else told
