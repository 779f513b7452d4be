"""A process is killed while its runs wait for people and these decide: no decision is lost, nothing is asked twice."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from crewgraph.store import decide, waiting
from tests.faults.forked import Forks

RUNS = 16
TRIALS = 20

WORK = f"""
import os, sys
from crewgraph import Approval, Pipeline, Route, Router, step

ran = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(name, i):
    os.write(ran, f"{{name}} {{i}}\\n".encode())

@step
async def write(i: int) -> dict[str, str]:
    note("write", i)
    return {{"draft": f"No. {{i}}"}}

@step
async def send(i: int, draft: str, ok_by: str) -> dict[str, str]:
    note("send", i)
    return {{"end": f"sent {{draft}} by {{ok_by}}"}}

@step
async def keep(i: int, draft: str, ok_comment: str) -> dict[str, str]:
    note("keep", i)
    return {{"end": f"kept {{draft}}: {{ok_comment}}"}}

ok = Approval("ok", ask="Send {{draft}}?")
pipeline = Pipeline([write, ok, Router({{"yes": Route("ok == 'approved'", send)}}, keep)], name="killed")
print("begun", flush=True)
inputs = [{{"i": i}} for i in range({RUNS})]
for run in pipeline.kickoff(inputs, store=sys.argv[1], id_column="i", max_concurrency=16):
    print(run.status, run.to_dict().get("end"), flush=True)
"""


def kept(store: Path) -> set[str]:
    """What is durable, as the process notes it when it runs."""
    if not store.exists():
        return set()
    with closing(sqlite3.connect(store)) as connection:
        query = "SELECT node || ' ' || id FROM nodes JOIN runs USING (run) WHERE nodes.status = 'ok'"
        return {name for (name,) in connection.execute(query)}


def decided(store: Path, dice: random.Random, share: float = 0.5) -> None:
    """Decide some of what waits, while whoever runs it may be at work or dead."""
    for each in waiting(store) if store.exists() else ():
        if each.decision is None and dice.random() < share:
            is_odd = int(each.run) % 2
            decide(store, each.run, "rejected" if is_odd else "approved", by="Ann", comment="odd" if is_odd else "")


@pytest.mark.timeout(300)
def test_killed_between_asking_and_deciding(forks: Forks, tmp_path: Path) -> None:
    """Whenever it is killed, each run ends by the decision on it, and what was kept never runs again."""
    dice, kills, trial = random.Random(11), 0, 0
    expected = [f"ok kept No. {i}: odd" if i % 2 else f"ok sent No. {i} by Ann" for i in range(RUNS)]
    while kills < TRIALS:
        trial += 1
        store, ran = tmp_path / f"{trial}.sqlite", tmp_path / f"{trial}.ran"
        lines = list[str]()
        for turn in range(30):
            durable, before = kept(store), len(ran.read_text().splitlines()) if ran.exists() else 0
            with forks.started(WORK, store, ran) as process:
                process.stdout.readline()
                if turn < 5:  # killed five times at most, and then left in peace
                    time.sleep(dice.uniform(0.0, 0.1))
                    decided(store, dice)
                    time.sleep(dice.uniform(0.0, 0.05))
                    kills += process.poll() is None
                    process.kill()
                else:
                    lines = process.stdout.read().splitlines()
            assert not durable & set(ran.read_text().splitlines()[before:])
            assert kept(store) >= durable
            if lines == expected:
                break
            decided(store, dice, 0.5 if turn < 5 else 1.0)
        assert lines == expected
