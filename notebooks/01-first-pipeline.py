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
# # Your first pipeline
#
# A **crew** is one or more agents with tasks. A **pipeline** is crews, one behind the other, side by side, or behind a
# fork in the road. You write it with `>>`; crewgraph turns it into a graph, checks it, draws it and runs it.
#
# Nothing here needs a key or a network: `llm="offline"` is a stand-in for a language model that is built in. It answers
# at once and the same way every time, and it says in every answer that it is no language model.

# %%
from typing import TypedDict

from crewgraph import Agent, Crew, Task, step


def crew(name: str, job: str) -> Crew:
    """One agent with one task: all that we need to begin."""
    return Crew(
        name=name, agents=[Agent(role="Writer")], tasks=[Task(description=job)], llm="offline"
    )


# %% [markdown]
# ## A crew by itself
#
# `{topic}` is a placeholder. It is filled from the inputs when the crew runs.
#
# A notebook runs an event loop, so a kickoff is **awaited** here. In a script the same line works without `await`.

# %%
research = crew("research", "Collect facts about {topic}.")

await research.kickoff({"topic": "tea"})

# %% [markdown]
# There is a row for each task: who did it, with which model, and the answer. What it took stands above. (The line before it is
# said once in each session: these answers are made up.)
#
# ## Put crews together
#
# `a >> b` hands over what `a` gave. A list runs side by side, and whoever comes after it waits for all of them. A plain
# function becomes a node with `@step`: it takes its parameters by name, and what it returns is there for everybody
# behind it. Say which keys that are, and crewgraph can follow them.


# %%
class Length(TypedDict):
    letters: int


@step
def count(topic: str) -> Length:
    """Plain Python needs no model."""
    return {"letters": len(topic)}


short = crew("short", "One line about {topic}.")
headline = crew("headline", "A headline about {topic}, of at most {letters} words.")

pipeline = research >> [short, count] >> headline
pipeline

# %% [markdown]
# A pipeline that ends a cell draws itself. Each card is a node, with its tasks and its agents; the boxes at the lines
# are what is handed over.
#
# ## Check it
#
# `check()` finds what is wrong before anything runs. Here nothing is.

# %%
pipeline.check()

# %% [markdown]
# It has also worked out what every input must bring, and who wants it:

# %%
pipeline.inputs

# %% [markdown]
# ## Run it
#
# One dict is one run. The result is a sequence of runs, and a table when you look at it.

# %%
result = await pipeline.kickoff({"topic": "tea"})
result

# %% [markdown]
# If you forget the `await`, nothing runs, and what you get says so:

# %%
forgotten = pipeline.kickoff({"topic": "coffee"})
forgotten

# %% [markdown]
# Nothing is lost. It runs once, as soon as somebody awaits it, however often that is:

# %%
await forgotten

# %% [markdown]
# ## Run it often
#
# A list of dicts is many runs. They run at the same time and do not touch each other. If it takes longer than a moment,
# the cell shows how far it is.

# %%
topics = ["tea", "coffee", "cocoa", "lemonade", "water"]
result = await pipeline.kickoff([{"topic": topic} for topic in topics])
result

# %% [markdown]
# ## Look at one run
#
# A single run shows its nodes: how each ended, how long it took, and what it spent.

# %%
run = result[0]
run

# %% [markdown]
# Its **trace** is the way it went, as data: first the input, then the names of the nodes. A list is what ran side by side.

# %%
run.trace

# %% [markdown]
# The same, laid over the picture: what ran is framed in green, with its time and its tokens.

# %%
pipeline.to_svg(run=run)

# %% [markdown]
# ## Where a mistake shows
#
# Suppose there was a slip of the pen in the headline. Nobody gives `{leters}`, and that is known before any model is
# called:

# %%
slip = (
    research
    >> [short, count]
    >> crew("headline", "A headline about {topic}, of at most {leters} words.")
)
slip.check()

# %% [markdown]
# It is marked in the picture, too:

# %%
slip

# %% [markdown]
# This is a warning, for as far as anybody knows `leters` may be an input. Say what the inputs are, and it is an error, which
# no kickoff gets past:


# %%
class Subject(TypedDict):
    topic: str


slip.input_model = Subject
slip.check()

# %% [markdown]
# ## What next?
#
# [Routing and traces](02-routing-and-traces.py) sends runs along different ways, [Checking](03-checking.py) goes after
# mistakes, and [A batch](04-a-batch-and-looking-at-it.py) plans, runs and examines many inputs at once. With a real model
# everything stays as it is: leave `llm="offline"` out and name one in `CREWGRAPH_MODEL`.
