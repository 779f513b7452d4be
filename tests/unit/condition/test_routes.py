"""What can be told of a router."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from crewgraph.condition import parse_condition
from crewgraph.condition.answer import Verdict
from crewgraph.condition.routes import OPAQUE, RouteReport, report_routes

YES, NO, UNKNOWN = Verdict.YES, Verdict.NO, Verdict.UNKNOWN
Ten = Annotated[int, Field(ge=0, le=10)]
Share = Annotated[float, Field(ge=0, le=10)]


class Mood(enum.StrEnum):
    GLAD = "glad"
    SAD = "sad"
    OTHER = "other"


class Plain(enum.Enum):
    A = "a"
    B = "b"


class Count(enum.IntEnum):
    ONE = 1
    TWO = 2


class Review(BaseModel):
    score: Ten


def report(*conditions: str | None, **kinds: Any) -> RouteReport:
    """The report of a router with routes a, b, c, …"""
    routes = [("abcdefgh"[number], text and parse_condition(text)) for number, text in enumerate(conditions)]
    return report_routes([(name, condition or None) for name, condition in routes], kinds)


def reachable(told: RouteReport) -> dict[str, Verdict]:
    return {fate.name: fate.reachable.verdict for fate in told.routes} | {"default": told.default.verdict}


def test_routes_that_can_be_taken() -> None:
    """Each has an example: its condition is true, and those before it are false."""
    told = report("u > 7", "u > 5", "u > 8", u=Ten)
    assert reachable(told) == {"a": YES, "b": YES, "c": NO, "default": YES}
    assert [fate.reachable.example for fate in told.routes] == [{"u": 8}, {"u": 6}, None]
    assert [fate.own.verdict for fate in told.routes] == [YES, YES, YES]
    assert [fate.shadowed_by for fate in told.routes] == [(), (), ("a", "b")]
    assert told.default.example == {"u": 0}
    assert told.left_over == "u is 0 … 5"


def test_routes_that_together_take_everything() -> None:
    """A route that cannot be taken need not be shadowed by one alone."""
    told = report("u > 7", "u < 8", "u == 3", "u > 3 and u < 2", u=Ten)
    assert reachable(told) == {"a": YES, "b": YES, "c": NO, "d": NO, "default": NO}
    assert [fate.shadowed_by for fate in told.routes] == [(), (), ("b",), ()]
    assert told.left_over == ""
    assert report("u > 3", "u < 7", "u != 5", u=Ten).routes[2].shadowed_by == ()


def test_functions_that_cannot_be_looked_into() -> None:
    """What comes after one is unknown, but for what can never be."""
    told = report("u > 7", None, "u > 9", "u > 11", "u < 3", u=Ten)
    assert reachable(told) == {"a": YES, "b": UNKNOWN, "c": NO, "d": NO, "e": UNKNOWN, "default": UNKNOWN}
    assert told.routes[4].reachable.reason == OPAQUE.format("b")
    assert told.default.reason == OPAQUE.format("b")
    assert told.left_over == ""
    assert reachable(report("u >= 0", None, u=Ten)) == {"a": YES, "b": NO, "default": NO}


def test_overlaps() -> None:
    """Where two routes fit the same values, and whether one fits all that the other does."""
    told = report("u > 7", "u > 5", "u < 3", "n > m", u=Ten)
    found = {
        (each.first, each.second): (each.both.verdict, each.first_within, each.second_within) for each in told.overlaps
    }
    assert found == {
        ("a", "b"): (YES, YES, NO),
        ("a", "c"): (NO, NO, NO),
        ("a", "d"): (YES, NO, NO),
        ("b", "c"): (NO, NO, NO),
        ("b", "d"): (YES, NO, NO),
        ("c", "d"): (YES, NO, NO),
    }
    assert told.overlaps[0].both.example == {"u": 8}
    assert report("n % 2 == 0", "n % 2 == 3", n=int).overlaps[0].second_within is UNKNOWN


def test_what_others_ask_does_not_stand_in_the_way() -> None:
    """A condition whose values can be decided alone is, whatever other routes ask of the same value."""
    told = report("t > 'b' and t < 'a'", "len(t) > 3", t=str)
    assert told.routes[0].own.verdict is NO


@pytest.mark.parametrize(
    ("conditions", "kind", "words"),
    [
        (["x == 'glad'"], Mood, "x is 'sad' or 'other'"),
        (["x == 'a'"], Literal["a", "b", 3], "x is 'b' or 3"),
        (["x == 'c'"], Plain, "x is Plain.A or Plain.B"),
        (["x == 1"], Count, "x is 2"),
        (["x"], bool, "x is False"),
        (["x is not None and x"], bool | None, "x is False or None"),
        (["x > 7", "x < 5"], Ten, "x is 5 … 7"),
        (["x != 5"], Ten, "x is 5"),
        (["x > 7", "x == 5"], Ten, "x is 0 … 4 or 6 … 7"),
        (["x > 7"], int, "x is 7 or less"),
        (["x < 7"], int, "x is 7 or more"),
        (["x > 7", "x < 7"], int, "x is 7"),
        (["x > 7 and x < 3"], int, "x is any number"),
        (["x > 70"], Annotated[int, Field(ge=0, le=1000, multiple_of=10)], "x is 0 … 70"),
        (["x > 7"], Share, "x is everything from 0 to 7"),
        (["x <= 7"], Share, "x is everything above 7 to 10"),
        (["x <= 7", "x == 10"], Share, "x is everything above 7 to below 10"),
        (["x < 7", "x == 10"], Share, "x is everything from 7 to below 10"),
        (["x <= 7"], float, "x is more than 7"),
        (["x < 7"], float, "x is 7 or more"),
        (["x > 7"], float, "x is 7 or less"),
        (["x >= 7.5"], float, "x is less than 7.5"),
        (["x < 1e999"], float, "x is inf"),
        (["x != 1.5"], float, "x is 1.5"),
        (["x == 'a' or x == 'b'"], str, "x is anything but 'a' and 'b'"),
        (["x != 'a'"], str, "x is 'a'"),
        (["x"], str, "x is ''"),
        (["x == 'a' and x == 'b'"], str, "x is anything"),
        (["x is not None and x > 7"], Ten | None, "x is 0 … 7 or None"),
        (["x > 7"], Ten | None, "x is 0 … 7"),
        (["x is not None"], Ten | None, "x is None"),
        (["x in ['a0']"], Literal["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"],
         "x is 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8' or 1 more"),
    ],
)  # fmt: skip
def test_what_is_left_over(conditions: list[str], kind: Any, words: str) -> None:
    """Where all routes ask of one key, the rest is told in words."""
    assert report(*conditions, x=kind).left_over == words


@pytest.mark.parametrize(
    ("conditions", "kinds"),
    [
        (["x > 1", "y > 1"], {"x": Ten, "y": Ten}),
        (["x > 1"], {}),
        (["x.score > 1"], {"x": Review}),
        (["x > 1"], {"x": Any}),
        (["x == '5'"], {"x": Annotated[str, Field(pattern="^x")]}),
        (["x % 2 == 0"], {"x": int}),
        (["len(x) > 3"], {"x": str}),
        (["'a' in x"], {"x": str}),
        (["lower(x) == 'a'"], {"x": str}),
        (["x > 'a'"], {"x": str}),
        (["x * 2 > 1e17"], {"x": float}),
        (["x == [1]"], {"x": list[int]}),
        (["x == 1"], {"x": dt.date}),
        (["1 > 2"], {}),
        (["x > 1", None], {"x": Ten}),
    ],
    ids=str,
)
def test_what_is_left_over_and_not_told(conditions: list[str | None], kinds: dict[str, Any]) -> None:
    """Of other values nothing is said."""
    assert report(*conditions, **kinds).left_over == ""


def test_a_key_that_is_nowhere_leaves_nothing_over() -> None:
    """Where it is read, the run fails."""
    told = report_routes([("a", parse_condition("has(x)"))], {"x": Ten}, absent=["x"])
    assert (told.default.verdict, told.left_over) == (YES, "")


def test_hostile_routers_end() -> None:
    """However many and long its conditions are, a report comes soon."""
    conditions = [parse_condition(" or ".join(f"a{i} > {i} + {j}" for i in range(110))) for j in range(15)]
    told = report_routes([(str(number), condition) for number, condition in enumerate(conditions)], {})
    assert len(told.routes) == 15
    assert len(told.overlaps) == 105
