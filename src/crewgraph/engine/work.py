"""One node at work: what surrounds it, and what is kept of what it gives."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from crewgraph.approval import Approval
from crewgraph.engine.approvals import answered, parked
from crewgraph.engine.open_routes import declares, run_inside
from crewgraph.engine.port import Job
from crewgraph.engine.run import Mark, Run, output_of
from crewgraph.engine.tasks import KeptTasks
from crewgraph.engine.told import Told
from crewgraph.graph import Switch, Work
from crewgraph.handoff import isolated
from crewgraph.node import call, cut_short, surroundings, whole
from crewgraph.outputs import CrewOutput
from crewgraph.scope import Deferred, Scope, enter, leave
from crewgraph.step import Step
from crewgraph.store import Kept
from crewgraph.threads import awaited
from crewgraph.trace import NodeFinished, RouteTaken
from crewgraph.trace.events import node_finished

__all__ = ["Performer", "moment"]


def moment(mark: Mark) -> float:
    """Now, in seconds since the epoch, as a node sees it: a clock that is set meanwhile makes it neither longer nor shorter."""
    return time.time() if mark.begun is None else mark.started + time.perf_counter() - mark.begun


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
        kind, mark = run.plan.nodes[node], run.marks[node]
        if run.log is not None:
            kept = run.log.recall(node)
            if kept is not None:
                return run, self.read(run, node, kept)
            mark.attempt = run.log.attempt(node)
        if isinstance(kind, Switch):
            return await self.choose(run, node, kind)
        assert isinstance(kind, Work), "the frontier hands out nothing else"
        if run.log is not None and isinstance(kind.node, Approval) and kind.node.decides is None:
            return run, self.answer(run, node, kind.node)
        step = run.steps[node]
        gave = await self.ask(run, node, kind) if step is None else await self.free(run, node, step)
        return run, self.finish(run, node, gave)

    def finish(self, run: Run, node: int, gave: CrewOutput | dict[str, Any]) -> list[int]:
        """A node that was at work gave its output just now."""
        mark = run.marks[node]
        mark.ended = moment(mark)
        if run.log is not None:
            gave = output_of(gave)
            run.log.gave(node, gave, started=mark.started, ended=mark.ended)
        return self.settle(run, node, gave)

    def settle(self, run: Run, node: int, gave: CrewOutput | dict[str, Any]) -> list[int]:
        """A node gave its output."""
        ready = run.settle(node, gave=gave)
        observer = self.job.observer
        if observer is not None:
            tokens = 0 if isinstance(gave, dict) else gave.token_usage.total_tokens
            name = run.plan.nodes[node].name
            self.told.hand(observer, node_finished(run.index, name, time.time(), run.output(node), tokens))
        return ready

    async def choose(self, run: Run, node: int, switch: Switch) -> tuple[Run, list[int]]:
        """Ask a router; a pipeline that nobody declared becomes a run inside this one."""
        verdict: Any = switch.router.route(isolated(run.values(node)))
        pipeline, route = await verdict if inspect.isawaitable(verdict) else verdict
        mark = run.marks[node]
        mark.ended, mark.route = moment(mark), str(route)
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
        run.log.gave(node, answer, started=mark.started, ended=mark.ended or time.time())
        return self.settle(run, node, answer)

    def ask(self, run: Run, node: int, work: Work) -> Awaitable[CrewOutput]:
        """What a crew or step will give."""
        return call(work.node, run.handoff(node), scope=self.limited(run, node, work))

    async def free(self, run: Run, node: int, step: Step) -> CrewOutput | dict[str, Any]:
        """The same for a step that nothing limits: its scope is made only when somebody asks for it, and most never do."""
        around = Deferred(self.surroundings, run, node, run.plan.nodes[node], run.root.scope)
        token = enter(around)
        gave: CrewOutput | dict[str, Any]
        try:
            plain = step.quick(run.values(node))
            if plain is None:
                gave = await step.kickoff_async(run.handoff(node))
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
        return gave if around.made is None else whole(output_of(gave), around.made)

    def surroundings(self, run: Run, node: int, work: Work, around: Scope) -> Scope:
        """What surrounds a node; its calls are charged to an account of its own, which is noted."""
        scope = surroundings(work.node, work.name, around, emit=self.told.by(run, node))
        run.marks[node].account = scope.account
        return scope

    def limited(self, run: Run, node: int, work: Work) -> Scope:
        """The same, with what is declared for it, and with a log of its tasks."""
        around = run.root.scope
        if work.policy is not None:
            around = replace(around, policy=self.job.policy.over(work.policy).over(around.policy))
        scope = self.surroundings(run, node, work, around)
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
