"""The driver: runs lowering and all passes, drops what is ignored, and is the one place that raises."""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager

from crewgraph.compiler.analysis import Analysis, analysis_of
from crewgraph.compiler.lower import lower
from crewgraph.compiler.passes import ERRORS, OF_FLOW, OF_STRUCTURE
from crewgraph.compiler.plan import Plan, plan_of
from crewgraph.compiler.verdict import Rule, rules_of, strict_in, verdict
from crewgraph.diagnostics import Findings, Ignore, strictness
from crewgraph.errors import PipelineInvalid
from crewgraph.graph import Graph
from crewgraph.hints import resolved_once
from crewgraph.inputs import InputSpec, declared
from crewgraph.syntax import Pipeline

__all__ = ["analyse", "check", "compile_pipeline", "inputs"]

BROKEN = frozenset({"CG101", "CG102", "CG103", "CG104", "CG202", "CG203"})
"""With these a part of the graph is missing or cannot be ordered; what it reads and gives is looked at afterwards."""


@contextmanager
def _uncollected() -> Generator[None]:
    """Keep the garbage collector from walking a graph again and again while it grows: nothing in it is garbage.

    That takes a quarter of the time for 100,000 nodes. Who has turned the collector off keeps it off.
    """
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


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
    graph, findings, _ = _looked_at(pipeline, taken=taken, ignore=ignore, strict=strict)
    return graph, findings


def check(
    pipeline: Pipeline, *, ignore: Iterable[Ignore] = (), strict: bool | Collection[str] | None = None
) -> Findings:
    """All findings, errors first, each group in the order of the text; for the options see :func:`analyse`."""
    return analyse(pipeline, ignore=ignore, strict=strict)[1]


@_uncollected()
def compile_pipeline(pipeline: Pipeline, *, taken: Collection[str] = ()) -> Plan:
    """The plan of a pipeline; for ``taken`` see :func:`analyse`.

    Raises:
        PipelineInvalid: with all findings, when at least one is an error.
    """
    graph, findings, analysis = _looked_at(pipeline, taken=taken, is_check=False)
    if not findings.ok or analysis is None:
        raise PipelineInvalid(analyse(pipeline, taken=taken)[1])
    return plan_of(graph, analysis.flow.order, analysis.inputs, analysis.flow.guards)


def inputs(pipeline: Pipeline) -> InputSpec:
    """What the inputs of a pipeline must bring; see :attr:`Pipeline.inputs`.

    Raises:
        PipelineInvalid: its structure has errors, so that nobody can tell.
    """
    _, findings, analysis = _looked_at(pipeline)
    if analysis is None:
        raise PipelineInvalid(findings)
    return analysis.inputs


@_uncollected()
@resolved_once()
def _looked_at(
    pipeline: Pipeline,
    *,
    taken: Collection[str] = (),
    ignore: Iterable[Ignore] = (),
    strict: bool | Collection[str] | None = None,
    is_check: bool = True,
) -> tuple[Graph, Findings, Analysis | None]:
    """The graph, everything that was found, and what is known of its values, if the structure allows to follow them.

    Who does not check but wants to run looks for what keeps it from running only.
    """
    codes = strict_in(pipeline) if strict is None else strictness(strict)
    graph, found = lower(pipeline, taken=taken)
    found += [finding for run in OF_STRUCTURE for finding in run(graph)]
    analysis = None
    if not any(finding.code in BROKEN and finding.is_error for finding in found):
        takes = None if pipeline.input_model is None else declared(pipeline.input_model)
        analysis = analysis_of(graph, graph.order(), takes)
        passes, number = (OF_FLOW if is_check or codes else ERRORS), analysis.number
        followed = [finding for run in passes for finding in run(analysis)]
        found += sorted(followed, key=lambda finding: number.get(finding.node or "", -1))  # in the order of the text
    rules = [*rules_of(pipeline), *map(Rule, ignore)]
    return graph, verdict(found, graph, rules=rules, strict=codes), analysis
