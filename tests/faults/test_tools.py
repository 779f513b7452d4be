"""Agents with tools against a model that misbehaves: it calls for ever, calls what is not there, or is cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crewgraph import Agent, Crew, Task
from crewgraph.errors import ModelAnswerInvalid, ModelError
from crewgraph.policy import Policy
from tests.faults.server import USAGE, Act, Connection, Server, cut, delta, refused, reset, said, streamed, tool_call

pytestmark = pytest.mark.anyio

QUICK = Policy(retries=2, retry_wait=0.001, call_timeout=20)


def add(first: int, second: int) -> int:
    """The sum of two numbers."""
    return first + second


def crew(server: Server, **agent: Any) -> Crew:
    """One agent that can add."""
    return Crew(
        name="c",
        agents=[Agent(role="A", llm=server.llm(policy=QUICK), tools=[add], **agent)],
        tasks=[Task(description="Add.")],
    )


def last_result(server: Server) -> str:
    """What the model was told of its last call."""
    return server.requests[-1]["messages"][-1]["content"]


ADD = tool_call("add", '{"first": 20, "second": 22}')


async def test_works(server: Server) -> None:
    """The result of a call goes back to the model, which answers."""
    server.plays(said(None, calls=[ADD]), said("It is 42."))
    output = await crew(server).kickoff_async()
    assert output.raw == "It is 42."
    assert "42" in last_result(server)
    assert (len(server.requests), output.token_usage.total_tokens) == (2, 2 * USAGE["total_tokens"])


async def test_loops_for_ever(server: Server) -> None:
    """A model that never stops calling, even when it is told to, ends in a typed error with all that it cost."""
    server.plays(said(None, calls=[ADD]))
    with pytest.raises(ModelAnswerInvalid, match="'add'") as caught:
        await crew(server, max_iter=3).kickoff_async()
    assert caught.value.usage.requests == len(server.requests)
    assert 4 <= len(server.requests) <= 5, "three turns, and one or two requests for an answer"
    assert caught.value.usage.total_tokens == len(server.requests) * USAGE["total_tokens"]


async def test_loops_until_told(server: Server) -> None:
    """A model that calls as often as it may has to answer then: tools are forbidden, and the answer is marked."""

    def obeys(to: Connection) -> None:
        forbidden = to.body.get("tool_choice") == "none" or "tools" not in to.body
        (said("enough") if forbidden else said(None, calls=[ADD]))(to)

    server.plays(obeys)
    output = await crew(server, max_iter=3).kickoff_async()
    assert output.raw == "enough"
    assert output.tasks_output[0].forced
    assert len(server.requests) == 4
    assert server.requests[-1]["tool_choice"] == "none"
    assert "tools" in server.requests[-1], "some providers refuse calls in the history without the tools"


@pytest.mark.parametrize(
    "arguments",
    ['{"first": 20, "sec', "", "[1, 2]", '{"first": "x", "second": []}', "null", "{" * 5_000],
    ids=["cut", "empty", "list", "wrong types", "null", "deep"],
)
async def test_bad_arguments(server: Server, arguments: str) -> None:
    """Arguments that are none are told to the model, which may do better; what goes back is valid JSON."""
    server.plays(said(None, calls=[tool_call("add", arguments)]), said(None, calls=[ADD]), said("done"))
    output = await crew(server).kickoff_async()
    assert output.raw == "done"
    told = server.requests[1]["messages"]
    assert isinstance(json.loads(told[-2]["tool_calls"][0]["function"]["arguments"]), dict)
    assert told[-1]["role"] == "tool"
    assert "42" not in told[-1]["content"]
    assert "42" in last_result(server)


@pytest.mark.parametrize("name", ["divide", "add!", "", "a" * 300, "../add", "ädd"], ids=str)
async def test_unknown_tool(server: Server, name: str) -> None:
    """A tool that is not there is told to the model; the name that goes back is one that providers take."""
    server.plays(said(None, calls=[tool_call(name, "{}")]), said("done"))
    output = await crew(server).kickoff_async()
    assert output.raw == "done"
    sent = server.requests[1]["messages"][-2]["tool_calls"][0]["function"]["name"]
    assert 0 < len(sent) <= 64
    assert sent.replace("_", "a").replace("-", "a").isalnum()
    assert sent.isascii()


async def test_cut_off_at_the_limit(server: Server) -> None:
    """A call that was cut off at the limit of tokens is not made; the same limit would cut it again."""
    server.plays(said(None, calls=[tool_call("add", '{"first": 20')], finish="length"))
    with pytest.raises(ModelAnswerInvalid, match="cut off") as caught:
        await crew(server).kickoff_async()
    assert (len(server.requests), caught.value.usage.total_tokens) == (1, USAGE["total_tokens"])


async def test_ids_that_are_missing_or_the_same(server: Server) -> None:
    """Each result goes back under an id of its own, whatever the model gives."""
    calls = [tool_call("add", '{"first": 1, "second": 1}', each) for each in (None, "same", "same")]
    server.plays(said(None, calls=calls), said("done"))
    await crew(server).kickoff_async()
    messages = server.requests[1]["messages"]
    asked = [call["id"] for call in messages[-4]["tool_calls"]]
    assert len(set(asked)) == 3
    assert [message["tool_call_id"] for message in messages[-3:]] == asked


BROKEN = [
    pytest.param(refused(500), False, id="500"),
    pytest.param(reset, False, id="reset"),
    pytest.param(streamed(delta(tool_calls=[{"index": 0, **ADD}]), end=cut), True, id="cut stream"),
    pytest.param(streamed(delta(tool_calls=[{"index": 0, **ADD}]), end=reset), True, id="reset stream"),
]


@pytest.mark.parametrize(("act", "streams"), BROKEN)
async def test_breaks_after_a_call(server: Server, act: Act, streams: bool) -> None:
    """A fault after a call costs a retry of that request, not of the call; a broken stream calls nothing."""
    made = list[int]()

    def count(number: int) -> int:
        """Count."""
        made.append(number)
        return number

    server.plays(said(None, calls=[tool_call("count", '{"number": 7}')]), act, said("done"))
    agent = Agent(role="A", llm=server.llm(policy=QUICK), tools=[count])
    flow = Crew(name="c", agents=[agent], tasks=[Task(description="Count.")]) >> Crew(
        name="d", agents=[Agent(role="B", llm="offline")], tasks=[Task(description="Go on.")]
    )
    [run] = await flow.kickoff_async({}, text=streams, observer=lambda _: None)
    assert made == [7]
    assert len(server.requests) == 3
    assert run.crews_outputs[0].raw == "done"


async def test_fails_after_a_call(server: Server) -> None:
    """What the calls before the fault had cost is on the error."""
    server.plays(said(None, calls=[ADD]), refused(401))
    with pytest.raises(ModelError) as caught:
        await crew(server).kickoff_async()
    assert (caught.value.usage.total_tokens, caught.value.usage.failed_requests) == (USAGE["total_tokens"], 1)
