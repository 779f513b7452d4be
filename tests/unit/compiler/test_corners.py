"""Corners of the checker: conditions that can be looked into only a little, and what stands on other routes."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import pytest
from pydantic import BaseModel

from crewgraph.condition import parse_condition
from crewgraph.condition.rename import renamed
from crewgraph.errors import PipelineInvalid
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline


class Mail(BaseModel):
    text: str
    n: int


class Customer(BaseModel):
    customer: str


@step
async def look_up(text: str) -> Customer: ...


@step
async def nothing() -> None: ...


@step
async def reply(customer: str) -> str: ...


def found(*stages: Any) -> list[str]:
    return [str(each) for each in Pipeline(list(stages), inputs=Mail).check()]


def test_a_function_of_which_the_keys_are_known() -> None:
    """They are checked, and it is said that nothing else is."""
    router = Router({"a": Route(lambda values: sum(map(ord, values["text"])) > 7, nothing)}, nothing)
    assert any("only the keys that it reads are checked" in each for each in found(router))


def test_a_key_that_another_route_gives() -> None:
    """The hint says where it is."""
    (error,) = Pipeline([Router({"a": Route("n > 1", look_up)}, reply)], inputs=Mail).check().errors
    assert error.hint == "'look_up' gives customer, but on another route"


@pytest.mark.parametrize(
    ("kind", "conditions", "severity"),
    [(int, ["n < 5", "n > 5"], "warning"), (Literal[5, "a"], ["n != 5 and len(n) == 1"], "info")],
    ids=["between numbers", "beside texts"],
)
def test_one_number_is_left_to_the_default(kind: Any, conditions: list[str], severity: str) -> None:
    """It is a hole only where the numbers beside it are taken; a condition that fails for them takes none."""
    routes = {f"r{number}": Route(condition, nothing) for number, condition in enumerate(conditions)}
    inputs: Any = TypedDict("In", {"n": kind})  # type: ignore[misc]
    (finding,) = Pipeline([Router(routes, nothing)], inputs=inputs).check()
    assert (finding.code, finding.severity) == ("CG404", severity)
    assert finding.message.startswith("where n is 5, no route of 'router' fits")


def test_a_broken_structure_has_no_inputs() -> None:
    """Nobody can tell what it needs."""
    with pytest.raises(PipelineInvalid):
        _ = Pipeline([look_up, []]).inputs


def test_keys_of_conditions_are_renamed() -> None:
    """Functions keep their names, and so does what would become too long."""
    condition = parse_condition("len(text) > n and has(text.size)")
    assert renamed(condition, {"text": "other"}).text == "len(other) > n and has(other.size)"
    assert renamed(condition, {}) is condition
    assert renamed(condition, {"text": "x" * 3_000}) is condition
