"""What was paid for is told, whatever becomes of the work."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from crewgraph import Agent, Budget, Crew, CrewOutput, KickoffError, Pipeline, Policy, Price, Task, UsageMetrics, step
from crewgraph.errors import CrewgraphError
from crewgraph.testing import FailingLLM, ScriptedLLM, SlowLLM
from crewgraph.trace import Event, ModelCallFailed, NodeFailed, TaskFailed

pytestmark = pytest.mark.anyio

PRICE = Price(input=1, output=1)


def crew(*tasks: Task, llm: Any, **options: Any) -> Crew:
    return Crew(name="c", agents=[Agent(role="A")], tasks=list(tasks), llm=llm, **options)


def scripted() -> ScriptedLLM:
    return ScriptedLLM(*["done"] * 20, price=PRICE)


def sulks(_: object) -> None:
    raise RuntimeError("no")


class TestErrors:
    """An error of a crew that is run by hand says what was spent."""

    @pytest.mark.parametrize(
        ("second", "options"),
        [
            (Task(description="b", callback=sulks), {}),
            (Task(description="b", condition="missing > 1"), {}),
            (Task(description="b", guardrail=sulks), {}),
            (Task(description="b", guardrail=lambda _: (False, "never"), guardrail_max_retries=0), {}),
        ],
        ids=["callback", "condition", "guardrail-raises", "guardrail-refuses"],
    )
    async def test_spend(self, second: Task, options: dict[str, Any]) -> None:
        """Whatever kind of error it is."""
        with pytest.raises(CrewgraphError) as caught:
            await crew(Task(description="a"), second, llm=scripted(), **options).kickoff_async()
        assert caught.value.usage.successful_requests >= 1
        assert caught.value.usage.cost > 0

    @pytest.mark.virtual_time
    @pytest.mark.parametrize("which", ["task_timeout", "node_timeout"])
    async def test_deadline(self, which: str) -> None:
        """Also that of a deadline, with the cost of the call that it stopped unknown."""
        slow = SlowLLM(30, price=PRICE)
        with pytest.raises(CrewgraphError) as caught:
            await crew(Task(description="a"), llm=slow, policy=Policy(**{which: 0.05})).kickoff_async()
        assert (caught.value.usage.failed_requests, caught.value.usage.cost) == (1, None)


@pytest.mark.virtual_time
async def test_seconds_of_a_budget() -> None:
    """A budget whose time is up tells the calls that it stopped, although they end after it."""
    pipeline = Pipeline([crew(Task(description="a"), llm=SlowLLM(30, price=PRICE))])
    (run,) = await pipeline.kickoff_async({}, on_error="collect", budget=Budget(seconds=0.05))
    assert re.search(r"0\.05 s have passed; spent: 0 tokens, cost unknown, 1 call$", str(run.error))


@pytest.mark.virtual_time
async def test_cancelled_in_plain_words() -> None:
    """What was stopped is told as cancelled, without what the event loop says about its own objects."""
    events = list[Event]()
    pipeline = Pipeline([crew(Task(description="a"), llm=SlowLLM(30))])
    options: Any = {"on_error": "collect", "observer": events.append, "policy": Policy(run_timeout=0.05)}
    (run,) = await pipeline.kickoff_async({}, **options)
    told = [event.error for event in events if isinstance(event, ModelCallFailed | TaskFailed)]
    assert told == ["cancelled", "cancelled"]
    assert [call.error for call in run.spans[0].calls] == ["cancelled"]
    (failed,) = [event.error for event in events if isinstance(event, NodeFailed)]
    assert failed == "DeadlineExceeded: input 0 took longer than 0.05 s"


@pytest.mark.virtual_time
async def test_inputs_that_end_in_an_error() -> None:
    """A source of inputs that raises on its way loses nothing of what had been paid for."""

    async def source() -> AsyncIterator[dict[str, int]]:
        for number in range(3):
            yield {"n": number}
            await anyio.sleep(0.01)
        raise RuntimeError("the disk is gone")

    pipeline = Pipeline([crew(Task(description="a {n}"), llm=scripted())])
    with pytest.raises(KickoffError, match=r"cut short: RuntimeError: the disk is gone; \d runs? had begun") as caught:
        await pipeline.kickoff_async(source(), on_error="collect")
    assert [run.raw for run in caught.value.result if run.ok]
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.virtual_time
async def test_inputs_that_end_in_an_error_beside_a_failed_run() -> None:
    """The failures that there were are told behind it."""

    async def source() -> AsyncIterator[dict[str, int]]:
        yield {"n": 0}
        await anyio.sleep(0.01)
        raise RuntimeError("gone")

    pipeline = Pipeline([crew(Task(description="a"), llm=FailingLLM())])
    with pytest.raises(KickoffError, match=r"1 run had begun, 1 of 1 run failed\ninput 0: 'c' failed") as caught:
        await pipeline.kickoff_async(source(), policy=Policy(retries=0))
    assert caught.value.result[0].usage.failed_requests == 1


async def test_inputs_that_raise_at_once() -> None:
    """Where nothing had begun, the error is the source's own."""

    async def source() -> AsyncIterator[dict[str, int]]:
        raise RuntimeError("gone")
        yield {}  # makes it a generator

    with pytest.raises(RuntimeError, match=r"^gone$"):
        await Pipeline([crew(Task(description="a"), llm=scripted())]).kickoff_async(source())


async def test_panic_of_one_run() -> None:
    """An exception outside of ``Exception``, as extension modules raise it, fails its run only."""

    class Panic(BaseException):
        pass

    @step
    async def shaky(n: int) -> dict[str, int]:
        if n == 1:
            raise Panic("at the disco")
        return {"out": n}

    result = await Pipeline([shaky]).kickoff_async([{"n": n} for n in range(3)], on_error="collect")
    assert [run.ok for run in result] == [True, False, True]


class TestSwallowed:
    """A budget that stops a call ends the node around it, whatever the node makes of the error."""

    async def test_caught(self) -> None:
        """A step that goes on without the answer has not done its work."""
        inner = crew(Task(description="a"), llm=scripted())

        @step
        async def brave() -> str:
            for _ in range(5):
                try:
                    await inner.kickoff_async({})
                except CrewgraphError:
                    return "fallback"
            return "all of it"

        result = await Pipeline([brave]).kickoff_async({}, budget=Budget(calls=2), on_error="collect")
        assert (result.status, result[0].status) == ("over_budget", "over_budget")
        assert result.usage.successful_requests == 2

    async def test_collected(self) -> None:
        """So has one that collects the runs of a kickoff of its own."""
        inner = Pipeline([crew(Task(description="a"), llm=scripted())])

        @step
        async def nested() -> dict[str, int]:
            return {"got": len(await inner.kickoff_async([{}] * 5, on_error="collect"))}

        with pytest.raises(KickoffError, match="1 of 1 run stopped by a budget"):
            await Pipeline([nested]).kickoff_async({}, budget=Budget(calls=2))

    async def test_budget_of_its_own(self) -> None:
        """A budget that belongs to the inner kickoff alone ends only that."""
        inner = Pipeline([crew(Task(description="a"), llm=scripted())])

        @step
        async def nested() -> dict[str, int]:
            result = await inner.kickoff_async([{}] * 5, on_error="collect", budget=Budget(calls=2))
            return {"got": sum(run.ok for run in result)}

        (run,) = await Pipeline([nested]).kickoff_async({}, budget=Budget(calls=10))
        assert run.to_dict() == {"got": 2}


class Foreign:
    """Somebody else's crew: it tells what it spent, and not what that cost."""

    name = "foreign"

    def __init__(self, *, inner: Crew | None = None) -> None:
        self.inner = inner

    async def kickoff_async(self, inputs: Any = None) -> Any:
        if self.inner is not None:
            await self.inner.kickoff_async({})

        spent = {"total_tokens": 1000, "prompt_tokens": 900, "completion_tokens": 100}
        return SimpleNamespace(raw="fine", token_usage=spent)


class TestForeign:
    """The usage of foreign crews."""

    async def test_cost_is_unknown(self) -> None:
        """Their tokens count, at a cost that nobody knows."""
        (run,) = await Pipeline([Foreign()]).kickoff_async({})
        assert (run.usage.total_tokens, run.cost, run.usage.dollars()) == (1000, None, "unknown")
        assert run.usage_by("node") == {"foreign": run.usage}

    async def test_beside_ours(self) -> None:
        """What a crew of ours spends inside of one is added."""
        inner = crew(Task(description="a"), llm=scripted())
        (run,) = await Pipeline([Foreign(inner=inner)]).kickoff_async({})
        assert run.usage.total_tokens > 1000
        assert UsageMetrics.sum(run.usage_by("model").values()) == run.usage

    async def test_budget(self) -> None:
        """What they took counts for budgets, which end behind them."""
        result = await Pipeline([Foreign()]).kickoff_async(
            [{}] * 5, budget=Budget(tokens=1500), on_error="collect", max_concurrency=1
        )
        assert [run.status for run in result] == ["ok", "ok"]
        assert result.not_run == [2, 3, 4]

    async def test_result_of_a_kickoff(self) -> None:
        """One that hands on a run of ours is charged once."""
        inner = Pipeline([crew(Task(description="a"), llm=scripted())])

        class Relay:
            name = "relay"

            async def kickoff_async(self, inputs: Any = None) -> Any:
                return (await inner.kickoff_async({}))[0]

        (run,) = await Pipeline([Relay()]).kickoff_async({})
        assert run.usage.successful_requests == 1
        assert isinstance(run.crews_outputs[0], CrewOutput)
