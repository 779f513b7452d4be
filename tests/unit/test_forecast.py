"""The nouns of plans: ranges, loads, rows and the table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.forecast import Forecast, ForecastRow
from crewgraph.outlook import ZERO, Ask, Load, Outlook, Range, tokens_of

figures = st.lists(st.integers(0, 1_000), min_size=3, max_size=3).map(sorted)
ranges = figures.map(lambda three: Range(*three))
loads = st.builds(Load, calls=ranges, prompt=ranges, usd=ranges, seconds=ranges)
ONE = Range(1, 2, 3)


def in_order(figure: Range) -> bool:
    return figure.low <= figure.expected <= figure.high


# ---- ranges ----------------------------------------------------------------------------------------------------------


@given(one=ranges, two=ranges, most=st.integers(0, 1_000))
def test_ranges_stay_in_order(one: Range, two: Range, most: int) -> None:
    """Low is never above expected, nor expected above high."""
    for figure in (one + two, one * two, one * 2.5, one.at_most(most), Range.longest([one, two]), Range.sum([one])):
        assert in_order(figure)


def test_ranges() -> None:
    """Added, multiplied, bounded, compared, figure by figure."""
    assert ONE + Range.exactly(1) == Range(2, 3, 4)
    assert ONE * Range(0, 0.5, 1) == Range(0, 1, 3)
    assert ONE.at_most(2) == Range(1, 2, 2)
    assert Range.longest([Range(0, 5, 6), ONE]) == Range(1, 5, 6)
    assert Range.longest([]) == Range.sum([]) == ZERO
    assert Range.each(max, ONE, Range(2, 2, 2)) == Range(2, 2, 3)


@pytest.mark.parametrize("text", ["", "a" * 600, "日" * 200, "\ud800"], ids=["none", "English", "Japanese", "half"])
def test_tokens_of_a_text(text: str) -> None:
    """Five, four or three bytes for a token."""
    size = len(text.encode("utf-8", "surrogatepass"))
    assert tokens_of(text) == Range(size // 5, size / 4, size // 3 + 1)


# ---- loads -----------------------------------------------------------------------------------------------------------


@given(parts=st.lists(loads, max_size=4))
def test_side_by_side_takes_as_much_and_less_long(parts: list[Load]) -> None:
    """Only the time differs between one after the other and side by side."""
    series, beside = Load.series(parts), Load.beside(parts)
    assert series.sums == beside.sums
    assert beside.seconds.high == max((part.seconds.high for part in parts), default=0)
    assert series.seconds.high == sum(part.seconds.high for part in parts)


@given(parts=st.lists(loads, min_size=1, max_size=4))
def test_one_of_several(parts: list[Load]) -> None:
    """The least of them, their mean, and the most."""
    one = Load.one_of(parts)
    assert one.calls.low == min(part.calls.low for part in parts)
    assert one.calls.expected == pytest.approx(sum(part.calls.expected for part in parts) / len(parts))
    assert one.seconds.high == max(part.seconds.high for part in parts)


def test_so_many_times() -> None:
    """All figures of a load, and its time."""
    load = Load(calls=ONE, seconds=ONE) * Range(0, 0.5, 2)
    assert (load.calls, load.seconds, load.usd) == (Range(0, 1, 6), Range(0, 1, 6), ZERO)


def test_none_of_none() -> None:
    """A router without routes takes nothing."""
    assert Load.one_of([]) == Load()


def test_the_load_of_an_outlook() -> None:
    """The calls of all models together; the time is the node's, which may do some side by side."""
    asks = [Ask(model=name, load=Load(calls=ONE, seconds=ONE, busy=ONE)) for name in "ab"]
    load = Outlook(asks=tuple(asks), seconds=Range(1, 2, 4)).load
    assert (load.calls, load.seconds, load.busy, load.unknown) == (Range(2, 4, 6), Range(1, 2, 4), Range(1, 2, 4), ZERO)
    assert Outlook(is_known=False).load == Load(unknown=Range.exactly(1))


# ---- rows ------------------------------------------------------------------------------------------------------------


def row(name: str = "a", kind: str = "crew", **load: Range) -> ForecastRow:
    return ForecastRow(name=name, kind=kind, runs=ONE, models=("m",), load=Load(**load))


@pytest.mark.parametrize(
    ("load", "usd", "told"),
    [
        ({}, ZERO, "$0.00"),
        ({"usd": Range.exactly(2)}, Range.exactly(2), "$2.00"),
        ({"usd": Range(0, 0.0000123, 1234.5)}, Range(0, 0.0000123, 1234.5), "$0.000012 ($0.00 – $1,234.50)"),
        ({"unpriced": ONE}, None, "unknown"),
        ({"unpriced": Range(0, 0, 1), "usd": Range.exactly(2)}, None, "at least $2.00"),
        ({"unknown": ONE}, None, "unknown"),
        ({"unknown": Range(0, 0.5, 1), "usd": Range(0, 1, 2)}, None, "at least $1.00 ($0.00 – $2.00)"),
    ],
    ids=["nothing", "exact", "a range", "no price", "some without price", "foreign", "some foreign"],
)
def test_cost_of_a_row(load: dict[str, Range], usd: Range | None, told: str) -> None:
    """What may not be known is not a number, and never 0."""
    assert row(**load).usd == usd
    assert row(**load).dollars() == told


def test_money_is_told_without_the_noise_of_sums() -> None:
    """To the picodollar, as it is counted."""
    noisy = 3 * 0.1
    assert noisy != 0.3
    one = row(usd=Range.exactly(noisy))
    assert one.usd == one.known_usd == Range.exactly(0.3)


def some_forecast() -> Forecast:
    rows = (
        row(calls=Range(3, 6, 9), answer=Range(1, 2.5, 15_000_000), seconds=Range(0, 0.5, 200_000)),
        row("b", unknown=ONE),
        row("router", "router"),
        ForecastRow(
            name="route 'x\ny'", kind="route", depth=1, runs=ONE, load=Load(calls=Range.exactly(1), unknown=ONE)
        ),
    )
    total = row("total", "total", calls=Range(0, 1, 12_345_678), seconds=Range.exactly(90))
    return Forecast(inputs=3, rows=rows, total=total, assumptions=("all goes well",))


def test_the_table() -> None:
    """One line for each node, route and the total; control characters of names do no harm."""
    lines = some_forecast().table().splitlines()
    assert len(lines) == 2 + len(some_forecast().rows)
    cells = [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in lines]
    assert cells == [
        ["3 inputs", "calls", "prompt tokens", "answer tokens", "USD", "time"],
        ["a", "6 (3 – 9)", "0", "2.5 (1 – 15M)", "$0.00", "0.5 s (0 s – 2 d)"],
        ["b", *["unknown"] * 5],
        ["router"],
        ["route 'x y'", "at least 1", "at least 0", "at least 0", "unknown", "at least 0 s"],
        ["total", "1 (0 – 12M)", "0", "0", "$0.00", "90 s"],
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (0.04, "0.04 s"), (7, "7 s"), (119, "119 s"), (600, "10 min"), (86_400, "24 h"), (172_800, "2 d")],
)
def test_times(seconds: float, told: str) -> None:
    """In the unit that a person would take."""
    assert told in Forecast(inputs=1, rows=(), total=row("total", seconds=Range.exactly(seconds))).table()


def test_text() -> None:
    """The table, and below it what it rests on."""
    text = str(some_forecast())
    assert text.startswith(some_forecast().table())
    assert text.endswith("\n\nassumed:\n- all goes well")
    assert str(Forecast(inputs=1, rows=(), total=row("total"))).startswith("1 input ")


def test_a_repr() -> None:
    """One line with what is expected."""
    assert repr(some_forecast()).startswith("Forecast(3 inputs: ")
    assert (
        repr(Forecast(inputs=1, rows=(), total=row("total"))) == "Forecast(1 input: 0 calls, 0 + 0 tokens, $0.00, 0 s)"
    )


def test_for_programs() -> None:
    """Plain values, which become JSON; an unknown cost is null."""
    told: Any = json.loads(json.dumps(some_forecast().to_dict()))
    assert (told["inputs"], told["assumptions"]) == (3, ["all goes well"])
    assert told["rows"][0]["calls"] == {"low": 3, "expected": 6, "high": 9}
    assert [each["usd"] is None for each in told["rows"]] == [False, True, False, True]
    assert [each["is_known"] for each in told["rows"]] == [True, False, True, False]
    assert told["total"]["tokens"] == {"low": 0, "expected": 0, "high": 0}


def test_the_total() -> None:
    """A forecast answers with the figures of its total."""
    forecast = some_forecast()
    total = forecast.total
    assert (forecast.calls, forecast.tokens, forecast.usd) == (total.calls, total.tokens, total.usd)
    assert (forecast.known_usd, forecast.seconds) == (total.known_usd, total.seconds)
