from __future__ import annotations

import pytest

from crewgraph.cli.ceiling import Refusal, check_ceiling
from crewgraph.forecast import Forecast, ForecastRow
from crewgraph.outlook import Load, Range


def row(name, usd, *, kind="crew", unpriced=0, models=("m/x",)):
    load = Load(calls=Range.exactly(1), usd=Range(usd / 2, usd, usd * 2), unpriced=Range.exactly(unpriced))
    return ForecastRow(name=name, kind=kind, runs=Range.exactly(1), models=models, load=load)


def forecast(*rows):
    load = Load.series(each.load for each in rows)
    total = ForecastRow(name="total", kind="total", runs=Range.exactly(1), load=load)
    return Forecast(inputs=3, rows=rows, total=total)


def refused(plan, max_usd=1.0):
    with pytest.raises(Refusal) as caught:
        check_ceiling(plan, max_usd, target="flow.py")
    assert caught.value.exit_code == 4
    return caught.value.message


@pytest.mark.parametrize("usd", [0.0, 0.5, 1.0])
def test_what_costs_less_may_begin(usd):
    """What is expected counts, not the most that it may become."""
    check_ceiling(forecast(row("a", usd)), 1.0, target="flow.py")


def test_what_costs_more_is_refused():
    """With the dearest nodes, the total and the ways out."""
    told = refused(forecast(*(row(f"n{number}", number) for number in range(8)))).splitlines()
    assert told[0] == "--max-usd 1: it is expected to cost $28.00 ($14.00 – $56.00); nothing has run"
    assert [line.split()[0] for line in told[1:-1]] == ["3", "n3", "n4", "n5", "n6", "n7", "total"]
    assert told[-1] == (
        "hint: allow more, or run fewer inputs with --limit N, or take a cheaper --model, "
        "or crewgraph plan flow.py shows all of it"
    )


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
