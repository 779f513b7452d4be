"""Whether values can meet conditions: yes with an example, no, or unknown."""

from __future__ import annotations

import datetime as dt
import enum
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field, computed_field

from crewgraph.condition import parse_condition
from crewgraph.condition.alternatives import UNREAD, Constants, alternatives, read
from crewgraph.condition.answer import Answer, Known, Verdict
from crewgraph.condition.decide import NOT_UNDERSTOOD, ODD, TOO_MUCH, Ground, satisfiable
from crewgraph.condition.search import Effort, Kept, Search, Spent
from crewgraph.condition.terms import goals
from crewgraph.shapes import as_it_is
from crewgraph.shapes.forms import Either, Form

Ten = Annotated[int, Field(ge=0, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
Open = Annotated[float, Field(gt=0, lt=1)]
Fives = Annotated[int, Field(ge=1, lt=1_000, multiple_of=5)]
Name = Annotated[str, Field(min_length=2, max_length=4)]
Pattern = Annotated[str, Field(pattern="^x")]


class Mood(enum.StrEnum):
    GLAD = "glad"
    SAD = "sad"


class Plain(enum.Enum):
    A = "a"
    B = "b"


class Pair(tuple[int, int], enum.Enum):  # noqa: SLOT001 - an enum has no slots
    ONE = (1, 2)


class Money:
    """A class that nobody knows."""


class Odd(enum.Enum):
    ONE = 1

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no such luck")

    __hash__ = None  # type: ignore[assignment]


class Review(BaseModel):
    score: Ten
    label: Literal["x", "y"]
    note: str | None = None


class Loop(BaseModel):
    inner: Loop | None
    name: str


class Endless(BaseModel):
    inner: Endless


class Open_(BaseModel, extra="allow"):  # noqa: N801 - a name for a test
    score: int


class Shown(BaseModel):
    score: Ten
    hidden: int = Field(default=1, exclude=True)

    @computed_field
    @property
    def twice(self) -> int:
        return 2 * self.score


@dataclass
class Point:
    x: int


class Told(TypedDict, total=False):
    score: int


def ask(*parts: str, **kinds: Any) -> Answer:
    """Whether the conditions can all come out true; one in ``not …`` false."""
    asked = [(parse_condition(part.removeprefix("never ")), not part.startswith("never ")) for part in parts]
    return satisfiable(asked, kinds)


YES: list[tuple[tuple[str, ...], dict[str, Any], dict[str, Any] | None]] = [
    ((f"n > {10**400}",), {"n": float}, None),
    (("has(d)",), {"d": dt.date}, {"d": dt.date(2000, 1, 1)}),
    (("has(pair)",), {"pair": tuple[int, int]}, {"pair": (0, 0)}),
    (("len(t) == 1", "t not in ['x', 'y', 'z', '-', '_', '.', '~']"), {"t": str}, {"t": "\u4e00"}),
    (("'a' in tags",), {"tags": list[Odd | str]}, {"tags": ["a"]}),
    (("n > 5 and n < 7",), {"n": int}, {"n": 6}),
    (("n > 5 and n < 6",), {"n": float}, {"n": 5.5}),
    (("n > 5 and n < 6",), {}, {"n": 5.5}),
    (("n > 0.1 and n < 0.10001",), {"n": float}, {"n": 0.100005}),
    (("n > 1e308",), {"n": float}, {"n": sys.float_info.max}),
    (("n > 1.7e308 and n < 1.71e308",), {"n": Any}, {"n": 1.705e308}),
    (("n < -7",), {"n": int}, {"n": -8}),
    (("n < -7.5",), {"n": float}, {"n": -8.0}),
    (("n == 0.5",), {"n": Open}, {"n": 0.5}),
    (("never n > 0", "never n < 0"), {"n": int}, {"n": 0}),
    (("n > 7",), {"n": Fives}, {"n": 10}),
    (("n",), {"n": Fives}, {"n": 5}),
    (("n + 1 > 8 and n <= 8",), {"n": int}, {"n": 8}),
    (("8 - n > 3 and n > 3",), {"n": int}, {"n": 4}),
    (("-n * 2 >= 6 and n > -4",), {"n": int}, {"n": -3}),
    (("round(n / 3, 1) == 0.3 and n > 0.95",), {"n": float}, {"n": 1.0}),
    (("abs(n - 3) > 5 and n < 0",), {"n": int}, {"n": -3}),
    (("n / 3 > 1e300",), {"n": int}, None),
    (("n % 7 == 3 and n % 5 == 3",), {"n": Annotated[int, Field(ge=0, le=100)]}, {"n": 3}),
    (("x == 5",), {}, {"x": 5}),
    (("x is True",), {}, {"x": True}),
    (("c in ['a', 'b'] and u > 7 and has(x.y)",), {"c": Literal["b", "c"], "u": Ten},
     {"c": "b", "u": 8, "x": {"y": "something else"}}),
    (("m == 'glad'",), {"m": Mood}, {"m": Mood.GLAD}),
    (("p != 'a'",), {"p": Plain}, {"p": Plain.A}),
    (("a > b",), {"a": int, "b": int}, {"a": 0, "b": -1}),
    (("a > b", "b > 7"), {"a": int, "b": int}, {"a": 9, "b": 8}),
    (("a == b and b == 'x'",), {"a": str, "b": str}, {"a": "x", "b": "x"}),
    (("has(x)", "never has(y)"), {}, {"x": "something else"}),
    (("never has(x.y)", "has(x)"), {}, {"x": {}}),
    (("len(t) > 1000",), {"t": str}, {"t": "x" * 1001}),
    (("len(t) > 1000",), {}, {"t": "x" * 1001}),
    (("len(t) - 1 == 2",), {"t": Name}, {"t": "xxx"}),
    (("len(t)", "t != 'xx'"), {"t": Name}, {"t": "yy"}),
    (("len(t) == 3 and t != 'xxx'",), {"t": str}, {"t": "yyy"}),
    (("lower(t) == 'abc' and t != 'abc'",), {"t": str}, {"t": "ABC"}),
    (("upper(t) == 'ABC' and t not in ['abc', 'ABC']",), {"t": str}, {"t": "Abc"}),
    (("lower(t) == 'a' and upper(t) == 'A'",), {"t": str}, {"t": "a"}),
    (("lower(t) == 'ab' and t not in ['ab', 'AB', 'Ab']",), {"t": str}, {"t": "aB"}),
    (("'refund' in lower(t) and 'money' not in lower(t)",), {"t": str}, {"t": "xrefundx"}),
    (("'A' in upper(t)",), {"t": str}, {"t": "xAx"}),
    (("'a' in t and 'b' in t and t not in ['ab', 'ba']",), {"t": str}, {"t": "xaxbx"}),
    (("t > 'm' and t < 'n'",), {"t": str}, {"t": "ma"}),
    (("t > 'm' and t < 'm '",), {"t": str}, {"t": "m\0"}),
    (("t in 'abc' and t != 'ab'",), {"t": str}, {"t": "a"}),
    (("lower(t) and not t in ['a']",), {"t": str}, {"t": "something else"}),
    (("never t",), {"t": str}, {"t": ""}),
    (("'' in t",), {"t": str}, {"t": "something else"}),
    (("tags[0] == 'a' and len(tags) == 2 and 'b' in tags",), {"tags": list[str]}, {"tags": ["a", "b"]}),
    (("tags[0] == 'a' and tags[-1] == 'b'",), {"tags": list[str]}, {"tags": ["a", "b"]}),
    (("tags == ['a', 'b']",), {"tags": list[str]}, {"tags": ["a", "b"]}),
    (("tags == (1, 2)",), {}, {"tags": (1, 2)}),
    (("'a' in tags and 'b' not in tags",), {"tags": set[str]}, {"tags": {"a"}}),
    (("len(tags) == 2 and True in tags and False in tags",), {"tags": frozenset[bool]}, {"tags": frozenset({True, False})}),
    (("len(tags) == 2 and tags[1].score > 3",), {"tags": list[Review]}, None),
    (("pair[0] > 3 and pair[-1] == 'x'",), {"pair": tuple[int, str]}, {"pair": (4, "x")}),
    (("'x' in pair",), {"pair": tuple[int, str]}, {"pair": (0, "x")}),
    (("d.x > 3 and len(d) == 2",), {"d": dict[str, int]}, {"d": {"x": 4, "more_0": 0}}),
    (("'k' in d and d.k > 3",), {"d": dict[str, int]}, {"d": {"k": 4}}),
    (("never d",), {"d": dict[str, int]}, {"d": {}}),
    (("d[0] == 1",), {"d": dict[int, int]}, {"d": {0: 1}}),
    (("d.a == 1",), {"d": dict[Literal["a"], int]}, {"d": {"a": 1}}),
    (("v.score > 7",), {"v": Review}, {"v": {"score": 8, "label": "x", "note": "something else"}}),
    (("never (v is not None and v.score > 7)", "v is not None"), {"v": Review | None},
     {"v": {"score": 0, "label": "x", "note": "something else"}}),
    (("v is None",), {"v": Review | None}, {"v": None}),
    (("v and v.label == 'y'",), {"v": Review}, {"v": {"score": 0, "label": "y", "note": "something else"}}),
    (("v.other == 1",), {"v": Open_}, {"v": {"score": 0, "other": 1}}),
    (("has(v.score)",), {"v": Told}, {"v": {"score": 0}}),
    (("never has(v.score)", "has(v)"), {"v": Told}, None),
    (("v.inner.inner.name == 'x'",), {"v": Loop}, None),
    (("x.a.b[0].c > 3",), {}, {"x": {"a": {"b": [{"c": 4.0}]}}}),
    (("d != 5",), {"d": dt.date}, {"d": dt.date(2000, 1, 1)}),
    (("u",), {"u": uuid.UUID}, {"u": uuid.UUID(int=1)}),
    (("1 < 2", "has(x)"), {}, {"x": "something else"}),
    (("never 0 < a < b",), {"a": int, "b": int}, {"b": 0, "a": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "kinds", "example"), YES, ids=[" & ".join(parts) for parts, _, _ in YES])
def test_yes(parts: tuple[str, ...], kinds: dict[str, Any], example: Any) -> None:
    """There is an example, which comes out so."""
    answer = ask(*parts, **kinds)
    assert answer.verdict is Verdict.YES
    assert answer.example is not None
    for part in parts:
        assert parse_condition(part.removeprefix("never "))(answer.example) is not part.startswith("never ")
    assert example is None or answer.example == example


NO: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("a > b or c > 5", "c < 3", "never a > b"), {"c": int}),
    (("not a > b or c > 5", "c < 3", "a > b"), {"c": int}),
    (("not n > 3 or n > 7", "n == 5"), {"n": int}),
    (("n + 1 > 50",), {"n": Ten}),
    (("n + 1 > 50",), {"n": Share}),
    (("n - 7", "n == 7"), {"n": int}),
    (("len(t) in 'abc'",), {"t": str}),
    (("lower(t) == 'ABC' and t != 'x'",), {"t": str}),
    (("None in tags",), {"tags": list[str]}),
    (("d[0] == 1",), {"d": dict[str, int]}),
    (("n > 7 and n < 3",), {}),
    (("n > 7 and n < 3",), {"n": float}),
    (("n > 5 and n < 6",), {"n": int}),
    (("u > 10",), {"u": Ten}),
    (("u == 5.5",), {"u": Ten}),
    (("never u > 7", "never u <= 7"), {"u": Ten}),
    (("never s > 0.5", "never s <= 0.5"), {"s": Share}),
    (("s == 0",), {"s": Open}),
    (("n == 0",), {"n": Annotated[float, Field(gt=0, lt=0)]}),
    (("n == n",), {"n": Annotated[int, Field(gt=0, lt=1)]}),
    (("n % 2 == 0 and n % 2 == 1",), {"n": Ten}),
    (("n * 100 >= 70 and n * 100 < 70",), {"n": float}),
    (("n == 7",), {"n": Fives}),
    (("n > 3 and n + 1 < 4",), {"n": int}),
    (("abs(n) > 3 and n < 0 and n > -3",), {"n": int}),
    (("n is True",), {"n": Annotated[int, Field(ge=2)]}),
    (("n + 1e16 > 1e16 and n < 1",), {"n": float}),
    (("n < 2e308 and n > 1e309",), {"n": float}),
    (("n == 1",), {"n": Annotated[float, Field(allow_inf_nan=False, lt=1)]}),
    (("n > 1e400",), {"n": Annotated[float, Field(allow_inf_nan=False)]}),
    (("p == 'a'",), {"p": Plain}),
    (("never m == 'glad'", "never m == 'sad'"), {"m": Mood}),
    (("never yes", "never not yes"), {"yes": bool}),
    (("a > b", "never a > b"), {"a": int, "b": int}),
    (("never (a > b or c)", "c"), {"a": int, "b": int}),
    (("a > b", "n > 7 and n < 3"), {"a": int, "b": int}),
    (("a > b and a < b",), {"a": Ten, "b": Ten}),
    (("has(x)", "never has(x)"), {}),
    (("has(x.y)", "never has(x)"), {}),
    (("x.y > 1", "never has(x)"), {}),
    (("never len(t) > 3", "never len(t) <= 3"), {"t": str}),
    (("len(t) < 0",), {}),
    (("len(t) == 5",), {"t": Name}),
    (("t == 'x'",), {"t": Name}),
    (("never t",), {"t": Annotated[str, Field(min_length=1)]}),
    (("lower(t) == 'ABC'",), {"t": str}),
    (("'Refund' in lower(t)",), {"t": str}),
    (("'refund' in lower(t) and 'fun' not in lower(t)",), {"t": str}),
    (("t < 'm' and t > 'n'",), {"t": str}),
    (("t > 'm' and t < 'm\\0'",), {"t": str}),
    (("t in 'abc' and t == 'ac'",), {"t": str}),
    (("t == 'a' and lower(t) == 'b'",), {"t": str}),
    (("'' not in t",), {"t": str}),
    (("t == 5",), {"t": str}),
    (("lower(t) == 5",), {"t": str}),
    (("5 in 5",), {}),
    (("t in 5",), {"t": str}),
    (("1 in 'a'",), {}),
    (("n in 'abc'",), {"n": int}),
    (("5 in len(t)",), {"t": str}),
    (("len(t) == 'x'",), {"t": str}),
    (("tags[0] == 'a' and len(tags) == 1 and 'b' in tags",), {"tags": list[str]}),
    (("tags[0] == 'a' and tags[-1] == 'b' and len(tags) == 1",), {"tags": list[str]}),
    (("tags == ['a'] and tags[0] == 'b'",), {"tags": list[str]}),
    (("tags == ['a']",), {"tags": list[int]}),
    (("tags.x == 1",), {"tags": list[int]}),
    (("tags[0] == 1",), {"tags": set[int]}),
    (("len(tags) == 3",), {"tags": set[bool]}),
    (("len(tags) == 1",), {"tags": Annotated[list[int], Field(min_length=2)]}),
    (("pair[2] == 1",), {"pair": tuple[int, str]}),
    (("pair[0] == 'x'",), {"pair": tuple[int, str]}),
    (("len(pair) == 3",), {"pair": tuple[int, str]}),
    (("d.x > 3 and d.y and len(d) == 1",), {"d": dict[str, int]}),
    (("d.x == 1",), {"d": dict[int, int]}),
    (("d.b == 1",), {"d": dict[Literal["a"], int]}),
    (("v.score > 10",), {"v": Review}),
    (("v.scor > 1",), {"v": Review}),
    (("never has(v.score)", "v is not None"), {"v": Review}),
    (("v is None",), {"v": Review}),
    (("v == 'x'",), {"v": Review}),
    (("never v",), {"v": Review}),
    (("d == 5",), {"d": dt.date}),
    (("d > 5",), {"d": dt.datetime}),
    (("never u",), {"u": uuid.UUID}),
    (("2 < 1", "has(x)"), {}),
    (("1 / 0 == 1",), {}),
    (("'x' > 1",), {}),
    (("n > 1e999 - 1e999",), {"n": Ten}),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "kinds"), NO, ids=[" & ".join(parts) for parts, _ in NO])
def test_no(parts: tuple[str, ...], kinds: dict[str, Any]) -> None:
    """It is proven that there is none."""
    assert ask(*parts, **kinds) == Answer(Verdict.NO)


UNKNOWN: list[tuple[tuple[str, ...], dict[str, Any], str | None]] = [
    (("v.score == 1", "w.score == 1", "never v == w"), {"v": Review, "w": Review}, NOT_UNDERSTOOD.format("`v == w`")),
    (("len(tags) > 0",), {"tags": list[Annotated[int, Field(gt=1, lt=2)]]}, NOT_UNDERSTOOD.format("`len(tags) > 0`")),
    (("n == 2",), {"n": Annotated[Literal[1, 2, 3], Field(ge=2)]}, ODD),
    (("n % 2", "n == 0"), {"n": int}, NOT_UNDERSTOOD.format("`n % 2`")),
    (("max(n, 3) == None",), {"n": int}, NOT_UNDERSTOOD.format("`max(n, 3) == None`")),
    (("len(v) == 5",), {"v": Told}, NOT_UNDERSTOOD.format("`len(v) == 5`")),
    (("d > 7",), {"d": Decimal}, None),
    (("d > 7 and d < 3",), {"d": Money}, NOT_UNDERSTOOD.format("`d > 7`")),
    (("d[0] == 1",), {"d": Pair}, NOT_UNDERSTOOD.format("`d[0] == 1`")),
    (("len(d) == 1",), {"d": Sequence[str]}, NOT_UNDERSTOOD.format("`len(d) == 1`")),
    (("never n > 7", "never n <= 7"), {"n": float}, ODD),
    (("never n > 7", "never n <= 7"), {}, ODD),
    (("n is True",), {"n": int}, ODD),
    (("t == 'xa'",), {"t": Pattern}, ODD),
    (("d == 1",), {"d": Annotated[float, Field(multiple_of=0.5)]}, ODD),
    (("a > b and a < b",), {"a": int, "b": int}, NOT_UNDERSTOOD.format("`a > b`")),
    (("n % 2 == 0 and n % 2 == 1",), {"n": int}, NOT_UNDERSTOOD.format("`n % 2 == 0`")),
    (("n + n > 3 and n < 1",), {"n": int}, NOT_UNDERSTOOD.format("`n + n > 3`")),
    (("2 / n > 3 and n > 7",), {"n": int}, NOT_UNDERSTOOD.format("`2 / n > 3`")),
    (("n * 0 > 3",), {"n": int}, NOT_UNDERSTOOD.format("`n * 0 > 3`")),
    (("n + (1e999 - 1e999) > 3",), {"n": int}, NOT_UNDERSTOOD.format("`n + (1e309 - 1e309) > 3`")),
    (("-abs(n) > 3",), {"n": int}, NOT_UNDERSTOOD.format("`-abs(n) > 3`")),
    (("abs(abs(n)) < 0",), {"n": int}, NOT_UNDERSTOOD.format("`abs(abs(n)) < 0`")),
    (("len(lower(t)) < 0",), {"t": str}, NOT_UNDERSTOOD.format("`len(lower(t)) < 0`")),
    (("round(n, n) > 3 and n > 99",), {"n": int}, NOT_UNDERSTOOD.format("`round(n, n) > 3`")),
    (("max(n, 3) < 3",), {"n": int}, NOT_UNDERSTOOD.format("`max(n, 3) < 3`")),
    (("tags < ['a'] and tags > ['b']",), {"tags": list[str]}, NOT_UNDERSTOOD.format("`tags < ['a']`")),
    (("t > 'm' and len(t) == 1 and t < 'm'",), {"t": str}, NOT_UNDERSTOOD.format("`t > 'm'`")),
    (("lower(t) == 'k' and t not in ['k', 'K']",), {"t": str}, NOT_UNDERSTOOD.format("`lower(t) == 'k'`")),
    (("len(v) == 7",), {"v": Review}, NOT_UNDERSTOOD.format("`len(v) == 7`")),
    (("len(t) > 90000",), {"t": str}, NOT_UNDERSTOOD.format("`len(t) > 90000`")),
    (("len(tags) > 90000",), {"tags": list[int]}, NOT_UNDERSTOOD.format("`len(tags) > 90000`")),
    (("len(tags) == 9 and 'a' in tags",), {"tags": set[str]}, NOT_UNDERSTOOD.format("`len(tags) == 9`")),
    (("t in 'abcdefghijklmnopqrstuvwxyz' and t == 'zzz'",), {"t": str}, None),
    (("n * 2 > 1e17 and n < 5e16",), {"n": float}, None),
    (("v.inner.name == 'x'",), {"v": Endless}, None),
    (("x[0] == {1} and 'a' in x",), {"x": set[list[int]]}, None),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "kinds", "reason"), UNKNOWN, ids=[" & ".join(parts) for parts, _, _ in UNKNOWN])
def test_unknown(parts: tuple[str, ...], kinds: dict[str, Any], reason: str | None) -> None:
    """Nothing is guessed; the reason says why."""
    answer = ask(*parts, **kinds)
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.example is None
    assert reason in (None, answer.reason)


def test_presence() -> None:
    """A key that is surely there cannot be missing, and one that is nowhere cannot be there."""
    has = parse_condition("has(x)")
    assert satisfiable([(has, False)], {"x": int}, present=["x"]).verdict is Verdict.NO
    assert satisfiable([(has, True)], {"x": int}, absent=["x"]).verdict is Verdict.NO
    assert satisfiable([(has, False)], {"x": int}, absent=["x"]) == Answer(Verdict.YES, {})
    assert satisfiable([(parse_condition("x > 1"), True)], {}, absent=["x"]).verdict is Verdict.NO


def test_values_for_which_an_earlier_one_fails_do_not_count() -> None:
    """A router that tries the first condition fails there; ``or`` does not look further."""
    first, second = parse_condition("x > 1 or y > 1"), parse_condition("x == 'a'")
    assert satisfiable([(first, True), (second, True)], {}).verdict is Verdict.NO
    assert satisfiable([(parse_condition("has(y) or x > 1"), True), (second, True)], {}).verdict is Verdict.YES


def test_the_pinned_alternative_counts_alone() -> None:
    """A path can be looked at for one of the types that it may have."""
    none = Constants((None,))
    condition = parse_condition("v is None or v.note is not None")
    assert satisfiable([(condition, False)], Known({"v": Review}, pinned={("v", "note"): none})).verdict is Verdict.YES
    assert satisfiable([(condition, False)], Known({"v": Review | None}, pinned={("v",): none})).verdict is Verdict.NO


def test_an_example_has_what_its_type_asks_for() -> None:
    """Members that nobody looks at are made up; where that is not possible, nothing is claimed."""
    answer = ask("v.inner is None", v=Loop)
    assert answer.example == {"v": {"inner": None, "name": "something else"}}
    assert ask("has(v)", v=Endless).verdict is Verdict.UNKNOWN
    assert ask("has(v)", v=Annotated[list[Review], Field(min_length=1)]).verdict is Verdict.YES
    assert ask("has(v)", v=Annotated[set[int], Field(min_length=2)]).verdict is Verdict.UNKNOWN
    assert ask("has(v)", v=Annotated[set[list[int]], Field(min_length=1)]).verdict is Verdict.UNKNOWN
    assert ask("has(v)", v=Annotated[dict[str, int], Field(min_length=1)]).verdict is Verdict.UNKNOWN
    assert ask("has(v)", v=Annotated[list[Endless], Field(min_length=1)]).verdict is Verdict.UNKNOWN
    assert ask("has(v)", v=Annotated[str, Field(min_length=99_999)]).verdict is Verdict.UNKNOWN


def test_values_that_are_handed_over_as_they_are() -> None:
    """A model has all its fields then and nothing that is computed; into other objects conditions do not look."""
    hidden, twice, point = ask("v.hidden > 1", v=Shown), ask("v.twice > 1", v=Shown), ask("v.x > 1", v=Point)
    assert (hidden.verdict, twice.verdict, point.verdict) == (Verdict.NO, Verdict.YES, Verdict.YES)
    for kind in (as_it_is(Shown), as_it_is(Shown) | None, as_it_is(Shown | None)):
        assert ask("v.hidden > 1", v=kind).verdict is Verdict.YES
        assert ask("v.twice > 1", v=kind).verdict is Verdict.NO
    assert ask("v.x > 1", v=as_it_is(Point)).verdict is Verdict.UNKNOWN
    assert ask("v[0].hidden > 1", v=as_it_is(list[Shown])).verdict is Verdict.YES


def test_many_values_of_one_dict_are_looked_at_one_by_one() -> None:
    """What is asked of each member alone does not multiply."""
    text = " and ".join(f"v.m{number} > {number}" for number in range(60))
    assert ask(text).verdict is Verdict.YES
    assert ask(text, "v.m7 < 3").verdict is Verdict.NO


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(f"a{number} > {number}" for number in range(150)),
        " and ".join(f"(a{number} > b{number} or c{number} < d{number})" for number in range(50)),
        " and ".join(f"(a{number} > a{number + 1} or a{number} == 7)" for number in range(70)),
        " == ".join(f"(a{number} > 3)" for number in range(120)),
        " or ".join(f"n == {number * 3}" for number in range(150)),
        f"n in {list(range(380))}",
        " and ".join(f"t[{number}] == 'a{number}'" for number in range(80)),
        " and ".join(f"t[{number}] > {number}" for number in range(0, 1000, 20)),
        " and ".join(f"'a{number}' in t" for number in range(90)),
        " and ".join(f"len(t) != {number * 131}" for number in range(90)),
        " or ".join(f"'a{number}' in lower(t)" for number in range(80)),
        f"t in '{'abcdefghij' * 190}'",
        "n" + "*999999999999999" * 35 + " > 3",
        "v" + ".a" * 38 + " > 3",
        "t[19999] > 3 and t[-15000] < 4",
    ],
    ids=lambda text: text[:24],
)
def test_hostile_conditions_end(text: str) -> None:
    """However large it is, an answer comes soon; it may be unknown."""
    for wanted in (True, False):
        answer = satisfiable([(parse_condition(text), wanted)], {})
        assert answer.verdict in Verdict
        assert (answer.example is not None) is (answer.verdict is Verdict.YES)


def test_what_would_take_too_long_is_unknown() -> None:
    """The work that may be done is given, and what was done is taken off."""
    asked = [(parse_condition("a > b and c < d"), True)]
    effort = Effort(10_000)
    assert satisfiable(asked, {}, effort=effort).verdict is Verdict.YES
    assert 0 < effort.left < 10_000
    for little in (0, 5, 400, 1_300):
        assert satisfiable(asked, {}, effort=Effort(little)) == Answer(Verdict.UNKNOWN, reason=TOO_MUCH)


def test_the_search_for_a_proof_ends_too() -> None:
    """Where neither an example nor a proof is found in time, the answer is unknown."""
    few = " + ".join(f"a{number}" for number in range(12))
    kinds = {f"a{number}": Ten for number in range(12)}
    late = Answer(Verdict.UNKNOWN, reason=TOO_MUCH)
    asked = [(parse_condition(f"{few} == 1000"), True)]
    assert satisfiable(asked, kinds, effort=Effort(60_000)) == late
    asked = [(parse_condition(f"{few} == 1000 or x > y"), True), (parse_condition("x > y"), False)]
    assert satisfiable(asked, kinds, effort=Effort(60_000)) == late


def test_case_by_case() -> None:
    """Where the combinations are too many, one half of ``or`` after the other is looked at."""
    few = " + ".join(f"a{number}" for number in range(12))
    kinds = {f"a{number}": Ten for number in range(12)} | {"x": Ten, "y": Ten}
    either = (parse_condition(f"{few} == 1000 or x > y"), True)
    never = [(parse_condition(text), False) for text in ("x > y", "x < y", "x == y")]
    assert satisfiable([either, *never], kinds) == Answer(Verdict.NO)
    goal = list(goals(parse_condition("x or y").tree, wanted=True))
    search = Search({("x",): (False,), ("y",): (True,)}, Effort(1_000), Kept())
    assert search.by_cases(goal) == {("x",): False, ("y",): True}
    with pytest.raises(Spent):
        search.by_cases(goal, 0)


def test_aliases_of_aliases_are_not_followed_for_ever() -> None:
    """What lies too deep is not looked into."""
    form: Form = read(int)
    for _ in range(60):
        form = Either((form,))
    assert alternatives(form) == (UNREAD,)


def test_what_is_not_surveyed_cannot_be_asked() -> None:
    """A ground knows the conditions it was made of."""
    condition = parse_condition("a > 1")
    ground = Ground(Known({}), [(condition, True)], Effort(100_000))
    assert ground.ask([(condition, True)]).verdict is Verdict.YES
