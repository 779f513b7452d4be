"""Tools, bounds and refusals of every model that is asked over the network."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
import pytest

from crewgraph.errors import (
    ModelAnswerInvalid,
    ModelError,
    ModelQuotaExceeded,
    ModelRateLimited,
    ModelRejected,
    ModelUnavailable,
)
from crewgraph.llm import DirectLLM, LiteLLM, Request, ToolCall
from tests.faults.server import Server, completion, hang, raw, refused, said, tool_call
from tests.unit.llm.conversations import ASKED, HISTORY, LOOK
from tests.unit.llm.provider import CLOSE

pytestmark = pytest.mark.anyio

CLOSED = {
    LiteLLM: "litellm was closed before it answered",
    DirectLLM: "its connections were closed before it answered",
}


async def test_offered(server: Server) -> None:
    """Tools go with the request; nothing is said of the choice where it is the model's."""
    await server.llm().complete(Request((ASKED,), tools=(LOOK,)))
    [sent] = server.requests
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["look"]
    assert "tool_choice" not in sent


async def test_called(server: Server) -> None:
    """Parallel calls come back with ids, names and arguments, and what was said beside them."""
    server.plays(said("Let me look.", calls=[tool_call("look", '{"x": 1}', "a"), tool_call("look", '{"x": 2}', "b")]))
    reply = await server.llm().complete(Request((ASKED,), tools=(LOOK,)))
    assert reply.calls == (ToolCall("a", "look", '{"x": 1}'), ToolCall("b", "look", '{"x": 2}'))
    assert (reply.text, reply.finish_reason) == ("Let me look.", "tool_calls")


async def test_same_id_in_every_turn(server: Server) -> None:
    """A provider that gives every call the same id is put right: results must not be mixed up."""
    server.plays(said(None, calls=[tool_call("look", "{}", "c1"), tool_call("look", "{}", "c1")]))
    reply = await server.llm().complete(Request(HISTORY, tools=(LOOK,)))
    assert [call.id for call in reply.calls] == ["c1_2", "c1_3"]


async def test_history(server: Server) -> None:
    """Calls and their results go back over the wire."""
    await server.llm().complete(Request(HISTORY, tools=(LOOK,)))
    assert [sent["role"] for sent in server.requests[0]["messages"]] == ["user", "assistant", "tool"]
    assert server.requests[0]["messages"][2]["tool_call_id"] == "c1"


@pytest.mark.parametrize(
    ("history", "choice", "tools", "sent"),
    [
        ((ASKED,), "none", 0, None),
        (HISTORY, "none", 1, "none"),
        (HISTORY, "required", 1, "required"),
    ],
    ids=["forbidden", "forbidden after calls", "required"],
)
async def test_choice(server: Server, history: Any, choice: Any, tools: int, sent: str | None) -> None:
    """Forbidden tools are only told of where the conversation holds calls; forced ones are forced."""
    await server.llm().complete(Request(history, tools=(LOOK,), tool_choice=choice))
    assert len(server.requests[0].get("tools", [])) == tools
    assert server.requests[0].get("tool_choice") == sent


@pytest.mark.parametrize(
    ("own", "asked", "sent"), [(None, None, None), (9, None, 9), (None, 5, 5), (9, 5, 5), (5, 9, 5)], ids=str
)
async def test_bounds(server: Server, own: int | None, asked: int | None, sent: int | None) -> None:
    """The answer is bounded by the model's limit and by what a budget has left, whichever is less."""
    await server.llm(max_tokens=own).complete(Request((ASKED,), max_tokens=asked))
    assert server.requests[0].get("max_tokens") == sent


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "3"}, 3), ({"retry-after-ms": "30"}, 0.03), ({"retry-after": "-1"}, 0), ({}, None)],
    ids=str,
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after(server: Server, headers: dict[str, str], seconds: float | None, status: int) -> None:
    """The error carries when the provider wants to be asked again."""
    server.plays(refused(status, headers=headers))
    with pytest.raises(ModelError) as caught:
        await server.llm().complete(Request((ASKED,)))
    assert caught.value.retry_after == seconds
    assert type(caught.value) is (ModelRateLimited if status == 429 else ModelUnavailable)


async def test_quota(server: Server) -> None:
    """A quota that is used up is final: the code beside the message says it."""
    server.plays(refused(429, "no", code="insufficient_quota"))
    with pytest.raises(ModelQuotaExceeded) as caught:
        await server.llm().complete(Request((ASKED,)))
    assert not caught.value.is_transient


async def test_context_window(server: Server) -> None:
    """A conversation that is too long is refused, with a note on what helps."""
    server.plays(refused(400, "This model's maximum context length is 9", code="context_length_exceeded"))
    with pytest.raises(ModelRejected) as caught:
        await server.llm().complete(Request((ASKED,)))
    assert "longer than the model can read" in caught.value.__notes__[0]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": 5},
        {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
        None,
    ],
    ids=["number", "list", "none"],
)
async def test_content_of_another_type(server: Server, message: Any) -> None:
    """Content that is no text is a typed error that may pass, never an accident later on."""
    server.plays(completion(choices=[{"index": 0, "message": message, "finish_reason": "stop"}]))
    with pytest.raises(ModelAnswerInvalid) as caught:
        await server.llm().complete(Request((ASKED,)))
    assert caught.value.is_transient


async def test_headers_of_another_type(server: Server) -> None:
    """An answer in the right form is one, whatever its headers say of it."""
    body = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}'
    server.plays(raw(body, kind="text/plain"))
    assert (await server.llm().complete(Request((ASKED,)))).text == "hi"


async def test_secret_parameters_are_masked(server: Server) -> None:
    """A provider that repeats what it was sent gives away no secret."""
    server.plays(refused(400, "bad header x-mine: topsecret"))
    llm = server.llm(extra={"extra_headers": {"x-mine": "topsecret"}})
    with pytest.raises(ModelRejected) as caught:
        await llm.complete(Request((ASKED,)))
    assert "topsecret" not in str(caught.value)
    assert "***" in str(caught.value)


async def test_closed_meanwhile(server: Server) -> None:
    """Who closes litellm while a call is under way gets an error that says so."""
    server.plays(hang)
    errors = list[ModelError]()

    async def ask() -> None:
        try:
            await server.llm().complete(Request((ASKED,)))
        except ModelError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.to_thread.run_sync(server.arrived.wait, 60)
        await anyio.to_thread.run_sync(CLOSE[server.kind])
    assert [(type(error), str(error)) for error in errors] == [
        (ModelUnavailable, f"{server.name}: {CLOSED[server.kind]}")
    ]
