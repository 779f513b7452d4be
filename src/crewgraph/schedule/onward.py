"""Runs of earlier ticks go on: those that waited for people who have decided, and those that were cut off while they did so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crewgraph.engine.kickoff import stream
from crewgraph.errors import StoreError
from crewgraph.errors.root import counted
from crewgraph.options import StoredRuns
from crewgraph.schedule.record import Schedule
from crewgraph.schedule.tick import Ended, Loading
from crewgraph.store.timetable import Timetable

__all__ = ["Onward"]


@dataclass(slots=True)
class Onward:
    """Goes on with runs of a file, each once for what was decided of it.

    Attributes:
        table: of the file.
        loading: finds the pipelines.
    """

    table: Timetable
    loading: Loading
    tried: set[tuple[str, float]] = field(default_factory=set[tuple[str, float]])
    """Runs that were gone on with, and what for: one that asks again waits for another decision."""

    def due(self, schedule: Schedule) -> Sequence[str]:
        """The runs of a schedule that can go on."""
        found = [each for each in self.table.left(schedule.name) if each not in self.tried]
        self.tried.update(found)
        return [run for run, _ in found]

    async def go(self, schedule: Schedule, runs: Sequence[str]) -> str:
        """Go on with runs; returns what became of them, in words.

        Raises:
            StoreError: the store cannot be used.
        """
        ended = Ended()
        try:
            pipeline = self.loading.pipeline(schedule.target)
            results = stream(
                pipeline,
                StoredRuns(runs=runs),
                store=self.table.path,
                key=schedule.name,
                max_concurrency=schedule.max_concurrency,
                on_error="collect",
            )
            await ended.read(results)
        except StoreError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - code of the user's is imported
            return f"{counted(len(runs), 'run')} cannot go on: {type(error).__name__}: {error}"
        told = ended.trouble() or f"{counted(len(ended.runs), 'run')} ok"
        return f"{told}, {len(ended.waiting):,} of them waiting for a person" if ended.waiting else told
