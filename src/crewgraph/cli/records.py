"""Findings as JSON, and what a text needs before it stands in a file or a log that programs read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from crewgraph.diagnostics import Diagnostic, Findings, Witness
from crewgraph.render.escape import clean

__all__ = ["as_json", "detail", "findings_json"]

# Escaped, so that a terminal that is shown the JSON is not steered by it: control characters, marks of direction,
# halves of pairs.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def findings_json(findings: Findings) -> str:
    """A list of records, what is ignored at the end."""
    records = [_record(finding) for finding in findings]
    return as_json(records + [_record(each.finding, each.reason) for each in findings.suppressed])


def _record(finding: Diagnostic, reason: str | None = None) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
        "path": list(finding.path),
        "hint": finding.hint,
        "node": finding.node,
        "witness": _witness(finding.witness) if finding.witness else None,
        "source": dict(zip(("file", "line"), finding.source, strict=True)) if finding.source else None,
        "suppressed": reason,
    }


def _witness(witness: Witness) -> dict[str, Any]:
    record = {each.name: getattr(witness, each.name) for each in fields(witness)}
    return {key: dict(value) if isinstance(value, Mapping) else value for key, value in record.items()}


def as_json(value: Any) -> str:
    """Readable JSON; values that JSON does not know are written as Python shows them."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=repr)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def detail(finding: Diagnostic) -> Iterator[str]:
    """The lines of a finding: its message, the hint and the example."""
    yield clean(finding.message)
    if finding.hint:
        yield f"hint: {clean(finding.hint)}"
    if finding.witness:
        yield f"for example: {clean(str(finding.witness))}"
