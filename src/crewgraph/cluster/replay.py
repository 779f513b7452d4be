"""A run that workers executed, as it would be had it been executed here: read from the journal, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crewgraph.engine.port import Job, Row
from crewgraph.engine.run import Mark, Run
from crewgraph.errors import CrewgraphError, NodeError, StoreError
from crewgraph.store.log import WAITING, FileLog, Line, Pages
from crewgraph.store.postgres import shown_address
from crewgraph.store.questions import question_of
from crewgraph.store.remote import RemoteJournal

__all__ = ["WorkerError", "replayed"]


class WorkerError(CrewgraphError):
    """Recorded on a run that failed on a worker; its text is what the worker said."""


class _Reader:
    """A journal that is only read."""

    read = 0
    writer: Any = None

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        self.told = list[str]()

    def note_run(self, pages: Pages, *, status: str, error: str | None, ended: float | None) -> None:
        """Nothing is written."""

    def complain(self, node: str, reason: str, then: str) -> None:
        """Remember why a node cannot be read."""
        self.told.append(f"node '{node}' {then}: {reason}")


def replayed(
    journal: RemoteJournal, row: Row, job: Job, *, status: str, error: str | None, lines: Sequence[Any]
) -> Run:
    """A run that has ended, with everything that its nodes gave.

    Args:
        journal: of the kickoff.
        row: its input.
        job: of the kickoff.
        status: how it ended.
        error: what the worker said of that.
        lines: its rows in the table of nodes, by attempt.
    """
    assert row.identity is not None, "it was submitted"
    plan, where = journal.plan, shown_address(journal.address)
    run, reader = Run(plan, row.index, row.values, scope=job.around(row.index)), _Reader(journal.pipeline)
    rows = [Line(*each) for each in lines]
    pages = Pages(reader, 0, row.identity, row.index, began=0.0, lines=rows)
    log = FileLog(pages, plan, journal.own, run.frontier.state, basis=row.identity.content)
    run.log = log
    todo, unread = run.start(), list[int]()
    while todo:
        node = todo.pop()
        kept = log.recall(node)
        if kept is None:
            unread.append(node)
        else:
            todo += run.take_over(node, kept)
    if status == "failed":
        _fail(run, unread, rows, error or "it failed")
    elif status == WAITING:
        _ask(run, unread, rows)
    elif status == "cancelled":
        run.cancelled = True
    elif unread:
        name = plan.nodes[unread[0]].name
        told = (
            reader.told[0] if reader.told else f"what node '{name}' gave is not there for this version of the pipeline"
        )
        hint = "let it give what JSON can hold, and give workers and submitters the same code"
        run.error = StoreError(where, f"a run that ended well cannot be read here: {told}", hint=hint)
    return run


def _ask(run: Run, unread: Sequence[int], lines: Sequence[Line]) -> None:
    last = {line.node: line for line in lines if not line.item}
    own = {run.plan.nodes[node].name: node for node in unread}
    for name, line in last.items():
        if line.status == WAITING and line.output is not None:
            node = own.get(name, unread[0])  # one inside of an open router, whose pipeline is not read here
            run.marks[node] = Mark(line.started, attempt=line.attempt, waiting=question_of(name, line.output))


def _fail(run: Run, unread: Sequence[int], lines: Sequence[Line], told: str) -> None:
    last = {line.node: line for line in lines if line.status == "failed"}
    for node in unread:
        line = last.get(run.plan.nodes[node].name)
        if line is not None:
            cause = WorkerError(line.error or told)
            run.marks[node] = Mark(line.started, line.ended, error=cause, attempt=line.attempt)
            if run.error is None:
                run.error = NodeError(run.plan.nodes[node].name, cause)
    if run.error is None:
        run.error = WorkerError(told)
