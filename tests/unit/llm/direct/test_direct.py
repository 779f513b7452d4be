"""What holds of endpoints that are asked directly, and of no other model."""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import pytest
from pydantic import BaseModel, Field

from crewgraph.errors import (
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelRateLimited,
    ModelRejected,
    ModelUnavailable,
)
from crewgraph.llm import DirectLLM, Message, Request, resolve
from crewgraph.llm.direct import http
from crewgraph.llm.direct.adapter import OPENAI
from crewgraph.llm.direct.schema import response_format
from tests.faults.server import (
    USAGE,
    Connection,
    Server,
    completion,
    delta,
    done,
    head,
    raw,
    refused,
    streamed,
)

pytestmark = pytest.mark.anyio

HI = Request((Message("user", "hi"),))


def asking(pieces: list[str]) -> Request:
    return Request((Message("user", "hi"),), on_text=pieces.append)


# ---- where it is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["direct/m", "direct/openai/gpt-oss-20b"])
async def test_by_name(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The name of a model says that it is asked directly; the endpoint hears the rest of it."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    llm = resolve(name, who="a test")
    assert isinstance(llm, DirectLLM)
    assert llm.model == name
    await llm.complete(HI)
    assert server.requests[0]["model"] == name.removeprefix("direct/")
    assert "authorization: bearer sk-of-the-environment" in server.headers[0]


async def test_without_a_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of one's own needs no key; OpenAI does, and is not asked without one."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    await DirectLLM("m", base_url=server.url).complete(HI)
    assert "authorization" not in server.headers[0]
    with pytest.raises(ModelAccessDenied, match=r"^direct/m: there is no key\. hint: set OPENAI_API_KEY"):
        await DirectLLM("m").complete(HI)


async def test_headers(server: Server) -> None:
    """Further headers are sent, and are no field of the request."""
    await server.llm(extra={"extra_headers": {"x-team": "t-42"}, "seed": 7}).complete(HI)
    assert "x-team: t-42" in server.headers[0]
    assert set(server.requests[0]) == {"model", "messages", "seed"}


@pytest.mark.parametrize(("base", "name"), [(OPENAI, "max_completion_tokens"), ("http://h/v1", "max_tokens")], ids=str)
def test_longest_answer(base: str, name: str) -> None:
    """OpenAI wants the new name of the limit, which other servers do not know."""
    assert DirectLLM("m", max_tokens=5)._body(HI, base)[name] == 5


@pytest.mark.parametrize(
    "base_url", ["127.0.0.1:1/v1", "ftp://127.0.0.1/v1", "/v1", "http://", "http://h:99999/v1", "http://h:port/v1"]
)
async def test_no_address(base_url: str) -> None:
    """What is no address is refused, and asking again does not help."""
    with pytest.raises(ModelRejected, match=r"is no address\. hint: base_url="):
        await DirectLLM("m", base_url=base_url, api_key="k").complete(HI)
    http.close()


def test_price() -> None:
    """A model costs what the table says of its name."""
    assert DirectLLM("gpt-5-mini").price is not None
    assert DirectLLM("gpt-5-mini").price == DirectLLM("direct/gpt-5-mini").price
    assert DirectLLM("of-my-own").price is None


async def test_proxy(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The proxy of the environment is asked, as it is named at the time, and nothing that is said of the host for others."""
    for name in http.PROXIES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    llm = DirectLLM("m", base_url="http://127.0.0.1:9/v1", api_key="k")
    with pytest.raises(ModelUnavailable):
        await llm.complete(HI)
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("http://", "http://user:word@").removesuffix("/v1"))
    assert (await llm.complete(HI)).text == "hello"
    assert server.headers[0].startswith("post http://127.0.0.1:9/v1/chat/completions http/1.1")
    assert "authorization: bearer k" in server.headers[0]
    assert "proxy-authorization: basic " in server.headers[0]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(ModelUnavailable):
        await llm.complete(HI)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork(server: Server) -> None:
    """A child has connections of its own, and leaves those of its parent alone."""
    assert anyio.run(server.llm().complete, HI).text == "hello"
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os._exit(0 if anyio.run(server.llm().complete, HI).text == "hello" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert anyio.run(server.llm().complete, HI).text == "hello"


# ---- what comes back -----------------------------------------------------------------------------------------------


async def test_whole_though_pieces_were_wanted(server: Server) -> None:
    """A server that does not stream gives its answer in one piece."""
    server.plays(completion(choices=[{"message": {"content": "hello"}, "finish_reason": "stop"}], usage=USAGE))
    pieces = list[str]()
    reply = await server.llm().complete(asking(pieces))
    assert (pieces, reply.text, reply.usage.total_tokens) == (["hello"], "hello", 10)


async def test_bytes_that_come_one_by_one(server: Server) -> None:
    """Events are put together wherever they are cut: within a letter, with other line ends, beside comments."""

    def slowly(to: Connection) -> None:
        text = f": a comment\r\nevent: x\r\ndata:{delta(content='grün')}\r\n\r\ndata: {delta(finish='stop')}\n\n"
        to.send(head(200, None, "text/event-stream"))
        for byte in text.replace("\\u00fc", "ü").encode():
            to.send(b"1\r\n" + bytes([byte]) + b"\r\n")
        done(to)

    server.plays(slowly)
    pieces = list[str]()
    assert (await server.llm().complete(asking(pieces))).text == "grün"
    assert pieces == ["grün"]


async def test_end_without_a_line_end(server: Server) -> None:
    """A last event that no line ends is heard."""

    def act(to: Connection) -> None:
        data = f"data: {delta(content='hi', finish='stop')}".encode()
        to.send(head(200, len(data), "text/event-stream") + data)

    server.plays(act)
    assert (await server.llm().complete(asking([]))).text == "hi"


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ({"error": {"message": "slow down, retry in 2s", "code": 429}}, ModelRateLimited, "slow down"),
        ({"error": "overloaded"}, ModelError, "overloaded"),
        ({"error": {"code": "x"}}, ModelError, '{"code": "x"}'),
        ({"choices": [3]}, ModelAnswerInvalid, "there is 3 where an object should be"),
        ({"choices": 3}, ModelAnswerInvalid, "its answer is none"),
        ([], ModelAnswerInvalid, "there is [] where an object should be"),
    ],
    ids=str,
)
async def test_good_status_and_no_answer(server: Server, body: Any, error: type[ModelError], words: str) -> None:
    """What comes with status 200 and is no answer is an error with the provider's own words."""
    server.plays(raw(json.dumps(body).encode()))
    with pytest.raises(error) as caught:
        await server.llm().complete(HI)
    assert words in str(caught.value)
    assert caught.value.is_transient


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "no such model"}}, "no such model"),
        ({"error": "no such model"}, "no such model"),
        ({"detail": "no such model"}, "no such model"),
        ({"detail": [{"loc": ["body"], "msg": "wrong"}]}, '[{"loc": ["body"], "msg": "wrong"}]'),
        ({"message": "no such model", "object": "error"}, "no such model"),
        ({}, "{}"),
        ("no", "no"),
    ],
    ids=str,
)
async def test_words_of_a_refusal(server: Server, body: Any, words: str) -> None:
    """A refusal is told in the provider's own words, in whatever form they come."""
    server.plays(raw(json.dumps(body).encode(), status=404))
    with pytest.raises(ModelRejected) as caught:
        await server.llm().complete(HI)
    assert str(caught.value) == f"direct/m (HTTP 404): {words}"


async def test_refusal_without_words(server: Server) -> None:
    """A refusal that says nothing is told by its status."""
    server.plays(raw(b"", status=404))
    with pytest.raises(ModelRejected, match=r"^direct/m \(HTTP 404\): HTTP 404"):
        await server.llm().complete(HI)


async def test_refused_schema(server: Server) -> None:
    """Where a request with a shape is refused, the error names the way without."""
    server.plays(refused(400, "unsupported schema"))
    with pytest.raises(ModelRejected) as caught:
        await server.llm(structured="native").complete(Request(HI.messages, schema=Whole))
    assert caught.value.__notes__ == [
        'hint: if the endpoint refuses the schema, DirectLLM(…, structured="instruct") asks by words'
    ]


async def test_calls_without_text_in_a_stream(server: Server) -> None:
    """A stream without a choice in its last chunk, and with an empty delta, is no failure."""
    server.plays(streamed('{"choices": []}', '{"choices": [{"delta": null, "finish_reason": "stop"}]}'))
    reply = await server.llm().complete(asking([]))
    assert (reply.text, reply.usage) == ("", {})


# ---- shapes --------------------------------------------------------------------------------------------------------


class Mood(enum.Enum):
    GOOD = "good"


class Inner(BaseModel):
    """Of a kind."""

    mood: Mood = Field(default=Mood.GOOD, description="how it is")


class Whole(BaseModel):
    inner: Inner = Field(description="the inner one")
    many: list[Inner] = []
    maybe: int | None = None


class Anything(BaseModel):
    notes: dict[str, int]


class Nested(BaseModel):
    deep: list[Anything]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


def objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for each in part.values():
            yield from objects(each)
    elif isinstance(part, list):
        for each in part:
            yield from objects(each)


def test_strict() -> None:
    """A shape is asked for strictly: every object is closed, wants all of its keys, and no reference has company."""
    said = response_format(Whole)["json_schema"]
    assert (said["name"], said["strict"]) == ("Whole", True)
    found = list(objects(said["schema"]))
    assert len(found) >= 3
    for each in found:
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])
    text = json.dumps(said["schema"])
    assert '"default"' not in text
    assert said["schema"]["properties"]["inner"]["description"] == "the inner one"
    assert all(len(each) == 1 for each in _references(said["schema"]))


def _references(part: Any) -> Iterator[dict[str, Any]]:
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if isinstance(part, dict) and "$ref" in part:
        yield part
    for each in values:
        yield from _references(each)


@pytest.mark.parametrize("shape", [Anything, Nested, Pet])
def test_not_strict(shape: type[BaseModel]) -> None:
    """A shape that strict mode cannot say is asked for as it is."""
    assert response_format(shape)["json_schema"] == {"name": shape.__name__, "schema": shape.model_json_schema()}
