"""The schedules of a store: to add, to look at, to change, and to serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import anyio
from pydantic import ValidationError

from crewgraph.errors import ScheduleError, StoreError
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
        name: what it is called.
        schedule: what it is; ``None`` where what stands in the store is none.
        is_paused: whether it rests.
        last: its latest tick; ``None`` where there was none.
        next: when it comes next; ``None`` while it rests.
        error: why it cannot run.
    """

    name: str
    schedule: Schedule | None
    is_paused: bool
    last: TickRow | None
    next: datetime | None
    error: str | None = None


class Schedules:
    """The schedules of a store.

    Args:
        store: the file.
        is_made: whether it is made where there is none.
        clock: gives the seconds since the epoch.

    Raises:
        StoreError: the store cannot be used.
    """

    def __init__(
        self, store: str | PathLike[str], *, is_made: bool = True, clock: Callable[[], float] = time.time
    ) -> None:
        if "://" in fspath(store):
            raise ScheduleError("schedules stand in the file of a store", hint="--store schedules.sqlite")
        self._table = Timetable(Path(store), is_made=is_made)
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
        now, states = self._now(), list[State]()
        for name, (record, is_paused) in self._table.schedules().items():
            last = self._table.last(name)
            try:
                schedule, cron = _read(record)
            except ScheduleError as error:
                states.append(State(name, None, is_paused, last, None, str(error)))
            else:
                states.append(State(name, schedule, is_paused, last, None if is_paused else cron.after(now)))
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

    async def run_now(self, name: str, loading: Loading, *, targets: Collection[str] | None = None) -> Tick | None:
        """Run a schedule now: as a tick that stands for this second.

        Args:
            name: the schedule.
            loading: finds code and files.
            targets: whose code may be imported; ``None`` for whatever the store names.

        Returns:
            What became of it; ``None`` where another process serves the schedules, and will run it.

        Raises:
            ScheduleError: there is none of this name, or it runs something else than the targets.
            StoreError: the store cannot be used, or somebody runs a kickoff on it.
        """
        schedule, tick = self._known(name)[0], written_tick(self._now())
        if self._table.server() is not None:
            self._table.want(name, tick, self._clock())
            return None
        if targets is not None and schedule.target not in targets:
            hint = f"crewgraph schedule run-now {name} {schedule.target}"
            raise ScheduleError(f"'{name}' runs {schedule.target}, which was not named", hint=hint)
        writer = self._table.writer()
        if writer is not None:
            raise StoreError(str(self._table.path), f"{writer} writes to it", hint="try again when that is through")
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
            say = _Once(told)
            say(f"serving {self._table.path}")
            while not stop.is_set():
                due = self._due(targets, say)
                if due is None or not await self._served(*due, loading, say):
                    with anyio.move_on_after(POLL):
                        await stop.wait()

    async def _served(self, schedule: Schedule, instant: datetime, loading: Loading, say: _Once) -> bool:
        """Run a tick; false where somebody else runs a kickoff on the store."""
        try:
            if self._table.writer() is None:
                say(f"{schedule.name}: {written_tick(instant)}")
                say.told(await self._run(schedule, instant, loading))
                return True
        except StoreError:
            if self._table.writer() is None:
                raise
        say(f"waiting: {self._table.writer() or 'somebody'} writes to the store")
        return False

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

    def _due(self, targets: Collection[str] | None, say: _Once) -> tuple[Schedule, datetime] | None:
        """What is to run next, if something is: of several the earliest."""
        known = dict[str, Schedule]()
        due = list[tuple[datetime, str]]()
        for name, (record, is_paused) in self._table.schedules().items():
            try:
                schedule, cron = _read(record)
            except ScheduleError as error:
                say(f"{name}: {error}")
                continue
            if targets is None or schedule.target in targets:
                known[name] = schedule
                instant = None if is_paused else self._next(schedule, cron)
                due += [] if instant is None else [(instant, name)]
        # What is wanted, or was cut off, also where the schedule rests by now.
        due += [(instant_of(row.tick), row.schedule) for row in self._table.open_ticks() if row.schedule in known]
        if not due:
            return None
        instant, name = min(due)
        return known[name], instant

    def _next(self, schedule: Schedule, cron: Cron) -> datetime | None:
        """The next tick of a schedule that has come; those that were missed count as its policy says."""
        now, made = self._now(), datetime.fromtimestamp(schedule.created, UTC)
        in_time = now - timedelta(seconds=schedule.grace, microseconds=1)
        since = max(made if made <= now else in_time, self._last(schedule, cron, now))  # else a clock was ahead
        if schedule.catch_up == "last":
            since = max(since, (cron.before(in_time, since=since) or since) - timedelta(microseconds=1))
        elif schedule.catch_up == "none":
            since = max(since, in_time)
        found = cron.after(since)
        while found is not None and found <= now and self._table.has_ended(schedule.name, written_tick(found)):
            found = cron.after(found)  # it ran when a clock was ahead
        return found if found is not None and found <= now else None

    def _last(self, schedule: Schedule, cron: Cron, now: datetime) -> datetime:
        """The last tick that its line of cron wanted: those by hand, and those of a clock that was ahead, do not count."""
        for row in self._table.latest(schedule.name, written_tick(now)):
            instant = instant_of(row.tick)
            if cron.after(instant - timedelta(seconds=1)) == instant:
                return instant
        return datetime.fromtimestamp(0, UTC)

    # ---- by name -----------------------------------------------------------------------------------------------

    def _known(self, name: str) -> tuple[Schedule, bool]:
        found = self._table.schedules().get(name)
        if found is None:
            raise self._unknown(name)
        return _read(found[0])[0], found[1]

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


class _Once:
    """Says a text again only after another one: what is looked at each second would be told each second."""

    def __init__(self, told: Callable[[str | Tick], None]) -> None:
        self.told = told
        self._last = set[str]()

    def __call__(self, text: str) -> None:
        is_event = not text.startswith("waiting: ") and "cannot be read" not in text
        if is_event:
            self._last.clear()
        elif text in self._last:
            return
        self._last.add(text)
        self.told(text)


def _read(record: dict[str, Any]) -> tuple[Schedule, Cron]:
    """The schedule that was written, and its times.

    Raises:
        ScheduleError: what stands there is none.
    """
    try:
        schedule = Schedule.model_validate(record)
        return schedule, Cron(schedule.cron, schedule.timezone)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ScheduleError(f"it cannot be read: {told}", hint="remove it, and add it again") from error
    except ScheduleError as error:
        raise ScheduleError(f"it cannot be read: {error}") from error
