from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from pydantic import BaseModel, Field

from crewgraph import Agent, Budget, Crew, Limit, Policy, Price, Task
from crewgraph.errors import (
    BudgetExceeded,
    KickoffError,
    ModelError,
    ModelNotConfigured,
    ModelRateLimited,
    ModelUnavailable,
    RealCallForbidden,
    ScriptEnded,
)
from crewgraph.llm import LLM, LiteLLM, Message, OfflineLLM, Reply, Request, ToolCall
from crewgraph.llm.real_calls import check
from crewgraph.testing import (
    Double,
    FailingLLM,
    RateLimitedLLM,
    SchemaLLM,
    ScriptedLLM,
    SlowLLM,
    allow_real_calls,
    call,
    forbid_real_calls,
)
from crewgraph.usage import UsageMetrics

pytestmark = pytest.mark.anyio


class Verdict(BaseModel):
    urgent: bool
    score: int = Field(ge=0, le=10)


def asking(*said: str, role: Any = "user", **fields: Any) -> Request:
    return Request(tuple(Message(role, each) for each in said), **fields)


def crew(llm: Any, **options: Any) -> Crew:
    return Crew(agents=[Agent(role="A")], tasks=[Task(description="hi {x}")], llm=llm, **options)


ALL: list[Callable[..., Double]] = [
    ScriptedLLM,
    SchemaLLM,
    FailingLLM,
    lambda **options: SlowLLM(0, **options),
    lambda **options: RateLimitedLLM(5, **options),
]


# ---- what all have in common ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
def test_options(make: Callable[..., Double]) -> None:
    """Every double is a model, with a name, price, policy and limits of the test's choosing."""
    policy, price = Policy(retries=1), Price(input=1, output=1)
    llm = make(model="m", policy=policy, price=price, max_tokens=7, parameters={"a": 1}, usage=UsageMetrics())
    assert isinstance(llm, LLM)
    assert (llm.model, llm.policy, llm.price, llm.max_tokens) == ("m", policy, price, 7)
    assert (llm.parameters, llm.usage) == ({"a": 1}, UsageMetrics())
    assert make().model != "double"


@pytest.mark.parametrize("make", ALL)
def test_unknown_options(make: Callable[..., Double]) -> None:
    """A misspelt option is refused."""
    with pytest.raises(TypeError, match="modle"):
        make(modle="m")


async def test_one_of_your_own() -> None:
    """A double of one's own says what it replies, and keeps the requests like the others."""

    class Parrot(Double):
        async def reply(self, request: Request) -> Reply:
            return Reply(text=request.messages[-1].content)

    llm = Parrot()
    assert (await llm.complete(asking("hello"))).text == "hello"
    assert llm.asked == 1
    with pytest.raises(NotImplementedError):
        await Double().complete(asking())


async def test_requests_are_kept() -> None:
    """A double keeps what it was asked, and says what was said to it."""
    llm = ScriptedLLM("x", repeat=True)
    await llm.complete(asking("a", "b"))
    await llm.complete(asking("c"))
    assert llm.requests == [asking("a", "b"), asking("c")]
    assert (llm.asked, llm.said(), llm.said(0)) == (2, "c", "a\nb")
    assert repr(llm) == "ScriptedLLM('scripted', asked 2 times)"


async def test_asserting() -> None:
    """What a test asserts of a double fails with what the double was asked instead."""
    llm = ScriptedLLM("x", repeat=True, model="m")
    llm.assert_asked(0)
    with pytest.raises(AssertionError, match=r"^m was never asked about 'a'$"):
        llm.assert_asked_about("a")
    for said in (asking(), asking("Rain in Rome"), asking("y" * 300)):
        await llm.complete(said)
    llm.assert_asked(3)
    llm.assert_asked_about("rain in r")
    with pytest.raises(AssertionError) as caught:
        llm.assert_asked_about("snow")
    said = f"\n  (nothing)\n  Rain in Rome\n  {'y' * 199}…"
    assert str(caught.value) == f"m was never asked about 'snow':{said}"
    with pytest.raises(AssertionError, match=r"^m was asked 3 times, not 1:"):
        llm.assert_asked(1)


async def test_asserting_of_many() -> None:
    """Of many requests the first ones are named."""
    llm = ScriptedLLM("x", repeat=True)
    for number in range(12):
        await llm.complete(asking(f"number {number}"))
    with pytest.raises(AssertionError, match=r"number 9\n  … and 2 more$"):
        llm.assert_asked(0)


async def test_at_once() -> None:
    """A double counts how many calls it worked on at the same time, and which were given up."""
    llm = SlowLLM(0.01)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(llm.complete, asking())
    assert (llm.most_at_once, llm.under_way, llm.cancelled) == (3, 0, 0)
    with anyio.move_on_after(0.01):
        await SlowLLM.complete(slow := SlowLLM(math.inf), asking())
    assert (slow.most_at_once, slow.under_way, slow.cancelled) == (1, 0, 1)


def test_many_threads() -> None:
    """A script is followed once, however many threads ask."""
    llm = ScriptedLLM(*map(str, range(200)))
    said = list[str]()

    async def several() -> None:
        for _ in range(50):
            said.append((await llm.complete(asking())).text)

    threads = [threading.Thread(target=lambda: anyio.run(several)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said, key=int) == [str(number) for number in range(200)]


# ---- answers -------------------------------------------------------------------------------------------------------


async def later(request: Request) -> str:
    return f"later: {request.messages[0].content}"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param("plain", "plain", id="text"),
        pytest.param({"a": "ü"}, '{"a": "ü"}', id="mapping"),
        pytest.param(Verdict(urgent=True, score=1), '{"urgent":true,"score":1}', id="pydantic"),
        pytest.param(Reply(text="whole"), "whole", id="reply"),
        pytest.param(lambda request: {"n": len(request.messages)}, '{"n": 1}', id="function"),
        pytest.param(later, "later: hi", id="async-function"),
        pytest.param(lambda _: lambda _: "nested", "nested", id="function-of-a-function"),
        pytest.param(OfflineLLM(answer="of another"), "of another", id="model"),
    ],
)
async def test_answers(answer: Any, text: str) -> None:
    """A double answers whatever stands for text."""
    assert (await ScriptedLLM(answer).complete(asking("hi"))).text == text


@pytest.mark.parametrize("answer", [5, b"bytes", [], ["text"], [call("a"), 5], object(), int, lambda _: 5])
async def test_no_answers(answer: Any) -> None:
    """Whatever stands for nothing is refused, with what would do."""
    with pytest.raises(TypeError, match=r"a double cannot answer .*hint: give it text, a dict"):
        await ScriptedLLM(answer).complete(asking("hi"))


async def test_tool_calls() -> None:
    """Tool calls get ids that depend on the conversation only; one that has an id keeps it."""
    llm = ScriptedLLM(call("add", a=1, b="ü"), [call("x"), ToolCall("mine", "y")], repeat=True)
    (first,) = (await llm.complete(asking("hi"))).calls
    assert first == ToolCall("call-1-1", "add", '{"a": 1, "b": "ü"}')
    later_on = Request((Message("user", "hi"), Message("assistant", "", (first,)), Message("tool", "3")))
    for _ in range(2):
        reply = await llm.complete(later_on)
        assert [(each.id, each.name) for each in reply.calls] == [("call-2-1", "x"), ("mine", "y")]
        assert reply.finish_reason == "tool_calls"


@pytest.mark.parametrize("error", [ModelUnavailable, ModelNotConfigured, KeyError])
async def test_error_classes(error: type[Exception]) -> None:
    """The class of an error is raised with a message that says whence it comes."""
    with pytest.raises(error, match=f"scripted: {error.__name__}, as the test wants it"):
        await ScriptedLLM(error).complete(asking())


async def test_error_class_that_takes_more() -> None:
    """A class that cannot be raised with a message alone is refused, with the way out."""
    with pytest.raises(TypeError, match=r"BudgetExceeded is not made of a message alone\. hint: give the double one"):
        await ScriptedLLM(BudgetExceeded).complete(asking())


async def test_errors_are_new_each_time() -> None:
    """An error is raised as a copy, with all that is on it: calls side by side must not share one."""
    error = ModelRateLimited("slow", status=429, retry_after=2.0)
    error.add_note("a note")
    llm, caught = ScriptedLLM(error, repeat=True), list[ModelError]()
    for _ in range(2):
        with pytest.raises(ModelRateLimited, match="slow") as raised:
            await llm.complete(asking())
        caught.append(raised.value)
    assert caught[0] is not caught[1] is not error
    assert [(each.status, each.retry_after, each.__notes__) for each in caught] == [(429, 2.0, ["a note"])] * 2


async def test_usage_is_its_own() -> None:
    """Each answer has a count of its own, which may be added to."""
    llm = ScriptedLLM("x", repeat=True, usage=UsageMetrics(total_tokens=1))
    first = await llm.complete(asking())
    first.usage.total_tokens = 99
    assert (await llm.complete(asking())).usage.total_tokens == 1


# ---- scripted ------------------------------------------------------------------------------------------------------


async def test_in_order() -> None:
    """Answers come in their order, and it is known which are left."""
    llm = ScriptedLLM("1", "2", model="m")
    assert (await llm.complete(asking())).text == "1"
    assert llm.left == 1
    with pytest.raises(AssertionError, match="m: 1 of its 2 answers were not asked for"):
        llm.assert_done()
    assert (await llm.complete(asking())).text == "2"
    llm.assert_done()


@pytest.mark.parametrize("answer", [["a", "b"], ("a", "b"), []], ids=["list", "tuple", "empty"])
def test_list_of_answers(answer: Any) -> None:
    """Answers in a list are refused when the model is made, with how to write them."""
    with pytest.raises(TypeError, match=r"one answer after the other is ScriptedLLM\(\"a\", \"b\"\)"):
        ScriptedLLM(answer)


async def test_used_up() -> None:
    """When the answers are used up, the error says so, what was asked, and how to go on."""
    llm = ScriptedLLM("1", rules={"x": "y"}, model="m")
    await llm.complete(asking("a"))
    with pytest.raises(ScriptEnded) as caught:
        await llm.complete(asking("b\nc"))
    assert str(caught.value) == (
        "m: its only answer is used up and no rule of 1 fits; it was asked: b c\n"
        'hint: give it one more answer, rules={"pattern": answer}, or repeat=True'
    )
    with pytest.raises(ScriptEnded, match=r"scripted: it has no answers; it was asked"):
        await ScriptedLLM().complete(asking())


async def test_used_up_in_a_crew() -> None:
    """In a crew this ends the work at once: no retries, and no fallback covers it up."""
    llm, spare = ScriptedLLM(), ScriptedLLM("spare")
    with pytest.raises(ScriptEnded):
        await crew(llm, policy=Policy(fallbacks=spare)).kickoff_async({"x": 1})
    assert (llm.asked, spare.asked) == (1, 0)


async def test_rules() -> None:
    """The first rule that fits what the user said wins, before the answers; case does not matter."""
    llm = ScriptedLLM("else", rules={"rain": "wet", "r.in": "second"})
    assert [(await llm.complete(asking(said))).text for said in ("It RAINS", "ruin", "sun")] == [
        "wet",
        "second",
        "else",
    ]
    with pytest.raises(ScriptEnded):
        await llm.complete(asking("rain", role="system"))


async def test_rules_in_pairs() -> None:
    """A function may say whether a rule fits; an answer that is a function and gives nothing leaves it to the next."""
    rules = [
        (lambda request: request.schema is not None, {"urgent": True, "score": 1}),
        ("a", lambda request: None if "b" in request.messages[0].content else "only a"),
    ]
    llm = ScriptedLLM("else", rules=rules)
    assert (await llm.complete(asking("x", schema=Verdict))).text == '{"urgent": true, "score": 1}'
    assert (await llm.complete(asking("a"))).text == "only a"
    assert (await llm.complete(asking("ab"))).text == "else"


async def test_an_answer_that_gives_nothing() -> None:
    """Outside of rules there has to be an answer."""
    with pytest.raises(ScriptEnded, match="its answer is a function, and that returned None to: hi"):
        await ScriptedLLM(lambda _: None).complete(asking("hi"))


# ---- schema-valid --------------------------------------------------------------------------------------------------


async def test_schema() -> None:
    """Made-up values have the shape; the same request gets the same ones, another seed others."""
    texts = [(await SchemaLLM(seed=seed).complete(asking("hi", schema=Verdict))).text for seed in (1, 1, 2, 3, 4, 5)]
    assert all(Verdict.model_validate_json(text) for text in texts)
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


async def test_schema_without_a_shape() -> None:
    """Where no shape is asked for it answers its text."""
    assert (await SchemaLLM("words").complete(asking("hi"))).text == "words"


# ---- failing -------------------------------------------------------------------------------------------------------


async def test_fails_for_ever() -> None:
    """Without a number of times it always fails, with ModelUnavailable where nothing else is said."""
    llm = FailingLLM()
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            await llm.complete(asking())
    assert llm.failed == 3


async def test_fails_in_turn_and_recovers() -> None:
    """The errors come in turn, as often as it is to fail; then it answers."""
    llm, raised = FailingLLM(ModelUnavailable, ModelRateLimited("b"), times=3, then="ok"), list[str]()
    for _ in range(3):
        with pytest.raises(ModelError) as caught:
            await llm.complete(asking())
        raised.append(type(caught.value).__name__)
    assert raised == ["ModelUnavailable", "ModelRateLimited", "ModelUnavailable"]
    assert (await llm.complete(asking())).text == "ok"


async def test_retries() -> None:
    """A crew gets past failures that pass, and each of them is charged."""
    done = await crew(FailingLLM(times=2, then="ok"), policy=Policy(retry_wait=0)).kickoff_async({"x": 1})
    assert done.raw == "ok"
    assert (done.token_usage.failed_requests, done.token_usage.successful_requests) == (2, 1)


# ---- slow ----------------------------------------------------------------------------------------------------------


async def test_slow_is_cut_off() -> None:
    """A model that never answers runs into the time limit of its policy."""
    llm = SlowLLM(math.inf)
    with pytest.raises(ModelError, match="no answer within"):
        await crew(llm, policy=Policy(call_timeout=0.01, retries=0)).kickoff_async({"x": 1})
    assert llm.cancelled == 1


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_bad_seconds(seconds: float) -> None:
    """A time that is none is refused."""
    with pytest.raises(ValueError, match="seconds is a number of at least 0"):
        SlowLLM(seconds)


def test_virtual_clock() -> None:
    """Under the clock of trio's tests an hour passes at once."""
    trio_testing = pytest.importorskip("trio.testing")
    clock = trio_testing.MockClock(autojump_threshold=0)
    reply = anyio.run(SlowLLM(3600, "at last").complete, asking(), backend="trio", backend_options={"clock": clock})
    assert reply.text == "at last"


# ---- rate-limited --------------------------------------------------------------------------------------------------


async def test_rate_limit() -> None:
    """More calls in a span than allowed are refused with 429 and the time until there is room; refused ones count not."""
    now = 100.0
    llm = RateLimitedLLM(2, per=10, clock=lambda: now, model="m")
    await llm.complete(asking("1"))
    now = 104.0
    await llm.complete(asking("2"))
    for _ in range(2):
        with pytest.raises(ModelRateLimited, match=r"m \(HTTP 429\): no more than 2 calls in 10 s") as caught:
            await llm.complete(asking("3"))
        assert (caught.value.status, caught.value.retry_after) == (429, 6.0)
    now = 110.0
    assert (await llm.complete(asking("4"))).text == "let through"
    assert [(each.at, each.limit, each.request) for each in llm.violations] == [
        (104.0, "2 calls in 10 s", asking("3"))
    ] * 2


async def test_assert_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the limits were kept can be asserted; what broke them is named."""
    llm = RateLimitedLLM(1, retry_after=False, clock=lambda: 1.5, model="m")
    await llm.complete(asking())
    llm.assert_kept()
    for _ in range(7):
        with pytest.raises(ModelRateLimited) as caught:
            await llm.complete(asking())
        assert caught.value.retry_after is None
    with pytest.raises(AssertionError) as failed:
        llm.assert_kept()
    named = "\n  1 calls in 60 s at 1.500" * 5
    assert str(failed.value) == f"m refused 7 of 8 calls:{named}\n  … and 2 more"
    llm.violations[1:] = []
    with pytest.raises(AssertionError, match=r"m refused 1 of 8 calls:\n  1 calls in 60 s at 1\.500$"):
        llm.assert_kept()


async def test_concurrency() -> None:
    """Too many calls at the same time are refused too, and a failed one leaves its place."""
    llm = RateLimitedLLM(100, concurrency=1, then=SlowLLM(0.01, ModelUnavailable))
    errors = list[str]()

    async def one() -> None:
        try:
            await llm.complete(asking())
        except ModelError as error:
            errors.append(type(error).__name__)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        tasks.start_soon(one)
    await one()
    assert sorted(errors) == ["ModelRateLimited", "ModelUnavailable", "ModelUnavailable"]
    assert [each.limit for each in llm.violations] == ["1 calls at the same time"]


async def test_a_limit_keeps_within() -> None:
    """crewgraph's own limit keeps many runs within the provider's, so that no call is refused."""
    llm = RateLimitedLLM(
        1000, concurrency=2, then=SlowLLM(0.001), model="kept within", policy=Policy(limit=Limit(concurrency=2))
    )
    await (crew(llm) >> crew(llm)).kickoff_async([{"x": x} for x in range(20)])
    llm.assert_kept()
    assert llm.most_at_once == 2


@pytest.mark.parametrize(("requests", "per"), [(0, 1), (1, 0), (1, math.nan)])
def test_bad_limits(requests: int, per: float) -> None:
    """Limits that nobody can keep are refused."""
    with pytest.raises(ValueError, match="requests is at least 1 and per is above 0"):
        RateLimitedLLM(requests, per=per)


# ---- money and real calls ------------------------------------------------------------------------------------------


async def test_money() -> None:
    """A double with a price costs money, and stops at a budget."""
    llm = ScriptedLLM("x", repeat=True, price=Price(input=1, output=1), max_tokens=10)
    done = await crew(llm).kickoff_async({"x": 1})
    assert done.token_usage.picodollars == 10_000_000
    with pytest.raises(KickoffError):
        await (crew(llm) >> crew(llm)).kickoff_async([{"x": 1}], budget=Budget(usd=0.000_000_5))


def test_real_calls_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may forbid them for processes that are started; what a block says is nearer."""
    monkeypatch.setenv("CREWGRAPH_NO_REAL_CALLS", "the machine says so")
    with pytest.raises(RealCallForbidden, match="the machine says so"):
        check("gpt-5-mini")
    with allow_real_calls(everywhere=True):
        check("gpt-5-mini")


async def test_real_calls() -> None:
    """Real calls can be forbidden and allowed by hand, too."""
    with forbid_real_calls("this is a test"):
        with pytest.raises(RealCallForbidden, match="this is a test"):
            await LiteLLM("gpt-5-mini").complete(asking("hi"))
        with allow_real_calls():
            check("gpt-5-mini")
