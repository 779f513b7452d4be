"""What runs are called in a store, and the ids of their results."""

from __future__ import annotations

import json

import pytest

from crewgraph.report import record_of, trace_line
from crewgraph.report.record import record_read
from crewgraph.step import step
from crewgraph.syntax import Pipeline


@step(inline=True)
def echo(n: int) -> int:
    return n


@step(inline=True)
def same(n: int) -> int:
    return n


def test_a_run_is_called_the_same_each_time(store) -> None:
    """By what is in its input, and by how often that came before."""
    pipeline = Pipeline([echo], name="p")
    first = pipeline.kickoff([{"n": 1}, {"n": 1}, {"n": 2}], store=store)
    again = pipeline.kickoff([{"n": 2}, {"n": 1}, {"n": 1}], store=store)
    names = [run.run_id for run in first]
    assert names[1] == f"{names[0]}#2"
    assert len(set(names)) == 3
    assert {run.run_id: run.id for run in first} == {run.run_id: run.id for run in again}


def test_an_id_column_names_the_runs(store) -> None:
    """As it stands there."""
    (run,) = Pipeline([echo]).kickoff({"n": 7}, store=store, id_column="n")
    assert run.run_id == "7"


def test_without_a_store_runs_have_no_name() -> None:
    """Their ids are other ones each time."""
    one, other = Pipeline([echo]).kickoff([{"n": 1}, {"n": 1}])
    assert one.run_id is None
    assert one.id != other.id


def test_ids_belong_to_a_pipeline_a_run_and_a_branch(store) -> None:
    """No two of them are the same."""
    results = [
        *Pipeline([[echo, same]], name="one").kickoff([{"n": 1}, {"n": 2}], store=store),
        *Pipeline([[echo, same]], name="two").kickoff({"n": 1}, store=store),
    ]
    assert len({run.id for run in results}) == len(results) == 6
    assert results[0].run_id == results[1].run_id


@pytest.mark.parametrize("pipeline", [Pipeline([echo]), echo >> same], ids=["pipeline", "procedure"])
def test_records_tell_the_name(store, pipeline) -> None:
    """In a line of a trace it stands beside the id, and is read back; where there is none nothing stands."""
    (kept,), (other,) = pipeline.kickoff({"n": 1}, store=store), pipeline.kickoff({"n": 1})
    line = json.loads(json.dumps(trace_line(record_of(kept))))
    assert line["run_id"] == kept.run_id
    assert record_read(line).run_id == kept.run_id
    assert "run_id" not in trace_line(record_of(other))


def test_where_a_run_moves_to_is_noted(store, rows) -> None:
    """Its place in the last kickoff and the definition it was made with, also where nothing of it ran again; when it ended stays."""
    pipeline = Pipeline([echo], name="p")
    pipeline.kickoff([{"n": 1}, {"n": 2}], store=store)
    before = rows("SELECT id, ended, definition FROM runs ORDER BY run")
    Pipeline([echo, same], name="p").kickoff([{"n": 2}, {"n": 1}], store=store)
    pipeline.kickoff([{"n": 2}, {"n": 1}], store=store)
    assert rows("SELECT place FROM runs ORDER BY run") == [(1,), (0,)]
    ended = rows("SELECT ended FROM runs ORDER BY run")
    pipeline.kickoff([{"n": 2}, {"n": 1}], store=store)
    assert rows("SELECT ended FROM runs ORDER BY run") == ended
    assert rows("SELECT id FROM runs ORDER BY run") == [(each[0],) for each in before]
    assert rows("SELECT definition FROM runs ORDER BY run") == [(each[2],) for each in before]
