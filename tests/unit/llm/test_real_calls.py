from __future__ import annotations

import threading

import anyio
import pytest

from crewgraph import Agent, Crew, Task
from crewgraph.errors import CrewgraphError, ModelError, RealCallForbidden
from crewgraph.llm import LiteLLM, OfflineLLM, Request
from crewgraph.llm.port import Message
from crewgraph.llm.real_calls import allow, check, forbid
from crewgraph.policy import Policy

pytestmark = pytest.mark.anyio


def test_allowed_by_default() -> None:
    """Where nobody says anything, a call passes."""
    check("m")


def test_forbidden() -> None:
    """The error names the model, the reason and the ways out; afterwards calls pass again."""
    with forbid("this test has no network"), pytest.raises(RealCallForbidden) as caught:
        check("openai/m")
    assert str(caught.value).startswith("openai/m was to be called, but this test has no network. hint: ")
    assert str(caught.value).endswith("let the call through with crewgraph.testing.allow_real_calls()")
    assert isinstance(caught.value, CrewgraphError)
    assert not isinstance(caught.value, ModelError)
    check("m")


def test_the_nearest_wins() -> None:
    """Inside a block that forbids, another may allow, and the other way round."""
    with forbid("a"):
        with allow():
            check("m")
            with forbid("b"), pytest.raises(RealCallForbidden, match="but b"):
                check("m")
        with pytest.raises(RealCallForbidden, match="but a"):
            check("m")


@pytest.mark.parametrize("everywhere", [True, False], ids=["everywhere", "here"])
def test_other_threads(everywhere: bool) -> None:
    """What is forbidden everywhere is forbidden in other threads too; what is forbidden here is not."""
    refused = list[bool]()

    def elsewhere() -> None:
        try:
            check("m")
        except RealCallForbidden:
            refused.append(True)

    with forbid("no", everywhere=everywhere):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert refused == [True] * everywhere


def test_everywhere_and_here() -> None:
    """A block here wins over one for the whole process, and those for the whole process over each other."""
    with forbid("no", everywhere=True):
        with allow():
            check("m")
        with allow(everywhere=True):
            check("m")
        with pytest.raises(RealCallForbidden):
            check("m")


def test_blocks_that_close_out_of_order() -> None:
    """Blocks of several threads may overlap: each takes back what it said and nothing else."""
    first, second = forbid("first", everywhere=True), forbid("second", everywhere=True)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(RealCallForbidden, match="second"):
        check("m")
    second.__exit__(None, None, None)
    check("m")


def test_without_a_reason() -> None:
    """Forbidding without a reason is refused: it would forbid nothing."""
    with pytest.raises(ValueError, match="needs a reason"):
        forbid("").__enter__()


async def test_adapter() -> None:
    """The adapter to litellm asks the switch before it does anything."""
    with forbid("no"), pytest.raises(RealCallForbidden, match="gpt-5-mini"):
        await LiteLLM("gpt-5-mini").complete(Request((Message("user", "hi"),)))


async def test_tasks_inherit() -> None:
    """What is forbidden here is forbidden in the tasks that this one starts."""

    async def one() -> None:
        with pytest.raises(RealCallForbidden):
            check("m")

    with forbid("no"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)


async def test_crew() -> None:
    """A crew that would call a real model fails with the error itself, without retries and fallbacks."""
    agent = Agent(role="A", llm=LiteLLM("gpt-5-mini", policy=Policy(fallbacks=(OfflineLLM(),))))
    with forbid("no"), pytest.raises(RealCallForbidden):
        await Crew(agents=[agent], tasks=[Task(description="hi")]).kickoff_async()
