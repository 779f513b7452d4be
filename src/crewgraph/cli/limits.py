"""What a kickoff may cost and how patient it is, as the command line says it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import ValidationError

from crewgraph.cli.trouble import Mistake
from crewgraph.policy import Budget, Policy

__all__ = ["budget_of", "policy_of"]

KEYS = {"usd": float, "tokens": int, "calls": int, "seconds": float}
"""What can be limited, and whether in whole numbers."""


def budget_of(given: Iterable[str], option: str, *, max_usd: float | None = None) -> Budget | None:
    """The budget that ``--budget KEY=N`` and the like declare; ``None`` where they declare none.

    Args:
        given: what was written, such as ``usd=1.5``.
        option: behind which option, for messages.
        max_usd: a limit of the cost from elsewhere; of two the lower one counts.

    Raises:
        Mistake: there is no such key, the number is none, or a key stands twice.
    """
    limits = dict[str, float]()
    for text in given:
        key, number = _pair(text, option)
        if key in limits:
            raise Mistake(f"{option} {key} is said twice")
        limits[key] = number
    if max_usd is not None:
        limits["usd"] = min(max_usd, limits.get("usd", max_usd))
    try:
        return Budget.model_validate(limits) if limits else None
    except ValidationError as error:
        wrong = error.errors()[0]
        raise Mistake(f"{option} {wrong['loc'][0]}={wrong['input']:g}: {wrong['msg']}") from None


def _pair(text: str, option: str) -> tuple[str, float]:
    key, equals, number = text.partition("=")
    key = key.strip()
    if not equals or key not in KEYS:
        raise Mistake(f"{option} is KEY=N with one of {', '.join(KEYS)}, not '{text}'. hint: {option} usd=2.50")
    try:
        value = KEYS[key](number.strip().replace("_", ""))
    except ValueError:
        kind = "a whole number" if KEYS[key] is int else "a number"
        raise Mistake(f"{option} {key} is {kind}, not '{number}'") from None
    if not math.isfinite(value):
        raise Mistake(f"{option} {key} is a finite number, not '{number}'. hint: leave it out for no limit")
    return key, value


def policy_of(*, retries: int | None, call_timeout: float | None, run_timeout: float | None) -> Policy | None:
    """The policy of the kickoff; ``None`` where nothing is said."""
    if retries is None and call_timeout is None and run_timeout is None:
        return None
    return Policy(retries=retries, call_timeout=call_timeout, run_timeout=run_timeout)
