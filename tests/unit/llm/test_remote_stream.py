"""Streams of every model that is asked over the network."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest

from crewgraph.errors import ModelAnswerInvalid, ModelError, ModelRateLimited, ModelTimeout, ModelUnavailable
from crewgraph.llm import ToolCall
from tests.clocks import jump
from tests.faults.server import (
    USAGE,
    Connection,
    Server,
    chunk,
    completion,
    cut,
    delta,
    hang,
    head,
    raw,
    refused,
    reset,
    said,
    streamed,
    tool_call,
)
from tests.unit.llm.conversations import LOOK, Listener, Verdict, asking

pytestmark = pytest.mark.anyio

STOP = delta(finish="stop")


async def test_pieces(server: Server) -> None:
    """The pieces come in order, in the thread of the caller, and make up the answer; tokens are as reported."""
    heard = Listener()
    server.plays(said("Hello, world"))
    reply = await server.llm().complete(asking(heard))
    assert "".join(heard.pieces) == reply.text == "Hello, world"
    assert len(heard.pieces) == 4
    assert heard.threads == {threading.get_ident()}
    assert (reply.finish_reason, reply.usage.total_tokens, reply.usage.cached_prompt_tokens) == ("stop", 10, 4)
    assert server.requests[0]["stream_options"] == {"include_usage": True}


async def test_not_streamed_without_a_listener(server: Server) -> None:
    """Where nobody listens, the answer comes whole."""
    await server.llm().complete(asking(None))
    assert "stream" not in server.requests[0]


async def test_usage_in_the_last_chunk_of_text(server: Server) -> None:
    """Some servers count in the chunk that says stop."""
    last = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE)
    server.plays(streamed(delta(content="hi"), last))
    assert (await server.llm().complete(asking(Listener()))).usage.total_tokens == 10


async def test_calls(server: Server) -> None:
    """Tool calls that come in fragments, side by side, are put together by their index."""
    server.plays(
        streamed(
            delta(content="Let me look."),
            delta(tool_calls=[{"index": 0, **tool_call("look", "", "a")}]),
            delta(tool_calls=[{"index": 1, **tool_call("see", '{"y"', "b")}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": '{"x": '}}]),
            delta(tool_calls=[{"index": 1, "function": {"arguments": ": 2}"}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]),
            delta(finish="tool_calls"),
        )
    )
    reply = await server.llm().complete(asking(Listener(), tools=(LOOK,)))
    assert reply.text == "Let me look."
    assert reply.calls == (ToolCall("a", "look", '{"x": 1}'), ToolCall("b", "see", '{"y": 2}'))
    assert reply.finish_reason == "tool_calls"


async def test_calls_without_an_index(server: Server) -> None:
    """Calls that nobody numbers are told apart by their ids."""
    server.plays(
        streamed(
            delta(tool_calls=[tool_call("look", '{"x"', "a")]),
            delta(tool_calls=[{"function": {"arguments": ": 1}"}}]),
            delta(tool_calls=[tool_call("look", '{"x": 2}', "b")]),
            delta(finish="tool_calls"),
        )
    )
    reply = await server.llm().complete(asking(Listener(), tools=(LOOK,)))
    assert reply.calls == (ToolCall("a", "look", '{"x": 1}'), ToolCall("b", "look", '{"x": 2}'))


BROKEN = [
    pytest.param(streamed(delta(content="he"), end=cut), ModelAnswerInvalid, id="cut"),
    pytest.param(streamed(delta(content="he")), ModelAnswerInvalid, id="done without a reason"),
    pytest.param(streamed(delta(content="he"), end=reset), ModelUnavailable, id="reset"),
    pytest.param(streamed(delta(content="he"), end=lambda _: None), ModelUnavailable, id="closed"),
    pytest.param(streamed(delta(content="he"), '{"id": "x", "choi', STOP), ModelAnswerInvalid, id="malformed"),
    pytest.param(
        streamed(delta(content="he"), '{"error": {"message": "slow down", "code": 429}}'), ModelRateLimited, id="error"
    ),
    pytest.param(refused(503), ModelUnavailable, id="503"),
    pytest.param(raw(b"<html>hi</html>", kind="text/html"), ModelAnswerInvalid, id="HTML"),
    pytest.param(raw(b""), ModelAnswerInvalid, id="empty"),
    pytest.param(completion(choices=[]), ModelAnswerInvalid, id="JSON instead of a stream"),
    pytest.param(
        lambda to: to.send(head(200, None, "text/event-stream") + b"0\r\n\r\n"), ModelAnswerInvalid, id="no event"
    ),
]


@pytest.mark.parametrize(("act", "error"), BROKEN)
async def test_broken(server: Server, act: Any, error: type[ModelError]) -> None:
    """A stream that does not come to its end is a typed error that may pass, after one request, never an answer."""
    server.plays(act)
    with pytest.raises(ModelError) as caught:
        await server.llm().complete(asking(Listener()))
    assert (type(caught.value), caught.value.is_transient) == (error, True)
    assert len(server.requests) == 1


async def test_refusal(server: Server) -> None:
    """A refusal that comes in pieces is told whole, and is final."""
    server.plays(streamed(delta(role="assistant"), delta(refusal="I can"), delta(refusal="not."), STOP))
    with pytest.raises(ModelAnswerInvalid, match=r"the model refused: I cannot\.") as caught:
        await server.llm().complete(asking(Listener()))
    assert not caught.value.is_transient


async def test_cut_says_so(server: Server) -> None:
    """The error of a cut stream says that it was cut off, and what it had cost as far as that was told."""
    server.plays(streamed(chunk(choices=[], usage=USAGE), delta(content="he"), end=cut))
    with pytest.raises(ModelAnswerInvalid, match="cut off") as caught:
        await server.llm().complete(asking(Listener()))
    assert caught.value.usage.total_tokens == 10


async def test_broken_after_usage(server: Server) -> None:
    """What a stream that was reset had cost is kept, as far as it was told."""
    server.plays(streamed(chunk(choices=[], usage=USAGE), delta(content="he"), end=reset))
    with pytest.raises(ModelUnavailable) as caught:
        await server.llm().complete(asking(Listener()))
    assert caught.value.usage.total_tokens == 10


@pytest.mark.virtual_time(by_hand=True)
async def test_hanging(server: Server) -> None:
    """A stream that hangs is a timeout; what came before was handed on."""
    heard = list[str]()

    def hear(piece: str) -> None:
        heard.append(piece)
        jump(60)

    server.plays(streamed(delta(content="he"), end=hang))
    with pytest.raises(ModelTimeout, match=r"no answer within 50 s"):
        await server.llm(timeout=50).complete(asking(hear))
    assert heard == ["he"]


async def test_listener_that_raises(server: Server) -> None:
    """What the listener raises reaches the caller as it is, not as a failure of the model."""

    def refuse(_: str) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await server.llm().complete(asking(refuse))


async def test_cancelled(server: Server) -> None:
    """A stream that is cancelled is left at once, its connection is closed, and the next call works."""
    gone = threading.Event()

    def until_nobody_listens(to: Connection) -> None:
        try:
            streamed(*[delta(content="drip")] * 2_000, wait=0.005)(to)
        except OSError:
            gone.set()

    server.plays(until_nobody_listens)
    with anyio.CancelScope() as scope:
        await server.llm().complete(asking(lambda _: scope.cancel()))
    assert scope.cancelled_caught
    assert await anyio.to_thread.run_sync(gone.wait, 60)
    server.plays(said("again"))
    assert (await server.llm().complete(asking(None))).text == "again"


async def test_shape(server: Server) -> None:
    """A shape is asked for in a stream as it is without."""
    server.plays(said('{"urgent": true}'))
    reply = await server.llm(structured="native").complete(asking(Listener(), schema=Verdict))
    assert reply.text == '{"urgent": true}'
    assert server.requests[0]["response_format"]["json_schema"]["name"] == "Verdict"
