"""What is wrong with a condition for values of these types."""

from __future__ import annotations

import enum
import uuid
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from crewgraph.condition import parse_condition
from crewgraph.condition.mistakes import Misuse, mistakes
from crewgraph.errors import ConditionError

FAILS, NEVER, ALWAYS = Misuse.FAILS, Misuse.NEVER_TRUE, Misuse.ALWAYS_TRUE


class Plain(enum.Enum):
    BILLING = "billing"
    SPAM = "spam"


class Category(enum.StrEnum):
    BILLING = "billing"
    SPAM = "spam"


class Count(enum.IntEnum):
    ONE = 1


class Review(BaseModel):
    score: Annotated[int, Field(ge=0, le=10)]
    label: Literal["good", "bad"]
    note: str | None = None


class Empty(BaseModel):
    pass


KINDS: dict[str, Any] = {
    "urgency": Annotated[int, Field(ge=0, le=10)],
    "score": int | None,
    "name": str,
    "category": Literal["billing", "spam"],
    "plain": Plain,
    "word": Category,
    "count": Count,
    "review": Review,
    "maybe": Review | None,
    "empty": Empty,
    "tags": list[str],
    "bag": set[str],
    "pair": tuple[int, str],
    "yes": bool,
    "f": float,
    "low": Annotated[int, Field(ge=3)],
    "high": Annotated[float, Field(le=3.5)],
    "round": Annotated[float, Field(ge=1.0, le=3.0)],
    "table": dict[str, int],
    "both": int | str,
    "nothing": None,
    "id": uuid.UUID,
    "deep": dict[str, Review | None],
    "any": Any,
    "many": Literal["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10"],
}


@pytest.mark.parametrize(
    ("text", "message", "hint", "is_sure"),
    [
        ("review.scor > 3", "'review' is a Review and has no 'scor'", "write review.score", True),
        ("review.x > 3", "'review' is a Review and has no 'x'", "there is: score, label, note", True),
        ("empty.x > 3", "'empty' is an Empty and has no 'x'", "", True),
        ("maybe.score > 3", "'maybe' may be None, which has no 'score'", "put `maybe is not None and` before it", False),
        ("nothing.x > 3", "'nothing' is None and has no 'x'", "", True),
        ("name.first == 'x'", "'name' is a str and has no 'first'", "", True),
        ("name[0] == 'x'", "'name' is a str and has no '0'", "", True),
        ("tags.x == 'x'", "'tags' is a list and has no 'x'", "", True),
        ("bag[0] == 'x'", "'bag' is a set and has no '0'", "", True),
        ("pair[2] == 'x'", "'pair' is a tuple and has no '2'", "", True),
        ("both.x == 1", "'both' is an int or a str and has no 'x'", "", True),
        ("id.x == 1", "'id' is a UUID and has no 'x'", "", True),
        ("deep.k.score > 1", "'deep.k' may be None, which has no 'score'", "put `deep.k is not None and` before it", False),
        ("maybe and maybe.scor > 1", "'maybe' is a Review or None and has no 'scor'", "write maybe.score", True),
        (
            "deep['a b'] and deep['a b'].scor > 1",
            "'deep['a b']' is a Review or None and has no 'scor'",
            "write deep['a b'].score",
            True,
        ),
        ("urgency > 'high'", "'urgency' is an int and 'high' is text, and these have no order: `urgency > 'high'` fails",
         "", True),
        ("urgency > '5'", "'urgency' is an int and '5' is text, and these have no order: `urgency > '5'` fails",
         "write 5 instead of '5'", True),
        ("'1e3' < f", "'1e3' is text and 'f' is a float, and these have no order: `'1e3' < f` fails",
         "write 1e3 instead of '1e3'", True),
        ("name < 'x' < 5", "'x' is text and 5 is an int, and these have no order: `'x' < 5` fails", "", True),
        ("score < 7", "'score' may be None, which has no order: `score < 7` fails",
         "put `score is not None and` before it", False),
        ("nothing < 7", "'nothing' is None, which has no order: `nothing < 7` fails", "", True),
        ("urgency < None", "None is None, which has no order: `urgency < None` fails", "", True),
        ("review.note > 'a'", "'review.note' may be None, which has no order: `review.note > 'a'` fails",
         "put `review.note is not None and` before it", False),
        ("urgency + 1 > name", ("`urgency + 1` is an int and 'name' is a str, and these have no order: "
         "`urgency + 1 > name` fails"), "", True),
        ("both > 3", "'both' may be a str and 3 is an int, and these have no order: `both > 3` fails", "", False),
        ("tags > 3", "'tags' is a list and 3 is an int, and these have no order: `tags > 3` fails", "", True),
        ("'x' in urgency", "'urgency' is an int, and nothing can be in it: `'x' in urgency` fails", "", True),
        ("5 in name", "5 is an int, and only a str can be in a str: `5 in name` fails", "", True),
        ("name + 1 > 3", "'name' is a str, and arithmetic is for numbers: `name + 1` fails", "", True),
        ("urgency + '1' > 3", "'1' is text, and arithmetic is for numbers: `urgency + '1'` fails",
         "write 1 instead of '1'", True),
        ("-name > 3", "'name' is a str, and arithmetic is for numbers: `-name` fails", "", True),
        ("score * 2 > 3", "'score' may be None, and arithmetic is for numbers: `score * 2` fails",
         "put `score is not None and` before it", False),
        ("len(5) > 1", "5 is an int, which has no length: `len(5)` fails", "", True),
        ("len(urgency) > 1", "'urgency' is an int, which has no length: `len(urgency)` fails", "", True),
        ("lower(5) == 'x'", "5 is an int, and lower() takes a str: `lower(5)` fails", "", True),
        ("upper(tags) == 'x'", "'tags' is a list, and upper() takes a str: `upper(tags)` fails", "", True),
        ("abs(name) > 3", "'name' is a str, and abs() takes a number: `abs(name)` fails", "", True),
        ("round(yes and name) > 3", "`yes and name` is a bool, and round() takes a number: `round(yes and name)` fails",
         None, None),
        ("len(tags, tags) > 1", "len() takes exactly one argument (2 given): `len(tags, tags)` fails", "", True),
        ("urgency / 0 > 1", "division by zero: `urgency / 0` fails", "", True),
        ("round(f, 99) > 1", "round goes to at most 15 digits: `round(f, 99)` fails", "", True),
        ("{tags} == 3", "unhashable type: 'list': `{tags}` fails", "", True),
        ("urgency > 5 and name > 3", "'name' is a str and 3 is an int, and these have no order: `name > 3` fails", "", True),
        ("urgency > 5 or name > 3", "'name' is a str and 3 is an int, and these have no order: `name > 3` fails", "", True),
        ("any and name > 3", "'name' is a str and 3 is an int, and these have no order: `name > 3` fails", "", True),
    ],
)  # fmt: skip
def test_what_fails(text: str, message: str, hint: str | None, is_sure: bool | None) -> None:
    """It says what is where, and has an example with which the condition does fail."""
    found = [each for each in mistakes(parse_condition(text), KINDS) if each.kind is FAILS]
    if hint is None:
        assert not found
        return
    assert [(each.message, each.hint, each.is_sure) for each in found] == [(message, hint, is_sure)]
    with pytest.raises(ConditionError):
        parse_condition(text)(found[0].example)


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        ("category == 'biling'", NEVER,
         "`category == 'biling'` is never true: 'category' is 'billing' or 'spam'", "write 'billing'"),
        ("category == 'BILLING'", NEVER,
         "`category == 'BILLING'` is never true: 'category' is 'billing' or 'spam'", "write 'billing'"),
        ("'biling' == category", NEVER,
         "`'biling' == category` is never true: 'category' is 'billing' or 'spam'", "write 'billing'"),
        ("category == 'x'", NEVER, "`category == 'x'` is never true: 'category' is 'billing' or 'spam'", ""),
        ("category != 'biling'", ALWAYS,
         "`category != 'biling'` is always true: 'category' is 'billing' or 'spam'", "write 'billing'"),
        ("category in ['biling', 'spam']", NEVER,
         "`category == 'biling'` is never true: 'category' is 'billing' or 'spam'", "write 'billing'"),
        ("category in ['x', 'span']", NEVER,
         "`category in ['x', 'span']` is never true: 'category' is 'billing' or 'spam'", "write 'spam'"),
        ("category not in ['biling']", ALWAYS,
         "`category not in ['biling']` is always true: 'category' is 'billing' or 'spam'", "write 'billing'"),
        ("plain == 'billing'", NEVER, "`plain == 'billing'` is never true: 'plain' is Plain.BILLING or Plain.SPAM",
         "a member of an Enum is not equal to its value; write class Plain(StrEnum)"),
        ("plain == 'x'", NEVER, "`plain == 'x'` is never true: 'plain' is Plain.BILLING or Plain.SPAM", ""),
        ("word == 'biling'", NEVER, "`word == 'biling'` is never true: 'word' is 'billing' or 'spam'", "write 'billing'"),
        ("count == 2", NEVER, "`count == 2` is never true: 'count' is 1", ""),
        ("urgency == '5'", NEVER, "`urgency == '5'` is never true: 'urgency' is an int from 0 to 10",
         "write 5 instead of '5'"),
        ("count == '1'", NEVER, "`count == '1'` is never true: 'count' is 1", "write 1 instead of '1'"),
        ("urgency == 'x1'", NEVER, "`urgency == 'x1'` is never true: 'urgency' is an int from 0 to 10", ""),
        ("urgency == '1_0'", NEVER, "`urgency == '1_0'` is never true: 'urgency' is an int from 0 to 10", ""),
        ("name == 5", NEVER, "`name == 5` is never true: 'name' is a str", "write '5' instead of 5"),
        ("category == 5", NEVER, "`category == 5` is never true: 'category' is 'billing' or 'spam'",
         "write '5' instead of 5"),
        ("name == None", NEVER, "`name == None` is never true: 'name' is a str", ""),
        ("name is None", NEVER, "`name is None` is never true: 'name' is a str", ""),
        ("review is not None", ALWAYS, "`review is not None` is always true: 'review' is a Review", ""),
        ("urgency > 10", NEVER, "`urgency > 10` is never true: 'urgency' is an int from 0 to 10", ""),
        ("urgency >= 0", ALWAYS, "`urgency >= 0` is always true: 'urgency' is an int from 0 to 10", ""),
        ("urgency == 5.5", NEVER, "`urgency == 5.5` is never true: 'urgency' is an int from 0 to 10", ""),
        ("low < 3", NEVER, "`low < 3` is never true: 'low' is an int of at least 3", ""),
        ("high > 4", NEVER, "`high > 4` is never true: 'high' is a float of at most 3.5", ""),
        ("round > 4", NEVER, "`round > 4` is never true: 'round' is a float from 1 to 3", ""),
        ("score == 'x'", NEVER, "`score == 'x'` is never true: 'score' is an int or None", ""),
        ("yes == 'Yes'", NEVER, "`yes == 'Yes'` is never true: 'yes' is a bool", "write True instead of 'Yes'"),
        ("yes == 'nope'", NEVER, "`yes == 'nope'` is never true: 'yes' is a bool", ""),
        ("yes == 2", NEVER, "`yes == 2` is never true: 'yes' is a bool", ""),
        ("tags == 'a'", NEVER, "`tags == 'a'` is never true: 'tags' is a list", ""),
        ("id == 'a'", NEVER, "`id == 'a'` is never true: 'id' is a UUID", ""),
        ("table.x == 'a'", NEVER, "`table.x == 'a'` is never true: 'table.x' is an int", ""),
        ("pair[0] == 'a'", NEVER, "`pair[0] == 'a'` is never true: 'pair[0]' is an int", ""),
        ("review.label == 'god'", NEVER,
         "`review.label == 'god'` is never true: 'review.label' is 'good' or 'bad'", "write 'good'"),
        ("many == 'x'", NEVER, ("`many == 'x'` is never true: 'many' is 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8' "
         "or 2 more"), ""),
        ("lower(name) == 'ABC'", NEVER, "`lower(name) == 'ABC'` is never true: lower() gives lower case", "write 'abc'"),
        ("len(tags) < 0", NEVER, "`len(tags) < 0` is never true", ""),
        ("len(tags) == 'x'", NEVER, "`len(tags) == 'x'` is never true", ""),
        ("has(review.scor)", NEVER, "`has(review.scor)` is never true: 'review' is a Review and has no 'scor'",
         "write review.score"),
        ("has(name.x)", NEVER, "`has(name.x)` is never true: 'name' is a str and has no 'x'", ""),
    ],
)  # fmt: skip
def test_what_is_never_or_always_true(text: str, kind: Misuse, message: str, hint: str) -> None:
    """It does not fail, and yet it cannot be meant so."""
    (found,) = mistakes(parse_condition(text), KINDS)
    assert (found.kind, found.message, found.hint, found.is_sure, found.example) == (kind, message, hint, False, {})


@pytest.mark.parametrize(
    "text",
    [
        "urgency > 7",
        "0 < urgency <= 9",
        "score is not None and score < 7",
        "not (score is None or score > 7)",
        "maybe is not None and maybe.score > 3 and maybe.label == 'good'",
        "has(review.scor) and urgency > 'x' and review.scor > 1 and 1 > 2",
        "deep.k is not None and deep.k.score > 3",
        "category in ['billing', 'spam']",
        "word == 'billing' and lower(word) == 'billing'",
        "count == 1 and count < 5",
        "'a' in tags and 'a' in name and 'a' in table and 'a' in bag",
        "len(review) > 1",
        "min(tags) == 'a'",
        "tags[5] == 'a'",
        "urgency / urgency > 1",
        "table.x > 3",
        "yes is True and yes and not yes",
        "any > 'x' and any.x > 1 and any < 1",
        "unknown > 'x' and unknown.a == 1",
        "any > name",
        "has(table.x) and has(unknown) and has(tags[0])",
        "has(maybe.score)",
        "urgency > 7 and urgency < 3 and name > 3",
        "2 > 1",
        "urgency == low",
        "name == name",
        "review == review.score",
    ],
)
def test_what_is_right(text: str) -> None:
    """Nothing is said of what does not fail, of what is asked before, and of what nobody knows."""
    found = mistakes(parse_condition(text), KINDS)
    assert [each for each in found if each.kind is FAILS] == []


def test_a_mistake_is_told_once() -> None:
    """However often it is made."""
    assert len(mistakes(parse_condition("name > 3 or name > 3"), KINDS)) == 1


def test_too_many_types_are_not_tried() -> None:
    """Of an operation with very many combinations of types nothing is said."""
    kinds = dict.fromkeys("abcdef", int | str)
    assert mistakes(parse_condition("max(a, b, c, d, e, f) > 3"), kinds) == []
    assert len(mistakes(parse_condition("max(a, b, c) > 3"), kinds)) == 2


def test_an_example_holds_what_the_condition_reads() -> None:
    """So that it can be run."""
    (found,) = mistakes(parse_condition("urgency > 5 and name > 3 and yes"), KINDS)
    assert found.example == {"urgency": 6, "name": "something else"}


def test_hostile_conditions_end() -> None:
    """However long it is; what is not looked at in time is not told."""
    text = " and ".join(f"(a{number} > b{number} or c{number} < d{number})" for number in range(50))
    condition = parse_condition(text)
    found = mistakes(condition, dict.fromkeys(condition.reads, int | str | None))
    assert all(each.kind is FAILS for each in found)
