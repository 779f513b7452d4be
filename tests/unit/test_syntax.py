"""What ``>>`` and the constructors make, what they refuse, and that no operand ever changes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from pydantic import ValidationError

from crewgraph import runtime
from crewgraph.diagnostics import Ignore
from crewgraph.outputs import CrewOutput
from crewgraph.router import Router
from crewgraph.step import step
from crewgraph.syntax import DOUBLE_NESTING, Pipeline, Procedure, Stage, is_function, is_single


class Crew(Stage):
    """A stand-in for a crew."""

    def __init__(self, name: str = "crew") -> None:
        self.name = name

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput(raw=self.name)

    def __repr__(self) -> str:
        return self.name


class Foreign:
    """Somebody else's crew: not a stage of ours."""

    async def kickoff_async(self, inputs: Any = None) -> Any:
        return "foreign"


def function(x: int = 1) -> int:
    return x


a, b, c, d = map(Crew, "abcd")
foreign = Foreign()
router = Router({}, default=d)
fetch = step(function)

# ---- operators -------------------------------------------------------------------------------------------------


def test_two_crews_make_a_procedure() -> None:
    """Which is a pipeline of single crews, with two names for them."""
    made = a >> b
    assert type(made) is Procedure
    assert isinstance(made, Pipeline)
    assert made.crews == made.stages == [a, b]


MADE: list[tuple[str, Callable[[], Any], type, list[Any]]] = [
    ("crew >> crew >> crew", lambda: a >> b >> c, Procedure, [a, b, c]),
    ("crew >> (crew >> crew)", lambda: a >> (b >> c), Procedure, [a, b, c]),
    ("procedure >> procedure", lambda: (a >> b) >> (c >> d), Procedure, [a, b, c, d]),
    ("crew >> foreign", lambda: a >> foreign, Procedure, [a, foreign]),
    ("foreign >> crew", lambda: foreign >> a, Procedure, [foreign, a]),
    ("the same crew twice", lambda: a >> a, Procedure, [a, a]),
    ("crew >> spec", lambda: a >> MagicMock(spec=Crew, __eq__=lambda *_: True), Procedure, [a, b]),
    ("crew >> list", lambda: a >> [b, c], Pipeline, [a, [b, c]]),
    ("crew >> tuple", lambda: a >> (b, c), Pipeline, [a, [b, c]]),
    ("list >> crew", lambda: [b, c] >> a, Pipeline, [[b, c], a]),
    ("tuple >> crew", lambda: (b, c) >> a, Pipeline, [[b, c], a]),
    ("crew >> list of one", lambda: a >> [b], Pipeline, [a, [b]]),
    ("crew >> empty list", lambda: a >> [], Pipeline, [a, []]),
    ("crew >> list >> crew", lambda: a >> [b, c] >> d, Pipeline, [a, [b, c], d]),
    ("list >> pipeline", lambda: [a, b] >> Pipeline([c]), Pipeline, [[a, b], c]),
    ("list >> router", lambda: [a, b] >> router, Pipeline, [[a, b], router]),
    ("list >> step", lambda: [a, b] >> fetch, Pipeline, [[a, b], fetch]),
    ("crew >> router", lambda: a >> router, Pipeline, [a, router]),
    ("router >> crew", lambda: router >> a, Pipeline, [router, a]),
    ("router >> router", lambda: router >> router, Pipeline, [router, router]),
    ("router >> list", lambda: router >> [a, b], Pipeline, [router, [a, b]]),
    ("crew >> step", lambda: a >> fetch, Pipeline, [a, fetch]),
    ("step >> crew", lambda: fetch >> a, Pipeline, [fetch, a]),
    ("crew >> function", lambda: a >> function, Pipeline, [a, function]),
    ("function >> crew", lambda: function >> a, Pipeline, [function, a]),
    ("crew >> built-in", lambda: a >> len, Pipeline, [a, len]),
    ("crew >> pipeline", lambda: a >> Pipeline([b, [c, d]]), Pipeline, [a, b, [c, d]]),
    ("pipeline >> crew", lambda: Pipeline([a, b]) >> c, Pipeline, [a, b, c]),
    ("pipeline >> procedure", lambda: Pipeline([a]) >> (b >> c), Pipeline, [a, b, c]),
    ("procedure >> pipeline", lambda: (a >> b) >> Pipeline([c]), Pipeline, [a, b, c]),
    ("procedure >> list", lambda: (a >> b) >> [c, d], Pipeline, [a, b, [c, d]]),
    ("procedure >> step", lambda: (a >> b) >> fetch, Pipeline, [a, b, fetch]),
    ("empty >> crew", lambda: Pipeline(stages=[]) >> a, Pipeline, [a]),
    ("crew >> empty", lambda: a >> Pipeline(), Pipeline, [a]),
    ("empty procedure >> crew", lambda: Procedure() >> a, Procedure, [a]),
    (
        "branches that are pipelines",
        lambda: a >> [b >> c, router, fetch, function],
        Pipeline,
        [a, [b >> c, router, fetch, function]],
    ),
]


@pytest.mark.parametrize(("make", "kind", "stages"), [row[1:] for row in MADE], ids=[row[0] for row in MADE])
def test_what_an_expression_makes(make: Callable[[], Any], kind: type, stages: list[Any]) -> None:
    """The kind of pipeline, and its stages."""
    made = make()
    assert type(made) is kind
    assert made.stages == stages


def test_operands_never_change() -> None:
    """A pipeline is made anew, its lists too; the crews in it are the same objects."""
    left, right, branches = Pipeline([a, [b, c]], name="left"), Procedure([c, d]), [a, b]
    made = left >> right >> branches >> router
    assert left.stages == [a, [b, c]]
    assert right.stages == [c, d]
    assert branches == [a, b]
    assert made.stages[0] is a
    made.stages[1].append(d)
    made.stages[-2].append(d)
    made.stages.clear()
    assert left.stages == [a, [b, c]]
    assert branches == [a, b]


def test_a_pipeline_may_follow_itself() -> None:
    """Each occurrence is spliced."""
    pipeline = Pipeline([a, b])
    assert (pipeline >> pipeline).stages == [a, b, a, b]


@pytest.mark.parametrize(
    "make", [lambda p: p >> c, lambda p: c >> p, lambda p: p >> [c, d]], ids=["left", "right", "list"]
)
@pytest.mark.parametrize("kind", [Pipeline, Procedure])
def test_name_and_options_go_along(kind: Any, make: Any) -> None:
    """What extends a pipeline keeps its title and how it reads raw text."""
    made = make(kind([a, b], name="title", merge_json=False))
    assert (made.name, made.merge_json) == ("title", False)


def test_of_two_names_the_first_is_kept() -> None:
    """The longer pipeline is called as its beginning."""
    assert (Pipeline([a], name="one") >> Pipeline([b], name="two")).name == "one"
    assert (Pipeline([a]) >> Pipeline([b], name="two")).name == "two"


WRONG = [
    "text",
    b"x",
    None,
    7,
    1.5,
    {},
    {"a": 1},
    set(),
    object(),
    Crew,
    Pipeline,
    functools.partial(function),
    iter([]),
]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("stage", [a, Pipeline([a]), a >> b, router, fetch], ids=lambda stage: type(stage).__name__)
def test_what_is_no_stage_cannot_be_an_operand(stage: Any, value: Any) -> None:
    """On either side it is a TypeError that names both types."""
    ours, theirs = type(stage).__name__, rf"(\w+\.)?{type(value).__name__}"
    with pytest.raises(TypeError, match=rf"unsupported operand type\(s\) for >>: '{ours}' and '{theirs}'"):
        _ = stage >> value
    with pytest.raises(TypeError, match=rf"unsupported operand type\(s\) for >>: '{theirs}' and '{ours}'"):
        _ = value >> stage


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: a >> ["x", b], r"got <class 'str'> \(stage 2 › branch 1\)"),
        (lambda: [b, None] >> a, r"got <class 'NoneType'> \(stage 1 › branch 2\)"),
        (lambda: a >> [[b, c], d], r"Double nesting is not allowed in pipeline stages \(stage 2 › branch 1\)"),
        (lambda: a >> [(b, c), d], r"Double nesting is not allowed in pipeline stages \(stage 2 › branch 1\)"),
    ],
    ids=["text", "none", "list", "tuple"],
)
def test_what_is_no_stage_cannot_be_in_an_operand(make: Any, told: str) -> None:
    """In a list it is a ValidationError that names its place."""
    with pytest.raises(ValidationError, match=told):
        make()


# ---- constructors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage", [a, foreign, fetch, function, len, a.kickoff_async, MagicMock(spec=Crew)], ids=lambda s: type(s).__name__
)
def test_whatever_can_be_a_stage(stage: Any) -> None:
    """Crews, foreign crews, steps, functions and doubles, alone and as a branch."""
    assert Pipeline(stages=[stage]).stages == [stage]
    assert Pipeline(stages=[[stage, stage]]).stages == [[stage, stage]]


def test_stages_are_isinstance_checked_alone() -> None:
    """A class that inherits from a mock and a stage is that stage, and the very object is kept."""
    for kind in (Crew, Router):
        double = type("Double", (MagicMock, kind), {})()
        pipeline = Pipeline(stages=[double, [double]])
        assert pipeline.stages[0] is double
        assert pipeline.stages[1][0] is double


def test_a_pipeline_as_a_stage_is_spliced_flat() -> None:
    """At the top; a branch keeps its pipeline."""
    inner = Pipeline([b, [c, d]])
    assert Pipeline([a, inner, a >> b]).stages == [a, b, [c, d], a, b]
    assert Pipeline([[a, inner]]).stages == [[a, inner]]
    assert Pipeline([Pipeline([Pipeline([])])]).stages == []


def test_a_pipeline_with_a_name_as_a_stage_stays_whole() -> None:
    """So that pictures can show it as one; an operator goes on with it, a procedure is a plain chain, nothing is nothing."""
    inner = Pipeline([b, [c, d]], name="inner")
    assert Pipeline([a, inner]).stages == [a, inner]
    assert (a >> inner).stages == [a, b, [c, d]]
    assert Procedure([a, Procedure([b, c], name="chain")]).stages == [a, b, c]
    assert Pipeline([a, Pipeline([], name="empty")]).stages == [a]


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ("text", "stages is a list, got <class 'str'>"),
        (None, "stages is a list, got <class 'NoneType'>"),
        (7, "stages is a list, got <class 'int'>"),
        ({"a": 1}, "stages is a list, got <class 'dict'>"),
        (a, "stages is a list, got <class '"),
        (["x"], "Expected Crew instance, Router instance, or list of Crews, got <class 'str'>"),
        ([a, 7], "Expected Crew instance, Router instance, or list of Crews, got <class 'int'> (stage 2)"),
        ([Crew], "Expected Crew instance, Router instance, or list of Crews, got <class 'type'> (stage 1)"),
        (
            [[a, "x"]],
            "Expected Crew instance, Router instance, or list of Crews, got <class 'str'> (stage 1 › branch 2)",
        ),
        ([a, [[b, c], d]], f"{DOUBLE_NESTING} (stage 2 › branch 1)"),
        ([a, [b, [[[c]]]]], f"{DOUBLE_NESTING} (stage 2 › branch 2)"),
        ([([a],)], f"{DOUBLE_NESTING} (stage 1 › branch 1)"),
        ([[[]]], f"{DOUBLE_NESTING} (stage 1 › branch 1)"),
    ],
)
@pytest.mark.parametrize("kind", [Pipeline, Procedure])
def test_what_is_refused(kind: Any, stages: Any, told: str) -> None:
    """A pydantic ValidationError with the ancestor's words and the place."""
    with pytest.raises(ValidationError) as caught:
        kind(stages=stages)
    assert told in str(caught.value)


def test_the_words_of_double_nesting() -> None:
    """People's suites for the ancestor match this text."""
    assert DOUBLE_NESTING == "Double nesting is not allowed in pipeline stages"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """One line for each mistake, with its code."""
    with pytest.raises(ValidationError) as caught:
        Pipeline(stages=["x", a, [[b], None], 7])
    lines = [
        line.strip().removeprefix("Value error, ").split(" [type=")[0] for line in str(caught.value).splitlines()[2:6]
    ]
    not_a_stage = "CG103 Expected Crew instance, Router instance, or list of Crews, got"
    assert lines == [
        f"{not_a_stage} <class 'str'> (stage 1)",
        f"CG101 {DOUBLE_NESTING} (stage 3 › branch 1)",
        f"{not_a_stage} <class 'NoneType'> (stage 3 › branch 2)",
        f"{not_a_stage} <class 'int'> (stage 4)",
    ]


@pytest.mark.parametrize("stages", [[], ()], ids=["list", "tuple"])
def test_an_empty_pipeline_can_be_constructed_and_extended(stages: Any) -> None:
    """It is an error only when it is compiled."""
    pipeline = Pipeline(stages=stages)
    assert pipeline.stages == Pipeline().stages == []
    pipeline.stages.append(a)
    assert (pipeline >> b).stages == [a, b]


def test_the_list_given_is_not_kept() -> None:
    """Neither the outer nor the inner one."""
    given = [a, [b, c]]
    pipeline = Pipeline(given)
    pipeline.stages.append(d)
    pipeline.stages[1].append(d)
    assert given == [a, [b, c]]


def test_an_unknown_option_is_refused() -> None:
    """A misspelt option does not pass silently."""
    with pytest.raises(TypeError, match="merge_jsn"):
        Pipeline(stages=[a], merge_jsn=False)


@pytest.mark.parametrize(
    "make", [lambda: Procedure([a, b]), lambda: Procedure(crews=[a, b]), lambda: Procedure(stages=[a, b])]
)
def test_a_procedure_by_its_constructor(make: Any) -> None:
    """`crews` and `stages` are two names of the same."""
    assert make().crews == make().stages == [a, b]


@pytest.mark.parametrize(
    "stage", [[a, b], router, function, Pipeline([[a, b]])], ids=["list", "router", "function", "pipeline"]
)
def test_a_procedure_holds_single_crews(stage: Any) -> None:
    """Anything else belongs in a pipeline, as the message says."""
    with pytest.raises(
        ValidationError, match=r"CG103 a procedure is a chain of single crews.*\(stage 2\).*hint: use Pipeline"
    ):
        Procedure(crews=[a, stage])


def test_a_pipeline_is_short_in_a_repr() -> None:
    """It may hold big crews."""
    assert repr(Pipeline([a, b])) == str(Pipeline([a, b])) == "Pipeline(2 stages)"
    assert repr(Procedure([a, b], name="title")) == "Procedure(2 stages, 'title')"


@pytest.mark.parametrize(
    ("value", "function", "single"),
    [
        (function, True, True),
        (lambda: None, True, True),
        (len, True, True),
        (a.kickoff_async, True, True),
        (a, False, True),
        (foreign, False, True),
        (router, False, True),
        (Pipeline(), False, True),
        (fetch, False, True),
        (functools.partial(function), False, False),
        (Crew, False, False),
        ([a], False, False),
        (SimpleNamespace(kickoff_async=None), False, False),
    ],
    ids=lambda value: "" if isinstance(value, bool) else type(value).__name__,
)
def test_what_is_a_function_and_what_is_single(value: Any, function: bool, single: bool) -> None:
    """A function becomes a step; a list is several."""
    assert is_function(value) is function
    assert is_single(value) is single


# ---- findings that are meant so ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Pipeline, Procedure])
def test_a_pipeline_says_what_it_ignores_and_how_strict_it_is(kind: Any) -> None:
    """In any iterable; codes by their numbers or names."""
    made = kind([a], ignore=iter([Ignore("CG305", "why")]), strict=["cg306", "warnings"])
    assert made.ignore == (Ignore("CG305", "why"),)
    assert made.strict == frozenset({"CG306", "warnings"})
    assert (kind([a]).ignore, kind([a]).strict, kind([a], strict=True).strict) == ((), False, True)


def test_what_is_ignored_can_be_data() -> None:
    """A loaded document holds dicts."""
    made = Pipeline.model_validate({"stages": [a], "ignore": [{"code": "CG305", "reason": "why"}]})
    assert made.ignore == (Ignore("CG305", "why"),)


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"ignore": "CG305"}, r"ignore is a list, got 'CG305'. hint: ignore=\[Ignore"),
        ({"ignore": Ignore("CG305", "why")}, "ignore is a list, got Ignore"),
        ({"ignore": None}, "ignore is a list, got None"),
        ({"ignore": ["CG305"]}, 'ignore wants a reason. hint: Ignore\\("CG305", "why it is meant so"\\)'),
        ({"ignore": [7]}, "ignore"),
        ({"ignore": [{"code": "CG305", "reason": ""}]}, "needs a reason"),
        ({"strict": "CG305"}, r"hint: strict=\['CG305'\]"),
        ({"strict": ["CG999"]}, "there is no finding 'CG999'"),
    ],
    ids=["a code", "one", "nothing", "a code in it", "a number", "no reason", "strict about a code", "unknown"],
)
def test_what_cannot_be_said_about_findings_is_refused(keywords: Any, told: str) -> None:
    """With the edit that mends it."""
    with pytest.raises(ValidationError, match=told):
        Pipeline([a], **keywords)


def test_a_stage_that_ignores_something_stays_whole() -> None:
    """So that it says so of its own stages; an operator splices it, and keeps what it says."""
    inner = Pipeline([a, b], ignore=[Ignore("CG305", "why")])
    strict = Pipeline([a, b], strict=True)
    assert Pipeline([inner, c]).stages == [inner, c]
    assert Pipeline([strict, c]).stages == [strict, c]
    assert (inner >> c).stages == [a, b, c]
    assert (c >> strict).strict is True


# ---- verbs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "args", "keywords"),
    [
        ("check", (), {"strict": ["CG305"]}),
        ("compile", (), {}),
        ("to_text", (), {"depth": 1, "run": [], "style": print}),
        ("to_dot", (), {"orientation": "TB", "depth": 1, "run": [], "style": print}),
        ("to_mermaid", (), {"orientation": "TB", "depth": 1, "run": [], "style": print}),
        ("to_svg", (), {"orientation": "TB", "theme": "dark", "depth": 1, "run": [], "style": print}),
        ("draw", ("x.svg",), {"orientation": "TB", "theme": "light", "depth": 1, "run": [], "style": print}),
        ("events", ([{}],), {"max_concurrency": 3, "on_error": "raise", "engine": "e"}),
        *(
            (name, ([{}],), {"max_concurrency": 3, "on_error": "collect", "observer": print, "engine": "e"})
            for name in ("kickoff", "stream")
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_verb_is_looked_up_and_given_everything(
    monkeypatch: pytest.MonkeyPatch, method: str, args: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    """The method passes the pipeline, its arguments and all options to the function of a higher room."""
    asked = list[str]()

    def verb(name: str) -> Any:
        asked.append(name)
        return lambda *args, **keywords: (args, keywords)

    monkeypatch.setattr("crewgraph.syntax.verb", verb)
    monkeypatch.setattr("crewgraph.drawable.verb", verb)
    pipeline = Pipeline([a])
    assert getattr(pipeline, method)(*args, **keywords) == ((pipeline, *args), keywords)
    assert asked == [method]
    assert runtime.verb is not verb


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["kickoff_async", "process_runs"])
async def test_the_awaitable_verbs(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Both are the same verb."""

    async def told(*args: Any, **keywords: Any) -> Any:
        return args, keywords

    monkeypatch.setattr("crewgraph.syntax.verb", {"kickoff_async": told}.__getitem__)
    pipeline = Pipeline([a])
    args, keywords = await getattr(pipeline, method)([{}], on_error="collect")
    assert args == (pipeline, [{}])
    assert keywords == {"on_error": "collect"}
