"""What the tests of cassettes share: models that must not be called, and a look into the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crewgraph import Agent, Crew, Policy, Task
from crewgraph.llm import Reply
from crewgraph.llm.ask import Asker
from crewgraph.llm.port import Message, Request
from crewgraph.scope import Scope
from crewgraph.testing import Double

HEADER = '{"crewgraph":"cassette","version":1}'
LINE = '{"request":{"model":"m","messages":[{"role":"user","content":"hi"}]},"reply":{"text":"ho"}}'


class Dead(Double):
    """A model that must not be called."""

    async def reply(self, request: Request) -> Reply:
        raise AssertionError("the model was called")


def asking(about: str = "hi") -> Request:
    return Request((Message("user", about),))


async def ask_one(llm: Any, about: str = "hi", *, scope: Scope | None = None, policy: Policy | None = None) -> str:
    return (await Asker(scope=scope or Scope(), policy=policy or Policy()).ask(llm, asking(about))).text


def content(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content(path).splitlines()]


def crew(name: str, llm: Any, task: str = "do {x}", **options: Any) -> Crew:
    return Crew(name=name, agents=[Agent(role="Clerk")], tasks=[Task(description=task)], llm=llm, **options)


def facts(result: Any) -> list[Any]:
    """All that a recording and its replay have in common."""
    return [
        (
            run.raw,
            run.trace,
            run.token_usage,
            [(each.node, each.status, each.error, each.usage) for each in run.spans],
            [(each.name, each.task, each.attempt, each.usage, each.error) for span in run.spans for each in span.calls],
        )
        for run in result
    ]
