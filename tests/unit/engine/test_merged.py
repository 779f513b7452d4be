from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crewgraph import Graph, Step
from crewgraph.engine.merged import Merged
from crewgraph.frontier import DONE, SKIPPED

Wrote = dict[str, str]
Graphs = list[tuple[list[int], bool, list[str]]]
"""Of each node: its sources, whether it is skipped although one arrived, and the keys that it writes."""


@st.composite
def graphs(draw: st.DrawFn) -> Graphs:
    nodes = Graphs()
    for number in range(draw(st.integers(1, 9))):
        before = st.lists(st.integers(0, number - 1), unique=True, max_size=3) if number else st.just(list[int]())
        keys = st.lists(st.sampled_from("abcde"), unique=True, max_size=3)
        nodes.append((draw(before), draw(st.integers(0, 7)) == 0, draw(keys)))
    return nodes


def of_each(nodes: Graphs, wrote: list[Wrote], inputs: Wrote) -> list[dict[str, tuple[int, str]] | None]:
    """By node what is behind it, as key to writer and value, handed from node to node; ``None`` where it did not run."""
    behind = list[dict[str, tuple[int, str]] | None]()
    for number, (sources, is_skipped, _) in enumerate(nodes):
        arrived = [each for source in sources if (each := behind[source]) is not None]
        if sources and (is_skipped or not arrived):
            behind.append(None)
            continue
        values = {key: (-1, value) for key, value in inputs.items()} if not sources else {}
        for each in arrived:
            values |= {key: found for key, found in each.items() if key not in values or values[key] < found}
        behind.append(values | {key: (number, value) for key, value in wrote[number].items()})
    return behind


@given(graphs(), st.lists(st.sampled_from("abc"), unique=True), st.data())
def test_arrives_as_if_it_were_handed_from_node_to_node(nodes: Graphs, given: list[str], data: st.DataObject) -> None:
    """Whatever the ways, those that are not taken, and the order in which nodes end."""
    inputs = {key: f"{key} of the inputs" for key in given}
    wrote = [{key: f"{key} of {number}" for key in keys} for number, (_, _, keys) in enumerate(nodes)]
    expected = of_each(nodes, wrote, inputs)
    state = bytearray(SKIPPED if each is None else DONE for each in expected)
    merged = Merged(inputs, [sources for sources, _, _ in nodes], state)
    orders = dict[int, list[str]]()
    for number in (each for each in range(len(nodes)) if state[each] == DONE):
        merged.write(number, wrote[number])
    for number, behind in enumerate(expected):
        if behind is not None:
            mine = {key: value for key, (writer, value) in behind.items() if writer >= 0}
            assert merged.written([number]) == mine
            arrived = [each for source in nodes[number][0] if (each := expected[source]) is not None]
            before = merged.values(merged.before(number))
            assert before.keys() == {*given}.union(*arrived)
            assert {key: merged.get(merged.before(number), key, None) for key in "abcde"} == {
                key: before.get(key) for key in "abcde"
            }
            orders[number] = list(before)
    again = Merged(inputs, [sources for sources, _, _ in nodes], state)
    ended, late = set[int](), [each for each in range(len(nodes)) if state[each] == DONE]
    while late:
        ready = [each for each in late if all(source in ended or state[source] != DONE for source in nodes[each][0])]
        number = data.draw(st.sampled_from(ready))
        again.write(number, wrote[number])
        ended.add(number)
        late.remove(number)
    assert {number: list(again.values(again.before(number))) for number in orders} == orders


def writes(name: str) -> Step:
    """A step that writes a key of its own."""

    def work(v: int) -> dict[str, Any]:
        return {name: v}

    return Step(work, name=name, inline=True)


def peak(layers: int) -> int:
    """Bytes that one run takes of a graph with so many layers of ten nodes, each of which needs the whole layer before."""
    nodes = [[writes(f"n{layer}_{place}") for place in range(10)] for layer in range(layers)]
    pipeline = Graph([(early, late) for first, second in pairwise(nodes) for early in first for late in second])
    pipeline.kickoff({"v": 1})  # it is compiled now
    tracemalloc.start()
    try:
        pipeline.kickoff({"v": 1})
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_keys_are_not_copied_from_node_to_node() -> None:
    """Nodes that each write a key of their own: with twice as many a run takes about twice the memory, not four times."""
    assert peak(60) < 3 * peak(30)
