"""Values checked and coerced at run time, by the same rule that the checker asks: pydantic's lax validation."""

from __future__ import annotations

import collections.abc
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from crewgraph.kinds.relation import in_words
from crewgraph.shapes.adapter import adapter
from crewgraph.shapes.peel import by_identity, members_of, peeled

__all__ = ["coercer"]

_ONCE = {
    collections.abc.Iterator, collections.abc.Generator, collections.abc.Iterable, collections.abc.AsyncIterator,
    collections.abc.AsyncIterable, collections.abc.AsyncGenerator, collections.abc.Callable, collections.abc.Awaitable,
}  # fmt: skip
"""What pydantic would wrap into something that can be read once only, or cannot look into."""
_PLAIN = {int, str, float, bool, bytes, dict, list, tuple, set, frozenset}


@by_identity
def coercer(kind: Any) -> Callable[[Any], Any] | None:
    """What checks a value of a type and coerces it; ``None`` where there is nothing to check.

    The function returns the value, as it is where it has the type already.

    Raises:
        ValueError: by the function, with one line of words: the value does not fit.
    """
    bare, metadata, _ = peeled(kind)
    if any(not _is_checkable(member) for member in members_of(bare)):
        return None
    check = adapter(kind)
    if check is None:
        return None
    is_plain = not metadata and isinstance(bare, type) and (bare in _PLAIN or issubclass(bare, BaseModel))
    exact = bare if is_plain else None

    def checked(value: Any) -> Any:
        if type(value) is exact:
            return value
        try:
            return check.validate_python(value)
        except ValidationError as error:
            raise ValueError(in_words(error)) from error

    return checked


def _is_checkable(kind: Any) -> bool:
    bare = peeled(kind).kind
    if bare in (Any, object) or isinstance(bare, TypeVar | str) or bare is inspect.Parameter.empty:
        return False
    origin = get_origin(bare) or bare
    if origin in _ONCE or getattr(origin, "_is_protocol", False):
        return False
    return not any(isinstance(each, TypeVar) for each in get_args(bare))
