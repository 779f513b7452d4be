from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from crewgraph.llm import Message, OfflineLLM, Price, Request, ToolCall, ToolSpec, price
from crewgraph.llm.price import ANSWER_TOKENS, count_tokens, estimate, listed, price_of, priced, table
from crewgraph.usage import UsageMetrics

DEAR = Price(input=2.0, output=10.0, cached_input=0.5)
TOLD = UsageMetrics(total_tokens=130, prompt_tokens=100, cached_prompt_tokens=40, completion_tokens=30)


def model(price: Price | None = DEAR, **more: Any) -> Any:
    return SimpleNamespace(model="m", price=price, **more)


class Shape(BaseModel):
    urgent: bool


# ---- prices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"prompt_tokens": 1_000_000}, 2.0),
        ({"completion_tokens": 1_000_000}, 10.0),
        ({"prompt_tokens": 1_000_000, "cached_prompt_tokens": 1_000_000}, 0.5),
        ({"prompt_tokens": 100, "cached_prompt_tokens": 900}, 100 * 0.5e-6),
    ],
    ids=["prompt", "answer", "cached", "more cached than asked"],
)
def test_cost_of_tokens(usage: dict[str, int], cost: float) -> None:
    """Prices are for a million tokens, as price lists say them."""
    assert DEAR.picodollars(UsageMetrics(**usage)) == round(cost * 1e12)


def test_cached_costs_as_much_where_nothing_is_said() -> None:
    """Without a price of its own the cached part of a prompt costs what the rest does."""
    assert Price(input=2, output=0).picodollars(TOLD) == 200_000_000


@pytest.mark.parametrize("wrong", [{"input": -1}, {"input": math.inf}, {"input": math.nan}, {"per_call": 1}], ids=str)
def test_no_price(wrong: dict[str, float]) -> None:
    """A price is no negative number, finite, and has no other parts."""
    with pytest.raises(ValidationError):
        Price.model_validate({"input": 1.0, "output": 1.0} | wrong)


def test_price_of() -> None:
    """The model's own; of anything that is no price, nobody knows."""
    assert price_of(model()) is DEAR
    assert price_of(model(None)) is None
    assert price_of(SimpleNamespace(price=0.25)) is None
    assert price_of(object()) is None


# ---- the cost of one call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("llm", "usage", "cost", "picodollars"),
    [
        (model(), TOLD, None, 60 * 2_000_000 + 40 * 500_000 + 30 * 10_000_000),
        (model(), TOLD, 0.25, 250_000_000_000),
        (model(None), TOLD, 0.25, 250_000_000_000),
        (model(None), UsageMetrics(), 0.0, 0),
        (model(Price(input=0, output=0)), TOLD, None, 0),
        (model(Price(input=0, output=0, cached_input=0)), UsageMetrics(), None, 0),
        (OfflineLLM(), UsageMetrics(), None, 0),
        (model(), UsageMetrics(completion_tokens=1), None, 10_000_000),
    ],
    ids=["price", "own cost", "own cost, no price", "own cost 0", "free", "free, no tokens", "offline", "answer only"],
)
def test_known(llm: Any, usage: UsageMetrics, cost: float | None, picodollars: int) -> None:
    """The model's own figure, else its price; what is free costs nothing, tokens or not."""
    done = priced(usage, llm, cost=cost)
    assert (done.picodollars, done.unpriced_requests) == (picodollars, 0)


@pytest.mark.parametrize(
    ("llm", "usage", "cost"),
    [
        (model(None), TOLD, None),
        (model(), UsageMetrics(), None),
        (model(), UsageMetrics(total_tokens=500), None),
        (model(), UsageMetrics(prompt_tokens=-5, completion_tokens=2), None),
        (model(), UsageMetrics(), math.nan),
        (model(None), TOLD, math.inf),
        (model(None), TOLD, -0.5),
    ],
    ids=["no price", "no tokens told", "only a total", "negative tokens", "nan", "infinite", "negative cost"],
)
def test_unknown(llm: Any, usage: UsageMetrics, cost: float | None) -> None:
    """What cannot be worked out is unknown, and not 0."""
    done = priced(usage, llm, cost=cost)
    assert (done.cost, done.unpriced_requests, done.picodollars) == (None, 1, 0)


def test_the_count_given_is_left_alone() -> None:
    """A model may hand out the same object with every reply."""
    usage = TOLD.model_copy()
    priced(usage, model())
    assert usage == TOLD
    assert usage.picodollars == 0


# ---- litellm's table -------------------------------------------------------------------------------------------------


def test_the_table_is_read_without_importing_litellm() -> None:
    """It names thousands of models, with and without their provider."""
    assert listed("gpt-4o-mini") == listed("openai/gpt-4o-mini") != {}
    assert listed("nobody/knows-me") == {}


@pytest.fixture
def litellm_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Another litellm, with what is given as its table."""

    def install(text: str | None) -> None:
        if text is not None:
            (tmp_path / price.TABLE).write_text(text, encoding="utf-8")
        found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
        monkeypatch.setattr("importlib.util.find_spec", lambda _name: found)
        table.cache_clear()

    yield install
    table.cache_clear()


@pytest.mark.parametrize("text", [None, "{", '"\\ud800'], ids=["none", "cut", "no JSON"])
def test_a_table_that_cannot_be_read(text: str | None, litellm_in: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Then nobody knows the prices, and a warning says why."""
    litellm_in(text)
    assert table() == {}
    assert "price table cannot be read" in caplog.text


def test_the_table_of_the_litellm_that_is_installed(litellm_in: Any) -> None:
    """It lies beside litellm's code."""
    litellm_in(json.dumps({"m": {"input_cost_per_token": 1e-6}}))
    assert listed("me/m") == {"input_cost_per_token": 1e-6}


def test_without_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no table then."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    table.cache_clear()
    assert table() == {}
    table.cache_clear()


# ---- estimates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "hello", "a" * 3_000, "日本語" * 100, "\ud800"], ids=["none", "a", "b", "c", "d"])
def test_rather_too_many_tokens(text: str) -> None:
    """A token for three bytes, and one more; half a surrogate pair is counted too."""
    assert count_tokens(text) == len(text.encode("utf-8", "surrogatepass")) // 3 + 1


def test_the_estimate_counts_all_that_is_sent() -> None:
    """Messages, tool calls in them, tools and the shape of the answer."""
    said = Request((Message("user", "a" * 300),))
    called = Request((Message("user", "a" * 300), Message("assistant", "", (ToolCall("1", "t", "b" * 300),))))
    tools = Request(said.messages, tools=(ToolSpec("t", "c" * 300, {"d": {1, 2}}),))
    shaped = Request(said.messages, Shape)
    sizes = [estimate(model(), each).prompt for each in (said, called, tools, shaped)]
    assert sizes[0] >= 100
    assert all(size > sizes[0] + 20 for size in sizes[1:])


@pytest.mark.parametrize(("most", "answer"), [(None, ANSWER_TOKENS), (50, 50), ("many", ANSWER_TOKENS)], ids=str)
def test_the_longest_answer(most: Any, answer: int) -> None:
    """The model's ``max_tokens``, else an assumption."""
    assert estimate(model(max_tokens=most), Request(())).answer == answer


@pytest.mark.parametrize(("of", "prices"), [(DEAR, (2e6, 10e6)), (None, (None, None))], ids=["known", "unknown"])
def test_prices_of_an_estimate(of: Price | None, prices: Any) -> None:
    """In picodollars for a token."""
    want = estimate(model(of), Request(()))
    assert (want.prompt_price, want.answer_price) == prices
