"""The schedules of a store: to add, to look at, to change, and to serve."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike, fspath
from pathlib import Path

import anyio

from crewgraph.errors import ScheduleError, StoreError
from crewgraph.errors.root import counted
from crewgraph.schedule.cron import Cron
from crewgraph.schedule.due import instant_of, next_due, read_schedule, written_tick
from crewgraph.schedule.onward import Onward
from crewgraph.schedule.record import MAX_CONCURRENCY, Schedule
from crewgraph.schedule.tick import Loading, Tick, run_tick
from crewgraph.store.postgres import is_address
from crewgraph.store.remote_timetable import RemoteTimetable
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
        workers: how many workers have its pipeline just now; ``None`` where the store is a file.
    """

    name: str
    schedule: Schedule | None
    is_paused: bool
    last: TickRow | None
    next: datetime | None
    error: str | None = None
    workers: int | None = None


class Schedules:
    """The schedules of a store.

    Args:
        store: the file, or the address of a database; the schedules of a database are served by its workers.
        is_made: whether a file is made where there is none.
        clock: gives the seconds since the epoch; if not given, that of this machine, or of the database.

    Raises:
        StoreError: the store cannot be used.
    """

    def __init__(
        self, store: str | PathLike[str], *, is_made: bool = True, clock: Callable[[], float] | None = None
    ) -> None:
        self._table: Timetable | RemoteTimetable
        if is_address(store):
            self._table = RemoteTimetable(fspath(store))
        elif "://" in fspath(store):
            hint = "--store schedules.sqlite, or --store postgresql://host/name"
            raise ScheduleError("schedules stand in a file, or in a database of Postgres", hint=hint)
        else:
            self._table = Timetable(Path(store), is_made=is_made)
        self._clock = clock or self._table.now

    # ---- what there is -----------------------------------------------------------------------------------------

    def add(self, schedule: Schedule) -> datetime | None:
        """Add a schedule.

        Returns:
            When it comes first.

        Raises:
            ScheduleError: its line of cron is none, there is one of this name, or it says what workers would not honour.
        """
        if isinstance(self._table, RemoteTimetable):
            _check_for_workers(schedule)
        cron = Cron(schedule.cron, schedule.timezone)
        made = schedule.model_copy(update={"created": self._clock()})
        if not self._table.put(schedule.name, made.model_dump_json()):
            hint = f"crewgraph schedule remove {schedule.name}, or another name"
            raise ScheduleError(f"there is a schedule '{schedule.name}' already", hint=hint)
        return cron.after(self._now())

    def list(self) -> Sequence[State]:
        """All schedules, by name."""
        now, states = self._now(), list[State]()
        latest = self._table.last()
        workers = self._table.workers() if isinstance(self._table, RemoteTimetable) else None
        for name, (record, is_paused) in self._table.schedules().items():
            last = latest.get(name)
            try:
                schedule, cron = read_schedule(name, record)
            except ScheduleError as error:
                states.append(State(name, None, is_paused, last, None, str(error)))
            else:
                there = None if workers is None else workers.get(schedule.pipeline or "", 0)
                coming = None if is_paused else cron.after(now)
                states.append(State(name, schedule, is_paused, last, coming, workers=there))
        return states

    def state(self, name: str) -> State:
        """One of them.

        Raises:
            ScheduleError: there is none of this name.
        """
        for state in self.list():
            if state.name == name:
                return state
        raise self._unknown(name)

    def upcoming(self, name: str, count: int = 5) -> Sequence[datetime]:
        """When a schedule comes next, in UTC; nothing while it rests.

        Raises:
            ScheduleError: there is none of this name, or what stands there is none.
        """
        schedule, is_paused = self._known(name)
        cron, instant, found = Cron(schedule.cron, schedule.timezone), self._now(), list[datetime]()
        while not is_paused and len(found) < count and (coming := cron.after(instant)) is not None:
            found.append(instant := coming)
        return found

    def ticks(self, name: str, limit: int = 10) -> Sequence[TickRow]:
        """The latest ticks of a schedule, also of one that was removed; the last one first."""
        return self._table.ticks(name, limit)

    @property
    def server(self) -> str | None:
        """Who serves the file just now, in words; ``None`` where nobody does. Those of a database are served by its workers."""
        return None if isinstance(self._table, RemoteTimetable) else self._table.server()

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
            What became of it; ``None`` where others serve the schedules, a process or the workers, and will run it.

        Raises:
            ScheduleError: there is none of this name, or it runs something else than the targets.
            StoreError: the store cannot be used, or somebody runs a kickoff on it.
        """
        schedule, now = self._known(name)[0], self._now().replace(microsecond=0)
        if isinstance(self._table, RemoteTimetable) or self._table.server() is not None:
            self._table.want(name, written_tick(now), self._clock())
            return None
        if targets is not None and schedule.target not in targets:
            hint = f"crewgraph schedule run-now {name} {schedule.target}"
            raise ScheduleError(f"'{name}' runs {schedule.target}, which was not named", hint=hint)
        writer = self._table.writer()
        if writer is not None:
            raise StoreError(str(self._table.path), f"{writer} writes to it", hint="try again when that is through")
        with self._table.serving():
            return await self._run(self._table, schedule, now, loading)

    async def serve(
        self,
        loading: Loading,
        *,
        targets: Collection[str] | None,
        told: Callable[[str | Tick], None] = lambda _: None,
        stop: anyio.Event | None = None,
    ) -> None:
        """Run what is due, for ever: first what was cut off, then what was missed, then tick by tick.

        While no tick is due, runs of earlier ticks go on that waited for a person who has decided by now.

        What other processes add, pause and remove meanwhile counts from then on. Ticks run one after the other.

        Args:
            loading: finds code and files.
            targets: whose code may be imported; ``None`` for whatever the store names.
            told: called with a text as soon as this serves and before each tick, and with the tick after it has run.
            stop: where it is set, nothing new is begun and this returns.

        Raises:
            StoreError: the store cannot be used, or somebody else serves it.
            ScheduleError: the store is a database.
        """
        table, stop = self._table, stop or anyio.Event()
        if isinstance(table, RemoteTimetable):
            raise ScheduleError("the workers of a database serve its schedules", hint="crewgraph worker TARGET…")
        with table.serving():
            say, onward = _Once(told), Onward(table, loading)
            say(f"serving {table.path}")
            while not stop.is_set():
                due = self._due(table, targets, say)
                if due is None:
                    await self._go_on(onward, targets, say)
                if due is None or not await self._served(table, *due, loading, say):
                    with anyio.move_on_after(POLL):
                        await stop.wait()

    async def _served(
        self, table: Timetable, schedule: Schedule, instant: datetime, loading: Loading, say: _Once
    ) -> bool:
        """Run a tick; false where somebody else runs a kickoff on the store."""
        try:
            if table.writer() is None:
                say(f"{schedule.name}: {written_tick(instant)}")
                say.told(await self._run(table, schedule, instant, loading))
                return True
        except StoreError:
            if table.writer() is None:
                raise
        say(f"waiting: {table.writer() or 'somebody'} writes to the store")
        return False

    async def _go_on(self, onward: Onward, targets: Collection[str] | None, say: _Once) -> None:
        """Go on with runs that waited for people who have decided, while no tick is due."""
        for schedule, _, _ in self._readable(onward.table, targets, say):
            if onward.table.writer() is None and (runs := onward.due(schedule)):
                say(f"{schedule.name}: {counted(len(runs), 'run')} of earlier ticks can go on")
                say(f"{schedule.name}: {await onward.go(schedule, runs)}")

    async def _run(self, table: Timetable, schedule: Schedule, instant: datetime, loading: Loading) -> Tick:
        tick = written_tick(instant)
        if not table.begin(schedule.name, tick, self._clock()):
            raise ScheduleError(
                f"{schedule.name}: {tick} has run already", hint="a tick stands for a second; wait for the next"
            )
        done = await run_tick(schedule, instant, table, loading)
        table.end(schedule.name, tick, done.status, done.error, self._clock())
        table.forget_rows(done.batch)
        return done

    def _due(self, table: Timetable, targets: Collection[str] | None, say: _Once) -> tuple[Schedule, datetime] | None:
        """What is to run next, if something is: of several the earliest."""
        known = dict[str, Schedule]()
        due = list[tuple[datetime, str]]()
        for schedule, cron, is_paused in self._readable(table, targets, say):
            known[schedule.name] = schedule
            instant = None if is_paused else next_due(schedule, cron, table, self._now())
            due += [] if instant is None else [(instant, schedule.name)]
        # What is wanted, or was cut off, also where the schedule rests by now.
        for row in table.open_ticks():
            instant = instant_of(row.tick) if row.schedule in known else None
            due += [] if instant is None else [(instant, row.schedule)]
        if not due:
            return None
        instant, name = min(due)
        return known[name], instant

    @staticmethod
    def _readable(
        table: Timetable, targets: Collection[str] | None, say: _Once
    ) -> Iterator[tuple[Schedule, Cron, bool]]:
        """The schedules whose code may be imported, with their times, and whether they rest."""
        for name, (record, is_paused) in table.schedules().items():
            try:
                schedule, cron = read_schedule(name, record)
            except ScheduleError as error:
                say(f"{name}: {error}")
                continue
            if targets is None or schedule.target in targets:
                yield schedule, cron, is_paused

    # ---- by name -----------------------------------------------------------------------------------------------

    def _known(self, name: str) -> tuple[Schedule, bool]:
        found = self._table.schedules().get(name)
        if found is None:
            raise self._unknown(name)
        return read_schedule(name, found[0])[0], found[1]

    def _change(self, name: str, *, is_paused: bool) -> None:
        schedule, was_paused = self._known(name)
        if was_paused and not is_paused:
            schedule = schedule.model_copy(update={"created": self._clock()})
        self._table.change(name, schedule.model_dump_json(), is_paused=is_paused)

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


def _check_for_workers(schedule: Schedule) -> None:
    """Refuse what nobody on a cluster would honour.

    Raises:
        ScheduleError: the schedule says such a thing.
    """
    if schedule.pipeline is None:
        hint = "Schedule(pipeline='…'), the name of the pipeline"
        raise ScheduleError(f"'{schedule.name}': workers know a pipeline by its name, and none is said", hint=hint)
    if schedule.budget is not None:
        told = "workers do not see what a tick has spent, so its budget would not hold"
        raise ScheduleError(f"'{schedule.name}': {told}", hint="give budgets to crews: Crew(budget=…)")
    if schedule.max_concurrency != MAX_CONCURRENCY:
        told = "how much is at work at once is said at the workers"
        raise ScheduleError(f"'{schedule.name}': {told}", hint="crewgraph worker --concurrency N")
