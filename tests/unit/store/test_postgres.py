from __future__ import annotations

from collections.abc import Generator

import pytest

from crewgraph.errors import StoreError
from crewgraph.store import overview_of
from crewgraph.store.postgres import connected, prepare, shown_address
from crewgraph.store.source import opened_source
from tests.postgres import created, served


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with served("-c", "fsync=off") as server:
        yield server.url()


def test_tables_are_made_once(address: str) -> None:
    """Making the tables twice changes nothing, and what is there stays."""
    store = created(address, "made")
    prepare(store)
    with connected(store) as connection:
        connection.execute("INSERT INTO meta VALUES ('a', 'b')")
    prepare(store)
    with opened_source(store) as source:
        assert list(source.rows("SELECT key, value FROM meta WHERE key = ?", "a")) == [("a", "b")]
        assert source.writer() is None
    assert overview_of(store).pipelines == []


def test_a_database_without_tables_is_no_store(address: str) -> None:
    """A database that was never migrated is refused, with the command that makes it a store."""
    store = created(address, "bare")
    with pytest.raises(StoreError, match="crewgraph migrate"), opened_source(store):
        pass


def test_a_newer_store_is_refused(address: str) -> None:
    """Tables of another version are left alone."""
    store = created(address, "newer")
    prepare(store)
    with connected(store) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    with pytest.raises(StoreError, match="version 99"):
        prepare(store)


@pytest.mark.parametrize(
    "secret",
    ["postgresql://me:s3cret@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db?password=s3cret&user=me"],
    ids=["before the host", "as an option"],
)
def test_no_message_tells_the_password(secret: str) -> None:
    """An address that cannot be reached is told without its password, also in what was chained."""
    with pytest.raises(StoreError) as caught:
        connected(secret)
    assert "s3cret" not in str(caught.value) + str(caught.value.__cause__)
    assert "s3cret" not in shown_address(secret)


def test_an_address_that_is_none_is_shown_without_anything() -> None:
    """Where the port is no number nothing of the address is shown."""
    assert shown_address("postgresql://me:s3cret@host:port/db") == "postgresql://…"
