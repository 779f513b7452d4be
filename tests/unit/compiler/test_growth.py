"""What large pipelines take: counted in operations, never in time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from inspect import Parameter, Signature
from itertools import pairwise
from typing import Annotated, Any, TypedDict

import pytest

from crewgraph.compiler import analyse, check, compile_pipeline
from crewgraph.compiler.analysis import Analysis
from crewgraph.edges import Graph
from crewgraph.errors import PipelineInvalid
from crewgraph.router import Router
from crewgraph.step import Step
from crewgraph.syntax import Pipeline


class Given(TypedDict):
    v: int


async def counts(v: int) -> Given:
    return {"v": v + 1}


async def opened(v: int) -> dict[str, int]:
    return {"v": v + 1}


def reads(name: str, *keys: str) -> Step:
    async def run(**values: int) -> int:
        return len(values)

    vars(run)["__signature__"] = Signature([Parameter(key, Parameter.KEYWORD_ONLY) for key in keys])
    return Step(run, name=name)


def chain(size: int) -> Pipeline:
    return Pipeline([Step(opened, name=f"n{n}") for n in range(size)])


def linked(size: int) -> Pipeline:
    nodes = [Step(counts, name=f"n{n}") for n in range(size)]
    return Graph(list(pairwise(nodes)))


def fan(size: int) -> Pipeline:
    return Pipeline([[Step(counts, name=f"n{n}") for n in range(size)], reads("z", "v")])


def fan_of_keys(size: int) -> Pipeline:
    return Pipeline([[reads(f"k{n}", "v") for n in range(size)], reads("z", *(f"k{n}" for n in range(size)))])


def keys(size: int) -> Pipeline:
    return Pipeline([reads(f"k{n}", *([f"k{n - 1}"] if n else [])) for n in range(size)])


def doubted(size: int) -> Pipeline:
    return Pipeline([Step(opened, name="a"), *(reads(f"k{n}", "x") for n in range(size))], inputs=Given)


def missing(size: int) -> Pipeline:
    return Pipeline([reads(f"k{n}", f"x{n}") for n in range(size)], inputs=Given)


def grid_of_keys(size: int) -> Pipeline:
    """Layers of five, each node of which gives a key of its own, needs two of the layer before, and reads the key of one."""
    rows = [
        [reads(f"k{layer}_{place}", *([f"k{layer - 1}_{place}"] if layer else [])) for place in range(5)]
        for layer in range(size // 5)
    ]
    edges = [
        (early[(place + step) % 5], late[place])
        for early, late in pairwise(rows)
        for place in range(5)
        for step in (0, 1)
    ]
    return Graph(edges)


def kept_to_the_end(size: int) -> Pipeline:
    """The same, where the last node reads all of these keys."""
    names = [f"k{layer}_{place}" for layer in range(size // 5) for place in range(5)]
    return Pipeline([grid_of_keys(size), reads("z", *names)])


def routers(size: int) -> Pipeline:
    stages = list[Any]()
    for n in range(size // 3):
        router = Router(default=reads(f"low{n}", "v"), name=f"r{n}")
        router.add_route("high", "v > 3", reads(f"high{n}", "v"))
        stages.append(router)
    return Pipeline(stages)


SHAPES: list[Callable[[int], Pipeline]] = [
    chain,
    linked,
    fan,
    fan_of_keys,
    keys,
    grid_of_keys,
    kept_to_the_end,
    doubted,
    missing,
    routers,
]


@contextmanager
def counted() -> Generator[list[int]]:
    """How many lines and calls of our own code are executed, generators included; nothing else is as steady."""
    told = [0]

    def count(frame: Any, event: str, _: Any) -> Any:
        if "crewgraph" not in frame.f_code.co_filename:
            return None
        told[0] += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        yield told
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_checking_takes_steps_in_proportion_to_the_nodes(
    shape: Callable[[int], Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times as many nodes take less than six times as many lines, where few findings are looked at closely."""
    monkeypatch.setattr("crewgraph.compiler.passes.words.MAX_SEARCHED", 5)
    check(shape(10))
    lines = list[int]()
    for pipeline in (shape(40), shape(160)):
        with counted() as told:
            check(pipeline)
        lines.append(told[0])
    assert lines[1] < 6 * lines[0]


@pytest.mark.parametrize("shape", [keys, grid_of_keys, kept_to_the_end, routers], ids=lambda shape: shape.__name__)
def test_planning_takes_steps_in_proportion_to_the_nodes(shape: Callable[[int], Pipeline]) -> None:
    """A node is told the sizes of what it reads, and not of everything that was written before it."""
    shape(10).plan({"v": 1})
    lines = list[int]()
    for pipeline in (shape(40), shape(160)):
        compile_pipeline(pipeline)
        with counted() as told:
            pipeline.plan([{"v": 1}] * 3)
        lines.append(told[0])
    assert lines[1] < 6 * lines[0]


@contextmanager
def shallow(depth: int) -> Generator[None]:
    """So many frames may lie above one another."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("shape", [chain, linked], ids=lambda shape: shape.__name__)
def test_a_long_chain_needs_no_deep_stack(shape: Callable[[int], Pipeline]) -> None:
    """It is walked, not descended into."""
    with shallow(400):
        assert len(compile_pipeline(shape(2_000)).nodes) == 2_001


def test_what_is_told_of_findings_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys that are missing are found; where it would take too long, no way is looked for and nothing is guessed."""
    monkeypatch.setattr("crewgraph.compiler.analysis.MAX_LOOKED_AT", 20)
    findings = check(missing(30))
    missed = [finding for finding in findings if finding.code == "CG301"]
    assert len(missed) == 30
    assert missed[0].witness is not None
    assert missed[-1].witness is None
    assert all(finding.is_error for finding in missed)


def test_a_message_names_a_hundred_errors() -> None:
    """And says how many more there are."""
    with pytest.raises(PipelineInvalid) as caught:
        compile_pipeline(missing(103))
    assert len([finding for finding in caught.value.findings if finding.is_error]) == 103
    assert str(caught.value).endswith("\n… and 3 more; all of them are in .findings")
    assert str(caught.value).count("CG301") == 100


def test_many_who_write_the_same_key_are_counted() -> None:
    """Ten of them are named, and the last, which counts."""
    _, findings = analyse(fan(30))
    (told,) = [finding.message for finding in findings if finding.code == "CG304"]
    assert "'n9' and 20 more stand side by side and all give v" in told
    assert "'n10'" not in told
    assert told.endswith("that of 'n29' is handed on, as it stands last")


def test_types_that_cannot_be_hashed_are_told_apart() -> None:
    """Annotations may hold anything."""
    pair = list[Step]()
    for name, kind in (("a", int), ("b", str)):

        def run() -> None: ...

        run.__annotations__["return"] = TypedDict("Marked", {"v": Annotated[kind, []]})
        pair.append(Step(run, name=name))
    (told,) = [finding for finding in check(Pipeline([pair, reads("z", "v")])) if finding.code == "CG304"]
    assert told.is_error
    assert told.message.startswith("'a' and 'b' stand side by side and both give v, of different types ('a' as ")


def test_in_a_dense_graph_writers_side_by_side_are_not_looked_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the steps are used up, nothing is said of those that are left."""
    assert "CG304" in [finding.code for finding in check(fan(5))]
    monkeypatch.setattr("crewgraph.compiler.meeting.STEPS", 0)
    assert "CG304" not in [finding.code for finding in check(fan(5))]


def test_the_analysis_counts_what_is_looked_at() -> None:
    """Up to the limit."""
    analysis = Analysis.__new__(Analysis)
    assert analysis.spends(500_000)
    assert not analysis.spends(1)
