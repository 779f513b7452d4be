"""The port to language models: one asynchronous method.

Whatever answers a :class:`Request` with a :class:`Reply` is a model: litellm, the offline model, a test double, yours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from crewgraph.outputs import UsageMetrics

__all__ = ["LLM", "Message", "Reply", "Request", "Role", "json_schema"]

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked. How it is asked (temperature, limits, key) belongs to the model.

    Attributes:
        messages: the conversation so far, oldest first.
        schema: the shape that the answer must have. The conversation says so too, so a model may ignore it.
    """

    messages: tuple[Message, ...]
    schema: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered.

    Attributes:
        text: the answer.
        usage: the tokens it took. Requests are counted by the caller.
        finish_reason: why the model stopped, in OpenAI's words: "stop", "length", "content_filter".
    """

    text: str
    usage: UsageMetrics = field(default_factory=UsageMetrics)
    finish_reason: str | None = None


@runtime_checkable
class LLM(Protocol):
    """A language model. One object serves any number of concurrent calls.

    Attributes:
        model: its name, for events, results and pictures.
    """

    model: str

    async def complete(self, request: Request) -> Reply:
        """Answer one request; one attempt, no retries.

        Raises:
            ModelError: the model did not answer; the subclass says why.
        """
        ...


@lru_cache(maxsize=256)
def json_schema(shape: type[BaseModel]) -> str:
    """The JSON Schema of a shape as text; computed once, for it takes longer than all the rest of an offline call."""
    return json.dumps(shape.model_json_schema(), ensure_ascii=False)
