"""Several submitters at once, one that is killed, and runs that are cancelled while they are at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from crewgraph.cluster.submit import cancel_runs
from tests.cluster_app import pipeline
from tests.faults.cluster import Crew, numbered, submitted, told, undisturbed, until

pytestmark = pytest.mark.filterwarnings("ignore")
COUNTS = "SELECT count(*), count(DISTINCT id) FROM runs"
ACTIVE = "SELECT count(*) FROM dbos.workflow_status WHERE status <> 'CANCELLED'"


def test_two_submitters_with_the_same_inputs(crew: Crew) -> None:
    """Each gets all results, in whatever order it gives the inputs; every run is there once, and runs once."""
    crew.hire()
    with ThreadPoolExecutor() as threads:
        one = threads.submit(pipeline.kickoff, numbered(100), store=crew.store)
        other = threads.submit(pipeline.kickoff, numbered(100)[::-1], store=crew.store)
    assert told(one.result()) == undisturbed(100)
    assert told(other.result())[::-1] == undisturbed(100)
    assert crew.asked(COUNTS) == [(100, 100)]
    assert crew.asked(ACTIVE) == [(100,)]
    assert set(crew.ran().values()) == {1}


def test_a_submitter_that_is_killed_goes_on_where_it_was(crew: Crew) -> None:
    """Killed in the middle of 5,000 inputs and started again, it submits the rest, and nothing twice."""
    (crew.folder / "in.jsonl").write_text("".join(f'{{"n": {n}}}\n' for n in range(5_000)))
    command = [
        sys.executable, "-m", "crewgraph", "submit", "tests.cluster_app:pipeline", str(crew.folder / "in.jsonl"),
        "--store", crew.store,
    ]  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environ) as process:
        until(lambda: crew.asked(COUNTS) != [(0, 0)], process)
        process.send_signal(signal.SIGKILL)
    (before,) = {count for count, _ in crew.asked(COUNTS)}
    said = submitted(pipeline, numbered(5_000), crew.store)
    assert (said.under_way, said.new) == (before, 5_000 - before)
    assert crew.asked(COUNTS) == [(5_000, 5_000)]
    assert crew.asked(ACTIVE) == [(5_000,)]


def test_what_is_cancelled_while_it_is_written_stays_cancelled(crew: Crew) -> None:
    """A worker that commits just then has nothing to say any more; submitted again at once, the runs go on from what is kept."""
    crew.hire(0.05)
    said = submitted(pipeline, numbered(200), crew.store)
    runs = sorted(said.runs)
    for some in pairwise(range(0, 201, 20)):
        until(crew.kept)
        cancel_runs(crew.store, runs[slice(*some)])
    ended = crew.statuses()
    assert set(ended) <= {"cancelled", "ok"}
    kept, before = crew.kept(), crew.ran()
    assert told(pipeline.kickoff(numbered(200), store=crew.store)) == undisturbed(200)
    after = crew.ran()
    assert [name for name in kept if after[name] > before[name]] == []
    assert crew.statuses() == {"ok": 200}
