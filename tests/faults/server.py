"""A provider on the loopback interface that speaks OpenAI's protocol and misbehaves on command, down to the socket.

One request for each connection. What is done with a request is an :data:`Act`: a function of the request and of the
connection. A script is a list of acts, one for each request; the last one goes on for ever.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio

from crewgraph.errors import ModelError
from crewgraph.llm import DirectLLM, LiteLLM, Message, Request, ToolSpec

USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 4},
}
REASONS = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error"}


@dataclass
class Connection:
    """A client that has sent its request and waits."""

    client: socket.socket
    body: Any
    closing: threading.Event

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.client.sendall(data)

    def reset(self) -> None:
        """Cut the connection hard: the other side sees "connection reset by peer"."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def hang(self) -> None:
        """Do nothing until the server is closed."""
        self.closing.wait(30)


Act = Callable[[Connection], None]


# ---- whole answers ---------------------------------------------------------------------------------------------


def head(status: int, length: int | None, kind: str = "application/json", headers: Any = None) -> bytes:
    """The beginning of an answer; without a length its body is sent in chunks."""
    lines = [
        f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}",
        f"content-type: {kind}",
        "connection: close",
        "transfer-encoding: chunked" if length is None else f"content-length: {length}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def raw(body: bytes, *, status: int = 200, kind: str = "application/json", headers: Any = None) -> Act:
    """These bytes."""
    return lambda to: to.send(head(status, len(body), kind, headers) + body)


def refused(status: int, message: str = "no", *, headers: Any = None, **more: Any) -> Act:
    """An error in OpenAI's form."""
    return raw(json.dumps({"error": {"message": message, **more}}).encode(), status=status, headers=headers)


def completion(**parts: Any) -> Act:
    """A chat completion, or something that nearly is one."""
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    return raw(json.dumps(head | parts).encode())


def hang(to: Connection) -> None:
    """Say nothing."""
    to.hang()


def reset(to: Connection) -> None:
    """Cut the connection before a word is said."""
    to.reset()


def closed(_: Connection) -> None:
    """Close the connection before a word is said."""


def reset_in_body(to: Connection) -> None:
    """Promise more than is sent, and cut the connection."""
    to.send(head(200, 5000) + b'{"id": "x", "choices": [')
    to.reset()


def short_body(to: Connection) -> None:
    """Promise more than is sent, and close the connection in good order."""
    to.send(head(200, 5000) + b'{"id": "x", "choices": [')


def hang_in_body(to: Connection) -> None:
    """Send the head and a little, and no more."""
    to.send(head(200, 5000) + b'{"id": "x", "choices": [')
    to.hang()


# ---- answers as a model gives them, streamed where that is asked for ----------------------------------------------


def tool_call(name: str, arguments: str | None = "{}", call_id: str | None = "call_a") -> dict[str, Any]:
    """A tool call on the wire."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def said(
    text: str | None = "hello",
    *,
    calls: Sequence[Any] = (),
    finish: str | None = None,
    usage: Any = USAGE,
) -> Act:
    """An answer of text or tool calls."""
    finish = finish or ("tool_calls" if calls else "stop")
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = list(calls)
    whole = completion(choices=[{"index": 0, "message": message, "finish_reason": finish}], usage=usage)
    deltas = [delta(content=piece) for piece in pieces(text or "")]
    deltas += [delta(tool_calls=[{"index": number, **call}]) for number, call in enumerate(calls)]
    stream = streamed(*deltas, delta(finish=finish), *([chunk(choices=[], usage=usage)] if usage else []))
    return lambda to: (stream if to.body.get("stream") else whole)(to)


def pieces(text: str) -> list[str]:
    """A text in pieces of three characters."""
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def chunk(**parts: Any) -> str:
    """One chunk of a stream."""
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"} | parts)


def delta(*, finish: str | None = None, **parts: Any) -> str:
    """A chunk with a piece of an answer."""
    return chunk(choices=[{"index": 0, "delta": parts, "finish_reason": finish}])


def done(to: Connection) -> None:
    """End a stream as it should end."""
    to.send(_piece("data: [DONE]\n\n") + b"0\r\n\r\n")


def cut(to: Connection) -> None:
    """End a stream in good order for HTTP, and too early for a model."""
    to.send(b"0\r\n\r\n")


def streamed(*chunks: str, end: Act = done, wait: float = 0.0) -> Act:
    """A stream of server-sent events.

    Args:
        chunks: what it holds.
        end: how it ends: :func:`done`, :func:`cut`, :func:`reset`, :func:`hang`.
        wait: seconds between the chunks.
    """

    def act(to: Connection) -> None:
        to.send(head(200, None, "text/event-stream"))
        for each in chunks:
            to.send(_piece(f"data: {each}\n\n"))
            to.closing.wait(wait)
        end(to)

    return act


def _piece(text: str) -> bytes:
    data = text.encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


# ---- the server ------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """What the server does, and what it has seen.

    Attributes:
        url: where it is.
        script: what it does with the first request, the second …; the last act is repeated.
        requests: the bodies of all requests, and ``headers`` their headers.
        arrived: set by the first request.
    """

    url: str
    script: Sequence[Act] = field(default_factory=lambda: [said()])
    requests: list[Any] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    kind: type[LiteLLM | DirectLLM] = LiteLLM

    @property
    def name(self) -> str:
        """What the model here is called."""
        return "openai/m" if self.kind is LiteLLM else "direct/m"

    def plays(self, *script: Act) -> None:
        """Begin this script with the next request."""
        with self.lock:
            self.script = script
            self.requests.clear()

    def llm(self, model: str | None = None, **options: Any) -> LiteLLM | DirectLLM:
        """A model at this server."""
        return self.kind(model or self.name, **({"base_url": self.url, "api_key": "sk-secret"} | options))

    def serve(self, client: socket.socket) -> None:
        """Answer one connection."""
        with client, suppress(OSError):  # the client may go away whenever it likes
            head_lines, body = _received(client)
            if body is None:
                return
            with self.lock:
                act = self.script[min(len(self.requests), len(self.script) - 1)]
                self.requests.append(body)
                self.headers.append(head_lines)
                self.arrived.set()
            act(Connection(client, body, self.closing))


def _received(client: socket.socket) -> tuple[str, Any]:
    """The headers and the body of a request; no body where the client says nothing."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return "", None
        data += more
    headers, _, body = data.partition(b"\r\n\r\n")
    text = headers.decode("latin-1").lower()
    length = int(text.partition("content-length:")[2].partition("\r\n")[0] or 0)
    while len(body) < length:
        body += client.recv(65536)
    return text, json.loads(body or b"{}")


@contextmanager
def serving() -> Iterator[Server]:
    """A server while the block runs."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listener:
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        threads = list[threading.Thread]()

        def accept() -> None:
            with suppress(OSError):  # the listener is closed
                while True:
                    client, _ = listener.accept()
                    if server.closing.is_set():
                        client.close()
                        return
                    client.settimeout(30)
                    thread = threading.Thread(target=server.serve, args=(client,), daemon=True)
                    thread.start()
                    threads.append(thread)

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            server.closing.set()
            with suppress(OSError):
                socket.create_connection(listener.getsockname(), timeout=5).close()  # wakes the acceptor
            acceptor.join(10)
            for thread in threads:
                thread.join(10)


def warm_up() -> None:
    """Let litellm import its parts and build its schemas before any clock runs, with the warnings of its own code."""
    calls = said(None, calls=[tool_call("look")])
    spec = ToolSpec("look", "Looks.")
    with warnings.catch_warnings(), serving() as server:
        warnings.simplefilter("ignore")
        for act, on_text in itertools.product((said(), calls, refused(500)), (None, str)):
            server.plays(act)
            with suppress(ModelError):
                anyio.run(server.llm().complete, Request((Message("user", "hi"),), tools=(spec,), on_text=on_text))
