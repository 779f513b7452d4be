"""The tables that results make: runs, nodes and usage, as records with columns that are always there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from crewgraph.frames.columns import Column, Kind, columns_of, plain_text
from crewgraph.outputs import PipelineRunResult, ProcedureRunResult, RunResult, each_run, reason_of
from crewgraph.trace import Span, extent
from crewgraph.usage import UsageMetrics

__all__ = ["Table", "columns", "records"]

Table = Literal["runs", "nodes", "usage"]
"""Which table is wanted."""

_TEXT, _WHOLE, _NUMBER, _MOMENT = Kind.TEXT, Kind.WHOLE, Kind.NUMBER, Kind.MOMENT
_SPENT = {
    "requests": _WHOLE,
    "prompt_tokens": _WHOLE,
    "completion_tokens": _WHOLE,
    "total_tokens": _WHOLE,
    "cost": _NUMBER,
}
_WHEN = {"started": _MOMENT, "seconds": _NUMBER}
FIXED: Mapping[str, Mapping[str, Kind]] = {
    "runs": {
        "index": _WHOLE, "run_id": _TEXT, "branch": _WHOLE, "status": _TEXT, "route": _TEXT, **_WHEN, **_SPENT, "error": _TEXT,
        "answer": _TEXT,
    },
    "nodes": {
        "index": _WHOLE, "run_id": _TEXT, "node": _TEXT, "kind": _TEXT, "status": _TEXT, "route": _TEXT, **_WHEN, **_SPENT,
        "model": _TEXT, "error": _TEXT,
    },
    "usage": {
        "index": _WHOLE, "run_id": _TEXT, "node": _TEXT, "crew": _TEXT, "agent": _TEXT, "model": _TEXT, **_SPENT,
        "failed_requests": _WHOLE, "cached_prompt_tokens": _WHOLE,
    },
}  # fmt: skip
"""The columns that each table has, whatever the results are."""


def columns(results: Iterable[RunResult] | RunResult, table: Table) -> list[Column]:
    """The columns of a table.

    Raises:
        ValueError: there is no such table.
    """
    return columns_of(list(records(results, table)), FIXED[_known(table)])


def records(results: Iterable[RunResult] | RunResult, table: Table = "runs") -> Iterator[dict[str, Any]]:
    """The rows of a table as dicts, with the users' values untouched; a value that is not there is ``None`` or left out.

    Args:
        results: of a kickoff, of a stream, or any others.
        table: "runs" for a row for each result, "nodes" for each node of each run, "usage" for what each agent and
            model of each node took.

    Raises:
        ValueError: there is no such table.
    """
    make = {"runs": _runs, "nodes": _nodes, "usage": _usage}[_known(table)]
    return make([results] if isinstance(results, PipelineRunResult | ProcedureRunResult) else results)


def _known(table: Table) -> Table:
    if table not in FIXED:
        raise ValueError(f'a table is "runs", "nodes" or "usage", not {table!r}')
    return table


# ---- runs ------------------------------------------------------------------------------------------------------------


def _runs(results: Iterable[RunResult]) -> Iterator[dict[str, Any]]:
    """A row for each result; what a run of several branches took stands in the first of its rows, so that sums are right."""
    every, branches = list(results), dict[int, int]()
    for run in every:
        branch = branches[id(run.origin)] = branches.get(id(run.origin), -1) + 1
        yield {
            "index": run.index,
            "run_id": _name(run),
            "branch": branch,
            "status": str(run.status),
            "route": ", ".join(map(plain_text, _routes(run.trace[1:]))) or None,
            **_when(run.spans),
            **(_spent(run.usage) if branch == 0 else {}),
            "error": None if run.ok or run.waiting else plain_text(reason_of(run)),
            "answer": plain_text(run.raw) if run.ok or run.raw else None,
            **_under("answer", _structured(run)),
            **_under("input", run.trace[0] if run.trace else {}),
        }


def _name(run: RunResult) -> str | None:
    """What a run is called in the store, where there is one."""
    return None if run.run_id is None else plain_text(run.run_id)


def _routes(way: Iterable[Any]) -> Iterator[str]:
    """The routes on the way to a result, in order."""
    for item in way:
        if isinstance(item, Mapping) and "route_taken" in item:
            yield str(item["route_taken"])
        elif isinstance(item, list):
            yield from _routes(item)


def _when(spans: Iterable[Span]) -> dict[str, Any]:
    """When a run began, and how long it took from its first node to its last."""
    began, ended = extent(spans)
    return {"started": began, "seconds": (ended - began).total_seconds()} if began and ended else {}


def _structured(run: RunResult) -> dict[Any, Any]:
    try:
        return run.to_dict()
    except Exception:  # noqa: BLE001 - a model of the user's that cannot be dumped: its text is there
        return {}


def _under(prefix: str, values: Any) -> dict[str, Any]:
    """Values by the names of their columns: no two keys share one, whatever they are."""
    named = dict[str, Any]()
    for key, value in values.items() if isinstance(values, Mapping) else ():
        name = f"{prefix}.{plain_text(str(key))}"
        while name in named:
            name += "_"
        named[name] = value
    return named


# ---- nodes and usage -------------------------------------------------------------------------------------------------


def _nodes(results: Iterable[RunResult]) -> Iterator[dict[str, Any]]:
    """A row for each node of each run, those that did not run included."""
    for run in each_run(results):
        for span in run.spans:
            yield {
                "index": run.index,
                "run_id": _name(run),
                "node": plain_text(span.node),
                "kind": span.kind,
                "status": span.status,
                "route": None if span.route is None else plain_text(span.route),
                "started": span.started,
                "seconds": span.seconds if span.started and span.ended else None,
                **(_spent(span.usage) if isinstance(span.usage, UsageMetrics) else {}),
                "model": None if span.model is None else plain_text(span.model),
                "error": None if span.error is None else plain_text(span.error),
            }


def _usage(results: Iterable[RunResult]) -> Iterator[dict[str, Any]]:
    """A row for each node, crew, agent and model of each run that took anything."""
    for run in each_run(results):
        sums = dict[tuple[str, ...], UsageMetrics]()
        for whose, usage in run.shares():
            if usage != UsageMetrics():
                key = tuple(whose.get(name, "") for name in ("node", "crew", "agent", "model"))
                sums.setdefault(key, UsageMetrics()).add_usage_metrics(usage)
        for (node, crew, agent, model), usage in sums.items():
            named = {"node": node, "crew": crew, "agent": agent, "model": model}
            yield {
                "index": run.index,
                "run_id": _name(run),
                **{name: plain_text(value) or None for name, value in named.items()},
                **_spent(usage),
                "failed_requests": usage.failed_requests,
                "cached_prompt_tokens": usage.cached_prompt_tokens,
            }


def _spent(usage: UsageMetrics) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in _SPENT}
