from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from crewgraph.cli.progress import Live, Plain, Silent, progress_for
from crewgraph.outputs import PipelineRunResult, RunStatus
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.render.duration import duration
from crewgraph.trace import (
    ModelCallFailed,
    NodeStarted,
)
from tests.tallies import Clock, under_way


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tally(clock):
    return under_way(clock)


def drawn(tally, **options):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=110, height=30, color_system=None, **options)
    live = Live(tally, "Inbox", console=console)
    live.start()
    live.above("a \x1b[31mline\x1b[0m [b]")
    live.refresh()
    live.stop()
    return file.getvalue()


def test_warnings_are_for_people(tally, capsys):
    """On standard error, fit for a terminal; above the picture where there is one."""
    Silent().warn("be \x1b[31mcareful")
    assert capsys.readouterr() == ("", "be careful\n")
    file = io.StringIO()
    Live(tally, "x", console=Console(file=file, width=80)).warn("be \x1b[31mcareful [b]")
    assert file.getvalue() == "be careful [b]\n"


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


def test_each_node_has_a_bar_where_there_is_room():
    """What it did with all inputs, however little; none where the terminal is narrow, or nobody knows how many there are."""
    node = NodeCount(done=500, failed=1, running=1, skipped=250)
    for width, total, bar in ((110, 1000, "━" * 10 + "╌╌╌╌"), (80, 1000, ""), (110, None, "")):
        tally = Tally(total, {"read": node}, clock=Clock())
        console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
        console.print(Live(tally, "Inbox", console=console)._nodes())
        line = next(each for each in console.file.getvalue().splitlines() if "read" in each)
        assert "".join(letter for letter in line if letter in "━╌") == bar


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
    """Of many nodes it shows those at work and those of the beginning, as many as the terminal has room for."""
    tally = Tally(1, {f"n{number}": NodeCount() for number in range(40)}, clock=clock)
    tally.observe(NodeStarted(run=0, node="n33"))
    picture = drawn(tally)
    assert "● n33" in picture
    assert "n20" in picture
    assert "n21" not in picture
    assert "… and 18 more" in picture


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
        (0, "0 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
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


def test_the_live_picture_tells_what_is_out_of_the_ordinary(tally):
    """Runs that a budget stopped, and who waits for another attempt."""
    tally.count(PipelineRunResult(index=2, status=RunStatus.OVER_BUDGET), "too dear")
    tally.observe(ModelCallFailed(run=3, node="read", model="m", call=1, retry_in=2.0))
    picture = drawn(tally)
    assert "1 over budget" in picture
    assert "1 waiting to ask again" in picture


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_live_picture_keeps_its_lines_in_a_narrow_terminal(tally, width):
    """What has no room is cut, and takes no second line."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    console.print(Live(tally, "Inbox", console=console).picture())
    lines = [line for line in console.file.getvalue().splitlines() if line.strip()]
    assert len(lines) == 2 + len(tally.nodes)
    assert max(map(len, lines)) <= width
