"""Answers piece by piece: events while they are written, and nothing but events."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import KickoffError, ModelUnavailable
from crewgraph.llm import Reply, Request
from crewgraph.policy import Policy
from crewgraph.router import Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.trace import Event, ModelCallFailed, ModelText, NodeFinished, NodeStarted, RouteTaken

pytestmark = pytest.mark.anyio


class Writer:
    """Writes word by word, and breaks off as often as it is told to."""

    def __init__(self, text: str, *, breaks: int = 0) -> None:
        self.model = "writer"
        self.text = text
        self.breaks = breaks
        self.listened = list[bool]()

    async def complete(self, request: Request) -> Reply:
        self.listened.append(request.on_text is not None)
        for piece in self.text.split(" "):
            if request.on_text is not None:
                request.on_text(piece)
            await checkpoint()
            if self.breaks:
                self.breaks -= 1
                raise ModelUnavailable("reset in mid-stream")
        return Reply(text=self.text)


def crew(name: str, llm: Any) -> Crew:
    return Crew(name=name, agents=[Agent(role="Clerk")], tasks=[Task(description="write")], llm=llm)


def pieces(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, ModelText)]


async def test_events_with_text() -> None:
    """With ``text=True`` the pieces are among the events, with node, run, crew, task and agent."""
    stream = Pipeline([crew("desk", Writer("a b c"))]).events([{}, {}], text=True)
    events = [event async for event in stream]
    for run in (0, 1):
        mine = [event for event in events if isinstance(event, ModelText) and event.run == run]
        assert pieces(mine) == ["a", "b", "c"]
        assert {(event.node, event.crew, event.agent, event.model) for event in mine} == {
            ("desk", "desk", "Clerk", "writer")
        }


@pytest.mark.parametrize("options", [{}, {"text": False}], ids=["default", "false"])
async def test_events_without(options: Any) -> None:
    """Without it models are not asked to write piece by piece."""
    writer = Writer("a b c")
    events = [event async for event in Pipeline([crew("desk", writer)]).events({}, **options)]
    assert (pieces(events), writer.listened) == ([], [False])


async def test_text_must_be_a_bool() -> None:
    """Anything else is refused, in words."""
    with pytest.raises(TypeError, match="text is True or False, not 'yes'"):
        await Pipeline([crew("desk", Writer("a"))]).kickoff_async({}, text="yes")  # type: ignore[arg-type]


async def test_observers_too() -> None:
    """An observer of a kickoff gets them the same way; without an observer nobody asks for them."""
    writer, events = Writer("a b"), list[Event]()
    pipeline = Pipeline([crew("desk", writer)])
    await pipeline.kickoff_async({}, text=True, observer=events.append)
    await pipeline.kickoff_async({}, text=True)
    assert pieces(events) == ["a", "b"]
    assert writer.listened == [True, False]


async def test_a_failed_attempt() -> None:
    """The pieces of an attempt that breaks off are followed by its failure, and then the next attempt's."""
    pipeline = Pipeline([crew("desk", Writer("a b", breaks=1))], policy=Policy(retry_wait=0))
    events = [event async for event in pipeline.events({}, text=True)]
    told = [
        event.text if isinstance(event, ModelText) else "failed"
        for event in events
        if isinstance(event, ModelText | ModelCallFailed)
    ]
    assert told == ["a", "failed", "a", "b"]


async def test_only_final_answers_are_handed_over() -> None:
    """A router and the next crew see the whole answer of the attempt that succeeded, after its last piece."""
    seen = list[Any]()

    @step
    async def reads(inputs: dict[str, Any]) -> None:
        seen.append(inputs)

    writer = Writer('{"score": 9, "word": "done"}', breaks=2)
    router = Router(default=Pipeline([reads])).add_route("high", "score > 7", Pipeline([reads]))
    pipeline = Pipeline([crew("desk", writer), router], policy=Policy(retry_wait=0))
    events = [event async for event in pipeline.events({}, text=True)]
    assert seen == [{"score": 9, "word": "done"}]
    last_piece = max(number for number, event in enumerate(events) if isinstance(event, ModelText))
    first_later = min(
        number
        for number, event in enumerate(events)
        if isinstance(event, RouteTaken | NodeFinished) or (isinstance(event, NodeStarted) and event.node == "reads")
    )
    assert last_piece < first_later


async def test_text_of_crews_that_a_step_calls() -> None:
    """What a crew or a kickoff inside of a step writes is told as the step's, in a thread of its own too."""

    @step
    async def by_hand() -> None:
        await crew("a", Writer("one")).kickoff_async()
        await Pipeline([crew("b", Writer("two"))]).kickoff_async({})

    @step
    def in_a_thread() -> None:
        crew("c", Writer("three")).kickoff()

    events = [event async for event in Pipeline([by_hand, in_a_thread]).events({}, text=True)]
    told = [(event.text, event.node, event.crew) for event in events if isinstance(event, ModelText)]
    assert told == [("one", "by_hand", "a"), ("two", "by_hand", "b"), ("three", "in_a_thread", "c")]


async def test_leaving_early() -> None:
    """Whoever stops reading in the middle of an answer ends the kickoff."""
    stopped = list[bool]()

    class Endless(Writer):
        async def complete(self, request: Request) -> Reply:
            try:
                while True:
                    assert request.on_text is not None
                    request.on_text("and")
                    await checkpoint()
            finally:
                stopped.append(True)

    async with aclosing(Pipeline([crew("desk", Endless(""))]).events({}, text=True)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, ModelText):
                break
    assert stopped == [True]


async def test_never_an_answer() -> None:
    """An answer that breaks off for good is no answer, however much of it was written."""
    pipeline = Pipeline([crew("desk", Writer("a b c", breaks=99))], policy=Policy(retries=1, retry_wait=0))
    with pytest.raises(KickoffError) as caught:
        await pipeline.kickoff_async({}, text=True, observer=lambda _: None)
    assert caught.value.result[0].raw == ""
