"""The schedules of a store: to add, to look at, to change, and to serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike, fspath
from pathlib import Path

import anyio

from crewgraph.errors import ScheduleError
from crewgraph.schedule.cron import Cron
from crewgraph.schedule.record import Schedule
from crewgraph.schedule.tick import Loading, Tick, instant_of, run_tick, written_tick
from crewgraph.store.timetable import TickRow, Timetable

__all__ = ["Schedules", "State"]

POLL = 1.0
"""Seconds after which whoever serves looks whether something was changed."""


@dataclass(frozen=True, slots=True)
class State:
    """A schedule, and where it stands.

    Attributes:
        schedule: what it is.
        is_paused: whether it rests.
        last: its latest tick; ``None`` where there was none.
        next: when it comes next; ``None`` while it rests.
    """

    schedule: Schedule
    is_paused: bool
    last: TickRow | None
    next: datetime | None


class Schedules:
    """The schedules of a store.

    Args:
        store: the file; it is made where there is none.
        clock: gives the seconds since the epoch.

    Raises:
        StoreError: the store cannot be used.
    """

    def __init__(self, store: str | PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        if "://" in fspath(store):
            raise ScheduleError("schedules stand in the file of a store", hint="--store schedules.sqlite")
        self._table = Timetable(Path(store))
        self._clock = clock

    # ---- what there is -----------------------------------------------------------------------------------------

    def add(self, schedule: Schedule) -> datetime | None:
        """Add a schedule.

        Returns:
            When it comes first.

        Raises:
            ScheduleError: its line of cron is none, or there is one of this name.
        """
        cron = Cron(schedule.cron, schedule.timezone)
        made = schedule.model_copy(update={"created": self._clock()})
        if not self._table.put(schedule.name, made.model_dump(mode="json")):
            hint = f"crewgraph schedule remove {schedule.name}, or another name"
            raise ScheduleError(f"there is a schedule '{schedule.name}' already", hint=hint)
        return cron.after(self._now())

    def list(self) -> Sequence[State]:
        """All schedules, by name."""
        now, states = self._now(), []
        for name, (record, is_paused) in self._table.schedules().items():
            schedule = Schedule.model_validate(record)
            coming = None if is_paused else Cron(schedule.cron, schedule.timezone).after(now)
            states.append(State(schedule, is_paused, self._table.last(name), coming))
        return states

    @property
    def server(self) -> str | None:
        """Who serves them just now, in words; ``None`` where nobody does."""
        return self._table.server()

    def pause(self, name: str) -> None:
        """Let a schedule rest; what runs just now goes on.

        Raises:
            ScheduleError: there is none of this name.
        """
        self._change(name, is_paused=True)

    def go_on(self, name: str) -> None:
        """End the rest of a schedule; ticks that came meanwhile do not run.

        Raises:
            ScheduleError: there is none of this name.
        """
        self._change(name, is_paused=False)

    def remove(self, name: str) -> None:
        """Take a schedule away. What it ran stays in the store.

        Raises:
            ScheduleError: there is none of this name.
        """
        if not self._table.remove(name):
            raise self._unknown(name)

    # ---- running -----------------------------------------------------------------------------------------------

    async def run_now(self, name: str, loading: Loading) -> Tick | None:
        """Run a schedule now: as a tick that stands for this second.

        Returns:
            What became of it; ``None`` where another process serves the schedules, and will run it.

        Raises:
            ScheduleError: there is none of this name.
            StoreError: the store cannot be used.
        """
        schedule, tick = self._known(name)[0], written_tick(self._now())
        self._table.want(name, tick, self._clock())
        if self._table.server() is not None:
            return None
        with self._table.serving():
            return await self._run(schedule, instant_of(tick), loading)

    async def serve(
        self,
        loading: Loading,
        *,
        targets: Collection[str] | None,
        told: Callable[[str | Tick], None] = lambda _: None,
        stop: anyio.Event | None = None,
    ) -> None:
        """Run what is due, for ever: first what was cut off, then what was missed, then tick by tick.

        What other processes add, pause and remove meanwhile counts from then on. Ticks run one after the other.

        Args:
            loading: finds code and files.
            targets: whose code may be imported; ``None`` for whatever the store names.
            told: called with a text as soon as this serves and before each tick, and with the tick after it has run.
            stop: where it is set, nothing new is begun and this returns.

        Raises:
            StoreError: the store cannot be used, or somebody else serves it.
        """
        stop = stop or anyio.Event()
        with self._table.serving():
            told(f"serving {self._table.path}")
            while not stop.is_set():
                due = self._due(targets)
                if due is None or not await self._is_free(told):
                    with anyio.move_on_after(POLL):
                        await stop.wait()
                    continue
                schedule, instant = due
                told(f"{schedule.name}: {written_tick(instant)}")
                told(await self._run(schedule, instant, loading))

    async def _run(self, schedule: Schedule, instant: datetime, loading: Loading) -> Tick:
        tick = written_tick(instant)
        if not self._table.begin(schedule.name, tick, self._clock()):
            raise ScheduleError(
                f"{schedule.name}: {tick} has run already", hint="a tick stands for a second; wait for the next"
            )
        done = await run_tick(schedule, instant, self._table, loading)
        self._table.end(schedule.name, tick, done.status, done.error, self._clock())
        self._table.forget_rows(done.batch)
        return done

    async def _is_free(self, told: Callable[[str], None]) -> bool:
        """Whether nobody else runs a kickoff on the store."""
        writer = self._table.writer()
        if writer is not None:
            told(f"waiting: {writer} writes to the store")
        return writer is None

    def _due(self, targets: Collection[str] | None) -> tuple[Schedule, datetime] | None:
        """What is to run next, if something is: of several the earliest."""
        known = {
            name: (Schedule.model_validate(record), is_paused)
            for name, (record, is_paused) in self._table.schedules().items()
            if targets is None or record["target"] in targets
        }
        due = [
            (instant_of(row.tick), row.schedule) for row in self._table.open_ticks() if row.schedule in known
        ]  # wanted, or cut off: also where the schedule rests by now
        for name, (schedule, is_paused) in known.items():
            instant = None if is_paused else self._next(schedule)
            if instant is not None:
                due.append((instant, name))
        if not due:
            return None
        instant, name = min(due)
        return known[name][0], instant

    def _next(self, schedule: Schedule) -> datetime | None:
        """The next tick of a schedule that has come; those that were missed count as its policy says."""
        now, last = self._now(), self._table.last(schedule.name)
        since = datetime.fromtimestamp(schedule.created, UTC)
        if last is not None:
            since = max(since, instant_of(last.tick))
        cron = Cron(schedule.cron, schedule.timezone)
        in_time = now - timedelta(seconds=schedule.grace, microseconds=1)
        if schedule.catch_up == "last":
            since = max(since, (cron.before(in_time, since=since) or since) - timedelta(microseconds=1))
        elif schedule.catch_up == "none":
            since = max(since, in_time)
        found = cron.after(since)
        return found if found is not None and found <= now else None

    # ---- by name -----------------------------------------------------------------------------------------------

    def _known(self, name: str) -> tuple[Schedule, bool]:
        found = self._table.schedules().get(name)
        if found is None:
            raise self._unknown(name)
        return Schedule.model_validate(found[0]), found[1]

    def _change(self, name: str, *, is_paused: bool) -> None:
        schedule, was_paused = self._known(name)
        if was_paused and not is_paused:
            schedule = schedule.model_copy(update={"created": self._clock()})
        self._table.change(name, schedule.model_dump(mode="json"), is_paused=is_paused)

    def _unknown(self, name: str) -> ScheduleError:
        there = ", ".join(self._table.schedules()) or "none"
        return ScheduleError(f"there is no schedule '{name}'", hint=f"there is: {there}")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
