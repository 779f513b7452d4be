from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field

from crewgraph.crew import Agent, Crew, Task, tool
from crewgraph.node import Interface, Need, interface_of
from tests.unit.crew.doubles import Verdict, crew


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    known: int


class Derived(BaseModel):
    net: float
    secret: str = Field(default="", exclude=True)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def gross(self) -> float:
        return self.net * 1.2


def test_needs() -> None:
    """A crew needs the placeholders of its tasks and of the agents who do them, each with its place."""
    worker, idle = Agent(role="{a} worker", goal="{b}", name="w"), Agent(role="{never}")
    tasks = [
        Task(description="{c} {c}", expected_output="{a}", name="t", agent=worker),
        Task(description="more {b}", name="u", agent=worker),
    ]
    needs = interface_of(Crew(agents=[worker, idle], tasks=tasks, llm="offline")).needs
    assert needs == (
        Need("c", "task 't'"),
        Need("a", "task 't'"),
        Need("a", "agent 'w'"),
        Need("b", "agent 'w'"),
        Need("b", "task 'u'"),
    )


@pytest.mark.parametrize(
    ("task", "gives", "may_give"),
    [
        (Task(description="a", output_pydantic=Verdict), {"urgent": bool, "score": int}, frozenset()),
        (Task(description="a", output_json=Verdict), {"urgent": bool, "score": int}, frozenset()),
        (Task(description="a", output_pydantic=Open), {"known": int}, None),
        (Task(description="a", output_pydantic=Derived), {"net": float, "gross": float}, frozenset()),
        (Task(description="Answer as Json"), {}, None),
        (Task(description="Rate it", expected_output="a JSON object"), {}, None),
        (
            Task(description="Rate the urgency_score 2x", expected_output="été"),
            {},
            {"Rate", "the", "urgency_score", "x", "été", "Clerk"},
        ),
    ],
    ids=["pydantic", "json", "open", "computed", "json in words", "json expected", "text"],
)
def test_gives(task: Task, gives: dict[str, Any], may_give: Any) -> None:
    """A shape gives its fields and no more; text gives nothing for sure, and at most what it talks about."""
    interface = interface_of(crew(Task(description="before", output_json=Open), task))
    assert interface.gives == gives
    assert interface.may_give == may_give


@pytest.mark.parametrize("place", ["role", "goal", "backstory"])
def test_agent_asks_for_json(place: str) -> None:
    """Where the agent of the last task is told to write JSON, its text may give any key."""
    clerk = Agent.model_validate({"role": "Clerk", place: "You answer in JSON"})
    made = Crew(agents=[clerk], tasks=[Task(description="Rate it")], llm="offline")
    assert interface_of(made).may_give is None


def test_tool_answers() -> None:
    """A tool whose result is the answer may give any key; another one is no reason to expect them."""

    def look(query: str) -> str:
        """Look it up."""
        return query

    for tools, may_give in (([tool(result_as_answer=True)(look)], None), ([look], {"a", "Clerk"})):
        assert interface_of(crew(Task(description="a", tools=tools))).may_give == may_give
    clerk = Agent(role="Clerk", tools=[tool(result_as_answer=True)(look)])
    for task, may_give in ((Task(description="a"), None), (Task(description="a", tools=[]), {"a", "Clerk"})):
        assert interface_of(Crew(agents=[clerk], tasks=[task])).may_give == may_give


def test_agent_names_keys() -> None:
    """Text may also give what its agent talks about, but not what the agents of earlier tasks do."""
    first, last = Agent(role="Json reader", goal="early"), Agent(role="Clerk", backstory="You fill in urgency")
    tasks = [Task(description="Read", agent=first), Task(description="Rate", agent=last)]
    made = Crew(agents=[first, last], tasks=tasks, llm="offline")
    assert interface_of(made).may_give == {"Rate", "Clerk", "You", "fill", "in", "urgency"}


def test_picture() -> None:
    """For pictures there is a summary and a row for each task."""
    made = Crew(
        agents=[Agent(role="A", llm="openai/x"), Agent(role="B")],
        tasks=[Task(description="one")],
        llm="offline",
    )
    made.tasks = [
        Task(description="one", agent=made.agents[0]),
        Task(description="two", agent=made.agents[1]),
        Task(description="three"),
    ]
    interface = interface_of(made)
    assert interface.summary == "sequential · openai/x, offline"
    assert interface.rows == (("one", "A"), ("two", "B"), ("three", "nobody"))


def test_no_model() -> None:
    """An agent without a model is a finding, once, with the three ways out."""
    interface = interface_of(crew(Task(description="a"), Task(description="b"), llm=None))
    (problem,) = interface.problems
    assert (problem.code, problem.message) == ("CG501", "no model configured for agent 'Clerk'")
    assert all(words in problem.hint for words in ("llm=", "CREWGRAPH_MODEL", "offline"))
    assert interface.summary == "sequential · no model"


def test_no_agent() -> None:
    """A task that nobody does is a finding."""
    made = Crew(agents=[Agent(role="A"), Agent(role="B")], tasks=[Task(description="a")], llm="offline")
    assert [problem.code for problem in interface_of(made).problems] == ["CG502"]


def test_empty() -> None:
    """A crew without tasks is a finding, and says nothing else."""
    interface = interface_of(Crew(llm="offline"))
    assert [problem.code for problem in interface.problems] == ["CG502"]
    assert (interface.needs, interface.gives, interface.may_give) == ((), {}, frozenset())
    assert interface.summary == "sequential · no model"


def test_replaced() -> None:
    """Of a crew that runs in another way nothing is known."""

    class Silent(Crew):
        async def kickoff_async(self, inputs: Any = None) -> Any:
            return None

    assert interface_of(Silent(tasks=[Task(description="{a}")])) == Interface()
