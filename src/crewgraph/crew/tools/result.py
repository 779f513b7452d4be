"""What a tool gave, as text for a model."""

from __future__ import annotations

import dataclasses
from collections import UserString
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from crewgraph.errors import ToolError
from crewgraph.outputs import CrewOutput, PipelineKickoffResult, PipelineRunResult, TaskOutput

__all__ = ["as_text", "cut"]

NOTHING = "done; there is no result"
EMPTY = "done; the result is empty"
OUTPUTS = CrewOutput | PipelineRunResult | TaskOutput
MAX_LISTED = 100_000
"""How many elements of a range, and of other things made to measure, are written one by one."""


def as_text(value: Any) -> str:
    """A result as a model reads it: text as it is, structures as JSON, outputs of crews by their answers.

    Raises:
        ToolError: it can be read only once.
    """
    if value is None:
        return NOTHING
    text = _written(value)
    # text of a file system may hold halves of characters, which no provider takes
    return text.encode("utf-8", "replace").decode() if text.strip() else EMPTY


def _written(value: Any) -> str:
    if isinstance(value, PipelineKickoffResult):
        return "\n\n".join(_written(each) for each in value)
    if isinstance(value, OUTPUTS):
        keys = value.to_dict()
        return _json(keys) if keys else value.raw
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Iterator | AsyncIterator):
        raise ToolError(f"it returned a {type(value).__name__}, which can be read only once; return a list")
    is_data = dataclasses.is_dataclass(value) and not isinstance(value, type)
    if not isinstance(value, str) and (is_data or isinstance(value, BaseModel | Mapping | Sequence | AbstractSet)):
        return _json(value)
    return str(value)


def _json(value: Any) -> str:
    try:
        return to_json(value, fallback=_plain, inf_nan_mode="constants").decode()
    except (ValueError, TypeError, RecursionError):  # it contains itself, or its keys have no text
        return str(value)


def _plain(value: Any) -> Any:
    """What pydantic cannot write, as something that it can."""
    if isinstance(value, memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, UserString) and len(value) <= MAX_LISTED:
        return list(value)
    return str(value)


def cut(text: str, most: int) -> str:
    """The first part of a text that is too long, with words that say so."""
    if len(text) <= most:
        return text
    return f"{text[:most]}\n[cut: the result has {len(text):,} characters, these are the first {most:,}]"
