from __future__ import annotations

import pytest
from pydantic import ValidationError

from crewgraph.crew import Agent
from crewgraph.llm import LiteLLM


def test_least() -> None:
    """A role is enough."""
    assert Agent(role="Clerk").goal == ""


@pytest.mark.parametrize(("name", "label"), [(None, "agent 'Clerk'"), ("Ada", "agent 'Ada'")])
def test_label(name: str | None, label: str) -> None:
    """Messages call an agent by its name, else by its role."""
    assert Agent(role="Clerk", name=name).label == label


def test_known_fields() -> None:
    """Fields of existing definitions that have no effect yet are accepted."""
    agent = Agent(role="Clerk", verbose=True, allow_delegation=True, memory=True, cache=False, max_rpm=3, max_iter=9)
    assert agent.max_rpm == 3


def test_unknown_field() -> None:
    """A field that nobody knows is refused by its name."""
    with pytest.raises(ValidationError, match="rolle"):
        Agent(role="Clerk", rolle="x")  # type: ignore[call-arg]


def test_tools() -> None:
    """Tools are refused while they would do nothing; an empty list is none."""
    assert Agent(role="Clerk", tools=[]).tools == []
    with pytest.raises(ValidationError, match="tools are not supported yet"):
        Agent(role="Clerk", tools=[print])


def test_repr() -> None:
    """The repr is the role; neither key nor prompt stands in it."""
    agent = Agent(role="Clerk", backstory="secret", llm=LiteLLM("m", api_key="sk-1"))
    assert repr(agent) == "Agent(role='Clerk')"
    assert str(agent) == repr(agent)
