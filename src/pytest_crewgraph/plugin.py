"""Tests that call no real model by accident, and cassettes beside the tests that use them.

pytest loads this in every test run on a machine where crewgraph is installed. So nothing is imported here but pytest:
crewgraph is not loaded for tests that do not use it, nor before a tool that measures coverage has started.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "CREWGRAPH_NO_REAL_CALLS"
"""What crewgraph asks before it calls a real model; in the environment, so that it holds in child processes too."""
REASON = (
    "tests may not call real models (ways to let this one: @pytest.mark.real_models on the test, "
    "pytest --crewgraph-real-models, or crewgraph_real_models = true in pytest's configuration; "
    "the fixture crewgraph_cassette records its calls and replays them)"
)
OPTIONS = ("redact", "repeat", "use_all")
LONGEST_NAME = 120

_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options for the command line, one for the configuration."""
    group = parser.getgroup("crewgraph")
    group.addoption("--crewgraph-real-models", action="store_true", help="let tests call real models")
    group.addoption(
        "--crewgraph-record",
        action="store_true",
        help="call real models in tests with the fixture crewgraph_cassette, and record the calls anew",
    )
    parser.addini("crewgraph_real_models", "let tests call real models", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """From here to the end nobody calls a real model, unless told otherwise."""
    config.addinivalue_line("markers", "real_models: this test may call real models")
    if not (config.getoption("--crewgraph-real-models") or config.getini("crewgraph_real_models")):
        forbidden = ExitStack()
        forbidden.enter_context(_environment({VARIABLE: REASON}))
        config.add_cleanup(forbidden.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A marked test may, and its fixtures too."""
    if item.get_closest_marker("real_models") is None:
        return (yield)
    with _environment({VARIABLE: None}):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure: what a failed test has recorded must not take the place of a good recording."""
    report = yield
    if report.failed:
        item.stash[_failed] = True
    elif report.when == "call":
        item.stash.setdefault(_failed, False)
    return report


@pytest.fixture
def crewgraph_cassette_options() -> dict[str, Any]:
    """Options of the cassette of a test: ``redact``, ``repeat``, ``use_all``. Overridden where they are wanted."""
    return {}


@pytest.fixture
def crewgraph_cassette(
    request: pytest.FixtureRequest, crewgraph_cassette_options: Mapping[str, Any]
) -> Generator[Any, None, None]:
    """A cassette beside the test, named after it: replayed, or recorded anew with ``--crewgraph-record``.

    All model calls of the process are answered by it while the test runs. Gives the ``crewgraph.Cassette``.
    """
    from crewgraph.llm.recording.cassette import Cassette

    _check(crewgraph_cassette_options)
    node: pytest.Item = request.node
    records = bool(request.config.getoption("--crewgraph-record"))
    how = f"run `pytest --crewgraph-record {node.nodeid!r}`, which calls the model and records what it answers"
    cassette = Cassette(
        _path_of(node),
        mode="record" if records else "replay",
        everywhere=True,
        keep_failed=False,
        hint=how,
        **crewgraph_cassette_options,
    )
    with _environment({VARIABLE: None} if records else {}), _unless_failed(node, cassette):
        yield cassette


@pytest.fixture
def crewgraph_cluster() -> Generator[Callable[..., str], None, None]:
    """A function that starts a cluster for pipelines, until the test ends, and gives the address of its database.

    It takes what ``crewgraph.testing.cluster`` takes.
    """
    from crewgraph.testing import cluster

    with ExitStack() as until_the_end:

        def started(*pipelines: Any, **options: Any) -> str:
            return until_the_end.enter_context(cluster(*pipelines, **options))

        yield started


def _check(options: Mapping[str, Any]) -> None:
    unknown = ", ".join(repr(name) for name in options if name not in OPTIONS)
    if unknown:
        message = f"crewgraph_cassette_options: a cassette has no option {unknown}. hint: it has {', '.join(OPTIONS)}"
        raise pytest.UsageError(message)


@contextmanager
def _unless_failed(node: pytest.Item, cassette: Any) -> Generator[None]:
    """Use a cassette, and leave the file as it is where the test has failed, or never came to its end."""
    cassette.__enter__()
    try:
        yield
    finally:
        failure = AssertionError("the test failed") if node.stash.get(_failed, True) else None
        cassette.__exit__(failure and type(failure), failure, None)


@contextmanager
def _environment(values: Mapping[str, str | None]) -> Generator[None]:
    """Set variables of the environment, or take them out, and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    _put(values)
    try:
        yield
    finally:
        _put(before)


def _put(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _path_of(node: pytest.Item) -> Path:
    """``cassettes/test_module/test_name.jsonl`` beside the test's file."""
    names = [part.name for part in node.listchain() if isinstance(part, pytest.Class)]
    whole = ".".join([*names, node.name])
    safe = re.sub(r"[^\w.\[\]-]+", "-", whole)[:LONGEST_NAME]
    if safe != whole:  # what is left might be the name of another test too
        safe += "-" + hashlib.sha256(whole.encode()).hexdigest()[:8]
    return node.path.parent / "cassettes" / node.path.stem / f"{safe}.jsonl"
