"""What a return annotation promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, RootModel, model_serializer

from crewgraph.outputs import CrewOutput, PipelineKickoffResult, PipelineRunResult
from crewgraph.returns import gives_of
from crewgraph.shapes import written


class Person(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0)]


class Pet(BaseModel):
    name: int


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


class Row(TypedDict):
    name: str
    age: NotRequired[int]


class Other(typing_extensions.TypedDict):
    name: str
    age: typing_extensions.NotRequired[int]


class Hiding(BaseModel):
    name: str
    age: int = Field(5, exclude_if=lambda age: age == 5)


class Told(BaseModel):
    name: str

    @model_serializer
    def _told(self) -> dict[str, str]:
        return {"told": self.name}


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("returns", "always", "sometimes", "is_open"),
    [
        (None, {}, {}, False),
        (type(None), {}, {}, False),
        (Any, {}, {}, True),
        (dict[str, int], {}, {}, True),
        (object, {}, {}, True),
        (CrewOutput, {}, {}, True),
        (RootModel[list[int]], {}, {}, True),
        (PipelineRunResult, {}, {}, True),
        (PipelineKickoffResult, {}, {}, True),
        (Told, {}, {}, True),
        (Other, {"name": str}, {"age": int}, False),
        (Hiding, {"name": str}, {"age": int}, False),
        (Literal[None], {}, {}, False),  # noqa: PYI061 - as somebody may write it
        (Literal["a", None], {}, {"f": Literal["a"]}, False),  # noqa: PYI061
        (Literal["a"] | None, {}, {"f": Literal["a"]}, False),
        ("Person", {}, {}, True),
        (7, {}, {}, True),
        (str, {"f": str}, {}, False),
        (date, {"f": date}, {}, False),
        (Path, {"f": Path}, {}, False),
        (Color, {"f": Color}, {}, False),
        (Point, {"f": Point}, {}, False),
        (Literal["a"], {"f": Literal["a"]}, {}, False),
        (list[Person], {"f": list[Person]}, {}, False),
        (Row, {"name": str}, {"age": int}, False),
        (Open, {"name": str}, {}, True),
        (Pet | None, {}, {"name": int}, False),
        (Pet | str, {}, {"name": int, "f": str}, False),
        (Pet | dict[str, int], {}, {"name": int}, True),
        (int | str, {"f": int | str}, {}, False),
    ],
    ids=str,
)
def test_gives(returns: Any, always: dict[str, Any], sometimes: dict[str, Any], is_open: bool) -> None:
    """Keys with their types: always, at times, and whether there may be others."""
    given = gives_of("f", returns)
    assert (given.always, given.sometimes, given.is_open) == (always, sometimes, is_open)
    assert given.may_give == (None if is_open else frozenset(sometimes))


def test_a_literal_that_cannot_be_hashed() -> None:
    """Is given like others."""
    kind: Any = Literal[[]]  # type: ignore[valid-type]
    assert gives_of("f", kind).always == {"f": kind}


def test_bounds_are_kept() -> None:
    """What a field declares beside its type."""
    assert written(gives_of("f", Person).always["age"]) == "int ≥ 0"


def test_one_of_two_models() -> None:
    """What both have is always there, of either type."""
    given = gives_of("f", Person | Pet)
    assert given.always == {"name": str | int}
    assert list(given.sometimes) == ["age"]
