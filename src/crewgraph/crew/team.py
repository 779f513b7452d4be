"""Handing work to coworkers: two tools that a manager is given, and an agent that may delegate.

What a coworker is handed is written by a model; what it is called is too, so names are matched leniently.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from crewgraph.crew.agent import Agent
from crewgraph.crew.assign import spoken
from crewgraph.crew.tools.convert import BaseTool, tool
from crewgraph.errors import ToolError

__all__ = ["MAX_DEPTH", "Errand", "Member", "find", "spoken", "team_tools"]

MAX_DEPTH = 2
"""How often work is handed on: whoever is handed work by somebody who was handed it has to do it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A coworker.

    Attributes:
        agent: the definition.
        role: its role, filled in.
    """

    agent: Agent
    role: str

    @property
    def name(self) -> str:
        """What the model is told that it is called."""
        return self.agent.name or self.role


@dataclass(frozen=True, slots=True)
class Errand:
    """What a coworker is handed.

    Attributes:
        member: who.
        words: the task, or the question, in the words of whoever hands it over.
        context: what the coworker has to know.
        is_question: whether it is a question.
    """

    member: Member
    words: str
    context: str
    is_question: bool


def find(said: str, members: Sequence[Member]) -> Member:
    """The coworker that is meant: by name or role, else the only one whose name the words hold, or hold part of.

    Raises:
        ToolError: nobody is called that, or several are; its words are meant for the model.
    """
    wanted = spoken(said)
    by_name = [each for each in members if spoken(each.name) == wanted]
    by_role = [each for each in members if spoken(each.role) == wanted]
    partly = [each for each in members if wanted and _holds(wanted, each)]
    for found in (by_name, by_role, partly):
        if len(found) == 1:
            return found[0]
    problem = "several coworkers could be" if by_name or by_role or partly else "no coworker is"
    raise ToolError(f"{problem} '{said}'. Your coworkers are: {_listed(members)}. Call again with one of these names")


def _holds(wanted: str, member: Member) -> bool:
    """Whether one name stands within the other, word for word."""
    return any(
        f" {short} " in f" {long} "
        for name in (spoken(member.name), spoken(member.role))
        for short, long in ((name, wanted), (wanted, name))
        if short
    )


def team_tools(members: Sequence[Member], hand: Callable[[Errand], Awaitable[str]]) -> list[BaseTool]:
    """The tools for those who may hand work to others: one for tasks, one for questions.

    Args:
        members: the coworkers.
        hand: does an errand and gives what came of it.
    """

    async def delegate(coworker: str, task: str, context: str = "") -> str:
        return await hand(Errand(find(coworker, members), task, context, is_question=False))

    async def question(coworker: str, question: str, context: str = "") -> str:
        return await hand(Errand(find(coworker, members), question, context, is_question=True))

    names = _listed(members)
    know = "Coworkers know nothing of your work but what you write here: put all that they need into `context`."
    made = (
        ("delegate_work_to_coworker", f"Give a task to one of your coworkers: {names}. {know}", delegate),
        ("ask_question_to_coworker", f"Ask one of your coworkers a question: {names}. {know}", question),
    )
    return [
        tool(name, description=description, cache_function=_never)(function) for name, description, function in made
    ]


def _never(_arguments: object, _result: object) -> bool:
    """The same errand may be wanted twice, with another result."""
    return False


def _listed(members: Sequence[Member]) -> str:
    return ", ".join(
        f"'{each.name}'" + (f" ({each.role})" if spoken(each.role) != spoken(each.name) else "") for each in members
    )
