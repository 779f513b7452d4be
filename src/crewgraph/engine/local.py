"""The engine for one process: a pool of anyio tasks that walk runs through their plans.

A worker takes a ready node and keeps walking: of the nodes that become ready it continues with the first in place
and hands the others out. It opens the next input only when no node of an open run waits, so that memory is bounded
by ``max_concurrency`` whatever the number of inputs, and runs are finished before new ones are begun.
"""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from crewgraph.approval import Approval
from crewgraph.compiler.plan import Plan
from crewgraph.engine.approvals import answered, parked
from crewgraph.engine.open_routes import declares, run_inside
from crewgraph.engine.port import Job, Row, Rows
from crewgraph.engine.run import Mark, Run
from crewgraph.engine.told import last_events
from crewgraph.errors import NodeError, StoreError
from crewgraph.errors.root import in_words
from crewgraph.graph import Switch, Work
from crewgraph.handoff import isolated
from crewgraph.node import call, surroundings
from crewgraph.scope import NEVER, Ending, first
from crewgraph.store import Kept
from crewgraph.trace import (
    Event,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    RouteTaken,
    RunStarted,
)

__all__ = ["LocalEngine"]

_log = logging.getLogger("crewgraph.engine")

BREATH = 64
"""After how many nodes a worker lets others run, where nodes themselves never wait."""


class LocalEngine:
    """Runs plans in this process; nothing of it outlives a kickoff."""

    async def execute(self, plan: Plan, rows: Rows, job: Job) -> None:
        """Run every row and deliver every run."""
        tasks = anyio.create_task_group()
        pool = _Pool(plan, job, tasks)
        try:
            async with tasks:
                if isinstance(rows, AsyncGenerator):
                    tasks.start_soon(pool.guard, partial(pool.feed, rows))
                else:
                    pool.rows = iter(rows)
                    pool.hire()
        except anyio.get_cancelled_exc_class():
            for run in pool.cut_off():
                if job.salvage is not None:
                    job.salvage(run)
            raise
        for run in pool.cut_off():
            await job.deliver(run)
        if pool.crash is not None:
            raise pool.crash


@dataclass(eq=False, slots=True)
class _Pool:
    """The workers of one kickoff, and what they have to do."""

    plan: Plan
    job: Job
    tasks: TaskGroup
    rows: Iterator[Row] = field(default_factory=lambda: iter(()))
    todo: deque[tuple[Run, int]] = field(default_factory=deque[tuple[Run, int]])
    workers: int = 0
    active: dict[Run, int] = field(default_factory=dict[Run, int])
    """For each open run how many of its nodes are handed out or at work."""
    scopes: dict[Run, set[anyio.CancelScope]] = field(default_factory=dict[Run, set[anyio.CancelScope]])
    timers: dict[Run, anyio.CancelScope] = field(default_factory=dict[Run, anyio.CancelScope])
    """For each open run that may not last for ever, who waits for its end."""
    room: anyio.Event = field(default_factory=anyio.Event)
    crash: BaseException | None = None
    """What the source of the inputs raised, or whoever takes the results: the kickoff cannot go on."""

    # ---- workers -----------------------------------------------------------------------------------------------

    def hire(self) -> None:
        """Start one more worker, if there may be one."""
        if self.workers < self.job.max_concurrency:
            self.workers += 1
            self.tasks.start_soon(self.guard, self.work)

    async def guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Keep an error out of the task group, which would wrap it; stop everything and leave it to the engine."""
        try:
            await work()
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - Ctrl-C and exit too: execute() raises it when all is put away
            self.crash = self.crash or error
            self.tasks.cancel_scope.cancel()

    async def work(self) -> None:
        """Do whatever is to be done, until nothing is."""
        walked = 0
        while True:
            if self.todo:
                run, node = self.todo.popleft()
            elif (opened := await self.open_next()) is not None:
                run, node = opened
            else:
                break
            walked += await self.walk(run, node)
            if walked >= BREATH:
                walked = 0
                await checkpoint()
        self.workers -= 1

    async def open_next(self) -> tuple[Run, int] | None:
        """Open the next input that can run; another worker looks for the one after it."""
        for row in self.rows:
            if self.job.is_over_budget:
                self.job.not_begun.append(row.index)
                break
            run, ready = await self.open(row)
            if ready:
                self.hand_out(run, ready[1:])
                self.hire()
                return run, ready[0]
        return None

    async def feed(self, rows: AsyncGenerator[Row, None]) -> None:
        """Open inputs as they come, as long as there is room for more runs."""
        async with aclosing(rows):
            async for row in rows:
                if self.job.is_over_budget:
                    self.job.not_begun.append(row.index)
                    break
                while len(self.active) >= self.job.max_concurrency:
                    self.room = anyio.Event()
                    await self.room.wait()
                run, ready = await self.open(row)
                self.hand_out(run, ready)

    async def open(self, row: Row) -> tuple[Run, list[int]]:
        """Begin a run; one that cannot run is delivered at once."""
        scope = self.job.around(row.index)
        try:
            run, error = Run(self.plan, row.index, row.values, scope=scope), row.error
        except Exception as unusable:  # noqa: BLE001 - copying a value runs the user's code
            run, error = Run(self.plan, row.index, {}, scope=scope), unusable
        self.emit(run, RunStarted(inputs=run.inputs))
        if error is not None:
            run.error = error
            await self.end(run)
            return run, []
        if self.job.journal is not None and row.identity is not None:
            run.log = self.job.journal.begin(row.identity, row.index, run.frontier.state)
        ready = run.start()
        self.active[run] = len(ready)
        self.scopes[run] = set()
        ending = first(run.scope.endings)
        if ending is not NEVER:
            timer = self.timers[run] = anyio.CancelScope()
            self.tasks.start_soon(self.guard, partial(self.expire, run, ending, timer))
        return run, ready

    def hand_out(self, run: Run, nodes: list[int]) -> None:
        """Put nodes where workers find them."""
        for node in nodes:
            self.todo.append((run, node))
            self.hire()

    def cut_off(self) -> list[Run]:
        """The runs that were begun and not ended; their observer is told that they will not be."""
        runs = list(self.active)
        for run in runs:
            run.cancelled = run.unsettled > 0
            for inner in run.family():
                for node, mark in inner.marks.items():
                    if mark.ended is None and mark.waiting is None:
                        mark.ended = time.time()
                        self.emit(inner, NodeFailed(error="cancelled", is_cancelled=True), node)
            if run.cancelled:
                self.emit_end(run, "cancelled")
                run.note_end()
        return runs

    # ---- walking -----------------------------------------------------------------------------------------------

    async def walk(self, run: Run, node: int) -> int:
        """Run a node and whatever follows in place; returns how many nodes that were."""
        root, walked = run.root, 0
        while True:
            walked += 1
            run, ready = (run, []) if root.error else await self.visit(run, node)
            while run.unsettled == 0 and run.parent and not root.error:
                subrun, (run, router) = run, run.parent
                ready = run.adopt(router, subrun)
            if root.error:
                ready = []
            self.active[root] += len(ready) - 1
            if not ready:
                if self.active[root] == 0:
                    await self.end(root)
                return walked
            node = ready[0]
            self.hand_out(run, ready[1:])

    async def visit(self, run: Run, node: int) -> tuple[Run, list[int]]:
        """Run one node; returns the nodes that are ready because of it, none where it failed."""
        root = run.root
        if self.crash is not None:
            await checkpoint()  # which is cancelled: nodes that never wait would not notice
        mark = run.marks[node] = Mark(time.time())
        self.emit(run, NodeStarted(), node)
        try:
            if self.active[root] == 1 and root not in self.timers:
                return await self.perform(run, node)  # nothing could stop it: a cancel scope costs 10 µs
            with anyio.CancelScope() as scope:
                self.scopes[root].add(scope)
                try:
                    return await self.perform(run, node)
                finally:
                    self.scopes[root].discard(scope)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            if isinstance(error, anyio.get_cancelled_exc_class()) and anyio.current_effective_deadline() == -math.inf:
                raise  # else the node cancelled itself; nobody asked this kickoff to stop
            self.fail(run, node, error)
        else:
            mark.ended = time.time()
            if isinstance(root.error, NodeError):
                self.emit(run, NodeFailed(error="cancelled: another node of the run failed", is_cancelled=True), node)
            else:
                assert root.error is not None, "a run is stopped for a reason"
                mark.error = root.error  # the time of the run is up
                self.emit(run, NodeFailed(error=in_words(root.error)), node)
        return run, []

    async def perform(self, run: Run, node: int) -> tuple[Run, list[int]]:
        """Run one node; returns the nodes that are ready because of it, with the run they belong to."""
        kind, mark = run.plan.nodes[node], run.marks[node]
        if run.log is not None:
            kept = run.log.recall(node)
            if kept is not None:
                return run, self.read(run, node, kept)
            mark.attempt = run.log.attempt(node)
        if isinstance(kind, Switch):
            return await self.choose(run, node, kind)
        assert isinstance(kind, Work), "the frontier hands out nothing else"
        around = run.root.scope
        if kind.policy is not None:
            around = replace(around, policy=self.job.policy.over(kind.policy).over(around.policy))
        scope = surroundings(kind.node, kind.name, around, emit=self.emitter(run, node))
        mark.account = scope.account
        if run.log is not None and isinstance(kind.node, Approval) and kind.node.decides is None:
            output = await answered(run, node, kind.node, keep=self.keep)
            if output is None:
                self.emit(run, parked(mark), node)
                return run, []
        else:
            output = await call(kind.node, run.handoff(node), scope=scope)
            mark.ended = time.time()
        if run.log is not None:
            await self.keep(run.log.gave(node, output, started=mark.started, ended=mark.ended or time.time()))
        ready = run.settle(node, output=output)
        self.emit(run, NodeFinished(output=output, tokens=output.token_usage.total_tokens), node)
        return run, ready

    async def choose(self, run: Run, node: int, switch: Switch) -> tuple[Run, list[int]]:
        """Ask a router; a pipeline that nobody declared becomes a run inside this one."""
        verdict: Any = switch.router.route(isolated(run.values(node)))
        pipeline, route = await verdict if inspect.isawaitable(verdict) else verdict
        mark = run.marks[node]
        mark.ended, mark.route = time.time(), str(route)
        is_declared = declares(switch, route, pipeline)
        if run.log is not None and is_declared:
            await self.keep(run.log.took(node, mark.route, started=mark.started, ended=mark.ended))
        self.emit(run, RouteTaken(route=mark.route), node)
        self.emit(run, NodeFinished(), node)
        if is_declared:
            return run, run.settle(node, route=mark.route)
        subrun = run_inside(run, node, switch, mark.route, pipeline)
        return subrun, subrun.start()

    # ---- the journal -------------------------------------------------------------------------------------------

    def read(self, run: Run, node: int, kept: Kept) -> list[int]:
        """Settle a node by what it gave before."""
        ready = run.take_over(node, kept)
        if kept.route is not None:
            self.emit(run, RouteTaken(route=kept.route), node)
        tokens = kept.spent.usage.total_tokens
        self.emit(run, NodeFinished(output=kept.output, tokens=tokens, source="store"), node)
        return ready

    async def keep(self, written: Awaitable[None]) -> None:
        """Wait until something is on disk. Where that cannot be, the kickoff ends; what the node gave is not lost."""
        try:
            with anyio.CancelScope(shield=True):
                await written
        except StoreError as error:
            self.crash = self.crash or error
            self.tasks.cancel_scope.cancel()

    # ---- ending ------------------------------------------------------------------------------------------------

    def fail(self, run: Run, node: int, error: BaseException) -> None:
        """A node failed: its run ends, its running siblings are cancelled."""
        run.marks[node].ended = time.time()
        end, reason = first(run.root.scope.endings)
        if run.root.error is None and end <= monotonic():  # it may have noticed before the timer did
            run.root.error = reason()
        run.fail(node, error)
        self.emit(run, NodeFailed(error=in_words(error)), node)
        for scope in self.scopes[run.root]:
            scope.cancel()

    async def expire(self, run: Run, ending: Ending, timer: anyio.CancelScope) -> None:
        """End a run when its time is up: its nodes at work are cancelled, those that wait are not begun."""
        end, reason = ending
        with timer:
            await anyio.sleep(max(0.0, end - monotonic()))
        if timer.cancel_called or run.error is not None:  # it has ended, or is about to
            return
        run.error = reason()
        waiting = [each for each in self.todo if each[0].root is run]
        self.todo = deque(each for each in self.todo if each[0].root is not run)
        self.active[run] -= len(waiting)
        for scope in self.scopes[run]:
            scope.cancel()
        if self.active[run] == 0:
            await self.end(run)

    async def end(self, run: Run) -> None:
        """A run is through: report it, deliver it, forget it."""
        timer = self.timers.pop(run, None)
        if timer is not None:
            timer.cancel()
        self.emit_end(run, None if run.error is None else str(run.error))
        run.note_end()
        await self.job.deliver(run)
        self.active.pop(run, None)
        self.scopes.pop(run, None)
        self.room.set()
        if run.error is not None and self.job.fail_fast:
            self.tasks.cancel_scope.cancel()

    # ---- events ------------------------------------------------------------------------------------------------

    def emit(self, run: Run, event: Event, node: int | None = None) -> None:
        """Tell the observer; what it raises must not fail a run that was paid for."""
        if self.job.observer is None:
            return
        name = None if node is None else run.plan.nodes[node].name
        try:
            self.job.observer(replace(event, run=run.index, node=name, at=time.time()))
        except Exception:  # noqa: BLE001 - whatever the user's observer raises
            _log.exception("the observer raised; the run goes on")

    def emitter(self, run: Run, node: int) -> Callable[[Event], None] | None:
        """Where a node reports its own events; without an observer, to whoever observes what this was called from."""
        if self.job.observer is None:
            return self.job.scope.emit
        mark = run.marks[node]

        def emit(event: Event) -> None:
            if mark.ended is None:  # a thread may outlive its node; nobody hears of that any more
                self.emit(run, event, node)

        return emit

    def emit_end(self, run: Run, error: str | None) -> None:
        """Tell how a run ended, and of the nodes on routes that it did not take; nothing is summed up for nobody."""
        if self.job.observer is None:
            return
        for event, node in last_events(run, error):
            self.emit(run, event, node)
