"""What a model behind litellm costs, as litellm's table says, and what litellm says that a call has cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from crewgraph.llm.price import Price, listed

__all__ = ["cost_of", "listed_price", "streamed_cost"]

PER = 1_000_000
"""The table says USD for one token, price lists for a million."""


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


def cost_of(response: Any) -> float | None:
    """USD of a call, as litellm counted them; ``None`` where it does not know.

    litellm counts 0 for what it has no price for in some cases, so that a 0 tells nothing; what is free by the table
    is free by its price.
    """
    hidden: Any = getattr(response, "_hidden_params", None)
    return _usd(hidden.get("response_cost")) if isinstance(hidden, Mapping) else None


def streamed_cost(litellm: Any, model: str, usage: Any) -> float | None:
    """USD of a streamed call, which litellm counts only when it is asked; ``None`` where it does not know."""
    try:
        prompt, answer = litellm.cost_per_token(model=model, usage_object=usage)
        return _usd(prompt + answer)
    except Exception:  # noqa: BLE001 - it raises for models that it does not know, and a bug there must fail no call
        return None


def _usd(cost: Any) -> float | None:
    return float(cost) if isinstance(cost, int | float) and math.isfinite(cost) and cost > 0 else None


def _rate(row: Mapping[str, Any], name: str) -> float | None:
    """USD for a million tokens, without the noise of the last digits."""
    cost = row.get(name)
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost) or cost < 0:
        return None
    return round(cost * PER, 9)
