from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from crewgraph.budget import Meter
from crewgraph.crew import Agent, Crew, Task
from crewgraph.crew.toolbox import Toolbox
from crewgraph.crew.tools.convert import BaseTool, as_tool, tool
from crewgraph.crew.tools.mcp import MCPServer
from crewgraph.crew.tools.shed import ToolShed
from crewgraph.errors import (
    BudgetExceeded,
    CassetteMiss,
    CrewgraphError,
    HumanInputUnavailable,
    KickoffError,
    NodeError,
    PriceUnknown,
    RealCallForbidden,
    ScriptEnded,
    ToolError,
)
from crewgraph.llm import OfflineLLM, ToolCall
from crewgraph.llm.ask import Asker
from crewgraph.outputs import UsageMetrics
from crewgraph.policy import Budget, Policy
from crewgraph.scope import Scope, current
from crewgraph.threads import Home
from crewgraph.trace import Event, ToolCallFailed, ToolCallFinished, ToolCallStarted
from crewgraph.usage import Account, Call
from tests.clocks import jump

pytestmark = pytest.mark.anyio


def asker(events: list[Event] | None = None, **scope: Any) -> Asker:
    """On whose behalf tools are called."""
    emit = None if events is None else events.append
    return Asker(scope=Scope(emit=emit, account=Account(), **scope), policy=Policy(), crew="c", task="t", agent="a")


def call(name: str, arguments: str = "{}", number: int = 1) -> ToolCall:
    return ToolCall(f"id{number}", name, arguments)


async def box(*tools: Any, **options: Any) -> Toolbox:
    made = Toolbox([as_tool(each) for each in tools], **options)
    await made.ready()
    return made


async def one(made: Toolbox, name: str, arguments: str = "{}", **scope: Any) -> tuple[str, bool]:
    """Text and whether it is an error, of one call."""
    (result,) = await made.run([call(name, arguments)], asker(**scope))
    return result.text, result.is_error


def double(x: int) -> int:
    """Double a number."""
    return 2 * x


class Counter:
    """Counts what it is called with."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def count(self, x: int = 0) -> str:
        self.seen.append(x)
        return f"{x} was number {len(self.seen)}"


# ---- what is offered ---------------------------------------------------------------------------------------------


async def test_specs() -> None:
    """A model is told name, description and schema of each tool; one without a description at least its name."""
    first, second = (await box(double, tool("Does it!")(lambda: 1))).specs
    assert (first.name, first.description) == ("double", "Double a number.")
    assert first.parameters["properties"] == {"x": {"type": "integer"}}
    assert (second.name, second.description) == ("Does_it", "Does it!")


async def test_put_in_later() -> None:
    """A list of tools may have been added to since its agent was made: what can be a tool is one, the rest is named."""
    assert [each.name for each in await ToolShed().stocked([double])] == ["double"]  # type: ignore[list-item]
    with pytest.raises(ToolError, match="'double' is no tool"):
        await ToolShed().stocked(["double"])  # type: ignore[list-item]


async def test_same_tool_twice() -> None:
    """A tool that is given twice is offered once."""
    assert [each.name for each in (await box(double, double)).specs] == ["double"]


async def test_names_alike() -> None:
    """Tools with one name are offered under names that are unlike, and each is called by its own."""
    made = await box(tool("go on")(lambda: "one"), tool("go-on")(lambda: "two"), tool("go/on")(lambda: "three"))
    assert [each.name for each in made.specs] == ["go_on", "go-on", "go_on_2"]
    assert await one(made, "go_on_2") == ("three", False)


async def test_own_name() -> None:
    """A tool can be called by its own name, too, where only one has it and none is offered under it."""
    made = await box(tool("go on")(lambda: "one"), tool("go!")(lambda: "two"), tool("go!")(lambda: "three"))
    (result,) = await made.run([call("go on")], asker())
    assert (result.text, result.tool, result.is_error) == ("one", "go on", False)
    assert (await one(made, "go!"))[1]
    odd = await box(tool("b!")(lambda: "first"), tool("b")(lambda: "second"))
    assert [await one(odd, each.name) for each in odd.specs] == [("first", False), ("second", False)]
    assert await one(odd, "b!") == ("first", False)


async def test_server_without_run() -> None:
    """A server that nobody connects is refused with how it would be."""
    with pytest.raises(ToolError, match=r"MCP server 'files' is not connected. hint: async with mcp_tools"):
        await box(MCPServer(command="files"))


# ---- calling -----------------------------------------------------------------------------------------------------


async def test_result() -> None:
    """The result is text for the model, under the call it belongs to and the tool's own name."""
    (result,) = await (await box(tool("The doubler")(double))).run([call("The_doubler", '{"x": 4}')], asker())
    assert (result.text, result.is_error, result.is_answer, result.tool) == ("8", False, False, "The doubler")
    assert result.call == call("The_doubler", '{"x": 4}')


async def test_side_by_side() -> None:
    """Calls of one turn run side by side, and their results come in the order of the calls."""
    last_is_there = anyio.Event()

    async def wait() -> str:
        await last_is_there.wait()
        return "waited"

    async def let_go() -> str:
        last_is_there.set()
        return "let go"

    made = await box(wait, let_go)
    results = await made.run([call("wait"), call("let_go", number=2)], asker())
    assert [(each.call.id, each.text) for each in results] == [("id1", "waited"), ("id2", "let go")]


async def test_failure_beside() -> None:
    """A call that fails leaves those beside it alone."""

    def fail() -> None:
        raise ValueError("no luck")

    results = await (await box(fail, double)).run([call("fail"), call("double", '{"x": 1}')], asker())
    assert [(each.text, each.is_error) for each in results] == [
        ("'fail' failed: ValueError: no luck", True),
        ("2", False),
    ]


async def test_answer() -> None:
    """The result of a tool that answers is marked so, and is not cut; its failure is no answer."""
    made = await box(tool(result_as_answer=True, max_result_length=3)(double))
    (right,) = await made.run([call("double", '{"x": 50000}')], asker())
    (wrong,) = await made.run([call("double", '{"x": "a"}')], asker())
    assert (right.text, right.is_answer) == ("100000", True)
    assert (wrong.is_error, wrong.is_answer) == (True, False)


async def test_long_result() -> None:
    """A result that is too long is cut, and the model is told so."""
    made = await box(tool("long", max_result_length=5)(lambda: "x" * 1_000))
    assert await one(made, "long") == ("xxxxx\n[cut: the result has 1,000 characters, these are the first 5]", False)


async def test_runaway_turn() -> None:
    """Of too many calls in one turn the rest is refused, each under its id."""
    counter = Counter()
    made = await box(counter.count)
    results = await made.run([call("count", f'{{"x": {n}}}', n) for n in range(70)], asker())
    assert len(counter.seen) == 64
    assert [each.call.id for each in results if each.is_error] == [f"id{n}" for n in range(64, 70)]
    assert results[-1].text == "not called: at most 64 calls in one turn"
    assert [each.has_run for each in results] == [True] * 64 + [False] * 6


@pytest.mark.virtual_time
@pytest.mark.parametrize("is_caching", [True, False], ids=["cache", "no cache"])
async def test_has_run(is_caching: bool) -> None:
    """A result says whether a tool was called for it: not one that is not there, misfits, is used up or was kept."""

    def fail() -> None:
        raise ValueError("no luck")

    slow, limited = tool("slow", timeout=0.01)(anyio.sleep_forever), tool(max_usage_count=2)(double)
    made = await box(fail, limited, slow, is_caching=is_caching)
    wanted = [
        (call("nope"), False),
        (call("double", '{"x": "many"}'), False),
        (call("double", '{"x": 1}'), True),
        (call("double", '{"x": 1}'), not is_caching),
        (call("double", '{"x": 2}'), is_caching),
        (call("double", '{"x": 3}'), False),
        (call("fail"), True),
        (call("slow"), True),
    ]
    for each, has_run in wanted:
        (result,) = await made.run([each], asker())
        assert result.has_run is has_run


async def test_scope() -> None:
    """Inside of a tool the scope is that of the agent, so that what it calls is charged and observed with it."""
    seen: list[Scope] = []
    who = asker()
    await (await box(lambda: seen.append(current()))).run([call("lambda")], who)
    assert seen == [who.scope]


# ---- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("duoble", "there is no tool 'duoble'; did you mean double? There is: double, count"),
        ("xyz", "there is no tool 'xyz'. There is: double, count"),
    ],
)
async def test_unknown_tool(name: str, told: str) -> None:
    """A tool that is not there is answered with the nearest, and with all that are."""
    assert await one(await box(double, Counter().count), name) == (told, True)


async def test_many_tools() -> None:
    """Of many tools the first are named."""
    made = await box(*[tool(f"t{n}")(lambda: 0) for n in range(12)])
    text, _ = await one(made, "zzz")
    assert text.endswith("There is: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 …")


async def test_no_tools() -> None:
    """An empty box says so."""
    assert await one(await box(), "zzz") == ("there is no tool 'zzz'. There is: none", True)


async def test_misfit() -> None:
    """Arguments that do not fit are told to the model, and the tool is not called."""
    counter = Counter()
    text, is_error = await one(await box(counter.count), "count", '{"x": "many"}')
    assert (text.splitlines()[1], is_error, counter.seen) == (
        "- x: Input should be a valid integer, unable to parse string as an integer", True, [],
    )  # fmt: skip


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no luck"), "'fail' failed: ValueError: no luck"),
        (ValueError(), "'fail' failed: ValueError"),
        (ToolError("ask for less"), "ask for less"),
        (ExceptionGroup("several", [ValueError("no luck")]), "'fail' failed: ValueError: no luck"),
        (Mute(), "'fail' failed: Mute"),
        (TimeoutError("slow"), "'fail' failed: TimeoutError: slow"),
    ],
    ids=["class and words", "class", "ours", "group", "mute", "timeout"],
)
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_tool_raises(error: Exception, told: str, is_async: bool) -> None:
    """What a tool raises is told to the model."""

    async def fail() -> None:
        raise error

    def fail_there() -> None:
        raise error

    made = await box(fail if is_async else tool("fail")(fail_there))
    assert await one(made, "fail") == (told, True)


async def test_long_error() -> None:
    """An error of many words is cut."""

    def fail() -> None:
        raise ValueError("x" * 10_000)

    text, _ = await one(await box(fail), "fail")
    assert len(text) < 2_200


@pytest.mark.virtual_time
async def test_timeout() -> None:
    """A tool that takes longer than it may is told so to the model, and the work goes on."""
    made = await box(tool("slow", timeout=0.01)(anyio.sleep_forever))
    assert await one(made, "slow") == ("tool 'slow' took longer than 0.01 s", True)


async def test_timeout_of_a_thread() -> None:
    """One that runs in a thread is left to itself."""
    over = threading.Event()
    made = await box(tool("slow", timeout=0.01)(lambda: over.wait(60)))
    assert await one(made, "slow") == ("tool 'slow' took longer than 0.01 s", True)
    over.set()


@pytest.mark.virtual_time(by_hand=True)
async def test_timeout_holds_in_the_thread() -> None:
    """What a tool runs in a thread ends when its time is up, and calls no model any more."""
    over, seen, home = threading.Event(), list[Scope](), Home()

    def slow() -> None:
        seen.append(current())
        home.call(jump, 1)
        over.wait(60)

    who = asker()
    await (await box(tool("slow", timeout=0.3)(slow))).run([call("slow")], who)
    over.set()
    (inner,) = seen
    assert str(inner.endings[-1][1]()) == "tool 'slow' took longer than 0.3 s"
    assert inner.account.is_stopped
    assert not who.scope.account.is_stopped
    inner.account.charge(Call(kind="model", name="m"))
    assert [each.name for each in who.scope.account.calls] == ["slow", "m"], "what it spends is on a bill"


async def test_kickoff_that_was_not_awaited() -> None:
    """An async tool may hand back a kickoff without awaiting it."""
    inner = Crew(agents=[Agent(role="A")], tasks=[Task(description="a")], llm=OfflineLLM(answer="inner"))

    async def ask() -> Any:
        return inner.kickoff()

    assert await one(await box(ask), "ask") == ("inner", False)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside"])
async def test_cancelled_by_itself(beside: bool) -> None:
    """A tool that waits for something that was cancelled has failed; nothing else is cancelled."""

    async def waits() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    made = await box(waits, double)
    results = await made.run([call("waits"), *([call("double", '{"x": 1}')] if beside else [])], asker())
    assert [each.text for each in results] == ["'waits' failed: CancelledError", "2"][: 1 + beside]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_cancelled_by_asyncio() -> None:
    """A cancellation of the task around, as asyncio does it, is none of the tool."""
    made = await box(anyio.sleep_forever)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(made.run([call("sleep_forever")], asker()), 0.01)


async def test_unreadable_result() -> None:
    """A result that no model can read is a failure of the tool."""
    text, is_error = await one(await box(lambda: iter([1])), "lambda")
    assert (text, is_error) == ("it returned a list_iterator, which can be read only once; return a list", True)


# ---- counting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "words"), [(1, "once"), (2, "2 times")])
async def test_usage_count(most: int, words: str) -> None:
    """A tool that may be called so often is refused from then on; misfits and kept results do not count."""
    made = await box(tool("count", max_usage_count=most)(Counter().count))
    await one(made, "count", '{"x": "misfit"}')
    for number in range(most):
        assert not (await one(made, "count", f'{{"x": {number}}}'))[1]
    assert not (await one(made, "count", '{"x": 0}'))[1]
    told = f"tool 'count' may be called {words}, and has been; go on without it"
    assert await one(made, "count", '{"x": 9}') == (told, True)


async def test_usage_count_of_a_run() -> None:
    """The count is that of one run of the crew: shared by its tasks, and nothing of it stays on the definition."""
    limited = tool("count", max_usage_count=1)(Counter().count)
    shed = ToolShed()
    assert not (await one(await box(limited, shed=shed), "count", '{"x": 1}'))[1]
    assert (await one(await box(limited, shed=shed), "count", '{"x": 2}'))[1]
    assert not (await one(await box(limited, shed=ToolShed()), "count", '{"x": 3}'))[1]


async def test_usage_count_side_by_side() -> None:
    """Calls side by side cannot overshoot it together."""
    counter = Counter()
    made = await box(tool("count", max_usage_count=3)(counter.count))
    results = await made.run([call("count", f'{{"x": {n}}}', n) for n in range(9)], asker())
    assert (len(counter.seen), sum(each.is_error for each in results)) == (3, 6)


# ---- keeping results ---------------------------------------------------------------------------------------------


async def test_kept() -> None:
    """Equal calls of one run are made once, whichever task makes them; other arguments are another call."""
    counter, shed = Counter(), ToolShed()
    first = await one(await box(counter.count, shed=shed), "count", '{"x": 1}')
    again = await one(await box(counter.count, shed=shed), "count", '{ "x" : 1 }')
    await one(await box(counter.count, shed=shed), "count", '{"x": 2}')
    assert first == again == ("1 was number 1", False)
    assert counter.seen == [1, 2]


async def test_kept_for_a_run() -> None:
    """Another run calls anew."""
    counter = Counter()
    for _ in range(2):
        await one(await box(counter.count), "count")
    assert counter.seen == [0, 0]


async def test_not_caching() -> None:
    """Without caching every call is made."""
    counter = Counter()
    made = await box(counter.count, is_caching=False)
    await one(made, "count")
    await one(made, "count")
    assert counter.seen == [0, 0]


async def test_failures_are_not_kept() -> None:
    """A failure is forgotten, so that the model may try again."""
    counter = Counter()

    def sometimes() -> str:
        if counter.count() == "0 was number 1":
            raise ValueError("not yet")
        return "now"

    made = await box(sometimes)
    assert (await one(made, "sometimes"))[1]
    assert await one(made, "sometimes") == ("now", False)


async def test_cache_function() -> None:
    """cache_function is told arguments and result, and says whether the result is kept."""
    counter, told = Counter(), list[Any]()

    def keeps(arguments: Any, result: Any) -> bool:
        told.append((arguments, result))
        return bool(arguments["x"] == 1)

    made = await box(tool("count", cache_function=keeps)(counter.count))
    for x in (1, 1, 2, 2):
        await one(made, "count", f'{{"x": {x}}}')
    assert counter.seen == [1, 2, 2]
    assert told[0] == ({"x": 1}, "1 was number 1")


async def test_async_cache_function() -> None:
    """cache_function may be async."""
    counter = Counter()

    async def keeps(arguments: Any, result: Any) -> bool:
        await checkpoint()
        return False

    made = await box(tool("count", cache_function=keeps)(counter.count))
    await one(made, "count")
    await one(made, "count")
    assert counter.seen == [0, 0]


async def test_cache_function_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """Where cache_function raises the result counts all the same; it is not kept, and that is logged."""
    counter = Counter()

    def keeps(arguments: Any, result: Any) -> bool:
        raise ValueError("no idea")

    made = await box(tool("count", cache_function=keeps)(counter.count))
    assert await one(made, "count") == ("0 was number 1", False)
    assert await one(made, "count") == ("0 was number 2", False)
    assert "the cache_function of tool 'count' raised; its result is not kept" in caplog.text


async def test_other_settings() -> None:
    """Two tools of one function with other settings share neither results nor counts."""
    counter, shed = Counter(), ToolShed()

    class Keeps:
        __hash__ = None  # type: ignore[assignment]  # as a dataclass has it

        def __call__(self, arguments: Any, result: Any) -> bool:
            return True

    plain = await box(counter.count, shed=shed)
    short = await box(tool("count", max_result_length=1)(counter.count), shed=shed)
    once = await box(tool("count", max_usage_count=1, cache_function=Keeps())(counter.count), shed=shed)
    texts = [(await one(each, "count"))[0].splitlines()[0] for each in (short, plain, once, plain)]
    assert texts == ["0", "0 was number 2", "0 was number 3", "0 was number 2"]


async def test_one_flight() -> None:
    """Of equal calls side by side one is made, and the others wait for its result."""
    calls = list[int]()

    async def slow() -> str:
        calls.append(1)
        await checkpoint()
        return "once"

    events = list[Event]()
    results = await (await box(slow)).run([call("slow", number=n) for n in range(3)], asker(events))
    assert [each.text for each in results] == ["once"] * 3
    assert len(calls) == 1
    assert sorted(each.is_cached for each in events if isinstance(each, ToolCallFinished)) == [False, True, True]


async def test_flight_that_fails() -> None:
    """Where the one that was made fails, the next makes it anew."""
    calls = list[int]()

    async def unsteady() -> str:
        calls.append(1)
        await checkpoint()
        if len(calls) == 1:
            raise ValueError("first")
        return "second"

    results = await (await box(unsteady)).run([call("unsteady", number=n) for n in range(3)], asker())
    assert sorted(each.text for each in results) == ["'unsteady' failed: ValueError: first", "second", "second"]
    assert len(calls) == 2


# ---- what is told ------------------------------------------------------------------------------------------------


async def test_events() -> None:
    """A call is told when it begins and when it ends, with whose it is, and is on the account."""
    events = list[Event]()
    who = asker(events)
    await (await box(tool("The doubler")(double))).run([call("The_doubler", '{"x": 4}')], who)
    started, finished = events
    assert isinstance(started, ToolCallStarted)
    assert isinstance(finished, ToolCallFinished)
    assert (started.tool, started.arguments, started.crew, started.task, started.agent) == (
        "The doubler", '{"x": 4}', "c", "t", "a",
    )  # fmt: skip
    assert (finished.call, finished.result, finished.is_cached) == (started.call, "8", False)
    (charged,) = who.scope.account.calls
    assert (charged.kind, charged.name, charged.error, charged.source) == ("tool", "The doubler", None, None)
    assert (charged.crew, charged.task, charged.agent, charged.usage) == ("c", "t", "a", UsageMetrics())


async def test_failures_are_told() -> None:
    """Failures are events and stand on the account: of the tool, of the arguments, and of a name that is none."""

    def fail() -> None:
        raise ValueError("no luck")

    events = list[Event]()
    who = asker(events)
    await (await box(fail, double)).run([call("fail"), call("double"), call("nope")], who)
    failed = {each.tool: each.error for each in events if isinstance(each, ToolCallFailed)}
    assert failed["fail"] == "ValueError: no luck"
    assert failed["double"].startswith("ArgumentsMisfit: the arguments do not fit")
    assert failed["nope"].startswith("ToolError: there is no tool")
    assert {each.name: each.error for each in who.scope.account.calls} == failed


async def test_kept_result_is_told() -> None:
    """A result that was kept is marked in event and account."""
    who = asker()
    made = await box(double)
    for _ in range(2):
        await made.run([call("double", '{"x": 1}')], who)
    assert [each.source for each in who.scope.account.calls] == [None, "cache"]


@pytest.mark.virtual_time
async def test_cancelled() -> None:
    """A call that is cancelled is told as failed, and the cancellation goes on."""
    events = list[Event]()
    who = asker(events)
    made = await box(anyio.sleep_forever)
    with anyio.move_on_after(0.01) as scope:
        await made.run([call("sleep_forever"), call("sleep_forever", "{ }", 2)], who)
    assert scope.cancelled_caught
    assert {type(each) for each in events} == {ToolCallStarted, ToolCallFailed}
    assert len(who.scope.account.calls) == 2


# ---- what ends the work ------------------------------------------------------------------------------------------


def raising(error: BaseException) -> BaseTool:
    def fail() -> None:
        raise error

    return tool(fail)


def behind(error: Exception) -> Exception:
    """As a pipeline raises it that is called by a tool of the user's."""
    wrapped = KickoffError([(0, NodeError("n", error))], failed=1, total=1, result=None)
    own = RuntimeError("mine")
    own.__cause__ = wrapped
    wrapped.__cause__ = None
    return own


ENDING = [HumanInputUnavailable("nobody"), CassetteMiss("nothing"), RealCallForbidden("no"), ScriptEnded("no more")]


@pytest.mark.parametrize("error", ENDING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "wrap", [lambda e: e, behind, lambda e: ExceptionGroup("g", [e])], ids=["bare", "behind", "group"]
)
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside"])
async def test_ends_the_work(error: CrewgraphError, wrap: Any, beside: bool) -> None:
    """What no model can help ends the work as it is, wherever in the tool it was raised; calls beside it are cancelled."""
    made = await box(raising(wrap(error)), anyio.sleep_forever)
    with pytest.raises(type(error)) as caught:
        await made.run([call("fail"), *([call("sleep_forever")] if beside else [])], asker())
    assert caught.value is error


async def test_budget_around() -> None:
    """A budget around the agent that is used up inside of a tool ends the work, even where the tool hides it."""
    meter = Meter(Budget(calls=1), "the kickoff")
    meter.exceed("the next call does not fit")
    with pytest.raises(BudgetExceeded, match="the kickoff"):
        await one(await box(raising(ValueError("hidden"))), "fail", meters=[meter])


async def test_budget_of_a_tool() -> None:
    """The budget of a crew that is a tool is its own affair: the model is told."""
    inner = Meter(Budget(calls=1), "node 'research'").exceed("the next call does not fit")
    around = Meter(Budget(calls=9), "the kickoff")
    text, is_error = await one(await box(raising(inner)), "fail", meters=[around])
    assert (text.startswith("the budget of node 'research'"), is_error) == (True, True)


async def test_price_unknown() -> None:
    """A budget in USD around the agent cannot be kept where a price is not known, and that ends the work."""
    meter = Meter(Budget(usd=1), "the kickoff")
    with pytest.raises(PriceUnknown):
        await one(await box(raising(PriceUnknown("m", "the kickoff"))), "fail", meters=[meter])


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside"])
async def test_exit(beside: bool) -> None:
    """Ctrl-C and exit are no affair of the model."""
    events = list[Event]()
    made = await box(raising(SystemExit(3)), anyio.sleep_forever)
    with pytest.raises(SystemExit):
        await made.run([call("fail"), *([call("sleep_forever")] if beside else [])], asker(events))
    assert any(isinstance(each, ToolCallFailed) and each.error == "SystemExit: 3" for each in events)


async def test_circle_of_causes() -> None:
    """Errors that are one another's causes are looked at once, whatever they are."""
    one_error, other = ValueError("a"), KeyboardInterrupt("b")
    one_error.__cause__, other.__cause__ = other, one_error
    assert (await one(await box(raising(one_error)), "fail"))[1]


async def test_concurrent_runs() -> None:
    """Any number of runs share the definitions: none sees the counts or results of another."""
    limited = tool("count", max_usage_count=1)(functools.partial(Counter().count))
    results = list[Any]()

    async def run() -> None:
        results.append(await one(await box(limited), "count"))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(run)
    assert not any(is_error for _, is_error in results)
    assert len({text for text, _ in results}) == 20
