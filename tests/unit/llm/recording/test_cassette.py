from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import crewgraph
from crewgraph import Budget, Pipeline, Policy, Price, Router, record, replay, step
from crewgraph.errors import (
    BudgetExceeded,
    CassetteError,
    CassetteMiss,
    KickoffError,
    ModelAnswerInvalid,
    ModelError,
    ModelRateLimited,
    ModelUnavailable,
    NodeError,
)
from crewgraph.llm import Reply, ask
from crewgraph.llm.ask import Asker
from crewgraph.llm.port import Request
from crewgraph.llm.recording import cassette
from crewgraph.llm.secrets import MASKED
from crewgraph.scope import Scope
from crewgraph.testing import FailingLLM, ScriptedLLM, SlowLLM, call
from crewgraph.testing.double import Double
from crewgraph.trace import Event, ModelCallFailed, ModelCallFinished, ModelText
from crewgraph.usage import UsageMetrics
from tests.unit.llm.cassettes import HEADER, LINE, Dead, ask_one, asking, content, crew, facts, lines, put

pytestmark = pytest.mark.anyio


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


# ---- recording and replaying ---------------------------------------------------------------------------------------


async def test_there_and_back(tape: Path) -> None:
    """What was recorded is answered again, without the model."""
    with record(tape) as recorded:
        assert await ask_one(ScriptedLLM("ho", model="m")) == "ho"
    with replay(tape) as replayed:
        assert await ask_one(Dead(model="m")) == "ho"
    assert (recorded.recorded, recorded.replayed, recorded.misses) == (1, 0, 0)
    assert (replayed.recorded, replayed.replayed, replayed.unused) == (0, 1, ())
    assert repr(replayed) == f"<cassette {tape}: replay, 0 recorded, 1 replayed>"


async def test_the_file(tape: Path) -> None:
    """The file is a line that says what it is, and a line of readable JSON for each call."""
    with record(tape):
        await ask_one(ScriptedLLM("hö", model="m", price=Price(input=1, output=2)))
    assert content(tape) == (
        f'{HEADER}\n{{"request":{{"model":"m","messages":[{{"role":"user","content":"hi"}}]}},'
        '"reply":{"text":"hö","finish_reason":"stop"},"usage":{"total_tokens":10,"prompt_tokens":7,'
        '"completion_tokens":3,"successful_requests":1,"picodollars":13000000}}\n'
    )


def pipeline(llm: Any) -> Pipeline:
    """Two branches, a router, and a crew behind it."""
    high = crew("high", llm, "handle {x}")
    router = Router(routes={}, default=Pipeline(stages=[high]))
    return crew("first", llm) >> [crew("left", llm, "left {x}"), crew("right", llm, "right {x}")] >> router


class Numbering(Double):
    """A model whose answers depend on the order of the calls, and which fails when it is asked something new."""

    async def reply(self, request: Request) -> Reply:
        if self.requests.count(request) == 1:
            raise ModelUnavailable("down", status=503, retry_after=0.001)
        tokens = UsageMetrics(total_tokens=self.asked, prompt_tokens=self.asked)
        return Reply(text=f"answer {self.asked}", usage=tokens, finish_reason="stop")


async def test_whole_kickoff(tape: Path) -> None:
    """A kickoff that is replayed gives equal results, traces, usage and cost, with a model that cannot answer."""
    inputs = [{"x": number} for number in range(6)]
    with record(tape):
        live = await pipeline(Numbering(model="m", price=Price(input=3, output=5))).kickoff_async(inputs)
    with replay(tape, use_all=True):
        played = await pipeline(Dead(model="m")).kickoff_async(inputs)
    assert facts(played) == facts(live)
    calls = [each for run in played for span in run.spans for each in span.calls]
    assert {each.source for each in calls} == {"cassette"}
    assert sum(each.error is not None for each in calls) == len(calls) / 2


def test_synchronous(tape: Path) -> None:
    """Synchronous kickoffs, several of them, are recorded and replayed."""
    with record(tape):
        live = [crew("a", ScriptedLLM("1", "2", model="m")).kickoff({"x": x}).raw for x in (1, 2)]
    with replay(tape):
        played = [crew("a", Dead(model="m")).kickoff({"x": x}).raw for x in (1, 2)]
    assert played == live == ["1", "1"]


async def test_stream(tape: Path) -> None:
    """What runs in the background of a stream is recorded."""
    with record(tape):
        _ = [run async for run in pipeline(ScriptedLLM("x", repeat=True, model="m")).stream([{"x": 1}])]
    with replay(tape, use_all=True):
        (run,) = [run async for run in pipeline(Dead(model="m")).stream([{"x": 1}])]
    assert run.raw == "x"


async def test_worker_threads(tape: Path) -> None:
    """A crew that a synchronous step runs, in a worker thread and an event loop of its own, is recorded."""

    def pipe(llm: Any) -> Pipeline:
        @step
        def inner(x: int) -> str:
            return crew("inner", llm).kickoff({"x": x}).raw

        return inner >> crew("outer", llm, "then {inner}")

    with record(tape):
        live = await pipe(ScriptedLLM("a", "b", model="m")).kickoff_async([{"x": 1}])
    with replay(tape, use_all=True):
        played = await pipe(Dead(model="m")).kickoff_async([{"x": 1}])
    assert live[0].raw == played[0].raw == "b"


def test_everywhere(tape: Path) -> None:
    """A thread that the user starts has a context of its own: it is recorded where the cassette is for everywhere."""

    def in_thread(llm: Any) -> list[str]:
        said = list[str]()
        thread = threading.Thread(target=lambda: said.append(crew("a", llm).kickoff({"x": 1}).raw))
        thread.start()
        thread.join()
        return said

    with record(tape) as here:
        in_thread(ScriptedLLM("1", model="m"))
    assert here.recorded == 0
    with record(tape, everywhere=True):
        in_thread(ScriptedLLM("1", model="m"))
    with replay(tape, everywhere=True, use_all=True):
        assert in_thread(Dead(model="m")) == ["1"]


async def test_only_inside(tape: Path) -> None:
    """What is called before, after or beside the ``with`` is not recorded."""
    llm = ScriptedLLM("x", repeat=True, model="m")
    beside, may_end = anyio.Event(), anyio.Event()

    async def elsewhere() -> None:
        await beside.wait()
        await ask_one(llm, "beside")
        may_end.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(elsewhere)
        await ask_one(llm, "before")
        with record(tape) as recorded:
            await ask_one(llm, "inside")
            beside.set()
            await may_end.wait()
        await ask_one(llm, "after")
    assert recorded.recorded == 1


async def test_tool_calls(tape: Path) -> None:
    """Tool calls of a model are recorded with their arguments, and replayed."""
    with record(tape):
        live = await Asker(scope=Scope(), policy=Policy()).ask(ScriptedLLM(call("add", a=1), model="m"), asking())
    with replay(tape):
        played = await Asker(scope=Scope(), policy=Policy()).ask(Dead(model="m"), asking())
    assert played.calls == live.calls
    assert played.finish_reason == "tool_calls"


async def test_text_of_a_replay_is_told(tape: Path) -> None:
    """Whoever listens for pieces of answers gets the text of a replayed one."""
    with record(tape):
        await ask_one(ScriptedLLM("ho", model="m"))
    events = list[Event]()
    with replay(tape):
        await ask_one(Dead(model="m"), scope=Scope(emit=events.append, wants_text=True))
    assert [type(event).__name__ for event in events] == ["ModelCallStarted", "ModelText", "ModelCallFinished"]
    _, piece, finished = events
    assert isinstance(piece, ModelText)
    assert isinstance(finished, ModelCallFinished)
    assert (piece.text, finished.source) == ("ho", "cassette")


# ---- equal requests ------------------------------------------------------------------------------------------------


async def test_equal_requests(tape: Path) -> None:
    """The k-th time that something is asked it gets the k-th answer; once more is a miss that says so."""
    with record(tape):
        llm = ScriptedLLM("1", "2", model="m")
        await ask_one(llm)
        await ask_one(llm)
    with replay(tape):
        assert [await ask_one(Dead(model="m")), await ask_one(Dead(model="m"))] == ["1", "2"]
        with pytest.raises(
            CassetteMiss, match=r"is recorded 2× and was asked once more:\n.*\n.*\nhi\nhint: .*repeat=True"
        ):
            await ask_one(Dead(model="m"))


async def test_repeat(tape: Path) -> None:
    """With ``repeat`` the last answer is given again and again; what was never recorded is still a miss."""
    with record(tape):
        await ask_one(ScriptedLLM("1", model="m"))
    with replay(tape, repeat=True) as played:
        assert [await ask_one(Dead(model="m")) for _ in range(3)] == ["1", "1", "1"]
        with pytest.raises(CassetteMiss):
            await ask_one(Dead(model="m"), "something else")
    assert (played.replayed, played.misses) == (3, 1)


async def test_equal_requests_side_by_side(tape: Path) -> None:
    """Of equal requests under way together the order of asking counts, not that of answering."""
    first_may_end = anyio.Event()

    async def late(request: Request) -> str:
        await first_may_end.wait()
        return "late"

    llm = ScriptedLLM(late, "early", model="m")
    with record(tape):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_one, llm)
            while not llm.asked:
                await anyio.lowlevel.checkpoint()
            assert await ask_one(llm) == "early"
            first_may_end.set()
    with replay(tape):
        assert [await ask_one(Dead(model="m")), await ask_one(Dead(model="m"))] == ["late", "early"]


async def test_many_at_once(tape: Path) -> None:
    """Many calls in many threads are recorded whole, none lost and none torn."""
    llm = ScriptedLLM(lambda request: "x" * 5_000, repeat=True, model="m")

    def several(start: int) -> None:
        async def go() -> None:
            async with anyio.create_task_group() as tasks:
                for number in range(25):
                    tasks.start_soon(ask_one, llm, f"{start} {number}")

        anyio.run(go)

    with record(tape, everywhere=True):
        threads = [threading.Thread(target=several, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await anyio.to_thread.run_sync(thread.join)
    asked = {line["request"]["messages"][0]["content"] for line in lines(tape)[1:]}
    assert asked == {f"{start} {number}" for start in range(4) for number in range(25)}


# ---- misses --------------------------------------------------------------------------------------------------------


async def test_miss(tape: Path) -> None:
    """A miss fails the run, without retries and fallbacks, and shows the nearest request and the way out."""
    with record(tape):
        await crew("a", ScriptedLLM("1", model="m"), "sort the mail of {x}").kickoff_async({"x": "Ada"})
    spare = ScriptedLLM("no", model="spare")
    with replay(tape), pytest.raises(CassetteMiss) as caught:
        work = crew("a", Dead(model="m"), "sort the mail of {x}", policy=Policy(fallbacks=spare))
        await work.kickoff_async({"x": "Bob"})
    assert str(caught.value) == (
        f"{tape}: there is no recorded answer to this request. The nearest one:\n--- recorded\n+++ asked\n"
        "@@ -4,2 +4,2 @@\n [user]\n-sort the mail of Ada\n+sort the mail of Bob\n"
        f"hint: record it: with crewgraph.record({str(tape)!r}, only_missing=True): … asks the model for what the "
        "cassette lacks, and adds that"
    )
    assert not isinstance(caught.value, ModelError)
    assert spare.asked == 0


async def test_miss_in_a_pipeline(tape: Path) -> None:
    """In a pipeline a miss is the error of its run; the other runs go on."""
    with record(tape):
        await pipeline(ScriptedLLM("x", repeat=True, model="m")).kickoff_async([{"x": 1}])
    with replay(tape), pytest.raises(KickoffError) as caught:
        await pipeline(Dead(model="m")).kickoff_async([{"x": 1}, {"x": 2}])
    ((index, error),) = caught.value.failures
    assert index == 1
    assert isinstance(error, NodeError)
    assert isinstance(error.cause, CassetteMiss)


async def test_miss_in_an_empty_cassette(tape: Path) -> None:
    """Where nothing is recorded the request itself is shown."""
    put(tape, HEADER + "\n")
    with replay(tape), pytest.raises(CassetteMiss, match=r'request\. model: "m"\n\[user\]\nhi\nhint'):
        await ask_one(Dead(model="m"))


async def test_many_misses(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first misses are compared with everything, for that takes time."""
    monkeypatch.setattr(cassette, "MAX_EXPLAINED", 1)
    put(tape, f"{HEADER}\n{LINE}\n")
    with replay(tape) as played:
        with pytest.raises(CassetteMiss, match="nearest one"):
            await ask_one(Dead(model="m"), "a")
        with pytest.raises(CassetteMiss) as caught:
            await ask_one(Dead(model="m"), "b")
    assert "nearest" not in str(caught.value)
    assert played.misses == 2


async def test_unused(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that nobody asked for are listed, and an error where all are to be used."""
    monkeypatch.setattr(cassette, "MAX_NAMED", 1)
    with record(tape):
        for about in ("a", "b", "c " * 60):
            await ask_one(ScriptedLLM("x", model="m"), about)
    with replay(tape) as played:
        await ask_one(Dead(model="m"), "a")
        assert [str(each) for each in played.unused] == ["line 3: m: 'b'", f"line 4: m: {'c ' * 29 + 'c…'!r}"]
    message = r"2 of its answers were not asked for:\n  line 3: m: 'b'\n  … and 1 more"
    with pytest.raises(CassetteError, match=message), replay(tape, use_all=True):
        await ask_one(Dead(model="m"), "a")


async def test_unused_after_a_failure(tape: Path) -> None:
    """An exception in the ``with`` is not covered by one about unused answers."""
    put(tape, f"{HEADER}\n{LINE}\n")
    with pytest.raises(ZeroDivisionError), replay(tape, use_all=True):
        raise ZeroDivisionError


# ---- failures ------------------------------------------------------------------------------------------------------


async def test_failures(tape: Path) -> None:
    """A failure is recorded with all that matters about it, and replayed without asking the model or waiting."""
    error = ModelRateLimited("slow down", model="m", status=429, retry_after=0.01)
    error.add_note("a note")
    with record(tape), pytest.raises(ModelRateLimited):
        await ask_one(FailingLLM(error, model="m"), policy=Policy(retries=0))
    with replay(tape), pytest.raises(ModelRateLimited, match="slow down") as caught:
        await ask_one(Dead(model="m"), policy=Policy(retries=0))
    played = caught.value
    assert (played.model, played.status, played.retry_after, played.is_transient) == ("m", 429, 0.01, True)
    assert played.__notes__ == ["a note"]
    assert lines(tape)[1]["error"]["kind"] == "ModelRateLimited"


async def test_retries_do_not_wait(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries of a replay come at once, however long the provider had asked to wait, and nobody else has to wait."""
    waited = list[float]()
    errors = [ModelRateLimited("a", status=429, retry_after=20.0), ModelUnavailable("b", retry_after=10.0)]
    llm = FailingLLM(*errors, times=2, then="at last", model="waits")

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(ask.anyio, "sleep", sleep)
    monkeypatch.setattr(ask, "gate_of", lambda llm: Gate())
    closed = list[float]()

    class Gate:
        def close_for(self, seconds: float, shared: object = None) -> None:
            closed.append(seconds)

    with record(tape):
        assert await ask_one(llm) == "at last"
    assert [seconds >= 10 for seconds in waited] == [True, True]
    assert closed
    waited.clear()
    closed.clear()
    events = list[Event]()
    with replay(tape):
        assert await ask_one(Dead(model="waits"), scope=Scope(emit=events.append)) == "at last"
    assert (waited, closed) == ([0.0, 0.0], [])
    assert [event.retry_in for event in events if isinstance(event, ModelCallFailed)] == [0.0, 0.0]


async def test_other_errors(tape: Path) -> None:
    """Whatever a model raises is recorded as the failure of a model that it is taken for."""

    class OursError(ModelAnswerInvalid):
        is_transient = False

    for error, told in ((OursError("odd"), "odd"), (KeyError("k"), "m: KeyError: 'k'")):
        with record(tape), pytest.raises(ModelError):
            await ask_one(FailingLLM(error, model="m"), policy=Policy(retries=0))
        with replay(tape, use_all=True), pytest.raises(ModelError) as caught:
            await ask_one(Dead(model="m"))
        assert str(caught.value) == told


async def test_failures_are_new_each_time(tape: Path) -> None:
    """Two runs that fail with the same recording do not share an exception."""
    with record(tape), pytest.raises(ModelError):
        await ask_one(FailingLLM(model="m"), policy=Policy(retries=0))
    caught = list[ModelError]()
    with replay(tape, repeat=True):
        for _ in range(2):
            with pytest.raises(ModelError) as error:
                await ask_one(Dead(model="m"), policy=Policy(retries=0))
            caught.append(error.value)
    assert caught[0] is not caught[1]


async def test_fallbacks(tape: Path) -> None:
    """A fallback is recorded under its own name and comes into play again."""
    with record(tape):
        spare = ScriptedLLM("saved", model="spare")
        await ask_one(FailingLLM(model="m"), policy=Policy(retries=0, fallbacks=spare))
    with replay(tape, use_all=True):
        dead = Policy(retries=0, fallbacks=Dead(model="spare"))
        assert await ask_one(Dead(model="m"), policy=dead) == "saved"


@pytest.mark.virtual_time
async def test_cancelled(tape: Path) -> None:
    """A call that was cancelled is recorded as that, and waits in a replay for being cancelled again, and is charged."""
    live, played = Scope(), Scope()
    with record(tape):
        with anyio.move_on_after(0.02):
            await ask_one(SlowLLM(60, model="m"), scope=live)
    assert lines(tape)[1]["cancelled"] is True
    with replay(tape):
        with anyio.move_on_after(0.02):
            await ask_one(Dead(model="m"), scope=played)
    assert played.account.usage == live.account.usage
    assert played.account.usage.failed_requests == 1


@pytest.mark.virtual_time
async def test_cancelled_and_nobody_cancels(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nobody cancels it then, it is a miss, after a while."""
    monkeypatch.setattr(cassette, "GRACE", 0.0)
    with record(tape), anyio.move_on_after(0.02):
        await ask_one(SlowLLM(60, model="m"))
    with replay(tape), pytest.raises(CassetteMiss, match=r"line 2: when this call was recorded it was cancelled"):
        await ask_one(Dead(model="m"))


@pytest.mark.virtual_time
async def test_cancelled_and_made_again(tape: Path) -> None:
    """Recording what is missing makes a cancelled call again; a replay then has its answer."""
    with record(tape), anyio.move_on_after(0.02):
        await ask_one(SlowLLM(30, model="m"), "hi")
    with record(tape, only_missing=True) as again:
        assert await ask_one(ScriptedLLM("hello", model="m"), "hi") == "hello"
    assert (again.recorded, len(lines(tape))) == (1, 3)
    with replay(tape, use_all=True):
        assert await ask_one(Dead(model="m"), "hi") == "hello"


@pytest.mark.virtual_time
async def test_cancelled_before_it_began(tape: Path) -> None:
    """What was cancelled while it still waited for its turn is no call, and not recorded."""
    limited = Policy(limit=crewgraph.Limit(concurrency=1))
    llm = SlowLLM(60, model="one at a time")
    with record(tape), anyio.move_on_after(0.02):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(lambda: ask_one(llm, policy=limited))
    assert len(lines(tape)) == 2


# ---- money ---------------------------------------------------------------------------------------------------------


async def test_cost_as_recorded(tape: Path) -> None:
    """Usage and cost are those of the recording, whatever the model that is asked now would cost."""
    reply = Reply(text="x", usage=UsageMetrics(total_tokens=5, prompt_tokens=5), cost=0.000_000_123_456)
    for llm in (ScriptedLLM(reply, model="m"), ScriptedLLM("x", model="m")):
        live, played = Scope(), Scope()
        with record(tape):
            await ask_one(llm, scope=live)
        with replay(tape):
            await ask_one(Dead(model="m", price=Price(input=9, output=9)), scope=played)
        assert played.account.usage == live.account.usage
    assert live.account.usage.cost is None


@pytest.mark.parametrize("limit", [Budget(calls=2), Budget(tokens=25), Budget(usd=0.0000345)])
async def test_budgets_count(tape: Path, limit: Budget) -> None:
    """A budget stops a replay where it stopped the recording."""
    price = Price(input=1, output=2)

    async def results(llm: Any) -> Any:
        pipe = crew("a", llm, "1 {x}") >> crew("b", llm, "2 {x}") >> crew("c", llm, "3 {x}") >> crew("d", llm, "4 {x}")
        return await pipe.kickoff_async([{"x": 1}], budget=limit, on_error="collect")

    with record(tape):
        live = await results(ScriptedLLM("x", repeat=True, model="m", price=price, max_tokens=3))
    with replay(tape, use_all=True):
        played = await results(Dead(model="m", price=price, max_tokens=3))
    assert facts(played) == facts(live)
    assert isinstance(played[0].error.__cause__, BudgetExceeded)


async def test_cut_short_by_a_budget(tape: Path) -> None:
    """An answer that a budget had cut is cut in the replay too."""

    def cut(request: Request) -> Reply:
        used = UsageMetrics(total_tokens=20, prompt_tokens=10, completion_tokens=10)
        return Reply(text="long sto", usage=used, finish_reason="length" if request.max_tokens else "stop")

    async def run(llm: Any) -> Any:
        pipe = Pipeline(stages=[crew("a", llm, "tell {x}")])
        return await pipe.kickoff_async([{"x": 1}], budget=Budget(tokens=200), on_error="collect")

    with record(tape):
        live = await run(ScriptedLLM(cut, model="m"))
    with replay(tape, use_all=True):
        played = await run(Dead(model="m"))
    assert facts(played) == facts(live)
    assert isinstance(played[0].error.__cause__, BudgetExceeded)


# ---- what is missing -----------------------------------------------------------------------------------------------


async def test_only_missing(tape: Path) -> None:
    """What the file holds is answered from it; the rest is asked, and added."""
    with record(tape):
        await ask_one(ScriptedLLM("old", model="m"), "a")
    with record(tape, only_missing=True) as both:
        llm = ScriptedLLM("new", "newer", model="m")
        assert [await ask_one(llm, about) for about in ("a", "b", "a")] == ["old", "new", "newer"]
    assert (both.recorded, both.replayed) == (2, 1)
    with replay(tape, use_all=True):
        dead = Dead(model="m")
        assert [await ask_one(dead, about) for about in ("a", "b", "a")] == ["old", "new", "newer"]


async def test_only_missing_without_a_file(tape: Path) -> None:
    """Where there is no file yet, all is missing; folders are made."""
    path = tape.parent / "new" / "folder" / "tape.jsonl"
    with record(path, only_missing=True):
        await ask_one(ScriptedLLM("1", model="m"))
    with replay(path):
        assert await ask_one(Dead(model="m")) == "1"


# ---- secrets -------------------------------------------------------------------------------------------------------


async def test_no_secrets(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that looks like a key reaches the file: not from parameters, questions, answers, tools or errors."""
    key, password = "sk-" + "a1B2" * 8, "correct horse battery staple"
    monkeypatch.setenv("DATABASE_PASSWORD", password)
    said = f"{key} and {password}"
    llm = ScriptedLLM(
        said, call("t", said=said), ModelUnavailable(said), model="m", parameters={"api_key": "short", "user": said}
    )
    policy = Policy(retries=0)
    with record(tape):
        await ask_one(llm, said)
        await ask_one(llm, said)
        with pytest.raises(ModelUnavailable):
            await ask_one(llm, said, policy=policy)
    text = content(tape)
    assert "short" not in text
    assert key not in text
    assert password not in text
    assert text.count(f"{MASKED} and {MASKED}") == 9
    with replay(tape):
        assert await ask_one(Dead(model="m", parameters={"user": said}), said) == f"{MASKED} and {MASKED}"


async def test_redact(tape: Path) -> None:
    """What is redacted is neither stored nor told apart: another name is the same request."""

    def nameless(text: str) -> str:
        return text.replace("Ada", "X").replace("Bob", "X")

    with record(tape, redact=nameless):
        assert await ask_one(ScriptedLLM("Dear Ada", model="m"), "to Ada") == "Dear Ada"
    assert "Ada" not in content(tape)
    with replay(tape, redact=nameless):
        assert await ask_one(Dead(model="m"), "to Bob") == "Dear X"


@pytest.mark.parametrize(
    ("redact", "message"),
    [
        pytest.param(lambda text: None, "redact= returned None, not the text", id="returns-nothing"),
        pytest.param(lambda text: 1 / 0, "redact= failed: ZeroDivisionError", id="raises"),
    ],
)
async def test_bad_redact(tape: Path, redact: Callable[[str], Any], message: str) -> None:
    """A redact that fails stops the work before the model is asked."""
    llm = ScriptedLLM("x", model="m")
    with record(tape, redact=redact), pytest.raises(CassetteError, match=message):
        await ask_one(llm)
    assert llm.asked == 0


def test_redact_is_a_function(tape: Path) -> None:
    """Something else than a function is refused at once."""
    with pytest.raises(TypeError, match=r"redact= is a function .* not 'x'"):
        record(tape, redact="x")  # type: ignore[arg-type]
