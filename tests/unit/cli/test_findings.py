"""Findings as a person reads them."""

from __future__ import annotations

import re
import sys

import click
import pytest

from crewgraph.cli import console
from crewgraph.cli.findings import echo_findings, plain, report, summary
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity, Suppressed, Witness
from crewgraph.render.escape import columns

WITNESS = Witness({"email": "Where is my parcel? I ordered it three weeks ago."}, (("router", "new"),), "reply")
LONG = Diagnostic(
    "CG302",
    "'reply' needs {customer}, but only route 'known' provides it (from 'lookup'); route 'new' of 'router' does not",
    ("stage 3 'router'", "route 'urgent'", "stage 1 'reply'"),
    "add customer to the inputs, or let 'register' give it",
    "reply",
    witness=WITNESS,
)
NOTE = Diagnostic("CG403", "the condition of route 'high' is a callable; it is not checked", ("stage 2 'router'",), "x")
HOSTILE = "\x1b]0;owned\x07[red]x[/red] \x1b[31my\n\u202ez\x9b2J"


def told(*findings, width):
    return click.unstyle(report(findings, width=width))


def test_parts_are_wrapped_under_themselves():
    """Within the columns that there are."""
    text = told(LONG, width=60)
    assert text.splitlines() == [
        "errors",
        " ✗ CG302 sometimes-missing: 'reply' needs {customer}, but",
        "   only route 'known' provides it (from 'lookup'); route",
        "   'new' of 'router' does not",
        "   at           stage 3 'router' › route 'urgent' › stage 1",
        "                'reply'",
        "   hint         add customer to the inputs, or let",
        "                'register' give it",
        '   for example  input {"email": "Where is my parcel? I',
        "                ordered it three weeks ago.\"}, route 'new'",
        "                of 'router' → fails at 'reply'",
    ]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_line_is_wider_than_the_terminal(width):
    """Not even where a word is longer than a line."""
    long = Diagnostic("CG301", "x" * 300, ("とても長い" * 40,), "y" * 300)
    assert max(map(columns, told(long, LONG, NOTE, width=width).splitlines())) <= width


def test_notes_are_cut_to_one_line():
    """On a terminal; elsewhere they are whole."""
    assert told(NOTE, width=60).splitlines()[1].endswith("…")
    whole = told(NOTE, width=console.UNCUT).splitlines()
    assert whole == [
        "notes",
        f" · CG403 opaque-condition: {NOTE.message} · at stage 2 'router' · hint x",
    ]


def test_groups_and_findings_are_set_apart():
    """By an empty line."""
    text = told(LONG, LONG, NOTE, NOTE, Diagnostic("CG201", "m"), width=console.UNCUT)
    assert re.sub(r"(?m)^ .*\n?", "", text) == "errors\n\n\nwarnings\n\nnotes\n"


def test_what_stands_in_a_file_of_its_own_is_found_there():
    """The file and the line come first."""
    assert "   at  agents.yaml:7 › clerk" in told(
        Diagnostic("CG310", "m", ("clerk",), source=("agents.yaml", 7)), width=80
    )
    assert "   at  agents.yaml:7" in told(Diagnostic("CG310", "m", source=("agents.yaml", 7)), width=80)


def test_a_finding_without_a_place_is_one_line():
    """A cycle concerns the whole pipeline."""
    assert told(Diagnostic("CG202", "cycle: a → a"), width=80) == "errors\n ✗ CG202 cycle: cycle: a → a"


@pytest.mark.parametrize("level", list(Severity))
def test_hostile_text_is_text(level):
    """No terminal code, markup, line end or mark of direction gets through."""
    finding = Diagnostic("CG301", HOSTILE, (HOSTILE,), HOSTILE, None, level, Witness({HOSTILE: HOSTILE}))
    text = report([finding], width=console.UNCUT)
    assert "[red]x[/red] y z" in click.unstyle(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", re.sub(r"\x1b\[[\d;]*m", "", text))


def test_no_blanks_stand_at_the_end_of_a_line():
    """As in a table that rich fills up."""
    assert not re.search(r"(?m)[ ]+(\x1b\[0m)?$", report([LONG, NOTE], width=80))


@pytest.mark.parametrize(
    ("findings", "text"),
    [
        (Findings(), "no findings"),
        (Findings([NOTE]), "1 note"),
        (Findings([], suppressed=[Suppressed(NOTE, Ignore("CG403", "why"))]), "no findings · 1 ignored"),
        (Findings([LONG, LONG]), "2 errors\nmore about them: crewgraph explain CG302"),
        (
            Findings(Diagnostic(f"CG10{number}", "m") for number in (1, 2, 3, 4)),
            "4 errors\nmore about them: crewgraph explain CG101 CG102 CG103 CG104",
        ),
        (
            Findings(Diagnostic(code, "m") for code in ("CG101", "CG102", "CG103", "CG104", "CG301")),
            "5 errors\nmore about them: crewgraph explain CG101 CG102 CG103 CG104",
        ),
    ],
    ids=["none", "a note", "ignored", "the same twice", "four", "five"],
)
def test_the_end_counts_and_shows_where_to_read_on(findings, text):
    """The first few codes of errors."""
    assert click.unstyle(summary(findings)) == text


def test_a_file_holds_no_colours():
    """And the counts stand at its end."""
    assert plain(Findings(), "Flow") == "Flow: no findings"
    text = plain(Findings([LONG]), "Flow")
    assert "\x1b" not in text
    assert text.endswith("fails at 'reply'\n\nFlow: 1 error\nmore about them: crewgraph explain CG302")


@pytest.mark.parametrize("err", [False, True])
@pytest.mark.parametrize(("size", "width"), [(20, 40), (90, 90), (300, 140)], ids=["narrow", "usual", "wide"])
def test_the_width_is_that_of_the_terminal(monkeypatch, capsys, err, size, width):
    """Within limits in which it can be read."""
    monkeypatch.setenv("COLUMNS", str(size))
    stream = sys.stderr if err else sys.stdout
    monkeypatch.setattr(stream, "isatty", lambda: True)
    echo_findings([Diagnostic("CG301", "x " * 400)], err=err)
    out = capsys.readouterr()
    lines = click.unstyle(out.err if err else out.out).splitlines()
    assert width - 2 <= max(map(len, lines)) <= width


def test_nothing_is_printed_of_nothing(capsys):
    """Not even an empty line."""
    echo_findings([])
    assert capsys.readouterr().out == ""
