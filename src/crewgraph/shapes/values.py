"""Values of a form: first a plain one, then such as differ from it in one place, at most so many."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any

from pydantic import BaseModel

from crewgraph.shapes.blank import Blank, filled
from crewgraph.shapes.forms import (
    Again,
    Anything,
    Choice,
    Either,
    Form,
    Guarded,
    Instance,
    Items,
    Opaque,
    Record,
    Row,
    Scalar,
    Table,
)
from crewgraph.shapes.pool import Hints, instance_of, scalars
from crewgraph.shapes.reading import form_of

__all__ = ["Maker", "hints_of"]

PARTS = 40
"""How many values of each part are tried."""
PARTS_AGAIN = 6
"""How many inside of a type that contains itself."""
DEEPEST = 12
REPEATED = 2
"""How often a type that contains itself is written out."""
MOST = 60
"""How many items are made at most to see whether a length is refused."""
FORMS = 400
"""How many parts of a sink are asked for hints."""

_BUILD: dict[str, Callable[[Sequence[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": deque,
}


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes values.

    Attributes:
        hints: what the sink speaks of.
        as_data: whether dicts are made for models and dataclasses, not objects.
    """

    hints: Hints = field(default_factory=Hints)
    as_data: bool = False

    def values(self, form: Form, depth: int = DEEPEST, again: int = REPEATED) -> Iterator[Any]:
        """Values of a form, the plainest first."""
        if depth == 0:
            return iter(())
        if isinstance(form, Anything | Opaque):
            return iter((Blank(is_closed=isinstance(form, Opaque)),))
        return _MAKERS[type(form)](self, form, depth - 1, again)

    def parts(self, form: Form, depth: int, again: int) -> list[Any]:
        """Some values of a part."""
        return list(islice(self.values(form, depth, again), PARTS if again == REPEATED else PARTS_AGAIN))

    def scalar(self, form: Scalar, _: int, __: int) -> Iterator[Any]:
        """Single values."""
        return scalars(form, self.hints)

    def choice(self, form: Choice, _: int, __: int) -> Iterator[Any]:
        """One after the other."""
        return iter(form.values)

    def items(self, form: Items, depth: int, again: int) -> Iterator[Any]:
        """One item, none, each of the others, and so many as the bounds speak of."""
        build = _BUILD.get(form.kind, list)
        if isinstance(_named(form.item), Anything | Opaque):
            yield Blank(type(build(())))
            return
        found = self.parts(form.item, depth, again)
        if form.kind in {"set", "frozenset"}:
            found = _distinct(found)
        most = MOST if form.most is None else form.most
        few = [found[:1]] if found and form.least <= 1 <= most else []
        none = list[Any]([[]]) if form.least == 0 else []
        yield from map(build, few + none if again == REPEATED else none + few)  # inside of itself rather none
        for size in _sizes(form.least, most, self.hints):
            yield from _filled(found, size, build, form)

    def row(self, form: Row, depth: int, again: int) -> Iterator[Any]:
        """A plain one, and such as differ from it in one item."""
        columns = [self.parts(part, depth, again) for part in form.items]
        for values in _varied(columns):
            yield form.cls(values) if form.cls is tuple else tuple.__new__(form.cls, values)

    def table(self, form: Table, depth: int, again: int) -> Iterator[Any]:
        """One key, none, each of the other keys and values, and the keys that the sink speaks of."""
        if isinstance(_named(form.value), Anything | Opaque):
            yield Blank(dict)
            return
        keys, values = _distinct(self.parts(form.key, depth, again)), self.parts(form.value, depth, again)
        named = [key for key in keys if key in self.hints.keys]
        most = MOST if form.most is None else form.most
        for size in dict.fromkeys([max(1, form.least), form.least, *_sizes(form.least, most, self.hints)]):
            if size <= min(len(keys), most) and (values or not size):
                yield dict.fromkeys(keys[:size], values[0] if values else None)
        for key in keys[1:] if form.least <= 1 <= most and values else ():
            yield {key: values[0]}
        for value in values:
            for chosen in (keys[: max(1, form.least)], named):
                if form.least <= len(chosen) <= most and chosen:
                    yield dict.fromkeys(chosen, value)

    def record(self, form: Record, depth: int, again: int) -> Iterator[Any]:
        """All keys, without those that may be missing, and each of the other values."""
        keys = [slot.keys[0] for slot in form.slots]
        columns = [self.parts(slot.form, depth, again) for slot in form.slots]
        optional = [index for index, slot in enumerate(form.slots) if not slot.is_required]
        empty = {index for index in optional if not columns[index]}
        kept = [index for index in range(len(keys)) if index not in empty]
        for number, values in enumerate(_varied([columns[index] for index in kept])):
            made = {keys[index]: value for index, value in zip(kept, values, strict=True)}
            yield made
            if number == 0:
                yield from _without(made, [keys[index] for index in optional])
                if isinstance(form.extra, Form):
                    yield from (made | {"more": value} for value in self.parts(form.extra, depth, again))

    def instance(self, form: Instance, depth: int, again: int) -> Iterator[Any]:
        """An object made without running the code of its class."""
        fields: Any = {}
        if again and (issubclass(form.cls, BaseModel) or hasattr(form.cls, "__dataclass_fields__")):
            content = filled(next(self.values(form_of(form.cls, side="dumped"), depth, again - 1), None))
            fields = {"root": content} if getattr(form.cls, "__pydantic_root_model__", False) else content
        try:
            yield instance_of(form.cls, fields if isinstance(fields, dict) else {})
        except Exception:  # noqa: BLE001 - an abstract class, or one that forbids it
            return

    def either(self, form: Either, depth: int, again: int) -> Iterator[Any]:
        """Those of each form in turn."""
        missing = object()
        data = [part for part in form.forms if not _is_object(part)] if self.as_data else []
        rounds = zip_longest(*(self.values(part, depth, again) for part in data or form.forms), fillvalue=missing)
        return (value for value in chain.from_iterable(rounds) if value is not missing)

    def guarded(self, form: Guarded, depth: int, again: int) -> Iterator[Any]:
        """Those that keep within the bound."""
        return (value for value in self.values(form.form, depth, again) if _keeps(form, value))

    def again(self, form: Again, depth: int, again: int) -> Iterator[Any]:
        """Those of the named form, so deep and no deeper."""
        return self.values(form.form, depth, again - 1) if again else iter(())


_MAKERS: dict[type, Callable[[Maker, Any, int, int], Iterator[Any]]] = {
    Scalar: Maker.scalar,
    Choice: Maker.choice,
    Items: Maker.items,
    Row: Maker.row,
    Table: Maker.table,
    Record: Maker.record,
    Instance: Maker.instance,
    Either: Maker.either,
    Guarded: Maker.guarded,
    Again: Maker.again,
}


def _varied(columns: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """The first of each column, and such as differ from it in one place; nothing where a column is empty."""
    if not all(columns):
        return
    plain = [column[0] for column in columns]
    yield tuple(plain)
    for index, column in enumerate(columns):
        for value in column[1:]:
            yield (*plain[:index], value, *plain[index + 1 :])


def _without(made: dict[str, Any], keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Without each of the keys, and without all of them."""
    for dropped in [*([key] for key in keys), keys]:
        if dropped:
            yield {key: value for key, value in made.items() if key not in dropped}


def _sizes(least: int, most: int, hints: Hints) -> list[int]:
    """The lengths that bounds speak of."""
    near = [size + more for size in hints.sizes for more in (-1, 0, 1)]
    return [size for size in dict.fromkeys([least, most, 1, 2, *near]) if max(least, 1) <= size <= min(most, MOST)]


def _filled(found: list[Any], size: int, build: Callable[[Sequence[Any]], Any], form: Items) -> Iterator[Any]:
    """So many items, each of those found among them once."""
    if form.kind in {"set", "frozenset"}:
        yield from (build(found[start : start + size]) for start in range(len(found) - size + 1))
    elif found:
        yield from (build([value, *found[:1] * (size - 1)]) for value in found)


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Those that can be told apart by a set."""
    kept = dict[Any, None]()
    for value in values:
        try:
            kept[value] = None
        except TypeError:
            continue
    return list(kept)


def _keeps(form: Guarded, value: Any) -> bool:
    try:
        if form.rule is not None:
            form.rule(value)
    except Exception:  # noqa: BLE001 - pydantic's rules raise errors of several kinds
        return False
    return True


def _is_object(form: Form) -> bool:
    return isinstance(form.form if isinstance(form, Guarded) else form, Instance)


def _named(form: Form) -> Form:
    return form.form if isinstance(form, Again) else form


# ---- what the sink speaks of ------------------------------------------------------------------------------------


def hints_of(form: Form) -> Hints:
    """The bounds, values, lengths and keys that a sink speaks of."""
    hints, todo, seen = Hints(), [form], set[int]()
    while todo and len(seen) < FORMS:
        form = todo.pop()
        if isinstance(form, Again):
            form = form.form
        if id(form) in seen:
            continue
        seen.add(id(form))
        _note(form, hints)
        todo += reversed(list(_inside(form)))
    return hints


def _note(form: Form, hints: Hints) -> None:
    core: dict[str, Any] = {**getattr(form, "core", {})} if not isinstance(form, Guarded) else {}
    if isinstance(form, Guarded) and form.rule is not None:
        core = form.rule.keywords
    for key, value in core.items():
        if key in {"ge", "gt", "le", "lt", "multiple_of"}:
            hints.values.append(value)
        elif key in {"min_length", "max_length"} and isinstance(value, int):
            hints.sizes.append(value)
    if isinstance(form, Choice):
        hints.values.extend(form.values[:PARTS])
    if isinstance(form, Record):
        hints.keys.extend(key for slot in form.slots for key in slot.keys)
    if isinstance(form, Row):
        hints.sizes.append(len(form.items))


def _inside(form: Form) -> Iterable[Form]:
    match form:
        case Items(item=item):
            return (item,)
        case Row(items=forms) | Either(forms=forms):
            return forms
        case Table(key=key, value=value):
            return (key, value)
        case Record(slots=slots):
            return (slot.form for slot in slots)
        case Guarded(form=inner):
            return (inner,)
        case _:
            return ()
