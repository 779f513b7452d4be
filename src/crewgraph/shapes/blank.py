"""Stands for a value of which nothing is known, or nothing but the kind of container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NOTHING", "Blank", "Nothing", "filled", "has_blank"]

MAX_DEEP = 50


@dataclass(frozen=True, slots=True)
class Blank:
    """A value that is not known.

    Attributes:
        cls: the container it is; ``None`` where it may be anything.
        is_closed: whether nobody can make one.
    """

    cls: type | None = None
    is_closed: bool = False


class Nothing:
    """The class of :data:`NOTHING`."""

    def __repr__(self) -> str:
        return "NOTHING"

    def __bool__(self) -> bool:
        return False


NOTHING = Nothing()
"""There is no such value."""

_MANY = (list, tuple, set, frozenset)


def has_blank(value: Any, depth: int = MAX_DEEP, *, closed_only: bool = False) -> bool:
    """Whether a part of a value is not known, or with ``closed_only`` cannot even be made up."""
    if isinstance(value, Blank) or depth == 0:
        return not closed_only or depth == 0 or value.is_closed
    parts: Any = value if isinstance(value, _MANY) else ()
    if isinstance(value, Mapping):
        parts = [part for pair in value.items() for part in pair]
    return any(has_blank(part, depth - 1, closed_only=closed_only) for part in parts)


def filled(value: Any) -> Any:
    """A value in which what is not known is the simplest there is: an empty container, ``None`` for anything."""
    if isinstance(value, Blank):
        return None if value.cls is None else value.cls()
    if isinstance(value, dict):
        return {filled(key): filled(part) for key, part in value.items()}
    if type(value) in _MANY:
        return type(value)(filled(part) for part in value)
    return value
