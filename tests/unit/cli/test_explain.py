"""``crewgraph explain``: the pages of findings."""

from __future__ import annotations

import re
import sys

import pytest

from crewgraph.cli import cli
from crewgraph.cli.pages import page_of
from crewgraph.diagnostics import CODES


@pytest.mark.parametrize("name", ["CG302", "cg302", "sometimes-missing", "Sometimes-Missing"])
def test_a_page_is_shown_as_it_is_in_a_pipe(crewgraph, name):
    """By the code or the short name."""
    done = crewgraph("explain", name)
    assert (done.exit_code, done.stdout) == (0, page_of("CG302").text)


def test_several_pages_are_shown_one_after_the_other(crewgraph):
    """Each once."""
    told = crewgraph("explain", "CG302", "CG101", "CG302").stdout
    assert re.findall(r"^# (\w+)", told, flags=re.MULTILINE) == ["CG302", "CG101"]


def test_all_codes_are_listed(crewgraph):
    """With name, severity and the first words of the meaning, one line each in a pipe."""
    lines = crewgraph("explain").stdout.splitlines()
    assert [line[:5] for line in lines] == list(CODES)
    assert re.fullmatch(r"CG201  same-name +warning  Two different crews or steps have one name\.", lines[4])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CG320", "there is no finding 'CG320'. Did you mean CG302 (sometimes-missing)"),
        ("", "there is no finding ''. hint: `crewgraph explain` lists all of them"),
    ],
    ids=["a slip", "nothing"],
)
def test_an_unknown_code_is_answered(crewgraph, name, told):
    """With what may be meant; code 2."""
    done = crewgraph("explain", name)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_terminal_is_shown_a_page_laid_out(monkeypatch, capsys):
    """Without the marks of Markdown, with colours, and never wider than prose can be read."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["explain", "CG302"], color=True)
    told = capsys.readouterr().out
    assert "\x1b[" in told
    plain = re.sub(r"\x1b\[[\d;]*m", "", told)
    assert "CG302 sometimes-missing" in plain
    assert not re.search(r"^#|```", plain, flags=re.MULTILINE)
    assert max(map(len, plain.splitlines())) <= 100


@pytest.mark.parametrize("code", CODES)
def test_every_page_says_in_a_sentence_what_it_means(code):
    """Short enough for a list."""
    summary = page_of(code).summary
    assert re.fullmatch(r"[A-Z][^.:;]{10,120}\.", summary)
