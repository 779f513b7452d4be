"""Random pipelines whose runs are resumed, tried again and forked, against a reference that knows only the contract."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.errors import KickoffError, StoreError
from crewgraph.outputs import CrewOutput
from crewgraph.store import overview_of
from tests.property.test_random_pipelines import Built, Node, expected, tree


class PulledPlug(SystemExit):
    """Ends a kickoff: it is no failure of a node."""


class Noting(Node):
    """A node that may run again, and that ends the kickoff or fails where it is told to."""

    left = 0
    fails = frozenset[str]()
    ran: list[str]
    seen: dict[str, dict[str, Any]]

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        values = dict(inputs or {})
        me = f"{self.name} {values['n']}"
        for _ in range(self.pauses):
            await anyio.lowlevel.checkpoint()
        if Noting.left == 0:
            raise PulledPlug
        Noting.left -= 1
        if me in Noting.fails:
            raise ConnectionError(me)
        Noting.ran.append(me)
        Noting.seen[self.name] = values
        return CrewOutput(json_dict=dict(self.gives))

    @classmethod
    def begin(cls, left: int = 10_000, fails: frozenset[str] = frozenset()) -> None:
        Noting.left, Noting.fails = left, fails


def built_of(root: Any, data: st.DataObject) -> Built:
    built = Built(root, data)
    for node in built.nodes:
        node.__class__ = Noting
    Noting.ran, Noting.seen = [], {}
    Noting.begin()
    return built


def told(result: Any) -> list[Any]:
    unlike = {"id", "index", "run_id", "forked_from"}
    return [run.model_dump(exclude=unlike) for run in result]


INPUTS = [{"p": -7, "n": number} for number in range(3)]


@settings(max_examples=50)
@given(root=tree, data=st.data(), limit=st.integers(1, 5), plugs=st.lists(st.integers(0, 6), min_size=1, max_size=3))
def test_what_was_cut_off_is_resumed(root: Any, data: st.DataObject, limit: int, plugs: list[int]) -> None:
    """Whatever had begun goes on without its inputs, as if nothing had happened, and no node runs twice."""
    built = built_of(root, data)
    undisturbed = told(built.pipeline.kickoff(INPUTS))
    once, Noting.ran = sorted(Noting.ran), []
    with TemporaryDirectory() as folder:
        store = Path(folder) / "runs.sqlite"
        Noting.begin(plugs[0])
        with suppress(PulledPlug):
            built.pipeline.kickoff(INPUTS, store=store, max_concurrency=limit)
        for plug in plugs[1:]:
            Noting.begin(plug)
            with suppress(PulledPlug, StoreError):  # where not even one had begun
                built.pipeline.resume(store=store, max_concurrency=limit)
        Noting.begin()
        with suppress(StoreError):
            resumed = told(built.pipeline.resume(store=store, max_concurrency=limit))
            assert all(run in undisturbed for run in resumed)
            assert [set(each.runs) for each in overview_of(store).pipelines] == [{"ok"}]
        assert told(built.pipeline.kickoff(INPUTS, store=store)) == undisturbed
    assert sorted(Noting.ran) == once


@settings(max_examples=50)
@given(root=tree, data=st.data(), limit=st.integers(1, 5))
def test_what_failed_is_tried_again(root: Any, data: st.DataObject, limit: int) -> None:
    """Of the runs that failed the rest runs, and nothing else of any run."""
    built = built_of(root, data)
    undisturbed = told(built.pipeline.kickoff(INPUTS))
    once, Noting.ran = sorted(Noting.ran), []
    fails = frozenset(data.draw(st.lists(st.sampled_from(once), max_size=3))) if once else frozenset[str]()
    with TemporaryDirectory() as folder:
        store = Path(folder) / "runs.sqlite"
        Noting.begin(fails=fails)
        with suppress(KickoffError):
            built.pipeline.kickoff(INPUTS, store=store, max_concurrency=limit)
        Noting.begin()
        again = told(built.pipeline.retry(store=store, max_concurrency=limit))
        failed = [number for number in range(3) if any(each.endswith(f" {number}") for each in fails)]
        assert again == [run for run in undisturbed if run["trace"][0]["n"] in failed]
        assert len(built.pipeline.retry(store=store)) == 0
    assert sorted(Noting.ran) == once


def above(tree: Any, name: str, saw: Mapping[str, Any]) -> set[str] | None:
    """The leaves that ran before a leaf and led to it; ``None`` where it is not in the tree."""
    match tree:
        case ("leaf", node):
            return set() if node.name == name else None
        case ("series", parts):
            before = set[str]()
            for part in parts:
                found = above(part, name, saw)
                if found is not None:
                    return before | found
                before |= leaves(part) & set(saw)
            return None
        case ("parallel", parts):
            return next((found for part in parts if (found := above(part, name, saw)) is not None), None)
        case ("choice", _, arms):
            return next((found for arm in arms if (found := above(arm, name, saw)) is not None), None)
    raise AssertionError(tree)


def leaves(tree: Any) -> set[str]:
    match tree:
        case ("leaf", node):
            return {node.name}
        case ("choice", _, arms):
            return set[str]().union(*map(leaves, arms))
        case (_, parts):
            return set[str]().union(*map(leaves, parts))
    raise AssertionError(tree)


@settings(max_examples=80)
@given(root=tree, data=st.data(), limit=st.integers(1, 5))
def test_a_fork_keeps_what_lies_above(root: Any, data: st.DataObject, limit: int) -> None:
    """Above the node there is what there was, also where nodes would give something else by now; all else sees the new values."""
    built = built_of(root, data)
    saw = dict[str, dict[str, int]]()
    expected(built.root, {"p": (-1, -7), "n": (-1, 0)}, saw)
    if not saw:
        return
    at = data.draw(st.sampled_from(sorted(saw)))
    kept = above(built.root, at, saw) or set()
    with TemporaryDirectory() as folder:
        store = Path(folder) / "runs.sqlite"
        built.pipeline.kickoff([{"p": -7, "n": 0, "id": "T"}], store=store, id_column="id", max_concurrency=limit)
        for node in built.nodes:
            if node.name not in kept:  # to the reference those above go on to give what they gave
                node.gives = {key: value + 100 for key, value in node.gives.items()}
        anew = dict[str, dict[str, int]]()
        expected(built.root, {"p": (-1, 50), "n": (-1, 0)}, anew)
        given = {node.name: dict(node.gives) for node in built.nodes}
        for node in built.nodes:
            if node.name in kept:  # would they run, they would give something else
                node.gives = dict.fromkeys(node.gives, -1)
        Noting.ran, Noting.seen = [], {}
        (run, *_) = built.pipeline.fork("T", at=at, inputs={"p": 50}, store=store, max_concurrency=limit)
        seen = {
            name: {key: value for key, value in values.items() if key != "id"} for name, values in Noting.seen.items()
        }
        assert seen == {name: values for name, values in anew.items() if name not in kept}
        assert {span.node for span in run.spans if span.source == "store" and span.kind == "crew"} == kept
        outputs = {span.node: span.output.json_dict for span in run.spans if span.output is not None}
        assert outputs == {name: given[name] for name in outputs}
        for name in sorted(leaves(built.root) - set(saw)):
            with pytest.raises(StoreError, match="did not come by"):
                built.pipeline.fork("T", at=name, store=store)
