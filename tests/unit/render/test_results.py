"""Results as HTML, for notebooks."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from crewgraph.crew import Agent, Crew, Task
from crewgraph.outputs import (
    CrewOutput,
    PipelineKickoffResult,
    PipelineRunResult,
    ProcedureRunResult,
    RunStatus,
    TaskOutput,
    UsageMetrics,
)
from crewgraph.render.results import MAX_ROWS, MAX_TOOLS
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline

HOSTILE = "<script>alert('x')</script> & \x1b[31mred\x1b[0m \u202eevil"


@step
def read(n: int) -> str:
    if n > 90:
        raise ValueError(HOSTILE)
    return f"<i>{n}</i>"


@step
def small() -> str:
    return "small"


def kickoff(*numbers: int) -> PipelineKickoffResult:
    big = Crew(name="big", agents=[Agent(role="r")], tasks=[Task(description="{n}")], llm="offline")
    pipeline = Pipeline([read, Router({"big": Route("n > 9", big)}, small, name="size")])
    done: PipelineKickoffResult = pipeline.kickoff([{"n": number} for number in numbers], on_error="collect")
    return done


def text_of(html: str) -> str:
    return " ".join(" ".join(ET.fromstring(html.replace("<br/>", " ")).itertext()).split())


def test_a_kickoff() -> None:
    """Counts and sums, then a row for each run: those that failed first, with the error; hostile text stays text."""
    html = kickoff(1, 12, 99)._repr_html_()
    told = text_of(html)
    assert re.match(r"3 results · 1 failed · [\d,]+ tokens ✗ 2 ", told)
    told = re.sub(r"\d+ ms", "1 ms", told)
    assert "<script>alert('x')</script> & red evil ✓ 0 default 1 ms {'small': 'small'} ✓ 1 big 1 ms · " in told
    assert html.count("<tr") == 3
    assert "<script" not in html


def test_a_run() -> None:
    """A row for each node: what it took, and what did not run; a router with its route."""
    told = text_of(kickoff(12)[0]._repr_html_())
    assert re.match(r"input 0 · ok · [\d,]+ tokens \[offline\]", told)
    assert re.search(r"✓ read step \d+ ms ✓ size router \d+ ms → big ✓ big crew \d+ ms · [\d,]+ tokens", told)
    assert told.endswith("– small step skipped")


def test_a_run_that_failed() -> None:
    """Says where and why."""
    told = text_of(kickoff(99)[0]._repr_html_())
    assert told.startswith("input 0 · failed 'read' failed: ValueError: <script>")
    assert re.search(r"✗ read step \d+ ms ValueError: <script>", told)


def test_many_runs() -> None:
    """Are shown as far as they can be looked at, and those that were not begun are counted."""
    done: Any = PipelineKickoffResult(run_results=[PipelineRunResult(index=number) for number in range(MAX_ROWS + 7)])
    done.not_run = [90, 91]
    html = done._repr_html_()
    assert html.count("<tr") == MAX_ROWS
    assert text_of(html).startswith(f"{MAX_ROWS + 7} results · 2 not begun")
    assert text_of(html).endswith("… and 7 more")


def test_nothing_ran() -> None:
    """Is said without a table."""
    assert text_of(PipelineKickoffResult()._repr_html_()) == "0 results"
    assert text_of(PipelineRunResult(raw="x")._repr_html_()) == "input 0 · ok x"
    assert text_of(CrewOutput(raw="x")._repr_html_()) == "crew x"
    assert text_of(ProcedureRunResult(raw="x")._repr_html_()) == "input 0 · ok x"


def test_a_crew() -> None:
    """A row for each task: who did it, with what, and the answer; hostile text stays text."""
    tasks = [
        TaskOutput(name=HOSTILE, agent="<b>Clerk", model="offline", raw="<i>done</i>", tools_used=["look"] * 12),
        TaskOutput(description="x" * 500, raw="y" * 500, forced=True, repaired=True),
        TaskOutput(name="third", skipped=True),
    ]
    spent = UsageMetrics(total_tokens=1204, picodollars=5 * 10**9)
    html = CrewOutput(raw=HOSTILE, tasks_output=tasks, token_usage=spent)._repr_html_()
    told = text_of(html)
    assert told.startswith("crew · 1,204 tokens · $0.005 <script>alert('x')</script> & red evil ✓ <script>")
    assert told.count("look()") == MAX_TOOLS
    assert "… forced · repaired yyy" in told
    assert told.endswith("– third skipped")
    assert "<script" not in html
    assert "\u202e" not in html


def test_many_tasks() -> None:
    """Are shown as far as they can be looked at."""
    html = CrewOutput(tasks_output=[TaskOutput(name="t")] * (MAX_ROWS + 2))._repr_html_()
    assert text_of(html).endswith("… and 2 more")


def test_branches_of_a_final_stage_tell_time_and_money_once() -> None:
    """The others say that they are of the same run."""
    two = Pipeline([[step(lambda n: n, name="a"), step(lambda n: n, name="b")]])
    told = text_of(two.kickoff({"n": 1})._repr_html_())
    assert told.count("the same run") == 1


def test_a_cancelled_run_says_why() -> None:
    """In words, where no error does."""
    html = PipelineKickoffResult(run_results=[PipelineRunResult(status=RunStatus.CANCELLED)])._repr_html_()
    assert "cancelled: the run did not reach its end" in html
