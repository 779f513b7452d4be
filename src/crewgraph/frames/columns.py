"""From records to columns: what kind of values each column holds, which does not depend on who makes a frame of it.

What users put into inputs and answers may be anything. A column whose values are all of one plain kind is of that kind:
text, whole numbers, numbers, truth values or moments. Everything else is JSON text, which every library keeps alike.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from numbers import Integral, Real
from typing import Any

from pydantic_core import to_jsonable_python

__all__ = ["Column", "Kind", "columns_of", "plain_text"]

LARGEST = 2**63
"""Whole numbers beyond it fit no column of numbers; they become text, digit by digit."""
_MISSING = frozenset({"NAType", "NaTType"})
"""How pandas says that a value of an input is not there."""


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    TRUTH = "truth"
    MOMENT = "moment"
    JSON = "json"
    NAN = "nan"
    """Not a kind of columns: a number among numbers, and nothing among others."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: its name, another one for each column.
        kind: what its values are.
        cells: its values, one for each row; ``None`` where there is none.
    """

    name: str
    kind: Kind
    cells: Sequence[Any]


def columns_of(records: Sequence[Mapping[str, Any]], fixed: Mapping[str, Kind]) -> list[Column]:
    """The columns of records: the fixed ones, which are always there and of their kind, then all others as they come."""
    names = dict.fromkeys((*fixed, *(name for record in records for name in record)))
    columns = list[Column]()
    for name in names:
        values = [record.get(name) for record in records]
        columns.append(Column(name, fixed[name], values) if name in fixed else _of_users(name, values))
    return columns


def _of_users(name: str, values: Iterable[Any]) -> Column:
    """A column of users' values."""
    seen = [(None, None) if value is None else _plain(value) for value in values]
    kinds = {kind for kind, _ in seen if kind is not None}
    kind = _common(kinds - {Kind.NAN}) if kinds != {Kind.NAN} else Kind.NUMBER
    return Column(name, kind, [None if each is None else _as(kind, each, value) for each, value in seen])


def _common(kinds: set[Kind]) -> Kind:
    if kinds == {Kind.WHOLE, Kind.NUMBER}:
        return Kind.NUMBER
    if len(kinds) > 1:
        return Kind.JSON
    return next(iter(kinds), Kind.TEXT)


def _as(kind: Kind, own: Kind, value: Any) -> Any:
    """A plain value as one of a column of this kind."""
    if own is Kind.NAN and kind is not Kind.NUMBER:
        return None
    if kind is Kind.NUMBER:
        return float(value)
    return _written(value) if kind is Kind.JSON and own is not Kind.JSON else value


def _plain(value: Any) -> tuple[Kind | None, Any]:
    """The kind of a value, and the value as columns of that kind hold it."""
    try:
        return _known(value) or _known(_jsonable(value)) or (Kind.JSON, _written(value))
    except Exception:  # noqa: BLE001 - a circle, or an object of the user's: no reason to lose the frame
        return Kind.TEXT, f"<{type(value).__name__}>"


def _known(value: Any) -> tuple[Kind | None, Any] | None:
    """The plain kinds; ``None`` for everything else."""
    match value:
        case bool():
            return Kind.TRUTH, value
        case str():
            return Kind.TEXT, plain_text(value)
        case Integral():
            number = int(value)
            return (Kind.WHOLE, number) if -LARGEST <= number < LARGEST else (Kind.JSON, str(number))
        case Real():
            figure = float(value)
            return (Kind.NAN if math.isnan(figure) else Kind.NUMBER), figure
        case datetime() if value.tzinfo is not None:
            return Kind.MOMENT, value.astimezone(UTC)
        case _ if type(value).__name__ in _MISSING:
            return None, None
        case _:
            return None


def _jsonable(value: Any) -> Any:
    """A value as JSON has it: of a date, a path or a member of an enumeration a text; of what it does not know, too."""
    return to_jsonable_python(value, bytes_mode="base64", fallback=str, serialize_unknown=True)


def _written(value: Any) -> str:
    """A value as JSON text."""
    return plain_text(json.dumps(_jsonable(value), ensure_ascii=False))


def plain_text(text: str) -> str:
    """A text that every library can hold: halves of surrogate pairs are written out."""
    return str.__str__(text).encode("utf-8", "backslashreplace").decode()
