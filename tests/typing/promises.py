"""What the syntax promises to an editor; checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import Any, assert_type

from crewgraph import (
    Agent,
    Crew,
    CrewOutput,
    Edge,
    Findings,
    Forecast,
    Graph,
    MCPServer,
    OfflineLLM,
    Pipeline,
    PipelineKickoffResult,
    Policy,
    Procedure,
    Route,
    Router,
    Task,
    step,
)
from crewgraph.errors import ModelError
from crewgraph.testing import ScriptedLLM


@step
async def double(n: int) -> dict[str, int]:
    return {"n": n * 2}


class Foreign:
    """A crew of another library."""

    async def kickoff_async(self, inputs: dict[str, Any] | None = None) -> str:
        """Run once."""
        return ""


crew = Crew(name="a", agents=[Agent(role="r")], tasks=[Task(description="d")])
router = Router(routes={"x": Route("n > 1", crew)}, default=crew)

assert_type(crew >> crew, Procedure)
assert_type(crew >> crew >> crew, Procedure)
assert_type(crew >> (crew >> crew), Procedure)
assert_type((crew >> crew) >> double, Pipeline)
assert_type(Pipeline([crew]) >> crew, Pipeline)
assert_type(crew >> len, Pipeline)
assert_type(len >> crew, Pipeline)
assert_type(crew >> Foreign(), Pipeline)
assert_type(Foreign() >> crew, Pipeline)
assert_type(crew >> [crew, Foreign(), len, crew >> crew], Pipeline)

# what is no stage is told by the editor
crew >> 5  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
crew >> "name"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
crew >> [crew, [crew]]  # type: ignore[list-item]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
Pipeline(["name"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
assert_type(crew >> [crew, double], Pipeline)
assert_type([crew, double] >> crew, Pipeline)
assert_type(crew >> router >> double, Pipeline)
assert_type(
    Graph([(crew, double), Edge(crew, router, when="n > 1", route="big")], nodes=[crew], name="g").check(), Findings
)
assert_type(crew >> Graph([(crew, double)]) >> router, Pipeline)
assert_type(Graph(nodes=[crew]).edges, tuple[Edge, ...])
assert_type(Procedure([crew]).crews, list[Any])
assert_type(router.add_route("y", lambda values: values["n"] > 1, crew), Router)
assert_type((crew >> crew).check(), Findings)
assert_type((crew >> crew).plan({"n": 1}), Forecast)

# what lists, names and mixed answers may be given to
assert_type(Crew(process="hierarchical"), Crew)
assert_type(MCPServer(command="files", args=["--root", "/srv"], include=["read"], exclude=["list"]), MCPServer)
assert_type(OfflineLLM({"sum": "42", "broken": ModelError("…"), "asked": lambda _: "yes"}), OfflineLLM)
assert_type(OfflineLLM([("sum", "42"), (lambda _: True, ModelError)]), OfflineLLM)
assert_type(ScriptedLLM("a", rules={"sum": "42", "broken": ModelError("…"), "form": {"n": 1}}), ScriptedLLM)
assert_type(Policy(fallbacks=[OfflineLLM(), "offline"]), Policy)


async def running() -> None:
    """What comes out of running."""
    assert_type(await (crew >> crew).kickoff_async({"n": 1}), PipelineKickoffResult)
    assert_type(await crew.kickoff_async({"n": 1}), CrewOutput)
