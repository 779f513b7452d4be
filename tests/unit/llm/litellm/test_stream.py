from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace as Bag
from typing import Any

import anyio
import anyio.to_thread
import pytest
from pydantic import BaseModel

from crewgraph.errors import ModelAnswerInvalid, ModelError, ModelRateLimited, ModelTimeout, ModelUnavailable
from crewgraph.llm import Message, Price, Request, ToolCall, ToolSpec
from crewgraph.llm.litellm import adapter as litellm_adapter
from crewgraph.llm.litellm.stream import Whole, gather
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
    serving,
    streamed,
    tool_call,
)

pytestmark = pytest.mark.anyio

LOOK = ToolSpec("look", "Looks.", {"type": "object", "properties": {"x": {"type": "integer"}}})
STOP = delta(finish="stop")


class Verdict(BaseModel):
    urgent: bool


@pytest.fixture
def server(_litellm_ready: None) -> Iterator[Server]:
    with serving() as server:
        yield server
    litellm_adapter.close()


class Listener:
    """Notes the pieces, and where they came."""

    def __init__(self) -> None:
        self.pieces = list[str]()
        self.threads = set[int]()

    def __call__(self, text: str) -> None:
        self.pieces.append(text)
        self.threads.add(threading.get_ident())


def asking(on_text: Any, **more: Any) -> Request:
    return Request((Message("user", "hi"),), on_text=on_text, **more)


# ---- through litellm -------------------------------------------------------------------------------------------


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


async def test_no_usage_reported(server: Server) -> None:
    """Tokens that litellm makes up where the provider counts none are not taken for counted ones."""
    server.plays(said("hello", usage=None))
    reply = await server.llm("openai/gpt-5-mini").complete(asking(Listener()))
    assert (reply.usage, reply.cost) == ({}, None)


async def test_usage_in_the_last_chunk_of_text(server: Server) -> None:
    """Some servers count in the chunk that says stop."""
    last = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE)
    server.plays(streamed(delta(content="hi"), last))
    assert (await server.llm().complete(asking(Listener()))).usage.total_tokens == 10


async def test_cost(server: Server) -> None:
    """A streamed answer of a model that litellm knows has a cost; not where the user has said the price."""
    reply = await server.llm("openai/gpt-5-mini").complete(asking(Listener()))
    whole = await server.llm("openai/gpt-5-mini").complete(asking(None))
    assert reply.cost == whole.cost
    assert reply.cost is not None
    priced = server.llm("openai/gpt-5-mini", price=Price(input=1, output=1))
    assert (await priced.complete(asking(Listener()))).cost is None
    assert (await priced.complete(asking(None))).cost is None


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


async def test_hanging(server: Server) -> None:
    """A stream that hangs is a timeout; what came before was handed on."""
    heard = Listener()
    server.plays(streamed(delta(content="he"), end=hang))
    with pytest.raises(ModelTimeout, match=r"no answer within 0\.8 s"):
        await server.llm(timeout=0.8).complete(asking(heard))
    assert heard.pieces == ["he"]


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
    assert await anyio.to_thread.run_sync(gone.wait, 5)
    server.plays(said("again"))
    assert (await server.llm().complete(asking(None))).text == "again"


async def test_shape(server: Server) -> None:
    """A shape is asked for in a stream as it is without."""
    server.plays(said('{"urgent": true}'))
    reply = await server.llm(structured="native").complete(asking(Listener(), schema=Verdict))
    assert reply.text == '{"urgent": true}'
    assert server.requests[0]["response_format"]["json_schema"]["name"] == "Verdict"


# ---- Gemini, of which litellm forgets why it stopped ---------------------------------------------------------------


def gemini(text: str, reason: str | None = None) -> str:
    """A chunk in the words of Gemini."""
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    return json.dumps({"candidates": [candidate | ({"finishReason": reason} if reason else {})], "responseId": "x"})


COUNTED = json.dumps(
    {"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 6, "totalTokenCount": 10}, "responseId": "x"}
)


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ((gemini("he"), gemini("llo", "STOP")), "stop"),
        ((gemini("he"), gemini("llo", "STOP"), COUNTED), "stop"),
        ((gemini("he"), gemini("llo"), gemini("", "STOP")), "stop"),
        ((gemini("he"), gemini("llo", "MAX_TOKENS"), COUNTED), "length"),
        ((gemini("he"), gemini("llo", "SAFETY"), COUNTED), "content_filter"),
    ],
    ids=["in the last chunk", "before the tokens", "by itself", "too long", "filtered"],
)
async def test_gemini(server: Server, chunks: tuple[str, ...], reason: str) -> None:
    """A stream of Gemini is complete when it says why it stopped, and keeps that reason."""
    server.plays(streamed(*chunks, end=cut))  # Gemini knows no [DONE]
    reply = await server.llm("gemini/gemini-2.5-flash").complete(asking(Listener()))
    assert (reply.text, reply.finish_reason) == ("hello", reason)


async def test_gemini_calls(server: Server) -> None:
    """Tool calls of Gemini, several in one chunk, come with ids of their own."""
    parts = [{"functionCall": {"name": "look", "args": {"x": number}}} for number in (1, 2)]
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, "finishReason": "STOP"}
    server.plays(streamed(json.dumps({"candidates": [candidate], "responseId": "x"}), end=cut))
    reply = await server.llm("gemini/gemini-2.5-flash").complete(asking(Listener(), tools=(LOOK,)))
    assert [(call.name, json.loads(call.arguments)) for call in reply.calls] == [("look", {"x": 1}), ("look", {"x": 2})]
    assert len({call.id for call in reply.calls}) == 2
    assert reply.finish_reason == "tool_calls"


async def test_gemini_blocked(server: Server) -> None:
    """A prompt that Gemini does not answer at all is filtered, not cut off."""
    server.plays(streamed(json.dumps({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "x"}), end=cut))
    reply = await server.llm("gemini/gemini-2.5-flash").complete(asking(Listener()))
    assert (reply.text, reply.finish_reason) == ("", "content_filter")


async def test_gemini_cut(server: Server) -> None:
    """A stream of Gemini without a reason to stop is cut off."""
    server.plays(streamed(gemini("he"), gemini("llo"), COUNTED, end=cut))
    with pytest.raises(ModelAnswerInvalid, match="cut off") as caught:
        await server.llm("gemini/gemini-2.5-flash").complete(asking(Listener()))
    assert caught.value.usage.total_tokens == 10


# ---- other forms in which litellm may hand over a stream --------------------------------------------------------------


class Stream:
    """A stream of litellm, reduced to what is read of it."""

    def __init__(self, *chunks: Any, **attributes: Any) -> None:
        self.closed = False
        self._chunks = chunks
        self.__dict__.update(attributes)

    async def __aiter__(self) -> AsyncIterator[Any]:
        for each in self._chunks:
            yield self.chunk_creator(each) if hasattr(self, "chunk_creator") else each

    async def aclose(self) -> None:
        self.closed = True


def piece(text: str | None = None, calls: Any = None, reason: str | None = None) -> Any:
    return Bag(choices=[Bag(delta=Bag(content=text, tool_calls=calls), finish_reason=reason)])


async def test_attribute_is_gone() -> None:
    """A litellm that no longer tells whether a stream was complete is an error that says so, and no retry helps."""
    stream = Stream(piece("hello"))
    with pytest.raises(ModelAnswerInvalid, match="this version of litellm does not tell") as caught:
        await gather(stream, Whole(), Listener(), model="m")
    assert not caught.value.is_transient
    assert stream.closed


async def test_attribute_alone() -> None:
    """Where only the attribute tells, it is believed."""
    whole = Whole()
    await gather(Stream(piece("hi"), received_finish_reason="stop"), whole, Listener(), model="m")
    assert (whole.text, whole.finish_reason, whole.usage) == ("hi", None, None)


async def test_chunks_as_dicts() -> None:
    """Some providers' chunks are dicts until litellm has made them into objects."""
    stream = Stream(
        {"text": "hi", "finish_reason": ""},
        {"text": "", "finish_reason": "length"},
        chunk_creator=lambda chunk: piece(chunk["text"]),
    )
    whole = Whole()
    await gather(stream, whole, Listener(), model="m")
    assert (whole.text, whole.finish_reason) == ("hi", "length")


async def test_fragments_without_anything() -> None:
    """Fragments that hold neither id nor function nor text are no failure."""
    nothing = Bag(index=None, id=None, function=None)
    stream = Stream(Bag(choices=[]), piece("", [nothing]), piece(None, None, "stop"), received_finish_reason="stop")
    whole = Whole()
    await gather(stream, whole, Listener(), model="m")
    assert (whole.calls, whole.finish_reason) == ([(None, "", "{}")], "stop")


async def test_source_that_is_open_already() -> None:
    """Where the source is open before the stream is read, its chunks are heard as well; some are text, not dicts."""
    words = {"a": piece("hi", reason="stop"), "b": piece("!", reason="length")}
    source = Bag(chunk_parser=lambda raw: words[raw if isinstance(raw, str) else raw["responseId"]])
    stop = {"responseId": "b", "candidates": [{"finishReason": "MAX_TOKENS"}]}

    class Lazy(Stream):
        async def __aiter__(self) -> AsyncIterator[Any]:
            for sent in ("a", stop):
                yield source.chunk_parser(sent)

    whole = Whole()
    await gather(Lazy(completion_stream=source), whole, Listener(), model="m")
    assert (whole.text, whole.finish_reason) == ("hi!", "length")
