"""The ways to start a kickoff, and how many at a time."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from crewgraph.errors import KickoffInterrupted
from crewgraph.outputs import PipelineKickoffResult
from crewgraph.step import step
from crewgraph.syntax import Pipeline


@step
async def double(n: int) -> dict[str, int]:
    return {"n": n * 2}


@step(name="sleep")
async def nap(seconds: float) -> None:
    await anyio.sleep(seconds)


def test_kickoff_in_a_script_runs_now() -> None:
    """Without an event loop the call returns the result."""
    result = Pipeline([double]).kickoff({"n": 1})
    assert isinstance(result, PipelineKickoffResult)
    assert [run.to_dict() for run in result] == [{"n": 2}]


def test_the_result_can_be_awaited_and_given_to_asyncio_run() -> None:
    """What a script gets back answers with itself, however often it is awaited."""
    result = Pipeline([double]).kickoff([{"n": 1}, {"n": 2}])
    assert asyncio.run(result) is result

    async def main() -> Any:
        return await result, await asyncio.gather(result, result)

    assert asyncio.run(main()) == (result, [result, result])


@pytest.mark.anyio
async def test_kickoff_in_a_loop_must_be_awaited() -> None:
    """In a running event loop the call returns an awaitable whose repr says so."""
    pending = Pipeline([double]).kickoff({"n": 1})
    assert "await pipeline.kickoff(…)" in repr(pending)
    assert "not started" in repr(pending)
    (run,) = await pending
    assert run.to_dict() == {"n": 2}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_a_pending_kickoff_can_become_a_task() -> None:
    """asyncio takes it wherever it takes a coroutine."""
    pipeline = Pipeline([double])
    first = asyncio.create_task(pipeline.kickoff({"n": 1}))
    (second,) = await asyncio.gather(pipeline.kickoff({"n": 2}))
    assert [run.to_dict() for run in (*await first, *second)] == [{"n": 2}, {"n": 4}]


@pytest.mark.anyio
async def test_a_forgotten_await_is_warned_about() -> None:
    """Like a coroutine, a kickoff that nobody awaits says so."""
    with pytest.warns(RuntimeWarning, match="was never awaited"):
        Pipeline([double]).kickoff({"n": 1})
        gc.collect()


@pytest.mark.anyio
async def test_process_runs_is_another_name() -> None:
    """The ancestor's name does the same."""
    result = await Pipeline([double]).process_runs([{"n": 3}])
    assert result.run_results[0].to_dict() == {"n": 6}


class Queue:
    """An async iterable that is no generator, as a message queue's client may be."""

    def __init__(self) -> None:
        self.left = [{"n": 2}, {"n": 1}, {"n": 0}]

    def __aiter__(self) -> Queue:
        return self

    async def __anext__(self) -> dict[str, int]:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()


@pytest.mark.anyio
async def test_inputs_of_all_kinds() -> None:
    """A dict, a list, a generator and an async generator are all inputs; nothing gives nothing."""

    def several() -> Iterator[dict[str, int]]:
        yield from ({"n": n} for n in range(3))

    async def slowly() -> AsyncIterator[dict[str, int]]:
        for n in range(3):
            await anyio.lowlevel.checkpoint()
            yield {"n": n}

    pipeline = Pipeline([double, double])
    for inputs in ([{"n": 0}, {"n": 1}, {"n": 2}], several(), slowly(), Queue()):
        result = await pipeline.kickoff_async(inputs, max_concurrency=2)
        assert [run.to_dict() for run in result] == [{"n": 0}, {"n": 4}, {"n": 8}]
    assert len(await pipeline.kickoff_async({"n": 1})) == 1
    assert list(await pipeline.kickoff_async([])) == []


@pytest.mark.anyio
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_no_more_nodes_at_work_than_allowed(limit: int) -> None:
    """``max_concurrency`` holds over all inputs and branches."""
    at_work, most = 0, 0

    @step
    async def busy() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        at_work -= 1

    pipeline = Pipeline([busy, [busy, busy, busy, busy], busy])
    assert len(await pipeline.kickoff_async([{}] * 20, max_concurrency=limit)) == 20
    assert most <= limit
    assert most >= min(limit, 20)


@pytest.mark.anyio
async def test_there_are_no_barriers() -> None:
    """Side by side ``a1 >> a2`` and ``b1 >> b2``: a2 may end before b1, which a barrier would wait for."""
    a2_is_done = anyio.Event()
    order = list[str]()

    def noting(name: str) -> Any:
        @step(name=name)
        async def note() -> None:
            if name == "b1":
                await a2_is_done.wait()
            order.append(name)
            if name == "a2":
                a2_is_done.set()

        return note

    pipeline = Pipeline([[noting("a1") >> noting("a2"), noting("b1") >> noting("b2")], noting("join")])
    with anyio.fail_after(60):
        await pipeline.kickoff_async({})
    assert order == ["a1", "a2", "b1", "b2", "join"]


@pytest.mark.virtual_time
@pytest.mark.anyio
async def test_a_thousand_waiting_runs_share_their_time() -> None:
    """Runs that only wait do so at once: a thousand times 50 ms end long before one after the other would."""
    began = anyio.current_time()
    result = await Pipeline([nap]).kickoff_async([{"seconds": 0.05}] * 1000, max_concurrency=1000)
    assert len(result) == 1000
    assert anyio.current_time() - began < 1


@pytest.mark.virtual_time
@pytest.mark.anyio
async def test_cancelling_a_kickoff_is_prompt_and_leaves_nothing_behind() -> None:
    """A cancelled kickoff ends at once, and its nodes with it."""
    with anyio.move_on_after(0.05) as scope:
        await Pipeline([nap]).kickoff_async([{"seconds": 60}] * 50)
    assert scope.cancelled_caught


SCRIPT = """
    import sys
    from crewgraph import Pipeline, step
    from crewgraph.errors import KickoffInterrupted
    import anyio

    @step
    async def work(n):
        if n > 2:
            print("waiting", flush=True)
            await anyio.sleep(60)
        return {"n": n}

    try:
        Pipeline([work]).kickoff([{"n": n} for n in range(5)])
    except KeyboardInterrupt as stop:
        assert isinstance(stop, KickoffInterrupted)
        assert stop.usage == stop.result.usage
        print("kept", [run.to_dict()["n"] for run in stop.result if run.ok], len(stop.result), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_ctrl_c_keeps_what_finished(tmp_path: Path) -> None:
    """Ctrl-C ends a synchronous kickoff promptly; the finished runs are in the exception."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=100)
    assert "kept [0, 1, 2] 5" in rest
    assert issubclass(KickoffInterrupted, KeyboardInterrupt)


def test_a_kickoff_in_a_thread_of_a_kickoff() -> None:
    """A worker thread that carries the context of a running kickoff may start one of its own."""

    @step
    async def elsewhere(n: int) -> int:
        result = await asyncio.to_thread(Pipeline([double]).kickoff, {"n": n})
        return int(result[0].to_dict()["n"])

    (run,) = Pipeline([elsewhere]).kickoff({"n": 2})
    assert run.to_dict() == {"elsewhere": 4}
