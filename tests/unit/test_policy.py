from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from crewgraph.policy import DEFAULTS, UNDECLARED, Budget, Limit, Policy


class Model:
    model = "mine"

    async def complete(self, request: Any) -> Any:
        raise NotImplementedError


def test_nearer_wins() -> None:
    """What a policy says itself counts; what it leaves out comes from farther away, each attribute by itself."""
    near, far = Policy(retries=1), Policy(retries=9, call_timeout=5, limit=Limit(concurrency=2))
    both = near.over(far)
    assert (both.retries, both.call_timeout, both.limit) == (1, 5, Limit(concurrency=2))
    assert (near.call_timeout, far.retries) == (None, 9)


def test_zero_is_said() -> None:
    """0 retries is a declaration, not something left out."""
    assert Policy(retries=0, retry_wait=0).over(DEFAULTS).retries == 0


@pytest.mark.parametrize("farther", [None, UNDECLARED], ids=["nobody", "nothing"])
def test_nothing_farther(farther: Policy | None) -> None:
    """With nothing declared farther away a policy stays as it is."""
    policy = Policy(retries=1)
    assert policy.over(farther) == policy


@pytest.mark.parametrize("nearer", [UNDECLARED, Policy()], ids=["nobody", "nothing"])
def test_nothing_nearer(nearer: Policy) -> None:
    """With nothing declared nearer what counts is the farther policy itself, without a copy."""
    assert nearer.over(DEFAULTS) is DEFAULTS


def test_subclass() -> None:
    """What a policy of one's own says by its class is declared, although nobody set it."""

    class Patient(Policy):
        retries: int | None = 9

    assert Patient().over(DEFAULTS).retries == 9


def test_complete() -> None:
    """A policy that leaves nothing out takes nothing over."""
    everything = Policy(
        retries=1, retry_wait=1, max_retry_wait=1, call_timeout=1, task_timeout=1, node_timeout=1, run_timeout=1,
        fallbacks="a", limit=Limit(),
    )  # fmt: skip
    assert everything.over(DEFAULTS) is everything


def test_defaults() -> None:
    """The defaults are finite: retries, waits and time of a call."""
    assert (DEFAULTS.retries, DEFAULTS.retry_wait, DEFAULTS.max_retry_wait, DEFAULTS.call_timeout) == (4, 1, 60, 600)
    assert Policy() == UNDECLARED


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("a/b", ("a/b",)),
        ([" a/b ", "c"], ("a/b", "c")),
        ((), ()),
    ],
    ids=["none", "one", "list", "empty"],
)
def test_fallbacks(given: Any, kept: Any) -> None:
    """One fallback may stand without a list; names are stripped."""
    assert Policy(fallbacks=given).fallbacks == kept


def test_a_model_as_fallback() -> None:
    """A fallback may be a model; it is kept as it is."""
    model = Model()
    assert Policy(fallbacks=model).fallbacks == (model,)


@pytest.mark.parametrize(
    "fallback", ["", "  ", 3, Model, object(), ["a", None]], ids=["empty", "blank", "3", "class", "object", "list"]
)
def test_what_is_no_fallback(fallback: Any) -> None:
    """What cannot answer is refused where it is declared, with what could."""
    with pytest.raises(ValidationError, match=r"a fallback is a model, got .*hint: a name such as"):
        Policy(fallbacks=fallback)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Policy, {"retries": -1}),
        (Policy, {"retry_wait": -0.1}),
        (Policy, {"retry_wait": float("nan")}),
        (Policy, {"max_retry_wait": float("inf")}),
        (Policy, {"call_timeout": 0}),
        (Policy, {"run_timeout": float("inf")}),
        (Policy, {"node_timeout": "soon"}),
        (Policy, {"timeout": 3}),
        (Limit, {"requests_per_minute": 0}),
        (Limit, {"concurrency": -1}),
        (Limit, {"tokens_per_minute": 1.5}),
        (Limit, {"rpm": 3}),
        (Budget, {"usd": -1}),
        (Budget, {"usd": float("inf")}),
        (Budget, {"seconds": 0}),
        (Budget, {"dollars": 1}),
    ],
    ids=str,
)
def test_refused(kind: type[Policy | Limit | Budget], fields: dict[str, Any]) -> None:
    """Amounts that make no sense and names that do not exist are refused, by name."""
    with pytest.raises(ValidationError, match=next(iter(fields))):
        kind(**fields)


def test_frozen() -> None:
    """A policy is shared by many runs and cannot be changed."""
    with pytest.raises(ValidationError, match="frozen"):
        DEFAULTS.retries = 1  # type: ignore[misc]
