"""What can be told with certainty of a condition that is a function: what it reads, what it says, and which it is."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from crewgraph.condition.source import same_constant, simple
from crewgraph.condition.translate import as_condition

__all__ = ["LambdaReads", "as_condition", "identity", "keys_of"]

_FRAMES = {"eval", "exec", "locals", "vars", "dir", "globals"}
"""Functions that may look at the parameter though nobody hands it to them."""
_SCOPES = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class LambdaReads:
    """The keys that a function reads.

    Attributes:
        sure: those that it reads each time; where one is missing, it fails.
        maybe: those that it reads at times.
        optional: those that it only asks for, or reads only where they are there.
    """

    sure: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def keys_of(function: Callable[..., Any]) -> LambdaReads | None:
    """The keys that a simple function of one dict reads, ``None`` where that is not certain.

    ``x["k"]`` reads a key, ``x.get("k")`` and ``"k" in x`` ask for it; where the dict is used in any other way, it might
    be read for anything.
    """
    found = simple(function)
    if found is None:
        return None
    reader = _Reader(found.parameter)
    try:
        reader.visit(found.body, frozenset(), is_sure=True)
    except (_Unknown, RecursionError):
        return None
    sure = tuple(reader.sure)
    maybe = tuple(key for key in reader.maybe if key not in reader.sure)
    return LambdaReads(sure, maybe, tuple(key for key in reader.optional if key not in (*sure, *maybe)))


class _Unknown(Exception):
    """Raised where a function does something else with the dict."""


@dataclass(slots=True)
class _Reader:
    parameter: str
    sure: dict[str, None] = field(default_factory=dict[str, None])
    maybe: dict[str, None] = field(default_factory=dict[str, None])
    optional: dict[str, None] = field(default_factory=dict[str, None])

    def visit(self, node: ast.AST, known: frozenset[str], *, is_sure: bool) -> None:
        """Note what is read here and below, where some keys are known to be there."""
        key = self.read(node)
        if key is not None:
            (self.optional if key in known else self.sure if is_sure else self.maybe)[key] = None
            return
        asked = self.asked(node)
        if asked is not None:
            self.optional[asked] = None
            for default in node.args[1:] if isinstance(node, ast.Call) else ():
                self.visit(default, known, is_sure=is_sure)
            return
        if self.is_odd(node):
            raise _Unknown
        for part, more, is_always in self.parts(node):
            self.visit(part, known | more, is_sure=is_sure and is_always)

    def is_odd(self, node: ast.AST) -> bool:
        """Whether the dict is used in another way, or something is done that nobody can follow."""
        match node:
            case ast.Name(id=name):
                return name == self.parameter or name in _FRAMES
            case ast.arg(arg=name):
                return name == self.parameter
            case ast.Yield() | ast.YieldFrom():
                return True
            case _:
                return False

    def read(self, node: ast.AST) -> str | None:
        """The key in ``x["key"]``."""
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as key), ctx=ast.Load()):
                return key if name == self.parameter else None
            case _:
                return None

    def asked(self, node: ast.AST) -> str | None:
        """The key in ``x.get("key")`` and ``"key" in x``."""
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="get"),
                args=[ast.Constant(value=str() as key), *defaults],
                keywords=[],
            ) if len(defaults) <= 1:
                return key if name == self.parameter else None
            case ast.Compare(
                left=ast.Constant(value=str() as key), ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=name)]
            ):
                return key if name == self.parameter else None
            case _:
                return None

    def parts(self, node: ast.AST) -> Iterator[tuple[ast.AST, frozenset[str], bool]]:
        """The parts of an expression: each with the keys that are there by then, and whether it is always evaluated."""
        nothing = frozenset[str]()
        match node:
            case ast.BoolOp(op=op, values=values):
                there = nothing
                for number, part in enumerate(values):
                    yield part, there, number == 0
                    there |= self.there(part, verdict=isinstance(op, ast.And))
            case ast.IfExp(test=test, body=body, orelse=other):
                yield test, nothing, True
                yield body, self.there(test, verdict=True), False
                yield other, self.there(test, verdict=False), False
            case ast.Compare(left=left, comparators=[first, *later]):
                yield from ((part, nothing, True) for part in (left, first))
                yield from ((part, nothing, False) for part in later)
            case ast.ListComp(generators=[first, *_]) | ast.SetComp(generators=[first, *_]):
                yield from self.parts_of_scope(node, first)
            case ast.DictComp(generators=[first, *_]) | ast.GeneratorExp(generators=[first, *_]):
                yield from self.parts_of_scope(node, first)
            case ast.Lambda():
                yield from ((part, nothing, False) for part in ast.iter_child_nodes(node))
            case _:
                yield from ((part, nothing, True) for part in ast.iter_child_nodes(node))

    def parts_of_scope(self, node: ast.AST, first: ast.comprehension) -> Iterator[tuple[ast.AST, frozenset[str], bool]]:
        """The parts of a comprehension, of which only what it first goes through is always evaluated."""
        yield first.iter, frozenset(), True
        for part in ast.iter_child_nodes(node):
            inner = [each for each in ast.iter_child_nodes(part) if each is not first.iter] if part is first else [part]
            yield from ((each, frozenset[str](), False) for each in inner)

    def there(self, node: ast.expr, *, verdict: bool) -> frozenset[str]:
        """The keys that are there once an expression came out true, or false."""
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.there(operand, verdict=not verdict)
            case ast.BoolOp(op=op, values=values) if isinstance(op, ast.And) is verdict:
                return frozenset[str]().union(*(self.there(part, verdict=verdict) for part in values))
            case ast.Compare(
                left=ast.Call() as call, ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(None)]
            ):
                return self.got(call) if verdict else frozenset()
            case ast.Compare(ops=[op]):
                key = self.asked(node)
                return frozenset({key} if key is not None and isinstance(op, ast.In) is verdict else ())
            case ast.Call() if verdict:
                return self.got(node)
            case _:
                return frozenset()

    def got(self, call: ast.Call) -> frozenset[str]:
        """The key of ``x.get("key")``, where the result tells that it is there."""
        key = self.asked(call)
        return frozenset({key} if key is not None and len(call.args) == 1 else ())


# ---- which function it is ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Same:
    """An object that is equal to itself alone."""

    kept: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.kept is self.kept

    def __hash__(self) -> int:
        return id(self.kept)


def identity(function: Callable[..., Any]) -> Hashable:
    """What is equal for two functions that are made of the same code and the same values around it.

    That is: code, constants, names, defaults, the module, and what they take from functions around them. Whether such a
    function comes out the same twice for the same values is another question: it may ask a clock.
    """
    if not isinstance(function, types.FunctionType):
        return _Same(function)
    try:
        around = tuple(_value(cell.cell_contents) for cell in function.__closure__ or ())
    except ValueError:  # a variable that has no value yet
        return _Same(function)
    defaults = tuple(_value(value) for value in function.__defaults__ or ())
    more = tuple((name, _value(value)) for name, value in (function.__kwdefaults__ or {}).items())
    return (_code(function.__code__), _Same(function.__globals__), around, defaults, more)


def _code(code: types.CodeType) -> Hashable:
    constants = tuple(
        _code(each) if isinstance(each, types.CodeType) else same_constant(each) for each in code.co_consts
    )
    return (
        code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_exceptiontable,
    )  # fmt: skip


def _value(value: Any) -> Hashable:
    """A value that cannot change by what it is, another one by which it is."""
    if type(value) in {int, float, str, bytes, bool, type(None)}:
        return same_constant(value)
    if type(value) is tuple:
        return (tuple, *(_value(each) for each in value))
    return _Same(value)
