"""Random pipelines against a reference that knows only the contract: a recursive walk over the tree as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.compiler import compile_pipeline
from crewgraph.graph import Join, Merge, Start
from crewgraph.outputs import CrewOutput
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Stage

KEYS = "pqrs"
ROUTES = ("one", "two", "default")


class Node(Stage):
    """A crew that gives what it is told, and notes what it saw."""

    def __init__(self, gives: dict[str, int]) -> None:
        self.name = ""
        self.gives = gives
        self.saw: dict[str, Any] | None = None
        self.pauses = 0

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        for _ in range(self.pauses):
            await anyio.lowlevel.checkpoint()
        assert self.saw is None, "a node runs once"
        self.saw = dict(inputs or {})
        return CrewOutput(json_dict=self.gives)


# ---- random trees: a leaf, ("series", …), ("parallel", …), ("choice", route taken, arms) ----------------------------

leaves = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 99), max_size=2).map(lambda gives: ("leaf", gives))


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arms = st.tuples(inner, inner, inner)
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ("series", parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ("parallel", parts)),
        st.tuples(st.sampled_from(ROUTES), arms).map(lambda pair: ("choice", *pair)),
    )


tree = st.recursive(leaves, trees, max_leaves=12)


class Built:
    """A tree as a pipeline, with its nodes in the order of the text."""

    def __init__(self, root: Any, data: st.DataObject) -> None:
        self.nodes = list[Node]()
        self.data = data
        self.root = self.number(root)
        self.pipeline = self.as_pipeline(self.root)

    def number(self, tree: Any) -> Any:
        match tree:
            case ("leaf", gives):
                node = Node(gives)
                node.name = f"n{len(self.nodes)}"
                node.pauses = self.data.draw(st.integers(0, 3))
                self.nodes.append(node)
                return ("leaf", node)
            case ("choice", taken, arms):
                return ("choice", taken, [self.number(arm) for arm in arms])
            case (kind, parts):
                return (kind, [self.number(part) for part in parts])

    def as_pipeline(self, tree: Any) -> Pipeline:
        return Pipeline([self.as_stage(part) for part in tree[1]] if tree[0] == "series" else [self.as_stage(tree)])

    def as_stage(self, tree: Any) -> Any:
        match tree:
            case ("leaf", node):
                return node
            case ("series", _):
                return self.as_pipeline(tree)
            case ("parallel", parts):
                branches = [self.as_stage(part) for part in parts]
                return [Pipeline([branch]) if isinstance(branch, list) else branch for branch in branches]
            case ("choice", taken, (one, two, default)):
                return Router(
                    {
                        "one": Route(lambda _: taken == "one", self.as_pipeline(one)),
                        "two": Route(lambda _: taken == "two", self.as_pipeline(two)),
                    },
                    default=self.as_pipeline(default),
                )


# ---- the reference ---------------------------------------------------------------------------------------------------


def expected(
    tree: Any, before: dict[str, tuple[int, int]], saw: dict[str, dict[str, int]]
) -> dict[str, tuple[int, int]]:
    """What each node sees, and what the values are afterwards, each with the number of the node that wrote it."""
    match tree:
        case ("leaf", node):
            saw[node.name] = {key: value for key, (_, value) in before.items()}
            number = int(node.name[1:])
            return before | {key: (number, value) for key, value in node.gives.items()}
        case ("series", parts):
            for part in parts:
                before = expected(part, before, saw)
            return before
        case ("parallel", parts):
            merged = dict[str, tuple[int, int]]()
            for after in [expected(part, before, saw) for part in parts]:
                merged |= {key: pair for key, pair in after.items() if pair[0] >= merged.get(key, (-2,))[0]}
            return merged
        case ("choice", taken, arms):
            return expected(arms[ROUTES.index(taken)], before, saw)
    raise AssertionError(tree)


def way(tree: Any) -> list[Any]:
    match tree:
        case ("leaf", node):
            return [node.name]
        case ("series", parts):
            return [item for part in parts for item in way(part)]
        case ("parallel", parts):
            ways = [inner[0] if len(inner := way(part)) == 1 else inner for part in parts]
            return [ways[0] if len(ways) == 1 else ways]
        case ("choice", taken, arms):
            return [{"route_taken": taken}, *way(arms[ROUTES.index(taken)])]
    raise AssertionError(tree)


def ends(tree: Any) -> list[list[Any]]:
    match tree:
        case ("series", parts):
            begin = [item for part in parts[:-1] for item in way(part)]
            return [begin + end for end in ends(parts[-1])]
        case ("parallel", parts):
            return [end for part in parts for end in ends(part)]
        case ("choice", taken, arms):
            return [[{"route_taken": taken}, *end] for end in ends(arms[ROUTES.index(taken)])]
        case _:
            return [way(tree)]


@settings(max_examples=300)
@given(
    root=tree,
    data=st.data(),
    limit=st.integers(1, 5),
    backend=st.sampled_from(["asyncio", "asyncio", "trio"]),
)
def test_runs_as_the_tree_reads(root: Any, data: st.DataObject, limit: int, backend: str) -> None:
    """Every node runs once and sees what the contract says; exactly one arm of each router; traces as written."""
    built = Built(root, data)
    saw = dict[str, dict[str, int]]()
    expected(built.root, {"p": (-1, -7)}, saw)

    async def run() -> Any:
        return await built.pipeline.kickoff_async({"p": -7}, max_concurrency=limit)

    result = anyio.run(run, backend=backend)
    assert {node.name: node.saw for node in built.nodes if node.saw is not None} == saw
    assert [run.trace for run in result] == [[{"p": -7}, *end] for end in ends(built.root)]
    assert {span.node for span in result[0].spans if span.status == "ok" and span.kind == "crew"} == set(saw)


@settings(max_examples=200)
@given(root=tree, data=st.data())
def test_lowering_is_deterministic_and_in_normal_form(root: Any, data: st.DataObject) -> None:
    """Compiling twice gives the same graph: one start, meetings with several predecessors, all else with one."""
    pipeline = Built(root, data).pipeline
    plan, again = compile_pipeline(pipeline), compile_pipeline(pipeline)
    graph = plan.graph
    assert graph.edges == again.graph.edges
    assert list(graph.nodes) == list(again.graph.nodes)
    assert graph.shape == again.graph.shape
    for place, node in enumerate(plan.nodes):
        before = graph.predecessors(node.name)
        assert all(plan.number[edge.source] < place for edge in before)
        if isinstance(node, Start):
            assert place == 0
            assert not before
        elif isinstance(node, Join | Merge):
            assert len(before) > 1
            assert graph.successors(node.name)
        else:
            assert len(before) == 1
