"""The keys that something is filled from, and those it is handed over as."""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Any, NotRequired, Required

import pydantic.dataclasses
import pytest
import typing_extensions
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)

from crewgraph.shapes import Shape, Verdict, coercer, fields_of, fit, given_by, written


class Claim(BaseModel):
    name: str = Field(description="who claims")
    score: int = Field(ge=0, le=10)
    note: str = "none"
    tags: list[str] = []
    made: list[str] = Field(default_factory=list)
    careless: str = None  # type: ignore[assignment]
    checked: Annotated[int, Field(ge=0), AfterValidator(abs)] = 1


class Named(BaseModel):
    a: int = Field(alias="A")
    b: int = Field(validation_alias=AliasChoices("x", AliasPath("y", 0), "z"))
    c: int = Field(validation_alias=AliasPath("y", 1))


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    a: int = Field(alias="A")


class OnlyByName(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)

    a: int = Field(alias="A")


class Dumped(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)

    a: int = Field(serialization_alias="A", description="first")
    b: int
    hidden: int = Field(default=0, exclude=True)
    at_times: int = Field(default=0, exclude_if=lambda value: value == 0)

    @computed_field(alias="D", description="worked out")  # type: ignore[prop-decorator]
    @property
    def d(self) -> str:
        return ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def e(self) -> int:
        return 0

    @field_serializer("b")
    def text(self, value: int) -> str:
        return str(value)


class AllSerialized(BaseModel):
    a: int

    @field_serializer("*")
    def text(self, value: int) -> str:
        return str(value)


class CheckedAfter(BaseModel):
    a: int
    b: int

    @field_validator("a")
    @classmethod
    def kept(cls, value: int) -> int:
        return value


class CheckedBefore(BaseModel):
    a: int
    b: int

    @field_validator("a", mode="before")
    @classmethod
    def kept(cls, value: int) -> int:
        return value


class CheckedWhole(BaseModel):
    a: int

    @model_validator(mode="after")
    def kept(self) -> CheckedWhole:
        return self


class CheckedAll(BaseModel):
    a: int

    @field_validator("*", mode="wrap")
    @classmethod
    def kept(cls, value: int, rest: Any) -> Any:
        return rest(value)


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    a: float


class Row(typing.TypedDict):
    a: int
    b: NotRequired[Annotated[str, Field(description="second")]]


class Loose(typing.TypedDict, total=False):
    a: int
    b: Required[str]


class Unresolved(typing.TypedDict, total=False):
    a: Nowhere  # type: ignore[name-defined] # noqa: F821


@dataclasses.dataclass
class Point:
    x: Annotated[float, Field(description="to the right")]
    y: float = 0
    labels: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Vague:
    x: Nowhere  # type: ignore[name-defined] # noqa: F821


def test_the_fields_of_a_model() -> None:
    """Each with its type and bounds, whether it is needed, its default and description."""
    fields = fields_of(Claim)
    assert list(fields) == ["name", "score", "note", "tags", "made", "careless", "checked"]
    assert fields["name"] == Shape(str, description="who claims")
    assert written(fields["score"].kind) == "int from 0 to 10"
    assert fields["note"] == Shape(str, required=False, has_default=True, default="none")
    assert fields["made"] == Shape(list[str], required=False, has_default=True, default=None)
    assert fields_of(Claim) is fields


def test_the_names_under_which_fields_are_looked_for() -> None:
    """Aliases in their order, the name itself where it counts too; none where it is the only one."""
    assert {name: shape.names for name, shape in fields_of(Named).items()} == {"a": ("A",), "b": ("x", "z"), "c": ()}
    assert fields_of(ByName)["a"].names == ("A", "a")
    assert fields_of(OnlyByName)["a"].names == ()
    assert fields_of(Claim)["name"].names == ()


def test_what_a_model_is_handed_over_as() -> None:
    """The keys of its dump, aliases and computed ones among them; of what a serializer makes nothing is known."""
    given = given_by(Dumped)
    assert {key: shape.kind for key, shape in given.items()} == {
        "A": int,
        "b": Any,
        "at_times": int,
        "D": str,
        "e": int,
    }
    assert {key for key, shape in given.items() if not shape.required} == {"at_times"}
    assert (given["A"].description, given["D"].description) == ("first", "worked out")
    assert given_by(AllSerialized)["a"].kind is Any


def test_what_is_handed_over_is_what_is_declared() -> None:
    """Validators are left out, bounds stay, and a default that is None counts."""
    given = given_by(Claim)
    assert given["careless"].kind == str | None
    assert written(given["checked"].kind) == "int ≥ 0"
    assert fit(given["checked"].kind, int).verdict is Verdict.FITS
    assert given["note"] == Shape(str)


@pytest.mark.parametrize(
    ("model", "verdict", "bad"),
    [
        (CheckedAfter, Verdict.UNKNOWN, Verdict.MISFIT),
        (CheckedBefore, Verdict.UNKNOWN, Verdict.UNKNOWN),
        (CheckedWhole, Verdict.UNKNOWN, Verdict.MISFIT),
        (CheckedAll, Verdict.UNKNOWN, Verdict.UNKNOWN),
        (Strict, Verdict.UNKNOWN, Verdict.UNKNOWN),
    ],
    ids=["after", "before", "whole", "all", "strict"],
)
def test_validators_of_a_model_are_remembered_by_its_fields(model: Any, verdict: Verdict, bad: Verdict) -> None:
    """A field looked at alone fits nothing for sure; what pydantic refuses before a validator still misfits."""
    kind = fields_of(model)["a"].kind
    assert written(kind) in {"int", "float"}
    assert fit(int, kind).verdict is verdict
    assert fit(list[str], kind).verdict is bad
    assert fit(kind, int | float).verdict is Verdict.FITS
    check = coercer(kind)
    assert check is not None
    assert check(5) == 5
    if "b" in fields_of(model):
        assert fields_of(model)["b"].kind is int


@pytest.mark.parametrize("kind", [Row, Loose], ids=["total", "not total"])
def test_the_keys_of_a_typed_dict(kind: Any) -> None:
    """Marks count also where annotations are quoted; they are not part of the type."""
    fields = fields_of(kind)
    needed = {"a"} if kind is Row else {"b"}
    assert {key for key, shape in fields.items() if shape.required} == needed
    assert fields["a"].kind is int
    assert given_by(kind) == fields


def test_what_cannot_be_resolved_may_be_anything() -> None:
    """The keys are there, their types unknown."""
    assert fields_of(Unresolved) == {"a": Shape(required=False)}
    assert fields_of(Vague) == {"x": Shape()}


def test_the_fields_of_a_dataclass() -> None:
    """With defaults and descriptions."""
    fields = fields_of(Point)
    assert [(key, shape.required, shape.default) for key, shape in fields.items()] == [
        ("x", True, None),
        ("y", False, 0),
        ("labels", False, None),
    ]
    assert fields["x"].description == "to the right"


@dataclasses.dataclass
class Cut:
    length: Annotated[int, Field(alias="cm", description="in cm")]
    text: dataclasses.InitVar[str]
    size: int = dataclasses.field(init=False)
    count: int = dataclasses.field(init=False, default=2)
    shared: typing.ClassVar[int] = 3


@pydantic.dataclasses.dataclass
class Careful:
    length: int = Field(alias="cm", description="in cm", gt=0)
    size: int = Field(3, gt=1)


class Keyed(typing.TypedDict):
    __pydantic_config__ = ConfigDict(validate_by_name=True)  # type: ignore[misc]

    length: Annotated[int, Field(alias="cm")]
    size: Annotated[int, "plain"]


def test_dataclasses_take_and_keep_different_fields() -> None:
    """What is passed on is not kept, and what is worked out is not taken."""
    assert {key: shape.required for key, shape in fields_of(Cut).items()} == {"length": True, "text": True}
    assert {key: shape.required for key, shape in given_by(Cut).items()} == {
        "length": True,
        "size": False,
        "count": True,
    }
    assert fields_of(Cut)["text"].kind is str


def test_aliases_outside_of_models() -> None:
    """Dataclasses and TypedDicts are looked for by them, too."""
    assert fields_of(Cut)["length"].names == ("cm",)
    assert fields_of(Cut)["length"].description == "in cm"
    length, size = fields_of(Careful).values()
    assert (length.names, length.description, written(length.kind)) == (("cm",), "in cm", "int > 0")
    assert (size.required, size.default, written(size.kind)) == (False, 3, "int > 1")
    assert fields_of(Keyed)["length"].names == ("cm", "length")


def test_what_is_looked_for_inside() -> None:
    """By an AliasPath; one way by name is enough."""
    assert [shape.is_inside for shape in fields_of(Named).values()] == [False, False, True]


@pytest.mark.parametrize("kind", [int, Point(1), None, typing_extensions.Never], ids=str)
def test_what_has_no_fields_says_so(kind: Any) -> None:
    """The error names it, and what has fields."""
    with pytest.raises(TypeError, match=r"has no fields\. hint: a model, a TypedDict or a dataclass has"):
        fields_of(kind)
    with pytest.raises(TypeError):
        given_by(kind)
