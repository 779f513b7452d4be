from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from crewgraph.llm.port import Message, Request, ToolCall, ToolSpec
from crewgraph.llm.wire import calls_of, messages, numbered, refusal_of, tools, usage_of

ASKED = Message("user", "weather?")
CALLED = Message("assistant", "", (ToolCall("c1", "look", '{"x": 1}'),))
SEEN = Message("tool", "rain", call_id="c1")
LOOK = ToolSpec("look", "Looks.", {"type": "object", "properties": {"x": {"type": "integer"}}})


@dataclass
class Bag:
    """Whatever a provider may have put there."""

    tool_calls: Any = None
    id: Any = None
    function: Any = None
    name: Any = None
    arguments: Any = None


@dataclass
class Reported:
    prompt_tokens: Any = None
    completion_tokens: Any = None
    total_tokens: Any = None
    prompt_tokens_details: Any = field(default=None)
    cached_tokens: Any = None


def test_conversation() -> None:
    """Turns, calls and results of calls in OpenAI's words; a turn without text says so."""
    assert messages([ASKED, CALLED, SEEN]) == [
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]


def test_text_beside_calls() -> None:
    """What a model said beside its calls stays."""
    assert messages([Message("assistant", "Let me look.", CALLED.calls)])[0]["content"] == "Let me look."


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"x": 1', "{}"),
        ("[1]", "{}"),
        ("", "{}"),
        ("[" * 100_000, "{}"),
        ('{"x": "ü"}', '{"x": "ü"}'),
    ],
    ids=["cut", "list", "empty", "deep", "object"],
)
def test_broken_arguments_in_the_history(arguments: str, sent: str) -> None:
    """Arguments that no provider could read again are left out; they are in the result of the call."""
    [message] = messages([Message("assistant", "", (ToolCall("1", "look", arguments),))])
    assert message["tool_calls"][0]["function"]["arguments"] == sent


@pytest.mark.parametrize(
    ("name", "sent"),
    [("look up!", "look_up_"), ("", "_"), ("ä" * 100, "_" * 64), ("a-B_9", "a-B_9")],
    ids=["blank", "empty", "long", "fine"],
)
def test_invented_names_in_the_history(name: str, sent: str) -> None:
    """A name that the model made up and no provider would take is sent back as one that they take."""
    [message] = messages([Message("assistant", "", (ToolCall("1", name),))])
    assert message["tool_calls"][0]["function"]["name"] == sent


def test_tools() -> None:
    """A tool is told by its name, description and schema; one without a schema takes nothing."""
    first, second = tools(Request((ASKED,), tools=(LOOK, ToolSpec("now", "The time."))))
    assert first == {
        "type": "function",
        "function": {"name": "look", "description": "Looks.", "parameters": LOOK.parameters},
    }
    assert second["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(("history", "count"), [((ASKED,), 0), ((ASKED, CALLED, SEEN), 1)], ids=["none", "calls"])
def test_forbidden_tools(history: tuple[Message, ...], count: int) -> None:
    """Forbidden tools are told of only where the conversation holds calls."""
    assert len(tools(Request(history, tools=(LOOK,), tool_choice="none"))) == count


def test_ids() -> None:
    """Calls keep the ids that the provider gave them."""
    assert numbered([("a", "look", "{}"), ("b", "look", "{}")], ()) == (
        ToolCall("a", "look"),
        ToolCall("b", "look"),
    )


def test_missing_ids() -> None:
    """Calls without ids get some: always the same ones, and none that is taken."""
    calls = [(None, "look", "{}"), ("", "look", "{}"), ("call_1", "look", "{}")]
    assert [call.id for call in numbered(calls, ())] == ["call_1", "call_2", "call_1_2"]
    assert [call.id for call in numbered(calls[:2], (CALLED,))] == ["call_2", "call_3"]


def test_ids_that_come_twice() -> None:
    """An id that another call of the answer or of the conversation has is made another."""
    calls = [("c1", "look", "{}"), ("c1", "look", "{}"), ("c1_2", "look", "{}")]
    assert [call.id for call in numbered(calls, (ASKED, CALLED))] == ["c1_2", "c1_3", "c1_2_2"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"x": 1}', '{"x": 1}'), ({"x": 1}, '{"x": 1}'), (None, "{}"), ("  ", "{}"), ('{"x', '{"x')],
    ids=["text", "object", "none", "blank", "cut"],
)
def test_calls_of_an_answer(arguments: Any, text: str) -> None:
    """Arguments come as text, whatever the provider made of them; cut ones stay cut."""
    answer = Bag(tool_calls=[Bag(id="1", function=Bag(name="look", arguments=arguments))])
    assert calls_of(answer) == [("1", "look", text)]


def test_answers_without_calls() -> None:
    """No calls are no failure, and neither is a call of nothing."""
    assert calls_of(Bag()) == calls_of(Bag(tool_calls=[])) == []
    assert calls_of(Bag(tool_calls=[Bag()])) == [(None, "", "{}")]


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, {}),
        (Reported(), {}),
        (Reported(7, 3, 10), {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}),
        (Reported(7, 3), {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}),
        (Reported("7", -3, 2.5), {}),
        (
            Reported(7, prompt_tokens_details=Reported(cached_tokens=4)),
            {"prompt_tokens": 7, "total_tokens": 7, "cached_prompt_tokens": 4},
        ),
    ],
    ids=["nothing", "empty", "all", "no total", "nonsense", "cached"],
)
def test_usage(reported: Any, usage: dict[str, int]) -> None:
    """Tokens are taken as they are reported, and counted as none where they are nonsense."""
    assert usage_of(reported) == usage


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (SimpleNamespace(refusal="no"), "no"),
        (SimpleNamespace(refusal=None, provider_specific_fields={"refusal": "no"}), "no"),
        (SimpleNamespace(provider_specific_fields={}), ""),
        (SimpleNamespace(refusal=["no"]), ""),
        (None, ""),
    ],
    ids=["plain", "where litellm puts it", "none", "no text", "no message"],
)
def test_refusal(message: Any, words: str) -> None:
    """The words of a refusal are found wherever they stand."""
    assert refusal_of(message) == words
