"""Prove that a sink takes every value of a source, or say what stands in the way of a proof."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from crewgraph.shapes.bounds import CLASSES, takes_all
from crewgraph.shapes.forms import (
    UNPROVEN,
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
    Slot,
    Table,
)
from crewgraph.shapes.kept import are_texts, go_into_a_set, named, stay_apart, stays, takes_all_texts
from crewgraph.shapes.refusal import Refusal, Unsure, why

__all__ = ["doubt"]

ANY_SAYS_NOTHING = "Any says nothing about what is handed over"
MANY = 2_000
"""How many values of a Literal or an enum are tried one by one."""
DEEPEST = 80
ARMS = 16
"""Into how many cases a record is divided where one of its keys decides."""

_LISTS = {"list", "tuple", "set", "frozenset", "deque"}
_KINDS = {
    **{kind: _LISTS | {"sequence"} for kind in _LISTS},
    "sequence": {"list", "tuple", "deque", "sequence"},
    "iterable": _LISTS | {"sequence"},
}
"""Which containers each kind of sink takes."""
_BUILT: dict[str, tuple[type, ...]] = {
    "list": (list,),
    "tuple": (tuple,),
    "set": (set,),
    "frozenset": (frozenset,),
    "deque": (deque,),
    "sequence": (list, tuple),
}


def doubt(source: Form, target: Form) -> str | None:
    """Why it is not proven that all values of a source are taken; ``None`` where it is."""
    return _Proof().doubt(source, target, DEEPEST)


def _first(doubts: Iterable[str | None]) -> str | None:
    """The doubt about a whole: what says most about it comes first."""
    found = [each for each in doubts if each is not None]
    return next((each for each in found if each != UNPROVEN), found[0] if found else None)


@dataclass(frozen=True, slots=True)
class _Proof:
    """One proof.

    Attributes:
        assumed: pairs of forms that are being proven: a type may contain itself.
    """

    assumed: dict[tuple[int, int], tuple[Form, Form]] = field(default_factory=dict[tuple[int, int], tuple[Form, Form]])

    def doubt(self, source: Form, target: Form, depth: int) -> str | None:
        """As :func:`doubt`."""
        source, target = named(source), named(target)
        pair = (id(source), id(target))
        if isinstance(target, Anything) or pair in self.assumed:
            return None
        if depth == 0:
            return UNPROVEN
        self.assumed[pair] = (source, target)  # kept, so that no other form gets its id
        found = self._either(source, target, depth - 1)
        while found is not None and pair in self.assumed:  # with it goes what was proven by assuming it
            self.assumed.popitem()
        return found

    def _either(self, source: Form, target: Form, depth: int) -> str | None:
        if isinstance(source, Either):
            return _first(self.doubt(form, target, depth) for form in source.forms)
        values = _values(source)
        if values is not None:
            return _first(_tried(value, target) for value in values)
        if isinstance(target, Guarded):
            return self._guarded(source, target, depth)
        if isinstance(source, Guarded):
            return self.doubt(source.form, target, depth)
        if isinstance(source, Anything | Opaque):
            return ANY_SAYS_NOTHING if isinstance(source, Anything) else source.reason
        if isinstance(target, Opaque):
            return target.reason
        if isinstance(target, Either):
            return self._some(source, target, depth)
        prover = _PROVERS.get(type(source))
        return "it has too many values to try" if prover is None else prover(self, source, target, depth)

    def _guarded(self, source: Form, target: Guarded, depth: int) -> str | None:
        if isinstance(source, Guarded) and _same_rule(source, target) and stays(source.form, target.form):
            return self.doubt(source.form, target.form, depth)
        return self.doubt(source, target.form, depth) or target.reason

    def _some(self, source: Form, target: Either, depth: int) -> str | None:
        """One form takes them all, or different forms take different cases of a record."""
        if (
            target.tag
            and isinstance(source, Record)
            and not any(slot.is_required and target.tag in slot.keys for slot in source.slots)
        ):
            return UNPROVEN
        doubts = [self.doubt(source, form, depth) for form in target.forms]
        if None in doubts:
            return None
        cases = list(_cases(source)) if isinstance(source, Record) else []
        if cases and _first(self.doubt(case, target, depth) for case in cases) is None:
            return None
        return _first(doubts)

    def scalar(self, source: Scalar, target: Form, _: int) -> str | None:
        """A single value."""
        if isinstance(target, Scalar) and takes_all(target, source):
            return None
        return None if isinstance(target, Instance) and issubclass(CLASSES[source.kind], target.cls) else UNPROVEN

    def items(self, source: Items, target: Form, depth: int) -> str | None:
        """Many values of one type."""
        match target:
            case Items():
                if not _same_container(source.kind, target) or not _fits_length(source, target, source, target):
                    return UNPROVEN
                return _hashing(target, source.item) or self.doubt(source.item, target.item, depth)
            case Row() if source.least == source.most == len(target.items) and not target.core.get("strict"):
                return _first(self.doubt(source.item, form, depth) for form in target.items)
            case Instance():
                return None if all(issubclass(cls, target.cls) for cls in _BUILT[source.kind]) else UNPROVEN
            case _:
                return UNPROVEN

    def row(self, source: Row, target: Form, depth: int) -> str | None:
        """A tuple of so many values."""
        count = len(source.items)
        match target:
            case Items():
                as_items = Items("tuple", Either(source.items), {}, count, count)
                if not _same_container("tuple", target) or not _fits_length(as_items, target, None, target):
                    return UNPROVEN
                return _first(_hashing(target, form) or self.doubt(form, target.item, depth) for form in source.items)
            case Row() if target.least <= count <= len(target.items):
                return _first(
                    self.doubt(ours, theirs, depth) for ours, theirs in zip(source.items, target.items, strict=False)
                )
            case Instance():
                return None if issubclass(source.cls, target.cls) else UNPROVEN
            case _:
                return UNPROVEN

    def table(self, source: Table, target: Form, depth: int) -> str | None:
        """A dict of any keys."""
        match target:
            case Table():
                if not _fits_length(source, target, source.key, target.key):
                    return UNPROVEN
                return _first(
                    [self.doubt(source.key, target.key, depth), self.doubt(source.value, target.value, depth)]
                )
            case Record():
                if (
                    any(slot.is_required for slot in target.slots)
                    or target.extra == "forbid"
                    or (target.refuses_keys and not are_texts(source.key))
                ):
                    return ANY_SAYS_NOTHING if isinstance(named(source.value), Anything | Opaque) else UNPROVEN
                taken = [slot.form for slot in target.slots if any(_may_be(key, source.key) for key in slot.keys)]
                taken += [] if target.extra is None else [target.extra]
                return _first(self.doubt(source.value, form, depth) for form in taken)
            case Instance():
                return None if issubclass(dict, target.cls) else UNPROVEN
            case _:
                return UNPROVEN

    def record(self, source: Record, target: Form, depth: int) -> str | None:
        """A dict of known keys."""
        match target:
            case Record():
                return _first(self._slots(source, target, depth))
            case Table():
                return _first(self._as_table(source, target, depth))
            case Instance():
                return None if issubclass(dict, target.cls) else UNPROVEN
            case _:
                return UNPROVEN

    def _slots(self, source: Record, target: Record, depth: int) -> Iterator[str | None]:
        given, used = {slot.keys[0]: slot for slot in source.slots}, set[str]()
        for slot in target.slots:
            found = list(_looked_up(slot, given))
            used.update(ours.keys[0] for ours in found)
            yield from (self.doubt(ours.form, slot.form, depth) for ours in found)
            if not any(ours.is_required for ours in found):
                yield UNPROVEN if slot.is_required else None
                yield None if source.extra is None else self.doubt(_extra(source), slot.form, depth)
        rest = [slot.form for key, slot in given.items() if key not in used]
        rest += [] if source.extra is None else [_extra(source)]
        if target.extra == "forbid":
            yield UNPROVEN if rest or _overlap(target, given) else None
        elif target.extra is not None:
            extra = target.extra
            yield from (self.doubt(form, extra, depth) for form in [*rest, *(slot.form for slot in source.slots)])

    def _as_table(self, source: Record, target: Table, depth: int) -> Iterator[str | None]:
        sure = sum(slot.is_required for slot in source.slots)
        most = None if source.extra is not None else len(source.slots)
        if sure < target.least or (target.most is not None and (most is None or most > target.most)):
            yield UNPROVEN
        if target.least > 1 and not takes_all_texts(target.key):
            yield UNPROVEN
        for slot in source.slots:
            yield _tried(slot.keys[0], target.key)
            yield self.doubt(slot.form, target.value, depth)
        if source.extra is not None:
            yield None if takes_all_texts(target.key) else UNPROVEN
            yield self.doubt(_extra(source), target.value, depth)

    def instance(self, source: Instance, target: Form, _: int) -> str | None:
        """An object."""
        match target:
            case Instance():
                return None if issubclass(source.cls, target.cls) else UNPROVEN
            case Scalar():
                if target.instance is not None and issubclass(source.cls, target.instance):
                    return None
                is_text = issubclass(source.cls, str) and target.kind == "str" and target.core.keys() <= {"type"}
                return None if is_text else UNPROVEN
            case Record() if target.takes_objects:
                return "its attributes are looked up"
            case _:
                return UNPROVEN


_PROVERS: dict[type, Callable[[_Proof, Any, Form, int], str | None]] = {
    Scalar: _Proof.scalar,
    Items: _Proof.items,
    Row: _Proof.row,
    Table: _Proof.table,
    Record: _Proof.record,
    Instance: _Proof.instance,
}


def _values(source: Form) -> tuple[Any, ...] | None:
    """The values of a source that has few."""
    if isinstance(source, Choice) and len(source.values) <= MANY:
        return source.values
    return (True, False) if isinstance(source, Scalar) and source.kind == "bool" else None


def _tried(value: Any, target: Form) -> str | None:
    answer = why(value, target)
    return None if answer is None else answer.reason if isinstance(answer, Unsure) else UNPROVEN


def _same_rule(source: Guarded, target: Guarded) -> bool:
    ours, theirs = source.rule, target.rule
    return ours is not None and theirs is not None and (ours.func, ours.keywords) == (theirs.func, theirs.keywords)


def _same_container(kind: str, target: Items) -> bool:
    return kind == target.kind if target.core.get("strict") else kind in _KINDS[target.kind]


def _fits_length(source: Items | Table, target: Items | Table, ours: Any, theirs: Any) -> bool:
    """Whether there are as many as the sink wants; equal ones may fall together to one."""
    least = source.least
    if isinstance(target, Table) or target.kind in {"set", "frozenset"}:
        least = least if stay_apart(ours, theirs) else min(least, 1)
    return target.least <= least and (target.most is None or (source.most is not None and source.most <= target.most))


def _hashing(target: Items, item: Form) -> str | None:
    """What keeps items from being put into a set."""
    is_set = target.kind in {"set", "frozenset"}
    return UNPROVEN if is_set and not go_into_a_set(target.item, item) else None


def _may_be(key: str, keys: Form) -> bool:
    """Whether a text may be one of the keys of a dict."""
    return not isinstance(why(key, keys), Refusal)


def _extra(source: Record) -> Form:
    return source.extra if source.extra is not None and source.extra != "forbid" else Opaque(ANY_SAYS_NOTHING)


def _looked_up(slot: Slot, given: dict[str, Slot]) -> Iterator[Slot]:
    """What a field may be filled from: the first of its names that is there, or a later one if that may be missing."""
    for key in slot.keys:
        if key in given:
            yield given[key]
            if given[key].is_required:
                return


def _overlap(target: Record, given: dict[str, Slot]) -> bool:
    """Whether a field could be given under two names, of which one would be refused as unknown."""
    return any(sum(key in given for key in slot.keys) > 1 for slot in target.slots)


def _cases(source: Record) -> Iterator[Record]:
    """A record, divided by the values of the first key that has only a few."""
    for index, slot in enumerate(source.slots):
        arms = _arms(named(slot.form))
        if 1 < len(arms) <= ARMS:
            for arm in arms:
                yield replace(
                    source, slots=(*source.slots[:index], replace(slot, form=arm), *source.slots[index + 1 :])
                )
            return


def _arms(form: Form) -> list[Form]:
    if isinstance(form, Either):
        return list(form.forms)
    values = _values(form) or ()
    return [Choice((value,), {"type": "literal", "expected": [value]}, repr(value)) for value in values]
