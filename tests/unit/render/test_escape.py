from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewgraph.render.escape import (
    clean,
    columns,
    dot_text,
    html_text,
    identifier,
    mermaid_text,
    mermaid_title,
    shortened,
)

ANY = st.text(st.characters(codec=None))  # surrogates included


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[31mred\x1b[0mb", "aredb"),
        ("a\x9b31mred", "ared"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x1bcb", "ab"),
        ("\u202eabc\u2066", "abc"),
        ("a\r\n\tb\u2028c\x85d", "a b c d"),
        ("a\x00\x07\x7f\ufffe\ud800b", "ab"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
    ],
    ids=["colour", "eight-bit", "title", "link", "device-string", "reset", "bidi", "lines", "control", "joined-emoji"],
)
def test_clean_leaves_one_line_of_text(text, expected):
    """Terminal codes, control characters and direction marks go, text stays."""
    assert clean(text) == expected


@given(ANY)
def test_clean_text_is_harmless_and_stays_as_it_is(text):
    """Nothing that moves a cursor survives, and cleaning twice changes nothing."""
    cleaned = clean(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", cleaned)
    assert clean(cleaned) == cleaned


@given(ANY, st.integers(2, 30))
def test_shortened_fits_and_is_never_empty(text, limit):
    """A text takes at most its columns, in wide characters too; only the word for no name may be longer."""
    short = shortened(text, limit)
    assert short
    assert columns(short) <= max(limit, 2)


def test_shortened_says_that_something_is_missing():
    """A cut is marked, and an empty name has a word of its own."""
    assert shortened("abcdefgh", 5) == "abcd…"
    assert shortened("日本語日本語", 6) == "日本…"
    assert shortened("\x00", 20) == "(unnamed)"


def test_columns_counts_what_a_terminal_shows():
    """Wide characters take two columns, accents and joiners none."""
    assert columns("a日e\u0301\u200d") == 4


@given(ANY.map(clean))
def test_html_text_reads_back(text):
    """No markup and no escape of Graphviz survives, and the text is the same."""
    escaped = html_text(text)
    assert not set(escaped) & set('<>"\\')
    assert html.unescape(escaped) == text.replace("\\", "\\\\")  # Graphviz reads two as one


def test_dot_text_is_never_markup_nor_an_escape():
    """A tooltip that looks like an HTML label or a placeholder of Graphviz is text."""
    assert dot_text('<b>\\N</b> "&lt;"') == "&lt;b&gt;\\\\N&lt;/b&gt; &quot;&amp;lt;&quot;"


@given(ANY.map(clean))
def test_mermaid_text_reads_back(text):
    """Only letters, harmless signs and numeric entities are written, and they stand for the same text."""
    escaped = mermaid_text(text)
    assert not set(escaped) & set("\"'<>|[](){}`*&:\\%$")
    assert re.sub(r"#(\d+);", lambda entity: chr(int(entity[1])), escaped) == text


@pytest.mark.parametrize("text", ["1. x", "- x", "__x__", "`x`", "fa:fa-ban", "%%{init: {}}%%", "#35;", "$$x$$"])
def test_mermaid_has_no_word_of_its_own(text):
    """What Mermaid would read as Markdown, icon, directive, entity or formula is escaped."""
    assert mermaid_text(text) != text


def test_mermaid_stays_readable():
    """Ordinary names and conditions are written as they are."""
    assert (
        mermaid_text("gpt-5-mini · risk_score 0.3, naïve e\u0301 日本")
        == "gpt-5-mini · risk_score 0.3, naïve e\u0301 日本"
    )


def test_mermaid_title_is_a_yaml_string():
    """A title keeps its letters and writes the rest as YAML does."""
    assert mermaid_title('a "b"\\') == "a \\U00000022b\\U00000022\\U0000005c"


@given(st.lists(ANY, unique=True, max_size=20))
def test_identifiers_differ(names):
    """Each name has an identifier of its own: short, ASCII, without a colon."""
    keys = [identifier(name) for name in names]
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch(r"[\w.~%-]{0,80}", key, re.ASCII) for key in keys)


def test_long_identifiers_differ():
    """Names that differ only at the end have different identifiers."""
    assert identifier("x" * 500 + "a") != identifier("x" * 500 + "b")
