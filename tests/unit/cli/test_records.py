"""Findings as JSON."""

from __future__ import annotations

import json

from crewgraph.cli.records import as_json, findings_json
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity, Suppressed, Witness


def test_a_record_has_everything():
    """The severity is that of the finding; what is not known is null."""
    witness = Witness({"n": 1}, (("router", "new"),), "reply")
    finding = Diagnostic("CG302", "m", ("a", "b"), "h", "reply", Severity.WARNING, witness, ("x.yaml", 3))
    (record, ignored) = json.loads(
        findings_json(Findings([finding], suppressed=[Suppressed(Diagnostic("CG202", "c"), Ignore("CG305", "why"))]))
    )
    assert (record["severity"], record["path"], record["suppressed"]) == ("warning", ["a", "b"], None)
    assert {"inputs": {"n": 1}, "routes": [["router", "new"]], "node": "reply"}.items() <= record["witness"].items()
    assert record["source"] == {"file": "x.yaml", "line": 3}
    assert (ignored["witness"], ignored["source"], ignored["node"]) == (None, None, None)
    assert ignored["suppressed"] == "why"


def test_nothing_found_is_an_empty_list():
    """So that a program needs no exception for it."""
    assert json.loads(findings_json(Findings())) == []


def test_values_that_json_does_not_know_are_shown():
    """As Python shows them."""
    assert json.loads(as_json({"when": {1}, "é": "→"})) == {"when": "{1}", "é": "→"}
    assert "→" in as_json("→")


def test_a_terminal_that_is_shown_it_is_not_steered():
    """Control characters, marks of direction and halves of pairs are escaped; they are read back as they were."""
    hostile = "\x1b[31m \x9b2J \u202e \u2028 \ud800 \x7f"
    text = as_json([hostile])
    assert json.loads(text) == [hostile]
    assert text.isascii()
