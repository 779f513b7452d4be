"""One call for synchronous and asynchronous code."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from types import ModuleType

import anyio
import pytest

from crewgraph.bridge import Awaited, Pending, in_event_loop, run_or_pend


async def seven() -> int:
    await anyio.lowlevel.checkpoint()
    return 7


def pending_seven() -> Pending[int]:
    return Pending(seven, "pipeline.kickoff(…)")


class Result(Awaited):
    """A finished value."""


# ---- where are we? ---------------------------------------------------------------------------------------------


def test_a_script_has_no_event_loop() -> None:
    """Plain code is outside of every loop."""
    assert in_event_loop() is False


def test_without_any_loop_imported_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that imported neither asyncio nor trio runs neither; asking imports neither."""
    monkeypatch.setitem(sys.modules, "trio", None)
    monkeypatch.setitem(sys.modules, "asyncio", None)
    assert in_event_loop() is False


@pytest.mark.anyio
async def test_async_code_is_in_a_loop() -> None:
    """Both event loops are recognised."""
    assert in_event_loop() is True


@pytest.mark.anyio
async def test_a_worker_thread_is_not_in_the_loop() -> None:
    """What runs in a thread beside the loop is a script of its own."""
    assert await anyio.to_thread.run_sync(in_event_loop) is False


# ---- run now or later ------------------------------------------------------------------------------------------


def test_a_script_gets_the_result() -> None:
    """Outside of a loop the work is done when the call returns."""
    assert run_or_pend(seven, "x") == 7


def test_a_thread_beside_a_loop_gets_the_result() -> None:
    """A thread without a loop runs the work, whatever the main thread does."""
    got = list[object]()
    thread = threading.Thread(target=lambda: got.append(run_or_pend(seven, "x")))
    thread.start()
    thread.join()
    assert got == [7]


@pytest.mark.anyio
async def test_async_code_gets_something_to_await() -> None:
    """Inside a loop nothing has run yet; awaiting runs it."""
    pending = run_or_pend(seven, "x")
    assert isinstance(pending, Pending)
    assert await pending == 7


def test_an_error_of_the_work_reaches_the_script() -> None:
    """What the work raises is raised by the call."""

    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        run_or_pend(fail, "x")


# ---- pending ---------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_pending_kickoff_says_that_it_must_be_awaited() -> None:
    """Its repr, which a notebook shows, names the mistake and the way out."""
    pending = pending_seven()
    assert repr(pending) == (
        "<pipeline.kickoff(…): not started; an event loop is running here, so write `await pipeline.kickoff(…)`>"
    )
    assert "result = await pipeline.kickoff(…)" in pending._repr_html_()
    assert "not started" in pending._repr_html_()
    await pending
    assert repr(pending) == "<pipeline.kickoff(…): finished; awaited again, it answers the same again>"
    assert "finished" in pending._repr_html_()


@pytest.mark.anyio
async def test_a_kickoff_that_is_under_way_says_so() -> None:
    """Whoever looks meanwhile is told to await it, too."""
    seen = list[str]()

    async def look() -> None:
        seen.extend((repr(pending), pending._repr_html_()))

    pending = Pending(look, "x<y")
    await pending
    assert seen[0] == "<x<y: started; an event loop is running here, so write `await x<y`>"
    assert "<code>result = await x&lt;y</code>" in seen[1]


def test_a_pending_kickoff_that_nobody_awaits_is_warned_about() -> None:
    """A forgotten await is as loud as with a coroutine."""
    pending = pending_seven()
    with pytest.warns(RuntimeWarning, match=r"`pipeline\.kickoff\(…\)` was never awaited"):
        del pending
        gc.collect()


def test_a_pending_kickoff_that_is_closed_is_not_warned_about() -> None:
    """Whoever closes it has given it up on purpose."""
    pending = pending_seven()
    pending.close()
    del pending
    gc.collect()


@pytest.mark.anyio
async def test_a_pending_kickoff_can_be_awaited_again() -> None:
    """As a cell of a notebook is run again; it answers the same, and the work is done once."""
    ran = list[int]()

    async def work() -> list[int]:
        ran.append(1)
        return ran

    pending = Pending(work, "x")
    assert await pending is await pending
    assert ran == [1]


@pytest.mark.anyio
async def test_a_pending_kickoff_that_failed_fails_again() -> None:
    """With the same error."""

    async def work() -> None:
        raise LookupError("gone")

    pending, errors = Pending(work, "x"), list[LookupError]()
    for _ in range(2):
        with pytest.raises(LookupError) as caught:
            await pending
        errors.append(caught.value)
    assert errors[0] is errors[1]


@pytest.mark.anyio
async def test_a_pending_kickoff_that_was_given_up_has_no_answer() -> None:
    """As a coroutine that was closed."""
    pending = pending_seven()
    pending.close()
    with pytest.raises(RuntimeError, match="already awaited"):
        await pending


def test_a_pending_kickoff_is_a_coroutine_for_asyncio() -> None:
    """asyncio's own functions take it."""

    async def main() -> list[int]:
        first = asyncio.create_task(pending_seven())
        second = await asyncio.wait_for(pending_seven(), 10)
        return [await first, second, *await asyncio.gather(pending_seven(), pending_seven())]

    assert asyncio.run(main()) == [7, 7, 7, 7]


def test_asyncio_run_takes_a_pending_kickoff() -> None:
    """`asyncio.run` accepts it although it is no native coroutine."""
    assert asyncio.iscoroutine(pending_seven_kept := pending_seven())
    assert asyncio.run(pending_seven_kept) == 7


@pytest.mark.anyio
async def test_a_task_group_runs_a_pending_kickoff() -> None:
    """In anyio's task groups a function that awaits it runs on either loop."""
    got = list[int]()

    async def collect() -> None:
        got.append(await pending_seven())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(collect)
        tasks.start_soon(collect)
    assert got == [7, 7]


def test_a_cancelled_task_throws_into_the_work() -> None:
    """Cancelling the task that awaits it reaches the work, which may clean up."""
    cleaned = list[str]()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    async def main() -> None:
        task = asyncio.create_task(Pending(wait, "x"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cleaned == ["up"]


@pytest.mark.parametrize(
    "thrown",
    [(LookupError("gone"),), (LookupError, LookupError("gone"))],
    ids=["an exception", "a class and an exception"],
)
def test_what_is_thrown_in_reaches_the_work(thrown: tuple[object, ...]) -> None:
    """Both signatures of `throw` work."""
    caught = list[str]()

    async def wait() -> None:
        try:
            await asyncio.sleep(0)
        except LookupError as error:
            caught.append(str(error))

    pending = Pending(wait, "x")
    pending.send(None)
    with pytest.raises(StopIteration):
        pending.throw(*thrown)
    assert caught == ["gone"]


# ---- finished --------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_finished_value_can_be_awaited_often() -> None:
    """It answers with itself, every time."""
    result = Result()
    assert await result is result
    assert await result is result


def test_asyncio_run_takes_a_finished_value() -> None:
    """`asyncio.run(pipeline.kickoff(…))` works where the kickoff has run already."""
    result = Result()
    assert asyncio.iscoroutine(result)
    assert asyncio.run(result) is result  # type: ignore[arg-type]


def test_asyncio_gathers_finished_values() -> None:
    """So do gather and create_task."""
    result = Result()

    async def main() -> list[object]:
        return [*await asyncio.gather(result, asyncio.create_task(result))]  # type: ignore[arg-type]

    assert asyncio.run(main()) == [result, result]


def test_a_finished_value_is_awaitable_and_no_native_coroutine() -> None:
    """It is awaitable, and nothing warns when it never is."""
    assert inspect.isawaitable(Result())
    Result().close()


@pytest.mark.parametrize(
    "thrown",
    [(KeyError("k"),), (KeyError, KeyError("k")), (KeyError,)],
    ids=["an exception", "a class and an exception", "a class"],
)
def test_a_finished_value_raises_what_is_thrown_in(thrown: tuple[object, ...]) -> None:
    """There is no work that could handle it."""
    with pytest.raises(KeyError):
        Result().throw(*thrown)


def test_without_sniffio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has imported sniffio, nothing names an event loop, and the work runs all the same."""
    monkeypatch.delitem(sys.modules, "sniffio", raising=False)

    async def work() -> int:
        return 1

    assert run_or_pend(work, "work") == 1


@pytest.mark.parametrize("half", ["trio.lowlevel", "asyncio", "sniffio"])
def test_imported_by_another_thread_just_now(monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    """A module that another thread has begun to import has nothing in it yet; nobody runs on it either."""
    monkeypatch.setitem(sys.modules, half, ModuleType(half))
    assert not in_event_loop()


def test_runs_while_another_thread_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work runs all the same."""

    async def work() -> int:
        return 7

    monkeypatch.setitem(sys.modules, "trio.lowlevel", ModuleType("trio.lowlevel"))
    monkeypatch.setitem(sys.modules, "sniffio", ModuleType("sniffio"))
    assert run_or_pend(work, "work()") == 7
