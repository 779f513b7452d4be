from __future__ import annotations

import pytest

from crewgraph.cli.ceiling import Refusal, check_ceiling, in_full
from crewgraph.forecast import Forecast, ForecastRow
from crewgraph.outlook import Load, Range


def row(name, usd, *, kind="crew", depth=0, unpriced=0, models=("m/x",)):
    load = Load(calls=Range.exactly(1), usd=Range(usd / 2, usd, usd * 2), unpriced=Range.exactly(unpriced))
    return ForecastRow(name=name, kind=kind, depth=depth, runs=Range.exactly(1), models=models, load=load)


def forecast(*rows):
    load = Load.series(each.load for each in rows)
    total = ForecastRow(name="total", kind="total", runs=Range.exactly(1), load=load)
    return Forecast(inputs=3, rows=rows, total=total)


def refused(plan, max_usd=1.0):
    with pytest.raises(Refusal) as caught:
        check_ceiling(plan, max_usd, command="crewgraph plan flow.py rows.csv")
    assert caught.value.exit_code == 4
    return caught.value.message


@pytest.mark.parametrize("usd", [0.0, 0.5, 1.0])
def test_what_costs_less_may_begin(usd):
    """What is expected counts, not the most that it may become."""
    check_ceiling(forecast(row("a", usd)), 1.0, command="crewgraph plan flow.py")


def test_what_costs_more_is_refused():
    """With the dearest nodes, the total and the ways out."""
    told = refused(forecast(*(row(f"n{number}", number) for number in range(8)))).splitlines()
    assert told[0] == "--max-usd 1: it is expected to cost $28.00 ($14.00 – $56.00); nothing has run"
    assert [line.split()[0] for line in told[1:-1]] == ["3", "n3", "n4", "n5", "n6", "n7", "…", "total"]
    assert told[-3] == "  … and 3 more rows"
    assert told[-1] == (
        "hint: allow more, or run fewer inputs with --limit N, or take a cheaper --model, "
        "or crewgraph plan flow.py rows.csv shows all of it"
    )


def test_the_dearest_rows_stand_on_their_routes():
    """Nobody knows otherwise which of several rows is meant."""
    rows = [row(f"n{number}", 1 + number) for number in range(4)]
    routes = [row("outer", 0, kind="router"), row("route 'a'", 0, depth=1), row("cheap", 0, depth=2)]
    inner = [row("inner", 0, kind="router", depth=2), row("route 'b'", 0, depth=3), row("dear", 9, depth=4)]
    told = refused(forecast(*rows, *routes, *inner)).splitlines()
    shown = ["n0", "n1", "n2", "n3", "outer", "route 'a'", "inner", "route 'b'", "dear"]
    assert [line.strip().split("  ")[0] for line in told[2:-1]] == [*shown, "… and 1 more row", "total"]


def test_nothing_is_left_out_of_a_short_table():
    """And then nothing is said of more rows."""
    assert "more row" not in refused(forecast(row("a", 5)))


@pytest.mark.parametrize(
    ("figure", "told"),
    [(2.0, "2"), (0.1, "0.1"), (0.000001, "0.000001"), (1_234_567.5, "1234567.5"), (1e20, "1" + "0" * 20)],
)
def test_figures_are_told_in_full(figure, told):
    """As they were given, without an exponent."""
    assert in_full(figure) == told


def test_what_nobody_knows_is_refused():
    """An unknown cost is not 0."""
    told = refused(forecast(row("a", 0.0), row("b", 0.0, unpriced=1, models=("new/one",))), max_usd=99.0)
    assert told.startswith("--max-usd 99: nobody knows what it would cost (unknown); nothing has run\n")
    assert 'say the price, as in LiteLLM("new/one", price=Price(input=0.25, output=2.0))' in told
    assert "--budget tokens=N" in told


def test_a_model_without_a_name_is_not_named():
    """As of a foreign crew, of which nothing is known."""
    told = refused(forecast(row("a", 0.0, unpriced=1, models=())))
    assert "LiteLLM" not in told
