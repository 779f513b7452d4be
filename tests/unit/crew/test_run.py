from __future__ import annotations

from typing import Any, cast

import anyio
import pytest
from pydantic import field_validator

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import (
    ModelAnswerInvalid,
    ModelError,
    ModelNotConfigured,
    ModelUnavailable,
    OutputInvalid,
    PipelineInvalid,
    TemplateError,
)
from crewgraph.handoff import Handoff
from crewgraph.llm import Reply
from crewgraph.outputs import CrewOutput, OutputFormat
from crewgraph.trace import (
    Event,
    ModelCallFailed,
    ModelCallFinished,
    ModelCallStarted,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from tests.unit.crew.doubles import COST, COUNTS, Recorder, Verdict, crew, listening

pytestmark = pytest.mark.anyio

GOOD = '{"urgent": true, "score": 3}'


async def test_text() -> None:
    """A task's text is the crew's, with the task's particulars and the model beside it."""
    done = await crew(
        Task(description="Greet {who}", expected_output="hi", name="greet"), llm=Recorder("hello")
    ).kickoff_async(inputs={"who": "Ada"})
    (task,) = done.tasks_output
    assert (done.raw, done.pydantic, done.json_dict) == ("hello", None, None)
    assert (task.raw, task.description, task.expected_output, task.name) == ("hello", "Greet Ada", "hi", "greet")
    assert (task.agent, task.model, task.output_format, task.repaired) == ("Clerk", "recorder", OutputFormat.RAW, False)


async def test_as_if_validated() -> None:
    """The output, which is put together without validation, is the one that validation would make."""
    output = await crew(Task(description="hi"), llm=Recorder("hello")).kickoff_async()
    again = CrewOutput(**dict(output))
    assert (output, output.model_fields_set) == (again, again.model_fields_set)
    assert output.model_dump() == again.model_dump()


async def test_pydantic() -> None:
    """With output_pydantic the answer is a model; the text stays what the model wrote."""
    done = await crew(Task(description="a", output_pydantic=Verdict), llm=Recorder(f"```\n{GOOD}\n```")).kickoff_async()
    assert done.pydantic == Verdict(urgent=True, score=3)
    assert done.json_dict is None
    assert done.raw.startswith("```")
    assert done.tasks_output[0].output_format is OutputFormat.PYDANTIC
    assert done.tasks_output[0].repaired


async def test_json() -> None:
    """With output_json the answer is a dict, and .json is its text."""
    done = await crew(Task(description="a", output_json=Verdict), llm=Recorder(GOOD)).kickoff_async()
    assert (done.pydantic, done.json_dict) == (None, {"urgent": True, "score": 3})
    assert done.json == GOOD


async def test_schema_is_passed_on() -> None:
    """The model gets the shape with the request, and none where none is declared."""
    llm = Recorder("x", GOOD)
    await crew(Task(description="a"), Task(description="b", output_json=Verdict), llm=llm).kickoff_async()
    assert [request.schema for request in llm.requests] == [None, Verdict]


async def test_ask_again() -> None:
    """An answer without the shape is answered with what is wrong, in the same conversation."""
    llm = Recorder("nope", '{"score": 1}', GOOD)
    done = await crew(Task(description="a", output_json=Verdict), llm=llm).kickoff_async()
    assert done.json_dict == {"urgent": True, "score": 3}
    roles = [message.role for message in llm.requests[2].messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert llm.said(2)[2:5:2] == ("nope", '{"score": 1}')
    assert "it is not JSON" in llm.said(2)[3]
    assert "urgent: Field required" in llm.said(2)[5]
    assert done.token_usage == {
        **dict.fromkeys(COUNTS, 0),
        "total_tokens": 30,
        "prompt_tokens": 21,
        "completion_tokens": 9,
        "successful_requests": 3,
    }


@pytest.mark.parametrize("reasks", [0, 2])
async def test_shape_never_comes(reasks: int) -> None:
    """Asking again is bounded; the error tells the last problem, the last answer and the spend."""
    llm = Recorder("nope " * 100)
    with pytest.raises(OutputInvalid) as caught:
        await crew(Task(description="a", output_json=Verdict), llm=llm, max_reasks=reasks).kickoff_async()
    assert len(llm.requests) == 1 + reasks
    assert caught.value.usage == {
        "total_tokens": 10 * (1 + reasks),
        "prompt_tokens": 7 * (1 + reasks),
        "completion_tokens": 3 * (1 + reasks),
        "successful_requests": 1 + reasks,
    }
    assert caught.value.model == "recorder"
    assert f"task 'a': recorder gave no Verdict in {1 + reasks} attempts" in str(caught.value)
    assert "Its last answer: nope nope" in str(caught.value)
    assert str(caught.value).endswith("…")


@pytest.mark.parametrize("text", ["", " \n"], ids=["empty", "blank"])
async def test_empty_answer(text: str) -> None:
    """An empty answer is never a success, and what it took is counted."""
    llm = Recorder(Reply(text=text, usage=COST, finish_reason="stop"))
    with pytest.raises(ModelAnswerInvalid, match=r"the answer is empty \(finish reason: stop\)") as caught:
        await crew(Task(description="a"), llm=llm).kickoff_async()
    assert caught.value.usage == {"total_tokens": 10, "prompt_tokens": 7, "completion_tokens": 3, "failed_requests": 1}


@pytest.mark.parametrize("text", ["", "The dose is 10"], ids=["empty", "cut"])
async def test_filtered_answer(text: str) -> None:
    """What a provider filtered is never a success either, whatever it left of the answer."""
    llm = Recorder(Reply(text=text, usage=COST, finish_reason="content_filter"))
    with pytest.raises(ModelAnswerInvalid, match="the answer was filtered"):
        await crew(Task(description="a"), llm=llm, policy=None).kickoff_async()
    assert len(llm.requests) == 1


async def test_empty_answer_without_reason() -> None:
    """Without a finish reason none is told."""
    with pytest.raises(ModelAnswerInvalid, match=r"empty$"):
        await crew(Task(description="a"), llm=Recorder(Reply(text=""))).kickoff_async()


async def test_cut_off() -> None:
    """JSON that the limit of tokens cut off is not mended into something else; plain text may be cut."""
    cut = Reply(text='{"urgent": true', finish_reason="length")
    with pytest.raises(ModelAnswerInvalid, match="max_tokens"):
        await crew(Task(description="a", output_json=Verdict), llm=Recorder(cut)).kickoff_async()
    assert (await crew(Task(description="a"), llm=Recorder(cut)).kickoff_async()).raw == cut.text


async def test_failure_carries_the_spend() -> None:
    """A failed call raises its own error, with what the crew has spent so far."""
    llm = Recorder("fine", ModelUnavailable("m: gone", model="m", usage=COST))
    with pytest.raises(ModelUnavailable, match="m: gone") as caught:
        await crew(Task(description="a"), Task(description="b"), llm=llm).kickoff_async()
    assert caught.value.usage == {
        "total_tokens": 20,
        "prompt_tokens": 14,
        "completion_tokens": 6,
        "successful_requests": 1,
        "failed_requests": 1,
    }


async def test_same_failure_again() -> None:
    """A model that raises one and the same object again is not charged for the earlier runs, nor is it changed."""
    error = ModelUnavailable("m: gone", model="m", status=503, usage=COST)
    made = crew(Task(description="a"), llm=Recorder(error))
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="m: gone") as caught:
            await made.kickoff_async()
        assert caught.value.usage == {**COUNTS, "failed_requests": 1}
        assert (caught.value.model, caught.value.status, caught.value.__cause__) == ("m", 503, error)
    assert error.usage is COST


async def test_failure_of_a_kind_of_its_own() -> None:
    """A user's subclass of a model error may be constructed in its own way."""

    class Refused(ModelError):
        def __init__(self, *, why: str) -> None:
            super().__init__(f"refused: {why}")

    with pytest.raises(Refused, match=r"^refused: tired$") as caught:
        await crew(Task(description="a"), llm=Recorder(Refused(why="tired"))).kickoff_async()
    assert caught.value.usage == {"failed_requests": 1}


async def test_no_usage() -> None:
    """A model that knows nothing of tokens may say so; its request is counted."""
    reply: Any = Reply(text="fine", usage=cast("Any", None))
    output = await crew(Task(description="a"), llm=Recorder(reply)).kickoff_async()
    assert output.token_usage == {"successful_requests": 1}


@pytest.mark.parametrize("text", ["fine", ""], ids=["answer", "empty"])
async def test_usage_of_another_kind(text: str) -> None:
    """A usage that is none is a failure of the model, and counted."""
    reply: Any = Reply(text=text, usage=cast("Any", {"total_tokens": 3}))
    with pytest.raises(ModelError) as caught:
        await crew(Task(description="a"), llm=Recorder(reply)).kickoff_async()
    assert caught.value.usage == {"failed_requests": 1}


async def test_no_reply() -> None:
    """A model that returns anything but a reply has given no answer."""

    class Talker:
        model = "talker"

        async def complete(self, request: object) -> Any:
            return "hello"

    with pytest.raises(ModelAnswerInvalid, match="talker: complete\\(\\) returned a str"):
        await crew(Task(description="a"), llm=Talker()).kickoff_async()


async def test_validator_raises_anything() -> None:
    """A validator that raises no ``ValueError`` makes the model be asked again, a bounded number of times."""

    class Picky(Verdict):
        @field_validator("score")
        @classmethod
        def _known(cls, score: int) -> int:
            return {1: 2}[score]

    llm = Recorder('{"urgent": true, "score": 7}')
    with pytest.raises(OutputInvalid, match="KeyError: 7") as caught:
        await crew(Task(description="a", output_json=Picky), llm=llm, max_reasks=1).kickoff_async()
    assert caught.value.usage == {
        **{name: 2 * count for name, count in COUNTS.items()},
        "successful_requests": 2,
    }


async def test_foreign_failure() -> None:
    """What a model of somebody else's raises becomes a model error, with its cause and the spend."""
    with pytest.raises(ModelError, match="recorder: KeyError: 'x'") as caught:
        await crew(Task(description="a"), llm=Recorder(KeyError("x"))).kickoff_async()
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.usage == {"failed_requests": 1}


async def test_events() -> None:
    """Tasks and calls are reported as they begin and end, with their tokens."""
    events: list[Event] = []
    with listening(events):
        await crew(Task(description="a"), llm=Recorder("x")).kickoff_async()
    assert [type(event) for event in events] == [TaskStarted, ModelCallStarted, ModelCallFinished, TaskFinished]
    started, _, call, finished = events
    assert isinstance(started, TaskStarted)
    assert (started.task, started.agent) == ("task 'a'", "Clerk")
    assert isinstance(call, ModelCallFinished)
    assert (call.model, call.tokens, call.usage) == ("recorder", 10, {**COUNTS, "successful_requests": 1})
    assert call.seconds >= 0
    assert isinstance(finished, TaskFinished)
    assert finished.tokens == 10


async def test_events_of_a_failure() -> None:
    """A failed call fails its task, and both say why."""
    events: list[Event] = []
    with pytest.raises(ModelUnavailable), listening(events):
        await crew(Task(description="a"), llm=Recorder(ModelUnavailable("gone"))).kickoff_async()
    assert [type(event) for event in events] == [TaskStarted, ModelCallStarted, ModelCallFailed, TaskFailed]
    call, task = events[2:]
    assert isinstance(call, ModelCallFailed)
    assert isinstance(task, TaskFailed)
    assert call.error == task.error == "ModelUnavailable: gone"
    assert call.usage == {"failed_requests": 1}


@pytest.mark.virtual_time
async def test_cancelled() -> None:
    """A cancelled call is counted and reported as failed."""
    events: list[Event] = []

    class Sleeper:
        model = "sleeper"

        async def complete(self, request: object) -> Any:
            await anyio.sleep_forever()

    with anyio.move_on_after(0.01), listening(events):
        await crew(Task(description="a"), llm=Sleeper()).kickoff_async()
    assert [type(event) for event in events] == [TaskStarted, ModelCallStarted, ModelCallFailed, TaskFailed]
    assert isinstance(events[2], ModelCallFailed)
    assert events[2].usage == {"failed_requests": 1}


async def test_a_task_counts_what_it_takes_itself() -> None:
    """What a condition or a function before the crew spends is the crew's, not the task's: of a single task, too."""
    events: list[Event] = []
    aside = crew(Task(description="aside"), llm=Recorder("so", model="aside"))

    async def asks(*_: object) -> bool:
        await aside.kickoff_async()
        return True

    async def before(_: object) -> None:
        await aside.kickoff_async()

    first, second = Task(description="a"), Task(description="b", condition=asks)
    for tasks, options, took in (([first], {"before_kickoff": before}, 20), ([first, second], {}, 30)):
        events.clear()
        with listening(events):
            output = await crew(*tasks, llm=Recorder("done"), **options).kickoff_async()
        finished = [event.tokens for event in events if isinstance(event, TaskFinished)]
        assert finished == [10] * (len(tasks) + 1)
        assert output.token_usage.total_tokens == took


class TestContext:
    """Which texts a task is given to read."""

    @staticmethod
    async def asked(*tasks: Task, upstream: dict[str, str] | None = None) -> list[str]:
        llm = Recorder("one", "two", "three")
        outputs = {name: CrewOutput(raw=raw) for name, raw in (upstream or {}).items()}
        await crew(*tasks, llm=llm).kickoff_async(inputs=Handoff({}, upstream=outputs))
        return [llm.said(number)[1] for number in range(len(tasks))]

    async def test_none_means_all_before(self) -> None:
        """Without a context of its own a task reads all earlier tasks."""
        _, _, third = await self.asked(*(Task(description=name) for name in "abc"))
        assert "From task 'a':\n```\none\n```\n\nFrom task 'b':\n```\ntwo\n```" in third

    async def test_empty_means_nothing(self) -> None:
        """An empty context is empty, upstream crews included."""
        _, second = await self.asked(Task(description="a"), Task(description="b", context=[]), upstream={"up": "text"})
        assert second == "b"

    async def test_named(self) -> None:
        """A context that is named is exactly that, found by identity."""
        twins = [Task(description="same"), Task(description="same")]
        *_, third = await self.asked(*twins, Task(description="c", context=[twins[1]]), upstream={"up": "text"})
        assert "two" in third
        assert "one" not in third
        assert "text" not in third

    async def test_upstream(self) -> None:
        """The texts of upstream crews go to the tasks without a context of their own."""
        first, second = await self.asked(
            Task(description="a"), Task(description="b"), upstream={"up": "text", "mute": " "}
        )
        assert "From crew 'up':\n```\ntext\n```" in first
        assert "From crew 'up'" in second
        assert "mute" not in first


class TestModels:
    """Which model an agent asks."""

    async def test_agent_before_crew(self) -> None:
        """An agent's own model comes before its crew's."""
        own, common = Recorder("own"), Recorder("common")
        agents = [Agent(role="A", llm=own), Agent(role="B")]
        tasks = [Task(description=agent.role, agent=agent) for agent in agents]
        done = await Crew(agents=agents, tasks=tasks, llm=common).kickoff_async()
        assert [task.raw for task in done.tasks_output] == ["own", "common"]

    async def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without either, the environment names the model."""
        monkeypatch.setenv("CREWGRAPH_MODEL", "offline")
        assert (await crew(Task(description="a"), llm=None).kickoff_async()).tasks_output[0].model == "offline"

    async def test_none(self) -> None:
        """Without any model nothing is asked, not even of agents that have one."""
        llm = Recorder()
        agents = [Agent(role="A", llm=llm), Agent(role="B")]
        with pytest.raises(ModelNotConfigured, match="agent 'B'"):
            await Crew(agents=agents, tasks=[Task(description="a", agent=agent) for agent in agents]).kickoff_async()
        assert not llm.requests


async def test_missing_values() -> None:
    """Placeholders without values are found before the first call."""
    llm = Recorder()
    with pytest.raises(TemplateError, match=r"\{b\}"):
        await crew(Task(description="a"), Task(description="{b}"), llm=llm).kickoff_async()
    assert not llm.requests


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Crew(name="idle", llm="offline"), "the crew has no tasks"),
        (Crew(tasks=[Task(description="a")], llm="offline"), "task 'a' names no agent and its crew has no agent"),
        (
            Crew(agents=[Agent(role="A"), Agent(role="B")], tasks=[Task(description="a")], llm="offline"),
            "task 'a' names no agent and its crew has 2 agents",
        ),
    ],
    ids=["no task", "no agent", "two agents"],
)
async def test_crew_that_cannot_work(made: Crew, words: str) -> None:
    """A crew that cannot work says so before anything runs."""
    with pytest.raises(PipelineInvalid, match=words) as caught:
        await made.kickoff_async()
    assert [finding.code for finding in caught.value.findings] == ["CG502"]
