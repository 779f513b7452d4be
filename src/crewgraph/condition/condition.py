"""Declarative route conditions: ``"urgency_score > 7"`` is parsed into a bounded tree and never ``eval``ed.

A condition compares, counts and combines what was handed over: comparisons, ``and``/``or``/``not``, ``in``,
arithmetic on numbers, paths into nested values (``risk.score``, ``tags[0]``) and the functions of :data:`FUNCTIONS`.
The text is read with Python's own parser; only the node types named here are accepted, and they only ever look up
keys: there is no attribute access, no call of anything else, and nothing that grows.
"""

from __future__ import annotations

import ast
import operator
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from crewgraph.errors import ConditionError

__all__ = ["FUNCTIONS", "Condition", "Path", "parse_condition", "path_of", "value_of"]

Path = tuple[str | int, ...]
"""``risk.by[0]`` as ``("risk", "by", 0)``."""

MAX_LENGTH = 2_000
MAX_DEPTH = 40
MAX_DIGITS = 15
"""How far ``round`` goes: rounding to minus a billion digits would compute ten to the power of a billion."""

_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "len": len,
    "lower": lambda text: _text(text).lower(),
    "max": max,
    "min": min,
    "round": lambda number, digits=0: round(number, _few(digits)),
    "upper": lambda text: _text(text).upper(),
}
"""What a condition may call; beside them ``has(path)``, which asks whether a key is there at all."""

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: operator.mod,
}
_LITERAL: dict[type[ast.expr], Callable[[Iterable[Any]], Any]] = {
    ast.List: list,
    ast.Tuple: tuple,
    ast.Set: set,
}
_FOREIGN = {"&&": "and", "||": "or", "=>": ">=", "=<": "<=", " AND ": "and", " OR ": "or", "=": "=="}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition.

    Attributes:
        text: what the user wrote.
        reads: the top-level keys it looks up, in order, once each; those asked for by ``has`` are not among them.
        tree: the checked expression.
    """

    text: str
    reads: tuple[str, ...]
    tree: ast.expr

    def __call__(self, values: Mapping[str, Any]) -> bool:
        """Decide.

        Raises:
            ConditionError: a key is missing or the values do not fit the operation. It is never just false.
        """
        try:
            return bool(value_of(self.tree, values))
        except ConditionError as error:
            raise ConditionError(f"condition `{self.text}` cannot be decided: {error}") from None
        except Exception as error:  # comparing runs the code of whatever was handed over
            message = f"condition `{self.text}` cannot be decided: {error}"
            raise ConditionError(message) from error


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> Condition:
    """Parse a condition.

    Raises:
        ConditionError: it is too long, no expression, or uses something that conditions do not have.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"a condition has at most {MAX_LENGTH} characters, this one has {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ConditionError(f"condition `{text}` is not an expression: {reason}{_meant(text)}") from None
    reads = dict[str, None]()
    try:
        _check(tree, reads, MAX_DEPTH)
    except (ConditionError, RecursionError) as error:
        reason = _TOO_DEEP if isinstance(error, RecursionError) else str(error)
        raise ConditionError(f"condition `{text}`: {reason}") from None
    return Condition(text, tuple(reads), tree)


def _meant(text: str) -> str:
    """What somebody who thinks in another language may have meant."""
    meant = next((word for sign, word in _FOREIGN.items() if sign in text), None)
    return f". hint: write {meant}" if meant else ""


# ---- checking --------------------------------------------------------------------------------------------------


def _check(node: ast.expr, reads: dict[str, None], depth: int) -> None:  # noqa: C901 - one case per kind of node
    """Refuse whatever conditions do not have; note the keys that are read."""
    if depth == 0:
        raise ConditionError(_TOO_DEEP)
    match node:
        case ast.Constant(value=str() | int() | float() | None):
            return
        case ast.Name() | ast.Attribute() | ast.Subscript():
            reads[str(path_of(node)[0])] = None
        case ast.Call(func=ast.Name(id="has"), args=[argument], keywords=[]):
            path_of(argument)
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
            _check_all(node.args, reads, depth)
        case ast.Compare(left=left, ops=ops, comparators=right):
            _check_identity(ops, right)
            _check_all([left, *right], reads, depth)
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            _check_all(parts, reads, depth)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            _check(operand, reads, depth - 1)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            _check_all([left, right], reads, depth)
        case _:
            raise ConditionError(_refusal(node))


def _check_all(nodes: Sequence[ast.expr], reads: dict[str, None], depth: int) -> None:
    for node in nodes:
        _check(node, reads, depth - 1)


def _check_identity(ops: Sequence[ast.cmpop], right: Sequence[ast.expr]) -> None:
    for op, operand in zip(ops, right, strict=True):
        if isinstance(op, ast.Is | ast.IsNot) and not _is_singleton(operand):
            raise ConditionError("`is` only compares with None, True or False; use ==")


def _is_singleton(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _refusal(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        known = ", ".join(sorted([*FUNCTIONS, "has"]))
        return f"`{ast.unparse(node)}` is not a known function; there are: {known}. hint: or use a callable"
    return f"`{ast.unparse(node)}` is not allowed in a condition"


def path_of(node: ast.expr, depth: int = MAX_DEPTH) -> Path:
    """``risk.score`` and ``tags[0]`` as a tuple of keys.

    Raises:
        ConditionError: it is no path.
    """
    if depth == 0:
        raise ConditionError(_TOO_DEEP)
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=key) if not key.startswith("_"):
            return (*path_of(value, depth - 1), key)
        case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as key)):
            return (*path_of(value, depth - 1), key)
        case ast.Subscript(value=value, slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as key))):
            return (*path_of(value, depth - 1), -key)
        case _:
            raise ConditionError(f"`{ast.unparse(node)}` is not a path such as risk.score or tags[0]")


# ---- evaluating ------------------------------------------------------------------------------------------------


def value_of(node: ast.expr, values: Mapping[str, Any]) -> Any:  # noqa: C901, PLR0911 - one case per kind of node
    """The value of a checked expression.

    Raises:
        ConditionError: it cannot be decided; other errors of the values themselves pass through.
    """
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return _look_up(path_of(node), values)
        case ast.BoolOp(op=op, values=parts):
            return _either(parts, values) if isinstance(op, ast.Or) else _both(parts, values)
        case ast.Compare():
            return _compare(node, values)
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](value_of(operand, values))
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(value_of(left, values)), _number(value_of(right, values)))
        case ast.Call(func=ast.Name(id="has"), args=[argument]):
            return _has(path_of(argument), values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(value_of(argument, values) for argument in arguments))
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return _LITERAL[type(node)](value_of(part, values) for part in parts)
        case _:  # pragma: no cover - _check let nothing else through
            raise ConditionError(_refusal(node))


def _either(parts: Sequence[ast.expr], values: Mapping[str, Any]) -> Any:
    found: Any = False
    for part in parts:
        found = value_of(part, values)
        if found:
            break
    return found


def _both(parts: Sequence[ast.expr], values: Mapping[str, Any]) -> Any:
    found: Any = True
    for part in parts:
        found = value_of(part, values)
        if not found:
            break
    return found


def _compare(node: ast.Compare, values: Mapping[str, Any]) -> bool:
    left = value_of(node.left, values)
    for op, operand in zip(node.ops, node.comparators, strict=True):
        right = value_of(operand, values)
        if not _COMPARE[type(op)](left, right):
            return False
        left = right
    return True


def _look_up(path: Sequence[Any], values: Mapping[str, Any]) -> Any:
    found: Any = values
    for depth, key in enumerate(path):
        fields = _fields_of(found)
        try:
            if not isinstance(fields, Mapping | list | tuple):
                raise KeyError(key)
            if isinstance(fields, Mapping) and key not in fields:  # a defaultdict would make it
                raise KeyError(key)
            found = fields[key]
        except (KeyError, IndexError, TypeError):
            where = f" in '{'.'.join(map(str, path[:depth]))}'" if depth else ""
            there = (
                f"; there is: {', '.join(sorted(map(str, fields))) or 'nothing'}" if isinstance(fields, Mapping) else ""
            )
            raise ConditionError(f"there is no '{key}'{where}{there}") from None
    return found


def _fields_of(found: Any) -> Any:
    if not isinstance(found, BaseModel):
        return found
    for name in type(found).model_fields.keys() - found.__dict__.keys():
        getattr(found, name, None)  # what is left for later is made now
    return found.__dict__


def _has(path: Sequence[Any], values: Mapping[str, Any]) -> bool:
    try:
        _look_up(path, values)
    except ConditionError:
        return False
    return True


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ConditionError(f"{reprlib.repr(value)} is not text")
    return value


def _few(digits: Any) -> int:
    if not isinstance(digits, int) or abs(digits) > MAX_DIGITS:
        raise ConditionError(f"round goes to at most {MAX_DIGITS} digits")
    return digits


def _number(value: Any) -> Any:
    """Arithmetic is for numbers: a text times a number would be a way to fill the memory."""
    if not isinstance(value, int | float):
        raise ConditionError(f"{reprlib.repr(value)} is not a number")
    return value
