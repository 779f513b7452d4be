"""Values are checked and coerced, and refused in one line of words."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Protocol, TypeVar

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from crewgraph.shapes import coercer


class Color(enum.StrEnum):
    RED = "red"
    GREEN = "green"


class Claim(BaseModel):
    name: str
    amount: float = 0


class Always(BaseModel):
    model_config = ConfigDict(revalidate_instances="always")

    a: int


class Closed(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    a: int


class Old(typing.TypedDict):
    a: int
    b: NotRequired[list[Old]]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pair(NamedTuple):
    a: int
    b: int


class Acts(Protocol):
    def act(self) -> None: ...


class Fussy(BaseModel):
    a: int

    @field_validator("a")
    @classmethod
    def even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("it must be\neven")
        return value


class Hostile:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class Unshown:
    def __repr__(self) -> str:
        raise RuntimeError


Unshown.__name__ = "list"  # so that who shortens it counts its items
T = TypeVar("T")


def refuse(value: Any) -> Any:
    raise ValueError("never " * 100)


def check(kind: Any) -> Callable[[Any], Any]:
    made = coercer(kind)
    assert made is not None
    return made


NONE = [
    Any, object, T, "Nowhere", Acts, Callable[[int], int], Callable, Iterator[int], Generator[int, None, None],
    AsyncIterator[int], Iterable[int], Iterable[int] | None, dict[str, Iterable[int]], list[T], Acts | None,
    inspect.Parameter.empty, typing.Never, list["Nowhere"], 5, list[Acts], Unshown(), Hostile(),  # noqa: F821
]  # fmt: skip


@pytest.mark.parametrize("kind", NONE, ids=[str(number) for number in range(len(NONE))])
def test_where_nothing_is_asked_there_is_nothing_to_check(kind: Any) -> None:
    """Also where nobody can look into a type, and where checking would use up what is read once."""
    assert coercer(kind) is None


MADE: list[tuple[Any, Any, Any]] = [
    (int, "5", 5),
    (int, 5.0, 5),
    (int, True, 1),
    (float, 5, 5.0),
    (str, Color.RED, "red"),
    (Color, "red", Color.RED),
    (Literal["a"] | int, "a", "a"),
    (int | str, "5", "5"),
    (Claim, {"name": "x"}, Claim(name="x")),
    (list[Claim], [{"name": "x", "amount": "2"}], [Claim(name="x", amount=2)]),
    (Claim | None, None, None),
    (Old, {"a": "1", "b": [{"a": 2}]}, {"a": 1, "b": [{"a": 2}]}),
    (list[Old] | None, [{"a": "1"}], [{"a": 1}]),
    (Sequence[int], ("1", 2), (1, 2)),
    (Mapping[str, int], {"a": "1"}, {"a": 1}),
    (tuple[int, ...], ["1"], (1,)),
    (Pair, ["1", 2], Pair(1, 2)),
    (dt.date, "2024-02-29", dt.date(2024, 2, 29)),
    (Annotated[int, Field(ge=0)], "5", 5),
    (list[Literal["a"]], ("a",), ["a"]),
]


@pytest.mark.parametrize(("kind", "value", "made"), MADE, ids=[str(number) for number in range(len(MADE))])
def test_a_value_that_fits_is_coerced(kind: Any, value: Any, made: Any) -> None:
    """By pydantic's lax rules."""
    assert check(kind)(value) == made
    assert type(check(kind)(value)) is type(made)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 5),
        (dict, {1: 2}),
        (list, [1]),
        (str, "a"),
        (Claim, Claim(name="x")),
        (Annotated[Claim, "note"], Claim(name="x")),
    ],
    ids=["int", "dict", "list", "str", "model", "annotated"],
)
def test_a_value_that_has_the_type_stays_itself(kind: Any, value: Any) -> None:
    """The same object, without being looked into."""
    assert check(kind)(value) is value


def test_a_model_that_wants_it_is_validated_anew() -> None:
    """Its settings count, also for its instances."""
    broken = Always.model_construct(a="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x"):
        check(Always)(broken)


def test_coercers_are_kept() -> None:
    """One for each annotation, told apart by identity: the order of a union decides."""
    one, other = int | float, float | int
    assert coercer(one) is coercer(one)
    assert type(check(one)("1")) is not type(check(other)("1"))


REFUSED: list[tuple[Any, Any, str]] = [
    (int, 5.5, "5.5 is no int: it has a fractional part"),
    (int, "x", "'x' is no int"),
    (int, None, "None is not allowed"),
    (int, float("inf"), "inf is not finite"),
    (int | None, "x", "'x' is no int"),
    (int | dt.date, "x", "'x' is neither int nor date"),
    (int | dt.date | list[int], "x", "'x' is none of int, date, list[int]"),
    (str, 5, "5 is no str"),
    (Literal["a"], "b", "'b' is not 'a'"),
    (Literal["a", "b", "c", "d", "e", "f"], "g", "'g' is none of 'a', 'b', 'c', 'd', 'e', …"),
    (Color, "blue", "'blue' is none of 'red', 'green'"),
    (Literal["a"], Color.RED, "'red' is not 'a'"),
    (Annotated[int, Field(ge=0)], -1, "-1 is below 0"),
    (Annotated[int, Field(gt=0)], 0, "0 is not above 0"),
    (Annotated[float, Field(le=0.5)], 1.0, "1.0 is above 0.5"),
    (Annotated[int, Field(lt=5)], 5, "5 is not below 5"),
    (Annotated[int, Field(multiple_of=2)], 3, "3 is no multiple of 2"),
    (Annotated[str, Field(min_length=1)], "", "'' has fewer than 1 characters"),
    (Annotated[bytes, Field(max_length=1)], b"ab", "b'ab' has more than 1 bytes"),
    (Annotated[list[int], Field(min_length=1)], [], "[] has fewer than 1 items"),
    (Annotated[str, Field(pattern="^a")], "b", "'b' does not match ^a"),
    (Annotated[Decimal, Field(max_digits=2)], Decimal("1.234"), "Decimal('1.234') is refused: numbers of more than 2 digits are"),
    (Claim, {}, "field 'name' is missing"),
    (Claim, {"name": 5}, "in 'name': 5 is no str"),
    (Claim, "x", "'x' is no Claim"),
    (Claim | None, {"name": 5}, "in 'name': 5 is no str"),
    (list[Claim], [{"name": "x"}, {}], "in [1]: field 'name' is missing"),
    (dict[str, list[Claim]], {"k": [{"name": 5}]}, "in ['k'][0].name: 5 is no str"),
    (dict[int, int], {"x": 1}, "in [the key 'x']: 'x' is no int"),
    (Closed, {"a": 1, "b": 2}, "field 'b' is not allowed"),
    (Closed, {"a b": 2}, "field 'a' is missing"),
    (tuple[int, int], (1,), "(1,) has 1 items, not 2"),
    (Annotated[Cat | Dog, Field(discriminator="kind")], {}, "field 'kind' is missing, which tells its types apart"),
    (Fussy, {"a": 3}, "in 'a': 3 is refused: it must be even"),
    (Annotated[int, AfterValidator(lambda value: 1 // value)], "x", "'x' is no int"),
    (int, Unshown(), "<list> is no int"),
    (int, [], "[] is no int"),
    (list[str], range(2), "in '0': 0 is refused: input should be a valid string"),
    (tuple[int, int], range(3), "range(0, 3) is refused: tuple should have at most 2 items after validation, not more"),
    (frozenset[int], 5, "5 is no frozenset[int]"),
    (list[list[list[list[list[int]]]]], 5, "5 is no list[list[list[list[…]]]]"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "words"), REFUSED, ids=[words[:40] for *_, words in REFUSED])
def test_a_value_that_does_not_fit_is_refused_in_words(kind: Any, value: Any, words: str) -> None:
    """One line that names the value, the place in it, and what is wrong."""
    with pytest.raises(ValueError) as caught:
        check(kind)(value)
    assert str(caught.value) == words
    assert caught.value.__cause__ is None


def test_a_message_is_short_and_shows_little() -> None:
    """However long the value, the key or the text of a validator."""
    for kind, value in [
        (int, "secret" * 1_000),
        (Claim, {"name": ["secret" * 1_000] * 50}),
        (dict[str, int], {"secret" * 1_000: "x"}),
        (Annotated[int, AfterValidator(refuse)], 1),
        (Closed, {"a": 1, "secret" * 1_000: 1}),
    ]:
        with pytest.raises(ValueError) as caught:
            check(kind)(value)
        assert len(str(caught.value)) <= 200
        assert str(caught.value).count("secret") < 14


def test_what_a_validator_raises_otherwise_is_its_own() -> None:
    """An error that is no refusal is not hidden."""
    with pytest.raises(ZeroDivisionError):
        check(Annotated[int, AfterValidator(lambda value: 1 // value)])(0)
