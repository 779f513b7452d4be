from __future__ import annotations

from datetime import date
from time import perf_counter

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from crewgraph.crew import answer
from crewgraph.crew.answer import MAX_BUILT, MAX_ERRORS, MAX_MENDED, Misfit, read
from tests.unit.crew.doubles import Verdict

pytestmark = pytest.mark.anyio

GOOD = '{"urgent": true, "score": 3}'


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    day: date


class Numbers(BaseModel):
    xs: list[int]


class Picky(BaseModel):
    kind: str

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        return {"a": "b"}[kind]


class Wide(BaseModel):
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int
    g: int
    h: int
    i: int
    j: int
    k: int
    l: int  # noqa: E741


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (GOOD, False),
        (f"```json\n{GOOD}\n```", True),
        (f"```\n{GOOD}\n```", True),
        (f"```json \r\n\r\n {GOOD}\r\n \r\n```", True),
        (f"Sure! Here it is:\n```json\n{GOOD}\n```\nAnything else?", True),
        (f"The answer is {GOOD}.", True),
        (f"Like this:\n```json\n{{}}\n```\nso:\n```json\n{GOOD}\n```", True),
        ("{'urgent': True, 'score': 3,}", True),
        ('{"urgent": true, "score": 3', True),
        ('Sure: {urgent: true, "score": 3', True),
    ],
    ids=[
        "exact",
        "fence",
        "plain fence",
        "blank lines",
        "prose and fence",
        "prose",
        "two fences",
        "Python",
        "cut off",
        "hopeful",
    ],
)
async def test_read(text: str, repaired: bool) -> None:
    """JSON is found as it is, in fences and prose, and mended where it is nearly JSON; mending is marked."""
    shaped = await read(text, Verdict)
    assert shaped.value == Verdict(urgent=True, score=3)
    assert shaped.repaired is repaired


async def test_strict_model() -> None:
    """A strict model is read by the rules of JSON, in which a date is a text."""
    assert (await read('{"day": "2024-02-29"}', Strict)).value.day == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("I cannot say.", "it is not JSON"),
        ('{"score": "many"}', "- urgent: Field required\n- score: Input should be a valid integer"),
        ("{'score': 1,}", "- urgent: Field required"),
        ("[1]", "- the object: Input should be an object"),
        ("{" * 2_000, "it is not JSON|the object|urgent"),
        ("{" + "x" * MAX_MENDED, "it is not JSON"),
    ],
    ids=["prose", "invalid", "mended and invalid", "not an object", "deep", "long"],
)
async def test_misfit(text: str, problem: str) -> None:
    """What does not fit is said in words that help the model that wrote it."""
    with pytest.raises(Misfit, match=problem):
        await read(text, Verdict)


async def test_many_errors() -> None:
    """Of many errors the first are told and the rest counted."""
    with pytest.raises(Misfit) as caught:
        await read("{}", Wide)
    assert str(caught.value).count("Field required") == MAX_ERRORS
    assert str(caught.value).endswith("- and 2 more")


async def test_mending_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mending that takes too long is given up."""
    monkeypatch.setattr(answer, "MEND_SECONDS", 0)
    with pytest.raises(Misfit, match="it is not JSON"):
        await read("{'urgent': True}", Verdict)


async def test_numbers_that_json_lacks() -> None:
    """Mended text with a number that JSON cannot write is no JSON."""
    with pytest.raises(Misfit, match="it is not JSON"):
        await read("{'urgent': True, 'score': 1e999}", Verdict)


async def test_errors_without_number() -> None:
    """Of very many errors only the number is told, for writing them all out takes too long."""
    text = '{"xs": [' + ", ".join(['"a"'] * (MAX_BUILT + 1)) + "]}"
    with pytest.raises(Misfit, match=f"^- {MAX_BUILT + 1} values do not fit the schema$"):
        await read(text, Numbers)


async def test_open_fence_with_blank_lines() -> None:
    """A fence that never ends is read in no time, however many blank lines follow."""
    began = perf_counter()
    with pytest.raises(Misfit, match="it is not JSON"):
        await read("```json" + "\n" * 50_000, Verdict)
    assert perf_counter() - began < 2


@pytest.mark.parametrize("text", ['{"kind": "z"}', "{'kind': 'z'}"], ids=["as it is", "mended"])
async def test_validator_raises_anything(text: str) -> None:
    """Whatever a validator of the shape raises is told to the model as what does not fit."""
    with pytest.raises(Misfit, match=r"^- the object: KeyError: 'z'$"):
        await read(text, Picky)


async def test_validator_accepts() -> None:
    """A value that the shape's validator accepts is what it returns."""
    assert (await read('{"kind": "a"}', Picky)).value.kind == "b"
