"""The same behaviour on every engine: with ``CREWGRAPH_TEST_ENGINE=cluster`` each kickoff runs on a worker."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.clustered import Clustered, clustered, engines_for, is_left_out


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs in this process; those that are wanted there run on a cluster too."""
    engines = engines_for(metafunc.definition)
    if engines != ["local"]:
        metafunc.parametrize("engine", engines, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is too much for each day."""
    left_out = [item for item in items if is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_left_out(item)]


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Generator[None]:
    """Where the test runs."""
    if getattr(request, "param", "local") == "local":
        yield
        return
    shared: Clustered = request.getfixturevalue("shared_cluster")
    with shared.everywhere():
        yield


@pytest.fixture(scope="module")
def shared_cluster() -> Generator[Clustered]:
    """One worker for all tests of a module: there is one in a process, and others want one as well."""
    with clustered() as made:
        yield made
