"""What the annotations of a function say, as far as they can be resolved."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
import typing
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from typing import Any

from pydantic import BaseModel

from crewgraph.shapes import is_union, peeled

__all__ = ["hints_of", "models_in", "resolved_once", "without_none"]

_RESOLVED = ContextVar[dict[object, tuple[Any, dict[str, Any], bool]] | None]("resolved", default=None)
"""By what decides about the annotations of a function what they say, and the function, so that no other object gets their ids."""


@contextlib.contextmanager
def resolved_once() -> Generator[None]:
    """Resolve annotations that say the same once in here, however many steps and functions have them.

    To resolve them takes half of what a step has to say about itself. Nothing is kept beyond: what a name means may change.
    """
    if _RESOLVED.get() is not None:
        yield
        return
    token = _RESOLVED.set({})
    try:
        yield
    finally:
        _RESOLVED.reset(token)


def hints_of(function: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """The annotations of a function, and whether all of them could be resolved: one that cannot is no error of a pipeline.

    Nobody may change what is handed out: within :func:`resolved_once` others get the same.
    """
    annotated, resolved = _annotated(function), _RESOLVED.get()
    if resolved is None:
        return _hints_of(annotated)
    same = _said(annotated) or id(function)
    known = resolved.get(same)
    if known is None:
        known = resolved[same] = ((function, annotated), *_hints_of(annotated))
    return known[1:]


def _said(annotated: Any) -> tuple[object, ...] | None:
    """What is equal for functions whose annotations say the same, as of those that a loop makes; ``None`` where that is not known."""
    with contextlib.suppress(Exception):  # annotations may be made when they are asked for
        if isinstance(annotated, types.FunctionType) and not getattr(annotated, "__type_params__", ()):
            said = [(key, hint if type(hint) is str else id(hint)) for key, hint in annotated.__annotations__.items()]
            return (id(annotated.__globals__), *said)
    return None


def _hints_of(annotated: Any) -> tuple[dict[str, Any], bool]:
    try:
        return typing.get_type_hints(annotated, include_extras=True), True
    except Exception:  # noqa: BLE001 - resolving runs whatever the annotation says
        return _alone(annotated), False


def _annotated(function: Any) -> Any:
    """Where the annotations of a function stand: behind its partials; for an object that is called, its method."""
    while isinstance(function, functools.partial):
        function = function.func
    try:
        function = inspect.unwrap(function)
    except ValueError:  # it says that it wraps itself; whoever looks for its hints would never end
        return function.__call__
    return function if inspect.isroutine(function) or inspect.isclass(function) else function.__call__


def _alone(annotated: Any) -> dict[str, Any]:
    """Those annotations that can be resolved, each alone: one that is imported for type checkers only hides no other."""
    found = dict[str, Any]()
    try:
        said, names = inspect.get_annotations(annotated), annotated.__globals__
    except Exception:  # noqa: BLE001 - no function, or one whose annotations are made when asked for
        return found
    for key, hint in said.items():

        def alone() -> None: ...

        alone.__annotations__ = {key: hint}
        with contextlib.suppress(Exception):
            found |= typing.get_type_hints(alone, names, include_extras=True)
    return found


def models_in(hint: Any) -> Iterator[type[BaseModel]]:
    """The pydantic models that stand in a return annotation."""
    kind = peeled(hint).kind
    for bare in [peeled(each).kind for each in typing.get_args(kind)] if is_union(kind) else [kind]:
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            yield bare


def without_none(hint: Any) -> Any:
    """The one type beside ``None``, without what stands around it."""
    kind = peeled(hint).kind
    kinds = [each for each in typing.get_args(kind) if each is not type(None)] if is_union(kind) else [kind]
    return peeled(kinds[0]).kind if len(kinds) == 1 else kind
