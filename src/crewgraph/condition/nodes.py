"""The operations of a condition, each with what must have come out before it is reached."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crewgraph.condition.alternatives import Alternative, Anything, Constants, Members, Sequence, alternatives, read
from crewgraph.condition.condition import Condition, Path
from crewgraph.condition.terms import operands, pairs
from crewgraph.shapes.forms import Form

__all__ = ["Holder", "Part", "Place", "operations", "place"]

Part = tuple[Condition, bool]


@dataclass(frozen=True, slots=True)
class Holder:
    """What may stand where a path goes on, and cannot have the member that comes next.

    Attributes:
        path: how far the path goes.
        alternatives: what may be there.
        is_only: whether nothing else may be.
        names: the members there are instead.
    """

    path: Path
    alternatives: tuple[Alternative, ...]
    is_only: bool
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What may be under a path.

    Attributes:
        alternatives: what it may be, where it is there; values of several types are several alternatives.
        holders: what may stand above it without having such a member.
    """

    alternatives: tuple[Alternative, ...]
    holders: tuple[Holder, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether something is known of every value."""
        return not any(isinstance(each, Anything) for each in self.alternatives)


def place(path: Path, kinds: Mapping[str, Any]) -> Place:
    """What may be under a path."""
    found, holders = _split([read(kinds.get(str(path[0]), Any))]), list[Holder]()
    for end in range(1, len(path)):
        if any(isinstance(each, Anything) for each in found):
            return Place((Anything(),), tuple(holders))
        inner = [_member(each, path[end]) for each in found]
        forms = [form for form in inner if form is not None]
        lacking = tuple(each for each, form in zip(found, inner, strict=True) if form is None)
        for group in [lacking] if lacking and not forms else [(each,) for each in lacking]:
            names = dict.fromkeys(name for each in group if isinstance(each, Members) for name in each.known)
            holders.append(Holder(path[:end], group, not forms, tuple(names)))
        found = _split(forms)
    return Place(found, tuple(holders))


def _split(forms: list[Form]) -> tuple[Alternative, ...]:
    """Alternatives, in which the values of each type are one of their own."""
    found = list[Alternative]()
    for each in (one.alternative for form in forms for one in alternatives(form)):
        if isinstance(each, Constants):
            by_type = dict[type, list[Any]]()
            for value in each.values:
                by_type.setdefault(type(value), []).append(value)
            found += [Constants(tuple(values)) for values in by_type.values()]
        else:
            found.append(each)
    return tuple(found)


def _member(alternative: Alternative, key: str | int) -> Form | None:
    """What is under a key, ``None`` where nothing can be."""
    match alternative:
        case Members():
            found = alternative.member(key)
            return None if found is None else found[0]
        case Sequence(maker=maker, item=item, high=high, row=row):
            if not isinstance(key, int) or maker in {set, frozenset}:
                return None
            if high is not None and not -high <= key < high:
                return None
            return item if row is None else row[key]
        case _:
            return None


def operations(tree: ast.expr, before: tuple[Part, ...] = ()) -> Iterator[tuple[ast.expr, tuple[Part, ...]]]:
    """Every expression, with what must have come out before; ``a < b < c`` is two."""
    match tree:
        case ast.BoolOp(op=op, values=parts):
            for part in parts:
                yield from operations(part, before)
                before = (*before, (_condition(part), isinstance(op, ast.And)))
        case ast.Compare():
            yield from operations(tree.left, before)
            for pair in pairs(tree):
                yield from operations(pair.comparators[0], before)
                yield pair, before
                before = (*before, (_condition(pair), True))
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call(func=ast.Name(id="has")):
            yield tree, before
        case _:
            for part in operands(tree):
                yield from operations(part, before)
            yield tree, before


def _condition(tree: ast.expr) -> Condition:
    return Condition("", (), tree)
