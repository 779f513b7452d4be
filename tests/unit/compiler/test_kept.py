from __future__ import annotations

import gc
import types
import weakref
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from crewgraph import Agent, Crew, Edge, Graph, Ignore, Pipeline, Policy, Route, Router, Step, Task
from crewgraph.compiler import compile_pipeline, kept, plan_for
from crewgraph.errors import PipelineInvalid


class Takes(TypedDict):
    v: int


LIMIT = 3


SCHEMA: dict[str, Any] = {"type": "object", "properties": {"v": {"type": "integer"}}, "required": ["v"]}


class Given(BaseModel):
    title: str


async def add(v: int) -> dict[str, int]:
    return {"v": v + 1}


async def other(v: int, more: int = 1) -> dict[str, int]:
    return {"v": v + more}


def plain(v: int) -> Takes:
    return {"v": v}


def is_high(values: dict[str, Any]) -> bool:
    return values["v"] > LIMIT


class Foreign:
    """A crew of another library."""

    def __init__(self) -> None:
        self.name = "foreign"

    async def kickoff_async(self, inputs: Any = None) -> str:
        return "text"


class Whole:
    """A pipeline of every kind of stage, and its parts."""

    def __init__(self) -> None:
        self.plain = types.FunctionType(plain.__code__, globals(), "plain")  # one that no other test sees changed
        self.plain.__annotations__ = dict(plain.__annotations__)
        self.step = Step(add, name="first")
        self.agent = Agent(name="w", role="writer", llm="offline")
        self.task = Task(description="Write about {v}.", agent=self.agent)
        self.crew = Crew(name="c", agents=[self.agent], tasks=[self.task])
        self.foreign = Foreign()
        self.inner = Pipeline([Step(add, name="inner")], name="inner")
        self.condition: Any = types.FunctionType(is_high.__code__, {"LIMIT": 3}, "is_high")
        self.router = Router(default=Step(add, name="low"), name="r")
        self.router.add_route("high", self.condition, Step(add, name="high"))
        self.router.add_route("text", "v > 1", Step(add, name="text"))
        self.foreign_too = Foreign()
        a, b = Step(add, name="a"), Step(add, name="b")
        self.graph = Graph([(self.foreign_too, a), Edge(a, b, when=self.condition)], name="g")
        self.all = Pipeline(
            [self.step, [self.crew, self.plain, self.step], self.foreign, self.inner, self.router, self.graph],
            name="all",
        )


def known(whole: Whole) -> Any:
    """The plan that is kept of it."""
    plan_for(whole.all)
    plan = plan_for(whole.all)
    assert plan_for(whole.all) is plan
    return plan


def told(plan: Any) -> list[Any]:
    """What is in a plan."""
    graph = plan.graph
    return [
        [(node.name, getattr(node, "interface", None), getattr(node, "policy", None)) for node in plan.nodes],
        graph.edges, graph.name, graph.merge_json, graph.shape, plan.wiring, plan.upstream, plan.texts, plan.inputs,
    ]  # fmt: skip


def test_an_unchanged_pipeline_is_compiled_once() -> None:
    """From its second kickoff on, and the plan is the one that compiling makes."""
    whole = Whole()
    assert told(known(whole)) == told(compile_pipeline(whole.all))


def set_to(part: str, name: str, value: Any) -> Callable[[Whole], object]:
    """An edit that assigns something."""
    return lambda whole: setattr(getattr(whole, part), name, value)


EDITS: dict[str, Callable[[Whole], object]] = {
    "a stage appended": lambda whole: whole.all.stages.append(Step(add, name="end")),
    "a stage replaced": lambda whole: whole.all.stages.__setitem__(0, Step(add, name="first")),
    "a stage taken away": lambda whole: whole.all.stages.pop(),
    "stages in another order": lambda whole: whole.all.stages.reverse(),
    "a branch taken away": lambda whole: whole.all.stages[1].pop(),
    "a branch that becomes a stage": lambda whole: whole.all.stages.insert(2, whole.all.stages[1].pop()),
    "other stages": lambda whole: setattr(whole.all, "stages", list(whole.all.stages[:3])),
    "the name": set_to("all", "name", "else"),
    "merge_json": set_to("all", "merge_json", False),
    "what it ignores": set_to("all", "ignore", (Ignore("CG305", "so"),)),
    "the inputs": set_to("all", "input_model", Takes),
    "a schema": set_to("all", "input_model", SCHEMA),
    "an inner stage": lambda whole: whole.inner.stages.append(Step(add, name="more")),
    "an inner policy": set_to("inner", "policy", Policy(retries=1)),
    "an inner name": set_to("inner", "name", None),
    "the name of a step": set_to("step", "name", "renamed"),
    "the function of a step": set_to("step", "function", other),
    "the policy of a step": set_to("step", "policy", Policy(node_timeout=3)),
    "what a step says": lambda whole: setattr(whole.step, "interface", Step(other).interface),
    "the types of a function": lambda whole: whole.plain.__annotations__.update(v=str),
    "the code of a function": lambda whole: setattr(whole.plain, "__code__", (lambda v: {"v": v}).__code__),
    "the defaults of a function": lambda whole: setattr(whole.plain, "__defaults__", (1,)),
    "a function that wraps another": lambda whole: setattr(whole.plain, "__wrapped__", other),
    "the text of a task": set_to("task", "description", "Write about {v} and {first}."),
    "a goal that asks": set_to("agent", "goal", "Say {v}."),
    "a task appended": lambda whole: whole.crew.tasks.append(Task(description="{v}", agent=whole.agent)),
    "what a task gives": set_to("task", "output_json", Given),
    "the name of a foreign crew": set_to("foreign", "name", "else"),
    "what a foreign crew says": lambda whole: setattr(whole.foreign, "interface", Step(add).interface),
    "a route added": lambda whole: whole.router.add_route("new", "v > 9", Step(add, name="new")),
    "a route replaced": lambda whole: whole.router.add_route("high", "v > 9", Step(add, name="new")),
    "a route taken away": lambda whole: whole.router.routes.pop("high"),
    "the order of routes": lambda whole: whole.router.routes.update(high=whole.router.routes.pop("high")),
    "the condition of a route": lambda whole: setattr(whole.router.routes["text"], "condition", "v > 2"),
    "where a route leads": lambda whole: setattr(whole.router.routes["text"], "pipeline", Step(add, name="there")),
    "another route": lambda whole: whole.router.routes.__setitem__("text", Route("v > 1", Step(add, name="text"))),
    "the default": set_to("router", "default", Step(add, name="lower")),
    "the name of a router": set_to("router", "name", "else"),
    "the code of a condition": lambda whole: setattr(whole.condition, "__code__", (lambda v: v["x"]).__code__),
    "a name in a condition": lambda whole: whole.condition.__globals__.update(LIMIT=4),
    "the name of a condition": set_to("condition", "__name__", "is_low"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_seen(edit: Callable[[Whole], object]) -> None:
    """Whatever is changed between two kickoffs is compiled, and the third of them runs the plan of the second."""
    whole = Whole()
    before = known(whole)
    edit(whole)
    plan = plan_for(whole.all)
    assert plan is not before
    assert told(plan) == told(compile_pipeline(whole.all))


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda whole: whole.all.stages.append(3), "CG103"),
        (lambda whole: whole.all.stages.append([]), "CG102"),
        (lambda whole: whole.all.stages.append([[add]]), "CG101"),
        (lambda whole: whole.all.stages.append(whole.all), "CG202"),
        (lambda whole: whole.inner.stages.append(whole.all), "CG202"),
        (lambda whole: whole.inner.stages.clear(), "CG102"),
        (lambda whole: whole.router.routes.update(high=3), "CG103"),
        (lambda whole: whole.crew.tasks.clear(), "CG"),
    ],
    ids=["no stage", "nothing", "lists in lists", "itself", "around itself", "no stages", "no route", "no tasks"],
)
def test_an_edit_that_breaks_it_is_an_error(edit: Callable[[Whole], object], code: str) -> None:
    """As it is at the first kickoff; nothing runs, at any later kickoff either."""
    whole = Whole()
    known(whole)
    edit(whole)
    for _ in range(3):
        with pytest.raises(PipelineInvalid, match=code):
            plan_for(whole.all)


def test_an_edit_that_is_taken_back_is_seen() -> None:
    """A pipeline that was broken in between runs again."""
    whole = Whole()
    plan = known(whole)
    whole.all.stages.append(3)
    with pytest.raises(PipelineInvalid):
        plan_for(whole.all)
    whole.all.stages.pop()
    assert told(plan_for(whole.all)) == told(plan)


class Own(Pipeline):
    """A pipeline of somebody who may do anything in it."""


class Picky(Router):
    """A router that decides by itself."""


class Moody:
    """A type argument that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        return 1


def moody() -> Foreign:
    """A crew that says each time something that cannot be compared."""
    made = Foreign()
    interface = Step(add).interface()
    vars(made)["interface"] = lambda: type(interface)(gives={"v": Moody()})
    return made


def later(v: Unknown) -> None:  # type: ignore[name-defined]  # noqa: F821 - it is not there yet
    """A function whose types are not known yet."""


@pytest.mark.parametrize(
    "make",
    [
        lambda: Own(stages=[Step(add)]),
        lambda: Pipeline([Own(stages=[Step(add)], name="own")]),
        lambda: Pipeline([Picky(default=Step(add))]),
        lambda: Pipeline([moody()]),
        lambda: Pipeline([Step(later)]),
        lambda: Pipeline([Foreign().kickoff_async]),
    ],
    ids=["own class", "inner of own class", "own router", "cannot be compared", "types not known", "method"],
)
def test_what_cannot_be_followed_is_compiled_each_time(make: Callable[[], Pipeline]) -> None:
    """Where an edit might not be seen nothing is kept."""
    pipeline = make()
    first = [plan_for(pipeline) for _ in range(4)]
    assert len({id(plan) for plan in first}) == len(first)


def test_a_model_that_is_not_whole() -> None:
    """A type of the inputs whose fields are not known yet may be another one at the next kickoff."""

    class Early(BaseModel):
        v: Unknown  # type: ignore[name-defined]  # noqa: F821 - it is not there yet

    pipeline = Pipeline([Step(add)], inputs=Early)
    plans = [plan_for(pipeline) for _ in range(4)]
    assert len({id(plan) for plan in plans}) == len(plans)


def test_a_schema_that_is_edited() -> None:
    """A dict is looked into: it may be written on."""
    schema: dict[str, Any] = {**SCHEMA, "properties": dict(SCHEMA["properties"])}
    pipeline = Pipeline([Step(add)], inputs=schema)
    before = [plan_for(pipeline) for _ in range(3)][-1]
    assert plan_for(pipeline) is before
    schema["properties"]["w"] = {"type": "string"}
    assert list(plan_for(pipeline).inputs) == list(compile_pipeline(pipeline).inputs)
    assert plan_for(pipeline) is not before


def test_nothing_is_held() -> None:
    """A pipeline that nobody holds any more is gone, and so is what was kept of it."""
    whole = Whole()
    plan, gone, number = weakref.ref(known(whole).graph), weakref.ref(whole.all), id(whole.all)
    del whole
    gc.collect()
    assert gone() is None
    assert plan() is None
    assert number not in kept.KEPT


def test_no_more_than_some_are_kept() -> None:
    """Who holds many pipelines compiles those again that were first."""
    many = [Pipeline([Step(add)]) for _ in range(kept.MOST + 5)]
    for pipeline in many:
        plan_for(pipeline)
    assert len(kept.KEPT) <= kept.MOST
    assert plan_for(many[0]).nodes


def test_kickoffs_see_edits() -> None:
    """A step that is put in between two kickoffs runs, and a task is asked as it stands now."""
    pipeline = Pipeline([Step(add, name="one")])
    results = [pipeline.kickoff({"v": 1})[0].output.json_dict["v"] for _ in range(3)]
    pipeline.stages.append(Step(add, name="two"))
    assert [*results, pipeline.kickoff({"v": 1})[0].output.json_dict["v"]] == [2, 2, 2, 3]
