"""A provider on the loopback interface that answers as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from crewgraph.llm import DirectLLM, LiteLLM, Message, Request
from crewgraph.llm.direct import http
from crewgraph.llm.litellm import adapter as litellm_adapter

CLOSE = {LiteLLM: litellm_adapter.close, DirectLLM: http.close}
"""What ends the connections of each way to ask models."""
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 4},
}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


HANG = Answer(b"", status=-1)
"""No answer until the provider is closed."""


def said(text: str | None, *, finish_reason: str = "stop", usage: Any = USAGE) -> Answer:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    return completion(choices=[{"index": 0, "message": message, "finish_reason": finish_reason}], usage=usage)


def completion(**parts: Any) -> Answer:
    """A chat completion, or something that nearly is one."""
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    return Answer(json.dumps(head | parts).encode())


def refused(status: int, message: str = "no", **more: Any) -> Answer:
    """An error in OpenAI's form."""
    return Answer(json.dumps({"error": {"message": message, **more}}).encode(), status=status)


@dataclass
class Provider:
    """What the server does, and what it has seen."""

    url: str
    respond: Callable[[Any], Answer] = lambda _: said("hello")
    requests: list[Any] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    kind: type[LiteLLM | DirectLLM] = LiteLLM

    @property
    def name(self) -> str:
        """What the model here is called."""
        return "openai/m" if self.kind is LiteLLM else "direct/m"

    def always(self, answer: Answer) -> None:
        """Answer every request alike."""
        self.respond = lambda _: answer

    def llm(self, **options: Any) -> LiteLLM | DirectLLM:
        """A model at this provider."""
        return self.kind(self.name, **({"base_url": self.url, "api_key": "sk-secret", "timeout": 30} | options))


def ask(text: str = "hi", schema: Any = None) -> Request:
    """A request of one message."""
    return Request((Message("user", text),), schema)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        provider.requests.append(body)
        provider.keys.append(self.headers["authorization"])
        provider.arrived.set()
        answer = provider.respond(body)
        if answer is HANG:
            provider.closing.wait(60)
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("content-type", answer.content_type)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    """Connections that wait to be accepted: beyond five, a busy machine drops some, and they are tried again after 1, 3, 7, 15 s."""


@contextmanager
def serving() -> Iterator[Provider]:
    """A provider while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}/v1")
    server.provider = provider  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        provider.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
