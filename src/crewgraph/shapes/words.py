"""Why something is refused, in words: of a value in hand ("5.5 is no int"), or of a type ("a float may have a fraction")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any

from crewgraph.errors.root import shortened
from crewgraph.shapes.forms import (
    Again,
    Anything,
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
from crewgraph.shapes.refusal import Entry, Key, Refusal
from crewgraph.shapes.shown import LONGEST, shown

__all__ = ["about_type", "about_value", "name_of", "shown"]

LONGEST_NAME = 60
MAX_LISTED = 5
DEEPEST = 4


def name_of(form: Form, depth: int = DEEPEST) -> str:  # noqa: C901, PLR0911 - one case per kind of form
    """What a form is called."""
    if depth == 0:
        return "…"
    match form:
        case Scalar(name=name) | Choice(name=name) | Record(name=name):
            return name
        case Items(kind=kind, item=item):
            kind = {"sequence": "Sequence", "iterable": "Iterable"}.get(kind, kind)
            return kind if isinstance(item, Anything) else f"{kind}[{name_of(item, depth - 1)}]"
        case Row(cls=cls, items=items):
            return f"tuple[{', '.join(name_of(item, depth - 1) for item in items)}]" if cls is tuple else cls.__name__
        case Table(key=key, value=value):
            is_bare = isinstance(key, Anything) and isinstance(value, Anything)
            return "dict" if is_bare else f"dict[{name_of(key, depth - 1)}, {name_of(value, depth - 1)}]"
        case Instance(cls=cls):
            return cls.__name__
        case Either(forms=forms):
            return " | ".join(dict.fromkeys(name_of(part, depth) for part in forms))
        case Guarded(form=inner):
            return name_of(inner, depth)
        case Again():
            return name_of(form.form, depth - 1)
        case _:
            return "anything"


def about_value(refusal: Refusal) -> str:
    """Why a value was refused, with the value."""
    return _placed(refusal.path, _said(refusal, of_value=True), of_value=True)


def about_type(refusal: Refusal, *, is_named: bool, is_always: bool) -> str:
    """Why values of a type are refused.

    Args:
        refusal: the refusal of one of its values.
        is_named: whether the type itself speaks of that value, as a Literal does.
        is_always: whether all its values are refused alike.
    """
    if refusal.code == "missing" and not is_always:
        text = f"field {_quoted(refusal.context['field'])} may be missing"
    else:
        text = _said(refusal, of_value=is_named and refusal.code in _NAMED)
    return _placed(refusal.path, text, of_value=False)


_NAMED = {"literal_error", "enum"}


def _said(refusal: Refusal, *, of_value: bool) -> str:
    if refusal.value is None and refusal.code not in _OF_FIELDS:
        return "None is not allowed"
    sayer = _SAYERS.get(refusal.code)
    if sayer is not None:
        return sayer(refusal, of_value)
    who = shown(refusal.value) if of_value else _a(refusal.value)
    if refusal.is_narrow:
        return f"{who} is out of bounds" if of_value else f"values such as {shown(refusal.value)}"
    if refusal.code.endswith(("_parsing", "_inexact", "_size", "_unicode", "_invalid")) and not of_value:
        return f"not every {_kind(refusal.value)} is {_article(name_of(refusal.form))}"
    return f"{who} is no {shortened(name_of(refusal.form), LONGEST_NAME)}"


def _placed(path: Sequence[Any], text: str, *, of_value: bool) -> str:
    """A text with the place it speaks of: ``in 'risk.tags[…]': …``."""
    if not path:
        return text
    if not of_value and not any(isinstance(step, str) for step in path):
        kinds = {type(step) for step in path}
        return f"in its {'keys' if Key in kinds else 'values' if Entry in kinds else 'items'}: {text}"
    place = "".join(_step(step, of_value=of_value) for step in path)
    return f"in {shortened(place, LONGEST) if place.startswith('[') else _quoted(place.removeprefix('.'))}: {text}"


def _step(step: Any, *, of_value: bool) -> str:
    if isinstance(step, str) and step.isidentifier():
        return f".{step}"
    if isinstance(step, Key):
        return f"[the key {shown(step.key)}]" if of_value else "[the keys]"
    return f"[{shown(getattr(step, 'key', step))}]" if of_value or isinstance(step, str) else "[…]"


def _quoted(text: Any) -> str:
    return f"'{shortened(str(text), LONGEST)}'"


def _kind(value: Any) -> str:
    return "Path" if isinstance(value, PurePath) else type(value).__name__


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def _a(value: Any) -> str:
    return "None" if value is None else _article(_kind(value))


# ---- one way to say each ----------------------------------------------------------------------------------------


def _fraction(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    if of_value:
        return f"{shown(refusal.value)} is no {name_of(refusal.form)}: it has a fractional part"
    return f"{_a(refusal.value)} may have a fraction"


def _bound(sign: str, of_value: str, of_type: str) -> Callable[[Refusal, bool], str]:
    """A number on the wrong side of a bound."""

    def said(refusal: Refusal, is_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
        bound = _number(refusal.context.get(sign))
        return f"{shown(refusal.value)} {of_value} {bound}" if is_value else of_type.format(bound)

    return said


def _number(bound: Any) -> str:
    is_whole = isinstance(bound, float) and bound.is_integer()
    return shortened(str(int(bound) if is_whole else bound), LONGEST)


def _length(sign: str, word: str) -> Callable[[Refusal, bool], str]:
    """Too few or too many characters, bytes or items."""

    def said(refusal: Refusal, is_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
        bound, what = refusal.context.get(sign), _counted(refusal)
        if is_value:
            return f"{shown(refusal.value)} has {word} than {bound} {what}"
        whole = _PLURALS.get(type(refusal.value), f"{_kind(refusal.value)}s")
        return f"empty {whole}" if bound == 1 and word == "fewer" else f"{whole} of {word} than {bound} {what}"

    return said


_PLURALS: dict[type, str] = {str: "texts", bytes: "bytes"}


def _counted(refusal: Refusal) -> str:
    value, form = refusal.value, refusal.form
    is_set = isinstance(form, Items) and form.kind in {"set", "frozenset"}
    items = "different items" if is_set and not isinstance(value, set | frozenset) else "items"
    return "characters" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else items


def _outside(of_type: str) -> Callable[[Refusal, bool], str]:
    """A value outside of a bound that pydantic has its own word for."""

    def said(refusal: Refusal, is_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
        told = of_type.format(*refusal.context.values())
        return f"{shown(refusal.value)} is refused: {told} are" if is_value else told

    return said


def _pattern(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    pattern = shortened(str(refusal.context.get("pattern")), LONGEST)
    return f"{shown(refusal.value)} does not match {pattern}" if of_value else f"texts that do not match {pattern}"


def _multiple(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    step = _number(refusal.context.get("multiple_of"))
    return f"{shown(refusal.value)} is no multiple of {step}" if of_value else f"values that are no multiple of {step}"


def _finite(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    return f"{shown(refusal.value)} is not finite" if of_value else "infinity and NaN"


def _none_of(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    values = refusal.form.values if isinstance(refusal.form, Choice) else ()
    listed = [shown(value.value if isinstance(value, Enum) else value) for value in values[:MAX_LISTED]]
    options = ", ".join(listed) + (", …" if len(values) > MAX_LISTED else "")
    if of_value:
        value = refusal.value.value if isinstance(refusal.value, Enum) else refusal.value
        return f"{shown(value)} is none of {options}" if len(values) > 1 else f"{shown(value)} is not {options}"
    return f"not every {_kind(refusal.value)} is {'one of ' if len(values) > 1 else ''}{options}"


def _of_field(text: str) -> Callable[[Refusal, bool], str]:
    def said(refusal: Refusal, _: bool) -> str:  # noqa: FBT001 - see _SAYERS
        return text.format(_quoted(refusal.context["field"]))

    return said


def _count(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    most = len(refusal.form.items) if isinstance(refusal.form, Row) else 0
    if of_value:
        return f"{shown(refusal.value)} has {len(refusal.value)} items, not {most}"
    return f"there may be more or fewer than {most} items"


def _none_fits(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    who = shown(refusal.value) if of_value else _a(refusal.value)
    names = name_of(refusal.form).split(" | ")
    if len(names) <= 2:  # noqa: PLR2004 - neither one nor the other
        return f"{who} is {'neither ' if len(names) > 1 else 'no '}{' nor '.join(names)}"
    return f"{who} is none of {shortened(', '.join(names), LONGEST_NAME)}"


def _key(refusal: Refusal, of_value: bool) -> str:  # noqa: FBT001 - see _SAYERS
    return f"the key {shown(refusal.value)} is no text" if of_value else "keys that are no text"


_OF_FIELDS = {"missing", "extra_forbidden", "union_tag_not_found"}
_SAYERS: dict[str, Callable[[Refusal, bool], str]] = {
    "int_from_float": _fraction,
    "greater_than_equal": _bound("ge", "is below", "values below {}"),
    "greater_than": _bound("gt", "is not above", "values of {} or less"),
    "less_than_equal": _bound("le", "is above", "values above {}"),
    "less_than": _bound("lt", "is not below", "values of {} or more"),
    "multiple_of": _multiple,
    "string_too_short": _length("min_length", "fewer"),
    "string_too_long": _length("max_length", "more"),
    "bytes_too_short": _length("min_length", "fewer"),
    "bytes_too_long": _length("max_length", "more"),
    "too_short": _length("min_length", "fewer"),
    "too_long": _length("max_length", "more"),
    "string_pattern_mismatch": _pattern,
    "timezone_aware": _outside("values without a time zone"),
    "timezone_naive": _outside("values with a time zone"),
    "decimal_max_digits": _outside("numbers of more than {} digits"),
    "decimal_max_places": _outside("numbers of more than {} decimal places"),
    "decimal_whole_digits": _outside("numbers of more than {} digits before the point"),
    "date_past": _outside("dates that are not past"),
    "date_future": _outside("dates that are past"),
    "datetime_past": _outside("times that are not past"),
    "datetime_future": _outside("times that are past"),
    "finite_number": _finite,
    "literal_error": _none_of,
    "enum": _none_of,
    "missing": _of_field("field {} is missing"),
    "extra_forbidden": _of_field("field {} is not allowed"),
    "union_tag_not_found": _of_field("field {} is missing, which tells its types apart"),
    "items": _count,
    "union": _none_fits,
    "invalid_key": _key,
    "set_item_not_hashable": lambda refusal, _: f"what is in {_a(refusal.value)} cannot be put into a set",
}
"""For pydantic's types of error and our own: what it says of a value, or of a type."""
