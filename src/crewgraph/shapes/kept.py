"""What becomes of values when they are taken: whether they stay what they are, and apart; whether they go into a set."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from crewgraph.shapes.forms import (
    Again,
    Anything,
    Choice,
    Either,
    Form,
    Instance,
    Items,
    Opaque,
    Row,
    Scalar,
)

__all__ = ["are_texts", "go_into_a_set", "named", "stay_apart", "stays", "takes_all_texts"]

DEEPEST = 80


def named(form: Form) -> Form:
    """A form behind its names."""
    for _ in range(DEEPEST):
        if not isinstance(form, Again):
            return form
        form = form.form
    return Opaque("it stands only for itself")


def stay_apart(ours: Any, theirs: Any) -> bool:
    """Whether what is different stays different: what is unique already, and is taken as what it is."""
    if isinstance(ours, Items) and isinstance(theirs, Items):
        return ours.kind in {"set", "frozenset"} and stays(ours.item, theirs.item)
    return isinstance(ours, Form) and isinstance(theirs, Form) and stays(ours, theirs)


def stays(ours: Form, theirs: Form, depth: int = DEEPEST) -> bool:
    """Whether values of a source are taken as what they are."""
    if depth == 0:
        return False
    match named(ours), named(theirs):
        case Scalar(kind=kind), Scalar() as taken:
            return kind == taken.kind and not _is_shaped(taken)
        case Choice(values=values), Choice(values=others):
            return len(values) == len(others) and all(one is other for one, other in zip(values, others, strict=True))
        case Instance(), Instance():
            return True
        case (Row(items=mine), Row(items=others)) | (Either(forms=mine), Either(forms=others)):
            pairs = zip(mine, others, strict=False)
            return len(mine) == len(others) and all(stays(one, other, depth - 1) for one, other in pairs)
        case one, Either(forms=others):  # of a union pydantic takes the member that a value is already
            return any(stays(one, other, depth - 1) for other in others)
        case Items(kind=kind, item=one), Items(kind=other_kind, item=other):
            return kind == other_kind and stays(one, other, depth - 1)
        case _:
            return False


def _is_shaped(form: Scalar) -> bool:
    return any(form.core.get(key) for key in ("strip_whitespace", "to_lower", "to_upper"))


def go_into_a_set(taken: Form, given: Form) -> bool:
    """Whether values, as they are taken, can be in a set; where anything is taken they stay as they are given."""
    inside = named(taken)
    return _is_hashable(given if isinstance(inside, Anything) else inside)


def _is_hashable(form: Form, depth: int = DEEPEST) -> bool:
    match named(form):
        case Scalar():
            return True
        case Choice(values=values):
            return all(isinstance(value, Hashable) for value in values)
        case Row(items=forms) | Either(forms=forms) if depth:
            return all(_is_hashable(part, depth - 1) for part in forms)
        case Items(kind=kind, item=item) if depth:
            return kind in {"tuple", "frozenset"} and _is_hashable(item, depth - 1)
        case Instance(cls=cls):
            return cls.__hash__ is not None
        case _:
            return False


def are_texts(form: Form) -> bool:
    """Whether all values of a source are texts."""
    form = named(form)
    if isinstance(form, Choice):
        return all(isinstance(value, str) for value in form.values)
    return isinstance(form, Scalar) and form.kind == "str"


def takes_all_texts(form: Form) -> bool:
    """Whether a sink takes all texts."""
    form = named(form)
    is_text = isinstance(form, Scalar) and form.kind == "str" and form.core.keys() <= {"type"}
    return is_text or isinstance(form, Anything)
