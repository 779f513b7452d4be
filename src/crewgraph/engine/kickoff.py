"""The verbs of running: kickoff, stream and events, whatever the engine."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, Unpack

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from crewgraph.bridge import run_or_pend
from crewgraph.budget import Meter
from crewgraph.compiler import Plan, plan_for
from crewgraph.engine.approvals import check_approvals
from crewgraph.engine.background import Background
from crewgraph.engine.inputs import arows, complete, rows, unrolled
from crewgraph.engine.named import VARIABLE, engine_named
from crewgraph.engine.port import Engine, Job, Journal, Rows
from crewgraph.engine.results import kickoff_result, results_of
from crewgraph.engine.run import Run
from crewgraph.engine.stored import Store, check_inputs, engine_of, store_of, stored_rows
from crewgraph.engine.watched import counting, shown
from crewgraph.errors import KickoffError, KickoffInterrupted
from crewgraph.errors.root import MAX_NAMED
from crewgraph.listeners import listening
from crewgraph.node import check_prices
from crewgraph.options import Fork, StoredRuns
from crewgraph.outputs import PipelineKickoffResult, PipelineRunResult, ProcedureRunResult, RunStatus
from crewgraph.policy import UNDECLARED, Budget, Policy
from crewgraph.progress.shown import Progress, progress_for
from crewgraph.scope import Scope, budgeted, current, is_within
from crewgraph.store import FileJournal
from crewgraph.store.remote import RemoteJournal
from crewgraph.syntax import Inputs, OnError, Options, Pipeline
from crewgraph.threads import Home, is_async
from crewgraph.trace import Event, Observer

__all__ = ["events", "kickoff", "kickoff_async", "prepared", "stream"]

T = TypeVar("T")

MAX_BACKLOG = 1_000
"""Events that wait for their reader before the engine waits too."""


@dataclass(frozen=True, slots=True)
class _Kickoff:
    """A kickoff whose options are checked."""

    pipeline: Pipeline
    inputs: Any
    max_concurrency: int
    on_error: OnError
    observer: Observer | None
    engine: Engine
    text: bool
    declared: Policy
    """What the kickoff itself declares."""
    policy: Policy
    """The same, before what the pipeline declares."""
    budget: Budget | None
    input_budget: Budget | None
    progress: Progress | None
    store: Store | None

    async def execute(
        self,
        deliver: Callable[[Run], Awaitable[None]],
        salvage: Callable[[Run], None] | None = None,
        *,
        not_begun: list[int],
        plan: Plan | None = None,
        is_stream: bool = True,
    ) -> int:
        """Compile, check the inputs and run.

        Returns:
            How many inputs there are, as far as that was known before; 0 for those that come one by one.

        Args:
            deliver: awaited with every run that ended.
            salvage: called with the runs that had begun when all is cut off.
            not_begun: the engine notes here which inputs it did not begin because a budget was used up.
            plan: of the pipeline, where it is compiled already.
            is_stream: whether inputs are read as they are needed.
        """
        plan = plan or plan_for(self.pipeline)
        if self.store is None:
            check_approvals(plan)
            source = self._source(plan, is_stream=is_stream)
            return await self._over(source, plan, self._job(plan, deliver, salvage, not_begun))
        is_again = isinstance(self.inputs, StoredRuns | Fork)
        async with self.store.opened(self.pipeline, plan, must_exist=is_again) as journal:
            source = self._source(plan, journal, is_stream=is_stream)
            return await self._over(source, plan, self._job(plan, deliver, salvage, not_begun, journal))

    def _job(
        self,
        plan: Plan,
        deliver: Callable[[Run], Awaitable[None]],
        salvage: Callable[[Run], None] | None,
        not_begun: list[int],
        journal: Journal | None = None,
    ) -> Job:
        surroundings = self._surroundings()
        self._check_prices(plan, surroundings)
        return Job(
            self.max_concurrency, self.on_error == "fail_fast", self.observer, counting(self.progress, deliver), salvage,
            surroundings, self.input_budget, self.declared, not_begun, journal,
        )  # fmt: skip

    def _source(self, plan: Plan, journal: FileJournal | RemoteJournal | None = None, *, is_stream: bool) -> Rows:
        """The inputs, checked as far as they are known before anything runs."""
        identify = None if journal is None else journal.identify
        if isinstance(self.inputs, AsyncIterable):
            return arows(self.inputs, plan, identify)
        given: Iterable[Any] = self.inputs
        every = rows(given, plan, identify)
        if isinstance(self.inputs, StoredRuns | Fork) and journal is not None:
            every = stored_rows(self.inputs, journal, plan)
        if is_stream:  # of results, over inputs that may have no end
            return every
        source = list(every)  # an iterator that raises does so before anything is paid for
        if self.on_error != "collect":
            complete(source, plan)
        return source

    async def _over(self, source: Rows, plan: Plan, job: Job) -> int:
        """Run all rows; returns how many there are, as far as that was known before."""
        total = len(source) if isinstance(source, list) else None
        async with shown(self.progress, plan, total):
            await self.engine.execute(plan, source, job)
        return total or 0

    def _check_prices(self, plan: Plan, scope: Scope) -> None:
        """Refuse models that a budget in USD cannot count, before anything is paid for."""
        around = [meter.scope for meter in scope.meters if meter.budget.usd is not None]
        each = ["each input"] if self.input_budget and self.input_budget.usd is not None else []
        for work in plan.graph.works:
            budget = getattr(work.node, "budget", None)
            own = [f"node '{work.name}'"] if isinstance(budget, Budget) and budget.usd is not None else []
            check_prices(work.node, scope.policy, limited=[*around, *each, *own])

    def _surroundings(self) -> Scope:
        """The scope of this kickoff, inside of whatever it was called from: a step, or a tool of an agent."""
        outer = current()
        meters = [Meter(self.budget, "the kickoff")] if self.budget is not None else []
        scope = replace(
            outer,
            policy=self.policy.over(outer.policy),
            meters=(*outer.meters, *meters),
            endings=(*outer.endings, *budgeted(meters)),
        )
        if self.observer is None:  # who observes what this was called from hears of the calls in here too
            return scope
        return replace(scope, wants_text=self.text, home=Home())

    async def collect(self, runs: list[Run]) -> PipelineKickoffResult:
        """Run everything and return all of it; ``runs`` holds what has ended, also when this is interrupted."""

        async def deliver(run: Run) -> None:
            runs.append(run)

        not_begun, plan = list[int](), plan_for(self.pipeline)
        try:
            total = await self.execute(deliver, runs.append, not_begun=not_begun, plan=plan, is_stream=False)
        except Exception as error:
            if not runs:
                raise
            raise self._cut_short(error, runs) from error
        result = kickoff_result(runs)
        result.look_back(plan.graph)
        result.not_run = sorted({*range(total), *not_begun} - {run.index for run in runs})
        failed = sorted((run for run in runs if run.error is not None), key=lambda run: run.index)
        if (failed or result.not_run) and self.on_error != "collect":
            failures = [(run.index, run.error) for run in failed if run.error is not None]
            raise KickoffError(
                failures,
                failed=len(failed),
                total=len(runs) + len(result.not_run),
                result=result,
                not_begun=len(result.not_run),
                is_stream=isinstance(self.inputs, AsyncIterable),
            )
        return result

    @staticmethod
    def _cut_short(error: Exception, runs: list[Run]) -> KickoffError:
        """The error of a kickoff that could not go on, with everything that had been paid for."""
        failures = [(run.index, run.error) for run in runs if run.error is not None]
        result = kickoff_result(runs)
        return KickoffError(failures, failed=len(failures), total=len(runs), result=result, cut_short_by=error)


def prepared(pipeline: Pipeline, inputs: Inputs, options: Options, *, is_watched: bool = False) -> _Kickoff:
    """A kickoff with its options checked.

    Args:
        pipeline: what runs.
        inputs: over what.
        options: as they were given.
        is_watched: whether a notebook shows its progress where nobody says.
    """
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        known = ", ".join(Options.__annotations__)
        raise TypeError(f"a kickoff has no option {', '.join(sorted(unknown))}. There is: {known}")
    max_concurrency = options.get("max_concurrency", 100)
    if type(max_concurrency) is not int or max_concurrency < 1:
        raise ValueError(f"max_concurrency is a whole number of at least 1, not {max_concurrency!r}")
    observer = options.get("observer")
    if is_async(observer):
        raise TypeError("observer is called as things happen and cannot be async; read pipeline.events(…) instead")
    on_error = options.get("on_error", "raise")
    if on_error not in ("raise", "collect", "fail_fast"):
        raise ValueError(f'on_error is "raise", "collect" or "fail_fast", not {on_error!r}')
    text: object = options.get("text", False)
    if not isinstance(text, bool):
        raise TypeError(f"text is True or False, not {text!r}")
    progress = options.get("progress")
    if progress is not None and type(progress) is not bool:
        raise TypeError(f"progress is True or False, or None where a notebook decides, not {progress!r}")
    _check("policy", options.get("policy"), Policy)
    _check("budget", options.get("budget"), Budget)
    _check("input_budget", options.get("input_budget"), Budget)
    declared, store = options.get("policy") or UNDECLARED, store_of(options)
    check_inputs(inputs, store)
    name = pipeline.name or "pipeline"
    watched = None if is_within() else progress_for(progress, name, is_default=is_watched)  # the outer one shows it
    return _Kickoff(
        pipeline,
        unrolled(inputs),
        max_concurrency,
        on_error,
        listening(observer, name, *([watched.observe] if watched else [])),
        engine_named(options.get("engine") or os.environ.get(VARIABLE) or engine_of(store)),
        text,
        declared,
        declared.over(pipeline.policy),
        options.get("budget"),
        options.get("input_budget"),
        watched,
        store,
    )


def _check(option: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{option} is a {kind.__name__}, as in {kind.__name__}(…), not {value!r}")


def kickoff(
    pipeline: Pipeline, inputs: Inputs, *, label: str = "pipeline.kickoff(…)", **options: Unpack[Options]
) -> Any:
    """Run now, or hand back an awaitable where an event loop runs; see :meth:`Pipeline.kickoff`.

    Args:
        pipeline: what runs.
        inputs: over what.
        label: how the call is written, for the awaitable.
        options: of the kickoff.
    """
    job, runs = prepared(pipeline, inputs, options, is_watched=True), list[Run]()
    try:
        return run_or_pend(lambda: job.collect(runs), label)
    except KeyboardInterrupt:
        result = kickoff_result(runs)
        raise KickoffInterrupted(result, usage=result.usage) from None


async def kickoff_async(pipeline: Pipeline, inputs: Inputs, **options: Unpack[Options]) -> PipelineKickoffResult:
    """Run; see :meth:`Pipeline.kickoff_async`."""
    return await prepared(pipeline, inputs, options, is_watched=True).collect([])


async def stream(
    pipeline: Pipeline,
    inputs: Inputs,
    *,
    salvage: Callable[[Run], None] | None = None,
    **options: Unpack[Options],
) -> AsyncIterator[PipelineRunResult | ProcedureRunResult]:
    """Yield results as runs end; see :meth:`Pipeline.stream`.

    Args:
        pipeline: what runs.
        inputs: over what.
        salvage: called with the runs that had begun when the reader is cancelled, which nobody is left to read.
        options: of the kickoff.
    """
    job, tally = prepared(pipeline, inputs, options), _Tally()
    send, receive = anyio.create_memory_object_stream[Run](0)
    work = partial(job.execute, send.send, salvage, not_begun=tally.not_begun)
    async with aclosing(_beside(work, send, receive)) as runs:
        async for run in runs:
            if tally.count(run):
                for result in results_of(run):
                    yield result
    tally.conclude(job.on_error)


async def events(pipeline: Pipeline, inputs: Inputs, **options: Unpack[Options]) -> AsyncIterator[Event]:
    """Yield events as they happen; see :meth:`Pipeline.events`."""
    if "observer" in options:
        raise TypeError("events() is an observer itself; read its events, or give the observer to kickoff()")

    def tell(event: Event) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the reader has left
            send.send_nowait(event)

    job, tally = prepared(pipeline, inputs, {"on_error": "collect", **options, "observer": tell}), _Tally()
    send, receive = anyio.create_memory_object_stream[Event](math.inf)
    caught_up = anyio.Event()

    async def deliver(run: Run) -> None:
        nonlocal caught_up
        tally.count(run)
        if receive.statistics().current_buffer_used > MAX_BACKLOG:
            if caught_up.is_set():  # else others wait for this one already
                caught_up = anyio.Event()
            await caught_up.wait()

    work = partial(job.execute, deliver, not_begun=tally.not_begun)
    async with aclosing(_beside(work, send, receive)) as told:
        async for event in told:
            yield event
            if receive.statistics().current_buffer_used == 0:
                caught_up.set()
    tally.conclude(job.on_error)


async def _beside(
    work: Callable[[], Awaitable[object]], send: MemoryObjectSendStream[T], receive: MemoryObjectReceiveStream[T]
) -> AsyncGenerator[T, None]:
    """Yield what work that goes on beside the reader sends; it ends when the reader does, and raises what it raised."""

    async def work_and_close() -> None:
        async with send:
            await work()

    background = Background(work_and_close)
    background.start()
    try:
        async with receive:
            async for item in receive:
                yield item
    finally:
        await background.stop()
    if background.error is not None:
        raise background.error


class _Tally:
    """Counts runs and keeps the first failures: a stream must not keep them all."""

    def __init__(self) -> None:
        self.total = 0
        self.failed = 0
        self.over_budget = 0
        self.not_begun = list[int]()
        self.first = list[Run]()

    def count(self, run: Run) -> bool:
        """Note a run that ended; false where it was told before, because its delivery was cancelled just too late."""
        if run.is_told:
            return False
        run.is_told = True
        self.total += 1
        if run.error is not None:
            self.failed += 1
            self.over_budget += run.status is RunStatus.OVER_BUDGET
            if len(self.first) < MAX_NAMED:
                self.first.append(run)
        return True

    def conclude(self, on_error: OnError) -> None:
        """Raise what was counted, if anything and if that is wanted.

        Raises:
            KickoffError: its result holds the first failed runs.
        """
        failures = [(run.index, run.error) for run in self.first if run.error is not None]
        if (failures or self.not_begun) and on_error != "collect":
            result = kickoff_result(self.first)
            result.not_run = self.not_begun
            raise KickoffError(
                failures,
                failed=self.failed,
                total=self.total + len(self.not_begun),
                result=result,
                over_budget=self.over_budget,
                not_begun=len(self.not_begun),
                is_stream=True,
            )
