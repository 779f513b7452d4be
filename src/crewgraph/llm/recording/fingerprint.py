"""What makes two requests equal, in one canonical form: for cassettes, which store it, and caches, which hash it.

Neither ever holds a key: what a model says of itself is read from its ``parameters``, without whatever is named like a
secret; and whatever looks like one in a text is masked before it is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from crewgraph.llm.port import LLM, Message, Request, ToolCall, json_schema
from crewgraph.llm.secrets import is_secret_name

__all__ = ["Text", "as_line", "canonical", "digest", "of_calls"]

Text = Callable[[str], str]
"""From a text to the one that is stored."""


def canonical(llm: LLM, request: Request, *, text: Text = str) -> dict[str, Any]:
    """All that decides about the answer to a request, as JSON holds it.

    Args:
        llm: its name and its ``parameters`` count, not where it is.
        request: its listener and the room that a budget leaves do not count.
        text: is given every text that may hold the user's data.
    """
    parameters = getattr(llm, "parameters", None)
    told: dict[str, Any] = {"model": text(llm.model)}
    if isinstance(parameters, Mapping) and parameters:
        told["parameters"] = _plain(parameters, text, hides=is_secret_name)
    told["messages"] = [_message(message, text) for message in request.messages]
    if request.schema is not None:
        told["schema"] = _plain(json.loads(json_schema(request.schema)), text)
    if request.tools:
        told["tools"] = [
            {
                "name": tool.name,
                "description": text(tool.description),
                "parameters": _plain(tool.parameters, text),
            }
            for tool in request.tools
        ]
        told["tool_choice"] = request.tool_choice
    return told


def of_calls(calls: Iterable[ToolCall], text: Text) -> list[dict[str, str]]:
    """Tool calls as JSON holds them."""
    return [{"id": call.id, "name": call.name, "arguments": text(call.arguments)} for call in calls]


def _message(message: Message, text: Text) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "content": text(message.content)}
    if message.calls:
        told["calls"] = of_calls(message.calls, text)
    if message.call_id is not None:
        told["call_id"] = message.call_id
    return told


def _nothing(_: object) -> bool:
    return False


def _plain(value: Any, text: Text, *, hides: Callable[[object], bool] = _nothing) -> Any:
    """A value in JSON's types, the same in every process: no addresses, no order of sets, nothing under hidden names."""
    again = partial(_plain, text=text, hides=hides)
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return text(value)
        case BaseModel():
            return again(value.model_dump(mode="json"))
        case Mapping():
            return {str(name): again(each) for name, each in value.items() if not hides(name)}
        case list() | tuple():
            return [again(each) for each in value]
        case set() | frozenset():
            return sorted((again(each) for each in value), key=as_line)
        case type():
            return f"{value.__module__}.{value.__qualname__}"
        case _:
            return f"a {type(value).__module__}.{type(value).__qualname__}"


def as_line(value: Any, *, in_order: bool = True) -> str:
    """JSON in one line, the same for equal values; half of a surrogate pair, which UTF-8 has not, becomes an escape.

    Args:
        value: of JSON's types.
        in_order: sort the keys of mappings.
    """
    line = json.dumps(value, ensure_ascii=False, sort_keys=in_order, separators=(",", ":"))
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def digest(value: Any) -> str:
    """A name for a value in JSON's types."""
    return hashlib.sha256(as_line(value).encode()).hexdigest()
