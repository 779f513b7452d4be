"""Runs of the gallery's newsroom, made up: routes, failures, retries, tools, money; each at its own time, always the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from crewgraph.compiler import analyse
from crewgraph.graph import Graph
from crewgraph.report import Record
from crewgraph.trace import Span
from crewgraph.usage import Call, UsageMetrics
from tests.golden.gallery import newsroom

BEGAN = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
TITLES = [
    "Solar canopy permits",
    "Bank merger rumour",
    "</script><img src=x onerror=\"document.title='caught'\">",
    "مرحبا بالعالم",
    "日本語のニュース見出し",
    "x" * 400,
]
ROUTES = {
    "publishable": ["Writing", "Editing", "Publish"],
    "needs_work": ["Rework", "Publish"],
    "legal": ["Legal Review", "Publish"],
    "default": ["Clarify", "Publish"],
}
ERROR = "ValidationError: Article.body\n  <b>Input should be a valid string</b>"


def graph() -> Graph:
    """The pipeline's."""
    return analyse(newsroom())[0]


def usage(tokens: int, *, failed: int = 0) -> UsageMetrics:
    return UsageMetrics(
        total_tokens=tokens,
        prompt_tokens=tokens - tokens // 4,
        completion_tokens=tokens // 4,
        successful_requests=1 - failed,
        failed_requests=failed,
        picodollars=tokens * 2_000_000,
    )


class _Run:
    def __init__(self, index: int) -> None:
        self.index = index
        self.clock = BEGAN + timedelta(seconds=index // 4 * 10, milliseconds=130 * (index % 4))
        self.inputs: dict[str, Any] = {"title": TITLES[index % len(TITLES)], "n": index}

    def span(self, node: str, kind: str, seconds: float, **more: Any) -> Span:
        started, self.clock = self.clock, self.clock + timedelta(seconds=seconds)
        told: dict[str, Any] = {"status": "ok", "inputs": self.inputs, "attempts": 1, **more}
        return Span(node=node, kind=kind, started=started, ended=self.clock, **told)

    def crew(self, node: str, seconds: float, *, error: str | None = None) -> Span:
        tokens = 100 * len(node) + 10 * self.index
        at = self.clock.timestamp()
        who: Mapping[str, Any] = {"crew": node, "task": "task 'Do it'", "agent": "Writer"}
        calls = [
            Call(kind="model", name="gpt-5-mini", started=at, seconds=seconds / 2, usage=usage(tokens // 2), **who),
            Call(kind="tool", name="web_search", started=at + seconds / 2, seconds=seconds / 8, **who),
            Call(
                kind="model",
                name="gpt-5-mini",
                started=at + seconds * 5 / 8,
                seconds=seconds * 3 / 8,
                usage=usage(tokens - tokens // 2, failed=int(error is not None)),
                attempt=2,
                error=error,
                **who,
            ),
        ]
        task = {"name": "Do it", "agent": "Writer", "description": f"Do it with {self.inputs['title']}", "raw": "Done."}
        output = None if error else {"raw": f"{node} of <i>{self.inputs['title']}</i>", "tasks_output": [task]}
        status = "failed" if error else "ok"
        spent = usage(tokens)
        return self.span(
            node,
            "crew",
            seconds,
            status=status,
            usage=spent,
            calls=calls,
            output=output,
            error=error,
            model="gpt-5-mini",
        )

    def record(self) -> Record:
        spans = list(self.spans())
        lost = next((span for span in spans if span.status == "failed"), None)
        error = f"'{lost.node}' failed: {lost.error}" if lost else None
        return Record(self.index, f"run-{self.index}", "failed" if lost else "ok", error, self.inputs, spans)

    def spans(self) -> Iterator[Span]:
        yield self.crew("Intake", 1.5)
        self.clock, began = self.clock + timedelta(seconds=2.5), self.clock
        research = self.crew("Research", 2.0)
        self.clock = began
        yield research
        yield self.crew("Risk Screening", 2.5)
        route = list(ROUTES)[self.index % len(ROUTES)]
        self.clock = began + timedelta(seconds=4.5)
        yield self.span("Triage", "router", 0.0, route=route)
        ran = set[str]()
        for node in ROUTES[route]:
            is_lost = node in ("Rework", "Legal Review") and self.index % 3 == 1
            yield self.crew(node, 1.0 + len(node) / 10, error=ERROR if is_lost else None)
            ran.add(node)
            if is_lost:
                break
        for node in dict.fromkeys(name for names in ROUTES.values() for name in names if name not in ran):
            yield Span(node=node, kind="crew", status="skipped")


def records(count: int) -> Iterator[Record]:
    """So many runs."""
    return (_Run(index).record() for index in range(count))
