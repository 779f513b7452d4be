"""What a condition reads: surely, maybe, or only where ``has`` said that it is there; and what its verdict tells."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from crewgraph.condition.condition import Condition, Path, path_of

__all__ = ["Reads", "reads_of"]

Paths = frozenset[Path]
NOTHING: Paths = frozenset()


@dataclass(frozen=True, slots=True)
class Reads:
    """What a condition looks up.

    A path is in one of ``sure``, ``maybe`` and ``guarded``, and so is each key in one of the three tuples of keys; what
    ``has`` asks for may be in any or none of them.

    Attributes:
        sure: the paths that are read whenever it comes out true or false; where one is missing, it fails.
        maybe: the paths that are read on some ways only, behind ``and``, ``or`` or the first half of ``a < b < c``.
        guarded: the paths that are read only where they are known to be there: ``has(a) and a > 1`` never misses ``a``.
        asked: the paths in ``has(…)``.
        sure_keys, maybe_keys, guarded_keys, asked_keys: the same of top-level keys. In ``has(a) and a.b > 1`` the path
            ``a.b`` may be missing, the key ``a`` may not.
        present_if_true: the top-level keys that are surely there once it came out true.
        present_if_false: the same once it came out false.
    """

    sure: tuple[Path, ...]
    maybe: tuple[Path, ...]
    guarded: tuple[Path, ...]
    asked: tuple[Path, ...]
    sure_keys: tuple[str, ...]
    maybe_keys: tuple[str, ...]
    guarded_keys: tuple[str, ...]
    asked_keys: tuple[str, ...]
    present_if_true: frozenset[str]
    present_if_false: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known once an expression came out: true, or false.

    Attributes:
        read_if_true, read_if_false: what has been read.
        there_if_true, there_if_false: what is there, because it has been read or ``has`` said so.
    """

    read_if_true: Paths = NOTHING
    read_if_false: Paths = NOTHING
    there_if_true: Paths = NOTHING
    there_if_false: Paths = NOTHING

    def turned(self) -> _Facts:
        """The facts of its negation."""
        return _Facts(self.read_if_false, self.read_if_true, self.there_if_false, self.there_if_true)

    def always(self) -> _Facts:
        """What is known whatever came out."""
        read, there = self.read_if_true & self.read_if_false, self.there_if_true & self.there_if_false
        return _Facts(read, read, there, there)

    def then(self, later: _Facts) -> _Facts:
        """What is known where the other expression is evaluated too, whatever either comes to."""
        return _Facts(
            self.read_if_true | later.read_if_true,
            self.read_if_false | later.read_if_false,
            self.there_if_true | later.there_if_true,
            self.there_if_false | later.there_if_false,
        )


@lru_cache(maxsize=1024)
def reads_of(condition: Condition) -> Reads:
    """What a condition reads, worked out once."""
    paths, keys = _Walk(condition.tree), _Walk(condition.tree, depth=1)
    return Reads(
        sure=paths.sure,
        maybe=paths.maybe,
        guarded=paths.guarded,
        asked=paths.asked,
        sure_keys=_keys(keys.sure),
        maybe_keys=_keys(keys.maybe),
        guarded_keys=_keys(keys.guarded),
        asked_keys=_keys(keys.asked),
        present_if_true=frozenset(_keys(keys.facts.there_if_true)),
        present_if_false=frozenset(_keys(keys.facts.there_if_false)),
    )


def _keys(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(path[0]) for path in paths))


@dataclass(slots=True)
class _Walk:
    """One way through a condition, on which paths count as far as ``depth`` says."""

    tree: ast.expr
    depth: int | None = None
    seen: dict[ast.expr, _Facts] = field(default_factory=dict[ast.expr, _Facts])
    read: dict[Path, bool] = field(default_factory=dict[Path, bool])
    """Each path that is read, and whether it is known to be there wherever that happens."""
    asks: dict[Path, None] = field(default_factory=dict[Path, None])
    facts: _Facts = field(default_factory=_Facts)

    def __post_init__(self) -> None:
        self.facts = self.facts_of(self.tree)
        self.visit(self.tree, NOTHING)

    @property
    def sure(self) -> tuple[Path, ...]:
        """What is read whatever comes out."""
        surely = self.facts.always().read_if_true
        return tuple(path for path in self.read if path in surely)

    @property
    def guarded(self) -> tuple[Path, ...]:
        """What is read only where it is there."""
        return tuple(path for path, is_there in self.read.items() if is_there)

    @property
    def maybe(self) -> tuple[Path, ...]:
        """What is read at times, and may be missing then."""
        surely = self.facts.always().read_if_true
        return tuple(path for path, is_there in self.read.items() if not is_there and path not in surely)

    @property
    def asked(self) -> tuple[Path, ...]:
        """What ``has`` asks for."""
        return tuple(self.asks)

    def path(self, node: ast.expr) -> Path:
        """A path, as far as it counts."""
        return path_of(node)[: self.depth]

    # ---- what a verdict tells ----------------------------------------------------------------------------------

    def facts_of(self, node: ast.expr) -> _Facts:
        """What is known once an expression came out."""
        if node not in self.seen:
            self.seen[node] = self._facts_of(node)
        return self.seen[node]

    def _facts_of(self, node: ast.expr) -> _Facts:
        match node:
            case ast.Name() | ast.Attribute() | ast.Subscript():
                found = _prefixes(self.path(node))
                return _Facts(found, found, found, found)
            case ast.Call(func=ast.Name(id="has"), args=[argument]):
                # a truncated path says less: where the whole one is missing, its key may be there
                return _Facts(there_if_true=_prefixes(self.path(argument)))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.facts_of(operand).turned()
            case ast.BoolOp(op=op, values=parts):
                facts = [self.facts_of(part) for part in parts]
                return _any(facts) if isinstance(op, ast.Or) else _any([each.turned() for each in facts]).turned()
            case ast.Compare(left=left, comparators=right):
                first, *later = [self.facts_of(part).always() for part in (left, *right)]
                both, whole = first.then(later[0]), _all([first, *later])
                return _Facts(whole.read_if_true, both.read_if_false, whole.there_if_true, both.there_if_false)
            case _:
                return _all([self.facts_of(part).always() for part in _operands(node)])

    # ---- where something is read -------------------------------------------------------------------------------

    def visit(self, node: ast.expr, known: Paths) -> None:
        """Note what is read here and below, where so much is known to be there."""
        match node:
            case ast.Name() | ast.Attribute() | ast.Subscript():
                path = self.path(node)
                self.read[path] = self.read.get(path, True) and path in known
            case ast.Call(func=ast.Name(id="has"), args=[argument]):
                self.asks[self.path(argument)] = None
            case _:
                for part, more in self._told(node):
                    self.visit(part, known | more)

    def _told(self, node: ast.expr) -> Iterator[tuple[ast.expr, Paths]]:
        """The parts of an expression, each with what the parts before it have told."""
        parts, told = _operands(node), NOTHING
        for part in parts:
            yield part, told
            facts = self.facts_of(part)
            match node:
                case ast.BoolOp(op=ast.And()):
                    told |= facts.there_if_true
                case ast.BoolOp():
                    told |= facts.there_if_false
                case _:
                    told |= facts.always().there_if_true


def _operands(node: ast.AST) -> Sequence[Any]:
    """The expressions directly inside one, in the order of evaluation."""
    if isinstance(node, ast.Call):
        return node.args
    return [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]


def _prefixes(path: Path) -> Paths:
    return frozenset(path[:end] for end in range(1, len(path) + 1))


def _all(facts: Sequence[_Facts]) -> _Facts:
    """What is known where all are evaluated, whatever they come to."""
    known = _Facts()
    for each in facts:
        known = known.then(each)
    return known


def _any(facts: Sequence[_Facts]) -> _Facts:
    """What is known of ``a or b or c``: it ends at the first that is true, and is false where all are false."""
    read_before, there_before = NOTHING, NOTHING
    ends = list[tuple[Paths, Paths]]()
    for each in facts:
        ends.append((read_before | each.read_if_true, there_before | each.there_if_true))
        read_before, there_before = read_before | each.read_if_false, there_before | each.there_if_false
    return _Facts(
        frozenset.intersection(*(end for end, _ in ends)),
        read_before,
        frozenset.intersection(*(end for _, end in ends)),
        there_before,
    )
