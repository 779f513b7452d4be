"""The journal of a kickoff whose runs are executed elsewhere: what the one who submits knows of a database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest
from crewgraph.errors import StoreError
from crewgraph.store.entries import Identity
from crewgraph.store.identity import Identities
from crewgraph.store.postgres import shown_address
from crewgraph.store.versions import own_definitions, version_of

__all__ = ["RemoteJournal"]


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
        identities = Identities(shown_address(address), id_column, batch)
        try:
            own = own_definitions(plan, beside)
            version = version_of(plan, own)
            yield cls(address, plan, pipeline, identities, own, digest([version.own, version.whole]))
        finally:
            identities.close()

    def identify(self, index: int, values: Mapping[str, Any]) -> Identity:
        """By what an input is known again."""
        return self.identities(index, values)

    def begin(self, identity: Identity, place: int, state: bytearray) -> NoReturn:
        """Nothing is executed here."""
        del identity, place, state
        told = "is a database, whose runs are executed by workers"
        raise StoreError(shown_address(self.address), told, hint="leave engine= out, or give a file as store=")

    async def durable(self) -> None:
        """Nothing is written here."""
