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
# # Routing and traces
#
# Not every input goes the same way. A **router** looks at the values and takes one of several routes; a **trace** tells
# afterwards which way a run went.
#
# We sort the mails of a maker of lamps. A clerk reads each of them and fills in a form; the form decides who answers.

# %%
from typing import Literal

from pydantic import BaseModel, Field

from crewgraph import Agent, Crew, OfflineLLM, Pipeline, Route, Router, Task, step


class Verdict(BaseModel):
    topic: Literal["billing", "technical", "praise"]
    urgency: int = Field(ge=0, le=10)


# %% [markdown]
# ## A form instead of prose
#
# `output_pydantic` makes the answer of a task an object that is checked; its fields are values that everybody behind it can
# use. A real model would read the mail. Ours follows a script: the first pattern that is found in the question decides.

# %%
script = OfflineLLM(
    {
        "smoke|sparks": Verdict(topic="technical", urgency=9),
        "flicker|firmware": Verdict(topic="technical", urgency=4),
        "invoice|charged": Verdict(topic="billing", urgency=5),
        "lovely|thank": Verdict(topic="praise", urgency=0),
    }
)
classify = Crew(
    name="classify",
    agents=[Agent(role="Mail clerk")],
    tasks=[
        Task(
            name="judge",
            description="What is this about, and how urgent? {mail}",
            output_pydantic=Verdict,
        )
    ],
    llm=script,
)

output = await classify.kickoff({"mail": "There is smoke coming out of my lamp!"})
output.pydantic

# %% [markdown]
# ## One of several ways
#
# Routes are tried in their order; the first condition that holds wins, and `default` takes the rest. A condition is an
# expression over the values. It can be read, checked and drawn; any function of the values would do as well.


# %%
def desk(name: str, role: str, job: str) -> Crew:
    return Crew(
        name=name, agents=[Agent(role=role)], tasks=[Task(description=job)], llm="offline"
    )


@step
async def archive(mail: str) -> str:
    """Praise needs no model: it is filed."""
    return f"filed under praise: {mail}"


apologise = desk("apologise", "Support lead", "Apologise for the trouble: {mail}")
replace = desk("replace", "Workshop", "Arrange for a new lamp at once: {mail}")
refund = desk("refund", "Accountant", "Is a refund due? {mail}")
advise = desk("advise", "Engineer", "Explain how to mend it: {mail}")

router = Router(
    routes={
        "danger": Route("topic == 'technical' and urgency > 7", [apologise, replace]),
        "money": Route("topic == 'billing'", refund),
        "praise": Route("topic == 'praise'", archive),
    },
    default=advise,
    name="desk",
)
send = desk("send", "Editor", "Write the final mail to {sender}.")

inbox = Pipeline([classify, router, send], name="Inbox")
inbox

# %% [markdown]
# Each route has its colour, and its number says when it is tried. On the route *danger* two crews work side by side; after the
# router all ways meet again in `send`.

# %%
inbox.check()

# %% [markdown]
# ## Four mails, four ways

# %%
mails = [
    {"sender": "Ada", "mail": "There is smoke coming out of my lamp!"},
    {"sender": "Bo", "mail": "I was charged twice, see the invoice."},
    {"sender": "Cleo", "mail": "What a lovely lamp."},
    {"sender": "Dan", "mail": "It began to flicker after the update."},
]
result = await inbox.kickoff(mails)
result

# %% [markdown]
# ## Reading a trace
#
# A trace begins with the input and ends with the last node. A string is a node that ran, a list what ran side by side, and a
# dict the route that was taken.

# %%
for run in result:
    print(*run.trace[1:], sep="  →  ")

# %% [markdown]
# Over the picture it looks like this. What did not run is faded.

# %%
inbox.to_svg(run=result[0])

# %% [markdown]
# ## Spans
#
# A trace names the nodes; a **span** knows everything about one of them: what it was given, what it gave, when, with which
# model, for how many tokens. Nodes on routes that were not taken have one too, with the status `skipped`.

# %%
for span in result[1].spans:
    print(f"{span.node:10} {span.kind:7} {span.status:8} {span.route or ''}")

# %%
span = next(span for span in result[1].spans if span.node == "refund")
span.inputs

# %% [markdown]
# ## When a node fails
#
# A node that raises fails its own run, and no other. With `on_error="collect"` failed runs are in the result, with their
# trace so far and what they had spent; without it the kickoff would raise one error at the end that names them all.


# %%
@step
async def archive(mail: str) -> str:
    raise OSError(f"the archive is locked; not filed: {mail}")


router = Router(
    routes=router.routes | {"praise": Route("topic == 'praise'", archive)},
    default=advise,
    name="desk",
)
broken = Pipeline([classify, router, send], name="Inbox, archive locked")

result = await broken.kickoff(mails, on_error="collect")
result

# %%
failed = result.failed[0]
failed

# %% [markdown]
# ## Many runs in one picture
#
# Laid over the picture, a whole kickoff shows its traffic: lines are as wide as many runs went along them, and cards tell how
# often a node ran, what it took, and how often it failed.

# %%
broken.to_svg(run=result)

# %% [markdown]
# [A batch](04-a-batch-and-looking-at-it.py) does this with more than four mails. Before that, [Checking](03-checking.py)
# shows what can be known before anything runs.
