"""The one seam that points upward."""

from __future__ import annotations

import sys

import pytest

from crewgraph.runtime import _VERBS, verb
from crewgraph.syntax import Pipeline


@pytest.mark.parametrize("name", _VERBS)
def test_every_verb_is_a_function_of_a_higher_room(name: str) -> None:
    """The name leads to a function, and to the same one every time."""
    assert callable(verb(name))
    assert verb(name) is verb(name)


def test_an_unknown_verb_is_a_mistake_of_ours() -> None:
    """Nothing is imported for a name that is not listed."""
    before = set(sys.modules)
    with pytest.raises(KeyError):
        verb("os:system")
    assert set(sys.modules) == before


OF_RESULTS = {name for name in _VERBS if name.endswith("_html")} | {
    "to_pandas",
    "to_polars",
    "report",
    "chrome_trace",
}
"""Verbs of what the verbs of pipelines return."""


@pytest.mark.parametrize("name", sorted(_VERBS.keys() - OF_RESULTS))
def test_every_verb_is_a_method_of_a_pipeline(name: str) -> None:
    """What the seam offers is what the syntax asks for."""
    assert callable(getattr(Pipeline, name)) or isinstance(getattr(Pipeline, name), property)
