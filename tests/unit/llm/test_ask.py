from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import anyio
import pytest
from anyio.lowlevel import checkpoint

from crewgraph.budget import Meter
from crewgraph.errors import (
    BudgetExceeded,
    CassetteError,
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelNotConfigured,
    ModelQuotaExceeded,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    RealCallForbidden,
    WorkStopped,
)
from crewgraph.llm.ask import Asker, policy_for
from crewgraph.llm.intercept import Asked, Outcome, intercepting
from crewgraph.llm.port import Message, Reply, Request, ToolCall
from crewgraph.llm.price import Price
from crewgraph.policy import Budget, Limit, Policy
from crewgraph.scope import Scope
from crewgraph.threads import called
from crewgraph.trace import Event, ModelCallFailed, ModelCallFinished, ModelCallStarted, ModelText
from crewgraph.usage import Account, Call, UsageMetrics
from tests.clocks import between

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

TOOK = UsageMetrics(total_tokens=10, prompt_tokens=7, completion_tokens=3)
HELLO = Request((Message("user", "hello"),))
Act = Callable[[Request], Awaitable[Any]]


class Model:
    """Does one thing after the other, the last one for ever, and notes when it was asked."""

    def __init__(self, *acts: Any, model: str = "m", policy: Policy | None = None, price: Price | None = None) -> None:
        self.model = model
        self.policy = policy
        self.price = price
        self.acts = list(acts) or ["fine"]
        self.asked = list[tuple[float, Request]]()

    async def complete(self, request: Request) -> Reply:
        self.asked.append((anyio.current_time(), request))
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        if callable(act):
            act = await act(request)
        if isinstance(act, BaseException):
            raise act
        return Reply(text=act, usage=TOOK.model_copy(), finish_reason="stop") if isinstance(act, str) else act

    @property
    def gaps(self) -> list[float]:
        """Seconds between the times at which it was asked."""
        times = [at for at, _ in self.asked]
        return [between(sooner, later) for sooner, later in itertools.pairwise(times)]


async def hang(_: Request) -> str:
    await anyio.sleep_forever()
    raise AssertionError


def asker(policy: Policy | None = None, *, events: list[Event] | None = None, **scope: Any) -> Asker:
    around = Scope(emit=None if events is None else events.append, account=Account(), **scope)
    return Asker(scope=around, policy=policy or Policy(), crew="c", task="t", agent="a")


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__.removeprefix("Model") for event in events]


# ---- one answer ------------------------------------------------------------------------------------------------


async def test_an_answer() -> None:
    """The answer comes with who gave it; the call is on the account and told from beginning to end."""
    events, model = list[Event](), Model("hi", price=Price(input=1, output=2))
    asking = asker(events=events)
    reply = await asking.ask(model, HELLO)
    assert (reply.text, reply.model) == ("hi", "m")
    (call,) = asking.scope.account.calls
    assert (call.name, call.crew, call.task, call.agent, call.attempt, call.error) == ("m", "c", "t", "a", 1, None)
    assert (
        call.usage
        == asking.scope.account.usage
        == {**TOOK.model_dump(), "successful_requests": 1}
        | {
            "picodollars": 13_000_000,
            "unpriced_requests": 0,
        }
    )
    started, finished = events
    assert isinstance(started, ModelCallStarted)
    assert isinstance(finished, ModelCallFinished)
    assert started.call == finished.call
    assert (finished.usage, finished.tokens, finished.answer.text) == (call.usage, 10, "hi")


async def test_nobody_listens() -> None:
    """Without an observer a model is not asked for pieces, and everything is charged all the same."""
    model, asking = Model(), asker(wants_text=True)
    await asking.ask(model, HELLO)
    assert model.asked[0][1].on_text is None
    assert len(asking.scope.account.calls) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("", "m: the answer is empty (finish reason: stop)"),
        (Reply(text=" "), "m: the answer is empty"),
        (Reply(text=cast("str", None)), "m: the answer is empty"),
        (cast("Reply", 5), "m: complete() returned a int, not a Reply(text=…)"),
        (cast("Reply", None), "m: complete() returned a NoneType, not a Reply(text=…)"),
    ],
    ids=["empty", "blank", "text is None", "number", "nothing"],
)
async def test_what_is_no_answer(reply: Any, message: str) -> None:
    """An answer that is none is an error that says what it is, and is asked for again."""
    model = Model(reply, reply, "fine")
    asking = asker(Policy(retry_wait=0))
    assert (await asking.ask(model, HELLO)).text == "fine"
    assert [call.error for call in asking.scope.account.calls] == [f"ModelAnswerInvalid: {message}"] * 2 + [None]


async def test_no_text_beside_tool_calls() -> None:
    """A model of the user's may give None for text and usage where it calls tools."""
    calls = (ToolCall("1", "look"),)
    reply = await asker().ask(
        Model(Reply(text=cast("str", None), usage=cast("UsageMetrics", None), calls=calls)), HELLO
    )
    assert (reply.text, reply.calls, reply.usage) == ("", calls, UsageMetrics())


async def test_an_unusable_answer_costs_what_it_cost() -> None:
    """What the model says that an answer cost counts, also where the answer is none."""
    asking = asker(Policy(retries=0))
    with pytest.raises(ModelAnswerInvalid):
        await asking.ask(Model(Reply(text="", usage=TOOK, cost=0.25)), HELLO)
    usage = asking.scope.account.usage
    assert (usage.cost, usage.total_tokens, usage.failed_requests, usage.successful_requests) == (0.25, 10, 1, 0)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_empty_for_a_reason(reason: str) -> None:
    """Where the model says why its answer is empty, asking the same again does not help."""
    model = Model(Reply(text="", finish_reason=reason))
    with pytest.raises(ModelAnswerInvalid, match=reason):
        await asker().ask(model, HELLO)
    assert len(model.asked) == 1


async def test_half_an_answer_is_filtered() -> None:
    """An answer that was filtered is none, also if some of it came through; asking the same again does not help."""
    model = Model(Reply(text="The dose is 10", usage=TOOK, finish_reason="content_filter"))
    asking = asker()
    with pytest.raises(ModelAnswerInvalid, match="m: the answer was filtered"):
        await asking.ask(model, HELLO)
    assert len(model.asked) == 1
    assert asking.scope.account.usage.total_tokens == 10


@pytest.mark.parametrize("fails", [False, True], ids=["answer", "failure"])
async def test_parts_without_a_total(fails: bool) -> None:
    """Where a model reports the parts only, their sum is the total."""
    usage, asking = UsageMetrics(prompt_tokens=7, completion_tokens=3), asker(Policy(retries=0))
    act = ModelUnavailable("half", usage=usage) if fails else Reply(text="x", usage=usage)
    try:
        await asking.ask(Model(act), HELLO)
    except ModelUnavailable:
        assert fails
    assert asking.scope.account.usage.total_tokens == 10


@pytest.mark.parametrize(
    "cut", [Reply(text="{"), Reply(text="look", calls=(ToolCall("1", "look", "{"),))], ids=["shape", "tool"]
)
async def test_cut_json(cut: Reply) -> None:
    """JSON that was cut off is an error that says what helps; asking the same again does not."""
    model, shape = Model(replace(cut, finish_reason="length")), None if cut.calls else UsageMetrics
    with pytest.raises(ModelAnswerInvalid, match="cut off before its JSON ended; raise max_tokens"):
        await asker().ask(model, replace(HELLO, schema=shape))
    assert len(model.asked) == 1


# ---- retries ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ModelUnavailable, ModelTimeout, ModelRateLimited, ModelAnswerInvalid])
async def test_what_may_pass(kind: type[ModelError]) -> None:
    """A failure that may pass is tried again, and the answer of a later attempt counts."""
    asking, model = asker(Policy(retry_wait=0)), Model(kind("no"), kind("no"), "yes")
    assert (await asking.ask(model, HELLO)).text == "yes"
    assert [call.attempt for call in asking.scope.account.calls] == [1, 2, 3]


@pytest.mark.parametrize(
    "error",
    [
        ModelAccessDenied("no"),
        ModelQuotaExceeded("no", retry_after=1),
        ModelRejected("no"),
        ModelError("no"),
        ValueError("a bug in the model"),
        RuntimeError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_final(error: Exception) -> None:
    """A wrong key, a used-up quota, a refused request and a bug are final at once."""
    model = Model(error)
    with pytest.raises(ModelError) as caught:
        await asker(Policy(retries=3)).ask(model, HELLO)
    assert len(model.asked) == 1
    if not isinstance(error, ModelError):
        assert type(caught.value) is ModelError
        assert caught.value.__cause__ is error
        assert str(caught.value).startswith(f"m: {type(error).__name__}")


async def test_backoff() -> None:
    """The wait doubles up to the longest; a random part of it, at least half, is waited."""
    model = Model(ModelUnavailable("gone"))
    with pytest.raises(ModelUnavailable):
        await asker(Policy(retries=6, retry_wait=2, max_retry_wait=20)).ask(model, HELLO)
    for gap, most in zip(model.gaps, [2, 4, 8, 16, 20, 20], strict=True):
        assert most / 2 <= gap <= most + 0.1


async def test_jitter() -> None:
    """Callers that fail together do not come back together."""
    models = [Model(ModelUnavailable("gone"), "ok") for _ in range(8)]
    for model in models:
        await asker(Policy(retry_wait=10)).ask(model, HELLO)
    assert len({round(model.gaps[0], 6) for model in models}) > 1


async def test_retries_are_bounded() -> None:
    """After the last retry the error is raised, with what the crew has spent; the model's own object stays as it was."""
    error = ModelUnavailable("gone", usage=TOOK)
    error.add_note("ask the operator")
    model, asking = Model(error), asker(Policy(retries=2, retry_wait=0))
    for times in (1, 2):
        with pytest.raises(ModelUnavailable) as caught:
            await asking.ask(model, HELLO)
        assert caught.value.usage.failed_requests == 3 * times
        assert caught.value.__notes__ == ["ask the operator"]
    assert error.usage == TOOK
    assert len(model.asked) == 6


async def test_events_of_a_retry() -> None:
    """A failed attempt says when the next one comes; the last one says that there is none."""
    events = list[Event]()
    with pytest.raises(ModelUnavailable):
        await asker(Policy(retries=1, retry_wait=8), events=events).ask(Model(ModelUnavailable("gone")), HELLO)
    assert kinds(events) == ["CallStarted", "CallFailed"] * 2
    first, last = [event for event in events if isinstance(event, ModelCallFailed)]
    assert first.retry_in is not None
    assert 4 <= first.retry_in <= 8
    assert (last.retry_in, last.attempt) == (None, 2)
    assert last.waited >= 4
    assert last.error == "ModelUnavailable: gone"


class TestRetryAfter:
    """What the provider asks for."""

    async def test_counts_where_it_is_longer(self) -> None:
        """The provider's wait replaces a shorter one of ours."""
        model = Model(ModelUnavailable("busy", retry_after=30), "ok")
        await asker(Policy(retry_wait=1)).ask(model, HELLO)
        assert 30 <= model.gaps[0] <= 33.1

    async def test_does_not_shorten(self) -> None:
        """A shorter one does not make us come back sooner."""
        model = Model(ModelUnavailable("busy", retry_after=1), "ok")
        await asker(Policy(retry_wait=20)).ask(model, HELLO)
        assert 10 <= model.gaps[0] <= 20.1

    async def test_too_long(self) -> None:
        """A provider that asks for more than may be waited has failed."""
        model = Model(ModelRateLimited("busy", retry_after=61))
        with pytest.raises(ModelRateLimited):
            await asker().ask(model, HELLO)
        assert len(model.asked) == 1

    @pytest.mark.parametrize("seconds", [math.nan, -5.0, 0.0], ids=str)
    async def test_nonsense(self, seconds: float) -> None:
        """Nonsense does not count."""
        model = Model(ModelRateLimited("busy", retry_after=seconds), "ok")
        await asker(Policy(retry_wait=4)).ask(model, HELLO)
        assert 2 <= model.gaps[0] <= 4.1

    async def test_for_ever(self) -> None:
        """Infinity is longer than anything."""
        with pytest.raises(ModelRateLimited):
            await asker().ask(Model(ModelRateLimited("busy", retry_after=math.inf), "ok"), HELLO)

    @pytest.mark.parametrize("kind", [ModelRateLimited, ModelUnavailable])
    @pytest.mark.parametrize("retries", [0, 1])
    async def test_holds_for_all(self, kind: type[ModelError], retries: int) -> None:
        """While the provider wants a pause nobody in the process calls the model, whether or not who was told retries."""
        busy, other = Model(kind("busy", retry_after=30), "ok"), Model()

        async def first() -> None:
            try:
                await asker(Policy(retries=retries)).ask(busy, HELLO)
            except kind:
                assert not retries

        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            await anyio.sleep(1)
            await asker().ask(other, HELLO)
        assert other.asked[0][0] - start >= 30

    @pytest.mark.parametrize(
        ("error", "waits"),
        [(ModelRateLimited("busy"), True), (ModelUnavailable("gone"), False), (ModelTimeout("slow"), False)],
        ids=["rate limit", "out of order", "timeout"],
    )
    async def test_who_else_waits(self, error: ModelError, waits: bool) -> None:
        """Without a word about when, only too many requests are a reason for others to wait."""
        failing, other = Model(error, "ok"), Model()
        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asker(Policy(retry_wait=20)).ask, failing, HELLO)
            await anyio.sleep(1)
            await asker().ask(other, HELLO)
        assert (other.asked[0][0] - start >= 10) is waits

    async def test_too_long_for_others(self) -> None:
        """A pause that is longer than anybody waits closes the gate for nobody."""
        other, start = Model(), anyio.current_time()
        with pytest.raises(ModelRateLimited):
            await asker().ask(Model(ModelRateLimited("busy", retry_after=4_000)), HELLO)
        await asker().ask(other, HELLO)
        assert other.asked[0][0] - start < 1


# ---- time ------------------------------------------------------------------------------------------------------


async def test_call_timeout() -> None:
    """An attempt that takes too long is given up, its cost is unknown, and the next one may answer."""
    asking, model = asker(Policy(call_timeout=5, retry_wait=0)), Model(hang, "late but fine")
    assert (await asking.ask(model, HELLO)).text == "late but fine"
    assert 5 <= model.gaps[0] < 5.5
    first, second = asking.scope.account.calls
    assert first.error == "ModelTimeout: m: no answer within 5 s"
    assert (first.usage.unpriced_requests, first.usage.failed_requests) == (1, 1)
    assert second.error is None


async def test_the_wait_is_not_the_call() -> None:
    """Waiting for a limit does not count against the time of the call."""
    limited = Policy(call_timeout=5, limit=Limit(requests_per_minute=1))
    model, asking = Model(), asker(limited)
    for _ in range(2):
        await asking.ask(model, HELLO)
    assert model.gaps[0] > 60


async def test_preparing_is_not_the_call() -> None:
    """What a model has to do once before it can be asked does not count against the time of the call."""

    class Prepared(Model):
        async def prepare(self) -> None:
            await anyio.sleep(50)

    assert (await asker(Policy(call_timeout=5, retries=0)).ask(Prepared(), HELLO)).text == "fine"


async def test_long_waits_are_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A call that waited long for its limits says so in the log."""
    monkeypatch.setattr("crewgraph.llm.attempt.LONG", -1)
    with caplog.at_level(logging.INFO, logger="crewgraph"):
        await asker().ask(Model(), HELLO)
    assert "m: a call waited" in caplog.text


async def test_cancelled_by_the_user() -> None:
    """Cancelling is no timeout: it goes through, and what was under way is charged as failed at unknown cost."""
    events = list[Event]()
    asking = asker(Policy(call_timeout=50), events=events)
    with anyio.CancelScope() as scope:
        scope.deadline = anyio.current_time() + 10
        await asking.ask(Model(hang), HELLO)
    assert scope.cancelled_caught
    assert kinds(events) == ["CallStarted", "CallFailed"]
    assert asking.scope.account.usage == {"failed_requests": 1} | {"unpriced_requests": 1, "picodollars": 0}


async def test_cancelled_at_the_deadline() -> None:
    """Also where both come in the same moment."""
    with anyio.CancelScope(deadline=anyio.current_time() + 5) as scope:
        await asker(Policy(call_timeout=5, retries=0)).ask(Model(hang), HELLO)
    assert scope.cancelled_caught


def test_a_cancelled_task_of_asyncio() -> None:
    """A task that is cancelled by asyncio's own means while it waits for the model ends as cancelled."""

    async def main() -> None:
        task = asyncio.create_task(asker(Policy(call_timeout=50)).ask(Model(hang), HELLO))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())


async def test_cancelled_before_its_turn() -> None:
    """Who gives up while waiting for a limit has called nobody: nothing is charged, nothing told."""
    model, limited = Model(), Policy(limit=Limit(requests_per_minute=1))
    await asker(limited).ask(model, HELLO)
    events = list[Event]()
    asking = asker(limited, events=events)
    with anyio.move_on_after(10):
        await asking.ask(model, HELLO)
    assert (asking.scope.account.calls, events, len(model.asked)) == ([], [], 1)


async def test_a_model_that_translates_its_cancellation() -> None:
    """A model that makes an error of its own out of the time limit fails with that error."""

    async def translates(request: Request) -> str:
        try:
            return await hang(request)
        except BaseException as error:
            raise ModelUnavailable("connection closed") from error

    with pytest.raises(ModelUnavailable):
        await asker(Policy(call_timeout=1, retries=0)).ask(Model(translates), HELLO)


@pytest.mark.parametrize("ending", ["answers", "fails"])
async def test_a_model_that_catches_its_cancellation(ending: str) -> None:
    """What a model says or raises after its time is over is a timeout, which is retried; what it took is known."""

    async def catches(request: Request) -> Any:
        try:
            return await hang(request)
        except anyio.get_cancelled_exc_class() as error:
            if ending == "fails":
                raise RuntimeError("own") from error
            return Reply(text="partial", usage=TOOK)

    asking, model = asker(Policy(call_timeout=5, retry_wait=0)), Model(catches, "whole")
    assert (await asking.ask(model, HELLO)).text == "whole"
    first, _ = asking.scope.account.calls
    assert first.error == "ModelTimeout: m: no answer within 5 s"
    assert first.usage.total_tokens == (10 if ending == "answers" else 0)


async def test_an_error_of_a_model_in_time() -> None:
    """An error that is none of ours, in time, is the model's failure."""
    with pytest.raises(ModelError, match="m: RuntimeError: own"):
        await asker(Policy(retries=0)).ask(Model(RuntimeError("own")), HELLO)


# ---- fallbacks -------------------------------------------------------------------------------------------------


class TestFallbacks:
    """Other models, where one gives up."""

    async def test_the_next_one_answers(self) -> None:
        """After the first gave up the next is asked; the reply says who answered, the account shows all."""
        events, first, second = list[Event](), Model(ModelUnavailable("gone")), Model("me", model="second")
        asking = asker(Policy(fallbacks=second, retries=1, retry_wait=0), events=events)
        reply = await asking.ask(first, HELLO)
        assert (reply.text, reply.model) == ("me", "second")
        assert [(call.name, call.attempt) for call in asking.scope.account.calls] == [("m", 1), ("m", 2), ("second", 1)]
        assert kinds(events)[-4:] == ["CallStarted", "CallFailed", "CallStarted", "CallFinished"]

    async def test_nobody_answers(self) -> None:
        """Where all give up, the last error is raised and names the others."""
        models = [Model(ModelAccessDenied(f"{name}: no key"), model=name) for name in ("a", "b", "c")]
        asking = asker(Policy(fallbacks=tuple(models[1:])))
        with pytest.raises(ModelAccessDenied, match="c: no key") as caught:
            await asking.ask(models[0], HELLO)
        assert caught.value.__notes__ == ["before it, a: no key", "before it, b: no key"]
        assert caught.value.usage.failed_requests == 3

    @pytest.mark.parametrize(
        "error", [ModelAccessDenied("x"), ModelQuotaExceeded("x"), ModelRejected("x"), KeyError("x")], ids=repr
    )
    async def test_final_errors_too(self, error: Exception) -> None:
        """What is final for one model need not be for another."""
        reply = await asker(Policy(fallbacks=Model("me", model="b"))).ask(Model(error), HELLO)
        assert reply.model == "b"

    async def test_each_by_its_own_policy(self) -> None:
        """A fallback has its own retries and times, nearer than what is declared for the work."""
        first = Model(ModelUnavailable("gone"), policy=Policy(retries=0))
        second = Model(hang, model="b", policy=Policy(retries=2, retry_wait=0, call_timeout=3))
        with pytest.raises(ModelTimeout, match="within 3 s"):
            await asker(Policy(retries=7, fallbacks=second)).ask(first, HELLO)
        assert (len(first.asked), len(second.asked)) == (1, 3)

    async def test_nearest_declaration(self) -> None:
        """The model's own fallbacks replace those of the work."""
        mine, works = Model("mine", model="mine"), Model("the work's", model="works")
        first = Model(ModelRejected("no"), policy=Policy(fallbacks=mine))
        assert (await asker(Policy(fallbacks=works)).ask(first, HELLO)).model == "mine"
        assert works.asked == []

    async def test_none_on_purpose(self) -> None:
        """An empty list means no fallback, whatever is declared farther away."""
        with pytest.raises(ModelRejected):
            first = Model(ModelRejected("no"), policy=Policy(fallbacks=()))
            await asker(Policy(fallbacks=Model())).ask(first, HELLO)

    async def test_no_circle(self) -> None:
        """Models that name each other as fallbacks are asked once each."""
        one, other = Model(ModelRejected("one")), Model(ModelRejected("other"), model="b")
        one.policy, other.policy = Policy(fallbacks=(other, one, other)), Policy(fallbacks=one)
        with pytest.raises(ModelRejected, match="other"):
            await asker().ask(one, HELLO)
        assert (len(one.asked), len(other.asked)) == (1, 1)

    async def test_by_name(self) -> None:
        """A fallback may be a name, which is resolved as everywhere."""
        reply = await asker(Policy(fallbacks="offline")).ask(Model(ModelRejected("no")), HELLO)
        assert reply.model == "offline"

    async def test_not_for_budgets(self) -> None:
        """A budget that is used up stops the work; another model would cost too."""
        second, meter = Model(model="b"), Meter(Budget(calls=0), "the kickoff")
        with pytest.raises(BudgetExceeded):
            await asker(Policy(fallbacks=second), meters=(meter,)).ask(Model(), HELLO)
        assert second.asked == []


# ---- policy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "work", "retries"),
    [(1, 2, 1), (None, 2, 2), (0, 2, 0), (None, None, 4)],
    ids=["model", "work", "zero", "defaults"],
)
def test_policy_for(model: int | None, work: int | None, retries: int) -> None:
    """The model's own word first, then that of the work, then the defaults."""
    llm = Model(policy=None if model is None else Policy(retries=model))
    assert policy_for(llm, Policy(retries=work)).retries == retries


def test_a_policy_that_is_none() -> None:
    """What a foreign model calls its policy is not taken for one."""
    llm = Model()
    llm.policy = cast("Policy", "be kind")
    assert policy_for(llm, Policy(retries=3)).retries == 3


# ---- pieces ----------------------------------------------------------------------------------------------------


async def speak(request: Request) -> str:
    assert request.on_text is not None
    for piece in ("he", "llo"):
        request.on_text(piece)
        await checkpoint()
    return "hello"


async def stumble(request: Request) -> Exception:
    await speak(request)
    return ModelUnavailable("reset in mid-stream")


async def test_pieces() -> None:
    """The pieces of an answer are events between its beginning and its end, under the same number."""
    events = list[Event]()
    await asker(events=events, wants_text=True).ask(Model(speak), HELLO)
    assert kinds(events) == ["CallStarted", "Text", "Text", "CallFinished"]
    assert [event.text for event in events if isinstance(event, ModelText)] == ["he", "llo"]
    assert len({event.call for event in events if isinstance(event, ModelCallStarted)}) == 1


async def test_pieces_of_a_failed_attempt() -> None:
    """The failure follows its pieces, and the next attempt begins anew under another number."""
    events = list[Event]()
    await asker(Policy(retry_wait=0), events=events, wants_text=True).ask(Model(stumble, speak), HELLO)
    assert kinds(events) == ["CallStarted", "Text", "Text", "CallFailed", "CallStarted", "Text", "Text", "CallFinished"]
    calls = [(event.call, event.attempt) for event in events if isinstance(event, ModelText)]
    assert calls[0] == calls[1] != calls[2] == calls[3]
    assert [attempt for _, attempt in calls] == [1, 1, 2, 2]


async def test_pieces_on_request_only() -> None:
    """Nobody is asked for pieces that nobody wants."""
    model = Model()
    await asker(events=[]).ask(model, HELLO)
    assert model.asked[0][1].on_text is None


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_pieces_from_a_thread(anyio_backend: str) -> None:
    """A model that works in a thread may tell its pieces there; they arrive at the observer, in order."""

    async def speaks_in_a_thread(request: Request) -> str:
        assert request.on_text is not None
        for piece in "abc":
            await called(request.on_text, piece)
        return "abc"

    threaded = Model(speaks_in_a_thread, model="threaded")
    events = list[Event]()
    await asker(events=events, wants_text=True).ask(threaded, HELLO)
    assert [event.text for event in events if isinstance(event, ModelText)] == ["a", "b", "c"]


# ---- budgets, interceptors, work that was stopped --------------------------------------------------------------


@pytest.mark.parametrize("shape", [None, UsageMetrics], ids=["text", "shape"])
async def test_cut_by_a_budget(shape: Any) -> None:
    """An answer that is cut because a budget is nearly used up is the budget's error, and is charged."""
    meter = Meter(Budget(tokens=60), "the kickoff") if shape is None else Meter(Budget(tokens=500), "the kickoff")
    model = Model(Reply(text='{"total', usage=TOOK, finish_reason="length"))
    asking = asker(meters=(meter,))
    with pytest.raises(BudgetExceeded, match="the last answer did not fit; spent: 10 tokens"):
        await asking.ask(model, replace(HELLO, schema=shape))
    assert len(model.asked) == 1
    assert asking.scope.account.usage.total_tokens == 10


async def test_a_call_that_never_began_is_none_of_the_allowed() -> None:
    """Who gives up while it waits for a limit gives its place in the budget back."""
    meter, limited = Meter(Budget(calls=2), "the kickoff"), Policy(limit=Limit(requests_per_minute=1))
    model, asking = Model(), asker(limited, meters=(meter,))
    await asking.ask(model, HELLO)
    with anyio.move_on_after(10):
        await asking.ask(model, HELLO)
    await asking.ask(model, HELLO)
    with pytest.raises(BudgetExceeded, match="no further call is allowed"):
        await asking.ask(model, HELLO)
    assert len(model.asked) == 2


async def test_work_that_was_stopped() -> None:
    """A thread that goes on after its node was stopped gets no further call, and takes nobody's place."""
    asking, model, fallback = asker(Policy(limit=Limit(concurrency=1), fallbacks="offline")), Model(), Model()
    asking.scope.account.stop()
    with pytest.raises(WorkStopped, match="m is not asked"):
        await asking.ask(model, HELLO)
    assert (model.asked, asking.scope.account.calls) == ([], [])
    await asker(Policy(limit=Limit(concurrency=1))).ask(fallback, HELLO)


async def test_an_error_that_is_no_answer() -> None:
    """Where a call is not allowed at all, nobody retries, nobody else is asked, and nothing was spent."""
    events, fallback = list[Event](), Model(model="b")
    asking = asker(Policy(fallbacks=fallback), events=events)
    with pytest.raises(RealCallForbidden):
        await asking.ask(Model(RealCallForbidden("not here")), HELLO)
    assert kinds(events) == ["CallStarted", "CallFailed"]
    assert asking.scope.account.usage == {"failed_requests": 1} | {"unpriced_requests": 0, "picodollars": 0}
    assert fallback.asked == []


@pytest.mark.parametrize("answer", ["fine", ModelUnavailable("gone", usage=TOOK)], ids=["answered", "failed"])
async def test_an_interceptor_that_fails_afterwards(answer: Any) -> None:
    """Where an answer cannot be recorded the work stops, and what it took is charged all the same."""

    class Full:
        async def answer(self, asked: Asked) -> Outcome:
            await asked.proceed()
            raise CassetteError("the disk is full")

    events = list[Event]()
    asking = asker(events=events)
    with intercepting(Full()), pytest.raises(CassetteError):
        await asking.ask(Model(answer), HELLO)
    assert asking.scope.account.usage.total_tokens == 10
    assert kinds(events) == ["CallStarted", "CallFailed"]


class Stored:
    """Gives what it has instead of the model, charged or not."""

    def __init__(self, *results: Any, is_charged: bool = True) -> None:
        self.results = list(results)
        self.is_charged = is_charged

    async def answer(self, asked: Asked) -> Outcome:
        async def stored() -> Outcome:
            result = self.results.pop(0)
            if callable(result):
                result = await result(asked.request)
            return Outcome(result, usage=TOOK.model_copy(), source="cassette")

        return await (asked.counted(stored) if self.is_charged else stored())


async def test_a_stored_answer() -> None:
    """What an interceptor answers is charged and told like the model's, with where it comes from."""
    events, model = list[Event](), Model()
    asking = asker(events=events, wants_text=True)
    with intercepting(Stored(Reply(text="old"))):
        assert (await asking.ask(model, HELLO)).text == "old"
    assert kinds(events) == ["CallStarted", "Text", "CallFinished"]
    (call,) = asking.scope.account.calls
    assert (call.source, call.usage.total_tokens, model.asked) == ("cassette", 10, [])


async def test_stored_failures_are_not_waited_for() -> None:
    """A failure that is repeated from a recording makes nobody wait: no provider needs the rest."""
    model, start = Model(), anyio.current_time()
    stored = Stored(ModelRateLimited("busy", retry_after=30), ModelUnavailable("gone"), Reply(text="ok"))
    asking = asker(Policy(retry_wait=20))
    with intercepting(stored):
        assert (await asking.ask(model, HELLO)).text == "ok"
    await asker().ask(model, HELLO)
    assert between(start, anyio.current_time()) < 1
    assert [call.source for call in asking.scope.account.calls] == ["cassette"] * 3


async def test_stored_failures_give_up_too() -> None:
    """Recorded failures count as attempts."""
    with intercepting(Stored(*[ModelUnavailable("gone")] * 3)), pytest.raises(ModelUnavailable):
        await asker(Policy(retries=2)).ask(Model(), HELLO)


async def test_stored_answers_pass_the_budget() -> None:
    """A recorded answer that a budget has no room for is not given; one that was cut by a budget says so."""
    with intercepting(Stored(Reply(text="x"))), pytest.raises(BudgetExceeded):
        await asker(meters=(Meter(Budget(calls=0), "the kickoff"),)).ask(Model(), HELLO)
    cut = Reply(text="x", finish_reason="length")
    with intercepting(Stored(cut)), pytest.raises(BudgetExceeded, match="did not fit"):
        await asker(meters=(Meter(Budget(tokens=60), "the kickoff"),)).ask(Model(), HELLO)


async def test_a_stored_answer_that_cannot_be_read() -> None:
    """A recording that breaks off is an error of its own, and leaves nothing reserved."""
    meter = Meter(Budget(calls=5), "the kickoff")

    async def broken(_: Request) -> Reply:
        raise CassetteError("line 3")

    asking = asker(meters=(meter,))
    with intercepting(Stored(broken)), pytest.raises(CassetteError):
        await asking.ask(Model(), HELLO)
    assert asking.scope.account.calls == []


async def test_a_stored_answer_that_is_cancelled() -> None:
    """A recorded answer that takes its time may be cancelled, and is an attempt then."""
    asking = asker()
    with intercepting(Stored(hang)), anyio.move_on_after(3):
        await asking.ask(Model(), HELLO)
    calls: list[Call] = asking.scope.account.calls
    assert [call.usage.failed_requests for call in calls] == [1]


async def test_not_charged() -> None:
    """What a cache gives without charge is told, with its source."""
    asking = asker()
    with intercepting(Stored(Reply(text="x"), is_charged=False)):
        await asking.ask(Model(), HELLO)
    assert asking.scope.account.calls[0].source == "cassette"


async def test_nobody_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fallback that the environment should name and does not is an error of its own."""
    policy = Policy.model_construct(fallbacks=(None,))
    with pytest.raises(ModelNotConfigured):
        await asker(policy).ask(Model(ModelRejected("no")), HELLO)
