"""A pipeline that says everything a document can say, and the names of its code."""

from __future__ import annotations

from pydantic import BaseModel

from crewgraph import (
    Agent,
    Budget,
    ConditionalTask,
    Crew,
    Limit,
    OfflineLLM,
    Pipeline,
    Policy,
    Process,
    Route,
    Router,
    Task,
    step,
    tool,
)
from crewgraph.diagnostics import Ignore


class Verdict(BaseModel):
    score: int
    reason: str = ""


class Mail(BaseModel):
    text: str


@step
def tidy(text: str) -> dict[str, str]:
    return {"clean": text.strip()}


def alarm(score: int) -> None: ...


def is_odd(values: dict[str, int]) -> bool:
    return values["score"] % 2 == 1


def polite(output):
    return True, output


def watch(event):
    return None


@tool
def search(query: str) -> str:
    """Search the web."""
    return query


class Foreign:
    """A crew of another library."""

    name = "foreign"

    async def kickoff_async(self, inputs=None):
        return "done"


class Desk:
    def file(self, clean: str) -> dict[str, str]:
        return {"filed": clean}


model = OfflineLLM(model="offline/slow")
foreign = Foreign()
desk = Desk()

NAMES = {
    "tidy": tidy,
    "alarm": alarm,
    "is_odd": is_odd,
    "polite": polite,
    "watch": watch,
    "search": search,
    "Verdict": Verdict,
    "Mail": Mail,
    "model": model,
    "foreign": foreign,
    "file": desk.file,
}


def everything() -> Pipeline:
    reader = Agent(
        role="Reader of {language} mails",
        goal="Judge.",
        backstory="You have read\nthousands of mails.",
        llm=model,
        tools=[search, alarm],
        max_iter=3,
        cache=False,
        max_rpm=30,
        max_execution_time=60,
        policy=Policy(retries=1, limit=Limit(concurrency=2), fallbacks=["offline", model]),
        allow_delegation=True,
        step_callback=watch,
        verbose=True,
        memory={"kind": ["short"]},
    )
    writer = Agent(role="Writer", name="Ada", llm="offline")
    judge = Task(
        name="judge",
        description="Judge: {clean}",
        expected_output="A verdict.",
        agent=reader,
        output_pydantic=Verdict,
        guardrail=[polite, "It is fair."],
        guardrail_max_retries=1,
        callback=watch,
        async_execution=True,
        tools=[],
    )
    count = Task(description="Count the words of {clean}.", agent=writer, async_execution=True, tools=[search])
    report = ConditionalTask(
        name="report it",
        description="Report.",
        agent=writer,
        context=[judge, count],
        condition="score > 3",
        output_json=Verdict,
        human_input=True,
        max_human_rounds=2,
        output_file="reports/{clean}.json",
        create_directory=False,
        config={"a": 1},
    )
    alone = Task(description="Say something.", context=[], agent=writer, guardrail="It is short.")
    assess = Crew(
        name="assess",
        agents=[reader, writer],
        tasks=[judge, count, report],
        llm="offline",
        max_reasks=5,
        budget=Budget(tokens=1_000, usd=0.5),
        policy=Policy(retries=2, call_timeout=10, limit=Limit(tokens_per_minute=1_000)),
        max_rpm=60,
        cache=False,
        before_kickoff=watch,
        after_kickoff=[watch, polite],
        before_kickoff_callbacks=[watch],
        after_kickoff_callbacks=[watch],
        step_callback=watch,
        task_callback=watch,
        output_root="out",
        human=watch,
        verbose=True,
        config={"b": [1, 2.5, None]},
    )
    led = Crew(
        agents=[writer],
        tasks=[alone],
        process=Process.hierarchical,
        manager_llm="offline",
        input_model={"type": "object", "properties": {"clean": {"type": "string"}}},
    )
    managed = Crew(
        name="managed",
        agents=[writer],
        tasks=[alone, Task(name="last", description="Go.", condition=is_odd, callback=watch)],
        process="hierarchical",
        manager_agent=Agent(role="Manager", llm=model),
        input_model=Mail,
    )
    careful = Pipeline([led, managed], policy=Policy(run_timeout=5), ignore=[Ignore("CG305", "meant so", node="Ada")])
    by_score = Router(
        {
            "urgent": Route("score > 7", [assess, alarm]),
            "odd": Route(is_odd, led >> led),
            "very calm": Route("score < 1", careful),
        },
        default=foreign,
        name="by score",
    )
    return Pipeline(
        [tidy, [assess, desk.file, Pipeline([led, by_score])], by_score, assess],
        inputs={"type": "object", "properties": {"text": {"type": "string"}}},
        name="Everything",
        merge_json=False,
        policy=Policy(retries=9),
        ignore=[Ignore("CG306", "nobody wants it")],
        strict=["CG304"],
    )
