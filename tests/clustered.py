"""Whatever a test kicks off is executed by a worker: the same tests for every engine, and what cannot hold on a cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

import crewgraph.cluster.engine  # noqa: F401 - brings all that gives names to queues
from crewgraph.cluster.worker import Served, Worker
from crewgraph.engine import kickoff
from crewgraph.scope import is_within
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.testing.clusters import database

IS_ALL = os.environ.get("CREWGRAPH_TEST_ENGINE") == "cluster"
"""Whether all tests of behaviour run on a cluster, on both event loops, and not only those of WANTED on asyncio."""
WANTED = frozenset({"test_row_is_the_same_on_every_engine"})
NOT_HONOURED: dict[str, str] = {
    "test_start_order_is_list_order_on_asyncio": "workers take runs in any order",
}
"""Tests that cannot hold on a cluster, with the reason; ``docs/cluster.md`` says the same to users."""
_numbers = count()


@dataclass(slots=True)
class Clustered:
    """A worker that gets to know pipelines as they are kicked off."""

    worker: Worker

    @contextmanager
    def everywhere(self) -> Generator[None]:
        """Have each kickoff that names no store run there."""
        prepared = kickoff.prepared

        def on_a_worker(pipeline: Any, inputs: Any, options: Any, **more: Any) -> Any:
            if is_within() or "store" in options:
                return prepared(pipeline, inputs, options, **more)
            there = {"store": self.worker.address, "key": self.known(pipeline)}
            return prepared(pipeline, inputs, {**options, **there}, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kickoff, "prepared", on_a_worker)
            yield

    def known(self, pipeline: Any) -> str:
        """Let the worker know a pipeline; returns what it is called there."""
        name = f"p{next(_numbers)}"
        try:
            served = Served.of(pipeline)
        except Exception:  # noqa: BLE001 - the kickoff says it, too
            return name
        self.worker.served = {**self.worker.served, name: served}
        return name


@contextmanager
def clustered() -> Generator[Clustered]:
    """A worker with one queue for all pipelines: these come and go, and queues would stay."""
    with pytest.MonkeyPatch.context() as patch, database() as address:
        for name, module in list(sys.modules.items()):
            if name.startswith("crewgraph.cluster.") and hasattr(module, "queue_of"):
                patch.setattr(module, "queue_of", lambda *_: "crewgraph:tests")
        worker = Worker(address, {"nothing": Pipeline([nothing])}, poll=0.02)
        worker.start()
        try:
            yield Clustered(worker)
        finally:
            worker.stop(0)


@step
def nothing() -> dict[str, int]:
    return {}


def engines_for(item: Any) -> list[str]:
    """The engines that a test runs on."""
    if item.originalname in WANTED:
        return ["cluster"]
    return ["local", "cluster"] if IS_ALL else ["local"]


def is_left_out(item: Any) -> bool:
    """Whether a test is one too many: the whole table on a cluster on one event loop is enough for each day."""
    said = getattr(item, "callspec", None)
    return not IS_ALL and said is not None and "cluster" in said.params.values() and "trio" in said.params.values()
