from __future__ import annotations

from collections import UserString
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph.crew.tools.result import as_text, cut
from crewgraph.errors import ToolError
from crewgraph.outputs import CrewOutput, PipelineKickoffResult, PipelineRunResult


class Model(BaseModel):
    x: int


@dataclass
class Data:
    day: date


class Named:
    def __str__(self) -> str:
        return "named"


def around() -> list[Any]:
    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    return round_and_round


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        ("", "done; the result is empty"),
        (" \n", "done; the result is empty"),
        (None, "done; there is no result"),
        (7, "7"),
        (False, "False"),
        ({"a": [1, None], "é": date(2026, 1, 2)}, '{"a":[1,null],"é":"2026-01-02"}'),
        ([], "[]"),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        (Model(x=1), '{"x":1}'),
        ([Model(x=1)], '[{"x":1}]'),
        (Data(date(2026, 1, 2)), '{"day":"2026-01-02"}'),
        ({"a": Named()}, '{"a":"named"}'),
        (float("nan"), "nan"),
        ([float("inf")], "[Infinity]"),
        (b"bytes \xff", "bytes \ufffd"),
        (memoryview(b"bytes \xff"), "bytes \ufffd"),
        ({"a": memoryview(b"\xff")}, '{"a":"\ufffd"}'),
        (range(3), "[0,1,2]"),
        ([range(2)], "[[0,1]]"),
        ([range(10**9)], '["range(0, 1000000000)"]'),
        (MappingProxyType({"a": {}.keys()}), '{"a":[]}'),
        ([UserString("a")], '["a"]'),
        (around(), "[[...]]"),
        (Named(), "named"),
        (Data, str(Data)),
        ("half \ud800", "half ?"),
        (CrewOutput(raw="text"), "text"),
        (CrewOutput(raw="text", json_dict={"a": 1}), '{"a":1}'),
        (PipelineKickoffResult(run_results=[PipelineRunResult(raw="a"), PipelineRunResult(raw="b")]), "a\n\nb"),
    ],
)
def test_as_text(value: Any, text: str) -> None:
    """Text stays text, structures become JSON, outputs their answers, and nothing says so."""
    assert as_text(value) == text


@pytest.mark.parametrize("value", [iter([1]), map(str, [1])])
def test_read_once(value: Any) -> None:
    """What can be read only once is refused with what to return instead."""
    with pytest.raises(ToolError, match="which can be read only once; return a list"):
        as_text(value)


def test_cut() -> None:
    """A long text loses its end, and says how long it was."""
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "abc\n[cut: the result has 4 characters, these are the first 3]"
