from __future__ import annotations

import pytest

from crewgraph import Agent, Crew, OfflineLLM, Pipeline, Task, step
from crewgraph.listeners import Listener, by_hand, hear, listening, unhear
from crewgraph.trace import NodeStarted, RunStarted, TaskStarted

pytestmark = pytest.mark.anyio


class Ear:
    """Hears, and knows of which kickoff."""

    def __init__(self):
        self.heard = []

    def begin(self, name):
        return lambda event: self.heard.append((name, event))

    def __call__(self, event):
        raise AssertionError("a kickoff asks for an observer of its own")

    def kinds(self):
        return [(name, type(event).__name__) for name, event in self.heard]


class OtherEar(Ear):
    """Another kind."""


@pytest.fixture
def everywhere():
    """Two listeners of different kinds that hear of everything."""
    ears = [Ear(), OtherEar()]
    for ear in ears:
        hear(ear)
    yield ears
    for ear in ears:
        unhear(ear)
    assert by_hand() is None


@step(inline=True)
def work(x):
    return x


async def test_all_hear_of_every_kickoff(everywhere):
    """With the name of the pipeline, and beside the kickoff's own observer."""
    mine = []
    await Pipeline(stages=[work], name="inbox").kickoff_async({"x": 1}, observer=mine.append)
    first, second = everywhere
    assert first.kinds() == second.kinds() == [("inbox", type(event).__name__) for event in mine]
    assert isinstance(mine[0], RunStarted)


async def test_all_hear_of_crews_called_by_hand(everywhere):
    """Which belong to no pipeline."""
    crew = Crew(agents=[Agent(role="a")], tasks=[Task(description="{x}")], llm=OfflineLLM())
    await crew.kickoff_async(inputs={"x": 1})
    first, second = everywhere
    assert first.kinds() == second.kinds()
    assert first.kinds()[0] == ("", "TaskStarted")


async def test_a_listener_of_a_kickoff_stands_in_for_its_kind(everywhere):
    """The others hear all the same."""
    mine = Ear()
    assert isinstance(mine, Listener)
    await Pipeline(stages=[work]).kickoff_async({"x": 1}, observer=mine)
    first, second = everywhere
    assert not first.heard
    assert mine.kinds() == second.kinds() != []


async def test_one_that_raises_keeps_nobody_from_hearing(everywhere, caplog):
    """The error is logged."""

    def sulk(event):
        raise RuntimeError("no")

    await Pipeline(stages=[work]).kickoff_async({"x": 1}, observer=sulk)
    assert everywhere[0].heard
    assert "an observer raised; the run goes on" in caplog.text


async def test_an_inner_kickoff_tells_its_calls_to_the_outer_observer():
    """Where it has none of its own; its runs and nodes are its own affair."""
    crew = Crew(agents=[Agent(role="a")], tasks=[Task(description="{x}")], llm=OfflineLLM())

    @step
    async def outer(x):
        await Pipeline(stages=[crew]).kickoff_async({"x": x})

    heard = []
    await Pipeline(stages=[outer]).kickoff_async([{"x": 0}, {"x": 1}], observer=heard.append)
    assert [event.node for event in heard if isinstance(event, NodeStarted)] == ["outer"] * 2
    assert sorted((event.run, event.node) for event in heard if type(event) is TaskStarted) == [
        (0, "outer"),
        (1, "outer"),
    ]


def test_nobody_hears_of_a_kickoff_that_nobody_asked_for():
    """Then nothing is told at all."""
    assert listening(None, "x") is None
