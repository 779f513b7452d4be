"""Everything that a crew can do, at once and many times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from crewgraph.crew import Agent, Crew, Task
from crewgraph.crew.human import HumanQuestion
from crewgraph.errors import DeadlineExceeded, NodeError
from crewgraph.llm import OfflineLLM, Reply, Request, ToolCall
from crewgraph.outputs import CrewOutput, TaskOutput
from crewgraph.policy import Policy
from crewgraph.syntax import Pipeline
from crewgraph.trace import Event, TaskFailed, TaskSkipped, TaskStarted
from tests.unit.crew.doubles import Recorder, Verdict, crew, listening

pytestmark = pytest.mark.anyio


class Clerk:
    """Hands its work on where it can, and otherwise repeats the number that it finds in its task."""

    model = "clerk"

    async def complete(self, request: Request) -> Reply:
        text = request.messages[1].content
        number = next(word for word in text.replace(":", " ").split() if word.startswith("#"))
        if request.tools and request.messages[-1].role == "user":
            given = json.dumps({"coworker": "Helper", "task": f"Help with {number}"})
            return Reply(calls=(ToolCall("1", "delegate_work_to_coworker", given),))
        await anyio.lowlevel.checkpoint()
        return Reply(text=f"{number} after {len(request.messages)} messages")


@pytest.mark.many
async def test_many_runs_share_one_definition(tmp_path: Path) -> None:
    """Runs side by side of one crew that does everything get their own answers and write nothing on it."""
    lead = Agent(role="Lead", allow_delegation=True)

    def guardrail(output: TaskOutput) -> Any:
        return (True, None) if "8 messages" in output.raw else (False, "once more")

    def person(question: HumanQuestion) -> str:
        return "once more" if question.round == 1 else ""

    tasks = [
        Task(description="One #{n}", agent=lead, async_execution=True, guardrail=guardrail),
        Task(description="Two #{n}", agent=lead, async_execution=True, human_input=True),
        Task(description="Three #{n}", agent=lead, condition="n % 2 == 0", output_file="{n}.md"),
    ]
    shared = Crew(
        agents=[lead, Agent(role="Helper")], tasks=tasks, llm=Clerk(), human=person, output_root=tmp_path,
        before_kickoff=lambda inputs: {**inputs, "seen": True}, after_kickoff=lambda output: None,
    )  # fmt: skip
    parts = [shared, lead, *tasks]
    before = [(id(part), part.model_dump(exclude={"llm"}), set(part.__dict__)) for part in parts]
    done = await shared.kickoff_for_each_async([{"n": n} for n in range(100)])
    for n, output in enumerate(done):
        one, two, three = output.tasks_output
        assert (one.raw, two.raw) == (f"#{n} after 8 messages", f"#{n} after 8 messages")
        assert three.skipped is (n % 2 == 1)
        assert not three.raw or three.raw.startswith(f"#{n} after")
    assert len({output.tasks_output[2].output_file for output in done} - {None}) == 50
    assert [(id(part), part.model_dump(exclude={"llm"}), set(part.__dict__)) for part in parts] == before


async def test_in_a_pipeline() -> None:
    """A crew whose last task is skipped hands over what was done, and a failure of a callback is its node's."""

    def burst(output: TaskOutput) -> None:
        raise ValueError("no")

    first = crew(
        Task(description="a", output_json=Verdict), Task(description="b", condition="urgent", output_json=Verdict),
        llm=OfflineLLM(answer='{"urgent": false, "score": 3}'), name="first",
    )  # fmt: skip
    second = crew(Task(description="Score {score}"), llm=OfflineLLM(answer=lambda r: r.messages[1].content), name="two")
    (run,) = await Pipeline(stages=[first, second]).kickoff_async({})
    assert run.raw.startswith("Score 3")
    broken = crew(Task(description="a", name="a", callback=burst), name="broken")
    (run,) = await Pipeline(stages=[broken]).kickoff_async({}, on_error="collect")
    assert isinstance(run.error, NodeError)
    assert "'broken' failed: CallbackFailed: task 'a': its callback 'burst' raised ValueError: no" in str(run.error)


@pytest.mark.virtual_time
async def test_timeout_includes_everything() -> None:
    """The time limit of a task holds for people and functions, too."""

    async def never(question: HumanQuestion) -> str:
        await anyio.sleep_forever()
        raise AssertionError

    events = list[Event]()
    made = crew(Task(description="a", human_input=True), human=never, policy=Policy(task_timeout=0.02))
    with pytest.raises(DeadlineExceeded, match="task 'a' took longer than"), listening(events):
        await made.kickoff_async()
    assert isinstance(events[-1], TaskFailed)


async def test_order_of_events() -> None:
    """Tasks are told as they begin, end, or are skipped."""
    events = list[Event]()
    tasks = [Task(description="a"), Task(description="b", condition=lambda previous: False), Task(description="c")]
    with listening(events):
        await crew(*tasks, llm=Recorder("x")).kickoff_async()
    told = [(type(event).__name__, event.task) for event in events if isinstance(event, TaskStarted)]
    assert told == [
        ("TaskStarted", "task 'a'"),
        ("TaskFinished", "task 'a'"),
        ("TaskSkipped", "task 'b'"),
        ("TaskStarted", "task 'c'"),
        ("TaskFinished", "task 'c'"),
    ]
    assert sum(isinstance(event, TaskSkipped) for event in events) == 1


async def test_json_of_a_skipped_end() -> None:
    """``.json`` looks at the last task that was done."""
    skipped = TaskOutput(skipped=True)
    done = await crew(Task(description="a", output_json=Verdict), llm=Recorder('{"urgent": true}')).kickoff_async()
    output = CrewOutput(json_dict=done.json_dict, tasks_output=[*done.tasks_output, skipped])
    assert json.loads(output.json) == {"urgent": True, "score": 0}
