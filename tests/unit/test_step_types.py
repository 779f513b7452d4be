"""What steps check of what they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from crewgraph.errors import TemplateError, ValueMisfit
from crewgraph.step import step
from crewgraph.syntax import Pipeline


class Claim(BaseModel):
    amount: float
    due: bool = False


class Row(TypedDict):
    amount: float


@step
async def count(n: int, claim: Claim | None = None) -> str:
    return f"{n} {claim}"


@step
async def whole(inputs: Claim) -> str:
    return f"{inputs.amount} {inputs.due}"


@step
async def row(inputs: Row) -> str:
    return str(inputs)


@step
async def loose(many: Iterable[int], call: Callable[[], int], anything: Any) -> list[str]:
    return [type(many).__name__, type(call).__name__, type(anything).__name__]


pytestmark = pytest.mark.anyio


async def test_values_are_coerced() -> None:
    """Text of a CSV file becomes a number, a dict becomes the model."""
    output = await count.kickoff_async({"n": "5", "claim": {"amount": 2}})
    assert output.raw == "5 amount=2.0 due=False"


async def test_all_misfits_are_told_together() -> None:
    """With step, key and value."""
    with pytest.raises(ValueMisfit) as caught:
        await count.kickoff_async({"n": "five", "claim": {"amount": "much"}})
    assert list(caught.value.misfits) == ["n", "claim"]
    assert str(caught.value).startswith("step 'count' cannot take n: ")


async def test_what_is_missing_is_told_first() -> None:
    """As ever."""
    with pytest.raises(TemplateError):
        await count.kickoff_async({"claim": 7})


async def test_one_model_takes_all_values() -> None:
    """Its fields are the needs; what does not fit is told."""
    assert (await whole.kickoff_async({"amount": "2.5", "id": 1})).raw == "2.5 False"
    assert (await row.kickoff_async({"amount": 1, "id": 1})).raw == "{'amount': 1.0}"
    assert [(need.key, need.required) for need in whole.interface().needs] == [("amount", True), ("due", False)]
    assert not whole.interface().takes_all
    with pytest.raises(ValueMisfit, match="amount: it is missing"):
        await whole.kickoff_async({})


async def test_what_asks_for_nothing_is_handed_over_as_it_is() -> None:
    """An iterable stays what it was, and is not made into something that can be read once."""
    output = await loose.kickoff_async({"many": [1], "call": int, "anything": None})
    assert output.to_dict() == {"loose": ["list", "type", "NoneType"]}


async def test_inputs_are_held_against_it_before_anything_runs() -> None:
    """All rows together."""
    result = await Pipeline([count]).kickoff_async([{"n": "x"}, {"n": "3"}], on_error="collect")
    assert [run.status for run in result] == ["failed", "ok"]
    assert str(result[0].error).startswith("input 0 has an unfit 'n': ")
