from __future__ import annotations

import io
import json
import sys
import threading

import anyio
import pytest

from crewgraph.cli import trouble
from crewgraph.cli.job import Job, Output
from crewgraph.cli.progress import Plain
from crewgraph.cli.rows import Inputs
from crewgraph.cli.target import Target
from crewgraph.progress.tally import Tally
from crewgraph.step import step
from crewgraph.syntax import Pipeline


@step
async def nap(seconds: float = 0.0):
    """Wait, or fail where nobody can wait."""
    if seconds < 0:
        raise ValueError("backwards")
    await anyio.sleep(seconds)


def a_job(*rows, output=None, **options):
    target = Target("nap", Pipeline(stages=[nap]))
    output = output or Output(None, io.BytesIO(), None)
    return Job(target, Inputs("rows", list(rows)), output, Tally(len(rows)), 100, "collect", **options)


class Closed(io.BytesIO):
    def write(self, data, /):
        raise BrokenPipeError


def test_results_for_a_person_go_through_the_progress(capsys):
    """Where both share a terminal, lines appear above the picture."""
    file = io.BytesIO()
    anyio.run(a_job({}, output=Output(None, file, is_terminal=True), has_progress=False).run)
    assert json.loads(capsys.readouterr().out)["status"] == "ok"
    assert file.getvalue() == b""


def test_progress_is_refreshed_while_it_runs(capsys, monkeypatch):
    """Every now and then, not only when something ends."""
    monkeypatch.setattr(Plain, "interval", 0.01)
    anyio.run(a_job({"seconds": 0.1}).run)
    assert capsys.readouterr().err.startswith("0/1 done, 0 failed, 1 running, ")


def test_the_first_failures_are_told(capsys):
    """The rest is counted."""
    anyio.run(a_job(*[{"seconds": -1}] * 7).run)
    told = capsys.readouterr().err
    assert told.count("ValueError: backwards") == 5
    assert "… and 2 more failures" in told


def test_it_runs_outside_of_the_main_thread_too():
    """Where there are no signals to listen to."""
    job = a_job({}, is_quiet=True)
    thread = threading.Thread(target=anyio.run, args=[job.run])
    thread.start()
    thread.join()
    assert job.tally.ok == 1


def test_a_reader_that_left_ends_it(monkeypatch):
    """Quietly, with the code that shells know."""
    codes = []

    def leave(code):
        codes.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(trouble.os, "_exit", leave)
    with pytest.raises(SystemExit):
        anyio.run(a_job({}, output=Output(None, Closed(), None)).run)
    assert codes == [141]


def test_leaving_does_not_need_a_reader(monkeypatch):
    """What cannot be flushed any more is let go."""

    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    codes = []
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(trouble.os, "_exit", codes.append)
    trouble.leave(3)
    assert codes == [3]
