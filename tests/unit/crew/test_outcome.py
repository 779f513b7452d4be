"""Outputs of tasks are made without being validated: nobody can tell."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from crewgraph.crew import Agent, Task
from crewgraph.crew.conversation import Answer
from crewgraph.crew.outcome import outcome, skipped
from crewgraph.crew.prompt import Brief
from crewgraph.outputs import TaskOutput
from tests.unit.crew.doubles import Verdict

GIVEN: dict[str, Any] = {
    "raw": "yes",
    "model": "m",
    "repaired": True,
    "forced": False,
    "tools_used": ["look"],
    "description": "Do it",
    "name": None,
    "label": "task 'Do it'",
    "expected_output": None,
    "agent": "Clerk",
}


def brief(**shape: Any) -> Brief:
    task = Task(description="Do it", agent=Agent(role="Clerk"), **shape)
    return Brief(task, role="Clerk", goal="", backstory="", description="Do it", expected_output="")


def answer(text: Any, **more: Any) -> Answer:
    return Answer(text=text, repaired=True, model="m", tools_used=("look",), **more)


def test_as_a_validated_one() -> None:
    """It is equal to one that pydantic made, and says the same of itself, dumped, copied and pickled."""
    made, known = outcome(brief(), answer("yes")), TaskOutput(**GIVEN)
    assert made == known
    assert made.model_fields_set == known.model_fields_set
    for dump in (TaskOutput.model_dump_json, repr, lambda each: each.model_dump_json(exclude_unset=True)):
        assert dump(made) == dump(known)
    assert pickle.loads(pickle.dumps(made)) == made.model_copy(deep=True) == known


def test_nothing_is_shared() -> None:
    """Two outputs that were not given any tools have a list each."""
    first, second = skipped(brief()), skipped(brief())
    first.tools_used.append("look")
    assert second.tools_used == []
    assert second == TaskOutput(raw="", skipped=True, description="Do it", label="task 'Do it'", agent="Clerk")


@pytest.mark.parametrize("key", ["output_pydantic", "output_json"])
def test_shape(key: str) -> None:
    """The value of a shape is on it, as a model or as a dict."""
    value = Verdict(urgent=True)
    made = outcome(brief(**{key: Verdict}), answer("…", value=value))
    assert (made.pydantic or made.json_dict) == (value if key == "output_pydantic" else value.model_dump())
    assert made.output_format == key.removeprefix("output_")


def test_text_of_a_model_that_says_bytes() -> None:
    """What is no text is made one, as pydantic does."""
    assert outcome(brief(), answer(b"yes")).raw == "yes"
