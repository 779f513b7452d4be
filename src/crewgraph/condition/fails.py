"""For which types an operation fails, whatever the values."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from crewgraph.condition.alternatives import Alternative
from crewgraph.condition.condition import Path, value_of
from crewgraph.condition.domains import plain_samples
from crewgraph.condition.nodes import Place
from crewgraph.condition.terms import operands

__all__ = ["Failure", "failures"]

MAX_TYPES = 60
"""Of more combinations of types than these nothing is said."""
MAX_VALUES = 200
"""Of one combination of types not more values are looked at."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Types for which an operation fails.

    Attributes:
        types: what is under each of its paths.
        error: what it says then.
        values: what its operands come to, for some values of these types.
        is_sure: whether it fails for all types that the paths may have.
    """

    types: Mapping[Path, Alternative]
    error: str
    values: tuple[Any, ...]
    is_sure: bool


def failures(node: ast.expr, places: Mapping[Path, Place]) -> list[Failure]:
    """The combinations of types for which an operation fails though its operands do not."""
    choices = [place.alternatives for place in places.values()]
    every = list(islice(product(*choices), MAX_TYPES + 1))
    if len(every) > MAX_TYPES or _overlap(places):
        return []
    found = list[tuple[Mapping[Path, Alternative], str, tuple[Any, ...]]]()
    count = 0
    for types in every:
        outcomes = list(_outcomes(node, dict(zip(places, types, strict=True))))
        count += bool(outcomes)
        if outcomes and all(error is not None for error, _ in outcomes):
            error, values = outcomes[0]
            found.append((dict(zip(places, types, strict=True)), error or "", values))
    return [Failure(types, error, values, len(found) == count) for types, error, values in found]


def _overlap(places: Mapping[Path, Place]) -> bool:
    """Whether one path goes on where another ends."""
    return any(one != other and other[: len(one)] == one for one in places for other in places)


def _outcomes(node: ast.expr, types: Mapping[Path, Alternative]) -> Iterator[tuple[str | None, tuple[Any, ...]]]:
    """How an operation comes out for values of these types, where its operands come out: the error, or ``None``."""
    for sample in islice(product(*map(plain_samples, types.values())), MAX_VALUES):
        values = _nested(dict(zip(types, sample, strict=True)))
        inner = [_outcome(part, values) for part in operands(node)]
        if not any(error for error, _ in inner):  # an operand that fails is a mistake of its own
            yield _outcome(node, values)[0], tuple(value for _, value in inner)


def _outcome(node: ast.expr, values: Mapping[str, Any]) -> tuple[str | None, Any]:
    """The error of an expression, and its value."""
    try:
        return None, value_of(node, values)
    except Exception as error:  # noqa: BLE001 - whatever is raised, the condition fails
        return str(error) or type(error).__name__, None


def _nested(values: Mapping[Path, Any]) -> dict[str, Any]:
    """Values at their paths; a dict will do where an index is read."""
    nested = dict[Any, Any]()
    for path, value in values.items():
        inner = nested
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    return nested
