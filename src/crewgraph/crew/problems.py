"""What keeps a crew from working, as findings: told by the checker, and before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crewgraph.crew.agent import Agent
from crewgraph.crew.assign import Job, Management, spoken
from crewgraph.errors import ModelNotConfigured
from crewgraph.llm.choose import is_configured
from crewgraph.node import Problem

__all__ = ["faults", "problems"]


def problems(jobs: Sequence[Job], agents: Sequence[Agent], *, management: Management | None = None) -> list[Problem]:
    """What keeps these jobs from being done."""
    return [*faults(jobs, agents, management=management), *_of_models(jobs)]


def faults(jobs: Sequence[Job], agents: Sequence[Agent], *, management: Management | None = None) -> list[Problem]:
    """The same without models that are missing: each kickoff asks, and is told of those as ``ModelNotConfigured``."""
    found: list[Problem] = []
    if not jobs:
        found.append(Problem("CG502", "the crew has no tasks", "Crew(agents=[…], tasks=[Task(description=…)])"))
    if management is not None:
        found += _of_management(management, agents)
    elif any(job.agent is None for job in jobs):
        found += _of_agents(jobs, agents)
    return [*found, *_of_teams(jobs)] if any(job.team for job in jobs) else found


def _of_agents(jobs: Sequence[Job], agents: Sequence[Agent]) -> Iterator[Problem]:
    for job in jobs:
        if job.agent is None:
            crew = f"its crew has {len(agents)} agents" if agents else "its crew has no agent"
            names = " or ".join(agent.label.removeprefix("agent ") for agent in agents)
            yield Problem(
                "CG502", f"{job.task.label} names no agent and {crew}", f"Task(…, agent=…): {names or 'an Agent'}"
            )


def _of_management(management: Management, agents: Sequence[Agent]) -> Iterator[Problem]:
    manager = management.agent
    if manager is not None and management.llm is not None:
        yield Problem(
            "CG502", "the crew has a manager_agent and a manager_llm", "keep one; the manager_agent may have an llm"
        )
    elif manager is None and management.llm is None:
        yield Problem(
            "CG502",
            "the crew is hierarchical and has no manager",
            'Crew(…, manager_llm="provider/model") or Crew(…, manager_agent=Agent(…))',
        )
    if any(agent is manager for agent in agents):
        yield Problem(
            "CG502",
            f"the manager, {manager.label if manager else ''}, is among the agents of the crew",
            "leave it out of agents=[…]; the manager hands work to them",
        )
    if not agents:
        yield Problem("CG502", "the crew is hierarchical and has no agents", "Crew(agents=[Agent(role=…)], …)")


def _of_teams(jobs: Sequence[Job]) -> Iterator[Problem]:
    """Coworkers are told apart by their names, and a model can only say the name."""
    told = set[str]()
    for job in jobs:
        for team in (job.team, *map(job.team_of, job.team)):
            names = dict[str, Agent]()
            for agent in team:
                name = spoken(agent.name or agent.role)
                if names.setdefault(name, agent) is not agent and name not in told:
                    told.add(name)
                    yield Problem(
                        "CG502",
                        f"two agents that work is handed to are called '{agent.name or agent.role}'",
                        "give one of them another role, or a name of its own: Agent(role=…, name=…)",
                    )


def _of_models(jobs: Sequence[Job]) -> Iterator[Problem]:
    without = dict[str, None]()
    for job in jobs:
        for agent in job.staff:
            if not is_configured(job.llm_of(agent)):
                without[agent.label] = None
    for who in without:
        message, _, ways_out = str(ModelNotConfigured(who)).partition(". ")
        yield Problem("CG501", message, ways_out)
