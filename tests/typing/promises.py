"""What the syntax promises to an editor; checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import Any, assert_type

from crewgraph import (
    Agent,
    Crew,
    CrewOutput,
    Findings,
    Forecast,
    Pipeline,
    PipelineKickoffResult,
    Procedure,
    Route,
    Router,
    Task,
    step,
)


@step
async def double(n: int) -> dict[str, int]:
    return {"n": n * 2}


crew = Crew(name="a", agents=[Agent(role="r")], tasks=[Task(description="d")])
router = Router(routes={"x": Route("n > 1", crew)}, default=crew)

assert_type(crew >> crew, Pipeline)
assert_type(crew >> [crew, double], Pipeline)
assert_type([crew, double] >> crew, Pipeline)
assert_type(crew >> router >> double, Pipeline)
assert_type(Procedure([crew]).crews, list[Any])
assert_type(router.add_route("y", lambda values: values["n"] > 1, crew), Router)
assert_type((crew >> crew).check(), Findings)
assert_type((crew >> crew).plan({"n": 1}), Forecast)


async def running() -> None:
    """What comes out of running."""
    assert_type(await (crew >> crew).kickoff_async({"n": 1}), PipelineKickoffResult)
    assert_type(await crew.kickoff_async({"n": 1}), CrewOutput)
