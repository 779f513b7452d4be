"""Types from JSON Schemas."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal

import pytest
import typing_extensions
from pydantic import BaseModel, Field

from crewgraph.shapes import Shape, as_json, coercer, fit, kind_of, kinds_of, written

PARTS: list[tuple[Any, str]] = [
    ({"type": "string"}, "str"),
    (
        {"type": "string", "minLength": 1, "maxLength": 5.0, "pattern": "^a"},
        "str 1 to 5 long, matching ^a",
    ),
    ({"type": "string", "pattern": "(?=a)b"}, "str"),
    ({"type": "string", "pattern": 5}, "str"),
    ({"type": "string", "minLength": True, "maxLength": -1}, "str"),
    ({"type": "string", "format": "email"}, "str"),
    ({"type": "string", "format": "date-time"}, "anything"),
    ({"type": "string", "format": "uuid"}, "anything"),
    ({"type": "integer", "minimum": 0, "maximum": 10}, "int from 0 to 10"),
    (
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.5},
        "float > 0, < 1, a multiple of 0.5",
    ),
    ({"type": "boolean"}, "bool"),
    ({"type": "null"}, "None"),
    ({"type": ["string", "null"]}, "str | None"),
    ({"type": []}, "anything"),
    ({"type": "array"}, "list[anything]"),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list[str] at least 1 long"),
    ({"type": "array", "prefixItems": [{"type": "string"}]}, "list[anything]"),
    ({"type": "array", "items": [{"type": "string"}]}, "list[anything]"),
    ({"type": "object"}, "dict[str, anything]"),
    (
        {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 3},
        "dict[str, int] at most 3 long",
    ),
    ({"type": "object", "additionalProperties": False}, "dict[str, anything]"),
    ({"type": "object", "patternProperties": {"^a": {}}}, "dict[str, anything]"),
    ({"type": "object", "properties": {"a": {}}, "title": "Claim"}, "Claim"),
    ({"properties": {"a": {}}}, "object"),
    ({"const": "a"}, "Literal['a']"),
    ({"const": 1.5}, "anything"),
    ({"enum": ["a", 1, None, True]}, "Literal['a', 1, None, True]"),
    ({"enum": [["a"], {}]}, "anything"),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "str | int"),
    ({"oneOf": [{"type": "string"}, True]}, "anything"),
    ({"allOf": [{"type": "string"}]}, "str"),
    ({"allOf": [{"type": "string"}, {"minLength": 1}]}, "anything"),
    ({"anyOf": [{"type": "string"}], "allOf": [{"minLength": 1}]}, "anything"),
    ({"not": {"type": "string"}}, "anything"),
    ({"if": {}, "then": {}, "type": "string"}, "anything"),
    ({"description": "says nothing"}, "anything"),
    (True, "anything"),
    (False, "Never"),
    ({"$ref": "#/$defs/Text", "$defs": {"Text": {"type": "string"}}}, "str"),
    ({"$ref": "#/$defs/Text", "maxLength": 5, "$defs": {"Text": {"type": "string"}}}, "str at most 5 long"),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "string"}}}, "str"),
    ({"$ref": "#/$defs/Any", "$defs": {"Any": True}}, "anything"),
    ({"$ref": "#/nowhere"}, "anything"),
    ({"$ref": "#/nowhere/at/all"}, "anything"),
    ({"$ref": "https://example.com/schema"}, "anything"),
    ({"$ref": "#"}, "anything"),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, "anything"),
]


@pytest.mark.parametrize(("schema", "shown"), PARTS, ids=[str(number) for number in range(len(PARTS))])
def test_the_type_of_a_schema(schema: Any, shown: str) -> None:
    """As close as a type can come; what it cannot say is ``Any``, never an error."""
    assert written(kind_of(schema)) == shown


BAD: list[tuple[Any, str]] = [
    ([], "a JSON Schema is an object with names as keys"),
    ({1: 2}, "a JSON Schema is an object with names as keys"),
    ({"type": "text"}, "'text' is no type of JSON Schema. hint: string, integer"),
    ({"type": 5}, "'type' in a JSON Schema is a list of names"),
    ({"enum": []}, "'enum' in a JSON Schema is a list of values"),
    ({"enum": "abc"}, "'enum' in a JSON Schema is a list of values"),
    ({"anyOf": {}}, "'anyOf' in a JSON Schema is a list of schemas"),
    ({"anyOf": [5]}, "a part of a JSON Schema is an object"),
    ({"$ref": 5}, "'\\$ref' in a JSON Schema is a text"),
    ({"type": "object", "properties": []}, "properties is an object"),
    ({"type": "object", "required": "a"}, "'required' in a JSON Schema is a list of names"),
    ({"type": "array", "items": 5}, "a part of a JSON Schema is an object"),
]


@pytest.mark.parametrize(("schema", "message"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_what_is_no_schema_says_so(schema: Any, message: str) -> None:
    """The error names the word that is wrong."""
    with pytest.raises(ValueError, match=message):
        kind_of(schema)


@pytest.mark.parametrize(
    ("schema", "described"),
    [({"type": "string"}, "string"), ({}, "anything"), ({"type": ["array", "null"]}, "array, null")],
    ids=["text", "anything", "several"],
)
def test_inputs_are_an_object(schema: Any, described: str) -> None:
    """A schema of something else has no keys."""
    with pytest.raises(ValueError, match=f"an object is needed, this one describes {described}. hint: "):
        kinds_of(schema)
    with pytest.raises(ValueError, match="a JSON Schema is an object"):
        kinds_of([])  # type: ignore[arg-type]


class Line(BaseModel):
    item: str
    count: int = Field(default=1, ge=1, description="how many")


class Order(BaseModel):
    lines: list[Line]
    note: str | None = None
    after: Order | None = None


def test_the_keys_of_an_object() -> None:
    """Each with its type, whether it is needed, default and description; references are followed."""
    keys = kinds_of(Order.model_json_schema())
    assert {key: shape.required for key, shape in keys.items()} == {"lines": True, "note": False, "after": False}
    assert keys["note"] == Shape(str | None, required=False, has_default=True, default=None)
    assert written(keys["lines"].kind) == "list[Line]"
    assert kinds_of(Line.model_json_schema())["count"].description == "how many"
    assert kinds_of({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": True}}}}) == {
        "a": Shape(Any, required=False)
    }


def test_a_nested_object_is_a_typed_dict() -> None:
    """Needed and other keys, further ones kept or refused."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
        "required": ["a", "c"],
        "additionalProperties": False,
    }
    closed, opened = kind_of(schema), kind_of({**schema, "additionalProperties": True})
    assert typing_extensions.is_typeddict(closed)
    assert closed.__required_keys__ == {"a", "c"}
    check, keep = coercer(closed), coercer(opened)
    assert check is not None
    assert keep is not None
    assert check({"a": "1", "c": None}) == {"a": 1, "c": None}
    assert keep({"a": 1, "c": 2, "d": 3}) == {"a": 1, "c": 2, "d": 3}
    with pytest.raises(ValueError, match="field 'd' is not allowed"):
        check({"a": 1, "c": 2, "d": 3})


def test_a_schema_that_contains_itself_ends() -> None:
    """At the repetition it may be anything."""
    after = kinds_of(Order.model_json_schema())["after"].kind
    order = typing.get_args(after)[0]
    assert written(typing_extensions.get_type_hints(order)["after"]) == "anything"
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"type": "array", "items": deep}
    assert written(kind_of(deep)).startswith("list[list[")


def test_the_type_of_what_is_made_json() -> None:
    """A set is a list there, a Decimal a text, and what has no JSON may be anything."""
    assert as_json(set[int]) == list[int]
    assert as_json(Literal["a"]) == Literal["a"]
    assert as_json(type) is Any
    assert as_json("Nowhere") is Any
    assert written(as_json(Annotated[int, Field(ge=0)])) == "int ≥ 0"
    assert fit(as_json(Line), Line).verdict == "fits"
