from __future__ import annotations

import anyio
import pytest

from crewgraph import Agent, Crew, Task
from crewgraph.errors import ModelError
from crewgraph.llm import LiteLLM, Reply, Request
from crewgraph.llm.litellm import adapter as litellm_adapter
from crewgraph.policy import Policy

pytestmark = pytest.mark.anyio


class Heavy:
    """A model that needs longer to get ready than a call may take."""

    model = "heavy"
    policy = Policy(call_timeout=0.02, retries=0)

    def __init__(self) -> None:
        self.log = list[str]()

    async def prepare(self) -> None:
        await anyio.sleep(0.04)
        self.log.append("prepare")

    async def complete(self, _: Request) -> Reply:
        self.log.append("complete")
        return Reply(text="done")


@pytest.mark.virtual_time
async def test_before_the_clock() -> None:
    """What a model does to get ready is not part of the time that a call may take."""
    llm = Heavy()
    output = await Crew(agents=[Agent(role="A", llm=llm)], tasks=[Task(description="x")]).kickoff_async()
    assert output.raw == "done"
    assert llm.log == ["prepare", "complete"]


async def test_litellm_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crew whose litellm is broken fails at once, with an error that says what to do."""

    def fail() -> None:
        raise ImportError("no module named 'x'")

    monkeypatch.setattr(litellm_adapter, "_litellm", fail)
    with pytest.raises(ModelError, match=r"litellm cannot be imported: no module named 'x'. hint: ") as caught:
        await Crew(agents=[Agent(role="A", llm=LiteLLM("m"))], tasks=[Task(description="x")]).kickoff_async()
    assert caught.value.usage.requests == 1
