"""Values checked and coerced at run time, by the same rule that the checker asks: pydantic's lax validation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from collections.abc import Iterable as AnyIterable
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from crewgraph.errors.root import shortened
from crewgraph.shapes.adapter import adapter, core_of
from crewgraph.shapes.peel import by_identity, members_of, peeled
from crewgraph.shapes.shown import shown
from crewgraph.shapes.unseen import asks_nothing, unseen

__all__ = ["coercer"]

_PLAIN = {int, str, float, bool, bytes, dict, list, tuple, set, frozenset}
LONGEST = 200
"""Characters of a message, which may quote a validator of the user's."""


@by_identity
def coercer(kind: Any) -> Callable[[Any], Any] | None:
    """What checks a value of a type and coerces it; ``None`` where there is nothing to check.

    The function returns the value as it is where it has the type already. Nothing is checked where the annotation asks
    for nothing, cannot be looked into, or where checking would turn an iterable into one that can be read only once.

    Raises:
        ValueError: by the function, with one line of words: the value does not fit.
    """
    check = _check_of(kind)
    if check is None:
        return None
    bare, metadata, _ = peeled(kind)
    is_plain = not metadata and isinstance(bare, type) and (bare in _PLAIN or issubclass(bare, BaseModel))
    exact = bare if is_plain and not _is_looked_at_again(bare) else None

    def checked(value: Any) -> Any:
        if type(value) is exact:
            return value
        try:
            return check.validate_python(value)
        except ValidationError as error:
            # the words come from us: pydantic's own text shows each value, once for each member of a union
            raise ValueError(_in_words(kind, value, error)) from None

    return checked


def _check_of(kind: Any) -> TypeAdapter[Any] | None:
    """What validates values of a type, if it may."""
    try:
        if asks_nothing(kind) or kind is inspect.Parameter.empty or _is_unseen(kind):
            return None
        core = core_of(kind)
        return None if core is None or core["type"] == "any" or _reads_once(core) else adapter(kind)
    except Exception:  # noqa: BLE001 - an annotation may be any object
        return None


def _is_unseen(kind: Any) -> bool:
    """Whether a type, a member of it or an argument of it cannot be looked into, such as a type variable."""
    bare = peeled(kind).kind
    parts = members_of(bare)
    arguments = () if get_origin(bare) is Literal else get_args(bare)
    return any(unseen(part) is not None for part in parts) or any(isinstance(part, TypeVar) for part in arguments)


def _reads_once(core: Any) -> bool:
    """Whether an iterable stands in a type, which pydantic would wrap into one that checks while it is read."""
    if isinstance(core, Mapping):
        parts: AnyIterable[Any] = () if core.get("type") in {"literal", "enum"} else core.values()
        return core.get("type") == "generator" or any(map(_reads_once, parts))
    return isinstance(core, list | tuple) and any(map(_reads_once, core))


def _is_looked_at_again(cls: type) -> bool:
    return issubclass(cls, BaseModel) and cls.model_config.get("revalidate_instances", "never") != "never"


def _in_words(kind: Any, value: Any, error: ValidationError) -> str:
    from crewgraph.shapes.reading import form_of  # what fits needs no words
    from crewgraph.shapes.refusal import Refusal, why
    from crewgraph.shapes.words import about_value

    refusal = why(value, form_of(kind, side="taken"))
    if isinstance(refusal, Refusal):
        return shortened(about_value(refusal), LONGEST)
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    said = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    text = f"{shown(first['input'])} is refused: {said[:1].lower()}{said[1:]}"
    return shortened(" ".join(f"in '{place}': {text}".split() if place else text.split()), LONGEST)
