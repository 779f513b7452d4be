"""Findings as HTML, for notebooks."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity, Suppressed, Witness
from crewgraph.render.findings import MAX_ROWS, findings_html

HOSTILE = "<script>alert('x')</script> & \x1b[31mred\x1b[0m \u202eevil\n\"q\""


def text_of(html):
    return " ".join(" ".join(ET.fromstring(html.replace("<br/>", " ")).itertext()).split())


def test_nothing_found_is_said():
    """Without a table."""
    assert text_of(Findings()._repr_html_()) == "no findings"
    assert "<table" not in findings_html(Findings())


def test_each_finding_is_a_row():
    """With code, name, message, place, hint and example; what is ignored is counted."""
    witness = Witness({"n": 1}, (), "reply")
    finding = Diagnostic("CG302", "'reply' needs {n}", ("stage 1", "stage 2 'reply'"), "add it", "reply", None, witness)
    note = Diagnostic("CG403", "not checked")
    html = Findings([finding, note], suppressed=[Suppressed(note, Ignore("CG403", "meant"))])._repr_html_()
    assert html.count("<tr") == 2
    told = text_of(html)
    for part in (
        "1 error, 1 note · 1 ignored",
        "✗ CG302 sometimes-missing",
        "'reply' needs {n} stage 1 › stage 2 'reply' hint: add it for example: input {\"n\": 1} → fails at 'reply'",
        "· CG403 opaque-condition",
    ):
        assert part in told


def test_hostile_text_is_text():
    """No element, terminal code or mark of direction of a message gets through."""
    html = findings_html(Findings([Diagnostic("CG301", HOSTILE, (HOSTILE,), HOSTILE, witness=Witness({"x": HOSTILE}))]))
    assert {element.tag for element in ET.fromstring(html).iter()} == {"div", "b", "table", "tr", "td", "span", "br"}
    assert not re.search("[\x00-\x1f\x1b\u202e]", html)


def test_it_reads_on_any_ground():
    """No colour of text or ground is set but for the signs of severity."""
    html = findings_html(Findings([Diagnostic("CG301", "m", level=level) for level in Severity]))
    assert set(re.findall(r"background:(\w+)", html)) == {"none"}
    assert len(set(re.findall(r"color:(#\w+)", html))) == 3


def test_a_long_list_is_cut():
    """And the rest is counted."""
    html = findings_html(Findings([Diagnostic("CG301", str(number)) for number in range(MAX_ROWS + 7)]))
    assert html.count("<tr") == MAX_ROWS
    assert "… and 7 more" in html
