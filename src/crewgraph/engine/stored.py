"""The store that a kickoff is given, and how it is opened."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from crewgraph.compiler import Plan
from crewgraph.options import Options
from crewgraph.scope import is_within
from crewgraph.store import FileJournal
from crewgraph.store.postgres import is_address
from crewgraph.store.remote import RemoteJournal
from crewgraph.syntax import Pipeline

__all__ = ["VARIABLE", "Store", "store_of"]

VARIABLE = "CREWGRAPH_STORE"
"""Names the store of every kickoff that does not say it itself."""


@dataclass(frozen=True, slots=True)
class Store:
    """What a kickoff says about its store.

    Attributes:
        path: the file, or the address of a database.
        id_column: the key of the inputs whose value tells them apart.
        key: what the pipeline is called there.
    """

    path: str
    id_column: str | None
    key: str | None

    @property
    def is_cluster(self) -> bool:
        """Whether it is a database, so that workers execute the runs."""
        return is_address(self.path)

    def opened(self, pipeline: Pipeline, plan: Plan) -> AbstractAsyncContextManager[FileJournal | RemoteJournal]:
        """Open it for a kickoff of this pipeline, and close it at the end.

        Raises:
            StoreError: it cannot be used.
        """
        if self.is_cluster:
            name = self.key or pipeline.name
            return RemoteJournal.opened(
                self.path, plan, pipeline=name, beside=pipeline.input_model, id_column=self.id_column
            )
        return FileJournal.opened(
            self.path,
            plan,
            pipeline=self.key or pipeline.name or "pipeline",
            beside=pipeline.input_model,
            id_column=self.id_column,
        )


def store_of(options: Options) -> Store | None:
    """The store that the options name, else the environment.

    A kickoff inside of another one, which a step or a tool began, has the store it is given itself: what the outer one
    keeps is the answer of that node.

    Raises:
        TypeError: it is no path, or what belongs to a store is there without one.
    """
    path: Any = _named(options)
    id_column, key = options.get("id_column"), options.get("key")
    said: list[tuple[str, Any]] = [("id_column", id_column), ("key", key)]
    for name, value in said:
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise TypeError(f"{name} is a text, not {value!r}")
        if value is not None and path is None:
            raise TypeError(f"{name} is about a store, and there is none. hint: store='runs.sqlite'")
    if path is None:
        return None
    if not isinstance(path, str | PathLike) or not fspath(path):
        raise TypeError(f"store is the path of a file, as in 'runs.sqlite', not {path!r}")
    return Store(str(path), id_column, key)


def _named(options: Options) -> object:
    if "store" in options or is_within():
        return options.get("store")
    return os.environ.get(VARIABLE) or None
