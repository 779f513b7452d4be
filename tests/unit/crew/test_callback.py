from __future__ import annotations

import functools
import threading
from typing import Any

import pytest
from pydantic import ValidationError

from crewgraph.crew import Agent, Crew, Task
from crewgraph.crew.callback import name_of
from crewgraph.crew.conversation import AgentStep
from crewgraph.errors import CallbackFailed, InputError, ModelUnavailable, TemplateError
from crewgraph.handoff import Handoff
from crewgraph.node import interface_of
from crewgraph.outputs import CrewOutput, TaskOutput
from crewgraph.syntax import Pipeline
from crewgraph.trace import Event, TaskFailed
from tests.unit.crew.doubles import COST, Recorder, Verdict, crew, listening

pytestmark = pytest.mark.anyio


def burst(*_: object) -> None:
    raise ValueError("no")


class Untold(Exception):
    """An error that cannot even be told."""

    def __str__(self) -> str:
        raise ValueError("no text")


def burst_untold(*_: object) -> None:
    raise Untold


def spoil(output: Any) -> None:
    output.raw = None


def spoil_keys(output: Any) -> None:
    output.json_dict = ["no", "dict"]


class Asked:
    """An object that is called."""

    async def __call__(self, output: TaskOutput) -> None:
        raise ValueError("no")


class TestNames:
    """What functions are called in messages."""

    @pytest.mark.parametrize(
        ("function", "name"),
        [
            (burst, "burst"),
            (functools.partial(functools.partial(burst, 1), 2), "burst"),
            (Asked.__call__, "Asked.__call__"),
            (Asked(), "Asked"),
            ((lambda: None), "<lambda>"),
            (functools.lru_cache(burst), "burst"),
        ],
        ids=["function", "partial", "method", "object", "lambda", "wrapper"],
    )
    def test_name(self, function: Any, name: str) -> None:
        """The name in the source, else that of the class."""
        assert name_of(function) == name


class TestTasks:
    """Callbacks of tasks and steps."""

    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    async def test_order(self, is_async: bool) -> None:
        """The task's own callback is called before the crew's, with the output; it may be sync or async."""
        heard = list[tuple[str, str]]()

        def listener(name: str) -> Any:
            def sync(output: TaskOutput) -> None:
                heard.append((name, output.raw))

            async def asynchronous(output: TaskOutput) -> None:
                heard.append((name, output.raw))

            return asynchronous if is_async else sync

        tasks = [Task(description="a", callback=listener("a")), Task(description="b")]
        await crew(*tasks, llm=Recorder("one", "two"), task_callback=listener("crew")).kickoff_async()
        assert heard == [("a", "one"), ("crew", "one"), ("crew", "two")]

    async def test_thread(self) -> None:
        """A synchronous callback runs in a thread of its own, where it may block."""
        threads = list[int]()
        task = Task(description="a", callback=lambda _: threads.append(threading.get_ident()))
        await crew(task).kickoff_async()
        assert threads != [threading.get_ident()]

    async def test_steps(self) -> None:
        """Every turn is told to the agent's callback, then to the crew's."""
        heard = list[tuple[str, AgentStep]]()
        agent = Agent(role="Clerk", step_callback=lambda step: heard.append(("agent", step)))
        made = Crew(
            agents=[agent], tasks=[Task(description="a", name="t")], llm=Recorder("x"),
            step_callback=lambda step: heard.append(("crew", step)),
        )  # fmt: skip
        await made.kickoff_async()
        assert heard == [(who, AgentStep("Clerk", "task 't'", "x")) for who in ("agent", "crew")]

    @pytest.mark.parametrize(
        ("options", "of_crew", "words"),
        [
            ({"callback": burst}, {}, "task 'a': its callback 'burst' raised ValueError: no"),
            ({"callback": Asked()}, {}, "task 'a': its callback 'Asked' raised ValueError: no"),
            ({}, {"task_callback": burst}, "task 'a': the task_callback 'burst' raised ValueError: no"),
            ({}, {"step_callback": burst}, "task 'a': the step_callback 'burst' raised ValueError: no"),
            ({"callback": burst_untold}, {}, "task 'a': its callback 'burst_untold' raised Untold"),
        ],
        ids=["task", "async", "crew", "step", "untold"],
    )
    async def test_raises(self, options: dict[str, Any], of_crew: dict[str, Any], words: str) -> None:
        """A callback that raises fails its task, by its own name."""
        events = list[Event]()
        with pytest.raises(CallbackFailed) as caught, listening(events):
            await crew(Task(description="a", **options), **of_crew).kickoff_async()
        assert str(caught.value) == words
        assert isinstance(caught.value.__cause__, ValueError | Untold)
        (failed,) = (event for event in events if isinstance(event, TaskFailed))
        assert failed.error == f"CallbackFailed: {words}"

    @pytest.mark.parametrize(
        ("callback", "flaw"),
        [(spoil, "raw is NoneType, not text"), (spoil_keys, "json_dict is list, not a dict")],
        ids=["text", "keys"],
    )
    async def test_spoils(self, callback: Any, flaw: str) -> None:
        """A callback that leaves an output which is none fails its task, by its own name."""
        with pytest.raises(CallbackFailed) as caught:
            await crew(Task(description="a", callback=callback)).kickoff_async()
        assert str(caught.value) == f"task 'a': its callback '{callback.__name__}' left an output whose {flaw}"

    async def test_own_errors(self) -> None:
        """What a callback's own crews and pipelines raise stays what it is, with a note."""

        def nested(output: TaskOutput) -> None:
            raise ModelUnavailable("gone")

        with pytest.raises(ModelUnavailable, match="gone") as caught:
            await crew(Task(description="a", callback=nested)).kickoff_async()
        assert caught.value.__notes__ == ["in task 'a': its callback 'nested'"]

    async def test_charged(self) -> None:
        """What a callback spends is the crew's, and its task's."""
        inner = crew(Task(description="b"), llm=Recorder("y"))

        async def nested(output: TaskOutput) -> None:
            await inner.kickoff_async()

        done = await crew(Task(description="a", callback=nested), llm=Recorder("x")).kickoff_async()
        assert done.token_usage.total_tokens == 2 * COST.total_tokens


class TestHooks:
    """Before and after a run."""

    async def test_before(self) -> None:
        """Hooks are given a copy of the inputs and return the inputs; one that returns nothing changes nothing."""
        seen = list[dict[str, Any]]()

        def first(inputs: dict[str, Any]) -> dict[str, Any]:
            seen.append(inputs)
            inputs["who"].append("Bob")
            return {**inputs, "how": "kindly"}

        async def second(inputs: dict[str, Any]) -> None:
            seen.append(dict(inputs))
            inputs.clear()

        llm, inputs = Recorder("x"), {"who": ["Ada"]}
        made = crew(Task(description="Greet {who} {how}"), llm=llm, before_kickoff=[first, second])
        await made.kickoff_async(inputs)
        assert llm.said()[1] == 'Greet ["Ada", "Bob"] kindly'
        assert inputs == {"who": ["Ada"]}
        assert seen[1] == {"who": ["Ada", "Bob"], "how": "kindly"}

    async def test_before_keeps_what_lies_beside(self) -> None:
        """What a crew is handed beside its inputs outlives a hook."""
        llm = Recorder("x")
        handed = Handoff({"a": 1}, upstream={"up": CrewOutput(raw="text")}, beside={"b": 2})
        made = crew(Task(description="{a} {b}"), llm=llm, before_kickoff=lambda inputs: {**inputs, "a": 3})
        await made.kickoff_async(handed)
        assert llm.said()[1].startswith("3 2\n")
        assert "From crew 'up'" in llm.said()[1]

    async def test_ancestors_names(self) -> None:
        """The ancestor's names do the same, after the others."""
        order = list[str]()

        def hook(name: str) -> Any:
            return lambda value: order.append(name)

        made = crew(
            Task(description="a"),
            before_kickoff=hook("before"), before_kickoff_callbacks=[hook("callbacks before")],
            after_kickoff=hook("after"), after_kickoff_callbacks=[hook("callbacks after")],
        )  # fmt: skip
        await made.kickoff_async()
        assert order == ["before", "callbacks before", "after", "callbacks after"]

    async def test_after(self) -> None:
        """A hook may return another output; what was spent stays what it is."""

        def louder(output: CrewOutput) -> CrewOutput:
            return CrewOutput(raw=output.raw.upper())

        def same(output: CrewOutput) -> CrewOutput:
            output.raw += "!"
            return output

        done = await crew(Task(description="a"), llm=Recorder("x"), after_kickoff=[louder, same]).kickoff_async()
        assert done.raw == "X!"
        assert done.token_usage.total_tokens == 10
        assert len(done.calls) == 1

    async def test_what_was_spent(self) -> None:
        """No hook can change what was spent: each is given a copy of it."""
        seen = list[int]()

        def erase(output: CrewOutput) -> None:
            seen.append(output.token_usage.total_tokens)
            output.token_usage.total_tokens = 0
            output.calls[0].usage.total_tokens = 0
            output.calls.clear()

        made = crew(Task(description="a"), name="made", llm=Recorder("x"), after_kickoff=[erase, erase])
        done = await made.kickoff_async()
        assert seen == [10, 10]
        assert (done.token_usage.total_tokens, done.calls[0].usage.total_tokens) == (10, 10)
        (run,) = await Pipeline([made]).kickoff_async([{}])
        assert (run.usage.total_tokens, run.spans[0].calls[0].usage.total_tokens) == (10, 10)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"before_kickoff": burst}, "crew 'Clerk': its before_kickoff 'burst' raised ValueError: no"),
            ({"after_kickoff": burst}, "crew 'Clerk': its after_kickoff 'burst' raised ValueError: no"),
            ({"before_kickoff": str}, "its before_kickoff 'str' returned str. hint: return the inputs, or None"),
            ({"after_kickoff": str}, "its after_kickoff 'str' returned str. hint: return a CrewOutput, or None"),
            ({"after_kickoff": spoil}, "its after_kickoff 'spoil' left an output whose raw is NoneType, not text"),
            (
                {"after_kickoff": lambda output: output.model_copy(update={"raw": 7})},
                "its after_kickoff '<lambda>' left an output whose raw is int, not text",
            ),
        ],
        ids=["before raises", "after raises", "before returns", "after returns", "after spoils", "after returns none"],
    )
    async def test_fails(self, options: dict[str, Any], words: str) -> None:
        """A hook that raises, or returns what it must not, fails the crew by its own name."""
        with pytest.raises(CallbackFailed) as caught:
            await crew(Task(description="a"), **options).kickoff_async()
        assert words in str(caught.value)

    async def test_spent_in_hooks(self) -> None:
        """What hooks spend on models counts as the crew's."""
        inner = crew(Task(description="b"), llm=Recorder("y"))

        async def before(inputs: dict[str, Any]) -> None:
            await inner.kickoff_async()

        async def after(output: CrewOutput) -> CrewOutput:
            await inner.kickoff_async()
            return CrewOutput(raw="z")

        made = crew(Task(description="a"), llm=Recorder("x"), before_kickoff=before, after_kickoff=after)
        assert (await made.kickoff_async()).token_usage.total_tokens == 30

    async def test_needs(self) -> None:
        """With a hook before it the crew's needs may come from there; what is missing then is found all the same."""
        made = crew(Task(description="Greet {who}"), before_kickoff=lambda inputs: inputs)
        assert [need.required for need in interface_of(made).needs] == [False]
        with pytest.raises(TemplateError, match="who"):
            await made.kickoff_async()
        ready = crew(Task(description="Greet {who}"), before_kickoff=lambda inputs: {"who": "Ada"})
        assert len(await ready.kickoff_for_each_async([{}, {}])) == 2
        with pytest.raises(InputError):
            await crew(Task(description="Greet {who}")).kickoff_for_each_async([{}])

    async def test_gives(self) -> None:
        """With a hook behind it nobody knows what a crew gives."""
        made = crew(Task(description="a", output_json=Verdict), after_kickoff=burst)
        interface = interface_of(made)
        assert (interface.gives, interface.may_give) == ({}, None)

    async def test_kinds(self) -> None:
        """A hook is something that can be called; none at all is fine."""
        assert crew(Task(description="a"), before_kickoff=None).before_kickoff == []
        with pytest.raises(ValidationError, match="callable"):
            crew(Task(description="a"), before_kickoff=["print"])
