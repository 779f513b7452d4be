"""Who does a task: a role, and what a model is told about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crewgraph.llm.choose import Model
from crewgraph.policy import Policy

__all__ = ["Agent", "NoTools"]


def _no_tools(tools: list[Any]) -> list[Any]:
    if tools:
        raise ValueError("tools are not supported yet; without them an agent answers from its prompt alone")
    return tools


NoTools = Annotated[list[Any], AfterValidator(_no_tools)]
"""The type of a field for tools while there are none: refused rather than ignored."""


class Agent(BaseModel):
    """An agent: a definition that any number of crews and runs may share. Nothing of a run is written on it.

    Role, goal and backstory may hold ``{placeholders}``.

    Attributes:
        role: what it is, such as "Senior Research Analyst".
        name: a shorter name for messages, where the role is long.
        goal: what it is after.
        backstory: what else the model should know about it.
        llm: the model it asks: "provider/model", "offline" or an ``LLM``; else its crew's, else the environment's.
        policy: retries, timeouts, fallbacks and limits of its model calls, before those of its crew.
        tools: not supported yet; anything but an empty list is refused.
        verbose, allow_delegation, memory, cache, max_rpm, max_iter, config: accepted so that existing definitions
            load; without effect so far.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", arbitrary_types_allowed=True)

    role: str
    name: str | None = None
    goal: str = ""
    backstory: str = ""
    llm: Model = None
    tools: NoTools = Field(default_factory=list[Any])
    verbose: bool = False
    allow_delegation: bool = False
    memory: Any = None
    cache: bool = True
    max_rpm: int | None = None
    max_iter: int | None = None
    policy: Policy | None = None
    config: Any = None

    @property
    def label(self) -> str:
        """The agent in the words of a message: ``agent 'Writer'``."""
        return f"agent '{self.name or self.role}'"

    def __repr_args__(self) -> Iterator[tuple[str, str]]:
        yield "role", self.role

    def __str__(self) -> str:
        return repr(self)
