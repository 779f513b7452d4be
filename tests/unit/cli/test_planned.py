"""A plan in terminals that are narrower than its table."""

from __future__ import annotations

import sys

import pytest

from crewgraph.cli import cli
from crewgraph.cli.console import UNCUT
from crewgraph.cli.planned import plan_text
from crewgraph.forecast import Forecast, ForecastRow
from crewgraph.outlook import Load, Range
from crewgraph.render.escape import columns


def row(name, *, kind="crew", depth=0, unknown=0):
    """A row whose figures are wide."""
    calls = Range(40, 50, 6_000)
    load = Load(
        calls=calls,
        prompt=Range(15_116, 30_135, 1_700_856),
        answer=Range(288, 5_760, 884_736),
        usd=Range(0.0044, 0.019, 2.19),
        seconds=Range(1, 2, 840),
        unknown=Range(unknown, unknown, unknown),
    )
    return ForecastRow(name=name, kind=kind, depth=depth, runs=calls, load=load)


def plan_of(*rows, **total):
    """A plan that rests on something that is long to say."""
    return Forecast(
        inputs=72, rows=rows, total=row("total", kind="total", **total), assumptions=("a long story " * 20,)
    )


@pytest.mark.parametrize("width", [40, 50, 60, 72, 80, 110])
@pytest.mark.parametrize("name", ["classify", "a name without an end " * 9, "分類 " * 30, ""])
def test_no_line_is_wider_than_the_terminal(width, name):
    """Names are shortened, figures never, and what the plan rests on is wrapped under itself."""
    text = plan_text(plan_of(row(name, depth=12), row("route 'x'", kind="route", depth=1)), width)
    assert max(map(columns, text.splitlines())) <= width
    assert "30,135" in text
    assert "\n  long story" in text or "\n  story" in text or "\n  a long" in text or "\n  a\n" in text


def test_a_narrow_table_tells_what_is_expected_and_the_total_three_times():
    """A router has no figures, and a bound is told as one."""
    lines = plan_text(plan_of(row("ask"), row("desk", kind="router"), unknown=1), 80).splitlines()
    assert [" ".join(line.split()) for line in lines[:6]] == [
        "72 inputs calls prompt tokens answer tokens USD time",
        "ask 50 30,135 5,760 $0.019 2 s",
        "desk",
        "total ≥ 50 ≥ 30,135 ≥ 5,760 ≥ $0.019 ≥ 2 s",
        "low ≥ 40 ≥ 15,116 ≥ 288 ≥ $0.0044 ≥ 1 s",
        "high ≥ 6,000 ≥ 1,700,856 ≥ 884,736 ≥ $2.19 ≥ 14 min",
    ]


def test_a_table_that_fits_is_told_whole():
    """As in a pipe, where no line is cut or wrapped."""
    plan = plan_of(row("ask"))
    assert plan_text(plan, 140).startswith(f"{plan.table()}\n\nassumed:\n- a long story")
    assert plan_text(plan, UNCUT) == str(plan)


@pytest.mark.parametrize(("size", "is_whole"), [(80, False), (200, True)])
def test_the_command_fits_its_terminal(flow, monkeypatch, capsys, size, is_whole):
    """However wide that is."""
    monkeypatch.setenv("COLUMNS", str(size))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["plan", "flow.py"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= size
    assert (
        any(line.startswith("- where the inputs alone do not decide it") and line.endswith("others") for line in lines)
        is is_whole
    )


def test_where_no_table_fits_it_is_told_in_sentences():
    """Names whole, and figures with what they count; of a router there are none, and what is unknown is said once."""
    unknown = ForecastRow(name="ask", kind="crew", depth=1, runs=Range(0, 0, 0), load=Load(unknown=Range(1, 1, 1)))
    lines = plan_text(plan_of(row("classify"), row("desk", kind="router"), unknown), 60).splitlines()
    assert lines[:9] == [
        "72 inputs",
        "classify",
        "    50 calls, 30,135 prompt tokens, 5,760 answer tokens,",
        "    $0.019, 2 s",
        "desk",
        "  ask",
        "      unknown",
        "total",
        "    50 calls, 30,135 prompt tokens, 5,760 answer tokens,",
    ]


def test_names_are_given_room_before_heads_are():
    """The words of the heads are shortened first."""
    lines = plan_text(plan_of(row("a name of twenty-six letters")), 80).splitlines()
    assert lines[0].split() == ["72", "inputs", "calls", "prompt", "answer", "USD", "time"]
    assert lines[1].startswith("a name of twenty-six letters  ")
