"""Whether every scalar of one kind is taken as another, bounds included: the table of pydantic's lax rules."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from crewgraph.shapes.forms import Scalar

__all__ = ["CLASSES", "takes_all"]

CLASSES: dict[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "str": str,
    "bytes": bytes,
    "date": date,
    "datetime": datetime,
    "time": time,
    "timedelta": timedelta,
    "decimal": Decimal,
    "uuid": UUID,
    "fraction": Fraction,
}
"""What the values of each kind are."""

TAKEN_AS = {
    "int": {"float", "complex", "decimal", "fraction"},
    "float": {"complex", "decimal", "fraction"},
    "decimal": {"float", "complex", "fraction"},
    "str": {"bytes", "path"},
    "date": {"datetime"},
}
"""Which kinds take all values of a kind beside itself: a float becomes a Decimal where it is finite."""

FREE = {"type", "strict", "coerce_numbers_to_str", "regex_engine", "microseconds_precision", "union_mode"}
"""What a schema says that refuses nothing more of what is taken as its kind."""
EXACT = 2**53
"""Up to where a float holds each whole number."""
_SHAPING = {"strip_whitespace", "to_lower", "to_upper"}


def takes_all(target: Scalar, source: Scalar) -> bool:
    """Whether all values of the source are taken; only where it can be told from the bounds."""
    same = source.kind == target.kind
    if not same and (target.core.get("strict") or target.kind not in TAKEN_AS.get(source.kind, ())):
        return False
    if target.kind == "path":
        return True
    asked = {key: value for key, value in target.core.items() if key not in FREE and value is not None}
    if same and all(key in source.core and source.core[key] == value for key, value in asked.items()):
        return True
    if not same and not _is_finite(source) and (source.kind, target.kind) != ("float", "complex"):
        return False
    if _SHAPING & {key for key, value in asked.items() if value} and asked.keys() - _SHAPING:
        return False  # a text is measured after it was stripped
    return all(_satisfied(key, value, source, is_same=same) for key, value in asked.items())


def _satisfied(key: str, value: Any, source: Scalar, *, is_same: bool) -> bool:
    if key in _SHAPING:
        return True
    if key == "allow_inf_nan":
        return bool(value) or _is_finite(source)
    compare = _COMPARED.get(key)
    try:
        return compare is not None and (is_same or _is_exact(source, key, value)) and compare(source, value)
    except (TypeError, ArithmeticError, ValueError):  # a naive and an aware datetime, a Decimal that is no number
        return False


def _is_exact(source: Scalar, key: str, value: Any) -> bool:
    """Whether a bound on numbers of another kind means the same for these: beyond, a conversion may round across it."""
    return source.kind == "int" and key in {"ge", "gt", "le", "lt"} and abs(value) <= EXACT


def _is_finite(source: Scalar) -> bool:
    core = source.core
    if source.kind == "float":
        is_bounded = any(key in core for key in ("ge", "gt")) and any(key in core for key in ("le", "lt"))
        return core.get("allow_inf_nan") is False or (is_bounded and _are_finite(core))
    return source.kind != "decimal" or not core.get("allow_inf_nan")


def _are_finite(core: Mapping[str, Any]) -> bool:
    return all(abs(core[key]) < float("inf") for key in ("ge", "gt", "le", "lt") if key in core)


def _bound(closed: str, opened: str, within: Callable[[Any, Any], bool], step: int) -> dict[str, Any]:
    """What keeps values on one side: above for ``ge`` and ``gt``, below for ``le`` and ``lt``."""
    beyond = {operator.ge: operator.gt, operator.le: operator.lt}[within]

    def at_most(source: Scalar, value: Any) -> bool:
        core = source.core
        has = (closed in core and within(core[closed], value)) or (opened in core and within(core[opened], value))
        return bool(has or (source.kind == "int" and opened in core and within(core[opened] + step, value)))

    def short_of(source: Scalar, value: Any) -> bool:
        core = source.core
        return bool(
            (opened in core and within(core[opened], value)) or (closed in core and beyond(core[closed], value))
        )

    return {closed: at_most, opened: short_of}


def _multiple(source: Scalar, value: Any) -> bool:
    step: Any = source.core.get("multiple_of")
    return isinstance(step, int) and isinstance(value, int) and step % value == 0


_COMPARED: dict[str, Callable[[Scalar, Any], bool]] = {
    **_bound("ge", "gt", operator.ge, 1),
    **_bound("le", "lt", operator.le, -1),
    "multiple_of": _multiple,
    "min_length": lambda source, value: value <= (source.core.get("min_length") or 0),
    "max_length": lambda source, value: value >= source.core.get("max_length", value + 1),
}
"""For each bound of a sink, whether the bounds of a source keep within it."""
