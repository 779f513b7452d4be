from __future__ import annotations

from typing import Any

import pytest

from crewgraph.crew import Agent, Crew, Task
from crewgraph.crew.tools.convert import tool
from tests.unit.crew.doubles import Recorder

pytestmark = pytest.mark.anyio


@tool
def look(what: str) -> str:
    """Look something up."""
    return what


@tool
def count(what: str) -> int:
    """Count something."""
    return len(what)


@pytest.mark.parametrize(
    ("said", "offered"),
    [({}, ["look"]), ({"tools": None}, ["look"]), ({"tools": [count]}, ["count"]), ({"tools": []}, [])],
    ids=["nothing", "none", "others", "no tools"],
)
async def test_tools_of_a_task(said: Any, offered: list[str]) -> None:
    """What a task says of tools counts instead of its agent's, be it that there are none."""
    llm = Recorder("done")
    made = Crew(agents=[Agent(role="Clerk", tools=[look])], tasks=[Task(description="a", **said)], llm=llm)
    await made.kickoff_async()
    assert [spec.name for spec in llm.requests[0].tools] == offered


async def test_tools_that_are_put_in_later() -> None:
    """A task that is given tools after it was made says so, too; one whose own are taken away has none."""
    llm = Recorder("done")
    task, bare = Task(description="a"), Task(description="b")
    task.tools.append(count)
    bare.tools = []
    await Crew(agents=[Agent(role="Clerk", tools=[look])], tasks=[task, bare], llm=llm).kickoff_async()
    assert [[spec.name for spec in request.tools] for request in llm.requests] == [["count"], []]
