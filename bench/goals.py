"""What was aimed at, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.chart import short
from bench.figures import Figures, Line

OURS = "crewgraph-observed"


class Goal(NamedTuple):
    """One of them.

    Attributes:
        told: in words.
        limit: the most that is well; the least where ``is_least``.
        found: what was measured; ``None`` where nothing was.
        unit: behind the number.
        is_least: whether more is better.
    """

    told: str
    limit: float
    found: Callable[[Figures], float | None]
    unit: str = "×"
    is_least: bool = False


class Verdict(NamedTuple):
    """What became of a goal.

    Attributes:
        value: what was measured.
        is_met: whether that is well.
        missed_by: how far it is off, in words.
    """

    value: float
    is_met: bool
    missed_by: str


def judged(goal: Goal, figures: Figures) -> Verdict | None:
    """What became of it; ``None`` where nothing was measured."""
    value = goal.found(figures)
    if value is None:
        return None
    worse = goal.limit / value if goal.is_least else value / goal.limit
    return Verdict(value, worse <= 1, f"a factor of {short(worse)}" if worse >= 2 else f"{worse - 1:.0%}")  # noqa: PLR2004


def _ratio(work: str, key: str = "ratio") -> Callable[[Figures], float | None]:
    return _of("ours", key, work=work, peer=OURS)


def _of(section: str, key: str, **wanted: object) -> Callable[[Figures], float | None]:
    def find(figures: Figures) -> float | None:
        line = figures.line(section, **wanted)
        return None if line is None or key not in line else float(line[key])

    return find


def _large(size: int) -> Callable[[Figures], float | None]:
    """The longest that compiling or checking took among graphs of a size."""

    def find(figures: Figures) -> float | None:
        found = [max(line["compile"], line["check"]) for line in figures.lines("growth") if line["size"] == size]
        return max(found, default=None)

    return find


def _tenfold(figures: Figures) -> float | None:
    """How many times as long the largest graphs took as those of a tenth of the nodes."""
    small, large = _large(10_000)(figures), _large(100_000)(figures)
    return large / small if small and large else None


def _stream(figures: Figures) -> float | None:
    """Megabytes that a long stream takes more than a short one."""
    few, many = (figures.line("memory", inputs=inputs) for inputs in (1_000, 100_000))
    return float(many["mb"] - few["mb"]) if few and many else None


def _call(figures: Figures, way: str) -> Line | None:
    return figures.line("model", part="calls_500", way=way)


def _added(figures: Figures) -> float | None:
    """Milliseconds that crewgraph adds to a call of LiteLLM."""
    bare, ours = _call(figures, "litellm by itself"), _call(figures, "litellm, asked")
    return float(ours.get("added_ms", ours["cpu_ms"] - bare["cpu_ms"])) if bare and ours else None


def _direct(figures: Figures) -> float | None:
    """How many calls go directly in the time of one by LiteLLM."""
    bare, ours = _call(figures, "litellm by itself"), _call(figures, "direct/, asked")
    return bare["cpu_ms"] / ours["cpu_ms"] if bare and ours else None


STORED = {"what": "chain of 5, 10 ms"}
GOALS = (
    Goal("W1, a chain of 10, one run at a time: CPU to the loop by hand", 3, _ratio("w1")),
    Goal("W2, 1,000 runs of it at once", 3, _ratio("w2")),
    Goal("W3, 1 → 100 → 1", 3, _ratio("w3")),
    Goal("W4, a router", 3, _ratio("w4")),
    Goal("W5, a graph of 1,000 nodes", 2, _ratio("w5_1k")),
    Goal("W5, a graph of 10,000 nodes", 2, _ratio("w5_10k")),
    Goal("own share of a crew's node", 100, _of("crews", "own_us"), " µs"),
    Goal("W7, 1,000 × 5 nodes of 10 ms, all at once: clock to the ideal", 1.3, _ratio("w7", "to_ideal")),
    Goal("the same with `max_concurrency=100`", 1.15, _ratio("w7_100", "to_ideal")),
    Goal("a stream of 100,000 inputs: memory beyond one of 1,000", 30, _stream, " MB"),
    Goal("compile or check 10,000 nodes", 2, _large(10_000), " s"),
    Goal("compile or check 100,000 nodes", 25, _large(100_000), " s"),
    Goal("the same to that of 10,000 nodes: linear is 10", 12.5, _tenfold),
    Goal("with a store, 20 nodes of 10 ms at once, to without", 1.25, _of("journal", "ratio", **STORED, at_once=20)),
    Goal("the same, 100 at once: 10,000 nodes a second", 1.25, _of("journal", "ratio", **STORED, at_once=100)),
    Goal("a call by LiteLLM: CPU that crewgraph adds", 0.3, _added, " ms"),
    Goal("calls on a core by `direct/`, to LiteLLM", 5, _direct, is_least=True),
    Goal("`import crewgraph`: CPU", 0.25, _of("imports", "s", what="crewgraph"), " s"),
    Goal("`crewgraph check` of the example: CPU", 0.8, _of("imports", "s", what="check"), " s"),
    Goal("the offline demo: CPU", 2, _of("imports", "s", what="demo"), " s"),
)
