"""Graphs that are written into a trace and read back look the same."""

from __future__ import annotations

import json

import pytest

from crewgraph.compiler import analyse
from crewgraph.graph_record import graph_of, graph_record
from crewgraph.render import to_svg
from tests.golden.gallery import GALLERY


@pytest.mark.parametrize("name", GALLERY)
def test_a_graph_that_is_read_back_is_drawn_the_same(name):
    """Whatever is in it, and once more."""
    graph = analyse(GALLERY[name]())[0]
    record = graph_record(graph)
    read = graph_of(json.loads(json.dumps(record)))
    assert to_svg(read) == to_svg(graph)
    assert graph_record(read) == record
    assert read.shape == graph.shape
