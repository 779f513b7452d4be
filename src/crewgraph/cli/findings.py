"""Findings of the checker for a person: grouped, errors first, with the place and the edit that mends them."""

from __future__ import annotations

from collections.abc import Iterable

import click

from crewgraph.diagnostics import Diagnostic, Severity
from crewgraph.render.escape import clean

__all__ = ["counted", "echo_findings"]

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_PLURAL = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "notes"}
_SINGULAR = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def counted(findings: Iterable[Diagnostic]) -> str:
    """How many there are of each kind: "2 errors, 1 note"."""
    every = list(findings)
    counts = {severity: sum(finding.severity is severity for finding in every) for severity in Severity}
    told = [
        f"{count} {(_SINGULAR if count == 1 else _PLURAL)[severity]}" for severity, count in counts.items() if count
    ]
    return ", ".join(told) or "no findings"


def echo_findings(findings: Iterable[Diagnostic], *, err: bool = False) -> None:
    """Print findings, in colour on a terminal."""
    every = list(findings)
    for severity in Severity:
        group = [finding for finding in every if finding.severity is severity]
        if group:
            click.secho(_PLURAL[severity], fg=_COLORS[severity], bold=True, err=err)
        for finding in group:
            click.echo(_told(finding), err=err)


def _told(finding: Diagnostic) -> str:
    code = click.style(f"{finding.code} {finding.name}", fg=_COLORS[finding.severity])
    lines = [f"  {code}: {clean(finding.message)}"]
    if finding.path:
        lines.append(click.style(f"     at {clean(' › '.join(finding.path))}", dim=True))
    if finding.hint:
        lines.append(f"     hint: {clean(finding.hint)}")
    return "\n".join(lines)
