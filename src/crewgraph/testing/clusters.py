"""A cluster for a test: a database of its own on a Postgres that starts with the first test, and a worker in this process."""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec

from crewgraph.errors import LibraryMissing, StoreError
from crewgraph.store.postgres import is_address, shown_address
from crewgraph.syntax import Pipeline
from crewgraph.testing.postgres import created, dropped, served

__all__ = ["VARIABLE", "cluster", "database"]

VARIABLE = "CREWGRAPH_TEST_POSTGRES"
"""Names a server of one's own, whose user may make databases."""
POLL = 0.02
"""Seconds between two looks at an empty queue: a test waits for each of them."""


@dataclass(slots=True)
class _Postgres:
    """The server of this process, and a database on it that is ready to be copied.

    Attributes:
        url: of the server.
        template: the database; a copy of it takes some 30 ms, and making one some 300 ms.
    """

    url: str = ""
    template: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: ExitStack = field(default_factory=ExitStack)

    def ready(self) -> None:
        """Start the server and make the template, where that has not been done; both last until the process ends."""
        from crewgraph.cluster.submit import migrate

        with self._lock:
            if self.template:
                return
            own, template = os.environ.get(VARIABLE) or "", _name("template")
            if own and not is_address(own):
                hint = f"{VARIABLE}=postgresql://me@localhost/postgres, or leave it out"
                raise StoreError(own, f"is no address of a Postgres, and {VARIABLE} says it is one", hint=hint)
            with ExitStack() as undo:
                url = own or undo.enter_context(served("-c", "fsync=off", "-c", "full_page_writes=off")).url()
                address = created(url, template)
                if own:
                    undo.callback(dropped, url, template)
                migrate(address)
                self._end = undo.pop_all()
            atexit.register(self._end.close)
            self.url, self.template = url, template


_postgres = _Postgres()
_taken = threading.Lock()
"""Held as long as there is a cluster: its worker is the only one that this process can have."""


@contextmanager
def database() -> Generator[str]:
    """The address of an empty store of a cluster, without a worker; it is removed in the end.

    Yields:
        What a kickoff takes as ``store=``.

    Raises:
        LibraryMissing: a package that is needed is not installed.
        StoreError: there is no Postgres, or the database cannot be made.
    """
    for name in ("dbos", "psycopg"):
        if find_spec(name) is None:
            raise LibraryMissing(name, what="a cluster in a test", extra="cluster-testing")
    _postgres.ready()
    name = _name("test")
    address = created(_postgres.url, name, _postgres.template)
    try:
        yield address
    finally:
        dropped(_postgres.url, name)


@contextmanager
def cluster(*pipelines: Pipeline, concurrency: int = 100) -> Generator[str]:
    """A cluster for a test: a fresh database, and a worker for these pipelines in this process.

    The first one in a process starts a server of Postgres, which ends with the process. It is used with a plain ``with``
    in async tests too.

    Args:
        pipelines: what the worker has, each known by its name.
        concurrency: how many runs of each pipeline it has at work at once.

    Yields:
        The address of the database, which a kickoff takes as ``store=``.

    Raises:
        LibraryMissing: a package that is needed is not installed.
        StoreError: there is no Postgres, or this process cannot have a worker.
        ValueError: a pipeline has no name, or two have the same.
        PipelineInvalid: the checker found errors in one.
    """
    from crewgraph.cluster.worker import Worker

    named = _named(pipelines)
    with database() as address:
        if not _taken.acquire(blocking=False):
            told = "a second cluster cannot start: there is one worker in a process, and another cluster has it"
            raise StoreError(shown_address(address), told, hint="give all pipelines to one cluster(…)")
        with ExitStack() as undo, ThreadPoolExecutor(1) as aside:  # aside: what starts may not be in an event loop
            undo.callback(_taken.release)
            worker = Worker(address, named, concurrency, poll=POLL)
            aside.submit(worker.start).result()
            undo.callback(worker.stop, 0)
            yield address


def _named(pipelines: tuple[Pipeline, ...]) -> dict[str, Pipeline]:
    if not pipelines:
        raise ValueError("a cluster without a pipeline has nothing to run. hint: cluster(triage)")
    named = dict[str, Pipeline]()
    for pipeline in pipelines:
        if not pipeline.name:
            raise ValueError(
                "workers know a pipeline by its name, and this one has none. hint: Pipeline([…], name='…')"
            )
        if named.setdefault(pipeline.name, pipeline) is not pipeline:
            raise ValueError(f"two of the pipelines are called '{pipeline.name}'. hint: give each a name of its own")
    return named


def _name(what: str) -> str:
    """A name that no database has."""
    return f"crewgraph_{what}_{secrets.token_hex(6)}"
