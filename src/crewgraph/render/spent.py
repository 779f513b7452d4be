"""Tokens and money as they stand in pictures and tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crewgraph.usage import UsageMetrics

__all__ = ["short", "spent"]

THOUSAND = 1000


def spent(usage: Any, *, is_short: bool = False) -> Iterator[str]:
    """What was used, in words: tokens, and money where there are prices or a call has none; nothing where nothing was.

    Args:
        usage: a ``UsageMetrics``; anything else used nothing.
        is_short: whether tokens are rounded, where there is little room.
    """
    if isinstance(usage, UsageMetrics) and usage.total_tokens:
        yield f"{short(usage.total_tokens)} tok" if is_short else f"{usage.total_tokens:,} tokens"
        if usage.picodollars or usage.unpriced_requests:
            yield usage.dollars()


def short(count: float) -> str:
    """A count for people: 940, 1.9k, 21k, 1.2M."""
    for unit in ("", "k", "M"):
        if round(count) < THOUSAND:
            return f"{count:.1f}{unit}".replace(".0", "") if count < 10 else f"{count:.0f}{unit}"  # noqa: PLR2004 - digits
        count /= THOUSAND
    return f"{count:.0f}G"
