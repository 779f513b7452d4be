"""Which store a kickoff has: the one it is given, else the one of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from crewgraph import Pipeline, step
from crewgraph.store import overview_of


@step
def double(n: int) -> dict[str, int]:
    return {"n": n * 2}


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "runs.sqlite"
    monkeypatch.setenv("CREWGRAPH_STORE", str(path))
    return path


def test_the_environment_names_a_store(named) -> None:
    """A kickoff that says nothing about a store has that one, and may say how its runs are known there."""
    Pipeline([double], name="doubles").kickoff([{"n": 1}, {"n": 2}], id_column="n", key="mine")
    (pipeline,) = overview_of(named).pipelines
    assert (pipeline.name, pipeline.runs) == ("mine", {"ok": 2})


@pytest.mark.parametrize(("variable", "store"), [("", ...), ("runs.sqlite", None)], ids=["empty", "said otherwise"])
def test_no_store(tmp_path, monkeypatch, variable, store) -> None:
    """A variable that is empty names none, and what the kickoff says wins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CREWGRAPH_STORE", variable)
    Pipeline([double]).kickoff({"n": 1}, **({} if store is ... else {"store": store}))
    assert list(tmp_path.iterdir()) == []


def test_a_kickoff_inside_of_a_node_has_no_store_of_the_environment(named) -> None:
    """The outer one writes to it already, and keeps the node's answer."""

    @step
    async def outer(n: int) -> dict[str, int]:
        (run,) = await Pipeline([double], name="inner").kickoff_async({"n": n})
        return {"twice": run.to_dict()["n"]}

    (run,) = Pipeline([outer], name="outer").kickoff({"n": 4})
    assert run.to_dict()["twice"] == 8
    assert [each.name for each in overview_of(named).pipelines] == ["outer"]


def test_the_environment_names_an_engine(monkeypatch) -> None:
    """What the kickoff says wins, and a wrong name is told with those that there are."""
    monkeypatch.setenv("CREWGRAPH_ENGINE", "warp")
    with pytest.raises(ValueError, match=r"there is no engine 'warp'; installed engines: .*local"):
        Pipeline([double]).kickoff({"n": 1})
    assert Pipeline([double]).kickoff({"n": 1}, engine="local")[0].ok
