"""What somebody wrote, as values that are the same in every process."""

from __future__ import annotations

import dataclasses
import enum
import functools
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph import Agent, Crew, MCPServer, Task, definition
from crewgraph.definition import digest, told
from crewgraph.node import definition_of


def made(source: str, tmp_path: Path) -> Any:
    """The function `f` of a module with this source."""
    file = tmp_path / f"m{len(list(tmp_path.iterdir()))}.py"
    file.write_text(textwrap.dedent(source))
    names: dict[str, Any] = {"__name__": "m"}
    exec(compile(file.read_text(), str(file), "exec"), names)
    return names["f"]


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        ("def f(x):\n    return x + 1", "def f( x ):  # a comment\n\n    return (x\n + 1)", True),
        ("def f(x):\n    return x + 1", "def f(x):\n    return x + 2", False),
        ("def f(x: int): return x", "def f(x: str): return x", False),
        ("def f(x) -> int: return x", "def f(x) -> str: return x", False),
        ("def f(x=1): return x", "def f(x=2): return x", False),
        ("f = lambda x: x > 1", "f = (lambda x:\n  x > 1)", True),
        ("f, g = lambda x: x > 1, lambda x: x > 2", "g, f = lambda x: x > 1, lambda x: x > 2", False),
        ("def g(n):\n    return lambda x: x > n\nf = g(1)", "def g(n):\n    return lambda x: x > n\nf = g(2)", False),
        (
            "def g(n):\n    return lambda x: n.append(x)\nf = g([])",
            "def g(n):\n    return lambda x: n.append(x)\nf = g([1])",
            True,
        ),
        (
            "def g():\n    def f(): return f\n    return f\nf = g()",
            "def g():\n    def f(): return f\n    return f\nf = g()",
            True,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_functions_are_told_by_their_syntax(one: str, other: str, is_equal: bool, tmp_path: Path) -> None:
    """Comments and line breaks do not count; what it was made with does, unless that may be written on."""
    assert (told(made(one, tmp_path)) == told(made(other, tmp_path))) is is_equal


def test_functions_without_source() -> None:
    """They are told by what they were compiled to."""
    functions = [eval(text) for text in ("lambda x: [y for y in x]", "lambda x: [y for y in x]", "lambda x: x + 2")]
    one, same, other = map(told, functions)
    assert one == same != other


def test_a_cell_that_is_empty_yet() -> None:
    """A function may be looked at before everything that it names is there."""

    def around() -> Any:
        def early() -> Any:
            return late

        seen = told(early)
        late = 1
        return seen, late

    assert around()[0][0] == "function"


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Box:
    side: int

    def __call__(self) -> int:
        return self.side


class Plain:
    def method(self) -> None: ...


class Model(BaseModel):
    n: int = 1


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (Colour.RED, "RED"),
        ({"a": {3, 1}}, {"a": {3, 2}}),
        (Box(1), Box(2)),
        (Model(n=1), Model(n=2)),
        (Model, Box),
        (functools.partial(len, 1), functools.partial(len, 2)),
        (Plain().method, Plain.method),
        (len, max),
        (Path("a"), Path("b")),
        ((1, (2,)), (1, (3,))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_different_values_are_told_apart(value: Any, other: Any) -> None:
    """And each is told the same twice."""
    assert digest(told(value)) == digest(told(value)) != digest(told(other))


def test_values_inside_of_themselves() -> None:
    """They are looked into so deep and no deeper."""
    value: list[Any] = []
    value.append(value)
    assert "…" in str(told(value))


def test_types_without_a_schema() -> None:
    """They are told by how they are written."""
    assert told(Plain)[1] is None


def test_what_is_known_does_not_grow_for_ever(monkeypatch) -> None:
    """Functions that are made again and again are forgotten."""
    monkeypatch.setattr(definition, "MAX_KNOWN", 2)
    for number in range(4):
        told(eval(f"lambda: {number}"))
    assert len(definition._known) <= 2


def test_crews_are_told_by_their_tasks_and_tools() -> None:
    """What a task is given of others, and which server of tools an agent may ask."""

    def built(url: str, *, alone: bool = False) -> Any:
        first = Task(description="one")
        second = Task(description="two", context=[] if alone else [first])
        clerk = Agent(role="r", llm="offline", tools=[MCPServer(url=url)])
        return definition_of(Crew(agents=[clerk], tasks=[first, second]))

    assert built("http://a/mcp") == built("http://a/mcp")
    assert built("http://a/mcp") != built("http://b/mcp")
    assert built("http://a/mcp") != built("http://a/mcp", alone=True)


def test_another_process_says_the_same() -> None:
    """Neither hashes nor addresses play a part."""
    code = """
from crewgraph import Agent, Crew, Router, Route, Task, step
from crewgraph.definition import digest
from crewgraph.node import definition_of
from crewgraph.testing import ScriptedLLM
def look(x: set[str]) -> dict[str, int]: return {}
crew = Crew(agents=[Agent(role="r", llm=ScriptedLLM("x"), tools=[look])], tasks=[Task(description="d")])
print(digest([definition_of(each) for each in (crew, step(look), Router({"a": Route("n > 1", crew)}, crew))]))
"""
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert len(said) == 1
