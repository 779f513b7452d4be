"""What becomes of findings: ignored for a reason, or counted as errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crewgraph.compiler import verdict as module
from crewgraph.compiler.driver import analyse, check, compile_pipeline
from crewgraph.compiler.plan import Plan
from crewgraph.compiler.verdict import Rule, rules_of, strict_in, verdict
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity
from crewgraph.errors import PipelineInvalid
from crewgraph.graph import Graph, Start, Work
from crewgraph.node import Interface, Problem
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Policy
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Stage


class Crew(Stage):
    """A stand-in for a crew."""

    def __init__(self, name: str, *problems: Problem) -> None:
        self.name = name
        self.problems = problems

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        raise AssertionError("compiling runs nothing")

    def interface(self) -> Interface:
        return Interface(problems=self.problems)


def crew(name: str, *codes: str) -> Crew:
    """A crew with findings; they stand inside of it, so that they are reported wherever it stands."""
    return Crew(name, *(Problem(code, f"{code} of {name}") for code in codes))


def node_of(name: str, path: tuple[str, ...] = ()) -> Work:
    return Work(name, name, None, Interface(), path)


GRAPH = Graph([Start("start"), node_of("tidy", ("stage 1 'tidy'",)), node_of("tidy#2"), node_of("reply")], [])
WARNING = Diagnostic("CG305", "replaces", ("stage 1 'tidy'",), node="tidy")
ERROR = Diagnostic("CG302", "sometimes", node="reply")


def told(found: list[Diagnostic], *ignores: Ignore, strict: Any = frozenset()) -> Findings:
    return verdict(found, GRAPH, rules=[Rule(each, is_needed=True) for each in ignores], strict=strict)


# ---- ignoring --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ignore", "kept"),
    [
        (Ignore("CG305", "why"), []),
        (Ignore("CG305", "why", node="tidy"), []),
        (Ignore("CG305", "why", node="reply"), ["CG305", "CG601"]),
        (Ignore("CG304", "why", node="tidy"), ["CG305", "CG601"]),
    ],
    ids=["anywhere", "of the node", "of another node", "another code"],
)
def test_a_finding_is_ignored_by_its_code_and_node(ignore: Ignore, kept: list[str]) -> None:
    """And kept apart, with the reason."""
    findings = told([WARNING], ignore)
    assert list(findings.codes) == kept
    assert [(each.finding, each.reason) for each in findings.suppressed] == ([] if kept else [(WARNING, "why")])


def test_a_node_is_meant_wherever_it_stands() -> None:
    """Its second place too; and that one can be named alone."""
    second = Diagnostic("CG305", "replaces", node="tidy#2")
    assert told([WARNING, second], Ignore("CG305", "why", node="tidy")) == ()
    assert told([WARNING, second], Ignore("CG305", "why", node="tidy#2")) == (WARNING,)


def test_an_ignored_error_keeps_nothing_from_running() -> None:
    """It counts no more."""
    assert told([ERROR], Ignore("CG302", "the desk fills it in")).ok


def test_only_what_can_run_is_ignored() -> None:
    """A node that stands alone is a warning; one that nothing reaches is an error."""
    alone = Diagnostic("CG203", "alone", node="tidy", level=Severity.WARNING)
    assert told([alone], Ignore("CG203", "it runs by itself")) == ()
    assert told([Diagnostic("CG203", "unreached")], Ignore("CG203", "why")).codes == ("CG203",)


def test_the_first_of_several_that_cover_a_finding_gives_the_reason() -> None:
    """None of them is useless."""
    findings = told([WARNING], Ignore("CG305", "first"), Ignore("CG305", "second"))
    assert findings == ()
    assert [each.reason for each in findings.suppressed] == ["first"]


@pytest.mark.parametrize(
    ("ignore", "hint", "node"),
    [
        (Ignore("CG306", "why"), "take it away", None),
        (Ignore("CG306", "why", node="reply"), "take it away", "reply"),
        (Ignore("CG305", "why", node="reply"), "CG305 is found at 'tidy'; name that node, or none", "reply"),
        (Ignore("CG306", "why", node="replay"), "there is no node 'replay'; did you mean 'reply'?", None),
        (Ignore("CG306", "why", node="???"), "there is no node '???'", None),
    ],
    ids=["anywhere", "at a node", "found elsewhere", "a slip", "no such node"],
)
def test_an_ignore_that_matches_nothing_is_reported(ignore: Ignore, hint: str, node: str | None) -> None:
    """With what may have been meant."""
    (useless,) = (finding for finding in told([WARNING], ignore) if finding.code == "CG601")
    assert (useless.message, useless.hint, useless.node) == (f"{ignore} matches no finding", hint, node)


def test_a_useless_ignore_can_be_ignored() -> None:
    """One that ignores nothing of the kind is reported itself."""
    anyway = Ignore("CG601", "used in several places")
    assert told([WARNING], Ignore("CG305", "why"), Ignore("CG306", "why"), anyway) == ()
    assert told([WARNING], Ignore("CG305", "why"), anyway).codes == ("CG601",)


def test_nothing_is_useless_where_not_everything_was_looked_for() -> None:
    """A cycle keeps other passes from finding what is ignored."""
    assert told([Diagnostic("CG202", "a → a")], Ignore("CG305", "why")).codes == ("CG202",)


# ---- strictness ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strict", "errors"),
    [
        ((), ["CG302"]),
        ({"warnings"}, ["CG305", "CG302"]),
        ({"CG403"}, ["CG302", "CG403"]),
        ({"CG305", "CG302"}, ["CG305", "CG302"]),
    ],
    ids=["not at all", "warnings", "a note", "codes"],
)
def test_findings_are_raised_to_errors(strict: Any, errors: list[str]) -> None:
    """All warnings, or the codes that are named; errors come first."""
    findings = told([Diagnostic("CG403", "opaque"), WARNING, ERROR], strict=strict)
    assert [finding.code for finding in findings.errors] == sorted(errors, key=["CG403", "CG305", "CG302"].index)
    assert findings[: len(errors)] == findings.errors


def test_a_warning_that_is_worse_by_itself_is_left_as_it_is() -> None:
    """And one that is milder is no warning."""
    worse, milder = (Diagnostic("CG304", "m", level=level) for level in (Severity.ERROR, Severity.INFO))
    assert told([worse, milder], strict={"warnings"}) == (worse, milder)


def test_what_is_ignored_is_not_raised() -> None:
    """Ignoring comes first."""
    findings = told([WARNING], Ignore("CG305", "why"), strict={"warnings"})
    assert findings.ok
    assert findings.suppressed[0].finding.severity is Severity.WARNING


def test_a_useless_ignore_is_a_warning_like_others() -> None:
    """It is raised too."""
    assert not told([], Ignore("CG305", "why"), strict={"warnings"}).ok


# ---- places ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "node"),
    [
        (("stage 1 'tidy'",), "tidy"),
        (("stage 1 'tidy'", "route 'x'"), "tidy"),
        (("stage 1 'tidy'", "route 'x'", "stage 1"), None),
        (("stage 2",), None),
        ((), None),
    ],
    ids=["its own", "a route of it", "beyond", "elsewhere", "nowhere"],
)
def test_a_finding_learns_its_node_by_its_place(path: tuple[str, ...], node: str | None) -> None:
    """Lowering does not know the names of nodes yet."""
    assert told([Diagnostic("CG403", "m", path)])[0].node == node


# ---- pipelines within pipelines --------------------------------------------------------------------------------


def test_both_sides_of_an_operator_keep_what_they_ignore() -> None:
    """And are spliced all the same; as strict as the stricter one."""
    left = Pipeline([crew("a")], ignore=[Ignore("CG305", "left")])
    right = Pipeline([crew("b"), crew("c")], ignore=[Ignore("CG306", "right")], strict=True)
    both = left >> right
    assert len(both.stages) == 3
    assert [each.reason for each in both.ignore] == ["left", "right"]
    assert both.strict is True
    assert (both >> crew("d")).ignore == both.ignore
    assert (left.ignore, left.strict, right.strict) == ((Ignore("CG305", "left"),), False, True)


def test_a_side_with_a_policy_stays_whole() -> None:
    """With what it ignores, which is said once."""
    inner = Pipeline([crew("a", "CG305")], policy=Policy(retries=1), ignore=[Ignore("CG305", "why")], strict=["CG306"])
    outer = inner >> crew("b")
    assert (outer.stages[0], outer.ignore, outer.strict) == (inner, (), False)
    assert check(outer) == ()
    assert strict_in(outer) == {"CG306"}


def nested(inner: Any) -> dict[str, Pipeline]:
    """A pipeline in every place where one can stand, always as stage 2, behind a crew with the same finding."""
    first, last = crew("first", "CG305"), crew("last")
    routers = {
        "route": Router({"x": Route("n > 1", inner)}, last),
        "default": Router({}, inner),
        "router of a router": Router({"x": Route("n > 1", Router({"y": Route("n > 2", inner)}, last))}, last),
    }
    whole = {"stage": inner, "branch": [last, inner], "branch of a stage": Pipeline([last, [last, inner]])}
    deep = Pipeline([last, Pipeline([last, inner], policy=Policy(retries=1))], policy=Policy(retries=2))
    return {name: Pipeline([first, stage]) for name, stage in (whole | routers | {"deep": deep}).items()}


PLACES = list(nested(Pipeline([])))


@pytest.mark.parametrize("place", PLACES)
def test_a_pipeline_inside_brings_what_it_ignores(place: str) -> None:
    """For its own nodes only."""
    inner = Pipeline([crew("inner", "CG305")], ignore=[Ignore("CG305", "meant")])
    findings = check(nested(inner)[place])
    assert [(finding.code, finding.node) for finding in findings] == [("CG305", "first")]
    assert [(each.finding.node, each.reason) for each in findings.suppressed] == [("inner", "meant")]


@pytest.mark.parametrize("place", PLACES)
def test_a_pipeline_inside_is_as_strict_for_all(place: str) -> None:
    """One that must have no warnings has none where it is a part either."""
    assert strict_in(nested(Pipeline([crew("inner")], strict=True))[place]) == {"warnings"}


def test_what_a_pipeline_inside_ignores_is_not_useless() -> None:
    """Where it stands alone it may be needed."""
    inner = Pipeline([crew("inner")], ignore=[Ignore("CG306", "read by the caller")])
    assert check(inner).codes == ("CG601",)
    assert check(Pipeline([crew("a"), inner])) == ()


def test_nodes_of_a_pipeline_inside_are_named_as_in_it() -> None:
    """Although they may be called otherwise in the whole."""
    inner = Pipeline([crew("tidy", "CG305")], ignore=[Ignore("CG305", "meant", node="tidy")])
    assert check(Pipeline([crew("tidy"), inner])).suppressed[0].finding.node == "tidy#2"


def test_a_pipeline_that_leads_back_to_itself_is_walked_once() -> None:
    """Lowering reports it."""
    router = Router({}, crew("end"))
    pipeline = Pipeline([router], ignore=[Ignore("CG305", "why")])
    router.add_route("again", "n > 1", pipeline)
    assert len(rules_of(pipeline)) == 1
    assert check(pipeline).codes == ("CG202",)


def test_one_that_is_nested_too_deep_is_walked_to_an_end() -> None:
    """Lowering reports it."""
    inner = Pipeline([crew("a")], ignore=[Ignore("CG305", "why")])
    for _ in range(module.MAX_DEPTH + 5):
        inner = Pipeline([inner], policy=Policy(retries=1))
    assert rules_of(inner) == []
    assert "CG104" in check(inner).codes


def test_a_router_whose_routes_are_something_else_is_walked_around() -> None:
    """A double may hold anything."""
    router = Router({}, crew("a"))
    router.routes = [1]  # type: ignore[assignment]
    inner = Router({"x": Route("n > 1", crew("b"))}, Pipeline([crew("c")], ignore=[Ignore("CG305", "why")]))
    inner.routes["odd"] = 7  # type: ignore[assignment]
    assert len(rules_of(Pipeline([router, inner]))) == 1


class HandMade(Pipeline):
    """A stand-in for a graph built by hand."""

    @property
    def wires(self) -> Any:
        inner = Pipeline([crew("b")], ignore=[Ignore("CG305", "why")])
        return SimpleNamespace(names=("a", "inner"), nodes=(crew("a"), inner))


def test_nodes_of_a_graph_built_by_hand_are_walked() -> None:
    """A pipeline among them has its name as its place."""
    assert [rule.inside for rule in rules_of(HandMade([]))] == [("node 'inner'",)]


# ---- the driver ------------------------------------------------------------------------------------------------


def test_a_call_can_be_stricter_or_milder_than_the_pipeline() -> None:
    """What it says wins; without it the pipeline's own counts, in `compile` too."""
    strict = Pipeline([crew("a", "CG305")], strict=True)
    assert (strict.check().ok, strict.check(strict=False).ok, strict.check(strict=["CG306"]).ok) == (False, True, True)
    mild = Pipeline([crew("a", "CG305")])
    assert (mild.check().ok, mild.check(strict=True).ok) == (True, False)
    assert isinstance(compile_pipeline(mild), Plan)
    with pytest.raises(PipelineInvalid, match="CG305 shadows-input: CG305 of a"):
        compile_pipeline(strict)


def test_a_call_can_ignore_more() -> None:
    """Beside what the pipeline says itself; where that matches nothing, it is not told."""
    pipeline = Pipeline([crew("a", "CG305", "CG302")], ignore=[Ignore("CG305", "its own")])
    assert check(pipeline, ignore=[Ignore("CG302", "of the call")]) == ()
    _, findings = analyse(pipeline, ignore=[Ignore("CG306", "of the call")])
    assert findings.codes == ("CG302",)


@pytest.mark.parametrize(
    ("node", "hint"),
    [
        ("replay", "there is no node 'replay'; did you mean 'reply'?"),
        ("tidy#9", "there is no node 'tidy#9'; did you mean 'tidy#2'?"),
        ("tidy", None),
        ("tidy#2", None),
        (None, None),
    ],
    ids=["a slip", "no such place", "a node", "its second place", "no node"],
)
def test_a_call_that_ignores_at_a_node_that_is_not_there_is_told(node: str | None, hint: str | None) -> None:
    """One list of a call may serve several pipelines; what it says of nodes of none is a slip."""
    findings = verdict([WARNING], GRAPH, rules=[Rule(Ignore("CG306", "of the call", node=node))], strict=frozenset())
    assert [finding.hint for finding in findings if finding.code == "CG601"] == ([hint] if hint else [])


def test_an_ignored_error_runs() -> None:
    """The plan is made."""
    assert isinstance(compile_pipeline(Pipeline([crew("a", "CG302")], ignore=[Ignore("CG302", "meant")])), Plan)


def test_an_unknown_code_to_be_strict_about_is_refused() -> None:
    """Wherever it is said."""
    with pytest.raises(ValueError, match="there is no finding 'CG999'"):
        Pipeline([crew("a")]).check(strict=["CG999"])
