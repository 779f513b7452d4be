from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from crewgraph.cli.follow import LiveFollow, PlainFollow, follow_for
from crewgraph.progress.tally import Tally
from crewgraph.render.escape import columns
from crewgraph.trace import ModelText, RouteTaken

HERE = {"run": 0, "node": "n", "agent": "a", "model": "m"}


def writing(count, text="some words"):
    return [ModelText(**HERE, call=number, text=f"{text} {number}") for number in range(count)]


@pytest.fixture
def live():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60, color_system=None)
    return LiveFollow(Tally(2), "Inbox", console=console), file


def test_plain_lines_are_told_at_once(capsys):
    """And what was being written when it ended, last."""
    follow = PlainFollow(Tally(2))
    follow.observe(RouteTaken(run=0, node="n", route="left"))
    assert capsys.readouterr() == ("", "0 n │ ⇢ left\n")
    for event in writing(1):
        follow.observe(event)
    follow.stop()
    follow.stop()
    assert capsys.readouterr().err == "0 n · a │ some words 0\n"


def test_the_live_picture_shows_what_is_being_written(live):
    """Below the lines that are whole, above the progress."""
    follow, file = live
    follow.start()
    follow.observe(RouteTaken(run=0, node="n", route="left [b]"))
    for event in writing(1):
        follow.observe(event)
    follow.refresh()
    shown = file.getvalue()
    assert shown.index("0 n │ ⇢ left [b]") < shown.index("0 n · a │ some words 0") < shown.rindex("Inbox")
    follow.stop()
    assert file.getvalue().rstrip().count("0 n │ ⇢ left [b]") == 1


def test_results_come_behind_what_was_told_before(live):
    """Lines keep their order."""
    follow, file = live
    follow.observe(RouteTaken(run=0, node="n", route="left"))
    follow.above("a result")
    assert file.getvalue().splitlines() == ["0 n │ ⇢ left", "a result"]


def test_lines_wait_for_a_person_who_is_asked(live):
    """And keep their order; what was told before the question stands above it."""
    follow, file = live
    follow.start()
    follow.observe(RouteTaken(run=0, node="n", route="left"))
    with follow.aside():
        shown = file.getvalue()
        assert "⇢ left" in shown
        follow.observe(RouteTaken(run=1, node="n", route="right"))
        follow.above("a result")
        follow.observe(RouteTaken(run=1, node="m", route="on"))
        follow.refresh()
        assert file.getvalue() == shown
    follow.stop()
    lines = file.getvalue()[len(shown) :].splitlines()
    assert lines[:2] == ["1 n │ ⇢ right", "a result"]
    assert any("1 m │ ⇢ on" in line for line in lines)


def test_the_live_picture_stays_small(live):
    """Of many that write at once it shows a few, and of a long line its end."""
    follow, file = live
    follow.start()
    for event in writing(9, "語" * 40):
        follow.observe(event)
    follow.refresh()
    shown = file.getvalue()
    assert "… and 3 more are being written" in shown
    assert "語 5" in shown
    assert "語 6" not in shown
    assert all(columns(line) <= 60 for line in shown.splitlines() if "│" in line and "\x1b" not in line)


@pytest.mark.parametrize(
    ("terminal", "live", "kind"), [(True, True, LiveFollow), (True, False, PlainFollow), (False, True, PlainFollow)]
)
def test_it_fits_where_it_is_shown(monkeypatch, terminal, live, kind):
    """A live picture only on a terminal, and where it is wanted."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("CI", "")
    assert type(follow_for(Tally(1), "x", live=live)) is kind
