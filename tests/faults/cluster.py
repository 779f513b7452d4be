"""Workers of a cluster as processes of their own, which a test kills, freezes, cuts off and looks into."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from crewgraph import Pipeline
from crewgraph.cluster.submit import AT_ONCE, Submitted, Submitter
from crewgraph.cluster.worker import ATTEMPTS
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import rows
from crewgraph.store.postgres import connected
from crewgraph.store.remote import RemoteJournal
from tests.cluster_app import pipeline

NURSERY = """
import ctypes, json, os, runpy, signal, sys, time
import dbos, networkx, psycopg
from crewgraph.cluster import janitor, worker
from crewgraph.compiler import compile_pipeline
from crewgraph.store import postgres
from tests import cluster_app

compile_pipeline(cluster_app.pipeline)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        said = json.loads(line)
        log = os.open(said["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 2)
        if said["network"]:
            place = os.open(said["network"], os.O_RDONLY)
            if ctypes.CDLL(None, use_errno=True).setns(place, 0):
                raise OSError(ctypes.get_errno(), "setns")
        os.environ["CREWGRAPH_TEST_NOTES"] = said["notes"]
        janitor.BEAT, janitor.STRANDED_AFTER, postgres.IDLE = 0.25, 1.0, said["idle"]
        cluster_app.PAUSE, worker.ATTEMPTS = said["pause"], said["attempts"]
        app = runpy.run_path(said["app"]) if said["app"] else vars(cluster_app)
        made = worker.Worker(said["store"], {app["pipeline"].name: app["pipeline"]}, said["concurrency"], said["dead_after"])
        made.start()
        signal.signal(signal.SIGTERM, lambda *_: (made.stop(0), os._exit(0)))
        print(os.getpid(), flush=True)
        while True:
            time.sleep(60)
"""
"""Starts workers that have everything imported already."""
PATIENCE = 150.0
DEAD_AFTER = 1.5
"""Seconds of silence after which a worker is taken for dead; it says four times a second that it lives."""


def until(
    is_there: Callable[[], Any],
    process: subprocess.Popen[Any] | None = None,
    *,
    told: Callable[[], object] = lambda: "it does not come",
) -> Any:
    """Wait for something; before the time limit of the test, which would not end a thread that waits."""
    end = time.monotonic() + PATIENCE
    while not (found := is_there()):
        assert process is None or process.poll() is None
        assert time.monotonic() < end, told()
        time.sleep(0.02)
    return found


class Nursery:
    """A process that makes workers by forking itself; one for all tests."""

    def __init__(self) -> None:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", NURSERY]
        self.process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        self.lock = threading.Lock()

    def born(self, **said: Any) -> int:
        """A new worker; returns its process when it takes runs."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock:
            self.process.stdin.write(f"{json.dumps(said)}\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        with self.process:  # which closes its pipes
            self.process.wait()


@dataclass(slots=True)
class Crew:
    """The workers of a test.

    Attributes:
        nursery: makes them.
        store: their database.
        folder: of the test.
        said: what workers are told where a test says nothing else.
    """

    nursery: Nursery
    store: str
    folder: Path
    said: dict[str, Any] = field(default_factory=dict[str, Any])
    workers: list[int] = field(default_factory=list[int])

    @property
    def notes(self) -> Path:
        return self.folder / "notes"

    def hire(self, pause: float = 0.01, **said: Any) -> int:
        """Start a worker; returns its process when it takes runs."""
        told: dict[str, Any] = {
            "store": self.store, "notes": str(self.notes), "log": str(self.folder / "log"), "pause": pause, "app": None,
            "network": None, "idle": 15.0, "concurrency": 100, "dead_after": DEAD_AFTER, "attempts": ATTEMPTS,
            **self.said, **said,
        }  # fmt: skip
        self.workers.append(self.nursery.born(**told))
        return self.workers[-1]

    def learn(self, code: str, name: str = "app") -> Pipeline:
        """Give the workers that are hired from now on another pipeline; returns the same for here."""
        path = self.folder / f"{name}.py"
        path.write_text(code)
        self.said["app"] = str(path)
        made: Pipeline = runpy.run_path(str(path))["pipeline"]
        return made

    def dismiss(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def ran(self) -> Counter[str]:
        return Counter(self.notes.read_text().splitlines()) if self.notes.exists() else Counter()

    def kept(self) -> set[str]:
        query = (
            "SELECT node || ' ' || (input::jsonb ->> 'n') FROM nodes JOIN runs USING (run) WHERE nodes.status = 'ok'"
        )
        return {name for (name,) in self.asked(query)}

    def asked(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with connected(self.store) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query, values).fetchall()
            return rows

    def statuses(self) -> dict[str, int]:
        return dict(self.asked("SELECT status, count(*) FROM runs GROUP BY 1"))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def numbered(count: int) -> list[dict[str, int]]:
    return [{"n": n} for n in range(count)]


def told(runs: Iterable[Any]) -> list[Any]:
    """What runs gave, and what each of their nodes had in hand."""
    return [(run.to_dict(), run.trace) for run in runs]


def undisturbed(count: int) -> list[Any]:
    return told(pipeline.kickoff(numbered(count), store=None))


def submitted(run: Pipeline, inputs: list[Any], store: str, id_column: str | None = None) -> Submitted:
    """Give inputs to the workers, and wait for nobody."""

    async def give() -> Submitted:
        plan, into = compile_pipeline(run), Submitted()
        async with RemoteJournal.opened(store, plan, pipeline=run.name, id_column=id_column) as journal:
            every = list(rows(inputs, plan, journal.identify))
            with Submitter(journal) as submitter:
                for begin in range(0, len(every), AT_ONCE):
                    submitter.submit(every[begin : begin + AT_ONCE], into)
        return into

    return anyio.run(give)


@contextlib.contextmanager
def meanwhile(disturb: Callable[[], object]) -> Iterator[None]:
    """Disturb what the block does; an error there is raised at the end."""
    caught = list[BaseException]()

    def work() -> None:
        try:
            disturb()
        except BaseException as error:  # noqa: BLE001 - raised where the test sees it
            caught.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)
        for error in caught:
            raise error
        assert not thread.is_alive(), "it is still being disturbed"


def disturbed(crew: Crew, count: int, disturb: Callable[[], object], run: Pipeline = pipeline) -> list[Any]:
    """What a kickoff gives that something happens to."""
    with meanwhile(disturb):
        return told(run.kickoff(numbered(count), store=crew.store))
