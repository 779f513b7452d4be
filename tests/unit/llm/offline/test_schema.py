from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Network
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AnyUrl,
    Base64Bytes,
    BaseModel,
    Field,
    Json,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
    create_model,
    field_validator,
)

from crewgraph.errors import ModelAnswerInvalid
from crewgraph.llm.offline.schema import made_up


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    kind: Literal["leaf"]
    size: int


class Tree(BaseModel):
    kind: Literal["tree"]
    children: list[Annotated[Union[Leaf, Tree], Field(discriminator="kind")]]  # noqa: UP007
    twin: Optional[Tree] = None  # noqa: UP045


class Nest(BaseModel):
    inner: list[int] | Nest


class Endless(BaseModel):
    again: Endless


class EndlessUnion(BaseModel):
    again: Endless | EndlessUnion
    maybe: Endless | None = None


class Stubborn(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def never(cls, number: int) -> int:
        raise ValueError("never")


TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "None": None,
    "Any": Any,
    "bytes": bytes,
    "Decimal": Decimal,
    "money": Annotated[Decimal, Field(max_digits=5, decimal_places=2, ge=0)],
    "date": date,
    "datetime": datetime,
    "time": time,
    "timedelta": timedelta,
    "UUID": UUID,
    "url": AnyUrl,
    "secret": SecretStr,
    "base64": Base64Bytes,
    "ipv4": IPv4Address,
    "interface": IPv4Interface,
    "network": IPv6Network,
    "json": Json[list[int]],
    "enum": Colour,
    "literal": Literal["a", 3],
    "optional": int | None,
    "union": int | list[str],
    "tuple": tuple[int, str],
    "tuple of any length": tuple[int, ...],
    "set": set[int],
    "frozenset": frozenset[Colour],
    "dict": dict[str, int],
    "open dict": Annotated[dict[str, Any], Field(min_length=2)],
    "dict with at least two": Annotated[dict[str, int], Field(min_length=2)],
    "dict with pattern": dict[Annotated[str, StringConstraints(pattern="^k[0-9]$")], float],
    "dict with long keys": dict[Annotated[str, StringConstraints(min_length=20)], float],
    "list": list[Leaf],
    "model": Leaf,
    "recursive": Tree,
    "nest": Nest,
    "short": Annotated[str, Field(max_length=3)],
    "long": Annotated[str, Field(min_length=40)],
    "pattern": Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{4}$")],
    "pattern of fixed length": Annotated[str, Field(pattern="^[a-z]+$", min_length=12, max_length=12)],
    "at least three": Annotated[set[int], Field(min_length=3)],
    "at most one": Annotated[list[int], Field(max_length=1)],
    "none at all": Annotated[list[int], Field(max_length=0)],
    "percent": Annotated[float, Field(gt=0, lt=1)],
    "narrow": Annotated[float, Field(gt=0, lt=0.001)],
    "negative": Annotated[int, Field(lt=0)],
    "multiple": Annotated[int, Field(multiple_of=7, gt=7, le=14)],
    "half": Annotated[float, Field(multiple_of=0.5, ge=1)],
    "at most": Annotated[int, Field(le=-5)],
    "big": Annotated[int, Field(ge=10**9)],
    "allOf": Annotated[
        Any, WithJsonSchema({"allOf": [{"type": "array", "items": {"type": "integer"}}, {"minItems": 3}]})
    ],
    "merged allOf": Annotated[
        dict[str, Any],
        WithJsonSchema(
            {
                "properties": {"a": {"type": "integer"}},
                "required": ["a"],
                "allOf": [{"properties": {"b": {"const": 1}}, "required": ["b"]}],
            }
        ),
    ],
    "several types": Annotated[int | str, WithJsonSchema({"type": ["integer", "string"]})],
}


@pytest.mark.parametrize("name", TYPES)
def test_type(name: str) -> None:
    """Whatever pydantic can ask for is made up so that pydantic accepts it, for every seed."""
    model = create_model("Asked", field=(TYPES[name], ...))
    for seed in range(12):
        model.model_validate_json(made_up(model, seed=seed))


@settings(max_examples=60)
@given(
    fields=st.lists(st.tuples(st.sampled_from(sorted(TYPES)), st.booleans()), min_size=1, max_size=8),
    seed=st.integers(0, 2**256 - 1),
)
def test_any_model(fields: list[tuple[str, bool]], seed: int) -> None:
    """Random models of random fields, required or optional, are satisfied, and the same way twice."""
    parts: dict[str, Any] = {
        f"f{number}": (TYPES[name], ...) if required else (TYPES[name] | None, None)
        for number, (name, required) in enumerate(fields)
        if required or TYPES[name] is not None
    }
    model = create_model("Asked", **parts)
    text = made_up(model, seed=seed)
    model.model_validate_json(text)
    assert made_up(model, seed=seed) == text


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Endless, "contains itself for ever"),
        (EndlessUnion, "contains itself for ever"),
        (Stubborn, "never"),
        (
            create_model("Look", field=(Annotated[str, WithJsonSchema({"type": "string", "pattern": "(?=a)b"})], ...)),
            "pattern",
        ),
        (create_model("Gap", field=(Annotated[int, Field(multiple_of=10, gt=10, lt=20)], ...)), "multiple of 10"),
    ],
    ids=["endless", "endless union", "validator", "pattern", "no number"],
)
def test_impossible(model: type[BaseModel], reason: str) -> None:
    """Where no value is found, the error says what stood in the way and how to script one."""
    with pytest.raises(ModelAnswerInvalid, match=reason) as caught:
        made_up(model, seed=0)
    assert "OfflineLLM(rules=" in str(caught.value)


def test_optional_part_that_is_impossible() -> None:
    """An optional field for which nothing can be made up is left out."""
    assert made_up(create_model("Lucky", ok=(int, ...), no=(Endless, None)), seed=1)
