from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph.llm.port import Message, Request, ToolCall, ToolSpec
from crewgraph.llm.recording.fingerprint import as_line, canonical, digest
from crewgraph.testing import SchemaLLM

KEY = "sk-" + "a1B2" * 6


class Verdict(BaseModel):
    """A verdict."""

    urgent: bool
    score: int = 0


def asked(**fields: Any) -> Request:
    return Request(**{"messages": (Message("user", "hi"),), **fields})


def of(request: Request, **says: Any) -> dict[str, Any]:
    return canonical(SchemaLLM(**{"model": "m", **says}), request)


def test_all_that_decides() -> None:
    """The canonical form of a request holds model, parameters, messages, schema and tools, and is JSON."""
    said = (
        Message("user", "hi"),
        Message("assistant", "", (ToolCall("1", "add", '{"a": 1}'),)),
        Message("tool", "2", call_id="1"),
    )
    tools = (ToolSpec("add", "Adds.", {"type": "object"}),)
    told = of(Request(said, Verdict, tools, "required"), parameters={"temperature": 0.5})
    assert json.loads(as_line(told)) == told
    assert told == {
        "model": "m",
        "parameters": {"temperature": 0.5},
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "", "calls": [{"id": "1", "name": "add", "arguments": '{"a": 1}'}]},
            {"role": "tool", "content": "2", "call_id": "1"},
        ],
        "schema": Verdict.model_json_schema(),
        "tools": [{"name": "add", "description": "Adds.", "parameters": {"type": "object"}}],
        "tool_choice": "required",
    }


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(of(asked(messages=(Message("user", "ho"),))), id="message"),
        pytest.param(of(asked(messages=(Message("system", "hi"),))), id="role"),
        pytest.param(of(asked(messages=(Message("user", "hi"), Message("user", "")))), id="another-message"),
        pytest.param(of(asked(schema=Verdict)), id="schema"),
        pytest.param(of(asked(tools=(ToolSpec("t", ""),))), id="tool"),
        pytest.param(of(asked(), model="n"), id="model"),
        pytest.param(of(asked(), parameters={"seed": 1}), id="parameters"),
    ],
)
def test_what_differs(other: dict[str, Any]) -> None:
    """Whatever may change the answer changes the digest."""
    assert digest(other) != digest(of(asked()))


def test_tool_choice_differs() -> None:
    """With tools it counts whether they may be called."""
    tools = (ToolSpec("t", ""),)
    assert digest(of(asked(tools=tools))) != digest(of(asked(tools=tools, tool_choice="none")))


def test_what_does_not_count() -> None:
    """Listeners, the room a budget leaves and the order of keys do not make a request another one."""
    assert of(asked(max_tokens=3, on_text=print)) == of(asked())
    assert digest(of(asked(), parameters={"a": 1, "b": 2})) == digest(of(asked(), parameters={"b": 2, "a": 1}))


def test_no_keys_among_parameters() -> None:
    """Parameters that are named like a secret are left out, at any depth; a limit of tokens is none."""
    secrets = {"api_key": KEY, "aws_secret_access_key": KEY, "token": KEY, "Authorization": KEY, "password": KEY}
    more = {"extra_headers": {"X-Auth": KEY}, "Cookie": KEY, "servers": [{"headers": {"x": KEY}, "name": "a"}]}
    told = of(asked(), parameters={**secrets, **more, "body": {"X-API-Key": KEY, "x": 1}, "max_tokens": 5, "top_k": 3})
    assert told["parameters"] == {"servers": [{"name": "a"}], "body": {"x": 1}, "max_tokens": 5, "top_k": 3}


def test_a_tool_may_take_a_password() -> None:
    """The name of a property in a schema is no secret."""
    schema = {"type": "object", "properties": {"password": {"type": "string"}}}
    told = of(asked(tools=(ToolSpec("log_in", "", schema),)))
    assert told["tools"][0]["parameters"] == schema


def test_values_that_json_has_not() -> None:
    """Parameters of any kind become the same JSON in every process: no addresses, no order of sets."""
    values: dict[str, Any] = {
        "model": Verdict(urgent=True), "kind": Verdict, "set": {"b", "a"}, "pair": (1, None), "object": object(), 1: 2.5,
    }  # fmt: skip
    assert of(asked(), parameters=values)["parameters"] == {
        "model": {"urgent": True, "score": 0},
        "kind": f"{__name__}.Verdict",
        "set": ["a", "b"],
        "pair": [1, None],
        "object": "a builtins.object",
        "1": 2.5,
    }


def test_parameters_that_are_no_mapping() -> None:
    """A model whose ``parameters`` are something else than a mapping has none."""
    llm = SchemaLLM(model="m")
    llm.parameters = "hot"  # type: ignore[assignment]
    assert "parameters" not in canonical(llm, asked())


def test_every_text_can_be_changed() -> None:
    """What is done to texts is done to all that hold data, and to no word of the format."""
    said = (Message("user", "a"), Message("assistant", "b", (ToolCall("i", "n", "c"),)))
    tools = (ToolSpec("n", "d", {"title": "e"}),)
    told = canonical(SchemaLLM(model="f", parameters={"stop": ["g"]}), Request(said, tools=tools), text=str.upper)
    assert told == {
        "model": "F",
        "parameters": {"stop": ["G"]},
        "messages": [
            {"role": "user", "content": "A"},
            {"role": "assistant", "content": "B", "calls": [{"id": "i", "name": "n", "arguments": "C"}]},
        ],
        "tools": [{"name": "n", "description": "D", "parameters": {"title": "E"}}],
        "tool_choice": "auto",
    }


def test_half_a_surrogate_pair() -> None:
    """Text that UTF-8 cannot hold is written as an escape, and read back as it was."""
    line = as_line({"a": "x\ud800y", "b": "ü\u2028"})
    assert json.loads(line.encode()) == {"a": "x\ud800y", "b": "ü\u2028"}
    assert "\n" not in line
