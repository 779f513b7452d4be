"""What can be told of a router: which routes can be taken, what is left to the default, and where routes overlap."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from crewgraph.condition.answer import Answer, Known, Verdict
from crewgraph.condition.condition import Condition
from crewgraph.condition.decide import satisfiable
from crewgraph.condition.left_over import left_over
from crewgraph.condition.search import Effort

__all__ = ["Overlap", "RouteFate", "RouteReport", "report_routes"]

MAX_WORK = 4_000_000
"""So many steps of evaluation are made for one router."""
OPAQUE = "the condition of route '{}' cannot be looked into"

Named = tuple[str, Condition | None]


@dataclass(frozen=True, slots=True)
class RouteFate:
    """What can be told of one route.

    Attributes:
        name: of the route.
        own: whether its condition can be true at all.
        reachable: whether it can be taken: its condition is true and those before it are false.
        shadowed_by: earlier routes of which each alone takes everything that this one would, where it cannot be taken.
    """

    name: str
    own: Answer
    reachable: Answer
    shadowed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two routes, of which the first wins where both conditions are true.

    Attributes:
        first: the name of the earlier route.
        second: the name of the later one.
        both: whether both conditions can be true for the same values.
        first_within: whether the second condition is true wherever the first is.
        second_within: whether the first condition is true wherever the second is.
    """

    first: str
    second: str
    both: Answer
    first_within: Verdict
    second_within: Verdict


@dataclass(frozen=True, slots=True)
class RouteReport:
    """What can be told of a router.

    Attributes:
        routes: each route, in order.
        default: whether values are left to the default, with an example.
        left_over: what these are in words, such as "category is 'spam' or 'other'"; empty where that cannot be said.
        overlaps: each two routes of which the conditions are known.
    """

    routes: tuple[RouteFate, ...]
    default: Answer
    left_over: str
    overlaps: tuple[Overlap, ...]


def report_routes(
    routes: Sequence[Named],
    kinds: Mapping[str, Any],
    *,
    present: Collection[str] = (),
    absent: Collection[str] = (),
) -> RouteReport:
    """What can be told of a router.

    Args:
        routes: names and conditions in the order in which they are tried; ``None`` for one that nobody can look into.
        kinds: the types of the values, see :func:`satisfiable`.
        present: the keys that are surely there.
        absent: the keys that are surely not there.
    """
    known, effort = Known(kinds, present, absent), Effort(MAX_WORK)
    before = list[Named]()
    fates = list[RouteFate]()
    for name, condition in routes:
        fates.append(_fate(name, condition, before, known, effort))
        before.append((name, condition))
    default = _past(before, [], known, effort)
    clear = [condition for _, condition in routes if condition is not None]
    is_told = default.verdict is Verdict.YES and len(clear) == len(routes)
    words = left_over(clear, known) if is_told else ""
    return RouteReport(tuple(fates), default, words, tuple(_overlaps(routes, known, effort)))


def _fate(name: str, condition: Condition | None, before: Sequence[Named], known: Known, effort: Effort) -> RouteFate:
    if condition is None:
        reachable = _past(before, [], known, effort)
        unknown = Answer(Verdict.UNKNOWN, reason=OPAQUE.format(name))
        return RouteFate(name, unknown, reachable if reachable.verdict is Verdict.NO else unknown)
    own = satisfiable([(condition, True)], known, effort=effort)
    reachable = own if own.verdict is Verdict.NO else _past(before, [(condition, True)], known, effort)
    shadows = list[str]()
    if reachable.verdict is Verdict.NO and own.verdict is not Verdict.NO:
        shadows = [
            earlier
            for earlier, other in before
            if other is not None and _within(condition, other, known, effort) is Verdict.YES
        ]
    return RouteFate(name, own, reachable, tuple(shadows))


def _past(before: Sequence[Named], last: list[tuple[Condition, bool]], known: Known, effort: Effort) -> Answer:
    """Whether all these conditions can be false, and then something else as wanted."""
    clear = [(condition, False) for _, condition in before if condition is not None]
    answer = satisfiable([*clear, *last], known, effort=effort)
    opaque = next((name for name, condition in before if condition is None), None)
    if opaque is None or answer.verdict is Verdict.NO:
        return answer
    return Answer(Verdict.UNKNOWN, reason=OPAQUE.format(opaque))


def _within(inner: Condition, outer: Condition, known: Known, effort: Effort) -> Verdict:
    """Whether one condition is true wherever another is, as far as neither fails."""
    beyond = satisfiable([(outer, False), (inner, True)], known, effort=effort).verdict
    return {Verdict.YES: Verdict.NO, Verdict.NO: Verdict.YES}.get(beyond, Verdict.UNKNOWN)


def _overlaps(routes: Sequence[Named], known: Known, effort: Effort) -> Iterator[Overlap]:
    for (first, one), (second, other) in combinations(routes, 2):
        if one is not None and other is not None:
            both = satisfiable([(one, True), (other, True)], known, effort=effort)
            yield Overlap(
                first,
                second,
                both,
                _within(one, other, known, effort),
                _within(other, one, known, effort),
            )
