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
    done = crewgraph("run", "flow.py", flow, "--report", "r.html", "--trace", "t.jsonl", "--chrome-trace", "c.json")
    assert done.exit_code == 1
    assert "wrote r.html\nwrote c.json\n" in done.stderr
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
    assert "are the same file" in done.stderr


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


def test_a_reader_that_has_enough_leaves_the_report(crewgraph, flow, folder, monkeypatch):
    """What was paid for is kept: ``… | head``, and code that ends the process."""
    from crewgraph.cli import job

    left = []

    def broken(_file, _line):
        raise BrokenPipeError

    def leave(code):
        left.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(job, "_write", broken)
    monkeypatch.setattr(job, "leave", leave)
    crewgraph("run", "flow.py", flow, "--report", "r.html")
    assert left == [141]
    assert (folder / "r.html").exists()


def test_code_that_ends_the_process_leaves_the_report(crewgraph, write, folder):
    """As it was until then."""
    write(
        "end.py",
        """
        import sys
        from crewgraph import Pipeline, step

        @step(inline=True)
        def end(n: int) -> None:
            if n == 2:
                sys.exit(5)

        flow = Pipeline([end])
        """,
    )
    rows = write("rows.jsonl", '{"n": 1}\n{"n": 2}\n')
    done = crewgraph("run", "end.py", rows, "--max-concurrency", "1", "--report", "r.html", "--no-progress")
    assert done.exit_code == 5
    assert "wrote r.html" in done.stderr


def test_runs_that_ctrl_c_cut_off_are_in_the_report(crewgraph, write, folder, monkeypatch):
    """As cancelled, with what their nodes had done."""
    from crewgraph.cli import job, trouble

    del trouble
    monkeypatch.setattr(job, "leave", lambda code: None)
    write(
        "cut.py",
        """
        import asyncio, os, signal
        from crewgraph import Pipeline, step

        @step
        async def first(n: int) -> None: ...

        @step
        async def wait(n: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)

        flow = Pipeline([first, wait])
        """,
    )
    crewgraph("run", "cut.py", "--input", "n=1", "--trace", "t.jsonl", "--no-progress", "--out", "o")
    run = json.loads((folder / "t.jsonl").read_text(encoding="utf-8").splitlines()[1])
    assert (run["status"], [span["status"] for span in run["spans"]]) == ("cancelled", ["ok", "cancelled"])
