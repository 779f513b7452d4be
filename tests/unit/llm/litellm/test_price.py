from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from crewgraph.llm import LiteLLM
from crewgraph.llm import price as prices
from crewgraph.llm.litellm.price import cost_of, streamed_cost
from crewgraph.llm.price import FREE, TABLE, Price, listed_price
from crewgraph.llm.price import table as whole_table


class Answered:
    """An answer of litellm, which keeps the cost in a place of its own."""

    def __init__(self, **hidden: Any) -> None:
        self._hidden_params = hidden


class Litellm:
    """A litellm that counts what a test tells it to."""

    def __init__(self, cost: Any) -> None:
        self.cost = cost

    def cost_per_token(self, **_: Any) -> Any:
        if isinstance(self.cost, Exception):
            raise self.cost
        return self.cost


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    monkeypatch.setattr(prices, "listed", lambda model: rows.get(model, {}))
    listed_price.cache_clear()
    return rows


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    yield
    listed_price.cache_clear()


@pytest.mark.parametrize(
    ("row", "price"),
    [
        ({"input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}, Price(input=0.25, output=2)),
        (
            {"input_cost_per_token": 1.1e-06, "output_cost_per_token": 1, "cache_read_input_token_cost": 1e-8},
            Price(input=1.1, output=1e6, cached_input=0.01),
        ),
        ({"input_cost_per_token": 0, "output_cost_per_token": 0.0}, FREE),
        ({}, None),
        ({"input_cost_per_token": 1e-6}, None),
        ({"output_cost_per_token": 1e-6}, None),
        ({"input_cost_per_token": "1", "output_cost_per_token": 1}, None),
        ({"input_cost_per_token": -1, "output_cost_per_token": 1}, None),
        ({"input_cost_per_token": float("nan"), "output_cost_per_token": 1}, None),
        ({"input_cost_per_token": True, "output_cost_per_token": 1}, None),
        ({"output_cost_per_image": 0.04}, None),
    ],
    ids=["plain", "cached", "free", "empty", "half", "other half", "text", "negative", "nan", "bool", "pictures"],
)
def test_listed(table: dict[str, Any], row: dict[str, Any], price: Price | None) -> None:
    """The table's USD for a token are a price list's USD for a million; what is no price of text is none."""
    table["m"] = row
    assert listed_price("m") == price


def test_real_table() -> None:
    """The table of the installed litellm is read, under the name with the provider and without."""
    found = importlib.util.find_spec("litellm")
    assert found is not None
    [folder] = found.submodule_search_locations or []
    rows = json.loads((Path(folder) / TABLE).read_text(encoding="utf-8"))
    assert rows.keys() == whole_table().keys()
    wanted = rows["gpt-5-mini"]["output_cost_per_token"] * 1e6
    for name in ("gpt-5-mini", "openai/gpt-5-mini"):
        price = LiteLLM(name).price
        assert price is not None
        assert price.output == pytest.approx(wanted)


def test_own_price() -> None:
    """The user's own price wins over the table's."""
    mine = Price(input=1, output=1)
    assert LiteLLM("gpt-5-mini", price=mine).price is mine


@pytest.mark.parametrize(
    ("answer", "cost"),
    [
        (Answered(response_cost=0.5), 0.5),
        (Answered(response_cost=0), None),
        (Answered(response_cost=None), None),
        (Answered(response_cost=float("nan")), None),
        (Answered(response_cost=-1), None),
        (Answered(response_cost="0.5"), None),
        (Answered(), None),
        (object(), None),
    ],
    ids=["known", "zero", "unknown", "nan", "negative", "text", "nothing", "no place"],
)
def test_cost(answer: Any, cost: float | None) -> None:
    """litellm's cost counts where it is one; its 0 says nothing."""
    assert cost_of(answer) == cost


@pytest.mark.parametrize(
    ("told", "cost"),
    [((0.25, 0.5), 0.75), ((0, 0), None), (ValueError("unmapped"), None), (None, None)],
    ids=["known", "zero", "raises", "nonsense"],
)
def test_streamed_cost(told: Any, cost: float | None) -> None:
    """What litellm cannot count, or counts wrongly, fails no call."""
    assert streamed_cost(Litellm(told), "m", object()) == cost
