"""What is told of conditions holds: against brute force, against recorded look-ups, and against Python's own lambdas."""

from __future__ import annotations

import ast
import enum
import itertools
import linecache
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from crewgraph.condition import Condition, parse_condition
from crewgraph.condition.answer import Verdict
from crewgraph.condition.callables import as_condition, identity, keys_of
from crewgraph.condition.decide import satisfiable
from crewgraph.condition.mistakes import Misuse, mistakes
from crewgraph.condition.reads import reads_of
from crewgraph.condition.routes import report_routes
from crewgraph.errors import ConditionError


def seeds(test: Callable[[int], None]) -> Callable[[], None]:
    """Run a test for many seeds, each of which makes a few dozen conditions and values; hypothesis would take minutes."""
    return settings(max_examples=60)(given(seed=st.integers(0, 2**32))(test))


class Mood(enum.StrEnum):
    GLAD = "glad"
    SAD = "sad"


class Plain(enum.Enum):
    A = "a"
    ONE = 1


class Review(BaseModel):
    score: int = Field(ge=0, le=10)
    label: Literal["a", "b"]
    note: str | None = None


KINDS: dict[str, Any] = {
    "yes": bool,
    "mood": Mood,
    "plain": Plain,
    "kind": Literal["a", "b", "c"],
    "odd": Literal["a", 1] | None,
    "few": Annotated[int, Field(ge=0, le=4)],
    "five": Annotated[int, Field(ge=-500, lt=500, multiple_of=5)],
    "n": int,
    "part": Annotated[float, Field(gt=0, le=1)],
    "f": float,
    "text": str,
    "name": Annotated[str, Field(min_length=1, max_length=3)],
    "maybe": int | None,
    "both": int | str,
    "tags": list[str],
    "pair": tuple[int, str],
    "bag": set[str],
    "table": dict[str, int],
    "review": Review,
    "perhaps": Review | None,
}
NAMES = [*KINDS, "free"]
FINITE: dict[str, Sequence[Any]] = {
    "yes": (True, False),
    "mood": tuple(Mood),
    "plain": tuple(Plain),
    "kind": ("a", "b", "c"),
    "odd": ("a", 1, None),
    "few": range(5),
}
PATHS = {
    "review": ["review.score", "review.label", "review.note", "review"],
    "perhaps": ["perhaps.score", "perhaps.label", "perhaps"],
    "table": ["table.a", "table.x", "table"],
    "tags": ["tags[0]", "tags[-1]", "tags"],
    "pair": ["pair[0]", "pair[1]", "pair"],
    "free": ["free", "free.a", "free.score", "free[0]"],
}
NUMBERS = ["0", "1", "2", "3", "5", "7", "2.5", "-1", "0.5", "10", "True"]
LITERALS = [*NUMBERS, "'a'", "'b'", "'ab'", "'glad'", "''", "'A'", "None", "False", "['a']", "('a', 1)"]
ORDER = ["<", "<=", ">", ">=", "==", "!="]
WORDS = [
    "a",
    "b",
    "c",
    "A",
    "ab",
    "AB",
    "Ab",
    "abc",
    "",
    "glad",
    "1",
    "xay",
    "something else",
    "x",
    "aa",
    "\0",
    "ß",
    "\u212a",
]


class Dice:
    """Random conditions and values."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.one = self.random.choice

    def often(self, share: float = 0.5) -> bool:
        return self.random.random() < share

    def names(self, of: Sequence[str], most: int = 3) -> list[str]:
        return self.random.sample(of, self.random.randint(1, most))

    # ---- conditions ----

    def atom(self, name: str) -> str:
        """A question about one value, sensible or not."""
        path = self.one(PATHS.get(name, [name]))
        literal, other, number = self.one(LITERALS), self.one(LITERALS), self.one(NUMBERS)
        return self.one(
            [
                f"{path} {self.one(ORDER)} {literal}",
                f"{literal} {self.one(ORDER)} {path}",
                f"{path} {self.one(['==', '!='])} {literal}",
                f"{path} {self.one(['in', 'not in'])} [{literal}, {other}]",
                f"{literal} in {path}",
                f"{path} in 'abc'",
                f"{path} is {self.one(['None', 'not None', 'True'])}",
                f"has({path})",
                f"len({path}) {self.one(ORDER)} {number}",
                f"lower({path}) == {self.one(['`a`', '`ab`', '`A`'])}".replace("`", "'"),
                f"upper({path}) == {self.one(['`A`', '`AB`', '`a`'])}".replace("`", "'"),
                f"'a' in lower({path})",
                f"{path} {self.one(['+ 1', '* 2', '* -2', '- 0.5', '/ 2', '// 2', '% 2'])} {self.one(ORDER)} {number}",
                f"2 - {path} {self.one(ORDER)} {number}",
                f"{self.one(['abs', 'round', '-'])}({path}) {self.one(ORDER)} {number}",
                f"{number} < {path} <= {self.one(NUMBERS)}",
                f"max({path}, 3) > {number}",
                path,
            ]
        )

    def condition(self, names: Sequence[str], depth: int = 2) -> str:
        """A condition about some values."""
        if depth == 0 or self.often(0.45):
            alone = self.atom(self.one(names))
            return alone if self.often(0.9) else f"{self.one(names)} {self.one(ORDER)} {self.one(names)}"
        if self.often(0.3):
            return f"not ({self.condition(names, depth - 1)})"
        parts = [self.condition(names, depth - 1) for _ in range(self.random.randint(2, 3))]
        return f"({self.one([' and ', ' or ']).join(parts)})"

    # ---- values ----

    def word(self) -> str:
        if self.often(0.8):
            return self.one(WORDS)
        return "".join(self.one("aAbBxyz\0ß K") for _ in range(self.random.randint(0, 4)))

    def whole(self) -> int:
        return self.random.randint(-4, 12) if self.often(0.8) else self.one([10**6, -(10**6), 10**400, 2**53 + 1])

    def real(self) -> float:
        plain = [0.0, 0.5, 1.0, 2.5, 3.0, 7.0, -0.0, 0.25, math.nan, math.inf, -math.inf, 1e300, 5e-324]
        return self.one([*plain, self.whole(), self.random.uniform(-4, 12)])

    def plain(self, depth: int = 2) -> Any:
        """Plain data."""
        if depth == 0 or self.often(0.75):
            return self.one([None, True, False, self.whole(), self.real(), self.word(), self.word()])
        if self.often():
            return [self.plain(depth - 1) for _ in range(self.random.randint(0, 3))]
        return {
            key: self.plain(depth - 1) for key in self.random.sample(["a", "score", "x"], self.random.randint(0, 3))
        }

    def review(self) -> dict[str, Any]:
        note = self.one([None, self.word()])
        return {"score": self.random.randint(0, 10), "label": self.one("ab"), "note": note}

    def words(self) -> list[str]:
        return [self.word() for _ in range(self.random.randint(0, 4))]

    def value(self, name: str) -> Any:
        """A value of the type of this name."""
        if name in FINITE:
            return self.one(FINITE[name])
        makers: dict[str, Callable[[], Any]] = {
            "five": lambda: 5 * self.random.randint(-100, 99),
            "n": self.whole,
            "part": lambda: self.one([1e-9, 0.1, 0.25, 0.5, 1.0, self.random.uniform(1e-9, 1)]),
            "f": self.real,
            "text": self.word,
            "name": lambda: (self.word() + "x")[: self.random.randint(1, 3)],
            "maybe": lambda: self.one([None, self.whole()]),
            "both": lambda: self.one([self.whole(), self.word()]),
            "tags": self.words,
            "pair": lambda: (self.whole(), self.word()),
            "bag": lambda: set(self.words()),
            "table": lambda: {
                key: self.whole() for key in self.random.sample(["a", "x", "z"], self.random.randint(0, 3))
            },
            "review": self.review,
            "perhaps": lambda: self.one([None, self.review()]),
            "free": self.plain,
        }
        return makers[name]()

    def values(self, names: Sequence[str], *, present: Sequence[str] = ()) -> dict[str, Any]:
        """Values, of which some may be missing."""
        return {name: self.value(name) for name in names if name in present or self.often(0.93)}


def outcome(condition: Condition, values: Mapping[str, Any]) -> bool | None:
    """What a condition comes to; ``None`` where it fails."""
    try:
        return condition(values)
    except ConditionError:
        return None


def failure(condition: Condition, values: Mapping[str, Any]) -> str:
    """How a condition fails; empty where it does not."""
    try:
        condition(values)
    except ConditionError as error:
        return str(error)
    return ""


# ---- decisions ---------------------------------------------------------------------------------------------------


@seeds
def test_answers_are_right(seed: int) -> None:
    """NO is never contradicted by values of the types, and an example is of its types and comes out so."""
    dice = Dice(seed)
    for _ in range(10):
        names = dice.names(NAMES)
        parts = [(parse_condition(dice.condition(names)), dice.often()) for _ in range(dice.random.randint(1, 3))]
        kinds = {name: KINDS[name] for name in names if name in KINDS and dice.often(0.7)}
        present = [name for name in names if dice.often(0.4)]
        answer = satisfiable(parts, kinds, present=present)
        if answer.verdict is Verdict.NO:
            for _ in range(20):
                values = dice.values(names, present=present)
                assert not all(outcome(condition, values) is wanted for condition, wanted in parts)
        if answer.example is not None:
            assert all(outcome(condition, answer.example) is wanted for condition, wanted in parts)
            for name in kinds.keys() & answer.example.keys():
                TypeAdapter(kinds[name]).validate_python(answer.example[name])


@seeds
def test_finite_values_are_always_decided(seed: int) -> None:
    """Whatever is asked of finite values is decided as trying them all does; only that an int may be ``True`` is not."""
    dice = Dice(seed)
    for _ in range(10):
        names = dice.names([*FINITE])
        parts = [(parse_condition(dice.condition(names)), dice.often()) for _ in range(dice.random.randint(1, 3))]
        answer = satisfiable(parts, {name: KINDS[name] for name in names}, present=names)
        every = [dict(zip(names, each, strict=True)) for each in itertools.product(*(FINITE[name] for name in names))]
        found = any(all(outcome(condition, each) is wanted for condition, wanted in parts) for each in every)
        expected = {Verdict.YES if found else Verdict.NO}
        if any("few is True" in condition.text for condition, _ in parts):
            expected.add(Verdict.UNKNOWN)
        assert answer.verdict in expected


@seeds
def test_reports_of_routers_are_right(seed: int) -> None:
    """What a report says of routes, overlaps and the default holds for all values."""
    dice = Dice(seed)
    for _ in range(3):
        (name,) = dice.names(NAMES, 1)
        routes = [
            (str(number), parse_condition(dice.condition([name], 1))) for number in range(dice.random.randint(1, 4))
        ]
        report = report_routes(routes, {name: KINDS[name]} if name in KINDS else {}, present=[name])
        for _ in range(10):
            values = dice.values([name], present=[name])
            outcomes = [outcome(condition, values) for _, condition in routes]
            taken = next((number for number, verdict in enumerate(outcomes) if verdict is not False), len(routes))
            if taken == len(routes):
                assert report.default.verdict is not Verdict.NO
            elif outcomes[taken]:
                assert report.routes[taken].reachable.verdict is not Verdict.NO
                assert not report.routes[taken].shadowed_by
            for overlap in report.overlaps:
                first, second = outcomes[int(overlap.first)], outcomes[int(overlap.second)]
                assert not (first and second and overlap.both.verdict is Verdict.NO)
                assert not (first and second is False and overlap.first_within is Verdict.YES)
                assert not (second and first is False and overlap.second_within is Verdict.YES)


# ---- what is read ------------------------------------------------------------------------------------------------


class Recorder(dict[str, Any]):
    """A dict that notes which of its keys are looked up, and which are only asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.read = set[str]()
        self.asked = set[str]()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:  # type: ignore[override]
        """As a dict does."""
        self.asked.add(key)
        return super().get(key, default)


@seeds
def test_reads_are_right(seed: int) -> None:
    """Sure keys are read, no others than those told are, and a verdict leaves behind the keys that it promises."""
    dice = Dice(seed)
    for _ in range(10):
        names = dice.names(NAMES)
        condition = parse_condition(dice.condition(names))
        reads = reads_of(condition)
        told = [*reads.sure_keys, *reads.maybe_keys, *reads.guarded_keys]
        assert sorted(told) == sorted(condition.reads)
        for _ in range(10):
            values = Recorder(dice.values(names))
            verdict = outcome(condition, values)
            assert values.read <= {*told, *reads.asked_keys}
            if verdict is not None:
                assert set(reads.sure_keys) <= values.read
                assert (reads.present_if_true if verdict else reads.present_if_false) <= values.keys()
            lacking = {key: value for key, value in values.items() if key not in reads.guarded_keys}
            failed = failure(condition, lacking)
            assert not any(f"there is no '{key}';" in failed for key in reads.guarded_keys)


# ---- mistakes ----------------------------------------------------------------------------------------------------


@seeds
def test_mistakes_are_mistakes(seed: int) -> None:
    """What fails does so with its example; what is sure to fail, or never or always true, is so for all values."""
    dice = Dice(seed)
    for _ in range(10):
        names = dice.names(NAMES, 2)
        condition = parse_condition(dice.condition(names, 1))
        for mistake in mistakes(condition, KINDS):
            piece = parse_condition(mistake.piece)
            if mistake.kind is Misuse.FAILS:
                assert outcome(condition, mistake.example) is None
                for name in KINDS.keys() & mistake.example.keys():
                    TypeAdapter(KINDS[name]).validate_python(mistake.example[name])
            for _ in range(10):
                verdict = outcome(piece, dice.values(names, present=names))
                assert not (verdict is True and mistake.kind is Misuse.NEVER_TRUE)
                assert not (verdict is False and mistake.kind is Misuse.ALWAYS_TRUE)
                assert not (verdict is not None and mistake.is_sure)


# ---- lambdas -----------------------------------------------------------------------------------------------------

KEYS = ["a", "b", "c"]


def test_random_lambdas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lambda and its expression come out the same, or both fail; the keys that are told are those it looks up."""
    file = "<random lambdas>"

    @seeds
    def check(seed: int) -> None:
        dice = Dice(seed)
        body = function_body(dice, 3)
        source = f"made = lambda x: {body}\n"
        monkeypatch.setitem(linecache.cache, file, (len(source), None, [source], file))
        space: dict[str, Any] = {}
        exec(compile(source, file, "exec"), space)
        condition, keys = as_condition(space["made"]), keys_of(space["made"])
        assert keys is not None, "only look-ups are made"
        assert identity(space["made"]) == identity(space["made"])
        for _ in range(10):
            values = Recorder({key: dice.plain(1) for key in KEYS if dice.often(0.8)})
            try:
                expected = bool(space["made"](values))
            except Exception:  # noqa: BLE001 - whatever is raised, the run fails
                expected = None
            assert values.read <= {*keys.sure, *keys.maybe, *keys.optional}
            assert expected is None or set(keys.sure) <= values.read
            assert condition is None or outcome(condition, values) is expected

    check()


def function_body(dice: Dice, depth: int) -> str:
    """A random expression over a dict ``x``."""
    if depth == 0:
        key = dice.one(KEYS)
        return dice.one(
            [
                f"x['{key}']",
                f"x.get('{key}')",
                f"x.get('{key}', {dice.one(NUMBERS)})",
                f"('{key}' in x)",
                dice.one(LITERALS),
            ]
        )
    inner = [function_body(dice, depth - 1) for _ in range(3)]
    return dice.one(
        [
            f"({inner[0]} and {inner[1]})",
            f"({inner[0]} or {inner[1]} or {inner[2]})",
            f"(not {inner[0]})",
            f"({inner[0]} if {inner[1]} else {inner[2]})",
            f"({inner[0]} {dice.one(ORDER)} {inner[1]})",
            f"({inner[0]} < {inner[1]} <= {inner[2]})",
            f"({inner[0]} {dice.one(['in', 'not in'])} [{inner[1]}, {inner[2]}])",
            f"({inner[0]} {dice.one('+-*/%')} {dice.one(NUMBERS)})",
            f"len({inner[0]})",
            f"bool({inner[0]})",
            f"({inner[0]}).lower()",
            f"max({inner[0]}, {inner[1]})",
            inner[0],
        ]
    )


def test_every_atom_parses() -> None:
    """The random conditions are conditions."""
    dice = Dice(0)
    for _ in range(200):
        assert isinstance(parse_condition(dice.condition(NAMES)).tree, ast.expr)
