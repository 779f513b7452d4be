"""Traces for Chrome and Perfetto: events that lie within each other or follow each other."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import combinations

from crewgraph.report import ChromeTrace, Record
from crewgraph.trace import Span, moment
from crewgraph.usage import Call
from tests.browser.newsdesk import records


def events(tmp_path, *runs: Record):
    with ChromeTrace() as trace:
        for record in runs:
            trace.take(record)
        told = json.loads(trace.write(tmp_path / "t.json").read_text(encoding="utf-8"))
    assert told["displayTimeUnit"] == "ms"
    return told["traceEvents"]


def test_each_input_is_a_process(tmp_path):
    """With its name, in the order of the inputs."""
    told = events(tmp_path, *records(3))
    names = [(event["pid"], event["args"]["name"]) for event in told if event["name"] == "process_name"]
    assert names[:2] == [(0, "input 0 Solar canopy permits"), (1, "input 1 Bank merger rumour")]
    assert [event["args"]["sort_index"] for event in told if event["name"] == "process_sort_index"] == [0, 1, 2]


def test_a_node_says_what_it_did(tmp_path):
    """How it ended, and what it took; what there is none of is left out."""
    told = {(event["pid"], event["name"]): event for event in events(tmp_path, *records(2)) if event["ph"] == "X"}
    intake = told[0, "Intake"]
    assert (intake["cat"], intake["dur"]) == ("crew", 1_500_000)
    assert intake["args"] == {
        "status": "ok", "model": "gpt-5-mini", "prompt_tokens": 450, "completion_tokens": 150, "usd": 0.0012,
    }  # fmt: skip
    assert told[1, "Triage"]["args"] == {"status": "ok", "route": "needs_work"}
    assert told[1, "Rework"]["args"]["error"].startswith("ValidationError")
    assert told[1, "web_search"]["args"] == {"task": "task 'Do it'", "agent": "Writer", "attempt": 1}


def test_on_a_lane_nothing_overlaps(tmp_path):
    """Two events of a lane follow each other, or one lies within the other."""
    lanes = defaultdict(list)
    for event in events(tmp_path, *records(12)):
        if event["ph"] == "X":
            lanes[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert max(lane for _, lane in lanes) >= 1
    for spans in lanes.values():
        for (begin, end), (other, last) in combinations(spans, 2):
            is_apart = end <= other + 1 or last <= begin + 1
            is_inside = (begin <= other + 1 and last <= end + 1) or (other <= begin + 1 and end <= last + 1)
            assert is_apart or is_inside


def test_calls_side_by_side_have_lanes_of_their_own(tmp_path):
    """Tools that run at the same time, and a call that outlives its node."""
    calls = [
        Call(kind="tool", name="one", started=10.0, seconds=2.0),
        Call(kind="tool", name="two", started=10.5, seconds=1.0),
        Call(kind="tool", name="late", started=12.5, seconds=9.0),
    ]
    span = Span(node="a", kind="crew", status="ok", started=moment(10.0), ended=moment(13.0), calls=calls)
    told = events(tmp_path, Record(0, "", "ok", None, {}, [span]))
    assert [(event["name"], event["tid"]) for event in told if event["ph"] == "X"] == [
        ("a", 0), ("one", 0), ("two", 1), ("late", 1),
    ]  # fmt: skip


def test_no_runs_are_a_trace_too(tmp_path):
    """An empty one."""
    assert events(tmp_path) == []
