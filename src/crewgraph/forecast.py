"""What a kickoff would take, before anything is called: the nouns of ``pipeline.plan()`` and ``crewgraph plan``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crewgraph.outlook import Load, Range
from crewgraph.runtime import verb

__all__ = ["COLUMNS", "Forecast", "ForecastRow", "figures_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRow:
    """What one node, one route, or everything takes, over all inputs.

    Attributes:
        name: the node, the route, or "total".
        kind: "crew", "step", "router", "route" or "total".
        depth: how many routes it lies on.
        runs: how often it runs.
        models: the models it asks.
        load: all figures.
    """

    name: str
    kind: str
    depth: int = 0
    runs: Range
    models: tuple[str, ...] = ()
    load: Load

    @property
    def calls(self) -> Range:
        """Model calls."""
        return self.load.calls

    @property
    def prompt_tokens(self) -> Range:
        """Tokens of the questions."""
        return self.load.prompt

    @property
    def completion_tokens(self) -> Range:
        """Tokens of the answers."""
        return self.load.answer

    @property
    def tokens(self) -> Range:
        """Questions and answers."""
        return self.load.prompt + self.load.answer

    @property
    def seconds(self) -> Range:
        """Seconds from beginning to end of one run; of the total, of the whole kickoff."""
        return self.load.seconds

    @property
    def usd(self) -> Range | None:
        """USD; ``None`` where the price of a call that may be made is not known, or what is called at all."""
        return self.known_usd if self.is_known and self.is_priced else None

    @property
    def known_usd(self) -> Range:
        """USD of the calls whose price is known: a lower bound where others are not."""
        return Range.each(_rounded, self.load.usd)

    @property
    def is_known(self) -> bool:
        """Whether the calls are known of everything in it; false where a foreign crew may run."""
        return self.load.unknown.high == 0

    @property
    def is_priced(self) -> bool:
        """Whether the price of every known call is known."""
        return self.load.unpriced.high == 0

    def dollars(self) -> str:
        """The cost for people: "unknown", or "at least …" where something is not known."""
        known = _cell(self.known_usd, _usd)
        if self.usd is not None:
            return known
        return f"at least {known}" if self.known_usd.high else "unknown"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``usd`` is ``None`` where it is not known."""
        return {
            "name": self.name,
            "kind": self.kind,
            "depth": self.depth,
            "models": list(self.models),
            "runs": _plain(self.runs),
            "calls": _plain(self.calls),
            "prompt_tokens": _plain(self.prompt_tokens),
            "completion_tokens": _plain(self.completion_tokens),
            "tokens": _plain(self.tokens),
            "usd": _plain(self.usd) if self.usd else None,
            "known_usd": _plain(self.known_usd),
            "seconds": _plain(self.seconds),
            "is_known": self.is_known,
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Forecast:
    """What a kickoff would take: low, expected and high. ``str()`` is a table.

    Attributes:
        inputs: how many inputs.
        rows: nodes and routes, in the order of the text.
        total: everything together; ``seconds`` is from the beginning of the kickoff to its end.
        assumptions: what it rests on, in words.
    """

    inputs: int
    rows: tuple[ForecastRow, ...]
    total: ForecastRow
    assumptions: tuple[str, ...] = ()

    @property
    def calls(self) -> Range:
        """Model calls."""
        return self.total.calls

    @property
    def tokens(self) -> Range:
        """Tokens of questions and answers."""
        return self.total.tokens

    @property
    def usd(self) -> Range | None:
        """USD; ``None`` where the price of a call that may be made is not known, or what is called at all."""
        return self.total.usd

    @property
    def known_usd(self) -> Range:
        """USD of the calls whose price is known: a lower bound where others are not."""
        return self.total.known_usd

    @property
    def seconds(self) -> Range:
        """Seconds from the beginning of the kickoff to its end."""
        return self.total.seconds

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``usd`` is ``None`` where it is not known."""
        return {
            "inputs": self.inputs,
            "total": self.total.to_dict(),
            "rows": [row.to_dict() for row in self.rows],
            "assumptions": list(self.assumptions),
        }

    @property
    def counted(self) -> str:
        """How many inputs, in words."""
        return "1 input" if self.inputs == 1 else f"{self.inputs:,} inputs"

    def table(self) -> str:
        """Nodes, routes and the total, one line each: expected, and in brackets from low to high."""
        lines = [(self.counted, *COLUMNS), *(_line(row) for row in self.rows), _line(self.total)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join(line.rstrip() for line in text)

    def __repr__(self) -> str:
        calls, prompt, answer, usd, seconds = (figure.partition(" (")[0] for figure in figures_of(self.total))
        return f"Forecast({self.counted}: {calls} calls, {prompt} + {answer} tokens, {usd}, {seconds})"

    def _repr_html_(self) -> str:
        """The table, for notebooks."""
        html: str = verb("forecast_html")(self)
        return html

    def __str__(self) -> str:
        return "\n".join([self.table(), "", "assumed:", *(f"- {each}" for each in self.assumptions)])


FEW, MANY = 10, 10_000_000
"""Below the first a figure is told with a decimal, from the second on in millions."""
COLUMNS = ("calls", "prompt tokens", "answer tokens", "USD", "time")


def _line(row: ForecastRow) -> tuple[str, ...]:
    shown = "".join(letter if letter.isprintable() else " " for letter in row.name)
    return (f"{'  ' * row.depth}{shown}", *figures_of(row))


def figures_of(row: ForecastRow) -> tuple[str, ...]:
    """The figures of a row for people, one for each of the columns: expected, and in brackets from low to high."""
    if row.kind == "router":
        return ("",) * len(COLUMNS)
    if not row.is_known and not row.calls.high:
        return ("unknown",) * len(COLUMNS)
    at_least = "" if row.is_known else "at least "
    figures = (
        _cell(row.calls, _count), _cell(row.prompt_tokens, _count), _cell(row.completion_tokens, _count),
    )  # fmt: skip
    return (*(at_least + figure for figure in figures), row.dollars(), at_least + _cell(row.seconds, _time))


def _cell(figure: Range, told: Callable[[float], str]) -> str:
    low, expected, high = told(figure.low), told(figure.expected), told(figure.high)
    return expected if low == expected == high else f"{expected} ({low} – {high})"


def _count(figure: float) -> str:
    if figure >= MANY:
        return f"{figure / 1e6:,.0f}M"
    return f"{figure:,.0f}" if figure >= FEW or figure == round(figure) else f"{figure:.1f}"


def _usd(figure: float) -> str:
    if figure >= 1 or not figure:
        return f"${figure:,.2f}"
    return f"${figure:.{1 - math.floor(math.log10(figure))}f}"  # two digits that count, and never 1e-05


def _time(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 or not seconds else f"{seconds:.1g} s"


def _plain(figure: Range) -> dict[str, float]:
    return {name: _rounded(getattr(figure, name)) for name in ("low", "expected", "high")}


def _rounded(figure: float) -> float:
    """Without the noise of sums of floats: money to the picodollar, as it is counted."""
    return round(figure, 12)
