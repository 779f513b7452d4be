"""Findings as a small table of HTML, for notebooks: no colour of ground or text, so that it reads in light and dark."""

from __future__ import annotations

from crewgraph.diagnostics import Diagnostic, Findings, Severity, counted
from crewgraph.render.cells import row, small, table, text

__all__ = ["findings_html"]

MAX_ROWS = 100

_SIGNS = {Severity.ERROR: ("✗", "#dc2626"), Severity.WARNING: ("!", "#d97706"), Severity.INFO: ("·", "#3b82f6")}


def findings_html(findings: Findings) -> str:
    """The table; every text in it is cleaned and escaped."""
    ignored = f" · {len(findings.suppressed)} ignored" if findings.suppressed else ""
    head = f"<b>{counted(findings)}</b>{ignored}"
    return table(head, map(_row, findings[:MAX_ROWS]), rest=len(findings) - MAX_ROWS)


def _row(finding: Diagnostic) -> str:
    sign, color = _SIGNS[finding.severity]
    title = f'<b style="color:{color}">{sign} {finding.code}</b><br/>{small(finding.name)}'
    where = [" › ".join(finding.path)] if finding.path else []
    hint = [f"hint: {finding.hint}"] if finding.hint else []
    witness = [f"for example: {finding.witness}"] if finding.witness else []
    below = "".join(f"<br/>{small(line)}" for line in [*where, *hint, *witness])
    return row([title, f"{text(finding.message)}{below}"], color=color)
