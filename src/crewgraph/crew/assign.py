"""Which agent does which task, and whom it may hand work to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crewgraph.crew.agent import Agent
from crewgraph.crew.task import Task

if TYPE_CHECKING:  # for annotations only; whoever writes a pipeline need not load it
    from crewgraph.llm.port import LLM

__all__ = ["Job", "Management", "assign", "file_names", "spoken", "texts"]

_NO_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Management:
    """Who hands the tasks of a hierarchical crew to its agents.

    Attributes:
        llm: the model of a manager that is made for the crew.
        agent: a manager that the user wrote.
    """

    llm: str | LLM | None = None
    agent: Agent | None = None

    @property
    def manager(self) -> Agent | None:
        """The manager; ``None`` where nobody or both are named."""
        if (self.llm is None) == (self.agent is None):
            return None
        return self.agent or Agent(
            role="Crew Manager",
            goal="See that the task is done well, by those of the crew who are best at it.",
            backstory=(
                "You lead a crew. You do not do the work yourself: you split it, hand each part to the right "
                "coworker with all that they need to know, look at what comes back, ask again where it is not good "
                "enough, and put the parts together to the answer. A coworker knows only what you tell them."
            ),
            llm=self.llm,
        )


@dataclass(slots=True)
class Job:
    """A task and who does it.

    Attributes:
        task: the task.
        agent: its agent, or the manager; ``None`` where nobody can tell who it is.
        llm: what the agent, else the crew, says about the model.
        team: those to whom the agent may hand work.
        others: all agents of the crew, to whom these may hand work in turn.
        crew_llm: what the crew says about the model.
    """

    task: Task
    agent: Agent | None
    llm: str | LLM | None
    team: tuple[Agent, ...] = ()
    others: tuple[Agent, ...] = ()
    crew_llm: str | LLM | None = None

    @property
    def tools(self) -> list[Any]:
        """What the agent may call: what the task says, be it nothing at all, else what the agent says."""
        if self.task.tools or "tools" in self.task.model_fields_set:
            return self.task.tools
        return self.agent.tools if self.agent else []

    @property
    def staff(self) -> list[Agent]:
        """Everybody who may be at work, the agent of the task first."""
        if not self.team:
            return [self.agent] if self.agent else []
        further = self.others if any(each.allow_delegation for each in self.team) else ()
        everybody = [*([self.agent] if self.agent else []), *self.team, *further]
        return list({id(each): each for each in everybody}.values())

    @property
    def llms(self) -> list[str | LLM | None]:
        """What is said about the model of everybody who may be at work, that of the task first."""
        return [self.llm, *(self.llm_of(agent) for agent in self.staff if agent is not self.agent)]

    def llm_of(self, agent: Agent) -> str | LLM | None:
        """What an agent, else the crew, says about the model."""
        return self.llm if agent is self.agent else agent.llm or self.crew_llm

    def team_of(self, agent: Agent) -> tuple[Agent, ...]:
        """To whom one of the team may hand work in turn."""
        return but(self.others, agent) if agent.allow_delegation else ()


def but(agents: Iterable[Agent], one: Agent) -> tuple[Agent, ...]:
    """All of them but one."""
    return tuple(each for each in agents if each is not one)


def assign(
    tasks: Iterable[Task], agents: Sequence[Agent], *, llm: str | LLM | None, management: Management | None = None
) -> tuple[Job, ...]:
    """The jobs of a crew, in order.

    Args:
        tasks: what is to be done. A task is done by its own agent, else by the crew's only one.
        agents: who works there.
        llm: the model for agents that name none.
        management: in a hierarchical crew, where the manager does every task, and hands it to the task's own agent or
            to anybody.
    """
    everybody = tuple(agents)
    manager = management.manager if management else None
    only = agents[0] if len(agents) == 1 else None

    def job(task: Task) -> Job:
        if management is not None:
            team = (task.agent,) if task.agent else everybody
            return Job(task, manager, (manager.llm if manager else None) or llm, team, everybody, llm)
        agent = task.agent or only
        team = but(everybody, agent) if agent and agent.allow_delegation else ()
        return Job(task, agent, (agent.llm if agent else None) or llm, team, everybody, llm)

    return tuple(job(task) for task in tasks)


def texts(jobs: Iterable[Job]) -> Iterator[tuple[str, str]]:
    """Every text that goes into a prompt, with where it stands: ``("agent 'Writer'", "You write …")``."""
    for job in jobs:
        words = [each for each in job.task.guardrails if isinstance(each, str)]
        for text in (job.task.description, job.task.expected_output, *words):
            yield job.task.label, text
        for agent in job.staff:
            for text in (agent.role, agent.goal, agent.backstory):
                yield agent.label, text


def file_names(jobs: Iterable[Job]) -> Iterator[tuple[str, str]]:
    """The names of the files that answers are written to, with whose they are."""
    for job in jobs:
        if job.task.output_file is not None:
            yield job.task.label, job.task.output_file


def spoken(name: str) -> str:
    """A name as it is said: without case, quotes, dots and double blanks."""
    return _NO_LETTER.sub(" ", name).strip().casefold()
