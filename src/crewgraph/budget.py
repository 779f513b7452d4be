"""Budgets while they are spent: reserved before a call, settled after it, so that calls side by side cannot overshoot.

A meter belongs to a kickoff, an input or a node. A call passes all meters around it at once: it reserves in all of
them or in none, and waits where only calls that are under way stand in its way.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from crewgraph.errors import BudgetExceeded, PriceUnknown
from crewgraph.errors.root import counted
from crewgraph.policy import Budget
from crewgraph.threads import Bell
from crewgraph.usage import UsageMetrics, dollars, picodollars

__all__ = ["Estimate", "Meter", "Reservation", "reserve", "spent_elsewhere"]

_log = logging.getLogger("crewgraph.budget")

_LOCK = threading.Lock()
"""One for all meters: a call reserves in several of them at once, and that takes a microsecond."""
_settled = Bell()


@dataclass(slots=True)
class Estimate:
    """The most that one call is expected to take.

    Attributes:
        prompt: tokens of the question.
        answer: tokens of the longest answer.
        prompt_price, answer_price: picodollars a token; ``None`` where nobody knows.
    """

    prompt: int
    answer: int
    prompt_price: float | None = None
    answer_price: float | None = None

    @property
    def tokens(self) -> int:
        """Prompt and answer."""
        return self.prompt + self.answer

    @property
    def picodollars(self) -> int:
        """The cost, where the price is known."""
        return math.ceil(self.prompt * (self.prompt_price or 0) + self.answer * (self.answer_price or 0))

    def answer_for(self, picodollars: float) -> float:
        """The longest answer that so much money pays for; negative where it does not even pay for the prompt."""
        left = picodollars - self.with_answer(0).picodollars
        if left < 0 or not self.answer_price:
            return -1 if left < 0 else math.inf
        most = math.floor(left / self.answer_price)
        return most if self.with_answer(most).picodollars <= picodollars else most - 1  # floats may be a hair too high

    def with_answer(self, tokens: int) -> Estimate:
        """The same with a shorter answer."""
        return Estimate(self.prompt, tokens, self.prompt_price, self.answer_price)


class Meter:
    """One budget and what has become of it.

    Attributes:
        budget: the limits.
        scope: whose they are, in words: "the kickoff", "input 3", "node 'research'".
        exceeded: why nothing more is begun here, once something did not fit.
        deadline: on :func:`time.monotonic`, infinite where the budget has no seconds.
    """

    def __init__(self, budget: Budget, scope: str) -> None:
        self.budget = budget
        self.scope = scope
        self.exceeded: BudgetExceeded | None = None
        self.deadline = time.monotonic() + budget.seconds if budget.seconds else math.inf
        self._most_tokens = math.inf if budget.tokens is None else budget.tokens
        self._most_calls = math.inf if budget.calls is None else budget.calls
        self._most_picodollars = math.inf if budget.usd is None else picodollars(budget.usd)
        self._spent = UsageMetrics()
        self._tokens = 0  # spent, with what is assumed of answers that do not say what they took
        self._picodollars = 0
        self._has_assumed = False
        self._calls = 0
        self._reserved_tokens = 0
        self._reserved_picodollars = 0
        self._reserved_calls = 0  # that have not begun

    def fullness(self) -> float:
        """How much of the budget is spent, where 1 is all of it."""
        tokens = self._tokens / self._most_tokens if self._most_tokens else 1.0
        money = self._picodollars / self._most_picodollars if self._most_picodollars else 1.0
        return max(tokens, money)

    def answer_that_fits(self, want: Estimate) -> float:
        """The longest answer that the free part has room for; negative where not even the prompt has."""
        return self._fitting(want, self._reserved_tokens, self._reserved_picodollars, self._reserved_calls)

    def answer_that_would_fit(self, want: Estimate) -> float:
        """The same, if nothing were reserved."""
        return self._fitting(want, 0, 0, 0)

    def _fitting(self, want: Estimate, tokens: int, money: int, calls: int) -> float:
        if self._calls + calls >= self._most_calls:
            return -1
        fits = self._most_tokens - self._tokens - tokens - want.prompt
        if self.budget.usd is not None:
            fits = min(fits, want.answer_for(self._most_picodollars - self._picodollars - money))
        return fits

    def why_not(self, want: Estimate) -> str:
        """Why the next call does not fit, in words."""
        if self._calls >= self._most_calls:
            return "no further call is allowed"
        assumed = ", and answers that do not say what they took count as expected" if self._has_assumed else ""
        return f"the next call needs about {counted(want.prompt, 'token')} for its question alone{assumed}"

    def take(self, want: Estimate) -> None:
        """Reserve."""
        self._reserved_calls += 1
        self._reserved_tokens += want.tokens
        self._reserved_picodollars += want.picodollars

    def begin(self) -> None:
        """A call that was reserved is made."""
        self._reserved_calls -= 1
        self._calls += 1

    def give_back(self, want: Estimate, spent: UsageMetrics | None) -> None:
        """Settle; ``None`` is a call that was not made. An answer of unknown size or cost took what was reserved."""
        self._reserved_tokens -= want.tokens
        self._reserved_picodollars -= want.picodollars
        if spent is None:
            self._reserved_calls -= 1
            return
        is_answer = not spent.failed_requests
        no_tokens, no_cost = is_answer and spent.total_tokens <= 0, is_answer and spent.unpriced_requests > 0
        self._tokens += want.tokens if no_tokens else spent.total_tokens
        self._picodollars += want.picodollars if no_cost else spent.picodollars
        self._has_assumed |= no_tokens or no_cost
        self._spent.add_usage_metrics(spent)

    def note(self, spent: UsageMetrics) -> None:
        """Count what nobody had reserved; where that is more than was left, nothing more is begun."""
        self._calls += spent.requests
        self._tokens += spent.total_tokens
        self._picodollars += spent.picodollars
        self._spent.add_usage_metrics(spent)
        money = self._picodollars > self._most_picodollars
        if money or self._tokens > self._most_tokens or self._calls > self._most_calls:
            self.exceed("a foreign crew took more than was left")

    def exceed(self, what: str) -> BudgetExceeded:
        """Close this budget: nothing more is begun under it."""
        if self.exceeded is None:
            self.exceeded = BudgetExceeded(self.scope, self._limits(), what, usage=self._spent)
            _log.info("%s", self.exceeded)
        return self.exceeded.again()

    def time_is_up(self) -> BudgetExceeded:
        """The error of a budget whose seconds have passed."""
        return self.exceed(f"{self.budget.seconds:g} s have passed")

    def _limits(self) -> str:
        budget = self.budget
        limits = {
            "tokens": None if budget.tokens is None else counted(budget.tokens, "token"),
            "calls": None if budget.calls is None else counted(budget.calls, "call"),
            "usd": None if budget.usd is None else dollars(budget.usd),
            "seconds": None if budget.seconds is None else f"{budget.seconds:g} s",
        }
        return ", ".join(text for text in limits.values() if text)


class Reservation:
    """Room for one call in all the budgets around it.

    Attributes:
        answer: the longest answer that there is room for, in tokens; ``None`` where nothing bounds it below what the
            call wanted.
    """

    def __init__(self, meters: Sequence[Meter], taken: Estimate, *, answer: int | None) -> None:
        self._around = meters
        self._meters = meters
        self._taken = taken
        self._has_begun = False
        self.answer = answer

    def begin(self) -> None:
        """The call is made, and is one of those that are allowed, whatever becomes of it."""
        self._has_begun = True
        if not self._meters:
            return
        with _LOCK:
            for meter in self._meters:
                meter.begin()
        if any(meter.budget.calls is not None for meter in self._meters):
            _settled.ring()  # whoever waited for its place waits in vain

    def cut_short(self) -> BudgetExceeded:
        """The error of an answer that was longer than there was room for; closes the tightest budget."""
        return max(self._around, key=Meter.fullness).exceed("the last answer did not fit")

    def settle(self, spent: UsageMetrics) -> None:
        """Replace what was reserved by what was spent; a call that has not begun gives everything back."""
        meters, self._meters = self._meters, ()  # what is settled twice would free room that nobody gave back
        if not meters:
            return
        with _LOCK:
            for meter in meters:
                meter.give_back(self._taken, spent if self._has_begun else None)
        _settled.ring()


def spent_elsewhere(meters: Sequence[Meter], spent: UsageMetrics) -> None:
    """Settle what was spent without asking: by a foreign crew, which tells it afterwards."""
    with _LOCK:
        for meter in meters:
            meter.note(spent)
    _settled.ring()


async def reserve(meters: Sequence[Meter], want: Estimate, *, model: str) -> Reservation:
    """Reserve one call in every meter, or in none; waits while calls under way hold what it needs.

    Where less than the wanted answer is left, and nothing under way could free more, the answer is bounded by what is
    left.

    Raises:
        BudgetExceeded: a budget has no room for the call. It is closed by that.
        PriceUnknown: money is limited, and nobody knows what this model costs.
    """
    if not meters:
        return Reservation((), want, answer=None)
    for meter in meters:
        if meter.budget.usd is not None and (want.prompt_price is None or want.answer_price is None):
            raise PriceUnknown(model, meter.scope)
    while True:
        heard = _settled.listen()
        try:
            with _LOCK:
                taken = _taken(meters, want)
            if taken is not None:
                return taken
            await heard.wait()
        finally:
            _settled.forget(heard)


def _taken(meters: Sequence[Meter], want: Estimate) -> Reservation | None:
    """The reservation, or ``None`` where it is worth waiting for calls under way."""
    fits, would_fit = float(want.answer), float(want.answer)
    for meter in meters:
        if meter.exceeded is not None:
            raise meter.exceeded.again()
        if meter.deadline <= time.monotonic():
            raise meter.time_is_up()
        possible = meter.answer_that_would_fit(want)
        if possible < min(1, want.answer):
            raise meter.exceed(meter.why_not(want))
        would_fit = min(would_fit, possible)
        fits = min(fits, meter.answer_that_fits(want))
    if fits < would_fit:
        return None
    room = want if fits >= want.answer else want.with_answer(int(fits))
    for meter in meters:
        meter.take(room)
    return Reservation(meters, room, answer=room.answer if room is not want else None)
