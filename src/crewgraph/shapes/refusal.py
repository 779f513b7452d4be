"""Why a value is refused: pydantic's own verdict, part by part, without running code of the user's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator

from crewgraph.shapes.adapter import Core
from crewgraph.shapes.blank import NOTHING, Blank, has_blank
from crewgraph.shapes.forms import (
    Again,
    Anything,
    Choice,
    Either,
    Form,
    Guarded,
    Instance,
    Items,
    Opaque,
    Record,
    Row,
    Scalar,
    Table,
)
from crewgraph.shapes.peel import by_identity

__all__ = ["Answer", "Entry", "Key", "Refusal", "Unsure", "first_of", "tried", "validated", "why"]

DEEPEST = 60
TOO_DEEP = "it is nested too deep to look into"
UNREAD = "an iterable is read only when it is used"
TOGETHER = "equal values fall together in a set"
TRIED_ONLY = "only pydantic can tell"

NARROW = {
    *("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "finite_number"),
    *("string_too_short", "string_too_long", "string_pattern_mismatch", "string_not_ascii", "too_short", "too_long"),
    *("bytes_too_short", "bytes_too_long", "decimal_max_digits", "decimal_max_places", "decimal_whole_digits"),
    *("timezone_naive", "timezone_aware", "timezone_offset", "date_past", "date_future", "datetime_past"),
    *("datetime_future", "url_too_long", "url_scheme", "uuid_version"),
}
"""Errors of pydantic that speak of a bound, not of the type."""
_CONTAINERS = (list, tuple, set, frozenset, deque)
_LENGTHS = {"too_short", "too_long", "missing"}


@dataclass(frozen=True, slots=True)
class Key:
    """A step of a path: the key of a dict itself, not what it stands for."""

    key: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A step of a path: what stands under a key of a dict that may have any keys."""

    key: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that pydantic refuses.

    Attributes:
        code: pydantic's type of error, or a word of our own.
        value: what is refused, which may be a part of what was handed over.
        form: what refuses it.
        context: what the error says beside, such as the bound.
        path: where in the value that was handed over.
    """

    code: str
    value: Any
    form: Form
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    path: tuple[Any, ...] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether only a bound is in the way, not the type."""
        return self.code in NARROW

    @property
    def is_inside(self) -> bool:
        """Whether the kind of value is right, and something in it is not."""
        return bool(self.path) or self.code in _INSIDE or self.is_narrow


_INSIDE = {"missing", "invalid_key", "extra_forbidden", "int_from_float", "items", "union_tag_not_found"}


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody knows whether a value is refused; ``reason`` says why."""

    reason: str


Answer = Refusal | Unsure | None
"""``None`` where a value is accepted."""


def why(value: Any, form: Form, depth: int = DEEPEST) -> Answer:
    """Why a sink refuses a value; ``None`` where it takes it."""
    if depth == 0:
        return Unsure(TOO_DEEP)
    if isinstance(form, Anything):
        return None
    if isinstance(form, Opaque):
        return Unsure(form.reason)
    if isinstance(value, Blank) and not isinstance(form, Either | Guarded | Again):
        return _why_blank(value, form)
    return _DECIDERS[type(form)](value, form, depth)


def first_of(answers: Iterable[Answer]) -> Answer:
    """The answer about a whole from those about its parts: what is sure and worst comes first."""
    found = [answer for answer in answers if answer is not None]
    refused = [answer for answer in found if isinstance(answer, Refusal)]
    worst = [answer for answer in refused if not answer.is_narrow] or refused or found
    return worst[0] if worst else None


@by_identity
def _validator(core: Core) -> SchemaValidator | None:
    schema: Any = core
    try:
        return SchemaValidator(schema)
    except Exception:  # noqa: BLE001 - of another version of pydantic
        return None


def tried(core: Core, value: Any, form: Form) -> Answer:
    """What pydantic says to a value."""
    validator = _validator(core)
    if validator is None:
        return Unsure(TRIED_ONLY)
    try:
        validator.validate_python(value)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]
        return Refusal(said["type"], value, form, said.get("ctx", {}))
    except Exception:  # noqa: BLE001 - comparing and converting run the code of the value
        return Unsure(TRIED_ONLY)
    return None


def validated(core: Core, value: Any) -> Any:
    """What pydantic makes of a value; :data:`NOTHING` where it refuses it."""
    validator = _validator(core)
    try:
        return NOTHING if validator is None else validator.validate_python(value)
    except Exception:  # noqa: BLE001 - as above
        return NOTHING


def _why_blank(value: Blank, form: Form) -> Answer:
    """Of a container only the kind is known, of anything not even that."""
    core: Core | None = None if isinstance(form, Record) else getattr(form, "core", None)
    if value.cls is None or (isinstance(form, Scalar) and form.kind == "other"):
        return Unsure("Any says nothing about what is handed over")
    inside = Unsure("nothing is known about what is in it")
    if isinstance(form, Instance):
        return None if issubclass(value.cls, form.cls) else Refusal("is_instance_of", value.cls(), form)
    if isinstance(form, Record):
        return (
            inside
            if issubclass(value.cls, Mapping) or form.takes_objects
            else Refusal("record_type", value.cls(), form)
        )
    if core is None or (isinstance(form, Choice) and form.has_code):
        return inside
    answer = tried(core, value.cls(), form)
    return answer if isinstance(answer, Refusal) and answer.code not in _LENGTHS else inside


# ---- one function for each form ----------------------------------------------------------------------------------


def _scalar(value: Any, form: Scalar, _: int) -> Answer:
    if (
        form.kind == "int"
        and isinstance(value, Enum)
        and not isinstance(value, int)
        and not isinstance(value.value, int)
    ):
        return Unsure("pydantic takes the value of an enum for an int without a look")
    return tried(form.core, value, form)


def _choice(value: Any, form: Choice, _: int) -> Answer:
    if form.has_code:
        is_member = any(value is member for member in form.values)
        return None if is_member else Unsure(f"{form.name} decides itself what other values mean")
    return tried(form.core, value, form)


def _instance(value: Any, form: Instance, _: int) -> Answer:
    return tried(form.core, value, form)


def _items(value: Any, form: Items, depth: int) -> Answer:
    if form.kind == "sequence" and isinstance(value, str | bytes):
        return Refusal("sequence_str", value, form)
    answer = tried(form.core, value, form)
    if answer is None and form.kind == "sequence":  # its class says nothing of lengths
        answer = _of_length(value, form)
    if answer is not None:
        return answer
    if isinstance(value, BaseModel) and type(value).__iter__ is BaseModel.__iter__:  # its fields, as pairs
        value = [(name, Blank()) for name in type(value).model_fields]
    if not isinstance(value, _CONTAINERS):
        return Unsure(UNREAD)
    answer = first_of(_at(index, why(item, form.item, depth - 1)) for index, item in enumerate(value))
    if form.kind == "iterable":
        return None if answer is None else Unsure(UNREAD)
    if answer is None and form.kind in {"set", "frozenset"}:
        return Unsure(TOGETHER) if form.whole is None or has_blank(value) else tried(form.whole, value, form)
    return answer


def _of_length(value: Any, form: Items) -> Answer:
    if len(value) < form.least:
        return Refusal("too_short", value, form, {"min_length": form.least})
    if form.most is not None and len(value) > form.most:
        return Refusal("too_long", value, form, {"max_length": form.most})
    return None


def _row(value: Any, form: Row, depth: int) -> Answer:
    if isinstance(value, Mapping) and form.names:
        return Unsure("its fields are looked up by name")
    answer = tried(form.core, value, form)
    if isinstance(answer, Refusal) and answer.code not in _LENGTHS:
        return answer
    if not isinstance(value, _CONTAINERS):
        return Unsure(UNREAD)
    if answer is not None or len(value) < form.least:
        return Refusal("items", value, form)
    pairs = enumerate(zip(value, form.items, strict=False))  # the last ones of a NamedTuple may have defaults
    return first_of(_at(index, why(item, part, depth - 1)) for index, (item, part) in pairs)


def _table(value: Any, form: Table, depth: int) -> Answer:
    answer = tried(form.core, value, form)
    if answer is not None:
        return answer
    return first_of(
        answer
        for key, item in value.items()
        for answer in (_at(Key(key), why(key, form.key, depth - 1)), _at(Entry(key), why(item, form.value, depth - 1)))
    )


def _record(value: Any, form: Record, depth: int) -> Answer:
    if not isinstance(value, dict if form.only_text else Mapping):
        is_object = form.takes_objects and type(value).__module__ != "builtins"
        return Unsure("its attributes are looked up") if is_object else Refusal("record_type", value, form)
    return first_of(_record_answers(value, form, depth))


def _record_answers(value: Mapping[Any, Any], form: Record, depth: int) -> Iterator[Answer]:
    used = set[Any]()
    for slot in form.slots:
        key = next((key for key in slot.keys if key in value), None)
        if key is not None:
            used.add(key)
            yield _at(key, why(value[key], slot.form, depth - 1))
        elif slot.is_required:
            yield Refusal("missing", value, form, {"field": slot.keys[0]})
    for key in value:
        if key not in used:
            yield _extra(key, value[key], form, depth)


def _extra(key: Any, value: Any, form: Record, depth: int) -> Answer:
    if form.refuses_keys and not isinstance(key, str):
        return Refusal("invalid_key", key, form)
    if form.extra == "forbid":
        return Refusal("extra_forbidden", value, form, {"field": key})
    return None if form.extra is None else _at(key, why(value, form.extra, depth - 1))


def _either(value: Any, form: Either, depth: int) -> Answer:
    answers = [why(value, part, depth - 1) for part in form.forms]
    if form.tag and isinstance(value, Mapping) and form.tag not in value:
        return Refusal("union_tag_not_found", value, form, {"field": form.tag})
    if None in answers:
        return None
    unsure = [answer for answer in answers if isinstance(answer, Unsure)]
    if unsure:
        return unsure[0]
    if isinstance(value, Blank) and value.cls is not None:
        value = value.cls()
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    best = [answer for answer in refused if answer.is_narrow] or [answer for answer in refused if answer.is_inside]
    return best[0] if best else _only(refused, value, form)


def _only(refused: list[Refusal], value: Any, form: Either) -> Refusal:
    """The refusal of the one form there is beside None, else one of them all."""
    telling = [answer for answer in refused if not (isinstance(answer.form, Choice) and answer.form.values == (None,))]
    return telling[0] if len(telling) == 1 else Refusal("union", value, form)


def _guarded(value: Any, form: Guarded, depth: int) -> Answer:
    answer = why(value, form.form, depth - 1)
    if answer is not None:
        return answer
    if form.rule is None or form.core is None or has_blank(value):
        return Unsure(form.reason)
    return tried(form.core, value, form)


def _again(value: Any, form: Again, depth: int) -> Answer:
    return why(value, form.form, depth - 1)


def _at(step: Any, answer: Answer) -> Answer:
    return replace(answer, path=(step, *answer.path)) if isinstance(answer, Refusal) else answer


_DECIDERS: dict[type, Callable[[Any, Any, int], Answer]] = {
    Scalar: _scalar,
    Choice: _choice,
    Instance: _instance,
    Items: _items,
    Row: _row,
    Table: _table,
    Record: _record,
    Either: _either,
    Guarded: _guarded,
    Again: _again,
}
