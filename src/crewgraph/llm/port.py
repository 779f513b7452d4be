"""The port to language models: one asynchronous method.

Whatever answers a :class:`Request` with a :class:`Reply` is a model: litellm, the offline model, a test double, yours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from crewgraph.usage import UsageMetrics

__all__ = ["LLM", "Message", "Reply", "Request", "Role", "ToolCall", "ToolChoice", "ToolSpec", "by", "json_schema"]

Role = Literal["system", "user", "assistant", "tool"]
ToolChoice = Literal["auto", "none", "required"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool called.

    Attributes:
        id: tells the calls of one answer apart; the result is sent back under it.
        name: the tool.
        arguments: a JSON object as the model wrote it, which may be no JSON at all.
    """

    id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model is told about it: ``parameters`` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @cached_property
    def text(self) -> str:
        """All of it as one text, for estimates: each call of a conversation asks."""
        return json.dumps([self.name, self.description, dict(self.parameters)], default=str)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: who speaks; "tool" for the result of a call.
        content: what is said.
        calls: the tool calls that a model's turn asks for.
        call_id: of a "tool" turn, the call whose result it is.
    """

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked. How it is asked (temperature, limits, key) belongs to the model.

    Attributes:
        messages: the conversation so far, oldest first.
        schema: the shape that the answer must have. The conversation says so too, so a model may ignore it.
        tools: what the model may call instead of answering.
        tool_choice: "auto" leaves it to the model, "none" forbids it, "required" forces it.
        max_tokens: the longest answer there is room for, where a budget bounds it below what the model may give.
        on_text: called with the pieces of the answer as they come; a model that cannot do so never calls it.
    """

    messages: tuple[Message, ...]
    schema: type[BaseModel] | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    max_tokens: int | None = None
    on_text: Callable[[str], None] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered.

    Attributes:
        text: the answer; may be empty where tools are called.
        usage: the tokens it took. Requests are counted by the caller.
        finish_reason: why the model stopped, in OpenAI's words: "stop", "length", "content_filter", "tool_calls".
        calls: the tools that the model wants called.
        cost: USD, where the model knows better than its price says.
        model: who answered, where that is not whom was asked: a fallback. Set by the caller.
    """

    text: str = ""
    usage: UsageMetrics = field(default_factory=UsageMetrics.nothing)
    finish_reason: str | None = None
    calls: tuple[ToolCall, ...] = ()
    cost: float | None = None
    model: str | None = None


def by(model: str, reply: Reply) -> Reply:
    """The reply, with who gave it. As ``replace`` would make it, which takes three times as long."""
    return Reply(
        text=reply.text,
        usage=reply.usage,
        finish_reason=reply.finish_reason,
        calls=reply.calls,
        cost=reply.cost,
        model=model,
    )


@runtime_checkable
class LLM(Protocol):
    """A language model. One object serves any number of concurrent calls.

    What a model may say beside its name, each by an attribute of that name:

    * ``price``: a :class:`Price`; without one its cost is unknown.
    * ``policy``: a :class:`Policy`, nearer than any other.
    * ``max_tokens``: the longest answer that it gives.
    * ``endpoint``: where it is, if calls of the same model elsewhere are not limited together with these.
    * ``parameters``: a mapping of whatever else bears on its answers, for recordings and caches.
    * ``prepare``: an asynchronous method, awaited before the clock of each attempt starts: for imports and the like.
    * ``is_cacheable``: false where its answers depend on something else, and no cache may give them.

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
