"""What is known of a kickoff that is under way: runs that ended, and what the others are doing. No web in here.

The kickoff writes in its thread and the server reads in another: one lock holds both apart.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from crewgraph.graph import Graph
from crewgraph.report import Fold, Record
from crewgraph.report.compact import MILLI, label_of
from crewgraph.report.sheet import Sheet, encoded
from crewgraph.syntax import Pipeline
from crewgraph.trace import (
    Event,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    NodeWaiting,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunStarted,
    RunWaiting,
)

__all__ = ["Board"]

MAX_OPEN = 500
"""Runs under way that are shown; a page shows no more of them at once."""


@dataclass(slots=True)
class _Bar:
    """A node of a run that is under way."""

    started: float
    ended: float | None = None
    status: str = "running"
    tokens: int = 0
    route: str | None = None


@dataclass(slots=True)
class _Open:
    """A run that has not ended: one that is under way, or one that waits and stands still at ``until``."""

    label: str
    started: float
    bars: dict[str, _Bar] = field(default_factory=dict[str, _Bar])
    until: float | None = None


class Board(Fold):
    """Takes runs that ended, and events of those that have not.

    Args:
        pipeline: of which the runs are, or its graph.
        title: stands on the page; the name of the pipeline where none is given.
        total: how many inputs there are, where that is known.
    """

    def __init__(self, pipeline: Pipeline | Graph, *, title: str | None = None, total: int | None = None) -> None:
        self.sheet = Sheet(pipeline, title=title, total=total)
        self.is_over = False
        self._rows = list[bytes]()
        self._details: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the board
        self._places = [0]
        self._open = dict[int, _Open]()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing more comes, and nothing more is read."""
        with self._lock:
            self.is_over = True
            self._details.close()

    def end(self) -> None:
        """Nothing more comes; what is there may still be read."""
        with self._lock:
            self.is_over = True
            self._open.clear()

    # ---- written by the kickoff --------------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """Add a run that ended."""
        with self._lock:
            row, details = self.sheet.take(record)
            self._details.seek(self._places[-1])
            self._details.write(details)
            self._places.append(self._details.tell())
            self._rows.append(row)
            self._open.pop(record.index, None)

    def look(self, records: Iterable[tuple[float, Record]], total: int) -> None:
        """Take the runs that are under way as somebody else sees them, in place of those that were told before.

        Args:
            records: when each began, in seconds since the epoch, and how it stands.
            total: how many runs there are.
        """
        now = {record.index: _open_of(began, record) for began, record in records}
        with self._lock:
            self._open = now
            self.sheet.total = total

    def observe(self, event: Event) -> None:
        """Take an event: an observer of a kickoff."""
        with self._lock:
            self._observe(event)

    def _observe(self, event: Event) -> None:
        match event:
            case RunStarted(run=run, at=at, inputs=inputs):
                self._open[run] = _Open(label_of(inputs), at)
            case NodeStarted(run=run, node=str(node), at=at) if run in self._open:
                self._open[run].bars[node] = _Bar(at)
            case NodeFinished(run=run, node=str(node), at=at, tokens=tokens):
                self._settle(run, node, at, "ok", tokens)
            case NodeFailed(run=run, node=str(node), at=at, is_cancelled=is_cancelled):
                self._settle(run, node, at, "cancelled" if is_cancelled else "failed")
            case RouteTaken(run=run, node=str(node), at=at, route=route):
                self._settle(run, node, at, "ok", route=route)
            case NodeWaiting(run=run, node=str(node), at=at):
                self._settle(run, node, at, "waiting")
            case RunFinished(run=run) | RunFailed(run=run) | RunWaiting(run=run):
                self._open.pop(run, None)
            case _:
                pass

    def _settle(
        self, run: int, node: str, at: float, status: str, tokens: int = 0, *, route: str | None = None
    ) -> None:
        bar = self._open[run].bars.get(node) if run in self._open else None
        if bar is not None:
            bar.ended, bar.status, bar.tokens, bar.route = at, status, tokens or bar.tokens, route or bar.route

    # ---- read by the server ------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many runs have ended."""
        with self._lock:
            return len(self._rows)

    def rows(self, begin: int, most: int, *, known: int = 0) -> tuple[dict[str, Any], list[bytes]]:
        """The rows of runs from this place on, and what is new of the facts for who knows so many nodes."""
        with self._lock:
            rows = self._rows[begin : begin + most]
            return (self.sheet.news(known) if rows else {}), rows

    def facts(self) -> dict[str, Any]:
        """What the page knows beside the runs."""
        with self._lock:
            return self.sheet.facts()

    def picture(self) -> str:
        """What the runs that ended did, as SVG."""
        with self._lock:
            return self.sheet.picture()

    def details(self, place: int) -> bytes | None:
        """Everything that is known of a run that ended; ``None`` where there is no such."""
        with self._lock:
            if self._details.closed or not 0 <= place < len(self._rows):
                return None
            self._details.seek(self._places[place])
            return self._details.read(self._places[place + 1] - self._places[place])

    def under_way(self, now: float, *, known: int = 0) -> tuple[bytes, int]:
        """The rows of runs that have not ended, as they stand at this moment, with nodes that are new to who knows so many.

        Returns:
            The rows and nodes as JSON, and how many nodes there are.
        """
        with self._lock:
            every = list(self._open.items())[:MAX_OPEN]
            rows = [self._open_row(index, run, now) for index, run in every]
            return encoded({"rows": rows, "nodes": self.sheet.nodes(known)}), len(self.sheet.compact.nodes)

    def _open_row(self, index: int, run: _Open, now: float) -> list[Any]:
        numbers, origin = self.sheet.compact.nodes, self.sheet.compact.since(run.started)
        status, now = ("running", now) if run.until is None else ("waiting", run.until)
        bars = [
            [
                numbers.setdefault(node, len(numbers)),
                bar.status,
                self.sheet.compact.since(bar.started),
                round(((bar.ended or now) - bar.started) * MILLI),
                bar.tokens,
                0,
                0,
                0,
                bar.route,
            ]
            for node, bar in run.bars.items()
        ]
        return [index, run.label, status, None, origin, round((now - run.started) * MILLI), None, bars]


def _open_of(began: float, record: Record) -> _Open:
    bars = {
        span.node: _Bar(
            span.started.timestamp(),
            span.ended.timestamp() if span.ended else None,
            span.status,
            span.usage.total_tokens if span.usage else 0,
            span.route,
        )
        for span in record.spans
        if span.started
    }
    lasts = [bar.ended or bar.started for bar in bars.values()]
    return _Open(label_of(record.inputs), began, bars, max(began, *lasts) if record.status == "waiting" else None)
