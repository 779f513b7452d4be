"""Databases, and workers in this process."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from crewgraph.cluster.worker import Worker
from crewgraph.testing import clusters
from tests import cluster_app
from tests.again_app import asked, broken, found, tickets


@pytest.fixture
def store() -> Generator[str]:
    with clusters.database() as address:
        yield address


@pytest.fixture(scope="module")
def database() -> Generator[str]:
    """A database with a worker, which is in this process."""
    with clusters.database() as address:
        made = Worker(address, {"tickets": tickets, "found": found, "clustered": cluster_app.pipeline}, dead_after=3.0)
        made.start()
        yield address
        made.stop(5.0)


@pytest.fixture(params=["file", "cluster"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of either kind: what is said of files is to be true of databases."""
    asked.clear()
    broken.clear()
    return str(tmp_path / "runs.sqlite") if request.param == "file" else request.getfixturevalue("database")
