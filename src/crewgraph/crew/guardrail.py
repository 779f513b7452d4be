"""What an answer must pass before it counts: functions of the user's, and demands in words that a model judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from crewgraph.crew.answer import Misfit, read
from crewgraph.crew.callback import consulted, flaw_of, name_of
from crewgraph.crew.conversation import Conversation
from crewgraph.crew.outcome import in_shape
from crewgraph.crew.prompt import demand
from crewgraph.crew.task import Guardrail, Task
from crewgraph.errors import CallbackFailed
from crewgraph.errors.root import in_words
from crewgraph.llm.ask import Asker
from crewgraph.llm.port import LLM
from crewgraph.outputs import TaskOutput
from crewgraph.template import as_text

__all__ = ["Judgement", "Refusal", "guarded"]

NO_REASON = "it was refused, and no reason was given"
WANTED = 'return (True, answer) to accept it, or (False, "what is wrong") to have the model asked again'


class Refusal(Exception):
    """Raised when a guardrail refuses an answer; its words are meant for the model that wrote it."""


class Judgement(BaseModel):
    """What a model says of an answer."""

    valid: bool = Field(description="whether the answer meets the demand")
    feedback: str = Field(default="", description="where it does not: what is wrong, for whoever writes it anew")


async def guarded(
    output: TaskOutput, guardrails: Sequence[Guardrail], *, task: Task, llm: LLM, asker: Asker, max_reasks: int
) -> TaskOutput:
    """The answer, when all guardrails have let it pass; each is given what the one before it made of it.

    Args:
        output: the answer.
        guardrails: the task's, with the placeholders of those in words filled.
        task: the task.
        llm: the model that judges by those in words.
        asker: on whose behalf it is asked.
        max_reasks: how often it is asked again when its judgement lacks the shape.

    Raises:
        Refusal: one of them refuses it.
        CallbackFailed: one of them raised, or returned what it must not.
    """
    for guardrail in guardrails:
        if isinstance(guardrail, str):
            await _judge(output, guardrail, llm, asker, max_reasks)
        else:
            output = await _consult(output, guardrail, task)
    return output


async def _judge(output: TaskOutput, words: str, llm: LLM, asker: Asker, max_reasks: int) -> None:
    talk = Conversation(
        llm=llm, asker=asker, messages=demand(words, output, Judgement), shape=Judgement, max_reasks=max_reasks
    )
    judgement = (await talk.answer()).value
    assert isinstance(judgement, Judgement), "a conversation with a shape ends with a value of it"
    if not judgement.valid:
        raise Refusal(f"It does not meet this demand: {words}\n{judgement.feedback.strip() or NO_REASON}")


async def _consult(output: TaskOutput, guardrail: Any, task: Task) -> TaskOutput:
    what = f"{task.label}: its guardrail"
    verdict = await consulted(guardrail, output, what=what)
    who = f"{what} '{name_of(guardrail)}'"
    if not isinstance(verdict, tuple) or len(verdict) != 2 or not isinstance(verdict[0], bool):  # noqa: PLR2004
        raise CallbackFailed(f"{who} returned {_shown(verdict)}. hint: {WANTED}")
    is_valid, value = verdict
    if not is_valid:
        raise Refusal(_reason(value, who))
    try:
        return await _with(output, value, task)
    except (Misfit, ValidationError, TypeError) as error:
        raise CallbackFailed(f"{who} accepted the answer with {_shown(value)} in its place: {error}") from error


async def _with(output: TaskOutput, value: Any, task: Task) -> TaskOutput:
    """The answer with what the guardrail put in its place.

    Raises:
        Misfit, ValidationError, TypeError: that is no answer of this task.
    """
    if value is None:
        return output
    if flaw := flaw_of(value):
        raise TypeError(f"its {flaw}")
    if task.shape is not None:
        return await _shaped(output, value, task, task.shape)
    if isinstance(value, TaskOutput):
        return value
    if isinstance(value, str):
        return output.model_copy(update={"raw": value})
    raise TypeError("a task without a shape has an answer in text")


async def _shaped(output: TaskOutput, value: Any, task: Task, shape: type[BaseModel]) -> TaskOutput:
    if isinstance(value, TaskOutput):
        structure = value.json_dict if task.output_json else value.pydantic
        return in_shape(value, _fitting(structure, shape), task)
    if not isinstance(value, str):
        fitting = _fitting(value, shape)
        return in_shape(output, fitting, task, raw=fitting.model_dump_json())
    return output if value == output.raw else in_shape(output, (await read(value, shape)).value, task, raw=value)


def _fitting(value: Any, shape: type[BaseModel]) -> BaseModel:
    if isinstance(value, shape):
        return value
    if isinstance(value, Mapping):
        return shape.model_validate(value)
    raise TypeError(f"the answer of this task is a {shape.__name__}")


def _reason(value: Any, who: str) -> str:
    """What a guardrail says against an answer, for the model.

    Raises:
        CallbackFailed: it cannot be put in words.
    """
    try:
        return as_text(value).strip() if value else NO_REASON
    except Exception as error:
        raise CallbackFailed(
            f"{who} refused the answer for a reason of {type(value)} that is no text: {in_words(error)}"
        ) from error


def _shown(value: Any) -> str:
    kind = type(value).__name__
    try:
        return f"{kind} {value!r:.80}"
    except Exception:  # noqa: BLE001 - a repr of the user's: no reason to lose whose it is
        return kind
