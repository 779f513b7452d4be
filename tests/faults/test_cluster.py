"""A cluster whose workers are killed, frozen and restarted, and whose database goes away."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from crewgraph.cluster.submit import migrate
from crewgraph.store.postgres import connected
from tests.cluster_app import pipeline
from tests.postgres import Server, created, served

NURSERY = """
import os, signal, sys, time
import dbos, psycopg
from crewgraph.cluster.worker import Worker
from tests import cluster_app

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        cluster_app.PAUSE = float(line)
        Worker(sys.argv[1], {"clustered": cluster_app.pipeline}, dead_after=float(sys.argv[2])).start()
        print(os.getpid(), flush=True)
        while True:
            time.sleep(60)
"""
"""Starts workers that have everything imported already."""
DEAD_AFTER = 3.0

pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with served() as running:
        template = created(running.url(), "template")
        migrate(template)
        yield running


@pytest.fixture
def store(server: Server, request: pytest.FixtureRequest) -> str:
    return created(server.url(), f"db{abs(hash(request.node.name))}", "template")


class Crew:
    """The workers of a test."""

    def __init__(self, store: str, notes: Path) -> None:
        self.store, self.notes = store, notes
        self.workers = list[int]()
        notes.touch()
        self.log = (notes.parent / "log").open("ab")
        self.nursery = subprocess.Popen(
            [sys.executable, "-c", NURSERY, store, str(DEAD_AFTER)],
            env={**os.environ, "CREWGRAPH_TEST_NOTES": str(notes), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )  # fmt: skip

    def hire(self, pause: float = 0.01) -> int:
        """Start a worker; returns its process when it takes runs."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{pause}\n")
        self.nursery.stdin.flush()
        self.workers.append(int(self.nursery.stdout.readline()))
        return self.workers[-1]

    def dismiss(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self.nursery.kill()
        with self.nursery:  # which closes its pipes
            self.nursery.wait()
        self.log.close()

    def ran(self) -> Counter[str]:
        return Counter(self.notes.read_text().splitlines())

    def kept(self) -> set[str]:
        with connected(self.store) as connection:
            query = "SELECT node || ' ' || (input::jsonb ->> 'n') FROM nodes JOIN runs USING (run) WHERE nodes.status = 'ok'"
            return {name for (name,) in connection.execute(query)}


@pytest.fixture
def crew(store: str, tmp_path: Path) -> Generator[Crew]:
    made = Crew(store, tmp_path / "notes")
    yield made
    made.dismiss()


def undisturbed(count: int) -> list[dict[str, object]]:
    return [run.to_dict() for run in pipeline.kickoff([{"n": n} for n in range(count)], store=None)]


def meanwhile(disturb: Callable[[], None], crew: Crew, count: int) -> list[Any]:
    """A kickoff, and what disturbs it."""
    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        return list(pipeline.kickoff([{"n": n} for n in range(count)], store=crew.store))
    finally:
        thread.join()


def test_killed_workers_lose_nothing(crew: Crew) -> None:
    """Workers are killed twenty times at random: no run is lost, what was durable is not run again, results are the same."""
    dice, looks = random.Random(6), list[tuple[Counter[str], set[str]]]()

    def kill() -> None:
        at_work = [crew.hire(), crew.hire()]
        for _ in range(20):
            time.sleep(dice.uniform(0.0, 0.5))
            for worker in at_work:
                os.kill(worker, signal.SIGSTOP)  # nothing runs between the two looks
            looks.append((crew.ran(), crew.kept()))
            os.kill(at_work.pop(dice.randrange(2)), signal.SIGKILL)
            os.kill(at_work[0], signal.SIGCONT)
            at_work.append(crew.hire())

    result = meanwhile(kill, crew, 500)
    after = crew.ran()
    assert [name for before, kept in looks for name in kept if after[name] > before[name]] == []
    assert [run.to_dict() for run in result] == undisturbed(500)
    assert len(looks) == 20


def test_a_frozen_worker_is_replaced_and_fenced(crew: Crew) -> None:
    """A worker that froze in the middle of its runs and thaws later changes nothing of what others did meanwhile."""
    frozen = crew.hire(0.3)

    def freeze() -> None:
        while not crew.ran():
            time.sleep(0.05)
        os.kill(frozen, signal.SIGSTOP)
        crew.hire()

    result = meanwhile(freeze, crew, 20)
    os.kill(frozen, signal.SIGCONT)
    time.sleep(2.0)
    assert [run.to_dict() for run in result] == undisturbed(20)
    with connected(crew.store) as connection:
        assert connection.execute("SELECT status, count(*) FROM runs GROUP BY 1").fetchall() == [("ok", 20)]


def test_a_database_that_stops_at_once_is_waited_for(server: Server, crew: Crew) -> None:
    """Postgres is stopped without warning and started again: submitter and worker go on by themselves."""
    crew.hire(0.1)

    def restart() -> None:
        while not crew.ran():
            time.sleep(0.05)
        server.stop("immediate")
        time.sleep(1.0)
        server.start()

    assert [run.to_dict() for run in meanwhile(restart, crew, 30)] == undisturbed(30)


def test_branches_may_end_in_any_order_when_they_are_continued(crew: Crew) -> None:
    """A worker dies while `last` runs, in each of twenty runs; where `slow` is read before `fast` nothing is swapped."""
    victim = crew.hire(0.4)

    def kill() -> None:
        while sum(name.startswith("slow") for name in crew.kept()) < 20:
            time.sleep(0.05)
        os.kill(victim, signal.SIGKILL)
        crew.hire()

    result = meanwhile(kill, crew, 20)
    ran = crew.ran()
    assert [run.to_dict() for run in result] == undisturbed(20)
    assert {ran[f"{node} {n}"] for node in ("first", "slow", "fast") for n in range(20)} == {1}
