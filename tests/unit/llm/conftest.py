"""The loopback provider, and litellm imported once for all tests of the room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crewgraph.llm import DirectLLM, LiteLLM
from crewgraph.llm.direct import http
from crewgraph.llm.litellm import adapter as litellm_adapter
from tests.faults.server import warm_up
from tests.unit.llm.provider import Provider, serving


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
    (litellm_adapter.close if request.param is LiteLLM else http.close)()


@pytest.fixture
def provider(_litellm_ready: None) -> Iterator[Provider]:
    """A provider on the loopback interface."""
    with serving() as provider:
        yield provider
    litellm_adapter.close()  # its connections to this port, which litellm would keep for an hour
