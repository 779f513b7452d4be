from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from crewgraph.cli.progress import Live, Plain, Silent, duration, line_of, progress_for
from crewgraph.cli.tally import NodeCount, Tally
from crewgraph.outputs import PipelineRunResult, RunStatus
from crewgraph.trace import (
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunStarted,
)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tally(clock):
    """Four inputs, of which one is done, one failed and one is on its way."""
    tally = Tally(4, {"read": NodeCount(), "\x1b[31mwrite": NodeCount()}, clock=clock)
    for run in range(3):
        tally.observe(RunStarted(run=run))
        tally.observe(NodeStarted(run=run, node="read"))
        tally.observe(NodeFinished(run=run, node="read", tokens=100))
    tally.observe(NodeSkipped(run=0, node="\x1b[31mwrite"))
    tally.observe(RouteTaken(run=0, node="read", route="x"))
    tally.observe(RunFinished(run=0, tokens=1100))
    tally.observe(NodeStarted(run=1, node="\x1b[31mwrite"))
    tally.observe(NodeFailed(run=1, node="\x1b[31mwrite"))
    tally.observe(RunFailed(run=1, tokens=100))
    tally.count(PipelineRunResult(index=0), "")
    tally.count(PipelineRunResult(index=0), "")
    tally.count(PipelineRunResult(index=1, status=RunStatus.FAILED), "the reason")
    clock.now = 4.0
    return tally


def drawn(tally, **options):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=110, color_system=None, **options)
    live = Live(tally, "Inbox", console=console)
    live.start()
    live.above("a \x1b[31mline\x1b[0m [b]")
    live.refresh()
    live.stop()
    return file.getvalue()


def test_counts_are_folded_from_events_and_results(tally):
    """Results of one input count once; tokens of unfinished runs are counted too."""
    assert (tally.done, tally.ok, tally.failed, tally.running) == (2, 1, 1, 1)
    assert tally.tokens == 1100 + 100 + 100
    assert tally.failures == [(1, "the reason")]
    assert tally.nodes["read"] == NodeCount(0, 3, 0, 0)
    assert tally.nodes["\x1b[31mwrite"] == NodeCount(0, 0, 1, 1)


def test_cancelled_inputs_are_counted(tally):
    """They are neither well nor failed."""
    tally.count(PipelineRunResult(index=2, status=RunStatus.CANCELLED), "")
    assert (tally.cancelled, tally.done, tally.running) == (1, 3, 0)


def test_time_left_is_told_where_it_can_be(clock, tally):
    """From the rate so far and the number of inputs."""
    assert tally.left == 4.0
    assert Tally(None, clock=clock).left is None
    assert Tally(3, clock=clock).rate == 0.0


def test_only_the_first_failures_are_kept():
    """A kickoff over a million inputs may fail a million times."""
    tally = Tally()
    for index in range(9):
        tally.count(PipelineRunResult(index=index, status=RunStatus.FAILED), "x")
    assert (tally.failed, len(tally.failures)) == (9, 5)


def test_the_live_picture_holds_everything(tally):
    """Title, counts, tokens, time, and each node without its terminal codes."""
    picture = drawn(tally)
    for part in (
        "Inbox",
        "2/4",
        "1 failed",
        "1 running",
        "1,300 tokens",
        "30.0/min",
        "4.0 s, 4.0 s left",
        "3 done",
        "✗ write",
    ):
        assert part in picture
    assert "a line [b]" in picture


def test_the_live_picture_of_a_stream(clock):
    """Nobody knows how many there will be."""
    tally = Tally(None, {"read": NodeCount()}, clock=clock)
    assert "· read" in drawn(tally)
    tally.observe(NodeStarted(run=0, node="read"))
    assert "● read" in drawn(tally)


def test_the_live_picture_stays_small(clock):
    """Of many nodes it shows those at work and those of the beginning."""
    tally = Tally(1, {f"n{number}": NodeCount() for number in range(40)}, clock=clock)
    tally.observe(NodeStarted(run=0, node="n33"))
    picture = drawn(tally)
    assert "● n33" in picture
    assert "n10" in picture
    assert "n11" not in picture
    assert "… and 28 more" in picture


def test_plain_lines_are_told_once(tally, capsys):
    """And again only where something has changed."""
    plain = Plain(tally)
    plain.start()
    plain.refresh()
    plain.refresh()
    plain.stop()
    assert capsys.readouterr().err == "2/4 done, 1 failed, 1 running, 1300 tokens, 4.0 s, 4.0 s left\n"
    plain.above("x")
    assert capsys.readouterr().out == "x\n"


def test_a_line_without_a_total(clock):
    """As while standard input is read."""
    assert line_of(Tally(clock=clock)) == "0 done, 0 failed, 0 running, 0.0 s"


@pytest.mark.parametrize(
    ("surroundings", "kind"),
    [
        ({}, Live),
        ({"TERM": "dumb"}, Plain),
        ({"CI": "true"}, Plain),
        ({"terminal": False}, Plain),
        ({"wanted": False}, Silent),
    ],
    ids=["terminal", "dumb", "ci", "piped", "unwanted"],
)
def test_progress_fits_where_it_is_shown(monkeypatch, surroundings, kind):
    """Live only where somebody sees it."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: surroundings.get("terminal", True))
    for name, usual in (("TERM", "xterm"), ("CI", "")):
        monkeypatch.setenv(name, surroundings.get(name, usual))
    assert type(progress_for(Tally(), "x", wanted=surroundings.get("wanted", True))) is kind


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_told_as_people_do(seconds, told):
    """Tenths only where they matter."""
    assert duration(seconds) == told


def test_nothing_is_shown_where_nothing_is_wanted(capsys):
    """Silence refreshes too."""
    silent = Silent()
    silent.start()
    silent.refresh()
    silent.stop()
    assert capsys.readouterr() == ("", "")
