"""Runs that are taken away from a worker while their nodes are at work."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator

import anyio
import anyio.to_thread
import pytest

from crewgraph import KickoffError, Pipeline, step
from crewgraph.cluster.submit import cancel_runs
from crewgraph.store import stored_runs
from crewgraph.testing import cluster

pytestmark = pytest.mark.filterwarnings("ignore")
BEGUN, STOPPED = threading.Semaphore(0), threading.Semaphore(0)


@step
async def work(n: int) -> dict[str, int]:
    if n == 1:
        return {"m": n}
    if n == 2:
        await anyio.to_thread.run_sync(BEGUN.acquire)
        raise ValueError("no")
    BEGUN.release()
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        STOPPED.release()
        raise
    return {}


@step
async def leaves(how: str) -> dict[str, str]:
    raise {"exit": SystemExit(3), "ctrl-c": KeyboardInterrupt()}.get(how) or ValueError(how)


@step
def leaves_in_a_thread(how: str) -> dict[str, str]:
    sys.exit(how)


pipeline = Pipeline([work], name="at work")
leaving = Pipeline([leaves], name="leaving")
leaving_in_a_thread = Pipeline([leaves_in_a_thread], name="leaving in a thread")


@pytest.fixture(scope="module")
def store() -> Generator[str]:
    with cluster(pipeline, leaving, leaving_in_a_thread) as address:
        yield address


def test_a_cancelled_run_stops_at_work(store: str) -> None:
    """A node that would never end is stopped when its run is cancelled, and the kickoff tells that it was cancelled."""

    def cancel() -> None:
        BEGUN.acquire()
        cancel_runs(store, [run.number for run in stored_runs(store) if run.inputs == {"n": 3}])

    thread = threading.Thread(target=cancel)
    thread.start()
    (run,) = pipeline.kickoff([{"n": 3}], store=store, on_error="collect")
    thread.join()
    assert str(run.status) == "cancelled"
    assert STOPPED.acquire(timeout=60)
    assert pipeline.kickoff([{"n": 1}], store=store)[0].ok


def test_fail_fast_stops_what_is_at_work(store: str) -> None:
    """The first failure stops the nodes of the others too."""
    with pytest.raises(KickoffError) as caught:
        pipeline.kickoff([{"n": 4}, {"n": 2}], store=store, on_error="fail_fast")
    assert [str(run.status) for run in caught.value.result] == ["cancelled", "failed"]
    assert STOPPED.acquire(timeout=60)


@pytest.mark.parametrize(
    ("left", "how", "said"),
    [
        (leaving, "exit", "SystemExit: 3"),
        (leaving, "ctrl-c", "KeyboardInterrupt"),
        (leaving_in_a_thread, "thread", "SystemExit: thread"),
    ],
    ids=["exit", "ctrl-c", "thread"],
)
def test_a_node_that_ends_the_process_fails_its_run(store: str, left: Pipeline, how: str, said: str) -> None:
    """The worker goes on, and whoever submitted is told what the node did."""
    (run,) = left.kickoff([{"how": how}], store=store, on_error="collect")
    assert str(run.status) == "failed"
    assert f"a node ended the process: {said}" in str(run.error)
    assert pipeline.kickoff([{"n": 1}], store=store, batch=how)[0].ok
