"""Declared inputs: by models, TypedDicts, dataclasses and JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import Annotated, Any, NotRequired, TypedDict

import pytest
from pydantic import AliasPath, BaseModel, ConfigDict, Field, computed_field

from crewgraph.inputs import Declared, declared, is_declarable


class Mail(BaseModel):
    subject: str
    count: int = 1


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subject: str


class Aliased(BaseModel):
    subject: str = Field(alias="Subject")


class Row(TypedDict):
    subject: str
    count: NotRequired[int]


@dataclass
class Record:
    subject: str
    count: int = 1


SCHEMA = {
    "title": "A mail",
    "type": "object",
    "properties": {"subject": {"type": "string"}, "count": {"type": "integer", "default": 1}},
    "required": ["subject"],
}


@pytest.mark.parametrize("source", [Mail, Row, Record, SCHEMA], ids=["model", "TypedDict", "dataclass", "schema"])
def test_keys(source: Any) -> None:
    """Each way names the same keys, of which one is required."""
    found = declared(source)
    assert {key: each.required for key, each in found.fields.items()} == {"subject": True, "count": False}
    assert list(found.reads) == ["subject", "count"]
    assert declared(found) is found


@pytest.mark.parametrize(
    ("source", "name"),
    [(Mail, "Mail"), (Row, "Row"), (SCHEMA, "A mail"), ({**SCHEMA, "title": ""}, "the JSON Schema")],
    ids=["model", "TypedDict", "titled", "untitled"],
)
def test_name(source: Any, name: str) -> None:
    """What it is called in messages."""
    assert declared(source).name == name


@pytest.mark.parametrize(
    ("source", "is_closed"),
    [(Mail, False), (Strict, True), (SCHEMA, False), ({**SCHEMA, "additionalProperties": False}, True), (Row, False)],
    ids=["model", "forbids", "schema", "closed schema", "TypedDict"],
)
def test_further_keys(source: Any, is_closed: bool) -> None:
    """Whether keys are refused that are not declared; others stay as they are."""
    found = declared(source)
    values, missing, misfits = found.look_at({"subject": "a", "id": 7})
    assert (missing, bool(misfits)) == ([], is_closed)
    assert values["id"] == 7


@pytest.mark.parametrize("source", [Mail, Row, Record, SCHEMA], ids=["model", "TypedDict", "dataclass", "schema"])
def test_a_row(source: Any) -> None:
    """All that is wrong with it is told at once."""
    values, missing, misfits = declared(source).look_at({"count": "many"})
    assert missing == ["subject"]
    assert list(misfits) == ["count"]
    assert values["count"] == "many"


def test_defaults_and_coercion() -> None:
    """Defaults are filled in and values coerced; a JSON Schema fills in, and takes values as they are."""
    assert declared(Mail).look_at({"subject": "a"})[0] == {"subject": "a", "count": 1}
    assert declared(Mail).look_at({"subject": "a", "count": "2"})[0] == {"subject": "a", "count": 2}
    assert declared(SCHEMA).look_at({"subject": "a"})[0] == {"subject": "a", "count": 1}


def test_aliases() -> None:
    """A row may use the alias; what is handed over has the name of the field."""
    found = declared(Aliased)
    assert list(found.reads) == ["subject", "Subject"]
    assert found.look_at({"Subject": "a"})[0]["subject"] == "a"


def test_json_schema() -> None:
    """A model says its own, a schema is one."""
    assert declared(Mail).json_schema()["required"] == ["subject"]
    assert declared(SCHEMA).json_schema() == SCHEMA


def test_a_nested_problem_names_its_place() -> None:
    """With dots, and shortened where the value is long."""
    schema = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "integer"}}}}}
    _, _, misfits = declared(schema).look_at({"a": {"b": "x" * 500}})
    assert list(misfits) == ["a.b"]
    assert len(misfits["a.b"]) <= 200


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (int, "not by the class int"),
        ("Mail", "not by 'Mail'"),
        (Mail(subject="a"), "not by Mail(subject='a'"),
        ({"type": "nonsense"}, "the JSON Schema of the inputs is none"),
        ({"type": "string"}, "object"),
        (
            {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}},
            "refers to 'file:///etc/passwd'",
        ),
        ({"type": "object", "anyOf": [{"$ref": "https://example.com/a.json"}]}, "refers to 'https://example.com"),
    ],
    ids=["class", "text", "instance", "no schema", "no object", "file", "web"],
)
def test_what_declares_nothing(source: Any, told: str) -> None:
    """Is refused with words; nothing is fetched."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        declared(source)
    assert told in str(caught.value)


def test_a_model_with_a_type_that_leads_nowhere() -> None:
    """Is told when it is to validate something."""

    class Broken(TypedDict):
        a: Nowhere  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ValueError, match="a type in it leads nowhere"):
        Declared(Broken, {}).look_at({"a": 1})


@pytest.mark.parametrize(
    ("source", "is_one"), [(Mail, True), (Row, True), (Record, True), (dict, False), (Mail(subject="a"), False)]
)
def test_is_declarable(source: Any, is_one: bool) -> None:
    """Types that name keys."""
    assert is_declarable(source) is is_one


class Summed(BaseModel):
    count: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return 2 * self.count


@dataclass
class Filled:
    count: int
    text: InitVar[str]
    size: int = field(init=False)
    unset: int = field(init=False)

    def __post_init__(self, text: str) -> None:
        self.size = len(text)


@pytest.mark.parametrize(
    ("source", "row", "added"),
    [(Summed, {"count": "2"}, {"double": 4}), (Filled, {"count": "2", "text": "abc"}, {"size": 3})],
    ids=["computed field", "dataclass"],
)
def test_added_keys(source: Any, row: dict[str, Any], added: dict[str, Any]) -> None:
    """What is worked out is handed over, and no row need bring it."""
    found = declared(source)
    assert list(found.fields) == list(row)
    assert added.keys() <= found.added.keys()
    assert found.look_at(row)[0] == {**row, "count": 2, **added}


class Nested(BaseModel):
    city: str = Field(validation_alias=AliasPath("address", "city"))


class Once(BaseModel):
    numbers: Annotated[Iterable[int], "some"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (Nested, "Nested.city is looked for inside of another key (AliasPath)"),
        (Once, "Once.numbers is Iterable[…], which can be read only once"),
    ],
    ids=["AliasPath", "Iterable"],
)
def test_fields_that_cannot_be_handed_over(source: Any, says: str) -> None:
    """Are refused, with the edit that mends it."""
    with pytest.raises(ValueError, match="hint: ") as caught:
        declared(source)
    assert str(caught.value).startswith(says)
