"""One attempt of a model call: budgets, the gate of the model, the time limit, the call itself.

Whatever becomes of it, it is charged to the account and told as an event.
"""

from __future__ import annotations

import itertools
import logging
import time
from dataclasses import dataclass, field, replace
from typing import Any, cast

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
    WorkStopped,
)
from crewgraph.errors.root import in_words
from crewgraph.llm.gate import gate_of
from crewgraph.llm.intercept import Answer, Asked, Outcome, intercepted, standing
from crewgraph.llm.port import LLM, Reply, Request
from crewgraph.llm.price import estimate, priced, with_counts
from crewgraph.policy import Policy
from crewgraph.scope import Scope
from crewgraph.trace import ModelCallFailed, ModelCallFinished, ModelCallStarted, ModelText
from crewgraph.usage import Call, UsageMetrics

__all__ = ["Attempt", "Failed"]

_log = logging.getLogger("crewgraph.llm")

LONG = 5.0
"""Seconds that a call waits before it is worth a word."""

NEVER_PAID = (ModelAccessDenied, ModelNotConfigured, ModelQuotaExceeded, ModelRateLimited, ModelRejected)
"""Failures for which no provider takes money; after others it may have worked all the same."""


NOTHING = UsageMetrics.nothing()
"""What a call took that was not made; handed to nobody."""


class Failed(Exception):
    """One attempt failed: the error, the event that tells it, and whether it only repeats what was recorded."""

    def __init__(self, error: ModelError, event: ModelCallFailed, *, is_replayed: bool) -> None:
        super().__init__(error)
        self.error = error
        self.event = event
        self.is_replayed = is_replayed


@dataclass(slots=True)
class Attempt:
    """One attempt of one call, made once by :meth:`run`.

    Attributes:
        scope: what surrounds it.
        llm: the model.
        request: what it is asked.
        policy: everything that holds for this call.
        behalf: on whose behalf it is: crew, task and agent.
        number: which attempt of the call it is, from 1.
        waited: seconds that it has waited so far.
        call: tells it apart from all others of this process.
    """

    scope: Scope
    llm: LLM
    request: Request
    policy: Policy
    behalf: tuple[str, str, str]
    number: int
    waited: float
    call: int = field(default_factory=itertools.count(1).__next__)
    began: float = field(default_factory=time.perf_counter)
    at: float = field(default_factory=time.time)
    is_told: bool = False
    took: UsageMetrics | None = None
    """What the model took, as soon as that is known."""
    over: BudgetExceeded | None = None
    """Set where a budget cut the answer short."""

    async def run(self) -> Reply:
        """Ask once.

        Raises:
            Failed: there is no answer; the attempt is charged, and not yet told.
            CrewgraphError: nothing was called: a budget has no room, a cassette no answer.
            BudgetExceeded: the answer was cut short by what the budget had left.
        """
        try:
            outcome = await (intercepted(self._asked()) if standing() else self._called())
        except BaseException as error:
            if self.is_told:  # cancelled, or not recorded: the provider may have worked all the same
                self.scope.tell(self._failed(error, self.took or self._failed_usage(error)))
            raise
        return self._concluded(outcome)

    def _asked(self) -> Asked:
        return Asked(
            llm=self.llm,
            request=self.request,
            proceed=self._called,
            counted=self._counted,
            has_begun=lambda: self.is_told,
        )

    def _concluded(self, outcome: Outcome) -> Reply:
        """Charge what became of it, and tell it."""
        source, reply = outcome.source, outcome.result
        if isinstance(reply, ModelError):
            event = self._failed(reply, outcome.usage, source=source)
            raise Failed(reply, event, is_replayed=source is not None) from reply
        if source is not None and self.scope.wants_text and reply.text:
            self._tell_started()
            self._tell_text(reply.text)
        self._finished(reply, outcome.usage, source=source)
        if self.over is not None:
            raise self.over
        return reply

    async def _called(self) -> Outcome:
        """Ask the model; its failure is an outcome too, and may be recorded."""
        try:
            reply, self.took = await self._within_limits()
        except ModelError as error:
            self.took = self._failed_usage(error)
            return Outcome(error, usage=self.took)
        except CrewgraphError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model raises is its failure
            told = ModelError(f"{self.llm.model}: {in_words(error)}", model=self.llm.model)
            told.__cause__ = error
            return Outcome(told, usage=self._failed_usage(told))
        return Outcome(reply, usage=self.took)

    async def _counted(self, answer: Answer) -> Outcome:
        """A recorded answer: it passes the budgets as the first one did, and a cancelled one is an attempt too."""
        reserved = await reserve(self.scope.meters, self._estimate(), model=self.llm.model)
        spent = UsageMetrics.nothing()
        try:
            outcome = await answer()
            reserved.begin()
            spent = outcome.usage
        except Exception:
            raise
        except BaseException as error:
            reserved.begin()
            self._tell_started()
            spent = self._failed_usage(error)
            raise
        finally:
            reserved.settle(spent)
        if reserved.answer is not None and getattr(outcome.result, "finish_reason", None) == "length":
            self.over = reserved.cut_short()
        return outcome

    async def _within_limits(self) -> tuple[Reply, UsageMetrics]:
        """Ask under budgets and limits; what that took comes with the answer."""
        want = self._estimate()
        reserved = await reserve(self.scope.meters, want, model=self.llm.model)
        gate, spent = gate_of(self.llm), NOTHING
        try:
            entered = await gate.enter(self.policy.limit, want.tokens, self.scope.shared)
            try:
                if self.scope.account.is_stopped:
                    raise WorkStopped(self.llm.model)
                here = time.perf_counter() - self.began
                self.waited += here
                if here > LONG:
                    _log.info("%s: a call waited %.0f s for its limits and budgets", self.llm.model, here)
                self.began, self.at = time.perf_counter(), time.time()
                reserved.begin()
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
        return reply, spent

    def _estimate(self) -> Estimate:
        return estimate(self.llm, self.request)

    async def _in_time(self, most: int | None) -> Reply:
        seconds, request = self.policy.call_timeout or 0, self.request
        if most is not None:
            request = replace(request, max_tokens=most)
        if self.scope.wants_text and self.scope.emit is not None:
            request = replace(request, on_text=self._tell_text)
        prepare = getattr(type(self.llm), "prepare", None)
        if prepare is not None:
            await prepare(self.llm)  # before the clock starts
        usage = None
        with anyio.CancelScope(deadline=anyio.current_time() + seconds) as clock:
            try:
                reply = self._reply(await self.llm.complete(request))
            except CrewgraphError:
                raise
            except Exception as error:
                if clock.cancel_called:  # what the model makes of being cancelled
                    raise self._late(seconds) from error
                raise
            if not clock.cancel_called:
                return self._checked(reply, request)
            usage = self._priced(reply)  # it was cancelled, and what it says all the same may be half of an answer
        raise self._late(seconds, usage)

    def _late(self, seconds: float, usage: UsageMetrics | None = None) -> ModelTimeout:
        model = self.llm.model
        late = ModelTimeout(f"{model}: no answer within {seconds:g} s", model=model, usage=usage)
        late.add_note("hint: call_timeout of a Policy, or --call-timeout, says how long an answer may take")
        return late

    def _reply(self, reply: Any) -> Reply:
        """What a model returned, without what it left out."""
        model = self.llm.model
        if not isinstance(reply, Reply):
            kind = type(reply).__name__
            raise ModelAnswerInvalid(f"{model}: complete() returned a {kind}, not a Reply(text=…)", model=model)
        text, told = cast("Any", reply.text), cast("Any", reply.usage)  # a model of the user's may say None
        usage = _summed(told or UsageMetrics.nothing())
        return reply if usage is told and text is not None else replace(reply, text=text or "", usage=usage)

    def _checked(self, reply: Reply, request: Request) -> Reply:
        """The reply, if it is an answer at all."""
        model = self.llm.model
        if reply.finish_reason == "length" and request.max_tokens is not None:
            return reply  # the budget's error says more
        if reply.finish_reason == "content_filter":
            raise self._unusable(f"{model}: the answer was filtered (finish reason: content_filter)", reply)
        if not reply.text.strip() and not reply.calls:
            reason = f" (finish reason: {reply.finish_reason})" if reply.finish_reason else ""
            raise self._unusable(f"{model}: the answer is empty{reason}", reply)
        if reply.finish_reason == "length" and (request.schema is not None or reply.calls):
            message = f"{model}: the answer was cut off before its JSON ended; raise max_tokens or ask for less"
            raise self._unusable(message, reply)
        return reply

    def _unusable(self, message: str, reply: Reply) -> ModelAnswerInvalid:
        """The error of an answer that is none; asking the same again helps only where the model gave no reason."""
        error = ModelAnswerInvalid(message, model=self.llm.model, usage=self._priced(reply))
        error.is_transient = reply.finish_reason not in ("length", "content_filter")
        return error

    # ---- telling and charging ----------------------------------------------------------------------------------

    def _tell_started(self) -> None:
        if not self.is_told:
            self.is_told = True
            if self.scope.emit is not None:
                self.scope.tell(ModelCallStarted(**self._about(), messages=self.request.messages))

    def _tell_text(self, text: str) -> None:
        self.scope.tell(ModelText(**self._about(), text=text))

    def _about(self) -> dict[str, Any]:
        """What all of its events say."""
        crew, task, agent = self.behalf
        return {
            "call": self.call,
            "model": self.llm.model,
            "crew": crew,
            "task": task,
            "agent": agent,
            "attempt": self.number,
        }

    def _priced(self, reply: Reply) -> UsageMetrics:
        """What a reply took, with its cost where that is known."""
        return priced(reply.usage, self.llm, cost=reply.cost, successful_requests=1, failed_requests=0)

    def _failed_usage(self, error: BaseException) -> UsageMetrics:
        """What a failed attempt took; where it may have been paid for and nothing is said, the cost is unknown."""
        told = getattr(error, "usage", None)
        usage = _summed(told) if isinstance(told, UsageMetrics) else UsageMetrics.nothing()
        usage = with_counts(usage, successful_requests=0, failed_requests=1)
        not_asked = isinstance(error, CrewgraphError) and not isinstance(error, ModelError)
        refused = not_asked or isinstance(error, NEVER_PAID) or getattr(error, "status", None) is not None
        is_priced = usage.picodollars or usage.unpriced_requests
        return usage if is_priced or (refused and not usage.total_tokens) else priced(usage, self.llm)

    def _finished(self, reply: Reply, usage: UsageMetrics, *, source: str | None) -> None:
        seconds = time.perf_counter() - self.began
        self._charge(usage, seconds, source=source)
        if self.scope.emit is None:
            return
        self._tell_started()
        self.scope.tell(
            ModelCallFinished(
                **self._about(),
                messages=self.request.messages,
                tokens=usage.total_tokens,
                usage=usage,
                seconds=seconds,
                waited=self.waited,
                finish_reason=reply.finish_reason,
                source=source,
                answer=reply,
            )
        )

    def _failed(self, error: BaseException, usage: UsageMetrics, *, source: str | None = None) -> ModelCallFailed:
        """Charge a failed attempt; whoever knows whether there will be another one tells the event."""
        self._tell_started()
        seconds = time.perf_counter() - self.began
        text = in_words(error)
        self._charge(usage, seconds, error=text, source=source)
        return ModelCallFailed(
            **self._about(),
            messages=self.request.messages,
            error=text,
            usage=usage,
            seconds=seconds,
            waited=self.waited,
        )

    def _charge(
        self, usage: UsageMetrics, seconds: float, *, error: str | None = None, source: str | None = None
    ) -> None:
        crew, task, agent = self.behalf
        self.scope.account.charge(
            Call(
                kind="model",
                name=self.llm.model,
                crew=crew,
                task=task,
                agent=agent,
                started=self.at,
                seconds=seconds,
                waited=self.waited,
                attempt=self.number,
                usage=usage,
                error=error,
                source=source,
            )
        )


def _summed(usage: UsageMetrics) -> UsageMetrics:
    """The usage of one call, with the total of its tokens where only the parts are told."""
    total = usage.total_tokens or usage.prompt_tokens + usage.completion_tokens
    return usage if total == usage.total_tokens else with_counts(usage, total_tokens=total)
