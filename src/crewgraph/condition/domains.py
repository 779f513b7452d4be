"""The values of a type that conditions can tell apart: of all that are alike to them, one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, count, islice, product
from typing import Any, assert_never

from crewgraph.condition.alternatives import (
    Alternative,
    Anything,
    Constants,
    Lone,
    Members,
    Number,
    Read,
    Text,
    alternatives,
)
from crewgraph.condition.alternatives import Sequence as Items
from crewgraph.condition.numbers import Real, Whole, cells
from crewgraph.condition.samples import MISSING, ordered, sample
from crewgraph.condition.spots import Numbers, Spot
from crewgraph.condition.texts import MAX_SIZE, texts
from crewgraph.shapes.forms import ANYTHING, Form

__all__ = ["Domain", "domain", "joined", "plain_samples", "samples_of"]

MAX_VALUES = 1_500
"""Of one value not more samples are made."""
MAX_PLAIN = 12
"""A type of which nothing is asked has no more samples than these."""
MAX_ITEMS = 60_000
"""All samples of a container together have not many more items than these."""
MAX_POOL = 8
"""Of more values than these not every set is tried."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Samples of a value.

    Attributes:
        sure: those that are surely of the type.
        doubtful: those that may be refused, by a pattern or a validator, and the number that is no number.
        is_all: whether each value is like one of these to whatever was asked.
        is_every: whether each value is one of these.
    """

    sure: tuple[Any, ...] = ()
    doubtful: tuple[Any, ...] = ()
    is_all: bool = True
    is_every: bool = True

    @property
    def values(self) -> tuple[Any, ...]:
        """All samples."""
        return (*self.sure, *self.doubtful)


def domain(spot: Spot, form: Form) -> Domain:
    """The samples of a value of a type, for what is asked at a place and below."""
    if not (spot.is_used or spot.children or spot.pinned):
        value, is_sure = sample(form)
        found = () if value is MISSING else (value,)
        return Domain(found if is_sure else (), () if is_sure else found, is_all=bool(found), is_every=False)
    choices = alternatives(form) if spot.pinned is None else (Read(spot.pinned),)
    return joined(samples_of(each, spot) for each in choices)


def joined(parts: Iterable[Domain]) -> Domain:
    """The samples of several alternatives."""
    every = list(parts)
    sure = _distinct(value for part in every for value in part.sure)
    doubtful = _distinct(value for part in every for value in part.doubtful)
    is_cut = len(sure) > MAX_VALUES or len(doubtful) > MAX_VALUES
    return Domain(
        sure[:MAX_VALUES],
        doubtful[:MAX_VALUES],
        is_all=not is_cut and all(part.is_all for part in every),
        is_every=not is_cut and all(part.is_every for part in every),
    )


def samples_of(each: Read, spot: Spot) -> Domain:
    """The samples of one alternative; those that may be refused are doubtful."""
    found = _domain(each.alternative, spot)
    return found if each.is_sure else Domain((), found.values, found.is_all, found.is_every)


def plain_samples(alternative: Alternative) -> tuple[Any, ...]:
    """A few values of an alternative, of which nothing is asked."""
    return _domain(alternative, Spot(is_used=True)).sure[:MAX_PLAIN]


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Values without repetition, as far as that can be told cheaply."""
    found = dict[Any, Any]()
    for value in values:
        key = (type(value), value) if isinstance(value, int | float | str | None) else id(value)
        found.setdefault(key, value)
    return tuple(found.values())


def _domain(alternative: Alternative, spot: Spot) -> Domain:  # noqa: C901 - one case per kind
    match alternative:
        case Constants(values=values):
            return Domain(values)
        case Lone(sample=value):
            return Domain((value,), is_every=False)
        case Number():
            return _numbers(alternative, spot)
        case Text():
            return _texts(alternative, spot)
        case Items(row=None):
            return _items(alternative, spot)
        case Items():
            return _row(alternative, spot)
        case Members():
            return _members(alternative, spot)
        case Anything(is_plain=is_plain):
            found = _anything(spot)
            return found if is_plain else Domain(found.sure, found.doubtful, is_all=False, is_every=False)
        case _:
            assert_never(alternative)


# ---- without parts ---------------------------------------------------------------------------------------------


def _numbers(alternative: Number, spot: Spot) -> Domain:
    found, is_all = cells(alternative.kind, spot.numbers.targets, spot.numbers.turns)
    is_every = isinstance(alternative.kind, Whole) and all(cell.low == cell.high for cell in found)
    numbers = ordered(cell.sample for cell in found)
    truths = [truth for truth in (True, False) if spot.is_singleton and truth in numbers]  # a bool is an int
    odd = [math.nan] if alternative.has_nan else []
    return Domain(tuple(numbers), (*truths, *odd), is_all=is_all, is_every=is_every and not truths)


def _sizes(asked: Numbers, low: int, high: int | None, *more: int) -> tuple[list[int], bool]:
    """The lengths that differ, and whether all of them can be made up."""
    found, _ = cells(Whole(low, None), (*asked.targets, *more), asked.turns)
    sizes = [int(cell.sample) for cell in found if high is None or cell.sample <= high]
    small = [size for size in sizes if size <= MAX_SIZE]
    return small, small == sizes


def _texts(alternative: Text, spot: Spot) -> Domain:
    low, high = alternative.low, alternative.high
    if not spot.sizes and low <= 1 and high is None:
        found, is_all = texts(spot.text, spot.folded, None, is_raw=spot.is_raw)
        return Domain(tuple(text for text in found if len(text) >= low), is_all=is_all, is_every=False)
    sizes, can_all = _sizes(spot.sizes, low, high)
    found, is_all = texts(spot.text, spot.folded, sizes, is_raw=spot.is_raw)
    fitting = (text for text in found if low <= len(text) and (high is None or len(text) <= high))
    return Domain(tuple(fitting), is_all=is_all and can_all, is_every=False)


def _anything(spot: Spot) -> Domain:
    constants = tuple(value for value in spot.wholes if isinstance(value, tuple | set))
    parts = [
        _texts(Text(), spot),
        _numbers(Number(Real(), has_nan=True), spot),
        Domain((True, False, None, *constants)),
        _items(Items(list, ANYTHING), spot),
        _members(Members({}, ANYTHING, ANYTHING), spot),
    ]
    return Domain(
        tuple(chain.from_iterable(part.sure for part in parts)),
        tuple(chain.from_iterable(part.doubtful for part in parts)),
        is_all=all(part.is_all for part in parts),
        is_every=False,
    )


# ---- lists, tuples, sets ---------------------------------------------------------------------------------------


def _items(alternative: Items, spot: Spot) -> Domain:
    if alternative.maker in {set, frozenset}:
        return _set(alternative, spot)
    places = [key for key in spot.children if isinstance(key, int)]
    found = domain(_inner(spot, places), alternative.item)
    wanted, others = _parted(found.values, spot.inside)
    more = range(len(places) + len(wanted) + 1) if places or wanted else ()
    sizes, is_all = _sizes(spot.sizes, alternative.low, alternative.high, *places, *(-place for place in places), *more)
    wholes = [[*whole] for whole in spot.wholes if type(whole) is alternative.maker]
    made = [whole for whole in wholes if all(any(_equal(each, value) for value in found.values) for each in whole)]
    room = MAX_ITEMS
    for size in sizes:
        most = min(MAX_VALUES - len(made), 1 + room // (size or 1))
        lists = list(islice(_lists(places, wanted, others, size), max(0, most)))
        is_all = is_all and len(lists) < most
        made += lists
        room -= size * len(lists)
    return _sorted(alternative, made, found, is_all=is_all and (bool(others) or not wholes))


def _lists(places: Sequence[int], wanted: Sequence[Any], others: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Lists of one length: any sample where an index is read, and each choice of what is looked for."""
    read = sorted({place % size for place in places if -size <= place < size})
    free = [place for place in range(size) if place not in read][: len(wanted)]
    every, few = [*others, *wanted], [*others[:1], *wanted]
    if size and not every:
        return
    for values in product(*(every for _ in read), *(few for _ in free)):
        filler = next(iter((*others[:1], *values[-1:], *every[:1])), None)
        made = [filler] * size
        for place, value in zip((*read, *free), values, strict=True):
            made[place] = value
        yield made


def _set(alternative: Items, spot: Spot) -> Domain:
    """Each choice of what is looked for, alone and with something else."""
    inner = _inner(spot, ())
    inner.is_used = True
    found = domain(inner, alternative.item)
    wanted, others = _parted(found.values, spot.inside)
    low, high = alternative.low, alternative.high
    pool = [*wanted, *(others if found.is_every else others[: max(1, low)])]
    made = [[*some] for many in range(min(len(pool), MAX_POOL) + 1) for some in combinations(pool[:MAX_POOL], many)]
    fitting = [some for some in made if low <= len(some) and (high is None or len(some) <= high)]
    is_free = low == 0 and high is None and not spot.sizes and bool(others)
    is_all = len(pool) <= MAX_POOL and (found.is_every or is_free)
    return _sorted(alternative, fitting, found, is_all=is_all)


def _inner(spot: Spot, places: Iterable[int]) -> Spot:
    """What is asked of an item, at whatever place it stands."""
    inner = Spot(is_used=bool(spot.inside or spot.wholes))
    for place in places:
        inner.join(spot.children[place])
    for value in chain(spot.inside, *spot.wholes):
        inner.met(value)
    return inner


def _parted(values: Iterable[Any], inside: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The values that are looked for, and the others."""
    wanted, others = list[Any](), list[Any]()
    for value in values:
        (wanted if any(_equal(value, each) for each in inside) else others).append(value)
    return wanted, others


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - comparing runs the code of an enum of the user's
        return False


def _sorted(alternative: Items, made: Iterable[list[Any]], found: Domain, *, is_all: bool) -> Domain:
    """Containers of these items, by whether all of them are surely of the type."""
    sure, doubtful = list[Any](), list[Any]()
    for values in made:
        is_odd = any(value is odd for value in values for odd in found.doubtful) or len(values) < alternative.low
        try:
            (doubtful if is_odd else sure).append(alternative.maker(values))
        except TypeError:  # a set of what cannot be in one
            is_all = False
    return Domain(tuple(sure), tuple(doubtful), is_all=is_all and found.is_all, is_every=False)


def _row(alternative: Items, spot: Spot) -> Domain:
    """A tuple whose places have types of their own."""
    forms = alternative.row or ()
    parts = list[Domain]()
    for place, form in enumerate(forms):
        inner = _inner(spot, [key for key in (place, place - len(forms)) if key in spot.children])
        parts.append(domain(inner, form))
    return _combined(parts, tuple, spot)


def _combined(parts: Sequence[Domain], make: Callable[[tuple[Any, ...]], Any], spot: Spot) -> Domain:
    """Everything that can be made of the samples of the parts."""
    every = chain(_likely([part.sure for part in parts]), product(*(part.sure for part in parts)))
    sure = tuple(make(values) for values in islice(every, MAX_VALUES + 1))
    doubtful = list[Any]()
    if any(part.doubtful for part in parts):
        odd = {id(value) for part in parts for value in part.doubtful}
        all_of_them = product(*(part.values for part in parts))
        doubtful = [
            make(values) for values in islice(all_of_them, MAX_VALUES + 1) if any(id(value) in odd for value in values)
        ]
    is_cut = math.prod(len(part.values) for part in parts) > MAX_VALUES
    return Domain(
        sure,
        tuple(doubtful),
        is_all=all(part.is_all for part in parts) and not is_cut,
        is_every=all(part.is_every for part in parts) and not is_cut and not spot.wholes,
    )


def _likely(parts: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Where not everything can be tried: samples that stand at the same place among those of each part."""
    if math.prod(map(len, parts)) > MAX_VALUES:
        for number in range(max(map(len, parts))):
            yield tuple(values[min(number, len(values) - 1)] for values in parts)


# ---- dicts and models ------------------------------------------------------------------------------------------


def _members(alternative: Members, spot: Spot) -> Domain:
    asked = dict.fromkeys([*spot.children, *(key for key in spot.inside if isinstance(key, str | int))])
    keys, parts = list[str | int](), list[Domain]()
    for key in dict.fromkeys([*alternative.known, *asked]):
        member = alternative.member(key)
        if member is None:
            continue
        form, is_there = member
        if key not in asked and not is_there:
            continue
        found = domain(spot.children.get(key, Spot()), form)
        keys.append(key)
        parts.append(found if is_there else _or_missing(found))
    is_model = bool(alternative.known)
    made = _combined(parts, lambda values: _dict(keys, values), spot)
    if is_model:  # it may come as a model, which has no length
        is_all = made.is_all and not (spot.sizes or spot.inside)
        return Domain(made.sure, made.doubtful, is_all, made.is_every and not spot.is_used)
    return _padded(alternative, made, spot)


def _or_missing(found: Domain) -> Domain:
    return Domain((*found.sure, MISSING), found.doubtful, found.is_all, found.is_every)


def _dict(keys: Sequence[str | int], values: Sequence[Any]) -> dict[str | int, Any]:
    return {key: value for key, value in zip(keys, values, strict=True) if value is not MISSING}


def _padded(alternative: Members, made: Domain, spot: Spot) -> Domain:
    """Dicts of the lengths that differ, with members that nobody asks for."""
    if alternative.value is None or alternative.key is None:
        return made
    filler, is_sure = sample(alternative.value)
    can_pad = alternative.member("x") is not None and filler is not MISSING
    odd = {id(value) for value in made.doubtful}
    names = (name for name in map("more_{}".format, count()) if name not in spot.children and name not in spot.inside)
    more = list[str]()
    sure, doubtful, is_all, room = list[Any](), list[Any](), made.is_all and can_pad, MAX_ITEMS
    for each in made.values:
        sizes, can_all = _sizes(spot.sizes, max(alternative.low, len(each)), alternative.high)
        for size in sizes:
            room -= size
            if room < 0 or (size > len(each) and not can_pad):
                can_all = False
                continue
            more += islice(names, max(0, size - len(each) - len(more)))
            pad = more[: size - len(each)]
            is_odd = id(each) in odd or bool(pad and not is_sure)
            (doubtful if is_odd else sure).append(dict.fromkeys(pad, filler) | each)
        is_all = is_all and can_all
    return Domain(tuple(sure), tuple(doubtful), is_all=is_all, is_every=False)
