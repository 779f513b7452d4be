"""The root of all errors, and how messages name many things."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MAX_NAMED", "CrewgraphError", "and_more", "counted"]

MAX_NAMED = 10
"""How many failures or rows one message names before it only counts the rest."""


class CrewgraphError(Exception):
    """The root: raised never itself, caught to catch everything of crewgraph."""


def and_more(lines: Sequence[str], what: str) -> list[str]:
    """Keep the first lines of a long list and say how many were left out."""
    rest = len(lines) - MAX_NAMED
    return [*lines[:MAX_NAMED], *([f"… and {rest} more {what}"] if rest > 0 else [])]


def counted(number: int, what: str) -> str:
    """So many of something: "1 call", "2,000 calls"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
