"""The loopback provider, and litellm imported once for all tests of the room."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import anyio
import pytest

from crewgraph.llm import litellm_adapter
from tests.unit.llm.provider import Provider, ask, serving


@pytest.fixture(scope="session")
def _litellm_ready() -> Iterator[None]:
    """Import litellm and its parts before any clock runs, with the warnings of its own code left to it."""
    with warnings.catch_warnings(), serving() as provider:
        warnings.simplefilter("ignore")
        anyio.run(provider.llm().complete, ask())
    yield
    litellm_adapter.close()


@pytest.fixture
def provider(_litellm_ready: None) -> Iterator[Provider]:
    """A provider on the loopback interface."""
    with serving() as provider:
        yield provider
