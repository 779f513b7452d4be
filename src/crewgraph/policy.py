"""What a user declares about calls: retries, timeouts, fallbacks, limits and budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation

from crewgraph.usage import built

__all__ = ["DEFAULTS", "UNDECLARED", "Budget", "Limit", "Policy"]

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Limit(BaseModel):
    """How often a model may be called, over everything that this process does with it.

    The calls of all crews, runs and pipelines count together; in any 60 seconds there are at most so many.

    Attributes:
        requests_per_minute: calls begun, every attempt by itself.
        tokens_per_minute: prompt and answer, estimated before a call and put right after it.
        concurrency: calls under way at a time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrency: Count | None = None


class Budget(BaseModel):
    """How much something may cost. What it would exceed is not begun; what is done is kept.

    Attributes:
        usd: money. A model whose price nobody knows is not called under such a budget.
        tokens: prompt and answer.
        calls: calls of a model, every attempt by itself.
        seconds: time, from the start of whatever the budget is for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    tokens: Annotated[int, Field(ge=0)] | None = None
    calls: Annotated[int, Field(ge=0)] | None = None
    seconds: Seconds | None = None


def _several(models: Any) -> Any:
    """One fallback may stand without a list; each is the name of a model, or one."""
    several: Any = models if isinstance(models, list | tuple) else (models,)
    for each in several:
        is_name, is_class = isinstance(each, str) and bool(each.strip()), isinstance(each, type)
        has_name = isinstance(getattr(each, "model", None), str)
        if not is_name and (is_class or not has_name or not callable(getattr(each, "complete", None))):
            raise ValueError(
                f"a fallback is a model, got {each!r}. hint: a name such as "
                '"provider/model", or an object with its name as `model` and `async def complete(self, request)`'
            )
    return tuple(each.strip() if isinstance(each, str) else each for each in several)


class Policy(BaseModel):
    """How model calls are made. What is left out is inherited; of several declarations the nearest to the call wins.

    From near to far: the model, the agent, the crew (or step), the kickoff, the pipeline, what the kickoff was called
    from (a step, a tool), the defaults. Each attribute is looked for by itself.

    Attributes:
        retries: how often a call is made again after a failure that may pass: no answer, a timeout, too many requests,
            an empty or cut answer. A missing key, a used-up quota and a refused request are final at once. Default 4.
        retry_wait: seconds before the first retry, twice as many before each next one, always a random part of them;
            a provider's Retry-After counts instead where it is longer. Default 1.
        max_retry_wait: seconds that are waited at most; a provider that asks for more has failed. Default 60.
        call_timeout: seconds for one attempt. Default 600.
        task_timeout: seconds for one task of a crew, everything included.
        node_timeout: seconds for one node of a pipeline: a crew or a step.
        run_timeout: seconds for one input on its way through a pipeline; declared for a kickoff or the whole pipeline.
        fallbacks: models to ask, in order, after the first has given up: names, or models. The fallbacks of a fallback
            are not asked.
        limit: how often each model that is called may be called by this process.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    retries: Annotated[int, Field(ge=0)] | None = None
    retry_wait: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    max_retry_wait: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    call_timeout: Seconds | None = None
    task_timeout: Seconds | None = None
    node_timeout: Seconds | None = None
    run_timeout: Seconds | None = None
    fallbacks: Annotated[Sequence[SkipValidation[Any]], BeforeValidator(_several)] | None = None
    limit: Limit | None = None

    def over(self, farther: Policy | None) -> Policy:
        """This policy, with what it leaves out taken from one that is farther away."""
        if farther is None:
            return self
        if type(self) is Policy and not self.model_fields_set:
            return farther  # nothing is declared here, as for most calls; both are frozen, and a new one takes 4 µs
        inherited = {name: value for name, value in farther.__dict__.items() if self.__dict__[name] is None}
        if not inherited:
            return self
        # as model_copy, which takes five times as long: every call of a model asks
        return built(type(self), self.model_fields_set | inherited.keys(), self.__dict__ | inherited)


DEFAULTS = Policy.model_construct(retries=4, retry_wait=1.0, max_retry_wait=60.0, call_timeout=600.0)
"""What counts where nobody says anything."""

UNDECLARED = Policy.model_construct()
"""What somebody declares who says nothing."""
