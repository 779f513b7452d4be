"""JSON lines that any reader and any terminal takes: whatever a user's code returned becomes JSON values or text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from pydantic_core import to_jsonable_python

from crewgraph.usage import UsageMetrics

__all__ = ["counts", "encoded_line", "plain"]

_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Control characters, marks of direction and the like, ends of lines: a terminal would obey them."""


def counts(usage: UsageMetrics) -> dict[str, int]:
    """The counts without the zeros."""
    return {name: count for name, count in usage.model_dump().items() if count}


def plain(value: Any) -> Any:
    """JSON values of whatever a user's code returned; what has no such form becomes text."""
    try:
        return to_jsonable_python(value, fallback=str, bytes_mode="base64", serialize_unknown=True)
    except Exception:  # noqa: BLE001 - a serialiser of the user's, a circle: no reason to lose the result
        return str(value)


def encoded_line(record: dict[str, Any]) -> bytes:
    """A record as one line of UTF-8."""
    for encode in _ENCODERS:
        try:
            return encode(record).encode() + b"\n"
        except ValueError:  # NaN, or half of a surrogate pair
            continue
    raise AssertionError("the last encoder takes everything")  # pragma: no cover


def _strict(record: dict[str, Any]) -> str:
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    if line.isprintable():
        return line
    return "".join(
        json.dumps(character)[1:-1] if unicodedata.category(character) in _UNSEEN else character for character in line
    )


def _mended(record: dict[str, Any]) -> str:
    return json.dumps(_without_nan(record), ensure_ascii=True)


_ENCODERS: tuple[Callable[[dict[str, Any]], str], ...] = (_strict, _mended)


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN and no infinity; they become null."""
    match value:
        case dict():
            return {key: _without_nan(item) for key, item in value.items()}
        case list():
            return [_without_nan(item) for item in value]
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - true for NaN alone
            return None
        case _:
            return value
