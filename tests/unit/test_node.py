"""The small protocol in which the graph and the crews meet."""

from __future__ import annotations

from collections import UserDict
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from pydantic import BaseModel, ValidationError

from crewgraph.handoff import structured
from crewgraph.node import Interface, Need, call, interface_of, is_node, label_of
from crewgraph.outputs import CrewOutput, PipelineRunResult, UsageMetrics
from crewgraph.syntax import Stage


class Crew(Stage):
    """A stand-in for a crew: it returns what it is told."""

    def __init__(self, name: Any = None, returns: Any = None, **attributes: Any) -> None:
        self.name = name
        self.returns = returns
        vars(self).update(attributes)

    async def kickoff_async(self, inputs: Any = None) -> Any:
        return self.returns

    def interface(self) -> Interface:
        return Interface(needs=(Need("topic", "task 't'"),))


class Foreign:
    """Somebody else's crew."""

    async def kickoff_async(self, inputs: Any = None) -> Any:
        return inputs


class Plain:
    """One whose method is not async."""

    def kickoff_async(self, inputs: Any = None) -> Any:
        return CrewOutput(raw=str(inputs))


# ---- what is a node --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [Crew(), Foreign(), Plain(), MagicMock(spec=Crew), MagicMock(), SimpleNamespace(kickoff_async=print)],
    ids=["crew", "foreign", "plain", "spec", "mock", "anything"],
)
def test_whatever_can_be_kicked_off_is_a_node(value: object) -> None:
    """A method is all it takes."""
    assert is_node(value)


@pytest.mark.parametrize(
    "value",
    [
        Crew,
        Foreign,
        MagicMock,
        "text",
        None,
        7,
        print,
        lambda: None,
        [],
        {},
        SimpleNamespace(kickoff_async=1),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_else_is(value: object) -> None:
    """Neither a class, although its method is there, nor what has no such method."""
    assert not is_node(value)


# ---- what it says about itself ---------------------------------------------------------------------------------


def test_a_node_that_says_something_is_heard() -> None:
    """Its interface is taken as it is."""
    assert interface_of(Crew()).needs == (Need("topic", "task 't'"),)


@pytest.mark.parametrize(
    "value",
    [Foreign(), MagicMock(spec=Crew), MagicMock(), SimpleNamespace(interface="x"), SimpleNamespace(interface=dict)],
    ids=["silent", "spec", "mock", "no method", "something else"],
)
def test_a_node_that_says_nothing_may_need_and_give_anything(value: object) -> None:
    """Doubles that answer everything say nothing."""
    assert interface_of(value) == Interface("crew", (), {}, None)


@pytest.mark.parametrize(
    ("node", "label"),
    [
        (Crew("research"), "research"),
        (Crew("Market Research"), "Market Research"),
        (Crew(" a "), " a "),
        (Crew("  "), "crew"),
        (Crew(""), "crew"),
        (Crew(None), "crew"),
        (Crew(7), "crew"),
        (Crew(agents=[SimpleNamespace(role=" Writer "), SimpleNamespace(role="Editor")]), "Writer + Editor"),
        (Crew(agents=[SimpleNamespace(role="Writer"), SimpleNamespace(role="Writer")]), "Writer"),
        (Crew(agents=[SimpleNamespace(role=None), SimpleNamespace(), SimpleNamespace(role="  ")]), "crew"),
        (Crew(agents=None), "crew"),
        (Crew(agents={"a": 1}), "crew"),
        (Foreign(), "foreign"),
        (MagicMock(spec=Crew), "magicmock"),
        (MagicMock(), "magicmock"),
    ],
)
def test_a_label_is_readable_and_stable(node: object, label: str) -> None:
    """The node's name, else its agents' roles, else its class; never a random id."""
    assert label_of(node) == label


# ---- running it ------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_node_is_called_with_inputs_by_keyword_and_nothing_else() -> None:
    """As test doubles assert."""
    double = MagicMock(spec=Crew)
    double.kickoff_async = AsyncMock(return_value=CrewOutput(raw="x"))
    await call(double, {"i": 1})
    double.kickoff_async.assert_awaited_once_with(inputs={"i": 1})


@pytest.mark.anyio
async def test_a_crew_output_is_taken_as_it_is() -> None:
    """The same object."""
    output = CrewOutput(raw="x")
    assert await call(Crew(returns=output), {}) is output


@pytest.mark.anyio
async def test_a_node_that_is_not_async_is_called_too() -> None:
    """What it returns need not be awaited."""
    assert (await call(Plain(), {"i": 1})).raw == "{'i': 1}"  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_what_a_node_raises_passes_through() -> None:
    """Nothing is wrapped here."""

    class Failing(Foreign):
        async def kickoff_async(self, inputs: Any = None) -> Any:
            raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await call(Failing(), {})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("returned", "raw", "keys"),
    [
        ("text", "text", {}),
        (None, "", {}),
        (7, "7", {}),
        ({"a": "ä"}, '{"a": "ä"}', {"a": "ä"}),
        ({}, "{}", {}),
        (UserDict({"a": 1}), '{"a": 1}', {"a": 1}),
        (SimpleNamespace(raw="x"), "x", {}),
        (
            SimpleNamespace(raw="x", json_dict={"a": 1}, pydantic=None, tasks_output=None, token_usage=None),
            "x",
            {"a": 1},
        ),
        (SimpleNamespace(raw="x", json_dict="nonsense", tasks_output=3, token_usage=4), "x", {}),
        (SimpleNamespace(raw=None), "namespace(raw=None)", {}),
    ],
    ids=["text", "none", "number", "dict", "empty", "mapping", "raw", "like a crew", "odd", "no raw"],
)
async def test_foreign_results_are_adopted(returned: Any, raw: str, keys: dict[str, Any]) -> None:
    """An output by its attributes, a mapping by its keys, anything else as text."""
    output = await call(Crew(returns=returned), {})
    assert output.raw == raw
    assert output.to_dict() == keys


class Usage(BaseModel):
    total_tokens: int = 5
    prompt_tokens: int = 4
    completion_tokens: int = 1
    successful_requests: int = 1
    something_else: int = 9


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("usage", "total"),
    [
        (Usage(), 5),
        ({"total_tokens": 5, "x": 1}, 5),
        (SimpleNamespace(total_tokens=5), 5),
        ({"total_tokens": None}, 0),
        ({"total_tokens": "many"}, 0),
        (MagicMock(), 0),
        (5, 0),
        (None, 0),
    ],
    ids=["model", "dict", "object", "none", "text", "mock", "number", "nothing"],
)
async def test_usage_of_a_foreign_crew_is_counted(usage: object, total: int) -> None:
    """Whatever it is made of; what is no number counts as nothing."""
    output = await call(Crew(returns=SimpleNamespace(raw="x", token_usage=usage)), {})
    assert output.token_usage.total_tokens == total


@pytest.mark.anyio
async def test_tasks_of_a_foreign_crew_are_kept() -> None:
    """As text with their description."""
    foreign = SimpleNamespace(raw="x", tasks_output=[SimpleNamespace(description="d", raw="y"), "z"])
    output = await call(Crew(returns=foreign), {})
    assert [(task.raw, task.description) for task in output.tasks_output] == [("y", "d"), ("z", "")]


@pytest.mark.anyio
async def test_a_model_of_a_foreign_crew_is_handed_over() -> None:
    """Its pydantic output counts as ours does."""
    output = await call(Crew(returns=SimpleNamespace(raw="x", pydantic=Usage())), {})
    assert output.to_dict()["something_else"] == 9


@pytest.mark.anyio
async def test_a_double_as_a_result_hands_over_nothing() -> None:
    """A mock that answers everything has neither keys nor tokens."""
    output = await call(Crew(returns=MagicMock(raw="x")), {})
    assert (output.raw, structured(output), output.token_usage) == ("x", {}, {})


@pytest.mark.anyio
async def test_a_mapping_with_odd_keys_is_an_error() -> None:
    """Keys are text."""
    with pytest.raises(ValidationError, match="should be a valid string"):
        await call(Crew(returns={1: 2}), {})


@pytest.mark.anyio
async def test_outputs_that_only_say_what_they_are() -> None:
    """A mock with an output's spec, an output without text, and a run of a pipeline are read as far as they go."""

    class Says:
        def __init__(self, what: Any) -> None:
            self.what = what

        async def kickoff_async(self, inputs: Any = None) -> Any:
            return self.what

    mock = MagicMock(spec=CrewOutput)
    assert type(await call(Says(mock), {})) is CrewOutput
    foreign = SimpleNamespace(raw=None, json_dict={"k": 1}, token_usage={"total_tokens": 2})
    output = await call(Says(foreign), {})
    assert (output.raw, output.to_dict(), output.token_usage.total_tokens) == ("", {"k": 1}, 2)
    run = PipelineRunResult(raw="x", json_dict={"k": 1}, usage=UsageMetrics(total_tokens=3))
    assert (await call(Says(run), {})).token_usage.total_tokens == 3
