"""The engine of a cluster: it submits runs, waits for the workers, and reads what they wrote."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from crewgraph.cluster.following import Following
from crewgraph.cluster.replay import replayed
from crewgraph.cluster.submit import AT_ONCE, Submitted, Submitter, workers_of
from crewgraph.compiler.plan import Plan
from crewgraph.engine.port import Job, Row, Rows
from crewgraph.engine.run import Run
from crewgraph.errors import StoreError
from crewgraph.policy import UNDECLARED
from crewgraph.store.log import Line
from crewgraph.store.postgres import connected, shown_address, translated
from crewgraph.store.remote import RemoteJournal

__all__ = ["ClusterEngine"]

_log = logging.getLogger("crewgraph.cluster")

PAUSE = 0.05, 1.0
"""Seconds between two looks at the journal, at first and at last."""
COMPLAIN = 30.0
"""Seconds between two warnings that nobody is there to execute what waits."""
ENDED = "SELECT run, status, error FROM runs WHERE run = ANY(%s) AND status NOT IN ('new', 'queued', 'running')"
LINES = f"SELECT run, {', '.join(Line._fields)} FROM nodes WHERE run = ANY(%s) ORDER BY run, attempt"  # noqa: S608


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


class _Waiting:
    """One kickoff: what was submitted and has not ended."""

    def __init__(self, plan: Plan, job: Job, journal: RemoteJournal, submitter: Submitter) -> None:
        self.plan = plan
        self.job = job
        self.journal = journal
        self.submitter = submitter
        self.where = shown_address(journal.address)
        self.submitted = Submitted()
        self.complained = -COMPLAIN
        self.connection: Any = None

    async def run(self, rows: Rows) -> None:
        """Submit, wait and deliver."""
        failed, batch = False, list[Row]()
        async for row in _each(rows):
            if row.error is not None:
                run = Run(self.plan, row.index, row.values, scope=self.job.around(row.index))
                run.error = row.error
                await self.job.deliver(run)
                failed = True
                continue
            batch.append(row)
            if len(batch) >= AT_ONCE:
                await self._submit(batch)
        await self._submit(batch)
        try:
            await self._wait(failed=failed)
        except anyio.get_cancelled_exc_class():
            if self.submitted.runs:
                _log.warning(
                    "%s: %s runs go on at the workers; the same kickoff again waits for them",
                    self.where,
                    len(self.submitted.runs),
                )
            raise
        finally:
            if self.connection is not None:
                self.connection.close()

    async def _submit(self, batch: list[Row]) -> None:
        if batch:
            await anyio.to_thread.run_sync(self.submitter.submit, batch[:], self.submitted)
            batch.clear()

    async def _wait(self, *, failed: bool) -> None:
        pause = PAUSE[0]
        while self.submitted.runs and not (failed and self.job.fail_fast):
            ended = await anyio.to_thread.run_sync(self._ended)
            for run in ended:
                failed = failed or run.error is not None
                await self.job.deliver(run)
            pause = PAUSE[0] if ended else min(1.5 * pause, PAUSE[1])
            if not ended:
                await anyio.sleep(pause)
        if self.submitted.runs:
            from crewgraph.cluster.submit import cancel_runs

            rest = self.submitted.runs
            await anyio.to_thread.run_sync(partial(cancel_runs, self.journal.address, list(rest)))
            for row in rest.values():
                run = Run(self.plan, row.index, row.values, scope=self.job.around(row.index))
                run.cancelled = True
                await self.job.deliver(run)

    # ---- in a thread -------------------------------------------------------------------------------------------

    def _ended(self) -> list[Run]:
        """The runs that ended since the last time; waits for a database that is away."""
        address = self.journal.address
        try:
            if self.connection is None or self.connection.closed:
                self.connection = connected(address)
            with translated(address):
                self._complain()
                found = self.connection.execute(ENDED, (list(self.submitted.runs),)).fetchall()
                lines: dict[int, list[Any]] = {run: [] for run, _, _ in found}
                for run, *line in self.connection.execute(LINES, (list(lines),)).fetchall() if found else ():
                    lines[run].append(line)
        except StoreError as error:
            if self.connection is not None and not (self.connection.closed or self.connection.broken):
                raise
            _log.warning("%s; trying again", error)
            time.sleep(PAUSE[1])
            return []
        return [
            replayed(
                self.journal, self.submitted.runs.pop(run), self.job, status=status, error=error, lines=lines[run]
            )
            for run, status, error in found
        ]  # fmt: skip

    def _complain(self) -> None:
        """Say that nobody is there to execute what waits: at once, and every so often."""
        if time.monotonic() - self.complained < COMPLAIN:
            return
        self.complained = time.monotonic()
        name, own = self.journal.pipeline, self.submitter.structure
        there = workers_of(self.connection, name)
        if any(version == own for version, _, _ in there):
            return
        others = "; ".join(f"{count} of version {version} since {age:.0f} s" for version, count, age in there)
        _log.warning(
            "%s: no worker of '%s' version %s is there, and %s runs wait for one%s",
            self.where, name, own, len(self.submitted.runs), f"; there is {others}" if others else "",
        )  # fmt: skip


async def _each(rows: Rows) -> AsyncIterator[Row]:
    if isinstance(rows, Iterable):
        for row in rows:
            yield row
    else:
        async for row in rows:
            yield row
