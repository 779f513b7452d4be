"""Where progress is shown, and that it never fails a run."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pytest

from crewgraph.outputs import RunStatus, UsageMetrics
from crewgraph.progress.shown import VARIABLE, Cell, Lines, Progress, display_here, progress_for
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.trace import RunStarted
from tests.tallies import Clock


class Notebook:
    """Stands in for IPython in a kernel: keeps what is displayed."""

    def __init__(self) -> None:
        self.shown = list[str]()
        self.drawn = list[str]()

    def display(self, bundle, *, raw, display_id):
        assert raw
        assert display_id
        self.shown.append(bundle["text/plain"])
        self.drawn.append(bundle["text/html"])
        return self

    def update(self, bundle, *, raw):
        assert raw
        self.shown[-1] = bundle["text/plain"]
        self.drawn[-1] = bundle["text/html"]


@pytest.fixture
def notebook(monkeypatch):
    """This process is the kernel of a notebook."""
    notebook = Notebook()
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=notebook.display))
    return notebook


@pytest.fixture
def outside(monkeypatch):
    """This process is no notebook, whatever has been imported."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.delenv(VARIABLE, raising=False)


def canvas_of(progress):
    return None if progress is None else type(progress.canvas)


# ---- is it shown, and where? -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "said", "is_default", "shown"),
    [
        (None, "", True, (Cell, None)),
        (None, "", False, (None, None)),
        (True, "", False, (Cell, Lines)),
        (True, "0", True, (Cell, Lines)),
        (False, "", True, (None, None)),
        (False, "1", True, (None, None)),
        (None, "1", True, (Cell, Lines)),
        (None, " Off ", True, (None, None)),
        (None, "1", False, (None, None)),
        (None, "perhaps", True, (Cell, None)),
    ],
    ids=[
        "nobody says", "a stream", "wanted", "the kickoff before the environment", "unwanted", "unwanted all the same",
        "wanted by the environment", "unwanted by the environment", "which says nothing of streams", "unreadable",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("notebook")
def test_who_decides(monkeypatch, wanted, said, is_default, shown):
    """The kickoff, then the environment, then whether this is a notebook."""
    monkeypatch.setenv(VARIABLE, said)
    assert canvas_of(progress_for(wanted, "x", is_default=is_default)) is shown[0]
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert canvas_of(progress_for(wanted, "x", is_default=is_default)) is shown[1]


def refuse():
    raise RuntimeError("no shell")


@pytest.mark.parametrize(
    "ipython",
    [
        SimpleNamespace(),
        SimpleNamespace(get_ipython=lambda: None),
        SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None)),
        SimpleNamespace(get_ipython=SimpleNamespace),
        SimpleNamespace(get_ipython=refuse),
    ],
    ids=["half imported", "no shell", "no kernel", "a terminal", "a shell of its own kind"],
)
def test_what_is_no_notebook(monkeypatch, notebook, ipython):
    """A shell without a kernel has no cells."""
    assert display_here() == notebook.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert display_here() is None


# ---- in a cell -------------------------------------------------------------------------------------------------


def test_one_display_is_drawn_again_in_its_place(notebook):
    """First what is under way, at the end a short line."""
    cell = Cell(notebook.display, "In\x1b[31mbox")
    tally = Tally(2, {"read": NodeCount()}, clock=Clock())
    cell.paint(tally, is_over=False)
    assert notebook.shown == ["Inbox: 0/2 done, 0 failed, 0 running, 0 ms"]
    assert "<table" in notebook.drawn[0]
    tally.settle(0, RunStatus.OK, UsageMetrics(), "")
    cell.paint(tally, is_over=True)
    assert notebook.shown == ["Inbox: 1/2 done, 0 failed, 0 running, 0 ms"]
    assert "<table" not in notebook.drawn[0]


# ---- as lines --------------------------------------------------------------------------------------------------


def test_lines_are_told_once(capsys):
    """And again where something has changed, and at the end."""
    lines, tally = Lines("Inbox"), Tally(1, clock=Clock())
    lines.paint(tally, is_over=False)
    lines.paint(tally, is_over=False)
    tally.observe(RunStarted(run=0))
    lines.paint(tally, is_over=False)
    lines.paint(tally, is_over=True)
    told = capsys.readouterr()
    running = "Inbox: 0/1 done, 0 failed, 1 running, 0 ms"
    assert told.err.splitlines() == ["Inbox: 0/1 done, 0 failed, 0 running, 0 ms", running, running]
    assert told.out == ""


# ---- beside a kickoff ------------------------------------------------------------------------------------------


def test_what_is_over_at_once_shows_nothing(notebook, outside):
    """Unless somebody has asked for it."""
    patient = Progress(Cell(notebook.display, "x"), is_patient=True)
    patient.end()
    assert notebook.shown == []
    Progress(Cell(notebook.display, "x")).end()
    assert len(notebook.shown) == 1


def test_what_took_a_while_shows_its_end(notebook):
    """In place of what was shown meanwhile."""
    clock = Clock()
    progress = Progress(Cell(notebook.display, "x"), is_patient=True, tally=Tally(clock=clock))
    clock.now = 60.0  # it is awaited a minute after it was written
    progress.begin(["read"], 1)
    progress.observe(RunStarted(run=0))
    progress.refresh()
    assert "1 running" in notebook.drawn[0]
    progress.settle(0, RunStatus.OK, UsageMetrics(total_tokens=7))
    progress.end()
    assert len(notebook.drawn) == 1
    assert "1/1 done · 7 tokens · 0 ms" in notebook.drawn[0]


def test_a_display_that_fails_is_left_alone(caplog):
    """It is said once in the log, and the run goes on."""
    asked = list[object]()

    def display(*_, **__):
        asked.append(1)
        raise OSError("the page has gone")

    progress = Progress(Cell(display, "x"))
    with caplog.at_level(logging.ERROR, "crewgraph.progress"):
        progress.refresh()
        progress.refresh()
        progress.end()
    assert len(asked) == 1
    assert [record.message for record in caplog.records] == ["progress cannot be shown; the run goes on"]
