"""The behaviour table: a pipeline, its input, and what comes out, on both event loops.

Every node is a *witness*: it notes what it was handed and answers as it is told. Names are single letters so that a
row reads like the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crewgraph.approval import Approval
from crewgraph.engine.replayed import stored_results
from crewgraph.outputs import CrewOutput, UsageMetrics
from crewgraph.report import plain
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline, Procedure, Stage

USAGE = UsageMetrics(total_tokens=3, prompt_tokens=2, completion_tokens=1, successful_requests=1)


class Witness(Stage):
    """A crew that notes its inputs and gives keys, text or an error."""

    def __init__(self, name: str, gives: Mapping[str, Any] | str | Exception | None = None) -> None:
        self.name = name
        self.gives = {name: 1} if gives is None else gives
        self.saw: list[dict[str, Any]] = []

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        """Note and answer."""
        self.saw.append(dict(inputs or {}))
        if isinstance(self.gives, Exception):
            raise self.gives
        if isinstance(self.gives, str):
            return CrewOutput(raw=self.gives, token_usage=USAGE)
        return CrewOutput(raw=f"{self.name} spoke", json_dict=dict(self.gives), token_usage=USAGE)


class Cast(dict[str, Witness]):
    """Witnesses by name, made when first named."""

    def __call__(self, name: str, gives: Mapping[str, Any] | str | Exception | None = None) -> Witness:
        return self.setdefault(name, Witness(name, gives))


@dataclass(frozen=True)
class Row:
    """One row: what is built, what goes in, what comes out."""

    id: str
    build: Callable[[Cast], Any]
    trace: list[list[Any]]
    inputs: dict[str, Any] = field(default_factory=lambda: {"i": 0})
    saw: dict[str, dict[str, Any]] = field(default_factory=dict)
    out: list[dict[str, Any]] = field(default_factory=list)


def score_router(c: Cast) -> Router:
    return Router({"high": Route(lambda v: v["i"] > 5, Pipeline([c("h")])), "mid": Route("i > 2", c("m"))}, c("d"))


I0, I4, I9 = {"i": 0}, {"i": 4}, {"i": 9}

ROWS = [
    Row("one crew", lambda c: Pipeline([c("a")]), [[I0, "a"]], saw={"a": I0}, out=[{"a": 1}]),
    Row(
        "a pipeline accumulates",
        lambda c: Pipeline([c("a"), c("b"), c("c")]),
        [[I0, "a", "b", "c"]],
        saw={"b": {"i": 0, "a": 1}, "c": {"i": 0, "a": 1, "b": 1}},
        out=[{"c": 1}],
    ),
    Row(
        "a procedure hands over the previous output only",
        lambda c: c("a") >> c("b") >> c("c"),
        [[I0, "a", "b", "c"]],
        saw={"a": I0, "b": {"a": 1}, "c": {"b": 1}},
        out=[{"c": 1}],
    ),
    Row(
        "a parallel stage and a join",
        lambda c: c("a") >> [c("b"), c("c")] >> c("d"),
        [[I0, "a", ["b", "c"], "d"]],
        saw={"b": {"i": 0, "a": 1}, "c": {"i": 0, "a": 1}, "d": {"i": 0, "a": 1, "b": 1, "c": 1}},
        out=[{"d": 1}],
    ),
    Row(
        "one result for each branch of the final stage",
        lambda c: c("a") >> [c("b"), c("c")],
        [[I0, "a", "b"], [I0, "a", "c"]],
        out=[{"b": 1}, {"c": 1}],
    ),
    Row(
        "a parallel stage may be the first",
        lambda c: [c("a"), c("b")] >> c("c"),
        [[I0, ["a", "b"], "c"]],
        saw={"a": I0, "b": I0, "c": {"i": 0, "a": 1, "b": 1}},
    ),
    Row(
        "parallel to parallel",
        lambda c: Pipeline([[c("a"), c("b")], [c("c"), c("d")]]),
        [[I0, ["a", "b"], "c"], [I0, ["a", "b"], "d"]],
        saw={"c": {"i": 0, "a": 1, "b": 1}, "d": {"i": 0, "a": 1, "b": 1}},
    ),
    Row(
        "a branch may be a pipeline",
        lambda c: Pipeline([[c("a") >> c("b"), c("c")], c("d")]),
        [[I0, [["a", "b"], "c"], "d"]],
        saw={"b": {"i": 0, "a": 1}, "d": {"i": 0, "a": 1, "b": 1, "c": 1}},
    ),
    Row(
        "a final branch that is a pipeline has its own trace",
        lambda c: c("z") >> [c("a") >> c("b"), c("c")],
        [[I0, "z", "a", "b"], [I0, "z", "c"]],
    ),
    Row(
        "a list of one is no branch in the trace",
        lambda c: Pipeline([[c("a")], c("b")]),
        [[I0, "a", "b"]],
    ),
    Row(
        "the first true condition wins",
        lambda c: c("a") >> score_router(c) >> c("z"),
        [[I9, "a", {"route_taken": "high"}, "h", "z"]],
        inputs=I9,
        saw={"h": {"i": 9, "a": 1}, "z": {"i": 9, "a": 1, "h": 1}},
    ),
    Row(
        "a string condition is tried in its turn",
        lambda c: c("a") >> score_router(c) >> c("z"),
        [[I4, "a", {"route_taken": "mid"}, "m", "z"]],
        inputs=I4,
    ),
    Row(
        "the default is taken where none is true",
        lambda c: Pipeline([score_router(c)]),
        [[I0, {"route_taken": "default"}, "d"]],
        out=[{"d": 1}],
    ),
    Row(
        "a branch may be a router",
        lambda c: Pipeline([[c("a"), score_router(c)], c("z")]),
        [[I4, ["a", [{"route_taken": "mid"}, "m"]], "z"]],
        inputs=I4,
        saw={"z": {"i": 4, "a": 1, "m": 1}},
    ),
    Row(
        "a router behind a router",
        lambda c: Pipeline([score_router(c), Router({"x": Route("has(h)", c("x"))}, c("y")), c("z")]),
        [[I9, {"route_taken": "high"}, "h", {"route_taken": "x"}, "x", "z"]],
        inputs=I9,
    ),
    Row(
        "a route that ends in parallel branches",
        lambda c: c("a") >> Router({}, Pipeline([c("b"), [c("x"), c("y")]])),
        [[I0, "a", {"route_taken": "default"}, "b", "x"], [I0, "a", {"route_taken": "default"}, "b", "y"]],
    ),
    Row(
        "the same crew twice is two nodes",
        lambda c: Pipeline([c("a"), c("b"), c("a")]),
        [[I0, "a", "b", "a#2"]],
    ),
    Row(
        "raw text that is one JSON object is merged",
        lambda c: Pipeline([c("a", '```json\n{"k": 7}\n```'), c("b")]),
        [[I0, "a", "b"]],
        saw={"b": {"i": 0, "k": 7}},
    ),
    Row(
        "raw text that is anything else is not",
        lambda c: Pipeline([c("a", 'here: {"k": 7}'), c("b")]),
        [[I0, "a", "b"]],
        saw={"b": I0},
    ),
    Row(
        "merging of raw JSON can be switched off",
        lambda c: Pipeline([c("a", '{"k": 7}'), c("b")], merge_json=False),
        [[I0, "a", "b"]],
        saw={"b": I0},
    ),
    Row(
        "of two writers the later in the text counts, not the later to finish",
        lambda c: Pipeline([[c("a", {"k": "a"}), c("b", {"k": "b"})], c("z")]),
        [[I0, ["a", "b"], "z"]],
        saw={"z": {"i": 0, "k": "b"}},
    ),
    Row(
        "a branch that does not write keeps what the other wrote",
        lambda c: Pipeline([c("s", {"k": "s"}), [c("a", {"k": "a"}), c("b", {})], c("z")]),
        [[I0, "s", ["a", "b"], "z"]],
        saw={"z": {"i": 0, "k": "a"}},
    ),
    Row(
        "an output wins over an input of the same name",
        lambda c: Pipeline([c("a", {"i": "new"}), c("b")]),
        [[I0, "a", "b"]],
        saw={"b": {"i": "new"}},
    ),
    Row(
        "an approval gives its decision beside what there was",
        lambda c: c("a") >> Approval("all right", decide=lambda _: True) >> c("b"),
        [[I0, "a", "all right", "b"]],
        saw={"b": {"i": 0, "a": 1, "all_right": "approved", "all_right_comment": "", "all_right_by": ""}},
    ),
    Row(
        "in a procedure an approval hands on what it was handed",
        lambda c: Procedure([c("a"), Approval("ok", decide=lambda _: True, edits={"a": int}), c("b"), c("c")]),
        [[I0, "a", "ok", "b", "c"]],
        saw={"b": {"a": 1, "ok": "approved", "ok_comment": "", "ok_by": ""}, "c": {"b": 1}},
        out=[{"c": 1}],
    ),
    Row(
        "the name of an approval is no text that lasts in a procedure",
        lambda c: Procedure(
            [
                Approval("ok", decide=lambda _: True),
                c("a", {"b": 1}),
                Approval("no", ask="{ok}?", decide=lambda w: w.ask == "7?"),
            ]
        ),
        [[{"ok": 7}, "ok", "a", "no"]],
        inputs={"ok": 7},
        out=[{"no": "approved", "no_comment": "", "no_by": ""}],
    ),
    Row(
        "several approvals at the beginning of a procedure hand on the input",
        lambda c: Procedure([*(Approval(name, decide=lambda _: False) for name in ("x", "y")), c("b", "well")]),
        [[I0, "x", "y", "b"]],
        saw={
            "b": I0
            | {f"{name}{part}": "" for name in ("x", "y") for part in ("_comment", "_by")}
            | {"x": "rejected", "y": "rejected"}
        },
    ),
    Row(
        "a route is made of a decision",
        lambda c: Pipeline(
            [
                Approval("ok", decide=lambda _: "expired", timeout=1),
                Router({"late": Route("ok == 'expired'", Pipeline([c("a")]))}, default=Pipeline([c("b")])),
            ]
        ),
        [[I0, "ok", {"route_taken": "late"}, "a"]],
    ),
    Row(
        "an empty input is an input",
        lambda c: Pipeline([c("a")]),
        [[{}, "a"]],
        inputs={},
        saw={"a": {}},
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_row(row: Row) -> None:
    """The row holds: traces, what the witnesses saw, and the structured output."""
    cast = Cast()
    result = await row.build(cast).kickoff_async(row.inputs)
    assert [run.trace for run in result] == row.trace
    for name, seen in row.saw.items():
        assert cast[name].saw == [seen]
    if row.out:
        assert [run.to_dict() for run in result] == row.out


@pytest.mark.anyio
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_many_inputs_are_isolated(row: Row) -> None:
    """The same row thirty times at once gives thirty times the same, in the order of the inputs."""
    inputs = [row.inputs | {"n": n} for n in range(30)]
    result = await row.build(Cast()).kickoff_async(inputs, max_concurrency=7)
    per_input = len(row.trace)
    assert [run.index for run in result] == [n for n in range(30) for _ in range(per_input)]
    assert [run.trace[0] for run in result] == [inputs[n] for n in range(30) for _ in range(per_input)]
    assert [run.trace[1:] for run in result] == [trace[1:] for trace in row.trace] * 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row_with_a_store(row: Row, tmp_path: Path) -> None:
    """The row holds with a journal too; the same again runs no node, and nothing but times and sources is different."""
    cast = Cast()
    pipeline = row.build(cast)
    first = pipeline.kickoff(row.inputs, store=tmp_path / "runs.sqlite")
    again = pipeline.kickoff(row.inputs, store=tmp_path / "runs.sqlite")
    for result in (first, again):
        assert [run.trace for run in result] == row.trace
        if row.out:
            assert [run.to_dict() for run in result] == row.out
    for name, seen in row.saw.items():
        assert cast[name].saw == [seen]
    for one, other in zip(first, again, strict=True):
        assert one.model_dump(exclude={"id"}) == other.model_dump(exclude={"id"})
        spans = [span.model_copy(update={"source": None}) for span in other.spans]
        assert spans == one.spans
        assert {span.source for span in other.spans if span.status == "ok"} == {"store"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
@pytest.mark.parametrize("has_pipeline", [True, False], ids=["pipeline", "no code"])
def test_row_out_of_a_store(row: Row, tmp_path: Path, has_pipeline: bool) -> None:
    """The results of a store are those of the kickoff, spans and times included; no node runs for that."""
    pipeline = row.build(Cast())
    first = pipeline.kickoff(row.inputs, store=tmp_path / "runs.sqlite")
    results = list(stored_results(tmp_path / "runs.sqlite", row.build(Cast()) if has_pipeline else None))
    assert [plain(run.model_dump()) for run in results] == [plain(run.model_dump()) for run in first]
    for one, other in zip(first, results, strict=True):
        assert [plain(span.model_dump()) for span in other.spans] == [plain(span.model_dump()) for span in one.spans]


@pytest.mark.anyio
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_row_is_the_same_on_every_engine(row: Row) -> None:
    """Witnesses see the same, and results and spans are those of a kickoff in this process but for ids, times and sources."""
    here, there = Cast(), Cast()
    expected = await row.build(here).kickoff_async(row.inputs, store=None)
    result = await row.build(there).kickoff_async(row.inputs)
    assert {name: witness.saw for name, witness in there.items()} == {
        name: witness.saw for name, witness in here.items()
    }
    assert [run.model_dump(exclude={"id", "run_id"}) for run in result] == [
        run.model_dump(exclude={"id", "run_id"}) for run in expected
    ]
    shown = {"node", "kind", "status", "attempts", "inputs", "output", "route", "usage", "calls", "model", "error"}
    assert [[span.model_dump(include=shown) for span in run.spans] for run in result] == [
        [span.model_dump(include=shown) for span in run.spans] for run in expected
    ]


@pytest.mark.anyio
async def test_spans_tell_of_every_node() -> None:
    """There is a span for each node of the run, the skipped ones included, with what it got and gave."""
    c = Cast()
    run = (await (c("a") >> score_router(c) >> c("z")).kickoff_async(I4))[0]
    assert [(span.node, span.kind, span.status) for span in run.spans] == [
        ("a", "crew", "ok"),
        ("router", "router", "ok"),
        ("h", "crew", "skipped"),
        ("m", "crew", "ok"),
        ("d", "crew", "skipped"),
        ("z", "crew", "ok"),
    ]
    spans = {span.node: span for span in run.spans}
    assert spans["router"].route == "mid"
    assert spans["m"].inputs == {"i": 4, "a": 1}
    assert spans["m"].output.json_dict == {"m": 1}
    assert spans["m"].usage == USAGE
    assert spans["m"].attempts == 1
    assert spans["m"].seconds >= 0
    assert spans["h"].started is None
    assert spans["h"].attempts == 0


@pytest.mark.anyio
async def test_token_usage_is_by_node_of_the_whole_run() -> None:
    """Every result of a run carries the usage of all its nodes, equal to a plain dict of the numbers."""
    c = Cast()
    result = await (c("a") >> [c("b"), c("c")]).kickoff_async(I0)
    spent = {"total_tokens": 3, "prompt_tokens": 2, "completion_tokens": 1, "successful_requests": 1}
    assert [run.token_usage for run in result] == [{"a": spent, "b": spent, "c": spent}] * 2
    assert result[0].usage.total_tokens == 9


@pytest.mark.anyio
async def test_crews_outputs_are_those_on_the_way() -> None:
    """A result holds the outputs that led to it, its own last."""
    c = Cast()
    first, second = await (c("a") >> [c("b"), c("c")]).kickoff_async(I0)
    assert [output.json_dict for output in first.crews_outputs] == [{"a": 1}, {"b": 1}]
    assert [output.json_dict for output in second.crews_outputs] == [{"a": 1}, {"c": 1}]


@pytest.mark.anyio
async def test_a_procedure_gives_outputs_of_its_last_crew() -> None:
    """Results of a procedure are crew outputs with the last crew's own usage, and the run beside them."""
    c = Cast()
    (run,) = await (c("a") >> c("b")).kickoff_async(I0)
    assert isinstance(run, CrewOutput)
    assert run.token_usage == USAGE
    assert run.ok
    assert [span.node for span in run.spans] == ["a", "b"]
    assert len(run.crews_outputs) == 2


@pytest.mark.anyio
async def test_definitions_are_never_copied_or_written_to() -> None:
    """One crew object serves a thousand concurrent runs and is the same object with the same attributes after."""
    witness = Witness("a")
    pipeline = Pipeline([witness, [witness, witness]])
    before = {name: value for name, value in vars(witness).items() if name != "saw"}
    result = await pipeline.kickoff_async([{"n": n} for n in range(1000)], max_concurrency=1000)
    assert len(result) == 2000
    assert len(witness.saw) == 3000
    assert pipeline.stages[0] is witness
    assert {name: value for name, value in vars(witness).items() if name != "saw"} == before


@pytest.mark.anyio
async def test_nodes_may_write_on_what_they_get() -> None:
    """A node that changes nested values reaches neither the caller, nor its siblings, nor the trace."""

    class Vandal(Witness):
        async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
            assert inputs is not None
            output = await super().kickoff_async({"nested": {"a": [*inputs["nested"]["a"]]}})
            inputs["nested"]["a"].append("mine")
            return output

    first, second, third = Vandal("x"), Vandal("y"), Vandal("z")
    given = {"nested": {"a": [1]}}
    (run,) = await ([first, second] >> third).kickoff_async(given)
    assert given == {"nested": {"a": [1]}}
    assert run.trace[0] == given
    for witness in (first, second, third):
        assert witness.saw == [{"nested": {"a": [1]}}]


def test_start_order_is_list_order_on_asyncio() -> None:
    """Branches start in the order of the list, runs in the order of the inputs."""
    started = list[tuple[int, str]]()

    class Starter(Witness):
        async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
            started.append(((inputs or {})["n"], self.name))
            return await super().kickoff_async(inputs)

    names = [f"b{n}" for n in range(20)]
    Pipeline([Starter("a"), [Starter(name) for name in names]]).kickoff([{"n": 0}])
    assert started == [(0, "a"), *((0, name) for name in names)]
    started.clear()
    Procedure([Starter("a")]).kickoff([{"n": n} for n in range(50)])
    assert started == [(n, "a") for n in range(50)]


@step
async def quote(draft: str) -> dict[str, str]:
    return {"quote": draft}


@pytest.mark.anyio
async def test_a_crews_text_is_reached_under_its_name() -> None:
    """Of several crews of one name the last upstream that ran counts, whichever route was taken."""
    loud, quiet = Witness("draft", "LOUD"), Witness("draft", "quiet")
    pipeline = Pipeline([Router({"loud": Route("i > 5", loud)}, default=quiet), Witness("between", {}), quote])
    result = await pipeline.kickoff_async([I0, I9])
    assert [run.to_dict() for run in result] == [{"quote": "quiet"}, {"quote": "LOUD"}]


@pytest.mark.anyio
async def test_names_that_are_no_identifiers_are_reached_too() -> None:
    """A crew called "Market Research" is reached as ``{market_research}``."""

    @step
    async def read(market_research: str) -> str:
        return market_research

    (run,) = await Pipeline([Witness("Market Research", "it grows"), Witness("x", {}), read]).kickoff_async({})
    assert run.to_dict() == {"read": "it grows"}


@pytest.mark.anyio
async def test_the_text_of_a_crew_that_did_not_run_is_not_there() -> None:
    """A parameter with a default may name a crew on one route only."""

    @step
    async def read(note: str = "nothing") -> str:
        return note

    router = Router({"high": Route("i > 5", Witness("note", "written"))}, default=Witness("other", {}))
    result = await Pipeline([router, read]).kickoff_async([I0, I9])
    assert [run.to_dict() for run in result] == [{"read": "nothing"}, {"read": "written"}]
