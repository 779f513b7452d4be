"""From what a conversation came to, to the output of a task."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from crewgraph.crew.conversation import Answer
from crewgraph.crew.prompt import Brief
from crewgraph.crew.task import Task
from crewgraph.outputs import OutputFormat, TaskOutput
from crewgraph.usage import built

__all__ = ["in_shape", "outcome", "skipped"]


def outcome(brief: Brief, answer: Answer) -> TaskOutput:
    """The output of a task."""
    output = _begun(
        brief,
        raw=answer.text,
        model=answer.model,
        repaired=answer.repaired,
        forced=answer.forced,
        tools_used=list(answer.tools_used),
    )
    return output if answer.value is None else in_shape(output, answer.value, brief.task)


def skipped(brief: Brief) -> TaskOutput:
    """The output of a task that was not done."""
    return _begun(brief, raw="", skipped=True)


def in_shape(output: TaskOutput, value: BaseModel, task: Task, *, raw: str | None = None) -> TaskOutput:
    """The output with a value of the task's shape; ``raw`` is another text for it."""
    as_json = task.output_json is not None
    fields: dict[str, Any] = {
        "pydantic": None if as_json else value,
        "json_dict": value.model_dump(mode="json") if as_json else None,
        "output_format": OutputFormat.JSON if as_json else OutputFormat.PYDANTIC,
    }
    return output.model_copy(update=fields if raw is None else {**fields, "raw": raw})


_EMPTY = dict(TaskOutput.later({}))


def _begun(brief: Brief, *, raw: str, **more: Any) -> TaskOutput:
    """An output without what a shape gives it. What we made ourselves is not validated, which takes three times as long."""
    given = {
        "raw": raw,
        **more,
        "description": brief.description,
        "name": brief.task.name,
        "label": brief.task.label,
        "expected_output": brief.expected_output or None,
        "agent": brief.role,
    }
    if type(raw) is not str:  # a model of the user's may say bytes
        return TaskOutput.model_validate(given)
    return built(TaskOutput, {*given}, {**_EMPTY, "tools_used": [], **given})
