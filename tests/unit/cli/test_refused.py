"""What the user's code cannot build is told as findings, at its line."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from crewgraph.cli.refused import refusals
from crewgraph.crew import Agent

BEGIN = """
from crewgraph import Agent, Budget, Crew, Pipeline, Policy, Procedure, Route, Router, Task, step
crew = Crew(name="c", agents=[Agent(role="Clerk", llm="offline")], tasks=[Task(description="Sort {mail}")])
"""
STAGE = "a stage is a crew, a step, a router, a pipeline, or a list of these"
EXPECTED = "Expected Crew instance, Router instance, or list of Crews, got <class 'int'>"


@pytest.fixture
def told(crewgraph, write):
    """The findings of code, as JSON tells them: ``told("Agent()")``."""

    def check(code):
        write("built.py", f"{BEGIN}{code}\n")
        done = crewgraph("check", "built.py", "--format", "json")
        assert done.exit_code == 3, done.stderr
        found = json.loads(done.stdout)
        assert [each["source"] for each in found] == [{"file": "built.py", "line": 4}] * len(found)
        return [(each["code"], each["message"], each["path"], each["hint"]) for each in found]

    return check


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (
            "Pipeline([3, [[crew], 3], crew])",
            [
                ("CG103", EXPECTED, ["stage 1"], STAGE),
                (
                    "CG101",
                    "Double nesting is not allowed in pipeline stages",
                    ["stage 2", "branch 1"],
                    "write one flat list, or a pipeline as the branch",
                ),
                ("CG103", EXPECTED, ["stage 2", "branch 2"], STAGE),
            ],
        ),
        (
            "Procedure([[crew, crew]])",
            [
                (
                    "CG103",
                    "a procedure is a chain of single crews, got <class 'list'>",
                    ["stage 1"],
                    "use Pipeline(stages=[…]) for lists, routers and functions",
                )
            ],
        ),
        ("Router({}, 3)", [("CG103", "a route leads to a pipeline or a crew, got <class 'int'>", [], STAGE)]),
        ('Agent(role="x", gaol="y")', [("CG702", "Agent has no 'gaol'", [], "did you mean goal?")]),
        ("Agent()", [("CG702", "Agent lacks 'role'", [], "Agent(role=…)")]),
        ("Policy(retries=-1)", [("CG702", "Policy, retries: Input should be greater than or equal to 0", [], "")]),
        (
            'Pipeline([crew], strict=["CG305", "x"])',
            [("CG702", "Pipeline, strict: there is no finding 'x'", [], "`crewgraph explain` lists all of them")],
        ),
    ],
    ids=["stages", "a procedure", "a router", "a slip", "a gap", "a number", "a hint"],
)
def test_what_is_refused_is_a_finding(told, code, found):
    """Each with its place and its mend, on the line of the user's."""
    assert told(code) == found


def test_a_field_like_no_other_is_answered_by_those_that_there_are(told):
    """All of them."""
    ((_, message, _, hint),) = told("Budget(xyzzy=1)")
    assert message == "Budget has no 'xyzzy'"
    assert hint.startswith("there is: usd, ")


def test_who_called_is_told_too(crewgraph, write):
    """A helper is called from many places; the line is the helper's."""
    write("helper.py", f"{BEGIN}def made(role):\n    return Agent(roll=role)\nmade('a')\n")
    done = crewgraph("check", "helper.py", "--format", "json")
    found = json.loads(done.stdout)
    assert {each["message"] for each in found} == {
        "Agent lacks 'role', called at helper.py:6",
        "Agent has no 'roll', called at helper.py:6",
    }
    assert {each["source"]["line"] for each in found} == {5}


def test_what_came_from_no_file_has_no_line():
    """Such as code at the prompt."""
    with pytest.raises(ValidationError) as caught:
        Agent()
    assert [each.source for each in refusals(caught.value, [])] == [None]


def test_other_commands_tell_it_too(crewgraph, write):
    """Nothing has run; a file elsewhere is named whole."""
    write("built.py", f"{BEGIN}Agent()\n")
    done = crewgraph("run", "built.py")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "CG702 misfit: Agent lacks 'role'\n" in done.stderr
    assert "the pipeline is invalid; nothing has run" in done.stderr


def test_a_file_of_another_folder_is_named_whole(crewgraph, write, monkeypatch):
    """So that it is found."""
    path = write("built.py", f"{BEGIN}Agent()\n")
    write("inner/other.txt", "")
    monkeypatch.chdir(path.parent / "inner")
    assert f"{path}:4" in crewgraph("check", path).stdout


@pytest.mark.parametrize(
    "code",
    [
        "from pydantic import BaseModel\nclass Mail(BaseModel):\n    text: str\nMail()",
        "raise ValueError('CG101 of their own')",
        "crew >> 3",
    ],
    ids=["a model of theirs", "an error of theirs", "an operand"],
)
def test_other_errors_are_told_as_such(crewgraph, write, code):
    """With the lines of the user's code."""
    write("built.py", f"{BEGIN}{code}\n")
    done = crewgraph("check", "built.py", "--format", "json")
    assert (done.exit_code, [each["code"] for each in json.loads(done.stdout)]) == (2, ["CG712"])
    assert "'built.py' raised an error:" in done.stderr
