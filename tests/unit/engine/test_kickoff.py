from __future__ import annotations

import gc
from typing import Any

import pytest

from crewgraph.policy import Budget, Limit, Policy
from crewgraph.router import Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.trace import Event

pytestmark = pytest.mark.anyio


@step
async def quick() -> None:
    pass


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("policy", {"retries": 3}, r"policy is a Policy, as in Policy\(…\), not \{'retries': 3\}"),
        ("policy", Limit(), "policy is a Policy"),
        ("budget", 3.5, r"budget is a Budget, as in Budget\(…\), not 3.5"),
        ("input_budget", Policy(), "input_budget is a Budget"),
        ("text", 1, "text is True or False, not 1"),
        ("text", None, "text is True or False, not None"),
        ("timeout", 3, "a kickoff has no option timeout. There is: .*policy"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_wrong_options(option: str, value: Any, message: str) -> None:
    """An option of the wrong kind is refused before anything runs, with what it must be."""
    with pytest.raises(TypeError, match=message):
        Pipeline([quick]).kickoff({}, **{option: value})


@pytest.mark.parametrize("option", ["policy", "budget", "input_budget", "observer"])
def test_none_is_nothing(option: str) -> None:
    """None is as good as leaving an option out."""
    assert len(Pipeline([quick]).kickoff({}, **{option: None})) == 1


async def test_events_take_no_observer() -> None:
    """Who reads the events is the observer."""
    with pytest.raises(TypeError, match=r"events\(\) is an observer itself"):
        async for _ in Pipeline([quick]).events({}, observer=print):
            pass
    with pytest.raises(TypeError, match="text is True or False"):
        async for _ in Pipeline([quick]).events({}, text="yes"):  # type: ignore[arg-type]
            pass
    gc.collect()  # nothing was opened that nobody closes


async def test_behind_an_open_router() -> None:
    """What a pipeline that nobody declared gives is handed on: its keys, and its texts by the names of its nodes."""
    seen = list[Any]()

    @step
    async def writes() -> dict[str, int]:
        return {"score": 3}

    @step
    async def says() -> str:
        return "hello"

    @step
    async def reads(inputs: dict[str, Any]) -> None:
        seen.append(inputs)

    class Open(Router):
        def route(self, inputs: Any) -> Any:
            return Pipeline([writes, says]), "made up"

    (run,) = await Pipeline([quick, Open(default=Pipeline([quick])), reads]).kickoff_async({"n": 1})
    assert seen == [{"n": 1, "score": 3, "says": "hello"}]
    assert [span.node for span in run.spans if span.status == "ok"] == ["quick", "router", "writes", "says", "reads"]


async def test_an_observer_that_raises() -> None:
    """What an observer raises stops nothing."""

    def angry(_: Event) -> None:
        raise ValueError

    assert (await Pipeline([quick]).kickoff_async({}, observer=angry))[0].ok


async def test_budget_and_policy_together() -> None:
    """A budget and a policy bear on the same kickoff without getting into each other's way."""
    result = await Pipeline([quick]).kickoff_async(
        [{}] * 3, budget=Budget(seconds=60), input_budget=Budget(seconds=30), policy=Policy(run_timeout=20)
    )
    assert [run.status for run in result] == ["ok"] * 3
