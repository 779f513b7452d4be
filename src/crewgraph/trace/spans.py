"""What happened at one node of one run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from crewgraph.usage import Call

__all__ = ["Span", "extent", "moment"]


class Span(BaseModel):
    """One node in one run.

    Attributes:
        node: its name in the graph.
        kind: "crew", "step", "approval" or "router".
        status: "ok", "failed", "over_budget", "cancelled", "waiting" (for a person), or "skipped" (a route not taken, or never reached).
        started, ended: when; ``None`` where the node did not start or end.
        attempts: how often it was started; with a store also in earlier kickoffs, those that failed.
        inputs: what it received.
        output: what it gave, a ``CrewOutput``.
        route: the route a router took.
        usage: tokens and money, a ``UsageMetrics``; those of a failed node included.
        calls: every attempt of a model call and every tool call, in the order in which they ended.
        model: the model or models asked, where known.
        error: class and message of what it raised.
        source: "store" where it was read and did not run; then everything else tells of the time when it ran.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True, frozen=True)

    node: str
    kind: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 0
    inputs: SkipValidation[Any] = None
    output: SkipValidation[Any] = None
    route: str | None = None
    usage: SkipValidation[Any] = None
    calls: list[SkipValidation[Call]] = Field(default_factory=list[Call], repr=False)
    model: str | None = None
    error: str | None = None
    source: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took; 0 where it did not run."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else 0.0


def extent(spans: Iterable[Span]) -> tuple[datetime | None, datetime | None]:
    """When the first of several began and the last ended; ``None`` where none did."""
    every = list(spans)
    began = min((span.started for span in every if span.started), default=None)
    return began, max((span.ended for span in every if span.ended), default=None)


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as an aware datetime in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
