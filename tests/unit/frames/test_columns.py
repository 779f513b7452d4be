"""What kind of values a column holds, whatever users put into it."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from crewgraph.frames.columns import LARGEST, Column, Kind, columns_of


class Colour(StrEnum):
    RED = "red"


class Old(str, Enum):  # noqa: UP042 - as it was written before there was StrEnum
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Plain(Enum):
    ONE = 1


class Verdict(BaseModel):
    topic: str


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def column(*values: Any) -> Column:
    (made,) = columns_of([{"x": value} for value in values], {})
    return made


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
NOON = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
NAN = math.nan


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ((None, None), Kind.TEXT, [None, None]),
        (("a", None, "b"), Kind.TEXT, ["a", None, "b"]),
        ((Colour.RED, Old.RED), Kind.TEXT, ["red", "red"]),
        ((date(2026, 5, 1), PurePosixPath("a/b"), Decimal("1.50")), Kind.TEXT, ["2026-05-01", "a/b", "1.50"]),
        ((b"\xff", datetime(2026, 5, 1)), Kind.TEXT, ["_w==", "2026-05-01T00:00:00"]),  # noqa: DTZ001 - has no zone
        (("\ud800 x",), Kind.TEXT, ["\\ud800 x"]),
        ((1, None, Level.HIGH, np.int64(7)), Kind.WHOLE, [1, None, 3, 7]),
        ((Plain.ONE, 2), Kind.WHOLE, [1, 2]),
        ((LARGEST - 1, -LARGEST), Kind.WHOLE, [LARGEST - 1, -LARGEST]),
        ((LARGEST, 1), Kind.JSON, [str(LARGEST), "1"]),
        ((10**400, 0.5), Kind.JSON, ["1" + "0" * 400, "0.5"]),
        ((1, 2.5, np.float32(0.5), Fraction(1, 4)), Kind.NUMBER, [1.0, 2.5, 0.5, 0.25]),
        ((math.inf, -1.0), Kind.NUMBER, [math.inf, -1.0]),
        ((1, NAN), Kind.WHOLE, [1, None]),
        (("a", NAN), Kind.TEXT, ["a", None]),
        (("a", 1, NAN), Kind.JSON, ['"a"', "1", None]),
        ((True, None), Kind.TRUTH, [True, None]),
        ((True, 1), Kind.JSON, ["true", "1"]),
        ((NOON, None), Kind.MOMENT, [datetime(2026, 5, 1, 10, tzinfo=UTC), None]),
        ((NOON, "now"), Kind.JSON, ['"2026-05-01T10:00:00Z"', '"now"']),
        ((pd.NaT, pd.NA, "a"), Kind.TEXT, [None, None, "a"]),
        (([1, {"a": None}], None), Kind.JSON, ['[1, {"a": null}]', None]),
        (({"ä": {1: date(2026, 5, 1)}}, ("x", "y")), Kind.JSON, ['{"ä": {"1": "2026-05-01"}}', '["x", "y"]']),
        ((Verdict(topic="lamp"), "a"), Kind.JSON, ['{"topic": "lamp"}', '"a"']),
        ((["\ud800"],), Kind.JSON, ['["\\ud800"]']),
        ((object,), Kind.TEXT, ["<class 'object'>"]),
        ((CIRCLE, Rude()), Kind.TEXT, ["<list>", "<Rude>"]),
        ((datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),), Kind.TEXT, ["<datetime>"]),
    ],
    ids=[
        "nothing", "text", "enumerations of text", "what JSON has as text", "bytes and local times", "half a pair",
        "whole", "an enumeration", "the largest", "larger", "huge", "numbers", "infinite", "whole or NaN", "text or NaN",
        "mixed or NaN", "truth", "truth and numbers", "moments", "moments and text", "pandas' own nothing", "lists",
        "objects", "a model", "half a pair within", "a class", "what cannot be written", "the end of time",
    ],
)  # fmt: skip
def test_the_kind_of_a_column(values: tuple[Any, ...], kind: Kind, kept: list[Any]) -> None:
    """All of one plain kind, or JSON text; what is missing does not count."""
    made = column(*values)
    assert made.kind is kind
    assert made.cells == kept


def test_what_is_no_number_among_numbers() -> None:
    """Stays what it is: a float has a place for it."""
    made = column(1.5, NAN, None)
    assert made.kind is Kind.NUMBER
    assert made.cells[0] == 1.5
    assert math.isnan(made.cells[1])
    assert made.cells[2] is None
    assert column(NAN).kind is Kind.NUMBER


def test_fixed_columns_come_first_and_are_always_there() -> None:
    """With their kind, also where no record has them; others follow in the order in which they are met."""
    fixed = {"index": Kind.WHOLE, "cost": Kind.NUMBER}
    assert columns_of([], fixed) == [Column("index", Kind.WHOLE, []), Column("cost", Kind.NUMBER, [])]
    made = columns_of([{"index": 0, "b": 1}, {"a": "x", "index": 1, "cost": None}], fixed)
    assert [(each.name, each.cells) for each in made] == [
        ("index", [0, 1]),
        ("cost", [None, None]),
        ("b", [1, None]),
        ("a", [None, "x"]),
    ]


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.lists(ANYTHING, max_size=5))
def test_mixed_values_come_back_from_their_text(values: list[Any]) -> None:
    """What became JSON text is read as what it was."""
    made = column(*values) if values else Column("x", Kind.TEXT, [])
    for before, after in zip(values, made.cells, strict=True):
        if made.kind is Kind.JSON and before is not None:
            assert json.loads(after) == before
        else:
            assert after == before
