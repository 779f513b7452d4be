"""One node at work: what surrounds it, and what is kept of what it gives."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from crewgraph.approval import Approval
from crewgraph.engine.approvals import answered
from crewgraph.engine.port import Job
from crewgraph.engine.run import Mark, Run
from crewgraph.engine.tasks import KeptTasks
from crewgraph.graph import Work
from crewgraph.node import call, surroundings
from crewgraph.outputs import CrewOutput
from crewgraph.trace import Event

__all__ = ["moment", "output_of"]


def moment(mark: Mark) -> float:
    """Now, in seconds since the epoch, as a node sees it: a clock that is set meanwhile makes it neither longer nor shorter."""
    return time.time() if mark.begun is None else mark.started + time.perf_counter() - mark.begun


async def output_of(
    job: Job,
    run: Run,
    node: int,
    work: Work,
    *,
    emit: Callable[[Event], None] | None,
    keep: Callable[[Awaitable[None]], Awaitable[None]],
) -> CrewOutput | None:
    """Run a node and put what it gives into the log; ``None`` for an approval that waits for a person.

    Args:
        job: how to run.
        run: the run.
        node: the number of the node in its plan.
        work: the node.
        emit: where it reports its own events.
        keep: waits until something inside of the node is on disk.
    """
    mark, log = run.marks[node], run.log
    if log is not None and isinstance(work.node, Approval) and work.node.decides is None:
        answer = answered(run, node, work.node)
        if answer is not None:
            log.gave(node, answer, started=mark.started, ended=mark.ended or time.time())
        return answer
    around = run.root.scope
    if work.policy is not None:
        around = replace(around, policy=job.policy.over(work.policy).over(around.policy))
    scope = surroundings(work.node, work.name, around, emit=emit)
    if log is not None and work.interface.kind == "crew":
        scope = replace(scope, tasks=KeptTasks(log.tasks(node), keep))
    mark.account = scope.account
    output = await call(work.node, run.handoff(node), scope=scope)
    mark.ended = moment(mark)
    if log is not None:
        log.gave(node, output, started=mark.started, ended=mark.ended)
    return output
