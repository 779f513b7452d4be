"""Where the agents of a crew talk to their models about one task: their tools, their coworkers, their policies."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from pydantic import BaseModel

from crewgraph.crew.agent import Agent
from crewgraph.crew.assign import Job
from crewgraph.crew.callback import consulted
from crewgraph.crew.conversation import AgentStep, Conversation, ToolResult, Tools
from crewgraph.crew.prompt import errand, persona, role_of
from crewgraph.crew.team import MAX_DEPTH, Errand, Member, team_tools
from crewgraph.crew.terms import Terms
from crewgraph.crew.toolbox import Toolbox
from crewgraph.crew.tools.convert import BaseTool
from crewgraph.crew.tools.mcp import MCPServer
from crewgraph.crew.tools.shed import ToolShed
from crewgraph.handoff import Handoff
from crewgraph.llm.ask import Asker
from crewgraph.llm.choose import resolve
from crewgraph.llm.port import LLM, Message, ToolCall, ToolSpec
from crewgraph.scope import Scope

__all__ = ["Desk", "Terms"]


@dataclass(slots=True, kw_only=True)
class Desk:
    """One task in one run, and all that its agents need to work on it.

    Attributes:
        job: the task and who does it.
        values: what fills placeholders.
        terms: what the crew says.
        scope: what surrounds the task, with its account.
        shed: what the tools of the whole run share.
    """

    job: Job
    values: Handoff
    terms: Terms
    scope: Scope
    shed: ToolShed = field(default_factory=ToolShed)
    _askers: dict[int, Asker] = field(default_factory=dict)

    @property
    def agent(self) -> Agent:
        """Who does the task."""
        assert self.job.agent is not None, "a job without an agent is a finding, and never begun"
        return self.job.agent

    def asker(self, agent: Agent) -> Asker:
        """On whose behalf an agent's model is asked; made once."""
        known = self._askers.get(id(agent))
        if known is not None:
            return known
        policy = agent.policy.over(self.scope.policy) if agent.policy else self.scope.policy
        role, task = role_of(agent, self.values), self.job.task.label
        asker = Asker(scope=self.scope, policy=policy, crew=self.scope.crew, task=task, agent=role)
        return self._askers.setdefault(id(agent), asker)

    def llm(self, agent: Agent) -> LLM:
        """The model of an agent."""
        return resolve(self.job.llm_of(agent), who=agent.label)

    def talk(self, messages: tuple[Message, ...], shape: type[BaseModel] | None) -> Conversation:
        """The conversation about the task itself."""
        return self._talk(self.agent, messages, tools=self.job.tools, team=self.job.team, depth=0, shape=shape)

    def _talk(
        self,
        agent: Agent,
        messages: tuple[Message, ...],
        *,
        tools: Sequence[BaseTool | MCPServer],
        team: Sequence[Agent],
        depth: int,
        shape: type[BaseModel] | None = None,
    ) -> Conversation:
        return Conversation(
            llm=self.llm(agent),
            asker=self.asker(agent),
            messages=messages,
            shape=shape,
            tools=self._tools(agent, tools, team if depth < MAX_DEPTH else (), depth),
            max_iter=agent.max_iter,
            max_reasks=self.terms.max_reasks,
            on_step=(lambda step: self._tell(agent, step)) if agent.step_callback or self.terms.step_callback else None,
        )

    def _tools(
        self, agent: Agent, tools: Sequence[BaseTool | MCPServer], team: Sequence[Agent], depth: int
    ) -> Tools | None:
        is_caching = agent.cache and self.terms.is_caching
        if not team:
            return Toolbox(tools, is_caching=is_caching, shed=self.shed) if tools else None
        trouble = _Trouble()

        async def hand(what: Errand) -> str:
            with trouble.kept():
                return await self._errand(agent, what, depth + 1)

        members = [Member(each, role_of(each, self.values)) for each in team]
        toolbox = Toolbox([*tools, *team_tools(members, hand)], is_caching=is_caching, shed=self.shed)
        return _WithTeam(toolbox, trouble)

    async def _errand(self, by: Agent, what: Errand, depth: int) -> str:
        """What a coworker answers, who works with tools, a model and a policy of its own."""
        agent = what.member.agent
        giver = role_of(by, self.values)
        asked = errand(persona(agent, self.values), what.words, what.context, by=giver, is_question=what.is_question)
        talk = self._talk(agent, asked, tools=agent.tools, team=self.job.team_of(agent), depth=depth)
        return (await talk.answer()).text

    async def _tell(self, agent: Agent, step: AgentStep) -> None:
        for function in (agent.step_callback, self.terms.step_callback):
            if function is not None:
                await consulted(function, step, what=f"{self.job.task.label}: the step_callback")


class _Trouble:
    """What went wrong with a coworker."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.errors = list[Exception]()

    @contextmanager
    def kept(self) -> Generator[None]:
        """Keep what goes wrong inside of it, and cancel all that is done beside it."""
        try:
            yield
        except Exception as error:
            self.errors.append(error)
            self.scope.cancel()
            raise


@dataclass(slots=True)
class _WithTeam:
    """Tools among which are coworkers.

    A tool that fails is a mishap that the model is told of. A coworker that fails fails the task: it is no tool, but
    one of the crew.
    """

    tools: Tools
    trouble: _Trouble
    specs: tuple[ToolSpec, ...] = ()

    async def ready(self) -> None:
        await self.tools.ready()
        self.specs = self.tools.specs

    async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
        results = list[ToolResult]()
        with anyio.CancelScope() as self.trouble.scope:
            results = await self.tools.run(calls, asker)
        if self.trouble.errors:
            raise self.trouble.errors[0]
        return results
