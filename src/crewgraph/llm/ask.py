"""Asking a model, with all that a model call needs around it.

From the outside in: other models where one gives up, retries, recordings, budgets, the gate of the model, the time
limit, the call itself. Every attempt is an event and a :class:`Call` on the account.
"""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from crewgraph.budget import Estimate, reserve
from crewgraph.errors import (
    BudgetExceeded,
    CrewgraphError,
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelNotConfigured,
    ModelQuotaExceeded,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
)
from crewgraph.llm.choose import resolve
from crewgraph.llm.gate import gate_of
from crewgraph.llm.intercept import intercepted
from crewgraph.llm.port import LLM, Reply, Request
from crewgraph.llm.price import FREE, estimate, price_of
from crewgraph.policy import DEFAULTS, Policy
from crewgraph.scope import Scope
from crewgraph.trace import ModelCallFailed, ModelCallFinished, ModelCallStarted, ModelText
from crewgraph.usage import Call, UsageMetrics, picodollars

__all__ = ["Asker", "policy_for"]

_numbers = itertools.count(1)
_random = random.SystemRandom()  # the jitter must not depend on a seed that the user sets

NEVER_PAID = (ModelAccessDenied, ModelNotConfigured, ModelQuotaExceeded, ModelRateLimited, ModelRejected)
"""Failures for which no provider takes money; after others it may have worked all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """On whose behalf models are asked.

    Attributes:
        scope: what surrounds the work: budgets, account, observer.
        policy: what is declared for this work, everything but the model's own.
        crew, task, agent: for events and records.
    """

    scope: Scope
    policy: Policy
    crew: str = ""
    task: str = ""
    agent: str = ""

    async def ask(self, llm: LLM, request: Request) -> Reply:
        """The answer to a request: of the model, else of its fallbacks.

        Raises:
            ModelError: nobody gave an answer that is one; of several models the last one's error, with notes of the
                others. ``.usage`` is what the crew has spent so far.
            BudgetError: a budget has no room for the call.
        """
        failures = list[ModelError]()
        fallbacks = policy_for(llm, self.policy).fallbacks or ()
        for each in (llm, *fallbacks):
            model = resolve(each, who=self.agent)
            try:
                return replace(await self._persistently(model, request), model=model.model)
            except ModelError as error:
                failures.append(error)
        last = _with_usage(failures[-1], self.scope.account.usage.model_copy())
        for earlier in failures[:-1]:
            last.add_note(f"before it, {earlier}")
        raise last from failures[-1].__cause__ or failures[-1]

    async def _persistently(self, llm: LLM, request: Request) -> Reply:
        """Ask one model until it answers, or fails in a way that will not pass."""
        policy, waited = policy_for(llm, self.policy), 0.0
        for attempt in itertools.count(1):
            started = self._event(llm, request, attempt)
            try:
                return await _Attempt(self, llm, request, policy, started, waited).run()
            except _Failed as failed:
                wait = _wait(failed.error, attempt, policy)
                self.scope.tell(replace(failed.event, retry_in=wait))
                if wait is None:
                    raise failed.error from failed.error.__cause__
                if isinstance(failed.error, ModelRateLimited):
                    gate_of(llm).close_for(wait)
                await anyio.sleep(wait)
                waited = wait
        raise AssertionError("the loop has no end")

    def _event(self, llm: LLM, request: Request, attempt: int) -> ModelCallStarted:
        return ModelCallStarted(
            call=next(_numbers),
            model=llm.model,
            crew=self.crew,
            task=self.task,
            agent=self.agent,
            attempt=attempt,
            messages=request.messages,
        )


def policy_for(llm: object, policy: Policy) -> Policy:
    """The policy of a call: the model's own before all others, the defaults behind all."""
    own = getattr(llm, "policy", None)
    return (own.over(policy) if isinstance(own, Policy) else policy).over(DEFAULTS)


class _Failed(Exception):
    """One attempt failed: the error, and the event that tells it."""

    def __init__(self, error: ModelError, event: ModelCallFailed) -> None:
        super().__init__(error)
        self.error = error
        self.event = event


@dataclass(slots=True)
class _Attempt:
    """One attempt of one call."""

    asker: Asker
    llm: LLM
    request: Request
    policy: Policy
    started: ModelCallStarted
    waited: float
    began: float = field(default_factory=time.perf_counter)
    at: float = field(default_factory=time.time)
    is_told: bool = False
    over: BudgetExceeded | None = None
    """Set where a budget cut the answer short."""

    async def run(self) -> Reply:
        """Ask once.

        Raises:
            _Failed: there is no answer; the attempt is charged, and not yet told.
            CrewgraphError: nothing was called: a budget has no room, a cassette no answer.
            BudgetExceeded: the answer was cut short by what the budget had left.
        """
        try:
            reply, by = await intercepted(self.llm, self.request, self._within_limits)
            if by is not None and by.is_charged:  # a recorded answer passes the budgets as the first one did
                reserved = await reserve(self.asker.scope.meters, self._estimate(), model=self.llm.model)
                reserved.settle(self._priced(reply))
        except CrewgraphError as error:
            if isinstance(error, ModelError):
                raise _Failed(error, self._failed(error)) from error
            raise
        except Exception as error:
            told = ModelError(f"{self.llm.model}: {type(error).__name__}: {error}", model=self.llm.model)
            told.__cause__ = error
            raise _Failed(told, self._failed(error)) from error
        except BaseException as error:
            if self.is_told:  # cancelled on its way: the provider may have worked all the same
                self.asker.scope.tell(self._failed(error))
            raise
        usage = self._priced(reply) if by is None or by.is_charged else UsageMetrics(successful_requests=1)
        self._finished(reply, usage, source=None if by is None else by.source)
        if self.over is not None:
            raise self.over
        return reply

    async def _within_limits(self) -> Reply:
        """Ask under budgets and limits."""
        want = self._estimate()
        reserved = await reserve(self.asker.scope.meters, want, model=self.llm.model)
        gate, spent = gate_of(self.llm), UsageMetrics()
        try:
            entered = await gate.enter(self.policy.limit, want.tokens)
            try:
                self.waited += time.perf_counter() - self.began
                self.began, self.at = time.perf_counter(), time.time()
                self._tell_started()
                reply = await self._in_time(reserved.answer)
                spent = self._priced(reply)
            except BaseException as error:
                spent = self._failed_usage(error)
                raise
            finally:
                gate.leave(entered, tokens=spent.total_tokens or None)
        finally:
            reserved.settle(spent)
        if reserved.answer is not None and reply.finish_reason == "length":
            self.over = reserved.cut_short()
        return reply

    def _estimate(self) -> Estimate:
        return estimate(self.llm, self.request)

    async def _in_time(self, most: int | None) -> Reply:
        seconds, request = self.policy.call_timeout or 0, self.request
        if most is not None:
            request = replace(request, max_tokens=most)
        if self.asker.scope.wants_text:
            request = replace(request, on_text=self._tell_text)
        with anyio.CancelScope(deadline=anyio.current_time() + seconds):
            return _checked(await self.llm.complete(request), request, self.llm.model)
        raise ModelTimeout(f"{self.llm.model}: no answer within {seconds:g} s", model=self.llm.model)

    # ---- telling and charging ----------------------------------------------------------------------------------

    def _tell_started(self) -> None:
        if not self.is_told:
            self.is_told = True
            self.asker.scope.tell(self.started)

    def _tell_text(self, text: str) -> None:
        started = self.started
        self.asker.scope.tell(
            ModelText(
                call=started.call, model=started.model, crew=started.crew, task=started.task, agent=started.agent,
                attempt=started.attempt, text=text,
            )
        )  # fmt: skip

    def _priced(self, reply: Reply) -> UsageMetrics:
        """What a reply took, with its cost where that is known."""
        usage = reply.usage.model_copy(update={"successful_requests": 1, "failed_requests": 0})
        return _with_cost(usage, self.llm, cost=reply.cost)

    def _failed_usage(self, error: BaseException) -> UsageMetrics:
        """What a failed attempt took; where it may have been paid for and nothing is said, the cost is unknown."""
        told = getattr(error, "usage", None)
        usage = told if isinstance(told, UsageMetrics) else UsageMetrics()
        usage = usage.model_copy(update={"successful_requests": 0, "failed_requests": 1})
        refused = isinstance(error, NEVER_PAID) or getattr(error, "status", None) is not None
        return usage if refused and not usage.total_tokens else _with_cost(usage, self.llm)

    def _finished(self, reply: Reply, usage: UsageMetrics, *, source: str | None) -> None:
        seconds = time.perf_counter() - self.began
        self._charge(usage, seconds, source=source)
        if self.asker.scope.emit is None:
            return
        self._tell_started()
        self.asker.scope.tell(
            ModelCallFinished(
                **_fields(self.started),
                tokens=usage.total_tokens,
                usage=usage,
                seconds=seconds,
                waited=self.waited,
                finish_reason=reply.finish_reason,
                source=source,
                answer=reply,
            )
        )

    def _failed(self, error: BaseException) -> ModelCallFailed:
        """Charge a failed attempt; whoever knows whether there will be another one tells the event."""
        self._tell_started()
        usage, seconds = self._failed_usage(error), time.perf_counter() - self.began
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        self._charge(usage, seconds, error=text)
        return ModelCallFailed(**_fields(self.started), error=text, usage=usage, seconds=seconds, waited=self.waited)

    def _charge(
        self, usage: UsageMetrics, seconds: float, *, error: str | None = None, source: str | None = None
    ) -> None:
        self.asker.scope.account.charge(
            Call(
                kind="model",
                name=self.llm.model,
                crew=self.asker.crew,
                task=self.asker.task,
                agent=self.asker.agent,
                started=self.at,
                seconds=seconds,
                waited=self.waited,
                attempt=self.started.attempt,
                usage=usage,
                error=error,
                source=source,
            )
        )


def _fields(event: ModelCallStarted) -> dict[str, Any]:
    names = ("call", "model", "crew", "task", "agent", "attempt", "messages")
    return {name: getattr(event, name) for name in names}


def _with_cost(usage: UsageMetrics, llm: LLM, *, cost: float | None = None) -> UsageMetrics:
    """The usage with its cost: the model's own figure, else by its price, else unknown."""
    price = price_of(llm)
    if cost is not None:
        usage.picodollars = picodollars(cost)
    elif price is not None and (usage.total_tokens or price == FREE):
        usage.picodollars = price.picodollars(usage)
    else:
        usage.unpriced_requests = 1
    return usage


def _wait(error: ModelError, attempt: int, policy: Policy) -> float | None:
    """Seconds until the next attempt; ``None`` where there is to be none."""
    if not error.is_transient or attempt > (policy.retries or 0):
        return None
    longest = policy.max_retry_wait or 0.0
    if error.retry_after is not None and error.retry_after > longest:
        return None
    wait = min((policy.retry_wait or 0.0) * 2 ** min(attempt - 1, 30), longest)
    jittered = wait * _random.uniform(0.5, 1.0)
    asked = error.retry_after or 0.0
    return max(jittered, asked + _random.uniform(0, 0.1 * asked))


def _with_usage(error: ModelError, usage: UsageMetrics) -> ModelError:
    """The same error anew, with what the run has spent: the model may raise its own object again and again."""
    kind = type(error)
    fresh = kind.__new__(kind, *error.args)  # not copy.copy(), which calls the __init__ of whatever subclass it is
    fresh.__dict__.update(vars(error), usage=usage)
    return fresh


def _checked(reply: Any, request: Request, model: str) -> Reply:
    """The reply, if it is an answer at all."""
    if not isinstance(reply, Reply):
        kind = type(reply).__name__
        raise ModelAnswerInvalid(f"{model}: complete() returned a {kind}, not a Reply(text=…)", model=model)
    if not reply.text.strip() and not reply.calls:
        reason = f" (finish reason: {reply.finish_reason})" if reply.finish_reason else ""
        raise _unusable(f"{model}: the answer is empty{reason}", reply, model)
    if reply.finish_reason == "length" and (request.schema is not None or reply.calls):
        raise _unusable(
            f"{model}: the answer was cut off before its JSON ended; raise max_tokens or ask for less", reply, model
        )
    usage: Any = reply.usage
    return replace(reply, usage=UsageMetrics()) if usage is None else reply


def _unusable(message: str, reply: Reply, model: str) -> ModelAnswerInvalid:
    """The error of an answer that is none; asking the same again helps only where the model gave no reason."""
    error = ModelAnswerInvalid(message, model=model, usage=reply.usage)
    error.is_transient = reply.finish_reason not in ("length", "content_filter")
    return error
