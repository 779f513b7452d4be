"""What goes over the wire and what comes back: conversations, tools, tool calls and tokens in OpenAI's words.

Plain data on both sides; litellm translates OpenAI's words into those of each provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crewgraph.llm.port import Message, Request, ToolCall, ToolSpec
from crewgraph.llm.price import with_counts
from crewgraph.usage import UsageMetrics

__all__ = ["calls_of", "messages", "numbered", "refusal_of", "tools", "usage_of"]

MAX_NAME = 64
"""Characters that providers allow in the name of a tool."""
NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def messages(conversation: Iterable[Message]) -> list[dict[str, Any]]:
    """A conversation on the wire."""
    return [_message(each) for each in conversation]


def tools(request: Request) -> list[dict[str, Any]]:
    """The tools that go with a request.

    Where tools are forbidden there are none, unless the conversation holds calls: some providers refuse to read calls
    of tools that they are not told of.
    """
    if request.tool_choice == "none" and not any(each.calls for each in request.messages):
        return []
    return [_tool(each) for each in request.tools]


def numbered(calls: Sequence[tuple[str | None, str, str]], conversation: Iterable[Message]) -> tuple[ToolCall, ...]:
    """Tool calls, each with an id that no other call of the conversation has.

    Args:
        calls: id, name and arguments as the provider gave them; not all providers give ids, or different ones.
        conversation: what was said before.
    """
    taken = {call.id for each in conversation for call in each.calls}
    numbers = len(taken)
    done = list[ToolCall]()
    for given, name, arguments in calls:
        numbers += 1
        own = wanted = given or f"call_{numbers}"
        again = 1
        while own in taken:
            again += 1
            own = f"{wanted}_{again}"
        taken.add(own)
        done.append(ToolCall(own, name, arguments))
    return tuple(done)


def calls_of(message: Any) -> list[tuple[str | None, str, str]]:
    """Id, name and arguments of the tool calls in a whole answer."""
    found = list[tuple[str | None, str, str]]()
    for call in getattr(message, "tool_calls", None) or ():
        function: Any = getattr(call, "function", None)
        arguments = getattr(function, "arguments", None)
        text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        found.append((getattr(call, "id", None), getattr(function, "name", None) or "", text.strip() or "{}"))
    return found


def refusal_of(message: Any) -> str:
    """The words by which the model refuses to answer; none where it does not."""
    fields: Any = getattr(message, "provider_specific_fields", None)
    told = getattr(message, "refusal", None) or (fields.get("refusal") if isinstance(fields, dict) else None)
    return told if isinstance(told, str) else ""


def usage_of(reported: Any) -> UsageMetrics:
    """Tokens as the provider reports them; nothing where it reports none."""
    details = getattr(reported, "prompt_tokens_details", None)
    prompt, completion = _count(reported, "prompt_tokens"), _count(reported, "completion_tokens")
    return with_counts(
        UsageMetrics.nothing(),
        total_tokens=_count(reported, "total_tokens") or prompt + completion,
        prompt_tokens=prompt,
        cached_prompt_tokens=_count(details, "cached_tokens"),
        completion_tokens=completion,
    )


def _count(reported: Any, name: str) -> int:
    count = getattr(reported, name, None)
    return count if isinstance(count, int) and count > 0 else 0


def _message(message: Message) -> dict[str, Any]:
    if message.calls:
        return {
            "role": message.role,
            "content": message.content or None,
            "tool_calls": [_call(each) for each in message.calls],
        }
    if message.call_id is not None:
        return {"role": message.role, "tool_call_id": message.call_id, "content": message.content}
    return {"role": message.role, "content": message.content}


def _call(call: ToolCall) -> dict[str, Any]:
    """A call of an earlier turn, as a provider can read it again, whatever the model had written."""
    name = _NOT_IN_NAMES.sub("_", call.name)[:MAX_NAME] or "_"
    arguments = call.arguments if _is_object(call.arguments) else "{}"  # its result says what was wrong with it
    return {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _tool(tool: ToolSpec) -> dict[str, Any]:
    parameters = dict(tool.parameters or NO_PARAMETERS)
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
