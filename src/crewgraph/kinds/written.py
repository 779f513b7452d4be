"""A type as the user wrote it: ``int | None``, ``list[Claim]``, ``Literal['a', 'b']``, ``int ≥ 0``."""

from __future__ import annotations

import enum
import reprlib
import types
from typing import Any, ForwardRef, Literal, TypeVar, get_args, get_origin

from crewgraph.shapes.peel import is_union, peeled

__all__ = ["written"]

MAX_DEPTH = 4
MAX_LENGTH = 120
MAX_VALUES = 6
"""How many values of a Literal are shown."""

_BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": "a multiple of {}"}
_SIZES = {"min_length": "at least {} long", "max_length": "at most {} long", "pattern": "matching {!r}"}


def written(kind: Any) -> str:
    """A type in the words of its author, at most :data:`MAX_LENGTH` characters long; it never raises."""
    try:
        told = _written(kind, MAX_DEPTH)
    except Exception:  # noqa: BLE001 - a type may be any object of the user's
        told = "a type"
    return told if len(told) <= MAX_LENGTH else told[: MAX_LENGTH - 1] + "…"


def _written(kind: Any, depth: int) -> str:
    bare, metadata, _ = peeled(kind)
    if metadata:
        bounds = [words for each in metadata for words in _bounds(each)]
        return " ".join([_written(bare, depth), ", ".join(bounds)]).strip()
    if bare is Any or bare is object:
        return "anything"
    if bare is None or bare is types.NoneType:
        return "None"
    if bare is ...:
        return "..."
    if isinstance(bare, str | ForwardRef | TypeVar):
        return getattr(bare, "__forward_arg__", None) or getattr(bare, "__name__", None) or str(bare)
    if depth == 0:
        return "…"
    if is_union(bare):
        return " | ".join(_written(each, depth - 1) for each in get_args(bare))
    return _with_arguments(bare, depth)


def _with_arguments(kind: Any, depth: int) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        more = ", …" if len(args) > MAX_VALUES else ""
        return f"Literal[{', '.join(map(_value, args[:MAX_VALUES]))}{more}]"
    if origin is None:
        return str(getattr(kind, "__name__", None) or reprlib.repr(kind))
    name = getattr(origin, "__name__", str(origin))
    inside = [
        f"[{', '.join(_written(each, depth - 1) for each in arg)}]"
        if isinstance(arg, list)
        else _written(arg, depth - 1)
        for arg in args
    ]
    return f"{name}[{', '.join(inside)}]"


def _value(value: Any) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, enum.Enum) else reprlib.repr(value)


def _bounds(constraint: Any) -> list[str]:
    """A constraint in words; nothing where it is something else."""
    words = {**_BOUNDS, **_SIZES}
    found = [(name, getattr(constraint, name, None)) for name in words]
    return [words[name].format(value) for name, value in found if value is not None and not callable(value)]
