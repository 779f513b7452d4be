"""What may become of a run in a graph that was built by hand: the combinations of routes, and what each takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from crewgraph.outlook import ZERO, Load, Range
from crewgraph.trace import Wired

__all__ = ["MAX_WORLDS", "World", "load_of", "share_of", "worlds_of"]

MAX_WORLDS = 64
"""Of more combinations of routes than these, some stand for the others."""


@dataclass(frozen=True, slots=True)
class World:
    """One combination of routes.

    Attributes:
        weight: how likely it is.
        led: for each part those that led to it; ``None`` where it does not run.
    """

    weight: float
    led: tuple[tuple[int, ...] | None, ...]


@dataclass(slots=True)
class _Begun:
    """A world whose later parts are not decided yet."""

    weight: float
    led: list[tuple[int, ...] | None]
    taken: dict[int, str]

    def reach(self, before: Sequence[tuple[int, str | None]]) -> bool:
        """Note what leads to the next part; false where nothing does."""
        led = [part for part, route in before if self.led[part] is not None and route in (None, self.taken.get(part))]
        runs = bool(led) or not before
        self.led.append(tuple(dict.fromkeys(led)) if runs else None)
        return runs

    def split(self, fork: int, routes: Sequence[str]) -> list[_Begun]:
        """One world for each route."""
        share = self.weight / len(routes)
        return [_Begun(share, [*self.led], {**self.taken, fork: route}) for route in routes]


def worlds_of(wired: Wired, possible: Mapping[int, Sequence[str]]) -> tuple[list[World], bool]:
    """All worlds, and whether these are all.

    Args:
        wired: the graph.
        possible: for each fork the routes that may be taken there, each as likely as the others.
    """
    worlds, are_all = [_Begun(1.0, [], {})], True
    for number, before in enumerate(wired.before):
        there = [world for world in worlds if world.reach(before)]
        routes = possible.get(number, ())
        if not routes or not there:
            continue
        if len(worlds) + len(there) * (len(routes) - 1) <= MAX_WORLDS:
            split = {id(world): world.split(number, routes) for world in there}
            worlds = [each for world in worlds for each in split.get(id(world), [world])]
        else:
            are_all = False
            for turn, world in enumerate(there):
                world.taken[number] = routes[turn % len(routes)]
    return [World(world.weight, tuple(world.led)) for world in worlds], are_all


def share_of(worlds: Sequence[World], number: int) -> Range:
    """How likely a part runs."""
    weights = [world.weight for world in worlds if world.led[number] is not None]
    if len(weights) == len(worlds):
        return Range.exactly(1)
    return Range(0, sum(weights), 1) if weights else ZERO


def load_of(worlds: Sequence[World], loads: Sequence[Load]) -> Load:
    """What a graph takes: the least of all worlds, their mean, and the most.

    Args:
        worlds: what may become of a run.
        loads: what each part takes.
    """
    each = [_world_load(world, loads) for world in worlds]
    if len(each) == 1:
        return each[0]
    bounds = Load.one_of(each)
    means = Load.series(load * Range.exactly(world.weight) for world, load in zip(worlds, each, strict=True))
    figures = {one.name: _between(getattr(bounds, one.name), getattr(means, one.name)) for one in fields(Load)}
    return Load(**figures)


def _between(bounds: Range, mean: Range) -> Range:
    return Range(bounds.low, mean.expected, bounds.high)


def _world_load(world: World, loads: Sequence[Load]) -> Load:
    """All parts that run; the time is that of the longest way."""
    ended = dict[int, Range]()
    for number, led in enumerate(world.led):
        if led is not None:
            ended[number] = Range.longest(ended[part] for part in led) + loads[number].seconds
    return replace(Load.series(loads[number] for number in ended), seconds=Range.longest(ended.values()))
