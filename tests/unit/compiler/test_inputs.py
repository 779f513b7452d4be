"""Which keys the inputs must bring, and which they need not."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from crewgraph.compiler.flow import flow_of
from crewgraph.compiler.inputs import inputs_of
from crewgraph.compiler.lower import lower
from crewgraph.errors import InputError
from crewgraph.graph import Graph, Start, Switch
from crewgraph.inputs import Declared, InputField, InputSpec, Needed
from crewgraph.node import Interface, Need
from crewgraph.outputs import CrewOutput
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline, Procedure, Stage


class Crew(Stage):
    """A stand-in for a crew: "x y" are the keys it reads, "z?" one it can do without."""

    def __init__(self, name: str, reads: str = "", gives: str = "", may_give: str | None = "") -> None:
        self.name = name
        self.told = Interface(
            needs=tuple(Need(key.rstrip("?"), "task 't'", not key.endswith("?")) for key in reads.split()),
            gives=dict.fromkeys(gives.split(), str),
            may_give=None if may_give is None else frozenset(may_give.split()),
        )

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput()

    def interface(self) -> Interface:
        return self.told


class Foreign:
    """Somebody else's crew: it says nothing about itself."""

    async def kickoff_async(self, inputs: Any = None) -> str:
        return ""


class Open(Router):
    """A router that decides by itself."""

    def route(self, values: Any) -> Any:
        return self.default, "new"


def looked_at(graph: Graph, declared: Declared | None = None) -> InputSpec:
    order = graph.order()
    return inputs_of(graph, flow_of(graph, order, declared=list(declared.fields) if declared else None), declared)


def demand(*stages: Any, kind: Any = Pipeline) -> InputSpec:
    return looked_at(lower(kind(list(stages)))[0])


def router(*targets: Any, kind: Any = Router) -> Router:
    *routes, default = targets
    return kind({f"r{n}": Route(f"n == {n}", target) for n, target in enumerate(routes)}, default)


x, y, nothing = Crew("rx", "x"), Crew("ry", "y"), Crew("none")

DEMANDS: list[tuple[str, InputSpec, str, str]] = [
    ("nothing", demand(nothing), "", ""),
    ("what is read", demand(x, Crew("both", "x y")), "x y", ""),
    ("not what can be done without", demand(Crew("c", "x? y")), "y", ""),
    ("not what was given before", demand(Crew("g", "", "x"), x), "", ""),
    ("not what may have been given before", demand(Crew("g", "", "", "x"), x), "", ""),
    ("not what a crew that gives anything may have given", demand(Crew("g", "", "", None), x), "", ""),
    ("not what a foreign crew may have given", demand(Foreign(), x), "", ""),
    ("what is given only later", demand(x, Crew("g", "", "x")), "x", ""),
    ("what is read and given by the same", demand(Crew("g", "x", "x"), x), "x", ""),
    ("not what was given long before", demand(Crew("g", "", "x"), nothing, [nothing, nothing], x), "", ""),
    ("what a branch beside gives", demand([Crew("g", "", "x"), x]), "x", ""),
    ("not what one branch gave", demand([Crew("g", "", "x"), nothing], x), "", ""),
    ("what any branch reads", demand([x, y]), "x y", ""),
    ("a crew's text under its name", demand(Crew("news"), Crew("c", "news")), "", ""),
    ("a crew's text under its name made a placeholder", demand(Crew("The News"), Crew("c", "the_news")), "", ""),
    ("a crew's own text", demand(Crew("news", "news")), "news", ""),
    ("what only one route reads", demand(router(x, nothing)), "", "x"),
    ("what all routes read", demand(router(x, Crew("c", "x y"))), "x", "y"),
    ("what is read behind the routes", demand(router(x, nothing), y), "y", "x"),
    ("what is read on a route and behind", demand(router(x, nothing), Crew("c", "x")), "x", ""),
    ("what one route gives and the end reads", demand(router(Crew("g", "", "x"), nothing), x), "", "x"),
    ("what is read in a branch beside a router", demand([router(x, nothing), y]), "y", "x"),
    ("what a route inside a route reads", demand(router(router(x, nothing), y)), "", "x y"),
    ("what all routes inside all routes read", demand(router(router(x, x), x)), "x", ""),
    ("a router that decides by itself may go elsewhere", demand(router(x, x, kind=Open)), "", "x"),
    ("what is read behind a router that decides by itself", demand(router(x, x, kind=Open), y), "", "x y"),
    ("what was read before it", demand(y, router(x, x, kind=Open)), "y", "x"),
    ("a procedure hands over one output", demand(Crew("g", "", "x"), nothing, x, kind=Procedure), "x", ""),
    ("a procedure hands over the last output", demand(nothing, Crew("g", "", "x"), x, kind=Procedure), "", ""),
    (
        "text of all crews of a procedure",
        demand(Crew("news"), nothing, nothing, Crew("c", "news"), kind=Procedure),
        "",
        "",
    ),
]


@pytest.mark.parametrize(("told", "always", "on_routes"), [row[1:] for row in DEMANDS], ids=[row[0] for row in DEMANDS])
def test_what_inputs_must_bring(told: InputSpec, always: str, on_routes: str) -> None:
    """Keys that every run needs, and keys that only some routes need."""
    assert " ".join(key for key in told.required if key != "n") == always  # n is what routers decide by
    assert " ".join(key for key in told.on_routes if key != "n") == on_routes


def test_who_reads_a_key_is_told_in_words() -> None:
    """Every node and task once, in the order of the text; nobody who gets it from elsewhere."""
    told = demand(x, x, [Crew("z", "x"), Crew("g", "", "x")], Crew("late", "x"))
    assert told["x"].used_by == ("'rx', task 't'", "'rx#2', task 't'", "'z', task 't'")


def test_a_step_is_told_by_its_name() -> None:
    """It has no tasks."""

    def fetch(a: int, b: int = 1) -> None: ...

    assert demand(fetch)["a"].used_by == ("'fetch'",)


def test_what_a_step_gives_is_not_demanded() -> None:
    """By its return annotation, or under its own name."""

    class Page(TypedDict):
        title: str

    def fetch() -> Page: ...
    def topic() -> str: ...
    def anything(): ...  # type: ignore[no-untyped-def]
    def nothing_at_all() -> None: ...
    def as_crew() -> CrewOutput: ...

    fetch.__annotations__["return"] = Page
    for function, reads in ((fetch, "title"), (topic, "topic"), (anything, "x"), (as_crew, "x")):
        assert demand(function, Crew("c", reads)).required == ()
    assert demand(nothing_at_all, x).required == ("x",)


def test_what_an_input_lacks() -> None:
    """Only what every run needs, with its readers."""
    told = InputSpec(
        [InputField("a", used_by=("'x'",)), InputField("b", used_by=("'y'",)), InputField("c", need=Needed.ON_ROUTES)]
    )
    assert told.missing({"a": 1}) == {"b": ("'y'",)}
    assert told.missing({"a": None, "b": None}) == {}
    assert told.missing(iter(["b"])) == {"a": ("'x'",)}


def test_a_router_without_routes_needs_nothing() -> None:
    """In a graph built by hand."""
    graph = Graph([Start("s"), Switch("r", None, (), {})], [])
    assert not looked_at(graph)


class Open(BaseModel):
    n: Any
    m: int


def test_readers_check_what_is_declared_loosely() -> None:
    """What the declaration does not promise is held against each row; what it does is not checked again."""

    @step
    def read(n: int, m: int) -> None: ...

    told = Pipeline([read], inputs=Open).inputs
    assert (told["n"].checks, told["m"].checks) == ((int,), ())
    with pytest.raises(InputError, match="input 0 has an unfit 'n': 'a' is no int"):
        Pipeline([read], inputs=Open).kickoff([{"n": "a", "m": 1}])
