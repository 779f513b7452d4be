"""``--max-usd``: what is expected to cost more is not begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from crewgraph.cli.trouble import Exit, Mistake
from crewgraph.errors.root import counted
from crewgraph.forecast import Forecast, ForecastRow

__all__ = ["Refusal", "check_ceiling", "in_full", "too_much"]

MAX_ROWS = 5
"""How many rows a refusal shows: the dearest; and the routes that they lie on."""


class Refusal(Mistake):
    """Nothing has run, because it would cost too much, or nobody knows how much."""

    exit_code = Exit.OVER_BUDGET


def check_ceiling(forecast: Forecast, max_usd: float, *, command: str) -> None:
    """Compare what a kickoff is expected to cost with what it may.

    Args:
        forecast: what is expected.
        max_usd: what it may cost.
        command: the command line that shows all of the forecast.

    Raises:
        Refusal: it is more, or not known.
    """
    told = too_much(forecast, max_usd)
    if told is None:
        return
    if forecast.usd is None:
        models = dict.fromkeys(model for row in forecast.rows if row.usd is None for model in row.models)
        say = [f'say the price, as in LiteLLM("{model}", price=Price(input=0.25, output=2.0))' for model in models][:1]
        ways = [*say, "limit tokens or calls instead: --budget tokens=N"]
    else:
        ways = ["allow more", "run fewer inputs with --limit N", "take a cheaper --model"]
    ways.append(f"{command} shows all of it")
    head = f"{told}; nothing has run"
    raise Refusal("\n".join([head, *_key_lines(forecast), f"hint: {', or '.join(ways)}"]))


def too_much(forecast: Forecast, max_usd: float) -> str | None:
    """Why a kickoff must not cost what is expected, in words; ``None`` where it may."""
    if forecast.usd is None:
        told = f"nobody knows what it would cost ({forecast.total.dollars()})"
    elif forecast.usd.expected > max_usd:
        told = f"it is expected to cost {forecast.total.dollars()}"
    else:
        return None
    return f"--max-usd {in_full(max_usd)}: {told}"


def in_full(figure: float) -> str:
    """A figure as a person writes it: "2", "0.000001", and never "1e-06"."""
    return f"{Decimal(f'{figure:.15g}'):f}"


def _key_lines(forecast: Forecast) -> list[str]:
    """The head of the table, its dearest rows with the routes that they lie on, how many more there are, and the total."""
    head, *rows, total = forecast.table().splitlines()
    cost = [row.known_usd.expected for row in forecast.rows]
    dearest = sorted(range(len(rows)), key=lambda place: (-cost[place], place))[:MAX_ROWS]
    shown = sorted({*dearest, *(above for place in dearest for above in _above(forecast.rows, place))})
    rest = len(rows) - len(shown)
    more = [f"… and {counted(rest, 'more row')}"] if rest else []
    return [f"  {line}" for line in (head, *(rows[place] for place in shown), *more, total)]


def _above(rows: Sequence[ForecastRow], place: int) -> Iterator[int]:
    """The router and the route on which a row lies, and those on which they lie."""
    depth = rows[place].depth
    for above in range(place - 1, -1, -1):
        if rows[above].depth < depth:
            depth = rows[above].depth
            yield above
