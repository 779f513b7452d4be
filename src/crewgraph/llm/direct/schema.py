"""A shape as OpenAI's strict mode takes it: every object closed, and all of its keys required."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

__all__ = ["response_format"]

REFERENCE = "#/$defs/"


class _Open(Exception):
    """A part of the schema says what strict mode does not know: any keys, or exactly one of several."""


@lru_cache(maxsize=256)
def response_format(shape: type[BaseModel]) -> dict[str, Any]:
    """How a shape is asked for on the wire; strictly, where strict mode can say it.

    Source: https://platform.openai.com/docs/guides/structured-outputs
    """
    schema = shape.model_json_schema()
    try:
        said = {"schema": _strict(schema, schema.get("$defs", {})), "strict": True}
    except _Open:
        said = {"schema": schema}
    return {"type": "json_schema", "json_schema": {"name": shape.__name__, **said}}


def _strict(part: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_strict(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part and len(part) > 1:  # a reference stands alone there
        name = part["$ref"].removeprefix(REFERENCE)
        return _strict({**definitions.get(name, {}), **{key: part[key] for key in part if key != "$ref"}}, definitions)
    if "oneOf" in part:
        raise _Open
    made = {key: part[key] for key in part if key != "default"}  # the model says every key
    if part.get("type") == "object":
        made |= _closed(part, definitions)
    inner = {key: _strict(part[key], definitions) for key in ("items", "prefixItems", "anyOf", "allOf") if key in part}
    if "$defs" in part:
        inner["$defs"] = {key: _strict(each, definitions) for key, each in part["$defs"].items()}
    return made | inner


def _closed(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """What makes an object take its own keys and no others."""
    if "properties" not in part or part.get("additionalProperties"):
        raise _Open
    properties = {key: _strict(each, definitions) for key, each in part["properties"].items()}
    return {"properties": properties, "required": list(properties), "additionalProperties": False}
