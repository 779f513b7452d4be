"""What stands around a type: ``Annotated``, ``NewType``, aliases and the marks of TypedDicts, taken off."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from typing import Annotated, Any, Generic, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import AfterValidator, BeforeValidator, PlainValidator, WrapValidator
from pydantic.fields import FieldInfo

__all__ = [
    "VALIDATORS",
    "Peeled",
    "Same",
    "by_identity",
    "is_union",
    "members_of",
    "peeled",
    "typed_dict_keys",
    "with_arguments",
    "without_validators",
]

K = TypeVar("K")
VALIDATORS = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)
MAX_LAYERS = 50
"""How many layers are taken off: an alias may stand for itself."""
_MARKS = {Required, NotRequired, typing_extensions.ReadOnly, typing.Final, typing.ClassVar}
_ALIASES = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))
"""What a ``type`` statement makes, and what stood in for it before Python 3.12."""


class Peeled(typing.NamedTuple):
    """A type without what stands around it.

    Attributes:
        kind: the type.
        metadata: what ``Annotated`` and ``Field`` said of it, the innermost first.
        marks: ``Required``, ``NotRequired`` and the like.
    """

    kind: Any
    metadata: tuple[Any, ...] = ()
    marks: tuple[Any, ...] = ()


class Same(Generic[K]):
    """A key that is equal to itself alone: ``int | float`` and ``float | int`` are equal and coerce differently."""

    __slots__ = ("kept",)

    def __init__(self, kept: K) -> None:
        self.kept = kept

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.kept is self.kept

    def __hash__(self) -> int:
        return id(self.kept)


def by_identity(function: Callable[[Any], K]) -> Callable[[Any], K]:
    """Keep the last results of a function of one type, told apart by identity: not every annotation can be hashed."""

    @lru_cache(maxsize=4096)
    def kept(key: Same[Any]) -> K:
        return function(key.kept)

    return wraps(function)(lambda kind: kept(Same(kind)))


def peeled(kind: Any, *, named: bool = False) -> Peeled:
    """Take off ``Annotated``, ``NewType``, ``type`` aliases and the marks of TypedDict keys.

    Args:
        kind: the type.
        named: whether the names that were given to types, by ``NewType`` and aliases, stay.
    """
    metadata: tuple[Any, ...] = ()
    marks: tuple[Any, ...] = ()
    for _ in range(MAX_LAYERS):
        origin = get_origin(kind)
        if origin is Annotated:
            kind, *said = get_args(kind)
            metadata = (*_flat(said), *metadata)
        elif origin in _MARKS:
            kind, marks = get_args(kind)[0], (*marks, origin)
        elif origin is not None or type(kind) is type or (named and isinstance(kind, (typing.NewType, *_ALIASES))):
            break
        elif isinstance(kind, typing.NewType):
            kind = kind.__supertype__
        elif isinstance(kind, _ALIASES) and not isinstance(kind.__value__, str):  # a name that only pydantic looks up
            kind = kind.__value__
        else:
            break
    return Peeled(kind, metadata, marks)


def _flat(metadata: Iterable[Any]) -> list[Any]:
    """What a ``Field(…)`` inside ``Annotated`` says, beside what stands there itself."""
    return [each for one in metadata for each in (one.metadata if isinstance(one, FieldInfo) else (one,))]


def with_arguments(kind: Any, change: Callable[[Any], Any]) -> Any:
    """A type of which each argument was changed; what has no arguments, or is changed in none, stays the same object."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is None or origin is Literal:
        return kind
    if origin is Annotated:
        inner = change(args[0])
        return kind if inner is args[0] else Annotated[(inner, *args[1:])]
    changed = tuple(each if isinstance(each, list) else change(each) for each in args)
    if all(new is old for new, old in zip(changed, args, strict=True)):
        return kind
    return Union[changed] if is_union(kind) else origin[changed]  # noqa: UP007 - made of a tuple


def without_validators(kind: Any) -> Any:
    """A type as it is declared, whatever validators in ``Annotated`` make of it."""
    if get_origin(kind) is Annotated:
        inner, *metadata = get_args(kind)
        kept = [each for each in metadata if not isinstance(each, VALIDATORS)]
        if len(kept) < len(metadata):
            kind = Annotated[(inner, *kept)] if kept else inner
            return without_validators(kind)
    return with_arguments(kind, without_validators)


def is_union(kind: Any) -> bool:
    """Whether a type is ``A | B``, ``Union`` or ``Optional``."""
    return get_origin(kind) in (Union, types.UnionType)


def members_of(kind: Any) -> tuple[Any, ...]:
    """The members of a union; the type itself where it is none."""
    return get_args(kind) if is_union(kind) else (kind,)


@by_identity
def typed_dict_keys(kind: Any) -> dict[str, tuple[Any, bool]] | None:
    """The keys of a TypedDict, each with its type and whether it must be there; ``None`` where they cannot be resolved.

    The class itself does not see ``NotRequired`` in quoted annotations.
    """
    try:
        hints = typing_extensions.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - resolving runs whatever the annotation says
        return None
    return {key: _key(hint, is_required=key in kind.__required_keys__) for key, hint in hints.items()}


def _key(hint: Any, *, is_required: bool) -> tuple[Any, bool]:
    while (mark := get_origin(hint)) in _MARKS:
        is_required = mark is Required or (is_required and mark is not NotRequired)
        hint = get_args(hint)[0]
    return hint, is_required
