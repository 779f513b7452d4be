"""The lines of JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from crewgraph.document.noted import noted
from crewgraph.document.yaml import Node, parse_yaml

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(' "\\{}[]:,\n'), max_size=8
)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def lines(node: Node):
    """Of a node and everything in it."""
    inner = (
        node.value.items()
        if isinstance(node.value, dict)
        else enumerate(node.value if isinstance(node.value, tuple) else ())
    )
    return node.line, {key: lines(each) for key, each in inner}


@given(DATA, st.sampled_from([None, 0, 2]))
def test_the_value_is_that_of_the_reader_of_json(data, indent):
    """Whatever stands in its texts."""
    assert noted(json.dumps(data, indent=indent, ensure_ascii=False)).plain() == data


@given(DATA)
def test_lines_are_those_that_yaml_tells(data):
    """JSON is YAML, whose reader notes them in quite another way."""
    text = json.dumps([data], indent=2)
    root = parse_yaml(text).root
    if root is not None and root.plain() == [data]:  # YAML reads a few numbers and characters otherwise
        assert lines(noted(text)) == lines(root)


def test_lines_of_any_layout():
    """Blanks, tabs and lines may stand anywhere, and of a key that stands twice the first counts."""
    node = noted('\n\t{"a"\n:\n1,\r\n"b": [\n\n2, {"c":\n3}], "a": 4}\n')
    assert lines(node) == (2, {"a": (2, {}), "b": (5, {0: (7, {}), 1: (7, {"c": (7, {})})})})
    assert node.plain() == {"a": 1, "b": [2, {"c": 3}]}


def test_deep_and_long_texts():
    """As deep as they are, and in time that grows with their length."""
    node = noted("[\n" * 100_000 + "]" * 100_000)
    for _ in range(99_999):
        (node,) = node.value
    assert node.line == 100_000
    long = "\\n" * 1_000_000
    assert noted(f'["{long}",\n1]').line_of((1,)) == 2
