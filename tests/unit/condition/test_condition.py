"""Declarative conditions: what they can say, and that they can do nothing else."""

from __future__ import annotations

import ast
import contextlib
import re
from collections import defaultdict
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from crewgraph import CrewOutput
from crewgraph.condition import FUNCTIONS, parse_condition
from crewgraph.condition.condition import MAX_DEPTH, MAX_LENGTH
from crewgraph.errors import ConditionError


class Risk(BaseModel):
    score: int = 8
    by: dict[str, int] = {"a": 1}


VALUES: dict[str, Any] = {
    "n": 7,
    "f": 1.5,
    "yes": True,
    "no": False,
    "none": None,
    "text": "Hello",
    "tags": ["a", "b", "c"],
    "pair": (1, 2),
    "bag": {1, 2},
    "risk": {"score": 8, "by": {"a b": 3}, "list": [{"x": 1}]},
    "model": Risk(),
    "_hidden": 1,
    "größe": 3,
    "len": 4,
}


def decide(text: str, **values: Any) -> bool:
    return parse_condition(text)(VALUES | values)


# ---- what they can say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["out.raw == '{\"a\": 1}'", "out.token_usage.total_tokens == 0", "out.json_dict.a == 1"]
)
def test_an_output_of_which_a_part_is_made_later(text: str) -> None:
    """It has all its fields, whoever asks first."""
    assert decide(text, out=CrewOutput.of_keys({"a": 1}))


@pytest.mark.parametrize(
    "text",
    [
        "n > 6",
        "n >= 7 and n <= 7",
        "n == 7 and n != 8 and not n < 7",
        "6 < n < 8",
        "1 < n > 2",
        "no or yes",
        "no or no or n",
        "not no",
        "yes and text",
        "n + 1 == 8 and n - 1 == 6 and n * 2 == 14 and n / 2 == 3.5 and n // 2 == 3 and n % 2 == 1",
        "-n == -7 and +n == 7",
        "yes + yes == 2",
        "yes == 1",
        "1e308 * 10 > n",
        "text == 'Hello' and text < 'Z'",
        "'ell' in text and 'x' not in text",
        "n in [1, 7] and n in (1, 7) and n in {1, 7} and n not in []",
        "none is None and n is not None and yes is True and no is False",
        "tags[0] == 'a' and tags[-1] == 'c'",
        "tags == ['a', 'b', 'c']",
        "pair == (1, 2) and pair != [1, 2]",
        "bag == {1, 2}",
        "risk.score == 8 and risk['score'] == 8 and risk.by['a b'] == 3 and risk.list[0].x == 1",
        "model.score == 8 and model.by.a == 1",
        "has(n) and not has(m) and has(risk.score) and not has(risk.x.y) and not has(tags[9])",
        "not has(n.x) and not has(text[0]) and not has(tags.a)",
        "has(m) and m > 1 or n == 7",
        "abs(-n) == 7 and max(n, 8) == 8 and min(tags) == 'a' and len(tags) == 3",
        "round(f) == 2 and round(1.25, 1) == 1.2 and round(1234, -2) == 1200",
        "lower(text) == 'hello' and upper(text) == 'HELLO'",
        "len == 4 and len(tags) < len",
        "_hidden == 1",
        "größe == 3",
        "0x1F == 31 and 1_000 == 1000",
        "'a' 'b' == 'ab'",
        "  n > 6  ",
        "n > 6  # a remark",
    ],
)
def test_true(text: str) -> None:
    """The condition holds."""
    assert decide(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "n > 7",
        "8 < n < none",
        "no and n.x",
        "no or none",
        "none",
        "text == 1",
        "[]",
        "''",
        "0.0",
        "n in []",
        "not n",
        "n is None",
    ],
)
def test_false(text: str) -> None:
    """The condition does not hold; what need not be looked at is not."""
    assert decide(text) is False


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("a > b and a < c.d", ("a", "b", "c")),
        ("has(a)", ()),
        ("has(a.b) and a.b > 1", ("a",)),
        ("x[0]['y'].z in [u, v]", ("x", "u", "v")),
        ("max(a, len(b)) > -c", ("a", "b", "c")),
        ("1 < 2", ()),
        ("ﬁeld", ("field",)),
    ],
)
def test_a_condition_knows_what_it_reads(text: str, reads: tuple[str, ...]) -> None:
    """The keys it looks up, in order, once each; Python reads identifiers in their normal form."""
    assert parse_condition(text).reads == reads


def test_a_condition_keeps_its_text_and_is_parsed_once() -> None:
    """The text is drawn on edges; parsing the same again costs nothing."""
    assert parse_condition(" n > 1 ").text == " n > 1 "
    assert parse_condition("n > 1") is parse_condition("n > 1")


@pytest.mark.parametrize("values", [MappingProxyType({"a": 1}), defaultdict(int, a=1)], ids=["proxy", "defaultdict"])
def test_any_mapping_will_do(values: Any) -> None:
    """Conditions read mappings of every kind."""
    assert parse_condition("a == 1")(values) is True


def test_asking_changes_nothing() -> None:
    """A default dict is not filled by looking into it."""
    counts = defaultdict[str, int](int)
    assert decide("has(counts.x)", counts=counts) is False
    with pytest.raises(ConditionError):
        decide("counts.x == 0", counts=counts)
    assert counts == {}


# ---- what they refuse ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "n >",
        "n > 1; n",
        "n = 1",
        "import os",
        "(n := 1)",
        "lambda: 1",
        "lambda x: x",
        "[x for x in tags]",
        "{x for x in tags}",
        "(x for x in tags)",
        "{x: 1 for x in tags}",
        "max(x for x in tags)",
        "{}",
        "{'a': 1}",
        "f'{n}'",
        "f'{text.__class__}'",
        "n if yes else no",
        "[*tags]",
        "len(*tags)",
        "max(**risk)",
        "max(tags, key=len)",
        "n ** 2",
        "9 ** 9 ** 9",
        "1 << n",
        "n | 1",
        "n & 1",
        "n ^ 1",
        "n @ n",
        "~n",
        "b'x'",
        "1j",
        "...",
        "await n",
        "(yield n)",
        "tags[0:1]",
        "tags[n]",
        "tags[1.5]",
        "tags[None]",
        "tags[-text]",
        "tags[1, 2]",
        "'x'.y",
        "(n + 1).real",
        "[1][0]",
        "text.upper()",
        "text.format(n)",
        "open('x')",
        "print(n)",
        "eval('1')",
        "exec('1')",
        "getattr(n, 'real')",
        "type(n)",
        "globals()",
        "__import__('os')",
        "has()",
        "has(a, b)",
        "has(a=1)",
        "has('a')",
        "has(1 + 1)",
        "has(a)(b)",
        "len(tags)(1)",
        "has(a).b",
        "n.__class__",
        "n._private",
        "n.__cl\uff41ss__",
        "n.\uff3f\uff3fclass__",
        "n.real.__class__",
        "tags[0].__len__",
        "n is 7",
        "n is text",
        "n is 'x'",
        "7 is not n",
        "n > 1\nn > 2",
        "n\0",
        "'\ud800' == text",
        "\ufeff",
    ],
)
def test_anything_else_is_refused_when_it_is_parsed(text: str) -> None:
    """No attribute, call, comprehension or assignment; and nothing that grows."""
    with pytest.raises(ConditionError, match=r"^condition `"):
        parse_condition(text)


def test_a_refusal_says_what_there_is() -> None:
    """A call that is not known names those that are; a method call is one of them."""
    with pytest.raises(ConditionError) as caught:
        parse_condition("text.upper() == 'A'")
    known = ", ".join(sorted([*FUNCTIONS, "has"]))
    assert str(caught.value) == (
        f"condition `text.upper() == 'A'`: `text.upper()` is not a known function; there are: {known}. "
        "hint: or use a callable"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("n is 7", "`is` only compares with None, True or False; use =="),
        ("n ** 2", "`n ** 2` is not allowed in a condition"),
        ("a._b", "`a._b` is not a path such as risk.score or tags[0]"),
        ("n >", "is not an expression"),
    ],
)
def test_a_refusal_says_why(text: str, told: str) -> None:
    """The message holds the piece that is wrong."""
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".b" * 900,
        "a" + "[0]" * 600,
        "has(a" + ".b" * 900 + ")",
        "a" + "()" * 900,
        "a" + ".b()" * 400,
        "-" * 1900 + "a",
        "not " * 450 + "a",
        "(" * 900 + "a" + ")" * 900,
        "[" * 150 + "]" * 150,
        "lambda: " * 240 + "a",
        "a if b else " * 160 + "c",
        "1" + "+1" * (MAX_DEPTH + 1),
    ],
    ids=lambda text: text[:12],
)
def test_deep_nesting_is_refused(text: str) -> None:
    """However it is nested, it is refused and not run into."""
    with pytest.raises(ConditionError):
        parse_condition(text)


def test_what_is_just_not_too_deep_is_accepted() -> None:
    """The bound is where it says."""
    assert decide("1" + "+1" * (MAX_DEPTH - 2) + f" == {MAX_DEPTH - 1}")
    assert parse_condition("a" + ".b" * (MAX_DEPTH - 1)).reads == ("a",)


def test_very_long_texts_are_refused_unread() -> None:
    """The error does not repeat them."""
    with pytest.raises(ConditionError) as caught:
        parse_condition("a " * 1_000_000)
    assert str(caught.value) == f"a condition has at most {MAX_LENGTH} characters, this one has 2000000"
    assert parse_condition("a" * MAX_LENGTH).reads == ("a" * MAX_LENGTH,)


# ---- what cannot be decided ------------------------------------------------------------------------------------


class Hostile:
    """Raises whatever it is asked."""

    def __eq__(self, other: object) -> bool:
        raise AttributeError("no such luck")

    def __bool__(self) -> bool:
        raise RuntimeError("neither")

    def __len__(self) -> int:
        raise OSError("gone")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise ZeroDivisionError


class Endless:
    """Equal to nothing in the end."""

    def __eq__(self, other: object) -> bool:
        return self == other

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "text",
    [
        "missing",
        "missing > 1",
        "risk.missing",
        "tags[9]",
        "tags['a']",
        "text[0]",
        "n.real",
        "model.missing",
        "model.model_dump",
        "none.x",
        "n > text",
        "n < none",
        "text + 1 == 2",
        "text + text == 'HelloHello'",
        "text * 9999999999 == 'x'",
        "tags * 9999999999 == tags",
        "'%s' % n == '7'",
        "-text",
        "n / 0 == 1",
        "n % 0 == 1",
        "n // 0 == 1",
        "n in n",
        "n in text",
        "tags in bag",
        "{tags} == bag",
        "len(n) == 1",
        "len(tags, tags) == 1",
        "lower(n) == 'x'",
        "upper(tags) == 'x'",
        "max(n) == 1",
        "min([]) == 1",
        "max() == 1",
        "abs(text) == 1",
        "round(text) == 1",
        "round(1.5, text) == 1",
        "round(1, -999999999) == 0",
        "round(1, 16) == 1",
        "hostile == 1",
        "hostile",
        "not hostile",
        "len(hostile) == 1",
        "lower(hostile) == 'x'",
        "hostile + 1 == 2",
        "endless == 1",
        "huge / 3 > 1",
        "huge * 1.5 > 1",
    ],
)
def test_what_cannot_be_decided_is_an_error_never_false(text: str) -> None:
    """A missing key or values that do not fit fail, whatever the values raise themselves."""
    with pytest.raises(ConditionError, match=r"^condition `"):
        decide(text, hostile=Hostile(), endless=Endless(), huge=10**4000)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scoer > 7", "condition `scoer > 7` cannot be decided: there is no 'scoer'; there is: score, x"),
        ("x.y > 7", "condition `x.y > 7` cannot be decided: there is no 'y' in 'x'; there is: z"),
        ("x.z[3] > 7", "condition `x.z[3] > 7` cannot be decided: there is no '3' in 'x.z'"),
        ("score + '1' > 7", "condition `score + '1' > 7` cannot be decided: '1' is not a number"),
        ("lower(score)", "condition `lower(score)` cannot be decided: 1 is not text"),
    ],
)
def test_the_error_says_what_there_is(text: str, told: str) -> None:
    """A message names the condition, the key and its place, and the keys there are."""
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)({"score": 1, "x": {"z": [1]}})
    assert str(caught.value) == told


def test_the_error_where_there_is_nothing() -> None:
    """An empty hand-over is called nothing."""
    with pytest.raises(ConditionError, match=r"there is no 'a'; there is: nothing$"):
        parse_condition("a")({})


def test_long_values_are_not_repeated_in_an_error() -> None:
    """A message does not hold a whole e-mail."""
    with pytest.raises(ConditionError) as caught:
        decide("mail + 1 == 2", mail="secret " * 10_000)
    assert len(str(caught.value)) < 200


def test_what_the_values_raise_is_chained() -> None:
    """The cause is kept for whoever debugs it."""
    with pytest.raises(ConditionError) as caught:
        decide("hostile == 1", hostile=Hostile())
    assert isinstance(caught.value.__cause__, AttributeError)


# ---- properties ------------------------------------------------------------------------------------------------

names = {"a": st.integers(-9, 9), "b": st.floats(-9, 9), "c": st.booleans(), "s": st.text("xy", max_size=3)}
atoms = st.one_of(st.sampled_from(sorted(names)), st.integers(-3, 3).map(str), st.sampled_from(["'x'", "True", "None"]))


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = ["<", "<=", ">", ">=", "==", "!=", "and", "or", "+", "-", "*", "/", "//", "%", "in", "not in"]
    return st.one_of(
        st.tuples(inner, st.sampled_from(operators), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({' < '.join(parts)})"),
        st.tuples(st.sampled_from(["not ", "-", "+", "abs", "len", "round"]), inner).map(
            lambda parts: f"({parts[0]}({parts[1]}))"
        ),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({', '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"max({', '.join(parts)})"),
    )


expressions = st.recursive(atoms, compound, max_leaves=8)


@given(expressions, st.fixed_dictionaries(names))
def test_a_condition_is_what_python_says(text: str, values: dict[str, Any]) -> None:
    """What a condition decides is what Python would have, and what it cannot decide, Python cannot or may not."""
    try:
        decided: object = parse_condition(text)(values)
    except ConditionError:
        decided = ConditionError
    try:
        expected: object = bool(
            eval(text, {"__builtins__": {}, "abs": abs, "len": len, "max": max, "round": round}, values)
        )
    except Exception:  # noqa: BLE001 - whatever Python raises, a condition has one error for it
        expected = ConditionError
    if decided is ConditionError and expected is not ConditionError:
        assert any(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(text)))  # text is not computed with
    else:
        assert decided == expected


@given(st.one_of(st.text(), st.text(st.sampled_from("ab01. ()[]{}<>=!+-*/%'\",:_fnotriasmd\\\n"))))
@example("'\\N{")
@example("0_")
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    """Any text is a condition or a ConditionError; any condition decides or is a ConditionError."""
    with contextlib.suppress(ConditionError):
        parse_condition(text)({"a": 1, "b": {"a": "x"}, "f": [1]})


@pytest.mark.parametrize(
    ("text", "meant"),
    [("a && b", "and"), ("a || b", "or"), ("a => 3", ">="), ("a = 3", "=="), ("a AND b", "and"), ("a =< 3", "<=")],
)
def test_other_languages_are_understood(text: str, meant: str) -> None:
    """A sign from another language gets the word that is meant."""
    with pytest.raises(ConditionError, match=f"hint: write {re.escape(meant)}$"):
        parse_condition(text)
