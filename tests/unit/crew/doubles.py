"""What the tests of this room share: models that remember what they were asked, and short crews."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from pydantic import BaseModel

from crewgraph.crew import Agent, Crew, Task
from crewgraph.llm import OfflineLLM, Reply, Request
from crewgraph.outputs import UsageMetrics
from crewgraph.policy import Policy
from crewgraph.scope import Scope, entered
from crewgraph.trace import Event
from crewgraph.usage import MONEY

COST = UsageMetrics(total_tokens=10, prompt_tokens=7, completion_tokens=3)
COUNTS = {name: count for name, count in COST.model_dump().items() if name not in MONEY}


class Verdict(BaseModel):
    urgent: bool
    score: int = 0


class Recorder:
    """A model that gives the replies it is made with, the last one for ever, and keeps the requests."""

    def __init__(self, *replies: Any, model: str = "recorder") -> None:
        self.model = model
        self.replies = list(replies) or ["done"]
        self.requests: list[Request] = []

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, BaseException):
            raise reply
        return reply if isinstance(reply, Reply) else Reply(text=reply, usage=COST, finish_reason="stop")

    def said(self, number: int = 0) -> tuple[str, ...]:
        """The messages of one request."""
        return tuple(message.content for message in self.requests[number].messages)


def crew(*tasks: Task, llm: Any = "offline", **options: Any) -> Crew:
    """A crew of one agent that asks once."""
    options.setdefault("policy", Policy(retries=0))
    return Crew(agents=[Agent(role="Clerk")], tasks=list(tasks), llm=llm, **options)


def listening(events: list[Event]) -> AbstractContextManager[Scope]:
    """Keep the events of crews that are run inside of it."""
    return entered(Scope(emit=events.append))


def scripted(rules: Any) -> OfflineLLM:
    return OfflineLLM(rules)
