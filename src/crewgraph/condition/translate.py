"""A simple function as the expression that says the same."""

from __future__ import annotations

import ast
import builtins
import keyword
import types
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from crewgraph.condition.condition import MAX_DIGITS, Condition, parse_condition
from crewgraph.condition.source import simple
from crewgraph.condition.terms import constant, paths
from crewgraph.errors import ConditionError

__all__ = ["as_condition"]

MAX_GETS = 3
"""Of more ``.get(…)`` in one comparison than these nothing is made."""
_FUNCTIONS = {"len": (1, 1), "abs": (1, 1), "min": (1, 99), "max": (1, 99), "round": (2, 2)}
"""What may be called as it is, with how many arguments. ``round(x)`` differs for infinities."""


class _Untold(Exception):
    """Raised where no expression is the same for sure."""


def as_condition(function: Callable[..., Any]) -> Condition | None:
    """The expression that decides as a function does, ``None`` where there is none for sure.

    Both come out the same, or both fail, for values that are plain data: None, bools, numbers, text, lists, and dicts
    of such. ``x.get("k", 0) > 3`` becomes ``has(k) and k > 3``.
    """
    found = simple(function)
    if found is None or found.is_async or not isinstance(function, types.FunctionType):
        return None
    try:
        tree = _Translation(found.parameter, _hidden(function)).truth(found.body)
        return parse_condition(ast.unparse(ast.fix_missing_locations(tree)))
    except (_Untold, ConditionError, RecursionError):
        return None


def _hidden(function: types.FunctionType) -> frozenset[str]:
    """The functions that mean something else in the module of a function."""
    own = {*function.__globals__, *function.__code__.co_freevars, *function.__code__.co_varnames}
    known: Mapping[str, Any] = getattr(function, "__builtins__", {})
    changed = {name for name in (*_FUNCTIONS, "bool") if known.get(name) is not getattr(builtins, name)}
    return frozenset(own | changed)


class _Translation:
    """Makes an expression of a function's body."""

    def __init__(self, parameter: str, hidden: Collection[str]) -> None:
        self.parameter = parameter
        self.hidden = hidden

    # ---- true or false -----------------------------------------------------------------------------------------

    def truth(self, node: ast.expr, gets: int = MAX_GETS) -> ast.expr:
        """An expression that is true where another one is."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                return _joined(op, [self.truth(part, gets) for part in parts])
            case ast.UnaryOp(op=ast.Not() as op, operand=operand):
                return ast.UnaryOp(op, self.truth(operand, gets))
            case ast.IfExp(test=test, body=body, orelse=other):
                return _either(self.truth(test, gets), self.truth(body, gets), self.truth(other, gets))
            case ast.Call(func=ast.Name(id="bool"), args=[argument], keywords=[]) if "bool" not in self.hidden:
                return self.truth(argument, gets)
            case _:
                get = next((each for each in ast.walk(node) if self.is_get(each)), None)
                return self.value(node) if get is None else self.split(node, get, gets)

    def is_get(self, node: ast.AST) -> bool:
        """Whether something is ``x.get("key")`` or ``x.get("key", 0)``."""
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="get"),
                args=[ast.Constant(value=str()), *defaults],
                keywords=[],
            ):
                return name == self.parameter and len(defaults) <= 1 and not any(map(_is_odd, defaults))
            case _:
                return False

    def split(self, node: ast.expr, get: ast.AST, gets: int) -> ast.expr:
        """What is true where the key is there, and where it is not."""
        assert isinstance(get, ast.Call)
        assert isinstance(get.func, ast.Attribute)
        if gets == 0:
            raise _Untold
        key, *defaults = get.args
        has = ast.Call(ast.Name("has", ast.Load()), [self.key(key)], [])
        there = self.truth(_replaced(node, get, ast.Subscript(get.func.value, key, ast.Load())), gets - 1)
        lacking = self.truth(_replaced(node, get, defaults[0] if defaults else ast.Constant(None)), gets - 1)
        if _known_truth(lacking) == "fails":
            return there  # which fails too, where the key is missing
        return _either(has, there, lacking)

    # ---- values ------------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> ast.expr:  # noqa: C901 - one case per kind of node
        """An expression with the same value."""
        match node:
            case ast.Constant(value=str() | int() | float() | None):
                return node
            case ast.Subscript():
                return self.path(node)
            case ast.BoolOp(op=op, values=parts):
                return ast.BoolOp(op, self.values(parts))
            case ast.Compare(left=left, ops=ops, comparators=right):
                return self.compared(left, ops, right)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd() as op, operand=operand):
                return ast.UnaryOp(op, self.value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self.computed(left, op, right)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return type(node)(elts=self.values(parts))
            case ast.Call(func=func, args=arguments, keywords=[]):
                return self.called(func, arguments)
            case _:
                raise _Untold

    def values(self, nodes: Sequence[ast.expr]) -> list[ast.expr]:
        """Expressions with the same values."""
        return [self.value(node) for node in nodes]

    def path(self, node: ast.expr) -> ast.expr:
        """``x["a"]["b"]`` as ``a['b']``; of an index nobody knows whether a text is meant, which conditions refuse."""
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=key) if name == self.parameter:
                return self.key(key)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str()) as key):
                return ast.Subscript(self.path(inner), key, ast.Load())
            case _:
                raise _Untold

    def key(self, node: ast.expr) -> ast.expr:
        """A top-level key, where it can be written as a name."""
        match node:
            case ast.Constant(value=str() as name) if name.isidentifier() and not keyword.iskeyword(name):
                if unicodedata.normalize("NFKC", name) == name:
                    return ast.Name(name, ast.Load())
            case _:
                pass
        raise _Untold

    def compared(self, left: ast.expr, ops: list[ast.cmpop], right: Sequence[ast.expr]) -> ast.expr:
        """A comparison, or ``"key" in x``."""
        match ops, right:
            case [ast.In() | ast.NotIn() as op], [ast.Name(id=name)] if name == self.parameter:
                has = ast.Call(ast.Name("has", ast.Load()), [self.key(left)], [])
                return has if isinstance(op, ast.In) else _negated(has)
            case _:
                return ast.Compare(self.value(left), ops, self.values(right))

    def computed(self, left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
        """Arithmetic, where it is of numbers for sure: Python adds and repeats texts and lists, conditions do not."""
        made = ast.BinOp(self.value(left), op, self.value(right))
        numbers = [_is_number(each) for each in (made.left, made.right)]
        match op:
            case ast.Add() | ast.Sub() | ast.Div() | ast.FloorDiv() if any(numbers):
                return made
            case ast.Mult() | ast.Mod() if all(numbers):
                return made
            case _:
                raise _Untold

    def called(self, func: ast.expr, arguments: Sequence[ast.expr]) -> ast.expr:
        """A function that conditions have too."""
        match func, arguments:
            case ast.Attribute(value=text, attr="lower" | "upper" as name), []:
                return ast.Call(ast.Name(name, ast.Load()), [self.value(text)], [])
            case ast.Name(id=name), _ if name in _FUNCTIONS and name not in self.hidden:
                least, most = _FUNCTIONS[name]
                if least <= len(arguments) <= most and not (name == "round" and _is_far(arguments[1])):
                    return ast.Call(func, self.values(arguments), [])
            case _:
                pass
        raise _Untold


def _either(test: ast.expr, one: ast.expr, other: ast.expr) -> ast.expr:
    """What is true where a test and one expression are, or the test is not and the other is."""
    match _known_truth(other):
        case True:
            return _joined(ast.Or(), [_negated(test), one])
        case False:
            return _joined(ast.And(), [test, one])
        case _:
            return _joined(ast.Or(), [_joined(ast.And(), [test, one]), _joined(ast.And(), [_negated(test), other])])


def _negated(tree: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), tree)


def _joined(op: ast.boolop, parts: Sequence[ast.expr]) -> ast.expr:
    """``a and b and c`` instead of ``(a and b) and c``."""
    flat = list[ast.expr]()
    for part in parts:
        flat += part.values if isinstance(part, ast.BoolOp) and isinstance(part.op, type(op)) else [part]
    return ast.BoolOp(op, flat)


def _is_odd(default: ast.expr) -> bool:
    return not isinstance(default, ast.Constant) or not isinstance(default.value, str | int | float | None)


def _is_far(digits: ast.expr) -> bool:
    few = constant(digits)
    return not isinstance(few, int) or abs(few) > MAX_DIGITS


def _is_number(tree: ast.expr) -> bool:
    """Whether an expression is a number for sure, unless it fails."""
    match tree:
        case ast.Constant(value=int() | float()) | ast.BinOp():
            return True
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in {"len", "abs", "round"}
        case _:
            return False


def _replaced(node: Any, old: ast.AST, new: ast.expr) -> Any:
    """A tree with another one in the place of a part; the tree itself stays as it is."""
    if node is old:
        return new
    if isinstance(node, list):
        return [_replaced(each, old, new) for each in node]
    if not isinstance(node, ast.AST):
        return node
    return type(node)(**{name: _replaced(value, old, new) for name, value in ast.iter_fields(node)})


def _known_truth(tree: ast.expr) -> bool | str | None:
    """What an expression comes to that reads nothing, "fails" where it fails; ``None`` where it reads something."""
    if paths(tree):
        return None
    try:
        return Condition("", (), tree)({})
    except ConditionError:
        return "fails"
