"""A crew that was cut off goes on with its next task."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from crewgraph.crew import Agent, Crew, Process, Task
from crewgraph.errors import KickoffError, ModelUnavailable, StoreError
from crewgraph.llm import Reply, Request
from crewgraph.outputs import TaskOutput, UsageMetrics
from crewgraph.policy import Budget, Policy
from crewgraph.store import overview_of
from crewgraph.syntax import Pipeline
from crewgraph.trace import TaskFinished, TaskSkipped, TaskStarted
from tests.clocks import jump

COST = UsageMetrics(total_tokens=10, prompt_tokens=7, completion_tokens=3, successful_requests=1)


class Clerk:
    """A model that repeats the task's first line, and fails at those that it is told to fail at."""

    model = "clerk"

    def __init__(self) -> None:
        self.asked = list[str]()
        self.fails = set[str]()
        self.answers = dict[str, str]()

    async def complete(self, request: Request) -> Reply:
        text = "\n".join(message.content for message in request.messages)
        task = next(word for word in text.split() if word.startswith("do-"))
        self.asked.append(task)
        if task in self.fails:
            raise ModelUnavailable("the line is dead", model="clerk")
        return Reply(text=self.answers.get(task, f"done {task}"), usage=COST, finish_reason="stop")

    def since(self) -> list[str]:
        told = list(self.asked)
        self.asked.clear()
        return told


@pytest.fixture
def clerk() -> Clerk:
    return Clerk()


def crew(clerk: Clerk, *tasks: Task, **options: Any) -> Crew:
    agent = Agent(role="Clerk", llm=clerk)
    return Crew(name="office", agents=[agent], tasks=list(tasks), policy=Policy(retries=0), **options)


def five(**options: Any) -> list[Task]:
    return [Task(description=f"do-{number} {{n}}", name=f"t{number}", **options) for number in range(1, 6)]


def broken(pipeline: Pipeline, inputs: Any = None, **options: Any) -> None:
    with pytest.raises(KickoffError):
        pipeline.kickoff(inputs or {"n": 1}, **options)


def test_a_crew_goes_on_with_its_next_task(store, clerk) -> None:
    """What its tasks gave is read; usage and calls are those of the whole crew, and a budget is charged with the rest only."""
    pipeline = Pipeline([crew(clerk, *five())])
    (undisturbed,) = pipeline.kickoff({"n": 1})
    assert clerk.since() == ["do-1", "do-2", "do-3", "do-4", "do-5"]
    clerk.fails = {"do-4"}
    broken(pipeline, store=store)
    assert clerk.since() == ["do-1", "do-2", "do-3", "do-4"]
    clerk.fails.clear()
    (run,) = pipeline.kickoff({"n": 1}, store=store, budget=Budget(calls=2))
    assert clerk.since() == ["do-4", "do-5"]
    assert run.tasks_output == undisturbed.tasks_output
    assert run.usage == undisturbed.usage
    (span,) = run.spans
    assert (span.attempts, span.source, span.status) == (2, None, "ok")
    assert [(call.task, call.source) for call in span.calls] == [
        ("task 't1'", "store"),
        ("task 't2'", "store"),
        ("task 't3'", "store"),
        ("task 't4'", None),
        ("task 't5'", None),
    ]
    pipeline.kickoff({"n": 1}, store=store)
    assert clerk.since() == []


def test_what_is_written(store, clerk, rows) -> None:
    """A row for each task, counted from 1, beside those of the node, which alone are counted as nodes."""
    clerk.fails = {"do-2"}
    pipeline = Pipeline([crew(clerk, *five())])
    broken(pipeline, store=store)
    broken(pipeline, store=store)
    assert rows("SELECT item, attempt, status FROM nodes ORDER BY item, attempt") == [
        (0, 1, "failed"),
        (0, 2, "failed"),
        (1, 1, "ok"),
    ]
    assert overview_of(store).pipelines[0].nodes == {"office": (0, 2)}


def test_events_tell_of_tasks_that_are_read(store, clerk) -> None:
    """They begin and end with the source "store"; callbacks were called then, and are not called again."""
    called = list[str]()
    pipeline = Pipeline([crew(clerk, *five(), task_callback=lambda output: called.append(output.name))])
    clerk.fails = {"do-3"}
    broken(pipeline, store=store)
    clerk.fails.clear()
    told = list[Any]()
    pipeline.kickoff({"n": 1}, store=store, observer=told.append)
    assert called == ["t1", "t2", "t3", "t4", "t5"]
    assert [event.task for event in told if isinstance(event, TaskStarted) and type(event) is TaskStarted] == [
        f"task 't{number}'" for number in range(1, 6)
    ]
    finished = [(event.tokens, event.source) for event in told if isinstance(event, TaskFinished)]
    assert finished == [(10, "store"), (10, "store"), (10, None), (10, None), (10, None)]


def test_a_skipped_task_stays_skipped(store, clerk) -> None:
    """Its condition is not asked again."""
    asked = list[str]()

    def never(output: TaskOutput) -> bool:
        asked.append(output.raw)
        return False

    tasks = five()
    tasks[1] = Task(description="do-2", condition=never)
    clerk.fails = {"do-3"}
    pipeline = Pipeline([crew(clerk, *tasks)])
    broken(pipeline, store=store)
    clerk.fails.clear()
    told = list[Any]()
    (run,) = pipeline.kickoff({"n": 1}, store=store, observer=told.append)
    assert asked == ["done do-1"]
    assert [task.skipped for task in run.tasks_output] == [False, True, False, False, False]
    assert sum(isinstance(event, TaskSkipped) for event in told) == 1


def test_an_edit_does_all_tasks_again(store, clerk) -> None:
    """They belong to the crew as it was; undone, the edit finds them."""
    clerk.fails = {"do-5"}
    broken(Pipeline([crew(clerk, *five())]), store=store)
    clerk.since()
    broken(Pipeline([crew(clerk, *five(expected_output="a word"))]), store=store)
    assert clerk.since() == ["do-1", "do-2", "do-3", "do-4", "do-5"]
    broken(Pipeline([crew(clerk, *five())]), store=store)
    assert clerk.since() == ["do-5"]


def test_what_a_hook_says_counts(store, clerk) -> None:
    """Tasks that are told something else are done again, and those after them."""
    given = [1]
    tasks = [
        Task(description="do-1"),
        Task(description="do-2 {more}"),
        Task(description="do-3"),
        Task(description="do-4"),
    ]

    def hook(inputs: dict[str, Any]) -> dict[str, Any]:
        return inputs | {"more": given[0]}

    clerk.fails = {"do-4"}
    pipeline = Pipeline([crew(clerk, *tasks, before_kickoff=hook)])
    broken(pipeline, store=store)
    clerk.since()
    given[0] = 2
    broken(pipeline, store=store)
    assert clerk.since() == ["do-2", "do-3", "do-4"]


def test_tasks_side_by_side(store, clerk) -> None:
    """Each is kept by itself, whichever of them fails."""
    tasks = [
        Task(description="do-1"),
        Task(description="do-2", async_execution=True),
        Task(description="do-3", async_execution=True),
        Task(description="do-4"),
    ]
    pipeline = Pipeline([crew(clerk, *tasks)])
    clerk.fails = {"do-4"}
    broken(pipeline, store=store)
    clerk.since()
    clerk.fails.clear()
    (run,) = pipeline.kickoff({"n": 1}, store=store)
    assert clerk.since() == ["do-4"]
    assert run.usage.requests == 4


def test_a_hierarchical_crew(store, clerk) -> None:
    """What its manager has had done is read."""
    agent = Agent(role="Clerk", llm=clerk)
    office = Crew(
        agents=[agent],
        tasks=[Task(description="do-1"), Task(description="do-2")],
        process=Process.hierarchical,
        manager_llm=clerk,
        policy=Policy(retries=0),
    )
    clerk.fails = {"do-2"}
    broken(Pipeline([office]), store=store)
    clerk.since()
    clerk.fails.clear()
    Pipeline([office]).kickoff({"n": 1}, store=store)
    assert clerk.since() == ["do-2"]


def test_shapes_come_back(store, clerk) -> None:
    """A model that a task gave is the same again."""

    class Verdict(BaseModel):
        urgent: bool

    clerk.answers = {"do-1": '{"urgent": true}'}
    clerk.fails = {"do-2"}
    pipeline = Pipeline([crew(clerk, Task(description="do-1", output_pydantic=Verdict), Task(description="do-2"))])
    broken(pipeline, store=store)
    clerk.fails.clear()
    (run,) = pipeline.kickoff({"n": 1}, store=store)
    assert run.tasks_output[0].pydantic == Verdict(urgent=True)
    assert clerk.since() == ["do-1", "do-2", "do-2"]


def lines(caplog) -> list[str]:
    return [record.getMessage().partition(": ")[2] for record in caplog.records if record.levelname == "WARNING"]


def test_what_cannot_be_kept(store, clerk, caplog) -> None:
    """The task and those after it are done again, and it is told why."""
    tasks = five()

    def spoil(output: TaskOutput) -> None:
        output.json_dict = {"when": object()}

    tasks[1] = Task(description="do-2", callback=spoil)
    clerk.fails = {"do-5"}
    pipeline = Pipeline([crew(clerk, *tasks)])
    broken(pipeline, store=store)
    clerk.since()
    broken(pipeline, store=store)
    assert clerk.since() == ["do-2", "do-3", "do-4", "do-5"]
    assert lines(caplog)[0] == (
        "node 'office' cannot keep its task 2, so that it and those after it are done again when this is resumed: "
        "'when' is a object, which JSON does not know. hint: declare the key, in a TypedDict or a model"
    )


def test_what_does_not_fit_any_more(store, clerk, caplog) -> None:
    """A task whose answer its type refuses by now is done again, with those after it."""
    most = [1]

    class Small(BaseModel):
        n: int

        def model_post_init(self, context: Any, /) -> None:
            if self.n > most[0]:
                raise ValueError("too large")

    clerk.answers = {"do-1": '{"n": 1}'}
    clerk.fails = {"do-2"}
    pipeline = Pipeline([crew(clerk, Task(description="do-1", output_pydantic=Small), Task(description="do-2"))])
    broken(pipeline, store=store)
    clerk.since()
    most[0], clerk.answers = 0, {"do-1": '{"n": 0}'}
    broken(pipeline, store=store)
    assert clerk.since() == ["do-1", "do-2"]
    assert "node 'office' does its task 1 again: what is kept of it does not fit any more" in lines(caplog)[0]


@pytest.mark.anyio
@pytest.mark.virtual_time(by_hand=True)
async def test_a_task_that_is_cancelled_is_not_kept(store) -> None:
    """A crew that is stopped in the middle goes on with the task that was stopped."""

    class Slow(Clerk):
        async def complete(self, request: Request) -> Reply:
            reply = await super().complete(request)
            if self.asked[-1] in self.answers:
                jump(1)
                await anyio.sleep_forever()
            return reply

    slow = Slow()
    slow.answers = {"do-3": ""}
    pipeline = Pipeline([crew(slow, *five())])
    with pytest.raises(KickoffError):
        await pipeline.kickoff_async({"n": 1}, store=store, policy=Policy(run_timeout=0.3))
    slow.since()
    slow.answers = {}
    await pipeline.kickoff_async({"n": 1}, store=store)
    assert slow.since() == ["do-3", "do-4", "do-5"]


def test_crews_inside_of_a_node_are_no_tasks_of_it(store, clerk, rows) -> None:
    """A crew that is a tool, or that a step calls, keeps nothing: the node that called it does."""
    from crewgraph.step import step

    inner = crew(clerk, *five())

    @step
    async def calls() -> str:
        return (await inner.kickoff_async({"n": 1})).raw

    Pipeline([calls]).kickoff({}, store=store)
    assert rows("SELECT node, item FROM nodes") == [("calls", 0)]


def test_where_a_task_cannot_be_written_the_kickoff_ends(store, clerk, monkeypatch) -> None:
    """With the error of the store, as where a node cannot be; what is on disk stays."""
    from crewgraph.store.writer import Writer

    durable = Writer.durable

    async def full(self: Writer) -> None:
        if len(clerk.asked) == 2:
            raise StoreError("runs.sqlite", "is full")
        await durable(self)

    monkeypatch.setattr(Writer, "durable", full)
    pipeline = Pipeline([crew(clerk, *five())])
    with pytest.raises(KickoffError, match="is full"):
        pipeline.kickoff({"n": 1}, store=store)
    assert clerk.since() == ["do-1", "do-2"]


def test_a_single_task_is_kept_with_its_crew(store, clerk, rows) -> None:
    """It needs no row of its own."""
    Pipeline([crew(clerk, Task(description="do-1"))]).kickoff({}, store=store)
    assert rows("SELECT item FROM nodes") == [(0,)]


def test_nothing_is_told_where_nothing_is_amiss(store, clerk, caplog) -> None:
    """Tasks are kept without a word."""
    caplog.set_level(logging.WARNING, "crewgraph.store")
    Pipeline([crew(clerk, *five())]).kickoff({"n": 1}, store=store)
    assert lines(caplog) == []


def test_a_fork_from_a_crew_asks_all_of_its_tasks(store, clerk) -> None:
    """Also those that are kept; where the fork begins elsewhere they are read."""
    from crewgraph.step import step

    @step
    async def other() -> str:
        return "other"

    pipeline = Pipeline([[crew(clerk, *five()), other]])
    clerk.fails = {"do-4"}
    broken(pipeline, store=store)
    (run,) = ids(store)
    clerk.fails.clear()
    clerk.since()
    pipeline.fork(run, at="other", store=store)
    assert clerk.since() == ["do-4", "do-5"]
    pipeline.fork(run, at="office", store=store)
    assert clerk.since() == ["do-1", "do-2", "do-3", "do-4", "do-5"]


def test_a_retry_goes_on_with_the_next_task(store, clerk) -> None:
    """Without the inputs, as the same kickoff again does."""
    pipeline = Pipeline([crew(clerk, *five())])
    clerk.fails = {"do-4"}
    broken(pipeline, store=store)
    clerk.fails.clear()
    clerk.since()
    (run,) = pipeline.retry(store=store)
    assert clerk.since() == ["do-4", "do-5"]
    assert [task.raw for task in run.tasks_output] == [f"done do-{number}" for number in range(1, 6)]


def ids(store) -> list[str]:
    with closing(sqlite3.connect(store)) as connection:
        return [name for (name,) in connection.execute("SELECT id FROM runs")]
