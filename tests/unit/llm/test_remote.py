"""What holds of every model that is asked over the network, whichever way it is asked."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import anyio
import anyio.to_thread
import pytest

from crewgraph.errors import (
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from crewgraph.llm import LLM, Message, Request
from crewgraph.llm.port import Role
from tests.unit.llm.conversations import Verdict
from tests.unit.llm.provider import CLOSE, HANG, USAGE, Answer, Provider, ask, completion, refused, said

pytestmark = pytest.mark.anyio


async def test_answer(provider: Provider) -> None:
    """The text, the reason to stop and the tokens, cached ones included, come back."""
    reply = await provider.llm().complete(ask())
    assert (reply.text, reply.finish_reason) == ("hello", "stop")
    assert reply.usage == {
        "total_tokens": 10,
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "cached_prompt_tokens": 4,
    }


async def test_conversation(provider: Provider) -> None:
    """All messages arrive, in order and with their roles."""
    roles: tuple[Role, ...] = ("system", "user", "assistant", "user")
    await provider.llm().complete(Request(tuple(Message(role, role) for role in roles)))
    assert [(sent["role"], sent["content"]) for sent in provider.requests[0]["messages"]] == [
        (role, role) for role in roles
    ]


async def test_parameters(provider: Provider) -> None:
    """Temperature, the limit of tokens and further parameters arrive; what is not set is not sent."""
    await provider.llm(temperature=0, max_tokens=5, extra={"seed": 7}).complete(ask())
    await provider.llm().complete(ask())
    first, second = provider.requests
    assert (first["temperature"], first["max_tokens"], first["seed"]) == (0, 5, 7)
    assert set(second) == {"model", "messages"}


async def test_no_usage_reported(provider: Provider) -> None:
    """A provider that counts no tokens is no failure."""
    provider.always(said("hello", usage=None))
    assert (await provider.llm().complete(ask())).usage == {}


@pytest.mark.parametrize(("structured", "sent"), [("native", True), ("instruct", False), ("auto", False)], ids=str)
async def test_schema(provider: Provider, structured: Any, sent: bool) -> None:
    """A schema is the provider's business when the user says so, or when litellm knows the model can."""
    await provider.llm(structured=structured).complete(ask(schema=Verdict))
    assert ("response_format" in provider.requests[0]) is sent


async def test_schema_of_a_known_model(provider: Provider) -> None:
    """A model that litellm knows to support schemas is sent one."""
    llm = provider.kind("gpt-5-mini", base_url=provider.url, api_key="k")
    await llm.complete(ask(schema=Verdict))
    assert provider.requests[0]["response_format"]["json_schema"]["name"] == "Verdict"


async def test_content_null(provider: Provider) -> None:
    """No content is an empty text; whether that is an answer is for the caller to say."""
    provider.always(said(None))
    assert (await provider.llm().complete(ask())).text == ""


async def test_refusal(provider: Provider) -> None:
    """A model that refuses is not asked again; its words and what it took are told."""
    message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    provider.always(completion(choices=[{"index": 0, "message": message, "finish_reason": "stop"}], usage=USAGE))
    with pytest.raises(ModelAnswerInvalid, match=r"^\w+/m: the model refused: I cannot help with that\.$") as caught:
        await provider.llm().complete(ask())
    assert not caught.value.is_transient
    assert caught.value.usage.total_tokens == 10


async def test_text_beside_a_refusal(provider: Provider) -> None:
    """Where there is a text, it is the answer."""
    message = {"role": "assistant", "content": "Well.", "refusal": "no"}
    provider.always(completion(choices=[{"index": 0, "message": message, "finish_reason": "stop"}]))
    assert (await provider.llm().complete(ask())).text == "Well."


async def test_no_choices(provider: Provider) -> None:
    """An answer without a choice is none, and what it took is kept."""
    provider.always(completion(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}))
    with pytest.raises(ModelAnswerInvalid, match="holds no choice") as caught:
        await provider.llm().complete(ask())
    assert caught.value.usage == {"total_tokens": 7, "prompt_tokens": 7}


FAILURES = [
    pytest.param(refused(400), ModelRejected, 400, id="400"),
    pytest.param(refused(400, code="context_length_exceeded"), ModelRejected, 400, id="context"),
    pytest.param(refused(401), ModelAccessDenied, 401, id="401"),
    pytest.param(refused(403), ModelAccessDenied, 403, id="403"),
    pytest.param(refused(404), ModelRejected, 404, id="404"),
    pytest.param(refused(408), ModelTimeout, 408, id="408"),
    pytest.param(refused(429), ModelRateLimited, 429, id="429"),
    pytest.param(refused(500), ModelUnavailable, 500, id="500"),
    pytest.param(refused(503), ModelUnavailable, 503, id="503"),
    pytest.param(refused(504), ModelTimeout, 504, id="504"),
    pytest.param(Answer(b"<html>oops</html>", 502, "text/html"), ModelUnavailable, 502, id="502 in HTML"),
    pytest.param(Answer(b"<html>hi</html>", 200, "text/html"), ModelAnswerInvalid, None, id="200 in HTML"),
    pytest.param(Answer(b'{"id": "x", "choi'), ModelAnswerInvalid, None, id="truncated JSON"),
    pytest.param(Answer(b"[1]"), ModelAnswerInvalid, None, id="JSON of another kind"),
]


@pytest.mark.parametrize(("answer", "error", "status"), FAILURES)
async def test_failure(provider: Provider, answer: Answer, error: type[ModelError], status: int | None) -> None:
    """Every failure is one typed error after one request, with the model, the status and its cause."""
    provider.always(answer)
    with pytest.raises(ModelError) as caught:
        await provider.llm().complete(ask())
    assert type(caught.value) is error
    assert (caught.value.model, caught.value.status) == (provider.name, status)
    assert caught.value.__cause__ is not None
    assert len(provider.requests) == 1


async def test_provider_words(provider: Provider) -> None:
    """The error says what the provider said, and not the key that the provider repeats."""
    provider.always(refused(401, "wrong key: sk-secret"))
    with pytest.raises(ModelAccessDenied) as caught:
        await provider.llm().complete(ask())
    assert str(caught.value) == f"{provider.name} (HTTP 401): wrong key: ***"


async def test_rejected_schema_hints(provider: Provider) -> None:
    """Where a request with a schema is refused, the error names the way without."""
    provider.always(refused(400, "unsupported schema"))
    with pytest.raises(ModelRejected) as caught:
        await provider.llm(structured="native").complete(ask(schema=Verdict))
    assert "instruct" in caught.value.__notes__[0]


async def test_hanging_provider(provider: Provider) -> None:
    """No answer in time is a timeout that names the limit."""
    provider.always(HANG)
    with pytest.raises(ModelTimeout, match=r"no answer within 0\.2 s"):
        await provider.llm(timeout=0.2).complete(ask())


async def test_connection_refused(kind: Any) -> None:
    """An unreachable provider fails at once with the reason and the address."""
    with pytest.raises(ModelUnavailable) as caught:
        await kind("openai/m", base_url="http://127.0.0.1:9/v1", api_key="k").complete(ask())
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.status is None


async def test_password_in_the_address(provider: Provider) -> None:
    """A password in the address beside a key cannot be sent: that is final, and the error says so without the password."""
    with pytest.raises(ModelRejected, match="base_url= without user and password") as caught:
        await provider.llm(base_url=provider.url.replace("://", "://bob:hunter2@")).complete(ask())
    assert "hunter2" not in str(caught.value)
    assert not provider.requests


async def test_missing_key(kind: Any) -> None:
    """A key that nobody has is final, and the error names the variable."""
    with pytest.raises(ModelAccessDenied, match="OPENAI_API_KEY"):
        await kind("gpt-5-mini").complete(ask())


async def test_cancelled(provider: Provider) -> None:
    """A cancelled call returns at once, and the next one works."""
    provider.always(HANG)
    with anyio.move_on_after(10) as patience:
        async with anyio.create_task_group() as calls:
            calls.start_soon(provider.llm().complete, ask())
            await anyio.to_thread.run_sync(provider.arrived.wait, 60)
            calls.cancel_scope.cancel()
    assert not patience.cancelled_caught
    provider.always(said("again"))
    assert (await provider.llm().complete(ask())).text == "again"


async def test_many_at_once(provider: Provider) -> None:
    """One object serves many calls at a time, each with its own answer."""
    provider.respond = lambda body: said(body["messages"][0]["content"])
    llm, texts = provider.llm(), dict[int, str]()

    async def one(number: int) -> None:
        texts[number] = (await llm.complete(ask(str(number)))).text

    async with anyio.create_task_group() as calls:
        for number in range(40):
            calls.start_soon(one, number)
    assert texts == {number: str(number) for number in range(40)}


async def test_close_and_go_on(provider: Provider) -> None:
    """After closing, the next call opens the connections anew."""
    llm = provider.llm()
    await llm.complete(ask())
    await anyio.to_thread.run_sync(CLOSE[provider.kind])
    assert (await llm.complete(ask())).text == "hello"


def test_repr_hides_key(kind: Any) -> None:
    """The repr shows what distinguishes models, never the key, the address or further parameters."""
    llm = kind("direct/gpt-5-mini", temperature=0, api_key="sk-1", base_url="http://u:p@h", extra={"token": "t"})
    assert repr(llm) == f"{kind.__name__}('direct/gpt-5-mini', temperature=0)"


def test_is_an_llm(kind: Any) -> None:
    """The adapter fits the port."""
    assert isinstance(kind("m"), LLM)


def test_reserved_parameter(kind: Any) -> None:
    """What the adapter sets by itself cannot be set beside it."""
    with pytest.raises(ValueError, match="num_retries"):
        kind("m", extra={"num_retries": 3})


def test_clean_exit(provider: Provider) -> None:
    """A script that calls a model twice, in two event loops, ends without a word on stderr."""
    code = (
        "import anyio\n"
        f"from crewgraph.llm import {provider.kind.__name__}, Message, Request\n"
        f"llm = {provider.kind.__name__}('{provider.name}', base_url={provider.url!r}, api_key='k')\n"
        "for _ in range(2):\n"
        "    print(anyio.run(llm.complete, Request((Message('user', 'hi'),))).text)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("hello\nhello\n", "")
