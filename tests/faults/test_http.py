"""Whole pipelines against a server that misbehaves: each fault ends in a typed error with the spend so far, or is mended.

What is asserted every time: the class of the error, what had been spent, how many requests the server has seen, and that
no fault ends in a success with a wrong answer.
"""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from crewgraph import Agent, Crew, Pipeline, Task
from crewgraph.errors import (
    DeadlineExceeded,
    KickoffError,
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelQuotaExceeded,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    NodeError,
    OutputInvalid,
)
from crewgraph.policy import Policy
from crewgraph.threads import Home
from crewgraph.trace import ModelCallFailed, ModelText
from tests.clocks import jump
from tests.faults.server import (
    USAGE,
    Act,
    Connection,
    Server,
    closed,
    completion,
    cut,
    delta,
    hang,
    hang_in_body,
    raw,
    refused,
    reset,
    reset_in_body,
    said,
    short_body,
    streamed,
    tool_call,
)

pytestmark = pytest.mark.anyio

RETRIES = 2
QUICK = Policy(retries=RETRIES, retry_wait=0.001, call_timeout=20)
PLAN = "You exceeded your current quota, please check your plan and billing details."


class Total(BaseModel):
    total: int


def pipeline(llm: Any, *, tasks: int = 1, **task: Any) -> Pipeline:
    """A crew of one agent; its last task has the options."""
    first = [Task(name=f"t{number}", description=f"Task {number} of {{n}}.") for number in range(tasks - 1)]
    last = Task(name="last", description="The last task of {n}.", **task)
    return Pipeline(stages=[Crew(name="c", agents=[Agent(role="A", llm=llm)], tasks=[*first, last])])


async def outcome(flow: Pipeline, *, streamed: bool, observer: Any = lambda _: None, **options: Any) -> Any:
    """One run, and whatever it came to."""
    result = await flow.kickoff_async({"n": 1}, on_error="collect", text=streamed, observer=observer, **options)
    return result[0]


def failure(run: Any, server: Server) -> ModelError:
    """The error of a run that failed; all its attempts are accounted for."""
    assert run.status == "failed"
    assert isinstance(run.error, NodeError)
    error = run.error.cause
    assert isinstance(error, ModelError)
    assert error.usage.requests == len(server.requests), "every request is counted, and there are no hidden ones"
    assert run.usage == error.usage
    return error


def streams_of(server: Server) -> set[bool]:
    """Whether the requests that the server has seen were streamed."""
    return {bool(sent.get("stream")) for sent in server.requests}


PASSING = [
    pytest.param(refused(500), ModelUnavailable, id="500"),
    pytest.param(raw(b"<html>bad gateway</html>", status=502, kind="text/html"), ModelUnavailable, id="502 in HTML"),
    pytest.param(refused(503), ModelUnavailable, id="503"),
    pytest.param(refused(429, headers={"retry-after": "0.01"}), ModelRateLimited, id="429"),
    pytest.param(refused(408), ModelTimeout, id="408"),
    pytest.param(refused(504), ModelTimeout, id="504"),
    pytest.param(raw(b'{"id": "x", "choices": [{"index": 0, "mess'), ModelAnswerInvalid, id="truncated JSON"),
    pytest.param(raw(b""), ModelAnswerInvalid, id="empty body"),
    pytest.param(raw(b"[]"), ModelAnswerInvalid, id="JSON of another kind"),
    pytest.param(raw(b"<html>hi</html>", kind="text/html"), ModelAnswerInvalid, id="200 in HTML"),
    pytest.param(completion(choices=[]), ModelAnswerInvalid, id="no choices"),
    pytest.param(said(None), ModelAnswerInvalid, id="no content"),
    pytest.param(said("  \n"), ModelAnswerInvalid, id="blank"),
    pytest.param(reset, ModelUnavailable, id="reset before headers"),
    pytest.param(closed, ModelUnavailable, id="closed before headers"),
    pytest.param(reset_in_body, ModelUnavailable, id="reset in the body"),
    pytest.param(short_body, ModelUnavailable, id="short body"),
]
"""Faults that may pass, in whole answers and in streams alike."""

STREAMS = [
    pytest.param(streamed(delta(content="ha"), end=cut), ModelAnswerInvalid, id="cut"),
    pytest.param(streamed(delta(content="ha")), ModelAnswerInvalid, id="no finish reason"),
    pytest.param(streamed(delta(content="ha"), end=reset), ModelUnavailable, id="reset"),
    pytest.param(streamed(delta(content="ha"), end=closed), ModelUnavailable, id="closed"),
    pytest.param(streamed(delta(content="ha"), '{"id": "x", "cho'), ModelAnswerInvalid, id="malformed chunk"),
    pytest.param(streamed(delta(content="ha"), '{"error": {"message": "overloaded"}}'), ModelUnavailable, id="error"),
    pytest.param(streamed(), ModelAnswerInvalid, id="nothing"),
    pytest.param(streamed(end=reset), ModelUnavailable, id="reset before a chunk"),
    pytest.param(
        streamed(delta(tool_calls=[{"index": 0, **tool_call("look", '{"x')}]), end=cut),
        ModelAnswerInvalid,
        id="cut call",
    ),
]
"""Faults that may pass, and that only streams know."""

FINAL = [
    pytest.param(refused(429, PLAN, code="insufficient_quota"), ModelQuotaExceeded, id="quota"),
    pytest.param(refused(402, "Insufficient Balance"), ModelQuotaExceeded, id="402"),
    pytest.param(refused(400, "Your credit balance is too low"), ModelQuotaExceeded, id="credit"),
    pytest.param(refused(401, "wrong key: sk-secret"), ModelAccessDenied, id="401"),
    pytest.param(refused(403), ModelAccessDenied, id="403"),
    pytest.param(refused(404, "no such model"), ModelRejected, id="404"),
    pytest.param(
        refused(400, "maximum context length is 9", code="context_length_exceeded"), ModelRejected, id="context"
    ),
    pytest.param(refused(400, "no", code="content_policy_violation"), ModelRejected, id="policy"),
    pytest.param(refused(422), ModelRejected, id="422"),
    pytest.param(refused(429, headers={"retry-after": "3600"}), ModelRateLimited, id="in an hour"),
    pytest.param(said("", finish="content_filter"), ModelAnswerInvalid, id="filtered"),
]
"""Faults that will not pass."""

BOTH = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


@BOTH
@pytest.mark.parametrize(("act", "error"), PASSING)
async def test_gives_up(server: Server, act: Act, error: type[ModelError], streams: bool) -> None:
    """A fault that goes on for ever ends in its typed error after as many retries as the policy says, no more."""
    server.plays(said("first"), act)
    run = await outcome(pipeline(server.llm(policy=QUICK), tasks=2), streamed=streams)
    told = failure(run, server)
    assert type(told) is error
    assert len(server.requests) == 1 + 1 + RETRIES
    assert told.usage.total_tokens >= USAGE["total_tokens"], "the task before is part of the spend"
    assert told.usage.successful_requests == 1
    assert streams_of(server) == {streams}


@pytest.mark.parametrize(("act", "error"), STREAMS)
async def test_gives_up_on_streams(server: Server, act: Act, error: type[ModelError]) -> None:
    """A stream that breaks each time ends in its typed error, and half an answer is never taken for one."""
    server.plays(said("first"), act)
    run = await outcome(pipeline(server.llm(policy=QUICK), tasks=2), streamed=True)
    assert type(failure(run, server)) is error
    assert len(server.requests) == 1 + 1 + RETRIES
    assert streams_of(server) == {True}


@BOTH
@pytest.mark.parametrize(("act", "error"), FINAL)
async def test_final(server: Server, act: Act, error: type[ModelError], streams: bool) -> None:
    """A fault that will not pass ends in its typed error after one request."""
    server.plays(said("first"), act)
    run = await outcome(pipeline(server.llm(policy=QUICK), tasks=2), streamed=streams)
    told = failure(run, server)
    assert type(told) is error
    assert len(server.requests) == 2
    assert told.usage.total_tokens >= USAGE["total_tokens"]
    assert "sk-secret" not in str(run.error)


@BOTH
@pytest.mark.parametrize(("act", "error"), PASSING)
async def test_recovers(server: Server, act: Act, error: type[ModelError], streams: bool) -> None:
    """A fault that passes costs a retry and nothing else: the answer is the right one."""
    server.plays(act, said("right"))
    failed = list[ModelCallFailed]()
    flow = pipeline(server.llm(policy=QUICK))
    run = await outcome(flow, streamed=streams, observer=lambda e: isinstance(e, ModelCallFailed) and failed.append(e))
    assert (run.status, run.raw) == ("ok", "right")
    assert len(server.requests) == 2
    assert (run.usage.successful_requests, run.usage.failed_requests) == (1, 1)
    assert [each.error.partition(":")[0] for each in failed] == [error.__name__]


@pytest.mark.parametrize(("act", "error"), STREAMS)
async def test_recovers_from_broken_streams(server: Server, act: Act, error: type[ModelError]) -> None:
    """A stream that broke is asked for anew; the pieces of the broken one are no part of the answer."""
    server.plays(act, said("right"))
    pieces = list[ModelText]()
    flow = pipeline(server.llm(policy=QUICK))
    run = await outcome(flow, streamed=True, observer=lambda e: isinstance(e, ModelText) and pieces.append(e))
    assert (run.status, run.raw) == ("ok", "right")
    assert len(server.requests) == 2
    assert "".join(each.text for each in pieces if each.attempt == 2) == "right"


@BOTH
@pytest.mark.parametrize(("act", "error"), FINAL)
async def test_fallback(server: Server, act: Act, error: type[ModelError], streams: bool) -> None:
    """Where another model is named, it is asked after the first has given up, whatever the reason."""

    def by_model(to: Connection) -> None:
        (act if to.body["model"] == "first" else said("second"))(to)

    server.plays(by_model)
    policy = Policy(retries=0, fallbacks=(server.llm("openai/second"),))
    run = await outcome(pipeline(server.llm("openai/first", policy=policy)), streamed=streams)
    assert (run.status, run.raw, run.tasks_output[0].model) == ("ok", "second", "openai/second")
    assert [sent["model"] for sent in server.requests] == ["first", "second"]
    assert run.usage.failed_requests == 1


async def test_every_model_fails(server: Server) -> None:
    """Where the fallback fails too, its error is the one, and it tells of the first."""
    server.plays(refused(401, "one"), refused(500, "two"))
    policy = Policy(retries=0, fallbacks=(server.llm("openai/second"),))
    run = await outcome(pipeline(server.llm("openai/first", policy=policy)), streamed=False)
    error = failure(run, server)
    assert type(error) is ModelUnavailable
    assert "openai/first (HTTP 401): one" in error.__notes__[0]


# ---- time ------------------------------------------------------------------------------------------------------


def late(act: Act) -> Act:
    """The same, soon after which the time of whoever asks is up, and not before it has asked."""
    home = Home()

    def plays(to: Connection) -> None:
        threading.Timer(0.1, home.call, (jump, 60)).start()
        act(to)

    return plays


SLOW = [
    pytest.param(hang, False, id="before headers"),
    pytest.param(hang_in_body, False, id="in the body"),
    pytest.param(hang, True, id="before the stream"),
    pytest.param(streamed(delta(content="ha"), end=hang), True, id="in the stream"),
    pytest.param(streamed(*[delta(content="ha")] * 500, wait=0.02), True, id="slow drip"),
]


@pytest.mark.virtual_time(by_hand=True)
@pytest.mark.parametrize(("act", "streams"), SLOW)
async def test_hangs(server: Server, act: Act, streams: bool) -> None:
    """A server that hangs, or drips for ever, is a timeout after the time that the policy gives, retries included."""
    server.plays(late(act))
    policy = Policy(retries=1, retry_wait=0, call_timeout=50)
    run = await outcome(pipeline(server.llm(policy=policy)), streamed=streams)
    assert type(failure(run, server)) is ModelTimeout
    assert len(server.requests) == 2
    assert run.usage.unpriced_requests == 2, "the server may have worked, and charge for it"


@pytest.mark.virtual_time(by_hand=True)
@pytest.mark.parametrize(("act", "streams"), SLOW)
async def test_hangs_once(server: Server, act: Act, streams: bool) -> None:
    """A server that hung once is asked again."""
    server.plays(late(act), said("right"))
    policy = Policy(retries=1, retry_wait=0, call_timeout=50)
    run = await outcome(pipeline(server.llm(policy=policy)), streamed=streams)
    assert (run.status, run.raw, len(server.requests)) == ("ok", "right", 2)


async def test_slow_but_in_time(server: Server) -> None:
    """A stream that drips but ends in time is an answer."""
    server.plays(streamed(*[delta(content=each) for each in "slow"], delta(finish="stop"), wait=0.01))
    run = await outcome(pipeline(server.llm(policy=QUICK)), streamed=True)
    assert (run.status, run.raw) == ("ok", "slow")


@pytest.mark.virtual_time(by_hand=True)
async def test_node_timeout(server: Server) -> None:
    """A node that hangs ends at its own time limit, with what it had spent until then."""
    server.plays(said("first"), late(hang))
    policy = Policy(node_timeout=50)
    run = await outcome(pipeline(server.llm(), tasks=2), streamed=False, policy=policy)
    assert isinstance(run.error, NodeError)
    assert isinstance(run.error.cause, DeadlineExceeded)
    assert run.usage.total_tokens == USAGE["total_tokens"]
    assert run.usage.requests == len(server.requests) == 2


# ---- answers that are none -------------------------------------------------------------------------------------


@BOTH
async def test_wrong_shape_for_ever(server: Server, streams: bool) -> None:
    """A model that never gives the shape is asked again as often as the crew says; all of it is paid for."""
    server.plays(said('{"nope": 1}'))
    run = await outcome(pipeline(server.llm(policy=QUICK), output_pydantic=Total), streamed=streams)
    error = failure(run, server)
    assert type(error) is OutputInvalid
    assert len(server.requests) == 3
    assert error.usage.total_tokens == 3 * USAGE["total_tokens"]
    assert error.usage.failed_requests == 0


@BOTH
async def test_wrong_shape_once(server: Server, streams: bool) -> None:
    """A model that is told what is wrong may put it right."""
    server.plays(said('{"nope": 1}'), said('{"total": 3}'))
    run = await outcome(pipeline(server.llm(policy=QUICK), output_pydantic=Total), streamed=streams)
    assert (run.status, run.pydantic, len(server.requests)) == ("ok", Total(total=3), 2)


@BOTH
async def test_shape_cut_off(server: Server, streams: bool) -> None:
    """JSON that ends at the limit of tokens is cut off; the same limit would cut it again."""
    server.plays(said('{"total": 3', finish="length"))
    run = await outcome(pipeline(server.llm(policy=QUICK), output_pydantic=Total), streamed=streams)
    error = failure(run, server)
    assert type(error) is ModelAnswerInvalid
    assert "cut off" in str(error)
    assert (len(server.requests), error.usage.total_tokens) == (1, USAGE["total_tokens"])


# ---- many at once ----------------------------------------------------------------------------------------------


@BOTH
async def test_batch(server: Server, streams: bool) -> None:
    """Of many inputs side by side each has its own outcome, its own spend, and as many requests as it needed."""
    seen = dict[int, int]()

    def by_input(to: Connection) -> None:
        number = int(to.body["messages"][-1]["content"].partition("task of ")[2].partition(".")[0])
        seen[number] = seen.get(number, 0) + 1
        fault: Act = (refused(500), refused(401), reset, raw(b'{"id'))[number % 4]
        (said(f"answer {number}") if seen[number] > 1 else fault)(to)

    server.plays(by_input)
    result = await pipeline(server.llm(policy=QUICK)).kickoff_async(
        [{"n": number} for number in range(24)], on_error="collect", text=streams, observer=lambda _: None
    )
    assert streams_of(server) == {streams}
    for number, run in enumerate(result):
        if number % 4 == 1:
            assert isinstance(run.error, NodeError)
            assert isinstance(run.error.cause, ModelAccessDenied)
        else:
            assert (run.status, run.raw) == ("ok", f"answer {number}")
        assert run.usage.requests == seen[number] == (1 if number % 4 == 1 else 2)
    assert len(server.requests) == sum(seen.values())


async def test_kickoff_error(server: Server) -> None:
    """Where failures are raised, the error names what happened and holds the complete result."""
    server.plays(refused(500, "engine on fire"))
    with pytest.raises(KickoffError, match="engine on fire") as caught:
        await pipeline(server.llm(policy=QUICK)).kickoff_async({"n": 1})
    assert caught.value.result[0].usage.failed_requests == 1 + RETRIES


async def test_cancelled(server: Server) -> None:
    """A pipeline that is cancelled while its model hangs is left at once."""
    server.plays(hang)
    with anyio.move_on_after(60) as patience:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pipeline(server.llm()).kickoff_async, {"n": 1})
            await anyio.to_thread.run_sync(server.arrived.wait, 60)
            tasks.cancel_scope.cancel()
    assert not patience.cancelled_caught
