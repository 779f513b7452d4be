"""The source of a simple function as a syntax tree, where it is certain that the function was made from it."""

from __future__ import annotations
import __future__

import ast
import inspect
import linecache
import types
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

__all__ = ["Found", "Simple", "made_of", "same_constant", "simple"]

MAX_LINES = 20_000
"""Longer files are not looked into."""
MAX_NESTED = 20
"""How deep functions inside functions are compared."""

_FUTURE = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
_ODD = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_VARARGS | inspect.CO_VARKEYWORDS

Found = ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Simple:
    """A function of one parameter that returns one expression.

    Attributes:
        parameter: the name of the parameter.
        body: the expression.
        is_async: whether it is ``async def``.
    """

    parameter: str
    body: ast.expr
    is_async: bool


def simple(function: Callable[..., Any]) -> Simple | None:
    """A function as its parameter and the expression that it returns; ``None`` where anything is uncertain."""
    if not isinstance(function, types.FunctionType):
        return None
    code = function.__code__
    if code.co_argcount != 1 or code.co_kwonlyargcount or code.co_flags & _ODD:
        return None
    node = made_of(function)
    body = None if node is None else _returned(node)
    return None if body is None else Simple(code.co_varnames[0], body, isinstance(node, ast.AsyncFunctionDef))


def made_of(function: types.FunctionType) -> Found | None:
    """The piece of source that a function was made from; ``None`` where that is uncertain.

    The source is compiled again and compared with the function, so that a file that has changed since is noticed.
    """
    code = function.__code__
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # compiling says once more what it said before
            found = [node for node in _candidates(code, function.__globals__) if _is_made_of(code, node)]
    except Exception:  # noqa: BLE001 - a file may hold anything, and be gone by now
        return None
    return found[0] if len(found) == 1 else None


def _candidates(code: types.CodeType, module: dict[str, Any]) -> Sequence[Found]:
    """The functions that begin on the line where this one begins."""
    lines = linecache.getlines(code.co_filename, module)
    if not 0 < len(lines) <= MAX_LINES:
        return ()
    return _by_line("".join(lines)).get(code.co_firstlineno, ())


@lru_cache(maxsize=16)
def _by_line(source: str) -> Mapping[int, Sequence[Found]]:
    """The functions of a file by the line on which they begin, decorators included."""
    found = defaultdict[int, list[Found]](list)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Found):
            decorators: Sequence[ast.expr] = [] if isinstance(node, ast.Lambda) else node.decorator_list
            found[min([node.lineno, *(each.lineno for each in decorators)])].append(node)
    return found


def _returned(node: Found) -> ast.expr | None:
    """The expression that a function returns, where it does nothing else."""
    match node:
        case ast.Lambda(body=body):
            return body
        case (
            ast.FunctionDef(body=[*docs, ast.Return(value=ast.expr() as value)])
            | ast.AsyncFunctionDef(body=[*docs, ast.Return(value=ast.expr() as value)])
        ) if all(map(_is_text, docs)):
            return value
        case _:
            return None


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


# ---- is it the same? ---------------------------------------------------------------------------------------------


def _is_made_of(code: types.CodeType, node: Found) -> bool:
    """Whether compiling this piece of source makes this very code, at the same place."""
    compiled = compile(
        _module(node, code.co_freevars), code.co_filename, "exec", code.co_flags & _FUTURE, dont_inherit=True
    )
    return any(_is_same(code, each, MAX_NESTED) for each in _inside(compiled, MAX_NESTED))


def _module(node: Found, free: Sequence[str]) -> ast.Module:
    """A module with the function in it, inside another one that has the variables which it takes from outside."""
    statement: ast.stmt = ast.Expr(node) if isinstance(node, ast.Lambda) else node
    names = [ast.arg(arg=name) for name in free]
    around = ast.FunctionDef(
        name="around",
        args=ast.arguments(posonlyargs=[], args=names, kwonlyargs=[], kw_defaults=[], defaults=[]),
        body=[statement],
        decorator_list=[],
    )
    return ast.fix_missing_locations(ast.Module(body=[around], type_ignores=[]))


def _inside(code: types.CodeType, depth: int) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and depth:
            yield constant
            yield from _inside(constant, depth - 1)


def _is_same(one: types.CodeType, other: types.CodeType, depth: int) -> bool:
    """Whether two pieces of code do the same, and stand at the same place."""
    if depth == 0 or _traits(one) != _traits(other):
        return False
    return all(
        _is_same(mine, theirs, depth - 1)
        if isinstance(mine, types.CodeType) and isinstance(theirs, types.CodeType)
        else same_constant(mine) == same_constant(theirs)
        for mine, theirs in zip(one.co_consts, other.co_consts, strict=True)
    )


def _traits(code: types.CodeType) -> tuple[Any, ...]:
    return (
        code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, len(code.co_consts),
        code.co_flags & ~inspect.CO_NESTED, code.co_firstlineno, *code.co_positions(),
    )  # fmt: skip


def same_constant(value: Any) -> Any:
    """A constant as something that is equal for the same constant alone: 1, 1.0 and True differ."""
    match value:
        case tuple():
            return (tuple, *(same_constant(each) for each in value))
        case frozenset():
            return (frozenset, frozenset(same_constant(each) for each in value))
        case float() | complex():
            return (type(value), repr(value))
        case _:
            return (type(value), value)
