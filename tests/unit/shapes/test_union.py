"""The union of several types."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from crewgraph.shapes import union_of


class Incomparable:
    """Cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


SCORE = Annotated[int, Field(ge=0)]
CASES: list[tuple[list[Any], Any]] = [
    ([], Any),
    ([int], int),
    ([int, str], int | str),
    ([int, int], int),
    ([int | None, str, None], int | None | str),
    ([int | None, int], int | None),
    ([int, Any, str], Any),
    ([int, object], Any),
    ([SCORE, int], SCORE | int),
    ([SCORE, SCORE], SCORE),
    ([list[int], list[int]], list[int]),
    ([Incomparable(), Incomparable()], Any),
]


@pytest.mark.parametrize(("kinds", "union"), CASES, ids=[str(number) for number in range(len(CASES))])
def test_a_union_is_flat_and_has_each_member_once(kinds: list[Any], union: Any) -> None:
    """In order; what may be anything is ``Any``, and so is what is no type."""
    assert union_of(kinds) == union
