"""The store that a kickoff is given, and how it is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from crewgraph.compiler import Plan, compile_pipeline
from crewgraph.engine.inputs import row_of
from crewgraph.engine.port import Row
from crewgraph.errors import InputError, StoreError
from crewgraph.options import Fork, Options, StoredRuns
from crewgraph.scope import is_within
from crewgraph.store import FileJournal, Identity, StoredInput
from crewgraph.store.again import count_of as count_in
from crewgraph.store.left import Left, left_in
from crewgraph.store.postgres import is_address
from crewgraph.store.remote import RemoteJournal
from crewgraph.store.source import opened_source
from crewgraph.store.versions import own_definitions
from crewgraph.syntax import Pipeline

__all__ = ["VARIABLE", "Store", "check_inputs", "count_of", "engine_of", "left_of", "store_of", "stored_rows"]

VARIABLE = "CREWGRAPH_STORE"
"""Names the store of every kickoff that does not say it itself."""


@dataclass(frozen=True, slots=True)
class Store:
    """What a kickoff says about its store.

    Attributes:
        path: the file, or the address of a database.
        id_column: the key of the inputs whose value tells them apart.
        batch: stands before the ids of its runs.
        key: what the pipeline is called there.
    """

    path: str
    id_column: str | None
    batch: str | None
    key: str | None

    @property
    def is_cluster(self) -> bool:
        """Whether it is a database, so that workers execute the runs."""
        return is_address(self.path)

    def opened(
        self, pipeline: Pipeline, plan: Plan, *, must_exist: bool = False
    ) -> AbstractAsyncContextManager[FileJournal | RemoteJournal]:
        """Open it for a kickoff of this pipeline, and close it at the end.

        Args:
            pipeline: what runs.
            plan: of the pipeline.
            must_exist: whether it is an error that there is none.

        Raises:
            StoreError: it cannot be used.
        """
        if self.is_cluster:
            name = self.key or pipeline.name
            return RemoteJournal.opened(
                self.path,
                plan,
                pipeline=name,
                beside=pipeline.input_model,
                id_column=self.id_column,
                batch=self.batch,
            )
        return FileJournal.opened(
            self.path,
            plan,
            pipeline=name_of(pipeline, self.key),
            beside=pipeline.input_model,
            id_column=self.id_column,
            batch=self.batch,
            must_exist=must_exist,
        )


def engine_of(store: Store | None) -> str:
    """The engine of a kickoff that names none."""
    return "cluster" if store is not None and store.is_cluster else "local"


def name_of(pipeline: Pipeline, key: str | None) -> str:
    """What a pipeline is called in a store."""
    return key or pipeline.name or "pipeline"


def count_of(
    pipeline: Pipeline, store: str | PathLike[str], chosen: StoredRuns | Fork, *, key: str | None = None
) -> int:
    """How many runs of a store would go on.

    Raises:
        StoreError: there is no store, or one that is named is not there, or has nothing left to do.
    """
    if isinstance(chosen, Fork):
        return 1
    with opened_source(store) as source:
        return count_in(source, name_of(pipeline, key), chosen)


def left_of(
    pipeline: Pipeline, store: str | PathLike[str], chosen: StoredRuns | Fork, *, key: str | None = None
) -> Left:
    """What runs in a store would read, and what would run, if they went on now; nothing is written.

    Args:
        pipeline: what would run.
        store: the store.
        chosen: which runs.
        key: what the pipeline is called there, if not by its name.

    Raises:
        StoreError: there is no store, or one of the runs cannot go on.
        PipelineInvalid: the checker found errors.
    """
    plan = compile_pipeline(pipeline)
    own = own_definitions(plan, pipeline.input_model)
    with opened_source(store) as source:
        return left_in(source, plan, own, name_of(pipeline, key), chosen)


def store_of(options: Options) -> Store | None:
    """The store that the options name, else the environment.

    A kickoff inside of another one, which a step or a tool began, has the store it is given itself: what the outer one
    keeps is the answer of that node.

    Raises:
        TypeError: it is no path, or what belongs to a store is there without one.
    """
    path: Any = _named(options)
    said: dict[str, Any] = {name: options.get(name) for name in ("id_column", "batch", "key")}
    for name, value in said.items():
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise TypeError(f"{name} is a text, not {value!r}")
        if value is not None and path is None:
            raise TypeError(f"{name} is about a store, and there is none. hint: store='runs.sqlite'")
    if path is None:
        return None
    if not isinstance(path, str | PathLike) or not fspath(path):
        raise TypeError(f"store is the path of a file, as in 'runs.sqlite', not {path!r}")
    return Store(str(path), **said)


def _named(options: Options) -> object:
    if "store" in options or is_within():
        return options.get("store")
    return os.environ.get(VARIABLE) or None


def check_inputs(inputs: object, store: Store | None) -> None:
    """Refuse runs of a store where there is none, and what tells inputs apart where they are known already.

    Raises:
        TypeError: it is so.
    """
    if isinstance(inputs, StoredRuns | Fork):
        if store is None:
            raise TypeError("runs that go on are read from a store, and there is none. hint: store='runs.sqlite'")
        if store.id_column is not None:
            raise TypeError(
                "id_column tells new inputs apart; runs in a store are known by their ids. hint: leave it out"
            )


def stored_rows(chosen: StoredRuns | Fork, journal: FileJournal | RemoteJournal, plan: Plan) -> Iterator[Row]:
    """The inputs of runs in a store; one that cannot be read from there carries its error.

    Raises:
        StoreError: one that is named is not there, or cannot go on this way.
    """
    return (_stored_row(index, each, plan) for index, each in enumerate(journal.again(chosen)))


def _stored_row(index: int, stored: StoredInput, plan: Plan) -> Row:
    def identify(_index: int, _values: object) -> Identity:
        return stored.identity

    try:
        row = row_of(index, stored.values(), plan, identify)
    except StoreError as error:
        return Row(index, {}, error)
    if isinstance(row.error, InputError):  # the pipeline was edited since; nobody knows this run by a number
        told = str(row.error).partition("\n")[0].removeprefix(f"input {index} ")
        hint = "edit the pipeline, or fork the run with what it needs: fork(…, inputs={…})"
        return Row(index, {}, StoreError(stored.where, f"the input of run '{stored.identity.id}' {told}", hint=hint))
    return row
