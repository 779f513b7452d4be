"""One tick of a schedule: a kickoff whose runs are named after it, so that none of them runs twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from crewgraph.engine.kickoff import stream
from crewgraph.errors import ScheduleError, StoreError
from crewgraph.errors.root import counted
from crewgraph.outputs import RunStatus, reason_of
from crewgraph.schedule.record import Schedule
from crewgraph.store.timetable import Timetable
from crewgraph.syntax import Pipeline
from crewgraph.threads import called

__all__ = ["Loading", "Tick", "instant_of", "run_tick", "written_tick"]


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


def written_tick(instant: datetime) -> str:
    """An instant as it names a tick: in UTC, to the second."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def instant_of(tick: str) -> datetime:
    """The instant that a tick is named after."""
    return datetime.fromisoformat(tick)


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
        on_error="collect",
    )
    ended, waiting, failed = set[int](), set[int](), dict[int, str]()
    async with aclosing(results):  # type: ignore[type-var]
        async for result in results:
            ended.add(result.index)
            if result.status is RunStatus.WAITING:
                waiting.add(result.index)
            elif not result.ok:
                failed[result.index] = reason_of(result)
    told = None
    if failed:
        told = f"{len(failed)} of {counted(len(ended), 'run')} failed, the first: {next(iter(failed.values()))}"
    status = "failed" if failed else "ok"
    return Tick(schedule.name, instant, status, len(ended), len(failed), len(waiting), told)


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
        kept = await _asked(loading.function(schedule.callable), instant)
        try:
            table.keep_rows(batch, kept)
        except (TypeError, ValueError) as error:
            hint = "give dicts of text, numbers, truth, lists and dicts"
            raise ScheduleError(f"{schedule.callable} gave inputs that are no JSON: {error}", hint=hint) from error
    return kept


async def _asked(function: Callable[..., Any], instant: datetime) -> list[Any]:
    takes = bool(inspect.signature(function).parameters)
    given = await called(function, *([instant] if takes else []))
    if isinstance(given, Mapping):
        return [dict(given)]
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ScheduleError(f"it gave {type(given).__qualname__}, and inputs are a list of dicts, or one dict")
    return [dict(each) for each in given]
