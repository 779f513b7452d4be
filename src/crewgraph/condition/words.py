"""What a value is, in words: the type as a person writes it, and the values it may have."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import Any, assert_never

from crewgraph.condition.alternatives import (
    Alternative,
    Anything,
    Constants,
    Lone,
    Members,
    Number,
    Sequence,
    Text,
)
from crewgraph.condition.condition import Path
from crewgraph.condition.numbers import Real, Whole

__all__ = ["a", "dotted", "kind_of", "listed", "shown", "values_of"]

MAX_NAMED = 8
"""So many values are named; of the others it is only said how many there are."""


def shown(value: Any) -> str:
    """A value as a person writes it in a condition, where that is possible."""
    if isinstance(value, Enum):
        return repr(value.value) if isinstance(value, str | int) else str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return repr(value)


def listed(words: Iterable[str], last: str = "or") -> str:
    """Words as ``a, b or c``; not more than a few."""
    few = list(words)
    if len(few) > MAX_NAMED:
        few = [*few[:MAX_NAMED], f"{len(few) - MAX_NAMED} more"]
    *most, end = few
    return f"{', '.join(most)} {last} {end}" if most else end


def dotted(path: Path) -> str:
    """A path as it is written in a condition."""
    root, *more = path
    return str(root) + "".join(
        f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]" for key in more
    )


def a(name: str) -> str:
    """A name with its article."""
    if name == "None" or name[:1] in {"'", '"'} or name[:1].isdigit():
        return name
    return f"an {name}" if name[:1] in "aeiouAEIO" else f"a {name}"  # a UUID, a User, a Union


def kind_of(alternative: Alternative) -> str:
    """The type that an alternative is of, as a user writes it."""
    match alternative:
        case Constants(values=values):
            return listed(dict.fromkeys(type_of(value) for value in values)) if values else "nothing"
        case Number(kind=kind):
            return "int" if isinstance(kind, Whole) else "float"
        case Text():
            return "str"
        case Lone(sample=value):
            return type_of(value)
        case Sequence(maker=maker):
            return getattr(maker, "__name__", "list")
        case Members(name=name):
            return name or "dict"
        case Anything():
            return "value"
        case _:
            assert_never(alternative)


def type_of(value: Any) -> str:
    """The type of a value."""
    return "None" if value is None else type(value).__name__


def values_of(alternatives: Iterable[Alternative]) -> str:
    """Which values there are: ``'billing' or 'spam'``, ``an int from 0 to 10``, ``a str or None``."""
    words = list[str]()
    for each in alternatives:
        match each:
            case Constants(values=values) if set(map(repr, values)) == {"True", "False"}:
                words.append("a bool")
            case Constants(values=values):
                words += map(shown, values)
            case Number(kind=kind):
                words.append(a(kind_of(each)) + _bounds(kind))
            case _:
                words.append(a(kind_of(each)))
    return listed(dict.fromkeys(words)) if words else "nothing"


def _bounds(kind: Whole | Real) -> str:
    low = None if kind.low is None or kind.low == -math.inf else shown(kind.low)
    high = None if kind.high is None or kind.high == math.inf else shown(kind.high)
    if low and high:
        return f" from {low} to {high}"
    return f" of at least {low}" if low else f" of at most {high}" if high else ""
