"""Here models are asked through litellm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crewgraph.llm import LiteLLM
from crewgraph.llm.litellm import adapter as litellm_adapter


@pytest.fixture
def kind(_litellm_ready: None) -> Iterator[type[LiteLLM]]:
    yield LiteLLM
    litellm_adapter.close()
