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
# # Checking
#
# A run that fails at its ninth node has paid for eight. crewgraph therefore follows every value through the graph, along
# every route, *before* anything runs, as a compiler does with variables: it knows which keys are always there, which only
# sometimes, who gives them, and of which type.
#
# We take a pipeline with several mistakes and mend them one by one.

# %%
from typing import Literal

from pydantic import BaseModel, Field

from crewgraph import Agent, Crew, Ignore, Pipeline, PipelineInvalid, Route, Router, Task


def crew(name: str, job: str, **shape: type[BaseModel]) -> Crew:
    return Crew(
        name=name,
        agents=[Agent(role=name)],
        tasks=[Task(description=job, **shape)],
        llm="offline",
    )


class Mail(BaseModel):
    mail: str
    sender: str


class Verdict(BaseModel):
    topic: Literal["billing", "technical"]
    urgency: int = Field(ge=0, le=10)


class Claim(BaseModel):
    amount: float
    reason: str


# %% [markdown]
# ## A pipeline that looks fine
#
# A clerk judges the mail. If it is about money, an accountant looks into it; very urgent mails get an apology; all others are
# answered. In the end a note is written.

# %%
classify = crew("classify", "What is it about, and how urgent? {mail}", output_pydantic=Verdict)
refund = crew("refund", "What is due to {sender}? {mail}", output_pydantic=Claim)
apology = crew("apology", "Apologise to {sender} for the trouble: {mail}")
answer = crew("answer", "Answer {sender} kindly: {mail}")
note = crew("note", "Note down: {sendr} wrote about {topic}, and gets {amount} back.")

desk = Router(
    routes={
        "money": Route("topic == 'biling'", refund),
        "urgent": Route("urgency > 10", apology),
    },
    default=answer,
    name="desk",
)
inbox = Pipeline([classify, desk, note], name="Inbox", inputs=Mail)

inbox.check()

# %% [markdown]
# It was not. Each finding has a code, says where it was found, and gives a hint. The same findings are marked in the
# picture, and the program `crewgraph check` prints them in a terminal.

# %%
inbox

# %% [markdown]
# A pipeline with errors never starts:

# %%
try:
    await inbox.kickoff({"mail": "…", "sender": "Ada"})
except PipelineInvalid as error:
    print(error)

# %% [markdown]
# ## First: keys that nobody gives
#
# `{sendr}` is a slip of the pen, and since we said with `inputs=Mail` what comes in, the checker is sure of it.

# %%
note = crew("note", "Note down: {sender} wrote about {topic}, and gets {amount} back.")

Pipeline([classify, desk, note], name="Inbox", inputs=Mail).check()

# %% [markdown]
# ## Second: keys that are only sometimes there
#
# This is the kind of mistake that tests miss. `{amount}` comes from `refund`, which lies on one of the routes; on the others
# nobody gives it. The **witness** is a run in which it would fail:

# %%
(finding,) = Pipeline([classify, desk, note], inputs=Mail).check().errors
print(finding.witness)

# %% [markdown]
# The note is about refunds, so it belongs where the refund is: on that route.
#
# ## Third: ways that nobody can go
#
# The conditions are expressions, so the checker can compare them with the types of the values. A `topic` is never `biling`,
# and an `urgency` is at most 10.

# %%
desk = Router(
    routes={
        "money": Route("topic == 'billing'", refund >> note),
        "urgent": Route("urgency > 7", apology),
    },
    default=answer,
    name="desk",
)
inbox = Pipeline([classify, desk], name="Inbox", inputs=Mail)

inbox.check()

# %%
inbox

# %% [markdown]
# ## What the inputs must bring
#
# What is true of the graph can be asked of it, too. A row of inputs is held against this before anything runs.

# %%
inbox.inputs

# %%
try:
    await inbox.kickoff([{"mail": "Hello", "sender": "Ada"}, {"mail": "Where is my money?"}])
except ValueError as error:
    print(error)

# %% [markdown]
# ## How sure do you want to be?
#
# Warnings are about what is doubtful. `strict` makes errors of them, all or some; `Ignore` says of a finding that it is meant
# so, with a reason that others will read.

# %%
loose = Pipeline([classify, crew("reply", "Write to {sender} of {company}.")])
loose.check()

# %% [markdown]
# Without declared inputs `{company}` may be one, so nothing is wrong. With them it is an error:

# %%
Pipeline([classify, crew("reply", "Write to {sender} of {company}.")], inputs=Mail).check()

# %% [markdown]
# Here two crews side by side give the same keys, and which of them counts is easily overlooked:

# %%
second = crew("second", "Judge it again: {mail}", output_pydantic=Verdict)
twice = Pipeline(
    [[classify, second], crew("reply", "Write to {sender} about {topic}.")], inputs=Mail
)
twice.check()

# %%
Pipeline(
    [[classify, second], crew("reply", "Write to {sender} about {topic}.")],
    inputs=Mail,
    ignore=[Ignore("CG304", reason="both judge the same mail; either will do")],
).check()

# %% [markdown]
# ## What will it take?
#
# The other thing to know beforehand is the price. `plan` calls nothing: it reads the prompts with the values of the inputs,
# follows the routes, and says what is to be expected, from low to high.

# %%
inbox.plan(
    [{"mail": "Where is my money?", "sender": "Ada"}, {"mail": "It is dark.", "sender": "Bo"}]
)

# %% [markdown]
# [A batch](04-a-batch-and-looking-at-it.py) plans and runs something larger.
