"""Small rooms of the checker: guards, what is remembered, slips, and how keys go through open hands."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel

from crewgraph.compiler.guards import ALWAYS, MAX_WAYS, covers, exclude, joined
from crewgraph.compiler.memory import Memory
from crewgraph.compiler.slips import is_slip
from crewgraph.crew import Agent, Crew, Task
from crewgraph.edges import Edge, Graph
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline


class Mail(BaseModel):
    text: str


class Customer(BaseModel):
    customer: str


class Word(BaseModel):
    word: str


@step
async def read(text: str) -> Word: ...


@step
async def change(word: str) -> Word: ...


@step
async def look_up(text: str) -> Customer: ...


@step
async def nothing() -> None: ...


@step
async def reply(customer: str) -> str: ...


@step
def anything(text: str):  # type: ignore[no-untyped-def]
    ...


def codes(*stages: Any, inputs: Any = Mail) -> list[str]:
    return [finding.code for finding in Pipeline(list(stages), inputs=inputs).check() if finding.severity != "info"]


# ---- guards ----------------------------------------------------------------------------------------------------


def way(*choices: tuple[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(choices)


A, B = way(("r", "a")), way(("r", "b"))


def test_where_all_routes_meet_the_router_is_forgotten() -> None:
    """Some of them stay what they are."""
    routes = {"r": frozenset("ab")}
    assert joined([frozenset({A}), frozenset({B})], routes, {"r": 0}) == ALWAYS
    assert joined([frozenset({A}), frozenset({A})], routes, {"r": 0}) == frozenset({A})
    assert joined([frozenset({A}), None], routes, {"r": 0}) is None
    assert joined([frozenset({A}), ALWAYS], {"r": frozenset("abc")}, {"r": 0}) == ALWAYS


def test_too_many_ways_are_not_followed() -> None:
    """Nobody can tell then, and nothing is guessed."""
    many = [frozenset({way((f"r{number}", "a"))}) for number in range(MAX_WAYS + 1)]
    routes = {f"r{number}": frozenset("ab") for number in range(MAX_WAYS + 1)}
    assert joined(many, routes, {name: place for place, name in enumerate(routes)}) is None
    assert not covers(None, frozenset({A}))
    assert not covers(None, None)
    assert covers(ALWAYS, None)
    assert not exclude(None, frozenset({A}))


def test_who_runs_with_whom() -> None:
    """One route excludes another of the same router, and not one of another."""
    other = way(("s", "a"))
    assert exclude(frozenset({A}), frozenset({B}))
    assert not exclude(frozenset({A}), frozenset({other}))
    assert covers(frozenset({A}), frozenset({A | other}))
    assert not covers(frozenset({A | other}), frozenset({A}))


# ---- small things ----------------------------------------------------------------------------------------------


def test_memory() -> None:
    """An answer is worked out once for the same types; when it is full it begins anew."""
    memory, asked = Memory[int](2), list[str]()

    def answer() -> int:
        asked.append("x")
        return len(asked)

    kinds = {"a": list[int]}
    assert [memory.of("q", kinds, answer), memory.of("q", kinds, answer)] == [1, 1]
    assert memory.of("q", {"a": list[int]}, answer) == 2  # another object, so perhaps another type
    assert memory.of("r", kinds, answer) == 3
    assert memory.of("q", kinds, answer) == 4


@pytest.mark.parametrize(
    ("key", "other", "is_given", "is_one"),
    [
        ("tpoic", "topic", False, True),
        ("sumary", "summary", False, True),
        ("Topic", "topic", False, True),
        ("topic", "topic", False, False),
        ("urgence", "urgency", False, False),
        ("urgence", "urgency", True, True),
        ("data", "date", True, False),
        ("item1", "item2", True, False),
        ("item", "items", True, False),
        ("note_a", "note_b", True, False),
        ("note_a_b", "note_a", True, False),
        ("main_tpoic", "main_topic", False, True),
        ("form", "from", False, False),
    ],
)
def test_slips(key: str, other: str, is_given: bool, is_one: bool) -> None:
    """Short words are often one letter apart and both meant."""
    assert is_slip(key, other, is_given=is_given) is is_one


# ---- ways ------------------------------------------------------------------------------------------------------


def test_one_function_decides_twice() -> None:
    """What it says at one router it says at the other, so nobody lacks anything."""

    def knows(values: Any) -> bool:
        return bool(values)

    first = Router({"known": Route(knows, look_up)}, nothing)
    assert codes(first, Router({"known": Route(knows, reply)}, nothing)) == []
    findings = Pipeline([first, Router({"known": Route(len, reply)}, nothing)], inputs=Mail).check()
    (finding,) = findings.warnings
    assert finding.code == "CG302"
    assert "may depend on each other in a way that cannot be seen" in finding.message


def test_the_value_has_changed_in_between() -> None:
    """A condition asks of another value under the same name: then the routes do not depend on each other."""

    known = Router({"known": Route("word == 'a'", look_up)}, nothing)
    again = Router({"known": Route("word == 'a'", reply)}, nothing)
    assert codes(read, known, again) == []
    assert "CG302" in codes(read, known, change, again)


@pytest.mark.parametrize(
    ("condition", "is_kept_away"),
    [("name is not None", True), ("name == 'x'", True), ("has(name)", False), ("text == 'a'", False)],
)
def test_a_condition_keeps_a_value_away(condition: str, is_kept_away: bool) -> None:
    """What is refused cannot come through where the condition asks for something else."""

    class Named(BaseModel):
        text: str
        name: str | None

    @step
    async def greet(name: str) -> str: ...

    found = codes(Router({"named": Route(condition, greet)}, nothing), inputs=Named)
    assert ("CG303" not in found) is is_kept_away


def test_a_condition_keeps_a_model_away() -> None:
    """Paths into a value narrow it, too."""

    class Box(BaseModel):
        customer: Customer | None
        size: float

    @step
    async def greet(customer: Customer) -> str: ...

    @step
    async def small(size: Literal[1, 2]) -> str: ...

    assert (
        codes(Router({"a": Route("customer is not None and customer.customer == 'x'", greet)}, nothing), inputs=Box)
        == []
    )
    assert "CG303" in codes(Router({"a": Route("size > 1.2 and size < 1.3", small)}, nothing), inputs=Box)


def test_many_ways_lead_to_a_reader() -> None:
    """One of them is enough, and is found among too many."""
    routers = [Router({"x": Route(f"text == '{number}'", nothing)}, nothing) for number in range(8)]
    late = Router({"known": Route("text == 'known'", look_up)}, nothing)
    assert "CG302" in codes(*routers, late, reply)


def test_an_open_router_may_bring_anything() -> None:
    """Behind it nothing is called missing; what it might have given is a note."""

    class Own(Router):
        def route(self, values: Any) -> Any:
            return self.default, "default"

    assert codes(Own({}, look_up), reply) == []


def test_undeclared_hands() -> None:
    """A note tells of a key that only somebody undeclared may give, and which declaration would settle it."""
    (note,) = [each for each in Pipeline([anything, reply], inputs=Mail).check() if each.code == "CG308"]
    assert note.message == "'reply' takes customer; 'anything' may give it, but does not declare it"
    assert note.hint == "a return annotation, such as a TypedDict"


def test_undeclared_hands_and_a_slip_of_the_pen() -> None:
    """What may be meant is asked before a declaration is proposed; a key like no other is none."""
    misspelt = step(lambda wrod: None, name="misspelt")
    (note,) = [each for each in Pipeline([anything, misspelt], inputs=Word).check() if each.code == "CG308"]
    assert note.hint == "did you mean word? It is an input; else a return annotation, such as a TypedDict"


def test_undeclared_hands_before_branches() -> None:
    """The nearest node that may give it is told."""
    pipeline = Pipeline([anything, [nothing, change], reply], inputs=Word)
    (note,) = [each for each in pipeline.check() if each.code == "CG308"]
    assert "'anything' may give it" in note.message


@pytest.mark.parametrize(("key", "found"), [("talk", []), ("text", ["CG306"])])
def test_a_crew_is_read_by_its_name(key: str, found: list[str]) -> None:
    """Then what it declares beside its text need not be read."""
    talk, end = (
        Crew(name=name, agents=[Agent(role="R")], tasks=[Task(description=says, output_pydantic=kind)], llm="offline")
        for name, says, kind in (("talk", "Say {text}", Customer), ("end", f"Say {{{key}}}", None))
    )
    assert [each.code for each in Pipeline([talk, nothing, end], inputs=Mail).check()] == found


def test_a_similar_key_that_comes_too_late() -> None:
    """It is not what was meant: nobody before gives it."""

    @step
    async def greet(custommer: str) -> None: ...

    early, late = (Pipeline(stages, inputs=Mail).check() for stages in ([look_up, greet], [greet, look_up]))
    assert early.errors[0].hint == "did you mean customer? 'look_up' gives it"
    assert late.errors[0].hint == "add custommer to Mail, or let an earlier node give it"


def test_texts_as_types() -> None:
    """The text of a crew is no number; a foreign crew may give a value of its name."""
    talk = Crew(name="talk", agents=[Agent(role="R")], tasks=[Task(description="Say {text}")], llm="offline")

    @step
    async def total(talk: int) -> str: ...

    (finding,) = Pipeline([talk, total], inputs=Mail).check().errors
    assert finding.message.startswith("'talk' answers in text, and 'total' takes talk: int")


def test_graphs_by_hand() -> None:
    """Branches that exclude each other may give the same key; where they do not, it is told."""

    @step
    async def also(text: str) -> Customer: ...

    either = Graph(
        [
            Edge(nothing, look_up, when="text == 'a'"),
            Edge(nothing, also, otherwise=True),
            (look_up, reply),
            (also, reply),
        ],
        inputs=Mail,
    )
    assert [each.code for each in either.check() if each.severity != "info"] == []
    both = Graph([(nothing, look_up), (nothing, also), (look_up, reply), (also, reply)], inputs=Mail)
    assert [each.code for each in both.check().warnings] == ["CG304"]
    partly = Graph([Edge(nothing, look_up, when="text == 'a'"), (nothing, reply), (look_up, reply)], inputs=Mail)
    assert [each.code for each in partly.check().errors] == ["CG302"]


def test_branches_that_exclude_each_other_meet_a_third() -> None:
    """Two routes and a branch that always runs: the same key of both routes is no clash."""

    @step
    async def also(text: str) -> Customer: ...

    @step
    async def beside() -> None: ...

    routes = [Edge(nothing, look_up, when="text == 'a'"), Edge(nothing, also, otherwise=True), (nothing, beside)]
    assert Graph([*routes, (look_up, reply), (also, reply), (beside, reply)], inputs=Mail).check() == ()


@pytest.mark.parametrize(("otherwise", "found"), [("also", []), ("neither", ["CG302"])])
def test_all_routes_of_another_router_give_it(otherwise: str, found: list[str]) -> None:
    """Whichever it takes, the reader has the key; so it does not matter that the way beside gives none."""

    @step
    async def also(text: str) -> Customer: ...

    @step
    async def neither() -> None: ...

    @step
    async def first() -> None: ...

    @step
    async def beside() -> None: ...

    other = {"also": also, "neither": neither}[otherwise]
    routes = [Edge(nothing, look_up, when="text == 'a'"), Edge(nothing, other, otherwise=True)]
    graph = Graph(
        [*routes, Edge(first, beside, when="text == 'b'"), (look_up, reply), (other, reply), (beside, reply)],
        inputs=Mail,
    )
    assert [each.code for each in graph.check()] == found
