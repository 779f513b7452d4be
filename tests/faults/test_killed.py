"""A process with a store is killed at random moments: no run is lost, nothing that was kept runs again."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crewgraph.report import stored_results
from tests.faults.forked import Forks

RUNS = 500
TRIALS = 20

WORK = f"""
import os, sys, time
from crewgraph import Pipeline, Route, Router, step

ran = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(name, i):
    os.write(ran, f"{{name}} {{i}}\\n".encode())

@step
async def a(i: int) -> dict[str, int]:
    note("a", i)
    return {{"a": i + 1}}

@step
async def b(i: int, a: int) -> dict[str, int]:
    note("b", i)
    return {{"b": a * 2}}

@step
async def c(i: int, a: int) -> dict[str, int]:
    note("c", i)
    return {{"c": a * 3}}

@step
async def odd(i: int, b: int, c: int) -> dict[str, str]:
    note("odd", i)
    return {{"end": f"odd {{b}} {{c}}"}}

@step
async def even(i: int, b: int, c: int) -> dict[str, str]:
    note("even", i)
    return {{"end": f"even {{b}} {{c}}"}}

pipeline = Pipeline([a, [b, c], Router({{"odd": Route("i % 2 == 1", odd)}}, even)], name="killed")
store = {{"store": sys.argv[1]}} if sys.argv[1] else {{}}
print("begun", flush=True)
result = pipeline.kickoff([{{"i": i}} for i in range({RUNS})], max_concurrency=64, **store)
for run in result:
    print(run.trace, run.to_dict(), {{name: dict(usage) for name, usage in run.token_usage.items()}})
"""


def durable(store: Path) -> set[str]:
    """What is kept, as the process notes it when it runs."""
    if not store.exists():
        return set()
    with closing(sqlite3.connect(store)) as connection:
        query = """SELECT node || ' ' || json_extract(input, '$.i') FROM nodes JOIN runs USING (run)
                   WHERE nodes.status = 'ok' AND node <> 'router'"""
        return {name for (name,) in connection.execute(query)}


def printed(run: Any) -> str:
    """A result as the process prints it."""
    usages = {name: dict(usage) for name, usage in run.token_usage.items()}
    return f"{run.trace} {run.to_dict()} {usages}"


def looked_at(store: Path) -> set[str]:
    """What results out of the store tell of nodes that have run; runs that were cut off are cancelled."""
    if not store.exists():
        return set()
    results = list(stored_results(store))
    assert {run.status for run in results} <= {"ok", "cancelled"}
    every = [(span, run.trace[0]["i"]) for run in results for span in run.spans]
    return {f"{span.node} {i}" for span, i in every if span.status == "ok" and span.kind == "step"}


def noted(ran: Path) -> list[str]:
    return ran.read_text().splitlines() if ran.exists() else []


@pytest.mark.timeout(300)
def test_killed_at_random_moments(forks: Forks, tmp_path: Path) -> None:
    """After each of many kills what is kept was run, and is never run again; the end is as if nothing had happened."""
    with forks.started(WORK, "", tmp_path / "undisturbed") as process:
        undisturbed, _ = process.communicate()
    lines = undisturbed.splitlines()
    assert len(lines) == RUNS + 1
    dice, kills, trial = random.Random(7), 0, 0
    while kills < TRIALS:
        trial += 1
        store, ran = tmp_path / f"{trial}.sqlite", tmp_path / f"{trial}.ran"
        for _ in range(3):  # killed three times at most, and then left in peace
            kept, before = durable(store), len(noted(ran))
            with forks.started(WORK, store, ran) as process:
                process.stdout.readline()
                time.sleep(dice.uniform(0.0, 0.4))
                kills += process.poll() is None
                process.kill()
            assert durable(store) >= kept
            assert looked_at(store) == durable(store)
            assert not kept & set(noted(ran)[before:])
        kept, before = durable(store), len(noted(ran))
        with forks.started(WORK, store, ran) as process:
            resumed, _ = process.communicate()
        assert resumed == undisturbed
        assert not kept & set(noted(ran)[before:])
        assert len(durable(store)) == 4 * RUNS
        assert [printed(run) for run in stored_results(store)] == lines[1:]
