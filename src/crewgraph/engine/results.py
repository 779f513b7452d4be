"""From the state of a run to what the user gets: results, journeys and spans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from crewgraph.engine.run import Mark, Run
from crewgraph.errors.running import budget_behind
from crewgraph.frontier import DONE
from crewgraph.graph import Switch, Work
from crewgraph.outputs import (
    CrewOutput,
    PipelineKickoffResult,
    PipelineRunResult,
    ProcedureRunResult,
    RunStatus,
    UsageMetrics,
)
from crewgraph.trace import Journey, Shape, Span, journey, journeys, moment

__all__ = ["kickoff_result", "results_of", "spans_of"]

NAMESPACE = uuid5(NAMESPACE_URL, "crewgraph:run")
"""Of the ids of results that a store keeps."""


def kickoff_result(runs: Iterable[Run]) -> PipelineKickoffResult:
    """The results of several runs, by input."""
    ordered = sorted(runs, key=lambda run: run.index)
    return PipelineKickoffResult(run_results=[result for run in ordered for result in results_of(run)])


def results_of(run: Run) -> list[PipelineRunResult | ProcedureRunResult]:
    """One result for each end that the run reached; one with the error where it did not get there.

    Only the answer is made now: what is known beside it takes five times as long, and is made when somebody looks.
    """
    status = run.status
    if status is not RunStatus.OK:
        return [_result(CrewOutput(), Behind(run))]
    last = run.plan.last
    if last is not None and run.frontier.state[last] == DONE:
        return [_result(run.gave[last], Behind(run))]
    ways = list(_ways(run))
    are_several = len(ways) > 1
    return [_result(_given(run, end), Behind(run, way, end if are_several else None)) for way, end in ways]


def _ways(run: Run) -> Iterator[tuple[list[Any], str]]:
    return journeys(run.plan.graph.shape, _journey(run))


def _given(run: Run, name: str) -> CrewOutput | dict[str, Any]:
    found = ((inner, inner.plan.number.get(name)) for inner in run.family())
    return next(inner.gave[number] for inner, number in found if number is not None and number in inner.gave)


def _result(gave: CrewOutput | dict[str, Any], behind: Behind) -> PipelineRunResult | ProcedureRunResult:
    run = behind.run
    fields: dict[str, Any] = {"index": run.index, "status": run.status, "error": run.error}
    is_procedure = run.plan.graph.is_procedure
    if isinstance(gave, dict):
        fields |= {"pydantic": None, "json_dict": gave}
    else:
        fields |= {"raw": gave.raw, "pydantic": gave.pydantic, "json_dict": gave.json_dict}
        if is_procedure:
            fields |= {"tasks_output": gave.tasks_output, "token_usage": gave.token_usage, "calls": gave.calls}
    return (ProcedureRunResult if is_procedure else PipelineRunResult).later(fields, _behind=behind)


class Behind:
    """What is known of a run beside its answer: of a result, until somebody looks.

    Args:
        run: the run.
        way: from its inputs to the answer; ``None`` where there is one way only.
        branch: the end of that way, where there are several.
    """

    __slots__ = ("_branch", "_way", "run")

    def __init__(self, run: Run, way: list[Any] | None = None, branch: str | None = None) -> None:
        self.run = run
        self._way = way
        self._branch = branch

    def spans(self) -> list[Span]:
        """One for each crew, step and router."""
        return list(spans_of(self.run))

    def beside(self) -> dict[str, Any]:
        """The fields of the result."""
        run, stages = self.run, self._stages()
        outputs = {inner.plan.nodes[node].name: inner.output(node) for inner in run.family() for node in inner.gave}
        usage = run.usage()
        token_usage = {} if run.plan.graph.is_procedure else {"token_usage": usage}  # else it is that of the answer
        return {
            "usage": UsageMetrics.sum(usage.values()),
            **token_usage,
            "forked_from": _forked_from(run),
            "waiting": run.questions,
            "trace": [run.inputs, *stages],
            "crews_outputs": [outputs[name] for name in _names(stages) if name in outputs],
            **_identity(run, self._branch),
        }

    def _stages(self) -> list[Any]:
        if self._way is not None:
            return self._way
        is_through = self.run.status is RunStatus.OK
        return next(_ways(self.run))[0] if is_through else journey(self.run.plan.graph.shape, _journey(self.run))


def _forked_from(run: Run) -> dict[str, Any] | None:
    origin = run.log.origin if run.log is not None else None
    try:
        return None if origin is None else dict(json.loads(origin))
    except (TypeError, ValueError):  # it was not written by us
        return {"run": origin}


def _identity(run: Run, branch: str | None) -> dict[str, Any]:
    """Where a store keeps the run, the same ids each time: of the run, and of a branch of its final stage."""
    if run.log is None:
        return {}
    return {"run_id": run.log.run_id, "id": _id_of(run.log.pipeline, run.log.run_id, branch)}


def _id_of(*names: str | None) -> UUID:
    return uuid5(NAMESPACE, json.dumps(names))


def spans_of(run: Run) -> Iterator[Span]:
    """One span for each crew, step and router, in the order of the text."""
    for number, node in enumerate(run.plan.nodes):
        if isinstance(node, Work | Switch):
            kind = node.interface.kind if isinstance(node, Work) else "router"
            yield _span(run, number, node.name, kind, run.marks.get(number))
            if number in run.subruns:
                yield from spans_of(run.subruns[number])


def _span(run: Run, number: int, name: str, kind: str, mark: Mark | None) -> Span:
    if mark is None:
        return Span(node=name, kind=kind, status="skipped")
    output = run.output(number)
    return Span(
        node=name,
        kind=kind,
        status=_status(run, number, mark),
        started=moment(mark.started),
        ended=moment(mark.ended),
        attempts=mark.attempt,
        inputs=run.values(number),
        output=output,
        route=mark.route,
        usage=run.usage_of(number),
        calls=run.calls_of(number),
        model=_models(output) or getattr(mark.error, "model", None),
        error=f"{type(mark.error).__name__}: {mark.error}" if mark.error else None,
        source=mark.source,
    )


def _status(run: Run, number: int, mark: Mark) -> str:
    if mark.error is not None:
        return "over_budget" if budget_behind(mark.error) else "failed"
    if mark.waiting is not None:
        return "waiting"
    has_chosen = mark.route is not None  # a router that came up with a pipeline is done, whatever becomes of that
    return "ok" if has_chosen or run.frontier.state[number] == DONE else "cancelled"


def _models(output: CrewOutput | None) -> str | None:
    tasks = output.tasks_output if output else []
    return ", ".join(dict.fromkeys(task.model for task in tasks if task.model)) or None


def _journey(run: Run) -> Journey:
    ran, taken, found = set[str](), dict[str, str](), dict[str, Shape]()
    for inner in run.family():
        for number, mark in inner.marks.items():
            name = inner.plan.nodes[number].name
            ran.add(name)
            if mark.route is not None:
                taken[name] = mark.route
        for number, subrun in inner.subruns.items():
            found[inner.plan.nodes[number].name] = subrun.plan.graph.shape
    return Journey(ran, taken, found)


def _names(way: Iterable[Any]) -> Iterator[str]:
    for item in way:
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            yield from _names(item)
