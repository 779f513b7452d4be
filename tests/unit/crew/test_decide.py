from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from crewgraph.crew import ConditionalTask, Crew, Task
from crewgraph.errors import ConditionError
from crewgraph.handoff import Handoff
from crewgraph.node import Need, interface_of
from crewgraph.outputs import OutputFormat, TaskOutput
from crewgraph.trace import Event, TaskFailed, TaskSkipped, TaskStarted
from tests.unit.crew.doubles import Recorder, Verdict, crew, listening

pytestmark = pytest.mark.anyio

FIRST = Task(description="first", name="first", output_json=Verdict)
URGENT, CALM = '{"urgent": true, "score": 8}', '{"urgent": false}'


def raws(done: Any) -> list[str]:
    return [output.raw for output in done.tasks_output]


class TestDecision:
    """Whether a task is done."""

    @pytest.mark.parametrize(
        ("condition", "is_done"),
        [
            ("urgent", True),
            ("score > 8", False),
            ("score > limit", True),
            ("lower(beside) == 'near'", True),
            (lambda previous: previous.json_dict["urgent"], True),
            (lambda previous: previous.raw == "other", False),
            (lambda previous: 0, False),
        ],
        ids=["key", "comparison", "inputs", "beside", "callable", "false", "zero"],
    )
    async def test_condition(self, condition: Any, is_done: bool) -> None:
        """An expression is decided over the previous output's keys and the inputs, a callable is given the output."""
        made = crew(FIRST, Task(description="second", condition=condition), llm=Recorder(URGENT, "done"))
        done = await made.kickoff_async(Handoff({"limit": 7, "score": 0}, beside={"beside": "NEAR"}))
        assert raws(done) == [URGENT, "done" if is_done else ""]
        assert done.tasks_output[1].skipped is not is_done

    async def test_async_callable(self) -> None:
        """A condition may be async."""

        async def never(previous: TaskOutput) -> bool:
            return False

        done = await crew(FIRST, ConditionalTask(description="b", condition=never), llm=Recorder(CALM)).kickoff_async()
        assert done.tasks_output[1].skipped

    async def test_text_that_is_json(self) -> None:
        """Keys of a text that is one JSON object count, as they do in a pipeline."""
        made = crew(Task(description="a"), Task(description="b", condition="n > 1"), llm=Recorder('{"n": 2}', "b"))
        assert raws(await made.kickoff_async()) == ['{"n": 2}', "b"]

    @pytest.mark.parametrize(
        ("condition", "words"),
        [
            ("missing > 1", r"task 'b': condition `missing > 1` cannot be decided: there is no 'missing'"),
            (lambda previous: previous.nothing, "task 'b': its condition '<lambda>' raised AttributeError"),
            (lambda previous: None, "task 'b': its condition '<lambda>' returned None. hint: return True or False"),
            (
                lambda previous: Undecided(),
                "task 'b': its condition '<lambda>' gave no true or false: ValueError: neither",
            ),
        ],
        ids=["expression", "callable", "nothing", "neither"],
    )
    async def test_raises(self, condition: Any, words: str) -> None:
        """A condition that cannot be decided fails the crew; the task is never just skipped."""
        events, llm = list[Event](), Recorder(CALM)
        with pytest.raises(ConditionError, match=words), listening(events):
            await crew(FIRST, Task(description="b", condition=condition), llm=llm).kickoff_async()
        assert len(llm.requests) == 1
        assert isinstance(events[-1], TaskFailed)
        assert events[-1].error.startswith("ConditionError: task 'b'")

    async def test_own_error(self) -> None:
        """An error of crewgraph's own stays what it is."""

        def undecided(previous: TaskOutput) -> bool:
            raise ConditionError("mine")

        with pytest.raises(ConditionError, match=r"^mine"):
            await crew(FIRST, Task(description="b", condition=undecided), llm=Recorder(CALM)).kickoff_async()


class Undecided:
    def __bool__(self) -> bool:
        raise ValueError("neither")


class TestSkipped:
    """What becomes of a task that is skipped."""

    async def test_output(self) -> None:
        """It has an output that says so, and an event instead of a beginning."""
        events = list[Event]()
        task = Task(description="On {topic}", expected_output="x", name="t", condition="urgent")
        with listening(events):
            done = await crew(FIRST, task, llm=Recorder(CALM)).kickoff_async({"topic": "tea"})
        skipped = done.tasks_output[1]
        assert (skipped.skipped, skipped.raw, skipped.model) == (True, "", None)
        assert (skipped.description, skipped.name, skipped.expected_output) == ("On tea", "t", "x")
        assert (skipped.agent, skipped.output_format) == ("Clerk", OutputFormat.RAW)
        told = [event for event in events if getattr(event, "task", "") == "task 't'"]
        assert [type(event) for event in told] == [TaskSkipped]
        assert isinstance(told[0], TaskStarted)
        assert told[0].agent == "Clerk"

    async def test_crews_output(self) -> None:
        """The crew's output is that of the last task that was done, with its JSON."""
        done = await crew(FIRST, Task(description="b", condition="urgent"), llm=Recorder(CALM)).kickoff_async()
        assert done.json_dict == {"urgent": False, "score": 0}
        assert done.json == '{"urgent": false, "score": 0}'

    async def test_not_in_contexts(self) -> None:
        """Later tasks do not read it, whether they name it or not."""
        maybe = Task(description="maybe", condition="urgent")
        tasks = [FIRST, maybe, Task(description="c"), Task(description="d", context=[maybe])]
        llm = Recorder(CALM, "c", "d")
        await crew(*tasks, llm=llm).kickoff_async()
        assert "From task 'first'" in llm.said(1)[1]
        assert "maybe" not in llm.said(1)[1]
        assert llm.said(2)[1] == "d"

    async def test_previous_is_the_last_that_ran(self) -> None:
        """A condition behind a skipped task is decided over the last one that was done."""
        seen = list[str]()

        def look(previous: TaskOutput) -> bool:
            seen.append(previous.raw)
            return False

        tasks = [FIRST, Task(description="b", condition="urgent"), Task(description="c", condition=look)]
        await crew(*tasks, llm=Recorder(CALM)).kickoff_async()
        assert seen == [CALM]

    async def test_all_skipped(self) -> None:
        """Where every task is skipped the output is empty; a callable is then given a skipped output."""
        seen = list[bool]()
        tasks = [
            Task(description="a", condition="topic == 'x'"),
            Task(description="b", condition=lambda previous: seen.append(previous.skipped) or False),
        ]
        llm = Recorder()
        done = await crew(*tasks, llm=llm).kickoff_async({"topic": "tea"})
        assert (done.raw, done.to_dict(), seen) == ("", {}, [True])
        assert not llm.requests
        with pytest.raises(ValueError, match="no JSON output"):
            _ = done.json

    async def test_asynchronous(self) -> None:
        """Asynchronous tasks are decided over what ended before their group."""
        tasks = [FIRST] + [
            Task(description=name, async_execution=True, condition=condition)
            for name, condition in (("b", "urgent"), ("c", "not urgent"))
        ]
        done = await crew(*tasks, llm=Recorder(CALM, "c")).kickoff_async()
        assert [output.skipped for output in done.tasks_output] == [False, True, False]
        assert done.raw == "c"


class TestDeclared:
    """What is known of conditions before anything runs."""

    @pytest.mark.parametrize("is_async", [False, True], ids=["first", "first group"])
    async def test_callable_without_previous(self, is_async: bool) -> None:
        """A callable needs a task before it; an expression over the inputs does not."""
        task = Task(description="b", condition=lambda previous: True, async_execution=is_async)
        before = [Task(description="a", async_execution=True)] if is_async else []
        with pytest.raises(ValidationError, match=r"task 'b' has a callable as condition, and no task before it.*hint"):
            Crew(tasks=[*before, task])
        assert Crew(tasks=[Task(description="a", condition="x > 1")]).tasks

    async def test_needs(self) -> None:
        """What an expression reads is a need that may be met, unless the shape of an earlier task brings it."""
        made = crew(FIRST, Task(description="b", name="b", condition="urgent and has(z) and limit > 1"))
        assert interface_of(made).needs == (Need("limit", "the condition of task 'b'", required=False),)

    @pytest.mark.parametrize(
        ("tasks", "gives", "may_give"),
        [
            ([FIRST, Task(description="b", condition="urgent")], {}, {"urgent", "score", "b", "Clerk"}),
            (
                [FIRST, Task(description="b", condition="urgent", output_json=Verdict)],
                {"urgent": bool, "score": int},
                set(),
            ),
            ([Task(description="b", condition="x", output_json=Verdict)], {}, {"urgent", "score"}),
            (
                [Task(description="c"), Task(description="b", condition="x", output_json=Verdict)],
                {},
                {"urgent", "score", "c", "Clerk"},
            ),
            ([Task(description="json"), Task(description="b", condition="x", output_json=Verdict)], {}, None),
        ],
        ids=["text", "same shape", "all", "shape behind text", "any"],
    )
    async def test_gives(self, tasks: list[Task], gives: dict[str, Any], may_give: Any) -> None:
        """A last task that may be skipped gives its keys only maybe."""
        interface = interface_of(crew(*tasks))
        assert (interface.gives, interface.may_give) == (gives, may_give)
