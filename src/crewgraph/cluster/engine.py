"""The engine of a cluster: it submits runs, waits for the workers, and reads what they wrote."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import Any

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint

from crewgraph.approval import is_decided
from crewgraph.cluster.ended import ended_runs, read_run
from crewgraph.cluster.following import Following
from crewgraph.cluster.submit import AT_ONCE, Submitted, Submitter, cancel_runs, workers_of
from crewgraph.compiler.plan import Plan
from crewgraph.engine.port import Job, Row, Rows
from crewgraph.engine.run import Run
from crewgraph.errors import StoreError
from crewgraph.policy import UNDECLARED
from crewgraph.store import Definition, Definitions
from crewgraph.store.postgres import Away, PostgresSource, connected, shown_address, translated
from crewgraph.store.remote import RemoteJournal

__all__ = ["ClusterEngine"]

_log = logging.getLogger("crewgraph.cluster")

PAUSE = 0.05, 1.0
"""Seconds between two looks at the journal, at first and at last."""
GATHER = 0.05
"""Seconds to wait for more inputs before those that are there are submitted."""
COMPLAIN = 30.0
"""Seconds between two warnings that nobody is there to execute what waits."""
AHEAD = 10_000
"""Inputs of a stream that are read and not delivered yet: it is read no faster than its results are taken."""
GONE = "SELECT run FROM unnest(%s::bigint[]) AS own(run) WHERE NOT EXISTS (SELECT FROM runs WHERE runs.run = own.run)"
LOOK = 10_000
"""Runs that are looked after at a time."""


class ClusterEngine:
    """Has plans run by the workers of a database."""

    async def execute(self, plan: Plan, rows: Rows, job: Job) -> None:
        """Submit every row and deliver every run; return when all are delivered.

        Raises:
            ValueError: an option of the kickoff is not for a cluster, or there is no database.
            StoreError: the database cannot be used.
        """
        journal: object = job.journal
        if not isinstance(journal, RemoteJournal):
            raise ValueError("the engine 'cluster' needs a database. hint: store='postgresql://…'")  # noqa: TRY004
        _check(job)
        with await anyio.to_thread.run_sync(Submitter, journal) as submitter:
            following = Following(job, journal)
            waiting = _Waiting(plan, following.job, journal, submitter)
            async with following.beside(waiting.submitted.runs):
                await waiting.run(rows)


def _check(job: Job) -> None:
    """Refuse what nobody would honour."""
    if job.scope.meters or job.input_budget is not None:
        raise ValueError("budgets of a kickoff end at this process, and workers do not see them. hint: Crew(budget=…)")
    if job.policy != UNDECLARED:
        raise ValueError("workers have the pipeline's own policy. hint: Pipeline(…, policy=…) instead of policy= here")
    if is_decided():
        raise ValueError("who decides here ends at this process, and workers ask people. hint: Approval(…, decide=…)")


class _Waiting:
    """One kickoff: what was read, and what was submitted and has not ended."""

    def __init__(self, plan: Plan, job: Job, journal: RemoteJournal, submitter: Submitter) -> None:
        self.plan = plan
        self.job = job
        self.journal = journal
        self.submitter = submitter
        self.where = shown_address(journal.address)
        self.present = Definition(plan, journal.own, is_typed=True)
        self.rows = deque[Row]()
        """Read, and not submitted yet."""
        self.is_read = False
        self.news = anyio.Event()
        self.room = anyio.Event()
        self.submitted = Submitted()
        self.looked = 0
        self.failed = False
        self.is_other = False
        self.crash: BaseException | None = None
        self.complained = -COMPLAIN
        self.connection: Any = None
        self.source: PostgresSource | None = None
        self.definitions: Definitions | None = None

    async def run(self, rows: Rows) -> None:
        """Read, submit, wait and deliver, all at the same time."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._guard, tasks.cancel_scope, partial(self._read, rows))
                await self._guard(tasks.cancel_scope, self._serve)
                tasks.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            self._say_what_goes_on()
            raise
        finally:
            if self.connection is not None:
                self.connection.close()
        if self.crash is not None:
            self._say_what_goes_on()
            raise self.crash

    async def _guard(self, scope: anyio.CancelScope, work: Callable[[], Awaitable[None]]) -> None:
        """Keep an error out of the task group, which would wrap it."""
        try:
            await work()
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - Ctrl-C and exit too: run() raises it when all is put away
            self.crash = self.crash or error
            scope.cancel()

    def _say_what_goes_on(self) -> None:
        if self.submitted.runs:
            told = "%s: %s runs go on at the workers; the same kickoff again waits for them"
            _log.warning(told, self.where, len(self.submitted.runs))

    # ---- reading -----------------------------------------------------------------------------------------------

    async def _read(self, rows: Rows) -> None:
        """Read the inputs, as fast as that, or as fast as results are taken where they come one by one."""
        most = math.inf if isinstance(rows, list) else AHEAD
        if isinstance(rows, AsyncGenerator):
            async with aclosing(rows):
                async for row in rows:
                    await self._take(row, most)
        else:
            for row in rows:
                await self._take(row, most)
        self.is_read = True
        self.news.set()

    async def _take(self, row: Row, most: float) -> None:
        self.rows.append(row)
        if len(self.rows) in (1, AT_ONCE):
            self.news.set()
        await checkpoint()
        while len(self.rows) + len(self.submitted.runs) >= most:
            self.room = anyio.Event()
            await self.room.wait()

    # ---- submitting and delivering -----------------------------------------------------------------------------

    async def _serve(self) -> None:
        pause = PAUSE[0]
        while not self.is_read or self.rows or self.submitted.runs:
            count = await self._submit()
            count += await self._deliver()
            if self.failed and self.job.fail_fast:
                await self._cancel()
                return
            self.room.set()
            pause = PAUSE[0] if count else min(1.5 * pause, PAUSE[1])
            if not count:
                await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        """Wait for a while, or until something was read."""
        self.news = anyio.Event()
        if not self.rows and not (self.is_read and not self.submitted.runs):
            with anyio.move_on_after(seconds):
                await self.news.wait()

    async def _submit(self) -> int:
        """Submit what was read, with what is read shortly after it; returns how many those were."""
        if not self.rows:
            return 0
        if not self.is_read and len(self.rows) < AT_ONCE:
            self.news = anyio.Event()
            with anyio.move_on_after(GATHER):
                await self.news.wait()
        batch = [self.rows.popleft() for _ in range(min(len(self.rows), AT_ONCE))]
        for row in batch:
            if row.error is not None:
                run = Run(self.plan, row.index, row.values, scope=self.job.around(row.index))
                run.error = row.error
                self.failed = True
                await self.job.deliver(run)
        given = [row for row in batch if row.error is None]
        # nobody tells when a database is back
        while given and not await anyio.to_thread.run_sync(self._is_given, given):  # noqa: ASYNC110
            await anyio.sleep(PAUSE[1])
        return len(batch)

    async def _deliver(self) -> int:
        """Deliver the runs that have ended; returns how many those were."""
        if not self.submitted.runs:
            return 0
        ended = await anyio.to_thread.run_sync(self._ended)
        for run in ended:
            self.failed = self.failed or run.error is not None
            await self.job.deliver(run)
        return len(ended)

    async def _cancel(self) -> None:
        rest = self.submitted.runs
        await anyio.to_thread.run_sync(partial(cancel_runs, self.journal.address, list(rest)))
        for row in rest.values():
            run = Run(self.plan, row.index, row.values, scope=self.job.around(row.index))
            run.cancelled = True
            await self.job.deliver(run)

    # ---- in a thread -------------------------------------------------------------------------------------------

    def _is_given(self, batch: list[Row]) -> bool:
        """Submit; whether the database was there. What was submitted without its saying so is under way the next time."""
        try:
            self.submitter.submit(batch, self.submitted)
        except Away as error:
            _log.warning("%s; trying again", error)
            return False
        return True

    def _ended(self) -> list[Run]:
        """The runs that ended since the last time; waits for a database that is away."""
        try:
            source, definitions = self._opened()
            runs = self.submitted.runs
            with translated(self.journal.address):
                gone = self._looked_around()
            self.looked = self.looked if self.looked < len(runs) else 0
            some = list(islice(runs, self.looked, self.looked + LOOK))
            self.looked += LOOK
            ended = list(ended_runs(source, some))
            self._compare(each.record.definition for each in ended)
            read = {each.record.number: read_run(source, each, runs[each.record.number], definitions) for each in ended}
        except Away as error:
            _log.warning("%s; trying again", error)
            time.sleep(PAUSE[1])
            return []
        for number in gone:
            read[number] = Run(self.plan, runs[number].index, runs[number].values)
            read[number].error = StoreError(self.where, "the run was removed before its result was read")
        for number in read:
            del runs[number]
        return list(read.values())

    def _opened(self) -> tuple[PostgresSource, Definitions]:
        if self.connection is None or self.connection.closed or self.source is None or self.definitions is None:
            self.connection = connected(self.journal.address)
            self.source = PostgresSource(self.journal.address, self.connection)
            self.definitions = Definitions(self.source, self.present)
        return self.source, self.definitions

    def _compare(self, definitions: Iterable[str]) -> None:
        """Say once that workers have made something with other code than is here."""
        if not self.is_other and any(each != self.journal.definition for each in definitions):
            self.is_other = True
            told = "%s: workers have '%s' as other code has it, and results are as they made them. hint: give workers and submitters the same code"
            _log.warning(told, self.where, self.journal.pipeline)

    def _looked_around(self) -> list[int]:
        """Every so often: say that nobody is there to execute what waits; the runs that are not there any more."""
        if time.monotonic() - self.complained < COMPLAIN:
            return []
        self.complained = time.monotonic()
        self._complain()
        return [run for (run,) in self.connection.execute(GONE, (list(self.submitted.runs),)).fetchall()]

    def _complain(self) -> None:
        name, own = self.journal.pipeline, self.submitter.structure
        there = workers_of(self.connection, name)
        if any(version == own for version, _, _ in there):
            return
        others = "; ".join(f"{count} of version {version} since {age:.0f} s" for version, count, age in there)
        _log.warning(
            "%s: no worker of '%s' version %s is there, and %s runs wait for one%s",
            self.where, name, own, len(self.submitted.runs), f"; there is {others}" if others else "",
        )  # fmt: skip
