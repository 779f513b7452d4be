"""Findings: data with a code, a path and a hint."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity, Suppressed, Witness, counted

ERROR = Diagnostic("CG202", "cycle: a → a")
WARNING = Diagnostic("CG201", "two are called 'a'")
INFO = Diagnostic("CG403", "not checked")


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
    with pytest.raises(AttributeError, match="immutable; 'suppressed' cannot be set"):
        findings.suppressed = ()  # type: ignore[assignment]


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


def test_a_single_finding_may_be_milder_or_worse_than_its_code() -> None:
    """Its own level wins."""
    mild = Diagnostic("CG302", "m", level=Severity.INFO)
    assert (mild.severity, mild.is_error) == (Severity.INFO, False)
    assert Findings([mild]).ok


def test_findings_are_told_apart_by_severity() -> None:
    """Errors, warnings and notes; and the codes in order."""
    findings = Findings([ERROR, WARNING, INFO])
    assert (findings.errors, findings.warnings, findings.notes) == ((ERROR,), (WARNING,), (INFO,))
    assert findings.codes == ("CG202", "CG201", "CG403")


def test_findings_are_told_apart_by_node() -> None:
    """In the order in which they stand; what concerns no single node is left out."""
    one, two, other = (Diagnostic("CG306", "m", node=node) for node in ("b", "b", "a"))
    assert Findings([one, ERROR, other, two]).by_node == {"b": (one, two), "a": (other,)}


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        ([], "no findings"),
        ([ERROR], "1 error"),
        ([INFO, WARNING, ERROR, INFO, WARNING], "1 error, 2 warnings, 2 notes"),
    ],
    ids=["none", "one", "of each"],
)
def test_findings_are_counted_in_words(findings: list[Diagnostic], told: str) -> None:
    """The worst first, in the singular where there is one."""
    assert counted(findings) == told


def test_findings_can_be_read_at_the_prompt() -> None:
    """How many, and one line for each; what is ignored is counted."""
    suppressed = [Suppressed(WARNING, Ignore("CG201", "meant"))]
    assert repr(Findings()) == "<Findings: no findings>"
    assert repr(Findings([ERROR], suppressed=suppressed)) == f"<Findings: 1 error, 1 ignored>\n  {ERROR}"


def test_what_is_ignored_is_kept_with_its_reason() -> None:
    """Beside the findings, not among them."""
    findings = Findings([ERROR], suppressed=[Suppressed(WARNING, Ignore("CG201", "meant"))])
    assert len(findings) == 1
    assert [(each.finding, each.reason) for each in findings.suppressed] == [(WARNING, "meant")]


@pytest.mark.parametrize(
    "again", [copy.copy, lambda findings: pickle.loads(pickle.dumps(findings))], ids=["copy", "pickle"]
)
def test_a_copy_of_findings_is_whole(again: Any) -> None:
    """With what is ignored."""
    findings = Findings([ERROR], suppressed=[Suppressed(WARNING, Ignore("CG201", "meant"))])
    assert again(findings) == findings
    assert again(findings).suppressed == findings.suppressed


@pytest.mark.parametrize(
    ("witness", "told"),
    [
        (Witness(), "input {}"),
        (Witness({"n": 1, "when": {1}}), 'input {"n": 1, "when": "{1}"}'),
        (Witness({}, (), "b", {"n": None}), """input {}, with {"n": null} → fails at 'b'"""),
        (
            Witness({"text": "é"}, (("router", "new"), ("size", "big")), "reply"),
            """input {"text": "é"}, route 'new' of 'router', route 'big' of 'size' → fails at 'reply'""",
        ),
    ],
    ids=["nothing known", "odd values", "what nodes give", "everything"],
)
def test_a_witness_is_told_in_one_line(witness: Witness, told: str) -> None:
    """The input as JSON, the way it takes, and where it ends."""
    assert str(witness) == told
