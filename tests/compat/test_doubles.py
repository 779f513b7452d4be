"""Pipelines of test doubles: what people's suites for the ancestor relied on.

Stages are validated by isinstance alone; a crew is only ever called as ``crew.kickoff_async(inputs=…)``; a router is
asked through ``router.route(values)``; labels are read with a fallback.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, patch

import pytest

from crewgraph import Agent, Crew, CrewOutput, Pipeline, Procedure, Route, Router, Task, TaskOutput, UsageMetrics

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

USAGE = UsageMetrics(total_tokens=10, prompt_tokens=6, completion_tokens=4, successful_requests=1)


def output(**keys: Any) -> CrewOutput:
    tasks = [TaskOutput(description="a task", raw="an answer", agent="someone")]
    return CrewOutput(raw="said", tasks_output=tasks, token_usage=USAGE, json_dict=keys or None)


def with_spec(name: str, **keys: Any) -> Any:
    crew = MagicMock(spec=Crew)
    crew.name = name
    crew.kickoff_async.side_effect = AsyncMock(return_value=output(**keys))
    return crew


def by_inheritance(name: str, **keys: Any) -> Any:
    crew = type("CrewDouble", (MagicMock, Crew), {})()
    for attribute in ("name", "verbose", "process", "agents", "tasks", "config", "cache", "memory", "knowledge"):
        setattr(crew, attribute, None)
    crew.name = name
    crew.kickoff_async = AsyncMock(return_value=output(**keys))
    return crew


def nameless(name: str, **keys: Any) -> Any:
    crew = Mock(spec=Crew)
    crew.kickoff_async.side_effect = AsyncMock(return_value=output(**keys))
    return crew


@pytest.mark.parametrize("double", [with_spec, by_inheritance])
async def test_doubles_run_as_crews(double: Any) -> None:
    """A mock with a crew's spec, and a class that inherits from mock and crew, are crews."""
    a, b, c = double("a", x=1), double("b", y=2), double("c")
    pipeline = Pipeline(stages=[a, [b, c]])
    assert pipeline.stages == [a, [b, c]]
    results = await pipeline.kickoff([{"i": 1}])
    a.kickoff_async.assert_called_once_with(inputs={"i": 1})
    b.kickoff_async.assert_called_once_with(inputs={"i": 1, "x": 1})
    assert [run.trace for run in results] == [[{"i": 1}, "a", "b"], [{"i": 1}, "a", "c"]]
    assert results[0].token_usage == {"a": USAGE, "b": USAGE, "c": USAGE}
    results[0].trace = ["assignable"]
    assert results[0].trace == ["assignable"]


async def test_a_double_without_a_name_gets_one() -> None:
    """A mock that has no name at all is labelled with its class."""
    crew = nameless("", k=1)
    result = await Procedure(crews=[crew, crew]).kickoff([{"i": 1}])
    assert crew.kickoff_async.call_count == 2
    assert result[0].to_dict() == {"k": 1}
    assert result[0].token_usage == {
        "total_tokens": 10,
        "prompt_tokens": 6,
        "completion_tokens": 4,
        "successful_requests": 1,
    }
    assert [type(name) for name in result[0].trace[1:]] == [str, str]


async def test_a_patched_class_needs_no_model() -> None:
    """With ``Crew.kickoff_async`` patched away, crews without a model run, and nothing but inputs is passed."""
    agent = Agent(role="r", goal="g", backstory="b", allow_delegation=False, verbose=False)
    task = Task(description="d", expected_output="e", agent=agent, async_execution=False, context=None)
    first, second = Crew(name="one", agents=[agent], tasks=[task]), Crew(agents=[agent], tasks=[task])
    second.name = "two"
    with patch.object(Crew, "kickoff_async") as kickoff:
        kickoff.side_effect = [output(n=1), output(n=2)]
        results = await Pipeline(stages=[first, second]).kickoff([{"i": 0}])
    assert [call.kwargs for call in kickoff.call_args_list] == [{"inputs": {"i": 0}}, {"inputs": {"i": 0, "n": 1}}]
    assert [call.args for call in kickoff.call_args_list] == [(), ()]
    assert results[0].trace == [{"i": 0}, "one", "two"]


async def test_a_router_double_may_take_pipelines_that_nobody_declared() -> None:
    """A router that inherits from a mock is asked through ``route``; the pipeline it returns runs in its place."""
    router = type("RouterDouble", (MagicMock, Router), {})()
    low, high, last = with_spec("low", k="low"), with_spec("high", k="high"), with_spec("last", done=1)
    router.route = MagicMock(
        side_effect=lambda values: (
            (Pipeline(stages=[high]), "up") if values["n"] > 1 else (Pipeline(stages=[low]), "down")
        )
    )
    alone = await Pipeline(stages=[router]).kickoff([{"n": 5}, {"n": 0}])
    assert [run.trace for run in alone] == [
        [{"n": 5}, {"route_taken": "up"}, "high"],
        [{"n": 0}, {"route_taken": "down"}, "low"],
    ]
    assert [run.json_dict for run in alone] == [{"k": "high"}, {"k": "low"}]
    (twice,) = await Pipeline(stages=[router, router, last]).kickoff([{"n": 5}])
    assert twice.trace == [{"n": 5}, {"route_taken": "up"}, "high", {"route_taken": "up"}, "high#2", "last"]
    last.kickoff_async.assert_called_once_with(inputs={"n": 5, "k": "high"})
    assert set(twice.token_usage) == {"high", "high#2", "last"}


async def test_a_router_is_subscriptable() -> None:
    """``Router[dict, Pipeline](…)`` is a router, as in the ancestor."""
    crew = with_spec("a")
    router = Router[dict[str, Any], Pipeline](
        routes={"x": Route(condition=lambda v: True, pipeline=Pipeline([crew]))}, default=crew
    )
    (run,) = await Pipeline(stages=[router]).kickoff([{}])
    assert run.trace == [{}, {"route_taken": "x"}, "a"]


async def test_an_undeclared_chain_of_crews_is_spliced_in_too() -> None:
    """What an open router returns obeys the rules of the pipeline it runs in; a wrong answer fails the run."""

    class Improviser(Router):
        def route(self, values: dict[str, Any]) -> Any:
            return values["answer"], "new"

    first, second = with_spec("first", x=1), with_spec("second", y=2)
    pipeline = Pipeline(stages=[Improviser(default=with_spec("unused")), with_spec("last")])
    (good,) = await pipeline.kickoff({"answer": Procedure([first, second])})
    assert good.trace[1:] == [{"route_taken": "new"}, "first", "second", "last"]
    assert {"answer", "x"} == set(second.kickoff_async.call_args.kwargs["inputs"])
    (bad,) = await pipeline.kickoff_async({"answer": "nonsense"}, on_error="collect")
    assert "Expected Crew instance" in str(bad.error)


async def test_spans_of_an_undeclared_route() -> None:
    """The nodes of a pipeline that nobody declared have their spans behind their router's."""

    class Improviser(Router):
        def route(self, values: dict[str, Any]) -> Any:
            return Pipeline([with_spec("new", x=1)]), "new"

    (run,) = await Pipeline([Improviser(default=with_spec("unused")), with_spec("last")]).kickoff_async({})
    told = [(span.node, span.kind, span.status) for span in run.spans]
    assert told == [
        ("router", "router", "ok"),
        ("new", "crew", "ok"),
        ("unused", "crew", "skipped"),
        ("last", "crew", "ok"),
    ]
