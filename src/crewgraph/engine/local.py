"""The engine for one process."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

import anyio

from crewgraph.compiler.plan import Plan
from crewgraph.engine.pool import Pool
from crewgraph.engine.port import Job, Rows
from crewgraph.engine.told import Told

__all__ = ["LocalEngine"]


class LocalEngine:
    """Runs plans in this process; nothing of it outlives a kickoff."""

    async def execute(self, plan: Plan, rows: Rows, job: Job) -> None:
        """Run every row and deliver every run."""
        tasks = anyio.create_task_group()
        pool = Pool(plan, job, tasks, Told(job))
        try:
            async with tasks:
                if isinstance(rows, AsyncGenerator):
                    pool.is_fed = True
                    tasks.start_soon(pool.guard, partial(pool.feed, rows))
                else:
                    pool.rows = iter(rows)
                    pool.rouse()
        except anyio.get_cancelled_exc_class():
            for run in pool.cut_off():
                if job.salvage is not None:
                    job.salvage(run)
            raise
        for run in pool.cut_off():
            await job.deliver(run)
        if pool.crash is not None:
            raise pool.crash
