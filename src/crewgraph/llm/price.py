"""What a model costs: the user's own figures, else litellm's table, else nobody knows.

The table is read as the JSON file that it is: importing litellm takes two seconds, reading the file a thirtieth of one.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from crewgraph.budget import Estimate
from crewgraph.llm.port import Request, json_schema
from crewgraph.usage import UsageMetrics, built, picodollars

__all__ = [
    "FREE",
    "Price",
    "count_tokens",
    "estimate",
    "listed",
    "listed_price",
    "price_of",
    "priced",
    "table",
    "with_counts",
]

_log = logging.getLogger("crewgraph.llm")

TABLE = "model_prices_and_context_window_backup.json"
ANSWER_TOKENS = 4_096
"""How long an answer is taken to be at most, for budgets and limits, where nobody says."""
BYTES_PER_TOKEN = 3
"""English has four or five bytes for a token, other scripts about three: rather too many tokens than too few."""
PER = 1_000_000
"""The table says USD for one token, price lists for a million."""
PER_MESSAGE = 8


class Price(BaseModel):
    """What a model costs, in USD for a million tokens, as price lists say it.

    Attributes:
        input: the prompt.
        output: the answer.
        cached_input: the part of the prompt that the provider had cached; as ``input`` where it is ``None``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @property
    def is_free(self) -> bool:
        """Whether nothing is to be paid, however many tokens there are."""
        return not (self.input or self.output or self.cached_input)

    def picodollars(self, usage: UsageMetrics) -> int:
        """What so many tokens cost."""
        cached = min(usage.cached_prompt_tokens, usage.prompt_tokens)
        cheap = self.input if self.cached_input is None else self.cached_input
        # a dollar for a million tokens is a million picodollars for one
        each = (usage.prompt_tokens - cached) * self.input + cached * cheap + usage.completion_tokens * self.output
        return round(each * 1e6)


FREE = Price.model_construct(input=0.0, output=0.0, cached_input=None)
"""What a model on one's own machine costs."""


def price_of(llm: object) -> Price | None:
    """What a model costs; ``None`` where nobody knows."""
    price = getattr(llm, "price", None)
    return price if isinstance(price, Price) else None


def with_counts(usage: UsageMetrics, **counts: int) -> UsageMetrics:
    """A copy of a usage with other counts: as ``model_copy``, which takes five times as long; every call makes several."""
    return built(type(usage), usage.__pydantic_fields_set__ | counts.keys(), usage.__dict__ | counts)


def priced(usage: UsageMetrics, llm: object, *, cost: float | None = None, **counts: int) -> UsageMetrics:
    """The usage of one call with its cost: the model's own figure, else by its price, else counted as unknown.

    A model that reports no tokens, or only their total, has a cost that nobody can work out; it is not 0.

    Args:
        usage: what the call took.
        llm: who was called.
        cost: USD, where the model says so itself; what is no amount of money counts as not said.
        counts: what else is put right in the copy.
    """
    price, spent = price_of(llm), None
    tokens = (usage.prompt_tokens, usage.completion_tokens, usage.cached_prompt_tokens)
    if cost is not None and math.isfinite(cost) and cost >= 0:
        spent = picodollars(cost)
    elif price is not None and (price.is_free or (any(tokens[:2]) and min(tokens) >= 0)):
        spent = 0 if price.is_free else price.picodollars(usage)
    is_unknown = spent is None
    return with_counts(usage, **counts, picodollars=spent or 0, unpriced_requests=int(is_unknown))


@cache
def table() -> Mapping[str, Mapping[str, Any]]:
    """Litellm's table of models, by name; empty where litellm is not installed."""
    found = importlib.util.find_spec("litellm")  # finds, and does not import
    places = found.submodule_search_locations if found else None
    for place in places or ():
        try:
            return json.loads((Path(place) / TABLE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            _log.warning("litellm's price table cannot be read: %s", error)
    return {}


def listed(model: str) -> Mapping[str, Any]:
    """What litellm's table says of a model, under its name with or without the provider; else nothing."""
    return table().get(model) or table().get(model.partition("/")[2]) or {}


@lru_cache(maxsize=1024)
def listed_price(model: str) -> Price | None:
    """What the table says that text costs, under the model's name with or without its provider.

    ``None`` where it knows nothing or prices something else, such as pictures or seconds. Long prompts that cost more
    for each token are priced as short ones.
    """
    row = listed(model)
    prompt, answer = _rate(row, "input_cost_per_token"), _rate(row, "output_cost_per_token")
    if prompt is None or answer is None:
        return None
    return Price(input=prompt, output=answer, cached_input=_rate(row, "cache_read_input_token_cost"))


def _rate(row: Mapping[str, Any], name: str) -> float | None:
    """USD for a million tokens, without the noise of the last digits."""
    cost = row.get(name)
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost) or cost < 0:
        return None
    return round(cost * PER, 9)


def count_tokens(text: str) -> int:
    """About how many tokens a text has: rather too many than too few."""
    length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))  # long texts are not copied
    return length // BYTES_PER_TOKEN + 1


def estimate(llm: object, request: Request) -> Estimate:
    """The most that a request is expected to take."""
    said = tools = 0
    for each in request.messages:
        said += PER_MESSAGE + count_tokens(each.content)
        for call in each.calls:
            said += count_tokens(call.arguments)
    for tool in request.tools:
        tools += count_tokens(tool.text)
    shape = count_tokens(json_schema(request.schema)) if request.schema else 0
    most = getattr(llm, "max_tokens", None)
    price = price_of(llm)
    return Estimate(
        prompt=said + tools + shape,
        answer=most if isinstance(most, int) else ANSWER_TOKENS,
        prompt_price=price.input * 1e6 if price else None,
        answer_price=price.output * 1e6 if price else None,
    )
