"""Budgets of kickoffs, inputs and nodes: what they stop, what they keep, and how it is told."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import BudgetExceeded, KickoffError, NodeError, PriceUnknown
from crewgraph.errors.running import budget_behind
from crewgraph.llm import Price, Reply, Request
from crewgraph.outputs import PipelineKickoffResult, RunStatus, UsageMetrics
from crewgraph.policy import Budget, Policy
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline

pytestmark = pytest.mark.anyio

PRICE = Price(input=1.0, output=1.0)


class Model:
    """A model that takes 50 tokens to read and as many as it may to answer, at most 50."""

    def __init__(self, model: str = "m", *, price: Price | None = PRICE, hangs: bool = False) -> None:
        self.model = model
        self.price = price
        self.max_tokens = 50
        self.hangs = hangs
        self.calls = self.under_way = self.peak = self.tokens = 0

    async def complete(self, request: Request) -> Reply:
        self.calls += 1
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            await anyio.lowlevel.checkpoint()
            if self.hangs:
                await anyio.sleep_forever()
        finally:
            self.under_way -= 1
        answer = min(50, request.max_tokens or 50)
        self.tokens += 50 + answer
        usage = UsageMetrics(total_tokens=50 + answer, prompt_tokens=50, completion_tokens=answer)
        return Reply(text="done", usage=usage, finish_reason="length" if answer < 50 else "stop")


def crew(name: str, llm: Any, **options: Any) -> Crew:
    options.setdefault("policy", Policy(retries=0))
    task = Task(description="Do {x}. " + "Be thorough. " * 9)
    return Crew(name=name, agents=[Agent(role="Clerk")], tasks=[task], llm=llm, **options)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"x": number} for number in range(count)]


async def collected(pipeline: Pipeline, inputs: Any, **options: Any) -> PipelineKickoffResult:
    return await pipeline.kickoff_async(inputs, on_error="collect", **options)


def statuses(result: PipelineKickoffResult) -> list[str]:
    return [run.status.value for run in result]


# ---- scopes ----------------------------------------------------------------------------------------------------------


async def test_the_budget_of_a_kickoff() -> None:
    """What is done is kept, the run that does not fit is stopped, and no further input is begun."""
    llm = Model()
    result = await collected(Pipeline([crew("a", llm)]), rows(6), budget=Budget(calls=3), max_concurrency=1)
    assert statuses(result) == ["ok"] * 3 + ["over_budget"]
    assert (result.status, result.not_run) == (RunStatus.OVER_BUDGET, [4, 5])
    assert [run.raw for run in result] == ["done"] * 3 + [""]
    assert (llm.calls, result.usage.requests) == (3, 3)


async def test_the_budget_of_each_input() -> None:
    """One input stopped by its own budget does not stop the others."""
    pipeline = crew("a", Model()) >> step(name="again")(lambda x: [0] * x) >> crew("b", Model())
    dear = Router({"dear": Route("x > 1", crew("c", Model()))}, default=step(name="done")(lambda: None))
    result = await collected(pipeline >> dear, rows(4), input_budget=Budget(calls=2))
    assert statuses(result) == ["ok", "ok", "over_budget", "over_budget"]
    assert result.not_run == []
    assert str(result[2].error).startswith("'c' failed: BudgetExceeded: the budget of input 2 (2 calls) is used up")


async def test_the_budget_of_a_node() -> None:
    """It is the node's in each run, and what other nodes spend does not count."""
    pipeline = crew("a", Model()) >> crew("b", Model(), budget=Budget(tokens=40))
    result = await collected(pipeline, rows(2))
    assert statuses(result) == ["over_budget"] * 2
    assert [span.status for span in result[0].spans] == ["ok", "over_budget"]
    assert result[0].crews_outputs[0].raw == "done"
    assert "the budget of node 'b' (40 tokens)" in str(result[1].error)


async def test_the_budget_of_a_step() -> None:
    """It holds for the crews that the step calls by hand."""
    inner = crew("inner", Model())

    @step(budget=Budget(calls=2))
    async def many() -> str:
        return "".join([(await inner.kickoff_async({"x": n})).raw for n in range(3)])

    result = await collected(Pipeline([many]), rows(1))
    assert statuses(result) == ["over_budget"]
    assert "the budget of node 'many' (2 calls)" in str(result[0].error)
    assert result.usage.requests == 2


async def test_a_pipeline_in_a_step_spends_from_the_budgets_around_it() -> None:
    """The outer run was stopped by a budget too, although its step raised another error."""
    inner = Pipeline([crew("inner", Model())])

    @step
    async def nested() -> Any:
        return (await inner.kickoff_async(rows(3), max_concurrency=1))[0]

    result = await collected(Pipeline([nested]), rows(1), budget=Budget(calls=2))
    assert isinstance(result[0].error.__cause__, KickoffError)
    assert (statuses(result), result.usage.requests) == (["over_budget"], 2)
    assert result[0].spans[0].status == "over_budget"


async def test_a_crew_by_hand() -> None:
    """Its budget holds for each of its runs."""
    llm = Model()
    with pytest.raises(BudgetExceeded, match=r"the budget of node 'a' \(0 calls\)"):
        await crew("a", llm, budget=Budget(calls=0)).kickoff_async({"x": 1})
    assert llm.calls == 0


async def test_side_by_side_they_do_not_overshoot() -> None:
    """100 inputs at once, each reserving the longest answer: together they stay within the budget to the last token."""
    llm = Model()
    result = await collected(Pipeline([crew("a", llm)]), rows(100), budget=Budget(tokens=2_000), max_concurrency=50)
    assert llm.tokens == result.usage.total_tokens <= 2_000
    assert llm.tokens > 1_800
    assert llm.peak > 5
    assert len(result) + len(result.not_run) == 100


async def test_money_does_not_overshoot() -> None:
    """The same in USD."""
    llm = Model()
    result = await collected(Pipeline([crew("a", llm)]), rows(30), budget=Budget(usd=0.001), max_concurrency=10)
    assert result.cost is not None
    assert 0.0008 < result.cost <= 0.001


async def test_an_answer_cut_short_by_the_budget() -> None:
    """It is no answer: the run is over budget, and what it cost is counted."""
    llm = Model()
    result = await collected(Pipeline([crew("a", llm)]), rows(1), budget=Budget(tokens=120))
    assert statuses(result) == ["ok"]
    result = await collected(Pipeline([crew("a", llm)]), rows(2), budget=Budget(tokens=170), max_concurrency=1)
    assert statuses(result) == ["ok", "over_budget"]
    assert "the last answer did not fit" in str(result[1].error)
    assert 100 < result.usage.total_tokens <= 170


# ---- seconds ---------------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time
@pytest.mark.parametrize("scope", ["the kickoff", "input 0", "node 'a'"])
async def test_seconds_stop_a_call_that_hangs(scope: str) -> None:
    """The call is cancelled, its cost is unknown, and the error says whose time is over."""
    llm, budget = Model(hangs=True), Budget(seconds=0.05)
    node = crew("a", llm, budget=budget if scope.startswith("node") else None)
    options: dict[str, Any] = {"the kickoff": {"budget": budget}, "input 0": {"input_budget": budget}}.get(scope, {})
    result = await collected(Pipeline([node]), rows(1), **options)
    assert statuses(result) == ["over_budget"]
    assert f"the budget of {scope} (0.05 s) is used up: 0.05 s have passed" in str(result[0].error)
    assert (result.usage.failed_requests, result.cost, llm.under_way) == (1, None, 0)


@pytest.mark.virtual_time
async def test_time_is_over_between_two_inputs() -> None:
    """Inputs that were not begun are no failures; the kickoff is over budget all the same."""

    @step
    async def waits() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.06)

    result = await collected(Pipeline([waits]), rows(3), budget=Budget(seconds=0.05), max_concurrency=1)
    assert result.not_run in ([1, 2], [2])
    assert result.status is RunStatus.OVER_BUDGET


# ---- streams ---------------------------------------------------------------------------------------------------------


def endless() -> Iterator[dict[str, Any]]:
    return ({"x": number} for number in itertools.count())


async def endless_and_slow() -> AsyncIterator[dict[str, Any]]:
    for number in itertools.count():
        await anyio.lowlevel.checkpoint()
        yield {"x": number}


@pytest.mark.parametrize("source", [endless, endless_and_slow], ids=["iterable", "async iterable"])
async def test_an_endless_stream_ends_with_its_budget(source: Any) -> None:
    """With "collect" it just ends, after the runs that were stopped."""
    pipeline, done = Pipeline([crew("a", Model())]), list[str]()
    with anyio.fail_after(60):
        async for run in pipeline.stream(source(), budget=Budget(calls=5), on_error="collect", max_concurrency=3):
            done.append(run.status.value)
    assert done.count("ok") == 5
    assert set(done) == {"ok", "over_budget"}
    assert len(done) <= 5 + 3


@pytest.mark.parametrize("source", [endless, endless_and_slow], ids=["iterable", "async iterable"])
async def test_an_endless_stream_raises_at_its_end(source: Any) -> None:
    """Otherwise it raises once, and says that a budget ended it."""
    results = list[Any]()
    with pytest.raises(
        KickoffError, match=r"^\d of \d+ runs stopped by a budget, further inputs not begun\n"
    ) as caught:
        async for run in Pipeline([crew("a", Model())]).stream(source(), budget=Budget(calls=4), max_concurrency=2):
            results.append(run)
    assert [run.raw for run in results].count("done") == 4
    assert caught.value.result.not_run != []


async def test_a_list_of_async_inputs_ends_with_its_budget() -> None:
    """A kickoff over an async iterable is stopped as well."""
    result = await collected(Pipeline([crew("a", Model())]), endless_and_slow(), budget=Budget(calls=3))
    assert (statuses(result).count("ok"), result.status) == (3, RunStatus.OVER_BUDGET)
    assert len(result.not_run) == 1


# ---- money without prices --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["kickoff", "input", "node"])
async def test_unknown_prices_are_refused_before_anything_is_paid(where: str) -> None:
    """The second crew has no price; the first one is not called either."""
    first, budget = Model(), Budget(usd=1)
    second = crew("b", Model("odd", price=None), budget=budget if where == "node" else None)
    options: dict[str, Any] = {"kickoff": {"budget": budget}, "input": {"input_budget": budget}}.get(where, {})
    with pytest.raises(PriceUnknown, match=r"has a budget in USD, and the price of 'odd' is not known\. hint: say it"):
        await collected(crew("a", first) >> second, rows(2), **options)
    assert first.calls == 0


async def test_unknown_prices_of_a_crew_by_hand() -> None:
    """A crew is refused before its first task, also where only a fallback has no price."""
    llm = Model()
    policy = Policy(fallbacks=(Model("odd", price=None),))
    with pytest.raises(PriceUnknown, match="node 'a' has a budget in USD, and the price of 'odd'"):
        await crew("a", llm, budget=Budget(usd=1), policy=policy).kickoff_async({"x": 1})
    assert llm.calls == 0


async def test_unknown_prices_behind_a_step() -> None:
    """What a step calls by hand is refused when it is called."""
    inner = crew("inner", Model("odd", price=None))

    @step
    async def by_hand() -> str:
        return (await inner.kickoff_async({"x": 1})).raw

    result = await collected(Pipeline([by_hand]), rows(1), budget=Budget(usd=1))
    assert isinstance(result[0].error.__cause__, PriceUnknown)
    assert statuses(result) == ["failed"]


async def test_tokens_may_be_limited_without_prices() -> None:
    """Only money needs prices."""
    result = await collected(Pipeline([crew("a", Model(price=None))]), rows(2), budget=Budget(tokens=1_000, calls=9))
    assert (statuses(result), result.cost) == (["ok", "ok"], None)


# ---- what the error says ---------------------------------------------------------------------------------------------


async def test_failed_stopped_and_not_begun_are_told_apart() -> None:
    """One line says how many of each there are."""

    @step(inline=True)
    def check(x: int) -> None:
        if x < 2:
            raise ValueError("no")

    with pytest.raises(KickoffError) as caught:
        await (check >> crew("a", Model())).kickoff_async(rows(10), budget=Budget(calls=4), max_concurrency=1)
    assert str(caught.value).splitlines()[0] == "2 of 10 runs failed, 1 stopped by a budget, 3 inputs not begun"
    assert caught.value.result.not_run == [7, 8, 9]


over = BudgetExceeded("the kickoff", "1 call", "no further call is allowed", usage=UsageMetrics())


@pytest.mark.parametrize(
    ("failures", "counts", "head"),
    [
        ([(0, ValueError())], {"failed": 1, "total": 2}, "1 of 2 runs failed"),
        ([], {"failed": 0, "total": 0}, "0 of 0 runs failed"),
        ([(0, NodeError("a", over))], {"failed": 1, "total": 1}, "1 of 1 run stopped by a budget"),
        ([(0, over), (1, ValueError())], {"failed": 2, "total": 2}, "1 of 2 runs failed, 1 stopped by a budget"),
        ([], {"failed": 5, "total": 9, "over_budget": 5}, "5 of 9 runs stopped by a budget"),
        ([], {"failed": 0, "total": 9, "not_begun": 1}, "1 input of 9 not begun: a budget is used up"),
        ([], {"failed": 0, "total": 9, "not_begun": 2}, "2 inputs of 9 not begun: a budget is used up"),
        (
            [],
            {"failed": 1, "total": 9, "not_begun": 1, "is_stream": True},
            "1 of 9 runs failed, further inputs not begun",
        ),
    ],
    ids=["failed", "none", "over", "both", "counted elsewhere", "one not begun", "two not begun", "stream"],
)
async def test_heads(failures: Any, counts: dict[str, Any], head: str) -> None:
    """What there is none of is not told."""
    assert str(KickoffError(failures, result=None, **counts)).splitlines()[0] == head


async def test_the_budget_behind_an_error() -> None:
    """It is found behind other errors, and causes that go in a circle do no harm."""
    assert budget_behind(NodeError("a", NodeError("b", over))) is over
    assert budget_behind(ValueError()) is None
    one, two = ValueError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert budget_behind(one) is None
