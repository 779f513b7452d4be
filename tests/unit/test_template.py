"""``{placeholder}`` texts: what is a placeholder, what is text, and that a value is never scanned again."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from crewgraph.template import as_text, parse, placeholder_name


def fill(text: str, **values: Any) -> str:
    return parse(text).render(values.__getitem__)


# ---- what is a placeholder -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", ()),
        ("no braces", ()),
        ("{a}", ("a",)),
        ("{a} and {b} and {a}", ("a", "b", "a")),
        ("{a}{b}", ("a", "b")),
        ("{_a1}", ("_a1",)),
        ("{class}", ("class",)),
        ("{größe}", ("größe",)),
        ("{हिन्दी}", ("हिन्दी",)),
        ("{ﬁeld}", ("ﬁeld",)),
        ("{{a}}", ()),
        ("{{{a}}}", ("a",)),
        ("{{{{a}}}}", ()),
        ("{a", ()),
        ("a}", ()),
        ("{}", ()),
        ("{ a }", ()),
        ("{0}", ()),
        ("{1a}", ()),
        ("{x²}", ()),
        ("{²}", ()),
        ("{a b}", ()),
        ("{a-b}", ()),
        ("{a\n}", ()),
        ("{a\0}", ()),
        ("{a.b}", ()),
        ("{a.__class__.__init__.__globals__}", ()),
        ("{a[0]}", ()),
        ("{a!r}", ()),
        ("{a:>1000000000}", ()),
        ("{a:{b}}", ("b",)),
        ("{a=}", ()),
        ('{"a": {b}}', ("b",)),
        ("{a{b}c}", ("b",)),
    ],
)
def test_only_an_identifier_in_braces_is_a_placeholder(text: str, fields: tuple[str, ...]) -> None:
    """No attribute, index, format or conversion; everything else is text."""
    assert parse(text).fields == fields


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{x}}", "{x}"),
        ("{{{x}}}", "{1}"),
        ("{{ {x} }}", "{ 1 }"),
        ("{x}}", "1}"),
        ("{{x}", "{x}"),
        ("{x}}}", "1}"),
        ("{", "{"),
        ("}", "}"),
        ("{{", "{"),
        ("}}", "}"),
        ("{}", "{}"),
        ("{{}}", "{}"),
        ("{ x }", "{ x }"),
        ("{y.z}", "{y.z}"),
        ("{y:>9}", "{y:>9}"),
        ("{y!r}", "{y!r}"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ('{"a": {"b": {"c": {"d": 1}}}}', '{"a": {"b": {"c": {"d": 1}}}}'),
        ('{"a": {"b": {x}}}', '{"a": {"b": 1}}'),
        ('{"a": {x}}', '{"a": 1}'),
        ('{{"a": {x}}}', '{"a": 1}'),
        ('{{"a": {{"b": {x}}}}}', '{"a": {"b": 1}}'),
        ("{ {{x}} }", "{ {x} }"),
        ("f(x) { return {x}; }", "f(x) { return 1; }"),
    ],
)
def test_braces(text: str, filled: str) -> None:
    """Doubled braces are literal ones; braces of pasted JSON and code stay as they are."""
    assert fill(text, x=1) == filled


def test_a_template_keeps_what_was_written() -> None:
    """The text and its pieces are kept, one piece more than there are placeholders."""
    template = parse("a {x} b {y}")
    assert (template.text, template.literals, template.fields) == ("a {x} b {y}", ("a ", " b ", ""), ("x", "y"))


def test_a_text_is_parsed_once() -> None:
    """The same text gives the same template."""
    assert parse("once {x}") is parse("once {x}")


def test_a_value_is_asked_for_once_per_occurrence() -> None:
    """In the order of the text."""
    asked = list[str]()
    parse("{a}{b}{a}").render(lambda name: asked.append(name) or name)
    assert asked == ["a", "b", "a"]


def test_an_unknown_placeholder_is_the_callers_business() -> None:
    """What the look-up raises passes through."""
    with pytest.raises(KeyError, match="y"):
        fill("{x}{y}", x=1)


# ---- properties ------------------------------------------------------------------------------------------------

texts = st.text(st.one_of(st.sampled_from('{}ab"x :.!'), st.characters()))


@given(texts)
def test_every_text_is_valid(text: str) -> None:
    """Parsing never raises, and filling with the placeholders themselves loses no character but a brace."""
    template = parse(text)
    assert len(template.literals) == len(template.fields) + 1
    again = template.render(lambda name: "{" + name + "}")
    assert again.replace("{", "").replace("}", "") == text.replace("{", "").replace("}", "")


@given(texts)
def test_escaped_text_comes_back(text: str) -> None:
    """Whatever text has its braces doubled is text, and is rendered as it was."""
    template = parse(text.replace("{", "{{").replace("}", "}}"))
    assert template.fields == ()
    assert template.render({}.__getitem__) == text


@given(texts, st.text(), st.text())
def test_a_value_is_never_scanned_again(value: str, before: str, after: str) -> None:
    """A value that contains placeholders or braces stands in the result as it is."""
    before, after = (part.replace("{", "").replace("}", "") for part in (before, after))
    hostile = value + "{x}{policy}{{"
    filled = fill(before + "{x}" + after, x=hostile, policy="secret")
    assert filled == before + hostile + after


@given(st.lists(st.one_of(st.just("{x}"), st.text(st.characters(exclude_characters="{}"))), max_size=20))
def test_pieces_are_put_together_in_order(pieces: list[str]) -> None:
    """Text between placeholders is neither lost nor moved."""
    assert fill("".join(pieces), x="1") == "".join("1" if piece == "{x}" else piece for piece in pieces)


@pytest.mark.parametrize("text", ["{" * 200_000, "{a" * 100_000, "}" * 200_000, "{" + "a" * 200_000], ids=len)
def test_hostile_texts_take_no_time(text: str) -> None:
    """Parsing is linear, whatever the braces."""
    assert parse(text).fields == ()


# ---- values as text --------------------------------------------------------------------------------------------


class Person(BaseModel):
    name: str
    born: date = date(2000, 1, 2)


class Colour(StrEnum):
    RED = "red"


class Handle(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    thing: object


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{x}", "{x}"),
        ("", ""),
        (Colour.RED, "red"),
        (7, "7"),
        (1.5, "1.5"),
        (True, "True"),
        (None, "None"),
        ({"a": "ä", "b": [1, None, True]}, '{"a": "ä", "b": [1, null, true]}'),
        ([1, "two"], '[1, "two"]'),
        ((1, 2), "[1, 2]"),
        ([], "[]"),
        ({"d": date(2000, 1, 2)}, '{"d": "2000-01-02"}'),
        (Person(name="Ada"), '{"name":"Ada","born":"2000-01-02"}'),
        ([Person(name="Ada")], '[{"name": "Ada", "born": "2000-01-02"}]'),
        (RootModel[list[int]]([1]), "[1]"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (frozenset({1}), "[1]"),
        ({"b", "a"}, '["a", "b"]'),
        (date(2000, 1, 2), "2000-01-02"),
    ],
)
def test_values_stand_in_a_text(value: object, text: str) -> None:
    """Text as it is, structures as JSON, all else by `str`."""
    assert as_text(value) == text


def test_a_value_that_contains_itself_is_text_too() -> None:
    """What has no JSON has a `str`."""
    endless: list[Any] = [1]
    endless.append(endless)
    assert as_text(endless) == "[1, [...]]"


def test_a_model_that_has_no_json_is_text_too() -> None:
    """A model may hold objects that pydantic cannot write."""
    assert as_text(Handle(thing=object)).startswith("thing=")


# ---- names of crews --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "placeholder"),
    [
        ("research", "research"),
        ("Research", "Research"),
        ("größe", "größe"),
        ("Market Research", "market_research"),
        ("market-research", "market_research"),
        ("  A  &  B!  ", "a_b"),
        ("2nd look", "_2nd_look"),
        ("a#2", "a_2"),
        ("Überblick 2", "überblick_2"),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_the_placeholder_of_a_crew(name: str, placeholder: str) -> None:
    """A crew's name is its placeholder; where it is no identifier, it is made one."""
    assert placeholder_name(name) == placeholder


@given(st.text())
def test_a_placeholder_of_a_crew_can_be_written(name: str) -> None:
    """Whatever a crew is called, its placeholder is one, or nothing."""
    placeholder = placeholder_name(name)
    assert placeholder == "" or parse("{" + placeholder + "}").fields == (placeholder,)
