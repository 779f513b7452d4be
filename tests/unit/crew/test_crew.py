from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import ValidationError

from crewgraph.bridge import Pending
from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import InputError, InputTypeError, KickoffError, KickoffInterrupted, ModelUnavailable
from crewgraph.llm import OfflineLLM, Reply, Request, ToolCall
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Limit, Policy
from crewgraph.syntax import Procedure
from tests.unit.crew.doubles import COST, Recorder, Verdict, crew

GREET = Task(description="Greet {who}", name="greet")
ECHO = OfflineLLM(answer=lambda request: request.messages[1].content)


def test_kickoff_now() -> None:
    """Where no event loop runs, kickoff runs and returns the output."""
    done = crew(GREET, llm=ECHO).kickoff(inputs={"who": "Ada"})
    assert isinstance(done, CrewOutput)
    assert done.raw == "Greet Ada"


@pytest.mark.anyio
async def test_kickoff_in_a_loop() -> None:
    """In an event loop kickoff hands back what must be awaited."""
    pending = crew(GREET, llm=ECHO).kickoff({"who": "Ada"})
    assert isinstance(pending, Pending)
    assert "await crew.kickoff(…)" in repr(pending)
    assert (await pending).raw == "Greet Ada"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_kickoff_and_ctrl_c() -> None:
    """Ctrl-C ends a kickoff in a script with what was spent until then, and without the event loop's traceback."""

    async def answer(request: Request) -> Reply:
        if "Decide" in request.messages[1].content:
            signal.raise_signal(signal.SIGINT)
            await anyio.sleep_forever()
        return Reply(text="ok", usage=COST)

    made = crew(GREET, Task(description="Decide on {who}"), llm=OfflineLLM(answer=answer))
    with pytest.raises(KickoffInterrupted, match="0 results; spent: 10 tokens") as caught:
        made.kickoff({"who": "Ada"})
    assert caught.value.result == [None]
    assert caught.value.usage.total_tokens == 10
    assert caught.value.__suppress_context__


def test_kickoff_async_in_asyncio_run() -> None:
    """kickoff_async is a coroutine like any other."""
    assert asyncio.run(crew(GREET, llm=ECHO).kickoff_async(inputs={"who": "Ada"})).raw == "Greet Ada"


def test_inputs_are_not_changed() -> None:
    """The caller's dict stays as it is."""
    inputs = {"who": "Ada"}
    crew(GREET).kickoff(inputs)
    assert inputs == {"who": "Ada"}


@pytest.mark.parametrize("inputs", ["x", [{"who": "Ada"}], 3], ids=["text", "list", "number"])
def test_inputs_of_another_kind(inputs: Any) -> None:
    """Anything but a dict is refused, with the method that takes lists."""
    with pytest.raises(InputTypeError, match="kickoff_for_each"):
        crew(GREET).kickoff(inputs)


@pytest.mark.parametrize(
    ("method", "options", "told"),
    [
        ("kickoff", {"budget": 1}, r"^crew.kickoff\(…\) takes no 'budget'. hint: Crew\(…, budget=…\)$"),
        ("kickoff", {"inputs": {}, "who": "Ada"}, "takes no 'who'. hint: .* one dict, {'who': …}$"),
        (
            "kickoff_for_each",
            {"inputs": [], "policy": 1},
            r"kickoff_for_each\(…\) takes no 'policy'. hint: Crew\(…, po",
        ),
    ],
    ids=["budget", "placeholder", "policy"],
)
def test_unknown_argument(method: str, options: dict[str, Any], told: str) -> None:
    """An argument that a kickoff does not take is refused with where it belongs."""
    with pytest.raises(TypeError, match=told):
        getattr(crew(GREET), method)(**options)


def test_unknown_argument_without_a_crew() -> None:
    """The same holds where the method is called on its class, without a crew."""
    kickoff: Any = Crew.kickoff
    with pytest.raises(TypeError, match="takes no 'who'"):
        kickoff(who="Ada")


class TestForEach:
    """One crew over many inputs."""

    def test_order(self) -> None:
        """The outputs come in the order of the inputs."""
        done = crew(GREET, llm=ECHO).kickoff_for_each([{"who": str(number)} for number in range(5)])
        assert isinstance(done, list)
        assert [output.raw for output in done] == [f"Greet {number}" for number in range(5)]

    @pytest.mark.anyio
    async def test_in_a_loop(self) -> None:
        """In an event loop it must be awaited."""
        pending = crew(GREET, llm=ECHO).kickoff_for_each(inputs=iter([{"who": "Ada"}]))
        assert isinstance(pending, Pending)
        assert [output.raw for output in await pending] == ["Greet Ada"]

    @pytest.mark.anyio
    async def test_nothing_and_one(self) -> None:
        """No inputs give no outputs, and one dict is one run."""
        greeter = crew(GREET, llm=ECHO)
        assert await greeter.kickoff_for_each_async([]) == []
        assert [output.raw for output in await greeter.kickoff_for_each_async({"who": "Ada"})] == ["Greet Ada"]  # type: ignore[arg-type]

    @pytest.mark.parametrize("inputs", ["x", None, [{"who": "Ada"}, 3]], ids=["text", "nothing", "mixed"])
    def test_kind(self, inputs: Any) -> None:
        """Anything but a list of dicts is refused."""
        with pytest.raises(InputTypeError, match="list of dicts"):
            crew(GREET).kickoff_for_each(inputs)

    def test_incomplete(self) -> None:
        """Inputs that lack keys are all named before anything runs."""
        llm = Recorder()
        with pytest.raises(InputError) as caught:
            crew(GREET, llm=llm).kickoff_for_each([{"who": "Ada"}, {}, {"whom": 1}])
        assert caught.value.missing == {1: {"who": ["task 'greet'"]}, 2: {"who": ["task 'greet'"]}}
        assert not llm.requests

    def test_failures(self) -> None:
        """When some fail, the others finish; the error names the failed and holds the rest."""

        def answer(request: Request) -> str:
            if "2" in request.messages[1].content:
                raise ModelUnavailable("gone")
            return "ok"

        with pytest.raises(KickoffError, match="1 of 4 runs failed\ninput 2: gone") as caught:
            crew(GREET, llm=OfflineLLM(answer=answer)).kickoff_for_each([{"who": str(n)} for n in range(4)])
        assert [output and output.raw for output in caught.value.result] == ["ok", "ok", None, "ok"]

    @pytest.mark.anyio
    async def test_concurrency(self) -> None:
        """No more runs than allowed are under way at a time."""
        running, most = 0, 0

        async def answer(request: Request) -> str:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await anyio.lowlevel.checkpoint()
            running -= 1
            return "ok"

        each = [{"who": str(number)} for number in range(20)]
        await crew(GREET, llm=OfflineLLM(answer=answer)).kickoff_for_each_async(each, max_concurrency=3)
        assert most == 3

    def test_no_concurrency(self) -> None:
        """At least one at a time."""
        with pytest.raises(ValueError, match="max_concurrency"):
            crew(GREET).kickoff_for_each([{"who": "Ada"}], max_concurrency=0)


class TestRunsThatStop:
    """Runs of a ``kickoff_for_each`` that end in another way than with an output or an error."""

    EACH = ({"who": "a"}, {"who": "bad"}, {"who": "c"})

    @pytest.mark.anyio
    async def test_run_cancels_itself(self) -> None:
        """A run that cancels itself has failed, and the outputs of the others keep their places."""

        def answer(request: Request) -> str:
            if "bad" in request.messages[1].content:
                raise asyncio.CancelledError
            return "ok"

        with pytest.raises(KickoffError) as caught:
            await crew(GREET, llm=OfflineLLM(answer=answer)).kickoff_for_each_async(self.EACH)
        assert [index for index, _ in caught.value.failures] == [1]
        assert [output and output.raw for output in caught.value.result] == ["ok", None, "ok"]

    @pytest.mark.anyio
    async def test_run_gives_nothing(self) -> None:
        """What a replaced ``kickoff_async`` returns stands in its place, also where that is nothing."""

        class Silent(Crew):
            async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> Any:
                return None if inputs == {"who": "bad"} else CrewOutput(raw="ok")

        done = await Silent().kickoff_for_each_async(self.EACH)
        assert [output and output.raw for output in done] == ["ok", None, "ok"]

    @pytest.mark.virtual_time
    @pytest.mark.anyio
    async def test_cancelled(self) -> None:
        """Cancelling it cancels its runs and is no failure."""

        async def answer(request: Request) -> str:
            await anyio.sleep_forever()
            raise AssertionError

        with anyio.move_on_after(0.01) as scope:
            await crew(GREET, llm=OfflineLLM(answer=answer)).kickoff_for_each_async(self.EACH)
        assert scope.cancelled_caught

    @pytest.mark.anyio
    async def test_exit(self) -> None:
        """A run that ends the program ends the others, and is not wrapped."""

        async def answer(request: Request) -> str:
            if "bad" in request.messages[1].content:
                raise SystemExit(3)
            await anyio.sleep_forever()
            raise AssertionError

        with pytest.raises(SystemExit):
            await crew(GREET, llm=OfflineLLM(answer=answer)).kickoff_for_each_async(self.EACH)

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
    def test_ctrl_c(self) -> None:
        """Ctrl-C keeps what has finished, in place."""

        async def answer(request: Request) -> str:
            if "bad" in request.messages[1].content:
                signal.raise_signal(signal.SIGINT)
                await anyio.sleep_forever()
            return "ok"

        with pytest.raises(KickoffInterrupted) as caught:
            crew(GREET, llm=OfflineLLM(answer=answer)).kickoff_for_each(self.EACH, max_concurrency=1)
        assert [output and output.raw for output in caught.value.result] == ["ok", None, None]


@pytest.mark.anyio
@pytest.mark.many
async def test_thousand_runs_share_one_definition() -> None:
    """A thousand runs at a time share one crew, get their own answers and write nothing on it."""
    agent = Agent(role="Clerk of {who}")
    tasks = [GREET, Task(description="Decide on {who}", output_pydantic=Verdict, agent=agent)]
    shared = Crew(agents=[agent], tasks=tasks, llm="offline", name="shared")
    parts = [shared, agent, *shared.tasks]
    before = [(id(part), part.model_dump(), set(part.__dict__)) for part in parts]
    done: dict[int, CrewOutput] = {}

    async def one(number: int) -> None:
        done[number] = await shared.kickoff_async(inputs={"who": f"number {number}"})

    async with anyio.create_task_group() as runs:
        for number in range(1000):
            runs.start_soon(one, number)
    assert all(done[number].tasks_output[0].raw.endswith(f"Greet number {number}") for number in range(1000))
    assert all(isinstance(output.pydantic, Verdict) for output in done.values())
    assert [(id(part), part.model_dump(), set(part.__dict__)) for part in parts] == before


def test_identity_of_parts() -> None:
    """A crew keeps the agents and tasks it is given, not copies."""
    agent = Agent(role="A")
    task = Task(description="a", agent=agent)
    made = Crew(agents=[agent], tasks=[task])
    assert made.agents[0] is agent
    assert made.tasks[0] is task
    assert made.tasks[0].agent is agent


def test_context_must_come_before() -> None:
    """A context that is no earlier task of the crew is refused, with the edit that mends it."""
    late = Task(description="late")
    with pytest.raises(ValidationError, match=r"task 'early' has task 'late' as context.*hint: put it before"):
        Crew(tasks=[Task(description="early", context=[late]), late])


def test_context_before() -> None:
    """A context that comes before is accepted."""
    first = Task(description="a")
    assert len(Crew(tasks=[first, Task(description="b", context=[first])]).tasks) == 2


def test_unknown_field() -> None:
    """A field that nobody knows is refused by its name."""
    with pytest.raises(ValidationError, match="agent"):
        Crew(agent=Agent(role="A"))  # type: ignore[call-arg]


def test_repr() -> None:
    """The repr is the name, or the roles, and the number of tasks."""
    assert repr(crew(GREET)) == "Crew('Clerk', tasks=1)"
    assert repr(crew(GREET, name="greeters")) == "Crew('greeters', tasks=1)"


def test_chain() -> None:
    """Crews are stages."""
    assert isinstance(crew(GREET) >> crew(GREET), Procedure)


def test_name_is_assignable() -> None:
    """A crew may be named later."""
    made = crew(GREET)
    made.name = "later"
    assert made.name == "later"


def test_definitions_are_shown_as_themselves() -> None:
    """``print(crew)`` and ``print(task)`` show what their reprs show."""
    task = Task(name="sort", description="Sort the mails.")
    crew = Crew(name="desk", agents=[Agent(role="Clerk")], tasks=[task])
    assert (str(crew), str(task)) == ("Crew('desk', tasks=1)", "Task('sort')")


class TestMaxRpm:
    """The ancestor's word for a limit."""

    def test_is_a_limit(self) -> None:
        """It is short for a limit in the crew's policy, and keeps what that says beside it."""
        assert crew(GREET, policy=None, max_rpm=7).policy == Policy(limit=Limit(requests_per_minute=7))
        policy = Policy(retries=1, limit=Limit(concurrency=2))
        made = crew(GREET, policy=policy, max_rpm=7)
        assert made.policy == Policy(retries=1, limit=Limit(concurrency=2, requests_per_minute=7))
        assert crew(GREET, policy=made.policy, max_rpm=7).policy == made.policy

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"max_rpm": 7, "policy": Policy(limit=Limit(requests_per_minute=8))}, "max_rpm is 7 and .* 8. hint: keep"),
            ({"max_rpm": 0}, "greater than or equal to 1"),
        ],
        ids=["two limits", "none at all"],
    )
    def test_refused(self, options: dict[str, Any], words: str) -> None:
        """Two limits, or one that lets nothing through, are refused."""
        with pytest.raises(ValidationError, match=words):
            crew(GREET, **options)


@pytest.mark.anyio
@pytest.mark.parametrize(("is_caching", "times"), [(True, 1), (False, 2)], ids=["cache", "no cache"])
async def test_cache(is_caching: bool, times: int) -> None:
    """Equal calls of a tool are made once in a run, over all its tasks, unless the crew says otherwise."""
    called = list[str]()

    def search(query: str) -> str:
        """Look it up."""
        called.append(query)
        return "found"

    look = Reply(calls=(ToolCall("1", "search", '{"query": "tea"}'),))
    llm = Recorder(look, "a", look, "b")
    made = Crew(agents=[Agent(role="A", tools=[search])], tasks=[Task(description="a")] * 2, llm=llm, cache=is_caching)
    assert [output.raw for output in (await made.kickoff_async()).tasks_output] == ["a", "b"]
    assert len(called) == times


@pytest.mark.anyio
async def test_tools_of_a_task() -> None:
    """A task's tools stand in the place of its agent's."""

    def search(query: str) -> str:
        """Look it up."""
        return query

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    llm = Recorder("x")
    agent = Agent(role="A", tools=[search])
    await Crew(
        agents=[agent], tasks=[Task(description="a"), Task(description="b", tools=[add])], llm=llm
    ).kickoff_async()
    assert [[spec.name for spec in request.tools] for request in llm.requests] == [["search"], ["add"]]
