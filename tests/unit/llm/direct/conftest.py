"""Here models are asked directly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crewgraph.llm import DirectLLM
from crewgraph.llm.direct import http


@pytest.fixture
def kind() -> Iterator[type[DirectLLM]]:
    yield DirectLLM
    http.close()
