"""A run out of a store, as if it had just run: walked by what was noted of its nodes, without tasks and without a clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from crewgraph.compiler import compile_pipeline
from crewgraph.engine.open_routes import MAX_NESTING
from crewgraph.engine.recorded import recorded
from crewgraph.engine.results import results_of
from crewgraph.engine.run import Mark, Run
from crewgraph.errors import BudgetExceeded, NodeError, StoreError
from crewgraph.errors.root import text_of
from crewgraph.errors.running import budget_behind
from crewgraph.graph import Graph, Start
from crewgraph.outputs import PipelineRunResult, ProcedureRunResult
from crewgraph.store import Definition, Definitions, Source, StoredRun, definition_of, opened_source, runs_in
from crewgraph.store.definitions import broken, plan_of_graph
from crewgraph.store.entries import Spent
from crewgraph.store.pages import Line
from crewgraph.store.replay import StoredLog, stored_log
from crewgraph.syntax import Pipeline
from crewgraph.usage import Account

__all__ = ["present", "replayed", "stored_results"]

STOPPED = frozenset({"failed", "over_budget"})


def stored_results(
    where: str | PathLike[str],
    pipeline: Pipeline | None = None,
    *,
    key: str | None = None,
    status: Collection[str] | str | None = None,
) -> Iterator[PipelineRunResult | ProcedureRunResult]:
    """The results of the runs in a store, one after the other, by the numbers of their inputs.

    Args:
        where: the store.
        pipeline: whose runs they are, where its code is at hand: what its nodes gave has the types that they declare.
            Without it nothing is imported, and values are as JSON has them.
        key: what the pipeline is called in the store; the name of the pipeline where that is given, else all of them.
        status: only runs that ended so: see :func:`crewgraph.store.stored_runs`.

    Raises:
        StoreError: it is none, or it is damaged. A run of which something is broken is a failed result.
    """
    now = None if pipeline is None else present(pipeline)
    named = key if key is not None or pipeline is None else pipeline.name or "pipeline"
    with opened_source(where) as source:
        definitions = Definitions(source, now)
        for run in runs_in(source, key=named, status=status):
            yield from results_of(replayed(source, run, definitions))


def present(pipeline: Pipeline) -> Definition:
    """What a pipeline is now."""
    return definition_of(compile_pipeline(pipeline), pipeline.input_model)


def replayed(
    source: Source,
    record: StoredRun,
    definitions: Callable[[str], Definition],
    *,
    inputs: Mapping[str, Any] | None = None,
    lines: Sequence[Line] | None = None,
) -> Run:
    """A run as it stands in a store.

    What of it cannot be read makes it a failed run whose error says so. A node that was not kept gives nothing.

    Args:
        source: the store.
        record: the run.
        definitions: gives the definition of a run by its name.
        inputs: its input, where that is at hand; else it is read.
        lines: what was noted of its nodes, where that was read already.

    Raises:
        StoreError: the store itself cannot be read.
    """
    try:
        definition = definitions(record.definition)
        with broken(source.where, f"the input of run '{record.id}'"):
            given = _typed(definition, record.inputs) if inputs is None else inputs
    except StoreError as error:
        run = Run(NOTHING, record.place, inputs or {})
        run.log = stored_log(source, record, definition_of(NOTHING), run.frontier.state).plain
        run.error = error
        return run
    run = Run(definition.plan, record.place, given)
    log = stored_log(source, record, definition, run.frontier.state, lines)
    run.log = log.plain
    _walk(run, log)
    _conclude(run, record, source.where)
    return run


NOTHING = plan_of_graph(Graph([Start("start")], []))
"""What is known of a pipeline of which nothing is."""


def _typed(definition: Definition, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """An input as the pipeline takes it; as JSON has it where that is not known, or does not fit any more."""
    seen = definition.plan.inputs.look_at(values)
    return values if seen.missing or seen.misfits else seen.values


# ---- walking ---------------------------------------------------------------------------------------------------


def _walk(run: Run, log: StoredLog) -> None:
    """Settle every node of which it is known what it gave."""
    todo = run.start()
    while todo:
        node = todo.pop()
        line = log.line(node)
        if line is not None:
            try:
                todo += _settled(run, log, node, line)
            except StoreError as error:
                run.marks[node] = _mark(line)
                run.marks[node].error = error
                run.root.error = run.root.error or error


def _settled(run: Run, log: StoredLog, node: int, line: Line) -> list[int]:
    """Do with a node as it did; the nodes that are ready because of it."""
    match line.status:
        case "ok" | "not kept":
            ready = run.take_over(node, log.kept(node, line))
            run.marks[node].source = None  # it is looked at as it was when it ran
            return ready
        case "opened":
            return _opened(run, log, node, line)
        case "failed":
            spent = log.spent(node, line)
            models = [call.name for call in spent.calls if call.kind == "model"]
            run.marks[node] = _mark(line, spent)
            run.marks[node].error = recorded(line.error or "", model=models[-1] if models else None)
        case "waiting" if line.output is not None:
            run.marks[node] = _mark(line)
            run.marks[node].waiting = log.question(node, line)
        case _:  # it was stopped
            run.marks[node] = _mark(line, log.spent(node, line))
    return []


def _mark(line: Line, spent: Spent | None = None) -> Mark:
    account = Account()
    if spent is not None:
        account.usage, account.calls = spent.usage, list(spent.calls)
    account.close()
    mark = Mark(line.started)
    mark.ended = None if line.status == "waiting" else line.ended
    mark.account, mark.attempt = account, line.attempt
    return mark


def _opened(run: Run, log: StoredLog, node: int, line: Line) -> list[int]:
    """Walk the pipeline that an open router came up with."""
    definition = log.opened(node, line)
    if run.depth >= MAX_NESTING:
        raise StoreError(log.where, f"run '{log.run_id}' goes {MAX_NESTING} pipelines deep into itself")
    mark = run.marks[node] = _mark(line)
    mark.account, mark.route = None, line.route
    subrun = Run(definition.plan, run.index, run.values(node), parent=(run, node))
    inner = log.within(node, line, definition, subrun.frontier.state)
    subrun.log, run.subruns[node] = inner.plain, subrun
    _walk(subrun, inner)
    return run.adopt(node, subrun) if subrun.unsettled == 0 else []


# ---- how it ended ----------------------------------------------------------------------------------------------


def _conclude(run: Run, record: StoredRun, where: str) -> None:
    """Give a run the error that was noted, and its end."""
    if run.error is not None:
        return
    failed = sorted(_failures(run), key=lambda each: each[1].ended or 0.0)
    if record.status in STOPPED or failed:
        run.error = _error_of(record, failed)
        if record.status == "over_budget" and budget_behind(run.error) is None:
            (run.error.__cause__ or run.error).__cause__ = recorded(f"{BudgetExceeded.__name__}: {record.error}")
    elif record.status == "ok" and run.unsettled:
        run.error = StoreError(
            where, f"run '{record.id}' is noted as ok, and what is noted of its nodes does not lead to its end"
        )
    else:
        run.cancelled = record.status != "ok" and not run.questions


def _failures(run: Run) -> Iterator[tuple[str, Mark]]:
    for inner in run.family():
        for node, mark in inner.marks.items():
            if mark.error is not None:
                yield inner.plan.nodes[node].name, mark


def _error_of(record: StoredRun, failed: list[tuple[str, Mark]]) -> BaseException:
    """The error of a run: that of the node that failed first, if it is what was noted, else what was noted."""
    for name, mark in failed:
        cause = mark.error
        assert cause is not None, "they failed"
        error = NodeError(name, cause)
        if record.error is None or record.error.startswith(f"'{name}' failed: "):
            error.args = (record.error or text_of(error),)  # with the notes that it had
            return error
        if text_of(cause) == record.error:
            return cause  # the time of the run was up, and of its nodes with it
    kind = BudgetExceeded.__name__ if record.status == "over_budget" else "RecordedError"
    return recorded(f"{kind}: {record.error or 'nobody noted why'}")
