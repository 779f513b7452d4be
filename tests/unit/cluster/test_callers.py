"""Whoever submits: threads, both event loops, inputs of every kind, and callers who leave before the end."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from contextlib import aclosing
from typing import Any

import anyio
import anyio.to_thread
import pytest

from crewgraph import Pipeline, step
from crewgraph.errors import KickoffInterrupted
from crewgraph.store import stored_runs
from crewgraph.testing import cluster

pytestmark = pytest.mark.filterwarnings("ignore")
RAN = Counter[int]()
GO = threading.Event()
"""Lets go what waits on the worker."""


@step
async def work(n: int, interrupts: bool = False, waits: bool = False) -> dict[str, int]:
    RAN[n] += 1
    if interrupts:
        os.kill(os.getpid(), signal.SIGINT)
    if interrupts or waits:
        await anyio.to_thread.run_sync(GO.wait, 60)
    return {"m": 2 * n}


pipeline = Pipeline([work], name="called")


@pytest.fixture(scope="module")
def store() -> Generator[str]:
    with cluster(pipeline) as address:
        yield address


@pytest.fixture(autouse=True)
def gate() -> Generator[None]:
    GO.clear()
    yield
    GO.set()


def gave(result: Iterable[Any]) -> list[int]:
    return [run.to_dict()["m"] for run in result]


def all_ended(store: str, batch: str) -> None:
    """Wait until nothing of a batch is under way."""
    while any(run.status in ("queued", "running") for run in stored_runs(store) if run.id.startswith(batch)):
        threading.Event().wait(0.05)


async def one_by_one(*numbers: int) -> AsyncIterator[dict[str, int]]:
    for n in numbers:
        await anyio.lowlevel.checkpoint()
        yield {"n": n}


def iterated(*numbers: int) -> Iterable[dict[str, int]]:
    return ({"n": n} for n in numbers)


def listed(*numbers: int) -> Iterable[dict[str, int]]:
    return [{"n": n} for n in numbers]


@pytest.mark.anyio
@pytest.mark.parametrize("given", [one_by_one, iterated, listed], ids=["async", "iterator", "list"])
async def test_inputs_of_every_kind(store: str, given: Callable[..., Any]) -> None:
    """They are submitted whatever they come from, on both event loops, and results are in their order."""
    assert gave(await pipeline.kickoff_async(given(3, 1, 2), store=store)) == [6, 2, 4]


def test_threads_side_by_side(store: str) -> None:
    """Several threads of one process submit at once, and each gets its own results."""
    got = dict[int, list[int]]()

    def submit(number: int) -> None:
        got[number] = gave(pipeline.kickoff([{"n": 100 * number + n} for n in range(5)], store=store))

    threads = [threading.Thread(target=submit, args=[number]) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {number: [200 * number + 2 * n for n in range(5)] for number in range(1, 5)}


@pytest.mark.anyio
async def test_a_kickoff_beside_others_of_its_loop(store: str) -> None:
    """The loop of the caller goes on while it waits for a cluster."""
    got = dict[int, list[int]]()

    async def submit(number: int) -> None:
        got[number] = gave(await pipeline.kickoff_async([{"n": number}], store=store, batch=f"beside {number}"))

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(submit, number)
        GO.set()
    assert got == {number: [2 * number] for number in range(4)}


@pytest.mark.anyio
async def test_a_stream_that_is_left_early(store: str, anyio_backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """Who leaves a stream waits no longer; the runs go on at the workers, which is said, and are read the next time."""
    caplog.set_level(logging.WARNING, "crewgraph.cluster")
    batch = f"left on {anyio_backend}"
    inputs = [{"n": 1}, *({"n": n, "waits": True} for n in (1_001, 1_002))]
    async with aclosing(pipeline.stream(inputs, store=store, batch=batch)) as runs:
        async for run in runs:
            assert run.index == 0
            break
    assert "2 runs go on at the workers" in caplog.text
    GO.set()
    await anyio.to_thread.run_sync(all_ended, store, batch)
    before = RAN.copy()
    assert sorted([run.index async for run in pipeline.stream(inputs, store=store, batch=batch)]) == [0, 1, 2]
    assert before == RAN


@pytest.mark.anyio
async def test_a_kickoff_that_is_cancelled(store: str, anyio_backend: str) -> None:
    """Whoever cancels a kickoff waits no longer, and its runs are not lost."""
    batch = f"cancelled on {anyio_backend}"
    inputs = [{"n": n, "waits": True} for n in (2_001, 2_002)]
    before = RAN[2_001]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: pipeline.kickoff_async(inputs, store=store, batch=batch))
        while RAN[2_001] == before:  # noqa: ASYNC110 - the worker has a loop of its own
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    GO.set()
    assert gave(await pipeline.kickoff_async(inputs, store=store, batch=batch)) == [4_002, 4_004]
    assert RAN[2_001] == before + 1


def test_ctrl_c_while_it_waits(store: str, caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C ends the waiting and not the runs; the same line again waits for them, and no node runs twice."""
    caplog.set_level(logging.WARNING, "crewgraph.cluster")
    inputs = [{"n": 3_001}, {"n": 3_002, "interrupts": True}]
    with pytest.raises(KickoffInterrupted) as caught:
        pipeline.kickoff(inputs, store=store)
    assert {run.index for run in caught.value.result} <= {0}
    assert "go on at the workers; the same kickoff again waits for them" in caplog.text
    GO.set()
    assert gave(pipeline.kickoff(inputs, store=store)) == [6_002, 6_004]
    assert (RAN[3_001], RAN[3_002]) == (1, 1)
