"""Declared inputs that are odd, broken or hostile."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pydantic.dataclasses
import pytest
import typing_extensions
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
)

from crewgraph.inputs import InputField, InputSpec, declared, is_declarable

CYCLE: dict[str, Any] = {}
CYCLE["x"] = CYCLE
"""Contains itself."""


def schema(**parts: Any) -> dict[str, Any]:
    return {"type": "object", "properties": parts}


def deep() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(3_000):
        made = schema(a=made)
    return made


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError


class Item(BaseModel):
    n: int


class Large(Item):
    more: int = 0


class Tags(RootModel[dict[str, int]]):
    pass


class Row(typing_extensions.TypedDict):
    n: int
    item: typing_extensions.NotRequired[Item]


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subject: str = Field(alias="Subject")


class Chosen(BaseModel):
    n: int = Field(validation_alias=pydantic.AliasChoices("N", "number"))


class Swapped(BaseModel):
    a: int = Field(alias="b")
    b: int = Field(alias="a")


# ---- schemas ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (schema(a={"pattern": "("}), "'(' is not a 'regex'"),
        ({"$schema": 5, **schema()}, "the JSON Schema of the inputs is none"),
        (schema(a={"$ref": "#/$defs/nope"}), "'#/$defs/nope' leads nowhere"),
        (schema(a={"$dynamicRef": "https://example.com"}), "refers to 'https://example.com'"),
        (schema(a={"prefixItems": [{"$ref": "file:///etc/passwd"}]}), "refers to 'file:///etc/passwd'"),
        (schema(default={"$ref": "other.json"}), "refers to 'other.json'"),
        ({**schema(), "allOf": [{"$ref": "#"}]}, "without end"),
        (deep(), "too deep"),
        (schema(a={1: 2}), "names as keys"),
        ({"$schema": "http://json-schema.org/draft-03/schema#", **schema(), "required": True}, "is a list of names"),
    ],
    ids=["pattern", "dialect", "nowhere", "dynamic", "in a list", "named default", "circle", "deep", "keys", "draft 3"],
)
def test_schemas_that_are_refused(source: Any, told: str) -> None:
    """When they are declared, with words."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        declared(source)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ({"$schema": "urn:unknown", **schema(a={"type": "integer"})}, {"a": 1}),
        (schema(a={"enum": [{"$ref": "https://example.com"}]}), {"a": {"$ref": "https://example.com"}}),
        ({**schema(a={}), "x-note": CYCLE}, {"a": 1}),
        (schema(**{"$ref": {"type": "string"}}), {"$ref": "x"}),
        ({"$defs": {"z": {"$anchor": "zz", "type": "integer"}}, **schema(a={"$ref": "#zz"})}, {"a": 1}),
        (
            {
                "$id": "https://example.com/root",
                "$defs": {"z": {"$id": "z", "$defs": {"q": {}}, "properties": {"k": {"$ref": "#/$defs/q"}}}},
                **schema(a={"$ref": "#/$defs/z"}),
            },
            {"a": {"k": 1}},
        ),
        ({"$dynamicAnchor": "n", **schema(a={"$dynamicRef": "#n"})}, {"a": {"a": {}}}),
        (schema(a={"minimum": -math.inf, "maximum": 10**400}), {"a": 10**399}),
    ],
    ids=["dialect", "data", "cycle", "name", "anchor", "id", "dynamic", "bounds"],
)
def test_schemas_that_are_taken(source: Any, row: dict[str, Any]) -> None:
    """What looks odd and is right."""
    assert declared(source).look_at(row) == (row, [], {})


@pytest.mark.parametrize("value", [10**400, math.nan, math.inf], ids=["huge", "NaN", "infinite"])
def test_values_that_a_schema_cannot_be_held_against(value: Any) -> None:
    """Are misfits of the row, not a crash."""
    _, missing, misfits = declared(schema(a={"multipleOf": 0.1})).look_at({"a": value})
    assert (missing, list(misfits)) == ([], ["the row"])
    assert misfits["the row"].startswith("it cannot be held against the JSON Schema: ")
    assert len(misfits["the row"]) <= 200


def test_a_key_that_is_required_only() -> None:
    """Is a key like others."""
    found = declared({**schema(a={}), "required": ["a", "b"]})
    assert list(found.reads) == ["a", "b"]
    assert found.look_at({"a": 1})[1] == ["b"]


def test_defaults_are_not_shared() -> None:
    """A list that one row changes stays as it is for the next, and a schema that is handed out is a copy."""
    source = schema(a={"type": "array", "default": []})
    found = declared(source)
    found.look_at({})[0]["a"].append(1)
    found.json_schema()["properties"].clear()
    assert found.look_at({})[0] == {"a": []}
    assert source == schema(a={"type": "array", "default": []})


# ---- models -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "is_one"),
    [(Tags, False), (RootModel, False), (Row, True), (list[int], False), (Unspeakable(), False), (None, False)],
    ids=["root", "bare root", "typing_extensions", "list", "unspeakable", "None"],
)
def test_what_names_keys(source: Any, is_one: bool) -> None:
    """A root model does not; the TypedDict of typing_extensions does."""
    assert is_declarable(source) is is_one
    if not is_one:
        with pytest.raises(ValueError, match="inputs are declared by"):
            declared(source)


def test_values_whose_repr_fails() -> None:
    """Are told by their class."""
    assert "Unspeakable" in declared(Item).look_at({"n": Unspeakable()})[2]["n"]
    assert list(declared(schema(n={"type": "integer"})).look_at({"n": Unspeakable()})[2]) == ["the row"]


def test_a_value_that_contains_itself() -> None:
    """Is handed over as it is, or told."""
    circle: list[Any] = []
    circle.append(circle)
    very_deep: list[Any] = []
    for _ in range(400):
        very_deep = [very_deep]

    class Loose(BaseModel):
        a: Any

    class Tree(BaseModel):
        kids: list[Tree] = []

    assert declared(Loose).look_at({"a": very_deep})[0]["a"] == very_deep
    assert declared(Loose).look_at({"a": circle})[1:] == ([], {})
    Tree.model_rebuild(_types_namespace={"Tree": Tree})
    tree = Tree()
    tree.kids.append(tree)
    assert declared(Tree).look_at({"kids": [tree]})[0] == {"kids": [tree]}
    row: dict[str, Any] = {}
    row["kids"] = [row]
    assert "Recursion" in next(iter(declared(Tree).look_at(row)[2].values()))


@pytest.mark.parametrize("key", ["subject", "Subject"])
def test_an_alias_and_its_field(key: str) -> None:
    """Either names the value, also twice, and also where nothing else is allowed."""
    found = declared(Aliased)
    values, missing, misfits = found.look_at({key: "a"})
    assert (values["subject"], missing, misfits) == ("a", [], {})
    assert found.look_at({**values, "subject": "b"})[0]["subject"] == "b"


def test_a_misfit_has_the_name_of_its_field() -> None:
    """Not that of the alias."""
    assert declared(Aliased).look_at({"Subject": 5})[2].keys() == {"subject"}
    assert declared(Aliased).look_at({})[1] == ["subject"]


def test_several_aliases() -> None:
    """The name of the field stands before them."""
    assert declared(Chosen).look_at({"number": "1"})[0]["n"] == 1
    assert declared(Chosen).look_at({"number": "1", "n": "2"})[0]["n"] == 2


def test_fields_that_are_named_like_aliases_of_each_other() -> None:
    """Are left to pydantic."""
    assert declared(Swapped).look_at({"a": 1, "b": 2})[0] == {"a": 2, "b": 1}


def test_what_a_model_says_of_its_dump_changes_no_key() -> None:
    """Neither aliases nor serializers nor what is left out: the keys and types are those that are declared."""

    class Odd(BaseModel):
        model_config = ConfigDict(serialize_by_alias=True, extra="allow")

        hidden: int = Field(5, exclude=True)
        number: int = Field(serialization_alias="No")
        item: Item

        @field_serializer("number")
        def _as_text(self, number: int) -> str:
            return f"<{number}>"

        @computed_field  # type: ignore[prop-decorator]
        @property
        def twice(self) -> int:
            return 2 * self.number

    values, _, _ = declared(Odd).look_at({"number": "3", "item": Large(n=1, more=2), "id": 7})
    assert values == {"hidden": 5, "number": 3, "item": {"n": 1}, "id": 7, "twice": 6}


def test_a_model_that_dumps_itself_as_text() -> None:
    """Is handed over by its fields."""

    class Told(BaseModel):
        n: int

        @model_serializer
        def _told(self) -> str:
            return "n"

    assert declared(Told).look_at({"n": "3"})[0] == {"n": 3}


def test_what_validators_raise() -> None:
    """A ValueError is a misfit; what else they raise passes, with its traceback."""

    class Picky(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def _look(cls, n: int) -> int:
            if n:
                raise ValueError("not today")
            raise KeyError(n)

    assert "not today" in declared(Picky).look_at({"n": 1})[2]["n"]
    with pytest.raises(KeyError):
        declared(Picky).look_at({"n": 0})


def test_dataclasses() -> None:
    """Nested models are dicts, a field without value is no key, and pydantic's own may forbid others."""

    @dataclasses.dataclass
    class Plain:
        n: int
        later: int = dataclasses.field(init=False)

    @pydantic.dataclasses.dataclass(config=ConfigDict(extra="forbid"))
    class Closed:
        n: int

    assert declared(Plain).look_at({"n": "1"})[0] == {"n": 1}
    assert list(declared(Closed).look_at({"n": 1, "m": 2})[2]) == ["m"]
    assert declared(Row).look_at({"n": "1", "item": {"n": "2"}})[0] == {"n": 1, "item": {"n": 2}}


def test_a_json_schema_of_what_has_none() -> None:
    """Such a field may be anything, and a default that is no JSON is not told."""

    class Held(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        lock: Unspeakable
        n: int
        what: Any = Unspeakable

    found = declared(Held).json_schema()
    assert found["properties"] == {
        "lock": {"title": "Lock"},
        "n": {"title": "N", "type": "integer"},
        "what": {"title": "What"},
    }
    assert found["required"] == ["lock", "n"]


# ---- rows -------------------------------------------------------------------------------------------------------


def test_an_alias_in_a_row_that_lacks_another_key() -> None:
    """Is not told to lack what it has."""

    class Two(BaseModel):
        subject: str = Field(alias="Subject")
        n: int

    fields = [InputField(key, used_by=("'x'",), is_declared=True) for key in ("subject", "n")]
    spec = InputSpec([*fields, InputField("beside", used_by=("'y'",))], declared=declared(Two))
    assert spec.look_at({"Subject": "a"}).missing == {"n": ("'x'",), "beside": ("'y'",)}
    assert spec.look_at({"Subject": "a", "n": 1}).missing == {"beside": ("'y'",)}
