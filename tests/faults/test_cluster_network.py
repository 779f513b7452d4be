"""A worker in a network of its own, which is cut off from the database and comes back; and one that freezes with a lock."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.cluster import Crew, disturbed, is_alive, undisturbed, until
from tests.postgres import Server

pytestmark = pytest.mark.filterwarnings("ignore")
COUNT = 20
ROWS = "SELECT * FROM nodes ORDER BY run, node, item, attempt"

FREEZES = """
import os, signal, time
from crewgraph.cluster import janitor
from tests.cluster_app import pipeline

look = janitor.Janitor._look

def freezes(self):
    query = "SELECT FROM dbos.workflow_status WHERE status = 'PENDING' AND executor_id = %s"
    if self._connection.execute(query, (self._name,)).fetchone() is None:
        return look(self)
    with self._connection.transaction():
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (janitor.LOCK,))
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(60)  # it may take a moment until all threads stand still

janitor.Janitor._look = freezes
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass(slots=True)
class Network:
    """A network of its own, with one cable to this one."""

    name: str
    host: str

    @property
    def path(self) -> str:
        return f"/run/netns/{self.name}"

    def cut(self) -> None:
        ip("link", "set", self.name, "down")

    def mend(self) -> None:
        ip("link", "set", self.name, "up")


@pytest.fixture
def network(postgres: Server) -> Iterator[Network]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root, and the command ip")
    number = os.getpid() % 250
    made = Network(f"cg{os.getpid()}", f"10.213.{number}.1")
    with (postgres.folder / "data" / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all 10.213.{number}.0/24 trust\n")
    assert postgres.process is not None
    postgres.process.send_signal(signal.SIGHUP)
    try:
        ip("netns", "add", made.name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the kernel has no networks for us: {error.stderr.decode()}")
    try:
        ip("link", "add", made.name, "type", "veth", "peer", "name", "eth0", "netns", made.name)
        ip("addr", "add", f"{made.host}/24", "dev", made.name)
        ip("-n", made.name, "addr", "add", f"10.213.{number}.2/24", "dev", "eth0")
        ip("-n", made.name, "link", "set", "eth0", "up")
        made.mend()
        yield made
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("link", "del", made.name)
        ip("netns", "del", made.name)


def fenced(crew: Crew, lame: Callable[[], None], heal: Callable[[], None]) -> None:
    """One worker is out of action for longer than it may, another takes over; the first comes back, and is fenced."""

    durable = set[str]()

    def replace() -> None:
        until(lambda: len(crew.kept()) >= COUNT)
        lame()
        durable.update(crew.kept())
        crew.hire()

    result = disturbed(crew, COUNT, replace)
    rows = crew.asked(ROWS)
    heal()
    until(
        lambda: len(set(re.findall(r"Workflow (\S+) .*Waiting for the", crew.log()))) == COUNT
    )  # the engine gave up all
    assert result == undisturbed(COUNT)
    assert crew.statuses() == {"ok": COUNT}
    assert crew.asked(ROWS) == rows
    assert {crew.ran()[name] for name in durable} == {1}


def test_a_worker_that_is_cut_off_is_replaced_and_fenced(crew: Crew, network: Network) -> None:
    """A worker behind a cable that is pulled and put back changes nothing of what another did meanwhile."""
    port = urlsplit(crew.store).port
    address = crew.store.replace(f"127.0.0.1:{port}", f"{network.host}:{port}")
    crew.hire(1.0, store=address, network=network.path, idle=1.0)
    fenced(crew, network.cut, network.mend)


def test_a_frozen_worker_is_replaced_and_fenced(crew: Crew) -> None:
    """A worker that froze in the middle of its runs and thaws later changes nothing of what others did meanwhile."""
    frozen = crew.hire(1.0, idle=1.0)
    fenced(crew, lambda: os.kill(frozen, signal.SIGSTOP), lambda: os.kill(frozen, signal.SIGCONT))


def test_a_worker_that_freezes_while_it_looks_after_others(crew: Crew, tmp_path: Path) -> None:
    """It holds the lock of the one who looks for the dead, and Postgres takes it away: others look, and take its runs over."""
    (tmp_path / "freezes.py").write_text(FREEZES)
    frozen = crew.hire(5.0, app=str(tmp_path / "freezes.py"), idle=1.0)

    def hire() -> None:
        until(lambda: _state(frozen) == "T")  # with runs that it has claimed
        crew.hire()

    assert disturbed(crew, COUNT, hire) == undisturbed(COUNT)
    assert is_alive(frozen)


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
