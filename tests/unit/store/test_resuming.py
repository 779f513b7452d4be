"""What a kickoff with a store runs, and what it reads."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from pydantic import BaseModel, Field

from crewgraph.crew import Agent, Crew, Task
from crewgraph.errors import KickoffError, NodeError, StoreError
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Budget
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.store import overview_of
from crewgraph.syntax import Pipeline
from crewgraph.testing import ScriptedLLM


class Ran(list[str]):
    """The nodes that ran, in order."""

    def step(self, name: str, gives: Any = None, *, fails: Any = None) -> Any:
        """A step that notes that it runs."""

        async def work(inputs: dict[str, Any]) -> Any:
            self.append(name)
            if fails is not None and fails(inputs):
                raise ValueError(f"{name} fails")
            return {name: 1} if gives is None else gives(inputs) if callable(gives) else gives

        return step(name=name)(work)

    def since(self) -> list[str]:
        """Those that ran since this was asked last."""
        told = list(self)
        self.clear()
        return told


@pytest.fixture
def ran() -> Ran:
    return Ran()


# ---- failures, attempts, budgets -----------------------------------------------------------------------------------


def test_failed_nodes_run_again(store, ran) -> None:
    """What had finished is read, what failed is tried once more, and what comes after it runs for the first time."""
    is_broken = [True]
    pipeline = ran.step("a") >> [ran.step("b", fails=lambda _: is_broken[0]), ran.step("c")] >> ran.step("d")
    (run,) = pipeline.kickoff({"i": 0}, store=store, on_error="collect", max_concurrency=1)
    assert run.status == "failed"
    assert ran.since() == ["a", "b"]
    is_broken[0] = False
    (run,) = pipeline.kickoff({"i": 0}, store=store)
    assert sorted(ran.since()) == ["b", "c", "d"]
    assert [(span.node, span.status, span.attempts, span.source) for span in run.spans] == [
        ("a", "ok", 1, "store"),
        ("b", "ok", 2, None),
        ("c", "ok", 1, None),
        ("d", "ok", 1, None),
    ]
    pipeline.kickoff({"i": 0}, store=store)
    assert ran.since() == []


def test_models_are_not_asked_again(store) -> None:
    """Answers, usage, calls and shapes come back; a budget is charged for nothing, and the events say so."""

    class Verdict(BaseModel):
        topic: str
        score: int = Field(alias="points")

    llm = ScriptedLLM('{"topic": "tea", "points": 7}', "done")
    clerk = Agent(role="Clerk", llm=llm)
    first = Crew(name="first", agents=[clerk], tasks=[Task(description="Judge", output_pydantic=Verdict)])
    second = Crew(name="second", agents=[clerk], tasks=[Task(description="Write about {topic}")])
    pipeline = Pipeline([first, second])
    (run,) = pipeline.kickoff({}, store=store)
    told = list[Any]()
    (again,) = pipeline.kickoff({}, store=store, budget=Budget(calls=0), observer=told.append)
    assert len(llm.requests) == 2
    assert again.crews_outputs == run.crews_outputs
    assert type(again.crews_outputs[0].pydantic) is Verdict
    assert again.token_usage == run.token_usage
    assert again.usage.requests == 2
    assert [span.calls for span in again.spans] == [span.calls for span in run.spans]
    assert again.usage_by("agent") == run.usage_by("agent")
    assert [getattr(event, "source", "") for event in told] == ["", "", "store", "", "store", ""]


def test_what_a_budget_stopped_goes_on(store) -> None:
    """What was paid for is kept; with a larger budget only the rest is done."""
    llm = ScriptedLLM("one", "two")
    clerk = Agent(role="Clerk", llm=llm)
    pipeline = Pipeline([Crew(name=name, agents=[clerk], tasks=[Task(description=name)]) for name in "ab"])
    (run,) = pipeline.kickoff({}, store=store, budget=Budget(calls=1), on_error="collect")
    assert run.status == "over_budget"
    assert overview_of(store).pipelines[0].runs == {"over_budget": 1}
    (run,) = pipeline.kickoff({}, store=store, budget=Budget(calls=1))
    assert run.raw == "two"
    assert len(llm.requests) == 2


@pytest.mark.anyio
async def test_what_was_cancelled_goes_on(store, ran) -> None:
    """A kickoff that is left early keeps what its nodes gave."""

    @step
    async def never(a: int) -> int:
        ran.append("never")
        await anyio.sleep_forever()
        return a

    with anyio.move_on_after(10) as scope:
        async for event in Pipeline([ran.step("a"), never]).events({}, store=store):
            if type(event).__name__ == "NodeStarted" and event.node == "never":
                scope.cancel()
    assert ran.since() == ["a", "never"]
    assert overview_of(store).pipelines[0].runs == {"cancelled": 1}
    async with aclosing(Pipeline([ran.step("a"), ran.step("never")]).stream({}, store=store)) as runs:
        async for run in runs:
            assert run.ok
    assert ran.since() == ["never"]


# ---- identity ------------------------------------------------------------------------------------------------------


def test_a_longer_file_continues(store, ran) -> None:
    """Inputs are known by what is in them, whatever their order; equal ones are told apart by their number."""
    pipeline = Pipeline([ran.step("a")])
    pipeline.kickoff([{"n": 1}, {"n": 2, "m": 0}], store=store)
    pipeline.kickoff([{"m": 0, "n": 2}, {"n": 3}, {"n": 1}, {"n": 1}], store=store)
    assert len(ran) == 4
    assert overview_of(store).pipelines[0].runs == {"ok": 4}


def test_an_id_column_tells_inputs_apart(store, ran) -> None:
    """The id stays while the content changes: then everything that depends on the content runs again."""
    pipeline = Pipeline([ran.step("a")])
    pipeline.kickoff([{"id": "x", "n": object()}, {"id": 7, "n": 1}], store=store, id_column="id")
    pipeline.kickoff([{"id": "x", "n": object()}, {"id": 7, "n": 2}], store=store, id_column="id")
    assert len(ran) == 3
    assert overview_of(store).pipelines[0].runs == {"ok": 2}
    assert overview_of(store).pipelines[0].nodes == {"a": (2, 0)}


def test_inputs_without_identity(store, ran) -> None:
    """They are refused before anything runs, or fail alone where others are to go on."""
    pipeline = Pipeline([ran.step("a")])
    with pytest.raises(StoreError, match=r"input 1 has no 'id', by which it would be known again"):
        pipeline.kickoff([{"id": 1}, {}], store=store, id_column="id")
    with pytest.raises(StoreError, match=r"input 1 has the 'id' of an earlier one: 1"):
        pipeline.kickoff([{"id": 1}, {"id": "1"}], store=store, id_column="id")
    with pytest.raises(StoreError, match=r"holds a object, which cannot be written as JSON.*id_column='…'"):
        pipeline.kickoff({"n": object()}, store=store)
    with pytest.raises(StoreError, match=r"holds a object"):
        pipeline.kickoff({"id": object()}, store=store, id_column="id")
    assert ran == []
    good, bad = pipeline.kickoff([{"id": 1}, {}], store=store, id_column="id", on_error="collect")
    assert (good.status, bad.status) == ("ok", "failed")
    assert isinstance(bad.error, StoreError)


@pytest.mark.parametrize("value", [dt.date(2026, 1, 1), {"b", "a"}, (1, 2), b"\xff", None, 1.5])
def test_inputs_of_many_kinds_are_known_again(store, ran, value) -> None:
    """Whatever can be written as JSON identifies an input."""
    for _ in range(2):
        Pipeline([ran.step("a")]).kickoff({"value": value}, store=store)
    assert ran.since() == ["a"]


def test_pipelines_are_kept_apart(store, ran) -> None:
    """By name, or by the key that is given."""
    one, other = Pipeline([ran.step("a")], name="one"), Pipeline([ran.step("a")], name="other")
    for pipeline, key in ((one, None), (other, None), (other, "third"), (one, None), (other, "third")):
        pipeline.kickoff({}, store=store, key=key)
    assert ran.since() == ["a"] * 3
    assert [each.name for each in overview_of(store).pipelines] == ["one", "other", "third"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"store": 3}, "store is the path of a file, as in 'runs.sqlite', not 3"),
        ({"store": ""}, "store is the path of a file"),
        ({"id_column": "id"}, "id_column is about a store, and there is none"),
        ({"key": "k"}, "key is about a store"),
        ({"store": "x", "key": " "}, "key is a text, not ' '"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_wrong_options(options, message) -> None:
    """They are refused before anything is made."""
    with pytest.raises(TypeError, match=message):
        Pipeline([step(lambda: None)]).kickoff({}, **options)


# ---- edits ---------------------------------------------------------------------------------------------------------


def lines(caplog) -> list[str]:
    told = [record.getMessage().partition(": ")[2] for record in caplog.records if record.name == "crewgraph.store"]
    caplog.clear()
    return told


def test_after_an_edit_what_lies_below_runs_again(store, ran, caplog) -> None:
    """Only that; it is said beforehand; and undoing the edit reads what was kept before it."""
    caplog.set_level(logging.INFO, "crewgraph.store")

    def built(gives: Any = None) -> Pipeline:
        return Pipeline([ran.step("a"), [ran.step("b", gives), ran.step("c")], ran.step("d"), ran.step("e")], name="p")

    built().kickoff([{"i": 0}, {"i": 1}], store=store)
    assert lines(caplog) == []
    ran.since()
    built({"b": 2}).kickoff([{"i": 0}, {"i": 1}], store=store)
    assert sorted(ran.since()) == ["b", "b", "d", "d", "e", "e"]
    assert lines(caplog) == [
        "2 runs of 'p' are there, 0 of them not finished",
        "in 2 runs of these 'b' changed and runs again, and below it 'd' and 'e'",
        "4 nodes read, and not run",
    ]
    built().kickoff([{"i": 0}, {"i": 1}], store=store)
    assert ran.since() == []


def test_what_is_said_of_edits(store, ran, caplog) -> None:
    """Several nodes, new ways, many nodes, and edits that concern nothing that is there any more."""
    caplog.set_level(logging.INFO, "crewgraph.store")
    a, b, c = (ran.step(name) for name in "abc")

    def said(*stages: Any, **options: Any) -> str:
        Pipeline(list(stages), name="p", **options).kickoff({"i": 0}, store=store)
        return next((line for line in lines(caplog) if line.startswith("in ")), "")

    assert said(a, b) == ""
    assert said(a, [b, c]) == "in 1 run of these 'c' changed and runs again"
    assert said(a) == ""
    assert said(b, a) == "in 1 run of these 'b' changed and runs again, and below it 'a'"
    assert said(b, a, merge_json=False) == "in 1 run of these 'b' and 'a' run again: what leads there was changed"
    many = [ran.step(f"n{number}") for number in range(12)]
    assert said(*many).endswith("'n9' and 2 more nodes changed and run again")
    assert said(*many, merge_json=False).endswith("'n9' and 2 more nodes run again: what leads there was changed")


def test_a_definition_nobody_noted(store, ran, rows, caplog) -> None:
    """Whoever has cleared the notes is told that everything changed."""
    import sqlite3

    caplog.set_level(logging.INFO, "crewgraph.store")
    Pipeline([ran.step("a")]).kickoff({}, store=store)
    connection = sqlite3.connect(store)
    connection.execute("DELETE FROM meta")
    connection.execute("UPDATE runs SET definition = 'gone'")
    connection.commit()
    connection.close()
    Pipeline([ran.step("a")]).kickoff({}, store=store)
    assert "in 1 run of these 'a' changed and runs again" in lines(caplog)


def test_another_input_model_is_an_edit(store, ran) -> None:
    """What inputs become by it reaches every node."""

    class One(BaseModel):
        i: int

    class Two(BaseModel):
        i: int
        more: int = 1

    for model in (One, Two, Two):
        Pipeline([ran.step("a")], inputs=model).kickoff({"i": 1}, store=store)
    assert ran.since() == ["a", "a"]


# ---- routers -------------------------------------------------------------------------------------------------------


def test_routes_are_read(store, ran) -> None:
    """A router that has decided is not asked again; an edit of its conditions asks it, and runs what lies below."""
    asked = list[int]()

    def built(limit: int) -> Pipeline:
        def is_high(values: dict[str, Any]) -> bool:
            asked.append(limit)
            return bool(values["i"] > limit)

        return Pipeline([ran.step("a"), Router({"high": Route(is_high, ran.step("h"))}, ran.step("l")), ran.step("z")])

    for limit in (5, 5, 6):
        (run,) = built(limit).kickoff({"i": 9}, store=store)
        assert run.trace == [{"i": 9}, "a", {"route_taken": "high"}, "h", "z"]
    assert asked == [5, 6]
    assert ran.since() == ["a", "h", "z", "h", "z"]


class Improvising(Router):
    """Comes up with a pipeline that nobody declared."""

    def route(self, values: dict[str, Any]) -> Any:
        return self.default if values.get("plain") else improvised[values["i"]], "own"


improvised = dict[int, Any]()


@pytest.mark.anyio
async def test_open_routers_are_asked_again(store) -> None:
    """What their pipelines gave is read, whichever of several is done first; another pipeline runs."""
    ran = Ran()
    order = [anyio.Event(), anyio.Event()]

    def slow(name: str, first: int) -> Any:
        async def work(inputs: dict[str, Any]) -> dict[str, int]:
            if not first:
                await order[0].wait()
            order[0].set()
            ran.append(name)
            return {name: inputs["i"]}

        return step(name="same")(work)

    async def run(first: int) -> Any:
        order[0] = anyio.Event()
        improvised[0] = Pipeline([slow("x", first), ran.step("t")])
        improvised[1] = Pipeline([slow("y", 1 - first), ran.step("t")])

        def router(number: int) -> Any:
            class Own(Improvising):
                def route(self, values: dict[str, Any]) -> Any:
                    return improvised[number], "own"

            return Own(default=ran.step("default"))

        pipeline = Pipeline([[router(0), router(1)], ran.step("z")])
        (result,) = await pipeline.kickoff_async({"i": 4}, store=store)
        return result

    before = await run(0)
    assert sorted(ran.since()) == ["t", "t", "x", "y", "z"]
    after = await run(1)  # a first edit: what `slow` closes over is another number
    ran.since()
    again = await run(1)
    assert ran.since() == []
    assert before.to_dict() == after.to_dict() == again.to_dict() == {"z": 1}
    assert {span.node for span in again.spans if span.source} == {"same", "t", "same#2", "t#2", "z"}


# ---- what cannot be kept -------------------------------------------------------------------------------------------


def test_what_json_does_not_know_runs_again(store, ran, caplog) -> None:
    """It is said once, with node, key and a hint; what lies below is read, for the same is expected again."""
    pipeline = ran.step("a", lambda _: {"when": object()}) >> ran.step("b")
    for _ in range(2):
        (run, _other) = pipeline.kickoff([{"i": 0}, {"i": 1}], store=store)
        assert run.ok
    assert sorted(ran.since()) == ["a", "a", "a", "a", "b", "b"]
    (told, again) = lines(caplog)
    assert told == again
    assert told == (
        "node 'a' is not kept, and runs again when this is resumed: 'when' is a object, which JSON does not know. "
        "hint: declare the key, in a TypedDict or a model"
    )


most = [10]


class Small(BaseModel):
    n: int

    def model_post_init(self, context: Any, /) -> None:
        if self.n > most[0]:
            raise ValueError("too large")


def test_values_are_checked_when_they_are_read(store, caplog) -> None:
    """What no longer fits its declared type runs again, and it is told."""
    ran = list[int]()

    @step
    async def measure(i: int) -> Small:
        ran.append(i)
        return Small(n=min(i, most[0]))

    for most[0], count in ((10, 1), (10, 1), (5, 2), (5, 2)):
        (run,) = Pipeline([measure]).kickoff({"i": 9}, store=store)
        assert len(ran) == count
        assert run.pydantic == Small(n=min(9, most[0]))
    (told,) = lines(caplog)
    assert told.startswith("node 'measure' runs again: what is kept of it does not fit any more: 1 validation error")


@pytest.mark.anyio
async def test_reversed_order_of_completion(store) -> None:
    """Branches that finish the other way round when they are resumed hand over the same: 20 runs of 20."""
    finished = list[str]()

    @step
    async def b(i: int, turn: int) -> dict[str, str]:
        await anyio.sleep(0.001 * ((i + turn) % 3))
        finished.append("b")
        return {"b": f"b{i}"}

    @step
    async def c(i: int, turn: int) -> dict[str, str]:
        await anyio.sleep(0.001 * ((i + turn + 1) % 3))
        finished.append("c")
        return {"c": f"c{i}"}

    @step
    async def d(i: int, b: str, c: str) -> dict[str, str]:
        if fails:
            raise RuntimeError("killed while it ran")
        return {"d": f"{i}{b}{c}"}

    fails = True
    inputs = [{"i": i, "turn": 0} for i in range(20)]
    with pytest.raises(KickoffError):
        await Pipeline([[b >> step(name="b2")(same), c >> step(name="c2")(same)], d]).kickoff_async(inputs, store=store)
    fails = False
    finished.clear()
    result = await Pipeline([[b >> step(name="b2")(same), c >> step(name="c2")(same)], d]).kickoff_async(
        inputs, store=store
    )
    assert finished == []
    assert [run.to_dict() for run in result] == [{"d": f"{i}b{i}c{i}"} for i in range(20)]


async def same(i: int) -> int:
    return i


@dataclasses.dataclass
class Foreign:
    """A crew of somebody else's."""

    name: str
    answer: Any
    runs: int = 0

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> Any:
        del inputs
        self.runs += 1
        return self.answer


def test_foreign_crews_are_kept(store) -> None:
    """What is read from them is a plain output; a subclass of one is not kept."""

    class Own(CrewOutput):
        more: int = 1

    plain, own = Foreign("plain", {"k": 1}), Foreign("own", Own(raw="x"))
    for _ in range(2):
        Pipeline([plain, own]).kickoff({}, store=store)
    assert (plain.runs, own.runs) == (1, 2)


def test_errors_of_a_store_inside_a_node_fail_that_node(store, ran) -> None:
    """Only the store of the kickoff itself ends the kickoff."""

    @step
    async def inner() -> None:
        raise StoreError("other.sqlite", "is full")

    first, second = Pipeline([inner]).kickoff([{"i": 0}, {"i": 1}], store=store, on_error="collect")
    assert isinstance(first.error, NodeError)
    assert isinstance(second.error, NodeError)
