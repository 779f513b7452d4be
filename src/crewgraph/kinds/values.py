"""Values of a type, chosen to tell whether another type takes them all.

For each type a few values stand for all of it: both signs of a number and its bounds, an empty and a full container,
each value of a Literal, a model with one field changed at a time. The bounds of the other type are among them, one
below and one above each. Values are made without running any code of the user's.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ValidationError

from crewgraph.kinds.fields import given_by
from crewgraph.shapes.adapter import adapter
from crewgraph.shapes.peel import is_union, peeled

__all__ = ["Hints", "Sample", "hints_of", "samples"]

MAX_VALUES = 400
"""How many values of one type are looked at."""
MAX_DEPTH = 4
"""How deep a type is looked into; deeper it may be anything."""
MAX_SIZE = 10_000
"""Bounds of lengths beyond this are not tried."""

WILD: tuple[Any, ...] = (None, True, 0, 7, 0.5, "", "x", "1", [], ["x"], {}, {"x": 1})
"""Stand for a part of which nothing is known."""

PLAIN: dict[Any, tuple[Any, ...]] = {
    bool: (True, False),
    int: (1, 0, 2, -1, 7, 10**20),
    float: (0.5, 0.0, 1.0, -1.5, 7.0, 1e300),
    str: ("x", "", "1", "true", "two words", "2024-01-01"),
    bytes: (b"x", b"", b"\xff"),
    Decimal: (Decimal("0.5"), Decimal(1), Decimal(-2)),
    date: (date(2024, 1, 31), date(1999, 12, 1)),
    datetime: (datetime(2024, 1, 31, 12, 30), datetime(2024, 1, 31)),  # noqa: DTZ001 - both forms are values
    time: (time(12, 30),),
    timedelta: (timedelta(seconds=1.5), timedelta(days=1)),
    UUID: (UUID(int=7),),
    Path: (Path("x"),),
    complex: (1j, complex(1)),
    types.NoneType: (None,),
    None: (None,),
}


@dataclass(frozen=True, slots=True)
class Hints:
    """What the type that takes the values asks of them: bounds of numbers and of lengths."""

    numbers: frozenset[Any] = frozenset()
    lengths: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Sample:
    """A value, and whether a part of it stands for something of which nothing is known."""

    value: Any
    is_wild: bool = False


def samples(kind: Any, hints: Hints = Hints()) -> list[Sample]:
    """Values of a type; none where nobody can make one."""
    return list(islice(_Maker(hints).of(kind, MAX_DEPTH), MAX_VALUES))


@dataclass(slots=True)
class _Maker:
    hints: Hints
    inside: list[Any] = field(default_factory=list[Any])

    def of(self, kind: Any, depth: int) -> Iterator[Sample]:
        bare, metadata, _ = peeled(kind)
        if not metadata:
            yield from self.bare(bare, depth)
            return
        check, own = adapter(kind), hints_of(kind)
        maker = _Maker(Hints(self.hints.numbers | own.numbers, self.hints.lengths | own.lengths), self.inside)
        for each in maker.bare(bare, depth):
            if each.is_wild or check is None or _accepts(check, each.value):
                yield each

    def bare(self, kind: Any, depth: int) -> Iterator[Sample]:
        """The values of a type without constraints."""
        if kind in PLAIN if isinstance(kind, type) or kind is None else False:
            yield from map(Sample, self.plain(kind))
        elif depth == 0 or kind in (Any, object) or isinstance(kind, str | typing.TypeVar | typing.ForwardRef):
            yield from (Sample(value, is_wild=True) for value in WILD)
        elif is_union(kind):
            yield from _in_turn([self.of(member, depth) for member in get_args(kind)])
        elif get_origin(kind) is Literal:
            yield from map(Sample, get_args(kind))
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            yield from map(Sample, kind)
        elif typing.is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
            yield from self.record(kind, depth)
        else:
            yield from self.container(kind, depth)

    def plain(self, kind: Any) -> Iterator[Any]:
        """The values of a type without parts, those at the bounds among them."""
        yield from PLAIN[kind]
        near = [number + step for number in self.hints.numbers for step in (-1, 0, 1)]
        if kind is int:
            yield from (int(number) for number in near if float(number).is_integer())
        elif kind in (float, Decimal):
            yield from (kind(number) for number in (*near, *(number + 0.5 for number in map(float, near))))
        elif kind in (str, bytes):
            letter: Any = "x" if kind is str else b"x"
            yield from (letter * size for size in self.sizes())

    def sizes(self) -> list[int]:
        """Lengths at the bounds, one below and one above."""
        return sorted(
            {size for each in self.hints.lengths for size in (each - 1, each, each + 1) if 0 <= size <= MAX_SIZE}
        )

    def record(self, kind: Any, depth: int) -> Iterator[Sample]:
        """Dicts of the fields of a model or TypedDict: one, then each field changed in turn, then without what may lack."""
        if kind in self.inside:
            yield from (Sample(value, is_wild=True) for value in WILD)
            return
        self.inside.append(kind)
        fields = given_by(kind)
        choices = {key: list(islice(self.of(each.kind, depth - 1), 24)) for key, each in fields.items()}
        self.inside.pop()
        if not all(choices.values()):
            return
        first = {key: values[0] for key, values in choices.items()}
        yield _dict_of(first)
        for key, values in choices.items():
            yield from (_dict_of({**first, key: value}) for value in values[1:])
            if not fields[key].required:
                yield _dict_of({other: value for other, value in first.items() if other != key})

    def container(self, kind: Any, depth: int) -> Iterator[Sample]:
        """Lists, sets, tuples and dicts; nothing for what is none of these."""
        origin, args = get_origin(kind) or kind, get_args(kind)
        if not isinstance(origin, type):
            return
        if issubclass(origin, Mapping):
            yield from self.table(args or (Any, Any), depth, is_bare=not args)
        elif issubclass(origin, tuple) and args and args[-1] is not ...:
            yield from self.row(args, depth)
        elif issubclass(origin, Iterable) and not dataclasses.is_dataclass(origin):
            make = next((cls for cls in (set, frozenset, tuple, deque) if issubclass(origin, cls)), None)
            make = make or (set if issubclass(origin, AbstractSet) else list if issubclass(list, origin) else None)
            if make is not None:
                yield from self.items(make, args[0] if args else Any, depth)

    def items(self, make: Any, item: Any, depth: int) -> Iterator[Sample]:
        every = [
            each for each in islice(self.of(item, depth - 1), 40) if make not in (set, frozenset) or _hashes(each.value)
        ]
        yield Sample(make(()))
        for each in every:
            yield Sample(make((each.value,)), each.is_wild)
        for size in self.sizes():
            if every and size <= MAX_VALUES:
                yield Sample(make(each.value for each in every[:1] * size), every[0].is_wild)

    def row(self, kinds: Sequence[Any], depth: int) -> Iterator[Sample]:
        if kinds == ((),):
            kinds = ()
        choices = [list(islice(self.of(each, depth - 1), 12)) for each in kinds]
        if all(choices):
            first = [each[0] for each in choices]
            yield Sample(tuple(each.value for each in first), any(each.is_wild for each in first))
            for place, values in enumerate(choices):
                for value in values[1:]:
                    changed = [*first[:place], value, *first[place + 1 :]]
                    yield Sample(tuple(each.value for each in changed), any(each.is_wild for each in changed))

    def table(self, args: Sequence[Any], depth: int, *, is_bare: bool) -> Iterator[Sample]:
        yield Sample({}, is_wild=is_bare)
        keys = [each for each in islice(self.of(args[0], depth - 1), 12) if _hashes(each.value)]
        values = list(islice(self.of(args[1], depth - 1), 24))
        if keys and values:
            yield from (Sample({keys[0].value: each.value}, each.is_wild or keys[0].is_wild) for each in values)
            yield from (Sample({each.value: values[0].value}, each.is_wild or values[0].is_wild) for each in keys[1:])


def _dict_of(parts: Mapping[str, Sample]) -> Sample:
    return Sample({key: each.value for key, each in parts.items()}, any(each.is_wild for each in parts.values()))


def _in_turn(several: Sequence[Iterator[Sample]]) -> Iterator[Sample]:
    """The first of each, then the second of each, …: where there are too many, none is forgotten."""
    waiting = list(several)
    while waiting:
        going = list[Iterator[Sample]]()
        for each in waiting:
            for sample in islice(each, 1):
                yield sample
                going.append(each)
        waiting = going


def _accepts(check: Any, value: Any) -> bool:
    try:
        check.validate_python(value, strict=True)
    except ValidationError:
        return False
    except Exception:  # noqa: BLE001 - a constraint may fail for a value of a kind that it does not expect
        return False
    return True


def _hashes(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def hints_of(kind: Any, depth: int = MAX_DEPTH) -> Hints:
    """The bounds that stand anywhere in a type."""
    bare, metadata, _ = peeled(kind)
    numbers, lengths = set[Any](), set[int]()
    for each in metadata:
        told = [getattr(each, name, None) for name in ("ge", "gt", "le", "lt")]
        numbers |= {bound for bound in told if isinstance(bound, int | float)}
        sizes = [getattr(each, name, None) for name in ("min_length", "max_length")]
        lengths |= {size for size in sizes if isinstance(size, int)}
    inner: list[Any] = [*get_args(bare)] if get_origin(bare) is not Literal else []
    if depth and (typing.is_typeddict(bare) or (isinstance(bare, type) and issubclass(bare, BaseModel))):
        inner += [each.kind for each in given_by(bare).values()]
    for part in inner if depth else ():
        found = hints_of(part, depth - 1)
        numbers |= found.numbers
        lengths |= found.lengths
    return Hints(frozenset(numbers), frozenset(lengths))
