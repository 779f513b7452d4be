"""The relation of types is sound: what fits is never refused, what misfits has a value that is, and pydantic decides."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, Required

import typing_extensions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter, ValidationError, create_model

from crewgraph.shapes import NOTHING, Verdict, coercer, example, fit, refused, union_of, written
from crewgraph.shapes.adapter import adapter

Values = st.SearchStrategy[Any]
Tree = tuple[Any, ...]
"""What a type is made of: the name of a part of the grammar, then its own parts."""


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Tone(enum.StrEnum):
    WARM = "warm"
    RED = "red"


class Plain:
    """A class that nobody looks into."""


class Special(Plain):
    """One below it."""


Number = NewType("Number", int)
Nested = typing_extensions.TypeAliasType("Nested", "list[Nested] | int")


class Node(BaseModel):
    value: int = 0
    children: list[Node] = []


class Branch(BaseModel):
    value: float = 0
    children: list[Branch] = []


@dataclass(frozen=True)
class Kind:
    """A type with its values, as models are dumped and as they are."""

    type: Any
    dumped: Values
    whole: Values

    @classmethod
    def of(cls, kind: Any, values: Values) -> Kind:
        return cls(kind, values, values)


INTS = st.integers(-30, 30) | st.integers(-(10**20), 10**20)
FLOATS = st.floats(-30, 30) | st.sampled_from([0.5, 1.0, -2.0]) | st.floats()
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ["red", "warm", "1", "2.5", "true", "x" * 12]
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-100, max_value=100)
NODES = st.recursive(
    st.fixed_dictionaries({"value": INTS, "children": st.just([])}),
    lambda inner: st.fixed_dictionaries({"value": INTS, "children": st.lists(inner, max_size=2)}),
    max_leaves=4,
)
LEAVES: dict[str, Kind] = {
    "none": Kind.of(None, st.none()),
    "bool": Kind.of(bool, st.booleans()),
    "int": Kind.of(int, INTS),
    "float": Kind.of(float, FLOATS),
    "str": Kind.of(str, TEXTS),
    "bytes": Kind.of(bytes, st.binary(max_size=5)),
    "decimal": Kind.of(decimal.Decimal, DECIMALS),
    "date": Kind.of(dt.date, st.dates()),
    "datetime": Kind.of(dt.datetime, st.datetimes() | st.datetimes(timezones=st.just(dt.UTC))),
    "time": Kind.of(dt.time, st.times()),
    "timedelta": Kind.of(dt.timedelta, st.timedeltas()),
    "uuid": Kind.of(uuid.UUID, st.uuids()),
    "complex": Kind.of(complex, st.complex_numbers()),
    "color": Kind.of(Color, st.sampled_from(Color)),
    "level": Kind.of(Level, st.sampled_from(Level)),
    "tone": Kind.of(Tone, st.sampled_from(Tone)),
    "number": Kind.of(Number, INTS),
    "plain": Kind.of(Plain, st.builds(Plain) | st.builds(Special)),
    "special": Kind.of(Special, st.builds(Special)),
    "nested": Kind.of(Nested, st.recursive(INTS, lambda inner: st.lists(inner, max_size=2), max_leaves=4)),
    "node": Kind(Node, NODES, NODES.map(Node.model_validate)),
    "branch": Kind(
        Branch, NODES.map(lambda node: Branch.model_validate(node).model_dump()), NODES.map(Branch.model_validate)
    ),
}
LITERALS = (0, 1, 2, True, False, "red", "warm", "1", None, Color.RED, Level.LOW, b"x")
FIELDS = ("a", "b", "c")
ALLOWED = ConfigDict(arbitrary_types_allowed=True)


# ---- the grammar ------------------------------------------------------------------------------------------------


def bounded(base: str, low: tuple[str, Any] | None, high: tuple[str, Any] | None) -> Kind:
    """A number with bounds."""
    bounds: dict[str, Any] = dict([*([low] if low else []), *([high] if high else [])])
    kind = Annotated[LEAVES[base].type, Field(**bounds)]
    judged = TypeAdapter[Any](kind)
    return Kind.of(kind, LEAVES[base].dumped.filter(lambda value: accepted(judged, value)))


def sized(base: str, least: int | None, most: int | None) -> Kind:
    """A text with a length."""
    values: Values = st.text("ab1", min_size=least or 0, max_size=most if most is not None else (least or 0) + 3)
    if base == "bytes":
        values = values.map(str.encode)
    return Kind.of(Annotated[LEAVES[base].type, Field(min_length=least, max_length=most)], values)


def patterned(pattern: str) -> Kind:
    return Kind.of(Annotated[str, Field(pattern=pattern)], st.from_regex(pattern, fullmatch=True))


def many(container: str, item: Kind, least: int | None, most: int | None) -> Kind:
    made: dict[str, Callable[[Sequence[Any]], Any]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
    origin: dict[str, Any] = {"list": list[item.type], "tuple": tuple[item.type, ...], "set": set[item.type]}  # type: ignore[name-defined]
    origin["frozenset"], origin["sequence"] = frozenset[item.type], Sequence[item.type]  # type: ignore[name-defined]
    is_set = container in {"set", "frozenset"}

    def values(items: Values) -> Values:
        kept = items.filter(hashable) if is_set else items
        size = {"min_size": least or 0, "max_size": 3 if most is None else most}
        listed = st.lists(kept, **size, unique=is_set)
        return st.one_of(listed, listed.map(tuple)) if container == "sequence" else listed.map(made[container])

    bare = origin[container]
    kind = bare if least is None and most is None else Annotated[bare, Field(min_length=least, max_length=most)]
    return Kind(kind, values(item.dumped), values(item.whole))


def row(items: Sequence[Kind]) -> Kind:
    kind = tuple[tuple(item.type for item in items)]  # type: ignore[misc]
    return Kind(kind, st.tuples(*(item.dumped for item in items)), st.tuples(*(item.whole for item in items)))


def table(key: Kind, value: Kind) -> Kind:
    keys = key.dumped.filter(hashable)
    make = lambda values: st.dictionaries(keys, values, max_size=3)
    return Kind(dict[key.type, value.type], make(value.dumped), make(value.whole))  # type: ignore[name-defined]


def typed_dict(fields: Mapping[str, tuple[Kind, bool]]) -> Kind:
    marked = {key: (Required if needed else NotRequired)[kind.type] for key, (kind, needed) in fields.items()}
    made = typing_extensions.TypedDict("Made", marked)  # type: ignore[misc]

    made.__pydantic_config__ = ALLOWED

    def values(part: str) -> Values:
        needed = {key: getattr(kind, part) for key, (kind, is_needed) in fields.items() if is_needed}
        other = {key: getattr(kind, part) for key, (kind, is_needed) in fields.items() if not is_needed}
        return st.fixed_dictionaries(needed, optional=other)

    return Kind(made, values("dumped"), values("whole"))


def model(fields: Mapping[str, tuple[Kind, bool]], extra: str) -> Kind:
    # a field that may be None: what is declared without is a source of values that it does not take (see the unit tests)
    defaults = {
        key: (kind.type, ...) if needed else (Optional[kind.type], None)  # noqa: UP045
        for key, (kind, needed) in fields.items()
    }
    made: Any = create_model("Model", __config__=ConfigDict(extra=extra, arbitrary_types_allowed=True), **defaults)  # type: ignore[call-overload]
    dumps = st.fixed_dictionaries(
        {key: kind.dumped if needed else st.none() | kind.dumped for key, (kind, needed) in fields.items()}
    )
    # what a model holds was validated, so a value is what its own type would make of it
    whole = st.fixed_dictionaries(
        {key: kind.whole for key, (kind, needed) in fields.items() if needed},
        optional={key: kind.whole for key, (kind, needed) in fields.items() if not needed},
    )
    return Kind(made, dumps, whole.map(lambda values: made.model_construct(**values)))


ODD: dict[str, Any] = {
    "strict": {"strict": True},
    "stripped": {"str_strip_whitespace": True, "str_min_length": 1},
    "texts": {"coerce_numbers_to_str": True},
    "open": {"extra": "allow"},
    "finite": {"allow_inf_nan": False},
    "aliased": {"alias_generator": str.upper},
    "either": {"alias_generator": str.upper, "populate_by_name": True},
    "named": {"alias_generator": str.upper, "populate_by_name": True, "extra": "forbid"},
    "attributes": {"from_attributes": True},
    "again": {"revalidate_instances": "always"},
}
"""Settings of models that only take: what they dump they would not take again, or nobody knows."""


def odd(fields: Mapping[str, tuple[Kind, bool]], settings: str) -> Kind:
    """A model with settings, which takes and is not handed over."""
    parts = {key: (kind.type, ...) if needed else (Optional[kind.type], None) for key, (kind, needed) in fields.items()}  # noqa: UP045
    config = ConfigDict(**ODD[settings], arbitrary_types_allowed=True)
    made: Any = create_model("Odd", __config__=config, **parts)  # type: ignore[call-overload]
    return Kind.of(made, st.nothing())


def tagged(fields: Mapping[str, tuple[Kind, bool]]) -> Kind:
    """Two models that a key tells apart, which are not handed over."""
    parts = {key: (kind.type, ...) for key, (kind, _) in fields.items() if key != "a"}
    one: Any = create_model("One", __config__=ALLOWED, a=(Literal["a", "red"], "a"), **parts)  # type: ignore[call-overload]
    two: Any = create_model("Two", __config__=ALLOWED, a=(Literal["b"], ...))
    return Kind.of(Annotated[one | two, Field(discriminator="a")], st.nothing())


def record(fields: Mapping[str, tuple[Kind, bool]]) -> Kind:
    """A dataclass."""
    parts = [(key, kind.type) for key, (kind, needed) in fields.items() if needed]
    parts += [(key, Optional[kind.type], None) for key, (kind, needed) in fields.items() if not needed]  # type: ignore[misc] # noqa: UP045
    made = dataclasses.make_dataclass("Made", parts)
    made.__pydantic_config__ = ALLOWED  # type: ignore[attr-defined]
    dumps = {key: kind.dumped if needed else st.none() | kind.dumped for key, (kind, needed) in fields.items()}
    whole = {key: kind.whole if needed else st.none() | kind.whole for key, (kind, needed) in fields.items()}
    return Kind(made, st.fixed_dictionaries(dumps), st.fixed_dictionaries(whole).map(lambda values: made(**values)))


def root(inner: Kind) -> Kind:
    made: Any = type("Root", (RootModel,), {"__annotations__": {"root": inner.type}, "model_config": ALLOWED})
    return Kind(made, inner.dumped, inner.whole.map(made.model_construct))


def one_of(members: Sequence[Kind]) -> Kind:
    dumped, whole = (reduce(or_, [getattr(each, part) for each in members]) for part in ("dumped", "whole"))
    return Kind(union_of(each.type for each in members), dumped, whole)


def literal(values: Sequence[Any]) -> Kind:
    return Kind.of(Literal[tuple(values)], st.sampled_from(list(values)))  # type: ignore[valid-type]


def build(tree: Tree) -> Kind:
    """The type that a tree describes, with its values."""
    name, *parts = tree
    match name:
        case "leaf":
            return LEAVES[parts[0]]
        case "literal" | "bounded" | "sized" | "patterned":
            return globals()[name](*parts)
        case "many":
            return many(parts[0], build(parts[1]), *parts[2:])
        case "row" | "one_of":
            return globals()[name]([build(part) for part in parts])
        case "table":
            return table(build(parts[0]), build(parts[1]))
        case "root":
            return root(build(parts[0]))
        case _:
            fields = {key: (build(inner), needed) for key, inner, needed in parts[0]}
            return globals()[name](fields, *parts[1:])


def hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def judge(kind: Any) -> TypeAdapter[Any]:
    """pydantic itself."""
    made = adapter(kind)
    assert made is not None, written(kind)
    return made


def accepted(judged: TypeAdapter[Any], value: Any) -> bool:
    try:
        judged.validate_python(value)
    except ValidationError:
        return False
    return True


# ---- random trees -----------------------------------------------------------------------------------------------

SIZES = st.none() | st.integers(0, 3)
leaves = st.one_of(
    st.sampled_from(sorted(LEAVES)).map(lambda name: ("leaf", name)),
    st.sampled_from(["int", "float", "str", "bool"]).map(lambda name: ("leaf", name)),
    st.lists(st.sampled_from(LITERALS), min_size=1, max_size=3, unique_by=lambda value: (type(value), value)).map(
        lambda values: ("literal", tuple(values))
    ),
    st.tuples(
        st.just("bounded"),
        st.sampled_from(["int", "float", "decimal"]),
        st.none() | st.tuples(st.sampled_from(["ge", "gt"]), st.integers(-5, 2)),
        st.none() | st.tuples(st.sampled_from(["le", "lt"]), st.integers(4, 9)),
    ),
    st.tuples(st.just("sized"), st.sampled_from(["str", "bytes"]), SIZES, st.none() | st.integers(3, 5)),
    st.tuples(st.just("patterned"), st.sampled_from(["^[a-c]+$", "^\\d{2}$", "^x"])),
)


def deeper(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    fields = st.lists(
        st.tuples(st.sampled_from(FIELDS), inner, st.booleans()), max_size=3, unique_by=lambda part: part[0]
    ).map(tuple)
    containers = st.sampled_from(["list", "tuple", "sequence"])
    sets, parts = (
        st.sampled_from(["set", "frozenset"]),
        leaves.filter(lambda tree: tree[1] not in {"node", "branch", "nested"}),
    )
    keys = st.sampled_from([("leaf", "str"), ("leaf", "int"), ("literal", ("a", "b")), ("leaf", "tone")])
    return st.one_of(
        st.tuples(st.just("many"), containers, inner, st.just(None), st.just(None)),
        st.tuples(st.just("many"), containers, inner, SIZES, st.none() | st.integers(3, 4)),
        st.tuples(st.just("many"), sets, parts, st.none() | st.just(1), st.none() | st.integers(3, 4)),
        st.tuples(
            st.just("many"), sets, st.lists(parts, max_size=2).map(lambda parts: ("row", *parts)), st.none(), st.none()
        ),
        st.lists(inner, max_size=3).map(lambda parts: ("row", *parts)),
        st.tuples(st.just("table"), keys, inner),
        st.tuples(st.just("typed_dict"), fields),
        st.tuples(st.just("model"), fields, st.sampled_from(["ignore", "ignore", "forbid"])),
        st.tuples(st.just("record"), fields),
        st.tuples(st.just("root"), inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: ("one_of", *parts)),
        inner.map(lambda part: ("one_of", part, ("leaf", "none"))),
    )


trees = st.recursive(leaves, deeper, max_leaves=6)


@st.composite
def related(draw: st.DrawFn, tree: Tree) -> Tree:
    """A tree that differs from another in a place or two: what fits is found among such."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(leaves, st.just(("one_of", tree, ("leaf", "none")))))
    name, *parts = tree
    if name == "many" and draw(st.booleans()):
        parts[0] = draw(
            st.sampled_from(
                ["list", "tuple", "sequence"] if parts[0] in {"list", "tuple", "sequence"} else ["list", "set"]
            )
        )
    if name in {"typed_dict", "model", "record"}:
        kept = [
            (key, draw(related(inner)), draw(st.booleans())) for key, inner, _ in parts[0] if draw(st.integers(0, 4))
        ]
        plain = [("typed_dict", tuple(kept)), ("model", tuple(kept), "ignore"), ("record", tuple(kept))]
        taking = [*(("odd", tuple(kept), settings) for settings in ODD), ("tagged", tuple(kept))]
        return draw(st.one_of(st.sampled_from(plain), st.sampled_from(taking)))
    return (name, *(draw(related(part)) if _is_tree(part) else part for part in parts))


def _is_tree(part: Any) -> bool:
    names = {"leaf", "literal", "bounded", "sized", "patterned", "many", "row", "table", "root", "one_of"}
    return isinstance(part, tuple) and bool(part) and part[0] in names | {"typed_dict", "model", "record"}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Kind, Kind]:
    source = draw(trees)
    target = draw(st.one_of(related(source), related(source), trees))
    return build(source), build(target)


dumps = st.sampled_from(["python", "no"])
thorough = settings(max_examples=150, suppress_health_check=list(HealthCheck))


# ---- what must hold ---------------------------------------------------------------------------------------------


@thorough
@given(pair=pairs(), dump=dumps, data=st.data())
def test_what_fits_is_never_refused(pair: tuple[Kind, Kind], dump: Any, data: st.DataObject) -> None:
    """FITS: pydantic takes each value of the source, as it is handed over, and so does what enforces the relation."""
    source, target = pair
    if fit(source.type, target.type, dump=dump).verdict is not Verdict.FITS:
        return
    check = coercer(target.type)
    for _ in range(4):
        value = data.draw(source.dumped if dump == "python" else source.whole)
        judge(target.type).validate_python(value)
        assert check is not None
        check(value)


@thorough
@given(pair=pairs(), dump=dumps)
def test_what_misfits_has_a_value_that_is_refused(pair: tuple[Kind, Kind], dump: Any) -> None:
    """MISFIT and NARROWS: there is a value of the source, as it is handed over, that pydantic refuses."""
    source, target = pair
    found = fit(source.type, target.type, dump=dump)
    value = refused(source.type, target.type, dump=dump)
    if found.verdict not in {Verdict.MISFIT, Verdict.NARROWS}:
        assert value is NOTHING
        return
    assert value is not NOTHING
    assert found.reason
    assert len(found.reason) < 250
    judge(source.type).validate_python(value)
    assert not accepted(judge(target.type), value)


@thorough
@given(tree=trees)
def test_a_type_fits_itself(tree: Tree) -> None:
    """Every type of the grammar takes what it hands over, in either way."""
    kind = build(tree).type
    for dump in ("python", "no"):
        found = fit(kind, kind, dump=dump)  # type: ignore[arg-type]
        assert found.verdict is Verdict.FITS, (written(kind), dump, found)


@thorough
@given(pair=pairs(), data=st.data())
def test_values_are_coerced_as_pydantic_does(pair: tuple[Kind, Kind], data: st.DataObject) -> None:
    """The coercer takes, makes and refuses what pydantic's adapter does; its words are one short line."""
    source, target = pair
    value, judged = data.draw(source.dumped | source.whole), judge(target.type)
    check = coercer(target.type)
    assert check is not None
    try:
        made = judged.validate_python(value)
    except ValidationError:
        try:
            check(value)
        except ValueError as error:
            words = str(error)
            assert words
            assert len(words) <= 200
            assert "\n" not in words
        else:
            raise AssertionError(f"{value!r} was taken") from None
    else:
        again = check(value)
        assert type(again) is type(made)
        assert again == made or repr(again) == repr(made)


@thorough
@given(tree=trees)
def test_examples_are_taken(tree: Tree) -> None:
    """An example of a type is one."""
    kind = build(tree).type
    judge(kind).validate_python(example(kind))
