"""One node at work: what surrounds it, and what is kept of what it gives."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from crewgraph.approval import Approval
from crewgraph.engine.approvals import answered, parked
from crewgraph.engine.open_routes import declares, run_inside
from crewgraph.engine.port import Job
from crewgraph.engine.run import Run, output_of
from crewgraph.engine.tasks import KeptTasks
from crewgraph.engine.told import Told
from crewgraph.graph import Switch, Work
from crewgraph.handoff import isolated
from crewgraph.node import call, cut_short, surroundings, whole
from crewgraph.outputs import CrewOutput
from crewgraph.scope import Deferred, Scope, enter, leave
from crewgraph.store import Kept
from crewgraph.threads import awaited
from crewgraph.trace import NodeFinished, RouteTaken
from crewgraph.trace.events import node_finished, node_started

__all__ = ["Performer"]


@dataclass(frozen=True, slots=True)
class Performer:
    """Runs one node of a run, or reads what it gave before.

    Attributes:
        job: how to run.
        told: whom nodes report to.
        keep: waits until something inside of a node is on disk.
    """

    job: Job
    told: Told
    keep: Callable[[Awaitable[None]], Awaitable[None]]

    async def perform(self, run: Run, node: int) -> tuple[Run, list[int]]:
        """Run one node; returns the nodes that are ready because of it, with the run they belong to."""
        started = run.begin(node).started
        self.begins(run, node, started)
        known = self.recall(run, node, started)
        if known is not None:
            return run, known
        kind = run.plan.nodes[node]
        if isinstance(kind, Switch):
            return await self.choose(run, node, kind)
        assert isinstance(kind, Work), "the frontier hands out nothing else"
        if run.log is not None and isinstance(kind.node, Approval) and kind.node.decides is None:
            return run, self.answer(run, node, kind.node)
        gave = await call(kind.node, run.handoff(node), scope=self.limited(run, node, kind, started))
        return run, self.finish(run, node, gave, started)

    async def stroll(self, run: Run, node: int, may_go: Callable[[int], bool]) -> list[int]:
        """Run a step that nothing limits, and those behind it as long as each leads to one other.

        They are one coroutine with next to nothing around the function of a step: each further one costs 0.3 µs a node, and
        the scope of a node is made only when somebody asks for it, as most never do. With a log it is one step, for
        what it gave has to be on disk before another begins.

        Args:
            run: which run.
            node: the first of them.
            may_go: asked before each; where it says no, that node is ready and not begun.

        Returns:
            The nodes that are ready then.
        """
        steps, scope, surroundings, ready = run.steps, run.root.scope, self.surroundings, [node]
        while len(ready) == 1 and (step := steps[ready[0]]) is not None and may_go(node := ready[0]):
            started = run.now()
            self.begins(run, node, started)
            known = self.recall(run, node, started)
            if known is not None:
                ready = known
                continue
            around = Deferred(surroundings, (run, node, scope, started))
            token = enter(around)
            try:
                plain = step.quick(*run.reader(node))
                if plain is None:
                    gave = await step.gives_of(run.handoff(node))
                elif step.is_async and not step.inline:  # as `gives`, without a coroutine of our own around it
                    value = await step.function(**plain)
                    gave = step.kept(value if type(value) is dict else await awaited(value))
                else:
                    gave = await step.gives(**plain)
            except BaseException as error:
                cut_short(error, around.scope())
                raise
            finally:
                leave(token)
                around.close()
            if around.made is not None:
                gave = whole(output_of(gave), around.made)
            ready = self.finish(run, node, gave, started)
            if run.log is not None:
                break
        return ready

    def begins(self, run: Run, node: int, started: float) -> None:
        """Tell the observer, if there is one, that a node begins."""
        if self.job.observer is not None:
            self.told.hand(self.job.observer, node_started(run.index, run.plan.nodes[node].name, started))

    def recall(self, run: Run, node: int, started: float) -> list[int] | None:
        """Settle a node by what it gave before, where a log knows that; ``None`` where it has to run."""
        if run.log is None:
            return None
        kept = run.log.recall(node)
        if kept is not None:
            return self.read(run, node, kept)
        attempt = run.log.attempt(node)
        if attempt > 1:
            run.begin(node, started).attempt = attempt
        return None

    def finish(self, run: Run, node: int, gave: CrewOutput | dict[str, Any], started: float) -> list[int]:
        """A node that was at work gave its output just now."""
        ended = run.now()
        if isinstance(gave, dict):
            run.started[node], run.ended[node] = started, ended
        else:
            run.begin(node, started).ended = ended
        if run.log is not None:
            run.log.gave(node, gave, started=started, ended=ended)
        ready = run.settle(node, gave)
        observer = self.job.observer
        if observer is not None:
            if isinstance(gave, dict):
                output, tokens = CrewOutput.of_keys(gave), 0
            else:
                output, tokens = gave, gave.token_usage.total_tokens
            self.told.hand(observer, node_finished(run.index, run.plan.nodes[node].name, ended, output, tokens))
        return ready

    async def choose(self, run: Run, node: int, switch: Switch) -> tuple[Run, list[int]]:
        """Ask a router; a pipeline that nobody declared becomes a run inside this one."""
        verdict: Any = switch.router.route(isolated(run.values(node)))
        pipeline, route = await verdict if inspect.isawaitable(verdict) else verdict
        mark = run.begin(node)
        mark.ended, mark.route = run.now(), str(route)
        is_declared = declares(switch, route, pipeline)
        if run.log is not None and is_declared:
            run.log.took(node, mark.route, started=mark.started, ended=mark.ended)
        self.told.tell(run, RouteTaken, node, route=mark.route)
        self.told.tell(run, NodeFinished, node)
        if is_declared:
            return run, run.settle(node, route=mark.route)
        subrun = run_inside(run, node, switch, mark.route, pipeline)
        return subrun, subrun.start()

    def answer(self, run: Run, node: int, approval: Approval) -> list[int]:
        """An approval in a run with a log is answered, or waits for a person."""
        mark, answer = run.marks[node], answered(run, node, approval)
        if answer is None:
            self.told.tell(run, partial(replace, parked(mark)), node)
            return []
        assert run.log is not None
        run.log.gave(node, answer, started=mark.started, ended=mark.ended or run.now())
        ready = run.settle(node, answer)
        self.told.tell(run, NodeFinished, node, output=answer, tokens=answer.token_usage.total_tokens)
        return ready

    def surroundings(self, run: Run, node: int, around: Scope, started: float) -> Scope:
        """What surrounds a node; its calls are charged to an account of its own, which is noted."""
        work = run.plan.nodes[node]
        assert isinstance(work, Work), "routers and joins call nobody"
        mark = run.begin(node, started)
        scope = surroundings(work.node, work.name, around, emit=self.told.by(run, mark, node))
        mark.account = scope.account
        return scope

    def limited(self, run: Run, node: int, work: Work, started: float) -> Scope:
        """The same, with what is declared for it, and with a log of its tasks."""
        around = run.root.scope
        if work.policy is not None:
            around = replace(around, policy=self.job.policy.over(work.policy).over(around.policy))
        scope = self.surroundings(run, node, around, started)
        if run.log is not None and work.interface.kind == "crew":
            scope = replace(scope, tasks=KeptTasks(run.log.tasks(node), self.keep))
        return scope

    def read(self, run: Run, node: int, kept: Kept) -> list[int]:
        """Settle a node by what it gave before."""
        ready = run.take_over(node, kept)
        if kept.route is not None:
            self.told.tell(run, RouteTaken, node, route=kept.route)
        tokens = kept.spent.usage.total_tokens
        self.told.tell(run, NodeFinished, node, output=kept.output, tokens=tokens, source="store")
        return ready
