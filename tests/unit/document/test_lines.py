"""Findings of a document's pipeline: each with the line that it is about."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from crewgraph.compiler import check
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Suppressed
from crewgraph.document import read
from crewgraph.document.lines import located

TEXT = """\
crewgraph: 1
agents:
  clerk: {role: "Clerk of {office}", llm: offline}
  named:
    role: A helper
    name: Bob
    llm: offline
    goal: Help {whom}
tasks:
  sort: {description: "Sort {email}", agent: clerk}
  reply:
    description: Answer kindly
    agent: named
    expected_output: a reply in {language}
  unnamed:
    name: null
    description: Write at length and with all the details that somebody may want to read to {nobody}
    agent: clerk
crews:
  sort: {agents: [clerk], tasks: [sort]}
  answer: {agents: [named], tasks: [reply]}
  letter: {agents: [clerk], tasks: [unnamed]}
stages:
  - sort
  - name: desk
    routes:
      high: {condition: urgncy > 3, pipeline: answer}
      low:
        pipeline:
          stages: [sort, [letter, answer]]
        condition: email == 'x'
    default:
      stages:
        - sort
        - letter
ignore:
  - {code: CG305, reason: nothing}
inputs:
  type: object
  properties: {email: {type: string}, unread: {type: string}}
  required: [email]
"""

GRAPH = """\
crewgraph: 1
agents:
  clerk: {role: Clerk, llm: offline}
tasks:
  sort: {description: "Sort {email}", agent: clerk}
crews:
  sort: {agents: [clerk], tasks: [sort]}
nodes:
  first: sort
edges:
  - [first, sort]
inputs: {type: object}
"""


@pytest.fixture
def document(tmp_path: Path) -> Any:
    """Write a document: ``document("pipeline.yaml", TEXT)``."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


def line_of(file: Path, code: str, *path: str, message: str = "") -> str:
    """The text of the line of a finding."""
    (found,) = located(Findings([Diagnostic(code, message, path)]), file)
    assert found.source is not None
    assert found.source[0] == str(file)
    return file.read_text(encoding="utf-8").splitlines()[found.source[1] - 1].strip()


@pytest.mark.parametrize(
    ("path", "message", "line"),
    [
        (["stage 1 'sort'"], "", "- sort"),
        (["stage 1 'sort'", "task 'sort'"], "needs {email}", 'sort: {description: "Sort {email}", agent: clerk}'),
        (["stage 2 'desk'"], "", "- name: desk"),
        (["stage 2 'desk'", "route 'high'"], "", "high: {condition: urgncy > 3, pipeline: answer}"),
        (["stage 2 'desk'", "route 'high'", "stage 1 'answer'", "task 'reply'"], "", "reply:"),
        (
            ["stage 2 'desk'", "route 'high'", "stage 1 'answer'", "task 'reply'"],
            "'answer' needs {language}",
            "expected_output: a reply in {language}",
        ),
        (["stage 2 'desk'", "route 'high'", "stage 1 'answer'", "agent 'Bob'"], "needs {whom}", "goal: Help {whom}"),
        (["stage 2 'desk'", "route 'low'", "stage 2", "branch 1 'letter'"], "", "stages: [sort, [letter, answer]]"),
        (
            ["stage 2 'desk'", "route 'low'", "stage 2", "branch 1 'letter'", "task 'Write at length and…'"],
            "",
            "unnamed:",
        ),
        (["stage 2 'desk'", "route 'default'", "stage 2 'letter'"], "", "- letter"),
        (["stage 1 'sort'", "task 'other'"], "", "sort: {agents: [clerk], tasks: [sort]}"),
        (["stage 1 'sort'", "what it gives"], "", "- sort"),
        (["stage 9 'sort'"], "", "crewgraph: 1"),
        (["stage 2 'desk'", "task 'sort'"], "", "- name: desk"),
    ],
    ids=[
        "a stage",
        "a task",
        "a router",
        "a route",
        "a task of a route",
        "a placeholder",
        "an agent with a name",
        "a branch",
        "a task without a name",
        "a default route",
        "a task that is not there",
        "a step that nobody knows",
        "a stage that is not there",
        "a task of no crew",
    ],
)
def test_a_place_is_followed_as_far_as_it_goes(document: Any, path: Any, message: Any, line: Any) -> None:
    """Into the task or agent, to the text with the placeholder; else to the nearest that is there."""
    assert line_of(document("pipeline.yaml", TEXT), "CG301", *path, message=message) == line


def test_a_condition_has_its_own_line(document: Any) -> None:
    """What is found of a condition stands there."""
    file = document("pipeline.yaml", TEXT)
    assert line_of(file, "CG401", "stage 2 'desk'", "route 'low'") == "condition: email == 'x'"


@pytest.mark.parametrize(
    ("code", "line"), [("CG601", "ignore:"), ("CG309", "inputs:"), ("CG308", "crewgraph: 1")], ids=lambda each: each[:5]
)
def test_what_concerns_no_node_stands_where_it_was_said(document: Any, code: Any, line: Any) -> None:
    """The list of what is ignored, the inputs, else the document."""
    assert line_of(document("pipeline.yaml", TEXT), code) == line


def test_everything_that_the_checker_finds_has_a_line(document: Any) -> None:
    """What is ignored, too."""
    file = document("pipeline.yaml", TEXT)
    findings = located(check(read(file), ignore=[Ignore("CG301", "for a test")]), file)
    assert findings.suppressed
    assert all(each.source for each in (*findings, *(ignored.finding for ignored in findings.suppressed)))


def test_a_node_of_a_graph_is_found_by_its_key(document: Any) -> None:
    """And stands there."""
    file = document("graph.yaml", GRAPH)
    assert line_of(file, "CG203", "node 'first'") == "first: sort"
    assert line_of(file, "CG301", "node 'first'", "task 'sort'") == 'sort: {description: "Sort {email}", agent: clerk}'


@pytest.mark.parametrize(
    ("name", "text"),
    [("pipeline.json", ""), ("pipeline.json", "{"), ("pipeline.yaml", "")],
    ids=["JSON, emptied meanwhile", "JSON, cut off", "YAML, emptied meanwhile"],
)
def test_findings_stay_as_they_are_where_no_line_is_known(document: Any, name: Any, text: Any) -> None:
    """Nothing is made up."""
    findings = Findings([Diagnostic("CG301", "missing")], suppressed=[])
    assert located(findings, document(name, text)) is findings


def test_a_document_that_has_changed_meanwhile_is_no_trouble(document: Any) -> None:
    """Its places are looked for, and sections that are none are passed over."""
    file = document("pipeline.yaml", "crewgraph: 1\ncrews: 7\nstages:\n  - sort\n")
    assert line_of(file, "CG301", "stage 1 'sort'", "task 'sort'") == "- sort"
    file = document("pipeline.yaml", "crewgraph: 1\ncrews: {sort: {tasks: 7}}\nstages:\n  - sort\n")
    assert line_of(file, "CG301", "stage 1 'sort'", "task 'sort'").startswith("crews:")


def test_a_document_in_json_has_lines(document: Any) -> None:
    """The line of the text with the placeholder, as in YAML."""
    data = {
        "crewgraph": 1,
        "agents": {"clerk": {"role": "Clerk", "llm": "offline"}},
        "tasks": {"sort": {"agent": "clerk", "description": "Sort {email}"}},
        "crews": {"sort": {"agents": ["clerk"], "tasks": ["sort"]}},
        "stages": ["sort"],
    }
    file = document("pipeline.json", json.dumps(data, indent=2))
    assert line_of(file, "CG301", "stage 1 'sort'", "task 'sort'", message="'sort' needs {email}").startswith('"descr')


def test_what_has_a_line_keeps_it(document: Any) -> None:
    """It was found in the text."""
    finding = Diagnostic("CG702", "misfit", source=("other.yaml", 3))
    ignored = Suppressed(finding, Ignore("CG305", "why"))
    findings = located(Findings([finding], suppressed=[ignored]), document("pipeline.yaml", TEXT))
    assert (findings[0], findings.suppressed[0]) == (finding, ignored)
