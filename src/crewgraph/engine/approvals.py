"""How an approval is answered in a run with a log: by what somebody has decided, by the clock, or not yet."""

from __future__ import annotations

from datetime import UTC, datetime

from crewgraph.approval import Approval, Decision
from crewgraph.compiler import Plan
from crewgraph.engine.run import Mark, Run
from crewgraph.outputs import CrewOutput
from crewgraph.store import Asked
from crewgraph.trace import NodeWaiting

__all__ = ["answered", "check_approvals", "parked"]

EXPIRED = Decision(decision="expired")


def answered(run: Run, node: int, approval: Approval) -> CrewOutput | None:
    """What an approval gives; ``None`` where it waits, which is noted in the log and on the mark of the node.

    Args:
        run: the run, which has a log.
        node: the number of the approval.
        approval: the approval.
    """
    log, mark, given = run.log, run.marks[node], run.handoff(node)
    assert log is not None
    asked = log.asked(node)
    if asked is None:
        name = run.plan.nodes[node].name
        asked = Asked(approval.question(given, since=datetime.fromtimestamp(log.now(), UTC), node=name), mark.attempt)
        log.ask(node, asked.question)
    question, mark.attempt = asked.question, asked.attempt
    mark.started = question.since.timestamp()
    if asked.decision is not None:
        mark.ended = asked.decided
        return approval.output(given, asked.decision)
    if asked.is_late and question.until is not None:
        mark.ended = question.until.timestamp()
        return approval.output(given, EXPIRED)
    mark.waiting = question
    return None


def parked(mark: Mark) -> NodeWaiting:
    """What observers are told of an approval that waits."""
    assert mark.waiting is not None
    until = mark.waiting.until
    return NodeWaiting(ask=mark.waiting.ask, until=None if until is None else until.timestamp())


def check_approvals(plan: Plan) -> None:
    """Refuse approvals that only a person can decide, where there is no store to wait in.

    Raises:
        HumanInputUnavailable: there is one.
    """
    for work in plan.graph.works:
        if isinstance(work.node, Approval) and work.node.decides is None:
            raise work.node.nowhere_to_wait()
