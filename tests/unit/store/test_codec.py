"""What nodes give as JSON and back: the same in value and type, or not at all."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, PrivateAttr, RootModel, field_serializer

from crewgraph.node import Interface
from crewgraph.outputs import CrewOutput, OutputFormat, TaskOutput
from crewgraph.step import step
from crewgraph.store.codec import NotPlain, decoded, encoded, encoded_keys, read_spent, written_spent
from crewgraph.store.plain import is_same
from crewgraph.template import as_text
from crewgraph.usage import Call, UsageMetrics


class Kind(enum.Enum):
    ONE = "one"


@dataclasses.dataclass
class Point:
    x: int
    seen: set[str]


class Inner(BaseModel):
    when: dt.datetime
    amount: Decimal = Decimal("1.50")


class Outer(BaseModel):
    inner: Inner = Field(alias="in")
    names: set[str] = set()
    where: tuple[int, str] = (1, "a")
    at: Point | None = None


class Changed(BaseModel):
    n: int

    @field_serializer("n")
    def _less(self, n: int) -> int:
        return n - 1


class Raising(BaseModel):
    n: int

    @field_serializer("n")
    def _no(self, n: int) -> int:
        raise ValueError(f"{n} is secret")


class Hidden(BaseModel):
    n: int
    _more: int = PrivateAttr(default=0)


class Other(CrewOutput):
    pass


class OtherTask(TaskOutput):
    pass


NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
NOTHING = Interface()


def of(returns: Any) -> Interface:
    """What a step says of itself that returns this."""

    def work() -> Any: ...

    work.__annotations__["return"] = returns
    return step(name="work")(work).interface()


@pytest.mark.parametrize(
    ("output", "face"),
    [
        (CrewOutput(), NOTHING),
        (CrewOutput(raw="text\ud800\n"), NOTHING),
        (CrewOutput(json_dict={}), NOTHING),
        (CrewOutput(raw="x", json_dict={"a": [1, 2.5, None, True, {"b": "ü"}], "n": 10**40}), NOTHING),
        (CrewOutput(json_dict={"work": NOW}), of(dt.datetime)),
        (CrewOutput(json_dict={"work": {"a", "b"}}), of(set[str])),
        (CrewOutput(json_dict={"work": (1, "a")}), of(tuple[int, str])),
        (CrewOutput(json_dict={"work": Kind.ONE}), of(Kind)),
        (CrewOutput(json_dict={"work": Point(1, {"s"})}), of(Point)),
        (CrewOutput(json_dict={"work": 3}), of(int)),
        (CrewOutput(pydantic=Outer(**{"in": Inner(when=NOW)}, names={"x"}, at=Point(1, {"s"}))), NOTHING),
        (CrewOutput(pydantic=Outer(**{"in": Inner(when=NOW)})), of(Outer)),
        (CrewOutput(pydantic=Inner(when=NOW)), of(Outer | Inner | None)),
        (
            CrewOutput(
                raw="r",
                tasks_output=[
                    TaskOutput(raw="r", name="n", model="m", tools_used=["t"], forced=True, output_file=Path("a/b")),
                    TaskOutput(pydantic=Inner(when=NOW), output_format=OutputFormat.PYDANTIC, model="m"),
                    TaskOutput(json_dict={"k": 1}, output_format=OutputFormat.JSON, skipped=True),
                ],
            ),
            Interface(gives={"k": str}),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_round_trip(output: CrewOutput, face: Interface) -> None:
    """It comes back as it was."""
    text = encoded(output, face)
    assert text.isascii()
    assert is_same(decoded(text, face), output)


@pytest.mark.parametrize(
    ("output", "face", "message"),
    [
        (CrewOutput(json_dict={"a": math.nan}), NOTHING, r"'a' is nan, which JSON does not know"),
        (CrewOutput(json_dict={"a": [{1: 2}]}), NOTHING, r"'a'\[0\] has the key 1, which is no text"),
        (CrewOutput(json_dict={"a": NOW}), NOTHING, r"'a' is a datetime.*hint: declare the key"),
        (CrewOutput(json_dict={"work": (1, 2)}), of(list[int]), r"'work' is a tuple.*its type cannot write it"),
        (
            CrewOutput(json_dict={"work": Changed(n=3)}),
            Interface(gives={"work": Changed}),
            r"what its type writes is read as",
        ),
        (CrewOutput(json_dict={"work": object()}), of(int), r"'work' is a object.*its type cannot write it"),
        (CrewOutput(json_dict={"work": "x"}), of(int), "'work': "),
        (CrewOutput(pydantic=object()), NOTHING, "it gives a object, which nobody could find again"),
        (CrewOutput(pydantic=Changed(n=3)), NOTHING, "a Changed is not read as it was written"),
        (CrewOutput(pydantic=Raising(n=3)), NOTHING, r"a Raising cannot be written and read: .*3 is secret"),
        (Other(), NOTHING, "it gives a Other"),
        (CrewOutput(tasks_output=[OtherTask()]), NOTHING, "it gives a OtherTask"),
        (CrewOutput.model_construct(raw=3.0 * math.inf), NOTHING, "its text is inf"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_would_come_back_as_something_else(output: CrewOutput, face: Interface, message: str) -> None:
    """It is not written, and the message says what it is."""
    with pytest.raises(NotPlain, match=message):
        encoded(output, face)


@pytest.mark.parametrize("keys", [{}, {"a": 1, "b": "ü", "c": 1.5, "d": None, "e": True}], ids=["none", "some"])
def test_keys_alone_are_written_as_an_output_of_them(keys: dict[str, Any]) -> None:
    """What a step gave is written the same whether or not an output was made of it."""
    assert encoded_keys(keys, Interface()) == encoded(CrewOutput.of_keys(keys), Interface())


@pytest.mark.parametrize(
    ("keys", "raw", "is_short"),
    [
        ({"a": [1, {"b": "ü"}]}, None, True),
        ({"a": 10**30}, None, True),
        ({"a": 1}, "other words", False),
        ({"a": 1}, "", False),
        ({}, "", False),
    ],
    ids=["nested", "long number", "text of its own", "no text", "nothing"],
)
def test_a_text_that_is_no_more_than_its_keys_is_not_kept(
    keys: dict[str, Any], raw: str | None, is_short: bool
) -> None:
    """It is written of them again, also where nobody knows their types; any other text comes back as it was."""
    output = CrewOutput(json_dict=keys, raw=as_text(keys) if raw is None else raw)
    text = encoded(output, NOTHING)
    assert ("raw" not in json.loads(text) and "plain" in json.loads(text)) == is_short
    for face in (NOTHING, None):
        read = decoded(text, face)
        assert (read.raw, read.json_dict) == (output.raw, output.json_dict)


def test_keys_alone_that_would_not_come_back() -> None:
    """A number that JSON does not know is refused."""
    with pytest.raises(NotPlain, match="'a' is nan"):
        encoded_keys({"a": math.nan}, Interface())


def test_deep_and_local_values() -> None:
    """What is nested too deep, contains itself, or is of a class that nobody can reach."""
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(NotPlain, match="'a' is nested too deep"):
        encoded(CrewOutput(json_dict={"a": deep}), NOTHING)

    class Local(BaseModel):
        n: int

    with pytest.raises(NotPlain, match=r"Local, which nobody could find again\. hint: annotate"):
        encoded(CrewOutput(pydantic=Local(n=1)), NOTHING)
    assert decoded(encoded(CrewOutput(pydantic=Local(n=1)), of(Local)), of(Local)).pydantic == Local(n=1)
    hidden = Hidden(n=1)
    hidden._more = 2
    with pytest.raises(NotPlain, match="is not read as it was written"):
        encoded(CrewOutput(pydantic=hidden), NOTHING)
    with pytest.raises(NotPlain, match=r"there is no .*Local any more"):
        decoded(encoded(CrewOutput(pydantic=Local(n=1)), of(Local)), NOTHING)


def test_a_type_that_can_no_longer_read_it() -> None:
    """It is told when it is read."""
    text = encoded(CrewOutput(json_dict={"work": NOW}), of(dt.datetime))
    with pytest.raises(ValueError, match="valid"):
        decoded(text, of(int))
    assert decoded(text, NOTHING).json_dict == {"work": "2026-11-28T00:00:00Z"}


def test_every_field_is_kept() -> None:
    """A field that is added to outputs has to be thought of here."""
    assert set(CrewOutput.model_fields) == {"raw", "pydantic", "json_dict", "tasks_output", "token_usage", "calls"}


def test_what_a_node_took() -> None:
    """Usage and calls come back; nothing is written of nothing."""
    usage = UsageMetrics(total_tokens=3, successful_requests=1, picodollars=7)
    calls = [
        Call(kind="model", name="m", started=1.5, usage=usage, source="cache"),
        Call(kind="tool", name="t", error="E"),
    ]
    spent = read_spent(written_spent(usage, calls) or "")
    assert (spent.usage, spent.calls) == (usage, calls)
    assert written_spent(UsageMetrics(), []) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, True, False),
        ([1], [1.0], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({1}, {True}, False),
        (RootModel[list[int]]([1]), RootModel[list[int]]([1]), True),
        (Point(1, set()), Point(1, set()), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_same(one: Any, other: Any, expected: bool) -> None:
    """Equal is not enough: 1, 1.0 and True are three."""
    assert is_same(one, other) is expected
