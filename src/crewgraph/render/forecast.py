"""A plan as a small table of HTML, for notebooks: nodes and routes, what each is expected to take, and the total."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crewgraph.forecast import COLUMNS, Forecast, ForecastRow, figures_of
from crewgraph.render.cells import headings, row, small, table, text
from crewgraph.render.escape import shortened
from crewgraph.render.palette import AMBER, CORE, DEFAULT

__all__ = ["forecast_html"]

MAX_ROWS = 100
MAX_NAME = 60
MAX_MODELS = 3
MAX_SAID = 300
_COLORS = {"crew": CORE.accent, "router": AMBER.accent}


def forecast_html(forecast: Forecast) -> str:
    """The table, with low and high below what is expected; then what it rests on."""
    head = f"<b>{text(forecast.counted)}</b> · planned, nothing has been called"
    shown = forecast.rows[:MAX_ROWS]
    rest = len(forecast.rows) - len(shown)
    rows = [headings(COLUMNS), *map(_row, shown), _total(forecast.total)]
    assumed = "".join(f"<li>{small(shortened(each, MAX_SAID))}</li>" for each in forecast.assumptions)
    below = f'<ul style="margin:4px 0;padding-left:1.6em">{assumed}</ul>' if assumed else ""
    return f"<div>{table(head, rows, rest=rest)}{below}</div>"


def _row(forecast: ForecastRow) -> str:
    name = shortened(forecast.name, MAX_NAME)
    shown = small(name) if forecast.kind == "route" else text(name)
    models = ", ".join(shortened(model, MAX_NAME) for model in forecast.models[:MAX_MODELS])
    title = f'<span style="padding-left:{1.2 * min(forecast.depth, 20):.1f}em">{shown}</span>'
    return _line([title, small(f" {models}") if models else ""], forecast)


def _total(total: ForecastRow) -> str:
    return _line(["<b>total</b>"], total)


def _line(title: Iterable[str], forecast: ForecastRow) -> str:
    color = _COLORS.get(forecast.kind, DEFAULT.accent)
    return row([" ".join(title), *_figures(forecast)], color=color, are_figures=True)


def _figures(forecast: ForecastRow) -> Iterator[str]:
    """What is expected, and below it from low to high."""
    for figure in figures_of(forecast):
        expected, _, between = figure.partition(" (")
        yield f"{text(expected)}<br/>{small(between.rstrip(')'))}" if between else text(expected)
