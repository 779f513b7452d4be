"""A result as JSON values: one line for each result as it comes."""

from __future__ import annotations

from typing import Any

from crewgraph.outputs import PipelineRunResult, ProcedureRunResult, Waiting, reason_of
from crewgraph.report.lines import counts, plain

__all__ = ["Result", "result_record"]

Result = PipelineRunResult | ProcedureRunResult


def result_record(result: Result, *, reason: str | None = None) -> dict[str, Any]:
    """A result as JSON values.

    Args:
        result: of a run, or of one branch of its final stage.
        reason: why the run failed, where that is better known here than to the engine.
    """
    record: dict[str, Any] = {"index": result.index, "id": str(result.id)}
    record |= ({} if result.run_id is None else {"run_id": result.run_id}) | {"status": str(result.status)}
    if result.forked_from is not None:
        record["forked_from"] = result.forked_from
    if result.waiting:
        record["waiting"] = [_asked(each) for each in result.waiting]
    elif not result.ok:
        record["error"] = reason or reason_of(result)
    answer = result.pydantic if result.pydantic is not None else result.json_dict
    return record | {
        "raw": result.raw,
        "json": None if answer is None else plain(answer),
        "trace": plain(result.trace),
        "token_usage": _spent(result),
        "usage": counts(result.usage),
        "cost": result.cost,
    }


def _asked(question: Waiting) -> dict[str, Any]:
    """What a person is asked."""
    until = None if question.until is None else question.until.isoformat()
    return {"node": question.node, "ask": question.ask, "since": question.since.isoformat(), "until": until}


def _spent(result: Result) -> dict[str, Any]:
    """What was used, by node; those that used nothing are left out."""
    by_node = result.token_usage if isinstance(result, PipelineRunResult) else result.usage_by("node")
    return {node: spent for node, usage in by_node.items() if (spent := counts(usage))}
