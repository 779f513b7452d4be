"""Findings: data with a code, a path and a hint."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest

from crewgraph.diagnostics import CODES, Diagnostic, Findings, Severity

ERROR = Diagnostic("CG202", "cycle: a → a")
WARNING = Diagnostic("CG201", "two are called 'a'")
INFO = Diagnostic("CG403", "not checked")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_short_name_and_a_severity(code: str) -> None:
    """A code is CG and three digits, its name is words joined by hyphens."""
    name, severity = CODES[code]
    assert re.fullmatch(r"CG\d{3}", code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert isinstance(severity, Severity)


def test_short_names_are_unique() -> None:
    """A short name stands for one code."""
    assert len({name for name, _ in CODES.values()}) == len(CODES)


@pytest.mark.parametrize(
    ("finding", "severity", "is_error"),
    [(ERROR, "error", True), (WARNING, "warning", False), (INFO, "info", False)],
    ids=lambda value: str(value)[:8],
)
def test_the_code_says_how_bad_it_is(finding: Diagnostic, severity: str, is_error: bool) -> None:
    """Only an error keeps a pipeline from running."""
    assert finding.severity == severity
    assert finding.is_error is is_error


def test_a_finding_is_printed_in_one_line() -> None:
    """Code, short name, message, path outermost first, and the hint stand in one line."""
    finding = Diagnostic("CG103", "'x' is no stage", ("stage 3", "route 'urgent'", "stage 1 'reply'"), "take it away")
    assert str(finding) == (
        "CG103 not-a-stage: 'x' is no stage (stage 3 › route 'urgent' › stage 1 'reply'). hint: take it away"
    )


def test_a_finding_without_path_and_hint_is_printed_without() -> None:
    """Nothing stands for what is not known."""
    assert str(ERROR) == "CG202 cycle: cycle: a → a."


def test_a_finding_is_a_value() -> None:
    """Findings are frozen, and equal where they say the same."""
    assert Diagnostic("CG202", "m", ("p",), "h", "n") == Diagnostic("CG202", "m", ("p",), "h", "n")
    with pytest.raises(FrozenInstanceError):
        ERROR.code = "CG101"  # type: ignore[misc]


def test_findings_are_an_immutable_sequence() -> None:
    """They have length, index, iteration and membership, and nothing to change them."""
    findings = Findings(iter([ERROR, WARNING]))
    assert (len(findings), findings[1], list(findings), WARNING in findings) == (2, WARNING, [ERROR, WARNING], True)
    assert not hasattr(findings, "__dict__")


@pytest.mark.parametrize(
    ("findings", "errors", "ok"),
    [
        (Findings(), (), True),
        (Findings([WARNING, INFO]), (), True),
        (Findings([ERROR, WARNING]), (ERROR,), False),
    ],
    ids=["none", "no errors", "an error"],
)
def test_findings_know_their_errors(findings: Findings, errors: tuple[Diagnostic, ...], ok: bool) -> None:
    """A pipeline is fine unless there is an error."""
    assert findings.errors == errors
    assert findings.ok is ok


def test_findings_are_printed_one_per_line() -> None:
    """All of them, in order; and words where there is none."""
    assert str(Findings([ERROR, INFO])) == f"{ERROR}\n{INFO}"
    assert str(Findings()) == "no findings"
