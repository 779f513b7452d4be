from __future__ import annotations

import pytest

from crewgraph.cli.story import Line, Story
from crewgraph.llm.port import Reply
from crewgraph.trace import (
    Event,
    ModelCallFailed,
    ModelCallFinished,
    ModelCallStarted,
    ModelText,
    NodeFailed,
    NodeFinished,
    NodeStarted,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunStarted,
    TaskFailed,
    TaskFinished,
    TaskSkipped,
    TaskStarted,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)

HERE = {"run": 3, "node": "find", "agent": "Scout", "task": "task 'look'"}
WHO = "3 find · Scout │ "


def told(*events, **options):
    story = Story(**options)
    return [str(line) for event in events for line in story.told(event)]


def text(piece, **where):
    return ModelText(**{**HERE, "call": 1, "model": "m/x", **where}, text=piece)


def finished(answer="", **more):
    return ModelCallFinished(**HERE, call=1, model="m/x", answer=Reply(text=answer), **more)


def test_text_is_told_line_by_line():
    """As soon as a line is whole, and the rest when the answer ends."""
    story = Story()
    assert not list(story.told(text("Hello ")))
    assert story.open_lines() == [Line("3 find · Scout", "Hello ")]
    assert [str(line) for line in story.told(text("there\n\n  and"))] == [WHO + "Hello there", WHO.rstrip()]
    assert [str(line) for line in story.told(finished("Hello there\n\n  and"))] == [WHO + "  and"]
    assert story.open_lines() == []


def test_an_answer_that_comes_at_once_is_told_whole():
    """Not every model writes piece by piece."""
    assert told(ModelCallStarted(**HERE, call=1), finished("one\ntwo")) == [WHO + "one", WHO + "two"]


def test_an_answer_without_text_is_no_line():
    """As where tools are called."""
    assert told(finished()) == []
    assert told(ModelCallFinished(**HERE, call=1)) == []


def test_a_recorded_answer_says_so():
    """Whoever gave it."""
    assert told(finished("x", source="cassette"))[-1] == WHO + "(from the cassette)"


def test_long_lines_are_told_in_pieces():
    """Broken at spaces where there are some, and nothing of them is lost."""
    words = "word " * 100
    lines = told(text(words), text("x" * 500), finished(), width=80)
    assert all(len(line) <= 80 for line in lines)
    assert all(line.endswith("word") for line in lines[:7])
    whole = "".join(line.removeprefix(WHO) + " " for line in lines)
    assert whole.count("word") == 100
    assert whole.count("x") == 500


def test_a_narrow_terminal_still_shows_words():
    """However long the names are."""
    lines = told(text("four " * 20), finished(), width=10)
    assert all("four four" in line for line in lines)


def test_terminal_codes_of_a_model_are_not_passed_on():
    """Colours, titles and cursor moves are dropped, also in names."""
    hostile = "\x1b[31mred\x1b[0m \x1b]0;title\x07a\rb\x08\u202ec\n"
    assert told(text(hostile)) == [WHO + "red a bc"]
    assert told(NodeFailed(run=0, node="\x1b[2Jn", error="\x1b[31mbad\nnews")) == ["0 n │ ✗ bad news"]


def test_the_text_of_a_failed_attempt_is_void():
    """What was told of it is marked, and when it is tried again."""
    failed = ModelCallFailed(**HERE, call=1, model="m/x", error="ModelRateLimited: slow down", retry_in=2.0)
    lines = told(text("half an"), failed)
    assert lines == [
        WHO + "half an",
        WHO + "✗ m/x: again in 2.0 s: ModelRateLimited: slow down; the text above is void",
    ]
    assert told(failed) == [WHO + "✗ m/x: again in 2.0 s: ModelRateLimited: slow down"]


def test_the_last_failure_is_told_as_the_last():
    """Nobody asks this model again."""
    failed = ModelCallFailed(**HERE, call=1, model="m/x", error="ModelAccessDenied: no")
    assert told(failed) == [WHO + "✗ m/x: gave up: ModelAccessDenied: no"]


def test_several_that_write_at_once_are_told_apart():
    """By what stands before each line."""
    lines = told(text("a\n"), text("b\n", run=4, call=2), text("c\n"), text("d\n", run=4, call=2))
    assert lines == [WHO + "a", "4 find · Scout │ b", WHO + "c", "4 find · Scout │ d"]


def test_one_input_needs_no_number():
    """And an agent of the node's name is not said twice."""
    assert told(text("a\n"), text("b\n", agent="find", call=2), has_numbers=False) == ["find · Scout │ a", "find │ b"]


def test_a_crew_outside_of_a_graph_has_no_node():
    """Only its agent."""
    assert told(text("a\n", node=None), has_numbers=False) == [" · Scout │ a"]


CALL = {**HERE, "call": 1, "tool": "search"}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ToolCallStarted(**CALL, arguments='{"q": "tea"}'), '→ search {"q": "tea"}'),
        (ToolCallStarted(**CALL), "→ search"),
        (ToolCallFinished(**CALL, result="3 found", seconds=0.24), "← search: 3 found (0.2 s)"),
        (ToolCallFinished(**CALL, result="3 found", is_cached=True), "← search: 3 found (known from before)"),
        (ToolCallFailed(**CALL, error="ValueError: no", seconds=1), "✗ search: ValueError: no (1.0 s)"),
        (TaskStarted(**HERE), "▶ task 'look'"),
        (TaskFinished(**HERE, tokens=1204), "✓ task 'look' · 1,204 tokens"),
        (TaskFinished(**HERE), "✓ task 'look'"),
        (TaskFinished(**HERE, source="store"), "✓ task 'look' · read from the store"),
        (TaskFailed(**HERE, error="ModelTimeout: late"), "✗ task 'look': ModelTimeout: late"),
        (TaskSkipped(**HERE), "- task 'look': its condition is not met"),
    ],
)
def test_tools_and_tasks_are_told(event, line):
    """One line each."""
    assert told(event) == [WHO + line]


def test_long_arguments_and_results_are_shortened():
    """To what fits a line."""
    line = told(ToolCallFinished(**CALL, result="x" * 100_000))[0]
    assert len(line) < 120
    assert "x…" in line


def test_steps_and_routers_are_told_when_they_end():
    """A crew has told its tasks."""
    assert told(NodeStarted(run=0, node="a"), NodeFinished(run=0, node="a")) == ["0 a │ ✓"]
    assert told(RouteTaken(run=0, node="a", route="left"), NodeFinished(run=0, node="a")) == ["0 a │ ⇢ left"]
    assert told(TaskStarted(**HERE), NodeFinished(run=3, node="find")) == [WHO + "▶ task 'look'"]


def test_runs_are_told_when_they_end():
    """With their tokens."""
    lines = told(RunStarted(run=0), RunFinished(run=0, tokens=12), RunFailed(run=1, error="'a' failed: no"), Event())
    assert lines == ["input 0 │ ✓ done · 12 tokens", "input 1 │ ✗ 'a' failed: no"]
