"""Which tick of a schedule is due: by its times, what has run, and its policies. It reads and writes ticks, and runs nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pydantic import ValidationError

from crewgraph.errors import ScheduleError
from crewgraph.schedule.cron import Cron
from crewgraph.schedule.record import Schedule
from crewgraph.store.timetable import TickRow

__all__ = ["Ticks", "instant_of", "next_due", "read_schedule", "written_tick"]


class Ticks(Protocol):
    """The ticks of a store."""

    def latest(self, name: str, until: str) -> list[TickRow]:
        """The latest ticks of a schedule up to one, the last one first."""
        ...

    def has_ended(self, name: str, tick: str) -> bool:
        """Whether a tick is through."""
        ...

    def skip(self, name: str, tick: str, reason: str, now: float) -> None:
        """Note that a tick does not run."""
        ...


def written_tick(instant: datetime) -> str:
    """An instant as it names a tick: in UTC, to the second."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def instant_of(tick: str) -> datetime | None:
    """The instant that a tick is named after; ``None`` where it is named otherwise."""
    try:
        instant = datetime.fromisoformat(tick)
        return instant if written_tick(instant) == tick else None
    except (ValueError, OverflowError):
        return None


def read_schedule(name: str, record: str) -> tuple[Schedule, Cron]:
    """The schedule that was written, and its times.

    Raises:
        ScheduleError: what stands there is none.
    """
    try:
        schedule = Schedule.model_validate_json(record)
        if schedule.name != name:
            raise ScheduleError(f"it says that it is called '{schedule.name}'", hint="remove it, and add it again")
        return schedule, Cron(schedule.cron, schedule.timezone)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        told = f"{place}: {first['msg']}" if place else first["msg"]
        raise ScheduleError(f"it cannot be read: {told}", hint="remove it, and add it again") from error
    except ScheduleError as error:
        raise ScheduleError(f"it cannot be read: {error}") from error


def next_due(schedule: Schedule, cron: Cron, ticks: Ticks, now: datetime) -> datetime | None:
    """The next tick that has come and is to run; what was missed, or comes while another one runs, counts as its policies say."""
    made = datetime.fromtimestamp(schedule.created, UTC)
    in_time = now - timedelta(seconds=schedule.grace, microseconds=1)
    rows = ticks.latest(schedule.name, written_tick(now))
    since = max(made if made <= now else in_time, _last(cron, rows))  # else a clock was ahead
    if schedule.catch_up == "last":
        since = max(since, (cron.before(in_time, since=since) or since) - timedelta(microseconds=1))
    elif schedule.catch_up == "none":
        since = max(since, in_time)
    found = cron.after(since)
    while found is not None and found <= now:
        busy = _busy(schedule, found, rows)
        if busy is not None:
            ticks.skip(schedule.name, written_tick(found), f"{busy} was at work", now.timestamp())
        elif not ticks.has_ended(schedule.name, written_tick(found)):  # else it ran when a clock was ahead
            return found
        found = cron.after(found)
    return None


def _last(cron: Cron, rows: Iterable[TickRow]) -> datetime:
    """The last tick that a line of cron wanted: those by hand, and those of a clock that was ahead, do not count."""
    for row in rows:
        instant = instant_of(row.tick)
        if instant is not None and cron.after(instant - timedelta(seconds=1)) == instant:
            return instant
    return datetime.fromtimestamp(0, UTC)


def _busy(schedule: Schedule, instant: datetime, rows: Iterable[TickRow]) -> str | None:
    """The tick that was at work when this one came, where that keeps it from running."""
    if schedule.overlap == "queue":
        return None
    came, tick = instant.timestamp(), written_tick(instant)
    for row in rows:
        until = math.inf if row.status == "running" else row.ended or 0.0
        if row.status in ("running", "ok", "failed") and row.tick != tick and row.began <= came <= until:
            return row.tick
    return None
