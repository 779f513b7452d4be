"""Keys that differ by a slip of the pen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["index_of", "is_slip", "similar"]

SHORTEST = 4
"""Shorter keys are one edit away from too many others."""
LONGEST = 60
"""Longer keys are not looked at."""


def index_of(keys: Iterable[str]) -> Mapping[str, list[str]]:
    """Keys by what is left of them without one letter: two that are one edit apart have one of these in common."""
    index = dict[str, list[str]]()
    for key in keys:
        for shorter in _shortened(key):
            index.setdefault(shorter, []).append(key)
    return index


def similar(key: str, index: Mapping[str, list[str]]) -> list[str]:
    """The keys of an index that may be one edit apart from a key, each once."""
    return list(dict.fromkeys(other for shorter in _shortened(key) for other in index.get(shorter, ()) if other != key))


def _shortened(key: str) -> Iterator[str]:
    if SHORTEST <= len(key) <= LONGEST:
        yield key
        yield from dict.fromkeys(key[:place] + key[place + 1 :] for place in range(len(key)))


def is_slip(key: str, other: str) -> bool:
    """Whether two keys differ by one letter that is missing, doubled or wrong, or by two that changed places.

    A difference in digits, a plural and what stands for a part of its own are meant: item1 and item2, item and items,
    note_a and note_b.
    """
    if key == other or min(len(key), len(other)) < SHORTEST:
        return False
    if re.sub(r"\d+", "0", key) == re.sub(r"\d+", "0", other) or key + "s" == other or other + "s" == key:
        return False
    parts, others = key.split("_"), other.split("_")
    if len(parts) == len(others):
        pairs = [(one, two) for one, two in zip(parts, others, strict=True) if one != two]
        if len(pairs) != 1 or min(map(len, pairs[0])) < SHORTEST:
            return False
    return _edits(key, other) == 1


def _edits(key: str, other: str) -> int:
    """1 where one edit makes one key of the other, else 2."""
    short, long = sorted((key, other), key=len)
    if len(long) - len(short) > 1:
        return 2
    start = next((n for n in range(len(short)) if short[n] != long[n]), len(short))
    rest, other_rest = short[start:], long[start:]
    if len(short) != len(long):
        return 1 if rest == other_rest[1:] else 2
    swapped = len(rest) > 1 and rest[0] == other_rest[1] and rest[1] == other_rest[0] and rest[2:] == other_rest[2:]
    return 1 if rest[1:] == other_rest[1:] or swapped else 2
