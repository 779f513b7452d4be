from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from crewgraph.errors import (
    ModelError,
)
from crewgraph.llm import LiteLLM, Request
from crewgraph.llm.litellm import adapter as litellm_adapter
from crewgraph.llm.remote import NO_LIMIT
from tests.faults.server import Server
from tests.unit.llm.conversations import ASKED, HISTORY, LOOK, Verdict

pytestmark = pytest.mark.anyio


async def test_choice_that_a_provider_does_not_know(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a provider cannot be told of the choice, it is not: litellm would refuse the request."""
    monkeypatch.setattr("litellm.get_supported_openai_params", lambda **_: ["tools"])
    await server.llm().complete(Request(HISTORY, tools=(LOOK,), tool_choice="none"))
    assert "tool_choice" not in server.requests[0]


@pytest.mark.parametrize(
    ("model", "how", "sent"),
    [
        ("openai/gpt-5-mini", ("auto", "none"), True),
        ("openai/gpt-5-mini", ("auto", "auto"), False),
        ("anthropic/claude-sonnet-4-5", ("auto", "none"), True),
        ("bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0", ("auto", "none"), False),
        ("openai/m", ("native", "auto"), True),
        ("openai/gpt-5-mini", ("instruct", "none"), False),
    ],
    ids=str,
)
async def test_shape_beside_tools(
    server: Server, monkeypatch: pytest.MonkeyPatch, model: str, how: Any, sent: bool
) -> None:
    """A shape goes beside tools where they are forbidden and the provider takes both, or where the user says so."""
    litellm = litellm_adapter._litellm()
    seen = dict[str, Any]()

    async def acompletion(**options: Any) -> Any:
        seen.update(options)
        return litellm.ModelResponse()

    monkeypatch.setattr(litellm, "acompletion", acompletion)
    structured, choice = how
    await server.llm(model, structured=structured).complete(Request(HISTORY, Verdict, (LOOK,), choice))
    assert ("response_format" in seen) is sent
    assert "tools" in seen


async def test_cost(server: Server) -> None:
    """litellm's cost comes with the reply of a model that it knows, and none with one that it does not."""
    assert ((await server.llm("openai/gpt-5-mini").complete(Request((ASKED,)))).cost or 0) > 0
    assert (await server.llm().complete(Request((ASKED,)))).cost is None


async def test_cost_with_a_bug(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of litellm's cost table fails no call."""

    def broken(**_: Any) -> Any:
        raise KeyError("input_cost_per_token")

    monkeypatch.setattr("litellm.cost_calculator.completion_cost", broken)
    assert (await server.llm("openai/gpt-5-mini").complete(Request((ASKED,)))).text == "hello"


async def test_litellm_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A litellm that cannot be imported is a final error that says what to do."""

    def fail() -> Any:
        raise ImportError("no module named 'x'")

    monkeypatch.setattr(litellm_adapter, "_litellm", fail)
    with pytest.raises(ModelError, match=r"cannot be imported: no module named 'x'. hint: ") as caught:
        await LiteLLM("m").complete(Request((ASKED,)))
    assert not caught.value.is_transient


async def test_filters_are_set_once(server: Server) -> None:
    """litellm's own warnings are kept from users, without a new filter for every call."""
    llm = server.llm()
    await llm.complete(Request((ASKED,)))
    before = list(warnings.filters)
    await llm.complete(Request((ASKED,)))
    assert warnings.filters == before


async def test_own_timeout_reaches_litellm(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """litellm itself never stops a call before whoever asks does."""
    litellm = litellm_adapter._litellm()
    seen = list[float]()
    really: Callable[..., Any] = litellm.acompletion

    async def acompletion(**options: Any) -> Any:
        seen.append(options["timeout"])
        return await really(**options)

    monkeypatch.setattr(litellm, "acompletion", acompletion)
    await server.llm(timeout=20).complete(Request((ASKED,)))
    await server.llm().complete(Request((ASKED,)))
    assert seen == [20, NO_LIMIT]
