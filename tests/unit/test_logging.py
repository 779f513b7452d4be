"""What is logged: enough to see what is going on, and nothing of what was said."""

from __future__ import annotations

import logging

import pytest

from crewgraph import Agent, Budget, Crew, Pipeline, Policy, Task
from crewgraph.errors import ModelRateLimited
from crewgraph.llm.port import Reply

pytestmark = pytest.mark.anyio

SECRET = "the code is 4711"


class Model:
    """Fails as often as it is told to, then answers."""

    def __init__(self, model, fails=0):
        self.model = model
        self.fails = fails

    async def complete(self, request):
        if self.fails > 0:
            self.fails -= 1
            raise ModelRateLimited(f"no: {SECRET}", model=self.model)
        return Reply(text=SECRET)


@pytest.fixture
def kickoff(caplog):
    """Run one crew with a model and return what was logged: level, logger and text."""
    caplog.set_level(logging.INFO, logger="crewgraph")

    async def run(llm, *, crew_policy=None, **options):
        crew = Crew(agents=[Agent(role="a")], tasks=[Task(description="{x}")], llm=llm, policy=crew_policy)
        await Pipeline(stages=[crew]).kickoff_async({"x": SECRET}, on_error="collect", **options)
        assert "4711" not in caplog.text
        return [(record.levelname, record.name, record.getMessage()) for record in caplog.records]

    return run


async def test_a_retry_is_worth_a_word(kickoff):
    """It is part of the day's work."""
    told = await kickoff(Model("m/x", fails=1))
    assert told == [("INFO", "crewgraph.llm", "m/x: attempt 1 failed (ModelRateLimited); again in 0.0 s")]


async def test_another_model_is_a_warning(kickoff):
    """It may be dearer or worse."""
    policy = Policy(retries=0, fallbacks=Model("m/y"))
    told = await kickoff(Model("m/x", fails=1), crew_policy=policy)
    assert told == [("WARNING", "crewgraph.llm", "m/x gave up (ModelRateLimited); asking m/y")]


async def test_a_budget_that_is_used_up_is_worth_a_word(kickoff):
    """Once, whatever it stops."""
    ((level, logger, text),) = await kickoff(Model("m/x"), budget=Budget(calls=0))
    assert (level, logger) == ("INFO", "crewgraph.budget")
    assert text.startswith("the budget of the kickoff (0 calls) is used up")


async def test_a_long_wait_for_limits_is_worth_a_word(kickoff, monkeypatch):
    """Else a kickoff would just be slow."""
    monkeypatch.setattr("crewgraph.llm.attempt.LONG", -1.0)
    told = await kickoff(Model("m/x"))
    assert told == [("INFO", "crewgraph.llm", "m/x: a call waited 0 s for its limits and budgets")]


async def test_nothing_is_logged_where_all_goes_well(kickoff):
    """Silence is the rule."""
    assert await kickoff(Model("m/x")) == []
