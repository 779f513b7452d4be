"""The atoms of a condition, and which of them ask one thing of one value."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from crewgraph.condition.condition import MAX_DIGITS, Condition, Path, path_of, value_of
from crewgraph.errors import ConditionError

__all__ = ["NO_VALUE", "Goal", "Term", "atoms", "cases", "constant", "goals", "pairs", "paths", "term_of"]

Side = Literal["value", "size", "lower", "upper"]
_SIDES: dict[str, Side] = {"len": "size", "lower": "lower", "upper": "upper"}
HOLE = ast.Name(id="_", ctx=ast.Load())
"""Stands for the number in what is computed of it."""


class _NoValue:
    """What an expression is that is no constant."""


NO_VALUE = _NoValue()


@dataclass(frozen=True, slots=True)
class Term:
    """One value that is looked at, and what is computed of it.

    Attributes:
        path: where it stands.
        side: what of it is looked at.
        computed: what is computed of that number, an expression over ``_``; it keeps or turns the order of numbers.
        rises: whether the order is kept.
        is_distance: whether ``abs`` of that is meant.
    """

    path: Path
    side: Side = "value"
    computed: ast.expr = HOLE
    rises: bool = True
    is_distance: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether nothing is computed."""
        return self.computed is HOLE and not self.is_distance

    def of(self, number: float) -> Any:
        """What is computed of a number, but for ``abs``."""
        return value_of(self.computed, {HOLE.id: number})


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """An expression that must come out true or false.

    Attributes:
        condition: the expression.
        wanted: what it must come to.
        paths: what it looks at.
        size: how much work it is to evaluate.
    """

    condition: Condition
    wanted: bool
    paths: tuple[Path, ...]
    size: int

    def of(self, tree: ast.expr) -> Goal:
        """The same of an expression that stands for this one."""
        return _goal(tree, wanted=self.wanted)


def goals(tree: ast.expr, *, wanted: bool) -> Iterator[Goal]:
    """What must come out so that an expression comes out as wanted: its parts, where all of them must, in order."""
    match tree:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from goals(operand, wanted=not wanted)
        case ast.BoolOp(op=op, values=parts) if isinstance(op, ast.And) is wanted:
            for part in parts:
                yield from goals(part, wanted=wanted)
        case ast.Compare(ops=[_, _, *_]) if wanted:
            yield from (_goal(pair, wanted=True) for pair in pairs(tree))
        case _:
            yield _goal(tree, wanted=wanted)


@lru_cache(maxsize=4096)
def cases(goal: Goal) -> tuple[tuple[Goal, ...], ...]:
    """The ways to meet a goal: ``a or b`` is true where ``a`` is, or where ``b`` is and ``a`` is not."""
    match goal.condition.tree:
        case ast.BoolOp(values=parts):
            pass
        case ast.Compare(ops=[_, _, *_]) as chain:
            parts = list[ast.expr](pairs(chain))
        case _:
            return ()
    found, before = list[tuple[Goal, ...]](), list[Goal]()
    for part in parts:
        found.append((*before, *goals(part, wanted=goal.wanted)))
        before += goals(part, wanted=not goal.wanted)
    return tuple(found)


def _goal(tree: ast.expr, *, wanted: bool) -> Goal:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    constants = sum(isinstance(node, ast.Constant) for node in nodes)
    size = len(nodes) - constants + constants // 4 + 1
    return Goal(Condition("", (), tree), wanted, paths(tree), size)


@lru_cache(maxsize=4096)
def pairs(tree: ast.Compare) -> tuple[ast.Compare, ...]:
    """``a < b < c`` as ``a < b`` and ``b < c``."""
    sides = [tree.left, *tree.comparators]
    if len(tree.ops) == 1:
        return (tree,)
    return tuple(
        ast.Compare(left=left, ops=[op], comparators=[right])
        for left, op, right in zip(sides, tree.ops, sides[1:], strict=False)
    )


def atoms(tree: ast.expr) -> Iterator[ast.expr]:
    """The expressions that are asked whether they are true, below ``and``, ``or`` and ``not``."""
    match tree:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from atoms(operand)
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from atoms(part)
        case _:
            yield tree


@lru_cache(maxsize=16_384)
def paths(tree: ast.expr) -> tuple[Path, ...]:
    """Every path in an expression, once each, those that ``has`` asks for included."""
    match tree:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return (path_of(tree),)
        case _:
            return tuple(dict.fromkeys(path for part in operands(tree) for path in paths(part)))


def operands(tree: ast.expr) -> Sequence[ast.expr]:
    """The expressions directly inside one, in the order of evaluation."""
    if isinstance(tree, ast.Call):
        return tree.args
    return [part for part in ast.iter_child_nodes(tree) if isinstance(part, ast.expr)]


def constant(tree: ast.expr) -> Any:
    """What an expression always is; ``NO_VALUE`` where it reads something, or cannot be computed."""
    if paths(tree):
        return NO_VALUE
    try:
        value = value_of(tree, {})
    except (ConditionError, ArithmeticError, TypeError, ValueError):
        return NO_VALUE
    return NO_VALUE if isinstance(value, float) and math.isnan(value) else value


# ---- terms -----------------------------------------------------------------------------------------------------


def term_of(tree: ast.expr) -> Term | None:
    """One value and what is computed of it; ``None`` where it is more than that."""
    match tree:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return Term(path_of(tree))
        case ast.Call(func=ast.Name(id="len" | "lower" | "upper" as name), args=[argument]):
            inner = term_of(argument)
            return Term(inner.path, _SIDES[name]) if inner and inner.is_bare and inner.side == "value" else None
        case ast.Call(func=ast.Name(id="abs"), args=[argument]):
            inner = _number(argument)
            return inner and replace(inner, is_distance=True)
        case ast.Call(func=ast.Name(id="round"), args=[argument, *digits]) if _are_whole(digits):
            inner = _number(argument)
            return inner and replace(inner, computed=_call(tree, inner.computed, digits))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
            inner, keeps = _number(operand), isinstance(op, ast.UAdd)
            return inner and replace(inner, computed=ast.UnaryOp(op, inner.computed), rises=inner.rises is keeps)
        case ast.BinOp(left=left, op=op, right=right):
            return _computed(left, op, right)
        case _:
            return None


def _number(tree: ast.expr) -> Term | None:
    """A term that can be computed with."""
    term = term_of(tree)
    return None if term is None or term.is_distance or term.side in {"lower", "upper"} else term


def _are_whole(digits: Sequence[ast.expr]) -> bool:
    few = [constant(each) for each in digits]
    return len(few) <= 1 and all(isinstance(each, int) and abs(each) <= MAX_DIGITS for each in few)


def _call(tree: ast.Call, inner: ast.expr, more: Sequence[ast.expr]) -> ast.Call:
    return ast.Call(tree.func, [inner, *more], [])


def _computed(left: ast.expr, op: ast.operator, right: ast.expr) -> Term | None:
    """Arithmetic with one constant, where it keeps or turns the order."""
    before, after = constant(left), constant(right)
    is_first = not _is_known(before)
    factor, inner = (after, _number(left)) if is_first else (before, _number(right))
    if inner is None or not _is_known(factor):
        return None
    match op:
        case ast.Add() | ast.Sub():
            keeps = is_first or isinstance(op, ast.Add)
        case ast.Mult() if factor != 0:
            keeps = factor > 0
        case ast.Div() | ast.FloorDiv() if factor != 0 and is_first:
            keeps = factor > 0
        case _:
            return None
    computed = ast.BinOp(inner.computed, op, right) if is_first else ast.BinOp(left, op, inner.computed)
    return replace(inner, computed=computed, rises=inner.rises is keeps)


def _is_known(value: Any) -> bool:
    """Whether a constant is a number that is safe to compute with."""
    return isinstance(value, int | float) and abs(value) < math.inf
