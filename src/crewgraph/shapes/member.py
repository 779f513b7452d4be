"""The type that a path into a value reaches, such as ``risk.score`` or ``tags[0]``."""

from __future__ import annotations

import collections.abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_origin

import typing_extensions
from pydantic import BaseModel

from crewgraph.shapes.fields import Shape, given_by
from crewgraph.shapes.peel import Peeled, members_of, peeled
from crewgraph.shapes.union import union_of
from crewgraph.shapes.unseen import asks_nothing
from crewgraph.shapes.written import written

__all__ = ["Member", "Presence", "member"]

Step = str | int
_NO_PARTS = (str, bytes, bytearray, int, float, complex)
MAX_NAMED = 8


class Presence(StrEnum):
    """Whether there is something where a path leads."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Member:
    """What a path reaches.

    Attributes:
        presence: ALWAYS; SOMETIMES, where a key or item may be missing or a part may be None; NEVER, where there is no
            such member; UNKNOWN, where a part may be anything.
        kind: the type there, where it is there; ``Any`` where that is unknown or nothing is there.
        reason: why it is not always there, in words.
        names: of what is never there, the keys that there are instead.
    """

    presence: Presence
    kind: Any = Any
    reason: str = ""
    names: tuple[str, ...] = ()


def member(kind: Any, path: Sequence[Step]) -> Member:
    """What a path into a value of a type reaches, as conditions look it up: keys of dicts and models, items of lists.

    Args:
        kind: the type of the value, as it is handed over: a model is its dump.
        path: keys and indices, the outermost first; an empty path reaches the value itself.
    """
    found = Member(Presence.ALWAYS, kind)
    for depth, step in enumerate(path):
        reached = _one_of([_step(each, step, _told(path[:depth])) for each in _alternatives(found.kind)])
        found = _after(found, reached)
        if found.presence is Presence.NEVER:
            return found
    return found


def _after(before: Member, reached: Member) -> Member:
    """What is reached by a step from what may not be there itself."""
    if reached.presence is Presence.NEVER or before.presence is Presence.ALWAYS:
        return reached
    presence = Presence.UNKNOWN if Presence.UNKNOWN in (before.presence, reached.presence) else Presence.SOMETIMES
    return Member(presence, reached.kind, before.reason)


def _one_of(several: Sequence[Member]) -> Member:
    """What is reached in a value that is one of several things."""
    there = [each for each in several if each.presence is not Presence.NEVER]
    if not there:
        names = tuple(dict.fromkeys(name for each in several for name in each.names))
        return Member(Presence.NEVER, Any, several[0].reason, names)
    doubtful = [each for each in several if each.presence is not Presence.ALWAYS]
    kind = union_of(each.kind for each in there)
    if not doubtful:
        return Member(Presence.ALWAYS, kind)
    is_unknown = any(each.presence is Presence.UNKNOWN for each in several)
    return Member(Presence.UNKNOWN if is_unknown else Presence.SOMETIMES, kind, doubtful[0].reason)


def _alternatives(kind: Any) -> list[Peeled]:
    """The members of a union, each without what stands around it."""
    bare = peeled(kind)
    return [bare] if members_of(bare.kind) == (bare.kind,) else [peeled(each) for each in members_of(bare.kind)]


def _told(path: Sequence[Step]) -> str:
    """A path as conditions write it."""
    told = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return told.removeprefix(".")


def _step(kind: Peeled, step: Step, place: str) -> Member:
    """What one step reaches in a value of a type that is no union."""
    bare, origin = kind.kind, get_origin(kind.kind) or kind.kind
    whose = f"'{place}'" if place else "it"
    if bare is None or bare is NoneType:
        return Member(Presence.NEVER, Any, f"{whose} may be None")
    if asks_nothing(bare) or not isinstance(origin, type):
        return Member(Presence.UNKNOWN, Any, f"nothing is known of what is in {whose}")
    if _has_fields(bare):
        return _field(bare, step)
    if issubclass(origin, collections.abc.Mapping):
        return _value(get_args(bare), step, whose)
    if origin is tuple and bare is not tuple and get_args(bare)[-1:] != (...,):
        return _of_row(get_args(bare), step, whose)
    if issubclass(origin, list | tuple) or origin is collections.abc.Sequence:
        return _item(kind, step, whose)
    if issubclass(origin, (*_NO_PARTS, collections.abc.Set)):
        return Member(Presence.NEVER, Any, f"{whose} is {written(bare)}, which has no members")
    return Member(Presence.UNKNOWN, Any, f"nothing is known of what is in a {written(bare)}")


def _has_fields(kind: Any) -> bool:
    is_class = isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind))
    return typing_extensions.is_typeddict(kind) or (is_class and not getattr(kind, "__pydantic_root_model__", False))


def _field(kind: Any, step: Step) -> Member:
    fields: Mapping[str, Shape] = given_by(kind)
    shape = fields.get(step) if isinstance(step, str) else None
    if shape is not None:
        is_there = shape.required or not typing_extensions.is_typeddict(kind)
        missing = "" if is_there else f"'{step}' may be missing"
        return Member(Presence.ALWAYS if is_there else Presence.SOMETIMES, shape.kind, missing)
    if _may_have_more(kind) and isinstance(step, str):
        return Member(Presence.UNKNOWN, Any, f"{kind.__name__} may have keys that it does not declare")
    return Member(Presence.NEVER, Any, f"there is no '{step}' in {kind.__name__}{_named(fields)}", tuple(fields))


def _may_have_more(kind: Any) -> bool:
    config = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None) or {}
    return config.get("extra") == "allow"


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    return f"; there is: {', '.join(listed[:MAX_NAMED])}{', …' if len(listed) > MAX_NAMED else ''}" if listed else ""


def _value(args: tuple[Any, ...], step: Step, whose: str) -> Member:
    key, value = args if len(args) == 2 else (Any, Any)  # noqa: PLR2004 - the key and the value
    if peeled(key).kind is str and isinstance(step, int):
        return Member(Presence.NEVER, Any, f"the keys of {whose} are texts, not numbers")
    unknown = asks_nothing(value)
    return Member(Presence.UNKNOWN if unknown else Presence.SOMETIMES, value, f"'{step}' may be missing in {whose}")


def _of_row(args: tuple[Any, ...], step: Step, whose: str) -> Member:
    if isinstance(step, int) and -len(args) <= step < len(args):
        return Member(Presence.ALWAYS, args[step])
    return Member(Presence.NEVER, Any, f"there is no '{step}' in {whose}, which has {len(args)} items")


def _item(kind: Peeled, step: Step, whose: str) -> Member:
    if not isinstance(step, int):
        return Member(Presence.NEVER, Any, f"{whose} is a list, which has no '{step}'")
    args = get_args(kind.kind)
    item = args[0] if args else Any
    sizes = [getattr(each, "min_length", None) for each in kind.metadata]
    least = max((size for size in sizes if isinstance(size, int)), default=0)
    if (step if step >= 0 else -step - 1) < least:
        return Member(Presence.ALWAYS, item)
    return Member(Presence.SOMETIMES, item, f"{whose} may have fewer items")
