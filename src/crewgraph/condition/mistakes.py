"""What is wrong with a condition for values of these types: it fails, or a part of it is never or always true."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from crewgraph.condition.alternatives import Alternative
from crewgraph.condition.answer import Known, Verdict
from crewgraph.condition.condition import Condition, Path, parse_condition, path_of
from crewgraph.condition.decide import satisfiable
from crewgraph.condition.fails import failures
from crewgraph.condition.hints import about_failure, about_member, about_truth, hint_for_constant
from crewgraph.condition.nodes import Part, Place, operations, place
from crewgraph.condition.reads import reads_of
from crewgraph.condition.search import Effort
from crewgraph.condition.terms import constant, operands, paths
from crewgraph.condition.words import dotted
from crewgraph.errors import ConditionError

__all__ = ["Mistake", "Misuse", "mistakes"]

MAX_WORK = 500_000
"""So many steps of evaluation are made for one condition."""


class Misuse(StrEnum):
    """What becomes of a mistake at run time."""

    FAILS = "fails"
    NEVER_TRUE = "never true"
    ALWAYS_TRUE = "always true"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that is wrong with a condition.

    Attributes:
        kind: what becomes of it.
        message: what is wrong, in words.
        hint: an edit that mends it; empty where none comes to mind.
        is_sure: whether it fails for all values of these types, where it is evaluated; else only for some, such as None.
        piece: the part of the condition that it is about.
        example: values for which the condition fails; empty where it does not.
    """

    kind: Misuse
    message: str
    hint: str = ""
    is_sure: bool = False
    piece: str = ""
    example: Mapping[str, Any] = field(default_factory=dict[str, Any])


def mistakes(condition: Condition, kinds: Mapping[str, Any]) -> list[Mistake]:
    """What is wrong with a condition, in the order of its text.

    Of keys without a type, or with ``Any``, nothing is said. Each failure has an example, which was tried; what is
    called never or always true is so for all values for which it does not fail.

    Args:
        condition: the condition.
        kinds: the types of top-level keys.
    """
    found = dict[tuple[str, str], Mistake]()
    for mistake in _Finder(condition, kinds).all():
        found.setdefault((mistake.piece, mistake.message), mistake)
    return [*found.values()]


class _Finder:
    """Looks at each operation of a condition."""

    def __init__(self, condition: Condition, kinds: Mapping[str, Any]) -> None:
        self.condition = condition
        self.kinds = kinds
        self.sure = reads_of(condition).sure
        self.effort = Effort(MAX_WORK)

    def all(self) -> Iterator[Mistake]:
        """Every mistake."""
        for node, before in operations(self.condition.tree):
            places = {path: place(path, self.kinds) for path in paths(node)}
            match node:
                case ast.Name() | ast.Attribute() | ast.Subscript():
                    yield from self.members(node, places[path_of(node)], before)
                case ast.Call(func=ast.Name(id="has"), args=[argument]):
                    yield from self.asked(node, path_of(argument), places[path_of(argument)])
                case ast.Constant() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                    pass
                case _ if all(each.is_known for each in places.values()):
                    failed = list(self.failures(node, places, before))
                    yield from failed
                    if isinstance(node, ast.Compare) and not any(each.is_sure for each in failed):
                        yield from self.truths(node, places)
                case _:
                    pass

    # ---- what fails --------------------------------------------------------------------------------------------

    def members(self, node: ast.expr, found: Place, before: tuple[Part, ...]) -> Iterator[Mistake]:
        """A path into values that have no such member."""
        path, piece = path_of(node), ast.unparse(node)
        for holder in found.holders:
            examples = (self.example(node, {holder.path: each}, before) for each in holder.alternatives)
            example = next((each for each in examples if each is not None), None)
            if example is not None:
                message, hint = about_member(holder, path[len(holder.path)])
                yield Mistake(Misuse.FAILS, message, hint, holder.is_only, piece, example)

    def failures(self, node: ast.expr, places: Mapping[Path, Place], before: tuple[Part, ...]) -> Iterator[Mistake]:
        """An operation that fails for some types of its operands; one example will do."""
        for failure in failures(node, places):
            example = self.example(node, failure.types, before)
            if example is not None:
                message, hint = about_failure(node, failure, places)
                yield Mistake(Misuse.FAILS, message, hint, failure.is_sure, ast.unparse(node), example)
                return

    def example(
        self, node: ast.expr, types: Mapping[Path, Alternative], before: tuple[Part, ...]
    ) -> Mapping[str, Any] | None:
        """Values of these types with which the operation is reached, and fails."""
        known = Known(self.kinds, present=[str(path[0]) for path in types], pinned=types)
        there = [(_is_there(path), True) for path in types]
        others = [(_is_there(path), True) for path in self.sure if path not in types]
        for parts in ([*others, *there, *before], [*there, *before]):
            answer = satisfiable(parts, known, effort=self.effort)
            if answer.verdict is Verdict.YES and self.fails(node, answer.example or {}):
                return answer.example
        return None

    def fails(self, node: ast.expr, values: Mapping[str, Any]) -> bool:
        """Whether both the operation and the whole condition fail."""
        return _fails(self.condition, values) and _fails(Condition("", (), node), values)

    # ---- what is never or always true --------------------------------------------------------------------------

    def asked(self, node: ast.expr, path: Path, found: Place) -> Iterator[Mistake]:
        """``has`` of a member that no value has."""
        if found.alternatives or not found.holders:
            return
        holder, piece = found.holders[-1], ast.unparse(node)
        message, hint = about_member(holder, path[len(holder.path)])
        yield Mistake(Misuse.NEVER_TRUE, f"`{piece}` is never true: {message}", hint, piece=piece)

    def truths(self, node: ast.Compare, places: Mapping[Path, Place]) -> Iterator[Mistake]:
        """A comparison of one value with constants that comes out the same for all values."""
        if len(places) != 1:
            return
        ((path, found),) = places.items()
        left, op, right = node.left, node.ops[0], node.comparators[0]
        side, other = (left, right) if paths(left) else (right, left)
        options = operands(right) if isinstance(op, ast.In | ast.NotIn) and side is left else [other]
        never = [each for each in options if self.always(_equal(side, each), path) is False]
        hint = next((told for each in never if (told := hint_for_constant(side, constant(each), found))), "")
        always = self.always(node, path)
        if always is not None:
            kind = Misuse.ALWAYS_TRUE if always else Misuse.NEVER_TRUE
            message = about_truth(node, path, found, always=always)
            is_equality = isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn)
            yield Mistake(kind, message, hint if is_equality else "", piece=ast.unparse(node))
        elif len(options) > 1:
            for each in never:
                pair, told = _equal(side, each), hint_for_constant(side, constant(each), found)
                message = about_truth(pair, path, found, always=False)
                yield Mistake(Misuse.NEVER_TRUE, message, told, piece=ast.unparse(pair))

    def always(self, pair: ast.Compare, path: Path) -> bool | None:
        """What a comparison always comes to, ``None`` where that differs or is not known."""
        known = Known(self.kinds, present=[str(path[0])])
        condition = Condition("", (), pair)
        can = [satisfiable([(condition, wanted)], known, effort=self.effort).verdict for wanted in (True, False)]
        match can:
            case [Verdict.YES, Verdict.NO]:
                return True
            case [Verdict.NO, Verdict.YES]:
                return False
            case _:
                return None


def _fails(condition: Condition, values: Mapping[str, Any]) -> bool:
    try:
        condition(values)
    except ConditionError:
        return True
    return False  # pragma: no cover - values of types for which it fails were asked for


def _equal(left: ast.expr, right: ast.expr) -> ast.Compare:
    return ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])


def _is_there(path: Path) -> Condition:
    """A condition that is true where something is under a path."""
    return parse_condition(f"has({dotted(path)})")
