"""The thread of a worker that fires ticks: it claims what is due, and submits its runs to whichever worker takes them.

What a tick is in, a row of the database says: *wanted*, claimed by a worker that submits its runs, *fired*, through. Its runs are
submitted in the transaction that notes so. A worker that dies before has submitted nothing, and another one takes its place.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio

from crewgraph.cluster.submit import Submitted, Submitter, cancel_runs
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import rows
from crewgraph.errors import CrewgraphError, ScheduleError, StoreError
from crewgraph.errors.root import counted
from crewgraph.schedule.cron import Cron
from crewgraph.schedule.due import instant_of, next_due, read_schedule, written_tick
from crewgraph.schedule.record import Schedule
from crewgraph.schedule.tick import Loading, asked, batch_of, ended_as
from crewgraph.store.remote import RemoteJournal
from crewgraph.store.remote_timetable import Firing, RemoteTimetable
from crewgraph.syntax import Pipeline

__all__ = ["Ticker"]

_log = logging.getLogger("crewgraph.cluster")

PAUSE = 1.0
"""Seconds between two looks at what is due."""
ATTEMPTS = 5
"""How often it is tried to submit the runs of a tick."""


class _Lost(Exception):
    """The tick is no longer this worker's."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A schedule whose pipeline this worker has."""

    record: str
    is_paused: bool
    schedule: Schedule
    cron: Cron


class Ticker:
    """Fires the ticks of those schedules whose pipelines a worker has.

    Args:
        address: of the database.
        worker: the name of the worker, which says that it lives.
        pipelines: by name, what it has.
        loading: finds files, and the functions of the modules that the worker was told of; without it only schedules are
            served that bring their inputs themselves.
        dead_after: seconds without a sign of life after which the claims of another worker are taken over.
        told: hears of what is fired and how it ended.
        clock: gives the seconds since the epoch; if not given, the database does.
    """

    def __init__(
        self,
        address: str,
        worker: str,
        pipelines: Mapping[str, Pipeline],
        loading: Loading | None = None,
        *,
        dead_after: float = 30.0,
        told: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._address = address
        self._worker = worker
        self._pipelines = pipelines
        self._loading = loading
        self._dead_after = dead_after
        self._told = told
        self._table = RemoteTimetable(address, is_kept=True)
        self._clock = clock
        self._quiet = dict[str, tuple[_Known, datetime]]()
        self._read = dict[str, tuple[str, _Known | None]]()
        self._attempts = Counter[tuple[str, str]]()
        self._firing = dict[tuple[str, str], threading.Thread]()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="crewgraph schedules", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, grace: float = 5.0) -> None:
        """Begin no more ticks; what is being submitted has some seconds, and is left to other workers then."""
        self._stopped.set()
        self._thread.join(timeout=5)
        self.settle(grace)
        self._table.close()

    def settle(self, grace: float | None = None) -> None:
        """Wait until what is being submitted is submitted."""
        for thread in list(self._firing.values()):
            thread.join(grace)

    def _work(self) -> None:
        while not self._stopped.wait(PAUSE):
            try:
                self.look()
            except StoreError as error:
                _log.warning("%s; trying again", error)
            except Exception:  # noqa: BLE001 - the thread must outlive whatever stands in the tables
                _log.exception("looking for what is due failed; trying again")

    def _time(self, table: RemoteTimetable) -> float:
        return table.now() if self._clock is None else self._clock()

    # ---- what is due -------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look once: what is through, what was left by the dead, and what is due.

        Raises:
            StoreError: the database cannot be used.
        """
        known, now = self._known(), datetime.fromtimestamp(self._time(self._table), UTC)
        for row in self._table.through(ended_as, now.timestamp()):
            self._told(f"{row.schedule}: {row.tick} {row.error or counted(sum(row.runs.values()), 'run') + ' ok'}")
        failing = self._table.failing([name for name, each in known.items() if each.schedule.on_error == "fail_fast"])
        if failing:
            cancel_runs(self._address, failing)
        firing = set(
            self._firing
        )  # before it is looked: what is fired in between is no longer in here, and not yet seen
        there = [each for each in self._table.open_ticks(self._dead_after) if each.row.schedule in known]
        for each in there:
            if (each.row.schedule, each.row.tick) not in firing:
                self._go_on(each, known[each.row.schedule].schedule)
        at_work = {each.row.schedule for each in there if each.row.status == "running"}
        for instant, name, is_wanted in sorted([*_wanted(there), *self._due(known, at_work, now)]):
            if name not in at_work and self._is_claimed(known[name], instant, now, is_wanted=is_wanted):
                at_work.add(name)
                self._fire(known[name].schedule, instant)

    def _known(self) -> dict[str, _Known]:
        known = dict[str, _Known]()
        for name, (record, is_paused) in self._table.schedules().items():
            made, found = self._read.get(name, (None, None))
            if made != record or (found is not None and found.is_paused != is_paused):
                found = self._served(name, record, is_paused=is_paused)
                self._read[name] = record, found
            if found is not None:
                known[name] = found
        return known

    def _served(self, name: str, record: str, *, is_paused: bool) -> _Known | None:
        """The schedule, where it can be read and this worker can serve it."""
        try:
            schedule, cron = read_schedule(name, record)
        except CrewgraphError as error:
            _log.warning("schedule '%s': %s", name, error)
            return None
        is_ours = schedule.pipeline in self._pipelines and (schedule.rows is not None or self._loading is not None)
        return _Known(record, is_paused, schedule, cron) if is_ours else None

    def _due(
        self, known: Mapping[str, _Known], at_work: set[str], now: datetime
    ) -> Iterable[tuple[datetime, str, bool]]:
        for name, each in known.items():
            quiet, until = self._quiet.get(name, (None, now))
            is_busy = name in at_work and each.schedule.overlap == "queue"
            if each.is_paused or is_busy or (quiet == each and now < until):
                continue
            instant = next_due(each.schedule, each.cron, self._table, now)
            if instant is not None:
                yield instant, name, False
            elif (coming := each.cron.after(now)) is not None:  # nothing is to be asked of the database before
                self._quiet[name] = each, coming

    def _is_claimed(self, known: _Known, instant: datetime, now: datetime, *, is_wanted: bool) -> bool:
        name, tick = known.schedule.name, written_tick(instant)
        return self._table.claim(name, known.record, tick, self._worker, now.timestamp(), is_wanted=is_wanted)

    # ---- firing ------------------------------------------------------------------------------------------------

    def _go_on(self, there: Firing, schedule: Schedule) -> None:
        """Fire what a dead worker has left, and what did not work at the first attempt."""
        instant, is_ours = instant_of(there.row.tick), there.worker == self._worker
        if instant is None or there.row.status != "running" or there.is_fired or (there.is_alive and not is_ours):
            return
        if is_ours or self._table.take_over(schedule.name, there.row.tick, there.worker, self._worker):
            self._fire(schedule, instant)

    def _fire(self, schedule: Schedule, instant: datetime) -> None:
        """Submit the runs of a tick, in a thread of its own: a function that gives inputs may take its time."""
        key = schedule.name, written_tick(instant)
        if key not in self._firing:
            name = f"crewgraph {schedule.name}"
            self._firing[key] = threading.Thread(target=self._fired, args=(schedule, instant), name=name, daemon=True)
            self._firing[key].start()

    def _fired(self, schedule: Schedule, instant: datetime) -> None:
        key = schedule.name, written_tick(instant)
        try:
            count = anyio.run(self._submitted, schedule, instant)
            self._told(f"{schedule.name}: {key[1]} {counted(count, 'run')} submitted")
        except _Lost:
            _log.warning("%s: %s is another worker's by now", *key)
        except Exception as error:  # noqa: BLE001 - whatever DBOS and the database say
            self._attempts[key] += 1
            _log.warning("%s: %s cannot be submitted: %s", *key, error)
            if self._attempts[key] >= ATTEMPTS:
                self._failed(key, error)
        else:
            self._attempts.pop(key, None)
        finally:
            del self._firing[key]

    def _failed(self, key: tuple[str, str], error: BaseException) -> None:
        try:
            table, told = RemoteTimetable(self._address), f"{type(error).__name__}: {error}"
            table.fail(*key, self._worker, told, now=self._time(table))
        except StoreError as away:
            _log.warning("%s; trying again", away)

    async def _submitted(self, schedule: Schedule, instant: datetime) -> int:
        """Submit the runs of a tick; returns how many there are."""
        pipeline = self._pipelines[schedule.pipeline or ""]
        plan, tick = compile_pipeline(pipeline), written_tick(instant)
        opened = RemoteJournal.opened(
            self._address, plan, pipeline=schedule.pipeline, beside=pipeline.input_model,
            id_column=schedule.id_column, batch=batch_of(schedule.name, instant),
        )  # fmt: skip
        async with opened as journal:
            try:
                given = await self._given(schedule, instant)
                every = list(rows(given, plan, journal.identify))
            except StoreError:
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 - code of the user's is called, and files read
                self._failed((schedule.name, tick), error)
                return 0
            refused = [str(row.error) for row in every if row.error is not None]
            good = [row for row in every if row.error is None]
            if refused and schedule.on_error == "fail_fast":
                good.clear()

            def note(cursor: Any, runs: Sequence[int]) -> None:
                if not RemoteTimetable.fired(cursor, schedule.name, tick, self._worker, runs=runs, refused=refused):
                    raise _Lost

            with Submitter(journal) as submitter:
                submitter.submit(good, Submitted(), beside=note)
        return len(good)

    async def _given(self, schedule: Schedule, instant: datetime) -> Iterable[Mapping[str, Any]]:
        """The inputs of a tick. Those that a function gives are kept, so that it is asked once."""
        if schedule.rows is not None:
            return schedule.rows
        assert self._loading is not None, "else it is not served"
        if schedule.inputs is not None:
            return self._loading.rows(Path(schedule.inputs))
        table, tick = RemoteTimetable(self._address), written_tick(instant)
        kept: list[Any] | None = table.given(schedule.name, tick)
        if kept is None:
            kept = await asked(self._loading.function(schedule.callable or ""), instant)
            try:
                table.keep_given(schedule.name, tick, self._worker, kept)
            except (TypeError, ValueError) as error:
                hint = "give dicts of text, numbers, truth, lists and dicts"
                raise ScheduleError(f"{schedule.callable} gave inputs that are no JSON: {error}", hint=hint) from error
        return kept


def _wanted(there: Iterable[Firing]) -> Iterable[tuple[datetime, str, bool]]:
    for each in there:
        instant = instant_of(each.row.tick)
        if each.row.status == "wanted" and instant is not None:
            yield instant, each.row.schedule, True
