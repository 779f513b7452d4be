"""Failures: of a node, of a condition, of the inputs, and what is kept of the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import (
    ConditionError,
    InputError,
    InputTypeError,
    KickoffError,
    KickoffInterrupted,
    ModelUnavailable,
    NodeError,
    PipelineInvalid,
)
from crewgraph.llm import OfflineLLM, Request
from crewgraph.node import Interface, Need
from crewgraph.outputs import CrewOutput, RunStatus, UsageMetrics
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline, Stage

pytestmark = pytest.mark.anyio


@step
async def double(n: float) -> dict[str, Any]:
    return {"n": n * 2}


@step
async def odd_fails(n: int) -> dict[str, Any]:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return {"even": n}


@step
async def last(even: int) -> dict[str, Any]:
    return {"last": even}


class Forever(Stage):
    """A crew that never answers, and notes that it was cancelled."""

    name = "forever"

    def __init__(self) -> None:
        self.started = anyio.Event()
        self.cancelled = 0

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        self.started.set()
        try:
            await anyio.sleep(math.inf)
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        return CrewOutput()


async def test_the_others_finish_and_one_error_holds_everything() -> None:
    """By default all runs finish; then one error is raised that names the failures and carries the result."""
    with pytest.raises(KickoffError) as caught:
        await (odd_fails >> last).kickoff_async([{"n": n} for n in range(5)])
    error = caught.value
    assert str(error).splitlines() == [
        "2 of 5 runs failed",
        "input 1: 'odd_fails' failed: ValueError: 1 is odd",
        "input 3: 'odd_fails' failed: ValueError: 3 is odd",
    ]
    assert [run.index for run in error.result] == [0, 1, 2, 3, 4]
    assert [run.status for run in error.result] == ["ok", "failed", "ok", "failed", "ok"]
    assert [index for index, _ in error.failures] == [1, 3]
    assert isinstance(error.__cause__, NodeError)
    assert isinstance(error.__cause__.cause, ValueError)


async def test_many_failures_are_counted_not_listed() -> None:
    """The text names the first failures only."""
    with pytest.raises(KickoffError, match="and 40 more failures"):
        await Pipeline([odd_fails]).kickoff_async([{"n": 1}] * 50)


async def test_collect_returns_failed_runs() -> None:
    """With "collect" nothing is raised: failed runs carry error, status, their trace so far and their outputs."""
    result = await (double >> odd_fails >> last).kickoff_async([{"n": 1}, {"n": 0.5}], on_error="collect")
    good, bad = result
    assert good.ok
    assert good.error is None
    assert bad.status is RunStatus.FAILED
    assert str(bad.error) == "'odd_fails' failed: ValueError: 1 is odd"
    assert bad.trace == [{"n": 0.5}, "double", "odd_fails"]
    assert [output.json_dict for output in bad.crews_outputs] == [{"n": 1.0}]
    assert [span.status for span in bad.spans] == ["ok", "failed", "skipped"]
    assert bad.spans[1].error == "ValueError: 1 is odd"
    assert result.failed == [bad]


async def test_a_failure_cancels_the_siblings_of_its_run_only() -> None:
    """Running siblings are cancelled and say so; what had finished is kept; other inputs go on."""
    forever = Forever()

    @step
    async def fails(n: int) -> None:
        if n == 1:
            await forever.started.wait()
            raise ValueError("no")

    router = Router({"one": Route("n == 1", forever)}, default=double)
    result = await (double >> [fails, router]).kickoff_async([{"n": 0.5}, {"n": 2}], on_error="collect")
    bad = next(run for run in result if not run.ok)
    assert forever.cancelled == 1
    assert {span.node: span.status for span in bad.spans} == {
        "double": "ok",
        "fails": "failed",
        "router": "ok",
        "forever": "cancelled",
        "double#2": "skipped",
    }
    assert [run.index for run in result] == [0, 1, 1]


async def test_fail_fast_cancels_everything() -> None:
    """With "fail_fast" the first failure stops the kickoff; the error carries all that was begun."""
    forever = Forever()

    @step
    async def fails_later(n: int) -> None:
        await forever.started.wait()
        raise ValueError("no")

    router = Router({"wait": Route("n == 0", forever)}, default=fails_later)
    with pytest.raises(KickoffError) as caught:
        await Pipeline([router]).kickoff_async([{"n": 0}, {"n": 1}], on_error="fail_fast")
    assert [run.status for run in caught.value.result] == ["cancelled", "failed"]
    assert forever.cancelled == 1


def unknown():  # type: ignore[no-untyped-def]
    """Nobody knows what it gives."""


async def test_a_condition_that_raises_is_a_failure_never_the_default() -> None:
    """A condition's error fails the run, for callables and for expressions."""

    def broken(values: Any) -> bool:
        raise KeyError("score")

    for condition, kind in ((broken, KeyError), ("score > 7", ConditionError), ("n > 'a'", ConditionError)):
        router = Router({"high": Route(condition, double)}, default=double)
        (run,) = await Pipeline([unknown, router]).kickoff_async({"n": 1}, on_error="collect")
        assert run.status is RunStatus.FAILED
        assert isinstance(run.error, NodeError)
        assert isinstance(run.error.cause, kind)
        assert run.trace == [{"n": 1}, "unknown"]


async def test_tokens_of_failed_nodes_are_counted() -> None:
    """What a crew had spent before it failed is in the run's usage."""

    class Spends(Stage):
        name = "spends"

        async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
            raise ModelUnavailable("gone", model="m", usage=UsageMetrics(total_tokens=7))

    (run,) = await Pipeline([double, Spends()]).kickoff_async({"n": 1}, on_error="collect")
    assert run.token_usage == {"double": {}, "spends": {"total_tokens": 7}}
    assert run.spans[1].model == "m"


async def test_missing_inputs_are_found_before_anything_runs() -> None:
    """All missing keys of all rows are named in one message, with who needs them, before the first node starts."""
    ran = list[str]()

    @step
    async def first(a: int) -> dict[str, int]:
        ran.append("first")
        return {"a": a}

    @step
    async def second(b: int, c: int = 0) -> None: ...

    @step
    async def third(a: int, d: int) -> None: ...

    @step
    async def typed(a: int) -> None:
        ran.append("typed")

    pipeline = Pipeline([typed, [second, third]])
    with pytest.raises(InputError) as caught:
        await pipeline.kickoff_async([{"a": 1, "b": 2, "d": 3}, {"a": 1}, {}])
    assert ran == []
    assert str(caught.value).splitlines()[:3] == [
        "2 inputs are incomplete; nothing has run",
        "input 1 lacks 'b' (needed by 'second'), 'd' (needed by 'third'); it has a",
        "input 2 lacks 'a' (needed by 'typed', 'third'), 'b' (needed by 'second'), 'd' (needed by 'third'); it has nothing",
    ]
    assert isinstance(caught.value, ValueError)


async def test_with_collect_only_the_incomplete_rows_fail() -> None:
    """A bad row does not keep good ones from running when failures are collected."""
    good, bad = await Pipeline([double]).kickoff_async([{"n": 1}, {}], on_error="collect")
    assert good.to_dict() == {"n": 2}
    assert isinstance(bad.error, InputError)
    assert bad.trace == [{}]


async def test_a_key_that_only_one_route_needs_is_no_missing_input() -> None:
    """Runs that do not take the route need not bring its keys; those that do fail there."""
    router = Router({"even": Route("n == 0", last)}, default=double)
    good, bad = await Pipeline([router]).kickoff_async([{"n": 1}, {"n": 0}], on_error="collect")
    assert good.ok
    assert "no value for {even}" in str(bad.error)


@pytest.mark.parametrize("inputs", ["text", b"bytes", None, 7, [1], [None], [["a"]], [{1: 2}]], ids=repr)
async def test_inputs_that_are_no_dicts(inputs: Any) -> None:
    """Inputs of another kind are a TypeError, before anything runs."""
    with pytest.raises(InputTypeError) as caught:
        await Pipeline([double]).kickoff_async(inputs)
    assert isinstance(caught.value, TypeError)


async def test_an_invalid_pipeline_raises_all_findings_at_once() -> None:
    """Every error of the pipeline is in one exception; nothing has run."""
    pipeline = Pipeline([double, [], Router({"x": Route("n > 1", Pipeline([]))}, default=double)])
    with pytest.raises(PipelineInvalid) as caught:
        await pipeline.kickoff_async({"n": 1})
    assert [finding.code for finding in caught.value.findings] == ["CG102", "CG102"]
    assert "2 errors" in str(caught.value)
    assert "route 'x'" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"max_concurrency": 0},
        {"max_concurrency": 1.5},
        {"max_concurrency": True},
        {"on_error": "ignore"},
        {"engine": "warp"},
    ],
    ids=str,
)
async def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    """A wrong option is a ValueError that says what it may be."""
    with pytest.raises(ValueError, match=r"at least 1|\"raise\"|installed engines"):
        await Pipeline([double]).kickoff_async({"n": 1}, **options)


async def test_a_node_that_cancels_itself_fails_its_run() -> None:
    """A cancellation that nobody asked for is a failure of that node; no run is lost."""

    @step
    async def cancels(n: int) -> None:
        if n:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.sleep(1)
            raise anyio.get_cancelled_exc_class()() if anyio_is_asyncio() else RuntimeError

    result = await Pipeline([cancels]).kickoff_async([{"n": 0}, {"n": 1}, {"n": 0}], on_error="collect")
    assert [run.status for run in result] == ["ok", "failed", "ok"]


def anyio_is_asyncio() -> bool:
    return anyio.get_cancelled_exc_class().__module__.startswith("asyncio")


async def test_an_error_group_of_a_node_is_kept_whole() -> None:
    """A node that fails with several errors at once keeps all of them."""

    @step
    async def both() -> None:
        raise ExceptionGroup("both", [ValueError("a"), TypeError("b")])

    (run,) = await Pipeline([both]).kickoff_async({}, on_error="collect")
    assert isinstance(run.error, NodeError)
    assert isinstance(run.error.cause, ExceptionGroup)
    assert len(run.error.cause.exceptions) == 2


async def test_an_observer_that_raises_fails_no_run(caplog: pytest.LogCaptureFixture) -> None:
    """The observer's error is logged and the run goes on: it was paid for."""

    def observer(event: object) -> None:
        raise RuntimeError("observer")

    (run,) = await Pipeline([double]).kickoff_async({"n": 1}, observer=observer)
    assert run.ok
    assert "the observer raised" in caplog.text


async def test_tokens_of_cancelled_nodes_are_counted() -> None:
    """A crew that is cancelled in its second call has paid for the first; its run says so."""
    second_call = anyio.Event()

    async def first_then_never(request: Request) -> str:
        if "two" in request.messages[-1].content:
            second_call.set()
            await anyio.sleep(math.inf)
        return "done"

    clerk = Agent(role="clerk", llm=OfflineLLM(answer=first_then_never))
    slow = Crew(
        name="slow", agents=[clerk], tasks=[Task(description="one", context=[]), Task(description="two", context=[])]
    )

    @step
    async def fails() -> None:
        await second_call.wait()
        raise ValueError("no")

    (run,) = await Pipeline([[slow, fails]]).kickoff_async({}, on_error="collect")
    assert [(span.node, span.status) for span in run.spans] == [("slow", "cancelled"), ("fails", "failed")]
    assert run.token_usage["slow"].successful_requests == 1
    assert run.token_usage["slow"].failed_requests == 1
    assert run.usage.total_tokens == run.token_usage["slow"].total_tokens > 0


async def test_the_first_of_two_failures_is_the_runs() -> None:
    """When two branches fail, the run's error is the first; the spans have both."""
    second_may_fail = anyio.Event()

    @step
    async def first() -> None:
        second_may_fail.set()
        raise ValueError("first")

    @step
    async def second() -> None:
        try:
            await anyio.sleep(math.inf)
        finally:
            raise ValueError("second, while it was cancelled")

    (run,) = await Pipeline([[second, first]]).kickoff_async({}, on_error="collect")
    assert str(run.error) == "'first' failed: ValueError: first"
    assert {span.node: span.status for span in run.spans} == {"first": "failed", "second": "failed"}


def test_a_node_may_end_the_process() -> None:
    """Ctrl-C inside a node is Ctrl-C: the kickoff ends and what had finished is kept."""

    @step
    async def interrupts(n: int) -> int:
        if n == 2:
            raise KeyboardInterrupt
        return n

    with pytest.raises(KickoffInterrupted) as caught:
        Pipeline([interrupts]).kickoff([{"n": n} for n in range(3)])
    assert [run.index for run in caught.value.result if run.ok] == [0, 1]


async def test_a_chain_of_crews_explains_what_it_hands_over() -> None:
    """A key that an earlier crew of a procedure gives, but not the last, is missing; the hint says why."""

    class Reads(Stage):
        name = "reads"

        def interface(self) -> Interface:
            return Interface(needs=(Need("topic", "task 'x'"),), may_give=frozenset())

        async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
            return CrewOutput()

    with pytest.raises(InputError, match=r"hands? over everything|handed the output of the one before it only"):
        await (Reads() >> Reads()).kickoff_async({})


def anything():  # type: ignore[no-untyped-def]
    """Nobody knows what it gives."""


async def test_a_condition_that_raises_is_named() -> None:
    """Which route's condition it was stands in the error."""
    router = Router({"high": Route(lambda values: values["scroe"] > 7, double)}, default=double)
    (run,) = await Pipeline([unknown, router]).kickoff_async({"n": 1}, on_error="collect")
    assert "KeyError: 'scroe' (in the condition of route 'high'" in str(run.error)


class Broken(dict[str, Any]):
    """A mapping whose values cannot be read."""

    def values(self) -> Any:
        raise KeyError("broken")

    def __iter__(self) -> Any:
        raise RuntimeError("broken too")


async def test_a_row_that_cannot_be_read_fails_alone() -> None:
    """Whatever a row of the user's raises, the others run."""
    deep: Any = ()
    for _ in range(3_000):
        deep = (deep,)
    rows: list[Any] = [{"n": 1}, Broken(n=1), {"n": 2, "deep": deep}, {"n": 3}]
    result = await Pipeline([double]).kickoff_async(rows, on_error="collect")
    assert [run.status for run in result] == ["ok", "failed", "failed", "ok"]


async def test_a_router_that_leads_into_itself_for_ever() -> None:
    """An open router that always returns itself fails its run with a named error; the others go on."""

    class Endless(Router):
        def route(self, values: dict[str, Any]) -> Any:
            return (self, "again") if values["n"] else (self.default, "default")

    good, bad = await Pipeline([Endless(default=double)]).kickoff_async([{"n": 0}, {"n": 1}], on_error="collect")
    assert good.ok
    assert "pipelines deep into itself" in str(bad.error)


async def test_an_async_observer_is_refused() -> None:
    """An observer that would have to be awaited is a mistake found at once."""

    async def observer(event: object) -> None: ...

    with pytest.raises(TypeError, match="cannot be async"):
        await Pipeline([double]).kickoff_async({"n": 1}, observer=observer)  # type: ignore[arg-type]


async def test_a_failing_input_iterator_costs_nothing() -> None:
    """The inputs of a kickoff are read before anything runs, whatever the way of failing."""
    ran = 0

    @step
    async def counts() -> None:
        nonlocal ran
        ran += 1

    def breaks() -> Any:
        yield {}
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        await Pipeline([counts]).kickoff_async(breaks(), on_error="collect")
    assert ran == 0


async def test_a_step_may_return_what_another_pipeline_gave() -> None:
    """The answer is handed over, not the record of the run; its tokens are counted."""
    inner = Pipeline([double])

    @step
    async def one(n: int) -> Any:
        return await inner.kickoff_async({"n": n})

    @step
    async def several(n: int) -> Any:
        return await inner.kickoff_async([{"n": n}, {"n": n}])

    (run,) = await Pipeline([one]).kickoff_async({"n": 4, "id": "mine"})
    assert run.to_dict() == {"n": 8}
    (bad,) = await Pipeline([several]).kickoff_async({"n": 4}, on_error="collect")
    assert "a kickoff of 2 results" in str(bad.error)
