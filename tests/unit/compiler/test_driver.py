"""The driver: all findings at once, and the one place that raises."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from crewgraph.compiler import Plan, analyse, check, compile_pipeline
from crewgraph.diagnostics import Findings
from crewgraph.errors import PipelineInvalid
from crewgraph.node import Interface, Problem
from crewgraph.outputs import CrewOutput
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Procedure, Stage


class Crew(Stage):
    """A stand-in for a crew."""

    def __init__(self, name: str, *problems: Problem) -> None:
        self.name = name
        self.problems = problems

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        raise AssertionError("compiling runs nothing")

    def interface(self) -> Interface:
        return Interface(problems=self.problems)


a, b = Crew("a"), Crew("b")


def mistaken() -> Pipeline:
    """A warning and three errors; with these nobody follows the values."""
    route = Router({"x": Route(lambda values: True, a)}, b)
    pipeline = Pipeline([a, Crew("a"), route, [], Crew("c", Problem("CG501", "no model for 'c'", "take one"))])
    route.add_route("again", "n > 1", pipeline)
    return pipeline


def test_findings_are_sorted_errors_first() -> None:
    """Each group in the order of the text: what lowering finds, then what the passes find."""
    findings = check(mistaken())
    assert isinstance(findings, Findings)
    assert [finding.code for finding in findings] == ["CG202", "CG102", "CG501", "CG201"]
    assert [finding.code for finding in findings.errors] == ["CG202", "CG102", "CG501"]


def test_compiling_raises_one_error_with_all_findings() -> None:
    """Its text holds all errors; warnings are kept beside them."""
    pipeline = mistaken()
    with pytest.raises(PipelineInvalid) as caught:
        compile_pipeline(pipeline)
    assert caught.value.findings == check(pipeline)
    assert str(caught.value).splitlines() == [
        "the pipeline is invalid: 3 errors",
        *(str(finding) for finding in check(pipeline).errors),
    ]


def test_warnings_keep_nothing_from_running() -> None:
    """The plan is made."""
    pipeline = Pipeline([a, Crew("a")])
    assert [finding.code for finding in check(pipeline)] == ["CG201"]
    assert isinstance(compile_pipeline(pipeline), Plan)


def test_a_fine_pipeline_has_no_findings() -> None:
    """And reads so."""
    assert check(Pipeline([a, b])) == ()
    assert str(check(a >> b)) == "no findings"


@pytest.mark.parametrize("kind", [Pipeline, Procedure])
def test_an_empty_pipeline_does_not_compile(kind: Any) -> None:
    """Although it can be constructed."""
    with pytest.raises(PipelineInvalid, match=r"CG102 empty: the pipeline has no stages. hint: add a stage"):
        compile_pipeline(kind())


def test_the_methods_of_a_pipeline_are_the_same() -> None:
    """`check` and `compile` find what the driver finds."""
    pipeline = mistaken()
    assert pipeline.check() == check(pipeline)
    with pytest.raises(PipelineInvalid):
        pipeline.compile()
    assert isinstance((a >> b).compile(), Plan)


def test_analysing_gives_a_graph_whatever_is_wrong() -> None:
    """For pictures of what is not finished."""
    graph, findings = analyse(mistaken())
    assert not findings.ok
    assert [work.name for work in graph.works] == ["a", "a#2", "a#3", "b", "c"]


def test_names_that_are_taken_are_not_given() -> None:
    """Neither in the graph nor in the plan."""
    graph, _ = analyse(Pipeline([a]), taken={"a"})
    assert list(graph.nodes) == ["start", "a#2"]
    assert "a#2" in compile_pipeline(Pipeline([a]), taken={"a"}).number


def test_compiling_twice_is_the_same() -> None:
    """And each plan is a new one."""
    pipeline = Pipeline([a, [b, Router({"x": Route("n > 1", a)}, b)], a])
    first, second = compile_pipeline(pipeline), compile_pipeline(pipeline)
    assert (first.nodes, first.wiring, first.sources, first.upstream, first.texts, dict(first.inputs)) == (
        second.nodes,
        second.wiring,
        second.sources,
        second.upstream,
        second.texts,
        dict(second.inputs),
    )


def test_compiling_writes_on_nothing() -> None:
    """What the user built is as it was."""
    crew = Crew("x")
    route = Router({"x": Route("n > 1", crew)}, crew)
    pipeline = Pipeline([crew, [crew, route], crew])
    before = dict(vars(crew)), list(pipeline.stages), list(route.routes)
    compile_pipeline(pipeline)
    assert (vars(crew), pipeline.stages, list(route.routes)) == before


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_left_as_it_was(is_on: bool) -> None:
    """It rests while a graph grows, also where that ends with an error, and stays off for who has turned it off."""
    before = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        compile_pipeline(Pipeline([a]))
        assert gc.isenabled() is is_on
        with pytest.raises(RuntimeError, match="no interface"):
            compile_pipeline(Pipeline([Broken()]))
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if before else gc.disable)()


class Broken:
    """A crew that cannot say what it is."""

    async def kickoff_async(self, inputs: object = None) -> str:
        return ""

    def interface(self) -> None:
        raise RuntimeError("no interface")
