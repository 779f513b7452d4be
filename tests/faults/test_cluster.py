"""A cluster whose workers are killed, and whose database goes away."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import pytest

from tests.faults.cluster import Crew, disturbed, undisturbed, until
from tests.postgres import Server

pytestmark = pytest.mark.filterwarnings("ignore")
KILLS = 20


def test_killed_workers_lose_nothing(crew: Crew) -> None:
    """Workers are killed twenty times at random: no run is lost, what was durable is not run again, results are the same."""
    dice, looks = random.Random(6), list[tuple[Counter[str], set[str]]]()

    crew.said["attempts"] = KILLS  # where it is slow the dice may hit one run five times, which is no fault of it

    def kill() -> None:
        at_work = [crew.hire(), crew.hire()]
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.0, 0.3))
            for worker in at_work:
                os.kill(worker, signal.SIGSTOP)  # nothing runs between the two looks
            looks.append((crew.ran(), crew.kept()))
            os.kill(at_work.pop(dice.randrange(2)), signal.SIGKILL)
            os.kill(at_work[0], signal.SIGCONT)
            at_work.append(crew.hire())

    result = disturbed(crew, 500, kill)
    after = crew.ran()
    assert [name for before, kept in looks for name in kept if after[name] > before[name]] == []
    assert result == undisturbed(500)
    assert len(looks) == KILLS


def test_a_database_that_stops_at_once_is_waited_for(postgres: Server, crew: Crew) -> None:
    """Postgres is stopped without warning and started again: submitter and worker go on by themselves."""
    crew.hire(0.1)

    def restart() -> None:
        until(crew.ran)
        postgres.stop("immediate")
        time.sleep(1.0)
        postgres.start()

    assert disturbed(crew, 30, restart) == undisturbed(30)


def test_branches_may_end_in_any_order_when_they_are_continued(crew: Crew) -> None:
    """A worker dies while `last` runs, in each of twenty runs; where `slow` is read before `fast` nothing is swapped."""
    victim = crew.hire(0.4)

    def kill() -> None:
        until(lambda: sum(name.startswith("slow") for name in crew.kept()) == 20)
        os.kill(victim, signal.SIGKILL)
        crew.hire()

    result = disturbed(crew, 20, kill)
    ran = crew.ran()
    assert result == undisturbed(20)
    assert {ran[f"{node} {n}"] for node in ("first", "slow", "fast") for n in range(20)} == {1}
