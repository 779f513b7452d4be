"""Random pipelines, recorded and replayed: a model that cannot answer gives the same results, spans, usage and cost."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph import Agent, Crew, Pipeline, Policy, Price, Task, record, replay
from crewgraph.errors import ModelRejected, ModelUnavailable
from crewgraph.llm import Reply, Request
from crewgraph.testing import Double
from crewgraph.usage import UsageMetrics
from tests.unit.llm.cassettes import Dead, facts

PATIENT = Policy(retries=3, retry_wait=0)
OFTEN = 3
"""How often the same may be asked before the model gives in."""


class Moody(Double):
    """A model whose answers depend on the order of asking, and which fails; for good only where it may."""

    def __init__(self, seed: int, *, may_give_up: bool, **options: Any) -> None:
        super().__init__(**options)
        self.random = random.Random(seed)
        self.may_give_up = may_give_up
        self.failures = Counter[str]()

    async def reply(self, request: Request) -> Reply:
        for _ in range(self.random.randrange(3)):
            await anyio.lowlevel.checkpoint()
        said = request.messages[-1].content
        if self.random.random() < 0.3 and self.failures[said] < OFTEN:
            self.failures[said] += 1
            raise ModelUnavailable("down", status=503, retry_after=0.0)
        if self.may_give_up and self.random.random() < 0.1:
            raise ModelRejected("no", status=400)
        tokens = self.random.randrange(1, 1_000)
        usage = UsageMetrics(total_tokens=tokens, completion_tokens=tokens)
        return Reply(text=f"answer {self.random.random()}", usage=usage, finish_reason="stop")


tree = st.recursive(
    st.just("leaf"),
    lambda inner: st.tuples(st.sampled_from(["series", "parallel"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


def built(shape: Any, llm: Any) -> Pipeline:
    """A shape as a pipeline of crews, each with words of its own."""
    numbers = iter(range(100))

    def stage(shape: Any) -> Any:
        if shape == "leaf":
            name = f"n{next(numbers)}"
            return Crew(name=name, agents=[Agent(role="A")], tasks=[Task(description=f"{name} {{x}}")], llm=llm)
        kind, parts = shape
        stages = [stage(part) for part in parts]
        return Pipeline(stages) if kind == "series" else [Pipeline([each]) for each in stages]

    return Pipeline([stage(shape)])


def there_and_back(shape: Any, llm: Moody, inputs: int, backend: str) -> None:
    async def kickoff(asked: Any) -> Any:
        each = [{"x": number} for number in range(inputs)]
        return await built(shape, asked).kickoff_async(each, on_error="collect", policy=PATIENT)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape.jsonl"
        with record(path):
            live = anyio.run(kickoff, llm, backend=backend)
        with replay(path, use_all=True) as tape:
            played = anyio.run(kickoff, Dead(model=llm.model), backend=backend)
    assert facts(played) == facts(live)
    assert [str(run.error) for run in played] == [str(run.error) for run in live]
    assert tape.replayed == llm.asked


@settings(max_examples=25)
@given(tree, st.integers(0, 10_000), st.integers(1, 3), st.sampled_from(["asyncio", "trio"]), st.booleans())
def test_failures_that_pass(shape: Any, seed: int, inputs: int, backend: str, is_priced: bool) -> None:
    """Any shape of pipeline, with retries on its way, plays back as it was."""
    price = {"price": Price(input=1, output=1 / 3)} if is_priced else {}
    there_and_back(shape, Moody(seed, may_give_up=False, model="moody", **price), inputs, backend)


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(0, 10_000), st.integers(1, 4), st.sampled_from(["asyncio", "trio"]))
def test_failures_for_good(length: int, seed: int, inputs: int, backend: str) -> None:
    """A chain of crews that fails somewhere fails there again; side by side, what else was cancelled is chance."""
    there_and_back(("series", ["leaf"] * length), Moody(seed, may_give_up=True, model="moody"), inputs, backend)
