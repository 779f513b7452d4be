"""What a value of a type may be, as far as conditions can tell: a closed set of alternatives."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from crewgraph.condition.numbers import Real, Whole
from crewgraph.shapes import forms
from crewgraph.shapes.fields import fields_of, given_by
from crewgraph.shapes.forms import (
    Again,
    Choice,
    Either,
    Form,
    Guarded,
    Instance,
    Items,
    Record,
    Row,
    Scalar,
    Table,
)
from crewgraph.shapes.peel import is_union, members_of, peeled
from crewgraph.shapes.reading import form_of
from crewgraph.shapes.relation import AS_IT_IS

__all__ = [
    "Alternative",
    "Anything",
    "Constants",
    "Lone",
    "Members",
    "Number",
    "Sequence",
    "Text",
    "alternatives",
    "read",
]

MAX_DEPTH = 50
"""How often a type may stand for itself or another before nobody follows it."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is known; where it ``is_plain`` it is still None, a bool, a number, text, or a list or dict of such."""

    is_plain: bool = True


@dataclass(frozen=True, slots=True)
class Constants:
    """One of these: the members of an enum, the values of a ``Literal``, ``None``, true and false."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A number; ``has_nan`` where it may be the one that is no number."""

    kind: Whole | Real
    has_nan: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A text of so many characters."""

    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Lone:
    """A value that is equal to no constant, compares with none, and is always true, such as a date."""

    sample: Any


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list, tuple, set or frozenset of so many items, of one type or each of its own."""

    maker: Callable[[Iterable[Any]], Any]
    item: Form
    low: int = 0
    high: int | None = None
    row: tuple[Form, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """A dict, or a model that may come as itself or as the dict of its fields.

    Attributes:
        known: the members it is declared with, each with whether it is always there.
        key: what other keys are, ``None`` where there are none.
        value: what is under other keys.
        low: how many members there are at least.
        high: how many there are at most.
        name: what it is called, where it is a model.
    """

    known: Mapping[str, tuple[Form, bool]]
    key: Form | None = None
    value: Form | None = None
    low: int = 0
    high: int | None = None
    name: str = ""

    def member(self, key: str | int) -> tuple[Form, bool] | None:
        """What is under a key, and whether it is always there; ``None`` where nothing can be."""
        if key in self.known:
            return self.known[str(key)]
        if self.key is None or self.value is None or not _may_be_key(self.key, key):
            return None
        return self.value, False


Alternative = Anything | Constants | Number | Text | Lone | Sequence | Members


@dataclass(frozen=True, slots=True)
class Read:
    """An alternative, and whether every value of it is one of the type: a pattern or a validator may refuse some."""

    alternative: Alternative
    is_sure: bool = True


def read(kind: Any) -> Form:
    """The form in which values of a type are handed over: models as their dumps, unless the type says as they are."""
    bare = peeled(kind)
    if AS_IT_IS in bare.metadata:
        return form_of(kind, side="whole")
    if is_union(bare.kind) and not bare.metadata:
        return Either(tuple(map(read, members_of(bare.kind))))
    return form_of(kind, side="dumped")


def alternatives(form: Form) -> tuple[Read, ...]:
    """What a value may be."""
    return tuple(_alternatives(form, MAX_DEPTH))


def _alternatives(form: Form, depth: int) -> Iterator[Read]:
    if depth == 0:
        yield UNREAD
        return
    match form:
        case Either(forms=several):
            for each in several:
                yield from _alternatives(each, depth - 1)
        case Guarded(form=inner):
            yield from (replace(each, is_sure=False) for each in _alternatives(inner, depth - 1))
        case Again():
            yield from _alternatives(form.form, depth - 1)
        case Scalar():
            yield _scalar(form)
        case forms.Anything():
            yield Read(Anything())
        case _:
            found = _container(form)
            yield UNREAD if found is None else Read(found)


def _container(form: Form) -> Alternative | None:
    """What has parts or a few values; ``None`` for what is not looked into."""
    match form:
        case Choice(values=values) if not any(isinstance(value, Mapping | list | tuple) for value in values):
            return Constants(values)
        case Items(kind="list" | "tuple" | "set" | "frozenset" as kind, item=item, least=least, most=most):
            maker = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
            return Sequence(maker, item, least, most)
        case Row(items=items, cls=cls) if cls is tuple:
            return Sequence(tuple, NOTHING, len(items), len(items), items)
        case Table(key=key, value=value, least=least, most=most):
            return Members({}, key, value, least, most)
        case Record(name=name, slots=slots, extra=extra):
            known = {slot.keys[0]: (slot.form, slot.is_required) for slot in slots}
            more = extra if not isinstance(extra, str) else None
            return Members(known, more and TEXT, more, name=name)
        case Instance(cls=cls) if issubclass(cls, BaseModel):
            return Members(_fields(cls), name=cls.__name__)
        case _:
            return None


def _fields(cls: type[BaseModel]) -> Mapping[str, tuple[Form, bool]]:
    """The fields of a model that is handed over as it is; conditions see no others, and nothing that is computed."""
    fields = {**fields_of(cls), **given_by(cls)}
    return {name: (form_of(fields[name].kind, side="whole"), True) for name in cls.model_fields}


UNREAD = Read(Anything(is_plain=False), is_sure=False)
"""A value of a class of its own: nobody knows what comparing it does."""
NOTHING = Either(())
"""The form of what there is none of."""
TEXT = read(str)

_LONE = {
    "date": dt.date(2000, 1, 1),
    "datetime": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    "time": dt.time(12),
    "uuid": uuid.UUID(int=1),
}
_TRUTH = Constants((True, False))
_REWRITES = {"pattern", "strip_whitespace", "to_lower", "to_upper"}


def _scalar(form: Scalar) -> Read:
    core = form.core
    match form.kind:
        case "bool":
            return Read(_TRUTH)
        case "int":
            return Read(Number(_whole(core)))
        case "float":
            real = _real(core)
            is_bounded = any(core.get(bound) is not None for bound in ("ge", "gt", "le", "lt"))
            may_be_odd = core.get("allow_inf_nan", True) and not is_bounded
            return Read(Number(real, has_nan=may_be_odd), is_sure="multiple_of" not in core)
        case "str":
            text = Text(core.get("min_length") or 0, core.get("max_length"))
            return Read(text, is_sure=not any(core.get(key) for key in _REWRITES))
        case kind if kind in _LONE:
            return Read(
                Lone(_LONE[kind]), is_sure=not core.keys() & {"ge", "gt", "le", "lt", "now_op", "tz_constraint"}
            )
        case _:
            return UNREAD


def _whole(core: Mapping[str, Any]) -> Whole:
    lows = [*_given(core, "ge"), *(math.floor(low) + 1 for low in _given(core, "gt"))]
    highs = [*_given(core, "le"), *(math.ceil(high) - 1 for high in _given(core, "lt"))]
    (step,) = _given(core, "multiple_of") or [1]
    return Whole(
        max(map(math.ceil, lows), default=None), min(map(math.floor, highs), default=None), step=abs(int(step)) or 1
    )


def _given(core: Mapping[str, Any], bound: str) -> list[Any]:
    return [] if core.get(bound) is None else [core[bound]]


def _real(core: Mapping[str, Any]) -> Real:
    is_infinite = core.get("allow_inf_nan", True) is not False
    lows = [(-math.inf, not is_infinite), *((low, False) for low in _given(core, "ge"))]
    highs = [(math.inf, is_infinite), *((high, True) for high in _given(core, "le"))]
    low, is_above = max([*lows, *((low, True) for low in _given(core, "gt"))])  # the narrowest, and of two the stricter
    high, has_high = min([*highs, *((high, False) for high in _given(core, "lt"))])
    return Real(low, high, not is_above, has_high)


def _may_be_key(form: Form, key: str | int) -> bool:
    """Whether a dict may have such a key."""
    for each in alternatives(form):
        match each.alternative:
            case Constants(values=values) if key not in values:
                continue
            case Text() if not isinstance(key, str):
                continue
            case Number() if isinstance(key, str):
                continue
            case _:
                return True
    return False
