"""What all tests share: the two event loops, no real model, and skips that must be explained."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from crewgraph.policy import DEFAULTS

MODEL_VARIABLES = (
    "CREWGRAPH_MODEL",
    "OPENAI_MODEL_NAME",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "ANTHROPIC_API_KEY",
)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every async test runs on both event loops."""
    return str(request.param)


@pytest.fixture(autouse=True)
def no_model_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key or model that the machine happens to have must not change a test, nor be spent by one."""
    for name in MODEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_waiting_for_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry comes at once where a test does not say when."""
    monkeypatch.setattr("crewgraph.llm.ask.DEFAULTS", DEFAULTS.model_copy(update={"retry_wait": 0.0}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed test: there, everything a test needs is brought by the commands."""
    report = yield
    if os.environ.get("CREWGRAPH_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which must not happen here: {report.longrepr}"
    return report
