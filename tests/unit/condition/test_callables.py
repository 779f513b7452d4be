"""What can be told with certainty of a condition that is a function."""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crewgraph.condition.callables import LambdaReads, as_condition, identity, keys_of
from crewgraph.condition.source import simple

LIMIT = 5


def len_of(values: Any) -> Any:
    """A function of the module."""
    return values


READS: list[tuple[Callable[..., Any], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    (lambda x: x["a"] > 1, ("a",), (), ()),
    (lambda x: x["a"] > LIMIT and x["b"], ("a",), ("b",), ()),
    (lambda x: x["a"] or x["b"] or x["a"], ("a",), ("b",), ()),
    (lambda x: x["a"]["b"][0].c, ("a",), (), ()),
    (lambda x: x["my key"] == len_of(x["b"]), ("my key", "b"), (), ()),
    (lambda x: x["a"] < x["b"] < x["c"], ("a", "b"), ("c",), ()),
    (lambda x: x["a"] if x["b"] else x["c"], ("b",), ("a", "c"), ()),
    (lambda x: x.get("a"), (), (), ("a",)),
    (lambda x: x.get("a", x["b"]), ("b",), (), ("a",)),
    (lambda x: x.get("a") and x["a"] > 1, (), (), ("a",)),
    (lambda x: x.get("a") is not None and x["a"] > 1, (), (), ("a",)),
    (lambda x: x.get("a", 1) and x["a"] > 1, (), ("a",), ()),
    (lambda x: x.get("a") is None or x["a"] > 1, (), ("a",), ()),
    (lambda x: "a" in x and x["a"] > 1, (), (), ("a",)),
    (lambda x: "a" not in x or x["a"] > 1, (), (), ("a",)),
    (lambda x: not ("a" not in x) and x["a"] > 1, (), (), ("a",)),
    (lambda x: "a" in x and "b" in x and x["a"] > x["b"], (), (), ("a", "b")),
    (lambda x: ("a" in x and "b" in x) and x["a"] > x["b"], (), (), ("a", "b")),
    (lambda x: ("a" in x or "b" in x) and x["a"], (), ("a",), ("b",)),
    (lambda x: x["a"] if "a" in x else x["b"], (), ("b",), ("a",)),
    (lambda x: x["b"] and ("a" in x or x["a"]), ("b",), ("a",), ()),
    (lambda x: len(x["a"]) > 1 and x["b"] == 1 and x["a"], ("a",), ("b",), ()),
    (lambda x: any(each == x["b"] for each in x["a"]), ("a",), ("b",), ()),
    (lambda x: [each for each in x["a"] if x["b"]], ("a",), ("b",), ()),
    (lambda x: {each: 1 for each in x["a"] for other in x["b"]}, ("a",), ("b",), ()),
    (lambda x: {each for each in x["a"]}, ("a",), (), ()),  # noqa: C416 - as above
    (lambda x: (lambda y: y > x["b"])(x["a"]), ("a",), ("b",), ()),  # noqa: PLC3002 - as above
    (lambda x: (y := x["a"]) and y > 1, ("a",), (), ()),
    (lambda x: f"{x['a']}" == "b", ("a",), (), ()),
    (lambda x: True, (), (), ()),
]


@pytest.mark.parametrize(("function", "sure", "maybe", "optional"), READS, ids=range(len(READS)))
def test_keys(function: Callable[..., Any], sure: Any, maybe: Any, optional: Any) -> None:
    """What is read each time, at times, or only where it is there."""
    assert keys_of(function) == LambdaReads(sure, maybe, optional)


async def awaited(values: Any) -> Any:
    """An async condition."""
    return values["a"] > await values["b"]


def documented(values: Any) -> Any:
    """A function that returns one expression."""
    return values["a"]


def longer(values: Any) -> Any:
    """A function that does more."""
    a = values["a"]
    return a > 1


def generated(values: Any) -> Any:
    yield values["a"]


def marked(function: Any) -> Any:
    return function


@marked
@marked
def decorated(values: Any) -> Any:
    return values["a"]


class Asks:
    """Functions of a class."""

    own = lambda x: x["a"]
    hidden = lambda x: x["a"] > __private  # noqa: F821 - a name that a class changes

    def asked(self, values: Any) -> Any:
        return values["a"]

    def alone(self) -> Any:
        return self["a"]  # type: ignore[index]

    def __call__(self, values: Any) -> Any:
        return values["a"]


def test_functions_of_other_kinds() -> None:
    """Whatever returns one expression can be read."""
    once = LambdaReads(("a",))
    assert keys_of(awaited) == LambdaReads(("a", "b"))
    assert keys_of(documented) == keys_of(decorated) == keys_of(Asks.own) == keys_of(Asks.alone) == once


two = [lambda x: x["a"] > 1, lambda x: x["b"] > 1]  # fmt: skip
same = [lambda x: x["a"], lambda x: x["a"]]  # fmt: skip


def test_functions_on_one_line_are_told_apart() -> None:
    """Each is found by where it stands in the line."""
    assert [keys_of(each) for each in (*two, *same)] == [LambdaReads((key,)) for key in "abaa"]


UNKNOWN: list[Callable[..., Any]] = [
    lambda x: len_of(x),  # noqa: PLW0108 - as somebody might write it
    lambda x: x,
    lambda x: {**x},
    lambda x: [*x],
    lambda x: [key for key in x],  # noqa: C416 - as somebody might write it
    lambda x: x[LIMIT],
    lambda x: x["a", "b"],
    lambda x: x.values(),
    lambda x: x.get,
    lambda x: x.get(LIMIT),
    lambda x: x.get("a", 1, 2),
    lambda x: LIMIT in x,
    lambda x: x == {"a": 1},
    lambda x: (x := 1),  # noqa: F841 - as above
    lambda x: [x for x in "ab"],  # noqa: C416 - as above
    lambda x: (lambda x: x["a"])({"a": 1}),  # noqa: PLC3002 - as above
    lambda x: locals()["x"]["a"],
    lambda x: eval("x['a']"),
    lambda x: (yield x["a"]),
    lambda x: lambda: (yield x["a"]),
    lambda x, y=1: x["a"],
    lambda x, *, y=1: x["a"],
    lambda *x: x[0]["a"],
    lambda **x: x["a"],
    lambda: True,
    longer,
    generated,
    Asks.hidden,
    Asks().asked,
    Asks(),
    functools.partial(documented),
    functools.cache(documented),
    len,
    print,
    dict,
]


@pytest.mark.parametrize("function", UNKNOWN, ids=range(len(UNKNOWN)))
def test_what_might_read_anything(function: Callable[..., Any]) -> None:
    """Nothing is told of a function that uses the dict in another way, or that cannot be looked into."""
    assert keys_of(function) is None
    assert as_condition(function) is None


# ---- as an expression ----------------------------------------------------------------------------------------------

SAID: list[tuple[Callable[..., Any], str]] = [
    (lambda x: x["a"] > 7, "a > 7"),
    (lambda x: x["a"]["b c"] == "d" and not x["e"], "a['b c'] == 'd' and (not e)"),
    (lambda x: 0 < x["a"] <= 5 or x["b"] in ["c", "d"], "0 < a <= 5 or b in ['c', 'd']"),
    (lambda x: x["a"] is None and x["b"] is not True, "a is None and b is not True"),
    (lambda x: (x["a"], 1) == (2, 1) or x["b"] in {1, 2}, "(a, 1) == (2, 1) or b in {1, 2}"),
    (lambda x: (x["a"] and x["b"]) == 1, "(a and b) == 1"),
    (lambda x: (not x["a"]) == True, "(not a) == True"),  # noqa: E712 - as somebody might write it
    (lambda x: -x["a"] < +1.5, "-a < +1.5"),
    (lambda x: x["a"] + 1 > 3 and 2 - x["a"] > x["b"] / 2, "a + 1 > 3 and 2 - a > b / 2"),
    (lambda x: (x["a"] // 2 + 1) * 3 > len(x["b"]) * 2, "(a // 2 + 1) * 3 > len(b) * 2"),
    (lambda x: -(x["a"] + 1) % 2 == 0, "-(a + 1) % 2 == 0"),
    (lambda x: x["a"].lower() == "b" and x["c"].upper() != "D", "lower(a) == 'b' and upper(c) != 'D'"),
    (lambda x: len(x["a"]) > abs(x["b"]), "len(a) > abs(b)"),
    (lambda x: max(x["a"], 3) > min(x["b"]), "max(a, 3) > min(b)"),
    (lambda x: round(x["a"], 1) > 0.5, "round(a, 1) > 0.5"),
    (lambda x: bool(x["a"]), "a"),
    (lambda x: x["a"] if x["b"] else x["c"], "b and a or (not b and c)"),
    (lambda x: x["a"] > 1 if "a" in x else False, "has(a) and a > 1"),
    (lambda x: x["a"] > 1 if "a" in x else True, "not has(a) or a > 1"),
    (lambda x: "a" in x and "b" not in x, "has(a) and (not has(b))"),
    (lambda x: x.get("a"), "has(a) and a"),
    (lambda x: not x.get("a"), "not (has(a) and a)"),
    (lambda x: x.get("a", True), "not has(a) or a"),
    (lambda x: x.get("a", 0) > 3, "has(a) and a > 3"),
    (lambda x: x.get("a", 9) > 3 and x["b"], "(not has(a) or a > 3) and b"),
    (lambda x: x.get("a") > 3, "a > 3"),
    (lambda x: x.get("a", 0) > x["b"], "has(a) and a > b or (not has(a) and 0 > b)"),
    (lambda x: x.get("a", 0) > x.get("b", 1), ("has(a) and (has(b) and a > b or (not has(b) and a > 1)) or "
     "(not has(a) and has(b) and (0 > b))")),
    (lambda x: x.get("a", "").lower() == "b", "has(a) and lower(a) == 'b'"),
    (lambda v: v["urgency"] > 7 and not v["muted"], "urgency > 7 and (not muted)"),
    (lambda v: v["customer"]["name"].lower() == "ada", "lower(customer['name']) == 'ada'"),
    (lambda v: "reply" in v and len(v["reply"]) > 80, "has(reply) and len(reply) > 80"),
    (lambda v: v.get("mood", "glad") == "sad", "has(mood) and mood == 'sad'"),
    (lambda x: True, "True"),
    (documented, "a"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "text"), SAID, ids=[text for _, text in SAID])
def test_as_an_expression(function: Callable[..., Any], text: str) -> None:
    """Where an expression says the same for sure."""
    condition = as_condition(function)
    assert condition is not None
    assert condition.text == text


UNSAID: list[Callable[..., Any]] = [
    awaited,
    lambda x: x["a"] > LIMIT,
    lambda x: x["a"] + x["b"] > 3,
    lambda x: x["a"] * 2 > 3,
    lambda x: x["a"] % 2 == 0,
    lambda x: x["a"] ** 2 > 3,
    lambda x: 2 - x["a"] * 1 > 3,
    lambda x: (-x["a"]) * 2 > 3 and x["a"] @ 2,
    lambda x: x["a"][0] == "b",
    lambda x: x["a"].b == "b",
    lambda x: x["a"].strip() == "b",
    lambda x: x["a"].lower(1) == "b",
    lambda x: x["my key"] == "b",
    lambda x: x["class"] == "b",
    lambda x: x["ﬁeld"] == "b",
    lambda x: str(x["a"]) == "b",
    lambda x: len(x["a"], x["b"]) == 1,
    lambda x: max() == x["a"],
    lambda x: max(x["a"], key=abs) == 1,
    lambda x: max(*x["a"]) == 1,
    lambda x: round(x["a"]) == 1,
    lambda x: round(x["a"], 99) == 1,
    lambda x: round(x["a"], x["b"]) == 1,
    lambda x: x["a"] is x["b"],
    lambda x: x["a"] == b"b",
    lambda x: x["a"] == {"b": 1},
    lambda x: x["a"] == [*x["b"]],
    lambda x: x.get("a", []) == [],
    lambda x: x.get("a", None) == x.get("b") == x.get("c") == x.get("d"),
    lambda x: x.get("my key", 1) == 1,
    lambda x: "my key" in x,
    lambda x: x.get("a", b"") == x["b"],
    lambda x: any(x["a"]),
    lambda x: f"{x['a']}" == "b",
    lambda x: bool(x["a"], x["b"]),  # type: ignore[call-arg]
    lambda x: x["a"] & 1,
]  # fmt: skip


@pytest.mark.parametrize("function", UNSAID, ids=range(len(UNSAID)))
def test_what_stays_a_function(function: Callable[..., Any]) -> None:
    """Where no expression says the same for sure, or none can."""
    assert as_condition(function) is None


def test_what_is_too_deep_or_too_long_stays_a_function() -> None:
    """A condition is bounded, a function is not."""
    space: dict[str, Any] = {}
    assert as_condition(made(f"lambda x: {'not ' * 60}x['a']", space)) is None
    assert as_condition(made(f"lambda x: x['a'] in {list(range(900))}", space)) is None


def test_a_function_that_hides_a_builtin() -> None:
    """``len`` may be another function there."""
    space: dict[str, Any] = {}
    assert as_condition(made("lambda x: len(x['a']) > 1", space)) is not None
    assert as_condition(made("lambda x: len(x['a']) > 1", {"len": len_of})) is None
    assert as_condition(made("lambda x: bool(x['a'])", {"bool": len_of})) is None
    assert as_condition(made("lambda x: max(x['a'])", {"__builtins__": {"max": min}})) is None
    assert as_condition(made("(lambda abs: lambda x: abs(x['a']) > 1)(len)", space)) is None


# ---- source --------------------------------------------------------------------------------------------------------


def made(text: str, space: dict[str, Any], file: str = "<made>") -> Any:
    """A function whose source can be found."""
    source = f"made = {text}\n"
    linecache.cache[file] = (len(source), None, [source], file)
    exec(compile(source, file, "exec"), space)
    return space["made"]


def test_without_a_source_nothing_is_told() -> None:
    """As of a function that was made of a text."""
    assert simple(eval("lambda x: x['a']")) is None


def test_a_file_that_has_changed_is_noticed(tmp_path: Path) -> None:
    """Its source makes another function, or the same one elsewhere."""
    file = tmp_path / "asks.py"
    text = "ask = lambda x: x['a'] > 1\n"
    space: dict[str, Any] = {}
    exec(compile(text, str(file), "exec"), space)
    for there, is_told in (
        (text, True),
        (text.replace("1", "2"), False),
        (text.replace("'a'", "'b'"), False),
        (text.replace("x:", "x: "), False),
        (f"\n{text}", False),
        ("ask = (", False),
        (text + "1\n" * 20_000, False),
    ):
        file.write_text(there)
        linecache.clearcache()
        assert (keys_of(space["ask"]) is not None) is is_told
    file.unlink()
    linecache.clearcache()
    assert keys_of(space["ask"]) is None


def test_what_compiling_warns_of_is_not_said_again() -> None:
    """It was said when the file was read."""
    space: dict[str, Any] = {}
    with pytest.warns(SyntaxWarning):
        function = made("lambda x: x['a'] is 'b'", space)
    assert keys_of(function) == LambdaReads(("a",))


def test_functions_deep_inside_others_are_compared() -> None:
    """A function inside of another is a constant of it, and may differ in one."""
    space: dict[str, Any] = {}
    function = made("lambda x: (lambda y: (lambda z: z + 1)(y))(x['a'])", space)
    assert keys_of(function) == LambdaReads(("a",))
    source = "made = lambda x: (lambda y: (lambda z: z + 2)(y))(x['a'])\n"
    linecache.cache["<made>"] = (len(source), None, [source], "<made>")
    assert keys_of(function) is None


# ---- which it is ---------------------------------------------------------------------------------------------------


def above(limit: Any) -> Any:
    """A function with a value from around it."""
    return lambda x: x["a"] > limit


def test_the_same_function_twice() -> None:
    """Code, constants, module, defaults and what they take from around are the same."""
    assert identity(above(1)) == identity(above(1))
    assert hash(identity(above("a"))) == hash(identity(above("a")))
    assert identity(above((1, "a"))) == identity(above((1, "a")))
    assert len({identity(above(value)) for value in (1, 2, True, 1.0, "1", None, (1,), (True,), 0.0, -0.0)}) == 10
    mutable = [1]
    assert identity(above(mutable)) == identity(above(mutable)) != identity(above([1]))
    assert identity(same[0]) == identity(same[1]) != identity(two[0])


def test_what_makes_functions_differ() -> None:
    """Constants of other types, defaults, code inside, and the module."""
    texts = [
        "lambda x: x['a'] > 1", "lambda x: x['a'] > 1.0", "lambda x: x['a'] > True", "lambda x: x['b'] > 1",
        "lambda y: y['a'] > 1", "lambda x: x['a'] in (1, 2)", "lambda x: x['a'] in (1, True)",
        "lambda x: x['a'] in {1, 2}", "lambda x: x['a'] in {1, 3}", "lambda x, y=1: x['a']", "lambda x, y=2: x['a']",
        "lambda x, *, y=1: x['a']", "lambda x, *, y=2: x['a']", "lambda x: (lambda: 1)", "lambda x: (lambda: 2)",
        "lambda x: 1j", "lambda x: 2j",
    ]  # fmt: skip
    space: dict[str, Any] = {}
    assert len({identity(made(text, space)) for text in texts}) == len(texts)
    assert identity(made(texts[0], space)) == identity(made(texts[0], space)) != identity(made(texts[0], {}))


def test_what_is_only_itself() -> None:
    """Other callables, and functions around a variable that has no value yet."""
    asks = Asks()
    assert identity(asks) == identity(asks) != identity(Asks())
    assert identity(len) != "len"

    def early() -> Any:
        def ask(x: Any) -> Any:
            return x["a"] > later

        first = identity(ask)
        later = 1
        return first, ask, later

    first, ask, _ = early()
    assert first != identity(ask)
