"""A clock and code for tests of schedules, and one database for all of those on a cluster."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from crewgraph.testing.clusters import database
from tests.schedules import Clock, Code


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def code() -> Code:
    return Code()


@pytest.fixture(scope="session")
def server() -> Generator[str]:
    """The address of a database that is a store; each test empties the tables that it fills."""
    with database() as address:
        yield address
