"""Outputs of which a part is made when somebody looks at it."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph import CrewOutput, Pipeline, PipelineRunResult, UsageMetrics, step


def plain() -> CrewOutput:
    """An output of which only the keys are there."""
    return CrewOutput.of_keys({"a": 1})


FULL = CrewOutput(raw='{"a": 1}', json_dict={"a": 1})
LOOKS: list[Callable[[CrewOutput], Any]] = [
    lambda output: output.raw,
    lambda output: output.token_usage,
    lambda output: output.tasks_output,
    lambda output: output.model_dump(),
    lambda output: output.model_dump_json(),
    dict,
    copy.copy,
    copy.deepcopy,
    lambda output: output.model_copy(),
    lambda output: pickle.loads(pickle.dumps(output)),
    lambda output: output,
    str,
    repr,
    lambda output: output["a"],
    lambda output: output.cost,
]


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_looks_sees_all_of_it(look: Callable[[CrewOutput], Any]) -> None:
    """However it is looked at, it is as one that was made whole."""
    assert look(plain()) == look(FULL)


def test_nothing_is_made_before_somebody_looks() -> None:
    """And then everything at once."""
    output = plain()
    assert list(vars(output)) == ["json_dict"]
    assert output.raw == '{"a": 1}'
    assert vars(output).keys() == CrewOutput.model_fields.keys()


def test_inside_of_another_model_it_is_dumped_whole() -> None:
    """The model around it does not know that there is more."""

    class Around(BaseModel):
        output: Any

    assert Around(output=plain()).model_dump()["output"]["raw"] == '{"a": 1}'


def test_what_is_written_meanwhile_stays() -> None:
    """A field that somebody sets is not made again."""
    output = plain()
    output.raw = "mine"
    assert (output.raw, output.token_usage) == ("mine", UsageMetrics())


def test_what_is_not_there_is_still_an_error() -> None:
    """The names of fields only."""
    with pytest.raises(AttributeError, match="'CrewOutput' object has no attribute 'nothing'"):
        _ = plain().nothing  # type: ignore[attr-defined]


def test_threads_see_the_same() -> None:
    """Whoever comes first makes it, and the id of a result is one."""
    made = list[int]()

    def beside() -> dict[str, Any]:
        made.append(1)
        return {}

    result, seen = PipelineRunResult.later({}, _behind=SimpleNamespace(run=None, beside=beside)), set[Any]()
    threads = [threading.Thread(target=lambda: seen.add(result.id)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(seen), made) == (1, [1])


SHARED = {"n": 1}


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ({"n": 1}, '{"n": 1}'),
        ({}, "{}"),
        ({"t": "é", "f": 0.5, "b": True, "z": None}, '{"t": "é", "f": 0.5, "b": true, "z": null}'),
        ({"n": 10**18}, f'{{"n": {10**18}}}'),
        ({"n": [1]}, '{"n": [1]}'),
        ({"n": {1: 2}}, '{"n": {"1": 2}}'),
        ("text", "text"),
        (3, "3"),
        (None, ""),
    ],
)
def test_a_step_gives_the_same_whether_its_keys_are_plain_or_not(value: Any, raw: str) -> None:
    """The text of plain keys is that of any others."""

    @step
    async def give() -> Any:
        return value

    (run,) = Pipeline([give]).kickoff({})
    assert (run.raw, run.crews_outputs[0].raw) == (raw, raw)


def test_a_dict_that_a_step_goes_on_writing_on_is_not_what_it_gave() -> None:
    """What it gave is what it returned at that time."""
    kept = dict[str, int]()

    @step
    async def count() -> dict[str, int]:
        kept["n"] = kept.get("n", 0) + 1
        return kept

    first, second = Pipeline([count]).kickoff([{}, {}], max_concurrency=1)
    assert (first.to_dict(), second.to_dict()) == ({"n": 1}, {"n": 2})


def test_what_has_no_text_fails_where_it_was_given() -> None:
    """Not when somebody looks at the results."""

    @step
    async def give() -> dict[str, Any]:
        return {"n": 10**5000}

    (run,) = Pipeline([give]).kickoff({}, on_error="collect")
    assert (run.status, [span.status for span in run.spans]) == ("failed", ["failed"])
