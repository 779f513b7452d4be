"""``crewgraph watch``, and ``crewgraph run --watch``."""

from __future__ import annotations

import socket
import sys
import threading
import webbrowser
from pathlib import Path
from urllib.request import urlopen

import pytest

from crewgraph.cli import job, watch
from crewgraph.store.file import make


@pytest.fixture
def trace(crewgraph, write):
    write(
        "flow.py",
        "from crewgraph import Pipeline, step\nflow = Pipeline([step(lambda n: n, name='echo')], name='Flow')\n",
    )
    crewgraph("run", "flow.py", "--input", "n=1", "--trace", "t.jsonl")
    return "t.jsonl"


@pytest.fixture
def waits(monkeypatch):
    """What is done each time that nothing new is there; after the last it is Ctrl-C."""
    todo = []

    def wait(_seconds=0.0):
        if not todo:
            raise KeyboardInterrupt
        todo.pop(0)()

    monkeypatch.setattr(watch.time, "sleep", wait)
    return todo


def test_a_trace_is_served_until_ctrl_c(crewgraph, trace, waits, monkeypatch):
    """At an address that is told, and opened where that is wanted; runs that come later are on the page too."""
    opened, pages = [], []
    monkeypatch.setattr(webbrowser, "open", opened.append)

    def look():
        with urlopen(opened[0], timeout=100) as answer:
            pages.append(answer.read().decode())

    waits.append(lambda: crewgraph("run", "flow.py", "--input", "n=2", "--trace", "more.jsonl"))
    waits.append(look)
    done = crewgraph("watch", trace, "--open", "--title", "Mine")
    assert done.exit_code == 0
    assert done.stderr == f"watch it at {opened[0]}\n"
    assert "<title>Mine</title>" in pages[0]
    assert "1 of 1 runs" in pages[0]


def test_a_trace_that_is_not_there_yet_is_waited_for(crewgraph, trace, waits, folder):
    """As where the kickoff is begun afterwards."""
    waits.append(lambda: None)
    waits.append(lambda: (folder / "later.jsonl").write_bytes((folder / trace).read_bytes()[:40]))
    waits.append(lambda: (folder / "later.jsonl").write_bytes((folder / trace).read_bytes()))
    done = crewgraph("watch", "later.jsonl")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (0, "waiting for later.jsonl")
    assert "watch it at http://127.0.0.1:" in done.stderr


def test_a_store_is_served_until_ctrl_c(crewgraph, trace, waits, monkeypatch):
    """Runs that end later are on the page too, and those under way with what they have done; an empty one is waited for."""
    opened, pages = [], []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    line = ("run", "flow.py", "--store", "runs.sqlite", "--input")

    def look():
        with urlopen(opened[0], timeout=100) as answer:
            pages.append(answer.read().decode())

    waits.append(lambda: make(Path("runs.sqlite")))
    waits.append(lambda: crewgraph(*line, "n=1"))
    waits.append(look)
    waits.append(lambda: crewgraph(*line, "n=2"))
    waits.append(look)
    done = crewgraph("watch", "runs.sqlite", "--open", "--key", "Flow")
    assert done.exit_code == 0
    assert (
        done.stderr == f"waiting for runs.sqlite\nwaiting for the first run in runs.sqlite\nwatch it at {opened[0]}\n"
    )
    assert "1 of 1 runs" in pages[0]
    assert "2 of 2 runs" in pages[1]
    assert "watch it at" in crewgraph("watch", "runs.sqlite").stderr


def test_a_port_that_is_taken_is_told(crewgraph, trace):
    """With what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = crewgraph("watch", trace, "--port", taken.getsockname()[1])
    assert done.exit_code == 2
    assert "cannot be used: Address already in use" in done.stderr


def test_without_the_extra_it_says_what_to_install(crewgraph, trace, monkeypatch):
    """As a mistake, not as a bug."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = crewgraph("watch", trace)
    assert done.exit_code == 2
    assert "pip install 'crewgraph[watch]'" in done.stderr


def test_a_run_is_watched(crewgraph, trace):
    """The address is told; where nobody sits there it ends with the run."""
    done = crewgraph("run", "flow.py", "--input", "n=3", "--watch")
    assert done.exit_code == 0
    assert done.stderr.startswith("watch it at http://127.0.0.1:")


def test_on_a_terminal_the_page_stays(crewgraph, trace, monkeypatch, waits):
    """Until Ctrl-C, and says so."""
    monkeypatch.setattr(job, "has_terminal", lambda: True)
    waits.append(lambda: None)
    done = crewgraph("run", "flow.py", "--input", "n=3", "--watch", "--no-progress")
    assert done.exit_code == 0
    assert "the page stays at http://127.0.0.1:" in done.stderr
    assert not waits
    assert not [thread for thread in threading.enumerate() if thread.name == "crewgraph-watch"]


def test_whoever_watches_is_told_of_ctrl_c(crewgraph, write, monkeypatch):
    """The page is told of the end before the process is gone."""
    left = []
    monkeypatch.setattr(job, "leave", left.append)
    write(
        "cut.py",
        """
        import asyncio, os, signal
        from crewgraph import Pipeline, step

        @step
        async def wait(n: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)

        flow = Pipeline([wait])
        """,
    )
    crewgraph("run", "cut.py", "--input", "n=1", "--watch", "--no-progress")
    assert left == [130]
    assert not [thread for thread in threading.enumerate() if thread.name == "crewgraph-watch"]
