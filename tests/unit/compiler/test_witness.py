"""The run that a finding shows: it takes the way that is told, and fails there."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any, Literal, TypedDict

import pytest

from crewgraph.compiler.passes.words import MAX_SEARCHED
from crewgraph.diagnostics import Diagnostic, Severity
from crewgraph.errors import CrewgraphError
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline


class Text(TypedDict):
    q: str


@step
async def nothing() -> None: ...


@step
async def gives_q() -> Text: ...


@step
async def reads_x(x: str) -> None: ...


def router(*conditions: str, default: Any = nothing, last: Any = nothing) -> Router:
    routes = {f"r{number}": Route(condition, nothing) for number, condition in enumerate(conditions[:-1])}
    return Router({**routes, "last": Route(conditions[-1], last)}, default)


def found(code: str, *stages: Any, **inputs: Any) -> Diagnostic:
    kind: Any = TypedDict("In", inputs)  # type: ignore[operator,misc]
    return next(each for each in Pipeline(list(stages), inputs=kind).check() if each.code == code)


def test_past_a_condition_that_may_fail() -> None:
    """A value for which it does not fail leads to what stands behind."""
    missing = found("CG301", router("p > 3", last=reads_x), p=int | None)
    assert missing.witness is not None
    assert missing.witness.inputs["p"] > 3


def test_behind_a_condition_that_fails() -> None:
    """No run comes there, and the finding is told all the same: nothing is hidden by another mistake."""
    missing = found("CG301", router("p > 3", last=reads_x), q=str)
    assert (missing.severity, missing.witness) == (Severity.ERROR, None)


def test_a_condition_that_fails_for_what_is_refused() -> None:
    """It keeps the value away from the reader, and is no reason to keep quiet about it."""

    @step
    async def small(p: int) -> None: ...

    stages = router("p > 3", last=small)
    refused, failing = found("CG303", stages, p=int | None), found("CG406", stages, p=int | None)
    assert (refused.severity, refused.witness) == (Severity.ERROR, None)
    assert failing.witness is not None
    assert failing.witness.inputs == {"p": None}


class Price:
    """Its text is made of what only ``__init__`` sets."""

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __repr__(self) -> str:
        return f"{self.amount} €"


class Priced(TypedDict):
    price: Price


def test_a_value_that_cannot_be_shown() -> None:
    """Its type is wrong all the same."""

    @step
    async def ask() -> Priced: ...

    @step
    async def pay(price: int) -> None: ...

    finding = found("CG303", ask, pay)
    assert finding.message == "'ask' gives Price as price, and 'pay' takes price: int; a Price is no int"
    assert (finding.severity, finding.witness) == (Severity.ERROR, None)


def test_of_many_misfits_all_are_told() -> None:
    """A run is shown for the first of them only."""
    keys = [f"k{number}" for number in range(MAX_SEARCHED + 1)]

    async def takes(**values: Any) -> None: ...

    takes.__signature__ = Signature([Parameter(key, Parameter.KEYWORD_ONLY) for key in keys])  # type: ignore[attr-defined]
    takes.__annotations__ = {**dict.fromkeys(keys, int), "return": None}
    kind: Any = TypedDict("In", dict.fromkeys(keys, str))  # type: ignore[operator,misc]
    errors = Pipeline([step(takes)], inputs=kind).check().errors
    assert [each.code for each in errors] == ["CG303"] * len(keys)
    assert [each.witness is None for each in errors] == [*[False] * MAX_SEARCHED, True]


@pytest.mark.parametrize(
    ("conditions", "inputs", "expected"),
    [
        (("p > 3",), {"s": bool}, {"s": True}),
        (("s", "p > 3"), {"s": bool}, {"s": False}),
        (("q != 'b'", "p > 3"), {"q": str}, {"q": "b"}),
        (("r == 'a' or p > 3",), {"r": Literal["a", "b"]}, {"r": "b"}),
        (("r == 'b' and p > 3",), {"r": Literal["a", "b"]}, {"r": "b"}),
    ],
    ids=["first", "second", "second of text", "or", "and"],
)
def test_a_condition_that_lacks_a_key(conditions: tuple[str, ...], inputs: Any, expected: Any) -> None:
    """It is asked, and comes to the place where the key is read."""
    finding = found("CG401", router(*conditions), **inputs)
    assert finding.witness is not None
    assert finding.severity == Severity.ERROR
    assert finding.witness.inputs == expected


def test_a_key_that_no_run_reads() -> None:
    """Is a warning without a run: nobody can show that it fails."""
    finding = found("CG401", router("has(s) and s", "s and p > 3"), s=bool)
    assert (finding.severity, finding.witness) == (Severity.WARNING, None)
    finding = found("CG401", router("True", "p > 3"), s=bool)
    assert (finding.severity, finding.witness) == (Severity.WARNING, None)


@pytest.mark.parametrize("first", ["has(p)", "s or has(p)", "p == 'a' or p != 'a'"])
def test_a_condition_that_is_never_asked_cannot_fail(first: str) -> None:
    """The routes before take everything, so that a wrong one is a warning."""
    finding = found("CG406", router(first, "p > 3"), p=str, s=bool)
    assert (finding.severity, finding.witness) == (Severity.WARNING, None)


def test_a_key_that_only_some_routes_have_seen() -> None:
    """The run takes the other one, and gets as far as the condition."""
    finding = found("CG302", router("has(p)"), router("s", "p > 3"), s=bool)
    assert finding.witness is not None
    assert finding.witness.inputs == {"s": False}


@pytest.mark.parametrize(
    ("conditions", "value"),
    [(("p > 3",), None), (("s", "p > 3"), None), (("p is not None and p.size > 3",), 1)],
    ids=["first", "second", "of another type"],
)
def test_a_condition_that_fails_for_a_value(conditions: tuple[str, ...], value: Any) -> None:
    """The run has the value, and gets as far as the condition."""
    finding = found("CG406", router(*conditions), p=int | None, s=bool)
    assert finding.witness is not None
    assert type(finding.witness.inputs["p"]) is type(value)
    assert finding.witness.inputs["s"] is (len(conditions) == 1)


def test_a_condition_that_fails_for_what_a_node_gave() -> None:
    """Has no run that is told by its inputs alone."""
    assert found("CG406", gives_q, router("q > 3"), s=bool).witness is None
    assert found("CG406", router("p > s"), s=str, p=int).witness is None


class Count(TypedDict):
    n__1: int


def test_a_value_that_changes_on_the_way() -> None:
    """What the input has and what a node gives under the same name are told apart."""

    @step
    async def counts() -> Count: ...

    behind = Pipeline([counts, router("n__1 == 9", last=reads_x)])
    finding = found("CG301", router("n__1 == 1", last=behind), n__1=int)
    assert finding.witness is not None
    assert (finding.witness.inputs, finding.witness.gives) == ({"n__1": 1}, {"n__1": 9})


def test_the_runs_fail() -> None:
    """Each that is told by its inputs alone, run with the mistake in it."""
    pipeline = Pipeline([router("p > 3", last=reads_x)], inputs=TypedDict("In", {"p": int | None}))
    for finding in pipeline.check().errors:
        assert finding.witness is not None
        free = Pipeline(pipeline.stages)
        with pytest.raises(CrewgraphError):
            free.kickoff([finding.witness.inputs])


def test_behind_a_route_that_is_never_taken() -> None:
    """What is missing there is told beside, as a warning: no run comes there as it is written."""
    missing = found("CG301", router("r == 'c'", last=reads_x), r=Literal["a", "b"])
    assert (missing.severity, missing.witness) == (Severity.WARNING, None)
    found("CG402", router("r == 'c'", last=reads_x), r=Literal["a", "b"])


def test_one_condition_that_fails_hides_no_other() -> None:
    """The other routes of its router are looked at all the same."""
    stages = router("p > 3", "r == 'c'", last=reads_x)
    found("CG406", stages, p=int | None, r=Literal["a", "b"])
    assert "'r' is 'a' or 'b'" in found("CG402", stages, p=int | None, r=Literal["a", "b"]).message


class Both(TypedDict):
    p: int
    q: str


def test_a_key_that_one_route_writes_anew() -> None:
    """Two routers that ask the same of the same value go the same way, also where another route writes it anew."""

    @step
    async def gives_both() -> Both: ...

    @step
    async def reads_text(q: str) -> None: ...

    first = router("p > 3", default=gives_both)
    kind: Any = TypedDict("In", {"p": int})
    assert Pipeline([first, router("p > 3", default=reads_text)], inputs=kind).check().ok
    missing = found("CG302", first, router("p > 5", default=reads_text), p=int)
    assert missing.witness is not None
    assert 3 < missing.witness.inputs["p"] <= 5
    assert missing.witness.gives == {}


def test_a_key_that_one_condition_asks_for_and_another_reads() -> None:
    """Is told where it fails."""
    finding = found("CG401", router("has(s) and s", "s or has(p)"), q=str)
    assert finding.severity == Severity.ERROR
    assert finding.message.startswith("the condition of route 'last' of 'router' reads s")
