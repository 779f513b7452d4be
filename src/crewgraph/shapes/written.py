"""A type as the user wrote it: ``int | None``, ``list[Claim]``, ``Literal['a', 'b']``, ``int from 0 to 10``."""

from __future__ import annotations

import enum
import reprlib
import types
from collections.abc import Iterator, Sequence
from typing import Any, ForwardRef, Literal, ParamSpec, TypeVar, get_args, get_origin

from crewgraph.errors.root import shortened
from crewgraph.shapes.peel import is_union, peeled
from crewgraph.shapes.unseen import asks_nothing

__all__ = ["written"]

MAX_DEPTH = 6
MAX_LENGTH = 120
MAX_VALUES = 6
"""How many values of a Literal are shown."""

_BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": "a multiple of {}"}
_SIZES = {"min_length": "at least {} long", "max_length": "at most {} long", "pattern": "matching {}"}
_RANGES = {("ge", "le"): "from {} to {}", ("min_length", "max_length"): "{} to {} long"}


def written(kind: Any) -> str:
    """A type in the words of its author, at most :data:`MAX_LENGTH` characters long; it never raises."""
    try:
        told = _written(kind, MAX_DEPTH)
    except Exception:  # noqa: BLE001 - a type may be any object of the user's
        told = "a type"
    return shortened(" ".join(told.split()), MAX_LENGTH)


def _written(kind: Any, depth: int) -> str:
    bare, metadata, _ = peeled(kind, named=True)
    if metadata:
        told = dict[str, str]()
        for each in metadata:
            told |= _bounds(each)
        bounds = [*_ranges(told), *((_BOUNDS | _SIZES)[name].format(value) for name, value in told.items())]
        return f"{_written(bare, depth)} {', '.join(bounds)}".strip()
    if asks_nothing(bare):
        return "anything"
    if bare is None or bare is types.NoneType:
        return "None"
    if isinstance(bare, str | ForwardRef | TypeVar | ParamSpec):
        named: Any = bare
        return str(named if isinstance(bare, str) else getattr(named, "__forward_arg__", None) or named.__name__)
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
    if origin is None or not args:
        name = getattr(origin or kind, "__name__", None)
        return name if isinstance(name, str) else reprlib.repr(kind)
    name = getattr(origin, "__name__", None) or reprlib.repr(origin)
    return f"{name}[{', '.join(_argument(each, depth - 1) for each in args)}]"


def _argument(argument: Any, depth: int) -> str:
    if argument is ...:
        return "..."
    if isinstance(argument, Sequence) and not isinstance(argument, str):  # what a function takes
        return f"[{', '.join(_written(each, depth) for each in argument)}]"
    return _written(argument, depth)


def _value(value: Any) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, enum.Enum) else reprlib.repr(value)


def _bounds(constraint: Any) -> dict[str, str]:
    """The bounds that a constraint sets; none where it is something else."""
    values = {name: getattr(constraint, name, None) for name in (*_BOUNDS, *_SIZES)}
    return {
        name: shortened(str(getattr(value, "pattern", value)), MAX_LENGTH)
        for name, value in values.items()
        if value is not None and not callable(value)
    }


def _ranges(told: dict[str, str]) -> Iterator[str]:
    """Two bounds in the words of one; they are taken off."""
    for (low, high), words in _RANGES.items():
        if low in told and high in told:
            yield words.format(told.pop(low), told.pop(high))
