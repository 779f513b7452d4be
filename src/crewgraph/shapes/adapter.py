"""pydantic's own reading of a type, built when first asked for and kept."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any, ForwardRef

import typing_extensions
from pydantic import ConfigDict, PydanticUserError, TypeAdapter

from crewgraph.shapes.peel import by_identity, typed_dict_keys, with_arguments

__all__ = ["CONFIG", "Core", "adapter", "core_of"]

Core = Mapping[str, Any]
"""A core schema of pydantic: what a type is to its validator, as nested dicts."""

CONFIG = "__pydantic_config__"
NEEDS_ANOTHER_TYPED_DICT = sys.version_info < (3, 12)
"""Where pydantic takes the TypedDict of typing_extensions only; the one of typing is written anew for it."""


@by_identity
def adapter(kind: Any) -> TypeAdapter[Any] | None:
    """What validates values of a type; ``None`` where pydantic cannot make one, or a name in it leads nowhere."""
    if isinstance(kind, str | ForwardRef):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd annotations, which are the user's
        try:
            return _made(_mended(kind, ()))
        except Exception:  # noqa: BLE001 - making one runs what the user's classes say of themselves
            return None


def _made(kind: Any) -> TypeAdapter[Any] | None:
    try:
        made = TypeAdapter[Any](kind, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:
        made = TypeAdapter[Any](kind)  # it has a config of its own
    return made if made.pydantic_complete or made.rebuild(raise_errors=False) else None


@by_identity
def core_of(kind: Any) -> Core | None:
    """The core schema of a type, ``None`` where there is none."""
    made = adapter(kind)
    return None if made is None else {**made.core_schema}


def _mended(kind: Any, inside: tuple[Any, ...]) -> Any:
    """A type with TypedDicts that pydantic takes; one that contains itself is not looked into again."""
    if NEEDS_ANOTHER_TYPED_DICT and typing_extensions.is_typeddict(kind) and type(kind).__module__ == "typing":
        return Any if kind in inside else _rewritten(kind, (*inside, kind))
    return with_arguments(kind, lambda part: _mended(part, inside))


def _rewritten(kind: Any, inside: tuple[Any, ...]) -> Any:
    keys = typed_dict_keys(kind)
    if keys is None:
        return kind
    marked = {
        key: (typing_extensions.Required if is_required else typing_extensions.NotRequired)[_mended(hint, inside)]
        for key, (hint, is_required) in keys.items()
    }
    made: Any = typing_extensions.TypedDict(kind.__name__, marked)  # type: ignore[misc]
    made.__doc__, made.__module__ = kind.__doc__, kind.__module__
    if hasattr(kind, CONFIG):
        setattr(made, CONFIG, getattr(kind, CONFIG))
    return made
