"""A simple value of a type."""

from __future__ import annotations

import abc
import enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import pytest
from pydantic import AfterValidator, BaseModel, Field, FilePath, HttpUrl, SecretStr
from typing_extensions import TypedDict

from crewgraph.shapes import example


class Color(enum.Enum):
    RED = "red"


class Claim(BaseModel):
    name: str = Field(alias="fullName", pattern=r"^[A-Z]\d{3}$")
    amount: float = Field(ge=10, le=20)
    after: Claim | None = None


class Row(TypedDict):
    a: list[int]


class Pair(NamedTuple):
    a: int
    b: str


class Looped(BaseModel):
    inner: Looped


class Abstract(abc.ABC):
    @abc.abstractmethod
    def act(self) -> None: ...


CASES: list[tuple[Any, Any]] = [
    (int, 1),
    (float, 1.5),
    (str, "text"),
    (bool, True),
    (None, None),
    (int | None, 1),
    (Literal["b", "a"], "b"),
    (Color, Color.RED),
    (list[int], [1]),
    (set[str], {"text"}),
    (tuple[int, str], (1, "text")),
    (dict[str, int], {"text": 1}),
    (Pair, Pair(1, "text")),
    (Row, {"a": [1]}),
    (Annotated[int, Field(ge=5, le=9)], 7),
    (Annotated[int, Field(gt=5, multiple_of=4)], 8),
    (Annotated[int, Field(lt=-5)], -6),
    (Annotated[list[int], Field(min_length=2)], [1, 1]),
    (Annotated[str, Field(min_length=9)], "a" * 9),
    (Annotated[dict[str, int], Field(min_length=2)], {"text": 1, "": 1}),
    (Any, "text"),
    (object, "text"),
    (list[Any], []),
    (dict, {}),
    (TypeVar("T"), None),
    (Annotated[int, AfterValidator(abs)], 1),
    (SecretStr, "text"),
    (HttpUrl, "https://example.com/"),
    (type[int], int),
    (FilePath, "text"),
    (Looped, None),
    (Abstract, None),
    (list[SecretStr], ["text"]),
    (Annotated[int | str, Field(ge=5)], 7),
    (Path, "text"),
    (Annotated[str, Field(pattern="(a)\\1")], None),
    (Annotated[int, Field(ge=5, le=4)], None),
]


@pytest.mark.parametrize(("kind", "value"), CASES, ids=[str(number) for number in range(len(CASES))])
def test_a_simple_value_of_a_type(kind: Any, value: Any) -> None:
    """Within its bounds; ``None`` where nobody can make one."""
    found = example(kind)
    assert found == value
    assert type(found) is type(value)


def test_an_example_of_a_model_is_what_it_is_made_of() -> None:
    """A dict with the names under which its fields are looked for."""
    found = example(Claim)
    assert set(found) == {"fullName", "amount", "after"}
    assert Claim.model_validate(found).amount == 15
    assert found["after"]["after"] is None or isinstance(found["after"]["after"], dict)
