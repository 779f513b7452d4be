"""Values that Postgres and JSON do not like, and more of them than fits."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from crewgraph import KickoffError
from crewgraph.cluster.submit import Submitted
from tests.cluster_app import pipeline as clustered
from tests.faults.cluster import Crew, numbered, submitted, until

pytestmark = pytest.mark.filterwarnings("ignore")

APP = r"""
import time
from typing import Any
from crewgraph import Pipeline, step

@step
async def give(kind: str, given: Any = None) -> dict[str, Any]:
    if kind == "error":
        raise ValueError("a NUL \0 and half of a pair \ud800")
    if kind == "deep":
        given = []
        for _ in range(100_000):
            given = [given]
    if kind == "block":
        time.sleep(0.8)
    if kind == "word":
        given = repr(given)
    if kind == "large":
        given = "x" * 5_000_000
    return {"got": given}

pipeline = Pipeline([give], name="values")
"""


def test_values_come_back_as_they_were(crew: Crew) -> None:
    """NUL and half of a surrogate pair go there and come back, in inputs and in outputs; NaN gets there."""
    pipeline = crew.learn(APP)
    crew.hire()
    given = ["a\0b", "\ud800", "\U0001f600", {"\0": ["\udfff"]}, -0.0, 2**70, ""]
    inputs = [*({"kind": "same", "given": each} for each in given), {"kind": "word", "given": math.nan}]
    assert [run.to_dict()["got"] for run in pipeline.kickoff(inputs, store=crew.store)] == [*given, "nan"]


def test_an_error_may_say_anything(crew: Crew) -> None:
    """An error whose words Postgres does not take fails its run only, in words that it takes; the worker goes on."""
    pipeline = crew.learn(APP)
    crew.hire()
    with pytest.raises(
        KickoffError, match="a NUL \N{REPLACEMENT CHARACTER} and half of a pair \N{REPLACEMENT CHARACTER}"
    ):
        pipeline.kickoff({"kind": "error"}, store=crew.store)
    assert pipeline.kickoff({"kind": "same", "given": 1}, store=crew.store)[0].ok


def test_what_is_nested_too_deeply_fails_its_run_only(crew: Crew) -> None:
    """A worker survives a value that is deeper than Python goes, and says what it was."""
    pipeline = crew.learn(APP)
    crew.hire()
    with pytest.raises(KickoffError) as caught:
        pipeline.kickoff([{"kind": "deep"}, {"kind": "same", "given": 1}], store=crew.store)
    assert [str(run.status) for run in caught.value.result] == ["failed", "ok"]
    assert pipeline.kickoff({"kind": "same", "given": 2}, store=crew.store)[0].ok


def test_large_values_at_once(crew: Crew) -> None:
    """Ten answers of 5 MB each, of runs that end together, are kept and read; each run is begun once, though all have to wait."""
    pipeline = crew.learn(APP)
    worker = crew.hire()
    runs = pipeline.kickoff([{"kind": "large", "given": n} for n in range(10)], store=crew.store)
    assert {len(run.to_dict()["got"]) for run in runs} == {5_000_000}
    assert _status(worker, "VmHWM") < 700_000
    assert crew.asked("SELECT DISTINCT recovery_attempts FROM dbos.workflow_status") == [(1,)]


def test_a_node_that_blocks_its_worker_costs_no_attempt(crew: Crew) -> None:
    """While the event loop stands still, runs that were claimed and not begun yet are not taken for lost."""
    pipeline = crew.learn(APP)
    crew.hire()
    pipeline.kickoff([{"kind": "block", "given": n} for n in range(6)], store=crew.store)
    assert crew.asked("SELECT DISTINCT recovery_attempts FROM dbos.workflow_status") == [(1,)]


def test_a_long_queue_needs_no_more_of_a_worker(crew: Crew) -> None:
    """With 10,000 runs that wait and 100 at work, its threads, connections and memory stay what they are."""
    worker = crew.hire(0.05, concurrency=100)
    before = _status(worker, "VmRSS")
    said: Submitted = submitted(clustered, numbered(10_000), crew.store)
    assert said.new == 10_000
    until(lambda: len(crew.ran()) > 1_000)
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert crew.asked("SELECT count(*) FROM dbos.workflow_status WHERE status = 'PENDING'")[0][0] <= 100
    assert crew.asked(query)[0][0] <= 16
    assert len(list(Path(f"/proc/{worker}/task").iterdir())) <= 60
    assert _status(worker, "VmRSS") < before + 150_000


def _status(process: int, name: str) -> int:
    """What Linux tells of a process, in kB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
