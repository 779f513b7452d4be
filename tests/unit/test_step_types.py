"""What steps check of what they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypedDict

import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, RootModel

from crewgraph.errors import TemplateError, ValueMisfit
from crewgraph.step import Step, step
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


class Other(typing_extensions.TypedDict):
    amount: float


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: float = Field(alias="Amount")


class Many(RootModel[dict[str, int]]):
    pass


def by_alias(inputs: Aliased) -> float:
    return inputs.amount


def other(inputs: Other) -> float:
    return inputs["amount"]


def optional(inputs: Claim | None = None) -> float:
    return inputs.amount if inputs else 0


def marked(inputs: Annotated[Claim, "all there is"]) -> float:
    return inputs.amount


def root(inputs: Many) -> Any:
    return str(inputs)


def either(inputs: Claim | Row) -> Any:
    return str(inputs)


def unresolved(n: int, other: Nowhere) -> list[int]:  # type: ignore[name-defined]  # noqa: F821
    return [n]


class Callable_:  # noqa: N801
    def __call__(self, n: int, other: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


class Built:
    n: Nowhere  # type: ignore[name-defined]  # noqa: F821

    def __init__(self, n: int) -> None: ...


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


@pytest.mark.parametrize("function", [other, optional, marked, by_alias], ids=lambda function: function.__name__)
async def test_models_in_other_clothes(function: Callable[..., Any]) -> None:
    """A TypedDict of typing_extensions, one that may be None, one with a note, and one with an alias."""
    made = Step(function)
    assert (await made.kickoff_async({"amount": "2"})).raw == "2.0"
    assert [need.key for need in made.interface().needs][:1] == ["amount"]
    assert not made.interface().takes_all


@pytest.mark.parametrize("function", [root, either], ids=lambda function: function.__name__)
async def test_what_names_no_keys_is_given_a_dict(function: Callable[..., Any]) -> None:
    """A root model, or one of two."""
    assert (await Step(function).kickoff_async({"a": 1})).raw == "{'a': 1}"
    assert Step(function).interface().takes_all


async def test_what_is_handed_over_by_name_stands_before_an_alias() -> None:
    """A key of an alias may be left from a row; the field's own is what earlier nodes gave."""
    assert (await Step(by_alias).kickoff_async({"Amount": 1, "amount": 2})).raw == "2.0"
    pipeline = Pipeline([Step(by_alias)], inputs=Aliased)
    assert [run.raw for run in await pipeline.kickoff_async([{"Amount": 1}, {"amount": 2}])] == ["1.0", "2.0"]


@pytest.mark.parametrize("function", [unresolved, Callable_()], ids=["function", "object"])
async def test_an_annotation_that_leads_nowhere_hides_no_other(function: Any) -> None:
    """As one that is imported for type checkers only."""
    made = Step(function)
    assert [need.type for need in made.interface().needs] == [int, Any]
    with pytest.raises(ValueMisfit, match="n: "):
        await made.kickoff_async({"n": "x", "other": 1})


def test_what_a_step_with_such_an_annotation_gives() -> None:
    """Is known."""
    assert Step(unresolved).interface().gives == {"unresolved": list[int]}


def test_a_class_with_such_an_annotation_says_nothing() -> None:
    """Its annotations are not those of a function."""
    assert [need.type for need in Step(Built).interface().needs] == [Any]


def test_a_function_that_says_it_wraps_itself() -> None:
    """Is looked at once, and its parameters are not known."""

    def endless(n: int) -> int:
        return n

    endless.__wrapped__ = endless  # type: ignore[attr-defined]
    assert [problem.code for problem in Step(endless).interface().problems] == ["CG503"]


async def test_what_asks_for_nothing_is_handed_over_as_it_is() -> None:
    """An iterable stays what it was, and is not made into something that can be read once."""
    output = await loose.kickoff_async({"many": [1], "call": int, "anything": None})
    assert output.to_dict() == {"loose": ["list", "type", "NoneType"]}


async def test_inputs_are_held_against_it_before_anything_runs() -> None:
    """All rows together."""
    result = await Pipeline([count]).kickoff_async([{"n": "x"}, {"n": "3"}], on_error="collect")
    assert [run.status for run in result] == ["failed", "ok"]
    assert str(result[0].error).startswith("input 0 has an unfit 'n': ")
