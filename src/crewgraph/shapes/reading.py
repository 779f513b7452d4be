"""The form of a type, read once for each way of looking at it."""

from __future__ import annotations

from typing import Any

from pydantic import SkipValidation

from crewgraph.shapes.adapter import core_of
from crewgraph.shapes.forms import ANYTHING, Book, Form, Opaque
from crewgraph.shapes.peel import by_identity, peeled, without_validators
from crewgraph.shapes.plain import PLAIN
from crewgraph.shapes.reader import Reader, Side
from crewgraph.shapes.records import RECORDS
from crewgraph.shapes.unseen import asks_nothing, unseen

__all__ = ["form_of"]

UNREADABLE = "nobody can look into it"
_UNLOOKED: Any = SkipValidation
HANDLERS = PLAIN | RECORDS


def form_of(kind: Any, *, side: Side) -> Form:
    """The form of a type; an opaque one where pydantic cannot look into it."""
    return _FORMS[side](kind)


def _form(kind: Any, side: Side) -> Form:
    try:
        return _read(kind, side)
    except Exception:  # noqa: BLE001 - an annotation may be any object, and nested as deep as it likes
        return Opaque(UNREADABLE)


def _read(kind: Any, side: Side) -> Form:
    if side != "taken":
        kind = without_validators(kind)
    core = None if asks_nothing(kind) else core_of(kind)
    reason = unseen(kind)
    if reason is not None or core is None:
        return ANYTHING if asks_nothing(kind) else Opaque(reason or UNREADABLE)
    if core["type"] == "any" and not any(isinstance(each, _UNLOOKED) for each in peeled(kind).metadata):
        return Opaque("it names no type of values")  # pydantic takes everything for an annotation that it does not know
    book = Book(lambda named: Reader(side, HANDLERS, book, {}).read(named))
    return Reader(side, HANDLERS, book, {}).read(core)


_FORMS = {
    "taken": by_identity(lambda kind: _form(kind, "taken")),
    "dumped": by_identity(lambda kind: _form(kind, "dumped")),
    "whole": by_identity(lambda kind: _form(kind, "whole")),
}
