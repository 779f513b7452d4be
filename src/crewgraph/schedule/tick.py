"""One tick of a schedule: a kickoff whose runs are named after it, so that none of them runs twice."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import anyio

from crewgraph.engine.kickoff import stream
from crewgraph.errors import KickoffError, ScheduleError, StoreError
from crewgraph.errors.root import counted
from crewgraph.outputs import RunResult, RunStatus, reason_of
from crewgraph.render.duration import duration
from crewgraph.schedule.due import written_tick
from crewgraph.schedule.record import Schedule
from crewgraph.store.timetable import Timetable
from crewgraph.syntax import Pipeline
from crewgraph.threads import called

__all__ = ["Ended", "Loading", "Tick", "asked", "batch_of", "ended_as", "run_tick"]


ANSWERS_WITHIN = 3600.0
"""Seconds that a function has to give the inputs of a tick: one that hangs would keep all later ticks from running."""


class Loading(Protocol):
    """How what a schedule names is found: its code and its files."""

    def pipeline(self, target: str) -> Pipeline:
        """The pipeline of a target."""
        ...

    def function(self, name: str) -> Callable[..., Any]:
        """The function that gives inputs."""
        ...

    def rows(self, path: Path) -> Iterable[Mapping[str, Any]]:
        """The rows of a file."""
        ...


@dataclass(frozen=True, slots=True)
class Tick:
    """What became of a tick.

    Attributes:
        schedule: the name of its schedule.
        instant: what it stands for, in UTC.
        status: "ok", or "failed" where some runs did not end well, or none could begin.
        runs: how many runs ended, those that were through before included.
        failed: how many of them did not end well.
        waiting: how many wait for a person.
        error: what went wrong, in words.
    """

    schedule: str
    instant: datetime
    status: str
    runs: int = 0
    failed: int = 0
    waiting: int = 0
    error: str | None = None

    @property
    def batch(self) -> str:
        """What the ids of its runs begin with."""
        return batch_of(self.schedule, self.instant)


def batch_of(name: str, instant: datetime) -> str:
    """What the ids of the runs of a tick begin with."""
    return f"{name}@{written_tick(instant)}"


async def run_tick(schedule: Schedule, instant: datetime, table: Timetable, loading: Loading) -> Tick:
    """Run a tick, or go on with one that was cut off: finished nodes are read, and not run again.

    Whatever the schedule names may be gone or broken by now; that is told in what is returned.

    Raises:
        StoreError: the store cannot be used.
    """
    try:
        pipeline = loading.pipeline(schedule.target)
        rows = await _rows(schedule, instant, table, loading)
        return await _run(schedule, instant, pipeline, rows, table.path)
    except StoreError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of the user's is imported, called, and read by
        return Tick(schedule.name, instant, "failed", error=f"{type(error).__name__}: {error}")


async def _run(
    schedule: Schedule, instant: datetime, pipeline: Pipeline, rows: Iterable[Mapping[str, Any]], store: Path
) -> Tick:
    results = stream(
        pipeline,
        rows,
        store=store,
        key=schedule.name,
        batch=batch_of(schedule.name, instant),
        id_column=schedule.id_column,
        max_concurrency=schedule.max_concurrency,
        budget=schedule.budget,
        on_error="raise" if schedule.on_error == "collect" else "fail_fast",  # at the end, and tells what did not begin
    )
    ended, not_begun = Ended(), 0
    try:
        await ended.read(results)
    except KickoffError as error:
        not_begun = len(error.result.not_run)
    told = ended.trouble(not_begun=not_begun)
    status = "failed" if told else "ok"
    return Tick(schedule.name, instant, status, len(ended.runs), len(ended.failed), len(ended.waiting), told)


@dataclass(slots=True)
class Ended:
    """What became of runs, as their results are read.

    Attributes:
        runs: the numbers of their inputs.
        waiting: of those that wait for a person.
        failed: of those that failed, and why.
    """

    runs: set[int] = field(default_factory=set[int])
    waiting: set[int] = field(default_factory=set[int])
    failed: dict[int, str] = field(default_factory=dict[int, str])

    async def read(self, results: AsyncIterator[RunResult]) -> None:
        """Take results until there are no more; a run that ends in branches has several."""
        async with aclosing(results):  # type: ignore[type-var]
            async for result in results:
                self.runs.add(result.index)
                if result.status is RunStatus.WAITING:
                    self.waiting.add(result.index)
                elif not result.ok:
                    self.failed[result.index] = reason_of(result)

    def trouble(self, *, not_begun: int = 0) -> str | None:
        """What went wrong, in words; ``None`` where nothing did."""
        return ended_as(len(self.runs), len(self.failed), next(iter(self.failed.values()), None), not_begun=not_begun)


def ended_as(runs: int, failed: int, reason: str | None, *, not_begun: int = 0) -> str | None:
    """What went wrong with the runs of a tick, in words; ``None`` where nothing did."""
    parts = [f"{failed} of {counted(runs, 'run')} failed, the first: {reason or 'nobody knows why'}"] if failed else []
    parts += [f"{counted(not_begun, 'input')} not begun, for the budget is used up"] if not_begun else []
    return ", ".join(parts) or None


async def _rows(
    schedule: Schedule, instant: datetime, table: Timetable, loading: Loading
) -> Iterable[Mapping[str, Any]]:
    """The inputs of a tick. Those that a function gives are kept, so that it is asked once."""
    if schedule.rows is not None:
        return schedule.rows
    if schedule.inputs is not None:
        return loading.rows(Path(schedule.inputs))
    batch = batch_of(schedule.name, instant)
    kept = table.kept_rows(batch)
    if kept is None:
        assert schedule.callable is not None, "a schedule has one of the three"
        kept = await asked(loading.function(schedule.callable), instant)
        try:
            table.keep_rows(batch, kept)
        except (TypeError, ValueError) as error:
            hint = "give dicts of text, numbers, truth, lists and dicts"
            raise ScheduleError(f"{schedule.callable} gave inputs that are no JSON: {error}", hint=hint) from error
    return kept


async def asked(function: Callable[..., Any], instant: datetime) -> list[Any]:
    """What a function gives as inputs of a tick.

    Raises:
        ScheduleError: it gave something else, or nothing in an hour.
    """
    takes, given = bool(inspect.signature(function).parameters), None
    with anyio.move_on_after(ANSWERS_WITHIN) as limit:
        given = await called(function, *([instant] if takes else []))
    if limit.cancelled_caught:
        hint = "give calls that it makes a timeout"
        raise ScheduleError(f"it has given no inputs for {duration(ANSWERS_WITHIN)}, and is not waited for", hint=hint)
    if isinstance(given, Mapping):
        return [dict(given)]
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ScheduleError(f"it gave {type(given).__qualname__}, and inputs are a list of dicts, or one dict")
    return [dict(each) for each in given]
