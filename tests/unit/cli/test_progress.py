from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from crewgraph.cli.progress import Live, Plain, Silent, line_of, progress_for, spent
from crewgraph.cli.tally import NodeCount, Tally
from crewgraph.outputs import PipelineRunResult, RunStatus, UsageMetrics
from crewgraph.render.duration import duration
from crewgraph.trace import (
    ModelCallFailed,
    ModelCallFinished,
    ModelCallStarted,
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


def took(tokens):
    """Tokens at a dollar for ten thousand."""
    return UsageMetrics(total_tokens=tokens, successful_requests=1, picodollars=tokens * 10**8)


@pytest.fixture
def tally(clock):
    """Four inputs, of which one is done, one failed and one is on its way."""
    tally = Tally(4, {"read": NodeCount(), "\x1b[31mwrite": NodeCount()}, clock=clock)
    for run in range(3):
        tally.observe(RunStarted(run=run))
        tally.observe(NodeStarted(run=run, node="read"))
        tally.observe(ModelCallFinished(run=run, node="read", model="m", usage=took(100)))
        tally.observe(NodeFinished(run=run, node="read", tokens=100))
    tally.observe(NodeSkipped(run=0, node="\x1b[31mwrite"))
    tally.observe(RouteTaken(run=0, node="read", route="x"))
    tally.observe(RunFinished(run=0, tokens=1100))
    tally.observe(NodeStarted(run=1, node="\x1b[31mwrite"))
    tally.observe(NodeFailed(run=1, node="\x1b[31mwrite"))
    tally.observe(RunFailed(run=1, tokens=100))
    tally.count(PipelineRunResult(index=0, usage=took(1100)), "")
    tally.count(PipelineRunResult(index=0, usage=took(1100)), "")
    tally.count(PipelineRunResult(index=1, status=RunStatus.FAILED, usage=took(100)), "the reason")
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


def test_usage_is_counted_by_model(tally):
    """What each model took, whether its run has ended or not."""
    assert tally.models == {"m": UsageMetrics.sum([took(100)] * 3)}


def test_runs_that_a_budget_stopped_are_counted(tally):
    """Beside the failed ones, with their reason."""
    tally.count(PipelineRunResult(index=2, status=RunStatus.OVER_BUDGET), "too dear")
    assert (tally.over_budget, tally.failed, tally.done, tally.not_begun) == (1, 1, 3, 1)
    assert tally.failures[1] == (2, "too dear")
    assert "1 over budget" in line_of(tally)
    assert "1 over budget" in drawn(tally)


def test_who_waits_for_another_attempt_is_counted():
    """Until the model is asked again, or the node ends."""
    tally, here = Tally(1), {"run": 0, "node": "n", "agent": "a", "model": "m"}
    tally.observe(NodeStarted(run=0, node="n"))
    tally.observe(ModelCallFailed(**here, call=1, retry_in=2.0))
    assert "1 waiting to ask again" in line_of(tally)
    assert "1 waiting to ask again" in drawn(tally)
    tally.observe(ModelCallStarted(**here, call=2))
    assert not tally.waiting
    tally.observe(ModelCallFailed(**here, call=2, retry_in=2.0))
    tally.observe(ModelCallFailed(**{**here, "run": 1}, call=3, retry_in=2.0))
    tally.observe(NodeFailed(run=0, node="n"))
    assert len(tally.waiting) == 1


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (UsageMetrics(total_tokens=1204), "1,204 tokens"),
        (UsageMetrics(total_tokens=5, successful_requests=1, unpriced_requests=1), "5 tokens, cost unknown"),
        (took(12), "12 tokens, cost $0.0012"),
    ],
    ids=["no call", "unknown", "known"],
)
def test_unknown_costs_are_told_as_unknown(usage, told):
    """And never as nothing."""
    assert spent(usage) == told


def test_warnings_are_for_people(tally, capsys):
    """On standard error, fit for a terminal; above the picture where there is one."""
    Silent().warn("be \x1b[31mcareful")
    assert capsys.readouterr() == ("", "be careful\n")
    file = io.StringIO()
    Live(tally, "x", console=Console(file=file, width=80)).warn("be \x1b[31mcareful [b]")
    assert file.getvalue() == "be careful [b]\n"


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
        "1,300 tokens  $0.13",
        "30.0/min",
        "4.0 s, 4.0 s left",
        "3 done",
        "✗ write",
    ):
        assert part in picture
    assert "a line [b]" in picture


def test_the_live_picture_leaves_the_terminal_to_a_person(tally):
    """It is gone while they are asked; what is told meanwhile comes when they have answered."""
    file = io.StringIO()
    live = Live(tally, "Inbox", console=Console(file=file, force_terminal=True, width=110, color_system=None))
    live.start()
    with live.aside():
        shown = file.getvalue()
        assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")
        live.refresh()
        live.above("a result")
        live.warn("a warning")
        assert file.getvalue() == shown
    later = file.getvalue()[len(shown) :]
    assert later.startswith("a result\na warning\n\x1b[?25l")
    assert "Inbox" in later
    live.stop()


def test_a_picture_that_has_ended_does_not_come_back(tally):
    """When the last question is given up after the kickoff, what was held is told and nothing is drawn."""
    file = io.StringIO()
    live = Live(tally, "Inbox", console=Console(file=file, force_terminal=True, width=110, color_system=None))
    live.start()
    with live.aside():
        live.above("a result")
        shown = file.getvalue()
        live.stop()
    assert file.getvalue()[len(shown) :] == "a result\n"


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
    assert capsys.readouterr().err == "2/4 done, 1 failed, 1 running, 1,300 tokens, cost $0.13, 4.0 s, 4.0 s left\n"
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
    with silent.aside():
        silent.refresh()
    silent.stop()
    assert capsys.readouterr() == ("", "")
