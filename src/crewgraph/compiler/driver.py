"""The driver: runs lowering and all passes, drops what is ignored, and is the one place that raises."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from crewgraph.compiler.lower import lower
from crewgraph.compiler.needs import demand_of
from crewgraph.compiler.passes import PASSES
from crewgraph.compiler.plan import Plan, plan_of
from crewgraph.compiler.verdict import Rule, rules_of, strict_in, verdict
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, strictness
from crewgraph.errors import PipelineInvalid
from crewgraph.graph import Graph
from crewgraph.syntax import Pipeline

__all__ = ["analyse", "check", "compile_pipeline"]


def analyse(
    pipeline: Pipeline,
    *,
    taken: Collection[str] = (),
    ignore: Iterable[Ignore] = (),
    strict: bool | Collection[str] | None = None,
) -> tuple[Graph, Findings]:
    """The graph of a pipeline and everything that was found; never raises for what a user wrote.

    Args:
        pipeline: the pipeline.
        taken: names that its nodes must not have, because it runs inside another one.
        ignore: what is ignored beside what the pipeline says itself.
        strict: which findings count as errors, instead of what the pipeline says itself.
    """
    graph, structural = lower(pipeline, taken=taken)
    rules = [*rules_of(pipeline), *map(Rule, ignore)]
    codes = strict_in(pipeline) if strict is None else strictness(strict)
    return graph, verdict([*structural, *_passed(graph)], graph, rules=rules, strict=codes)


def check(
    pipeline: Pipeline, *, ignore: Iterable[Ignore] = (), strict: bool | Collection[str] | None = None
) -> Findings:
    """All findings, errors first, each group in the order of the text; for the options see :func:`analyse`."""
    return analyse(pipeline, ignore=ignore, strict=strict)[1]


def compile_pipeline(pipeline: Pipeline, *, taken: Collection[str] = ()) -> Plan:
    """The plan of a pipeline; for ``taken`` see :func:`analyse`.

    Raises:
        PipelineInvalid: with all findings, when at least one is an error.
    """
    graph, findings = analyse(pipeline, taken=taken)
    if not findings.ok:
        raise PipelineInvalid(findings)
    order = graph.order()
    return plan_of(graph, order, demand_of(graph, order))


def _passed(graph: Graph) -> list[Diagnostic]:
    return [finding for run in PASSES for finding in run(graph)]
