"""A server of Postgres for tests: the one that crewgraph.testing has."""

from __future__ import annotations

from crewgraph.testing.postgres import Server, created, served

__all__ = ["Server", "created", "served"]
