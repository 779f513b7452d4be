from __future__ import annotations

import pytest

from crewgraph.cli.limits import budget_of, policy_of
from crewgraph.cli.trouble import Mistake
from crewgraph.policy import Budget, Policy


def test_every_limit_can_be_said():
    """Each by its key, with underscores in long numbers."""
    budget = budget_of(["usd=1.5", "tokens=20_000", " calls = 3", "seconds=0.5"], "--budget")
    assert budget == Budget(usd=1.5, tokens=20_000, calls=3, seconds=0.5)


def test_nothing_said_is_no_budget():
    """And no policy."""
    assert budget_of([], "--budget") is None
    assert policy_of(retries=None, call_timeout=None, run_timeout=None) is None


@pytest.mark.parametrize(("given", "usd"), [([], 2.0), (["usd=1"], 1.0), (["usd=3"], 2.0)])
def test_of_two_limits_of_the_cost_the_lower_one_counts(given, usd):
    """--max-usd and --budget usd=…"""
    assert budget_of(given, "--budget", max_usd=2.0) == Budget(usd=usd)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["usd"], "--budget is KEY=N with one of usd, tokens, calls, seconds, not 'usd'. hint: --budget usd=2.50"),
        (["eur=1"], "not 'eur=1'"),
        (["tokens=1.5"], "--budget tokens is a whole number, not '1.5'"),
        (["usd=cheap"], "--budget usd is a number, not 'cheap'"),
        (["usd="], "--budget usd is a number, not ''"),
        (["usd=nan"], "--budget usd is a finite number, not 'nan'. hint: leave it out for no limit"),
        (["usd=inf"], "finite"),
        (["usd=-1"], "--budget usd=-1: Input should be greater than or equal to 0"),
        (["seconds=0"], "--budget seconds=0: Input should be greater than 0"),
        (["usd=1", "usd=2"], "--budget usd is said twice"),
    ],
)
def test_mistakes_are_told(given, told):
    """What was written, and what can be."""
    with pytest.raises(Mistake) as caught:
        budget_of(given, "--budget")
    assert told in caught.value.message


def test_a_policy_holds_what_was_said():
    """And leaves the rest to the pipeline."""
    assert policy_of(retries=0, call_timeout=None, run_timeout=9.0) == Policy(retries=0, run_timeout=9.0)
