"""Progress as HTML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from crewgraph.outputs import PipelineRunResult, RunStatus
from crewgraph.progress.cell import ended_html, running_html
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.trace import ModelCallFailed, NodeStarted
from tests.tallies import Clock, under_way

HOSTILE = "<script>alert('x')</script> \x1b[31mred\x1b[0m \u202eevil " + "x" * 500


@pytest.fixture
def tally() -> Tally:
    return under_way(Clock())


def text_of(html: str) -> str:
    return " ".join(" ".join(ET.fromstring(html).itertext()).split())


def test_a_kickoff_under_way(tally: Tally) -> None:
    """A bar, what is done and what it took, then the nodes with what they are doing."""
    html = running_html(tally, "Inbox")
    assert text_of(html) == (
        "Inbox 2/4 done · 1 failed · 1 running · 1,300 tokens, cost $0.13 · 4.0 s, 4.0 s left "
        "✓ read 3 done ✗ write 1 failed · 1 skipped"
    )
    assert html.count("width:25.00%") == 2


def test_what_is_out_of_the_ordinary(tally: Tally) -> None:
    """A budget that stopped a run, and who waits for another attempt, are told."""
    tally.count(PipelineRunResult(index=2, status=RunStatus.OVER_BUDGET), "too dear")
    tally.observe(ModelCallFailed(run=3, node="read", model="m", call=1, retry_in=2.0))
    assert "1 over budget · 0 running · 1 waiting to ask again ·" in text_of(running_html(tally, "Inbox"))


def test_nothing_is_known_yet() -> None:
    """Without a total there is no bar, and what took nothing does not say so."""
    tally = Tally(None, {"read": NodeCount()}, clock=Clock())
    html = running_html(tally, "Inbox")
    assert text_of(html) == "Inbox 0 done · 0 running · 0 ms · read"
    assert "width" not in html


def test_many_nodes() -> None:
    """Those at work are shown, the others as far as there is room."""
    tally = Tally(1, {f"n{number}": NodeCount() for number in range(40)}, clock=Clock())
    tally.observe(NodeStarted(run=0, node="n33"))
    told = text_of(running_html(tally, "Inbox"))
    assert "● n33 1 running" in told
    assert told.endswith("… and 28 more")


@pytest.mark.parametrize("draw", [running_html, ended_html], ids=["under way", "over"])
def test_names_may_hold_anything(draw) -> None:
    """Markup, codes and marks of direction stay text, and a long name is cut."""
    html = draw(Tally(1, {HOSTILE: NodeCount()}, clock=Clock()), HOSTILE)
    assert "<script" not in html
    assert "\u202e" not in html
    assert "alert('x')" in text_of(html)
    assert "…" in html


def test_all_is_well_at_the_end(tally: Tally) -> None:
    """One short line, with a tick."""
    tally = Tally(1, clock=Clock())
    tally.count(PipelineRunResult(index=0), "")
    assert text_of(ended_html(tally, "Inbox")) == "✓ Inbox 1/1 done · 0 ms"


def test_not_all_is_well_at_the_end(tally: Tally) -> None:
    """A cross, and what is missing."""
    told = text_of(ended_html(tally, "Inbox"))
    assert told == "✗ Inbox 2/4 done · 1 failed · 2 not finished · 1,300 tokens, cost $0.13 · 4.0 s"
    tally.total = None
    assert "2 done · 1 failed · 1 not finished" in text_of(ended_html(tally, "Inbox"))
