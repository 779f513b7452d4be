"""What a user reads where an endpoint that is asked directly cannot be used: who, what, where, and the edit that helps."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

import aiohttp
import pytest

from crewgraph.errors import ModelAccessDenied, ModelAnswerInvalid, ModelError, ModelRejected, ModelUnavailable
from crewgraph.llm import DirectLLM, Message, Request
from crewgraph.llm.direct import http
from tests.faults.server import Act, Server, closed, completion, raw, refused, reset, short_body

pytestmark = pytest.mark.anyio

HI = Request((Message("user", "hi"),))
PAGE = b"<html><head><style>p {}</style><title>404 Not Found</title></head><body><h1>nginx</h1></body></html>"
ELSEWHERE = "/v1/chat/completions was asked; base_url= is to be the address of its API"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*http.PROXIES, "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nobody() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def failure(llm: Any, request: Request = HI) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await llm.complete(request)
    return caught.value


def notes(error: ModelError) -> str:
    return " ".join(getattr(error, "__notes__", ()))


# ---- no connection -------------------------------------------------------------------------------------------------


async def test_nobody_listens(nobody: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, the error says where that is, and what names the place."""
    url = f"http://127.0.0.1:{nobody}/v1"
    error = await failure(DirectLLM("m", base_url=url))
    assert type(error) is ModelUnavailable
    assert str(error) == f"direct/m: no connection to 127.0.0.1:{nobody}: Connection refused"
    assert notes(error) == "hint: base_url= says where the server is; is it running there?"
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert notes(await failure(DirectLLM("m"))).startswith("hint: OPENAI_BASE_URL says where the server is")


async def test_no_such_host() -> None:
    """A name that nobody knows is told in the system's words."""
    error = await failure(DirectLLM("m", base_url="http://no-such-host.invalid/v1"))
    assert str(error).startswith("direct/m: no connection to no-such-host.invalid:80: ")
    assert "ssl:" not in str(error)


async def test_no_tls(server: Server) -> None:
    """Where TLS was spoken to a server that has none, the hint is the other scheme."""
    reason = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    wrong = aiohttp.ClientConnectorSSLError(_Key("h", 443), reason)
    told = server.llm()._explained(wrong, HI)
    assert type(told) is ModelUnavailable
    assert str(told).startswith("direct/m: no connection to h:443: ")
    assert notes(told) == 'hint: the server there speaks no TLS: base_url="http://…"'


async def test_certificate(server: Server) -> None:
    """Where nobody trusts the server's certificate, the hint is the variable that says who is trusted."""
    reason = ssl.SSLCertVerificationError("self-signed certificate")
    wrong = aiohttp.ClientConnectorCertificateError(_Key("h", 443), reason)
    told = server.llm()._explained(wrong, HI)
    assert "self-signed certificate" in str(told)
    assert notes(told) == "hint: SSL_CERT_FILE= names the certificates that are trusted"


class _Key:
    """What the transport knows of a connection."""

    ssl = True

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port


async def test_openai_is_out_of_reach(monkeypatch: pytest.MonkeyPatch, nobody: int) -> None:
    """Nobody has named OpenAI's own address: the hint is the way to it."""
    monkeypatch.setattr("crewgraph.llm.direct.adapter.OPENAI", f"http://127.0.0.1:{nobody}/v1")
    assert notes(await failure(DirectLLM("m", api_key="k"))).startswith("hint: is there a way to it from here?")


@pytest.mark.parametrize("act", [reset, closed, short_body], ids=["reset", "closed", "short"])
async def test_broken(server: Server, act: Act) -> None:
    """A connection that breaks says which."""
    server.plays(act)
    error = await failure(server.llm())
    assert type(error) is ModelUnavailable
    assert str(error).startswith(f"direct/m: the connection to {server.url.split('/')[2]} broke: ")


# ---- proxies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", "http://user:pass-word@", ""], ids=["plain", "user", "bare"])
async def test_no_proxy_there(nobody: int, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str) -> None:
    """A proxy where nobody listens is told as what it is, with who names it and the way without, and no password."""
    monkeypatch.setenv(name, f"{scheme}127.0.0.1:{nobody}")
    error = await failure(DirectLLM("m", base_url="http://example.invalid/v1"))
    assert str(error) == f"direct/m: no connection to the proxy 127.0.0.1:{nobody}: Connection refused"
    assert "(http_proxy, https_proxy, all_proxy); no_proxy=example.invalid" in notes(error)


async def test_proxy_of_another_kind(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not speak HTTP is refused; one that is for all kinds of traffic is not for this one."""
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    assert (await server.llm().complete(HI)).text == "hello"
    monkeypatch.setenv("http_proxy", "socks5://user:pass-word@127.0.0.1:1")
    error = await failure(server.llm())
    assert type(error) is ModelRejected
    assert "socks5://***@127.0.0.1:1, and only proxies that speak HTTP can be used" in str(error)


async def test_proxy_refuses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a proxy refuses is not told as if the endpoint had."""
    server.plays(raw(b"no", status=407))
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    monkeypatch.setenv("https_proxy", server.url.removesuffix("/v1"))
    asked = await failure(DirectLLM("m", base_url="http://example.invalid/v1"))
    assert "wants a user and a password: http_proxy=http://user:password@host:port" in notes(asked)
    through = await failure(DirectLLM("m", base_url="https://example.invalid/v1"))
    place = server.url.removesuffix("/v1").removeprefix("http://")
    assert str(through) == f"direct/m: no connection to the proxy {place}: it refuses the way (HTTP 407)"
    assert not through.is_transient
    assert "wants a user and a password" in notes(through)


@pytest.mark.parametrize(("status", "is_transient"), [(403, False), (502, True)])
async def test_proxy_lets_nobody_through(
    server: Server, monkeypatch: pytest.MonkeyPatch, status: int, *, is_transient: bool
) -> None:
    """A rule of it holds the next time, too; that it cannot reach the endpoint may be over by then."""
    server.plays(raw(b"no", status=status))
    monkeypatch.setenv("https_proxy", server.url.removesuffix("/v1"))
    error = await failure(DirectLLM("m", base_url="https://example.invalid/v1"))
    assert f"it refuses the way (HTTP {status})" in str(error)
    assert error.is_transient == is_transient
    assert "no_proxy=example.invalid" in notes(error)


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (raw(PAGE, status=404, kind="text/html"), "404 Not Found nginx"),
        (raw(b'{"detail": "Not Found"}', status=404), "Not Found"),
        (raw(b"404 page not found\n", status=404, kind="text/plain"), "404 page not found"),
        (raw(b"", status=405), "HTTP 405"),
    ],
    ids=["page", "JSON", "text", "method"],
)
async def test_wrong_path(server: Server, act: Act, words: str) -> None:
    """Where there is no API, the error says which address was asked, in words and not in HTML."""
    server.plays(act)
    error = await failure(server.llm())
    assert type(error) is ModelRejected
    assert str(error).endswith(f"): {words}")
    assert ELSEWHERE in notes(error)


async def test_no_such_model(server: Server) -> None:
    """Where there is an API and it does not know the model, nothing is said of the address."""
    server.plays(refused(404, "The model `m` does not exist"))
    assert not notes(await failure(server.llm()))


@pytest.mark.parametrize(
    ("options", "variable", "hint"),
    [
        ({}, "", "hint: the key came from api_key="),
        ({"api_key": None}, "sk-other", "hint: the key came from OPENAI_API_KEY"),
        ({"api_key": None}, "", "hint: no key was sent; set OPENAI_API_KEY, or give api_key="),
        ({"api_key": None, "extra": {"extra_headers": {"Api-Key": "x"}}}, "", ""),
    ],
    ids=["argument", "variable", "none", "headers"],
)
async def test_wrong_key(
    server: Server, monkeypatch: pytest.MonkeyPatch, options: Any, variable: str, hint: str
) -> None:
    """A refused key is told with where it came from; itself it is not told."""
    monkeypatch.setenv("OPENAI_API_KEY", variable)
    server.plays(refused(401, "Incorrect API key: sk-secret"))
    error = await failure(server.llm(**options))
    assert type(error) is ModelAccessDenied
    assert "sk-secret" not in str(error) or options
    assert notes(error) == hint


async def test_later(server: Server) -> None:
    """A provider that wants to be asked later is quoted with when."""
    server.plays(refused(429, "too fast", headers={"retry-after": "7200"}))
    assert str(await failure(server.llm())) == "direct/m (HTTP 429, to be asked again in 7200 s): too fast"


async def test_moved(server: Server) -> None:
    """An endpoint that sends elsewhere, by a word that would drop the question, is told as moved; one that keeps it is followed."""
    server.plays(raw(b"", status=302, headers={"location": "/login"}), raw(b"<html>log in</html>", kind="text/html"))
    error = await failure(server.llm())
    assert type(error) is ModelRejected
    assert str(error) == "direct/m (HTTP 302): the endpoint has moved to /login"
    assert notes(error).endswith("without /chat/completions, as base_url=")
    server.plays(raw(b"", status=308, headers={"location": "/v2/chat/completions"}), raw(json.dumps(HELLO).encode()))
    assert (await server.llm().complete(HI)).text == "hello"


HELLO = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}

# ---- answers that are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_page(server: Server, streams: bool) -> None:
    """A page with a good status is quoted, and the address that gave it is named."""
    server.plays(raw(b"<html>welcome</html>", kind="text/html"))
    error = await failure(server.llm(), Request(HI.messages, on_text=[].append if streams else None))
    assert type(error) is ModelAnswerInvalid
    assert str(error) == "direct/m: its answer is none: there is '<html>welcome</html>' where JSON should be"
    assert ELSEWHERE in notes(error)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"choices": [', """there is '{"choices": [' where"""),
        (b"\xff\xfe", "where JSON should be"),
        (b"", "it is empty"),
    ],
    ids=["half", "bytes", "nothing"],
)
async def test_no_json(server: Server, body: bytes, words: str) -> None:
    """What is no JSON is shown as it came, and half of an answer is not taken for another address."""
    server.plays(raw(body))
    error = await failure(server.llm())
    assert type(error) is ModelAnswerInvalid
    assert words in str(error)
    assert (ELSEWHERE in notes(error)) == (not body.startswith(b"{"))


async def test_no_choice(server: Server) -> None:
    """An answer of another kind is told by what it holds."""
    server.plays(completion())
    assert "holds no choice, but 'id', 'object', 'created', 'model'" in str(await failure(server.llm()))
