"""What comes out: answers, usage, and the results of runs and kickoffs."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel, ValidationError

from crewgraph.outputs import (
    CrewOutput,
    OutputFormat,
    PipelineKickoffResult,
    PipelineRunResult,
    ProcedureRunResult,
    RunStatus,
    TaskOutput,
    UsageMetrics,
)
from crewgraph.outputs.answers import MAX_SHOWN
from crewgraph.trace import Span
from crewgraph.usage import Call


class Person(BaseModel):
    name: str = "Ada"
    tags: list[str] = ["x"]

    def __str__(self) -> str:
        return f"Person {self.name}"


class Listing(RootModel[list[int]]):
    def __len__(self) -> int:
        return len(self.root)

    def __str__(self) -> str:
        return f"Listing {self.root}"


ONE = UsageMetrics(total_tokens=3, prompt_tokens=2, completion_tokens=1, successful_requests=1)
ANSWERS = [TaskOutput, CrewOutput, PipelineRunResult, ProcedureRunResult]
answers = pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)

# ---- usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers",
    [
        {"total_tokens": 3, "prompt_tokens": 2, "completion_tokens": 1, "successful_requests": 1},
        ONE.model_dump(),
        UsageMetrics(**ONE.model_dump()),
    ],
    ids=["some numbers", "all numbers", "usage"],
)
def test_usage_equals_the_same_numbers(numbers: Any) -> None:
    """A plain dict on either side, numbers left out counting as 0."""
    assert numbers == ONE
    assert ONE == numbers  # noqa: SIM300 - either side
    assert not numbers != ONE  # noqa: SIM202 - `!=` is what is tested
    assert {"a": numbers} == {"a": ONE}


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"total_tokens": 3},
        ONE.model_dump() | {"total_tokens": 4},
        ONE.model_dump() | {"x": 0},
        UsageMetrics(),
        None,
        3,
    ],
    ids=str,
)
def test_usage_differs_from_anything_else(other: Any) -> None:
    """Other numbers, other keys, and what is no usage at all."""
    assert other != ONE
    assert ONE != other  # noqa: SIM300 - either side


def test_no_usage_equals_an_empty_dict() -> None:
    """Nothing spent is nothing spent."""
    assert UsageMetrics() == {}


def test_usage_is_mutable_and_so_has_no_hash() -> None:
    """It cannot be a key."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(ONE)


counts = st.builds(UsageMetrics, **{name: st.integers(0, 10**9) for name in UsageMetrics.model_fields})


@given(st.lists(counts))
def test_usage_adds_up(parts: list[UsageMetrics]) -> None:
    """Every number is summed, and no part changes."""
    before = [part.model_dump() for part in parts]
    total = UsageMetrics.sum(parts)
    for name in UsageMetrics.model_fields:
        assert getattr(total, name) == sum(getattr(part, name) for part in parts)
    assert [part.model_dump() for part in parts] == before


def test_usage_can_be_added() -> None:
    """`+` makes a new count, `add_usage_metrics` adds in place."""
    count = ONE + ONE
    assert (count.total_tokens, ONE.total_tokens) == (6, 3)
    count.add_usage_metrics(ONE)
    assert count.total_tokens == 9


# ---- answers ---------------------------------------------------------------------------------------------------


@answers
@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ({"pydantic": Person(), "json_dict": {"a": 1}, "raw": "text"}, "Person Ada"),
        ({"json_dict": {"a": 1}, "raw": "text"}, "{'a': 1}"),
        ({"raw": "text"}, "text"),
        ({"json_dict": {}, "raw": "text"}, "text"),
        ({"pydantic": Listing([]), "raw": "text"}, "Listing []"),
        ({}, ""),
    ],
    ids=["model", "json", "raw", "empty json", "empty model", "nothing"],
)
def test_an_answer_as_text(kind: Any, shape: dict[str, Any], text: str) -> None:
    """The model before the JSON before the text; a model that is empty is still the model."""
    assert str(kind(**shape)) == text


@answers
@pytest.mark.parametrize(
    ("shape", "keys"),
    [
        ({"json_dict": {"a": 1}, "pydantic": Person()}, {"a": 1}),
        ({"pydantic": Person()}, {"name": "Ada", "tags": ["x"]}),
        ({"pydantic": Person(), "json_dict": {}}, {"name": "Ada", "tags": ["x"]}),
        ({"pydantic": RootModel[dict[str, int]]({"a": 1})}, {"a": 1}),
        ({"pydantic": Listing([1])}, {}),
        ({"pydantic": object()}, {}),
        ({"raw": '{"a": 1}'}, {}),
    ],
    ids=["both", "model", "empty json", "dict model", "list model", "no model", "text"],
)
def test_an_answer_as_a_dict(kind: Any, shape: dict[str, Any], keys: dict[str, Any]) -> None:
    """JSON before the model; text has no keys, and neither has a list."""
    assert kind(**shape).to_dict() == keys


@answers
def test_the_dict_of_an_answer_is_new(kind: Any) -> None:
    """Writing on it does not write on the answer."""
    for answer in (kind(json_dict={"a": 1}), kind(pydantic=Person())):
        answer.to_dict()["b"] = 2
        answer.to_dict().clear()
        assert "b" not in answer.to_dict()
        assert answer.to_dict()


def task(output_format: OutputFormat | str = OutputFormat.JSON) -> TaskOutput:
    return TaskOutput(description="d", agent="a", output_format=output_format, json_dict={"ä": 1})


def answering(tasks: list[TaskOutput]) -> list[Any]:
    crew = CrewOutput(tasks_output=tasks, json_dict={"ä": 1})
    run = PipelineRunResult(crews_outputs=[crew], json_dict={"ä": 1})
    return [crew, run, ProcedureRunResult(tasks_output=tasks, json_dict={"ä": 1})]


def test_json_text_where_the_last_task_declares_json() -> None:
    """All kinds of answers have it, with characters as they are."""
    for answer in [task(), *answering([task("raw"), task("json")])]:
        assert answer.json == '{"ä": 1}'


@pytest.mark.parametrize("output_format", ["raw", "pydantic"])
def test_no_json_text_where_it_does_not(output_format: str) -> None:
    """It is a ValueError that says how to get it, whatever tasks came before."""
    for answer in [task(output_format), *answering([task("json"), task(output_format)]), *answering([])]:
        with pytest.raises(ValueError, match=r"no JSON output.*hint: give that task output_json=Model"):
            _ = answer.json


def test_json_text_of_values_that_json_does_not_know() -> None:
    """They are written as text rather than lost."""
    answer = TaskOutput(output_format="json", json_dict={"id": UUID(int=1)})
    assert answer.json == '{"id": "00000000-0000-0000-0000-000000000001"}'


def test_a_run_without_outputs_has_no_tasks_and_no_json() -> None:
    """A failed run can be asked everything that a finished one can."""
    run = PipelineRunResult(status="failed")
    assert (run.tasks_output, run.usage, run.spans, run.ok, str(run), run.to_dict()) == ([], {}, [], False, "", {})
    with pytest.raises(ValueError, match="no JSON output"):
        _ = run.json


def test_a_crew_output_can_be_indexed() -> None:
    """By the keys of its dict."""
    assert CrewOutput(json_dict={"a": 1})["a"] == 1
    with pytest.raises(KeyError):
        _ = CrewOutput(raw="text")["a"]


def test_outputs_do_not_share_their_defaults() -> None:
    """Two outputs have two lists and two counts."""
    first, second = CrewOutput(), CrewOutput()
    first.tasks_output.append(task())
    first.token_usage.add_usage_metrics(ONE)
    assert (second.tasks_output, second.token_usage) == ([], {})


# ---- runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PipelineRunResult, ProcedureRunResult])
def test_a_run_has_an_id_of_its_own(kind: Any) -> None:
    """A UUID that cannot be changed."""
    run, other = kind(), kind()
    assert isinstance(run.id, UUID)
    assert run.id != other.id
    with pytest.raises(ValidationError):
        run.id = other.id


@pytest.mark.parametrize("kind", [PipelineRunResult, ProcedureRunResult])
def test_a_trace_can_be_assigned(kind: Any) -> None:
    """As in the ancestor."""
    run = kind()
    run.trace = [{"i": 0}, "a"]
    assert run.trace == [{"i": 0}, "a"]


def test_usage_of_a_run_is_by_node() -> None:
    """A plain dict of plain numbers equals it; the total stands beside it."""
    run = PipelineRunResult(token_usage={"a": ONE, "b": ONE}, usage=ONE + ONE)
    assert run.token_usage == {
        "a": ONE.model_dump(),
        "b": {"total_tokens": 3, "prompt_tokens": 2, "completion_tokens": 1, "successful_requests": 1},
    }
    assert run.usage.total_tokens == 6


def test_the_tasks_of_a_run_are_those_of_its_final_crew() -> None:
    """Not of the crews before."""
    last = task()
    run = PipelineRunResult(crews_outputs=[CrewOutput(tasks_output=[task()]), CrewOutput(tasks_output=[last])])
    assert run.tasks_output == [last]
    assert run.tasks_output[0] is last


def test_a_result_of_a_procedure_is_a_crew_output() -> None:
    """With the run beside it."""
    run = ProcedureRunResult(raw="x", token_usage=ONE, index=3)
    assert isinstance(run, CrewOutput)
    assert (run.token_usage, run.index, run.ok, run.error) == (ONE, 3, True, None)


def test_spans_are_made_when_somebody_looks() -> None:
    """Not before, and each time anew."""
    made = list[int]()

    def spans() -> list[Span]:
        made.append(1)
        return [Span(node="a", kind="crew", status="ok")]

    run = PipelineRunResult.later({}, _behind=SimpleNamespace(spans=spans))
    assert made == []
    assert [span.node for span in run.spans] == ["a"]


def test_an_error_is_kept_as_it_is_and_not_dumped() -> None:
    """It can be raised again; a dump of the result holds data only."""
    error = ValueError("x")
    run = PipelineRunResult(error=error, status=RunStatus.FAILED)
    assert run.error is error
    assert "error" not in run.model_dump()
    assert run.model_dump_json()


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (CrewOutput(raw="x", token_usage=ONE), "CrewOutput('x', 3 tokens)"),
        (CrewOutput(raw="x" * 99), f"CrewOutput('{'x' * MAX_SHOWN}…', 0 tokens)"),
        (PipelineRunResult(raw="x", index=2, usage=ONE), "PipelineRunResult(input 2: ok, 3 tokens, 'x')"),
        (
            PipelineRunResult(status="failed", error=ValueError("no\nway")),
            r"PipelineRunResult(input 0: failed, 0 tokens, 'no\nway')",
        ),
        (ProcedureRunResult(raw="x", usage=ONE), "ProcedureRunResult(input 0: ok, 3 tokens, 'x')"),
        (
            ProcedureRunResult(status="failed", error=ValueError("no")),
            "ProcedureRunResult(input 0: failed, 0 tokens, 'no')",
        ),
        (PipelineKickoffResult(), "PipelineKickoffResult(0 results)"),
        (PipelineKickoffResult(run_results=[PipelineRunResult()]), "PipelineKickoffResult(1 result)"),
        (
            PipelineKickoffResult(run_results=[PipelineRunResult(), PipelineRunResult(status="failed")]),
            "PipelineKickoffResult(2 results, 1 failed)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_results_are_short_in_a_repr(result: object, text: str) -> None:
    """One line, whatever they hold."""
    assert repr(result) == text


# ---- kickoffs --------------------------------------------------------------------------------------------------


@pytest.fixture
def runs() -> list[PipelineRunResult]:
    return [PipelineRunResult(raw=str(index), index=index) for index in range(3)]


def test_a_kickoff_is_a_sequence_of_its_runs(runs: list[PipelineRunResult]) -> None:
    """Length, index, slice, iteration, unpacking, membership, reversal."""
    result = PipelineKickoffResult(run_results=runs)
    first, second, third = result
    assert [first, second, third] == runs
    assert (len(result), result[0], result[-1], result[1:]) == (3, runs[0], runs[2], runs[1:])
    assert list(reversed(result)) == runs[::-1]
    assert runs[1] in result
    assert PipelineRunResult() not in result
    with pytest.raises(IndexError):
        _ = result[3]


def test_an_empty_kickoff_is_false() -> None:
    """As an empty list is."""
    assert not PipelineKickoffResult()
    assert PipelineKickoffResult(run_results=[PipelineRunResult()])
    assert list(PipelineKickoffResult()) == []


def test_results_can_be_added(runs: list[PipelineRunResult]) -> None:
    """One after the other; two kickoffs share nothing."""
    result, other = PipelineKickoffResult(), PipelineKickoffResult()
    for run in runs:
        result.add_run_result(run)
    assert result.run_results == runs
    assert other.run_results == []
    assert result.id != other.id


def test_the_failed_runs_of_a_kickoff(runs: list[PipelineRunResult]) -> None:
    """Those that did not reach their end: failed or cancelled."""
    runs[0].status, runs[2].status = RunStatus.FAILED, RunStatus.CANCELLED
    assert PipelineKickoffResult(run_results=runs).failed == [runs[0], runs[2]]


def test_asyncio_run_takes_a_kickoff_result() -> None:
    """What a script got back can be given to `asyncio.run`."""
    result = PipelineKickoffResult()
    assert asyncio.run(result) is result  # type: ignore[arg-type]


def test_asyncio_gathers_kickoff_results() -> None:
    """They are told apart by identity, as gather needs it."""
    first, second = PipelineKickoffResult(), PipelineKickoffResult()

    async def main() -> list[object]:
        return [*await asyncio.gather(first, second, first)]  # type: ignore[arg-type]

    got = asyncio.run(main())
    assert [result is first for result in got] == [True, False, True]
    assert first != second
    assert len({first, second, first}) == 2


@pytest.mark.anyio
async def test_a_kickoff_result_can_be_awaited_often() -> None:
    """On either loop, with itself as the answer."""
    result = PipelineKickoffResult()
    assert await result is result
    assert await result is result


# ---- money -----------------------------------------------------------------------------------------------------------

CENT = UsageMetrics(total_tokens=10, picodollars=10**10)
UNKNOWN = UsageMetrics(total_tokens=10, unpriced_requests=1)


def spent(name: str, usage: UsageMetrics, **who: str) -> Call:
    return Call(kind="model", name=name, usage=usage, **who)


def test_the_cost_of_an_output() -> None:
    """USD, and nothing where a part of it is not known."""
    assert CrewOutput(token_usage=CENT).cost == 0.01
    assert CrewOutput(token_usage=CENT + UNKNOWN).cost is None


def test_the_usage_of_an_output_by_its_calls() -> None:
    """By agent, model and crew; a crew does not know in which node of which input it was."""
    calls = [spent("m", CENT, agent="a", crew="c"), spent("n", UNKNOWN, agent="a", crew="c")]
    output = CrewOutput(token_usage=CENT + UNKNOWN, calls=calls)
    assert output.usage_by("model") == {"m": CENT, "n": UNKNOWN}
    assert output.usage_by("agent") == {"a": CENT + UNKNOWN}
    assert output.usage_by("node") == output.usage_by("input") == {"": CENT + UNKNOWN}


def test_the_usage_of_a_foreign_output() -> None:
    """It tells a total and no calls."""
    assert CrewOutput(token_usage=CENT).usage_by("model") == {"": CENT}
    assert CrewOutput().usage_by("model") == {}


def test_the_cost_of_runs() -> None:
    """Of one and of all; results that were put together by hand are counted one by one."""
    runs = [PipelineRunResult(index=index, usage=CENT) for index in range(3)]
    result = PipelineKickoffResult(run_results=list(runs))
    assert (runs[0].cost, result.cost) == (0.01, 0.03)
    assert result.usage_by("input") == {"0": CENT, "1": CENT, "2": CENT}
    assert result.usage_by("agent") == {"": CENT + CENT + CENT}
    result.add_run_result(PipelineRunResult(index=3, usage=UNKNOWN))
    assert result.cost is None


def test_results_of_one_run_are_counted_once() -> None:
    """Each branch of a parallel final stage has the usage of the whole run."""
    run = object()
    behind = [SimpleNamespace(run=run, beside=dict) for _ in range(2)]
    branches = [PipelineRunResult.later({"usage": CENT}, _behind=each) for each in behind]
    assert PipelineKickoffResult(run_results=list(branches)).usage == CENT


@pytest.mark.parametrize(
    ("states", "not_run", "status"),
    [
        ([], [], RunStatus.OK),
        ([RunStatus.OK], [1], RunStatus.OVER_BUDGET),
        ([RunStatus.OK, RunStatus.OVER_BUDGET, RunStatus.FAILED], [], RunStatus.OVER_BUDGET),
        ([RunStatus.FAILED, RunStatus.CANCELLED], [2], RunStatus.FAILED),
        ([RunStatus.OK, RunStatus.CANCELLED], [], RunStatus.CANCELLED),
    ],
    ids=["nothing", "not begun", "over budget", "fail fast", "cancelled"],
)
def test_the_status_of_a_kickoff(states: list[RunStatus], not_run: list[int], status: RunStatus) -> None:
    """Inputs that were not begun without a failure were kept back by a budget."""
    runs = [PipelineRunResult(status=each) for each in states]
    assert PipelineKickoffResult(run_results=list(runs), not_run=not_run).status is status
