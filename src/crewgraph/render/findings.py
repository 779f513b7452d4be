"""Findings as a small table of HTML, for notebooks: no colour of ground or text, so that it reads in light and dark."""

from __future__ import annotations

import html

from crewgraph.diagnostics import Diagnostic, Findings, Severity, counted
from crewgraph.render.escape import clean

__all__ = ["findings_html"]

MAX_ROWS = 100

_SIGNS = {Severity.ERROR: ("✗", "#dc2626"), Severity.WARNING: ("!", "#d97706"), Severity.INFO: ("·", "#3b82f6")}
_CELL = "text-align:left;vertical-align:top;padding:4px 10px;border:0"


def findings_html(findings: Findings) -> str:
    """The table; every text in it is cleaned and escaped."""
    ignored = f" · {len(findings.suppressed)} ignored" if findings.suppressed else ""
    head = f'<div style="margin:4px 0"><b>{counted(findings)}</b>{ignored}</div>'
    rows = "".join(map(_row, findings[:MAX_ROWS]))
    rest = len(findings) - MAX_ROWS
    more = f'<div style="margin:4px 0">… and {rest} more</div>' if rest > 0 else ""
    table = f'<table style="border-collapse:collapse">{rows}</table>' if rows else ""
    return f"<div>{head}{table}{more}</div>"


def _row(finding: Diagnostic) -> str:
    sign, color = _SIGNS[finding.severity]
    title = f'<b style="color:{color}">{sign} {finding.code}</b><br/>{_small(finding.name)}'
    where = [" › ".join(finding.path)] if finding.path else []
    hint = [f"hint: {finding.hint}"] if finding.hint else []
    witness = [f"for example: {finding.witness}"] if finding.witness else []
    below = "".join(f"<br/>{_small(line)}" for line in [*where, *hint, *witness])
    text = f"{_text(finding.message)}{below}"
    return (
        f'<tr style="background:none"><td style="{_CELL};border-left:3px solid {color};white-space:nowrap">{title}</td>'
        f'<td style="{_CELL}">{text}</td></tr>'
    )


def _small(text: str) -> str:
    return f'<span style="font-size:90%;opacity:0.75">{_text(text)}</span>'


def _text(text: str) -> str:
    return html.escape(clean(text), quote=True)
