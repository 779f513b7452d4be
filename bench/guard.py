"""Fails where orchestration got slower: a ratio to the loop by hand, in the same run, half as much again as what is kept.

The best of rounds that take turns is compared, and what is too slow is measured once more, for a neighbour on the machine
slows a round and never quickens one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.figures import Line

WORSE = 1.5
"""How many times the kept ratio is too much."""
WATCHED = ("w1", "w2", "w3", "w4", "w5_1k")
PEER = "crewgraph-observed"
TRIES = 3
SHORT = ("--rounds", "40", "--seconds", "2.5", "--each", "0.02")
"""How it is measured: many short rounds, so that some of them have the machine for themselves."""

Measure = Callable[[str], Line]
"""Measures a workload anew."""


def slower(kept: Mapping[str, float], measure: Measure, say: Callable[[str], object]) -> list[str]:
    """The workloads that got slower.

    Args:
        kept: the ratio of each that was kept.
        measure: measures one.
        say: is told what was found.
    """
    found = list[str]()
    for work, before in kept.items():
        best = min(_tries(work, before * WORSE, measure, say))
        if best > before * WORSE:
            found.append(f"{work} takes {best:.1f} times what the loop by hand takes, and took {before:.1f} times")
    return found


def _tries(work: str, limit: float, measure: Measure, say: Callable[[str], object]) -> Sequence[float]:
    tried = list[float]()
    while not tried or (min(tried) > limit and len(tried) < TRIES):
        tried.append(float(measure(work)["best"]))
        say(f"{work:6} {tried[-1]:5.1f} times the loop by hand, at most {limit:.1f}")
    return tried
