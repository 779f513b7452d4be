"""Usage and cost of random pipelines: every total is the sum of its parts, and what the models themselves counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import ModelRejected, ModelTimeout, ModelUnavailable
from crewgraph.llm import Price, Reply, Request
from crewgraph.outputs import CrewOutput, UsageKey, UsageMetrics
from crewgraph.policy import Budget, Policy
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline, Procedure

KEYS: tuple[UsageKey, ...] = get_args(UsageKey)
PRICES = (
    None,
    Price(input=0, output=0),
    Price(input=0.25, output=2.0),
    Price(input=0.037, output=0.1, cached_input=0.0037),
    Price(input=1 / 3, output=100 / 7),
)


class Ledger:
    """A model that keeps its own books: what each attempt took, whatever became of it."""

    def __init__(self, name: str, price: Price | None, seed: int, trouble: float) -> None:
        self.model = name
        self.price = price
        self.trouble = trouble
        self.random = random.Random(seed)
        self.booked = UsageMetrics()

    def book(self, *, ok: bool, said: bool = True) -> UsageMetrics:
        """One attempt that reports its tokens, or says nothing."""
        prompt, completion = (self.random.randrange(1, 5_000), self.random.randrange(1, 900)) if said else (0, 0)
        cached = self.random.randrange(prompt + 1) if said and self.random.random() < 0.3 else 0
        told = UsageMetrics(
            total_tokens=prompt + completion,
            prompt_tokens=prompt,
            cached_prompt_tokens=cached,
            completion_tokens=completion,
        )
        booked = told.model_copy(update={"successful_requests": int(ok), "failed_requests": int(not ok)})
        price = self.price
        if price is None or not (said or price.input == 0):
            booked.unpriced_requests = 1
        else:
            cheap = price.input if price.cached_input is None else price.cached_input
            dollars = (prompt - cached) * price.input + cached * cheap + completion * price.output
            booked.picodollars = round(dollars * 1e6)
        self.booked.add_usage_metrics(booked)
        return told

    async def complete(self, request: Request) -> Reply:
        try:
            for _ in range(self.random.randrange(3)):
                await anyio.lowlevel.checkpoint()
        except BaseException:
            self.book(ok=False, said=False)
            raise
        if self.random.random() >= self.trouble:
            return Reply(text="done", usage=self.book(ok=True, said=self.random.random() < 0.8), finish_reason="stop")
        match self.random.randrange(3):
            case 0:
                raise ModelUnavailable("half an answer", model=self.model, usage=self.book(ok=False))
            case 1:
                self.book(ok=False, said=False)
                raise ModelTimeout("no answer", model=self.model)
            case _:
                self.booked.failed_requests += 1
                raise ModelRejected("refused", model=self.model, status=400)


@dataclass
class Foreign:
    """A crew that nobody here knows, which reports its tokens."""

    name: str
    booked: UsageMetrics = field(default_factory=UsageMetrics)

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> Any:
        usage = UsageMetrics(total_tokens=12, prompt_tokens=7, completion_tokens=5, successful_requests=1)
        self.booked.add_usage_metrics(usage)
        return CrewOutput(raw="foreign", token_usage=usage)


class World:
    """Random models, and pipelines made of them."""

    def __init__(self, seed: int, trouble: float) -> None:
        self.random = random.Random(seed)
        self.has_threads = not trouble  # a thread that is cut off ends its call when the results are made already
        self.models = [Ledger(f"m{n}", price, seed + n, trouble) for n, price in enumerate(PRICES)]
        self.foreign = list[Foreign]()
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def crew(self) -> Crew:
        fallbacks = self.random.sample(self.models, self.random.randrange(3))
        return Crew(
            name=self.name(),
            agents=[Agent(role=f"Clerk {self.random.randrange(3)}", llm=self.random.choice(self.models))],
            tasks=[Task(description=f"Do {n}") for n in range(self.random.randint(1, 2))],
            policy=Policy(retries=self.random.randrange(3), retry_wait=0, fallbacks=fallbacks or None),
        )

    def foreigner(self) -> Foreign:
        self.foreign.append(Foreign(self.name()))
        return self.foreign[-1]

    def by_hand(self) -> Any:
        crews, keep = [self.crew() for _ in range(self.random.randrange(3))], self.random.randrange(3)
        is_sync = self.has_threads and self.random.random() < 0.2

        def said(outputs: list[Any]) -> Any:
            return outputs[0] if outputs and keep == 0 else outputs[-1].raw if outputs and keep == 1 else {"k": 1}

        async def works() -> Any:
            return said([await crew.kickoff_async() for crew in crews])

        def works_in_a_thread() -> Any:
            return said([crew.kickoff() for crew in crews])

        return step(name=self.name())(works_in_a_thread if is_sync else works)

    def nested(self) -> Any:
        inner, keep = Pipeline([self.crew(), [self.crew(), self.crew()]]), self.random.random() < 0.5
        rows = [{"a": n} for n in range(self.random.randint(1, 2))]

        async def works() -> Any:
            result = await inner.kickoff_async(rows, on_error="collect")
            return result[0] if keep else None

        return step(name=self.name())(works)

    def leaf(self) -> Any:
        makers: list[Callable[[], Any]] = [self.crew, self.crew, self.crew, self.foreigner, self.by_hand, self.nested]
        return self.random.choice(makers)()

    def stage(self, depth: int) -> Any:
        kind = self.random.randrange(6) if depth else 0
        if kind in (0, 1, 2):
            return self.leaf()
        if kind == 3:
            return [self.pipeline(depth - 1) for _ in range(self.random.randint(1, 3))]
        if kind == 4:
            return Procedure([self.crew() for _ in range(self.random.randint(1, 3))])
        taken = self.random.random() < 0.5
        return Router({"one": Route(lambda _: taken, self.pipeline(depth - 1))}, default=self.pipeline(depth - 1))

    def pipeline(self, depth: int = 2) -> Pipeline:
        if depth == 2 and self.random.random() < 0.2:
            return Procedure([self.crew() for _ in range(self.random.randint(1, 3))])
        return Pipeline([self.stage(depth) for _ in range(self.random.randint(1, 3))])

    @property
    def booked(self) -> UsageMetrics:
        return UsageMetrics.sum([*(each.booked for each in self.models), *(each.booked for each in self.foreign)])


budgets = st.builds(Budget, calls=st.integers(0, 9)) | st.builds(Budget, tokens=st.integers(0, 40_000))


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32),
    trouble=st.sampled_from([0.0, 0.1, 0.4]),
    inputs=st.integers(1, 3),
    limit=st.integers(1, 5),
    backend=st.sampled_from(["asyncio", "trio"]),
    budgets=st.fixed_dictionaries({}, optional={"budget": budgets, "input_budget": budgets}),
)
def test_totals_are_the_sums_of_their_parts(
    *, seed: int, trouble: float, inputs: int, limit: int, backend: str, budgets: dict[str, Budget]
) -> None:
    """By node, crew, agent, model and input, of a run and of a kickoff; and nothing that a model counted is missing."""
    trouble = trouble or (0.001 if budgets else 0.0)
    world = World(seed, trouble)
    pipeline = world.pipeline()
    rows = [{"x": n} for n in range(inputs)]

    async def run() -> Any:
        return await pipeline.kickoff_async(rows, max_concurrency=limit, on_error="collect", **budgets)

    result = anyio.run(run, backend=backend)
    assert result.usage == world.booked
    by_input = {run.index: run for run in result}
    assert sorted([*by_input, *result.not_run]) == list(range(inputs))
    assert result.usage == UsageMetrics.sum(run.usage for run in by_input.values())
    for key in KEYS:
        assert UsageMetrics.sum(result.usage_by(key).values()) == result.usage, key
        for run in result:
            assert UsageMetrics.sum(run.usage_by(key).values()) == run.usage, key
            for output in run.crews_outputs:
                assert UsageMetrics.sum(output.usage_by(key).values()) == output.token_usage, key
    assert result.usage_by("input") == {str(index): run.usage for index, run in by_input.items()}
    for model in world.models:
        assert result.usage_by("model").get(model.model, UsageMetrics()) == model.booked
    unknown = result.usage.unpriced_requests
    assert (result.cost is None) == (unknown > 0)
