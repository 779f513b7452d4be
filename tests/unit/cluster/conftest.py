"""A server of Postgres, databases on it, and workers in this process."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from crewgraph.cluster.submit import migrate
from crewgraph.cluster.worker import Worker
from tests import cluster_app
from tests.again_app import asked, broken, tickets
from tests.postgres import created, served


@pytest.fixture(scope="package")
def template() -> Generator[str]:
    with served("-c", "fsync=off") as server:
        address = created(server.url(), "template")
        migrate(address)
        yield address


@pytest.fixture
def store(template: str, request: pytest.FixtureRequest) -> str:
    return created(template, f"db{abs(hash(request.node.name))}", "template")


@pytest.fixture(scope="module")
def database(template: str, request: pytest.FixtureRequest) -> Generator[str]:
    """A database with a worker, which is in this process."""
    address = created(template, f"db{abs(hash(request.module.__name__))}", "template")
    made = Worker(address, {"tickets": tickets, "clustered": cluster_app.pipeline}, dead_after=3.0)
    made.start()
    yield address
    made.stop(5.0)


@pytest.fixture(params=["file", "cluster"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of either kind: what is said of files is to be true of databases."""
    asked.clear()
    broken.clear()
    return str(tmp_path / "runs.sqlite") if request.param == "file" else request.getfixturevalue("database")
