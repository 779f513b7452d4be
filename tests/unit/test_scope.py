from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from crewgraph.budget import Meter
from crewgraph.errors import BudgetExceeded, DeadlineExceeded
from crewgraph.node import call
from crewgraph.outputs import CrewOutput
from crewgraph.policy import UNDECLARED, Budget, Policy
from crewgraph.scope import NEVER, Deferred, Ending, Scope, budgeted, current, entered, first, too_long, within
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.threads import called
from crewgraph.trace import Event
from crewgraph.usage import Account, Call, UsageMetrics

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


async def forever() -> None:
    await anyio.sleep_forever()


def after(seconds: float, what: str) -> Ending:
    return too_long(what, seconds)


# ---- what is around --------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    """Outside of everything there is an empty scope, another one each time."""
    scope = current()
    assert (scope.policy, scope.meters, scope.endings, scope.owner) == (UNDECLARED, (), (), None)
    assert current().account is not scope.account


def test_entered() -> None:
    """A scope is the current one inside of its ``with``, also after an error in an inner one."""
    outer, inner = Scope(crew="outer"), Scope(crew="inner")
    with entered(outer):
        with pytest.raises(ZeroDivisionError), entered(inner):
            assert current() is inner
            raise ZeroDivisionError
        assert current() is outer
    assert current().crew == ""


def test_inside() -> None:
    """A node's scope has its own account, policy, budget and endings, and those around it as well."""
    outer = Scope(policy=Policy(retries=1, call_timeout=9), endings=[too_long("input 0", 100)], crew="pipeline")
    owner = object()
    policy, budget = Policy(retries=2, node_timeout=50), Budget(seconds=20)
    inner = outer.inside(owner, "n", policy=policy, budget=budget, emit=None)
    assert (inner.policy.retries, inner.policy.call_timeout) == (2, 9)
    assert (inner.owner, inner.crew) == (owner, "n")
    assert [meter.scope for meter in inner.meters] == ["node 'n'"]
    assert len(inner.own) == 2
    assert (*outer.endings, *inner.own) == inner.endings
    inner.account.charge(Call(kind="model", name="m", usage=UsageMetrics(total_tokens=3)))
    assert outer.account.usage.total_tokens == 3
    assert outer.account.calls == []  # nobody would read them, and a stream has no end


def test_inside_of_a_policy() -> None:
    """A time limit for nodes that is declared around them holds for each node by itself."""
    outer = Scope(policy=Policy(node_timeout=5))
    inner = outer.inside(None, "n", policy=None, budget=None, emit=None)
    assert inner.policy is outer.policy
    assert len(inner.own) == 1


# ---- telling ---------------------------------------------------------------------------------------------------


async def test_tell() -> None:
    """An event goes to the observer: at once at home, and handed over from a worker thread, in order."""
    told = list[tuple[Event, int]]()
    scope = Scope(emit=lambda event: told.append((event, threading.get_ident())))
    events = [Event(run=n) for n in range(3)]
    scope.tell(events[0])
    assert len(told) == 1

    def abroad() -> None:
        scope.tell(events[1])
        scope.tell(events[2])

    await called(abroad)
    assert told == [(event, threading.get_ident()) for event in events]


def test_nobody_is_told() -> None:
    """Without an observer nothing happens."""
    Scope().tell(Event())


@pytest.mark.parametrize("abroad", [False, True])
async def test_an_observer_that_raises(abroad: bool, caplog: pytest.LogCaptureFixture) -> None:
    """What an observer raises is logged, and stops neither the work nor the event loop."""

    def angry(_: Event) -> None:
        raise ValueError("I do not care")

    scope = Scope(emit=angry)
    with caplog.at_level(logging.ERROR):
        if abroad:
            await called(scope.tell, Event())
        else:
            scope.tell(Event())
    assert "I do not care" in caplog.text


# ---- endings ---------------------------------------------------------------------------------------------------


def test_first() -> None:
    """The first ending counts; of several at once the outermost; without any there is none."""
    late, soon, also_soon = (9.0, KeyError), (3.0, ValueError), (3.0, OSError)
    assert first([late, soon, also_soon]) is soon
    assert first([]) is NEVER


def test_budgeted() -> None:
    """Only budgets with seconds end anything; each closes itself when its time is up."""
    timed = Meter(Budget(seconds=5), "the kickoff")
    (ending,) = budgeted([Meter(Budget(calls=1), "input 1"), timed])
    assert ending[0] == timed.deadline
    with pytest.raises(BudgetExceeded, match="5 s have passed"):
        error = ending[1]()
        raise error
    assert timed.exceeded is not None


async def test_no_endings() -> None:
    """Without endings the work is simply done."""

    async def work() -> int:
        return 3

    assert await within([], work) == 3
    assert await within([after(5, "node 'a'")], work) == 3


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["short first", "long first"])
async def test_the_nearest_in_time(order: tuple[int, int]) -> None:
    """Of several endings the one that comes first ends the work, and is named."""
    endings = [after(0.02, "node 'short'"), after(30, "input 4")]
    with pytest.raises(DeadlineExceeded, match=r"node 'short' took longer than 0.02 s") as caught:
        await within([endings[each] for each in order], forever)
    assert (caught.value.scope, caught.value.seconds) == ("node 'short'", 0.02)


@pytest.mark.parametrize(("outer", "inner", "named"), [(30, 0.02, "inner"), (0.02, 30, "outer"), (0.02, 0.02, None)])
async def test_one_inside_of_the_other(outer: float, inner: float, named: str | None) -> None:
    """Nested deadlines: the one that comes first fires and is named, on whichever level it is."""
    with pytest.raises(DeadlineExceeded) as caught:
        await within([after(outer, "outer")], lambda: within([after(inner, "inner")], forever))
    assert caught.value.scope == (named or "outer")


async def test_already_over() -> None:
    """Work whose time is up before it begins is stopped at its first wait."""
    with pytest.raises(DeadlineExceeded):
        await within([(anyio.current_time() - 1, lambda: DeadlineExceeded("input 1", 2))], forever)


async def test_what_the_end_made_it_raise() -> None:
    """Work that makes an error of its own out of being stopped took too long all the same; its error is the cause."""

    async def translates() -> None:
        try:
            await forever()
        except BaseException as error:
            raise ConnectionError("closed") from error

    with pytest.raises(DeadlineExceeded) as caught:
        await within([after(0.02, "node 'a'")], translates)
    assert isinstance(caught.value.__cause__, ConnectionError)


async def test_errors_in_time() -> None:
    """An error of the work in time is its own."""

    async def fails() -> None:
        raise ConnectionError("closed")

    with pytest.raises(ConnectionError):
        await within([after(30, "node 'a'")], fails)


@pytest.mark.parametrize("is_shielded", [True, False], ids=["shields itself", "catches it"])
async def test_late_and_done(is_shielded: bool) -> None:
    """Work that goes on after it was stopped took too long: what it gives then may be half of it."""

    async def stubborn() -> str:
        with anyio.CancelScope(shield=is_shielded):
            try:
                await anyio.sleep(0.1 if is_shielded else 30)
            except anyio.get_cancelled_exc_class():
                return "half"
        return "late"

    with pytest.raises(DeadlineExceeded, match="node 'a'"):
        await within([after(0.02, "node 'a'")], stubborn)


async def test_the_users_cancellation() -> None:
    """Being cancelled from outside is never taken for a deadline."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: within([after(30, "node 'a'")], forever))
            await anyio.sleep(0.01)
            scope.cancel()
    assert scope.cancelled_caught


async def test_cancelled_in_the_moment_of_the_deadline() -> None:
    """Also where both come together, the user's word counts."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        await within([(anyio.current_time() - 1, lambda: DeadlineExceeded("input 1", 2))], forever)
    assert scope.cancelled_caught


def test_asyncio_cancels_the_task() -> None:
    """The same by asyncio's own means, which count how often a task was cancelled."""

    async def main() -> None:
        task = asyncio.create_task(within([after(30, "node 'a'")], forever))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


# ---- where the scope leaks to, and where not -------------------------------------------------------------------


async def test_a_step_leaves_nothing_behind() -> None:
    """After a node the scope is what it was before."""

    @step
    async def looks() -> str:
        return current().crew

    with entered(Scope(crew="mine")):
        output = await call(looks, {})
        assert current().crew == "mine"
    assert output.raw == "looks"


async def test_tasks_of_the_user_inherit() -> None:
    """A task that a step starts belongs to the step: what it calls is charged there."""

    @step
    async def spawns() -> str:
        names = list[str]()

        async def child() -> None:
            names.append(current().crew)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)
        return ",".join(names)

    assert (await call(spawns, {})).raw == "spawns"


async def test_generators_keep_out() -> None:
    """A stream that is read half does not change the scope of its reader."""

    @step
    async def echo(n: int) -> dict[str, int]:
        return {"n": n}

    async def numbers() -> AsyncIterator[dict[str, int]]:
        for n in range(4):
            assert current().crew == "reader"
            yield {"n": n}

    with entered(Scope(crew="reader")):
        async with aclosing(Pipeline([echo]).stream(numbers())) as runs:
            async for _ in runs:
                assert current().crew == "reader"
        async with aclosing(Pipeline([echo]).events({"n": 1})) as events:
            async for _ in events:
                assert current().crew == "reader"


class Foreign:
    """A crew that is none of ours."""

    name = "foreign"
    policy = Policy(node_timeout=0.02)
    budget = Budget(calls=3)

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        scope = current()
        assert scope.owner is self
        assert [meter.scope for meter in scope.meters] == ["node 'foreign'"]
        await anyio.sleep_forever()
        raise AssertionError


async def test_a_foreign_crew_under_a_policy() -> None:
    """A policy and a budget that a foreign crew carries hold for it."""
    with pytest.raises(DeadlineExceeded, match="node 'foreign'"):
        await call(Foreign(), {})


async def test_a_budget_that_is_used_up() -> None:
    """Under a budget that is used up no node begins."""
    meter = Meter(Budget(calls=1), "the kickoff")
    meter.exceed("enough")

    @step
    async def never() -> None:
        raise AssertionError

    with entered(Scope(meters=[meter])), pytest.raises(BudgetExceeded, match="enough"):
        await call(never, {})


async def test_stopped_accounts() -> None:
    """The account of a node that failed is stopped, and with it that of whatever goes on inside; others are not."""
    seen = list[Account]()

    @step
    async def fails() -> None:
        seen.append(current().account)
        raise ZeroDivisionError

    @step
    async def works() -> None:
        seen.append(current().account)

    with entered(Scope()) as outer:
        await call(works, {})
        with pytest.raises(ZeroDivisionError):
            await call(fails, {})
    assert [account.is_stopped for account in seen] == [False, True]
    assert Account(Account(seen[1])).is_stopped
    assert not outer.account.is_stopped


def test_never() -> None:
    """Never is far away."""
    assert NEVER[0] == math.inf


# ---- made when asked for ---------------------------------------------------------------------------------------


def test_a_deferred_scope_is_made_once() -> None:
    """Whoever asks gets the same scope, and nothing is made for nobody."""
    made = list[Scope]()

    def make() -> Scope:
        made.append(Scope(account=Account()))
        return made[-1]

    deferred = Deferred(make)
    with entered(deferred):
        assert deferred.made is None
        assert current() is current() is deferred.made
    assert len(made) == 1


@pytest.mark.parametrize("is_early", [True, False])
def test_the_account_of_a_deferred_scope_is_closed_with_it(is_early: bool) -> None:
    """Also where it is made only after the end of the work, by a thread that goes on."""
    deferred = Deferred(lambda: Scope(account=Account()))
    if is_early:
        deferred.scope()
    deferred.close()
    deferred.scope().account.charge(Call(kind="tool", name="late"))
    assert deferred.scope().account.calls == []
