# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A batch, and looking at it
#
# Sixty mails: what will they take, how are they getting on, what came of them, and where did the time go? This notebook plans
# a batch, runs it under a budget, and takes it apart with pandas and polars (`pip install 'crewgraph[pandas,polars]'`).

# %%
import random
from typing import Literal

from pydantic import BaseModel, Field

from crewgraph import (
    Agent,
    Budget,
    Crew,
    OfflineLLM,
    Pipeline,
    Price,
    Route,
    Router,
    Task,
    step,
)


class Mail(BaseModel):
    number: int
    sender: str
    mail: str


class Verdict(BaseModel):
    topic: Literal["billing", "technical", "praise"]
    urgency: int = Field(ge=0, le=10)


class Claim(BaseModel):
    is_due: bool
    amount: float = Field(ge=0, le=100)


# %% [markdown]
# ## Models with a price and a pace
#
# The stand-ins of this notebook behave a little more like real models: they take a moment to answer, and they have a price (in
# USD for a million tokens). A small one judges the mails, a large one answers them.


# %%
def model(name: str, price: Price, seconds: float, **script: Verdict) -> OfflineLLM:
    llm = OfflineLLM(script, latency=seconds, model=name)
    llm.price = price
    return llm


small = model(
    "small",
    Price(input=0.10, output=0.40),
    0.1,
    smoke=Verdict(topic="technical", urgency=9),
    flicker=Verdict(topic="technical", urgency=4),
    invoice=Verdict(topic="billing", urgency=5),
    lovely=Verdict(topic="praise", urgency=0),
)
large = model("large", Price(input=2.50, output=10.00), 0.4)


def desk(name: str, role: str, job: str, **options: object) -> Crew:
    llm = options.pop("llm", large)
    return Crew(
        name=name, agents=[Agent(role=role)], tasks=[Task(description=job, **options)], llm=llm
    )


@step
async def tidy(mail: str) -> dict[str, str]:
    """Some mails are empty, and nobody should pay for those."""
    if not mail.strip():
        raise ValueError("the mail is empty")
    return {"mail": " ".join(mail.split())}


classify = desk(
    "classify", "Clerk", "What is it about? {mail}", output_pydantic=Verdict, llm=small
)
urgent = desk("urgent", "Support lead", "Apologise, and send a new lamp: {mail}")
refund = desk("refund", "Accountant", "Is a refund due? {mail}", output_pydantic=Claim)
answer = desk("answer", "Engineer", "Answer kindly: {mail}")
router = Router(
    {"urgent": Route("urgency > 7", urgent), "money": Route("topic == 'billing'", refund)},
    answer,
    name="desk",
)
inbox = Pipeline([tidy, classify, router], name="Inbox", inputs=Mail)
inbox

# %%
dice = random.Random(7)
texts = [
    "There is smoke coming out!",
    "They flicker.",
    "The invoice is wrong.",
    "A lovely lamp.",
    "  ",
]
mails = [
    {"number": number, "sender": dice.choice(["Ada", "Bo", "Cleo", "Dan"]), "mail": text}
    for number, text in enumerate(dice.choices(texts, weights=[2, 5, 6, 6, 1], k=60), 1)
]
mails[:3]

# %% [markdown]
# ## What will it take?
#
# Nothing is called for this. Each figure is what is to be expected, and below it from low to high.

# %%
forecast = inbox.plan(mails, max_concurrency=20)
forecast

# %% [markdown]
# ## Run it
#
# The budget holds for all mails together: money is set aside before each call, and settled after it. While the batch runs, the
# cell shows how far it is, four times a second; when it is over one line stays. `progress=False` turns that off.

# %%
result = await inbox.kickoff(
    mails, max_concurrency=20, on_error="collect", budget=Budget(usd=1.00)
)
print(f"{len(result)} mails, {result.usage.total_tokens:,} tokens, {result.usage.dollars()}")

# %% [markdown]
# The plan said what was to be expected; this is what it was. Runs that failed come first:

# %%
result

# %% [markdown]
# And all of it in one picture: lines as wide as the traffic, with the times of each node and what it spent.

# %%
inbox.to_svg(run=result)

# %% [markdown]
# ## As a data frame
#
# `to_pandas()` has a row for each result. The first columns are always there and always of the same type; behind them come the
# structured answer as `answer.…` and the inputs as `input.…`. What a run does not have is missing: only the accountant gives
# an amount.

# %%
runs = result.to_pandas()
runs[["index", "route", "seconds", "cost", "answer.amount", "input.sender", "error"]].head(8)

# %%
runs.dtypes

# %%
runs.groupby("route", dropna=False)[["total_tokens", "cost", "seconds"]].agg(
    ["count", "sum", "mean"]
).round(4)

# %% [markdown]
# Inputs and outcome stand side by side, so questions about both are short:

# %%
runs.pivot_table(
    index="input.sender", columns="route", values="index", aggfunc="count", fill_value=0
)

# %% [markdown]
# ## Where did the time go?
#
# The table of `nodes` has a row for each node of each run, so the slowest are easy to find.

# %%
nodes = result.to_pandas("nodes")
ran = nodes[nodes["status"] == "ok"]
ran.groupby("node")["seconds"].describe(percentiles=[0.5, 0.95])[
    ["count", "50%", "95%", "max"]
].round(3)

# %% [markdown]
# ## Who spent it?
#
# And `usage` has a row for each agent and model, with the tokens and the money. Here it is polars; the tables are the same.

# %%
import polars as pl

usage = result.to_polars("usage")
usage.group_by("agent", "model").agg(pl.sum("requests", "total_tokens", "cost")).sort(
    "cost", descending=True
)

# %% [markdown]
# All of them together are what the kickoff took:

# %%
assert usage["total_tokens"].sum() == result.usage.total_tokens
assert round(usage["cost"].sum(), 9) == round(result.cost, 9)

# %% [markdown]
# ## Once more, for those that failed
#
# A frame keeps the inputs, and a result knows its input, so a second round is a line of Python. Here a person has looked into
# the empty mails:

# %%
again = [mails[run.index] | {"mail": "They flicker."} for run in result.failed]
second = await inbox.kickoff(again)
second

# %% [markdown]
# Results that come one by one, from a `stream`, make frames as well:

# %%
from crewgraph.frames import to_pandas

to_pandas([run async for run in inbox.stream(mails[:3])])[
    ["index", "status", "route", "input.mail"]
]
