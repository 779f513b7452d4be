"""Samples for each place that is looked at: the members of a dict have samples of their own, where that is possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crewgraph.condition.alternatives import Anything, Constants, Members, Read, alternatives, read
from crewgraph.condition.answer import Known
from crewgraph.condition.condition import Path
from crewgraph.condition.domains import Domain, domain, joined, samples_of
from crewgraph.condition.samples import MISSING, sample_of
from crewgraph.condition.search import Here
from crewgraph.condition.spots import Spot
from crewgraph.condition.texts import PLAIN
from crewgraph.shapes.forms import ANYTHING, Form

__all__ = ["places"]

ABSENT = Domain((MISSING,))
PLAIN_DATA = Anything()


def places(roots: Mapping[str, Spot], known: Known) -> Iterator[tuple[Path, Domain]]:
    """The places below some top-level keys, each with its samples; ``Here`` stands for a dict of other places."""
    for root, spot in roots.items():
        if root in known.absent:
            yield (root,), ABSENT
        else:
            form = read(known.kinds.get(root, Any))
            yield from _places((root,), spot, form, is_there=root in known.present)


def _places(path: Path, spot: Spot, form: Form, *, is_there: bool) -> Iterator[tuple[Path, Domain]]:
    split = _split(spot, form)
    found = domain(spot, form) if split is None else split[1]
    yield path, found if is_there else Domain((*found.sure, MISSING), found.doubtful, found.is_all, found.is_every)
    for key, child in spot.children.items() if split is not None else ():
        member = split[0].member(key) if split is not None else None
        if member is not None:
            yield from _places((*path, key), child, member[0], is_there=member[1])


def _split(spot: Spot, form: Form) -> tuple[Members, Domain] | None:
    """What a value is, where its members can be sampled one by one, and samples of what it may be beside."""
    choices = alternatives(form) if spot.pinned is None else (Read(spot.pinned),)
    if not spot.is_used and [each.alternative for each in choices] == [PLAIN_DATA]:
        choices = (Read(Members({}, ANYTHING, ANYTHING)), Read(Constants((PLAIN,))))  # the rest has no members either
    dicts = [each for each in choices if isinstance(each.alternative, Members)]
    match dicts:
        case [Read(alternative=Members() as members, is_sure=is_sure)] if spot.children and _can_split(spot, members):
            pass
        case _:
            return None
    filled, is_filled = sample_of(members)
    if filled is MISSING:
        return None
    here = (Here(filled),)
    own = Domain(here) if is_sure and is_filled else Domain((), here)
    return members, joined([own, *(samples_of(each, spot) for each in choices if each not in dicts)])


def _can_split(spot: Spot, members: Members) -> bool:
    """Whether nothing is asked that all members decide together, such as how many there are."""
    if not all(isinstance(key, str) for key in spot.children):
        return False
    is_model = bool(members.known) and not (spot.sizes or spot.inside)
    return is_model or not (spot.is_used or members.low or members.high is not None)
