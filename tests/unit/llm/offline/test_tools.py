from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph.errors import ModelAnswerInvalid
from crewgraph.llm import Message, OfflineLLM, Reply, Request, ToolCall, ToolSpec
from crewgraph.outputs import UsageMetrics

pytestmark = pytest.mark.anyio

CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}
WEATHER = ToolSpec("get_weather", "The weather", CITY)
ADD = ToolSpec("add", "Add", {"type": "object", "properties": {}})
BOOK = ToolSpec("bookFlight", "Book", {"type": "object", "properties": {}})
CALL = ToolCall("1", "search", '{"q": "tea"}')


class Verdict(BaseModel):
    urgent: bool


def ask(*said: str | Message, tools: Any = (WEATHER, ADD, BOOK), **options: Any) -> Request:
    messages = [each if isinstance(each, Message) else Message("user", each) for each in said]
    return Request(tuple(messages), tools=tuple(tools), **options)


def called(*names: str, arguments: str = "{}") -> tuple[Message, ...]:
    """A turn that called tools, and their results."""
    calls = tuple(ToolCall(name, name, arguments) for name in names)
    told = [Message("tool", f"{name} said so", call_id=name) for name in names]
    return Message("assistant", "", calls), *told


async def names(request: Request, llm: OfflineLLM | None = None) -> list[str]:
    return [call.name for call in (await (llm or OfflineLLM()).complete(request)).calls]


# ---- made up -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("What is the weather in Oslo?", ["get_weather"]),
        ("Please GET WEATHER", ["get_weather"]),
        ("call get_weather", ["get_weather"]),
        ("Add two numbers", ["add"]),
        ("An address", []),
        ("get it", []),
        ("the next flight", ["bookFlight"]),
        ("Add the weather", ["get_weather"]),
        ("Nothing of that", []),
    ],
)
async def test_mentioned(said: str, name: list[str]) -> None:
    """The first tool is called whose name, or a longer word of it, the user mentions as a word."""
    assert await names(ask(said)) == name


async def test_arguments() -> None:
    """Arguments are made up to fit the schema, and the call has an id; the same request gets the same call."""
    reply = await OfflineLLM().complete(ask("weather"))
    (call,) = reply.calls
    given = json.loads(call.arguments)
    assert (type(given["city"]), type(given["days"])) == (str, int)
    assert call.id
    assert (reply.finish_reason, reply.text) == ("tool_calls", "")
    assert reply.calls == (await OfflineLLM().complete(ask("weather"))).calls


async def test_each_once() -> None:
    """Every tool that is mentioned is called once, one in each turn; then there is an answer with the last result."""
    conversation = [Message("user", "Add the weather")]
    for name in ("get_weather", "add"):
        assert await names(ask(*conversation)) == [name]
        conversation += called(name)
    reply = await OfflineLLM().complete(ask(*conversation))
    assert reply.calls == ()
    assert reply.text.endswith("Asked: Add the weather A tool gave: add said so")


async def test_user_speaks_again() -> None:
    """What was called before the user spoke again may be called again."""
    assert await names(ask("weather", *called("get_weather"), "again")) == ["get_weather"]


async def test_forbidden() -> None:
    """Where calls are forbidden there is an answer."""
    assert await names(ask("weather", tool_choice="none")) == []


@pytest.mark.parametrize(
    ("messages", "name"),
    [
        (["Nothing of that"], "get_weather"),
        (["Add"], "add"),
        (["Nothing", *called("get_weather")], "add"),
        (["Nothing", *called("get_weather", "add", "bookFlight")], "get_weather"),
    ],
    ids=["any", "mentioned", "next", "again"],
)
async def test_required(messages: list[Any], name: str) -> None:
    """Where a call is required there is one: of a tool that is mentioned, else of one that was not called, else of any."""
    assert await names(ask(*messages, tool_choice="required")) == [name]


async def test_shape_after_tools() -> None:
    """After its calls the answer has the shape."""
    request = ask("weather", *called("get_weather"), schema=Verdict, tool_choice="none")
    assert Verdict.model_validate_json((await OfflineLLM().complete(request)).text)


@pytest.mark.parametrize(
    "parameters",
    [
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}},
        {"properties": {"a": {"$ref": "#/definitions/A"}}, "definitions": {"A": {"type": "integer"}}},
    ],
    ids=["defs", "definitions"],
)
async def test_references(parameters: dict[str, Any]) -> None:
    """Schemas of foreign tools may keep their parts under either name."""
    (call,) = (await OfflineLLM().complete(ask("add", tools=[ToolSpec("add", "", parameters)]))).calls
    assert isinstance(json.loads(call.arguments)["a"], int)


async def test_impossible_arguments() -> None:
    """Where no arguments can be made up, the error names the tool and how to script the call."""
    broken = ToolSpec("add", "", {"properties": {"a": {"$ref": "#/nowhere"}}, "required": ["a"]})
    with pytest.raises(ModelAnswerInvalid, match=r"make up a add: #/nowhere leads nowhere. hint: .*ToolCall\("):
        await OfflineLLM().complete(ask("add", tools=[broken]))


# ---- scripted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "calls"),
    [(CALL, (CALL,)), ([CALL, CALL], (CALL, CALL)), ((CALL,), (CALL,))],
    ids=["one", "list", "tuple"],
)
@pytest.mark.parametrize("is_function", [True, False], ids=["function", "fixed"])
async def test_scripted_calls(answer: Any, calls: Any, is_function: bool) -> None:
    """A script may answer calls."""
    reply = await OfflineLLM({"tea": (lambda _: answer) if is_function else answer}).complete(ask("tea"))
    assert (reply.calls, reply.finish_reason) == (calls, "tool_calls")


async def test_scripted_reply() -> None:
    """A whole reply is given as it is; its tokens are counted where it has none."""
    usage = UsageMetrics(total_tokens=7)
    whole = Reply(text="a", calls=(CALL,), usage=usage, finish_reason="stop")
    assert await OfflineLLM(answer=whole).complete(ask("tea")) == whole
    bare = await OfflineLLM(answer=Reply(text="a", calls=(CALL,))).complete(ask("tea"))
    assert (bare.finish_reason, bare.usage.total_tokens > 0) == ("tool_calls", True)


async def test_an_empty_list_is_an_answer() -> None:
    """A list without calls is JSON, as any other value."""
    assert (await OfflineLLM(answer=lambda _: []).complete(ask("tea"))).text == "[]"


async def test_fixed_rule_is_done() -> None:
    """A rule whose calls were made gives way to the next, so that a script with a call and an answer just works."""
    llm = OfflineLLM([("tea", CALL), ("tea", "with milk")])
    assert await names(ask("tea"), llm) == ["search"]
    turn = (Message("assistant", "", (CALL,)), Message("tool", "found", call_id="1"))
    assert (await llm.complete(ask("tea", *turn))).text == "with milk"
    assert await names(ask("tea", *turn, "tea again"), llm) == ["search"]


async def test_condition_tells_results() -> None:
    """A function as condition tells the result of a tool by the last message."""
    llm = OfflineLLM([(lambda request: request.messages[-1].role == "tool", "after"), ("tea", CALL)])
    assert await names(ask("tea"), llm) == ["search"]
    assert (await llm.complete(ask("tea", *called("search")))).text == "after"


async def test_function_may_loop() -> None:
    """A function is asked in every turn: a model that never stops calling is scripted with one."""
    llm = OfflineLLM(answer=lambda _: CALL)
    turn = (Message("assistant", "", (CALL,)), Message("tool", "found", call_id="1"))
    assert await names(ask("tea", *turn), llm) == ["search"]


# ---- as a model would --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "pieces"), [("0123456789", 4), ("abc", 3), ("", 0)])
async def test_pieces(answer: str, pieces: int) -> None:
    """Whoever listens gets the answer in a few pieces."""
    heard = list[str]()
    await OfflineLLM(answer=answer).complete(ask("x", tools=(), on_text=heard.append))
    assert ("".join(heard), len(heard)) == (answer, pieces)


@pytest.mark.parametrize(
    ("most", "text", "reason"),
    [(None, "0123456789", "stop"), (9, "0123456789", "stop"), (2, "0123456", "length"), (0, "", "length")],
)
async def test_max_tokens(most: int | None, text: str, reason: str) -> None:
    """An answer for which there is no room is cut, and says so; it takes no more tokens than there are."""
    reply = await OfflineLLM(answer="0123456789").complete(ask("x", tools=(), max_tokens=most))
    assert (reply.text, reply.finish_reason) == (text, reason)
    assert reply.usage.completion_tokens == min(3, 9 if most is None else most)
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


async def test_calls_that_do_not_fit() -> None:
    """Calls for which there is no room are cut off, too."""
    reply = await OfflineLLM(answer=CALL).complete(ask("x", max_tokens=1))
    assert reply.finish_reason == "length"


async def test_tools_are_counted() -> None:
    """What the model is told of tools, and the calls of the conversation, are tokens of the prompt."""
    llm = OfflineLLM(answer="done")
    plain, offered, used = [
        (await llm.complete(request)).usage.prompt_tokens
        for request in (ask("x", tools=()), ask("x"), ask("x", *called("search", arguments='{"q": "long enough"}')))
    ]
    assert plain < offered < used
