"""What runs did, counted node by node and line by line, to be laid over a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Literal

from crewgraph.graph import ANY_ROUTE, Graph, Join, Merge, Start, Switch, Work
from crewgraph.outputs import PipelineKickoffResult, RunResult, each_run
from crewgraph.render.closing import sketched
from crewgraph.render.duration import duration
from crewgraph.render.escape import shortened
from crewgraph.render.sketch import END, Line, Sketch
from crewgraph.render.spent import spent
from crewgraph.trace import Span, extent
from crewgraph.usage import UsageMetrics

__all__ = ["Ran", "Runs", "runs_of"]

MAX_ERROR = 40
SKIPPED, OK, WAITING = "skipped", "ok", "waiting"
WORST = ("failed", "over_budget", "cancelled")
"""What is no good end, the worst first."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What is written on a node.

    Attributes:
        state: "ok", "failed" where it failed at least once, "waiting" where it waits for a person in at least one run,
            or "not" where it never ran.
        sign: a sign, so that it is not told by colour alone, and a word where that is needed.
        time: how long it took; of many runs the median and the 95th percentile.
        spent: tokens and money; of many runs in all.
        told: the last error, or of one run the route that a router took.
    """

    state: Literal["ok", "failed", "waiting", "not"]
    sign: str
    time: str = ""
    spent: str = ""
    told: str = ""


@dataclass(slots=True)
class _Count:
    """What one node did in all runs."""

    states: Counter[str] = field(default_factory=Counter[str])
    seconds: list[float] = field(default_factory=list[float])
    routes: Counter[str] = field(default_factory=Counter[str])
    usage: UsageMetrics = field(default_factory=UsageMetrics)
    error: str = ""

    def add(self, span: Span) -> None:
        self._ended(span.status, span.seconds)
        self._spent(span)
        if span.route is not None:
            self.routes[span.route] += 1

    def add_all(self, spans: Sequence[Span]) -> None:
        """Count what is in a closed box as one node: from its first moment to its last, as bad as its worst."""
        ran = [span for span in spans if span.status != SKIPPED]
        status = (
            next((state for state in (*WORST, WAITING) if any(span.status == state for span in ran)), OK)
            if ran
            else SKIPPED
        )
        began, ended = extent(ran)
        self._ended(status, (ended - began).total_seconds() if began and ended else 0.0)
        for span in ran:
            self._spent(span)

    def _ended(self, status: str, seconds: float) -> None:
        self.states[status] += 1
        if status not in (SKIPPED, WAITING):  # how long a person takes is not how long it takes
            self.seconds.append(seconds)

    def _spent(self, span: Span) -> None:
        if span.usage is not None:
            self.usage.add_usage_metrics(span.usage)
        if span.error:
            self.error = span.error


class Runs:
    """What runs of one pipeline did. They are added one by one, and only what is counted is kept.

    Args:
        graph: the pipeline's.
        depth: boxes that are nested deeper are closed, and counted as one node.
    """

    def __init__(self, graph: Graph, *, depth: int | None = None) -> None:
        self.graph = graph
        self.sketch: Sketch = sketched(graph, depth)
        self.lines = self.sketch.lines
        self.traffic = [0] * len(self.lines)
        self.count = 0
        self._nodes = {name: _Count() for name, node in graph.nodes.items() if isinstance(node, Work | Switch)}
        self._found = {
            name: _Count() for name, node in graph.nodes.items() if isinstance(node, Switch) and node.is_open
        }
        self._closed = {name: (_Count(), list(box.nodes())) for name, box in self.sketch.closed.items()}

    def add(self, spans: Iterable[Span]) -> list[int]:
        """Count one run, and return the numbers of the lines along which it went."""
        every = list(spans)
        known = {span.node: span for span in every if span.node in self._nodes}
        self.count += 1
        for router, found in self._behind(every).items():
            self._found[router].add_all(found)
        for name, span in known.items():
            self._nodes[name].add(span)
        for count, names in self._closed.values():
            count.add_all([known[name] for name in names if name in known])
        way = [number for number, line in enumerate(self.lines) if self._took(line, known)]
        for number in way:
            self.traffic[number] += 1
        return way

    def _behind(self, spans: Sequence[Span]) -> dict[str, list[Span]]:
        """For each open router the spans of what it came up with, which stand right behind its own."""
        behind, router = dict[str, list[Span]](), None
        for span in spans:
            if span.node in self._nodes:
                router = span.node if span.node in self._found else None
            elif router is not None:
                behind.setdefault(router, []).append(span)
        return behind

    def ran(self, name: str) -> Ran | None:
        """What is written on a node, or on the card of what an open router comes up with; ``None`` for what does nothing."""
        count = self._closed[name][0] if name in self._closed else self._nodes.get(name)
        if name.startswith("\0"):
            count = self._found.get(name[1:])
        if count is None:
            return None
        times = sum(count.states.values()) - count.states[SKIPPED]
        if not times:
            return Ran("not", "not run")
        lost = times - count.states[OK] - count.states[WAITING]
        return Ran(
            "failed" if lost else "waiting" if count.states[WAITING] else "ok",
            self._sign(count),
            _time(count.seconds),
            " · ".join(self._spent(count, times)),
            self._told(count),
        )

    def share(self, number: int) -> float:
        """Which part of the runs went along a line."""
        return self.traffic[number] / self.count if self.count else 0.0

    def _sign(self, count: _Count) -> str:
        if not any(count.states[state] for state in WORST):
            waits = count.states[WAITING]
            return "✓" if not waits else "◷ waiting" if self.count == 1 else f"◷ {waits:,} waiting"
        worst = next(state for state in WORST if count.states[state])
        word = worst.replace("_", " ")
        return f"✗ {word}" if self.count == 1 else f"✗ {count.states[worst]:,} {word}"

    def _spent(self, count: _Count, times: int) -> Iterator[str]:
        if self.count > 1:
            yield f"{times:,} ×"
        yield from spent(count.usage, is_short=True)

    def _told(self, count: _Count) -> str:
        if count.error:
            return shortened(count.error, MAX_ERROR)
        return shortened(f"→ {next(iter(count.routes))}", MAX_ERROR) if self.count == 1 and count.routes else ""

    def _took(self, line: Line, spans: dict[str, Span]) -> bool:
        """Whether a run went along a line; one that stands for others was taken where of each leg one was."""
        if line.legs:
            return all(any(self._took(part, spans) for part in leg) for leg in line.legs)
        return self._leaves(line, spans) and self._arrives(line, spans)

    def _leaves(self, line: Line, spans: dict[str, Span]) -> bool:
        """Whether a run left the node at the beginning of a line, by this line."""
        name = line.source.removeprefix("\0")  # what an open router comes up with stands for the router
        node, span = self.graph.nodes.get(name), spans.get(name)
        if isinstance(node, Start | Join | Merge):
            return True
        if span is None or span.status != OK:
            return False
        if not isinstance(node, Switch):
            return True
        is_open = line.route == ANY_ROUTE or name != line.source
        return span.route not in node.routes if is_open else span.route == line.route

    def _arrives(self, line: Line, spans: dict[str, Span]) -> bool:
        """Whether it came to the node at the end; points are passed where something before or behind them ran."""
        if isinstance(self.graph.nodes.get(line.target), Join | Merge):
            return not isinstance(self.graph.nodes.get(line.source), Join | Merge)
        if line.target == END:
            return True
        span = spans.get(line.target)
        return span is None or span.status != SKIPPED


def runs_of(
    graph: Graph, result: RunResult | PipelineKickoffResult | Iterable[RunResult], *, depth: int | None = None
) -> Runs:
    """Count a run, or all runs of a kickoff; one that has several results counts once."""
    several: Sequence[RunResult] = [result] if isinstance(result, RunResult) else list(result)
    runs = Runs(graph, depth=depth)
    for run in each_run(several):
        runs.add(run.spans)
    return runs


def _time(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    if len(seconds) == 1:
        return duration(seconds[0])
    p95 = quantiles(seconds, n=20, method="inclusive")[-1]
    return f"p50 {duration(median(seconds))} · p95 {duration(p95)}"
