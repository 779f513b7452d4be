from __future__ import annotations

from typing import Any

import pytest

from crewgraph.crew import Task
from crewgraph.errors import BudgetExceeded, CallbackFailed, GuardrailFailed
from crewgraph.llm import OfflineLLM, Request
from crewgraph.node import interface_of
from crewgraph.outputs import OutputFormat, TaskOutput
from crewgraph.policy import Budget
from tests.unit.crew.doubles import Recorder, Verdict, crew

pytestmark = pytest.mark.anyio

GOOD = '{"urgent": true, "score": 3}'
YES, NO = '{"valid": true}', '{"valid": false, "feedback": "too long"}'


def guarded(guardrail: Any, **options: Any) -> Task:
    return Task(description="Write on {topic}", name="write", guardrail=guardrail, **options)


def only(text: str, words: Any) -> Any:
    """Accepts one text and refuses any other."""
    return lambda output: (True, None) if output.raw == text else (False, words)


async def run(task: Task, llm: Any, **options: Any) -> TaskOutput:
    done = await crew(task, llm=llm, **options).kickoff_async({"topic": "tea"})
    return done.tasks_output[0]


class Unshown:
    """Nothing that can be put in words."""

    def __repr__(self) -> str:
        raise ValueError("no text")


class TestCallable:
    """Guardrails that are functions."""

    @pytest.mark.parametrize("value", [None, "same"], ids=["nothing", "the same text"])
    async def test_accepts(self, value: Any) -> None:
        """An accepted answer stays what it is."""
        llm = Recorder("same")
        assert (await run(guarded(lambda output: (True, value)), llm)).raw == "same"
        assert len(llm.requests) == 1

    async def test_is_given_the_output(self) -> None:
        """It is given the whole output, and may be async."""
        seen = list[TaskOutput]()

        async def look(output: TaskOutput) -> tuple[bool, Any]:
            seen.append(output)
            return True, output

        output = await run(guarded(look, output_pydantic=Verdict), Recorder(GOOD))
        assert seen == [output]
        assert output.pydantic == Verdict(urgent=True, score=3)

    async def test_refuses(self) -> None:
        """A refusal goes back to the model with its words, in the same conversation."""
        llm = Recorder("long", "short")
        output = await run(guarded(only("short", "say it shortly")), llm)
        assert output.raw == "short"
        assert [message.role for message in llm.requests[1].messages] == ["system", "user", "assistant", "user"]
        assert llm.said(1)[2] == "long"
        assert llm.said(1)[3].startswith("That answer is not accepted. A check of it says:\nsay it shortly\n")

    @pytest.mark.parametrize(
        "value", [None, "", ValueError("bad"), {"why": "bad"}], ids=["none", "empty", "error", "dict"]
    )
    async def test_reasons(self, value: Any) -> None:
        """Whatever the reason is, the model is told it as text."""
        llm = Recorder("a", "b")
        await run(guarded(only("b", value)), llm)
        assert ("bad" if value else "no reason was given") in llm.said(1)[3]

    @pytest.mark.parametrize(("retries", "answers"), [(0, "1 answer"), (2, "3 answers")])
    async def test_bounded(self, retries: int, answers: str) -> None:
        """Asking again is bounded; the error says what was wrong, and holds the last answer."""
        llm = Recorder("long " * 100)
        with pytest.raises(GuardrailFailed) as caught:
            await run(guarded(lambda output: (False, "say it shortly"), guardrail_max_retries=retries), llm)
        assert len(llm.requests) == 1 + retries
        assert f"task 'write': a guardrail refused {answers}:\nsay it shortly" in str(caught.value)
        assert str(caught.value).endswith("…")
        assert caught.value.answer == "long " * 100
        assert caught.value.usage.total_tokens == 10 * (1 + retries)

    async def test_several(self) -> None:
        """Several are asked in order, each about what the one before it made of the answer; the first refusal counts."""
        order = list[str]()

        def note(name: str, verdict: Any) -> Any:
            def guardrail(output: TaskOutput) -> Any:
                order.append(f"{name} {output.raw}")
                return verdict(output)

            return guardrail

        checks = [note("one", lambda output: (True, output.raw + "!")), note("two", only("y!", 0))]
        assert (await run(guarded(checks), Recorder("x", "y"))).raw == "y!"
        assert order == ["one x", "two x!", "one y", "two y!"]

    @pytest.mark.parametrize(
        ("shape", "value", "expected"),
        [
            ({}, "new", ("new", None, None)),
            ({}, TaskOutput(raw="new"), ("new", None, None)),
            ({"output_json": Verdict}, GOOD + " ", (GOOD + " ", None, {"urgent": True, "score": 3})),
            (
                {"output_json": Verdict},
                {"urgent": True},
                ('{"urgent":true,"score":0}', None, {"urgent": True, "score": 0}),
            ),
            (
                {"output_pydantic": Verdict},
                Verdict(urgent=True),
                ('{"urgent":true,"score":0}', Verdict(urgent=True), None),
            ),
            (
                {"output_pydantic": Verdict},
                TaskOutput(raw="x", pydantic=Verdict(urgent=True)),
                ("x", Verdict(urgent=True), None),
            ),
            (
                {"output_json": Verdict},
                TaskOutput(raw="x", json_dict={"urgent": True}),
                ("x", None, {"urgent": True, "score": 0}),
            ),
        ],
        ids=["text", "output", "JSON text", "dict", "model", "output with model", "output with dict"],
    )
    async def test_replaces(self, shape: Any, value: Any, expected: Any) -> None:
        """It may put another answer in its place, which has the declared shape."""
        output = await run(guarded(lambda output: (True, value), **shape), Recorder('{"urgent": false}'))
        assert (output.raw, output.pydantic, output.json_dict) == expected
        formats = {"output_json": OutputFormat.JSON, "output_pydantic": OutputFormat.PYDANTIC}
        assert output.output_format is formats.get(next(iter(shape), ""), OutputFormat.RAW)

    @pytest.mark.parametrize(
        ("shape", "value"),
        [
            ({}, 7),
            ({}, {"urgent": True}),
            ({"output_json": Verdict}, "no JSON"),
            ({"output_json": Verdict}, {"urgent": "perhaps"}),
            ({"output_json": Verdict}, 7),
            ({"output_json": Verdict}, TaskOutput(raw="x")),
            ({"output_pydantic": Verdict}, TaskOutput(raw="x", json_dict={"urgent": True})),
            ({}, TaskOutput().model_copy(update={"raw": None})),
            ({}, Unshown()),
        ],
        ids=[
            "number",
            "dict",
            "text",
            "misfit",
            "number for a shape",
            "output",
            "another format",
            "no text",
            "unshown",
        ],
    )
    async def test_replaces_wrongly(self, shape: Any, value: Any) -> None:
        """What is no answer of this task cannot stand in its place."""
        with pytest.raises(
            CallbackFailed, match=r"task 'write': its guardrail '<lambda>' accepted the answer with \w+\b"
        ):
            await run(guarded(lambda output: (True, value), **shape), Recorder(GOOD))

    @pytest.mark.parametrize(
        "verdict", [True, None, "fine", (True,), (1, "x"), ["no", "list"], (True, "x", 1)], ids=repr
    )
    async def test_wrong_verdict(self, verdict: Any) -> None:
        """A verdict has two parts; anything else is an error that shows it and says what to return."""
        with pytest.raises(CallbackFailed) as caught:
            await run(guarded(lambda output: verdict), Recorder("x"))
        assert (
            f"its guardrail '<lambda>' returned {type(verdict).__name__} {verdict!r}. hint: return (True, answer)"
            in str(caught.value)
        )

    @pytest.mark.parametrize("is_valid", [True, False])
    async def test_spoils(self, is_valid: bool) -> None:
        """One that leaves an output without a text fails the task by its own name, whatever it says of the answer."""

        def spoil(output: Any) -> Any:
            output.raw = None
            return is_valid, None

        with pytest.raises(CallbackFailed) as caught:
            await run(guarded(spoil), Recorder("x"))
        assert str(caught.value).endswith("spoil' left an output whose raw is NoneType, not text")

    async def test_reason_without_words(self) -> None:
        """A reason that cannot be put in words is the guardrail's failure."""
        with pytest.raises(CallbackFailed, match=r"guardrail '<lambda>' refused the answer for a reason of .*Unshown"):
            await run(guarded(lambda output: (False, Unshown())), Recorder("x"))

    async def test_raises(self) -> None:
        """A guardrail that raises fails the task; the answer does not pass."""

        def burst(output: TaskOutput) -> Any:
            raise KeyError("x")

        with pytest.raises(CallbackFailed, match="task 'write': its guardrail 'burst' raised KeyError: 'x'"):
            await run(guarded(burst), Recorder("x"))

    async def test_shape_comes_first(self) -> None:
        """It sees only answers that have the declared shape."""
        seen = list[Any]()

        def look(output: TaskOutput) -> Any:
            seen.append(output.json_dict)
            return True, None

        await run(guarded(look, output_json=Verdict), Recorder("no JSON", GOOD))
        assert seen == [{"urgent": True, "score": 3}]

    async def test_may_give(self) -> None:
        """What a function puts in the place of a text may hold any key."""
        assert interface_of(crew(guarded(lambda output: (True, None)))).may_give is None
        assert interface_of(crew(guarded("be brief"))).may_give == {"Write", "on", "Clerk", "be", "brief"}


class TestWords:
    """Guardrails in words."""

    async def test_judged(self) -> None:
        """The agent's model judges, in a conversation of its own, by the demand with its values filled in."""
        llm = Recorder("long answer", NO, "tea", YES)
        output = await run(guarded("Name {topic} only"), llm)
        assert output.raw == "tea"
        system, user = llm.said(1)
        assert "JSON Schema" in system
        assert user.startswith("The demand: Name tea only\n\nThe task that is answered: Write on tea\n\n")
        assert user.endswith("From the answer that you check:\n```\nlong answer\n```")
        assert llm.requests[1].schema is not None
        assert "It does not meet this demand: Name tea only\ntoo long" in llm.said(2)[3]
        assert llm.said(3)[1].endswith("```\ntea\n```")

    async def test_recorded(self) -> None:
        """What judging takes is counted, under the same agent."""
        done = await crew(guarded("be brief"), llm=Recorder("x", YES)).kickoff_async({"topic": "tea"})
        assert done.token_usage.total_tokens == 20
        assert [call.agent for call in done.calls] == ["Clerk", "Clerk"]

    async def test_misshapen_judgement(self) -> None:
        """A judgement that has no shape is asked for again, as any other answer."""
        llm = Recorder("x", "fine", YES)
        assert (await run(guarded("be brief"), llm)).raw == "x"
        assert len(llm.requests) == 3

    async def test_no_feedback(self) -> None:
        """A judge that gives no reason refuses all the same."""
        llm = Recorder("x", '{"valid": false}')
        with pytest.raises(GuardrailFailed, match="be brief\nit was refused, and no reason was given"):
            await run(guarded("be brief", guardrail_max_retries=0), llm)

    async def test_budget(self) -> None:
        """Judging passes the budgets, too: where nothing is left for it, the answer does not pass."""
        with pytest.raises(BudgetExceeded):
            await run(guarded("be brief"), Recorder("x", YES), budget=Budget(calls=1))

    async def test_is_a_need(self) -> None:
        """Placeholders of a demand are needs of the crew."""
        made = crew(Task(description="a", name="a", guardrail="Name {topic} only"))
        assert [(need.key, need.where) for need in interface_of(made).needs] == [("topic", "task 'a'")]


async def test_with_tools_the_conversation_goes_on() -> None:
    """After a refusal the agent may use its tools again, within the turns of the whole task."""

    def search(query: str) -> str:
        """Look it up."""
        return query

    def answer(request: Request) -> str:
        return "second" if len(request.messages) > 2 else "first"

    requests = list[Request]()

    def noted(request: Request) -> str:
        requests.append(request)
        return answer(request)

    task = guarded(only("second", "again"), tools=[search])
    assert (await run(task, OfflineLLM(answer=noted))).raw == "second"
    assert [len(request.tools) for request in requests] == [1, 1]
