"""YAML is read as data within bounds, with the line of every value, and written so that people like to read it."""

from __future__ import annotations

import sys
import time

import pytest

from crewgraph.document.bounds import MAX_DEPTH, MAX_TEXT, MAX_VALUES
from crewgraph.document.yaml import parse_yaml, write_yaml
from crewgraph.errors import DocumentError


def flaws(text):
    """What is wrong with a text, as (line, message)."""
    return [(flaw.line, flaw.message) for flaw in parse_yaml(text).flaws]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: 1.5", {"a": 1.5}),
        ("a: yes\nb: off", {"a": True, "b": False}),
        ("a:\nb: ~", {"a": None, "b": None}),
        ("a: 'yes'\nb: \"1\"", {"a": "yes", "b": "1"}),
        ("a: >\n  one\n  two\n", {"a": "one two\n"}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("- a\n- [b, {c: d}]", ["a", ["b", {"c": "d"}]]),
        ("a: 2024-05-01", {"a": "2024-05-01"}),
        ("a: =", {"a": "="}),
        ("a: !!str 12\nb: !!int '3'\nc: !!map {d: !!seq [1]}", {"a": "12", "b": 3, "c": {"d": [1]}}),
        ("a: " + "1" * 200, {"a": "1" * 200}),
        ("a: 1" + ":1" * 500_000, {"a": "1" + ":1" * 500_000}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("a: &x {b: 1}\nc: &y {b: 2}\nd:\n  <<: [*x, *y]", {"a": {"b": 1}, "c": {"b": 2}, "d": {"b": 1}}),
        ("'<<': 1", {"<<": 1}),
        ("just words", "just words"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_values_are_read_as_in_safe_yaml(text, value):
    """Plain data is read; dates and the like stay text, anchors and merges are written out."""
    parsed = parse_yaml(text)
    assert parsed.root is not None
    assert parsed.root.plain() == value
    assert parsed.flaws == ()


@pytest.mark.parametrize("text", ["", "# nothing\n"], ids=["empty", "comment"])
def test_an_empty_text_holds_nothing(text):
    """There is no value, and nothing is wrong with the text."""
    assert parse_yaml(text).root is None
    assert parse_yaml(text).flaws == ()


def test_values_know_their_lines():
    """A value stands where its key stands, an item of a list where it begins."""
    root = parse_yaml("a: 1\nb:\n  c: >\n    text\n    text\n  d:\n    - x\n    - y\n").root
    assert root is not None
    paths = [(), ("a",), ("b",), ("b", "c"), ("b", "d"), ("b", "d", 1), ("b", "d", 7), ("nope", "x"), ("a", 0)]
    assert [root.line_of(path) for path in paths] == [1, 1, 2, 3, 6, 8, 6, 1, 1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\na: 2", 2, "the key 'a' stands here twice"),
        ("a: !!python/object:os.system [1]", 1, "the tag tag:yaml.org,2002:python/object:os.system is not allowed"),
        ("a: !foo b", 1, "the tag !foo is not allowed"),
        ("a: !!binary aGk=", 1, "the tag tag:yaml.org,2002:binary is not allowed"),
        ("a: !!seq b", 1, "the tag tag:yaml.org,2002:seq is not allowed"),
        ("a: !!int b", 1, "'b' is no int"),
        ("a: !!bool maybe", 1, "'maybe' is no bool"),
        ("a: .nan", 1, ".nan is no number that data can hold"),
        ("a: 1\n2: b", 2, "a key is text, and 2 is none"),
        ("no: b", 1, "a key is text, and no is none"),
        ("? \n: b", 1, "a key is text, and an empty key is none"),
        ("? [a]\n: b", 1, "a key is text, and here stands something else"),
        ("a:\n  <<: 3", 2, "<< brings in a mapping, or a list of mappings"),
        ("a: 1\n---\nb: 2", 2, "a second document begins"),
        ("a: *x", 1, "there is no anchor &x before *x"),
        ("a: &x\n  b: *x", 2, "*x stands inside of &x: it would contain itself"),
        ("a: [b\nc: d", 2, "it is no YAML"),
        ("a: 'b", 1, "it is no YAML"),
        ("\ta: b", 1, "it is no YAML"),
        ("a: \x00", None, "it is no YAML"),
        ("a: \ud800", None, "it is no YAML"),
    ],
)
def test_flaws_are_told_with_their_line(text, line, words):
    """Whatever a text must not hold is told, with the line."""
    [(where, message)] = flaws(text)
    assert message.startswith(words)
    assert where == line


def test_flaws_do_not_hide_one_another():
    """Reading goes on behind a flaw."""
    assert [line for line, _ in flaws("a: 1\na: 2\n3: x\nb: !foo c\n? {d: !bar e}\n: f\n")] == [2, 3, 4, 5, 5]


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
MERGED = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{n}: &a{n} {{x{n}: {{<<: *a{n - 1}}}, y{n}: {{<<: *a{n - 1}}}}}\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested deeper"),
        ("{a: " * 100_000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        ("? " * 100_000, "nested deeper"),
        (LAUGHS, f"more than {MAX_VALUES:,} values"),
        (MERGED, f"more than {MAX_VALUES:,} values"),
        ("x" * (MAX_TEXT + 1), f"may have {MAX_TEXT:,}"),
    ],
    ids=["lists", "mappings", "blocks", "keys", "laughs", "merges", "long"],
)
def test_bombs_are_refused_in_no_time(text, words):
    """Depth, size and what aliases unfold to are bounded, and so is the time that it takes to see that."""
    begin = time.monotonic()
    [(_, message)] = flaws(text)
    assert words in message
    assert time.monotonic() - begin < 30


def test_depth_is_counted_from_the_root():
    """As many levels as are allowed can be read."""
    assert flaws("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


@pytest.mark.parametrize(
    "data",
    [
        {"a": "yes", "b": "1", "c": "null", "d": "2024-01-01", "e": "", "f": " x ", "g": "a: b", "h": "- c", "i": "="},
        {"a": "one\ntwo", "b": "one\ntwo\n", "c": " one\n two\n\n", "d": "tab\tand\x07bell\n\x85", "e": "\ufeffbom"},
        {"a": [1, 1.5, True, None, [], {}], "é": "ü 🙂", "<<": {"x": 1}, "no": "off", "1": "2"},
        {"a": "x" * 300, "b": "word " * 100, "c": "'quoted' \"twice\"", "d": "{braces}", "e": "#x", "f": "\r\n"},
        {"a": 1e300, "b": 1e-7, "c": 10**20, "d": -0.5},
    ],
    ids=["words", "lines", "kinds", "long", "numbers"],
)
def test_what_is_written_reads_the_same(data):
    """Data survives the way through text."""
    parsed = parse_yaml(write_yaml(data))
    assert parsed.flaws == ()
    assert parsed.root is not None
    assert parsed.root.plain() == data


def test_texts_of_several_lines_are_written_as_blocks():
    """People write prompts, and want to read them."""
    assert write_yaml({"a": "one\ntwo\n", "b": ["x"], "c": {"d": "e"}}) == (
        "a: |\n  one\n  two\nb:\n  - x\nc:\n  d: e\n"
    )


def test_shared_parts_are_written_out():
    """Data that occurs twice is written twice: no anchors that a reader has to follow."""
    part = {"x": 1}
    assert write_yaml({"a": part, "b": part}) == "a:\n  x: 1\nb:\n  x: 1\n"


def test_without_pyyaml_it_says_what_to_install(monkeypatch):
    """YAML is an extra."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(DocumentError, match=r'pip install "crewgraph\[yaml\]"'):
        parse_yaml("a: 1")


def test_without_libyaml_the_same_is_read(monkeypatch):
    """The parser in C is only faster."""
    import yaml

    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    root = parse_yaml("a: [1, {b: c}]\nd: >\n  x\n").root
    assert root is not None
    assert root.plain() == {"a": [1, {"b": "c"}], "d": "x\n"}
    assert flaws("a: 'b") != []
