"""What is assumed of answers and conversations before they are held, and what follows for one conversation.

The figures are assumptions, and every plan says so in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from crewgraph.llm import OfflineLLM
from crewgraph.llm.port import LLM
from crewgraph.llm.price import ANSWER_TOKENS, price_of
from crewgraph.outlook import ZERO, Ask, Load, Range, tokens_of
from crewgraph.policy import Policy

__all__ = [
    "ASSUMED",
    "BEFORE",
    "CONDITIONS",
    "ERRAND",
    "FENCE",
    "MESSAGE",
    "TEAM",
    "TOOLS",
    "TURNS",
    "UNKNOWN_VALUES",
    "VALUE",
    "answer_of",
    "asked",
    "conversation",
    "judged",
    "specs",
]

TEXT = Range(1, 400, ANSWER_TOKENS)
"""Tokens of an answer in words."""
FIELD = Range(1, 20, ANSWER_TOKENS)
"""Tokens of each field of an answer with a shape."""
VALUE = Range(1, 100, 2_000)
"""Tokens of a value of which nothing is known."""
ERRAND = Range(20, 300, 2_000)
"""Tokens in which a coworker is told what to do."""
MESSAGE = Range(3, 4, 8)
"""Tokens that a message has beside its text."""
FENCE = Range(4, 12, 30)
"""Tokens around a text from earlier work."""
TOOL = Range(10, 60, 200)
"""Tokens of the arguments of a tool, as a model is told of them."""
TURNS = 2
"""Turns in which an agent with tools calls some."""
TOOL_CALL = Range(1, 60, 500)
TOOL_RESULT = Range(1, 300, 2_000)
CORRECTION = Range(10, 40, 400)
"""Tokens in which a model is told what does not fit."""
DEMAND = Range(20, 100, 400)
"""Tokens around an answer that a guardrail in words looks at."""
VERDICT = Range(1, 40, 400)
SECONDS_A_CALL = Range(0.3, 1.0, 10.0)
SECONDS_A_TOKEN = Range(1 / 150, 1 / 60, 1 / 15)

ASSUMED = (
    "a token has 5, 4 or 3 bytes (low, expected, high); prompts are the real ones, with the values of the inputs",
    f"an answer in words has {TEXT.expected:,.0f} tokens, one with a shape {FIELD.expected:.0f} for each field",
    f"no answer is longer than the model's max_tokens, or {ANSWER_TOKENS:,} tokens where it sets none",
    "high counts every asking again that max_reasks, max_iter, guardrails and people may want",
    "a call takes 1 s and 1 s more for each 60 tokens of its answer; no prompt is cached by the provider",
)
BEFORE = "functions before the kickoff of a crew leave its inputs as they are"
CONDITIONS = "a task with a condition is done every second time"
TEAM = "whoever may hand on work does so once for each task, and to every coworker as often as to the others"
TOOLS = (
    f"an agent with tools calls some in {TURNS} turns, at most in max_iter turns; a result has "
    f"{TOOL_RESULT.expected:.0f} tokens; what tools themselves cost or ask is not counted"
)
UNKNOWN_VALUES = f"a value that is not known has {VALUE.expected:.0f} tokens"


def answer_of(llm: LLM, shape: type[BaseModel] | None) -> Range:
    """The tokens of one answer."""
    most = getattr(llm, "max_tokens", None)
    longest = most if isinstance(most, int) else ANSWER_TOKENS
    usual = TEXT if shape is None else FIELD * _fields(shape)
    return replace(usual, high=float(longest)).at_most(longest)


@lru_cache(maxsize=256)
def _fields(shape: type[BaseModel]) -> int:
    """How many fields a shape has, those of the shapes inside of it included; at least one."""
    schema: Mapping[str, Any] = shape.model_json_schema()
    return max(1, sum(len(each.get("properties", ())) for each in (schema, *schema.get("$defs", {}).values())))


def specs(tools: Sequence[Any]) -> Range:
    """The tokens in which a model is told of tools."""
    told = (f"{getattr(tool, 'name', '')} {getattr(tool, 'description', '')}" for tool in tools)
    return Range.sum(tokens_of(text) + TOOL for text in told)


def conversation(question: Range, answer: Range, *, turns: Range, answers: Range) -> Load:
    """What a conversation takes: turns with tools, then answers until one is accepted. Every call repeats all before.

    Args:
        question: tokens of the first prompt.
        answer: tokens of one answer.
        turns: how many turns call tools.
        answers: how many answers are given.
    """
    of_turns = Range.each(lambda each, more: _pairs(each) + each * more, turns, answers)
    of_answers = Range.each(_pairs, answers)
    repeated = (TOOL_CALL + TOOL_RESULT) * of_turns + (answer + CORRECTION) * of_answers
    return Load(
        calls=turns + answers,
        prompt=question * (turns + answers) + repeated,
        answer=turns * TOOL_CALL + answers * answer,
    )


def _pairs(count: float) -> float:
    """How often one of so many calls repeats another one."""
    return count * (count - 1) / 2 if count > 1 else 0.0


def judged(answer: Range, times: Range) -> Load:
    """What guardrails in words take: the answer is read once more, and a short verdict is given."""
    return Load(calls=times, prompt=times * (answer + DEMAND), answer=times * VERDICT)


def asked(llm: LLM, load: Load, policy: Policy) -> Ask:
    """These calls as calls of a model, with their cost and time."""
    price = price_of(llm)
    if isinstance(llm, OfflineLLM):
        seconds = load.calls * llm.latency
    else:
        seconds = load.calls * SECONDS_A_CALL + load.answer * SECONDS_A_TOKEN
    return Ask(
        model=llm.model,
        load=replace(
            load,
            usd=load.prompt * (price.input / 1e6) + load.answer * (price.output / 1e6) if price else ZERO,
            unpriced=ZERO if price else load.calls,
            busy=seconds,
            seconds=seconds,
        ),
        place=f"{llm.model} {getattr(llm, 'endpoint', '') or ''}",
        limit=policy.limit,
    )
