"""What litellm says that a call has cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["cost_of", "streamed_cost"]


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
