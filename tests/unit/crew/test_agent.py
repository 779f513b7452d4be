from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from crewgraph.crew import Agent
from crewgraph.llm import LiteLLM
from crewgraph.policy import Limit, Policy


def test_least() -> None:
    """A role is enough."""
    assert Agent(role="Clerk").goal == ""


@pytest.mark.parametrize(("name", "label"), [(None, "agent 'Clerk'"), ("Ada", "agent 'Ada'")])
def test_label(name: str | None, label: str) -> None:
    """Messages call an agent by its name, else by its role."""
    assert Agent(role="Clerk", name=name).label == label


def test_known_fields() -> None:
    """Fields of existing definitions are accepted."""
    agent = Agent(role="Clerk", verbose=True, allow_delegation=True, memory=True, cache=False, max_rpm=3, max_iter=9)
    assert agent.max_rpm == 3


def test_unknown_field() -> None:
    """A field that nobody knows is refused by its name."""
    with pytest.raises(ValidationError, match="rolle"):
        Agent(role="Clerk", rolle="x")  # type: ignore[call-arg]


def test_tools() -> None:
    """What can be a tool becomes one; what cannot is refused with the reason."""
    assert [each.name for each in Agent(role="Clerk", tools=[len]).tools] == ["len"]
    with pytest.raises(ValidationError, match=r"tools\n.*print.* takes \*args"):
        Agent(role="Clerk", tools=[print])


def test_short_limit() -> None:
    """max_rpm and max_execution_time stand in the policy, beside what it says itself."""
    agent = Agent(role="Clerk", max_rpm=3, max_execution_time=9, policy=Policy(retries=1, limit=Limit(concurrency=2)))
    assert agent.policy == Policy(retries=1, limit=Limit(concurrency=2, requests_per_minute=3), task_timeout=9)
    assert Agent(role="Clerk").policy is None


@pytest.mark.parametrize(
    ("short", "policy"),
    [
        ({"max_rpm": 3}, Policy(limit=Limit(requests_per_minute=4))),
        ({"max_execution_time": 3}, Policy(task_timeout=4)),
    ],
    ids=["rpm", "time"],
)
def test_two_limits(short: dict[str, Any], policy: Policy) -> None:
    """Said in short and in the policy, and not the same, is refused with both figures."""
    with pytest.raises(ValidationError, match=r"agent 'Clerk': max_\w+ is 3 and policy\.\S+ is 4. hint: keep one"):
        Agent(role="Clerk", policy=policy, **short)


def test_repr() -> None:
    """The repr is the role; neither key nor prompt stands in it."""
    agent = Agent(role="Clerk", backstory="secret", llm=LiteLLM("m", api_key="sk-1"))
    assert repr(agent) == "Agent(role='Clerk')"
    assert str(agent) == repr(agent)
