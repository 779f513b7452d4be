"""The pool of workers of one kickoff: anyio tasks that walk runs through their plans.

A worker takes a ready node and keeps walking: of the nodes that become ready it continues with the first in place
and hands the others out. It opens the next input only when no node of an open run waits, so that memory is bounded
by ``max_concurrency`` whatever the number of inputs, and runs are finished before new ones are begun. With a journal
a run goes on when what its node gave is on disk, and its worker does something else until then.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from crewgraph.compiler.plan import Plan
from crewgraph.engine.port import Job, Row
from crewgraph.engine.run import Run
from crewgraph.engine.told import Told
from crewgraph.engine.work import Performer
from crewgraph.engine.worker import BREATH, Worker
from crewgraph.errors import NodeError, StoreError
from crewgraph.errors.root import in_words
from crewgraph.scope import NEVER, Ending, first
from crewgraph.trace import NodeFailed, RunStarted

__all__ = ["Pool"]

OPEN = 5
"""With a journal: runs for each further node that may be at work, as others wait for the disk; 3 took 8 % longer, 8 no less."""


@dataclass(eq=False, slots=True)
class Pool:
    """The workers of one kickoff, and what they have to do."""

    plan: Plan
    job: Job
    tasks: TaskGroup
    told: Told
    performer: Performer = field(init=False)
    rows: Iterator[Row] = field(default_factory=lambda: iter(()))
    todo: deque[tuple[Run, int]] = field(default_factory=deque[tuple[Run, int]])
    workers: set[Worker] = field(default_factory=set[Worker])
    active: dict[Run, int] = field(default_factory=dict[Run, int])
    """For each open run how many of its nodes are handed out or at work."""
    ending: set[Run] = field(default_factory=set[Run])
    """Runs of which somebody was told that they ended, and that are being delivered."""
    timers: dict[Run, anyio.CancelScope] = field(default_factory=dict[Run, anyio.CancelScope])
    """For each open run that may not last for ever, who waits for its end."""
    room: anyio.Event = field(default_factory=anyio.Event)
    unwritten: list[tuple[Run, list[int]]] = field(default_factory=list[tuple[Run, list[int]]])
    """With a journal: runs of which a node is done, and what is ready as soon as that is on disk."""
    is_writing: bool = False
    is_fed: bool = False
    """Whether inputs come one by one, and more may come."""
    resting: deque[anyio.Event] = field(default_factory=deque[anyio.Event])
    """Workers that have nothing to do until others are done: one that stays is cheaper than a new one."""
    crash: BaseException | None = None
    """What the source of the inputs raised, or whoever takes the results: the kickoff cannot go on."""

    def __post_init__(self) -> None:
        self.performer = Performer(self.job, self.told, self.keep)

    # ---- workers -----------------------------------------------------------------------------------------------

    def rouse(self) -> None:
        """Have one more worker look for something to do, if there is one or may be one."""
        if self.resting:
            self.resting.pop().set()
        elif len(self.workers) < self.job.max_concurrency:
            worker = Worker(self)
            self.workers.add(worker)
            self.tasks.start_soon(self.guard, partial(self.work, worker))

    async def rest(self) -> None:
        """Wait to be roused."""
        roused = anyio.Event()
        self.resting.append(roused)
        await roused.wait()

    async def guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Keep an error out of the task group, which would wrap it; stop everything and leave it to the engine."""
        try:
            await work()
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - Ctrl-C and exit too: execute() raises it when all is put away
            self.crash = self.crash or error
            self.tasks.cancel_scope.cancel()

    async def work(self, worker: Worker) -> None:
        """Do whatever is to be done, until nothing is."""
        while not worker.is_off:
            worker.is_stopped = False
            with anyio.CancelScope() as worker.scope:
                await self.work_on(worker)
            if worker.left is not None:
                run, worker.left = worker.left, None
                self.advance(run, [])
                if self.active[run.root] == 0:
                    await self.end(run.root)

    async def work_on(self, worker: Worker) -> None:
        """The same, until a node is stopped: its scope stays cancelled."""
        while not worker.is_stopped:
            if self.todo:
                run, node = self.todo.popleft()
            elif (opened := await self.open_next()) is not None:
                run, node = opened
            elif self.may_come():
                await self.rest()
                continue
            else:
                self.dismiss(worker)
                break
            await self.walk(worker, run, node)

    def may_come(self) -> bool:
        """Whether something may still come for a worker that has nothing to do."""
        may_fork = not self.plan.wiring.is_line and len(self.workers) - len(self.resting) > 1
        return self.is_writing or self.is_fed or may_fork

    def dismiss(self, worker: Worker) -> None:
        """Nothing is left to do, and nobody at work here will leave something to others: let them go, one after the other."""
        worker.is_off = True
        self.workers.discard(worker)
        if self.resting:
            self.rouse()

    async def open_next(self) -> tuple[Run, int] | None:
        """Open the next input that can run; another worker looks for the one after it."""
        if self.unwritten and len(self.active) > (self.job.max_concurrency - 1) * OPEN:
            return None  # those that wait for the disk go on before others are begun
        if self.job.not_begun:
            return None
        for row in self.rows:
            if self.job.is_over_budget:
                self.job.not_begun.append(row.index)
                break
            run, ready = await self.open(row)
            if ready:
                self.hand_out(run, ready[1:])
                self.rouse()
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
        self.is_fed = False
        self.rouse()

    async def open(self, row: Row) -> tuple[Run, list[int]]:
        """Begin a run; one that cannot run is delivered at once."""
        scope = self.job.around(row.index)
        try:
            run, error = Run(self.plan, row.index, row.values, scope=scope), row.error
        except Exception as unusable:  # noqa: BLE001 - copying a value runs the user's code
            run, error = Run(self.plan, row.index, {}, scope=scope), unusable
        self.told.tell(run, RunStarted, inputs=run.inputs)
        if error is not None:
            run.error = error
            await self.end(run)
            return run, []
        if self.job.journal is not None and row.identity is not None:
            run.log = self.job.journal.begin(row.identity, row.index, run.frontier.state)
        ready = run.start()
        self.active[run] = len(ready)
        ending = first(run.scope.endings)
        if ending is not NEVER:
            timer = self.timers[run] = anyio.CancelScope()
            self.tasks.start_soon(self.guard, partial(self.expire, run, ending, timer))
        return run, ready

    def hand_out(self, run: Run, nodes: list[int]) -> None:
        """Put nodes where workers find them."""
        for node in nodes:
            self.todo.append((run, node))
            self.rouse()

    def cut_off(self) -> list[Run]:
        """The runs that were begun and not ended; their observer is told that they will not be."""
        runs = list(self.active)
        for run in runs:
            run.cancelled = run.unsettled > 0
            for inner in run.family():
                for node, mark in inner.marks.items():
                    if mark.ended is None and mark.waiting is None:
                        mark.ended = inner.now()
                        inner.note_stop(node)
                        self.told.tell(inner, NodeFailed, node, error="cancelled", is_cancelled=True)
            if run not in self.ending:
                self.told.ended(run, "cancelled" if run.cancelled else None)
                run.note_end()
        return runs

    # ---- walking -----------------------------------------------------------------------------------------------

    async def walk(self, worker: Worker, run: Run, node: int) -> None:
        """Run a node and whatever follows in place."""
        root, ready = run.root, [node]
        while ready:
            node = ready[0]
            if len(ready) > 1:
                self.hand_out(run, ready[1:])
            if worker.walked >= BREATH:
                worker.walked = 0
                await checkpoint()
            before = run
            run, ready = (run, []) if root.error else await self.visit(worker, run, node)
            if worker.is_stopped:
                worker.left = run
                return
            if run.log is not None and not root.error and not before.was_read(worker.node):
                self.write(run, ready)
                return
            run, ready = self.advance(run, ready)
        if self.active[root] == 0:
            await self.end(root)

    def advance(self, run: Run, ready: list[int]) -> tuple[Run, list[int]]:
        """Go on from a node that is done; returns what is ready now, with the run it belongs to."""
        root = run.root
        while run.unsettled == 0 and run.parent and not root.error:
            subrun, (run, router) = run, run.parent
            ready = run.adopt(router, subrun)
        if root.error:
            ready = []
        self.active[root] += len(ready) - 1
        return run, ready

    async def visit(self, worker: Worker, run: Run, node: int) -> tuple[Run, list[int]]:
        """Run a node, and steps behind it; returns the nodes that are ready then, none where it failed."""
        if self.crash is not None:
            await checkpoint()  # which is cancelled: nodes that never wait would not notice
        worker.root, worker.node = run.root, node
        try:
            if run.steps[node] is not None:
                return run, await self.performer.stroll(run, node, worker.may_go)
            worker.walked += 1
            return await self.performer.perform(run, node)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            worker.root = None
            if isinstance(error, anyio.get_cancelled_exc_class()) and anyio.current_effective_deadline() == -math.inf:
                if worker.is_stopped:
                    worker.left = run
                    self.note_stop(run, worker.node)
                raise  # else the node cancelled itself; nobody asked this kickoff to stop
            self.fail(run, worker.node, error)
        finally:
            worker.root = None
        return run, []

    def note_stop(self, run: Run, node: int) -> None:
        """A node was cancelled: another one of its run failed, or the time of the run is up."""
        mark, error = run.marks[node], run.root.error
        mark.ended = run.now()
        assert error is not None, "a run is stopped for a reason"
        if isinstance(error, NodeError):
            run.note_stop(node)
            why = "cancelled: another node of the run failed"
            self.told.tell(run, NodeFailed, node, error=why, is_cancelled=True)
        else:
            run.note_failure(node, error)
            self.told.tell(run, NodeFailed, node, error=in_words(error))

    def stop(self, root: Run) -> None:
        """Cancel the nodes of a run that are at work."""
        for worker in self.workers:
            if worker.root is root:
                worker.stop()

    # ---- the journal -------------------------------------------------------------------------------------------

    def write(self, run: Run, ready: list[int]) -> None:
        """Go on from a node when what it gave is on disk; meanwhile its worker does something else."""
        self.unwritten.append((run, ready))
        if not self.is_writing:
            self.is_writing = True
            self.tasks.start_soon(self.guard, self.flush)

    async def flush(self) -> None:
        """Wait for the disk, for as long as nodes wait for it: all that have gathered meanwhile go on together."""
        assert self.job.journal is not None, "else nothing is written"
        while self.unwritten:
            gathered, self.unwritten = self.unwritten, []
            await self.job.journal.durable()
            through = list[Run]()
            for each in gathered:
                run, ready = self.advance(*each)
                self.todo.extend((run, node) for node in ready)
                if self.active[run.root] == 0:
                    through.append(run.root)
            if through:
                self.tasks.start_soon(self.guard, partial(self.end, *through))  # whoever takes them may be slow
            self.is_writing = bool(self.unwritten)
            for _ in range(max(len(self.todo), 1)):
                self.rouse()

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
        run.begin(node).ended = run.now()
        end, reason = first(run.root.scope.endings)
        if run.root.error is None and end <= monotonic():  # it may have noticed before the timer did
            run.root.error = reason()
        run.fail(node, error)
        self.told.tell(run, NodeFailed, node, error=in_words(error))
        self.stop(run.root)

    async def expire(self, run: Run, ending: Ending, timer: anyio.CancelScope) -> None:
        """End a run when its time is up: its nodes at work are cancelled, those that wait are not begun."""
        end, reason = ending
        with timer:
            await anyio.sleep(max(0.0, end - monotonic()))
        if timer.cancel_called or run.error is not None or self.active[run] == 0:  # it has ended, or is about to
            return
        run.error = reason()
        waiting = [each for each in self.todo if each[0].root is run]
        self.todo = deque(each for each in self.todo if each[0].root is not run)
        self.active[run] -= len(waiting)
        self.stop(run)
        if self.active[run] == 0:
            await self.end(run)

    async def end(self, *runs: Run) -> None:
        """Runs are through: report them, then deliver them one after the other, and forget them."""
        for run in runs:
            timer = self.timers.pop(run, None)
            if timer is not None:
                timer.cancel()
            self.ending.add(run)
            self.told.ended(run, None if run.error is None else str(run.error))
            run.note_end()
        for run in runs:
            await self.job.deliver(run)
            self.active.pop(run, None)
            self.ending.discard(run)
            if self.is_fed:
                self.room.set()
            if self.job.journal is not None:  # else a worker is here, and looks for the next input
                self.rouse()
            if run.error is not None and self.job.fail_fast:
                self.tasks.cancel_scope.cancel()
