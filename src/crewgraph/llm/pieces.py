"""The pieces of an answer that is streamed, in OpenAI's words: handed on as they come, and put together to a whole one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Pieces"]


@dataclass(slots=True)
class _Call:
    """A tool call, as far as it has come."""

    id: str | None = None
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class Pieces:
    """Puts an answer together.

    Args:
        tell: called with each piece of text.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._said = list[str]()
        self._calls = dict[int, list[_Call]]()

    def add(self, delta: Any) -> None:
        """Take the next piece: text, or parts of tool calls."""
        text = delta.content
        if isinstance(text, str) and text:
            self._said.append(text)
            self._tell(text)
        for part in delta.tool_calls or ():
            self._grow(part)

    @property
    def text(self) -> str:
        """What was said so far."""
        return "".join(self._said)

    @property
    def calls(self) -> list[tuple[str | None, str, str]]:
        """Id, name and arguments of the tool calls, in their order."""
        every = (call for index in sorted(self._calls) for call in self._calls[index])
        return [(call.id, call.name, "".join(call.arguments).strip() or "{}") for call in every]

    def _grow(self, part: Any) -> None:
        """Add a piece to the call that it belongs to: that of its index, or a new one where its id is a new one."""
        there = self._calls.setdefault(part.index or 0, [])  # some number nothing, and tell calls apart by id
        if not there or (part.id and there[-1].id and part.id != there[-1].id):
            there.append(_Call())
        call, function = there[-1], part.function
        call.id = call.id or part.id
        call.name = call.name or getattr(function, "name", None) or ""
        arguments = getattr(function, "arguments", None)
        if isinstance(arguments, str):
            call.arguments.append(arguments)
