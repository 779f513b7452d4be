"""A disk that is full, connections that are used up or taken away, and clocks that jump."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from crewgraph.cli import cli
from crewgraph.cluster.submit import migrate
from tests.cluster_app import pipeline
from tests.faults.cluster import Crew, Nursery, disturbed, numbered, told, undisturbed, until
from tests.postgres import created, served

pytestmark = pytest.mark.filterwarnings("ignore")

TOMORROW = """
import time
from crewgraph.cluster import janitor, worker
from tests.cluster_app import pipeline

now = time.time
time.time = lambda: now() + 86_400
"""


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root, and the command mount")
    folder = Path(tempfile.mkdtemp(prefix="crewgraph-disk-"))  # where others than root may look, too
    folder.chmod(0o755)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m,mode=777", "tmpfs", folder], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"the kernel mounts nothing for us: {done.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    folder.rmdir()


def test_a_full_disk_of_the_database_is_waited_for(nursery: Nursery, disk: Path, tmp_path: Path) -> None:
    """Where the disk of the database is full, runs wait until there is room; none fails, and none runs twice what was kept."""
    with served("-c", "fsync=off", "-c", "max_wal_size=64MB", "-c", "wal_recycle=off") as server:
        address = created(server.url(), "full")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            (disk / "space").mkdir()
            shutil.chown(disk / "space", 65534, 65534)
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'space'}'")
            connection.execute('ALTER DATABASE "full" SET TABLESPACE small')
        migrate(address)
        crew = Crew(nursery, address, tmp_path)
        try:
            crew.hire(0.3)

            def fill() -> None:
                until(crew.ran)
                with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
                    while file.write(bytes(1 << 16)):
                        pass
                until(lambda: "No space left" in crew.log())
                (disk / "ballast").unlink()

            assert disturbed(crew, 200, fill) == undisturbed(200)
        finally:
            crew.dismiss()


def test_a_clock_that_is_a_day_ahead_takes_nothing_over(crew: Crew) -> None:
    """The clock of a worker is tomorrow's: it takes nobody's runs, nobody takes its own, and spans are as long as ever."""
    (crew.folder / "tomorrow.py").write_text(TOMORROW)
    crew.hire(0.1)
    crew.hire(0.1, app=str(crew.folder / "tomorrow.py"))
    runs = pipeline.kickoff(numbered(40), store=crew.store)
    assert told(runs) == undisturbed(40)
    assert set(crew.ran().values()) == {1}
    assert crew.asked("SELECT DISTINCT recovery_attempts FROM dbos.workflow_status") == [(1,)]
    assert {(span.ended - span.started).total_seconds() < 60 for run in runs for span in run.spans} == {True}
    (now,) = crew.asked("SELECT extract(epoch FROM clock_timestamp())::float8")[0]
    assert crew.asked("SELECT count(*) FROM nodes WHERE ended > %s", now + 1) == [(0,)]
    assert crew.asked("SELECT count(*) FROM runs WHERE ended > %s", now + 1) == [(0,)]


def test_sessions_that_are_idle_are_ended_and_opened_again(crew: Crew) -> None:
    """Postgres ends sessions that do nothing for half a second: workers open others, and no run is lost."""
    with psycopg.connect(crew.store, autocommit=True) as connection:
        name = crew.store.rpartition("/")[2]
        connection.execute(f'ALTER DATABASE "{name}" SET idle_session_timeout = 500')
    crew.hire(0.7)
    assert told(pipeline.kickoff(numbered(10), store=crew.store)) == undisturbed(10)
    assert set(crew.ran().values()) == {1}


def test_a_role_that_may_only_read_sees_the_status(crew: Crew) -> None:
    """A user with nothing but SELECT, a password of signs, and options in the address: `status` reads."""
    crew.hire()
    pipeline.kickoff(numbered(2), store=crew.store)
    with psycopg.connect(crew.store, autocommit=True) as connection:
        connection.execute("CREATE ROLE looker LOGIN PASSWORD 'a@b:c/d?e#f%'")
        connection.execute("GRANT USAGE ON SCHEMA crewgraph, dbos TO looker")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA crewgraph, dbos TO looker")
    login, at, place = crew.store.partition("//")[2].rpartition("@")
    address = crew.store.replace(f"{login}{at}{place}", f"looker:a%40b%3Ac%2Fd%3Fe%23f%25@{place}")
    address += "?sslmode=prefer&options=-c%20default_transaction_read_only%3Don"
    said = CliRunner().invoke(cli, ["status", address])
    assert (said.exit_code, said.stdout.split()[0]) == (0, "clustered"), said.output
    assert "a@b" not in said.output
    refused = CliRunner().invoke(cli, ["status", crew.store.replace("/db", "/nodb")])
    assert (refused.exit_code, "does not exist" in refused.output) == (2, True)


def test_options_of_an_address_count(crew: Crew) -> None:
    """What an address says of the session reaches workers and submitters, beside what they need themselves."""
    address = f"{crew.store}?options=-c%20application_name%3Dmine&connect_timeout=7"
    crew.hire(store=address)
    assert told(pipeline.kickoff(numbered(5), store=address)) == undisturbed(5)
    assert crew.asked("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'mine'") == [(True,)]
