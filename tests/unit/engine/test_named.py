"""Engines are found by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crewgraph.engine import named
from crewgraph.engine.local import LocalEngine


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    named.engine_named.cache_clear()
    yield
    named.engine_named.cache_clear()


class Other(LocalEngine):
    """An engine that some package installs."""


class Point:
    name = "other"

    def load(self) -> type[Other]:
        return Other


def test_ours_needs_no_look_up() -> None:
    """The local engine is there however crewgraph came to be importable."""
    assert isinstance(named.engine_named("local"), LocalEngine)


def test_installed_engines_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of the group is an engine."""
    monkeypatch.setattr(named, "entry_points", lambda group: [Point()] if group == "crewgraph.engines" else [])
    assert isinstance(named.engine_named("other"), Other)
    with pytest.raises(ValueError, match=r"there is no engine 'warp'; installed engines: cluster, local, other"):
        named.engine_named("warp")
