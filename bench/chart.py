"""Draws figures: SVG of its own style sheet, which follows a dark desktop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

LIGHT = ("#2563eb", "#d97706", "#7c3aed", "#db2777", "#0d9488", "#65a30d")
DARK = ("#60a5fa", "#fbbf24", "#a78bfa", "#f472b6", "#2dd4bf", "#a3e635")
"""The colours of lines, on a light and on a dark page."""


def _coloured(colours: Iterable[str]) -> str:
    return " ".join(f".line{n} {{ stroke: {each}; }} .dot{n} {{ fill: {each}; }}" for n, each in enumerate(colours))


STYLE = f"""
svg {{ background: #fcfcfd; font-family: Helvetica, Arial, sans-serif; font-size: 12px; }}
text {{ fill: #334155; }} .title {{ fill: #0f172a; font-size: 14px; font-weight: bold; }} .mute {{ fill: #64748b; }}
.ours {{ fill: #0f172a; font-weight: bold; }} .grid {{ stroke: #e2e8f0; }} .goal {{ stroke: #059669; stroke-dasharray: 4 3; }}
.bar0 {{ fill: #2563eb; }} .bar1 {{ fill: #93c5fd; }} .other0 {{ fill: #64748b; }} .other1 {{ fill: #cbd5e1; }}
.line {{ fill: none; stroke-width: 2; }}
{_coloured(LIGHT)}
.goal-text {{ fill: #047857; }} .goal-text, .mute {{ paint-order: stroke; stroke: #fcfcfd; stroke-width: 3px; }}
@media (prefers-color-scheme: dark) {{
svg {{ background: #0f172a; }} text {{ fill: #cbd5e1; }} .title, .ours {{ fill: #f8fafc; }} .mute {{ fill: #94a3b8; }}
.grid {{ stroke: #334155; }} .goal {{ stroke: #34d399; }} .bar0 {{ fill: #60a5fa; }} .bar1 {{ fill: #1d4ed8; }}
.other0 {{ fill: #94a3b8; }} .other1 {{ fill: #475569; }}
{_coloured(DARK)}
.goal-text {{ fill: #6ee7b7; }} .goal-text, .mute {{ stroke: #0f172a; }} }}
""".strip()
WIDTH = 760


class Row(NamedTuple):
    """What stands in one row of bars.

    Attributes:
        label: on the left.
        values: one bar each; ``None`` where there is none.
        is_ours: whether it stands out.
    """

    label: str
    values: Sequence[float | None]
    is_ours: bool = False


class Mark(NamedTuple):
    """A value that matters, such as a goal: where it is, and its words."""

    at: float
    told: str


class Scale(NamedTuple):
    """A logarithmic axis: the lowest and highest value, and where those are drawn."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Where a value is drawn."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self) -> Iterator[float]:
        """The powers of ten in it."""
        for power in range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1):
            yield 10.0**power


def short(value: float) -> str:
    """A number as people read it: three digits of it, and no more than it has."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004
    return f"{value:,.{digits}f}"


def bars(title: str, names: Sequence[str], rows: Sequence[Row], goal: Mark, unit: str = "×") -> str:
    """Bars beside each other on a logarithmic axis that begins at 1.

    Args:
        title: above them.
        names: of the bars in a row.
        rows: from above to below.
        goal: a line through all.
        unit: behind each number.
    """
    top, thick, left = 78, 11, 210
    step = thick * len(names) + 12
    bottom = top + step * len(rows)
    highest = max((value for row in rows for value in row.values if value), default=10.0)
    scale = Scale(1.0, max(10.0, 10 ** math.ceil(math.log10(highest))), left, WIDTH - 70)
    parts = [_text(16, 24, title, "title"), *_legend(names, left), *_grid(scale, top - 8, bottom, unit)]
    x = scale.at(goal.at)
    parts.append(_text(x, top - 14, goal.told, "goal-text", "middle"))
    over = [f'<line class="goal" x1="{x}" x2="{x}" y1="{top - 8}" y2="{bottom}"/>']
    for number, row in enumerate(rows):
        y = top + number * step
        middle = y + thick * len(names) / 2 + 4
        parts.append(_text(left - 10, middle, row.label, "ours" if row.is_ours else "", "end"))
        for place, value in enumerate(row.values):
            if value is None:
                parts.append(_text(left + 6, y + place * thick + 9, "–", "mute"))
                continue
            kind, end = ("bar" if row.is_ours else "other"), max(left + 2.0, scale.at(max(value, 1.0)))
            parts.append(
                f'<rect class="{kind}{place}" x="{left}" y="{y + place * thick}" width="{end - left:.1f}"'
                f' height="{thick - 2}" rx="2"/>'
            )
            over.append(_text(end + 6, y + place * thick + 9, f"{short(value)}{unit}", "mute"))
    return _svg(title, bottom + 30, [*parts, *over])


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], goals: Iterable[tuple[float, Mark]]) -> str:
    """Lines over two logarithmic axes.

    Args:
        title: above them.
        series: points by name.
        goals: points that should stay below, each at its place on the axis below.
    """
    goals, top, bottom, left = list(goals), 60, 360, 70
    points = [point for each in series.values() for point in each]
    across = Scale(*_decades([x for x, _ in points] + [x for x, _ in goals]), left, WIDTH - 160)
    up = Scale(*_decades([y for _, y in points] + [mark.at for _, mark in goals]), bottom, top)
    parts = [_text(16, 24, title, "title")]
    for tick in up.ticks():
        parts.append(f'<line class="grid" x1="{left}" x2="{across.end}" y1="{up.at(tick)}" y2="{up.at(tick)}"/>')
        parts.append(_text(left - 8, up.at(tick) + 4, f"{tick:g} s", "mute", "end"))
    for tick in across.ticks():
        parts.append(f'<line class="grid" x1="{across.at(tick)}" x2="{across.at(tick)}" y1="{top}" y2="{bottom}"/>')
        parts.append(_text(across.at(tick), bottom + 18, f"{tick:,.0f}", "mute", "middle"))
    for number, (name, each) in enumerate(series.items()):
        places = [(across.at(x), up.at(y)) for x, y in each]
        parts.append(f'<polyline class="line line{number}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>')
        parts += [f'<circle class="dot{number}" cx="{x}" cy="{y}" r="3.5"/>' for x, y in places]
        parts += [f'<circle class="dot{number}" cx="{across.end + 16}" cy="{top + 16 * number}" r="4"/>']
        parts.append(_text(across.end + 26, top + 16 * number + 4, name))
    for x, mark in goals:
        here, high = across.at(x), up.at(mark.at)
        parts.append(f'<line class="goal" x1="{here - 34}" x2="{here + 10}" y1="{high}" y2="{high}"/>')
        parts.append(_text(here - 38, high + 4, mark.told, "goal-text", "end"))
    return _svg(title, bottom + 34, parts)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    return 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))


def _legend(names: Sequence[str], left: float) -> Iterator[str]:
    for number, name in enumerate(names):
        x = left + number * 230
        yield f'<rect class="bar{number}" x="{x}" y="36" width="10" height="10" rx="2"/>'
        yield f'<rect class="other{number}" x="{x + 13}" y="36" width="10" height="10" rx="2"/>'
        yield _text(x + 29, 45, name, "mute")


def _grid(scale: Scale, top: float, bottom: float, unit: str) -> Iterator[str]:
    for tick in scale.ticks():
        x = scale.at(tick)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
        yield _text(x, bottom + 16, f"{tick:,.0f}{unit}", "mute", "middle")


def _text(x: float, y: float, told: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(told)}</text>'


def _svg(title: str, height: float, parts: Iterable[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
        f' role="img">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )
