"""Which agent does which task, and what keeps a crew from working."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from crewgraph.crew.agent import Agent
from crewgraph.crew.task import Task
from crewgraph.errors import ModelNotConfigured
from crewgraph.llm.choose import is_configured
from crewgraph.llm.port import LLM
from crewgraph.node import Problem

__all__ = ["Job", "assign", "problems", "texts"]


@dataclass(frozen=True, slots=True)
class Job:
    """A task and who does it.

    Attributes:
        task: the task.
        agent: its agent; ``None`` where nobody can tell who it is.
        llm: what the agent, else the crew, says about the model.
    """

    task: Task
    agent: Agent | None
    llm: str | LLM | None


def assign(tasks: Iterable[Task], agents: Sequence[Agent], *, llm: str | LLM | None) -> tuple[Job, ...]:
    """The jobs of a crew, in order: a task's own agent, else the crew's only one."""
    only = agents[0] if len(agents) == 1 else None
    return tuple(
        Job(task, agent, (agent.llm if agent else None) or llm) for task in tasks for agent in [task.agent or only]
    )


def texts(jobs: Iterable[Job]) -> Iterator[tuple[str, str]]:
    """Every text that goes into a prompt, with where it stands: ``("agent 'Writer'", "You write …")``."""
    for job in jobs:
        for text in (job.task.description, job.task.expected_output):
            yield job.task.label, text
        if job.agent is not None:
            for text in (job.agent.role, job.agent.goal, job.agent.backstory):
                yield job.agent.label, text


def problems(jobs: Sequence[Job], agents: Sequence[Agent]) -> Iterator[Problem]:
    """What keeps these jobs from being done, as findings."""
    if not jobs:
        yield Problem("CG502", "the crew has no tasks", "Crew(agents=[…], tasks=[Task(description=…)])")
    for job in jobs:
        if job.agent is None:
            crew = f"its crew has {len(agents)} agents" if agents else "its crew has no agent"
            names = " or ".join(agent.label.removeprefix("agent ") for agent in agents)
            yield Problem(
                "CG502", f"{job.task.label} names no agent and {crew}", f"Task(…, agent=…): {names or 'an Agent'}"
            )
    without = dict.fromkeys(job.agent.label for job in jobs if job.agent and not is_configured(job.llm))
    for who in without:
        message, _, ways_out = str(ModelNotConfigured(who)).partition(". ")
        yield Problem("CG501", message, ways_out)
