"""The server that misbehaves, and litellm imported once for all tests of the room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crewgraph.llm.litellm import adapter as litellm_adapter
from tests.faults.server import Server, serving, warm_up


@pytest.fixture(scope="session")
def _litellm_ready() -> None:
    """Import litellm before any clock runs."""
    warm_up()
    litellm_adapter.close()


@pytest.fixture
def server(_litellm_ready: None) -> Iterator[Server]:
    """A provider that does what a test tells it to."""
    with serving() as server:
        yield server
    litellm_adapter.close()  # its connections to this port, which litellm would keep for an hour
