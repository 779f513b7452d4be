"""Whether a task with a condition is done."""

from __future__ import annotations

from typing import Any

from crewgraph.condition import parse_condition
from crewgraph.crew.callback import consulted, name_of
from crewgraph.crew.task import Task
from crewgraph.errors import ConditionError
from crewgraph.errors.root import in_words
from crewgraph.handoff import Handoff, structured
from crewgraph.outputs import CrewOutput, TaskOutput

__all__ = ["is_wanted"]


async def is_wanted(task: Task, previous: TaskOutput | None, values: Handoff) -> bool:
    """Whether the condition of a task is met; a task without one is always done.

    Args:
        task: the task.
        previous: what a callable is given, and an expression is decided over; ``None`` where nothing came before.
        values: the inputs, over which an expression is decided too.

    Raises:
        ConditionError: it raised, or gave nothing. The task is never skipped because of that.
    """
    if task.condition is None:
        return True
    if isinstance(task.condition, str):
        try:
            return parse_condition(task.condition)(_known(previous, values))
        except ConditionError as error:
            raise ConditionError(f"{task.label}: {error}") from error
    what = f"{task.label}: its condition"
    verdict = await consulted(task.condition, previous, what=what, error=ConditionError)
    try:
        if verdict is not None:
            return bool(verdict)
    except Exception as error:
        raise ConditionError(f"{what} '{name_of(task.condition)}' gave no true or false: {in_words(error)}") from error
    raise ConditionError(f"{what} '{name_of(task.condition)}' returned None. hint: return True or False")


def _known(previous: TaskOutput | None, values: Handoff) -> dict[str, Any]:
    """The inputs, and over them the keys of the previous answer."""
    if previous is None:
        return {**values.beside, **values}
    answer = CrewOutput(raw=previous.raw, pydantic=previous.pydantic, json_dict=previous.json_dict)
    return {**values.beside, **values, **structured(answer)}
