"""Runs as the page of a report reads them: a short row for each, and behind it everything that is known of a run.

Times are whole milliseconds since ``origin``, a moment of the first run that was added; others may have begun before. Texts stand in a table of their
own for each run: what is handed from node to node is written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crewgraph.render.escape import clean, shortened
from crewgraph.report.lines import counts, plain
from crewgraph.report.record import Record
from crewgraph.trace import Span, extent
from crewgraph.usage import PICO, Call, UsageMetrics

__all__ = ["MILLI", "Compact", "label_of"]

MAX_LABEL = 80
MAX_ERROR = 300
MAX_TEXT = 20_000
"""Characters of one text that a report shows."""
TITLES = ("title", "name", "subject", "topic", "question", "id")
"""Keys of inputs by which a person may know one input from another, the best first."""
MILLI = 1000


class Compact:
    """Makes rows and details, and numbers what they name.

    Attributes:
        origin: seconds since the epoch from which times are counted; ``None`` before the first run.
        nodes: the names of all nodes, by number.
        ways: which lines of the picture runs went along, by number.
    """

    def __init__(self, nodes: list[str]) -> None:
        self.origin: float | None = None
        self.nodes = {name: number for number, name in enumerate(nodes)}
        self.ways = dict[tuple[int, ...], int]()

    def row(self, record: Record, way: list[int]) -> list[Any]:
        """What the table and the timeline show of a run: see ``ROW`` and ``BAR`` in ``page/data.js``."""
        begun, end = map(self._since, extent(record.spans))
        return [
            record.index,
            label_of(record.inputs),
            record.status,
            None if record.error is None else shortened(record.error, MAX_ERROR),
            begun,
            None if begun is None or end is None else max(0, end - begun),
            self.ways.setdefault(tuple(way), len(self.ways)),
            [self._bar(span) for span in record.spans if span.started],
        ]

    def _bar(self, span: Span) -> list[Any]:
        usage = span.usage if isinstance(span.usage, UsageMetrics) else UsageMetrics()
        return [
            self.nodes.setdefault(span.node, len(self.nodes)),
            span.status,
            self._since(span.started),
            round(span.seconds * MILLI),
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.picodollars / PICO,
            usage.unpriced_requests,
            span.route,
        ]

    def _since(self, moment: datetime | None) -> int | None:
        return None if moment is None else self.since(moment.timestamp())

    def since(self, seconds: float) -> int:
        """Milliseconds since the first moment that was asked for, which is remembered."""
        if self.origin is None:
            self.origin = seconds
        return round((seconds - self.origin) * MILLI)

    def details(self, record: Record) -> dict[str, Any]:
        """Everything that is known of a run; texts by their place in ``texts``."""
        texts = _Texts()
        return {
            **({} if record.run_id is None else {"run": record.run_id}),
            "error": None if record.error is None else texts.note(record.error),
            "inputs": texts.notes(record.inputs),
            "spans": [self._details(span, texts) for span in record.spans],
            "texts": list(texts.places),
        }

    def _details(self, span: Span, texts: _Texts) -> dict[str, Any]:
        output = plain(span.output) if span.started else None
        told = output if isinstance(output, dict) else {}
        answer = told.get("pydantic") if told.get("pydantic") is not None else told.get("json_dict")
        tasks = told.get("tasks_output")
        details = {
            "node": self.nodes.setdefault(span.node, len(self.nodes)),
            "kind": span.kind,
            "status": span.status,
            "start": self._since(span.started),
            "ms": round(span.seconds * MILLI),
            "route": span.route,
            "model": span.model,
            "error": None if span.error is None else texts.note(span.error),
            "usage": None if span.usage is None else counts(span.usage),
            "inputs": texts.notes(span.inputs),
            "raw": texts.note(told["raw"]) if told.get("raw") else None,
            "answer": None if answer is None else texts.note(answer),
            "tasks": [_task(task, texts) for task in tasks if isinstance(task, dict)] if tasks else [],
            "calls": [self._call(call, texts) for call in span.calls],
        }
        return {key: value for key, value in details.items() if value not in (None, [], {})}

    def _call(self, call: Call, texts: _Texts) -> dict[str, Any]:
        told = {
            "kind": call.kind,
            "name": call.name,
            "task": call.task,
            "agent": call.agent,
            "crew": call.crew,
            "start": self.since(call.started),
            "ms": round(call.seconds * MILLI),
            "waited": round(call.waited * MILLI) or None,
            "attempt": call.attempt if call.attempt > 1 else None,
            "usage": counts(call.usage),
            "error": None if call.error is None else texts.note(call.error),
            "source": call.source,
        }
        return {key: value for key, value in told.items() if value not in (None, "", {})}


def label_of(inputs: Mapping[str, Any]) -> str:
    """By what a person may know this input from the others; may be empty."""
    texts = {
        key: begin
        for key, value in inputs.items()
        if isinstance(value, str | int) and type(value) is not bool and (begin := clean(str(value)[: 20 * MAX_LABEL]))
    }
    best = next((key for key in TITLES if key in texts), next(iter(texts), None))
    return "" if best is None else shortened(texts[best], MAX_LABEL)


def _task(task: Mapping[str, Any], texts: _Texts) -> dict[str, Any]:
    told = {
        "name": task.get("name"),
        "label": task.get("label"),
        "agent": task.get("agent"),
        "description": texts.note(task["description"]) if task.get("description") else None,
        "raw": texts.note(task["raw"]) if task.get("raw") else None,
        "model": task.get("model"),
        "tools": task.get("tools_used"),
        "flags": [flag for flag in ("repaired", "forced", "skipped") if task.get(flag)],
        "file": task.get("output_file"),
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}


class _Texts:
    """Texts, each once."""

    def __init__(self) -> None:
        self.places = dict[str, int]()

    def note(self, value: Any) -> int:
        """The place of a text, or of a value as JSON."""
        text = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False, indent=1, default=str)
        if len(text) > MAX_TEXT:
            text = f"{text[:MAX_TEXT]}… and {len(text) - MAX_TEXT:,} more characters"
        return self.places.setdefault(text, len(self.places))

    def notes(self, values: Any) -> dict[str, int]:
        return dict(self._pairs(values)) if isinstance(values, Mapping) else {}

    def _pairs(self, values: Mapping[Any, Any]) -> Iterator[tuple[str, int]]:
        for key, value in values.items():
            yield str(key), self.note(value)
