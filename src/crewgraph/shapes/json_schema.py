"""From a JSON Schema of an object to the types of its keys, as far as they can be told; what cannot is ``Any``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import GenericAlias
from typing import Annotated, Any, Literal, NotRequired, Required, cast

import typing_extensions
from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema

from crewgraph.shapes.adapter import CONFIG, adapter
from crewgraph.shapes.fields import Shape
from crewgraph.shapes.peel import by_identity
from crewgraph.shapes.union import union_of

__all__ = ["as_json", "kind_of", "kinds_of"]

MAX_DEPTH = 20
_PLAIN: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_NUMBERS = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
_TEXTS = {"minLength": "min_length", "maxLength": "max_length"}
_ARRAYS = {"minItems": "min_length", "maxItems": "max_length"}
_OBJECTS = {"minProperties": "min_length", "maxProperties": "max_length"}
_UNTOLD = {
    "not",
    "if",
    "dependentSchemas",
    "dependentRequired",
    "$dynamicRef",
    "$recursiveRef",
    "contains",
    "propertyNames",
}
"""Words that refuse more than a type can say."""


def kinds_of(schema: Mapping[str, Any]) -> Mapping[str, Shape]:
    """The keys of an object by its JSON Schema.

    Raises:
        ValueError: it is no JSON Schema of an object.
    """
    reader = _Reader(_mapping(schema, "a JSON Schema"))
    whole = reader.resolved(reader.root)
    if "object" not in _types(whole) and "properties" not in whole:
        told = ", ".join(_types(whole)) or "anything"
        hint = 'hint: {"type": "object", "properties": {…}}'
        raise ValueError(f"the JSON Schema of an object is needed, this one describes {told}. {hint}")
    required = _names(whole.get("required", ()), "required")
    parts = _mapping(whole.get("properties", {}), "properties")
    return {key: _shape(part, reader.kind(part, MAX_DEPTH), is_required=key in required) for key, part in parts.items()}


def kind_of(schema: Any) -> Any:
    """The type that a JSON Schema describes, whatever it describes.

    Raises:
        ValueError: it is no JSON Schema.
    """
    root = schema if isinstance(schema, bool) else _mapping(schema, "a JSON Schema")
    return _Reader({} if isinstance(root, bool) else root).kind(root, MAX_DEPTH)


class _Complete(GenerateJsonSchema):
    """Says what a dump has: all fields, also those with defaults."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 - as pydantic calls it
        return super().field_is_required(field, total) or field["type"] != "typed-dict-field"


@by_identity
def as_json(kind: Any) -> Any:
    """The type of what a value becomes as JSON, as in ``model_dump(mode="json")``: dates and numbers of Decimal are texts."""
    check = adapter(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what has no JSON Schema
        try:
            if check is None:
                return Any
            schema = check.json_schema(mode="serialization", by_alias=False, schema_generator=_Complete)
            return _Reader(schema, is_closed=True).kind(schema, MAX_DEPTH)
        except Exception:  # noqa: BLE001 - writing the schema runs what the user's classes say of themselves
            return Any


def _shape(part: Any, kind: Any, *, is_required: bool) -> Shape:
    said: Mapping[str, Any] = part if isinstance(part, Mapping) else {}
    return Shape(kind, is_required, "default" in said, said.get("default"), str(said.get("description", "")))


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{what} is an object with names as keys, not {value!r:.60}")
    return cast("Mapping[str, Any]", value)


def _names(value: Any, what: str) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"'{what}' in a JSON Schema is a list of names, not {value!r:.60}")
    return list(value)


def _types(schema: Mapping[str, Any]) -> list[str]:
    told: Any = schema.get("type", [])
    types = _names([told] if isinstance(told, str) else told, "type")
    for each in types:
        if each not in {*_PLAIN, "array", "object"}:
            raise ValueError(f"'{each:.60}' is no type of JSON Schema. hint: {', '.join([*_PLAIN, 'array', 'object'])}")
    return types


_OTHER_TEXTS = {"date", "date-time", "time", "duration", "uuid"}
"""Formats of texts that are read as something else: no validator need look at them, so nobody knows whether they fit."""


class _Reader:
    """Reads one schema.

    Attributes:
        root: the whole schema, in which references are looked up.
        is_closed: whether objects have only the keys that they declare, where the schema does not say.
        open: the references that are being read: one that leads back is ``Any``.
    """

    def __init__(self, root: Mapping[str, Any], *, is_closed: bool = False) -> None:
        self.root = root
        self.is_closed = is_closed
        self.open = list[str]()

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema behind its reference, with what stands beside it; empty where it leads nowhere or in a circle."""
        for _ in range(MAX_DEPTH):
            if "$ref" not in schema:
                return schema
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            found = self.looked_up(schema["$ref"])
            schema = {**found, **beside} if isinstance(found, Mapping) else {}
        return {}

    def looked_up(self, ref: Any) -> Any:
        """What a reference inside of the schema leads to; ``None`` where it leads out of it, or nowhere."""
        if not isinstance(ref, str):
            raise ValueError(f"'$ref' in a JSON Schema is a text, not {ref!r:.60}")  # noqa: TRY004 - a value of data
        found: Any = self.root if ref.startswith("#") else None
        for step in filter(None, ref.removeprefix("#").split("/")):
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def kind(self, schema: Any, depth: int) -> Any:
        """The type of a schema."""
        if schema is True:
            return Any
        if schema is False:
            return typing_extensions.Never
        schema = _mapping(schema, "a part of a JSON Schema")
        ref = schema.get("$ref")
        if depth == 0 or ref in self.open or _UNTOLD & schema.keys():
            return Any
        if ref is None:
            return self.told(schema, depth)
        resolved = self.resolved(schema)
        self.open.append(ref)
        try:
            return self.told(resolved, depth)
        finally:
            self.open.pop()

    def told(self, schema: Mapping[str, Any], depth: int) -> Any:
        """The type of a schema that is no reference."""
        if "const" in schema:
            return _literal([schema["const"]])
        if "enum" in schema:
            return _literal(schema["enum"])
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return self.several(word, schema, depth)
        types = _types(schema) or (["object"] if "properties" in schema else [])
        return union_of(self.typed(name, schema, depth) for name in types) if types else Any

    def several(self, word: str, schema: Mapping[str, Any], depth: int) -> Any:
        """The type of a schema that is made of others; what stands beside them would refuse more than can be said."""
        parts: Any = schema[word]
        if not isinstance(parts, list | tuple) or not parts:
            raise ValueError(f"'{word}' in a JSON Schema is a list of schemas, not {parts!r:.60}")
        kinds = [self.kind(part, depth - 1) for part in parts]
        beside = schema.keys() & {"properties", "required", "items", "anyOf", "oneOf", "allOf", *_NUMBERS, *_TEXTS} - {
            word
        }
        if beside or (word == "allOf" and len(kinds) > 1):
            return Any
        return union_of(kinds)

    def typed(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        """The type of a schema that names one."""
        if name == "array":
            is_row = "prefixItems" in schema or isinstance(schema.get("items"), list | tuple)
            item = Any if is_row else self.kind(schema.get("items", True), depth - 1)
            return _bounded(GenericAlias(list, (item,)), schema, _ARRAYS)
        if name == "object":
            return self.record(schema, depth)
        if name == "string":
            return Any if schema.get("format") in _OTHER_TEXTS else _text(schema)
        return _bounded(_PLAIN[name], schema, _NUMBERS) if name in {"integer", "number"} else _PLAIN[name]

    def record(self, schema: Mapping[str, Any], depth: int) -> Any:
        """A TypedDict of the properties of an object, a dict where it has none."""
        parts = _mapping(schema.get("properties", {}), "properties")
        required = _names(schema.get("required", ()), "required")
        further = schema.get("additionalProperties", not self.is_closed)
        value = Any if "patternProperties" in schema or further is False else self.kind(further, depth - 1)
        if not parts and not required:
            return _bounded(GenericAlias(dict, (str, value)), schema, _OBJECTS)
        kinds = {key: self.kind(part, depth - 1) for key, part in parts.items()}
        kinds |= {key: value for key in required if key not in parts}
        fields = {key: (Required if key in required else NotRequired)[kind] for key, kind in kinds.items()}
        made: Any = typing_extensions.TypedDict(_title(schema), fields)  # type: ignore[misc]
        is_closed = further is False and "patternProperties" not in schema
        setattr(made, CONFIG, {"extra": "forbid" if is_closed else "allow"})
        return made


def _title(schema: Mapping[str, Any]) -> str:
    return str(schema.get("title") or "object")


def _literal(values: Any) -> Any:
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ValueError(f"'enum' in a JSON Schema is a list of values, not {values!r:.60}")
    plain = all(value is None or isinstance(value, str | int) for value in values)
    return Literal[tuple(values)] if plain else Any


def _text(schema: Mapping[str, Any]) -> Any:
    pattern: Any = schema.get("pattern")
    # not every pattern is one for pydantic too
    is_told = isinstance(pattern, str) and adapter(Annotated[str, Field(pattern=pattern)]) is not None
    return _bounded(Annotated[str, Field(pattern=pattern)] if is_told else str, schema, _TEXTS)


def _bounded(kind: Any, schema: Mapping[str, Any], words: Mapping[str, str]) -> Any:
    """A type with its bounds; a length is whole, and whatever is no number is no bound."""
    bounds: dict[str, Any] = {name: schema[word] for word, name in words.items() if _is_number(schema.get(word))}
    if words is not _NUMBERS:
        bounds = {name: int(value) for name, value in bounds.items() if value >= 0}
    return Annotated[kind, Field(**bounds)] if bounds else kind


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
