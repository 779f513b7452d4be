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
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Literal

import anyio

from crewgraph.errors import ModelAnswerInvalid, ModelRejected, ModelTimeout
from crewgraph.llm.litellm_errors import translated
from crewgraph.llm.port import Reply, Request
from crewgraph.outputs import UsageMetrics

__all__ = ["LiteLLM", "Structured", "close"]

Structured = Literal["auto", "native", "instruct"]
"""How a shape is asked for: as litellm's price table says, always by the provider's own means, or by words alone."""

ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import fetches a price table, for 8 s where nobody answers
    "LITELLM_MODE": "PRODUCTION",  # else the import loads .env files into os.environ
    "LITELLM_OFFLINE_MODE": "true",
}
"""Read by litellm while it is imported; what the user has set is left alone."""

OURS = frozenset({"model", "messages", "response_format", "stream", "max_retries", "num_retries", "timeout"})
"""Parameters that the adapter sets by itself."""

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
        timeout: seconds for one call.
        api_key: the key; else litellm reads the provider's own environment variable.
        base_url: the address of the server; else the provider's.
        structured: how a shape is asked for. "auto" asks the provider for it where litellm knows that the model can,
            "native" always, "instruct" never. The prompt asks for it in any case.
        extra: further parameters of ``litellm.acompletion``.
    """

    def __init__(
        self,
        model: str,
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float = 600.0,
        api_key: str | None = None,
        base_url: str | None = None,
        structured: Structured = "auto",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        if clash := OURS & set(extra or {}):
            message = f"extra= cannot set {', '.join(sorted(clash))}: crewgraph sets it itself"
            raise ValueError(message)
        self.model = model
        self.timeout = timeout
        self.structured: Structured = structured
        self._shown = {"temperature": temperature, "max_tokens": max_tokens}
        self._hidden = {"api_key": api_key, "base_url": base_url, **(extra or {})}
        self._secret = api_key

    async def complete(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            ModelError: the provider gave no answer; the subclass says why, the original is chained.
        """
        try:
            await _thread().run(_imported)  # before the clock starts
            with anyio.fail_after(self.timeout):
                response = await _thread().run(partial(self._ask, request))
        except TimeoutError as error:
            message = f"{self.model}: no answer within {self.timeout:g} s"
            raise ModelTimeout(message, model=self.model) from error
        except Exception as error:
            raise self._explained(error, request) from error
        return self._read(response)

    def __repr__(self) -> str:
        shown = "".join(f", {name}={value!r}" for name, value in self._shown.items() if value is not None)
        return f"LiteLLM({self.model!r}{shown})"

    async def _ask(self, request: Request) -> Any:
        litellm = _litellm()
        options = {name: value for name, value in (self._shown | self._hidden).items() if value is not None}
        if self._is_native(litellm, request):
            options["response_format"] = request.schema
        return await litellm.acompletion(
            model=self.model,
            messages=[{"role": message.role, "content": message.content} for message in request.messages],
            timeout=self.timeout,
            max_retries=0,  # else the SDK asks three times, unseen and uncounted
            **options,
        )

    def _is_native(self, litellm: Any, request: Request) -> bool:
        if request.schema is None or self.structured == "instruct":
            return False
        return self.structured == "native" or bool(litellm.supports_response_schema(model=self.model))

    def _explained(self, error: Exception, request: Request) -> Exception:
        told = translated(error, model=self.model, secret=self._secret)
        if isinstance(told, ModelRejected) and request.schema is not None and self.structured != "instruct":
            told.add_note('hint: if the provider refuses the schema, LiteLLM(…, structured="instruct") asks by words')
        return told

    def _read(self, response: Any) -> Reply:
        usage = _usage(getattr(response, "usage", None))
        if not response.choices:
            raise ModelAnswerInvalid(f"{self.model}: the answer holds no choice", model=self.model, usage=usage)
        choice = response.choices[0]
        return Reply(text=choice.message.content or "", usage=usage, finish_reason=choice.finish_reason)


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
    # a call that is cancelled while litellm still prepares it leaves a coroutine behind, which is harmless
    never = r"coroutine '[\w.]*acompletion' was never awaited"
    warnings.filterwarnings("ignore", message=never, category=RuntimeWarning)
    # asking for an unknown attribute makes litellm register its own closing at exit, in a loop that is the wrong one
    # for open connections; what is registered later runs earlier
    getattr(litellm, "crewgraph", None)
    atexit.register(close)
    return litellm


async def _imported() -> None:
    _litellm()


async def _close_clients() -> None:
    cleanup: Any = importlib.import_module("litellm.llms.custom_httpx.async_client_cleanup")
    await cleanup.close_litellm_async_clients()


def _usage(reported: Any) -> UsageMetrics:
    """Tokens as the provider reports them; nothing where it reports none."""
    details = getattr(reported, "prompt_tokens_details", None)
    prompt = getattr(reported, "prompt_tokens", None) or 0
    completion = getattr(reported, "completion_tokens", None) or 0
    return UsageMetrics(
        total_tokens=getattr(reported, "total_tokens", None) or prompt + completion,
        prompt_tokens=prompt,
        cached_prompt_tokens=getattr(details, "cached_tokens", None) or 0,
        completion_tokens=completion,
    )
