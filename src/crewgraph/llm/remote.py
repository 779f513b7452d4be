"""What all models have in common that are asked over the network: their settings, and a thread that does the asking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import anyio

from crewgraph.errors import ModelAnswerInvalid, ModelError, ModelTimeout, ModelUnavailable
from crewgraph.llm.port import Reply, Request
from crewgraph.llm.price import Price, listed_price
from crewgraph.llm.settings import address, checked, insist, patient, public
from crewgraph.llm.wire import usage_of
from crewgraph.policy import Policy
from crewgraph.usage import UsageMetrics

__all__ = ["Heard", "RemoteLLM", "Structured", "thread_named"]

Structured = Literal["auto", "native", "instruct"]
"""How a shape is asked for: as litellm's price table says, always by the provider's own means, or by words alone."""

NO_LIMIT = 86_400.0
"""Seconds for a call where the model itself has no time limit: whoever asks the model sets one."""


_threads = dict[str, Any]()


def thread_named(name: str) -> Any:
    """The one thread of this name, whoever asks first; asyncio is imported only where there is one."""
    return _threads.get(name) or _new_thread(name)


def _new_thread(name: str) -> Any:
    from crewgraph.llm.asyncio_thread import AsyncioThread

    return _threads.setdefault(name, AsyncioThread(name))  # of two at a time, the first; neither has begun


@dataclass(slots=True)
class Heard:
    """What is known of an answer while it comes: the tokens as the provider reports them."""

    usage: Any = None


class RemoteLLM(ABC):
    """A model behind a network; how it is asked is a subclass's.

    Nothing is imported or contacted before the first call.

    Args:
        model: its name.
        temperature: how much the answers vary; the provider's default where it is ``None``.
        max_tokens: the longest answer; the provider's default where it is ``None``.
        timeout: seconds for one call; short for ``policy=Policy(call_timeout=…)``.
        policy: retries, timeouts, fallbacks and limits of this model, before those of agent, crew and pipeline.
        price: what it costs; else what litellm's table says.
        api_key: the key; else what the environment says.
        base_url: the address of the server; else the provider's.
        structured: how a shape is asked for. "auto" asks the provider for it where litellm's table knows that the
            model can, "native" always, "instruct" never. The prompt asks for it in any case.
        extra: further parameters of a call.

    Attributes:
        model, max_tokens, policy: as given.
        thread: in which models of its class are asked.
        closed: what is said where that was ended in the midst of a call.
    """

    thread: ClassVar[str]
    closed: ClassVar[str]

    def __init__(  # noqa: PLR0913 - a model has so many settings
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
        settings = {
            "model": model,
            "max_tokens": max_tokens,
            "structured": structured,
            "price": price,
            "policy": policy,
        }
        insist(type(self).__name__, **settings)
        self.model = self._named(model)
        self.max_tokens = max_tokens
        self.policy = patient(timeout, policy)
        self.structured: Structured = structured
        self._price = price
        self._temperature = temperature
        self._extra = checked(type(self).__name__, extra)
        self._place = {"api_key": api_key, "base_url": base_url}
        self._endpoint = address(base_url)

    @property
    def price(self) -> Price | None:
        """What it costs: as given, else as litellm's table says; ``None`` where nobody knows."""
        return self._price or listed_price(self._listed_as)

    @property
    def endpoint(self) -> str | None:
        """The address of its server, without user and password; ``None`` for the provider's own."""
        return self._endpoint

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else bears on its answers, without secrets."""
        shown = {"temperature": self._temperature, "max_tokens": self.max_tokens, "structured": self.structured}
        return {**public(self._extra), **shown}

    def _named(self, model: str) -> str:
        """Its name in events and results."""
        return model

    @property
    def _listed_as(self) -> str:
        """Its name in litellm's table."""
        return self.model

    @abstractmethod
    async def prepare(self) -> None:
        """Do once what takes long, before the clock of a call starts."""

    @abstractmethod
    def _wording(self, request: Request) -> Any:
        """What is sent, for :meth:`_ask`; made in the thread."""

    @abstractmethod
    async def _ask(self, said: Any, request: Request, tell: Callable[[str], None], heard: Heard) -> Reply:
        """Ask, in the thread.

        Args:
            said: what is sent.
            request: what is asked.
            tell: called with each piece of the answer.
            heard: is given the tokens as soon as they are known, also where there is no answer.
        """

    @abstractmethod
    def _explained(self, error: Exception, request: Request) -> ModelError:
        """What it means that asking raised this."""

    async def complete(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            ModelError: there is no answer; the subclass says why, the original is chained.
            RealCallForbidden: this is a test that must not call a model.
        """
        await self.prepare()  # before the clock starts
        thread, seconds = thread_named(self.thread), self._seconds()
        answer, receive = partial(self._answer, request), request.on_text or _nobody
        try:
            if seconds >= NO_LIMIT:
                return await thread.stream(answer, receive)
            with anyio.CancelScope(deadline=anyio.current_time() + seconds):
                return await thread.stream(answer, receive)
        except CancelledError as error:
            raise ModelUnavailable(f"{self.model}: {self.closed}", model=self.model) from error
        raise ModelTimeout(f"{self.model}: no answer within {seconds:g} s", model=self.model)

    async def _answer(self, request: Request, tell: Callable[[str], None]) -> Reply:
        """Ask, and charge what it took also where there is no answer."""
        said, heard = self._wording(request), Heard()
        try:
            return await self._ask(said, request, tell, heard)
        except ModelError as error:
            error.usage = error.usage or usage_of(heard.usage)
            raise
        except Exception as error:
            told = self._explained(error, request)
            told.usage = usage_of(heard.usage)
            raise told from error

    def _seconds(self) -> float:
        own = self.policy.call_timeout if self.policy else None
        return own or NO_LIMIT

    def _most(self, request: Request) -> int | None:
        """How long the answer may be."""
        return min((most for most in (self.max_tokens, request.max_tokens) if most is not None), default=None)

    def _insist_on_answer(self, text: str | None, refusal: str, usage: UsageMetrics) -> None:
        if refusal and not text:
            error = ModelAnswerInvalid(f"{self.model}: the model refused: {refusal}", model=self.model, usage=usage)
            error.is_transient = False  # it would refuse again
            raise error

    def __repr__(self) -> str:
        shown = {"temperature": self._temperature, "max_tokens": self.max_tokens}
        told = "".join(f", {name}={value!r}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}({self.model!r}{told})"


def _nobody(_: str) -> None:
    """Listen to the pieces of an answer that is not streamed."""
