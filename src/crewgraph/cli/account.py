"""One run told on a terminal: its nodes in the order in which they began, what they took, and what was asked in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from crewgraph.errors.root import counted
from crewgraph.progress.words import spent
from crewgraph.render.duration import duration
from crewgraph.render.escape import clean, columns, shortened
from crewgraph.report import Record, plain
from crewgraph.trace import Span, extent
from crewgraph.usage import Call, UsageMetrics

__all__ = ["WORDS", "head", "inputs", "nodes", "value"]

MAX_NAME = 40
MAX_SHOWN = 100
"""Columns of a value, or of an error."""
SIGNS = {"ok": "✓", "cancelled": "-", "waiting": "◷"}
"""A sign for each status; every other one is a failure."""
WORDS = {
    "over_budget": "stopped by a budget", "running": "not finished", "waiting": "waiting for a person",
    "queued": "waiting for a worker",
}  # fmt: skip
"""How statuses are called where a name does not say it."""


def head(record: Record) -> str:
    """How a run ended and what it took."""
    began, ended = extent(record.spans)
    after = "after" if record.status == "waiting" else "in"
    took = f" {after} {duration((ended - began).total_seconds())}" if began and ended else ""
    usage = UsageMetrics.sum(span.usage for span in record.spans if span.usage is not None)
    cost = f", {spent(usage)}" if usage.requests or usage.total_tokens else ""
    return f"{WORDS.get(record.status, record.status)}{took}{cost}"


def inputs(record: Record) -> Iterator[str]:
    """What it was given, a line for each key."""
    for key, given in record.inputs.items():
        yield f"{shortened(key, MAX_NAME)}: {value(given)}"


def nodes(record: Record, *, has_calls: bool = False, has_answers: bool = False) -> Iterator[str]:
    """The nodes that were begun, each with when and how long, then those that were not.

    Args:
        record: the run.
        has_calls: also what was asked of models and tools.
        has_answers: also what the nodes gave.
    """
    ran = sorted((span for span in record.spans if span.started), key=lambda span: span.started or 0)
    first = extent(ran)[0]
    begins = [duration((span.started - first).total_seconds()) for span in ran if span.started and first]
    wide = max(map(len, begins), default=0)
    names = [shortened(span.node, MAX_NAME) for span in ran]
    widest = max(map(columns, names), default=0)
    indent = " " * (wide + 5)
    for span, begin, name in zip(ran, begins, names, strict=True):
        sign = SIGNS.get(span.status, "✗")
        yield f"+{begin.ljust(wide)}  {sign} {name}{' ' * (widest - columns(name))}  {', '.join(_facts(span))}"
        if has_calls:
            yield from (f"{indent}{line}" for line in _calls(span.calls))
        if has_answers and span.output is not None:
            yield f"{indent}→ {_answer(span.output)}"
        if span.error:
            yield f"{indent}{shortened(span.error, MAX_SHOWN)}"
    off = [shortened(span.node, MAX_NAME) for span in record.spans if not span.started]
    if off:
        yield f"not run: {', '.join(off)}"


def _facts(span: Span) -> Iterator[str]:
    if span.route is not None:
        yield f"to {shortened(span.route, MAX_NAME)}"
    if span.ended or span.status != "waiting":
        yield duration(span.seconds) if span.ended else "not ended"
    if span.status not in ("ok", "failed"):
        yield WORDS.get(span.status, span.status)
    if span.attempts > 1:
        yield f"attempt {span.attempts}"
    if span.usage is not None and (span.usage.requests or span.usage.total_tokens):
        yield spent(span.usage)


def _calls(calls: Iterable[Call]) -> Iterator[str]:
    for call in sorted(calls, key=lambda call: call.started):
        who = f" for {shortened(call.agent, MAX_NAME)}" if call.agent else ""
        usage = f", {counted(call.usage.total_tokens, 'token')}" if call.usage.total_tokens else ""
        error = f", {shortened(call.error, MAX_SHOWN)}" if call.error else ""
        yield f"{call.kind} {shortened(call.name, MAX_NAME)}{who}: {duration(call.seconds)}{usage}{error}"


def _answer(output: Any) -> str:
    told = plain(output)
    if not isinstance(told, dict):
        return value(told)
    answers = (told.get(name) for name in ("pydantic", "json_dict", "raw"))
    return value(next((answer for answer in answers if answer is not None), ""))


def value(given: Any) -> str:
    """A value in one line that any terminal takes."""
    text = given if isinstance(given, str) else json.dumps(plain(given), ensure_ascii=False)
    return shortened(text, MAX_SHOWN) if clean(text[: 20 * MAX_SHOWN]) else '""'
