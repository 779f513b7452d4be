"""The adapter to endpoints that speak OpenAI's chat completions: one HTTP request for each attempt, and no library between.

litellm translates for a hundred providers, which takes it milliseconds of CPU for each call. Where the endpoint speaks
OpenAI's words anyway, there is nothing to translate.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from crewgraph.errors import ModelAccessDenied, ModelAnswerInvalid, ModelError, ModelRejected
from crewgraph.llm.direct.errors import Endpoint, complaint, explained
from crewgraph.llm.direct.http import THREAD, Words, answered, events, load
from crewgraph.llm.direct.schema import response_format
from crewgraph.llm.pieces import Pieces
from crewgraph.llm.port import Reply, Request
from crewgraph.llm.price import listed
from crewgraph.llm.real_calls import check
from crewgraph.llm.remote import Heard, RemoteLLM
from crewgraph.llm.settings import address, secrets
from crewgraph.llm.wire import calls_of, messages, numbered, refusal_of, tools, usage_of

__all__ = ["DirectLLM"]

PREFIX = "direct/"
OPENAI = "https://api.openai.com/v1"
PATH = "/chat/completions"
ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
"""The environment variables that say where the endpoint is, in the order in which they are asked."""
KEY = "OPENAI_API_KEY"
KEYS = frozenset({"authorization", "api-key", "x-api-key"})
"""Headers by which a user may send another."""


WHOLE = ("application/json", "text/html")
"""Kinds of answers that come in one piece, even though pieces were asked for."""


class DirectLLM(RemoteLLM):
    """A model at an endpoint that speaks OpenAI's chat completions, asked without litellm: ``DirectLLM("gpt-5-mini")``.

    ``DirectLLM("qwen3", base_url="http://127.0.0.1:8080/v1")`` is a server of one's own: vLLM, llama.cpp, Ollama and many
    others speak these words, too. It behaves as :class:`LiteLLM` does (errors, usage, streams, shapes, tools), and takes
    a tenth of its CPU. Nothing is imported or contacted before the first call.

    Args:
        model: its name at the endpoint, with or without "direct/" before it.
        temperature: how much the answers vary; the endpoint's default where it is ``None``.
        max_tokens: the longest answer; the endpoint's default where it is ``None``.
        timeout: seconds for one call; short for ``policy=Policy(call_timeout=…)``.
        policy: retries, timeouts, fallbacks and limits of this model, before those of agent, crew and pipeline.
        price: what it costs; else what litellm's table says of a model of this name.
        api_key: the key; else ``OPENAI_API_KEY``. An endpoint other than OpenAI's may need none.
        base_url: the address of the endpoint; else ``OPENAI_BASE_URL``, else OpenAI's.
        structured: how a shape is asked for. "auto" asks the endpoint for it where litellm's table knows that the
            model can, "native" always, "instruct" never. The prompt asks for it in any case.
        extra: further fields of the request, such as ``{"seed": 7}``; ``extra_headers`` among them are sent as headers.

    Attributes:
        model: its name, "direct/" before it.
        max_tokens, policy: as given.
    """

    def _named(self, model: str) -> str:
        return PREFIX + model.removeprefix(PREFIX)

    @property
    def _listed_as(self) -> str:
        return self.model.removeprefix(PREFIX)

    thread = THREAD
    closed = "its connections were closed before it answered"

    async def prepare(self) -> None:
        """Import aiohttp; a call does so too, where nobody has.

        Raises:
            RealCallForbidden: this is a test that must not call a model.
        """
        check(self.model)
        await load()

    def _wording(self, request: Request) -> tuple[str, Mapping[str, str], bytes]:
        base = self._base()
        return (
            f"{base.rstrip('/')}{PATH}",
            self._headers(base),
            json.dumps(self._body(request, base)).encode(),
        )

    async def _ask(
        self, said: tuple[str, Mapping[str, str], bytes], request: Request, tell: Callable[[str], None], heard: Heard
    ) -> Reply:
        async with answered(*said) as response:
            if request.on_text is not None and response.content_type not in WHOLE:
                return self._read(await self._gathered(response, tell, heard), request)
            whole = _object(Words.read(await response.read()))
        heard.usage = whole.usage
        if request.on_text is not None:
            _tell_whole(whole, tell)
        return self._read(whole, request)

    # ---- what is sent ------------------------------------------------------------------------------------------

    def _where(self) -> tuple[str, str]:
        """The address, and the argument or variable that says so; nothing of it where it is OpenAI's own."""
        if own := self._place["base_url"]:
            return own, "base_url="
        for name in ADDRESSES:
            if said := os.environ.get(name, "").strip():
                return said, name
        return OPENAI, ""

    def _base(self) -> str:
        base = self._where()[0]
        if not _is_address(base):
            told = f'{address(base)!r} is no address. hint: base_url="http://127.0.0.1:8080/v1"'
            raise ModelRejected(f"{self.model}: {told}", model=self.model)
        return base

    def _key(self) -> str:
        return self._place["api_key"] or os.environ.get(KEY, "").strip()

    def _headers(self, base: str) -> dict[str, str]:
        key, more = self._key(), self._extra.get("extra_headers") or {}
        if not key and base == OPENAI:
            hint = f"set {KEY}, or give api_key="
            raise ModelAccessDenied(f"{self.model}: there is no key. hint: {hint}", model=self.model)
        own = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        return {**own, **{str(name): str(value) for name, value in more.items()}}

    def _body(self, request: Request, base: str) -> dict[str, Any]:
        offered, most = tools(request), self._most(request)
        is_streamed = request.on_text is not None
        said = {
            "temperature": self._temperature,
            # OpenAI's newer models refuse the old name, many other servers do not know the new one
            "max_completion_tokens" if base == OPENAI else "max_tokens": most,
            "tools": offered or None,
            "tool_choice": request.tool_choice if offered and request.tool_choice != "auto" else None,
            "response_format": self._shape(request, offered),
            "stream": is_streamed or None,
            "stream_options": {"include_usage": True} if is_streamed else None,
            **{name: value for name, value in self._extra.items() if name != "extra_headers"},
        }
        return {
            "model": self._listed_as,
            "messages": messages(request.messages),
            **{name: value for name, value in said.items() if value is not None},
        }

    def _shape(self, request: Request, offered: Sequence[Any]) -> dict[str, Any] | None:
        if request.schema is None or self.structured == "instruct":
            return None
        if self.structured == "auto":
            is_known = listed(self._listed_as).get("supports_response_schema") is True
            if not is_known or (offered and request.tool_choice != "none"):
                return None
        return response_format(request.schema)

    # ---- what comes back ---------------------------------------------------------------------------------------

    async def _gathered(self, response: Any, tell: Callable[[str], None], heard: Heard) -> Words:
        """Read a stream to its end, as if it had come whole."""
        pieces, refusal, reason = Pieces(tell), list[str](), None
        async for event in events(response):
            chunk = _object(event)
            if chunk.error:
                raise complaint(chunk.error, json.dumps(chunk), self._there())
            heard.usage = chunk.usage or heard.usage
            for choice in (chunk.choices or ())[:1]:
                delta = choice.delta or Words()
                reason = choice.finish_reason or reason
                refusal.append(refusal_of(delta))
                pieces.add(delta)
        if not reason:
            raise ModelAnswerInvalid(
                f"{self.model}: the answer was cut off: its stream ended without a reason", model=self.model
            )
        message = Words(content=pieces.text, refusal="".join(refusal), gathered=pieces.calls)
        return Words(choices=[Words(message=message, finish_reason=reason)], usage=heard.usage)

    def _read(self, whole: Words, request: Request) -> Reply:
        if whole.error:
            raise complaint(whole.error, json.dumps(whole), self._there())
        usage = usage_of(whole.usage)
        if not whole.choices:
            held = f", but {', '.join(map(repr, whole))}" if whole else ""
            told = f"{self.model}: the answer holds no choice{held:.200}"
            raise ModelAnswerInvalid(told, model=self.model, usage=usage)
        choice = _object(whole.choices[0])
        message = _object(choice.message)
        text = message.content
        if not isinstance(text, str | None):
            raise ModelAnswerInvalid(f"{self.model}: its answer is no text but {text!r:.80}", model=self.model)
        self._insist_on_answer(text, refusal_of(message), usage)
        return Reply(
            text=text or "",
            usage=usage,
            finish_reason=choice.finish_reason,
            calls=numbered(message.gathered or calls_of(message), request.messages),
        )

    # ---- what goes wrong ---------------------------------------------------------------------------------------

    def _secrets(self) -> Iterator[str]:
        yield from secrets(self._extra)
        if key := self._key():
            yield key

    def _there(self) -> Endpoint:
        base, said_by = self._where()
        named = {str(name).lower() for name in self._extra.get("extra_headers") or ()}
        key_by = "api_key=" if self._place["api_key"] else KEY if self._key() else ""
        return Endpoint(
            model=self.model,
            url=f"{str(address(base)).rstrip('/')}{PATH}",
            said_by=said_by,
            key_by=key_by,
            wants_key=not named & KEYS,
            secrets=list(self._secrets()),
        )

    def _explained(self, error: Exception, request: Request) -> ModelError:
        told = explained(error, self._there())
        if isinstance(told, ModelRejected) and request.schema is not None and self.structured != "instruct":
            told.add_note('hint: if the endpoint refuses the schema, DirectLLM(…, structured="instruct") asks by words')
        return told


def _is_address(base: str) -> bool:
    """Whether there is a host that can be asked."""
    parts = urlsplit(base)
    try:
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port
        return False


def _object(value: Any) -> Any:
    """An object of an answer.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, Words):
        raise ValueError(f"there is {value!r:.80} where an object should be")  # noqa: TRY004 - the answer is wrong
    return value


def _tell_whole(whole: Words, tell: Callable[[str], None]) -> None:
    """Tell an answer that came whole, though its pieces were wanted."""
    for choice in (whole.choices or ())[:1]:
        text = choice.message.content if isinstance(choice, Words) and isinstance(choice.message, Words) else None
        if isinstance(text, str) and text:
            tell(text)
