"""Asking a model until it answers: other models where one gives up, and retries.

Around each attempt are recordings, budgets, the gate of the model and the time limit: see ``attempt``.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace

import anyio

from crewgraph.errors import BudgetExceeded, ModelError, ModelRateLimited
from crewgraph.llm.attempt import Attempt, Failed
from crewgraph.llm.choose import resolve
from crewgraph.llm.gate import gate_of
from crewgraph.llm.port import LLM, Reply, Request, by
from crewgraph.policy import DEFAULTS, Policy
from crewgraph.scope import Scope
from crewgraph.usage import UsageMetrics

__all__ = ["Asker", "policy_for"]

_log = logging.getLogger("crewgraph.llm")
_random = random.SystemRandom()  # the jitter must not depend on a seed that the user sets


@dataclass(slots=True, kw_only=True)
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
        """The answer to a request: of the model, else of the first fallback that has one.

        The fallbacks are those that are declared nearest to the model that is asked; each is asked by its own policy.

        Raises:
            ModelError: nobody gave an answer that is one; of several models the last one's error, with notes of the
                others. ``.usage`` is what the crew has spent so far.
            BudgetError: a budget has no room for the call.
        """
        failures: list[ModelError] = []
        asked: list[LLM] = []
        first = policy_for(llm, self.policy)
        for each in (llm, *(first.fallbacks or ())):
            model = resolve(each, who=self.agent)
            if asked and any(model is one for one in asked):
                continue
            if failures:
                _log.warning("%s gave up (%s); asking %s", asked[-1].model, type(failures[-1]).__name__, model.model)
            asked.append(model)
            try:
                policy = first if model is llm else policy_for(model, self.policy)
                return by(model.model, await self._persistently(model, request, policy))
            except ModelError as error:
                failures.append(error)
            except BudgetExceeded as error:
                self.scope.account.refuse(error)
                raise
        last = _with_usage(failures[-1], self.scope.account.usage.model_copy())
        for earlier in failures[:-1]:
            last.add_note(f"before it, {earlier}")
        raise last from failures[-1].__cause__ or failures[-1]

    async def _persistently(self, llm: LLM, request: Request, policy: Policy) -> Reply:
        """Ask one model until it answers, or fails in a way that will not pass."""
        waited, attempt, behalf = 0.0, 0, (self.crew, self.task, self.agent)
        while True:
            attempt += 1
            try:
                return await Attempt(self.scope, llm, request, policy, behalf, attempt, waited).run()
            except Failed as failed:
                wait = _wait(failed.error, attempt, policy)
                if not failed.is_replayed:
                    gate_of(llm).close_for(_pause(failed.error, wait, policy), self.scope.shared)
                elif wait is not None:
                    wait = 0.0  # nobody was called who would need the rest
                self.scope.tell(replace(failed.event, retry_in=wait))
                if wait is None:
                    raise failed.error from failed.error.__cause__
                kind = type(failed.error).__name__
                _log.info("%s: attempt %d failed (%s); again in %.1f s", llm.model, attempt, kind, wait)
                await anyio.sleep(wait)
                waited = wait


def policy_for(llm: object, policy: Policy) -> Policy:
    """The policy of a call: the model's own before all others, the defaults behind all."""
    own = getattr(llm, "policy", None)
    return (own.over(policy) if isinstance(own, Policy) else policy).over(DEFAULTS)


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


def _pause(error: ModelError, wait: float | None, policy: Policy) -> float:
    """Seconds for which nobody is to call the model: what the provider asks for, else the wait after a refusal."""
    asked = error.retry_after or 0.0
    if not 0.0 <= asked <= (policy.max_retry_wait or 0.0):
        return 0.0  # so long that everybody finds out for themselves
    return max(asked, wait or 0.0) if isinstance(error, ModelRateLimited) else asked


def _with_usage(error: ModelError, usage: UsageMetrics) -> ModelError:
    """The same error anew, with what the run has spent: the model may raise its own object again and again."""
    kind = type(error)
    fresh = kind.__new__(kind, *error.args)  # not copy.copy(), which calls the __init__ of whatever subclass it is
    fresh.__dict__.update(vars(error), usage=usage)
    if hasattr(error, "__notes__"):
        fresh.__notes__ = list(error.__notes__)
    return fresh
