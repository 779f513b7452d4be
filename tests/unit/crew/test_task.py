from __future__ import annotations

from typing import Any

import pytest
from pydantic import RootModel, ValidationError

from crewgraph.crew import Agent, ConditionalTask, Task
from tests.unit.crew.doubles import Verdict


def test_least() -> None:
    """A description is enough, and a context that is not named differs from an empty one."""
    task = Task(description="Do it")
    assert (task.agent, task.context, task.shape) == (None, None, None)
    assert Task(description="Do it", context=[]).context == []


def test_identity() -> None:
    """Agents and context are kept as the objects they are."""
    agent, first = Agent(role="Clerk"), Task(description="a")
    second = Task(description="b", agent=agent, context=[first])
    assert second.agent is agent
    assert second.context is not None
    assert second.context[0] is first


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"condition": "a >"}, "is not an expression"),
        ({"condition": "__import__('os')"}, "not a known function"),
        ({"condition": 7}, "a condition is a callable .* got <class 'int'>"),
        ({"context": Task(description="a")}, r"context is a list of tasks, not a task. hint: context=\["),
        ({"context": ["write"]}, "context is a list of tasks, and 'write' is none. hint: the Task objects themselves"),
        ({"guardrail": [print, 7]}, "a guardrail is a callable .* got <class 'int'>"),
        ({"guardrail": ["be brief", " "]}, "a guardrail in words is empty"),
        ({"guardrail_max_retries": -1}, "greater than or equal to 0"),
        ({"max_human_rounds": 0}, "greater than or equal to 1"),
        ({"output_file": " "}, "output_file is empty"),
        ({"callback": "print"}, "callable"),
        ({"tools": [7]}, "7 is no tool"),
        ({"output_json": Verdict, "output_pydantic": Verdict}, "one answer has one shape"),
        ({"output_json": RootModel[list[int]]}, "has no fields"),
        ({"output_pydantic": dict}, "subclass of BaseModel"),
        ({"nonsense": 1}, "nonsense"),
        ({"guardrails": "be brief", "guardrail": print}, "guardrail and guardrails are both set"),
        ({"guardrails": [7]}, "a guardrail is a callable"),
        ({"markdown": True}, "there is no markdown here. hint: say it in expected_output"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refused(options: dict[str, Any], words: str) -> None:
    """What a task cannot do is refused when it is written, in words that say so."""
    with pytest.raises(ValidationError, match=words):
        Task(description="Do it", **options)


def test_accepted() -> None:
    """What says nothing is accepted."""
    assert Task(description="a", async_execution=False, tools=[], output_json=None, config={}).shape is None


@pytest.mark.parametrize(
    ("task", "label"),
    [
        (Task(description="Write it", name="write"), "task 'write'"),
        (Task(description="Write it"), "task 'Write it'"),
        (Task(description="Write a very long report about\n  everything"), "task 'Write a very long report about …'"),
    ],
    ids=["name", "short", "long"],
)
def test_label(task: Task, label: str) -> None:
    """Messages call a task by its name, else by its first words."""
    assert task.label == label


def test_repr() -> None:
    """The repr is short."""
    assert repr(Task(description="Write it", expected_output="a report")) == "Task('Write it')"


def test_guardrails() -> None:
    """One guardrail may stand without a list, and none is an empty list."""
    assert Task(description="a", guardrail="be brief").guardrails == ["be brief"]
    assert Task(description="a", guardrail=print).guardrails == [print]
    assert Task(description="a", guardrail=None).guardrails == []
    assert Task(description="a", guardrail=["be brief", print]).guardrails == ["be brief", print]


def test_guardrails_by_another_name() -> None:
    """The ancestor's name for several guardrails says the same."""
    several: dict[str, Any] = {"guardrails": ["be brief", print]}
    assert Task(description="a", **several).guardrails == ["be brief", print]
    assert Task(description="a", guardrail="be brief", guardrails=None).guardrails == ["be brief"]  # type: ignore[call-arg]
    assert several == {"guardrails": ["be brief", print]}


def test_no_task() -> None:
    """What is no task is refused as such."""
    with pytest.raises(ValidationError, match="valid dictionary or instance of Task"):
        Task.model_validate("a")


def test_conditional_task() -> None:
    """By its own name a conditional task must have a condition."""
    assert ConditionalTask(description="a", condition="n > 1").condition == "n > 1"
    with pytest.raises(ValidationError, match=r"task 'a' has no condition. hint: ConditionalTask\("):
        ConditionalTask(description="a")
