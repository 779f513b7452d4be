"""The runs in a store as they stand there."""

from __future__ import annotations

import json

import pytest

from crewgraph.errors import StoreError
from crewgraph.step import step
from crewgraph.store import is_store, opened_source, runs_in, stored_runs
from crewgraph.store.definitions import MAX_KNOWN, Definitions
from crewgraph.store.runs import newest_definition
from crewgraph.syntax import Pipeline


@step(inline=True)
def echo(n: int) -> int:
    if n < 0:
        raise ValueError("below zero")
    return n


def test_runs_come_by_the_numbers_of_their_inputs(store) -> None:
    """With what is known of each."""
    pipeline = Pipeline([echo], name="p")
    pipeline.kickoff([{"n": 2}], store=store)
    pipeline.kickoff([{"n": -1}, {"n": 2}], store=store, on_error="collect")
    first, second = stored_runs(store)
    assert (first.pipeline, first.status, first.place, dict(first.inputs)) == ("p", "failed", 0, {"n": -1})
    assert first.error == "'echo' failed: ValueError: below zero"
    assert first.ended is not None
    assert first.seconds == first.ended - first.began
    assert (second.status, second.place, second.error, second.origin) == ("ok", 1, None, None)
    assert [run.id for run in stored_runs(store, status="ok")] == [second.id]
    assert list(stored_runs(store, status=[])) == list(stored_runs(store, key="q")) == []


def test_runs_that_are_removed_meanwhile_are_left_out(store, rows) -> None:
    """As by gc, while somebody reads."""
    Pipeline([echo]).kickoff([{"n": n} for n in range(3)], store=store)
    with opened_source(store) as source:
        assert [run.place for run in runs_in(source, number=2)] == [1]
        assert list(runs_in(source, number=9)) == []
        assert [run.place for run in runs_in(source, most=2)] == [0, 1]


def test_a_run_that_has_not_ended_takes_no_time(store, rows) -> None:
    """And the input has to be an object."""
    Pipeline([echo]).kickoff({"n": 1}, store=store)
    (run,) = stored_runs(store)
    assert run.__class__(*[*_values(run)[:7], None, *_values(run)[8:]]).seconds is None
    with pytest.raises(ValueError, match=r"the input is no object but \[1\]"):
        _ = run.__class__(*[*_values(run)[:-1], "[1]"]).inputs


def _values(run: object) -> list[object]:
    return [getattr(run, name) for name in run.__slots__]  # type: ignore[attr-defined]


def test_definitions_are_kept_at_hand(store, monkeypatch) -> None:
    """Up to a number of them."""
    monkeypatch.setattr("crewgraph.store.definitions.MAX_KNOWN", 1)
    assert MAX_KNOWN > 1
    for name in ("a", "b"):
        Pipeline([step(name=name)(lambda n: n)], name="p").kickoff({"n": 1}, store=store)
    with opened_source(store) as source:
        definitions = Definitions(source)
        names = [json.loads(key)[0] for (key,) in source.rows("SELECT json_array(definition) FROM runs")]
        every = [name for (name,) in source.rows("SELECT substr(key, 12) FROM meta")]
        assert len(every) == 2
        for name in (*every, *every):
            assert definitions(name) is definitions(name)
        assert newest_definition(source, "p") == names[0]
        with pytest.raises(StoreError, match="there are no runs of 'q' in it"):
            newest_definition(source, "q")


def test_a_store_that_is_written_to_while_it_is_open(store) -> None:
    """Is read as it is: before somebody came, while he is there, and after he has left."""
    pipeline = Pipeline([echo], name="p")
    pipeline.kickoff({"n": 1}, store=store)
    seen = list[int]()
    with opened_source(store) as source:

        @step(inline=True)
        def look(n: int) -> int:
            seen.append(len(list(runs_in(source))))
            return n

        seen.append(len(list(runs_in(source))))
        Pipeline([echo, look], name="q").kickoff([{"n": 2}, {"n": 3}], store=store, max_concurrency=1)
        seen.append(len(list(runs_in(source))))
        pipeline.kickoff([{"n": n} for n in range(500)], store=store)
        seen.append(len(list(runs_in(source))))
    assert seen == [1, 2, 3, 3, 502]


@pytest.mark.parametrize("content", [None, b"", b"SQLite", b"{}"])
def test_what_is_no_store(tmp_path, content) -> None:
    """Is told by what is in it."""
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    assert not is_store(path)
    assert not is_store(tmp_path)
    assert is_store("postgresql://host/name")
