"""The journal of a kickoff whose runs are executed elsewhere: what the one who submits knows of a database."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest
from crewgraph.errors import StoreError
from crewgraph.options import Fork, StoredRuns
from crewgraph.store.again import StoredInput, stored_inputs, told_of
from crewgraph.store.entries import Identity
from crewgraph.store.forks import fork_of
from crewgraph.store.identity import Identities
from crewgraph.store.postgres import PostgresSource, connected, shown_address, translated
from crewgraph.store.versions import own_definitions, version_of

__all__ = ["RemoteJournal"]

_log = logging.getLogger("crewgraph.store")

FORK = """INSERT INTO runs (pipeline, id, content, input, definition, place, origin, status, began)
          VALUES (%s, %s, %s, %s, %s, %s, %s, 'queued', extract(epoch FROM clock_timestamp()))
          ON CONFLICT DO NOTHING RETURNING run"""
NODE = """INSERT INTO nodes (run, node, item, attempt, status, fingerprint, output, route, spent, started, ended)
          VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""


@dataclass(slots=True)
class RemoteJournal:
    """A journal in a database, which workers write; made by :meth:`opened`.

    Attributes:
        address: of the database, with its password.
        plan: what is run.
        pipeline: what the pipeline is called there, by its workers too.
        identities: gives inputs their identities.
        own: for each node a digest of what it says itself.
        definition: a digest of all of that.
    """

    address: str
    plan: Plan
    pipeline: str
    identities: Identities
    own: list[str]
    definition: str
    _connection: Any = None

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        address: str,
        plan: Plan,
        *,
        pipeline: str | None,
        beside: object = None,
        id_column: str | None = None,
        batch: str | None = None,
    ) -> AsyncGenerator[RemoteJournal]:
        """The journal of a kickoff of this pipeline.

        Raises:
            StoreError: the pipeline has no name by which workers would know it.
        """
        if pipeline is None:
            told = "workers know a pipeline by its name, and this one has none"
            raise StoreError(shown_address(address), told, hint="Pipeline([…], name='…')")
        own = own_definitions(plan, beside)
        version = version_of(plan, own)
        identities = Identities(shown_address(address), id_column, batch)
        journal = cls(address, plan, pipeline, identities, own, digest([version.own, version.whole]))
        try:
            yield journal
        finally:
            journal.close()

    def identify(self, index: int, values: Mapping[str, Any]) -> Identity:
        """By what an input is known again."""
        return self.identities(index, values)

    def again(self, chosen: StoredRuns | Fork) -> Iterator[StoredInput]:
        """The inputs of runs that are in the database and go on, or of a new one that is forked from one of them.

        Raises:
            StoreError: one that is named is not there, or cannot go on this way.
        """
        self._connection = self._connection or connected(self.address)
        source = PostgresSource(self.address, self._connection)
        if isinstance(chosen, Fork):
            return iter([StoredInput(source.where, self._forked(source, chosen))])
        inputs = stored_inputs(source, self.pipeline, chosen)
        _log.info("%s: %s", source.where, told_of(source, self.pipeline, chosen))
        return inputs

    def _forked(self, source: PostgresSource, fork: Fork) -> Identity:
        """Make a fork: the new run appears with all that it takes over, or not at all; it is not on a queue yet."""
        while True:
            made = fork_of(source, self.plan, self.own, self.pipeline, fork)
            identity = made.identity
            row = (
                self.pipeline, identity.id, identity.content, identity.text, self.definition, made.parent.place,
                identity.origin,
            )  # fmt: skip
            with translated(self.address), self._connection.transaction():
                found = self._connection.execute(FORK, row).fetchone()
                if found is None:  # somebody else made one of that name just now
                    continue
                nodes = [
                    (found[0], line.node, line.item, line.attempt, line.status, line.fingerprint, line.output, line.route,
                     line.spent, line.started, line.ended)
                    for line in made.lines
                ]  # fmt: skip
                with self._connection.cursor() as cursor:
                    cursor.executemany(NODE, nodes)
            _log.info("%s: %s", source.where, made.told)
            return identity

    def close(self) -> None:
        """Forget what was asked and read."""
        self.identities.close()
        if self._connection is not None:
            self._connection.close()

    def begin(self, identity: Identity, place: int, state: bytearray) -> NoReturn:
        """Nothing is executed here."""
        del identity, place, state
        told = "is a database, whose runs are executed by workers"
        raise StoreError(shown_address(self.address), told, hint="leave engine= out, or give a file as store=")

    async def durable(self) -> None:
        """Nothing is written here."""
