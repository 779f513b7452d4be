"""A plan for a terminal: its whole table where that fits, else what is expected, and low and high of the total only."""

from __future__ import annotations

from collections.abc import Iterator

from click.formatting import wrap_text

from crewgraph.cli.console import UNCUT
from crewgraph.cli.table import table
from crewgraph.forecast import COLUMNS, Forecast, ForecastRow, figures_of
from crewgraph.render.escape import columns, shortened

__all__ = ["plan_text"]

MIN_NAME = 16
"""Columns that a name has at least in a table; the shortest in which a route is still known by its name."""
SHORT = tuple(head.removesuffix(" tokens") for head in COLUMNS)
"""The heads where the long ones leave too little room for names."""
COUNTED = COLUMNS[:3]
"""What figures are of that do not say so themselves, as money and time do."""
GAP = 2
_FIGURES = range(1, len(COLUMNS) + 1)


def plan_text(forecast: Forecast, width: int) -> str:
    """The table, and below it what it rests on.

    Args:
        forecast: the plan.
        width: columns of a line.
    """
    if width == UNCUT:
        return str(forecast)
    whole = forecast.table()
    wanted = max(map(columns, whole.splitlines()))
    told = [whole]
    if wanted > width:
        more = f"low and high of each row: in a terminal of {wanted} columns, in a pipe, or with --json"
        told = [*_narrow(forecast, width), "", wrap_text(more, width)]
    assumed = [wrap_text(each, width, initial_indent="- ", subsequent_indent="  ") for each in forecast.assumptions]
    return "\n".join([*told, "", "assumed:", *assumed])


def _narrow(forecast: Forecast, width: int) -> list[str]:
    """What is expected, and low and high of the total: a table, or where even that leaves names no room, sentences."""
    rows = [_row(each, each.name) for each in (*forecast.rows, forecast.total)]
    rows += [_row(forecast.total, name, place, depth=1) for place, name in enumerate(("low", "high"), 1)]
    longest = max(columns(row[0]) for row in rows)
    for heads in (COLUMNS, SHORT):
        lines = [(forecast.counted, *heads), *rows]
        room = width - sum(GAP + max(columns(line[place]) for line in lines) for place in _FIGURES)
        if room >= (longest if heads is COLUMNS else MIN_NAME):
            return [*table([(_name(name, room), *figures) for name, *figures in lines], right=_FIGURES)]
    return [forecast.counted, *(line for row in rows for line in _sentence(*row, width=width))]


def _sentence(name: str, *figures: str, width: int) -> Iterator[str]:
    """A name, and below it its figures with what they count."""
    yield _name(name, width)
    told = ", ".join(
        dict.fromkeys(_counts(figure, head) for figure, head in zip(figures, COLUMNS, strict=True) if figure)
    )
    if told:
        depth = min(len(name) - len(name.lstrip(" ")), width // 2)
        yield wrap_text(told, width, initial_indent=" " * (depth + 4), subsequent_indent=" " * (depth + 4))


def _counts(figure: str, head: str) -> str:
    return f"{figure} {head}" if head in COUNTED and figure != "unknown" else figure


def _row(row: ForecastRow, name: str, place: int = 0, *, depth: int = 0) -> tuple[str, ...]:
    """A name, and of its figures what is expected, low (1), or high (2)."""
    return (f"{'  ' * (row.depth + depth)}{name}", *(_parts(figure)[place] for figure in figures_of(row)))


def _parts(figure: str) -> tuple[str, str, str]:
    """Expected, low and high of ``5 (3 – 9)``; all the same where there are no brackets."""
    bound, figure = ("≥ ", figure.removeprefix("at least ")) if figure.startswith("at least ") else ("", figure)
    expected, _, between = figure.removesuffix(")").partition(" (")
    low, _, high = between.partition(" – ")
    return f"{bound}{expected}", f"{bound}{low or expected}", f"{bound}{high or expected}"


def _name(name: str, room: int) -> str:
    text = name.lstrip(" ")
    depth = min(len(name) - len(text), room // 2)
    return " " * depth + shortened(text, room - depth)
