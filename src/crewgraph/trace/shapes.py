"""The form of a pipeline as its author wrote it, and the way that a run went through it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

__all__ = ["Choice", "Journey", "Leaf", "Parallel", "Series", "Shape", "Wired", "journey", "journeys", "only_end"]

# ---- shapes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leaf:
    """One node."""

    node: str


@dataclass(frozen=True, slots=True)
class Series:
    """One after the other.

    Attributes:
        parts: in the order in which they run.
        name: of the pipeline that it is, where that stands in another one and has a name; only pictures ask for it.
    """

    parts: tuple[Shape, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Parallel:
    """Side by side."""

    branches: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several routes."""

    router: str
    routes: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Wired:
    """Parts with edges between them: a graph that was built by hand.

    Attributes:
        parts: in plan order. The conditional edges out of a part are a part of their own, right behind it: a choice
            without routes of its own.
        before: for each part the ways into it: the number of a part before it, and the route to be taken there.
        forks: for each part that stands for conditional edges, the number of the part that they lead out of.
        ends: the parts at which a run may end.
        name: as that of a :class:`Series`.
    """

    parts: tuple[Shape, ...]
    before: tuple[tuple[tuple[int, str | None], ...], ...]
    forks: Mapping[int, int] = field(default_factory=dict[int, int])
    ends: tuple[int, ...] = ()
    name: str | None = None


Shape = Leaf | Series | Parallel | Choice | Wired
"""The pipeline as its author wrote it: what a journey is folded from."""

UNDECIDED = "default"
"""The route of a run for which no condition was true, whether it leads anywhere or not."""


def only_end(shape: Shape) -> str | None:
    """The node at which every run through a shape ends that comes to its end; ``None`` where there may be several."""
    while not isinstance(shape, Leaf):
        if isinstance(shape, Series) and shape.parts:
            shape = shape.parts[-1]
        elif isinstance(shape, Wired) and len(shape.ends) == 1 and not shape.forks:
            shape = shape.parts[shape.ends[0]]
        else:
            return None
    return shape.node


# ---- journeys --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Journey:
    """What a run did.

    Attributes:
        ran: the nodes that were started.
        taken: the route each router took.
        found: for each router that took a route nobody had declared, what lay behind it.
    """

    ran: Collection[str]
    taken: Mapping[str, str]
    found: Mapping[str, Shape] = field(default_factory=dict[str, "Shape"])

    def arm(self, choice: Choice) -> Shape:
        """What a router's run went into; nothing where it did not decide."""
        route = self.taken.get(choice.router)
        return choice.routes.get(route or "") or self.found.get(choice.router) or Series(())


def journey(shape: Shape, did: Journey) -> list[Any]:
    """The way a run went through a shape, as far as it came."""
    match shape:
        case Leaf(node):
            return [node] if node in did.ran else []
        case Series(parts):
            return [item for part in parts for item in journey(part, did)]
        case Parallel(branches):
            ways = [way[0] if len(way) == 1 else way for branch in branches if (way := journey(branch, did))]
            return [ways[0] if len(ways) == 1 else ways] if ways else []
        case Choice(router):
            if router not in did.taken:
                return []
            return [{"route_taken": did.taken[router]}, *journey(did.arm(shape), did)]
        case Wired(parts):
            return [item for part in parts for item in journey(part, did)]
        case _:
            assert_never(shape)


def journeys(shape: Shape, did: Journey) -> Iterator[tuple[list[Any], str]]:  # noqa: C901 - one case per shape
    """The way to every end that a run reached, with the node there: one for each branch of the final stage."""
    match shape:
        case Leaf(node):
            if node in did.ran:
                yield [node], node
        case Series(parts):
            begin = [item for part in parts[:-1] for item in journey(part, did)]
            for way, end in journeys(parts[-1], did) if parts else ():
                yield begin + way, end
        case Parallel(branches):
            for branch in branches:
                yield from journeys(branch, did)
        case Choice(router):
            for way, end in journeys(did.arm(shape), did):
                yield [{"route_taken": did.taken[router]}, *way], end
        case Wired():
            yield from _wired_journeys(shape, did)
        case _:
            assert_never(shape)


def _wired_journeys(wired: Wired, did: Journey) -> Iterator[tuple[list[Any], str]]:
    """The way to every end: whatever led there, by edges that were taken, in plan order."""
    ways = [journey(part, did) for part in wired.parts]
    led = _led(wired, ways)
    for end in wired.ends:
        source = wired.forks.get(end, end)
        decided: list[Any] = ways[end] if end in wired.forks else []
        if not ways[end] or (decided and decided != [{"route_taken": UNDECIDED}]):
            continue
        earlier = _bits(led[source] & ~(1 << source))
        begin = [item for number in earlier for item in ways[number]]
        for way, node in journeys(wired.parts[source], did):
            yield [*begin, *way, *decided], node


def _led(wired: Wired, ways: list[list[Any]]) -> list[int]:
    """For each part those that led to it, itself included, as bits of one integer; 0 where it did not run."""
    led = list[int]()
    for number, before in enumerate(wired.before):
        early = 0
        for source, route in before:
            if route is None or {"route_taken": route} in ways[source]:
                early |= led[source]
        led.append(early | 1 << number if ways[number] else 0)
    return led


def _bits(number: int) -> Iterator[int]:
    return (place for place, bit in enumerate(reversed(f"{number:b}")) if bit == "1")
