"""Workers die and the database goes away while runs wait for people: nothing is asked twice, and no decision is lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crewgraph.errors import StoreError
from crewgraph.store import decide, waiting
from tests.faults.cluster import Crew, meanwhile, until
from tests.faults.letters_app import pipeline
from tests.postgres import Server

pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]
APP = str(Path(__file__).with_name("letters_app.py"))
RUNS, KILLS = 60, 8


def said_to(number: int) -> dict[str, Any]:
    """What is decided of a run, always the same."""
    return {"by": "Ann", "comment": "odd" if number % 2 else ""}


def persistent(store: str, run: str) -> None:
    """Decide as somebody does who tries again until it is there; twice the same is one."""
    decision: Any = "rejected" if int(run) % 2 else "approved"
    while True:
        try:
            decide(store, run, decision, key="letters", **said_to(int(run)))
        except StoreError as error:
            if "does not wait for anybody" in str(error):  # the reply was lost, and a worker has gone on
                return
            time.sleep(0.05)
        else:
            return


def inputs() -> list[dict[str, int]]:
    return [{"n": n} for n in range(RUNS)]


EXPECTED = [f"kept No. {n}: odd" if n % 2 else f"sent No. {n} by Ann" for n in range(RUNS)]
EACH_ONCE = {f"{name} {n}": 1 for n in range(RUNS) for name in ("write", "beside", "keep" if n % 2 else "send")}


def ended(crew: Crew) -> bool:
    """Whether all runs have ended well."""
    statuses = crew.statuses()
    assert "failed" not in statuses, crew.log()
    return statuses == {"ok": RUNS}


def outcome(crew: Crew) -> list[str]:
    """What the runs gave, for whoever kicks off once more."""
    return [run.to_dict()["end"] for run in pipeline.kickoff(inputs(), store=crew.store, id_column="n")]


def questions(crew: Crew) -> Counter[int]:
    """How many questions each run has asked, those that are answered included."""
    return Counter(run for (run,) in crew.asked("SELECT run FROM nodes WHERE node = 'ok'"))


def test_workers_die_while_they_park_runs(crew: Crew) -> None:
    """Whenever they are killed, each run asks once and ends by its decision, though nobody kicks off a second time."""
    dice, durable = random.Random(5), list[tuple[Counter[str], set[str]]]()
    crew.said["attempts"] = KILLS  # where it is slow the dice may hit one run five times, which is no fault of it

    def disturb() -> None:
        at_work = [crew.hire(app=APP), crew.hire(app=APP)]
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.0, 0.25))
            for worker in at_work:
                os.kill(worker, signal.SIGSTOP)  # nothing runs between the two looks
            durable.append((crew.ran(), crew.kept()))
            os.kill(at_work.pop(dice.randrange(2)), signal.SIGKILL)
            os.kill(at_work[0], signal.SIGCONT)
            at_work.append(crew.hire(app=APP))
            for each in waiting(crew.store):
                if each.decision is None and dice.random() < 0.3:
                    persistent(crew.store, each.run)

    with meanwhile(disturb):
        first = pipeline.kickoff(inputs(), store=crew.store, id_column="n")
        assert {run.status for run in first} <= {"waiting", "ok"}
    for each in waiting(crew.store):
        persistent(crew.store, each.run)
    until(lambda: ended(crew), told=lambda: (crew.statuses(), crew.log()))
    after = crew.ran()
    assert [name for before, kept in durable for name in kept if after[name] > before[name]] == []
    assert set(questions(crew).values()) == {1}
    assert outcome(crew) == EXPECTED


def test_the_database_goes_away_while_people_decide(crew: Crew, postgres: Server) -> None:
    """Decisions that were told as made are made; whoever was told of an error decides once more, and it is one."""
    crew.hire(app=APP)
    result = pipeline.kickoff(inputs(), store=crew.store, id_column="n")
    assert {run.status for run in result} == {"waiting"}

    def restart() -> None:
        for mode in ("immediate", "fast"):
            time.sleep(0.1)
            postgres.stop(mode)
            postgres.start()

    with meanwhile(restart):
        for n in range(RUNS):
            persistent(crew.store, str(n))
    until(lambda: ended(crew), told=lambda: (crew.statuses(), crew.log()))
    assert dict(crew.ran()) == EACH_ONCE
    assert set(questions(crew).values()) == {1}
    assert outcome(crew) == EXPECTED
