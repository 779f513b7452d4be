"""A process that goes on with the runs of a store is killed in turn: what was kept is never run again."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.forked import Forks
from tests.faults.test_killed import RUNS, WORK, durable, noted

TRIALS = 4

AGAIN = f"""{WORK.partition("result = ")[0]}
result = pipeline.resume(store=sys.argv[1], max_concurrency=64)
print(len(result), result.status)
"""


@pytest.mark.timeout(300)
def test_killed_while_it_resumes(forks: Forks, tmp_path: Path) -> None:
    """After several kills all runs that had begun end, without their inputs, and the rest of the kickoff finds them."""
    with forks.started(WORK, "", tmp_path / "undisturbed") as process:
        undisturbed, _ = process.communicate()
    dice = random.Random(11)
    for trial in range(TRIALS):
        store, ran = tmp_path / f"{trial}.sqlite", tmp_path / f"{trial}.ran"
        with forks.started(WORK, store, ran) as process:
            process.stdout.readline()
            while not durable(store):
                time.sleep(0.001)
            time.sleep(dice.uniform(0.0, 0.05))
            process.kill()
        for is_killed in (True, True, False):
            kept, before = durable(store), len(noted(ran))
            with forks.started(AGAIN, store, ran) as process:
                process.stdout.readline()
                if is_killed:
                    time.sleep(dice.uniform(0.0, 0.1))
                    process.kill()
                told = process.stdout.read()
            assert durable(store) >= kept
            assert not kept & set(noted(ran)[before:])
        assert told.endswith(" ok\n")
        kept, before = durable(store), len(noted(ran))
        with forks.started(WORK, store, ran) as process:
            told, _ = process.communicate()
        assert told == undisturbed
        assert not kept & set(noted(ran)[before:])
        assert len(durable(store)) == 4 * RUNS
