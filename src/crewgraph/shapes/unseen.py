"""Annotations that nobody looks into before a value is used."""

from __future__ import annotations

import typing
from collections import abc
from typing import Any, ForwardRef, ParamSpec, TypeVar, get_origin

import typing_extensions

from crewgraph.shapes.peel import peeled

__all__ = ["asks_nothing", "unseen"]

_ONE_WAY = (abc.Iterator, abc.Generator, abc.AsyncIterator, abc.AsyncGenerator, abc.AsyncIterable)
_PROMISES = (abc.Awaitable, abc.Coroutine)
_ODD = (
    *(typing.Never, typing.NoReturn, typing.LiteralString, typing.Self),
    *(typing_extensions.Never, typing_extensions.LiteralString, typing_extensions.Self),
)


def asks_nothing(kind: Any) -> bool:
    """Whether an annotation takes everything."""
    kind = peeled(kind).kind
    return any(kind is each for each in (Any, typing_extensions.Any, object))


def unseen(kind: Any) -> str | None:
    """Why nobody can look into an annotation; ``None`` for a type of which values can be told."""
    kind = peeled(kind).kind
    origin = get_origin(kind) or kind
    if isinstance(kind, str | ForwardRef):
        return "its name leads nowhere"
    if isinstance(kind, TypeVar | ParamSpec):
        return "a type variable may stand for any type"
    if origin is abc.Callable or any(origin is each for each in _PROMISES):
        return "what a function takes and gives is seen only when it is called"
    if any(origin is each for each in _ONE_WAY):
        return "it is seen only when it is read, and can be read once"
    if getattr(origin, "_is_protocol", False) is True:
        return "a protocol says what can be done with a value, not what it is"
    return "it names no type of values" if any(kind is each for each in _ODD) else None
