from __future__ import annotations

import asyncio
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from crewgraph.crew import Agent, Crew, Task
from crewgraph.crew.schedule import Place, schedule
from crewgraph.errors import ModelUnavailable
from crewgraph.handoff import Handoff
from crewgraph.llm import OfflineLLM, Request
from crewgraph.outputs import CrewOutput
from crewgraph.trace import Event, TaskFailed, TaskFinished
from tests.unit.crew.doubles import Recorder, crew, listening


def tasks(kinds: str) -> list[Task]:
    """One task for each letter, called by it; a small letter is an asynchronous one."""
    return [Task(description=letter, name=letter, async_execution=letter.islower()) for letter in kinds]


class TestPlaces:
    """What waits for what."""

    @pytest.mark.parametrize(
        ("kinds", "groups"),
        [
            ("", []),
            ("AB", [[0], [1]]),
            ("abC", [[0, 1], [2]]),
            ("AbcDef", [[0], [1, 2], [3], [4, 5]]),
        ],
        ids=["none", "in order", "first", "last"],
    )
    def test_groups(self, kinds: str, groups: list[list[int]]) -> None:
        """Asynchronous tasks that stand one behind the other are done side by side, any other alone."""
        assert [[place.index for place in group] for group in schedule(tasks(kinds))] == groups

    def test_before(self) -> None:
        """A task waits for all that stands before its group."""
        places = [place for group in schedule(tasks("AbcD")) for place in group]
        assert [place.before for place in places] == [(), (0,), (0,), (0, 1, 2)]

    def test_peers(self) -> None:
        """An asynchronous task waits for those of its own group that its context names, and for no others of it."""
        made = tasks("Abcd")
        made[3].context = [made[0], made[1]]
        assert schedule(made)[1] == [Place(1, 1), Place(2, 1), Place(3, 1, peers=(1,))]
        assert schedule(made)[1][2].before == (0, 1)

    def test_one_task_twice(self) -> None:
        """A task that stands there twice waits for none that comes after it."""
        first, second = tasks("ab")
        second.context = [first]
        assert [place.peers for place in schedule([first, second, first])[0]] == [(), (0,), ()]


@pytest.mark.anyio
class TestSideBySide:
    """Running them."""

    async def test_at_the_same_time(self) -> None:
        """Consecutive asynchronous tasks are under way at the same time, and a synchronous one waits for them."""
        met, order = anyio.Event(), list[str]()
        waiting = set[str]()

        async def answer(request: Request) -> str:
            name = request.messages[1].content[0]
            if name.islower():
                waiting.add(name)
                if len(waiting) == 2:
                    met.set()
                await met.wait()
            order.append(name)
            return name

        done = await crew(*tasks("abC"), llm=OfflineLLM(answer=answer)).kickoff_async()
        assert sorted(order[:2]) == ["a", "b"]
        assert order[2] == "C"
        assert done.raw == "C"

    async def test_order_of_results(self) -> None:
        """Results come in the order of the text, and the crew's is that of the last, whoever finished first."""
        second = anyio.Event()

        async def answer(request: Request) -> str:
            if request.messages[1].content == "b":
                await second.wait()
            else:
                second.set()
            return request.messages[1].content.upper()

        done = await crew(*tasks("bc"), llm=OfflineLLM(answer=answer)).kickoff_async()
        assert [output.raw for output in done.tasks_output] == ["B", "C"]
        assert done.raw == "C"

    async def test_context_of_a_peer(self) -> None:
        """A context that names a task of the same group waits for it and reads it."""
        made = tasks("ab")
        made[1].context = [made[0]]
        llm = OfflineLLM(answer=lambda request: request.messages[1].content.replace("\n", " "))
        done = await crew(*made, llm=llm).kickoff_async()
        assert "From task 'a': ``` a ```" in done.raw

    @pytest.mark.parametrize(("context", "reads"), [(None, ["crew 'up'", "task 'A'"]), ([], [])], ids=["none", "empty"])
    async def test_context(self, context: Any, reads: list[str]) -> None:
        """Without a context it reads all before its group and the crews upstream; with an empty one nothing."""
        made = tasks("Abc")
        made[2].context = context
        llm = OfflineLLM(answer=lambda request: request.messages[1].content)
        handed = Handoff({}, upstream={"up": CrewOutput(raw="text")})
        done = await crew(*made, llm=llm).kickoff_async(inputs=handed)
        assert [whose for whose in ("crew 'up'", "task 'A'", "task 'b'") if f"From {whose}" in done.raw] == reads

    async def test_failure(self) -> None:
        """One that fails cancels the others, and its error is raised as it is."""
        events = list[Event]()

        async def answer(request: Request) -> str:
            if request.messages[1].content == "b":
                raise ModelUnavailable("gone")
            await anyio.sleep_forever()
            raise AssertionError

        with pytest.raises(ModelUnavailable, match="gone") as caught, listening(events):
            await crew(*tasks("abc"), llm=OfflineLLM(answer=answer)).kickoff_async()
        assert sorted(event.task for event in events if isinstance(event, TaskFailed)) == [
            "task 'a'",
            "task 'b'",
            "task 'c'",
        ]
        assert caught.value.usage.failed_requests == 3

    async def test_waits_for_one_that_fails(self) -> None:
        """Whoever waits for one that failed is cancelled before it began."""
        made = tasks("ab")
        made[1].context = [made[0]]
        llm = Recorder(ModelUnavailable("gone"))
        with pytest.raises(ModelUnavailable):
            await crew(*made, llm=llm).kickoff_async()
        assert len(llm.requests) == 1

    async def test_exit(self) -> None:
        """What ends the program is not wrapped either."""
        with pytest.raises(SystemExit):
            await crew(*tasks("ab"), llm=Recorder(SystemExit(3))).kickoff_async()

    @pytest.mark.virtual_time
    async def test_cancelled(self) -> None:
        """Cancelling the run cancels all of them and is no failure."""

        async def answer(request: Request) -> str:
            await anyio.sleep_forever()
            raise AssertionError

        with anyio.move_on_after(0.01) as scope:
            await crew(*tasks("ab"), llm=OfflineLLM(answer=answer)).kickoff_async()
        assert scope.cancelled_caught

    async def test_tokens(self) -> None:
        """Each task is told with its own tokens, also where they are spent side by side."""
        events, met = list[Event](), anyio.Event()
        started = list[str]()

        async def answer(request: Request) -> str:
            started.append("x")
            if len(started) == 2:
                met.set()
            await met.wait()
            return "x"

        with listening(events):
            done = await crew(*tasks("ab"), llm=OfflineLLM(answer=answer)).kickoff_async()
        spent = [event.tokens for event in events if isinstance(event, TaskFinished)]
        assert len(spent) == 2
        assert all(spent)
        assert sum(spent) == done.token_usage.total_tokens


def test_one_that_cancels_itself() -> None:
    """A task that cancels itself has failed: there is no answer that could be counted as one."""

    def answer(request: Request) -> str:
        if request.messages[1].content == "a":
            raise asyncio.CancelledError
        return "x"

    async def main() -> None:
        await crew(*tasks("ab"), llm=OfflineLLM(answer=answer)).kickoff_async()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_agents_side_by_side() -> None:
    """The same agent may do several tasks at the same time."""
    clerk = Agent(role="Clerk")
    made = Crew(agents=[clerk], tasks=tasks("abc"), llm="offline")
    assert [output.agent for output in made.kickoff().tasks_output] == ["Clerk"] * 3
