"""Streams of results and of events: as they happen, in bounded memory, whoever stops reading."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from crewgraph.errors import InputTypeError, KickoffError, PipelineInvalid
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.trace import Event, NodeSkipped, NodeStarted, RouteTaken

pytestmark = pytest.mark.anyio


@step
async def same(n: int) -> dict[str, int]:
    return {"n": n}


@step
async def odd_fails(n: int) -> dict[str, int]:
    if n % 2:
        raise ValueError("odd")
    return {"n": n}


def numbers(count: int) -> Iterator[dict[str, int]]:
    return ({"n": n} for n in range(count))


async def test_results_come_as_they_finish() -> None:
    """The first result is there while later inputs still wait."""
    let_go = anyio.Event()

    @step
    async def first_is_slow(n: int) -> dict[str, int]:
        if n == 0:
            await let_go.wait()
        return {"n": n}

    seen = list[int]()
    async for run in Pipeline([first_is_slow]).stream(numbers(4), max_concurrency=2):
        seen.append(run.index)
        if len(seen) == 3:
            let_go.set()
    assert seen == [1, 2, 3, 0]


async def test_inputs_are_read_as_they_are_needed() -> None:
    """A stream over endless inputs reads no further than it has to."""
    read = 0

    def endless() -> Iterator[dict[str, int]]:
        nonlocal read
        while True:
            read += 1
            yield {"n": read}

    async with aclosing(Pipeline([same]).stream(endless(), max_concurrency=5)) as runs:
        async for run in runs:
            if run.index >= 20:
                break
    assert read < 60


async def test_endless_async_inputs() -> None:
    """The same holds for inputs that come from an async generator."""

    async def endless() -> AsyncIterator[dict[str, int]]:
        n = 0
        while True:
            await anyio.lowlevel.checkpoint()
            yield {"n": n}
            n += 1

    count = 0
    async with aclosing(Pipeline([same]).stream(endless(), max_concurrency=3)) as runs:
        async for _ in runs:
            count += 1
            if count == 50:
                break
    assert count == 50


@pytest.mark.many
async def test_memory_does_not_grow_with_the_inputs() -> None:
    """Thirty times the inputs leave as much behind, and need as much at the peak, within noise."""

    async def peak_of(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        async for _ in Pipeline([same, [same, same], same]).stream(numbers(count), max_concurrency=10):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    await peak_of(50)
    assert await peak_of(3000) < await peak_of(100) + 300_000


async def test_failed_runs_are_yielded_and_raised_at_the_end() -> None:
    """By default a stream yields everything, then raises what failed so that it cannot be overlooked."""
    seen = list[Any]()
    with pytest.raises(KickoffError, match="2 of 4 runs failed") as caught:
        async for run in Pipeline([odd_fails]).stream(numbers(4)):
            seen.append(run)
    assert sorted(run.index for run in seen) == [0, 1, 2, 3]
    assert [run.index for run in caught.value.result] == [1, 3]


async def test_collect_never_raises() -> None:
    """With "collect" failed runs are only yielded, rows that are no dicts included."""
    inputs: list[Any] = [{"n": 0}, {"n": 1}, "text", {}]
    runs = [run async for run in Pipeline([odd_fails]).stream(inputs, on_error="collect")]
    by_index = {run.index: run for run in runs}
    assert [by_index[index].status for index in range(4)] == ["ok", "failed", "failed", "failed"]
    assert isinstance(by_index[2].error, InputTypeError)


async def test_fail_fast_ends_the_stream() -> None:
    """The stream stops soon after the first failure and raises it."""
    seen = 0
    with pytest.raises(KickoffError):
        async for _ in Pipeline([odd_fails]).stream(numbers(10_000), on_error="fail_fast", max_concurrency=2):
            seen += 1
    assert seen < 100


async def test_an_invalid_pipeline_raises_on_the_first_step() -> None:
    """Nothing is yielded from a pipeline that cannot run."""
    with pytest.raises(PipelineInvalid):
        async for _ in Pipeline([]).stream(numbers(1)):
            pytest.fail("nothing should come")


async def test_an_input_generator_that_raises() -> None:
    """An error of the user's generator reaches the user as it is; what came before was yielded."""

    def breaks() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        raise OSError("disk gone")

    seen = list[int]()
    with pytest.raises(Exception, match="disk gone") as caught:
        async for run in Pipeline([same]).stream(breaks()):
            seen.append(run.index)
    assert isinstance(caught.value, OSError)
    assert seen == [0]


async def test_a_slow_reader_slows_the_engine() -> None:
    """Results wait for their reader; they do not pile up."""
    begun = 0

    @step
    async def count() -> None:
        nonlocal begun
        begun += 1

    async with aclosing(Pipeline([count]).stream(({} for _ in range(10_000)), max_concurrency=4)) as runs:
        async for _ in runs:
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            assert begun < 50
            if begun > 20:
                break


async def test_events_tell_the_story_in_order() -> None:
    """A run's events: begun, each node, the route taken, skipped nodes, ended."""
    pipeline = same >> Router({"zero": Route("n == 0", same)}, default=odd_fails)
    events = [event async for event in pipeline.events({"n": 0})]
    assert [(type(event).__name__, event.node) for event in events] == [
        ("RunStarted", None),
        ("NodeStarted", "same"),
        ("NodeFinished", "same"),
        ("NodeStarted", "router"),
        ("RouteTaken", "router"),
        ("NodeFinished", "router"),
        ("NodeStarted", "same#2"),
        ("NodeFinished", "same#2"),
        ("NodeSkipped", "odd_fails"),
        ("RunFinished", None),
    ]
    assert all(event.run == 0 and event.at > 0 for event in events)
    assert [event.route for event in events if isinstance(event, RouteTaken)] == ["zero"]
    assert len([event for event in events if isinstance(event, NodeSkipped)]) == 1


async def test_events_of_failures() -> None:
    """A failed node and a failed run say why; by default events do not raise."""
    names = [type(event).__name__ async for event in Pipeline([odd_fails]).events({"n": 1})]
    assert names == ["RunStarted", "NodeStarted", "NodeFailed", "RunFailed"]
    with pytest.raises(KickoffError):
        async for _ in Pipeline([odd_fails]).events({"n": 1}, on_error="raise"):
            pass


async def test_a_slow_reader_of_events_slows_the_engine() -> None:
    """Unread events are bounded whatever the number of inputs."""
    begun = 0

    def inputs() -> Iterator[dict[str, int]]:
        nonlocal begun
        for n in range(100_000):
            begun += 1
            yield {"n": n}

    async with aclosing(Pipeline([same]).events(inputs(), max_concurrency=4)) as events:
        async for _ in events:
            for _ in range(2_000):
                await anyio.lowlevel.checkpoint()
            break
    assert begun < 2_000


async def test_an_observer_sees_the_same_events() -> None:
    """``observer=`` is called with each event as it happens."""
    seen = list[Event]()
    await Pipeline([same]).kickoff_async([{"n": 1}, {"n": 2}], observer=seen.append)
    assert sorted(event.run for event in seen if isinstance(event, NodeStarted)) == [0, 1]


async def test_an_input_generator_is_closed_when_the_stream_is() -> None:
    """Leaving a stream early ends the caller's generator too, at once and not when garbage is collected."""
    closed = False

    async def endless() -> AsyncIterator[dict[str, int]]:
        nonlocal closed
        try:
            while True:
                yield {"n": 1}
        finally:
            closed = True

    async with aclosing(Pipeline([same]).stream(endless(), max_concurrency=2)) as runs:
        async for _ in runs:
            break
    assert closed


async def test_events_of_an_invalid_pipeline() -> None:
    """What keeps a kickoff from starting is raised where the events are read."""
    with pytest.raises(PipelineInvalid):
        async for _ in Pipeline([]).events({}):
            pytest.fail("nothing should come")
    assert [event async for event in Pipeline([same]).events([], on_error="raise")] == []


async def test_a_stream_keeps_only_the_first_failures() -> None:
    """Thousands of failures are counted; only the first are kept to be named."""
    with pytest.raises(KickoffError, match="25 of 50 runs failed") as caught:
        async for _ in Pipeline([odd_fails]).stream(numbers(50)):
            pass
    assert len(caught.value.failures) == 10
    assert "and 15 more failures" in str(caught.value)


async def test_events_of_many_inputs_end() -> None:
    """However many events wait for their reader, all of them come."""
    started = 0
    with anyio.fail_after(60):
        async for event in Pipeline([same]).events(numbers(2_000)):
            started += isinstance(event, NodeStarted)
    assert started == 2_000


async def test_fail_fast_yields_no_run_twice() -> None:
    """A run whose delivery is cancelled just when it was taken is not delivered again."""
    for _ in range(20):
        seen = list[int]()
        with pytest.raises(KickoffError):
            async for run in Pipeline([same, odd_fails]).stream(numbers(40), on_error="fail_fast", max_concurrency=15):
                seen.append(run.index)
        assert len(seen) == len(set(seen))


async def test_leaving_the_events_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Nodes that are at work when the reader leaves have nobody to tell, and that is no error."""

    @step
    async def waits() -> None:
        await anyio.sleep(60)

    async with aclosing(Pipeline([waits]).events([{}] * 5)) as events:
        async for event in events:
            if isinstance(event, NodeStarted):
                break
    assert caplog.text == ""


async def test_cancelled_runs_have_closing_events() -> None:
    """When everything is cancelled, each begun node and run says so."""
    begun = anyio.Event()

    @step
    async def waits_or_fails(n: int) -> None:
        if n:
            begun.set()
            await anyio.sleep(60)
        await begun.wait()
        raise ValueError("no")

    names = list[str]()
    with pytest.raises(KickoffError):
        async for event in Pipeline([waits_or_fails]).events([{"n": 0}, {"n": 1}], on_error="fail_fast"):
            names.append(f"{type(event).__name__} {event.run}")
    assert {"NodeFailed 1", "RunFailed 1", "NodeFailed 0", "RunFailed 0"} <= set(names)
