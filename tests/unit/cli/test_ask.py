"""Approvals on the terminal: who is asked, what they may type, and where nobody is."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from crewgraph.cli import ask
from crewgraph.crew import human

FLOW = """
    from crewgraph import Approval, Pipeline, step

    @step(inline=True)
    def draft(i: int):
        return {"draft": f"No. {i}\\x1b[31m"}

    machine = Approval("machine", decide=lambda question: False)
    flow = Pipeline([draft, machine, Approval("send", ask="Send it?\\n{draft}", edits={"i": int})], name="asked")
"""


class Keyboard(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(crewgraph: Any, write: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the pipeline before somebody who types these lines."""
    write("flow.py", FLOW)
    rows = write("rows.jsonl", '{"i": 1}\n{"i": 2}\n')

    def started(typed: str, *options: str, command: tuple[str, ...] = ("run", "flow.py", str(rows))) -> Any:
        keyboard = Keyboard(typed)
        for module in (human, ask):  # the runner of tests puts its own streams in the place of these
            monkeypatch.setattr(module, "sys", type("Streams", (), {"stdin": keyboard, "stderr": Screen()}))
        return crewgraph(*command, *options)

    return started


class Screen:
    """Shows what is written at the time it is."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        """It is there."""


def decisions(done: Any) -> list[tuple[str, str]]:
    answers = sorted(map(json.loads, done.stdout.splitlines()), key=lambda each: each["index"])
    return [(each["json"]["send"], each["json"]["send_comment"]) for each in answers]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a\nr\n", [("approved", ""), ("rejected", "")]),
        ("Approve: well done \nn  too short\n", [("approved", "well done"), ("rejected", "too short")]),
        ("\nwhat?\nyes\nreject\n", [("approved", ""), ("rejected", "")]),
    ],
    ids=["letters", "comments", "again"],
)
def test_it_is_asked(run: Callable[..., Any], typed: str, expected: Any) -> None:
    """One question after the other, until each is answered with something that can be understood."""
    done = run(typed, "--max-concurrency", "1")
    assert (done.exit_code, decisions(done)) == (0, expected)
    assert "── send\nSend it?\nNo. 1\ni: 1\n── [a]pprove or [r]eject" in done.stderr
    assert "\x1b[31m" not in done.stderr
    assert done.stderr.count(ask.PROMPT) == typed.count("\n")
    assert "── machine" not in done.stderr


def test_the_input_ends(run: Callable[..., Any]) -> None:
    """A run whose question nobody answers any more fails, with what it was."""
    done = run("a\n", "--max-concurrency", "1")
    assert done.exit_code == 1
    assert "approval 'send': the input of the terminal has ended before it was answered" in done.stderr


def test_with_a_store(run: Callable[..., Any]) -> None:
    """Its runs wait, unless --ask is there; what is answered is kept."""
    assert "2 waiting for a person" in run("", "--store", "r.sqlite").stderr
    done = run("a\nr no\n", "--store", "r.sqlite", "--ask", "--max-concurrency", "1")
    assert decisions(done) == [("approved", ""), ("rejected", "no")]
    again = run("", "--store", "r.sqlite")
    assert decisions(again) == decisions(done)


@pytest.mark.parametrize("stdin", [None, ""], ids=["file", "rows"])
def test_nobody_is_there(crewgraph: Any, write: Any, stdin: str | None) -> None:
    """Where standard input is no terminal nobody is asked, and asking for it is a mistake."""
    write("flow.py", FLOW)
    line = ("run", "flow.py", "--input", "i:=1")
    done = crewgraph(*line, "--ask", stdin=stdin)
    assert (done.exit_code, "--ask asks in the terminal, and standard input is none" in done.stderr) == (2, True)
    done = crewgraph(*line, stdin=stdin)
    assert (done.exit_code, "has nowhere to wait" in done.stderr) == (2, True)


def test_rows_that_are_typed(run: Callable[..., Any]) -> None:
    """Inputs and answers do not come from the same terminal."""
    done = run("a\n", "--ask", command=("run", "flow.py", "-"))
    assert (done.exit_code, "standard input is none" in done.stderr) == (2, True)


def test_runs_of_workers(run: Callable[..., Any]) -> None:
    """They wait in their database for whoever decides."""
    done = run("a\n", "--ask", "--store", "postgresql://db/runs")
    assert (done.exit_code, "workers execute the runs. hint: crewgraph approve" in done.stderr) == (2, True)
