"""What a condition reads, and what its verdict tells."""

from __future__ import annotations

import pytest

from crewgraph.condition import parse_condition
from crewgraph.condition.reads import reads_of

A, B, C = ("a",), ("b",), ("c",)


@pytest.mark.parametrize(
    ("text", "sure", "maybe", "guarded", "asked"),
    [
        ("a > 1", (A,), (), (), ()),
        ("a.x[0]['y z'] == b", (("a", "x", 0, "y z"), B), (), (), ()),
        ("a and b", (A,), (B,), (), ()),
        ("a or b", (A,), (B,), (), ()),
        ("not a and not b", (A,), (B,), (), ()),
        ("a < b < c", (A, B), (C,), (), ()),
        ("a < b", (A, B), (), (), ()),
        ("a in [b, c]", (A, B, C), (), (), ()),
        ("max(a, len(b)) > -c", (A, B, C), (), (), ()),
        ("(a and b) or b", (A, B), (), (), ()),
        ("(a or b) and (b or a)", (A, B), (), (), ()),
        ("has(a)", (), (), (), (A,)),
        ("has(a) and a > 1", (), (), (A,), (A,)),
        ("not has(a) or a > 1", (), (), (A,), (A,)),
        ("not (has(a) and a > 1)", (), (), (A,), (A,)),
        ("has(a) or a > 1", (), (A,), (), (A,)),
        ("has(a) and b and a > 1", (), (B,), (A,), (A,)),
        ("has(a) and (b or a.x)", (), (B, ("a", "x")), (), (A,)),
        ("has(a.x) and a.x > 1 and a > b", (), (B,), (("a", "x"), A), (("a", "x"),)),
        ("a > 1 and has(a)", (A,), (), (), (A,)),
        ("has(a) and a > 1 or a > 2", (A,), (), (), (A,)),
        ("a + (has(b) and b) > 1", (A,), (), (B,), (B,)),
        ("1 < 2", (), (), (), ()),
    ],
)
def test_paths(text: str, sure: object, maybe: object, guarded: object, asked: object) -> None:
    """Each path is read surely, maybe, or only where it is known to be there."""
    reads = reads_of(parse_condition(text))
    assert (reads.sure, reads.maybe, reads.guarded, reads.asked) == (sure, maybe, guarded, asked)


@pytest.mark.parametrize(
    ("text", "sure", "maybe", "guarded", "asked"),
    [
        ("a.x > 1 and a.y > 1", ("a",), (), (), ()),
        ("has(a) and a.x > 1", (), (), ("a",), ("a",)),
        ("has(a.y) and a.x > 1", (), (), ("a",), ("a",)),
        ("a.x or b.x", ("a",), ("b",), (), ()),
        ("has(b) and (a.x or a.y)", (), ("a",), (), ("b",)),
    ],
)
def test_keys(text: str, sure: object, maybe: object, guarded: object, asked: object) -> None:
    """A top-level key may be sure to be there though a path below it is not."""
    reads = reads_of(parse_condition(text))
    assert (reads.sure_keys, reads.maybe_keys, reads.guarded_keys, reads.asked_keys) == (sure, maybe, guarded, asked)


@pytest.mark.parametrize(
    ("text", "if_true", "if_false"),
    [
        ("a > 1", "a", "a"),
        ("a and b", "ab", "a"),
        ("a or b", "a", "ab"),
        ("has(a)", "a", ""),
        ("not has(a)", "", "a"),
        ("has(a.x.y)", "a", ""),
        ("not has(a.x.y)", "", "a"),
        ("has(a) and has(b)", "ab", ""),
        ("has(a) or has(b)", "", ""),
        ("not (has(a) and has(b))", "", "ab"),
        ("not has(a) or not has(b)", "", "ab"),
        ("has(a) and a > 1 or b", "", "b"),
        ("a < b < c", "abc", "ab"),
        ("has(a) == True", "", ""),
        ("(has(a) and b) or (has(a) and c)", "a", ""),
    ],
)
def test_what_a_verdict_tells(text: str, if_true: str, if_false: str) -> None:
    """Keys that were read are there, and those that ``has`` said are."""
    reads = reads_of(parse_condition(text))
    assert (reads.present_if_true, reads.present_if_false) == (set(if_true), set(if_false))


def test_it_is_worked_out_once() -> None:
    """Asking again costs nothing."""
    condition = parse_condition("a and b")
    assert reads_of(condition) is reads_of(condition)
