"""Single values of each kind, the plain ones first, those that are refused most often among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from operator import floordiv, truediv
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from crewgraph.shapes.adapter import Core
from crewgraph.shapes.blank import NOTHING
from crewgraph.shapes.bounds import CLASSES
from crewgraph.shapes.forms import Scalar
from crewgraph.shapes.pattern import PatternTooHard, matching
from crewgraph.shapes.refusal import validated

__all__ = ["Hints", "instance_of", "scalars"]

LONGEST = 200
"""The longest text that is made to see whether a length is refused."""
INFINITY = float("inf")

_POOL: dict[str, tuple[Any, ...]] = {
    "bool": (True, False),
    "int": (1, 0, -1, 2, 7, 1_000, -1_000, 10**12, 10**19),
    "float": (1.5, 0.0, -1.5, 1.0, 2.0, -1.0, 0.25, 1e6, 1e20, -1e20, INFINITY, -INFINITY, float("nan")),
    "complex": (1 + 2j, 0j),
    "str": ("text", "", "a", " ", "1", "0.5", "true", "2024-02-29", "é", "TEXT"),
    "bytes": (b"bytes", b"", b"1", b"\xff"),
    "date": (date(2024, 2, 29), date.min, date.max),
    "datetime": (datetime(2024, 2, 29, 9, 30), datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 2, 29)),  # noqa: DTZ001
    "time": (time(9, 30), time(9, 30, tzinfo=UTC), time(0)),
    "timedelta": (timedelta(hours=1), timedelta(0), timedelta(days=-1), timedelta(days=400)),
    "decimal": (
        Decimal("1.5"),
        Decimal(0),
        Decimal("-1.5"),
        Decimal(1),
        Decimal("123456.123456"),
        Decimal(10**30),
        Decimal("NaN"),
    ),
    "uuid": (UUID("00000000-0000-4000-8000-000000000001"), UUID(int=1)),
    "fraction": (Fraction(1, 2), Fraction(2), Fraction(-1, 3)),
}
_INPUTS = ("text", "https://example.com/", "192.0.2.1", "2001:db8::1", "192.0.2.0/24", "2001:db8::/32", "1", 1, int)
"""What is given for values that only pydantic can make, such as addresses."""
_STEPS: dict[str, tuple[Any, ...]] = {
    "int": (1, -1),
    "float": (1.0, -1.0, 0.5, -0.5),
    "decimal": (Decimal(1), Decimal(-1), Decimal("0.5"), Decimal("-0.5")),
    "date": (timedelta(days=1), timedelta(days=-1)),
    "datetime": (timedelta(days=1), timedelta(days=-1)),
    "timedelta": (timedelta(days=1), timedelta(days=-1)),
}
"""How far beside a bound one looks."""
_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of")


@dataclass(frozen=True, slots=True)
class Hints:
    """What a sink speaks of, and so may refuse: its bounds, values, lengths and keys.

    Attributes:
        values: bounds and values, of any type.
        sizes: lengths.
        keys: names of fields.
    """

    values: list[Any] = field(default_factory=list[Any])
    sizes: list[int] = field(default_factory=list[int])
    keys: list[str] = field(default_factory=list[str])


def scalars(form: Scalar, hints: Hints) -> Iterator[Any]:
    """Values of a scalar that stay what they are when they are validated, without repetition."""
    if form.kind not in CLASSES:
        yield from (value for value in _INPUTS if validated(form.core, value) is not NOTHING)
        return
    seen, cls = set[str](), CLASSES[form.kind]
    for value in _guesses(form, hints):
        made = validated(form.core, value)
        if type(made) is cls and repr(made) not in seen:
            seen.add(repr(made))
            yield made


def _guesses(form: Scalar, hints: Hints) -> Iterator[Any]:
    kind, core = form.kind, form.core
    cls = CLASSES[kind]
    if kind == "str" and "pattern" in core:
        yield from _matching(core)
    plain, *more = _POOL[kind]
    bounds = [core[key] for key in _BOUNDS if key in core]
    yield from _between(core) if bounds else ()
    yield plain
    yield from _near(kind, bounds, [core.get("min_length"), core.get("max_length")])
    yield from more
    yield from (value for value in hints.values if type(value) is cls)
    yield from _near(kind, hints.values, hints.sizes)
    yield from hints.keys if kind == "str" else ()


def _near(kind: str, bounds: Iterable[Any], sizes: Iterable[int | None]) -> Iterator[Any]:
    """Values at the bounds of a number or a length, and beside them."""
    if kind in _STEPS:
        yield from _beside(kind, bounds)
    if kind in {"str", "bytes"}:
        yield from _long(kind, sizes)


def _between(core: Core) -> Iterator[Any]:
    """Values inside the bounds: the middle, the ends, and multiples near an end."""
    low, high, step = core.get("ge", core.get("gt")), core.get("le", core.get("lt")), core.get("multiple_of")
    ends = [end for end in (low, high) if end is not None]
    if len(ends) == 2:  # noqa: PLR2004 - both ends
        yield from _computed(lambda half: low + half(high - low, 2), [floordiv, truediv])
    for end in (ends or [0]) if step else ():
        yield from _computed(partial(_multiple, end, step), (0, 1, -1))
    yield from ends


def _multiple(near: Any, step: Any, more: int) -> Any:
    return (near // step + more) * step


def _beside(kind: str, bounds: Iterable[Any]) -> Iterator[Any]:
    """Values a step beside each bound."""
    for bound in bounds:
        yield from _computed(partial(_step, kind, bound), _STEPS[kind])


def _step(kind: str, bound: Any, step: Any) -> Any:
    return (CLASSES[kind](bound) if kind in {"int", "float", "decimal"} else bound) + step


def _computed(make: Callable[[Any], Any], arguments: Iterable[Any]) -> Iterator[Any]:
    """What can be computed; bounds may be of any type."""
    for argument in arguments:
        try:
            yield make(argument)
        except (TypeError, ValueError, ArithmeticError):
            continue


def _long(kind: str, sizes: Iterable[int | None]) -> Iterator[Any]:
    for size in sizes:
        for length in () if size is None else (size, size - 1, size + 1):
            if 0 <= length <= LONGEST:
                yield "a" * length if kind == "str" else b"a" * length


def _matching(core: Core) -> Iterator[str]:
    """Texts that match a pattern; none where it is too hard, or the lengths contradict it."""
    asked: Any = core["pattern"]
    pattern, most = str(getattr(asked, "pattern", asked)), core.get("max_length")
    for chance in (0.0, 0.99, 0.4, 0.2, 0.6, 0.8):
        try:
            yield matching(pattern, chance=partial(float, chance), least=core.get("min_length") or 0, most=most)
        except PatternTooHard:
            return


def instance_of(cls: type, fields: Mapping[str, Any]) -> Any:
    """An object of a class, made without running its code; ``fields`` are those of a model or dataclass.

    Raises:
        TypeError: that cannot be done, for example for an abstract class.
    """
    if issubclass(cls, PurePath):
        return cls("text")
    for base, sample in _BUILTIN:
        if issubclass(cls, base):
            return base.__new__(cls, *sample)
    if issubclass(cls, BaseModel):
        return _model(cls, fields)
    made = object.__new__(cls)
    for name in getattr(cls, "__dataclass_fields__", {}):
        object.__setattr__(made, name, fields.get(name))
    return made


def _model(cls: type[BaseModel], fields: Mapping[str, Any]) -> BaseModel:
    made: BaseModel = cls.__new__(cls)
    held = {key: value for key, value in fields.items() if key in cls.model_fields}
    object.__setattr__(made, "__dict__", held)
    object.__setattr__(made, "__pydantic_fields_set__", set(held))
    object.__setattr__(made, "__pydantic_extra__", {} if cls.model_config.get("extra") == "allow" else None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


_BUILTIN: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    *((str, ("text",)), (int, (1,)), (float, (1.5,)), (bytes, (b"bytes",)), (tuple, ()), (frozenset, ())),
    *((cls, ()) for cls in (list, dict, set, bytearray, BaseException)),
)
