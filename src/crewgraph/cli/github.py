"""Findings as workflow commands of GitHub Actions, which shows them beside the line of the file."""

from __future__ import annotations

from crewgraph.cli.records import detail
from crewgraph.cli.source import Source, place_of
from crewgraph.diagnostics import Diagnostic, Findings, Severity
from crewgraph.render.escape import clean

__all__ = ["findings_github"]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def findings_github(findings: Findings, source: Source | None) -> str:
    """One command for each finding; what is ignored is not told."""
    return "\n".join(_command(finding, source) for finding in findings)


def _command(finding: Diagnostic, source: Source | None) -> str:
    place = place_of(finding, source)
    where = {"file": clean(place.path.as_posix()), "line": str(place.line)} if place else {}
    properties = {**where, "title": f"{finding.code} {finding.name}"}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    path = [f"at: {clean(' › '.join(finding.path))}"] if finding.path else []
    text = "\n".join([*detail(finding), *path])
    return f"::{_COMMANDS[finding.severity]} {told}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
