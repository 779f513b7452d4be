"""Fails where orchestration got slower: a ratio to the loop by hand in the same run, half as much again as what is kept.

What is kept is the median of the ratios of rounds, and what is compared with it the lowest of them, measured again where it is too
high: a neighbour on the machine makes most rounds slow, and a slower engine all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.figures import Line

WORSE = 1.5
"""How many times the kept ratio is too much."""
WATCHED = ("w1", "w2", "w3", "w4", "w5_1k")
PEER = "crewgraph-observed"
TRIES = 3
SHORT = ("--rounds", "20", "--seconds", "6", "--share", "0.1", "--each", "0.1")
"""How it is measured: short rounds of a tenth of the runs, so that some of them have the machine for themselves."""

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
        lowest = min(_tries(work, before * WORSE, measure, say))
        if lowest > before * WORSE:
            found.append(f"{work} takes {lowest:.1f} times what the loop by hand takes, and took {before:.1f} times")
    return found


def _tries(work: str, limit: float, measure: Measure, say: Callable[[str], object]) -> Sequence[float]:
    tried = list[float]()
    while not tried or (min(tried) > limit and len(tried) < TRIES):
        tried.append(float(measure(work)["low"]))
        say(f"{work:6} {tried[-1]:5.1f} times the loop by hand, at most {limit:.1f}")
    return tried
