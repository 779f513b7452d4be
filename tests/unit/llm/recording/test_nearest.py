from __future__ import annotations

from typing import Any

import pytest

from crewgraph.llm.recording import nearest as module
from crewgraph.llm.recording.nearest import difference, nearest, shown


def request(*contents: str, model: str = "m", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": each} for each in contents], **more}


def test_nearest() -> None:
    """The request with most words in common is the nearest."""
    near = request("write a poem about rain in Rome")
    assert nearest(request("write a poem about snow in Rome"), [request("count to ten"), near, request("hi")]) is near


def test_same_model() -> None:
    """Of two that are equally near the one of the same model wins."""
    near = request("hello", model="b")
    assert nearest(request("hello", model="b"), [request("hello", model="a"), near]) is near


def test_nothing_recorded() -> None:
    """Nothing is near where nothing is recorded; empty requests are equal."""
    assert nearest(request("x"), []) is None
    assert nearest(request(), [request()]) == request()


def test_not_all_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large cassette only the first ones are compared."""
    monkeypatch.setattr(module, "MAX_COMPARED", 3)
    first = request("four")
    assert nearest(request("five"), [first, request("five")]) is first


def test_long_texts_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long text the beginning and the end are compared."""
    monkeypatch.setattr(module, "MAX_EACH", 10)
    near = request("begin" + "x" * 50 + " ends")
    assert nearest(request("begin" + "y" * 50 + " ends"), [request("y" * 60), near]) is near


def test_difference() -> None:
    """Only what differs is shown, sentence by sentence, with the speaker above it."""
    old = request("You are a clerk.", "Sort the mail. It is from Ada. Be brief.", parameters={"temperature": 0})
    new = request("You are a clerk.", "Sort the mail. It is from Bob. Be brief.", parameters={"temperature": 1})
    assert difference(old, new) == (
        '--- recorded\n+++ asked\n@@ -1,3 +1,3 @@\n model: "m"\n-parameters: {"temperature": 0}\n'
        '+parameters: {"temperature": 1}\n [user]\n@@ -6,3 +6,3 @@\n Sort the mail.\n-It is from Ada.\n'
        "+It is from Bob.\n Be brief."
    )


def test_all_parts_are_compared() -> None:
    """A difference in a tool, a schema, a call or its result is shown too."""
    calls = [{"id": "1", "name": "add", "arguments": "{}"}]
    messages = [{"role": "assistant", "content": "", "calls": calls}, {"role": "tool", "content": "3", "call_id": "1"}]
    told = {"model": "m", "messages": messages, "schema": {"a": 1}, "tools": [{"name": "t"}], "tool_choice": "none"}
    changes = difference(request(), told)
    for part in (
        '+tool_choice: "none"',
        "+  calls add({}) as 1",
        "+[tool] (result of 1)",
        "+schema:",
        '+  "name": "t"',
    ):
        assert part in changes


def test_difference_in_a_long_line() -> None:
    """A long line is compared in pieces, so that its end is seen."""
    changes = difference(request("x" * 500 + "a"), request("x" * 500 + "b"))
    assert f"-{'x' * 20}a" in changes
    assert f"-{'x' * 21}" not in changes


def test_difference_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large difference the first lines are shown, and how many more there are."""
    monkeypatch.setattr(module, "MAX_SHOWN", 5)
    lines = difference(request("\n".join("abcdefgh")), request("\n".join("stuvwxyz"))).splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("… and ")


def test_difference_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all that is compared is equal, this is said."""
    monkeypatch.setattr(module, "MAX_LINES", 3)
    assert difference(request("a\nb\nc\nd"), request("a\nb\nc\ne")) == "(they differ only after the first 3 lines)"


def test_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is shown by its first lines."""
    assert shown(request("a\nb")) == 'model: "m"\n[user]\na\nb'
    monkeypatch.setattr(module, "MAX_SHOWN", 3)
    assert shown(request("a\nb")) == 'model: "m"\n[user]\na\n…'
