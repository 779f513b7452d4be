"""A trace for the viewers of Chrome and Perfetto: one process for each input, nodes with their calls on its lanes.

The format is that of Chromium's Trace Event Format: complete events ("X") in microseconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from crewgraph.render import replacing
from crewgraph.report.compact import label_of
from crewgraph.report.fold import Fold
from crewgraph.report.lines import encoded_line
from crewgraph.report.record import Record
from crewgraph.trace import Span
from crewgraph.usage import Call, UsageMetrics

__all__ = ["ChromeTrace"]

MICRO = 1_000_000


class ChromeTrace(Fold):
    """A trace that is being written, run by run; it waits in a temporary file."""

    def __init__(self) -> None:
        self._events: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the trace

    def close(self) -> None:
        """Throw away what was collected; files that are written stay."""
        self._events.close()

    def take(self, record: Record) -> None:
        """Add a run."""
        for event in _events(record):
            self._events.write(b",\n" if self._events.tell() else b"\n")
            self._events.write(encoded_line(event).rstrip(b"\n"))

    def write(self, path: str | PathLike[str]) -> Path:
        """Write the file with the runs so far; missing folders are made.

        Raises:
            RenderError: it cannot be written.
        """
        with replacing(path) as file:
            file.write(b'{"displayTimeUnit": "ms", "traceEvents": [')
            self._events.seek(0)
            while block := self._events.read(1 << 20):
                file.write(block)
            file.write(b"\n]}\n")
        return Path(path)


def _events(record: Record) -> Iterator[dict[str, Any]]:
    title = f"input {record.index} {label_of(record.inputs)}".rstrip()
    own = {"pid": record.index, "tid": 0, "ph": "M"}
    yield own | {"name": "process_name", "args": {"name": title}}
    yield own | {"name": "process_sort_index", "args": {"sort_index": record.index}}
    lanes = _Lanes()
    spans = [span for span in record.spans if span.started]
    for span in sorted(spans, key=lambda span: (span.started, span.node)):
        start = span.started.timestamp() if span.started else 0.0
        lane = lanes.free(start, start + span.seconds)
        yield _event(span.node, span.kind, (start, span.seconds), (record.index, lane), _told(span))
        for call in sorted(span.calls, key=lambda call: call.started):
            inner = lanes.inside(lane, call.started, call.started + call.seconds)
            yield _event(call.name, call.kind, (call.started, call.seconds), (record.index, inner), _call_told(call))


def _event(
    name: str, kind: str, when: tuple[float, float], where: tuple[int, int], told: dict[str, Any]
) -> dict[str, Any]:
    begin, seconds = (round(each * MICRO) for each in when)
    process, thread = where
    args = {key: value for key, value in told.items() if value not in (None, "", 0)}
    return {
        "name": name, "cat": kind, "ph": "X", "ts": begin, "dur": seconds, "pid": process, "tid": thread, "args": args,
    }  # fmt: skip


def _told(span: Span) -> dict[str, Any]:
    told = {"status": span.status, "route": span.route, "model": span.model, "error": span.error}
    return told | (_spent(span.usage) if isinstance(span.usage, UsageMetrics) else {})


def _call_told(call: Call) -> dict[str, Any]:
    told = {"task": call.task, "agent": call.agent, "attempt": call.attempt, "waited": call.waited}
    return told | {"source": call.source, "error": call.error} | _spent(call.usage)


def _spent(usage: UsageMetrics) -> dict[str, Any]:
    told = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
    return told | ({"usd": usage.known_cost} if usage.picodollars else {})


class _Lanes:
    """On one lane events follow each other, or lie within each other: a viewer draws what overlaps otherwise wrongly."""

    def __init__(self) -> None:
        self.ends = list[float]()
        self.inner = dict[int, float]()

    def free(self, start: float, end: float) -> int:
        """The first lane on which nothing is under way; it is taken until the end."""
        lane = next((number for number, busy in enumerate(self.ends) if busy <= start), len(self.ends))
        self.ends[lane : lane + 1] = [end]
        self.inner[lane] = start
        return lane

    def inside(self, lane: int, start: float, end: float) -> int:
        """The lane of a node for a call within it, or a free one where another call of it is under way."""
        if self.inner[lane] <= start and end <= self.ends[lane]:
            self.inner[lane] = end
            return lane
        return self.free(start, end)
