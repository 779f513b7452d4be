from __future__ import annotations

import re
from random import Random

import pytest

from crewgraph.shapes.pattern import PatternTooHard, matching

PATTERNS = [
    r"^[A-Z]{3}-\d{4}$",
    r"(foo|bar)+baz?",
    r"^\w+@\w+\.(com|org)$",
    r"[^a-z]{3}",
    r"[^\x00-\uffff]*x",
    r"^.{5}$",
    r"^[^/]/[\d\s-]+$",
    r"a*?b",
    r"\D\W\S\s",
    "^(?:on|off)$",
    "",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_matches(pattern: str) -> None:
    """The text matches its pattern, for every seed."""
    for seed in range(20):
        assert re.search(pattern, matching(pattern, chance=Random(seed).random))


@pytest.mark.parametrize(("least", "most"), [(10, 10), (0, 1), (25, None)])
def test_length(least: int, most: int | None) -> None:
    """The text keeps within its bounds."""
    text = matching("^[a-z]+$", chance=Random(1).random, least=least, most=most)
    assert least <= len(text) <= (most or 99)


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [(r"(?=a)b", 0, None), (r"(a)\1", 0, None), ("(", 0, None), ("^abc$", 5, None), ("^abc$", 0, 2)],
    ids=["look-ahead", "back reference", "no pattern", "too short", "too long"],
)
def test_too_hard(pattern: str, least: int, most: int | None) -> None:
    """What cannot be solved is said to be so."""
    with pytest.raises(PatternTooHard, match="pattern"):
        matching(pattern, chance=Random(1).random, least=least, most=most)
