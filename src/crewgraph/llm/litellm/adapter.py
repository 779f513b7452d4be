"""The adapter to litellm, the only module that imports it: on the first call, and in a thread of its own.

litellm is used as a thin client for one attempt: no retries, no router, no cache and no callbacks of its own.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from functools import cache, partial
from typing import Any, Literal

import anyio

from crewgraph.errors import ModelAnswerInvalid, ModelError, ModelRejected, ModelTimeout, ModelUnavailable
from crewgraph.llm.litellm.errors import translated
from crewgraph.llm.litellm.price import cost_of, listed_price, streamed_cost
from crewgraph.llm.litellm.stream import Whole, gather
from crewgraph.llm.port import Reply, Request
from crewgraph.llm.price import Price
from crewgraph.llm.real_calls import check
from crewgraph.llm.settings import address, checked, insist, patient, public, secrets
from crewgraph.llm.wire import calls_of, messages, numbered, refusal_of, tools, usage_of
from crewgraph.policy import Policy
from crewgraph.usage import UsageMetrics

__all__ = ["LiteLLM", "Structured", "close"]

Structured = Literal["auto", "native", "instruct"]
"""How a shape is asked for: as litellm's price table says, always by the provider's own means, or by words alone."""

ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import fetches a price table, for 8 s where nobody answers
    "LITELLM_MODE": "PRODUCTION",  # else the import loads .env files into os.environ
    "LITELLM_OFFLINE_MODE": "true",
}
"""Read by litellm while it is imported; what the user has set is left alone."""

NO_LIMIT = 86_400.0
"""Seconds that litellm is given where the model itself has no time limit: whoever asks the model sets one."""

TOOLS_AND_SHAPE = frozenset({"anthropic", "azure", "openai"})
"""Providers that take a shape beside tools that are forbidden. For others litellm may make a tool of the shape, and
force the model to call it."""

NOT_FOR_USERS: Sequence[tuple[str, type[Warning], str]] = (
    # a call that is cancelled while litellm still prepares it leaves a coroutine behind, which is harmless
    (r"coroutine '[\w.]*acompletion' was never awaited", RuntimeWarning, ""),
    # what litellm should do otherwise
    ("", DeprecationWarning, r"litellm(\.|$)"),
    (r"Item '\w+' on TypedDict class '\w+' is using the `ReadOnly` qualifier", UserWarning, ""),
)
"""Warnings of litellm's own code: message, category and module, as :func:`warnings.filterwarnings` takes them."""

_LOCK = threading.Lock()


def _thread() -> Any:
    """The one thread that litellm runs in, whoever asks first; asyncio is imported only where there is one."""
    with _LOCK:
        return _new_thread()


@cache
def _new_thread() -> Any:
    from crewgraph.llm.asyncio_thread import AsyncioThread

    return AsyncioThread("crewgraph-litellm")


class LiteLLM:
    """A model behind litellm: ``LiteLLM("gpt-5-mini", temperature=0)``, ``LiteLLM("anthropic/claude-sonnet-4-5")``.

    Nothing is imported or contacted before the first call.

    Args:
        model: its name as litellm knows it, "provider/model".
        temperature: how much the answers vary; the provider's default where it is ``None``.
        max_tokens: the longest answer; the provider's default where it is ``None``.
        timeout: seconds for one call; short for ``policy=Policy(call_timeout=…)``.
        policy: retries, timeouts, fallbacks and limits of this model, before those of agent, crew and pipeline.
        price: what it costs; else what litellm's table says.
        api_key: the key; else litellm reads the provider's own environment variable.
        base_url: the address of the server; else the provider's.
        structured: how a shape is asked for. "auto" asks the provider for it where litellm knows that the model can,
            "native" always, "instruct" never. The prompt asks for it in any case.
        extra: further parameters of ``litellm.acompletion``.

    Attributes:
        model, max_tokens, policy: as given.
    """

    def __init__(  # noqa: PLR0913 - a model has so many settings, all but the first by keyword
        self,
        model: str,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float | None = None,
        policy: Policy | None = None,
        price: Price | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        structured: Structured = "auto",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        insist(model=model, max_tokens=max_tokens, structured=structured, price=price, policy=policy)
        self.model = model
        self.max_tokens = max_tokens
        self.policy = patient(timeout, policy)
        self.structured: Structured = structured
        self._price = price
        self._temperature = temperature
        self._extra = checked(extra)
        self._place = {"api_key": api_key, "base_url": base_url}
        self._endpoint = address(base_url)

    @property
    def price(self) -> Price | None:
        """What it costs: as given, else as litellm's table says; ``None`` where nobody knows."""
        return self._price or listed_price(self.model)

    @property
    def endpoint(self) -> str | None:
        """The address of its server, without user and password; ``None`` for the provider's own."""
        return self._endpoint

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else bears on its answers, without secrets."""
        shown = {"temperature": self._temperature, "max_tokens": self.max_tokens, "structured": self.structured}
        return {**public(self._extra), **shown}

    async def prepare(self) -> None:
        """Import litellm, which takes seconds; a call does so too, where nobody has.

        Raises:
            RealCallForbidden: this is a test that must not call a model.
            ModelError: litellm cannot be imported.
        """
        check(self.model)
        try:
            await _thread().run(_imported)
        except ImportError as error:
            message = f"{self.model}: litellm cannot be imported: {error}. hint: install it anew"
            raise ModelError(message, model=self.model) from error

    async def complete(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            ModelError: the provider gave no answer; the subclass says why, the original is chained.
            RealCallForbidden: this is a test that must not call a model.
        """
        await self.prepare()  # before the clock starts
        seconds = self._seconds()
        try:
            with anyio.CancelScope(deadline=anyio.current_time() + seconds):
                return await _thread().stream(partial(self._ask, request), request.on_text or _nobody)
        except CancelledError as error:
            message = f"{self.model}: litellm was closed before it answered"
            raise ModelUnavailable(message, model=self.model) from error
        raise ModelTimeout(f"{self.model}: no answer within {seconds:g} s", model=self.model)

    def __repr__(self) -> str:
        shown = {"temperature": self._temperature, "max_tokens": self.max_tokens}
        told = "".join(f", {name}={value!r}" for name, value in shown.items() if value is not None)
        return f"LiteLLM({self.model!r}{told})"

    async def _ask(self, request: Request, tell: Callable[[str], None]) -> Reply:
        """Ask, in litellm's own thread."""
        litellm, whole = _litellm(), Whole()
        options = self._options(litellm, request)
        try:
            if request.on_text is None:
                return self._read(await litellm.acompletion(**options), request)
            stream = await litellm.acompletion(**options, stream=True, stream_options={"include_usage": True})
            await gather(stream, whole, tell, model=self.model)
            self._insist_on_answer(whole.text, whole.refusal, usage_of(whole.usage))
        except ModelError as error:
            error.usage = error.usage or usage_of(whole.usage)
            raise
        except Exception as error:
            told = self._explained(error, request)
            told.usage = usage_of(whole.usage)
            raise told from error
        return Reply(
            text=whole.text,
            usage=usage_of(whole.usage),
            finish_reason=whole.finish_reason,
            calls=numbered(whole.calls, request.messages),
            cost=None if self._price or not whole.usage else streamed_cost(litellm, self.model, whole.usage),
        )

    def _options(self, litellm: Any, request: Request) -> dict[str, Any]:
        """The arguments of the call."""
        offered = tools(request)
        bounds = [most for most in (self.max_tokens, request.max_tokens) if most is not None]
        options: dict[str, Any] = {
            "temperature": self._temperature,
            "max_tokens": min(bounds, default=None),
            "tools": offered or None,
            "tool_choice": self._choice(litellm, request) if offered else None,
            "response_format": request.schema if self._is_native(litellm, request, offered) else None,
            **self._place,
            **self._extra,
        }
        return {
            **{name: value for name, value in options.items() if value is not None},
            "model": self.model,
            "messages": messages(request.messages),
            "timeout": self._seconds(),
            "max_retries": 0,  # else the SDK asks three times, unseen and uncounted
        }

    def _seconds(self) -> float:
        own = self.policy.call_timeout if self.policy else None
        return own or NO_LIMIT

    def _choice(self, litellm: Any, request: Request) -> str | None:
        """What is said of the choice of tools: nothing where that is the default or the provider cannot be told."""
        if request.tool_choice == "auto":
            return None
        known = litellm.get_supported_openai_params(model=self.model)
        return request.tool_choice if known is None or "tool_choice" in known else None

    def _is_native(self, litellm: Any, request: Request, offered: Sequence[Any]) -> bool:
        if request.schema is None or self.structured == "instruct":
            return False
        if self.structured == "native":
            return True
        if offered and (
            request.tool_choice != "none" or litellm.get_llm_provider(self.model)[1] not in TOOLS_AND_SHAPE
        ):
            return False
        return bool(litellm.supports_response_schema(model=self.model))

    def _explained(self, error: Exception, request: Request) -> ModelError:
        hidden = [*secrets(self._extra), *([key] if (key := self._place["api_key"]) else [])]
        told = translated(error, model=self.model, secrets=hidden)
        if isinstance(told, ModelRejected) and request.schema is not None and self.structured != "instruct":
            told.add_note('hint: if the provider refuses the schema, LiteLLM(…, structured="instruct") asks by words')
        return told

    def _insist_on_answer(self, text: str | None, refusal: str, usage: UsageMetrics) -> None:
        if refusal and not text:
            error = ModelAnswerInvalid(f"{self.model}: the model refused: {refusal}", model=self.model, usage=usage)
            error.is_transient = False  # it would refuse again
            raise error

    def _read(self, response: Any, request: Request) -> Reply:
        usage = usage_of(getattr(response, "usage", None))
        if not response.choices:
            raise ModelAnswerInvalid(f"{self.model}: the answer holds no choice", model=self.model, usage=usage)
        choice = response.choices[0]
        self._insist_on_answer(choice.message.content, refusal_of(choice.message), usage)
        return Reply(
            text=choice.message.content or "",
            usage=usage,
            finish_reason=choice.finish_reason,
            calls=numbered(calls_of(choice.message), request.messages),
            cost=None if self._price else cost_of(response),
        )


def _nobody(_: str) -> None:
    """Listen to the pieces of an answer that is not streamed."""


def close() -> None:
    """Close litellm's connections and end its thread; the next call opens them anew. Runs by itself at exit."""
    _thread().stop(_close_clients)


@cache
def _litellm() -> Any:
    """litellm, imported and quiet. Runs in one thread only, so that no two imports meet."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True  # else it prints "Give Feedback / Get Help" with every error
    litellm.disable_hf_tokenizer_download = True  # else counting tokens may freeze the loop for 20 s
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        # its own handler writes to stderr; whoever wants its log configures logging, and it propagates
        logging.getLogger(name).handlers[:] = [logging.NullHandler()]
    # asking for an unknown attribute makes litellm register its own closing at exit, in a loop that is the wrong one
    # for open connections; what is registered later runs earlier
    getattr(litellm, "crewgraph", None)
    atexit.register(close)
    return litellm


async def _imported() -> None:
    _litellm()
    _hush()


_hushed = list[Any]()


def _hush() -> None:
    """Keep litellm's warnings to itself: where warnings are errors, a call would fail for them.

    Asked before every call: pytest and others put the filters back to what they were.
    """
    if _hushed and all(each in warnings.filters for each in _hushed):
        return
    _hushed.clear()
    for message, category, module in NOT_FOR_USERS:
        warnings.filterwarnings("ignore", message=message, category=category, module=module)
        _hushed.append(warnings.filters[0])


async def _close_clients() -> None:
    cleanup: Any = importlib.import_module("litellm.llms.custom_httpx.async_client_cleanup")
    await cleanup.close_litellm_async_clients()
