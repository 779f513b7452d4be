from __future__ import annotations

import math
import random
import threading
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.budget import Estimate, Meter, Reservation, reserve, spent_elsewhere
from crewgraph.errors import BudgetExceeded, PriceUnknown
from crewgraph.policy import Budget
from crewgraph.usage import UsageMetrics

pytestmark = pytest.mark.anyio


def meter(scope: str = "the kickoff", **limits: Any) -> Meter:
    return Meter(Budget(**limits), scope)


def spent(tokens: int = 0, picodollars: int = 0) -> UsageMetrics:
    return UsageMetrics(total_tokens=tokens, picodollars=picodollars, successful_requests=1)


async def taken(*meters: Meter, prompt: int = 10, answer: int = 90, **prices: float) -> Reservation:
    reserved = await reserve(meters, Estimate(prompt, answer, **prices), model="m")
    reserved.begin()
    return reserved


# ---- reserving -------------------------------------------------------------------------------------------------------


async def test_nothing_is_limited_without_a_budget() -> None:
    """A call without meters is let through, with the answer that it wants."""
    reserved = await taken()
    assert reserved.answer is None
    reserved.settle(spent(100))


async def test_what_fits_is_not_bounded() -> None:
    """Where there is room for the longest answer, the model is not told of any bound."""
    assert (await taken(meter(tokens=100))).answer is None


async def test_the_last_answer_is_bounded_by_what_is_left() -> None:
    """With 60 of 100 tokens spent and a question of 10, an answer of 30 has room."""
    budget = meter(tokens=100)
    (await taken(budget, prompt=10, answer=50)).settle(spent(60))
    assert (await taken(budget)).answer == 30


async def test_money_bounds_the_answer() -> None:
    """The question is paid first, the rest is what the answer may cost."""
    budget = meter(usd=100e-12)
    assert (await taken(budget, prompt=10, answer=90, prompt_price=2.0, answer_price=7.0)).answer == 11


async def test_of_several_budgets_the_tightest_bounds() -> None:
    """A call passes the budgets of kickoff, input and node at once."""
    assert (await taken(meter(tokens=1_000), meter(tokens=50), meter(tokens=500))).answer == 40


async def test_unspent_room_comes_back() -> None:
    """What was reserved and not spent is free again."""
    budget = meter(tokens=100)
    (await taken(budget)).settle(spent(20))
    assert (await taken(budget, answer=70)).answer is None


async def test_settling_twice_frees_nothing_more() -> None:
    """A reservation is given back once."""
    budget = meter(tokens=100)
    reserved = await taken(budget)
    reserved.settle(spent(40))
    reserved.settle(spent(0))
    assert (await taken(budget)).answer == 50


async def test_an_answer_of_nothing_fits_where_the_question_does() -> None:
    """A model whose longest answer is no token needs room for its question only."""
    assert (await taken(meter(tokens=10), answer=0)).answer is None


async def test_a_free_model_fits_a_budget_of_nothing() -> None:
    """What costs nothing may be called for 0 USD."""
    assert (await taken(meter(usd=0), prompt_price=0.0, answer_price=0.0)).answer is None


# ---- exceeding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "prices", "told"),
    [
        ({"tokens": 10}, {}, "(10 tokens) is used up: the next call needs about 10 tokens for its question alone"),
        ({"calls": 0}, {}, "(0 calls) is used up: no further call is allowed"),
        (
            {"usd": 19e-12},
            {"prompt_price": 2.0, "answer_price": 1.0},
            "($0.000000000019) is used up: the next call needs",
        ),
        (
            {"usd": 19e-12},
            {"prompt_price": 2.0, "answer_price": 0.0},
            "($0.000000000019) is used up: the next call needs",
        ),
    ],
    ids=["tokens", "calls", "usd", "answers are free"],
)
async def test_what_does_not_fit_closes_the_budget(limits: Any, prices: Any, told: str) -> None:
    """The error names whose budget it is, what it allows and why the call does not fit; later calls get it too."""
    budget = meter(**limits)
    with pytest.raises(BudgetExceeded) as first:
        await taken(budget, **prices)
    assert told in str(first.value)
    with pytest.raises(BudgetExceeded) as second:
        await taken(budget, prompt=0, answer=0, prompt_price=0.0, answer_price=0.0)
    assert (str(second.value), second.value.scope) == (str(first.value), "the kickoff")
    assert second.value is not first.value


async def test_calls_are_counted_when_they_begin() -> None:
    """Two calls under way are two calls of a budget of two."""
    budget = meter(calls=2)
    await taken(budget)
    await taken(budget)
    with pytest.raises(BudgetExceeded, match="2 calls"):
        await taken(budget)


@pytest.mark.parametrize("has_begun", [True, False], ids=["begun", "given up"])
async def test_a_place_is_taken_by_calls_that_begin(has_begun: bool) -> None:
    """Who waits for the place of a reserved call gets it where that never begins, and is refused once it has begun."""
    budget, seen = meter(calls=1), list[str]()
    first = await reserve([budget], Estimate(10, 90), model="m")

    async def second() -> None:
        try:
            await taken(budget)
            seen.append("called")
        except BudgetExceeded:
            seen.append("refused")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            assert seen == []
            first.begin() if has_begun else first.settle(spent())
    assert seen == ["refused" if has_begun else "called"]


@pytest.mark.parametrize(
    ("limits", "took"),
    [
        ({"tokens": 250}, spent()),
        ({"tokens": 250}, spent(-5)),
        ({"usd": 250e-12}, UsageMetrics(total_tokens=100, successful_requests=1, unpriced_requests=1)),
    ],
    ids=["tokens", "nonsense", "usd"],
)
async def test_an_answer_of_unknown_size_takes_what_was_reserved(limits: Any, took: UsageMetrics) -> None:
    """A model that does not say what it took uses its budget up all the same; what is shown stays unknown."""
    budget, prices = meter(**limits), dict[str, Any](prompt_price=1.0, answer_price=1.0)
    for _ in range(2):
        (await taken(budget, **prices)).settle(took)
    (await taken(budget, prompt=20, answer=30, **prices)).settle(took)
    with pytest.raises(BudgetExceeded, match="answers that do not say what they took count as expected") as caught:
        await taken(budget, **prices)
    assert caught.value.usage == took + took + took


async def test_what_is_told_afterwards_leaves_less_room() -> None:
    """What was spent without asking is spent: the next answer has room for the rest."""
    budget = meter(tokens=100)
    spent_elsewhere([budget], spent(60))
    assert (await taken(budget)).answer == 30


async def test_a_failed_call_of_unknown_size_takes_nothing() -> None:
    """What a provider charges for a failed call, and does not report, is not in the budget."""
    budget = meter(tokens=100)
    (await taken(budget)).settle(UsageMetrics(failed_requests=1, unpriced_requests=1))
    assert (await taken(budget)).answer is None


async def test_one_full_budget_reserves_nothing_in_the_others() -> None:
    """All or none: the room in the outer budget is not taken by a call that the inner one refuses."""
    outer, inner = meter(tokens=100), meter("node 'a'", tokens=5)
    with pytest.raises(BudgetExceeded, match="the budget of node 'a'"):
        await taken(outer, inner)
    assert (await taken(outer)).answer is None
    assert outer.exceeded is None


async def test_seconds_are_over() -> None:
    """A budget whose time has passed is closed before the call."""
    budget = meter(seconds=60)
    budget.deadline = -math.inf
    with pytest.raises(BudgetExceeded, match=r"\(60 s\) is used up: 60 s have passed"):
        await taken(budget)


async def test_the_error_tells_what_was_spent() -> None:
    """Tokens, money and calls under this budget until then."""
    budget = meter(tokens=100, calls=9, usd=1, seconds=60)
    (await taken(budget, prompt_price=1.0, answer_price=1.0)).settle(spent(100, 5 * 10**11))
    with pytest.raises(BudgetExceeded) as caught:
        await taken(budget, prompt_price=1.0, answer_price=1.0)
    assert "(100 tokens, 9 calls, $1.00, 60 s)" in str(caught.value)
    assert str(caught.value).endswith("spent: 100 tokens, $0.50, 1 call")
    assert caught.value.usage == spent(100, 5 * 10**11)


async def test_an_answer_cut_short_closes_the_tightest_budget() -> None:
    """Whoever bounded the answer is the one whose budget is used up; also if nothing else is limited by it."""
    wide, tight = meter(tokens=1_000), meter("input 3", tokens=50)
    reserved = await taken(wide, tight)
    reserved.settle(spent(50))
    assert str(reserved.cut_short()).startswith("the budget of input 3 (50 tokens) is used up: the last answer")
    assert wide.exceeded is None
    assert reserved.cut_short() is not reserved.cut_short()


@pytest.mark.parametrize("limits", [{"tokens": 0}, {"usd": 0}, {"usd": 2e-12}], ids=str)
async def test_fullness(limits: Any) -> None:
    """A budget of nothing is full, an unspent one is empty."""
    assert meter(**limits).fullness() == (0.0 if limits.get("usd") else 1.0)


@pytest.mark.parametrize("prices", [{}, {"prompt_price": 1.0}, {"answer_price": 1.0}], ids=str)
async def test_money_needs_prices(prices: dict[str, float]) -> None:
    """Under a budget in USD a model whose price nobody knows is refused, with the way out."""
    with pytest.raises(
        PriceUnknown, match=r"the kickoff has a budget in USD, and the price of 'm' is not known\. hint:"
    ):
        await taken(meter(tokens=100), meter(usd=1), **prices)


# ---- waiting ---------------------------------------------------------------------------------------------------------


async def test_waits_for_room_that_calls_under_way_may_free() -> None:
    """A call that would fit if those under way took less waits until they have ended."""
    budget, events = meter(tokens=100), list[str]()
    first = await taken(budget)

    async def second() -> None:
        reserved = await taken(budget, prompt=10, answer=60)
        events.append(f"second, {reserved.answer}")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second)
        await anyio.wait_all_tasks_blocked()
        events.append("first ends")
        first.settle(spent(30))
    assert events == ["first ends", "second, None"]


async def test_gives_up_waiting_when_nothing_is_left() -> None:
    """When the calls under way took all of it, those that waited are refused."""
    budget, refused = meter(tokens=100), list[str]()
    first = await taken(budget)

    async def other() -> None:
        try:
            await taken(budget)
        except BudgetExceeded as error:
            refused.append(error.scope)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        tasks.start_soon(other)
        await anyio.wait_all_tasks_blocked()
        first.settle(spent(100))
    assert refused == ["the kickoff"] * 2


async def test_cancelled_while_waiting() -> None:
    """Whoever is cancelled while it waits has reserved nothing, in none of its budgets."""
    outer, inner = meter(tokens=1_000), meter(tokens=100)
    first = await taken(outer, inner)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(taken, outer, inner)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    first.settle(spent(10))
    assert (await taken(outer, prompt=0, answer=990)).answer is None
    assert (await taken(inner, prompt=0, answer=90)).answer is None


class Watch:
    """Makes calls under a meter, and looks whether they overshoot together."""

    def __init__(self, budget: Meter, *, most: int) -> None:
        self.budget = budget
        self.most = most
        self.lock = threading.Lock()
        self.under_way = self.spent = self.peak = self.refused = self.done = 0

    async def call(self, prompt: int, answer: int, share: float, pauses: int) -> None:
        try:
            reserved = await taken(self.budget, prompt=prompt, answer=answer, prompt_price=3.0, answer_price=7.3)
        except BudgetExceeded:
            self.refused += 1
            return
        most = answer if reserved.answer is None else reserved.answer
        with self.lock:
            self.under_way += prompt + most
            self.peak = max(self.peak, self.spent + self.under_way)
        for _ in range(pauses):
            await anyio.lowlevel.checkpoint()
        took = prompt + int(most * share)
        with self.lock:
            self.under_way -= prompt + most
            self.spent += took
            self.done += 1
        reserved.settle(spent(took, math.ceil(prompt * 3.0 + (took - prompt) * 7.3)))


calls = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 80), st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=25
)


@pytest.mark.parametrize("unit", ["tokens", "usd"])
@settings(max_examples=100)
@given(calls=calls, most=st.integers(0, 400), backend=st.sampled_from(["asyncio", "trio"]))
def test_calls_side_by_side_never_overshoot(unit: str, calls: Any, most: int, backend: str) -> None:
    """Whatever calls begin and end in between, spent and reserved stay within the budget; all of them come to an end."""
    budget = meter(tokens=most) if unit == "tokens" else meter(usd=most * 5e-12)
    watch = Watch(budget, most=most)

    async def run() -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for call in calls:
                    tasks.start_soon(watch.call, *call)

    anyio.run(run, backend=backend)
    assert watch.done + watch.refused == len(calls)
    if unit == "tokens":
        assert watch.peak <= most
    assert budget.fullness() <= 1 or most == 0


@pytest.mark.parametrize("backends", [["asyncio"] * 3, ["trio"] * 3, ["asyncio", "trio", "asyncio"]], ids=str)
def test_threads_share_a_budget(backends: list[str]) -> None:
    """Calls of several event loops in several threads wait for one another, and none waits for ever."""
    budget = meter(tokens=5_000)
    watch = Watch(budget, most=5_000)

    def loop(backend: str, seed: int) -> None:
        dice = random.Random(seed)

        async def run() -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(60):
                    tasks.start_soon(watch.call, dice.randrange(20), dice.randint(1, 900), dice.random(), 2)

        anyio.run(run, backend=backend)

    threads = [threading.Thread(target=loop, args=(each, number)) for number, each in enumerate(backends)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert not any(thread.is_alive() for thread in threads)
    assert watch.done + watch.refused == 180
    assert 0 < watch.spent <= 5_000
    assert watch.peak <= 5_000


@given(
    prompt=st.integers(0, 10_000),
    prompt_price=st.floats(0, 1e9),
    answer_price=st.floats(1e-3, 1e9),
    money=st.integers(0, 10**15),
)
def test_the_answer_that_money_pays_for(prompt: int, prompt_price: float, answer_price: float, money: int) -> None:
    """It is affordable, and one more token would not be by more than rounding."""
    want = Estimate(prompt, 1, prompt_price, answer_price)
    fits = want.answer_for(money)
    if fits >= 0:
        assert want.with_answer(int(fits)).picodollars <= money
        assert want.with_answer(int(fits) + 3).picodollars >= money or answer_price < 1
    else:
        assert want.with_answer(1).picodollars > money
