"""The loopback provider, and litellm imported once for all tests of the room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crewgraph.llm import DirectLLM, LiteLLM
from crewgraph.llm.litellm import adapter as litellm_adapter
from tests.faults.server import Server, serving, warm_up
from tests.unit.llm.provider import CLOSE, Provider
from tests.unit.llm.provider import serving as provider_serving


@pytest.fixture(scope="session")
def _litellm_ready() -> None:
    """Import litellm and its parts before any clock runs, with the warnings of its own code left to it."""
    warm_up()
    litellm_adapter.close()


@pytest.fixture(params=[LiteLLM, DirectLLM], ids=["litellm", "direct"])
def kind(request: pytest.FixtureRequest) -> Iterator[type[LiteLLM | DirectLLM]]:
    """A way to ask models over the network."""
    if request.param is LiteLLM:
        request.getfixturevalue("_litellm_ready")
    yield request.param
    CLOSE[request.param]()  # connections to this port, which would be kept for long


@pytest.fixture
def provider(kind: type[LiteLLM | DirectLLM]) -> Iterator[Provider]:
    """A provider on the loopback interface, asked in this way."""
    with provider_serving() as provider:
        provider.kind = kind
        yield provider


@pytest.fixture
def server(kind: type[LiteLLM | DirectLLM]) -> Iterator[Server]:
    """A provider that misbehaves on command, asked in this way."""
    with serving() as server:
        server.kind = kind
        yield server
