"""From a JSON Schema of an object to the types of its keys, as far as they can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict, cast

from pydantic import Field

from crewgraph.kinds.fields import Shape
from crewgraph.kinds.relation import union_of

__all__ = ["kinds_of"]

MAX_DEPTH = 20
_PLAIN: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_BOUNDS = {
    "minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt", "multipleOf": "multiple_of",
    "minLength": "min_length", "maxLength": "max_length", "minItems": "min_length", "maxItems": "max_length",
}  # fmt: skip


def kinds_of(schema: Mapping[str, Any]) -> Mapping[str, Shape]:
    """The keys of an object by its JSON Schema; what cannot be told is ``Any``.

    Raises:
        ValueError: it is no schema of an object.
    """
    reader = _Reader(schema)
    whole = reader.resolved(schema)
    if "object" not in _types(whole) and "properties" not in whole:
        told = ", ".join(_types(whole)) or "anything"
        raise ValueError(f"the JSON Schema of inputs describes an object, this one {told}. hint: "
                         '{"type": "object", "properties": {…}}')  # fmt: skip
    needed = whole.get("required")
    required: Sequence[Any] = needed if isinstance(needed, list) else ()
    return {
        key: Shape(
            reader.kind(part, MAX_DEPTH),
            key in required,
            isinstance(part, Mapping) and "default" in part,
            part.get("default") if isinstance(part, Mapping) else None,
            str(part.get("description", "")) if isinstance(part, Mapping) else "",
        )
        for key, part in _mapping(whole.get("properties")).items()
    }


def _types(schema: Mapping[str, Any]) -> list[str]:
    told: Any = schema.get("type")
    return [told] if isinstance(told, str) else [each for each in told if isinstance(each, str)] if told else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


class _Reader:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.open = list[str]()

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema behind its references; empty where they lead nowhere or in a circle."""
        for _ in range(MAX_DEPTH):
            ref: Any = schema.get("$ref")
            if not isinstance(ref, str):
                return schema
            found: Any = self.root
            for step in ref.removeprefix("#").strip("/").split("/") if ref != "#" else ():
                found = _mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
            schema = _mapping(found)
        return {}

    def kind(self, schema: Any, depth: int) -> Any:
        """The type of a schema."""
        if not isinstance(schema, Mapping) or depth == 0:
            return Any
        schema = self.resolved(schema)
        if "const" in schema:
            return _literal([schema["const"]])
        if isinstance(schema.get("enum"), list):
            return _literal(schema["enum"])
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list):
                return union_of(self.kind(part, depth - 1) for part in schema[word])
        whole: Any = schema.get("allOf")
        if isinstance(whole, list):
            return self.kind(whole[0], depth - 1) if len(whole) == 1 else Any
        types = _types(schema)
        return union_of(self.typed(name, schema, depth) for name in types) if types else Any

    def typed(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        """The type of a schema that names one."""
        if name == "array":
            return _bounded(list[self.kind(schema.get("items"), depth - 1)], schema, {"minItems", "maxItems"})  # type: ignore[misc]
        if name == "object":
            return self.record(schema, depth)
        kind = _PLAIN.get(name, Any)
        if kind in (int, float):
            return _bounded(kind, schema, {key for key in _BOUNDS if "imum" in key or key == "multipleOf"})
        return _bounded(kind, schema, {"minLength", "maxLength"}) if kind is str else kind

    def record(self, schema: Mapping[str, Any], depth: int) -> Any:
        """A TypedDict of the properties of an object, a dict where it has none."""
        properties = _mapping(schema.get("properties"))
        if not properties:
            further = schema.get("additionalProperties", True)
            return dict[str, self.kind(further, depth - 1) if isinstance(further, Mapping) else Any]  # type: ignore[misc]
        needed: Any = schema.get("required") or ()
        fields = {
            key: Required[self.kind(part, depth - 1)] if key in needed else NotRequired[self.kind(part, depth - 1)]
            for key, part in properties.items()
        }
        return TypedDict(str(schema.get("title") or "object"), fields)  # type: ignore[operator]


def _literal(values: Sequence[Any]) -> Any:
    plain = [value for value in values if value is None or isinstance(value, str | int | bool)]
    return Literal[tuple(plain)] if plain and len(plain) == len(values) else Any


def _bounded(kind: Any, schema: Mapping[str, Any], words: set[str]) -> Any:
    bounds: dict[str, Any] = {
        name: schema[word]
        for word, name in _BOUNDS.items()
        if word in words and isinstance(schema.get(word), int | float)
    }
    pattern: Any = schema.get("pattern")
    if kind is str and isinstance(pattern, str):
        bounds["pattern"] = pattern
    return Annotated[kind, Field(**bounds)] if bounds else kind
