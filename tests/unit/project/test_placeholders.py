"""Placeholders are read as crewAI reads them, and written so that they mean the same here."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.project.placeholders import _is_slip, template_of
from crewgraph.template import parse

OF_CREWAI = re.compile(r"\{([A-Za-z_][A-Za-z0-9_\-]*)}")


def by_crewai(text, values):
    """What crewAI makes of a text."""
    for name in OF_CREWAI.findall(text):
        text = text.replace(f"{{{name}}}", values(name))
    return text


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("about {topic}.", "about TOPIC."),
        ("{{topic}}", "{TOPIC}"),
        ("{{{topic}}}", "{{TOPIC}}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ('{{"a": "{topic}"}}', '{{"a": "TOPIC"}}'),
        ("{ topic } {0} {} {a.b}", "{ topic } {0} {} {a.b}"),
        ("{user-id}", "{user-id}"),
        ("}} {topic} {{", "}} TOPIC {{"),
        ("no braces", "no braces"),
    ],
)
def test_a_text_means_the_same_here(text, filled):
    """Whatever braces stand in it; but names with a hyphen can only be text."""
    assert parse(template_of(text)).render(str.upper) == filled


@settings(max_examples=500)
@given(text=st.text(st.sampled_from('{}ab "_:'), max_size=14))
def test_any_text_means_the_same_here(text):
    """Random braces: filled here as there, with values that hold no braces."""
    assert parse(template_of(text)).render(str.upper) == by_crewai(text, str.upper)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("topic", "tpoic"),
        ("topic", "topc"),
        ("topic", "toppic"),
        ("topic", "tobic"),
        ("topic", "Topic"),
        ("company_name", "companyName"),
        ("company_name", "company-name"),
        ("customer", "customre"),
        ("atopic", "topic"),
    ],
)
def test_slips_of_the_pen(one, other):
    """One letter, two that changed places, case and separators."""
    assert _is_slip(one, other)
    assert _is_slip(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("topic", "topics"),
        ("topic", "subject"),
        ("name1", "name2"),
        ("a1", "a2"),
        ("day", "pay"),
        ("customer", "customer_name"),
        ("first", "frist_"),
        ("abcdef", "abfedc"),
    ],
)
def test_names_that_are_different(one, other):
    """Numbers, plurals, short names and more than one letter are meant."""
    assert not _is_slip(one, other)
    assert not _is_slip(other, one)
