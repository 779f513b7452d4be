"""What a crew's inputs are declared to be: needs, validation before anything is asked, coerced values."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ValidationError

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
    assert (face.gives, face.sometimes) == ({"word": Any}, {"size": int})
    again = ConditionalTask(description="c", condition=bool, output_json=Answer)
    face = interface_of(Crew(agents=[Agent(role="r")], tasks=[Task(description="x"), second, again], llm="offline"))
    assert face.sometimes == {"word": Any, "size": int}


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
