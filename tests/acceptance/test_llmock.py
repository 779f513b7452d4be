"""Agents and batches against a server that none of us wrote, which also judges how its clients behave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph import Agent, Crew, Pipeline, Task
from crewgraph.llm import DirectLLM, LiteLLM
from crewgraph.llm.direct import http
from crewgraph.llm.litellm import adapter as litellm_adapter
from crewgraph.policy import Policy
from crewgraph.trace import ModelText
from tests.acceptance.llmock import Llmock, llmock
from tests.faults.server import warm_up

pytestmark = pytest.mark.anyio

INPUTS = 24
ECHO = ("--response-style", "echo")
"""Long answers. llmock cuts streams off within the first six chunks, which of its short answers are all that matter:
a stream that has said why it stopped, and lacks only the count of tokens, is a whole answer to us and a cut one to it."""
PATIENT = Policy(retries=8, retry_wait=0.05)
"""Nine attempts; llmock calls more than ten a storm."""


class Report(BaseModel):
    city: str
    degrees: int


@pytest.fixture(scope="module")
def _litellm_ready() -> Iterator[None]:
    warm_up()
    yield
    litellm_adapter.close()
    http.close()


@pytest.fixture(scope="module")
def calm(_litellm_ready: None) -> Iterator[Llmock]:
    """A server that does as it should."""
    with llmock(*ECHO) as server:
        yield server


@pytest.fixture
def wild(_litellm_ready: None) -> Iterator[Llmock]:
    """A server that fails, cuts streams off and limits requests."""
    errors = ("--error-rate", "429=0.06", "--error-rate", "503=0.05", "--rpm", "36")
    streams = [f"--stream-fault={fault}" for fault in ("truncate=0.12", "disconnect=0.06", "malformed=0.06")]
    with llmock(*ECHO, *errors, *streams) as server:
        yield server


def at(server: Llmock, protocol: str, **options: Any) -> LiteLLM | DirectLLM:
    """A model at the server, in one of the protocols that it speaks."""
    kind, model, path = {
        "openai": (LiteLLM, "openai/gpt-5-mini", "/v1"),
        "anthropic": (LiteLLM, "anthropic/claude-sonnet-4-5", "/anthropic"),
        "direct": (DirectLLM, "gpt-5-mini", "/v1"),
    }[protocol]
    return kind(model, base_url=server.url + path, api_key="sk-anything", **options)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("protocol", ["openai", "anthropic", "direct"])
async def test_agent(calm: Llmock, protocol: str, streams: bool) -> None:
    """An agent calls its tool, is told the result, and gives an answer of the declared shape, with its tokens and cost."""
    asked, pieces = list[str](), list[str]()

    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return f"It is 21 degrees in {city}."

    task = Task(description="What is the weather in {city}?", output_pydantic=Report)
    agent = Agent(role="Reporter", llm=at(calm, protocol), tools=[weather])
    flow = Pipeline(stages=[Crew(name="weather", agents=[agent], tasks=[task])])
    [run] = await flow.kickoff_async(
        {"city": f"Paris {protocol} {streams}"},
        text=streams,
        observer=lambda event: isinstance(event, ModelText) and pieces.append(event.text),
    )
    assert asked, "the tool was called with arguments of its schema"
    assert isinstance(run.pydantic, Report)
    assert (run.usage.requests, run.usage.failed_requests) == (len(run.spans[0].calls) - 1, 0)
    assert run.usage.total_tokens > 0
    assert run.usage.cost
    assert bool(pieces) is streams
    assert not streams or "".join(pieces).endswith(run.raw)
    assert calm.get("/_llmock/verdict")["findings"] == []


async def answers(server: Llmock, protocol: str, **options: Any) -> list[Any]:
    """What the server's model says to many different questions, streamed."""
    agent = Agent(role="Writer", llm=at(server, protocol, **options))
    flow = Pipeline(stages=[Crew(name="batch", agents=[agent], tasks=[Task(description="Question {n}.")])])
    inputs = [{"n": number} for number in range(INPUTS)]
    return list(await flow.kickoff_async(inputs, on_error="collect", text=True, observer=lambda _: None))


def broken(run: Any) -> list[str]:
    """The errors of attempts whose connection broke before any answer, so that the server may never have seen them."""
    errors = [call.error for span in run.spans for call in span.calls if call.error is not None]
    unanswered = [error for error in errors if error.startswith(("ModelUnavailable", "ModelTimeout"))]
    return [error for error in unanswered if "(HTTP" not in error and "not completed" not in error]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it takes seconds, and the faults tests run on both
@pytest.mark.parametrize("protocol", ["openai", "direct"])
async def test_batch_under_fire(calm: Llmock, wild: Llmock, protocol: str) -> None:
    """Every input gets the answer that it gets from a server without faults, and the server finds no fault with us.

    It finds an ignored Retry-After, storms of retries, retries of what cannot be retried, and cut answers that were
    taken for whole ones.
    """
    expected = [run.raw for run in await answers(calm, protocol)]
    runs = await answers(wild, protocol, policy=PATIENT)
    code, verdict = wild.report()
    assert [run.raw for run in runs] == expected
    assert verdict["faults_injected"] > 0
    assert (code, verdict["errors"]) == (0, 0), verdict["findings"]
    counted, errors = sum(run.usage.requests for run in runs), [error for run in runs for error in broken(run)]
    assert counted - len(errors) <= verdict["attempts"] <= counted, ("no request that we did not count", errors)
