"""What may become of a run in a graph built by hand: combinations of routes, their shares and loads."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.engine.worlds import MAX_WORLDS, load_of, share_of, worlds_of
from crewgraph.outlook import ZERO, Load, Range
from crewgraph.trace import Choice, Leaf, Wired


def wired(*parts: str) -> Wired:
    """Parts as ``"name: ways"``, a way being a number or a number and a route; a fork has a name in capitals."""
    shapes, before, forks = list[Any](), list[Any](), dict[int, int]()
    for number, part in enumerate(parts):
        name, _, ways = part.partition(":")
        led = [(int(way.partition(".")[0]), way.partition(".")[2] or None) for way in ways.split()]
        shapes.append(Choice(name, {}) if name.isupper() else Leaf(name))
        before.append(tuple(led))
        if name.isupper():
            forks[number] = led[0][0]
    return Wired(tuple(shapes), tuple(before), forks, ())


def reached(graph: Wired, **possible: str) -> list[tuple[float, str]]:
    forks = {
        number: possible[part.router].split() for number, part in enumerate(graph.parts) if isinstance(part, Choice)
    }
    worlds, are_all = worlds_of(graph, forks)
    assert are_all
    names = [getattr(part, "node", "") for part in graph.parts]
    return [
        (world.weight, "".join(name for name, led in zip(names, world.led, strict=True) if led is not None))
        for world in worlds
    ]


FORKED = wired("a:", "F:0", "b:1.b", "c:1.default", "d:2 3", "e:0")


@pytest.mark.parametrize(
    ("graph", "possible", "expected"),
    [
        (wired("a:", "b:", "c:0 1"), {}, [(1.0, "abc")]),
        (FORKED, {"F": "b default"}, [(0.5, "abde"), (0.5, "acde")]),
        (FORKED, {"F": "b"}, [(1.0, "abde")]),
        (wired("a:", "F:0", "b:1.b"), {"F": "b default"}, [(0.5, "ab"), (0.5, "a")]),
        (
            wired("a:", "F:0", "b:1.b", "G:2", "c:3.c", "d:3.default 1.default"),
            {"F": "b default", "G": "c default"},
            [(0.25, "abc"), (0.25, "abd"), (0.5, "ad")],
        ),
    ],
    ids=["no choice", "a choice", "decided", "undecided", "a choice behind a choice"],
)
def test_worlds(graph: Wired, possible: dict[str, str], expected: list[tuple[float, str]]) -> None:
    """A route that is not taken decides nothing behind it."""
    assert reached(graph, **possible) == expected


def test_what_led_to_a_part_is_known() -> None:
    """Once each, by the edges that were taken."""
    (world, other), _ = worlds_of(wired("a:", "F:0", "b:1.b 1.default", "c:0 2"), {1: ["b", "default"]})
    assert world.led == other.led == ((), (0,), (1,), (0, 2))


def test_many_combinations_are_not_all_looked_at() -> None:
    """Some stand for the others, and each route has its share."""
    size = 10
    parts = ["a:"]
    for _ in range(size):
        parts += [f"F:{0}", f"b:{len(parts)}.b", f"c:{len(parts)}.default"]
    graph = wired(*parts)
    worlds, are_all = worlds_of(graph, {number: ["b", "default"] for number in graph.forks})
    assert (len(worlds), are_all) == (MAX_WORLDS, False)
    assert sum(world.weight for world in worlds) == pytest.approx(1)
    assert {share_of(worlds, number).expected for number in range(2, len(parts), 3)} == {0.5}


def test_shares() -> None:
    """For sure, perhaps, and never."""
    worlds, _ = worlds_of(wired("a:", "F:0", "b:1.b", "c:1.c"), {1: ["b", "default"]})
    assert [share_of(worlds, number) for number in (0, 2, 3)] == [Range.exactly(1), Range(0, 0.5, 1), ZERO]


def load(calls: float, seconds: float) -> Load:
    return Load(calls=Range.exactly(calls), seconds=Range.exactly(seconds), busy=Range.exactly(seconds))


def test_the_load_of_a_graph() -> None:
    """Calls add up, the time is that of the longest way; of several worlds the least, the mean and the most."""
    worlds, _ = worlds_of(FORKED, {1: ["b", "default"]})
    loads = [load(1, 1), Load(), load(10, 2), load(20, 8), load(100, 1), load(1000, 4)]
    told = load_of(worlds, loads)
    assert told.calls == Range(1111, 1116, 1121)
    assert told.busy == Range(8, 11, 14)
    assert told.seconds == Range(5, 7.5, 10)
    alone, _ = worlds_of(FORKED, {1: ["b"]})
    assert load_of(alone, loads).seconds == Range.exactly(5)


@given(st.lists(st.lists(st.integers(0, 99), max_size=3), min_size=1, max_size=6), st.data())
def test_the_weights_are_those_of_all_combinations(drawn: list[list[int]], data: st.DataObject) -> None:
    """Compared with a walk over every combination of every route of every fork."""
    parts = ["a:"]
    for number, ways in enumerate(drawn):
        early = " ".join(sorted({f"{way % len(parts)}" for way in ways if not parts[way % len(parts)].startswith("F")}))
        parts.append(f"b:{early}")
        if data.draw(st.booleans()):
            parts.append(f"F:{len(parts) - 1}")
            parts.append(f"c:{len(parts) - 1}.x {data.draw(st.sampled_from(['', str(len(parts) - 1) + '.y']))}")
        assert number < len(parts)
    graph = wired(*parts)
    forks = list(graph.forks)
    worlds, are_all = worlds_of(graph, {number: ["x", "y"] for number in forks})
    shares = [0.0] * len(parts)
    every = list(itertools.product("xy", repeat=len(forks)))
    for routes in every:
        taken, runs = dict(zip(forks, routes, strict=True)), list[bool]()
        for before in graph.before:
            runs.append(not before or any(runs[part] and route in (None, taken.get(part)) for part, route in before))
        shares = [share + ran / len(every) for share, ran in zip(shares, runs, strict=True)]
    assert are_all
    assert [share_of(worlds, number).expected for number in range(len(parts))] == pytest.approx(shares)
