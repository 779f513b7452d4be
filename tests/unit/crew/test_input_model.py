"""What a crew's inputs are declared to be: needs, validation before anything is asked, coerced values."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field, ValidationError, computed_field, model_serializer

from crewgraph.crew import Agent, ConditionalTask, Crew, Task
from crewgraph.errors import ValueMisfit
from crewgraph.llm import OfflineLLM, Request
from crewgraph.node import interface_of
from crewgraph.outputs import TaskOutput
from crewgraph.syntax import Pipeline


class Order(BaseModel):
    number: int
    kind: Literal["new", "old"] = "new"


class Answer(BaseModel):
    word: str


class Other(BaseModel):
    word: int
    size: int


def desk(**options: Any) -> Crew:
    task = Task(description="Look at order {number}, a {kind} one, of {who}.")
    return Crew(
        name="desk", agents=[Agent(role="Clerk")], tasks=[task], input_model=Order, **{"llm": "offline", **options}
    )


def test_needs() -> None:
    """The fields of the model are needed, with their types; what has a default can be done without."""
    needs = {need.key: need for need in interface_of(desk()).needs if need.where == "the input model Order"}
    assert {key: (need.type, need.required) for key, need in needs.items()} == {
        "number": (int, True),
        "kind": (Literal["new", "old"], False),
    }


@pytest.mark.anyio
async def test_values_are_coerced_and_filled_in() -> None:
    """What the model does not name stays as it is."""
    asked = list[str]()

    def answer(request: Request) -> str:
        asked.append(request.messages[-1].content)
        return "done"

    await desk(llm=OfflineLLM(answer=answer)).kickoff_async({"number": "7", "who": "Ada"})
    assert asked == ["Look at order 7, a new one, of Ada."]


@pytest.mark.anyio
async def test_what_does_not_fit_is_told_before_anything_is_asked() -> None:
    """All of it, with the crew's name."""
    with pytest.raises(ValueMisfit) as caught:
        await desk().kickoff_async({"kind": "lost", "who": "Ada"})
    assert list(caught.value.misfits) == ["number", "kind"]
    assert str(caught.value).startswith("crew 'desk' cannot take number: it is missing; kind: ")


def test_what_declares_nothing() -> None:
    """Is refused when the crew is made."""
    with pytest.raises(ValidationError, match="inputs are declared by a pydantic model"):
        Crew(input_model=7)


def test_in_a_pipeline() -> None:
    """What is handed over is held against it before anything runs."""

    def number() -> Literal["many"]: ...

    (finding,) = Pipeline([number, desk()]).check().errors
    assert finding.message.startswith("'number' gives Literal['many'] as number, and 'desk' wants number: int")


def test_hooks_may_give_what_is_needed() -> None:
    """Then nothing is required, and the crew may read anything."""
    face = interface_of(desk(before_kickoff=lambda values: values))
    assert not any(need.required for need in face.needs)
    assert face.takes_all


def test_tasks_that_may_be_skipped_give_their_fields_at_times() -> None:
    """Of another type where two tasks differ."""
    first = Task(description="a", output_json=Answer)
    second = ConditionalTask(description="b", condition=bool, output_json=Other)
    face = interface_of(Crew(agents=[Agent(role="r")], tasks=[first, second], llm="offline"))
    assert (face.gives, face.sometimes) == ({"word": int | str}, {"size": int})
    again = ConditionalTask(description="c", condition=bool, output_json=Answer)
    face = interface_of(Crew(agents=[Agent(role="r")], tasks=[Task(description="x"), second, again], llm="offline"))
    assert face.sometimes == {"word": int | str, "size": int}


class Letter(BaseModel):
    text: str
    limit: int = 5

    @computed_field  # type: ignore[prop-decorator]
    @property
    def head(self) -> str:
        return self.text[:2]


def test_what_the_model_fills_in_need_not_be_handed_over() -> None:
    """Its defaults and computed fields are there for placeholders; other keys are not."""
    task = Task(description="{text} {limit} {head} {more}")
    letter = Crew(name="letter", agents=[Agent(role="r")], tasks=[task], llm="offline", input_model=Letter)
    found = Pipeline([letter], inputs=TypedDict("In", {"text": str})).check()
    assert [(each.code, each.message.partition(",")[0]) for each in found] == [("CG301", "'letter' needs {more}")]
    task.description = "{text} {limit} {head}"
    assert Pipeline([letter], inputs=TypedDict("In", {"text": str})).kickoff({"text": "abc"})[0].raw


class DumpsItself(BaseModel):
    word: str

    @model_serializer
    def other(self) -> dict[str, Any]:
        return {"term": self.word}


class AtTimes(BaseModel):
    word: str
    more: int = Field(default=0, exclude_if=lambda value: value == 0)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (DumpsItself, ({}, {}, None)),
        (AtTimes, ({"word": str}, {"more": int}, frozenset({"more"}))),
    ],
    ids=["model_serializer", "exclude_if"],
)
def test_an_answer_that_dumps_itself(model: Any, told: Any) -> None:
    """Promises what its dump is sure to hold."""
    task = Task(description="x", output_pydantic=model)
    face = interface_of(Crew(agents=[Agent(role="r")], tasks=[task], llm="offline"))
    assert (face.gives, face.sometimes, face.may_give) == told


def test_the_model_is_looked_into_once() -> None:
    """Until another one is set."""
    crew = desk()
    first = crew._takes()
    assert crew._takes() is first
    crew.input_model = Answer
    assert [need.key for need in interface_of(crew).needs if need.where == "the input model Answer"] == ["word"]
    assert Crew(input_model=None)._takes() is None


def test_what_looks_like_a_placeholder() -> None:
    """Is told once for each place, with the key that may be meant."""
    task = Task(description="{customer.name} {0} {customer.name} {x:.2f} { y } {css: red} {{literal.text}}")
    problems = interface_of(Crew(agents=[Agent(role="r")], tasks=[task], llm="offline")).problems
    assert [(each.code, each.message.partition(" in ")[0]) for each in problems] == [
        ("CG310", "{customer.name}"),
        ("CG310", "{0}"),
        ("CG310", "{x:.2f}"),
        ("CG310", "{ y }"),
    ]
    assert problems[0].hint == "write {customer}, or {{…}} if it is meant as text"
    assert problems[1].hint == "a placeholder is one {identifier}, or {{…}} if it is meant as text"


def test_guards_in_code_may_answer_anything() -> None:
    """What they give need not be text."""

    def guard(output: TaskOutput) -> Any:
        return True, output.raw

    task = Task(description="a", guardrail=guard)
    assert not interface_of(Crew(agents=[Agent(role="r")], tasks=[task], llm="offline")).is_text
