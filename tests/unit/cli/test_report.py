"""``crewgraph report``, and the files that ``crewgraph run`` makes beside its results."""

from __future__ import annotations

import json
import webbrowser

import pytest


@pytest.fixture
def flow(write):
    write(
        "flow.py",
        """
        from crewgraph import Pipeline, step

        @step
        def check(n: int) -> None:
            if n > 1:
                raise ValueError("too much")

        flow = Pipeline([check], name="Flow")
        """,
    )
    return write("rows.jsonl", '{"n": 1}\n{"n": 2}\n')


def test_a_run_makes_its_report(crewgraph, flow, folder):
    """And a trace from which the same report can be made again."""
    done = crewgraph(
        "run", "flow.py", flow, "--report", "r.html", "--trace", "t.jsonl", "--chrome-trace", "c.json", "-q"
    )
    assert done.exit_code == 1
    assert done.stderr == "wrote r.html\nwrote c.json\n"
    assert len(json.loads((folder / "c.json").read_text())["traceEvents"]) == 6
    done = crewgraph("report", "t.jsonl")
    assert (done.exit_code, done.stderr) == (0, "wrote t.html\n2 runs, 1 failed\n")
    assert (folder / "t.html").read_bytes() == (folder / "r.html").read_bytes()


def test_everything_else_may_be_made_of_a_trace(crewgraph, flow, folder, monkeypatch):
    """A picture, a trace for Chrome, a page elsewhere with a title of its own, opened at once."""
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    crewgraph("run", "flow.py", flow, "--limit", "1", "--trace", "t.jsonl")
    done = crewgraph(
        "report", "t.jsonl", "-o", "new/r.html", "--picture", "p.svg", "--chrome-trace", "c.json", "--title", "Mine",
        "--open",
    )  # fmt: skip
    assert done.stderr == "wrote new/r.html\nwrote p.svg\nwrote c.json\n1 run, 0 failed\n"
    assert "<title>Mine</title>" in (folder / "new" / "r.html").read_text(encoding="utf-8")
    assert "1 of 1 runs" in (folder / "p.svg").read_text(encoding="utf-8")
    assert opened == [(folder / "new" / "r.html").as_uri()]


@pytest.mark.parametrize("option", ["-o", "--picture", "--chrome-trace"])
def test_the_trace_is_not_written_over(crewgraph, flow, option):
    """Whatever it is named as."""
    crewgraph("run", "flow.py", flow, "--trace", "t.jsonl")
    done = crewgraph("report", "t.jsonl", option, "./t.jsonl")
    assert done.exit_code == 2
    assert "is the trace itself; write to another file" in done.stderr


def test_results_are_no_trace(crewgraph, flow):
    """It is told how one is made; nothing is written."""
    crewgraph("run", "flow.py", flow, "--out", "o.jsonl")
    done = crewgraph("report", "o.jsonl")
    assert done.exit_code == 2
    assert "'o.jsonl' is no trace of crewgraph" in done.stderr


@pytest.mark.parametrize("option", ["--report", "--chrome-trace"])
def test_files_are_not_named_twice(crewgraph, flow, option):
    """Results and a report in one file would be neither."""
    done = crewgraph("run", "flow.py", flow, "--out", "x", option, "x")
    assert done.exit_code == 2
    assert f"--out and {option} are the same file" in done.stderr
