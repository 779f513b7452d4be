"""Values that JSON gives back as they were, and values that it does not."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

__all__ = ["PLAIN", "NotPlain", "as_json", "is_same", "misfit"]


class NotPlain(ValueError):
    """Raised where a value cannot be written so that it comes back as it was; its text says what and why."""


as_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode
"""Plain values as JSON in ASCII, which any text column takes; whoever asks has seen that none contains itself."""


def misfit(value: Any, place: str) -> str | None:
    """What of a value JSON would not give back as it was, in words; ``None`` where it gives back all of it."""
    try:
        return _misfit(value, place)
    except RecursionError:
        return f"{place} is nested too deep"


def _misfit(value: Any, place: str) -> str | None:
    kind = type(value)
    if kind in PLAIN:
        return None
    if kind is float:
        return None if math.isfinite(value) else f"{place} is {value}, which JSON does not know"
    if kind is list:
        return _first(_misfit(item, f"{place}[{number}]") for number, item in enumerate(value))
    if kind is dict:
        return _first(_misfit_item(key, item, place) for key, item in value.items())
    return f"{place} is a {kind.__qualname__}, which JSON does not know"


PLAIN = frozenset({str, int, bool, type(None)})
"""Types of which JSON gives back every value."""


def _misfit_item(key: Any, item: Any, place: str) -> str | None:
    return _misfit(item, f"{place}.{key}") if type(key) is str else f"{place} has the key {key!r:.40}, which is no text"


def _first(told: Iterable[str | None]) -> str | None:
    return next((each for each in told if each is not None), None)


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, set | frozenset):
        return one == other and sorted(map(_typed, one)) == sorted(map(_typed, other))
    if isinstance(one, BaseModel):
        return bool(one == other) and is_same(dict(one), dict(other))
    if dataclasses.is_dataclass(one):
        return bool(one == other) and is_same(vars_of(one), vars_of(other))
    return bool(one == other)


def vars_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _typed(value: Any) -> str:
    return f"{type(value).__qualname__} {value!r}"
