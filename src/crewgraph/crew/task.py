"""What is to be done: a description, what is expected, in which shape, and who looks at the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation, field_validator, model_validator

from crewgraph.condition import parse_condition
from crewgraph.crew.agent import Agent
from crewgraph.crew.ancestor import OF_TASKS, without_foreign
from crewgraph.crew.tools.listed import ToolList
from crewgraph.outputs import TaskOutput

__all__ = ["ConditionalTask", "Guardrail", "Task"]

WORDS = 6
"""How many words of its description stand for a task without a name."""

Guardrail = Callable[[TaskOutput], Any] | str
"""Looks at an answer: a callable that returns ``(True, answer)`` or ``(False, what is wrong)``, or a demand in words
that the agent's model judges."""


def _several(guardrails: Any) -> list[Guardrail]:
    """Guardrails as a list: one may stand without it."""
    if guardrails is None:
        return []
    every: list[Any] = list(guardrails) if isinstance(guardrails, list | tuple) else [guardrails]
    for each in every:
        if isinstance(each, str) and not each.strip():
            raise ValueError("a guardrail in words is empty; say what the answer must be like")
        if not isinstance(each, str) and not callable(each):
            what = "a callable of the output or a demand in words"
            raise ValueError(f"a guardrail is {what}, got {type(each)}")  # noqa: TRY004 - pydantic tells the field
    return every


class Task(BaseModel):
    """A task: a definition, like its agent.

    Description, expected output, guardrails in words and output file may hold ``{placeholders}``.

    Attributes:
        description: what to do.
        expected_output: what the answer should look like, in words.
        agent: who does it; a crew's only agent where it is ``None``.
        name: what it is called in messages and results.
        context: the earlier tasks of its crew whose answers it is given. ``None`` means all that have ended before it
            and the text of the crews upstream, ``[]`` means nothing.
        output_pydantic: the shape of the answer, handed back as a model.
        output_json: the shape of the answer, handed back as a dict.
        tools: what its agent may call for this task, instead of the agent's own; ``[]`` means nothing. Where it is not
            given, or ``None``, the agent's own count.
        async_execution: whether it is done side by side with the asynchronous tasks before and behind it. It waits
            for all tasks before these, and of these for those that its context names.
        condition: whether it is done at all: a callable of the previous :class:`TaskOutput` (sync or async), or an
            expression over its keys and the inputs, such as ``"score > 7"``. A task that is not done is skipped.
        guardrail: what the answer must pass, one or a list: a callable that is given the :class:`TaskOutput` and
            returns ``(True, answer)`` or ``(False, what is wrong)``, or a demand in words that the agent's model
            judges. ``guardrails=`` is the same under another name.
        guardrail_max_retries: how often the model is asked again after a refusal.
        human_input: whether a person is asked to accept the answer, or to say what is to be changed.
        max_human_rounds: how often the person is asked before the task fails.
        output_file: where the answer is written to, under the output root of the crew.
        create_directory: whether the folder of that file is made where it is missing.
        callback: called with the :class:`TaskOutput` (sync or async).
        config: accepted so that existing definitions load; without effect so far.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", arbitrary_types_allowed=True)

    description: str
    expected_output: str = ""
    agent: Agent | None = None
    name: str | None = None
    context: list[SkipValidation[Task]] | None = None
    output_pydantic: type[BaseModel] | None = None
    output_json: type[BaseModel] | None = None
    tools: ToolList = Field(default_factory=list[Any])
    async_execution: bool = False
    condition: SkipValidation[Callable[[TaskOutput], Any] | str | None] = None
    guardrail: Annotated[SkipValidation[Guardrail | list[Guardrail] | None], BeforeValidator(_several)] = None
    guardrail_max_retries: int = Field(default=3, ge=0)
    human_input: bool = False
    max_human_rounds: int = Field(default=10, ge=1)
    output_file: str | None = None
    create_directory: bool = True
    callback: Callable[[TaskOutput], Any] | None = None
    config: Any = None

    @model_validator(mode="before")
    @classmethod
    def _in_our_words(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given: dict[str, Any] = without_foreign(cls, values, OF_TASKS)
        if given.get("tools", ()) is None:
            del given["tools"]
        guardrails = given.pop("guardrails", None)
        if guardrails is not None:
            if given.get("guardrail") is not None:
                raise ValueError("guardrail and guardrails are both set. hint: one list, guardrail=[…]")
            given["guardrail"] = guardrails
        return given

    @field_validator("context", mode="before")
    @classmethod
    def _is_a_list(cls, context: Any) -> Any:
        if isinstance(context, Task):
            raise ValueError(  # noqa: TRY004 - pydantic tells the field
                "context is a list of tasks, not a task. hint: context=[…]"
            )
        return context

    @field_validator("context")
    @classmethod
    def _holds_tasks(cls, context: Any) -> Any:
        for each in context or ():
            if not isinstance(each, Task):
                raise ValueError(  # noqa: TRY004 - pydantic tells the field
                    f"context is a list of tasks, and {each!r:.80} is none. hint: the Task objects themselves"
                )
        return context

    @field_validator("condition", mode="before")
    @classmethod
    def _can_be_decided(cls, condition: Any) -> Any:
        if isinstance(condition, str):
            parse_condition(condition)
        elif condition is not None and not callable(condition):
            raise ValueError(
                "a condition is a callable of the previous output or an expression such as 'score > 7', "
                f"got {type(condition)}"
            )
        return condition

    @field_validator("output_file")
    @classmethod
    def _is_a_name(cls, file: str | None) -> str | None:
        if file is not None and not file.strip():
            raise ValueError("output_file is empty; name a file such as 'reports/{topic}.md', or leave it out")
        return file

    @field_validator("output_pydantic", "output_json")
    @classmethod
    def _has_fields(cls, shape: type[BaseModel] | None) -> type[BaseModel] | None:
        if shape is not None and shape.__pydantic_root_model__:
            raise ValueError(f"{shape.__name__} has no fields; an answer is handed over by its fields")
        return shape

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        if self.output_pydantic is not None and self.output_json is not None:
            raise ValueError("output_pydantic and output_json are both set; one answer has one shape")
        return self

    @property
    def guardrails(self) -> list[Guardrail]:
        """The guardrails as a list."""
        return _several(self.guardrail)

    @property
    def shape(self) -> type[BaseModel] | None:
        """The model that the answer must fit, where one is declared."""
        return self.output_pydantic or self.output_json

    @property
    def label(self) -> str:
        """The task in the words of a message: ``task 'classify'``."""
        return _label(self.name, self.description)

    def __repr_args__(self) -> Iterator[tuple[str | None, str]]:
        yield None, self.name or self.description

    def __str__(self) -> str:
        return repr(self)


@lru_cache(maxsize=4096)
def _label(name: str | None, description: str) -> str:
    """Asked six times a run; a description may be long."""
    words = description.split()
    short = " ".join(words[:WORDS]) + (" …" if len(words) > WORDS else "")
    return f"task '{name or short}'"


class ConditionalTask(Task):
    """A task with a condition, by the ancestor's name; ``Task(condition=…)`` is the same."""

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.condition is None:
            raise ValueError(
                f"{self.label} has no condition. hint: ConditionalTask(…, condition='score > 7'), or make it a Task"
            )
        return self
