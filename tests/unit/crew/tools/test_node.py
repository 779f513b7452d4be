from __future__ import annotations

from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from crewgraph.crew import Agent, Crew, Task
from crewgraph.crew.tools.convert import BaseTool, as_tool, tool
from crewgraph.crew.tools.node import node_tool
from crewgraph.edges import Graph
from crewgraph.errors import BudgetExceeded, PipelineInvalid, ToolError
from crewgraph.llm import OfflineLLM, Reply, Request, ToolCall
from crewgraph.node import Interface, Need
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Budget
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.trace import Event, ModelCallFinished, ToolCallFinished
from tests.unit.crew.doubles import Recorder, Verdict, crew, listening

pytestmark = pytest.mark.anyio


class Score(BaseModel):
    score: int


def research(llm: Any = "offline", **options: Any) -> Crew:
    return crew(
        Task(description="Look into {topic} for {reader}", name="look"),
        Task(description="Sum {topic} up", name="sum"),
        name="market research", llm=llm, **options,
    )  # fmt: skip


def caller(*calls: ToolCall, text: str = "done") -> OfflineLLM:
    """A model that makes these calls in its first turn, and then answers."""

    def answer(request: Request) -> Any:
        return text if any(each.role == "tool" for each in request.messages) else list(calls)

    return OfflineLLM(answer=answer)


def boss(llm: Any, *tools: Any, **options: Any) -> Crew:
    return Crew(
        name="boss", agents=[Agent(role="Boss", tools=list(tools))], tasks=[Task(description="Go")], llm=llm, **options
    )


def parameters(made: Any) -> Any:
    return as_tool(made).tool_parameters()  # type: ignore[union-attr]


# ---- what it takes -----------------------------------------------------------------------------------------------


async def test_needs_of_a_crew() -> None:
    """A crew takes what its placeholders need, and says where."""
    made = research().as_tool()
    assert (made.name, made.description) == ("market_research", "Has the crew 'market research' work on: look; sum")
    assert parameters(made) == {
        "type": "object",
        "properties": {
            "topic": {"type": "string", "description": "needed by task 'look', task 'sum'"},
            "reader": {"type": "string", "description": "needed by task 'look'"},
        },
        "required": ["topic", "reader"],
        "additionalProperties": False,
    }


async def test_named() -> None:
    """Name, description and the other attributes of a tool can be given."""
    made = research().as_tool(name="Ask research", description="Anything.", result_as_answer=True)
    assert (made.name, made.description, made.result_as_answer) == ("Ask research", "Anything.", True)


async def test_needs_of_a_pipeline() -> None:
    """A pipeline takes what its inputs must bring; what only some routes need may be left out."""

    @step
    def score(amount: int) -> Score:
        return Score(score=amount)

    high = Pipeline([crew(Task(description="Thank {name}"), name="thank")])
    pipeline = Pipeline([score, Router({"high": Route("score > 7", high)}, default=Pipeline([step(lambda: None)]))])
    made = pipeline.as_tool(name="rate")
    assert parameters(made)["required"] == ["amount"]
    properties = parameters(made)["properties"]
    assert properties["amount"]["type"] == "integer"
    assert properties["name"]["description"] == "needed by 'thank', task 'Thank {name}'"
    assert made.tool_arguments('{"amount": "3"}').kwargs == {"amount": 3}


async def test_description_of_a_pipeline() -> None:
    """Its stages are listed, the first of them."""
    one = research()
    made = (one >> [one, one] >> one >> one).as_tool()
    assert made.name == "pipeline"
    assert made.description == f"Has the pipeline 'pipeline' work on: {'; '.join(['market research'] * 4)}; …"


async def test_description_of_a_graph() -> None:
    """Its nodes are listed."""
    made = Graph([(research(), Crew(name="b", agents=[], tasks=[]))], name="both").as_tool()
    assert made.description == "Has the pipeline 'both' work on: market research; b"


async def test_numbers_for_text() -> None:
    """A number where text goes in is text."""
    made = research().as_tool()
    assert made.tool_arguments('{"topic": 2026, "reader": "me"}').kwargs == {"topic": "2026", "reader": "me"}


async def test_changed_node() -> None:
    """What a crew takes is asked anew: one that was changed is told as it is now."""
    node = research()
    made = node.as_tool()
    before = made.tool_parameters()["required"]
    node.tasks[0].description = "Look into {market}"
    assert (before[0], made.tool_parameters()["required"][0]) == ("topic", "market")
    assert made.tool_arguments('{"market": "tea", "topic": "me"}').kwargs["market"] == "tea"


async def test_unknown_node() -> None:
    """A node that says nothing of its needs takes anything; it has no tasks to list."""

    class Foreign:
        async def kickoff_async(self, inputs: Any) -> dict[str, Any]:
            return {"got": inputs}

    made = as_tool(Foreign())
    assert isinstance(made, BaseTool)
    assert (made.name, made.description) == ("foreign", "Has the crew 'foreign' work")
    assert await made.arun(a=1) == CrewOutput(raw='{"got": {"a": 1}}', json_dict={"got": {"a": 1}})


async def test_typed_needs_come_first() -> None:
    """Where one reader of a key says its type, that is the type; where one needs it, it is needed."""

    class Told:
        async def kickoff_async(self, inputs: Any) -> None: ...

        def interface(self) -> Interface:
            return Interface(needs=(Need("a", "one", required=False), Need("a", "two", type=int), Need("a", "three")))

    assert parameters(Told())["properties"]["a"] == {"type": "integer", "description": "needed by one, two, three"}
    assert parameters(Told())["required"] == ["a"]


async def test_no_node() -> None:
    """Something else is refused."""
    with pytest.raises(ToolError, match="'x' is no crew and no pipeline"):
        node_tool("x")


async def test_pipeline_with_errors() -> None:
    """A pipeline that cannot run is told when it is first offered, not when it is defined: a model may come later."""
    unfinished = Pipeline([Crew(agents=[Agent(role="A")], tasks=[Task(description="a")])])
    team = boss("offline", unfinished)
    with pytest.raises(PipelineInvalid, match="CG501"):
        await team.kickoff_async()


# ---- what it does ------------------------------------------------------------------------------------------------


async def test_crew_as_tool() -> None:
    """The agent's arguments fill the inner crew, and its answer is the result; all of it is charged and told."""
    inner = Recorder("found", "summed up")
    events = list[Event]()
    call = ToolCall("1", "market_research", '{"topic": "tea", "reader": "Ada"}')
    with listening(events):
        done = await boss(caller(call), research(inner)).kickoff_async()
    assert inner.said(0)[-1].startswith("Look into tea for Ada")
    assert [each.result for each in events if isinstance(each, ToolCallFinished)] == ["summed up"]
    assert done.token_usage.requests == 4
    assert sum(isinstance(each, ModelCallFinished) for each in events) == 4
    assert [each.crew for each in done.calls] == ["boss", "market research", "market research", "boss", "boss"]


async def test_structured_answer() -> None:
    """An answer with a shape is handed over as JSON."""
    shaped = crew(Task(description="a", output_pydantic=Verdict), name="judge", llm=Recorder('{"urgent": true}'))
    events = list[Event]()
    with listening(events):
        await boss(caller(ToolCall("1", "judge")), shaped).kickoff_async()
    assert [each.result for each in events if isinstance(each, ToolCallFinished)] == ['{"urgent":true,"score":0}']


async def test_pipeline_as_tool() -> None:
    """A pipeline is run with one input; a parallel last stage gives all its answers."""
    left, right = (crew(Task(description="{a}"), name=name, llm=Recorder(name)) for name in ("left", "right"))
    events = list[Event]()
    with listening(events):
        await boss(caller(ToolCall("1", "both", '{"a": 1}')), Pipeline([[left, right]], name="both")).kickoff_async()
    assert [each.result for each in events if isinstance(each, ToolCallFinished)] == ["left\n\nright"]


async def test_by_hand() -> None:
    """It can be called by hand, and says what it lacks."""
    made = research(Recorder("x")).as_tool()
    assert str(await made.arun(topic="tea", reader="Ada")) == "x"
    with pytest.raises(ToolError, match=r"tool 'market_research': .*\n- reader: Field required"):
        await made.arun(topic="tea")


async def test_failure_is_told() -> None:
    """An inner crew that fails is a tool that failed: the agent goes on."""
    broken = research(Recorder(ValueError("no luck")))
    call = ToolCall("1", "market_research", '{"topic": "tea", "reader": "Ada"}')
    done = await boss(caller(call, text="without"), broken).kickoff_async()
    assert done.raw == "without"
    assert done.calls[-2].error is not None
    assert "no luck" in done.calls[-2].error


async def test_own_budget() -> None:
    """The inner crew's own budget stops the inner crew only."""
    call = ToolCall("1", "market_research", '{"topic": "tea", "reader": "Ada"}')
    done = await boss(caller(call, text="without"), research(budget=Budget(calls=1))).kickoff_async()
    assert done.raw == "without"
    assert "BudgetExceeded" in str(done.calls[-2].error)


async def test_budget_around() -> None:
    """A budget around both ends the work of both."""
    call = ToolCall("1", "market_research", '{"topic": "tea", "reader": "Ada"}')
    with pytest.raises(BudgetExceeded, match="node 'boss'"):
        await boss(caller(call), research(), budget=Budget(calls=2)).kickoff_async()


async def test_budget_around_crews_side_by_side() -> None:
    """The error of a budget that crews used up side by side counts all their calls, those under way included."""

    class Slow(Recorder):
        async def complete(self, request: Request) -> Reply:
            reply = await super().complete(request)
            await anyio.lowlevel.checkpoint()
            return reply

    slow = Slow("x")
    calls = [ToolCall(str(number), "market_research", f'{{"topic": "{number}", "reader": "a"}}') for number in range(8)]
    with pytest.raises(BudgetExceeded) as caught:
        await boss(caller(*calls), research(slow), budget=Budget(calls=6)).kickoff_async()
    assert len(slow.requests) == 5
    assert caught.value.usage.requests == 6
    assert str(caught.value).endswith(", 6 calls")


async def test_itself() -> None:
    """A crew whose agent has the crew as a tool ends, however often its model calls it."""
    calls = list[int]()

    def again(request: Request) -> Any:
        calls.append(1)
        return "done" if any(each.role == "tool" for each in request.messages) else ToolCall("1", "boss")

    team = boss(OfflineLLM(answer=again))
    team.agents[0].tools.append(team.as_tool())
    assert (await team.kickoff_async()).raw == "done"
    assert len(calls) == 2 * 9


async def test_called_by_a_thread() -> None:
    """A synchronous tool may run a crew by hand: it is charged all the same."""
    inner = crew(Task(description="a"), name="inner", llm=Recorder("x"))

    @tool
    def ask() -> Any:
        return inner.kickoff()

    done = await boss(caller(ToolCall("1", "ask")), ask).kickoff_async()
    assert done.token_usage.requests == 3


async def test_concurrent_runs() -> None:
    """One definition serves many runs at once."""
    team = boss(OfflineLLM(answer=_echo), research(OfflineLLM(answer="found")))
    raws = list[str]()

    async def run() -> None:
        raws.append((await team.kickoff_async()).raw)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(run)
    assert raws == ["found"] * 20


def _echo(request: Request) -> Any:
    last = request.messages[-1]
    if last.role == "tool":
        return Reply(text=last.content)
    return ToolCall("1", "market_research", '{"topic": "tea", "reader": "Ada"}')
