"""Mistakes in words, and the edit that mends each."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from crewgraph.condition.alternatives import Constants, Number, Text
from crewgraph.condition.condition import Path, path_of
from crewgraph.condition.fails import Failure
from crewgraph.condition.nodes import Holder, Place
from crewgraph.condition.terms import operands
from crewgraph.condition.words import a, dotted, kind_of, listed, shown, type_of, values_of
from crewgraph.errors.near import near

__all__ = ["Told", "about_failure", "about_member", "about_truth", "hint_for_constant"]

Told = tuple[str, str]
"""A message and a hint."""
NONE = Constants((None,))
SPOKEN = {"true": True, "yes": True, "false": False, "no": False}

_TAKES = {"lower": "a str", "upper": "a str", "abs": "a number", "round": "a number"}


def about_member(holder: Holder, key: str | int) -> Told:
    """A value that has no such member."""
    above, kinds = dotted(holder.path), listed(dict.fromkeys(a(kind_of(each)) for each in holder.alternatives))
    close = near(str(key), holder.names)
    if holder.is_only:
        message = f"'{above}' is {kinds} and has no '{key}'"
    else:
        message = f"'{above}' may be {kinds}, which has no '{key}'"
    if holder.alternatives == (NONE,) and not holder.is_only:
        return message, _asked_first(above)
    if close is not None:
        return message, f"write {dotted((*holder.path, close))}"
    return message, f"there is: {', '.join(holder.names)}" if holder.names else ""


def _asked_first(name: str) -> str:
    return f"put `{name} is not None and` before it"


# ---- failures --------------------------------------------------------------------------------------------------


def about_failure(node: ast.expr, failure: Failure, places: Mapping[Path, Place]) -> Told:
    """An operation that fails."""
    parts = operands(node)
    said = [_said(part, value, failure, places) for part, value in zip(parts, failure.values, strict=True)]
    none = next((part for part, value in zip(parts, failure.values, strict=True) if value is None), None)
    return f"{_why(node, said, failure)}: `{ast.unparse(node)}` fails", _mend(parts, failure, none)


def _said(part: ast.expr, value: Any, failure: Failure, places: Mapping[Path, Place]) -> str:
    """What an operand is."""
    match part:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            path = path_of(part)
            is_only = len(places[path].alternatives) == 1
            return f"'{dotted(path)}' {'is' if is_only else 'may be'} {a(kind_of(failure.types[path]))}"
        case ast.Constant():
            return f"{shown(value)} is {'text' if isinstance(value, str) else a(type_of(value))}"
        case _:
            return f"`{ast.unparse(part)}` is {a(type_of(value))}"


def _why(node: ast.expr, said: Sequence[str], failure: Failure) -> str:
    odd = [each for each, value in zip(said, failure.values, strict=True) if not isinstance(value, int | float)]
    none = next((each for each, value in zip(said, failure.values, strict=True) if value is None), None)
    match node:
        case ast.Compare(ops=[ast.In() | ast.NotIn()]):
            if isinstance(failure.values[1], str):
                return f"{said[0]}, and only a str can be in a str"
            return f"{said[1]}, and nothing can be in it"
        case ast.Compare() if none is not None:
            return f"{none}, which has no order"
        case ast.Compare():
            return f"{said[0]} and {said[1]}, and these have no order"
        case ast.BinOp() | ast.UnaryOp() if odd:
            return f"{odd[0]}, and arithmetic is for numbers"
        case ast.Call(func=ast.Name(id="len")) if len(said) == 1:
            return f"{said[0]}, which has no length"
        case ast.Call(func=ast.Name(id=name)) if name in _TAKES and len(said) == 1:
            return f"{said[0]}, and {name}() takes {_TAKES[name]}"
        case _:
            return failure.error


def _mend(parts: Iterable[ast.expr], failure: Failure, none: ast.expr | None) -> str:
    match none:
        case ast.Name() | ast.Attribute() | ast.Subscript() if not failure.is_sure:
            return _asked_first(ast.unparse(none))
        case _:
            pass
    numbers = any(isinstance(value, int | float) for value in failure.values)
    quoted = next((part.value for part in parts if isinstance(part, ast.Constant) and _is_number(part.value)), None)
    return f"write {quoted!s} instead of {quoted!r}" if numbers and quoted is not None else ""


def _is_number(value: Any) -> bool:
    """Whether a text would be a number without its quotes."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return value.isascii() and value.strip() == value and "_" not in value and value[-1].isdigit()


# ---- what is never or always true --------------------------------------------------------------------------------


def about_truth(node: ast.Compare, path: Path, place: Place, *, always: bool) -> str:
    """A comparison that comes out the same for all values."""
    told = f"`{ast.unparse(node)}` is {'always' if always else 'never'} true"
    match node.left:
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Constant():
            return f"{told}: '{dotted(path)}' is {values_of(place.alternatives)}"
        case ast.Call(func=ast.Name(id="lower" | "upper" as name)):
            return f"{told}: {name}() gives {name} case"
        case _:
            return told


def hint_for_constant(side: ast.expr, value: Any, place: Place) -> str:
    """What may have been meant by a constant that a value is never equal to."""
    match side:
        case ast.Call(func=ast.Name(id="lower" | "upper" as name)) if isinstance(value, str):
            return f"write {getattr(value, name)()!r}"
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return _meant(value, place)
        case _:
            return ""


def _meant(value: Any, place: Place) -> str:
    alternatives = place.alternatives
    constants = [each for one in alternatives if isinstance(one, Constants) for each in one.values]
    texts = [str(each.value) if isinstance(each, Enum) else each for each in constants if isinstance(each, str)]
    has_numbers = any(isinstance(each, Number) for each in alternatives) or any(
        isinstance(each, int) for each in constants
    )
    if isinstance(value, int | float):
        has_texts = texts or any(isinstance(each, Text) for each in alternatives)
        return f"write '{value}' instead of {value}" if has_texts and not has_numbers else ""
    if not isinstance(value, str):
        return ""
    close = near(value, texts)
    if close is not None:
        return f"write {close!r}"
    if any(isinstance(each, bool) for each in constants):
        said = SPOKEN.get(value.lower())
        return "" if said is None else f"write {said} instead of {value!r}"
    if has_numbers and _is_number(value):
        return f"write {value} instead of '{value}'"
    return _of_enum(value, constants)


def _of_enum(value: str, constants: Iterable[Any]) -> str:
    """What helps where the values of an enum that is no text are compared with text."""
    member = next((each for each in constants if isinstance(each, Enum) and each.value == value), None)
    if member is None:
        return ""
    return f"a member of an Enum is not equal to its value; write class {type(member).__name__}(StrEnum)"
