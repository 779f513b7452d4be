from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from crewgraph.crew import Agent, Crew, Task
from crewgraph.crew.ancestor import OF_AGENTS, OF_CREWS, OF_TASKS

MADE = {Agent: {"role": "Clerk"}, Task: {"description": "a"}, Crew: {}}
HINTS = {Agent: OF_AGENTS, Task: OF_TASKS, Crew: OF_CREWS}
FOREIGN = [(kind, name) for kind, hints in HINTS.items() for name in hints]


@pytest.mark.parametrize(("kind", "name"), FOREIGN, ids=lambda value: getattr(value, "__name__", value))
def test_foreign_fields(kind: Any, name: str) -> None:
    """A field of the ancestor's is refused with what to write instead, and accepted where it asks for nothing."""
    with pytest.raises(ValidationError) as caught:
        kind(**MADE[kind], **{name: 2})
    assert f"there is no {name} here. hint: {HINTS[kind][name]}" in str(caught.value)
    assert name not in vars(kind(**MADE[kind], **{name: False}))
    assert name not in vars(kind(**MADE[kind], **{name: None}))
    assert name not in kind.model_fields


@pytest.mark.parametrize("name", ["embedder", "respect_context_window", "share_crew"])
def test_without_effect(name: str) -> None:
    """What would change no answer is accepted, and forgotten."""
    assert name not in vars(Crew.model_validate({name: True}))
    assert name not in vars(Agent.model_validate({"role": "Clerk", name: True}))


def test_zero() -> None:
    """Zero asks for something."""
    with pytest.raises(ValidationError, match="there is no max_retry_limit here"):
        Agent(role="Clerk", max_retry_limit=0)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", [Agent, Crew])
def test_no_fields(kind: Any) -> None:
    """What has no fields is refused as such."""
    with pytest.raises(ValidationError, match="valid dictionary or instance of"):
        kind.model_validate("a")


def test_of_subclasses() -> None:
    """A field that a subclass declares is its own."""

    class Planner(Agent):
        reasoning: bool = False
        embedder: str = ""

    made = Planner(role="Planner", reasoning=True, embedder="own")
    assert (made.reasoning, made.embedder) == (True, "own")
    assert Crew(agents=[made]).agents[0] is made
