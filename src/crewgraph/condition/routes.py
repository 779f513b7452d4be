"""What can be told of a router: which routes can be taken, what is left to the default, and where routes overlap."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from crewgraph.condition.answer import Answer, Known, Verdict
from crewgraph.condition.condition import Condition
from crewgraph.condition.decide import Ground, Part, satisfiable
from crewgraph.condition.left_over import left_over
from crewgraph.condition.search import Effort

__all__ = ["Overlap", "RouteFate", "RouteReport", "report_routes"]

MAX_WORK = 800_000
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
        is_asked: whether its condition is asked at all, as far as one can tell: the routes before leave something over.
    """

    name: str
    own: Answer
    reachable: Answer
    shadowed_by: tuple[str, ...] = ()
    is_asked: bool = True


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
    router = _Router(routes, Known(kinds, present, absent))
    default = router.past(len(routes), [])
    clear = [condition for _, condition in routes if condition is not None]
    is_told = default.verdict is Verdict.YES and len(clear) == len(routes)
    return RouteReport(
        routes=tuple(router.fate(number) for number in range(len(routes))),
        default=default,
        left_over=left_over(clear, router.known) if is_told else "",
        overlaps=tuple(router.overlaps()),
    )


class _Router:
    """Routes, and the ground on which all questions about them are asked."""

    def __init__(self, routes: Sequence[Named], known: Known) -> None:
        self.routes = routes
        self.known = known
        self.effort = Effort(MAX_WORK)
        every = [(condition, wanted) for _, condition in routes if condition is not None for wanted in (True, False)]
        self.ground = Ground(known, every, self.effort)

    def ask(self, parts: Sequence[Part]) -> Answer:
        """Whether conditions can come out so; what cannot be told among all others may still be told alone."""
        answer = self.ground.ask(parts)
        if answer.verdict is not Verdict.UNKNOWN:
            return answer
        return satisfiable(parts, self.known, effort=self.effort)

    def fate(self, number: int) -> RouteFate:
        """What can be told of one route."""
        name, condition = self.routes[number]
        if condition is None:
            left, unknown = self.past(number, []), Answer(Verdict.UNKNOWN, reason=OPAQUE.format(name))
            is_asked = left.verdict is not Verdict.NO
            return RouteFate(name, unknown, unknown if is_asked else left, is_asked=is_asked)
        own = self.ask([(condition, True)])
        reachable = own if own.verdict is Verdict.NO else self.past(number, [(condition, True)])
        if reachable.verdict is not Verdict.NO:
            return RouteFate(name, own, reachable)
        is_asked = self.past(number, []).verdict is not Verdict.NO
        if own.verdict is Verdict.NO:
            return RouteFate(name, own, reachable, is_asked=is_asked)
        before = [(earlier, other) for earlier, other in self.routes[:number] if other is not None]
        shadows = [earlier for earlier, other in before if self.within(condition, other) is Verdict.YES]
        return RouteFate(name, own, reachable, tuple(shadows), is_asked)

    def past(self, number: int, last: list[Part]) -> Answer:
        """Whether the conditions of the first routes can all be false, and then something else as wanted."""
        before = self.routes[:number]
        clear = [(condition, False) for _, condition in before if condition is not None]
        answer = self.ask([*clear, *last])
        opaque = next((name for name, condition in before if condition is None), None)
        if opaque is None or answer.verdict is Verdict.NO:
            return answer
        return Answer(Verdict.UNKNOWN, reason=OPAQUE.format(opaque))

    def within(self, inner: Condition, outer: Condition) -> Verdict:
        """Whether one condition is true wherever another is, as far as neither fails."""
        beyond = self.ask([(outer, False), (inner, True)]).verdict
        return {Verdict.YES: Verdict.NO, Verdict.NO: Verdict.YES}.get(beyond, Verdict.UNKNOWN)

    def overlaps(self) -> Iterator[Overlap]:
        """Each two routes of which the conditions are known."""
        clear = [(name, condition) for name, condition in self.routes if condition is not None]
        for (first, one), (second, other) in combinations(clear, 2):
            both = self.ask([(one, True), (other, True)])
            yield Overlap(first, second, both, self.within(one, other), self.within(other, one))
