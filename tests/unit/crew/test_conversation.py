from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from crewgraph.crew.conversation import AgentStep, Conversation, ToolResult
from crewgraph.errors import BudgetExceeded, ModelAnswerInvalid, ModelUnavailable, OutputInvalid, ToolError
from crewgraph.llm import Message, Reply, ToolCall, ToolSpec
from crewgraph.llm.ask import Asker
from crewgraph.policy import Policy
from crewgraph.scope import Scope
from tests.unit.crew.doubles import Recorder, Verdict

pytestmark = pytest.mark.anyio

GOOD = '{"urgent": true, "score": 3}'


class Echo:
    """Tools that give back what they are called with; one called "answer" answers, one called "fail" fails."""

    def __init__(self, *names: str) -> None:
        self.names = names or ("echo", "answer", "fail")
        self.specs: tuple[ToolSpec, ...] = ()
        self.turns: list[tuple[ToolCall, ...]] = []
        self.readied = 0

    async def ready(self) -> None:
        self.readied += 1
        self.specs = tuple(ToolSpec(name, "") for name in self.names)

    async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
        self.turns.append(tuple(calls))
        return [
            ToolResult(
                call, call.arguments, is_error=call.name == "fail", is_answer=call.name == "answer",
                tool=call.name.title(),
            )
            for call in calls
        ]  # fmt: skip


def calls(*names: str, text: str = "", arguments: str = "{}", ids: Sequence[str] | None = None) -> Reply:
    made = [ToolCall(f"id{n}" if ids is None else ids[n], name, arguments) for n, name in enumerate(names)]
    return Reply(text=text, calls=tuple(made), finish_reason="tool_calls")


def talk(llm: Any, tools: Any = None, **options: Any) -> Conversation:
    asker = Asker(scope=Scope(), policy=Policy(retries=0), crew="c", task="task 't'", agent="a")
    return Conversation(llm=llm, asker=asker, messages=(Message("user", "Go"),), tools=tools, **options)


def roles(conversation: Conversation) -> list[str]:
    return [message.role for message in conversation.messages]


# ---- without tools -----------------------------------------------------------------------------------------------


async def test_answer() -> None:
    """Without tools one question has one answer, and the conversation ends with it."""
    conversation = talk(Recorder("done"))
    answer = await conversation.answer()
    assert (answer.text, answer.model, answer.forced, answer.tools_used) == ("done", "recorder", False, ())
    assert [message.content for message in answer.messages] == ["Go", "done"]


async def test_further_answer() -> None:
    """It goes on with more messages, and the tools are made ready once."""
    tools = Echo()
    conversation = talk(Recorder("one", "two"), tools)
    await conversation.answer()
    conversation.messages = (*conversation.messages, Message("user", "Again"))
    assert (await conversation.answer()).text == "two"
    assert (roles(conversation), tools.readied) == (["user", "assistant", "user", "assistant"], 1)


async def test_calls_without_tools() -> None:
    """A model that calls a tool although there is none is asked once more."""
    llm = Recorder(calls("made_up"), "well then")
    assert (await talk(llm).answer()).text == "well then"
    assert [request.tool_choice for request in llm.requests] == ["auto", "auto"]


# ---- with tools --------------------------------------------------------------------------------------------------


async def test_turns() -> None:
    """Tools are offered until the model answers; what they gave stands in the conversation under the calls' ids."""
    llm, tools = Recorder(calls("echo", "echo", text="Let me see", arguments='{"x": 1}'), "done"), Echo()
    conversation = talk(llm, tools)
    answer = await conversation.answer()
    assert (answer.text, answer.forced, answer.tools_used) == ("done", False, ("Echo", "Echo"))
    assert roles(conversation) == ["user", "assistant", "tool", "tool", "assistant"]
    said, *told = conversation.messages[1:4]
    assert (said.content, [call.id for call in said.calls]) == ("Let me see", ["id0", "id1"])
    assert [(each.call_id, each.content) for each in told] == [("id0", '{"x": 1}'), ("id1", '{"x": 1}')]
    assert [len(request.tools) for request in llm.requests] == [3, 3]
    assert [request.tool_choice for request in llm.requests] == ["auto", "auto"]


@pytest.mark.parametrize("ids", [["", ""], ["a", "a"]], ids=["none", "same"])
async def test_ids(ids: list[str]) -> None:
    """Calls without ids, or with one id for all, are given ids of their own, unlike in all turns."""
    tools = Echo()
    await talk(Recorder(calls("echo", "echo", ids=ids), calls("echo", "echo", ids=ids), "done"), tools).answer()
    assert [[call.id for call in turn] for turn in tools.turns] == [["call_1_1", "call_1_2"], ["call_2_1", "call_2_2"]]


async def test_failed_call() -> None:
    """A call that failed is one more message, and the model goes on."""
    conversation = talk(Recorder(calls("fail", arguments="no luck"), "without"), Echo())
    assert (await conversation.answer()).text == "without"
    assert conversation.messages[2].content == "no luck"


async def test_steps() -> None:
    """Every turn is told, with the results of its tools; the answer is a turn without any."""
    steps = list[AgentStep]()

    async def on_step(step: AgentStep) -> None:
        steps.append(step)

    await talk(Recorder(calls("echo", text="Hm"), "done"), Echo(), on_step=on_step).answer()
    assert [(step.agent, step.task, step.text, len(step.results)) for step in steps] == [
        ("a", "task 't'", "Hm", 1),
        ("a", "task 't'", "done", 0),
    ]


async def test_tools_that_cannot_be_offered() -> None:
    """Tools that cannot be made ready end the work before the model is asked."""

    class Broken(Echo):
        async def ready(self) -> None:
            raise ToolError("no server")

    llm = Recorder()
    with pytest.raises(ToolError, match="no server"):
        await talk(llm, Broken()).answer()
    assert llm.requests == []


async def test_model_that_fails() -> None:
    """A model that fails after its tools were called fails the work."""
    with pytest.raises(ModelUnavailable):
        await talk(Recorder(calls("echo"), ModelUnavailable("gone")), Echo()).answer()


async def test_budget() -> None:
    """What ends the work inside of a tool ends the conversation."""

    class Dear(Echo):
        async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
            raise BudgetExceeded("the kickoff", "1 calls", "enough", usage=asker.scope.account.usage)

    with pytest.raises(BudgetExceeded):
        await talk(Recorder(calls("echo")), Dear()).answer()


# ---- the last turn -----------------------------------------------------------------------------------------------


async def test_forced() -> None:
    """A model that never stops calling tools is made to answer: it is told so, calls are forbidden, and it is marked."""
    llm, tools = Recorder(*[calls("echo")] * 3, "all I have"), Echo()
    answer = await talk(llm, tools, max_iter=3).answer()
    assert (answer.text, answer.forced, len(tools.turns)) == ("all I have", True, 3)
    last = llm.requests[-1]
    assert (last.tool_choice, [tool.name for tool in last.tools]) == ("none", ["echo", "answer", "fail"])
    assert last.messages[-1].content.startswith("You have called tools as often as you may.")


async def test_stopped_in_time() -> None:
    """A model that answers by itself before its turns are used up is not forced."""
    answer = await talk(Recorder(calls("echo"), "done"), Echo(), max_iter=2).answer()
    assert not answer.forced


async def test_forced_and_calls_all_the_same() -> None:
    """One that calls a tool even then is told that nothing was called, and asked once more."""
    llm, tools = Recorder(calls("echo"), calls("echo"), "at last"), Echo()
    answer = await talk(llm, tools, max_iter=1).answer()
    assert (answer.text, answer.forced, len(tools.turns)) == ("at last", True, 1)
    assert llm.requests[-1].tool_choice == "none"
    assert llm.requests[-1].messages[-1].content.startswith("Nothing was called")


async def test_forced_with_text() -> None:
    """Where it writes text beside the call, the text is the answer."""
    tools = Echo()
    answer = await talk(Recorder(calls("echo"), calls("echo", text="this")), tools, max_iter=1).answer()
    assert (answer.text, answer.forced, len(tools.turns)) == ("this", True, 1)


async def test_loops_for_ever() -> None:
    """One that only ever calls tools ends in an error that says so, never in an empty answer."""
    llm, tools = Recorder(calls("echo")), Echo()
    with pytest.raises(ModelAnswerInvalid, match="recorder: calls 'echo' although it was told to answer without tools"):
        await talk(llm, tools, max_iter=2).answer()
    assert (len(tools.turns), len(llm.requests)) == (2, 4)


async def test_forced_once_more() -> None:
    """After its last turn a further answer is forced, too: the tools are used up for the whole conversation."""
    conversation = talk(Recorder(calls("echo"), "one", "two"), Echo(), max_iter=1)
    await conversation.answer()
    conversation.messages = (*conversation.messages, Message("user", "Again"))
    assert (await conversation.answer()).forced


async def test_no_tools_offered() -> None:
    """An empty set of tools forces nothing."""
    tools = Echo()
    tools.names = ()
    llm = Recorder("done")
    answer = await talk(llm, tools, shape=None, max_iter=1).answer()
    assert (answer.forced, llm.requests[0].tool_choice) == (False, "auto")


# ---- a shape -----------------------------------------------------------------------------------------------------


async def test_shape_and_tools() -> None:
    """While tools are offered the shape is left to the prompt; the answer has to have it all the same."""
    llm = Recorder(calls("echo"), GOOD)
    answer = await talk(llm, Echo(), shape=Verdict).answer()
    assert answer.value == Verdict(urgent=True, score=3)
    assert [request.schema for request in llm.requests] == [None, None]


async def test_misfit_after_tools() -> None:
    """An answer without the shape is asked for again, then with the shape and without tools."""
    llm, tools = Recorder(calls("echo"), "nope", calls("echo"), GOOD), Echo()
    answer = await talk(llm, tools, shape=Verdict).answer()
    assert (answer.value, answer.forced, len(tools.turns)) == (Verdict(urgent=True, score=3), False, 1)
    assert [(request.schema, request.tool_choice) for request in llm.requests[2:]] == [
        (Verdict, "none"),
        (Verdict, "none"),
    ]


async def test_forced_misfit() -> None:
    """A forced answer has to have the shape, too; it is told once that the tools are used up."""
    llm = Recorder(calls("echo"), "nope", GOOD)
    conversation = talk(llm, Echo(), shape=Verdict, max_iter=1)
    answer = await conversation.answer()
    assert (answer.forced, answer.value) == (True, Verdict(urgent=True, score=3))
    assert sum(message.content.startswith("You have called") for message in conversation.messages) == 1
    assert llm.requests[1].schema is Verdict


async def test_never_the_shape() -> None:
    """Where it never comes, the error says what was wrong and shows the last answer, shortened."""
    with pytest.raises(OutputInvalid, match=r"(?s)task 't': recorder gave no Verdict in 2 attempts:.*answer: x+…$"):
        await talk(Recorder("x" * 1_000), shape=Verdict, max_reasks=1).answer()


# ---- the result is the answer ------------------------------------------------------------------------------------


async def test_result_as_answer() -> None:
    """The result of a tool that answers is the answer; the model is not asked again."""
    llm = Recorder(calls("answer", arguments="42", text="ask the tool"))
    conversation = talk(llm, Echo(), max_iter=1)
    answer = await conversation.answer()
    assert (answer.text, answer.forced, len(llm.requests)) == ("42", False, 1)
    assert roles(conversation) == ["user", "assistant", "tool", "assistant"]


async def test_first_of_several_answers() -> None:
    """Of several the first counts, in the order of the calls."""

    class Two(Echo):
        async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
            return [ToolResult(call, f"{n}", is_answer=n > 0) for n, call in enumerate(calls)]

    assert (await talk(Recorder(calls("echo", "answer", "answer")), Two()).answer()).text == "1"


async def test_result_with_the_shape() -> None:
    """A result that answers is read into the shape."""
    answer = await talk(Recorder(calls("answer", arguments=GOOD)), Echo(), shape=Verdict).answer()
    assert answer.value == Verdict(urgent=True, score=3)


async def test_result_without_the_shape() -> None:
    """One that does not fit is the model's to put into shape."""
    llm = Recorder(calls("answer", arguments="three"), GOOD)
    answer = await talk(llm, Echo(), shape=Verdict).answer()
    assert answer.value == Verdict(urgent=True, score=3)
    assert llm.requests[1].messages[-1].content.startswith("That answer does not fit")


async def test_name_of_a_bare_result() -> None:
    """Tools that do not say their own name are noted under that of the call."""

    class Bare(Echo):
        async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
            return [ToolResult(call, "x") for call in calls]

    assert (await talk(Recorder(calls("echo"), "done"), Bare()).answer()).tools_used == ("echo",)


async def test_calls_that_ran_nothing() -> None:
    """A tool that was not called is not among those that were used."""

    class Idle(Echo):
        async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
            return [ToolResult(call, "x", is_error=n > 0, has_run=n < 2) for n, call in enumerate(calls)]

    answer = await talk(Recorder(calls("echo", "fail", "nope"), "done"), Idle()).answer()
    assert answer.tools_used == ("echo", "fail")
