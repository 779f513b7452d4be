"""A tally in words: the pieces that every display of progress is made of."""

from __future__ import annotations

from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.render.duration import duration
from crewgraph.usage import UsageMetrics

__all__ = [
    "COUNTED",
    "MAX_NODES",
    "SIGNS",
    "busiest",
    "counted",
    "counts_of",
    "line_of",
    "rate_of",
    "spent",
    "state_of",
    "times_of",
    "waiting_of",
]

MAX_NODES = 12
"""How many nodes are shown: those at work, then those of the beginning."""


def line_of(tally: Tally, *, is_over: bool = False) -> str:
    """The counts as one line of plain text; of what is over nothing is left to wait for."""
    return f"{counts_of(tally)}, {duration(tally.seconds) if is_over else times_of(tally)}"


def counts_of(tally: Tally) -> str:
    """What changes when something happens, as one line of plain text."""
    total = f"/{tally.total}" if tally.total is not None else ""
    counts = [f"{tally.done}{total} done", f"{tally.failed} failed"]
    counts += [f"{tally.over_budget} over budget"] if tally.over_budget else []
    counts += [f"{tally.parked} waiting for a person"] if tally.parked else []
    counts += [f"{tally.running} running"]
    counts += [waiting_of(tally)] if tally.waiting else []
    counts += [spent(tally.usage)] if tally.usage.requests or tally.tokens else []
    return ", ".join(counts)


def waiting_of(tally: Tally) -> str:
    """How many wait before they ask a model again."""
    return f"{len(tally.waiting)} waiting to ask again"


def spent(usage: UsageMetrics) -> str:
    """Tokens and money: "1,204 tokens, $0.0123"; of work without a model call nothing is known of money."""
    tokens = f"{usage.total_tokens:,} tokens"
    return f"{tokens}, cost {usage.dollars()}" if usage.requests else tokens


def rate_of(tally: Tally) -> str:
    """Inputs in a second, or in a minute where that reads better."""
    rate = tally.rate
    return f"{rate:.1f}/s" if rate >= 1 or not rate else f"{60 * rate:.1f}/min"


def times_of(tally: Tally) -> str:
    """How long it has been going on, and how long it will."""
    left = tally.left
    return duration(tally.seconds) + (f", {duration(left)} left" if left else "")


def state_of(node: NodeCount) -> str:
    """What is most worth knowing of a node: "running", "failed", "waiting", "done", or "" where it has not been at work."""
    return next((state for state in ("running", "failed", "waiting", "done") if getattr(node, state)), "")


SIGNS = {"running": "●", "failed": "✗", "waiting": "◷", "done": "✓", "": "·"}
"""A sign for each state of a node."""
COUNTED = ("running", "done", "failed", "cancelled", "waiting", "skipped")
"""What is counted of a node, in the order in which it is told."""


def counted(node: NodeCount) -> dict[str, str]:
    """The counts of a node in words, by what is counted; of what there is none, nothing."""
    return {each: f"{count:,} {each}" if (count := getattr(node, each)) else "" for each in COUNTED}


def busiest(nodes: dict[str, NodeCount], most: int = MAX_NODES) -> list[tuple[str, NodeCount]]:
    """The nodes that are shown, in the order of the plan."""
    every = list(nodes.items())
    chosen = sorted(range(len(every)), key=lambda place: (not every[place][1].running, place))[:most]
    return [every[place] for place in sorted(chosen)]
