"""Keys that differ by a slip of the pen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["index_of", "is_compared", "is_slip", "similar"]

SHORTEST = 4
SHORTEST_SWAPPED = 5
SHORTEST_MISSING = 6
SHORTEST_WRONG = 8
"""How long words must be for a difference to be a slip and no other word."""
LONGEST = 60
"""Longer keys are not looked at."""


def is_compared(key: str) -> bool:
    """Whether a key is looked at: one that is very short is one letter apart from too many."""
    return SHORTEST <= len(key) <= LONGEST


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
    if is_compared(key):
        yield key
        yield from dict.fromkeys(key[:place] + key[place + 1 :] for place in range(len(key)))


def is_slip(key: str, other: str, *, is_given: bool = False) -> bool:
    """Whether two keys differ by a slip of the pen: two letters that changed places, one missing, doubled or wrong.

    Short words are often one letter apart and both meant (data and date, form and from), so the shorter they are the
    less counts as a slip, and still less where both are only read. A difference in digits, a plural and what stands for
    a part of its own are meant: item1 and item2, item and items, note_a and note_b.

    Args:
        key: the key that is read.
        other: the other one.
        is_given: whether a node gives the other one.
    """
    if key.casefold() == other.casefold():
        return key != other
    if re.sub(r"\d+", "0", key) == re.sub(r"\d+", "0", other) or key + "s" == other or other + "s" == key:
        return False
    parts, others = key.split("_"), other.split("_")
    if len(parts) != len(others):
        return False
    pairs = [(one, two) for one, two in zip(parts, others, strict=True) if one != two]
    return len(pairs) == 1 and _is_slip(pairs[0], is_given=is_given)


def _is_slip(words: tuple[str, str], *, is_given: bool) -> bool:
    """The same of two words."""
    short, long = sorted(words, key=len)
    least = len(short) + (1 if is_given else 0)
    start = next((place for place, letter in enumerate(short) if letter != long[place]), len(short))
    rest, other = short[start:], long[start:]
    if len(short) < len(long):
        return least >= SHORTEST_MISSING and rest == other[1:]
    if rest[1:] == other[1:]:
        return least >= SHORTEST_WRONG
    swapped = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return swapped and least >= SHORTEST_SWAPPED
