"""Who does a task: a role, what a model is told about it, and what it may call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crewgraph.crew.ancestor import OF_AGENTS, without_foreign
from crewgraph.crew.tools.listed import ToolList
from crewgraph.llm.choose import Model
from crewgraph.policy import Limit, Policy

__all__ = ["Agent"]

MAX_ITER = 20
"""How many turns of an agent may call tools, where it does not say."""


class Agent(BaseModel):
    """An agent: a definition that any number of crews and runs may share. Nothing of a run is written on it.

    Role, goal and backstory may hold ``{placeholders}``.

    Attributes:
        role: what it is, such as "Senior Research Analyst".
        name: a shorter name for messages, where the role is long.
        goal: what it is after.
        backstory: what else the model should know about it.
        llm: the model it asks: "provider/model", "offline" or an ``LLM``; else its crew's, else the environment's.
        tools: what its model may call: functions, ``@tool``, :class:`BaseTool`, crews, pipelines, :class:`MCPServer`.
        max_iter: how many turns of one answer may call tools; then the model has to answer with what it has, and
            ``TaskOutput.forced`` says so.
        cache: whether a tool is called once for equal arguments within a run of the crew.
        max_rpm: short for ``policy=Policy(limit=Limit(requests_per_minute=…))``.
        max_execution_time: seconds for a task; short for ``policy=Policy(task_timeout=…)``.
        policy: retries, timeouts, fallbacks and limits of its model calls, before those of its crew.
        allow_delegation: whether it may hand work to the other agents of its crew, and ask them.
        step_callback: told of every turn it takes, as an ``AgentStep`` (sync or async).
        verbose, memory, config: accepted so that existing definitions load; without effect so far.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", arbitrary_types_allowed=True)

    role: str
    name: str | None = None
    goal: str = ""
    backstory: str = ""
    llm: Model = None
    tools: ToolList = Field(default_factory=list[Any])
    max_iter: int = Field(default=MAX_ITER, ge=1)
    cache: bool = True
    max_rpm: int | None = Field(default=None, ge=1)
    max_execution_time: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    policy: Policy | None = None
    allow_delegation: bool = False
    step_callback: Callable[..., Any] | None = None
    verbose: bool = False
    memory: Any = None
    config: Any = None

    @model_validator(mode="before")
    @classmethod
    def _without_foreign(cls, values: Any) -> Any:
        return without_foreign(cls, values, OF_AGENTS)

    def model_post_init(self, context: Any, /) -> None:
        """Put into the policy what is said in short."""
        super().model_post_init(context)
        policy = self.policy or Policy()
        if self.max_rpm is not None:
            limit = policy.limit or Limit()
            self._agrees("max_rpm", self.max_rpm, "policy.limit.requests_per_minute", limit.requests_per_minute)
            limit = limit.model_copy(update={"requests_per_minute": self.max_rpm})
            policy = policy.model_copy(update={"limit": limit})
        if self.max_execution_time is not None:
            self._agrees("max_execution_time", self.max_execution_time, "policy.task_timeout", policy.task_timeout)
            policy = policy.model_copy(update={"task_timeout": self.max_execution_time})
        if policy != Policy():
            self.policy = policy

    def _agrees(self, short: str, said: float, long: str, known: float | None) -> None:
        if known not in (None, said):
            raise ValueError(f"{self.label}: {short} is {said:g} and {long} is {known:g}. hint: keep one of them")

    @property
    def label(self) -> str:
        """The agent in the words of a message: ``agent 'Writer'``."""
        return f"agent '{self.name or self.role}'"

    def __repr_args__(self) -> Iterator[tuple[str, str]]:
        yield "role", self.role

    def __str__(self) -> str:
        return repr(self)
