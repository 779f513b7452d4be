"""Which tool the offline model calls, and with what: one that the user mentions, once, with made-up arguments."""

from __future__ import annotations

import json
import re

from crewgraph.llm.offline.schema import made_up_value
from crewgraph.llm.port import Request, ToolCall, ToolSpec

__all__ = ["chosen", "made", "results", "since_user"]

LONG = 4
"""Letters from which on a single word of a tool's name tells it: "get_weather" is meant by "weather"."""

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def since_user(request: Request) -> list[ToolCall]:
    """The calls that were made since the user last spoke."""
    calls = list[ToolCall]()
    for message in request.messages:
        calls = [] if message.role == "user" else [*calls, *message.calls]
    return calls


def results(request: Request) -> list[str]:
    """What tools gave, in order."""
    return [message.content for message in request.messages if message.role == "tool"]


def chosen(request: Request) -> ToolSpec | None:
    """The tool to call: the first that is mentioned and was not called yet; where one must be called, any."""
    if request.tool_choice == "none" or not request.tools:
        return None
    called = {call.name for call in since_user(request)}
    fresh = [tool for tool in request.tools if tool.name not in called]
    said = [*_words(" ".join(message.content for message in request.messages if message.role == "user"))]
    mentioned = next((tool for tool in fresh if _is_mentioned(tool, said)), None)
    if mentioned is None and request.tool_choice == "required":
        return (fresh or list(request.tools))[0]
    return mentioned


def made(tool: ToolSpec, digest: str) -> ToolCall:
    """A call of a tool, the same for the same digest.

    Raises:
        ModelAnswerInvalid: nothing fits the schema of its arguments.
    """
    value = made_up_value(tool.parameters, name=tool.name, seed=int(digest, 16))
    return ToolCall(f"call_{digest[:8]}", tool.name, json.dumps(value, ensure_ascii=False))


def _is_mentioned(tool: ToolSpec, said: list[str]) -> bool:
    """Whether a text holds the name of a tool, word for word, or a longer word of it."""
    name = _words(tool.name)
    together = f" {' '.join(said)} "
    return f" {' '.join(name)} " in together or any(len(word) >= LONG and word in said for word in name)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", text))]
