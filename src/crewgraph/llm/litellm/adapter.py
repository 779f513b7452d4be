"""The adapter to litellm, the only module that imports it: on the first call, and in a thread of its own.

litellm is used as a thin client for one attempt: no retries, no router, no cache and no callbacks of its own.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from crewgraph.errors import ModelAnswerInvalid, ModelError, ModelRejected
from crewgraph.llm.litellm.errors import translated
from crewgraph.llm.litellm.price import cost_of, streamed_cost
from crewgraph.llm.litellm.stream import Whole, gather
from crewgraph.llm.port import Reply, Request
from crewgraph.llm.real_calls import check
from crewgraph.llm.remote import Heard, RemoteLLM, thread_named
from crewgraph.llm.settings import secrets
from crewgraph.llm.wire import calls_of, messages, numbered, refusal_of, tools, usage_of

__all__ = ["LiteLLM", "close"]

UNLIMITED = "1000000"
"""Connections; 0 would be taken as not said, and 100 be the most."""
ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import fetches a price table, for 8 s where nobody answers
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # else the first call of a Claude fetches a list, for 5 s likewise
    "LITELLM_MODE": "PRODUCTION",  # else the import loads .env files into os.environ
    "LITELLM_OFFLINE_MODE": "true",
    # limits are the gate's business: else calls beyond 500 to a host wait in litellm, where the clock of the call runs
    "AIOHTTP_CONNECTOR_LIMIT": UNLIMITED,
    "AIOHTTP_CONNECTOR_LIMIT_PER_HOST": UNLIMITED,
}
"""Read by litellm while it is imported; what the user has set is left alone."""

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


class LiteLLM(RemoteLLM):
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

    thread = "crewgraph-litellm"
    closed = "litellm was closed before it answered"

    async def prepare(self) -> None:
        """Import litellm, which takes seconds; a call does so too, where nobody has.

        Raises:
            RealCallForbidden: this is a test that must not call a model.
            ModelError: litellm cannot be imported.
        """
        check(self.model)
        try:  # in the thread only where that takes long: to go there takes more than all the rest
            await (_imported() if _is_ready else thread_named(self.thread).run(_imported))
        except ImportError as error:
            message = f"{self.model}: litellm cannot be imported: {error}. hint: install it anew"
            raise ModelError(message, model=self.model) from error

    def _wording(self, request: Request) -> dict[str, Any]:
        return self._options(_litellm(), request)

    async def _ask(self, said: dict[str, Any], request: Request, tell: Callable[[str], None], heard: Heard) -> Reply:
        litellm, whole = _litellm(), Whole()
        if request.on_text is None:
            return self._read(await litellm.acompletion(**said), request)
        stream = await litellm.acompletion(**said, stream=True, stream_options={"include_usage": True})
        try:
            await gather(stream, whole, tell, model=self.model)
        finally:
            heard.usage = whole.usage
        self._insist_on_answer(whole.text, whole.refusal, usage_of(whole.usage))
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
        options: dict[str, Any] = {
            "temperature": self._temperature,
            "max_tokens": self._most(request),
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


def close() -> None:
    """Close litellm's connections and end its thread; the next call opens them anew. Runs by itself at exit."""
    thread_named(LiteLLM.thread).stop(_close_clients)


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


_is_ready = list[bool]()
"""Not empty when litellm was imported once."""


async def _imported() -> None:
    _litellm()
    _hush()
    _is_ready[:] = [True]


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
