"""How peers are measured: what is right to begin with, in turns, and what is made of it."""

from __future__ import annotations

import asyncio
import tomllib

import pytest

from bench.measure import PEERS, checked, measure, peer_of, ratios, waiting
from bench.peers.by_hand import Asyncio
from bench.peers.by_hand import Chain as ByHand
from bench.work import WORK, before, body, merged, told

ENTRIES = tomllib.loads(PEERS.read_text(encoding="utf-8"))
HERE = [name for name, entry in ENTRIES.items() if "packages" not in entry and "environment" not in entry]


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("work", ["w1", "w3", "w4", "w5_1k"])
def test_peers_that_are_installed_do_the_work(name, work):
    """Each node of each shape runs once, and what comes out is right; those in other environments are checked there."""
    asyncio.run(checked(WORK[work], peer_of(ENTRIES[name])))


class Short:
    """A peer that leaves a node out."""

    def chain(self, length, body):
        return ByHand(length - 1, body)


class Twice:
    """A peer whose nodes run twice."""

    def chain(self, length, body):
        class Runs(ByHand):
            async def run(self, values):
                await super().run(values)
                return await super().run(values)

        return Runs(length, body)


class Mixed:
    """A peer that mixes up its runs."""

    def chain(self, length, body):
        class Runs(ByHand):
            async def run_all(self, inputs, at_once):
                return await super().run_all([inputs[0]] * len(inputs), at_once)

        return Runs(length, body)


@pytest.mark.parametrize(
    ("peer", "told"),
    [(Short(), "0 came out as {'v': 9}, and not 10"), (Twice(), "20 nodes ran, and not 10"), (Mixed(), "10")],
    ids=["short", "twice", "mixed"],
)
def test_a_peer_that_does_something_else_is_not_measured(peer, told):
    """What is quick because it is wrong has no figures."""
    with pytest.raises(AssertionError, match=told):
        asyncio.run(checked(WORK["w1"], peer))


def test_ratios_are_of_rounds():
    """A slow round slows both sides, so each is compared with its neighbour."""
    assert ratios([1.0, 10.0, 2.0], [3.0, 20.0, 8.0]) == {"ratio": 3.0, "low": 2.0, "high": 4.0}


@pytest.mark.parametrize(
    ("work", "ideal", "to_ideal"), [("w7", 0.05, 0.2 / 0.1), ("w7_100", 0.5, 0.2 / 0.5)], ids=["all", "100 at once"]
)
def test_waiting_is_held_against_the_least_it_can_take(work, ideal, to_ideal):
    """What it takes to begin all runs counts only where they begin together."""
    found = waiting(WORK[work], [0.2, 0.2, 0.4], [0.05, 0.05, 0.15])
    assert (found["ideal_s"], found["to_ideal"]) == (pytest.approx(ideal), pytest.approx(to_ideal))


def test_a_measurement_has_a_line_for_each_peer():
    """The loop by hand is one of them, and all have as many rounds."""
    found = asyncio.run(measure(WORK["w2"]._replace(runs=2), {"again": Asyncio()}, rounds=2, seconds=0.0))
    assert [(line["peer"], line["rounds"]) for line in found] == [("asyncio", 2), ("again", 2)]
    assert found[0]["ratio"] == found[0]["low"] == 1.0
    assert found[1]["us"] > 0


def test_a_body_tells_its_values_and_adds_one():
    """Both spellings do the same."""
    seen = list[int]()
    of_values, of_v = told(body(), seen.append)
    assert asyncio.run(of_values({"v": 3})) == asyncio.run(of_v(3)) == {"v": 4}
    assert seen == [3, 3]


def test_layers_are_wired_alike_everywhere():
    """Three of the layer before, fewer where it is narrow."""
    assert (before(98, 100), before(0, 1)) == ([5, 98, 99], [0])
    assert merged([{"v": 1}, {"v": 2}]) == {"v": 2}
