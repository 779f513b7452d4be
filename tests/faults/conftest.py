"""The server that misbehaves, litellm imported once, and one Postgres with one nursery for all workers of the room."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from crewgraph.cluster.submit import migrate
from crewgraph.llm.litellm import adapter as litellm_adapter
from tests.faults.cluster import Crew, Nursery
from tests.faults.forked import Forks
from tests.faults.server import Server, serving, warm_up
from tests.postgres import Server as Postgres
from tests.postgres import created, served

NUMBERS = count()
SETTINGS = (
    "listen_addresses=*",
    # No machine goes down here, only processes, and nothing is replicated: a new database takes half the work.
    "fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off", "jit=off",
)  # fmt: skip


@pytest.fixture(scope="session")
def _litellm_ready() -> None:
    """Import litellm before any clock runs."""
    warm_up()
    litellm_adapter.close()


@pytest.fixture
def server(_litellm_ready: None) -> Iterator[Server]:
    """A provider that does what a test tells it to."""
    with serving() as server:
        yield server
    litellm_adapter.close()  # its connections to this port, which litellm would keep for an hour


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Makes processes that are there at once."""
    made = Forks()
    yield made
    made.close()


# ---- clusters --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server that a test may also stop and start."""
    with served(*(word for option in SETTINGS for word in ("-c", option))) as running:
        migrate(created(running.url(), "template"))
        yield running


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def store(postgres: Postgres) -> str:
    return created(postgres.url(), f"db{next(NUMBERS)}", "template")


@pytest.fixture
def crew(nursery: Nursery, store: str, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(nursery, store, tmp_path)
    yield made
    made.dismiss()
