"""Words for values and types."""

from __future__ import annotations

from typing import Any

import pytest

from crewgraph.condition.alternatives import Anything, Constants
from crewgraph.condition.words import a, dotted, kind_of, listed, shown, values_of


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (a("int"), "an int"),
        (a("Review"), "a Review"),
        (a("UUID"), "a UUID"),
        (a("None"), "None"),
        (a("'x'"), "'x'"),
        (a("5 more"), "5 more"),
        (listed(["x"]), "x"),
        (listed("xyz", "and"), "x, y and z"),
        (dotted(("a", "b", 0, "c d", -1)), "a.b[0]['c d'][-1]"),
        (kind_of(Anything()), "value"),
        (kind_of(Constants(())), "nothing"),
        (values_of([]), "nothing"),
        (shown(7.0), "7"),
        (shown(7.5), "7.5"),
    ],
)
def test_words(said: Any, words: Any) -> None:
    """They read as a person writes them."""
    assert said == words
