"""One database for all tests of schedules on a cluster."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from crewgraph.testing.clusters import database


@pytest.fixture(scope="session")
def server() -> Generator[str]:
    """The address of a database that is a store; each test empties the tables that it fills."""
    with database() as address:
        yield address
