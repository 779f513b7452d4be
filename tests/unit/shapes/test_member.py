"""What a path into a value reaches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

import pytest
from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field
from typing_extensions import TypedDict

from crewgraph.shapes import Member, Presence, member


class Risk(BaseModel):
    score: Annotated[int, Field(ge=0, le=10)]
    reason: str | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def level(self) -> str:
        return ""


class Other(BaseModel):
    score: float


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: int


class Row(TypedDict):
    a: int
    b: NotRequired[str]


class OpenRow(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    a: int


class Tags(RootModel[list[str]]):
    pass


class Many(BaseModel):
    a0: int
    a1: int
    a2: int
    a3: int
    a4: int
    a5: int
    a6: int
    a7: int
    a8: int


class Empty(BaseModel):
    pass


@dataclasses.dataclass
class Point:
    x: float


SCORE = Annotated[int, Ge(0), Le(10)]
ALWAYS, SOMETIMES, NEVER, UNKNOWN = Presence
CASES: list[tuple[Any, list[str | int], Presence, Any, str]] = [
    (int, [], ALWAYS, int, ""),
    (Risk, ["score"], ALWAYS, SCORE, ""),
    (Risk, ["level"], ALWAYS, str, ""),
    (Risk, ["reason"], ALWAYS, str | None, ""),
    (Risk, ["reason", "x"], NEVER, Any, "'reason' is str, which has no members"),
    (Risk, ["scroe"], NEVER, Any, "there is no 'scroe' in Risk; there is: score, reason, level"),
    (Risk, [0], NEVER, Any, "there is no '0' in Risk; there is: score, reason, level"),
    (Empty, ["a"], NEVER, Any, "there is no 'a' in Empty"),
    (Many, ["b"], NEVER, Any, "there is no 'b' in Many; there is: a0, a1, a2, a3, a4, a5, a6, a7, …"),
    (Risk | None, ["score"], SOMETIMES, SCORE, "it may be None"),
    (Risk | Other, ["score"], ALWAYS, SCORE | float, ""),
    (Risk | Other, ["level"], SOMETIMES, str, "there is no 'level' in Other; there is: score"),
    (Other | Empty, ["x"], NEVER, Any, "there is no 'x' in Other; there is: score"),
    (Row, ["a"], ALWAYS, int, ""),
    (Row, ["b"], SOMETIMES, str, "'b' may be missing"),
    (Row, ["c"], NEVER, Any, "there is no 'c' in Row; there is: a, b"),
    (Point, ["x"], ALWAYS, float, ""),
    (Open, ["more"], UNKNOWN, Any, "Open may have keys that it does not declare"),
    (OpenRow, ["more"], UNKNOWN, Any, "OpenRow may have keys that it does not declare"),
    (Open, ["a"], ALWAYS, int, ""),
    (dict[str, int], ["k"], SOMETIMES, int, "'k' may be missing in it"),
    (dict[str, int], [0], NEVER, Any, "the keys of it are texts, not numbers"),
    (dict[int, str], [0], SOMETIMES, str, "'0' may be missing in it"),
    (Mapping[str, Risk], ["k", "level"], SOMETIMES, str, "'k' may be missing in it"),
    (dict, ["k"], UNKNOWN, Any, "'k' may be missing in it"),
    (dict[str, Any], ["k", "x"], UNKNOWN, Any, "'k' may be missing in it"),
    (list[int], [0], SOMETIMES, int, "it may have fewer items"),
    (list, [0], SOMETIMES, Any, "it may have fewer items"),
    (Sequence[int], [-1], SOMETIMES, int, "it may have fewer items"),
    (tuple[int, ...], [3], SOMETIMES, int, "it may have fewer items"),
    (Annotated[list[int], Field(min_length=2)], [1], ALWAYS, int, ""),
    (Annotated[list[int], Field(min_length=2)], [-2], ALWAYS, int, ""),
    (Annotated[list[int], Field(min_length=2)], [2], SOMETIMES, int, "it may have fewer items"),
    (Annotated[list[int], Field(min_length=2)] | None, [1], SOMETIMES, int, "it may be None"),
    (list[int], ["k"], NEVER, Any, "it is a list, which has no 'k'"),
    (tuple[int, str], [1], ALWAYS, str, ""),
    (tuple[int, str], [-2], ALWAYS, int, ""),
    (tuple[int, str], [2], NEVER, Any, "there is no '2' in it, which has 2 items"),
    (tuple[()], [0], NEVER, Any, "there is no '0' in it, which has 0 items"),
    (tuple[int, str], ["k"], NEVER, Any, "there is no 'k' in it, which has 2 items"),
    (list[Risk], [0, "scroe"], NEVER, Any, "there is no 'scroe' in Risk; there is: score, reason, level"),
    (list[Risk | None], [0, "level"], SOMETIMES, str, "it may have fewer items"),
    (set[int], [0], NEVER, Any, "it is set[int], which has no members"),
    (int, ["a"], NEVER, Any, "it is int, which has no members"),
    (None, ["a"], NEVER, Any, "it may be None"),
    (Any, ["a", "b"], UNKNOWN, Any, "nothing is known of what is in it"),
    ("Nowhere", ["a"], UNKNOWN, Any, "nothing is known of what is in it"),
    (Tags, [0], UNKNOWN, Any, "nothing is known of what is in a Tags"),
    (Any | Risk, ["level"], UNKNOWN, Any, "nothing is known of what is in it"),
]


@pytest.mark.parametrize(
    ("kind", "path", "presence", "reached", "reason"), CASES, ids=[str(i) for i in range(len(CASES))]
)
def test_what_a_path_reaches(kind: Any, path: list[str | int], presence: Presence, reached: Any, reason: str) -> None:
    """Whether something is there, its type, and why not."""
    found = member(kind, path)
    assert (found.presence, found.kind, found.reason) == (presence, reached, reason)


def test_what_there_is_instead_is_named() -> None:
    """For a hint at the nearest name."""
    assert member(Risk | Other, ["x"]) == Member(
        NEVER, Any, "there is no 'x' in Risk; there is: score, reason, level", ("score", "reason", "level")
    )
    assert member(Risk, ["score"]).names == ()
