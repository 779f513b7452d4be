"""What all tests share: the two event loops, no real model, and skips that must be explained."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from crewgraph.policy import DEFAULTS
from tests.clocks import virtual_everywhere

# How long an example takes, or takes to make, says more of the machine than of the code.
settings.register_profile("crewgraph", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("crewgraph")

MODEL_VARIABLES = (
    "CREWGRAPH_MODEL",
    "OPENAI_MODEL_NAME",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "ANTHROPIC_API_KEY",
)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | tuple[str, dict[str, Any]]:
    """Every async test runs on both event loops."""
    virtual = request.node.get_closest_marker("virtual_time")
    return virtual_everywhere(request.param, monkeypatch, **virtual.kwargs) if virtual else str(request.param)


@pytest.fixture(autouse=True)
def no_model_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key or model that the machine happens to have must not change a test, nor be spent by one."""
    for name in MODEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_waiting_for_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry comes at once where a test does not say when."""
    monkeypatch.setattr("crewgraph.llm.ask.DEFAULTS", DEFAULTS.model_copy(update={"retry_wait": 0.0}))


def pytest_configure() -> None:
    """Ctrl-C is heard even where the tests were started in the background, by a shell that has it ignored there."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Do not measure coverage where one thing is done some hundred times: it takes twice the time there.

    What only random examples reach has no test of its own, and is not to count as covered.
    """
    is_property = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    tracer = sys.gettrace() if is_property or item.get_closest_marker("many") else None
    if tracer is None:
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed test: there, everything a test needs is brought by the commands."""
    report = yield
    if os.environ.get("CREWGRAPH_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which must not happen here: {report.longrepr}"
    return report
