"""Three workers serve the schedules of a database, and one of them is killed while it fires a tick."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from crewgraph.schedule import Schedule, Schedules
from crewgraph.store.postgres import connected
from crewgraph.testing.clusters import database

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]
CODE = """
import os
import time
from pathlib import Path

from crewgraph import Pipeline, step


def note(file, line):
    with Path(file).open("a") as notes:
        notes.write(f"{line}\\n")


@step
async def greet(who: str) -> dict[str, str]:
    note("ran", who)
    return {"hello": who}


pipeline = Pipeline([greet], name="greetings")


def guests(tick):
    note("asked", f"{os.getpid()} {tick:%H:%M:%S}")
    while Path("hold").exists():
        time.sleep(0.01)
    return [{"who": f"{tick:%H:%M:%S} {number}"} for number in range(3)]
"""


@pytest.fixture(scope="module")
def store() -> Generator[str]:
    with database() as address:
        yield address


class Workers:
    """Workers, each in a process of its own, as the command line starts them."""

    def __init__(self, store: str, folder: Path, count: int) -> None:
        self.store, self.folder = store, folder
        (folder / "app.py").write_text(CODE)
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "crewgraph", "worker", "app:pipeline", "--store", store, "--dead-after", "2"]
        log = (folder / "log").open("ab")
        self.processes = [subprocess.Popen(command, cwd=folder, env=environ, stderr=log) for _ in range(count)]
        log.close()

    def lines(self, file: str) -> list[str]:
        path = self.folder / file
        return path.read_text().splitlines() if path.exists() else []

    def wait(self, done: Callable[[], bool]) -> None:
        while not done():
            assert any(process.poll() is None for process in self.processes), (self.folder / "log").read_text()
            time.sleep(0.02)

    def query(self, query: str) -> list[Any]:
        with connected(self.store) as connection:
            return list(connection.execute(query).fetchall())

    def dismiss(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def workers(store: str, tmp_path: Path) -> Generator[Workers]:
    made = Workers(store, tmp_path, 3)
    yield made
    made.dismiss()


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of POSIX")
def test_a_tick_is_run_once_by_workers_of_whom_one_is_killed(store: str, workers: Workers) -> None:
    """What passed while nobody was there is run once by all of them together, and so is the tick whose worker dies in it."""
    long_ago = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=90)
    for number in range(6):  # each of them has missed one time, which no other has
        cron = f"{(long_ago + timedelta(minutes=number)).minute} {(long_ago + timedelta(minutes=number)).hour} * * *"
        clock = (long_ago - timedelta(minutes=1)).timestamp
        Schedules(store, clock=clock).add(
            Schedule(name=f"s{number}", target="app:pipeline", pipeline="greetings", cron=cron, callable="app:guests")
        )
    workers.wait(lambda: workers.query("SELECT status, count(*) FROM ticks GROUP BY 1") == [("ok", 6)])
    asked = Counter(line.split()[1] for line in workers.lines("asked"))
    assert sorted(asked) == [f"{long_ago + timedelta(minutes=number):%H:%M:%S}" for number in range(6)]
    assert set(asked.values()) == {1}
    assert Counter(workers.lines("ran")) == Counter(f"{tick} {number}" for tick in asked for number in range(3))

    hold = workers.folder / "hold"
    hold.touch()
    assert anyio.run(lambda: Schedules(store).run_now("s0", loading=None)) is None  # type: ignore[arg-type]
    workers.wait(lambda: len(workers.lines("asked")) == 7)
    killed = int(workers.lines("asked")[-1].split()[0])
    os.kill(killed, signal.SIGKILL)
    hold.unlink()
    workers.wait(lambda: workers.query("SELECT status, count(*) FROM ticks GROUP BY 1") == [("ok", 7)])
    (first, second) = (line.split() for line in workers.lines("asked")[6:])
    assert (first[1], first[0] != second[0]) == (second[1], True)
    assert Counter(workers.lines("ran")[18:]) == Counter(f"{first[1]} {number}" for number in range(3))
    assert workers.query("SELECT status, count(*) FROM runs GROUP BY 1") == [("ok", 21)]

    for process in workers.processes:
        process.terminate()
    assert sorted(process.wait(60) for process in workers.processes) == [-signal.SIGKILL, 0, 0]
    log = (workers.folder / "log").read_text()
    assert "3 runs submitted" in log
    assert "3 runs ok" in log
