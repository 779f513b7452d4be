from __future__ import annotations

import contextvars
import importlib
import json
import logging
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest
from opentelemetry import context as contexts
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span, set_span_in_context

from crewgraph import Agent, Budget, Crew, KickoffError, Pipeline, Route, Router, Task, UsageMetrics, step, tool
from crewgraph.errors import ModelRateLimited
from crewgraph.listeners import listening
from crewgraph.llm.port import Message, Reply, ToolCall
from crewgraph.telemetry import Telemetry, instrument, uninstrument
from crewgraph.telemetry.attributes import error_type, said, split_model, wrote
from crewgraph.trace import (
    Event,
    ModelCallFinished,
    ModelCallStarted,
    ModelText,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    RouteTaken,
    RunFailed,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskSkipped,
    TaskStarted,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)

pytestmark = pytest.mark.anyio


class Model:
    """Says what it is told to, after a turn of the event loop, with ten tokens of prompt and two of answer."""

    def __init__(self, *answers, model="openai/gpt-9"):
        self.model = model
        self.answers = list(answers)

    async def complete(self, request):
        await anyio.lowlevel.checkpoint()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0] if self.answers else "done"
        if isinstance(answer, Exception):
            raise answer
        if request.on_text is not None:
            for piece in answer:
                request.on_text(piece)
        usage = UsageMetrics(total_tokens=12, prompt_tokens=10, completion_tokens=2, cached_prompt_tokens=4)
        return Reply(text=answer, usage=usage, finish_reason="stop", cost=0.5)


def crew(name, llm=None):
    return Crew(
        name=name,
        agents=[Agent(role=f"{name} agent")],
        tasks=[Task(name=f"{name} task", description="look at {x}")],
        llm=llm or Model(),
    )


class Traced:
    """Spans and measurements in memory."""

    def __init__(self, *exporters):
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.started = []
        for exporter in (*exporters, self.memory):
            self.provider.add_span_processor(SimpleSpanProcessor(exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)

    def telemetry(self, **options):
        return Telemetry(tracer_provider=self.provider, meter_provider=self.meters, **options)

    @property
    def spans(self):
        return self.memory.get_finished_spans()

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def one(self, name):
        (span,) = self.named(name)
        return span

    def tree(self):
        """The names of spans, each with those below it, in the order of the alphabet."""
        below = {}
        for span in self.spans:
            below.setdefault(span.parent.span_id if span.parent else None, []).append(span)

        def branch(span):
            parts = sorted(map(branch, below.get(span.context.span_id, [])), key=str)
            return {span.name: parts} if parts else span.name

        return sorted(map(branch, below.get(None, [])), key=str)

    def measured(self):
        metrics = self.reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
        return {metric.name: metric.data.data_points for metric in metrics}


@pytest.fixture
def traced():
    return Traced()


@pytest.fixture
def everywhere(traced):
    """Every kickoff of this process is traced."""
    yield instrument(traced.telemetry())
    uninstrument()


def below(name):
    return {f"invoke_agent {name} agent": ["chat gpt-9"]}


# ---- spans -----------------------------------------------------------------------------------------------------


async def test_a_run_is_a_tree_of_spans(traced):
    """Run, node, agent and model call, with parallel nodes beside each other."""
    pipeline = Pipeline(stages=[crew("a"), [crew("b"), crew("c")]], name="inbox")
    await pipeline.kickoff_async([{"x": 1}], observer=traced.telemetry())
    nodes = [{f"node {name}": [below(name)]} for name in "abc"]
    assert traced.tree() == [{"invoke_workflow inbox": nodes}]


async def test_many_runs_at_once_do_not_mix(traced):
    """Each span has the trace of its own run, and lies within the time of its parent."""
    pipeline = crew("a") >> [crew("b"), crew("c")] >> crew("d")
    await pipeline.kickoff_async([{"x": n} for n in range(20)], observer=traced.telemetry())
    assert len(traced.spans) == 20 * (1 + 4 * 3)
    by_id = {span.context.span_id: span for span in traced.spans}
    for span in traced.spans:
        if span.parent:
            parent = by_id[span.parent.span_id]
            assert span.context.trace_id == parent.context.trace_id
            assert parent.start_time <= span.start_time <= span.end_time <= parent.end_time
    runs = traced.named("invoke_workflow pipeline")
    assert sorted(run.attributes["crewgraph.run.index"] for run in runs) == list(range(20))
    assert len({run.context.trace_id for run in runs}) == 20


async def test_attributes_follow_the_conventions(traced):
    """Operation, provider, model, agent, tokens, finish reason; ours are below ``crewgraph``."""
    await Pipeline(stages=[crew("a")], name="inbox").kickoff_async({"x": 1}, observer=traced.telemetry())
    chat = traced.one("chat gpt-9")
    assert chat.kind is SpanKind.CLIENT
    assert dict(chat.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-9",
        "gen_ai.agent.name": "a agent",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "crewgraph.attempt": 1,
        "crewgraph.cost_usd": 0.5,
    }
    agent = traced.one("invoke_agent a agent").attributes
    assert agent["gen_ai.operation.name"] == "invoke_agent"
    assert agent["crewgraph.crew"] == "a"
    assert agent["crewgraph.task"] == "task 'a task'"
    run = traced.one("invoke_workflow inbox").attributes
    assert run["gen_ai.workflow.name"] == "inbox"
    assert (run["gen_ai.usage.input_tokens"], run["crewgraph.cost_usd"]) == (10, 0.5)


async def test_a_cost_that_nobody_knows_is_no_attribute(traced):
    """Unknown is not 0."""
    events = [ModelCallStarted(call=1, model="x"), ModelCallFinished(call=1, model="x", usage=UsageMetrics(
        total_tokens=1, prompt_tokens=1, successful_requests=1, unpriced_requests=1))]  # fmt: skip
    list(map(traced.telemetry(), events))
    chat = traced.one("chat x").attributes
    assert chat["gen_ai.usage.input_tokens"] == 1
    assert "crewgraph.cost_usd" not in chat


async def test_routes_and_skipped_nodes_are_told(traced):
    """The route on the router's span, what lies on the others as events of the run."""
    pipeline = Pipeline(stages=[Router({"big": Route("x > 5", crew("big"))}, crew("small"), name="size")])
    await pipeline.kickoff_async({"x": 9}, observer=traced.telemetry())
    assert traced.one("node size").attributes["crewgraph.route"] == "big"
    (skipped,) = traced.one("invoke_workflow pipeline").events
    assert skipped.name == "crewgraph.node.skipped"
    assert skipped.attributes == {"crewgraph.node": "small"}


async def test_attempts_are_spans_of_their_own(traced):
    """With why they failed and when the next one comes."""
    llm = Model(ModelRateLimited("secret words", model="openai/gpt-9"), "fine")
    await Pipeline(stages=[crew("a", llm)]).kickoff_async({"x": 1}, observer=traced.telemetry())
    first, second = sorted(traced.named("chat gpt-9"), key=lambda span: span.start_time)
    assert first.attributes["error.type"] == "ModelRateLimited"
    assert first.attributes["crewgraph.retry_in"] == 0.0
    assert first.status.status_code is StatusCode.ERROR
    assert first.status.description is None
    assert second.attributes["crewgraph.attempt"] == 2
    assert "error.type" not in second.attributes


async def test_a_failure_is_told_up_to_the_run(traced):
    """By its kind; its text, which may repeat what was said, stays out."""

    @step(inline=True)
    def fail(x):
        raise LookupError("the secret")

    with pytest.raises(KickoffError):
        await (crew("a") >> fail).kickoff_async({"x": 1}, observer=traced.telemetry())
    for name in ("node fail", "invoke_workflow pipeline"):
        assert traced.one(name).attributes["error.type"] == "LookupError"
        assert traced.one(name).status.status_code is StatusCode.ERROR
    assert "secret" not in "".join(span.to_json() for span in traced.spans)


@pytest.mark.virtual_time
async def test_siblings_of_a_failure_are_cancelled(traced):
    """Their spans end too, the calls under way included."""

    class Slow(Model):
        async def complete(self, request):
            await anyio.sleep(60)

    @step
    async def fail(x):
        await anyio.sleep(0.01)
        raise LookupError

    pipeline = Pipeline(stages=[[crew("slow", Slow()), fail]])
    await pipeline.kickoff_async({"x": 1}, observer=traced.telemetry(), on_error="collect")
    assert len(traced.spans) == 5
    assert traced.one("node slow").attributes["error.type"] == "cancelled"
    assert traced.one("chat gpt-9").attributes["error.type"] == "cancelled"
    assert traced.one("invoke_workflow pipeline").attributes["error.type"] == "LookupError"


async def test_a_stream_that_is_left_leaves_no_span_open(traced):
    """Runs under way are told as cancelled."""

    @step
    async def nap(x):
        await anyio.sleep(60 if x else 0)

    telemetry = traced.telemetry()
    stream = Pipeline(stages=[nap]).stream([{"x": n} for n in range(3)], observer=telemetry)
    async for _ in stream:
        break
    await stream.aclose()
    kinds = [span.attributes.get("error.type") for span in traced.named("invoke_workflow pipeline")]
    assert sorted(map(str, kinds)) == ["None", "cancelled", "cancelled"]
    assert len(traced.named("node nap")) == 3


async def test_a_budget_is_told_by_its_name(traced):
    """As the kind of the failure."""
    pipeline = Pipeline(stages=[crew("a")])
    options = {"budget": Budget(calls=0), "on_error": "collect", "observer": traced.telemetry()}
    await pipeline.kickoff_async({"x": 1}, **options)
    assert traced.one("invoke_workflow pipeline").attributes["error.type"] == "BudgetExceeded"


async def test_the_beginning_of_an_answer_is_timed(traced):
    """Where somebody wants the text piece by piece."""
    pipeline = Pipeline(stages=[crew("a")])
    await pipeline.kickoff_async({"x": 1}, observer=traced.telemetry(), text=True)
    chat = traced.one("chat gpt-9").attributes
    assert chat["gen_ai.request.stream"] is True
    assert chat["gen_ai.response.time_to_first_chunk"] >= 0


# ---- the context -----------------------------------------------------------------------------------------------


async def test_spans_of_the_user_nest_both_ways(traced):
    """A run belongs to what called it, and what a node does belongs to the node."""
    tracer = traced.provider.get_tracer("mine")

    @step
    async def work(x):
        with tracer.start_as_current_span("mine"):
            return (await crew("inner").kickoff_async(inputs={"x": x})).raw

    with tracer.start_as_current_span("request"):
        await Pipeline(stages=[work]).kickoff_async({"x": 1}, observer=traced.telemetry())
    assert traced.tree() == [{"request": [{"invoke_workflow pipeline": [{"node work": [{"mine": [below("inner")]}]}]}]}]


async def test_a_node_that_spoils_the_context_spoils_no_other(traced):
    """Neither what it leaves current nor what it throws away reaches other nodes and runs."""
    tracer = traced.provider.get_tracer("mine")

    @step
    async def leak(x):
        contexts.attach(set_span_in_context(tracer.start_span("left")))

    @step
    async def forget(x):
        contexts.attach(contexts.Context())

    with tracer.start_as_current_span("request"):
        pipeline = Pipeline(stages=[leak, forget, crew("a")])
        await pipeline.kickoff_async([{"x": n} for n in range(3)], observer=traced.telemetry(), max_concurrency=1)
    run = {"invoke_workflow pipeline": ["node forget", "node leak", {"node a": [below("a")]}]}
    assert traced.tree() == [{"request": [run] * 3}]


async def test_spans_in_worker_threads_nest_too(traced):
    """A step that is no coroutine takes the context with it."""
    tracer = traced.provider.get_tracer("mine")

    @step
    def work(x):
        with tracer.start_as_current_span("mine"):
            return x

    await Pipeline(stages=[work]).kickoff_async({"x": 1}, observer=traced.telemetry())
    assert traced.tree() == [{"invoke_workflow pipeline": [{"node work": ["mine"]}]}]


async def test_crews_in_worker_threads_nest_too(traced):
    """What a thread tells is told by its names and by the context it was given."""
    inner = crew("inner")

    @step
    def work(x):
        inner.kickoff(inputs={"x": x})

    pipeline = Pipeline(stages=[work])
    await pipeline.kickoff_async([{"x": n} for n in range(3)], observer=traced.telemetry())
    assert traced.tree() == [{"invoke_workflow pipeline": [{"node work": [below("inner")]}]}] * 3
    assert not get_current_span().get_span_context().is_valid


async def test_the_model_call_is_current_while_the_model_is_asked(traced):
    """So that the span of an HTTP client lies below it; afterwards nothing of ours is current."""
    seen = []

    class Curious(Model):
        async def complete(self, request):
            seen.append(get_current_span().name)
            return await super().complete(request)

    @step
    async def after(x):
        seen.append(get_current_span().name)

    await (crew("a", Curious()) >> after).kickoff_async({"x": 1}, observer=traced.telemetry())
    assert seen == ["chat gpt-9", "node after"]
    assert not get_current_span().get_span_context().is_valid


async def test_several_crews_of_one_name_at_once(traced):
    """A step that runs the same crew twice side by side: each call lies below its own agent."""
    inner = crew("inner")

    @step
    async def twice(x):
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(lambda: inner.kickoff_async(inputs={"x": 1}))

    await Pipeline(stages=[twice]).kickoff_async({"x": 1}, observer=traced.telemetry())
    assert traced.tree() == [{"invoke_workflow pipeline": [{"node twice": [below("inner"), below("inner")]}]}]


async def test_tools_of_an_agent_nest(traced):
    """Several at once, with crews inside: in the event loop and in a worker thread."""

    @tool
    async def ask(x: str) -> str:
        """Ask a crew."""
        return (await crew("inner").kickoff_async(inputs={"x": x})).raw

    @tool
    def look(x: str) -> str:
        """Ask a crew from a thread."""
        return crew("inner").kickoff(inputs={"x": x}).raw

    class Caller(Model):
        async def complete(self, request):
            if request.messages[-1].role == "tool":
                return Reply(text="done")
            return Reply(calls=tuple(ToolCall(name, name, '{"x": "1"}') for name in ("ask", "look")))

    outer = Crew(
        agents=[Agent(role="boss", tools=[ask, look])],
        tasks=[Task(description="{x}")],
        llm=Caller(),
        name="outer",
    )
    await Pipeline(stages=[outer]).kickoff_async([{"x": n} for n in range(3)], observer=traced.telemetry())
    tools = [{f"execute_tool {name}": [below("inner")]} for name in ("ask", "look")]
    agent = {"invoke_agent boss": ["chat gpt-9", "chat gpt-9", *tools]}
    assert traced.tree() == [{"invoke_workflow pipeline": [{"node outer": [agent]}]}] * 3


async def test_calls_of_a_pipeline_inside_of_a_step(traced):
    """They belong to the step, where only the outer kickoff is observed."""

    @step
    async def work(x):
        await Pipeline(stages=[crew("inner")]).kickoff_async({"x": x})

    await Pipeline(stages=[work]).kickoff_async({"x": 1}, observer=traced.telemetry())
    assert traced.tree() == [{"invoke_workflow pipeline": [{"node work": [below("inner")]}]}]


async def test_one_telemetry_inside_of_itself(traced):
    """A pipeline in a step, with the same observer: its run lies below the step's span, and so do the tokens."""
    telemetry = traced.telemetry()

    @step
    async def work(x):
        inner = Pipeline(stages=[crew("work")], name="inner")
        await inner.kickoff_async([{"x": 1}, {"x": 2}], observer=telemetry)

    await Pipeline(stages=[work], name="outer").kickoff_async({"x": 1}, observer=telemetry)
    inner = {"invoke_workflow inner": [{"node work": [below("work")]}]}
    assert traced.tree() == [{"invoke_workflow outer": [{"node work": [inner, inner]}]}]
    assert traced.one("invoke_workflow outer").attributes["gen_ai.usage.input_tokens"] == 20


# ---- everywhere ------------------------------------------------------------------------------------------------


async def test_crews_called_by_hand_are_traced(traced, everywhere):
    """Where everything is; concurrent ones do not mix."""
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(lambda: crew("a").kickoff_async(inputs={"x": 1}))
    assert traced.tree() == [below("a")] * 3


async def test_every_kickoff_is_traced_and_its_observer_hears_too(traced, everywhere):
    """Also one inside of a step, below it."""
    heard = []

    @step
    async def work(x):
        await Pipeline(stages=[crew("in")], name="inner").kickoff_async({"x": x})

    await Pipeline(stages=[work], name="outer").kickoff_async({"x": 1}, observer=heard.append)
    inner = {"invoke_workflow inner": [{"node in": [below("in")]}]}
    assert traced.tree() == [{"invoke_workflow outer": [{"node work": [inner]}]}]
    assert [type(event).__name__ for event in heard if event.node is None] == ["RunStarted", "RunFinished"]


async def test_a_telemetry_of_its_own_wins(traced, everywhere):
    """Nothing is traced twice."""
    mine = Traced()
    await Pipeline(stages=[crew("a")]).kickoff_async({"x": 1}, observer=mine.telemetry())
    assert (len(mine.spans), len(traced.spans)) == (4, 0)


async def test_instrumenting_again_replaces(everywhere):
    """And after ``uninstrument`` nobody listens."""
    second = Traced()
    instrument(second.telemetry())
    await crew("a").kickoff_async(inputs={"x": 1})
    assert len(second.spans) == 2
    uninstrument()
    await crew("a").kickoff_async(inputs={"x": 1})
    assert len(second.spans) == 2
    assert listening(None, "x") is None


async def test_an_observer_that_raises_keeps_nobody_from_hearing(traced, everywhere, caplog):
    """The error is logged, and the run goes on."""

    def sulk(event):
        raise RuntimeError("no")

    await Pipeline(stages=[crew("a")]).kickoff_async({"x": 1}, observer=sulk)
    assert len(traced.spans) == 4
    assert "an observer raised; the run goes on" in caplog.text


def test_a_kickoff_in_a_thread_of_a_step_is_traced_where_everything_is(traced, everywhere):
    """It has an event loop of its own, and belongs to the step all the same."""

    @step
    def work(x):
        Pipeline(stages=[crew("in")], name="inner").kickoff({"x": x})

    Pipeline(stages=[work], name="outer").kickoff({"x": 1})
    inner = {"invoke_workflow inner": [{"node in": [below("in")]}]}
    assert traced.tree() == [{"invoke_workflow outer": [{"node work": [inner]}]}]


# ---- content ---------------------------------------------------------------------------------------------------


SECRET = "the code is 4711"


async def test_no_content_is_captured_unless_asked_for(traced):
    """Neither prompts nor answers."""
    await Pipeline(stages=[crew("a", Model(SECRET))]).kickoff_async({"x": SECRET}, observer=traced.telemetry())
    assert "4711" not in "".join(span.to_json() for span in traced.spans)


async def test_content_is_captured_where_it_is_wanted(traced):
    """Prompts and answers as the conventions have them."""
    telemetry = traced.telemetry(capture_content=True)
    await Pipeline(stages=[crew("a", Model(SECRET))]).kickoff_async({"x": "this"}, observer=telemetry)
    chat = traced.one("chat gpt-9").attributes
    (instruction,) = json.loads(chat["gen_ai.system_instructions"])
    assert instruction["type"] == "text"
    (question,) = json.loads(chat["gen_ai.input.messages"])
    assert question["role"] == "user"
    assert "look at this" in question["parts"][0]["content"]
    answer = {"role": "assistant", "parts": [{"type": "text", "content": SECRET}], "finish_reason": "stop"}
    assert json.loads(chat["gen_ai.output.messages"]) == [answer]


@pytest.mark.parametrize(
    ("value", "captured"),
    [
        ("true", True),
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("false", False),
        ("EVENT_ONLY", False),
        ("", False),
    ],
)
def test_the_environment_decides_about_content(monkeypatch, value, captured):
    """By the variable that other instrumentations read too."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    assert Telemetry().capture_content is captured
    assert Telemetry(capture_content=False).capture_content is False


def test_tool_calls_in_messages():
    """What a model wanted, and what it was told."""
    call = ToolCall("7", "look", '{"at": 1}')
    messages = (Message("assistant", "", (call,)), Message("tool", "found", call_id="7"))
    asked, told = json.loads(said(ModelCallStarted(messages=messages))["gen_ai.input.messages"])
    wish = {"type": "tool_call", "id": "7", "name": "look", "arguments": '{"at": 1}'}
    assert asked == {"role": "assistant", "parts": [wish]}
    assert told == {"role": "tool", "parts": [{"type": "tool_call_response", "id": "7", "response": "found"}]}
    answer = {"role": "assistant", "parts": [wish], "finish_reason": "tool_calls"}
    assert json.loads(wrote(Reply(calls=(call,), finish_reason="tool_calls"))["gen_ai.output.messages"]) == [answer]


# ---- events one by one -----------------------------------------------------------------------------------------


HERE = {"run": 0, "node": "n", "crew": "c", "task": "t", "agent": "g"}


def tell(telemetry, *events):
    for event in events:
        telemetry(event)


def test_tools_are_spans(traced):
    """With their name, the number of the call, and whether the result was known."""
    call = {**HERE, "call": 3, "tool": "look", "arguments": SECRET}
    tell(
        traced.telemetry(),
        RunStarted(run=0, at=10.0),
        NodeStarted(run=0, node="n", at=11.0),
        TaskStarted(**HERE, at=12.0),
        ToolCallStarted(**call, at=13.0),
        ToolCallFinished(**call, result=SECRET, seconds=1.0, is_cached=True, at=14.0),
        ToolCallStarted(**call, at=15.0),
        ToolCallFailed(**call, error=f"ValueError: {SECRET}", at=16.0),
        TaskFinished(**HERE, at=17.0),
        NodeFinished(run=0, node="n", at=18.0),
        RunFinished(run=0, at=19.0),
    )
    good, bad = traced.named("execute_tool look")
    assert traced.tree() == [{"invoke_workflow": [{"node n": [{"invoke_agent g": ["execute_tool look"] * 2}]}]}]
    assert dict(good.attributes) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "3",
        "gen_ai.agent.name": "g",
        "crewgraph.crew": "c",
        "crewgraph.task": "t",
        "crewgraph.cached": True,
    }
    assert (good.start_time, good.end_time) == (13 * 10**9, 14 * 10**9)
    assert bad.attributes["error.type"] == "ValueError"


def test_contents_of_tools_are_captured_where_wanted(traced):
    """Arguments and result."""
    call = {**HERE, "call": 3, "tool": "look", "arguments": "{}"}
    tell(traced.telemetry(capture_content=True), ToolCallStarted(**call), ToolCallFinished(**call, result="found"))
    span = traced.one("execute_tool look").attributes
    assert (span["gen_ai.tool.call.arguments"], span["gen_ai.tool.call.result"]) == ("{}", "found")


def test_a_skipped_task_is_an_event(traced):
    """Of the node; alone it is nothing."""
    telemetry = traced.telemetry()
    tell(
        telemetry, TaskSkipped(**HERE), NodeStarted(run=0, node="n"), TaskSkipped(**HERE), NodeFinished(run=0, node="n")
    )
    (event,) = traced.one("node n").events
    assert (event.name, dict(event.attributes)) == ("crewgraph.task.skipped", {"crewgraph.task": "t"})


def test_events_read_elsewhere_nest_by_their_names(traced):
    """As from ``pipeline.events``: whatever is current where they are read, and however they mix."""
    telemetry = traced.telemetry()

    def here(run):
        return {**HERE, "run": run}

    tell(telemetry, *(RunStarted(run=run) for run in (0, 1)))
    tell(telemetry, *(NodeStarted(run=run, node="n") for run in (0, 1)))
    tell(telemetry, *(TaskStarted(**here(run)) for run in (0, 1)))
    tell(telemetry, *(ModelCallStarted(**here(run), call=run, model="m") for run in (0, 1)))
    tell(telemetry, *(ModelCallFinished(**here(run), call=run, model="m") for run in (0, 1)))
    tell(telemetry, *(RunFinished(run=run) for run in (0, 1)))
    branch = {"invoke_workflow": [{"node n": [{"invoke_agent g": ["chat m"]}]}]}
    assert traced.tree() == [branch, branch]
    assert not get_current_span().get_span_context().is_valid


def test_what_a_run_left_open_ends_with_it(traced):
    """Marked as cancelled, before the run itself."""
    tell(
        traced.telemetry(),
        RunStarted(run=0),
        NodeStarted(run=0, node="n"),
        TaskStarted(**HERE),
        RunFailed(run=0, error="cancelled"),
    )
    assert [span.name for span in traced.spans] == ["invoke_agent g", "node n", "invoke_workflow"]
    assert [span.attributes["error.type"] for span in traced.spans] == ["cancelled"] * 3


def test_ends_without_a_beginning_are_nothing(traced):
    """As for whoever begins to listen in the middle."""
    telemetry = traced.telemetry()
    tell(telemetry, RunFinished(run=0), RunFailed(run=0, error="x"), ModelText(call=1, text="x"))
    tell(telemetry, ModelCallFinished(call=1), TaskFinished(**HERE), NodeFinished(run=0, node="n"))
    tell(telemetry, NodeSkipped(run=0, node="n"), RouteTaken(run=0, node="n", route="r"), Event())
    assert traced.spans == ()


def test_a_task_that_was_read_says_so(traced):
    """Nobody worked at it this time."""
    tell(traced.telemetry(), TaskStarted(**HERE), TaskFinished(**HERE, source="store"))
    assert traced.one("invoke_agent g").attributes["crewgraph.source"] == "store"


def test_a_recorded_answer_says_so_and_is_not_measured(traced):
    """Nobody was called."""
    telemetry = traced.telemetry()
    tell(
        telemetry,
        ModelCallStarted(call=1, model="m"),
        ModelCallFinished(call=1, model="m", source="cassette", waited=2.0),
    )
    assert traced.one("chat m").attributes["crewgraph.source"] == "cassette"
    assert traced.one("chat m").attributes["crewgraph.waited"] == 2.0
    assert traced.reader.get_metrics_data() is None


# ---- measurements ----------------------------------------------------------------------------------------------


async def test_model_calls_are_measured(traced):
    """Tokens in and out, and seconds, in the conventions' buckets."""
    llm = Model(ModelRateLimited("no", model="openai/gpt-9"), "fine")
    await Pipeline(stages=[crew("a", llm)]).kickoff_async({"x": 1}, observer=traced.telemetry())
    measured = traced.measured()
    tokens = {point.attributes["gen_ai.token.type"]: point for point in measured["gen_ai.client.token.usage"]}
    assert {kind: point.sum for kind, point in tokens.items()} == {"input": 10, "output": 2}
    assert tokens["input"].explicit_bounds[:4] == (1, 4, 16, 64)
    assert tokens["input"].explicit_bounds[-1] == 67108864
    seconds = {point.attributes.get("error.type"): point for point in measured["gen_ai.client.operation.duration"]}
    assert seconds.keys() == {None, "ModelRateLimited"}
    assert seconds[None].explicit_bounds[-1] == 81.92
    assert all(two == 2 * one for one, two in pairwise(seconds[None].explicit_bounds))


@pytest.mark.parametrize(
    ("model", "split"),
    [
        ("openai/gpt-9", ("openai", "gpt-9")),
        ("openrouter/a/b", ("openrouter", "a/b")),
        ("azure/x", ("azure.ai.openai", "x")),
        ("vertex_ai_beta/x", ("gcp.vertex_ai", "x")),
        ("gpt-4o-mini", ("openai", "gpt-4o-mini")),
        ("offline", ("offline", "offline")),
    ],
)
def test_providers_have_the_names_of_the_conventions(model, split):
    """Litellm's prefix, or what its table says of a name without one."""
    assert split_model(model) == split


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ValueError: secret", "ValueError"),
        ("CancelledError", "cancelled"),
        ("Cancelled: x", "cancelled"),
        ("cancelled: another node of the run failed", "cancelled"),
        ("a whole sentence", "_OTHER"),
    ],
)
def test_errors_are_told_by_their_kind(error, kind):
    """Nothing of their text."""
    assert error_type(error) == kind


# ---- faults ----------------------------------------------------------------------------------------------------


async def test_a_processor_that_raises_fails_nothing(caplog):
    """The error is logged."""

    class Broken(SimpleSpanProcessor):
        def on_start(self, span, parent_context=None):
            raise RuntimeError("broken")

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken(InMemorySpanExporter()))
    result = await Pipeline(stages=[crew("a")]).kickoff_async({"x": 1}, observer=Telemetry(tracer_provider=provider))
    assert result[0].ok
    assert "a span was lost; the run goes on" in caplog.text


async def test_an_exporter_that_raises_fails_nothing(caplog):
    """The spans of others are all there."""

    class Broken(SpanExporter):
        def export(self, spans):
            raise RuntimeError("broken")

    traced = Traced(Broken())
    caplog.set_level(logging.CRITICAL)
    result = await Pipeline(stages=[crew("a")]).kickoff_async({"x": 1}, observer=traced.telemetry())
    assert result[0].ok
    assert len(traced.spans) == 4


async def test_without_an_sdk_nothing_is_recorded():
    """The API alone makes spans that are none."""
    result = await Pipeline(stages=[crew("a")]).kickoff_async({"x": 1}, observer=Telemetry())
    assert result[0].ok


def test_opentelemetry_is_imported_only_for_telemetry():
    """Neither by ``import crewgraph`` nor by a kickoff."""
    code = """
import sys
from crewgraph import Pipeline, step
Pipeline(stages=[step(lambda x: x)]).kickoff({"x": 1})
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_missing_api_is_said_plainly(monkeypatch):
    """With what to install."""
    monkeypatch.delitem(sys.modules, "crewgraph.telemetry")
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(ImportError, match=r"hint: pip install 'crewgraph\[telemetry\]'"):
        importlib.import_module("crewgraph.telemetry")


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch, traced):
    """And is traced all the same."""

    def unknown(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("crewgraph.telemetry.telemetry.version", unknown)
    tell(traced.telemetry(), RunStarted(run=0), RunFinished(run=0))
    assert traced.one("invoke_workflow").instrumentation_scope.version == "0"


def test_a_tool_that_ends_in_another_task_leaves_nothing_current(traced):
    """What comes after it belongs to the node, not to a span that has ended."""
    observer = traced.telemetry().begin("x")

    def story():
        tell(observer, RunStarted(run=0), NodeStarted(run=0, node="n"), ToolCallStarted(**HERE, call=1, tool="look"))
        contextvars.copy_context().run(observer, ToolCallFinished(**HERE, call=1, tool="look"))
        tell(observer, ModelCallStarted(**HERE, call=2, model="m"), ModelCallFinished(**HERE, call=2, model="m"))
        tell(observer, NodeFinished(run=0, node="n"), RunFinished(run=0))

    contextvars.copy_context().run(story)
    assert traced.tree() == [{"invoke_workflow x": [{"node n": ["chat m", "execute_tool look"]}]}]
