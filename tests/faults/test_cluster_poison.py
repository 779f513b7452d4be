"""Runs that kill each worker that takes them, beside others that do nothing wrong."""

from __future__ import annotations

import threading

import pytest

from crewgraph import KickoffError
from tests.faults.cluster import Crew, is_alive, meanwhile, numbered

pytestmark = pytest.mark.filterwarnings("ignore")

APP = """
import asyncio, os, signal
from crewgraph import Pipeline, step
from tests.cluster_app import _note

@step
async def first(n: int) -> dict[str, int]:
    return {"one": n + 1}

@step
async def deadly(one: int) -> dict[str, int]:
    _note(f"deadly {one - 1}")
    await asyncio.sleep(0.2 if one != 4 else 0.0)  # others are still at work when it kills
    if one == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"two": one + 1}

pipeline = Pipeline([first, deadly], name="poisoned")
"""


def test_a_run_that_kills_its_workers_is_failed(crew: Crew) -> None:
    """After five workers it is failed and says so; the runs beside it end well, however often they died with it."""
    pipeline = crew.learn(APP)
    crew.said["dead_after"] = 1.0
    is_over, hired = threading.Event(), list[int]()

    def supervise() -> None:
        while not is_over.wait(0.05):
            if not hired or not is_alive(hired[-1]):
                hired.append(crew.hire())

    with meanwhile(supervise):
        try:
            with pytest.raises(KickoffError, match="begun 5 times, and each time its worker died") as caught:
                pipeline.kickoff(numbered(12), store=crew.store)
        finally:
            is_over.set()
    assert [str(run.status) for run in caught.value.result] == ["failed" if n == 3 else "ok" for n in range(12)]
    assert crew.ran()["deadly 3"] == 5
    assert len(hired) >= 6
