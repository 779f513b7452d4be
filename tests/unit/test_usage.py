from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.usage import Account, Call, UsageMetrics, by, dollars, picodollars

COUNTS = ("total_tokens", "prompt_tokens", "completion_tokens", "picodollars", "unpriced_requests")
usages = st.builds(UsageMetrics, **{name: st.integers(0, 10**15) for name in COUNTS})


def call(name: str = "m", *, kind: Any = "model", agent: str = "a", **usage: int) -> Call:
    return Call(kind=kind, name=name, agent=agent, usage=UsageMetrics(**usage))


# ---- counting --------------------------------------------------------------------------------------------------------


@given(parts=st.lists(usages), order=st.randoms())
def test_sums_do_not_depend_on_the_order(parts: list[UsageMetrics], order: Any) -> None:
    """Everything is counted in whole numbers, money too."""
    mixed = list(parts)
    order.shuffle(mixed)
    assert UsageMetrics.sum(parts) == UsageMetrics.sum(mixed)


def test_adding_makes_a_new_count() -> None:
    """``+`` leaves its operands alone; ``add_usage_metrics`` adds in place."""
    one, two = UsageMetrics(total_tokens=1), UsageMetrics(total_tokens=2, picodollars=5)
    assert (one + two, one.total_tokens) == (UsageMetrics(total_tokens=3, picodollars=5), 1)
    one.add_usage_metrics(two)
    assert one == UsageMetrics(total_tokens=3, picodollars=5)


def test_equal_to_a_plain_dict() -> None:
    """A dict that says nothing of money is compared without it, one that does is compared with it."""
    usage = UsageMetrics(total_tokens=3, prompt_tokens=3, picodollars=7)
    assert usage == {"total_tokens": 3, "prompt_tokens": 3}
    assert usage == {"total_tokens": 3, "prompt_tokens": 3, "picodollars": 7}
    assert usage != {"total_tokens": 3, "prompt_tokens": 3, "picodollars": 8}
    assert usage != {"total_tokens": 3}
    assert usage != 3


def test_requests_are_all_attempts() -> None:
    """The failed ones count."""
    assert UsageMetrics(successful_requests=2, failed_requests=3).requests == 5


# ---- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "cost", "told"),
    [
        ({}, 0.0, "$0.00"),
        ({"picodollars": 12_345_678_900}, 0.0123456789, "$0.01235"),
        ({"picodollars": 12_300_000}, 0.0000123, "$0.0000123"),
        ({"picodollars": 1}, 1e-12, "$0.000000000001"),
        ({"picodollars": 1_234_567 * 10**12}, 1_234_567.0, "$1,234,567.00"),
        ({"unpriced_requests": 1}, None, "unknown"),
        ({"unpriced_requests": 2, "picodollars": 5 * 10**11}, None, "at least $0.50"),
    ],
    ids=["nothing", "cents", "less", "least", "a lot", "unknown", "partly unknown"],
)
def test_cost(usage: dict[str, int], cost: float | None, told: str) -> None:
    """USD for programs and for people; what is not known is never a number."""
    assert UsageMetrics(**usage).cost == cost
    assert UsageMetrics(**usage).dollars() == told


@given(st.floats(0, 1e6))
def test_dollars_are_digits(usd: float) -> None:
    """No exponents, whatever the amount, and it is about the amount."""
    told = dollars(usd)
    assert told.startswith("$")
    assert "e" not in told
    assert float(told[1:].replace(",", "")) == pytest.approx(usd, rel=1e-3, abs=0.005 if usd >= 1 else 0)


def test_picodollars_are_whole() -> None:
    """A cost is rounded once."""
    assert picodollars(0.1 + 0.2) == 300_000_000_000


# ---- accounts --------------------------------------------------------------------------------------------------------


def test_charged_to_what_it_is_part_of() -> None:
    """A call is on the account of the node and on that of the step that called it."""
    outer = Account()
    inner = Account(outer)
    inner.charge(call(total_tokens=3))
    outer.charge(call(total_tokens=1))
    assert (inner.usage, outer.usage) == ({"total_tokens": 3}, {"total_tokens": 4})
    assert (len(inner.calls), len(outer.calls)) == (1, 2)


def test_a_closed_account_does_not_change() -> None:
    """What a thread spends after its node has ended is charged to what surrounds it only."""
    outer = Account()
    inner = Account(outer)
    inner.close()
    inner.charge(call(total_tokens=3))
    assert (inner.usage, inner.calls) == (UsageMetrics(), [])
    assert outer.usage == {"total_tokens": 3}


def test_only_added_up() -> None:
    """An account that has no end keeps no calls."""
    account = Account(keeps_calls=False)
    account.charge(call(total_tokens=3))
    assert (account.usage, account.calls) == ({"total_tokens": 3}, [])


def test_stopped_with_what_it_is_part_of() -> None:
    """Work inside of work that was cut short is cut short."""
    outer = Account()
    inner = Account(outer)
    assert not inner.is_stopped
    outer.stop()
    assert inner.is_stopped


def test_threads_charge_one_account() -> None:
    """No call is lost between threads."""
    account = Account()

    def charge() -> None:
        for _ in range(500):
            account.charge(call(total_tokens=1))

    threads = [threading.Thread(target=charge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (account.usage.total_tokens, len(account.calls)) == (2_000, 2_000)


# ---- shares ----------------------------------------------------------------------------------------------------------


def test_by_agent() -> None:
    """Model calls are added up; tool calls take nothing."""
    calls = [call(agent="a", total_tokens=1), call(agent="b", total_tokens=2), call(agent="a", total_tokens=4)]
    calls.append(call("add", kind="tool", agent="c"))
    total = UsageMetrics(total_tokens=7)
    assert by(lambda each: each.agent, calls, total=total) == {"a": {"total_tokens": 5}, "b": {"total_tokens": 2}}


@pytest.mark.parametrize(("total", "shares"), [({"total_tokens": 9}, {"": {"total_tokens": 9}}), ({}, {})], ids=str)
def test_by_nobody(total: dict[str, int], shares: dict[str, Any]) -> None:
    """What no call explains belongs to nobody known; where there is nothing, there are no shares."""
    assert by(lambda each: each.name, [], total=UsageMetrics(**total)) == shares


@pytest.mark.parametrize(
    ("usd", "told"),
    [(0.0, "$0.00"), (0.5, "$0.50"), (0.1, "$0.10"), (0.99996, "$1.00"), (0.99994, "$0.9999"), (0.01234, "$0.01234"),
     (1e-7, "$0.0000001"), (1234.5, "$1,234.50")],
)  # fmt: skip
def test_money_for_people(usd, told) -> None:
    """Never less than cents, and never more than four digits that count."""
    assert dollars(usd) == told
