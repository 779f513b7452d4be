"""Types are shown as their authors wrote them."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, Literal, NewType, Optional, ParamSpec, TypeVar, Union

import pytest
import typing_extensions
from pydantic import AfterValidator, BaseModel, Field, conint

from crewgraph.shapes import written


class Color(enum.Enum):
    RED = "red"


class Claim(BaseModel):
    pass


T = TypeVar("T")
P = ParamSpec("P")


class Box(Generic[T]):
    pass


class Hostile:
    """An annotation of no kind at all."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError


class Odd:
    __name__ = 5


Id = NewType("Id", int)
Alias = typing_extensions.TypeAliasType("Alias", list[int])

CASES: list[tuple[Any, str]] = [
    (int, "int"),
    (None, "None"),
    (type(None), "None"),
    (Any, "anything"),
    (object, "anything"),
    (int | None, "int | None"),
    (Optional[int], "int | None"),  # noqa: UP045
    (Union[int, str, None], "int | str | None"),  # noqa: UP007
    (list[Claim], "list[Claim]"),
    (typing.List[int], "list[int]"),  # noqa: UP006
    (typing.List, "list"),  # noqa: UP006
    (dict[str, list[int | None]], "dict[str, list[int | None]]"),
    (Mapping[str, Any], "Mapping[str, anything]"),
    (tuple[int, ...], "tuple[int, ...]"),
    (tuple[()], "tuple"),
    (Callable[[int, str], None], "Callable[[int, str], None]"),
    (Callable[..., int], "Callable[..., int]"),
    (Literal["a", "b"], "Literal['a', 'b']"),
    (Literal[Color.RED], "Literal[Color.RED]"),
    (Literal[1, 2, 3, 4, 5, 6, 7], "Literal[1, 2, 3, 4, 5, 6, …]"),
    (Annotated[int, Field(ge=0, le=10)], "int from 0 to 10"),
    (Annotated[int, Field(gt=0, lt=10, multiple_of=2)], "int > 0, < 10, a multiple of 2"),
    (conint(ge=1), "int ≥ 1"),
    (
        Annotated[str, Field(min_length=1, max_length=5, pattern="^a")],
        "str 1 to 5 long, matching ^a",
    ),
    (Annotated[str, "a note"], "str"),
    (Annotated[int, AfterValidator(abs)], "int"),
    (list[Annotated[int, Field(ge=0)]], "list[int ≥ 0]"),
    (typing_extensions.Required[int], "int"),
    (Color, "Color"),
    (Box[int], "Box[int]"),
    (Id, "Id"),
    (Alias, "Alias"),
    (T, "T"),
    (P, "P"),
    ("Claim", "Claim"),
    (list["Claim"], "list[Claim]"),
    (typing.ForwardRef("Claim"), "Claim"),
    (5, "5"),
    (Odd(), "<"),
]


@pytest.mark.parametrize(("kind", "shown"), CASES, ids=[shown for _, shown in CASES])
def test_a_type_is_shown_as_it_was_written(kind: Any, shown: str) -> None:
    """Without modules, with bounds in words."""
    assert written(kind).startswith(shown)
    assert shown.startswith("<") or written(kind) == shown


def test_long_and_deep_types_are_cut() -> None:
    """The text is bounded, however wide or deep the type."""
    deep: Any = int
    for _ in range(20):
        deep = list[deep]
    assert written(deep) == "list[list[list[list[list[list[…]]]]]]"
    wide = Union[tuple(type(f"Class{number}", (), {}) for number in range(100))]  # noqa: UP007
    assert len(written(wide)) == 120
    assert written(wide).endswith("…")


@pytest.mark.parametrize(
    "kind", [Hostile(), list[Hostile()], Annotated[int, Hostile()]], ids=["bare", "inside", "note"]
)  # type: ignore[misc]
def test_a_hostile_annotation_has_a_name(kind: Any) -> None:
    """Whatever its attributes raise, there is a text."""
    assert written(kind)
