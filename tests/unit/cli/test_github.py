"""Findings as workflow commands of GitHub Actions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crewgraph.cli.github import findings_github
from crewgraph.cli.source import Source
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Suppressed, Witness

SOURCE = Source(Path("flows/desk.py"), 12)


@pytest.mark.parametrize(
    ("finding", "source", "told"),
    [
        (
            Diagnostic("CG202", "cycle: a → a"),
            SOURCE,
            "::error file=flows/desk.py,line=12,title=CG202 cycle::cycle: a → a",
        ),
        (
            Diagnostic("CG201", "m", ("stage 1", "route 'x'"), "rename, 100%"),
            None,
            "::warning title=CG201 same-name::m%0Ahint: rename, 100%25%0Aat: stage 1 › route 'x'",
        ),
        (
            Diagnostic("CG403", "m"),
            Source(Path("a, b:c%.py"), 1),
            "::notice file=a%2C b%3Ac%25.py,line=1,title=CG403 opaque-condition::m",
        ),
        (
            Diagnostic("CG310", "m", source=("agents.yaml", 3)),
            SOURCE,
            "::warning file=agents.yaml,line=3,title=CG310 no-placeholder::m",
        ),
    ],
    ids=["error", "warning", "notice", "in a file of its own"],
)
def test_a_finding_is_one_command(finding, source, told, tmp_path, monkeypatch):
    """Escaped as GitHub wants it: more in properties than in the text."""
    monkeypatch.chdir(tmp_path)
    assert findings_github(Findings([finding]), source) == told


def test_what_is_ignored_is_not_told():
    """Nor is there a line where nothing was found."""
    ignored = Suppressed(Diagnostic("CG201", "m"), Ignore("CG201", "why"))
    assert findings_github(Findings([], suppressed=[ignored]), SOURCE) == ""


def test_a_text_cannot_begin_another_command():
    """Each finding is one line, whatever its text."""
    hostile = "x\n::error file=passwd::y\r\n\x1b[31m\u2028::stop-commands::z"
    finding = Diagnostic("CG301", hostile, (hostile,), hostile, witness=Witness({hostile: hostile}))
    (line,) = re.split(r"[\n\r\u2028]", findings_github(Findings([finding]), Source(Path(hostile), 1)))
    assert line.startswith("::error file=x %3A%3Aerror")
    assert "\x1b" not in line
