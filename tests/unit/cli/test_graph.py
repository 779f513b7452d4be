"""Graphs built by hand on the command line: they are found, shown, drawn, checked and run as any pipeline is."""

from __future__ import annotations

import pytest

GRAPH = """
    from crewgraph import Edge, Graph, step

    @step(inline=True)
    def measure(text: str):
        return {"size": len(text)}

    @step(inline=True)
    def long(size: int):
        return "long"

    @step(inline=True)
    def count(size: int):
        return size

    flow = Graph([Edge(measure, long, when="size > 3"), (measure, count)], name="Measured")

    def build() -> "Graph":
        return flow

    wrong = Graph([(measure, long, count, "measure")])
"""


@pytest.mark.parametrize("target", ["flow.py:flow", "flow:build"])
def test_show(crewgraph, write, target):
    """How many edges there are, and what follows each node."""
    write("flow.py", GRAPH)
    told = crewgraph("show", target).stdout
    assert told.splitlines()[0] == "Measured  graph · 2 edges · 3 steps · 1 router"
    assert "├─ measure  (step) → after measure, count" in told
    assert "│  ├─ 1 · size > 3 → long\n│  └─ else → nothing" in told
    assert "inputs that every run needs\n  text" in told


def test_run(crewgraph, write):
    """One result for each end."""
    write("flow.py", GRAPH)
    done = crewgraph("run", "flow.py:flow", "--input", "text=short", "--quiet")
    assert done.exit_code == 0
    assert done.stdout.count("\n") == 2


def test_check(crewgraph, write):
    """A cycle is named."""
    write("flow.py", GRAPH)
    done = crewgraph("check", "flow.py:wrong")
    assert done.exit_code == 3
    assert "CG202 cycle: the edges lead in a circle: measure → long → count → measure" in done.stdout


def test_draw(crewgraph, write):
    """To a file, as any pipeline."""
    write("flow.py", GRAPH)
    assert crewgraph("draw", "flow.py:flow", "-o", "flow.mmd").exit_code == 0
