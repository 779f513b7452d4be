"""What somebody wrote, as JSON values that are the same in every process: two that are equal do the same.

A journal compares them to see which nodes were edited. Functions are told by their syntax, so that comments and line
breaks do not count; what a function calls is not looked into, and neither are addresses in memory.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import json
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from crewgraph.condition.source import made_of
from crewgraph.shapes import adapter, by_identity, written

__all__ = ["as_line", "digest", "digest_of", "named", "of_type", "told"]

DEEPEST = 8
"""How deep values inside of values are looked into: they may contain themselves."""

MAX_KNOWN = 10_000


as_line = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
"""JSON values in one line of ASCII, the same for equal ones."""


def digest(value: Any) -> str:
    """A short name for JSON values."""
    return digest_of(as_line(value))


def digest_of(*texts: str) -> str:
    """A short name for texts of which none holds a line break, but for the last."""
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=16).hexdigest()


def named(value: object) -> str:
    """Module and name of a class or function, or of the class of anything else."""
    kind = value if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) else type(value)
    return f"{kind.__module__}:{kind.__qualname__}"


def told(value: Any, *, depth: int = DEEPEST) -> Any:
    """A part of a definition as JSON values; what cannot be looked into is told by its class."""
    if depth == 0:
        return "…"
    again = functools.partial(told, depth=depth - 1)
    match value:
        case Enum():
            return [named(value), value.name]
        case None | bool() | int() | float() | str():
            return value
        case Mapping() | list() | tuple() | set() | frozenset():
            return _of_several(value, again)
        case type():
            return of_type(value)
        case types.FunctionType() | types.MethodType() | types.BuiltinFunctionType() | functools.partial():
            return _of_callable(value, again)
        case _:
            return _of_object(value, again)


def _of_several(value: Any, again: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {str(key): again(each) for key, each in value.items()}
    every = [again(each) for each in value]
    return sorted(every, key=as_line) if isinstance(value, set | frozenset) else every


def _of_callable(value: Any, again: Callable[[Any], Any]) -> Any:
    if isinstance(value, functools.partial):
        return ["partial", again(value.func), again(value.args), again(value.keywords)]
    if isinstance(value, types.MethodType):
        return [again(value.__func__), named(value.__self__)]
    return _of_function(value, again) if isinstance(value, types.FunctionType) else named(value)


@by_identity
def of_type(kind: Any) -> Any:
    """A type by its JSON Schema where it has one, else by how it is written."""
    made = adapter(kind)
    try:
        schema = None if made is None else made.json_schema()
    except Exception:  # noqa: BLE001 - it has none, or a class of the user's raises
        schema = None
    return [written(kind), schema]


def _of_object(value: Any, again: Callable[[Any], Any]) -> Any:
    if isinstance(value, PurePath):
        return value.as_posix()
    fields: Iterable[str] = ()
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
    elif dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value)]
    own = {name: again(getattr(value, name, None)) for name in fields}
    called = getattr(type(value), "__call__", None)  # noqa: B004 - its source is asked for
    return [named(value), own, again(called) if isinstance(called, types.FunctionType) else None]


def _of_function(function: types.FunctionType, again: Callable[[Any], Any]) -> Any:
    """The syntax of a function, and what it was made with, as far as nobody can write on that."""
    cells = [_cell(cell) for cell in function.__closure__ or ()]
    given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *cells]
    return ["function", _syntax(function), [again(each) if _is_fixed(each) else named(each) for each in given]]


def _is_fixed(value: Any) -> bool:
    """Whether a value stays what it is: a list may be where the function notes something, and is no definition."""
    if isinstance(value, tuple | frozenset):
        return all(map(_is_fixed, value))
    return value is None or isinstance(value, _FIXED)


_FIXED = (bool, int, float, str, bytes, Enum, type, types.FunctionType, types.BuiltinFunctionType, PurePath)


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return None


def _syntax(function: types.FunctionType) -> Any:
    code = function.__code__
    known = _known.get((code, code.co_filename))
    if known is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        known = _known[code, code.co_filename] = _looked_up(function)
    return known


_known = dict[tuple[types.CodeType, str], Any]()
"""The syntax of functions that were looked up before. Code is equal to other code that does the same in another file."""


def _looked_up(function: types.FunctionType) -> Any:
    """The syntax tree as text; where the source is gone, what it was compiled to, which depends on the version of Python."""
    node = made_of(function)
    if node is None:
        return _compiled(function.__code__)
    if isinstance(node, ast.Lambda):
        return ast.dump(node)
    return [ast.dump(node.args), [ast.dump(statement) for statement in node.body], _dumped(node.returns)]


def _dumped(node: ast.expr | None) -> str | None:
    return None if node is None else ast.dump(node)


def _compiled(code: types.CodeType) -> Any:
    inner = [_compiled(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), inner]
