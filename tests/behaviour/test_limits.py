"""Deadlines, limits and fallbacks of whole kickoffs: what ends, what is kept, who is named, and who is not touched."""

from __future__ import annotations

import random
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import (
    CrewgraphError,
    DeadlineExceeded,
    KickoffError,
    ModelRateLimited,
    ModelTimeout,
    NodeError,
    WorkStopped,
)
from crewgraph.llm import Reply, Request
from crewgraph.outputs import CrewOutput
from crewgraph.policy import DEFAULTS, Budget, Limit, Policy
from crewgraph.router import Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.threads import Home
from crewgraph.trace import Event, ModelCallStarted, NodeFailed, RunFailed
from crewgraph.usage import UsageMetrics
from tests.clocks import jump

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

SOON = 0.03


class Model:
    """Answers at once, or not at all where the prompt says so; counts."""

    def __init__(self, model: str = "m", *, policy: Policy | None = None) -> None:
        self.model = model
        self.policy = policy
        self.asked = 0

    async def complete(self, request: Request) -> Reply:
        self.asked += 1
        if "hang" in request.messages[-1].content:
            await anyio.sleep_forever()
        return Reply(text="ok", usage=UsageMetrics(total_tokens=10, prompt_tokens=7, completion_tokens=3))


class Failing(Model):
    """Never answers."""

    async def complete(self, request: Request) -> Reply:
        await super().complete(request)
        raise ModelRateLimited("busy")


def crew(name: str, llm: Any, *descriptions: str, agent: Policy | None = None, **options: Any) -> Crew:
    tasks = [Task(description=description, name=description.split()[0]) for description in descriptions or ("do it",)]
    return Crew(name=name, agents=[Agent(role="Clerk", policy=agent)], tasks=tasks, llm=llm, **options)


@step
async def forever() -> None:
    await anyio.sleep_forever()


@step
async def quick() -> None:
    pass


# ---- each scope has its deadline -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        (Policy(task_timeout=SOON), "task 'hang'"),
        (Policy(node_timeout=SOON), "node 'desk'"),
        (Policy(run_timeout=SOON), "input 0"),
        (Policy(task_timeout=30, node_timeout=SOON, run_timeout=30), "node 'desk'"),
        (Policy(task_timeout=SOON, node_timeout=30, run_timeout=30), "task 'hang'"),
        (Policy(task_timeout=30, node_timeout=30, run_timeout=SOON), "input 0"),
    ],
    ids=["task", "node", "run", "node first", "task first", "run first"],
)
async def test_deadlines(policy: Policy, scope: str) -> None:
    """Whatever takes too long ends with an error that names it; what was spent until then is kept."""
    model = Model()
    pipeline = Pipeline([crew("desk", model, "first", "hang")])
    (run,) = await pipeline.kickoff_async({}, on_error="collect", policy=policy)
    late = run.error.cause if isinstance(run.error, NodeError) else run.error
    assert isinstance(late, DeadlineExceeded)
    assert (late.scope, late.seconds) == (scope, SOON)
    assert run.status == "failed"
    assert run.usage.total_tokens == 10
    assert (run.usage.successful_requests, run.usage.failed_requests, run.usage.unpriced_requests) == (1, 1, 2)
    assert [call.error is None for call in run.spans[0].calls] == [True, False]
    assert run.spans[0].status == "failed"
    assert "DeadlineExceeded" in (run.spans[0].error or "")


async def test_call_timeout() -> None:
    """A call that takes too long is the model's error, retried as the policy says."""
    (run,) = await Pipeline([crew("desk", Model(), "hang")]).kickoff_async(
        {}, on_error="collect", policy=Policy(call_timeout=SOON, retries=1)
    )
    assert isinstance(run.error.cause, ModelTimeout)
    assert [call.attempt for call in run.spans[0].calls] == [1, 2]


async def test_a_run_that_is_late_says_only_that() -> None:
    """The error of a run is not wrapped: no node is to blame; the message names the input once."""
    with pytest.raises(KickoffError, match=r"^1 of 1 run failed\ninput 0 took longer than 0.03 s$") as caught:
        await Pipeline([forever]).kickoff_async({}, policy=Policy(run_timeout=SOON))
    assert isinstance(caught.value.result[0].error, DeadlineExceeded)
    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_siblings_and_other_inputs() -> None:
    """A node that is late fails its run and cancels what runs beside it; other inputs are not touched."""
    ended = list[str]()

    @step
    async def late(n: int) -> None:
        if n == 1:
            await anyio.sleep_forever()

    @step
    async def beside(n: int) -> None:
        if n == 1:
            try:
                await anyio.sleep_forever()
            finally:
                ended.append("beside")

    late.policy = Policy(node_timeout=SOON)
    rows = [{"n": n} for n in range(3)]
    result = await Pipeline([[late, beside], quick]).kickoff_async(rows, on_error="collect")
    assert [run.status for run in result] == ["ok", "failed", "ok"]
    assert {span.node: span.status for span in result[1].spans} == {
        "late": "failed", "beside": "cancelled", "quick": "skipped",
    }  # fmt: skip
    assert ended == ["beside"]


async def test_nodes_at_work_when_the_run_is_late() -> None:
    """All nodes at work when the time of the run is up end with its error, and are told."""
    events = list[Event]()
    pipeline = Pipeline([quick, [forever, crew("desk", Model(), "hang")]])
    (run,) = await pipeline.kickoff_async(
        {}, on_error="collect", policy=Policy(run_timeout=SOON), observer=events.append
    )
    assert {span.node: span.status for span in run.spans} == {"quick": "ok", "forever": "failed", "desk": "failed"}
    failed = [event for event in events if isinstance(event, NodeFailed)]
    assert {event.node for event in failed} == {"forever", "desk"}
    assert {event.error for event in failed} == {"DeadlineExceeded: input 0 took longer than 0.03 s"}
    assert isinstance(events[-1], RunFailed)
    assert run.usage.failed_requests == 1


async def test_late_while_no_node_is_at_work() -> None:
    """A run whose nodes only wait for a worker ends in time all the same, and they are not begun."""
    begun, both, hold = list[tuple[str, int]](), anyio.Event(), anyio.Event()

    async def stubborn(name: str, n: int) -> None:
        begun.append((name, n))
        if len(begun) == 2:
            both.set()
        with anyio.CancelScope(shield=True):
            await hold.wait()

    @step
    async def left(n: int) -> None:
        await stubborn("left", n)

    @step
    async def right(n: int) -> None:
        await stubborn("right", n)

    async def rows() -> AsyncIterator[dict[str, int]]:
        yield {"n": 0}
        await both.wait()
        yield {"n": 1}

    ended = list[Any]()
    options: Any = {"max_concurrency": 2, "on_error": "collect", "policy": Policy(run_timeout=SOON)}
    async for run in Pipeline([[left, right], quick]).stream(rows(), **options):
        ended.append(run)
        hold.set()
    assert [run.index for run in ended] == [1, 0]
    assert [type(run.error) for run in ended] == [DeadlineExceeded] * 2
    assert [span.status for span in ended[0].spans] == ["skipped"] * 3
    assert sorted(begun) == [("left", 0), ("right", 0)]


async def test_routers_too() -> None:
    """A condition that waits for ever ends with the run's time."""

    async def never(_: Any) -> bool:
        await anyio.sleep_forever()
        return True

    router = Router(default=Pipeline([quick])).add_route("a", never, Pipeline([quick]))
    (run,) = await Pipeline([quick, router]).kickoff_async({}, on_error="collect", policy=Policy(run_timeout=SOON))
    assert isinstance(run.error, DeadlineExceeded)
    assert [(span.node, span.status) for span in run.spans][:2] == [("quick", "ok"), ("router", "failed")]


async def test_a_node_that_fails_as_the_run_ends() -> None:
    """A node that makes an error of its own out of the end of the run does not hide why it ended."""

    @step
    async def translates() -> None:
        try:
            await anyio.sleep_forever()
        except BaseException as error:
            raise ConnectionError("closed") from error

    (run,) = await Pipeline([translates]).kickoff_async({}, on_error="collect", policy=Policy(run_timeout=SOON))
    assert isinstance(run.error, DeadlineExceeded)
    assert run.spans[0].error == "ConnectionError: closed"


async def test_a_node_that_fails_after_the_end() -> None:
    """A node that holds up the event loop and then fails is noticed to be late before the clock could say so."""

    @step(inline=True)
    def blocks() -> None:
        jump(2 * SOON)
        raise ConnectionError("closed")

    (run,) = await Pipeline([quick, blocks]).kickoff_async({}, on_error="collect", policy=Policy(run_timeout=SOON))
    assert isinstance(run.error, DeadlineExceeded)


async def test_in_time() -> None:
    """Runs that are done in time leave no clock behind: the kickoff ends when they do."""
    with anyio.fail_after(60):
        result = await Pipeline([quick, [quick, quick]]).kickoff_async(
            [{}] * 20, policy=Policy(run_timeout=300, node_timeout=300, task_timeout=300), max_concurrency=3
        )
    assert [run.status for run in result] == ["ok"] * 40


async def test_fail_fast() -> None:
    """With "fail_fast" the first run that is late ends all."""
    with pytest.raises(KickoffError, match="input 0 took longer"):
        await Pipeline([forever]).kickoff_async([{}] * 3, on_error="fail_fast", policy=Policy(run_timeout=SOON))


async def test_cancelled_from_outside() -> None:
    """A kickoff that is cancelled is cancelled, however many deadlines stand around."""
    everything = Policy(run_timeout=30, node_timeout=30, task_timeout=30, call_timeout=30)
    with anyio.move_on_after(SOON) as scope:
        await Pipeline([crew("desk", Model(), "hang")]).kickoff_async({}, policy=everything)
    assert scope.cancelled_caught


async def test_seconds_of_a_budget() -> None:
    """The seconds of a budget end a hanging run like a deadline, as over the budget."""
    (run,) = await Pipeline([forever]).kickoff_async({}, on_error="collect", input_budget=Budget(seconds=SOON))
    assert (run.status, run.spans[0].status) == ("over_budget", "over_budget")


# ---- threads ---------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time(by_hand=True)
@pytest.mark.parametrize("why", [DeadlineExceeded, WorkStopped], ids=["deadline", "a sibling failed"])
async def test_a_thread_that_outlives_its_node(why: type[Exception]) -> None:
    """A synchronous step cannot be stopped: its run goes on without it, it gets no further call, nobody hears of it."""
    let_go, over, events, called_once = threading.Event(), threading.Event(), list[Event](), anyio.Event()
    model, refused, home = Model(), list[BaseException](), Home()

    @step
    def slow() -> None:
        crew("inner", model).kickoff()
        home.call(called_once.set)
        let_go.wait(60)
        try:
            crew("inner", model).kickoff()
        except CrewgraphError as error:
            refused.append(error)
        finally:
            over.set()

    @step
    async def fails() -> None:
        await called_once.wait()
        if why is WorkStopped:
            raise ZeroDivisionError
        jump(SOON)

    slow.policy = Policy(node_timeout=SOON)
    (run,) = await Pipeline([[slow, fails]]).kickoff_async({}, on_error="collect", observer=events.append)
    assert type(run.error.cause) is (ZeroDivisionError if why is WorkStopped else why)
    assert (run.usage.total_tokens, model.asked) == (10, 1)
    heard = len(events)
    let_go.set()
    await anyio.to_thread.run_sync(over.wait, 60)
    assert [type(error) for error in refused] == [why]
    assert (model.asked, len(events), run.usage.total_tokens, run.spans[0].usage.total_tokens) == (1, heard, 10, 10)


@pytest.mark.virtual_time(by_hand=True)
async def test_deadlines_reach_into_threads() -> None:
    """A crew that a thread runs in a loop of its own ends with the deadline of the node that it belongs to."""
    ended, over, home = list[BaseException](), threading.Event(), Home()

    class Hanging(Model):
        async def complete(self, request: Request) -> Reply:
            home.call(jump, SOON)
            return await super().complete(request)

    @step
    def slow() -> None:
        try:
            crew("inner", Hanging(), "hang").kickoff()
        except DeadlineExceeded as error:
            ended.append(error)
        finally:
            over.set()

    slow.policy = Policy(node_timeout=SOON)
    await Pipeline([slow]).kickoff_async({}, on_error="collect")
    await anyio.to_thread.run_sync(over.wait, 60)
    assert [str(error) for error in ended] == ["node 'slow' took longer than 0.03 s"]


async def test_events_from_threads() -> None:
    """What a crew in a worker thread does is told in the observer's thread, as of the step, between start and end."""
    told = list[tuple[Event, int]]()

    @step
    def by_hand() -> CrewOutput:
        return crew("inner", Model()).kickoff()

    await Pipeline([by_hand]).kickoff_async({}, observer=lambda event: told.append((event, threading.get_ident())))
    assert {thread for _, thread in told} == {threading.get_ident()}
    names = [type(event).__name__ for event, _ in told]
    assert names == [
        "RunStarted", "NodeStarted", "TaskStarted", "ModelCallStarted", "ModelCallFinished", "TaskFinished",
        "NodeFinished", "RunFinished",
    ]  # fmt: skip
    assert {event.node for event, _ in told[1:-1]} == {"by_hand"}


# ---- who wins --------------------------------------------------------------------------------------------------


def nested(work: Crew, nesting: str) -> Any:
    """A stage in which a crew is called in one way or another."""

    async def by_hand() -> Any:
        return await work.kickoff_async()

    async def in_a_pipeline() -> Any:
        return await Pipeline([work]).kickoff_async({})

    def in_a_thread() -> Any:
        return work.kickoff()

    ways: dict[str, Any] = {"step": by_hand, "pipeline in a step": in_a_pipeline, "thread": in_a_thread}
    return step(ways[nesting]) if nesting in ways else work


@pytest.mark.parametrize(
    ("levels", "wins"),
    [
        ({"model": 1, "agent": 2, "crew": 3, "kickoff": 4, "pipeline": 5}, 1),
        ({"agent": 2, "crew": 3, "kickoff": 4, "pipeline": 5}, 2),
        ({"crew": 3, "kickoff": 4, "pipeline": 5}, 3),
        ({"kickoff": 4, "pipeline": 5}, 4),
        ({"pipeline": 5}, 5),
        ({}, 0),
    ],
    ids=["model", "agent", "crew", "kickoff", "pipeline", "defaults"],
)
@pytest.mark.parametrize("nesting", ["stage", "step", "pipeline in a step", "thread"])
async def test_the_nearest_wins(levels: dict[str, int], wins: int, nesting: str) -> None:
    """Of what is declared at several places the nearest to the call counts, however deep the call is nested."""
    policies = {name: Policy(retries=retries, retry_wait=0) for name, retries in levels.items()}
    model = Failing("m", policy=policies.get("model"))
    work = crew("desk", model, agent=policies.get("agent"), policy=policies.get("crew"))
    pipeline = Pipeline([nested(work, nesting)], policy=policies.get("pipeline"))
    (run,) = await pipeline.kickoff_async({}, policy=policies.get("kickoff"), on_error="collect")
    assert model.asked == 1 + (wins or DEFAULTS.retries or 0)
    assert run.spans[0].calls[-1].attempt == model.asked


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: Pipeline([inner]),
        lambda inner: quick >> inner,
        lambda inner: inner >> quick,
        lambda inner: Pipeline([[inner, quick]]),
        lambda inner: quick >> Router(default=inner),
        lambda inner: Pipeline([Pipeline([inner], policy=Policy(retries=5, retry_wait=0))]),
    ],
    ids=["stage", "behind", "before", "branch", "route", "twice"],
)
@pytest.mark.parametrize(
    ("kickoff", "asked"), [(None, (3, 2)), (Policy(retries=0), (1, 1))], ids=["pipeline", "kickoff"]
)
async def test_pipelines_inside_of_pipelines(around: Any, kickoff: Policy | None, asked: tuple[int, int]) -> None:
    """What a pipeline declares holds for its own crews wherever it is put; a kickoff wins over all pipelines."""
    models = (Failing("inner"), Model("outer")), (Model("inner"), Failing("outer"))  # one, for it cancels the other
    for within, beside in models:
        inner = Pipeline([crew("inner", within)], policy=Policy(retries=2, retry_wait=0))
        whole = Pipeline([[around(inner), crew("outer", beside)]], policy=Policy(retries=1, retry_wait=0))
        await whole.kickoff_async({}, on_error="collect", policy=kickoff)
    assert (models[0][0].asked, models[1][1].asked) == asked


async def test_an_open_router_with_a_policy() -> None:
    """A pipeline that a router comes up with while it runs brings its policy too."""
    model = Failing("inner")

    class Open(Router):
        def route(self, inputs: Any) -> Any:
            return Pipeline([crew("inner", model)], policy=Policy(retries=2, retry_wait=0)), "made up"

    (run,) = await Pipeline([quick, Open(default=Pipeline([quick]))]).kickoff_async({}, on_error="collect")
    assert (run.status, model.asked) == ("failed", 3)


async def test_a_step_declares_for_what_it_calls() -> None:
    """What a step declares holds for the crews that it calls by hand."""

    @step
    async def by_hand() -> CrewOutput:
        return await crew("inner", Model(), "hang").kickoff_async()

    by_hand.policy = Policy(call_timeout=SOON, retries=2)
    (run,) = await Pipeline([by_hand]).kickoff_async({}, on_error="collect", policy=Policy(retries=0))
    assert isinstance(run.error.cause, ModelTimeout)
    assert [call.attempt for call in run.spans[0].calls] == [1, 2, 3]


async def test_foreign_crews() -> None:
    """A crew that is none of ours is under the deadlines around it, and under its own."""

    class Foreign:
        def __init__(self, name: str, policy: Policy | None) -> None:
            self.name = name
            self.policy = policy

        async def kickoff_async(self, inputs: Any = None) -> str:
            await anyio.sleep_forever()
            return ""

    for policy, around in ((Policy(node_timeout=SOON), Policy(node_timeout=30)), (None, Policy(node_timeout=SOON))):
        pipeline = Pipeline([Foreign("theirs", policy)], policy=around)
        (run,) = await pipeline.kickoff_async({}, on_error="collect")
        assert str(run.error.cause) == "node 'theirs' took longer than 0.03 s"


# ---- what is visible -------------------------------------------------------------------------------------------


async def test_everything_is_in_the_span() -> None:
    """Every attempt with its error and wait, on every model, is on the node's span; the task names who answered."""

    second, events = Model("second"), list[Event]()
    policy = Policy(retries=1, retry_wait=0.02, fallbacks=second)
    (run,) = await Pipeline([crew("desk", Failing("first"))]).kickoff_async({}, policy=policy, observer=events.append)
    calls = run.spans[0].calls
    assert [(call.name, call.attempt, call.error) for call in calls] == [
        ("first", 1, "ModelRateLimited: busy"),
        ("first", 2, "ModelRateLimited: busy"),
        ("second", 1, None),
    ]
    assert calls[1].waited >= 0.01
    assert run.crews_outputs[0].tasks_output[0].model == "second"
    assert run.spans[0].model == "second"
    assert [e.model for e in events if type(e) is ModelCallStarted] == ["first", "first", "second"]
    assert run.usage.failed_requests == 2


# ---- kickoffs inside kickoffs ----------------------------------------------------------------------------------


async def test_nested_accounts() -> None:
    """What a kickoff inside a step spends is the step's, once, however it is nested."""
    model = Model()

    @step
    async def nests() -> None:
        await Pipeline([crew("a", model), crew("b", model)]).kickoff_async([{}, {}])
        await crew("c", model).kickoff_async()

    (run,) = await Pipeline([nests]).kickoff_async({})
    assert (model.asked, run.usage.successful_requests, run.usage.total_tokens) == (5, 5, 50)
    assert len(run.spans[0].calls) == 5


async def test_a_late_node_ends_the_kickoff_inside() -> None:
    """When a step is late the kickoff inside of it ends too, and the step is what is named."""

    @step
    async def nests() -> None:
        await Pipeline([crew("a", Model(), "hang")]).kickoff_async([{}] * 3)

    nests.policy = Policy(node_timeout=SOON)
    (run,) = await Pipeline([nests]).kickoff_async({}, on_error="collect")
    assert str(run.error.cause) == "node 'nests' took longer than 0.03 s"
    assert run.usage.failed_requests == 3


# ---- one limiter for the process -------------------------------------------------------------------------------


class Counted:
    """A provider that counts: calls in any minute, tokens, and at a time."""

    model = "counted"
    max_tokens = 50
    policy = None

    def __init__(self, *, refuses: Callable[[], bool] = lambda: False) -> None:
        self.refuses = refuses
        self.begun = list[float]()
        self.refused = 0
        self.under_way = self.peak = 0
        self.dice = random.Random(1)

    async def complete(self, request: Request) -> Reply:
        self.begun.append(anyio.current_time())
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            await anyio.sleep(self.dice.uniform(0.1, 3))
            if self.refuses():
                self.refused += 1
                raise ModelRateLimited("busy", retry_after=2)
            return Reply(text="ok", usage=UsageMetrics(total_tokens=60, prompt_tokens=40, completion_tokens=20))
        finally:
            self.under_way -= 1

    def most_in_a_minute(self) -> int:
        most, first = 0, 0
        for number, at in enumerate(self.begun):
            while self.begun[first] <= at - 60:
                first += 1
            most = max(most, number - first + 1)
        return most


@pytest.mark.many
class TestOneLimiter:
    """2,000 runs at once, several kickoffs, one limit."""

    async def test_2000_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """2,000 concurrent runs of two pipelines never exceed the limit, use it to the full, and all get their answer."""
        monkeypatch.setattr("crewgraph.llm.gate.LOOK", 3_600)  # nobody stands still, and 80,000 looks take seconds
        monkeypatch.setattr("crewgraph.llm.gate.SILENCE", 7_200)
        provider = Counted()
        limit = Policy(limit=Limit(requests_per_minute=300, concurrency=20))
        results = list[Any]()

        async def many(name: str) -> None:
            pipeline = Pipeline([crew(name, provider)], policy=limit)
            results.extend(await pipeline.kickoff_async([{}] * 1_000, max_concurrency=1_000))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(many, "a")
            tasks.start_soon(many, "b")
        assert [run.status for run in results] == ["ok"] * 2_000
        assert len(provider.begun) == 2_000
        assert provider.peak == 20
        assert provider.most_in_a_minute() == 300

    async def test_tokens(self) -> None:
        """A limit of tokens holds by what calls really took: 60 each, so 50 in a minute."""
        provider = Counted()
        pipeline = Pipeline([crew("a", provider)], policy=Policy(limit=Limit(tokens_per_minute=3_000)))
        result = await pipeline.kickoff_async([{}] * 200, max_concurrency=200)
        assert all(run.ok for run in result)
        assert 25 <= provider.most_in_a_minute() <= 50

    async def test_a_provider_that_refuses(self) -> None:
        """Where the provider itself refuses now and then, retries keep within the limit too, and all get their answer."""
        dice = random.Random(2)
        provider = Counted(refuses=lambda: dice.random() < 0.05)
        policy = Policy(limit=Limit(requests_per_minute=100, concurrency=10), retries=8)
        result = await Pipeline([crew("a", provider)]).kickoff_async([{}] * 400, max_concurrency=400, policy=policy)
        assert all(run.ok for run in result)
        assert provider.refused > 0
        assert len(provider.begun) == 400 + provider.refused
        assert provider.peak <= 10
        assert provider.most_in_a_minute() <= 100
