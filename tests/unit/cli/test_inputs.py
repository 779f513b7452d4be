"""The inputs of a target, in the help of the commands that run it, and as a JSON Schema."""

from __future__ import annotations

import json

import pytest

FLOW = """
from crewgraph import Pipeline, Route, Router, step
from pydantic import BaseModel, Field

class Mail(BaseModel):
    subject: str = Field(description="the first line")
    count: int = 1

@step
def read(subject: str, count: int) -> None: ...
@step
def reply(customer: str) -> None: ...

declared = Pipeline([read], inputs=Mail)
routed = Pipeline([read, Router({"known": Route(lambda values: True, reply)}, default=read)])
nothing = Pipeline([step(name="n")(lambda: 1)])
broken = Pipeline([read, []])
"""


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_of_a_target(crewgraph, write, command, word):
    """It lists what the inputs must bring and may bring, with types, words and readers."""
    write("flow.py", FLOW)
    told = crewgraph(command, "flow.py:declared", word).stdout
    assert "flow.py:declared: inputs that every run needs:" in told
    assert "subject: str  the first line – 'read'" in told
    assert "flow.py:declared: inputs that may be left out:" in told
    assert "count: int  'read'" in told


def test_help_of_a_target_with_routes(crewgraph, write):
    """What only some routes need stands apart, with the routes."""
    write("flow.py", FLOW)
    told = crewgraph("run", "flow.py:routed", "--help").stdout
    assert "inputs that some routes need:\n  customer: str  'reply', on route 'known' of 'router'" in told


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("flow.py:nothing", "it needs no inputs"),
        ("flow.py:broken", "the pipeline is invalid; crewgraph check tells why"),
        ("flow.py:none", "'flow.py' has no 'none'"),
        ("nowhere.py", "there is no file 'nowhere.py'"),
    ],
)
def test_help_where_inputs_are_not_known(crewgraph, write, target, words):
    """It is shown all the same, with the reason."""
    write("flow.py", FLOW)
    done = crewgraph("run", target, "--help")
    assert done.exit_code == 0
    assert words in " ".join(done.stdout.split())


def test_help_without_a_target(crewgraph):
    """It is the plain help."""
    done = crewgraph("run", "--help")
    assert done.exit_code == 0
    assert "inputs that every run needs" not in done.stdout


def test_schema(crewgraph, write):
    """Nothing but the schema is printed, so that it can be piped."""
    write("flow.py", FLOW)
    schema = json.loads(crewgraph("show", "flow.py:declared", "--schema").stdout)
    assert schema["required"] == ["subject"]
    worked_out = json.loads(crewgraph("show", "flow.py:routed", "--schema").stdout)
    assert worked_out["properties"]["count"]["type"] == "integer"
    assert worked_out["required"] == ["subject", "count"]
