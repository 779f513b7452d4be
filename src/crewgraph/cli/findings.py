"""Findings of the checker for a person: grouped, errors first, with the place, the edit that mends them and an example.

On a terminal a text is wrapped under itself, and notes are cut to one line each; in a pipe each part of a finding is one
line, however long, so that it can be searched.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from crewgraph.cli.console import UNCUT, console_of, text_of, width_for
from crewgraph.diagnostics import Diagnostic, Findings, Severity, counted
from crewgraph.render.escape import clean, shortened

__all__ = ["COLORS", "counted", "echo_findings", "plain", "report", "summary"]

MAX_WITNESS = 400
MAX_EXPLAINED = 4

COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}

_SIGNS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}
_TITLES = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "notes"}


def echo_findings(findings: Iterable[Diagnostic], *, err: bool = False) -> None:
    """Print findings, in colour on a terminal."""
    every = list(findings)
    if every:
        click.echo(report(every, width=width_for(sys.stderr if err else sys.stdout)), err=err)


def summary(findings: Findings) -> str:
    """The counts, and the command that tells more about them."""
    told = click.style(counted(findings), fg="green" if findings.ok else "red", bold=True)
    ignored = f" · {len(findings.suppressed)} ignored" if findings.suppressed else ""
    codes = list(dict.fromkeys(each.code for each in (*findings.errors, *findings.warnings)))
    more = f"\nmore about them: crewgraph explain {' '.join(codes[:MAX_EXPLAINED])}" if codes else ""
    return f"{told}{ignored}{more}"


def plain(findings: Findings, title: str) -> str:
    """The whole as a file holds it: without colours, and each part in one line."""
    told = f"{report(findings, width=UNCUT)}\n\n" if findings else ""
    return click.unstyle(f"{told}{title}: {summary(findings)}")


def report(findings: Iterable[Diagnostic], *, width: int) -> str:
    """Findings as text with the codes of a terminal.

    Args:
        findings: what is told.
        width: columns of a line.
    """
    every, console = list(findings), console_of(width)
    for number, severity in enumerate(sorted({finding.severity for finding in every}, key=list(Severity).index)):
        console.print(_titled(("\n" if number else "") + _TITLES[severity], f"bold {COLORS[severity]}"))
        for place, finding in enumerate(finding for finding in every if finding.severity is severity):
            if severity is Severity.INFO:
                console.print(_note(finding), no_wrap=True, overflow="ellipsis")
            else:
                console.print(*([""] if place else []), _told(finding), sep="\n")
    return text_of(console)


def _told(finding: Diagnostic) -> Any:
    """A finding with its parts below each other, each wrapped under itself."""
    from rich.table import Table

    parts = Table.grid(padding=(0, 2, 0, 0))
    for label, text in _parts(finding):
        parts.add_row(_titled(label, "dim"), _plain(text))
    body = Table.grid()
    body.add_row(_head(finding))
    if parts.row_count:
        body.add_row(parts)
    whole = Table.grid(padding=(0, 1, 0, 0))
    whole.add_row(_sign(finding), body)
    return whole


def _parts(finding: Diagnostic) -> Iterator[tuple[str, str]]:
    where = [f"{finding.source[0]}:{finding.source[1]}"] if finding.source else []
    if where or finding.path:
        yield "at", " › ".join([*where, *finding.path])
    if finding.hint:
        yield "hint", finding.hint
    if finding.witness:
        yield "for example", shortened(str(finding.witness), MAX_WITNESS)


def _note(finding: Diagnostic) -> Any:
    """A note in one line."""
    from rich.text import Text

    line = Text.assemble(_sign(finding), " ", _head(finding))
    for label, text in _parts(finding):
        line.append(f" · {label} {clean(text)}", style="dim")
    return line


def _sign(finding: Diagnostic) -> Any:
    return _titled(f" {_SIGNS[finding.severity]}", COLORS[finding.severity])


def _head(finding: Diagnostic) -> Any:
    from rich.text import Text

    return Text.assemble(
        (f"{finding.code} {finding.name}", f"bold {COLORS[finding.severity]}"), f": {clean(finding.message)}"
    )


def _titled(text: str, style: str) -> Any:
    from rich.text import Text

    return Text(text, style=style)


def _plain(text: str) -> Any:
    """A text without markup, as it stands."""
    return _titled(clean(text), "")
