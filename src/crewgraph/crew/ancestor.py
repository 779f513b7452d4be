"""Fields of the ancestor's definitions that have no counterpart here: told by name, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["OF_AGENTS", "OF_CREWS", "OF_TASKS", "without_foreign"]

WITHOUT_EFFECT = frozenset({"embedder", "respect_context_window", "share_crew"})
"""What need not be told, since an answer does not depend on it."""

_CODE = "give it a tool that runs code"
_DATE = "put the date into the inputs, and {today} into a text"
_KNOWLEDGE = "give an agent a tool that looks it up"
_PLAN = "begin with a task that makes the plan"
_PROMPT = "role, goal and backstory are what can be said in the prompt"
_TOOL_CALLS = "an agent's llm calls its tools itself"

OF_AGENTS: Mapping[str, str] = {
    "allow_code_execution": _CODE,
    "code_execution_mode": _CODE,
    "date_format": _DATE,
    "function_calling_llm": _TOOL_CALLS,
    "guardrail": "Task(…, guardrail=…)",
    "inject_date": _DATE,
    "knowledge_sources": _KNOWLEDGE,
    "max_reasoning_attempts": _PLAN,
    "max_retry_limit": "policy=Policy(retries=…)",
    "max_tokens": "llm=LiteLLM(…, max_tokens=…)",
    "multimodal": "questions and answers are text",
    "prompt_template": _PROMPT,
    "reasoning": _PLAN,
    "response_template": _PROMPT,
    "system_template": _PROMPT,
    "use_system_prompt": _PROMPT,
}
OF_TASKS: Mapping[str, str] = {
    "converter_cls": "output_pydantic=… or output_json=…, and a guardrail may change the answer",
    "markdown": "say it in expected_output",
    "max_retries": "guardrail_max_retries=…",
    "response_model": "output_pydantic=…",
}
OF_CREWS: Mapping[str, str] = {
    "chat_llm": "a crew is run by kickoff",
    "function_calling_llm": _TOOL_CALLS,
    "knowledge_sources": _KNOWLEDGE,
    "planning": _PLAN,
    "planning_llm": _PLAN,
    "prompt_file": _PROMPT,
    "stream": "pipeline.kickoff(…, text=True, observer=…)",
}


def without_foreign(model: type[BaseModel], values: Any, hints: Mapping[str, str]) -> Any:
    """The values for a model, without those of the ancestor's that ask for nothing or would change no answer.

    Args:
        model: the model; what a subclass declares is its own.
        values: what it is made of.
        hints: the foreign fields, with what to write instead.

    Raises:
        ValueError: one asks for something that is not here.
    """
    if not isinstance(values, dict):
        return values
    given: dict[Any, Any] = values
    foreign = {name for name in (*hints, *WITHOUT_EFFECT) if name in given and name not in model.model_fields}
    for name in hints:
        if name in foreign and given[name] is not None and given[name] is not False:
            raise ValueError(f"there is no {name} here. hint: {hints[name]}")
    return {name: value for name, value in given.items() if name not in foreign}
