"""The root of all errors, and how messages name many things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["MAX_NAMED", "CrewgraphError", "and_more", "counted", "in_words", "shortened", "text_of"]

MAX_NAMED = 10
"""How many failures or rows one message names before it only counts the rest."""


class CrewgraphError(Exception):
    """The root: raised never itself, caught to catch everything of crewgraph.

    Attributes:
        usage: what the node or crew had spent when it failed (``UsageMetrics``); ``None`` where nothing had begun.
    """

    usage: Any = None


def and_more(lines: Sequence[str], what: str) -> list[str]:
    """Keep the first lines of a long list and say how many were left out."""
    rest = len(lines) - MAX_NAMED
    return [*lines[:MAX_NAMED], *([f"… and {rest} more {what}"] if rest > 0 else [])]


def counted(number: int, what: str) -> str:
    """So many of something: "1 call", "2,000 calls"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def in_words(error: BaseException) -> str:
    """Class and message of an error, as events and records tell it; "cancelled" for what was stopped from outside."""
    if not isinstance(error, Exception) and type(error).__name__ in ("CancelledError", "Cancelled"):
        return "cancelled"  # what the event loop says beside is about its own objects
    return f"{type(error).__name__}: {text_of(error)}".rstrip(": ")


def text_of(error: BaseException) -> str:
    """The message of an error; nothing for one of the user's that cannot even be told."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever its __str__ raises
        return ""


def shortened(text: str, limit: int) -> str:
    """A text of so many characters at most; what is cut off leaves a mark."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
