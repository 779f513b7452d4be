"""Stands for the journal of a log that is only read."""

from __future__ import annotations

from dataclasses import dataclass, field

from crewgraph.store.pages import Pages
from crewgraph.store.writer import Writer

__all__ = ["Closed"]


@dataclass(slots=True)
class Closed:
    """Nothing is written to it.

    Attributes:
        pipeline: what the pipeline is called in the store.
    """

    pipeline: str = ""
    writer: Writer = field(init=False)
    read: int = 0

    def note_run(self, pages: Pages, *, status: str, error: str | None, ended: float | None) -> None:
        """Nothing is noted."""

    def complain(self, node: str, reason: str, then: str) -> None:
        """Nobody is told."""
