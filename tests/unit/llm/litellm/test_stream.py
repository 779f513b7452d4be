from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace as Bag
from typing import Any

import pytest

from crewgraph.errors import ModelAnswerInvalid
from crewgraph.llm import Price
from crewgraph.llm.litellm.stream import Whole, gather
from tests.faults.server import (
    Server,
    cut,
    delta,
    said,
    streamed,
)
from tests.unit.llm.conversations import LOOK, Listener, asking

pytestmark = pytest.mark.anyio

STOP = delta(finish="stop")


# ---- through litellm -------------------------------------------------------------------------------------------


async def test_no_usage_reported(server: Server) -> None:
    """Tokens that litellm makes up where the provider counts none are not taken for counted ones."""
    server.plays(said("hello", usage=None))
    reply = await server.llm("openai/gpt-5-mini").complete(asking(Listener()))
    assert (reply.usage, reply.cost) == ({}, None)


async def test_cost(server: Server) -> None:
    """A streamed answer of a model that litellm knows has a cost; not where the user has said the price."""
    reply = await server.llm("openai/gpt-5-mini").complete(asking(Listener()))
    whole = await server.llm("openai/gpt-5-mini").complete(asking(None))
    assert reply.cost == whole.cost
    assert reply.cost is not None
    priced = server.llm("openai/gpt-5-mini", price=Price(input=1, output=1))
    assert (await priced.complete(asking(Listener()))).cost is None
    assert (await priced.complete(asking(None))).cost is None


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
