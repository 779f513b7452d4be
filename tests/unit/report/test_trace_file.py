"""Files of traces: written line by line, and read with every kind of damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crewgraph.errors import TraceError
from crewgraph.report import TraceFile, opened_trace
from tests.browser.newsdesk import graph, records


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "t.jsonl"
    file = TraceFile(path, graph(), total=9)
    for record in records(3):
        file.take(record)
    file.close()
    return path


def indices(path: Path) -> list[int]:
    with opened_trace(path) as trace:
        return [record.index for record in trace.records]


def test_what_was_written_is_read(trace):
    """The graph with its name, then every run."""
    with opened_trace(trace) as read:
        assert (read.graph.name, read.total) == ("Newsroom", 9)
    assert indices(trace) == [0, 1, 2]


def test_a_file_whose_writer_was_killed_is_read_as_far_as_it_goes(trace):
    """The last line is left out where it has no end."""
    trace.write_bytes(trace.read_bytes()[:-40])
    assert indices(trace) == [0, 1]


def test_a_broken_line_is_named(trace):
    """By its number, and by what is wrong with it."""
    lines = trace.read_text().splitlines(keepends=True)
    trace.write_text("".join([*lines[:2], "{}\n", *lines[2:]]))
    with pytest.raises(TraceError, match=r"t\.jsonl' has a broken line 3: it lacks 'inputs'"):
        indices(trace)
    trace.write_text("".join([*lines[:2], "nonsense\n"]))
    with pytest.raises(TraceError, match="has a broken line 3: Expecting value"):
        indices(trace)


def test_bytes_that_are_no_text_are_told(trace):
    """In the first line, and further on."""
    good = trace.read_bytes()
    trace.write_bytes(good + b"\xff\xfe\n" * 10_000)
    with pytest.raises(TraceError, match="has a broken line 5: 'utf-8' codec"):
        indices(trace)
    trace.write_bytes(b"\xff\xfe" + good)
    with pytest.raises(TraceError, match="is no trace of crewgraph"):
        indices(trace)
    trace.write_bytes(good + '{"index": "ä'.encode()[:-1])
    assert indices(trace) == [0, 1, 2]


def test_an_empty_file_is_neither_store_nor_trace(tmp_path):
    """It is told what would write one; whoever named a store is not asked for a trace."""
    (tmp_path / "x").touch()
    with pytest.raises(
        TraceError, match=r"is empty: no run .*: crewgraph run … --store FILE makes a store, and --trace"
    ):
        indices(tmp_path / "x")


@pytest.mark.parametrize("first", ["\n", "[]\n", "nonsense\n", '{"index": 0}\n', '"crewgraph"\n'])
def test_what_is_no_trace(tmp_path, first):
    """It is told what would make one."""
    (tmp_path / "x").write_text(first)
    with pytest.raises(TraceError, match=r"is no trace of crewgraph: .* --trace FILE writes one"):
        indices(tmp_path / "x")


def test_a_newer_trace_is_refused(trace):
    """With both versions."""
    head, *rest = trace.read_text().splitlines(keepends=True)
    trace.write_text(json.dumps(json.loads(head) | {"version": 9}) + "\n" + "".join(rest))
    with pytest.raises(TraceError, match="another crewgraph: it has version 9, and this crewgraph reads 1"):
        indices(trace)


@pytest.mark.parametrize(
    "broken",
    [None, {}, [], {"name": "x", "nodes": [{"kind": "tea", "name": "x"}], "edges": [], "shape": {"series": []}}],
)
def test_a_broken_graph_is_told(tmp_path, broken):
    """The first line says that it is a trace, and is none."""
    (tmp_path / "x").write_text(json.dumps({"crewgraph": "trace", "version": 1, "graph": broken}) + "\n")
    with pytest.raises(TraceError, match="has a broken first line"):
        indices(tmp_path / "x")


def test_a_file_that_is_not_there(tmp_path):
    """As the system says it."""
    with pytest.raises(TraceError, match=r"nowhere' cannot be read: No such file or directory"):
        indices(tmp_path / "nowhere")


def test_a_trace_that_cannot_be_begun_leaves_nothing_open(tmp_path):
    """The system's own error."""
    with pytest.raises(OSError, match="No space left"):
        TraceFile("/dev/full", graph())


def test_a_file_that_is_followed_is_read_as_it_grows(trace):
    """Line by line, also where half of one is there; until nobody waits any more."""
    whole = trace.read_bytes()
    steps = [whole[:300], whole[:-50], whole]
    trace.write_bytes(whole[:200])

    def grow() -> bool:
        if steps:
            trace.write_bytes(steps.pop(0))
            return True
        return False

    with opened_trace(trace, wait=grow) as read:
        assert [record.index for record in read.records] == [0, 1, 2]


def test_a_file_that_is_written_anew_while_it_is_followed_is_told(trace):
    """Half of the old runs and half of the new ones would be neither."""
    short = trace.read_bytes()[:100]

    def begin_anew() -> bool:
        trace.write_bytes(short)
        return True

    with opened_trace(trace, wait=begin_anew) as read, pytest.raises(TraceError, match="was written anew"):
        list(read.records)
