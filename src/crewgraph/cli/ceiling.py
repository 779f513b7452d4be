"""``--max-usd``: what is expected to cost more is not begun."""

from __future__ import annotations

from crewgraph.cli.trouble import Exit, Mistake
from crewgraph.forecast import Forecast

__all__ = ["Refusal", "check_ceiling"]

MAX_ROWS = 5
"""How many nodes a refusal shows: the dearest."""


class Refusal(Mistake):
    """Nothing has run, because it would cost too much, or nobody knows how much."""

    exit_code = Exit.OVER_BUDGET


def check_ceiling(forecast: Forecast, max_usd: float, *, target: str) -> None:
    """Compare what a kickoff is expected to cost with what it may.

    Raises:
        Refusal: it is more, or not known.
    """
    if forecast.usd is None:
        told = f"nobody knows what it would cost ({forecast.total.dollars()})"
        models = dict.fromkeys(model for row in forecast.rows if row.usd is None for model in row.models)
        say = [f'say the price, as in LiteLLM("{model}", price=Price(input=0.25, output=2.0))' for model in models][:1]
        ways = [*say, "limit tokens or calls instead: --budget tokens=N"]
    elif forecast.usd.expected > max_usd:
        told = f"it is expected to cost {forecast.total.dollars()}"
        ways = ["allow more", "run fewer inputs with --limit N", "take a cheaper --model"]
    else:
        return
    ways.append(f"crewgraph plan {target} shows all of it")
    lines = [f"--max-usd {max_usd:g}: {told}; nothing has run", *_key_lines(forecast), f"hint: {', or '.join(ways)}"]
    raise Refusal("\n".join(lines))


def _key_lines(forecast: Forecast) -> list[str]:
    """The head of the table, its dearest rows, and the total."""
    head, *rows, total = forecast.table().splitlines()
    cost = [row.known_usd.expected for row in forecast.rows]
    dearest = sorted(range(len(rows)), key=lambda place: (-cost[place], place))[:MAX_ROWS]
    return [f"  {line}" for line in (head, *(rows[place] for place in sorted(dearest)), total)]
