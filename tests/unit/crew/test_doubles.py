"""Crews as the historical suites double them: mocks with a crew's spec, and classes between a mock and a crew."""

from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock, MagicMock, patch

import pytest

from crewgraph.crew import Agent, Crew, Process, Task
from crewgraph.node import Interface, interface_of, is_node
from crewgraph.outputs import CrewOutput
from crewgraph.syntax import Pipeline, Stage
from tests.unit.crew.doubles import crew

OUTPUT = CrewOutput(raw="Test output")

ASSIGNED: dict[str, Any] = {
    "name": "mock",
    "verbose": False,
    "output_log_file": None,
    "max_rpm": None,
    "memory": False,
    "process": Process.sequential,
    "config": None,
    "cache": True,
    "knowledge": None,
    "embedder": None,
    "agents": [MagicMock(spec=Agent)],
    "tasks": [MagicMock(spec=Task)],
}


def between() -> Any:
    """A class between a mock and a crew, made as the suites make it, with all they set on it."""
    made: Any = type("MockCrew", (MagicMock, Crew), {})()
    for name, value in ASSIGNED.items():
        setattr(made, name, value)
    made.kickoff_async = AsyncMock(return_value=OUTPUT)
    return made


def spec() -> Any:
    """A mock with a crew's spec."""
    made = MagicMock(spec=Crew)
    for name, value in ASSIGNED.items():
        setattr(made, name, value)
    made.kickoff_async = AsyncMock(return_value=OUTPUT)
    return made


@pytest.mark.parametrize("double", [between, spec])
class TestDouble:
    """Both kinds of doubles."""

    def test_attributes(self, double: Any) -> None:
        """Everything that is set can be read again."""
        made = double()
        assert {name: getattr(made, name) for name in ASSIGNED} == ASSIGNED

    def test_is_a_crew(self, double: Any) -> None:
        """It passes for a crew, a stage and a node."""
        made = double()
        assert isinstance(made, Crew)
        assert isinstance(made, Stage)
        assert is_node(made)

    def test_interface(self, double: Any) -> None:
        """Nothing is known of what it needs, gives and lacks."""
        assert interface_of(double()) == Interface()

    def test_stage(self, double: Any) -> None:
        """It can stand in a pipeline, as the object it is."""
        made = double()
        assert Pipeline(stages=[made]).stages[0] is made


def test_chain() -> None:
    """A pipeline goes on with a double as with a crew."""
    double = between()
    assert (Pipeline(stages=[crew()]) >> double).stages[-1] is double


@pytest.mark.anyio
async def test_patched_class() -> None:
    """A crew whose class is patched calls the patch, and nothing is known of it."""
    made = crew(Task(description="{needed}"))
    with patch.object(Crew, "kickoff_async", AsyncMock(return_value=OUTPUT)) as patched:
        assert interface_of(made) == Interface()
        assert await made.kickoff(inputs={"a": 1}) is OUTPUT  # type: ignore[misc]
    patched.assert_awaited_once_with(inputs={"a": 1})
    assert [need.key for need in interface_of(made).needs] == ["needed"]


def test_overridden() -> None:
    """A subclass that runs in its own way is not described by its parts."""

    class Mine(Crew):
        async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
            return OUTPUT

    assert interface_of(Mine()) == Interface()
    assert Mine().kickoff() is OUTPUT


def test_agent_of_a_spec() -> None:
    """A mock with the spec of an agent passes for one."""
    agent = MagicMock(spec=Agent)
    assert Crew(agents=[agent]).agents[0] is agent
