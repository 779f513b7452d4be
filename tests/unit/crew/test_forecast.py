"""What crews say of themselves beforehand, and that real runs stay within it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from crewgraph.crew import Agent, Crew, Process, Task
from crewgraph.crew.expectation import BEFORE, CONDITIONS, TEAM, TOOLS, UNKNOWN_VALUES
from crewgraph.llm import OfflineLLM, Price, Reply, Request
from crewgraph.llm.price import ANSWER_TOKENS
from crewgraph.outlook import ZERO, Outlook, Range, Sight
from crewgraph.outputs import UsageMetrics
from crewgraph.policy import Limit, Policy
from crewgraph.syntax import Pipeline
from tests.unit.crew.doubles import Verdict

PRICE = Price(input=1.0, output=4.0)
LONG = "word " * 400


class Priced:
    """A model with a price, which must not be asked."""

    def __init__(self, model: str = "priced", *, price: Price | None = PRICE, **said: Any) -> None:
        self.model = model
        self.price = price
        vars(self).update(said)

    async def complete(self, request: Request) -> Reply:
        raise AssertionError("a plan calls nothing")


def crew(*tasks: Task, llm: Any = None, **options: Any) -> Crew:
    options.setdefault("agents", [Agent(role="Clerk")])
    return Crew(tasks=list(tasks), llm=llm or Priced(), **options)


def outlook(*tasks: Task, sight: Sight | None = None, **options: Any) -> Outlook:
    return crew(*tasks, **options).forecast(sight or Sight())


def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second


class Deep(BaseModel):
    verdicts: list[Verdict]
    name: str


# ---- one task --------------------------------------------------------------------------------------------------------


def test_one_task_is_one_call() -> None:
    """Its prompt is the real one, its answer as long as is assumed."""
    seen = outlook(Task(description="Greet.")).load
    assert seen.calls == Range.exactly(1)
    assert 5 < seen.prompt.low < seen.prompt.expected < seen.prompt.high < 60
    assert seen.answer == Range(1, 400, ANSWER_TOKENS)


def test_values_are_filled_in() -> None:
    """A long value makes a long prompt; one that is not known is assumed, and one that a node writes is told."""
    task = Task(description="Read {text}")
    prompts = [
        outlook(task, sight=sight).load.prompt.expected
        for sight in (
            Sight(values={"text": "x"}),
            Sight(),
            Sight(values={"text": LONG}),
            Sight(sizes={"text": Range.exactly(2_000)}),
        )
    ]
    assert prompts == sorted(prompts)
    assert prompts[2] - prompts[0] == pytest.approx(500, rel=0.01)
    assert UNKNOWN_VALUES in outlook(task).assumptions
    assert UNKNOWN_VALUES not in outlook(task, sight=Sight(sizes={"text": ZERO})).assumptions


@pytest.mark.parametrize(
    ("shape", "answer"),
    [(Verdict, Range(2, 40, 4_096)), (Deep, Range(4, 80, 4_096)), (None, Range(1, 400, 4_096))],
    ids=["two fields", "a list of shapes", "words"],
)
def test_answers_by_shape(shape: type[BaseModel] | None, answer: Range) -> None:
    """So many tokens for each field, also of the shapes inside; the schema is part of the prompt."""
    load = outlook(Task(description="a", output_json=shape), max_reasks=0).load
    assert load.answer == answer
    if shape is not None:
        assert load.prompt.expected > 60


@pytest.mark.parametrize(("most", "answer"), [(100, Range(1, 100, 100)), (9_000, Range(1, 400, 9_000))])
def test_max_tokens_bounds_the_answer(most: int, answer: Range) -> None:
    """What the model sets is what high counts."""
    assert outlook(Task(description="a"), llm=Priced(max_tokens=most)).load.answer == answer


@pytest.mark.parametrize(
    ("task", "reasks", "high"),
    [
        ({"output_json": Verdict}, 2, 3),
        ({}, 2, 1),
        ({"guardrail": lambda output: (True, output), "guardrail_max_retries": 4}, 0, 5),
        ({"guardrail": "be nice", "guardrail_max_retries": 1}, 0, 4),
        ({"guardrail": "be nice", "guardrail_max_retries": 1, "output_json": Verdict}, 1, 8),
        ({"human_input": True, "max_human_rounds": 6}, 0, 6),
    ],
    ids=["shape", "words", "guardrail", "guardrail in words", "both", "people"],
)
def test_asking_again_is_high(task: dict[str, Any], reasks: int, high: int) -> None:
    """Only the high figure counts that a model is asked again; a guardrail in words is one more call in any case."""
    calls = outlook(Task(description="a", **task), max_reasks=reasks).load.calls
    judges = isinstance(task.get("guardrail"), str)
    assert calls == Range(1 + judges, 1 + judges, high)


def test_functions_before_the_kickoff_are_not_called() -> None:
    """The plan says that it takes the inputs as they are."""

    def forbidden(_inputs: Any) -> Any:
        raise AssertionError("a plan calls nothing")

    seen = outlook(Task(description="Read {text}"), sight=Sight(values={"text": "x"}), before_kickoff=[forbidden])
    assert BEFORE in seen.assumptions
    assert BEFORE not in outlook(Task(description="a")).assumptions


def test_tools_take_turns() -> None:
    """None at least, two expected, ``max_iter`` at most; each repeats the conversation so far."""
    seen = outlook(Task(description="a"), agents=[Agent(role="Clerk", tools=[add], max_iter=5)])
    assert seen.load.calls == Range(1, 3, 6)
    assert seen.load.prompt.expected > 3 * outlook(Task(description="a")).load.prompt.expected
    assert TOOLS in seen.assumptions
    assert outlook(Task(description="a"), agents=[Agent(role="C", tools=[add], max_iter=1)]).load.calls.expected == 2


def test_a_task_brings_its_own_tools() -> None:
    """They count instead of the agent's."""
    assert outlook(Task(description="a", tools=[add])).load.calls.expected == 3
    handy = Agent(role="Clerk", tools=[add])
    assert outlook(Task(description="a", tools=[]), agents=[handy]).load.calls.expected == 1


def test_a_condition_is_met_every_second_time() -> None:
    """The task is not done, or it is; what it hands on is half expected."""
    seen = outlook(Task(description="a"), Task(description="b", condition="x > 1"))
    assert seen.load.calls == Range(1, 1.5, 2)
    assert seen.text == Range(0, 200, ANSWER_TOKENS)
    assert CONDITIONS in seen.assumptions


# ---- several tasks ---------------------------------------------------------------------------------------------------


def prompt_of(*tasks: Task, sight: Sight | None = None) -> float:
    return outlook(*tasks, sight=sight).asks[-1].load.prompt.expected


def test_context() -> None:
    """Earlier answers are read: all, those that are named, or none."""
    one, two = Task(description="one"), Task(description="two")
    alone = prompt_of(Task(description="end"))
    assert prompt_of(one, two, Task(description="end", context=[])) == alone
    assert prompt_of(one, two, Task(description="end", context=[one])) == alone + 412
    assert prompt_of(one, two, Task(description="end")) == alone + 2 * 412


def test_upstream_texts() -> None:
    """What the nodes before the crew wrote is read by tasks that name no context."""
    sight = Sight(texts=(("a", Range.exactly(100)),))
    alone = prompt_of(Task(description="end"))
    assert prompt_of(Task(description="end"), sight=sight) == alone + 112
    assert prompt_of(Task(description="end", context=[]), sight=sight) == alone


def test_time() -> None:
    """Tasks one after the other, those with ``async_execution`` side by side."""
    one = outlook(Task(description="a")).seconds
    tasks = [Task(description="a", async_execution=True) for _ in range(3)]
    assert one.expected == pytest.approx(1 + 400 / 60)
    assert outlook(*tasks).seconds.expected == one.expected
    assert outlook(*(Task(description="a") for _ in range(3))).seconds.expected == pytest.approx(3 * one.expected)
    assert outlook(*tasks).load.busy == outlook(*tasks).seconds


def test_the_text_is_that_of_the_last_task() -> None:
    """It is what the crew hands over."""
    assert outlook(Task(description="a"), Task(description="b", output_json=Verdict)).text == Range(2, 40, 4_096)


# ---- teams -----------------------------------------------------------------------------------------------------------


def team(*agents: Agent, **options: Any) -> Outlook:
    return outlook(
        Task(description="a"), agents=list(agents), process=Process.hierarchical,
        manager_llm=Priced("boss"), **options,
    )  # fmt: skip


def test_a_manager_hands_work_on() -> None:
    """One coworker is expected to work once, each as likely as the others, with its own model."""
    seen = team(Agent(role="A", llm=Priced("a")), Agent(role="B", llm=Priced("b")))
    calls = {ask.model: ask.load.calls for ask in seen.asks}
    assert calls == {"boss": Range(1, 2, 21), "a": Range(0, 0.5, 10), "b": Range(0, 0.5, 10)}
    assert TEAM in seen.assumptions


def test_work_that_is_handed_on_twice() -> None:
    """Whoever may delegate in turn is not expected to, and a third time it is not possible."""
    agents = [Agent(role=name, llm=Priced(name), allow_delegation=True, max_iter=2) for name in "ab"]
    high = {}
    for ask in team(*agents, max_reasks=0).asks:
        high[ask.model] = high.get(ask.model, 0) + ask.load.calls.high
    assert set(high) == {"boss", "a", "b"}
    assert all(ask.load.calls.expected in (0, 0.5, 1.0, 2.0) for ask in team(*agents).asks)


def test_an_agent_with_tools_among_coworkers() -> None:
    """Its turns are expected where it works."""
    seen = team(Agent(role="A", llm=Priced("a"), tools=[add]))
    assert {ask.model: ask.load.calls.expected for ask in seen.asks} == {"boss": 2, "a": 3}


# ---- money, time, limits ---------------------------------------------------------------------------------------------


def test_cost() -> None:
    """Tokens at the price of the model."""
    load = outlook(Task(description="a")).load
    assert load.usd.high == pytest.approx((load.prompt.high * 1.0 + load.answer.high * 4.0) / 1e6)
    assert load.unpriced == ZERO


def test_unknown_price() -> None:
    """Without a price the calls are counted as unpriced; a free model has one."""
    seen = outlook(Task(description="a"), llm=Priced(price=None))
    assert (seen.load.usd, seen.load.unpriced, seen.unpriced) == (ZERO, Range.exactly(1), ("priced",))
    free = outlook(Task(description="a"), llm="offline")
    assert (free.load.usd, free.load.unpriced, free.unpriced) == (ZERO, ZERO, ())


def test_fallbacks_without_price() -> None:
    """They might be asked, so a budget in USD must know of them; they are not expected to be."""
    policy = Policy(fallbacks=(Priced("other", price=None), "offline"))
    seen = outlook(Task(description="a"), agents=[Agent(role="Clerk", policy=policy)])
    assert (seen.unpriced, [ask.model for ask in seen.asks]) == (("other",), ["priced"])


def test_the_offline_model_takes_its_latency() -> None:
    """It is on this machine."""
    assert outlook(Task(description="a"), llm=OfflineLLM(latency=0.5)).seconds == Range.exactly(0.5)


@pytest.mark.parametrize(
    ("near", "limit"),
    [
        ({"agents": [Agent(role="Clerk", policy=Policy(limit=Limit(concurrency=1)))]}, Limit(concurrency=1)),
        ({"policy": Policy(limit=Limit(concurrency=2))}, Limit(concurrency=2)),
        ({"max_rpm": 9}, Limit(requests_per_minute=9)),
        ({"llm": Priced(policy=Policy(limit=Limit(concurrency=3)))}, Limit(concurrency=3)),
        ({}, Limit(concurrency=4)),
    ],
    ids=["agent", "crew", "max_rpm", "model", "around"],
)
def test_limits(near: dict[str, Any], limit: Limit) -> None:
    """The nearest limit is the one that will hold."""
    around = Sight(policy=Policy(limit=Limit(concurrency=4)))
    assert outlook(Task(description="a"), sight=around, **near).asks[0].limit == limit


def test_models_elsewhere_are_limited_on_their_own() -> None:
    """As their gates are: by name and endpoint."""
    places = [outlook(Task(description="a"), llm=Priced(endpoint=at)).asks[0].place for at in (None, "http://x")]
    assert places == ["priced ", "priced http://x"]


# ---- crews of which nothing is known ---------------------------------------------------------------------------------


class Other(Crew):
    async def kickoff_async(self, inputs: Any = None) -> Any:
        raise AssertionError("a plan calls nothing")


def test_a_subclass_with_its_own_way_to_run() -> None:
    """Nobody knows what it does."""
    assert Other(agents=[Agent(role="Clerk")], tasks=[Task(description="a")]).forecast(Sight()) == Outlook(
        is_known=False
    )


def test_a_crew_without_tasks() -> None:
    """It takes nothing; the checker refuses it elsewhere."""
    assert outlook().load == Outlook().load


# ---- against real runs -----------------------------------------------------------------------------------------------


class Counting:
    """A model that counts a token for four bytes, and answers in words or in the wanted shape."""

    model = "counting"
    price = PRICE

    def __init__(self, words: int) -> None:
        self.text = "word " * words

    async def complete(self, request: Request) -> Reply:
        text = '{"urgent": true, "score": 3}' if request.schema is not None else self.text
        prompt = sum(4 + len(message.content.encode()) // 4 for message in request.messages)
        answer = 1 + len(text) // 4
        usage = UsageMetrics(total_tokens=prompt + answer, prompt_tokens=prompt, completion_tokens=answer)
        return Reply(text=text, usage=usage, finish_reason="stop")


texts = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=300)


@settings(max_examples=60)
@given(
    value=texts,
    tasks=st.lists(st.tuples(texts, st.booleans(), st.booleans()), min_size=1, max_size=3),
    words=st.integers(1, 2_000),
    crews=st.integers(1, 3),
)
def test_real_runs_stay_within_the_plan(value: str, tasks: Any, words: int, crews: int) -> None:
    """Calls, tokens and cost of a kickoff lie between low and high."""
    llm = Counting(words)
    made = [
        Crew(
            name=f"c{number}",
            agents=[Agent(role="Clerk", goal="work")],
            tasks=[
                Task(
                    description=f"{text} {{value}}",
                    output_json=Verdict if shaped else None,
                    context=None if all_of_it else [],
                )
                for text, shaped, all_of_it in tasks
            ],
            llm=llm,
        )
        for number in range(crews)
    ]
    pipeline = Pipeline(made)
    forecast, usage = pipeline.plan({"value": value}), pipeline.kickoff({"value": value}).usage
    for figure, real in (
        (forecast.calls, usage.successful_requests),
        (forecast.total.prompt_tokens, usage.prompt_tokens),
        (forecast.total.completion_tokens, usage.completion_tokens),
        (forecast.known_usd, usage.known_cost),
    ):
        assert figure.low <= real * (1 + 1e-9), (figure, real)
        assert real <= figure.high * (1 + 1e-9), (figure, real)


def test_a_plan_calls_nothing_and_needs_no_litellm() -> None:
    """Prices of litellm's models come from its table; nothing of litellm is imported."""
    import subprocess
    import sys

    code = """
import sys
from crewgraph import Agent, Crew, Task
crew = Crew(agents=[Agent(role="Clerk")], tasks=[Task(description="Greet {who}")], llm="openai/gpt-4o-mini")
forecast = (crew >> crew).plan({"who": "Ada"})
assert forecast.usd is not None and forecast.usd.expected > 0, str(forecast)
assert "litellm" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
