"""Findings as SARIF 2.1.0, the format in which code hosts and editors read what checkers find."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from crewgraph.cli.pages import page_of
from crewgraph.cli.records import as_json, detail
from crewgraph.cli.source import Source, place_of
from crewgraph.cli.version import crewgraph_version
from crewgraph.diagnostics import CODES, Diagnostic, Findings, Severity, Suppressed
from crewgraph.render.escape import clean

__all__ = ["COMMAND_LINE", "findings_sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
COMMAND_LINE = "command line"
"""The reason of what is ignored by an option."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ROOT = "%SRCROOT%"
_NUMBERS = re.compile(r"\b(stage|branch) \d+")


def findings_sarif(findings: Findings, source: Source | None, *, target: str) -> str:
    """A log of one run, with all rules; what is ignored is in it, with the reason.

    Args:
        findings: what was found.
        source: where the target is written.
        target: how the user named it; code hosts keep the runs of several targets apart by it.
    """
    driver = {"name": "crewgraph", "version": crewgraph_version(), "rules": [_rule(code) for code in CODES]}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"crewgraph/{clean(target)}/"},
        "invocations": [{"executionSuccessful": True}],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which crewgraph was called."}}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(findings, source)),
    }
    return as_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: str) -> dict[str, Any]:
    page = page_of(code)
    return {
        "id": code,
        "name": page.name,
        "shortDescription": {"text": page.summary},
        "fullDescription": {"text": page.meaning},
        "help": {"text": page.text, "markdown": page.text},
        "defaultConfiguration": {"level": _LEVELS[page.severity]},
    }


def _results(findings: Findings, source: Source | None) -> Iterator[dict[str, Any]]:
    every: list[tuple[Diagnostic, Suppressed | None]] = [(finding, None) for finding in findings]
    every += [(each.finding, each) for each in findings.suppressed]
    seen = Counter[str]()
    for finding, suppressed in every:
        mark = _fingerprint(finding)
        seen[mark] += 1
        yield {
            "ruleId": finding.code,
            "ruleIndex": list(CODES).index(finding.code),
            "level": _LEVELS[finding.severity],
            "message": {"text": "\n".join(detail(finding))},
            "locations": list(_locations(finding, source)),
            "partialFingerprints": {"crewgraph/v1": f"{mark}:{seen[mark]}"},
            # An empty list says that a finding is not ignored, where others are.
            **({"suppressions": [_suppression(suppressed)] if suppressed else []} if findings.suppressed else {}),
            **({"properties": {"node": clean(finding.node)}} if finding.node else {}),
        }


def _suppression(suppressed: Suppressed) -> dict[str, Any]:
    kind = "external" if suppressed.reason == COMMAND_LINE else "inSource"
    return {"kind": kind, "status": "accepted", "justification": clean(suppressed.reason)}


def _locations(finding: Diagnostic, source: Source | None) -> Iterator[dict[str, Any]]:
    location, place = dict[str, Any](), place_of(finding, source)
    if place:
        base = {} if place.path.is_absolute() else {"uriBaseId": _ROOT}
        location["physicalLocation"] = {
            "artifactLocation": {"uri": place.uri, **base},
            "region": {"startLine": place.line},
        }
    if finding.path:
        name, whole = clean(finding.path[-1]), clean(" › ".join(finding.path))
        location["logicalLocations"] = [{"name": name, "fullyQualifiedName": whole}]
    if location:
        yield location


def _fingerprint(finding: Diagnostic) -> str:
    """The same for the same finding, wherever its stage has moved to."""
    parts = [finding.code, finding.node or "", *finding.path, finding.message]
    text = "\0".join(_NUMBERS.sub(r"\1", part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
