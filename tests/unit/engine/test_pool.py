"""Workers walk many runs, one after the other; what happens to one node must not reach the next."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from crewgraph import Agent, Crew, Pipeline, Policy, Step, Task, step
from crewgraph.store.journal import FileJournal
from crewgraph.testing import ScriptedLLM
from crewgraph.trace import Event, RunFailed, RunFinished

pytestmark = pytest.mark.anyio


@step
async def pause(n: int) -> dict[str, int]:
    await anyio.lowlevel.checkpoint()
    return {"paused": n}


@step
async def fail_if_odd(n: int) -> dict[str, int]:
    await anyio.lowlevel.checkpoint()
    if n % 2:
        raise ValueError(n)
    return {"even": n}


@step
async def wait_if_odd(n: int) -> dict[str, int]:
    await (anyio.sleep_forever() if n % 2 else anyio.lowlevel.checkpoint())
    return {"waited": n}


@step
async def after(waited: int) -> dict[str, int]:
    await anyio.lowlevel.checkpoint()
    return {"after": waited}


@pytest.mark.parametrize("at_once", [2, 3, 100])
async def test_a_worker_whose_node_was_stopped_goes_on_with_other_runs(at_once: int) -> None:
    """Every second run fails beside a node that waits for ever; the others end well."""
    pipeline = Pipeline([pause, [fail_if_odd, wait_if_odd], after])
    result = await pipeline.kickoff_async([{"n": n} for n in range(20)], max_concurrency=at_once, on_error="collect")
    assert [run.status for run in result] == ["ok", "failed"] * 10
    stopped = {span.status for run in result[1::2] for span in run.spans if span.node == "wait_if_odd"}
    assert stopped <= {"cancelled", "skipped"}


@pytest.mark.virtual_time
async def test_a_worker_whose_run_was_out_of_time_goes_on_with_other_runs() -> None:
    """The time of a run counts for that run only."""
    pipeline = Pipeline([pause, wait_if_odd, after], policy=Policy(run_timeout=0.2))
    result = await pipeline.kickoff_async([{"n": n} for n in range(6)], max_concurrency=1, on_error="collect")
    assert [run.status for run in result] == ["ok", "failed"] * 3


@pytest.mark.parametrize("turns", range(5))
async def test_time_that_is_up_when_the_last_node_is_on_disk(turns: int, tmp_path: Path, monkeypatch: Any) -> None:
    """The run is delivered once, whoever notices first."""
    written, seen = FileJournal.durable, list[Event]()

    async def late(journal: FileJournal) -> None:
        await written(journal)
        time.sleep(0.3)  # noqa: ASYNC251 - nobody else has a turn until the time is up
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(FileJournal, "durable", late)
    pipeline = Pipeline([pause], name="late", policy=Policy(run_timeout=0.2))
    result = await pipeline.kickoff_async(
        [{"n": 0}], store=tmp_path / "runs.sqlite", on_error="collect", observer=seen.append
    )
    assert len(result) == 1
    assert sum(isinstance(event, RunFinished | RunFailed) for event in seen) == 1


@pytest.mark.parametrize("steps", [1, 200], ids=["runs", "chains"])
async def test_steps_that_never_wait_let_others_run(steps: int) -> None:
    """However long a chain of them is, and however many runs there are."""
    seen, ran = list[int](), list[int]()

    def work(n: int) -> dict[str, int]:
        ran.append(n)
        return {"n": n}

    async def look() -> None:
        while len(ran) < 400:
            seen.append(len(ran))
            await anyio.lowlevel.checkpoint()

    pipeline = Pipeline([Step(work, name=f"s{number}", inline=True) for number in range(steps)])
    async with anyio.create_task_group() as others:
        others.start_soon(look)
        await pipeline.kickoff_async([{"n": n} for n in range(400 // steps)], max_concurrency=1)
    assert all(late - early < 200 for early, late in pairwise(seen))  # in trio either may come twice in a row


@pytest.mark.parametrize("at_once", [1, 2, 50])
async def test_workers_that_rest_are_roused_by_inputs_that_come_late(at_once: int) -> None:
    """Between inputs that come one by one there may be nothing to do."""

    async def slowly() -> AsyncIterator[dict[str, int]]:
        for n in range(5):
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            yield {"n": 2 * n}

    pipeline = Pipeline([pause, [fail_if_odd, wait_if_odd], after])
    result = await pipeline.kickoff_async(slowly(), max_concurrency=at_once)
    assert sorted(run.to_dict()["after"] for run in result) == [0, 2, 4, 6, 8]


async def test_a_step_is_charged_for_the_crew_that_it_calls() -> None:
    """What surrounds a step is made when its crew asks for it, and so is its account."""

    @step
    async def ask() -> Any:
        crew = Crew(agents=[Agent(role="Clerk", llm=ScriptedLLM("a", "b"))], tasks=[Task(description="x")])
        first = await crew.kickoff_async()
        return [first.raw, (await crew.kickoff_async()).raw]

    (run,) = await Pipeline([ask]).kickoff_async({})
    assert run.to_dict() == {"ask": ["a", "b"]}
    assert len(run.spans[0].calls) == 2
    assert run.usage == run.token_usage["ask"] != {}
