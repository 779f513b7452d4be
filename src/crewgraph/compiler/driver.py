"""The driver: runs lowering and all passes, and is the one place that raises."""

from __future__ import annotations

from collections.abc import Collection

from crewgraph.compiler.lower import lower
from crewgraph.compiler.needs import demand_of
from crewgraph.compiler.passes import PASSES
from crewgraph.compiler.plan import Plan, plan_of
from crewgraph.diagnostics import Diagnostic, Findings
from crewgraph.errors import PipelineInvalid
from crewgraph.graph import Graph
from crewgraph.syntax import Pipeline

__all__ = ["analyse", "check", "compile_pipeline"]


def analyse(pipeline: Pipeline, *, taken: Collection[str] = ()) -> tuple[Graph, Findings]:
    """The graph of a pipeline and everything that was found; never raises for what a user wrote.

    Args:
        pipeline: the pipeline.
        taken: names that its nodes must not have, because it runs inside another one.
    """
    graph, structural = lower(pipeline, taken=taken)
    return graph, _sorted([*structural, *_passed(graph)])


def check(pipeline: Pipeline) -> Findings:
    """All findings, errors first, each group in the order of the text."""
    return analyse(pipeline)[1]


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


def _sorted(findings: list[Diagnostic]) -> Findings:
    return Findings(sorted(findings, key=lambda finding: not finding.is_error))
