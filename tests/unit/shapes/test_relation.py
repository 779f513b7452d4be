"""Cases of the relation that the table of the docs does not show: how things are handed over, settings, odd types."""

from __future__ import annotations

import abc
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import re
import typing
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, ParamSpec, Protocol, TypeVar

import pytest
import typing_extensions
from pydantic import (
    UUID4,
    AfterValidator,
    AliasChoices,
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    FilePath,
    HttpUrl,
    ImportString,
    IPvAnyAddress,
    Json,
    NaiveDatetime,
    PastDate,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    SkipValidation,
    StringConstraints,
    Tag,
    WrapValidator,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic import RootModel as Root
from pydantic_core import core_schema

from crewgraph.shapes import NOTHING, Verdict, as_it_is, fit, refusals, refused, written


class Color(enum.StrEnum):
    RED = "red"


class Level(enum.Enum):
    LOW = 1


class Words(enum.Enum):
    ONE = "one"


class Flag(enum.Flag):
    A = 1
    B = 2


class Guessing(enum.Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return cls.A


class One(BaseModel):
    kind: Literal["one"]
    value: int


class Two(BaseModel):
    kind: Literal["two"]
    value: str


class Both(BaseModel):
    kind: Literal["one", "two"]
    value: int


class TwoNumber(BaseModel):
    kind: Literal["two"]
    value: int


class AnyOne(BaseModel):
    kind: Literal["one", "two"]
    value: Any


class Plain(BaseModel):
    a: int


class Sub(Plain):
    b: str = ""


class Text(BaseModel):
    a: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: int


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    a: int


class Loosened(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: bool = True


class OpenNumbers(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    a: int


class Optionals(BaseModel):
    a: int = 0
    b: str = ""


class Two_Names(BaseModel):  # noqa: N801 - read aloud
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    a: int = Field(alias="b")


class Choices(BaseModel):
    a: int = Field(validation_alias=AliasChoices("x", "y"))


class Inside(BaseModel):
    a: int = Field(validation_alias=AliasPath("x", 0))


class InsideClosed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    a: int = Field(validation_alias=AliasChoices("x", AliasPath("y", 0)))


class Unaliased(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)

    a: int = Field(alias="b")


class DumpsAlias(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)

    a: int = Field(serialization_alias="b")

    @computed_field(alias="d")  # type: ignore[prop-decorator]
    @property
    def c(self) -> str:
        return ""


class AliasDump(typing_extensions.TypedDict):
    b: int
    d: str


class Hides(BaseModel):
    a: int
    hidden: int = Field(default=0, exclude=True)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seen(self) -> str:
        return ""


class Seen(BaseModel):
    a: int
    seen: str


class Hidden(BaseModel):
    hidden: int


class MayHide(BaseModel):
    a: int = Field(exclude_if=lambda value: value == 0)


class Serialized(BaseModel):
    a: int
    b: Annotated[int, PlainSerializer(str, return_type=str, when_used="unless-none")] = 0
    c: Annotated[int, PlainSerializer(str, return_type=str, when_used="json")] = 0

    @field_serializer("a")
    def as_text(self, value: int) -> str:
        return str(value)


class SerializedDump(typing_extensions.TypedDict):
    a: str
    b: str | None
    c: int


class Unsaid(BaseModel):
    a: int

    @field_serializer("a")
    def as_what(self, value: int):  # type: ignore[no-untyped-def]
        return value


class Whole(BaseModel):
    a: int

    @model_serializer
    def as_list(self) -> list[int]:
        return [self.a]


class Checked(BaseModel):
    a: int

    @field_validator("a")
    @classmethod
    def kept(cls, value: int) -> int:
        return value


class CheckedBefore(BaseModel):
    a: int

    @field_validator("a", mode="before")
    @classmethod
    def kept(cls, value: int) -> int:
        return value


class CheckedWhole(BaseModel):
    a: int

    @model_validator(mode="after")
    def whole(self) -> CheckedWhole:
        return self


class CheckedWholeBefore(BaseModel):
    a: int

    @model_validator(mode="before")
    @classmethod
    def whole(cls, value: Any) -> Any:
        return value


class Starts(BaseModel):
    a: int

    def model_post_init(self, context: Any, /) -> None:
        pass


class StartsPrivate(BaseModel):
    a: int
    _b: int = 0


class Inits(BaseModel):
    a: int

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


class Again(BaseModel):
    model_config = ConfigDict(revalidate_instances="always")

    a: int


class Attributes(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    a: int


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    a: float


class StrictLists(BaseModel):
    model_config = ConfigDict(strict=True)

    a: list[int]
    b: set[int] = set()
    c: tuple[int, int] = (0, 0)
    d: Path = Path()


class Lists(typing_extensions.TypedDict):
    a: Sequence[int]
    b: list[int]
    c: Annotated[list[int], Field(min_length=2, max_length=2)]
    d: str


class ValuesOf(BaseModel):
    model_config = ConfigDict(use_enum_values=True)

    a: Color
    b: Color | None = None


class ColorDump(BaseModel):
    a: Literal["red"]


class Caught(BaseModel):
    a: Annotated[int, WrapValidator(lambda value, rest: rest(value))]


class DefaultInside(BaseModel):
    a: Annotated[int, Field(default=3), AfterValidator(lambda value: value)]


class Nothing_There(BaseModel):  # noqa: N801 - read aloud
    pass


class Tags(Root[list[int]]):
    pass


class TagsChecked(Root[Annotated[int, Field(ge=0)]]):
    pass


class Pair(NamedTuple):
    a: int
    b: str = ""


@dataclasses.dataclass
class Point:
    x: int
    y: dataclasses.InitVar[int] = 0
    z: int = dataclasses.field(init=False, default=0)


@dataclasses.dataclass
class Pointed(Point):
    def __post_init__(self, y: int) -> None:
        pass


@dataclasses.dataclass
class Loose:
    a: int = 0


class Custom:
    """Has its own idea of what it takes."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(lambda _: cls(), core_schema.str_schema())


class Abstract(abc.ABC):
    @abc.abstractmethod
    def act(self) -> None: ...


class Acts(Protocol):
    def act(self) -> None: ...


@typing.runtime_checkable
class Listens(Protocol):
    def listen(self) -> None: ...


class Finite(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    a: float


class Unfinite(BaseModel):
    a: float


class Name(str):
    __slots__ = ()


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


class Looped(BaseModel):
    inner: Looped


class Chain(BaseModel):
    value: int
    after: Chain | None = None


class ChainOfFloats(BaseModel):
    value: float
    after: ChainOfFloats | None = None


class Old(typing.TypedDict):
    a: int
    old: NotRequired[Old]


class OldWithConfig(typing.TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    a: int


class Unresolved(typing.TypedDict):
    a: Nowhere  # type: ignore[name-defined] # noqa: F821


class Late(BaseModel):
    model_config = ConfigDict(defer_build=True)

    a: int


T = TypeVar("T")
P = ParamSpec("P")
Alias = typing_extensions.TypeAliasType("Alias", list[int])
Looping = typing_extensions.TypeAliasType("Looping", "Looping | int")
Frozen = typing_extensions.TypeAliasType("Frozen", "frozenset[Frozen] | int")
Deep = typing_extensions.TypeAliasType("Deep", "tuple[Deep, ...]")
Nested = typing_extensions.TypeAliasType("Nested", "list[Nested] | int")
Id = NewType("Id", int)
Kinds = Annotated[One | Two, Field(discriminator="kind")]
Tagged = Annotated[Annotated[One, Tag("one")] | Annotated[Two, Tag("two")], Discriminator(lambda value: "one")]
Score = Annotated[int, Field(ge=0, le=10)]
EITHER = Annotated[int | str, Field(ge=0)]

FITS: list[tuple[Any, Any]] = [
    (None, None),
    (None, int | None),
    (Optional[int], int | None),  # noqa: UP045
    (int, complex),
    (int, object),
    (int, Hashable),
    (Id, int),
    (Alias, list[float]),
    (Nested, Nested),
    (Literal[1, 0], bool),
    (Literal[1], Literal[1, 2]),
    (bool, Literal[True, False]),
    (Level, int),
    (Level, Level),
    (Guessing, Guessing),
    (Color, Literal["red"]),
    (Name, str),
    (Name, Hashable),
    (str, Path),
    (Path, Path),
    (SecretStr, SecretStr),
    (Annotated[str, StringConstraints(to_lower=True)], Annotated[str, StringConstraints(strip_whitespace=True)]),
    (Annotated[int, Field(gt=0)], Annotated[int, Field(ge=1)]),
    (Annotated[int, Field(lt=10)], Annotated[int, Field(le=9)]),
    (Annotated[int, Field(ge=1)], Annotated[int, Field(gt=0)]),
    (Annotated[int, Field(gt=1)], Annotated[int, Field(gt=1)]),
    (Annotated[int, Field(multiple_of=10)], Annotated[int, Field(multiple_of=5)]),
    (Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(ge=0, lt=2)]),
    (Annotated[float, Field(gt=0, le=1)], decimal.Decimal),
    (Annotated[float, Field(allow_inf_nan=False)], decimal.Decimal),
    (Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(allow_inf_nan=False)]),
    (Annotated[decimal.Decimal, Field(max_digits=3)], Annotated[decimal.Decimal, Field(max_digits=3)]),
    (Score, Annotated[float, Field(ge=-1, lt=11)]),
    (
        Annotated[dt.date, Field(ge=dt.date(2021, 1, 1))],
        Annotated[dt.date, Field(ge=dt.date(2020, 1, 1))],
    ),
    (Annotated[list[int], Field(min_length=2)], Annotated[list[float], Field(min_length=1)]),
    (Annotated[list[int], Field(max_length=2)], Annotated[tuple[int, ...], Field(max_length=3)]),
    (Annotated[list[int], Field(min_length=1)], Annotated[set[int], Field(min_length=1)]),
    (Annotated[list[int], Field(min_length=2, max_length=2)], tuple[int, int]),
    (Annotated[set[int], Field(min_length=2)], Annotated[frozenset[int], Field(min_length=2)]),
    (Annotated[set[tuple[int, str]], Field(min_length=2)], Annotated[set[tuple[int, str]], Field(min_length=2)]),
    (Annotated[set[int], Field(min_length=2)], Annotated[set[int | None], Field(min_length=2)]),
    (Annotated[set[int | str], Field(min_length=2)], Annotated[set[int | str], Field(min_length=2)]),
    (Annotated[set[Color], Field(min_length=2)], Annotated[set[Color], Field(min_length=2)]),
    (Annotated[set[Name], Field(min_length=2)], Annotated[set[Name], Field(min_length=2)]),
    (Annotated[set[frozenset[int]], Field(min_length=2)], Annotated[set[frozenset[int]], Field(min_length=2)]),
    (list[tuple[int, ...]], set),
    (list[frozenset[int]], set[frozenset[int]]),
    (tuple[int, str], tuple[int, str]),
    (tuple[int, str], Annotated[list[Any], Field(max_length=2)]),
    (tuple[int, str], Sequence[int | str]),
    (tuple[int, str], Pair),
    (tuple[int], Pair),
    (Pair, Pair),
    (Pair, tuple),
    (Pair, list[int | str]),
    (tuple[()], tuple[()]),
    (collections.deque[int], list[int]),
    (list[int], collections.deque[int]),
    (Sequence[int], Sequence[float]),
    (Sequence, list),
    (list[int], collections.abc.Collection),
    (Mapping[str, int], dict[str, float]),
    (collections.OrderedDict[str, int], dict[str, int]),
    (dict[str, int], collections.abc.Mapping),
    (dict[str, int], collections.abc.Container),
    (Annotated[dict[str, int], Field(min_length=2)], Annotated[dict[str, int], Field(min_length=1)]),
    (dict[str, int], Nothing_There),
    (dict[Literal["a"], int], Optionals),
    (dict[Literal["b"], str], Loose),
    (dict[str, float], OpenNumbers | dict[str, float]),
    (Both, AnyOne),
    (One | Two, Kinds),
    (Kinds, One | Two),
    (Both, One | TwoNumber),
    (Both, Annotated[One | TwoNumber, Field(discriminator="kind")]),
    (AnyOne, AnyOne),
    (Sub, Plain),
    (Sub, Annotated[dict[str, Any], Field(min_length=2, max_length=2)]),
    (Plain, collections.abc.Mapping),
    (Plain, Open),
    (Plain, OpenNumbers),
    (Optionals, dict[str, int | str]),
    (Choices, Plain),
    (Plain, Unaliased),
    (DumpsAlias, AliasDump),
    (Hides, Seen),
    (Serialized, SerializedDump),
    (Whole, list[int]),
    (Plain, StartsPrivate),
    (Checked, Plain),
    (CheckedWhole, Plain),
    (Plain, Again),
    (ValuesOf, ColorDump),
    (Color, ValuesOf | Color),
    (Tags, Tags),
    (Tags, list[int]),
    (list[int], Tags),
    (Score, TagsChecked),
    (Late, Plain),
    (Plain, Late),
    (Chain, ChainOfFloats),
    (Old, Old),
    (list[Old], list[dict[str, Any]]),
    (Old, OldWithConfig | dict[str, Any]),
    (EITHER, EITHER),
    (Annotated[Sequence[int], Field(min_length=2)], Annotated[Sequence[int], Field(min_length=1)]),
    (Annotated[int, PlainValidator(int)], int),
    (list[Annotated[int, AfterValidator(lambda value: value)]], list[int]),
    (Annotated[str, Field(pattern="^a")], Annotated[str, Field(pattern="^a")]),
    (Json[int], int),
    (uuid.UUID, uuid.UUID),
    (dict[str, Any], dict),
    (list[Any], list[object]),
    (T, Any),
    (EITHER, str | int),
    (OpenNumbers, dict[str, float]),
    (Annotated[list[int], Field(min_length=1)], list[int] | str),
    (Finite, Finite),
    (int, Looping),
    (int, SkipValidation[str]),
    (Looped, Looped),
    (str, bytes | int),
    (Plain, Closed | str),
]

MISFITS: list[tuple[Any, Any, str]] = [
    (int | None, str | None, "an int is no str"),
    (int, str | bytes, "an int is neither str nor bytes"),
    (int, str | bytes | dt.date | None, "an int is none of str, bytes, date"),
    (int, Literal["a"], "not every int is 'a'"),
    (int, Words, "not every int is 'one'"),
    (str, Json[int], "not every str is a JSON text"),
    (str, HttpUrl, "not every str is a URL"),
    (int, Custom, "an int is no str"),
    (int, Annotated[str, AfterValidator(len)], "an int is no str"),
    (int, Abstract, "an int is no Abstract"),
    (Plain, Abstract, "a dict is no Abstract"),
    (bool, decimal.Decimal, "a bool is no Decimal"),
    (dt.datetime, dt.time, "a datetime is no time"),
    (list[int], Pair, "there may be more or fewer than 2 items"),
    (list[int], dict[str, int], "a list is no dict[str, int]"),
    (list[Any], int, "a list is no int"),
    (list[Any], Abstract, "a list is no Abstract"),
    (list[Any], Plain, "a list is no Plain"),
    (dict[str, Any], str, "a dict is no str"),
    (dict[str, Any], list[int], "a dict is no list[int]"),
    (dict[str, Any], Literal["a"], "not every dict is 'a'"),
    (list[int], Hashable, "a list is no Hashable"),
    (dict[int, int], Loose, "keys that are no text"),
    (dict[int, bool], Loosened, "keys that are no text"),
    (dict[str, int], Optionals, "in 'b': an int is no str"),
    (dict[str, str], dict[str, int], "in its values: not every str is an int"),
    (dict[str, list[str]], dict[str, list[int]], "in its values: not every str is an int"),
    (list[Plain], list[Text], "in […].a: an int is no str"),
    (Both, Kinds, "in 'kind': 'two' is not 'one'"),
    (Plain, Kinds, "field 'kind' is missing, which tells its types apart"),
    (Kinds, Both, "in 'value': not every str is an int"),
    (Sub, Closed | str, "field 'b' is not allowed"),
    (Sub, Closed, "field 'b' is not allowed"),
    (Open, Closed, "field 'more' is not allowed"),
    (Text, OpenNumbers, "in 'a': not every str is an int"),
    (Optionals, OpenNumbers, "in 'b': not every str is a float"),
    (Optionals, Two_Names, "field 'a' is not allowed"),
    (Text, Choices, "field 'x' is missing"),
    (Hides, Hidden, "field 'hidden' is missing"),
    (MayHide, Plain, "field 'a' may be missing"),
    (Serialized, Plain, "in 'a': not every str is an int"),
    (Text, Checked, "in 'a': not every str is an int"),
    (Text, CheckedWhole, "in 'a': not every str is an int"),
    (Text, Starts, "in 'a': not every str is an int"),
    (Lists, StrictLists, "in 'b': a list is no set[int]"),
    (Tags, Plain, "a list is no Plain"),
    (EITHER, Literal["x"], "not every int is 'x'"),
    (tuple[int, str], str, "a tuple is no str"),
    (Annotated[set[int], Field(min_length=2)], int, "a set is no int"),
    (list[Plain], set[Plain], "what is in a list cannot be put into a set"),
    (set[int], Hashable, "a set is no Hashable"),
    (set[list[int]], int, "a set is no int"),
    (int, list[Pair], "an int is no list[Pair]"),
    (list[Plain], set, "what is in a list cannot be put into a set"),
    (Annotated[str, Field(pattern=r"^\p{Lu}+$")], int, "not every str is an int"),
    (int, Pair, "an int is no Pair"),
    (list[str], set[Checked], "in its items: a str is no Checked"),
    (Chain, dict[str, int], "in 'after': a dict is no int"),
    (ChainOfFloats, Chain, "in 'value': a float may have a fraction"),
    (Old, OldWithConfig, "field 'old' is not allowed"),
    (Annotated[str, Field(pattern=r"^\d\d$")], Literal["a"], "not every str is 'a'"),
    (Annotated[str, Field(pattern="^[a-c]+$")], int, "not every str is an int"),
    (typing.Optional[Any], int, "None is not allowed"),  # noqa: UP045
]

NARROWS: list[tuple[Any, Any, str]] = [
    (int, Annotated[int, Field(gt=0)], "values of 0 or less"),
    (int, Annotated[int, Field(lt=10)], "values of 10 or more"),
    (int, Annotated[int, Field(le=10)], "values above 10"),
    (int, Annotated[float, Field(ge=0.5)], "values below 0.5"),
    (int, Annotated[float, Field(ge=2.0)], "values below 2"),
    (Score, Annotated[int, Field(ge=0, lt=10)], "values of 10 or more"),
    (int, Annotated[int, Field(multiple_of=5)], "values that are no multiple of 5"),
    (dt.date, Annotated[dt.date, Field(ge=dt.date(2020, 1, 1))], "values below 2020-01-01"),
    (dt.timedelta, Annotated[dt.timedelta, Field(ge=dt.timedelta(0))], "values below 0 seconds"),
    (str, Annotated[str, Field(max_length=3)], "texts of more than 3 characters"),
    (str, Annotated[str, Field(min_length=3)], "texts of fewer than 3 characters"),
    (str, Annotated[str, Field(pattern="^a$")], "texts that do not match ^a$"),
    (bytes, Annotated[bytes, Field(min_length=1)], "empty bytes"),
    (bytes, Annotated[bytes, Field(max_length=2)], "bytes of more than 2 bytes"),
    (list[int], Annotated[list[int], Field(min_length=2)], "lists of fewer than 2 items"),
    (list[int], Annotated[list[int], Field(max_length=2)], "lists of more than 2 items"),
    (list[int], Annotated[Sequence[int], Field(max_length=2)], "lists of more than 2 items"),
    (list[int], Annotated[Sequence[int], Field(min_length=1)], "empty lists"),
    (set[int], Annotated[set[int], Field(max_length=1)], "sets of more than 1 items"),
    (dict[str, int], Annotated[dict[str, int], Field(min_length=1)], "empty dicts"),
    (int | str, EITHER, "values below 0"),
    (
        Annotated[list[int] | str, Field(min_length=2)],
        Annotated[set[int] | str, Field(min_length=2)],
        "lists of fewer than 2 items",
    ),
    (list[int], Annotated[set[int], Field(min_length=2)], "lists of fewer than 2 different items"),
    (str, Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], "empty texts"),
    (tuple[int, str], Annotated[list[Any], Field(min_length=3)], "tuples of fewer than 3 items"),
    (Sub, Annotated[dict[str, Any], Field(min_length=3)], "dicts of fewer than 3 items"),
    (Unfinite, Finite, "in 'a': infinity and NaN"),
    (uuid.UUID, UUID4, "values such as UUID('00000000-0000-0000-0000-000000000001')"),
    (dt.datetime, AwareDatetime, "values without a time zone"),
    (dt.datetime, NaiveDatetime, "values with a time zone"),
    (dt.date, PastDate, "dates that are not past"),
    (decimal.Decimal, Annotated[decimal.Decimal, Field(max_digits=3)], "numbers of more than 3 digits"),
    (decimal.Decimal, Annotated[decimal.Decimal, Field(decimal_places=1)], "numbers of more than 1 decimal places"),
    (int, Annotated[int, Field(ge=0)] | str, "values below 0"),
    (list[int], list[Score], "in its items: values below 0"),
]

UNKNOWN: list[tuple[Any, Any, str]] = [
    (Any, int, "Any says nothing about what is handed over"),
    (int, T, "a type variable may stand for any type"),
    (int, P, "a type variable may stand for any type"),
    (int, "Nowhere", "its name leads nowhere"),
    (int, list["Nowhere"], "nobody can look into it"),  # type: ignore[name-defined] # noqa: F821
    (int, Unresolved, "nobody can look into it"),
    (int, 5, "it names no type of values"),
    (int, Unspeakable(), "nobody can look into it"),
    (int, typing.Never, "it names no type of values"),
    (int, Acts, "a protocol says what can be done with a value, not what it is"),
    (int, list[Acts], "nobody can look into it"),
    (int, Callable[[int], str], "what a function takes and gives is seen only when it is called"),
    (int, typing.Awaitable[int], "what a function takes and gives is seen only when it is called"),
    (int, Iterator[int], "it is seen only when it is read, and can be read once"),
    (int, Flag, "the values of Flag can be combined"),
    (str, Guessing, "Guessing decides itself what other values mean"),
    (list[Any], Guessing, ""),
    (Words, int, "pydantic takes the value of an enum for an int without a look"),
    (Iterable[int], list[int], "it can be read only once"),
    (list[str], Iterable[int], ""),
    (Custom, str, "code of its own makes it"),
    (str, Custom, "validators of its own decide what it takes"),
    (int, Annotated[int, BeforeValidator(int)], "validators of its own decide what it takes"),
    (str, Annotated[int, PlainValidator(int)], "validators of its own decide what it takes"),
    (Plain, CheckedBefore, "validators of its own decide what it takes"),
    (Text, CheckedWholeBefore, "validators of its own decide what it takes"),
    (Plain, Starts, "validators of its own decide what it takes"),
    (Plain, Inits, "its own __init__ decides what it takes"),
    (Plain, Inside, "it looks for a field inside of others"),
    (Plain, DefaultInside, "validators of its own decide what it takes"),
    (Unsaid, Plain, "a serializer of its own makes it"),
    (One, Tagged, "validators of its own decide what it takes"),
    (str, ImportString, "validators of its own decide what it takes"),
    (str, FilePath, "validators of its own decide what it takes"),
    (type[int], type, "code of its own makes it"),
    (Abstract, int, ""),
    (Looped, int, ""),
    (list[Frozen], set[Frozen], "equal values fall together in a set"),
    (Annotated[set[Deep], Field(min_length=2)], Annotated[set[Deep], Field(min_length=2)], ""),
    (Text, InsideClosed, "it looks for a field inside of others"),
    (Point, Pointed, "validators of its own decide what it takes"),
    (IPvAnyAddress, int, "code of its own makes it"),
    (dict[str, Any], Plain, "Any says nothing about what is handed over"),
    (dict[str, Any], Annotated[dict[str, int], Field(min_length=1)], "nothing is known about what is in it"),
    (list[Any], Annotated[list[Any], Field(min_length=1)], ""),
    (Open, Optionals, "Any says nothing about what is handed over"),
    (dict[str, int], Pair, ""),
    (Sub, Annotated[dict[Literal["a", "b"], Any], Field(min_length=2)], ""),
    (list[str], set[Guessing], ""),
    (list[Listens], list[int], "it is no class"),
    (Annotated[dt.date, Field(ge=dt.date(2020, 1, 1))], Annotated[dt.date, Field(multiple_of=3)], ""),
    (
        Annotated[dt.datetime, Field(ge=dt.datetime(2020, 1, 1))],  # noqa: DTZ001 - without a time zone on purpose
        Annotated[dt.datetime, Field(ge=dt.datetime(2019, 1, 1, tzinfo=dt.UTC))],
        "",
    ),
    (list[tuple[int]], set[tuple[Any, ...]], ""),
    (list[Chain], set[Chain], ""),
    (str, Annotated[str, Field(max_length=1000)], ""),
    (str, Annotated[str, Field(pattern="^.*")], ""),
    (Annotated[float, Field(ge=0, le=0.1)], Annotated[decimal.Decimal, Field(le=decimal.Decimal("0.1"))], ""),
]


def named(case: tuple[Any, ...]) -> str:
    return re.sub(" at 0x[0-9a-f]+", "", " as ".join(written(kind) for kind in case[:2]))


@pytest.mark.parametrize(("source", "target"), FITS, ids=map(named, FITS))
def test_what_fits(source: Any, target: Any) -> None:
    """It is proven, and says nothing."""
    assert fit(source, target) == fit(source, target)
    assert (fit(source, target).verdict, fit(source, target).reason) == (Verdict.FITS, "")


@pytest.mark.parametrize(("source", "target", "reason"), MISFITS, ids=map(named, MISFITS))
def test_what_misfits(source: Any, target: Any, reason: str) -> None:
    """Some values are refused because of their type, and the words say why."""
    found = fit(source, target)
    assert (found.verdict, found.reason) == (Verdict.MISFIT, reason)


@pytest.mark.parametrize(("source", "target", "reason"), NARROWS, ids=map(named, NARROWS))
def test_what_narrows(source: Any, target: Any, reason: str) -> None:
    """Only a bound refuses some values."""
    found = fit(source, target)
    assert (found.verdict, found.reason) == (Verdict.NARROWS, reason)


@pytest.mark.parametrize(("source", "target", "reason"), UNKNOWN, ids=map(named, UNKNOWN))
def test_what_nobody_knows(source: Any, target: Any, reason: str) -> None:
    """Nothing is guessed, and nothing is shown."""
    found = fit(source, target)
    assert (found.verdict, found.value) == (Verdict.UNKNOWN, NOTHING)
    assert found.reason == reason or (not reason and found.reason)


# ---- how it is handed over ---------------------------------------------------------------------------------------

WHOLE: list[tuple[Any, Any, Verdict, str]] = [
    (Sub, Plain, Verdict.FITS, ""),
    (Plain, Sub, Verdict.MISFIT, "a Plain is no Sub"),
    (Plain, Closed, Verdict.MISFIT, "a Plain is no Closed"),
    (Plain, dict, Verdict.MISFIT, "a Plain is no dict"),
    (Plain, Attributes, Verdict.UNKNOWN, "its attributes are looked up"),
    (Plain, Again, Verdict.MISFIT, "a Plain is no Again"),
    (Again, Again, Verdict.UNKNOWN, "validators of its own decide what it takes"),
    (Tags, Tags, Verdict.FITS, ""),
    (Tags, list[int], Verdict.MISFIT, "in its items: a tuple is no int"),
    (TagsChecked, int, Verdict.MISFIT, "a TagsChecked is no int"),
    (Open, Text, Verdict.MISFIT, "an Open is no Text"),
    (Point, Point, Verdict.FITS, ""),
    (Point, dict, Verdict.MISFIT, "a Point is no dict"),
    (Pair, Pair, Verdict.FITS, ""),
    (list[Plain], list[Plain], Verdict.FITS, ""),
    (Plain, list[str], Verdict.MISFIT, ""),
    (Plain, set[str], Verdict.MISFIT, ""),
    (CheckedWhole, CheckedWhole, Verdict.UNKNOWN, "validators of its own decide what it takes"),
    (Serialized, Serialized, Verdict.FITS, ""),
    (Name, int, Verdict.MISFIT, "not every Name is an int"),
    (Looped, int, Verdict.MISFIT, "a Looped is no int"),
]


@pytest.mark.parametrize(("source", "target", "verdict", "reason"), WHOLE, ids=map(named, WHOLE))
def test_what_is_handed_over_as_it_is(source: Any, target: Any, verdict: Verdict, reason: str) -> None:
    """Inside of a dict or list that a step returns, models stay objects."""
    found = fit(source, target, dump="no")
    assert found.verdict is verdict
    assert found.reason == reason or (not reason and found.reason)


AS_JSON: list[tuple[Any, Any, Verdict]] = [
    (decimal.Decimal, str, Verdict.FITS),
    (set[int], list[int], Verdict.FITS),
    (Color, Literal["red"], Verdict.FITS),
    (Path, str, Verdict.FITS),
    (dt.date, dt.date, Verdict.UNKNOWN),
    (Plain, Plain, Verdict.FITS),
    (Plain, Text, Verdict.MISFIT),
    (bytes, int, Verdict.MISFIT),
    (Abstract, int, Verdict.UNKNOWN),
    ("Nowhere", int, Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("source", "target", "verdict"), AS_JSON, ids=map(named, AS_JSON))
def test_what_is_handed_over_as_json(source: Any, target: Any, verdict: Verdict) -> None:
    """Of ``output_json`` only what JSON can say is left; a date is a text that somebody may read as one."""
    assert fit(source, target, dump="json").verdict is verdict


def test_a_type_can_say_that_its_values_are_handed_over_as_they_are() -> None:
    """Also as a member of a union; elsewhere, and in words, it is the type itself."""
    kind = as_it_is(Plain)
    assert written(kind) == "Plain"
    assert fit(kind, Plain).verdict is Verdict.FITS
    assert fit(kind, Closed).reason == "a Plain is no Closed"
    assert fit(kind | None, Closed | None).reason == "a Plain is no Closed"
    assert fit(Plain | None, Closed | None).verdict is Verdict.FITS
    assert fit(as_it_is(list[Two_Names]), list[Two_Names]).verdict is Verdict.FITS
    assert fit(list[Choices], list[Choices]).reason == "in its items: field 'x' is missing"
    assert fit(as_it_is(list[Choices]), list[Choices]).verdict is Verdict.FITS
    assert as_it_is(int) is int
    assert repr(kind).endswith("AS_IT_IS]")


def test_refused_is_the_value_of_a_misfit() -> None:
    """It is a value of the source, as it is handed over."""
    assert refused(float, int) == 1.5
    assert refused(Plain, Text) == {"a": 1}
    assert refused(int, int) is NOTHING
    assert not NOTHING
    assert repr(NOTHING) == "NOTHING"


def test_refusals_are_several() -> None:
    """Where several values are refused, some of them are given."""
    assert refusals(Literal["a", "b", "c"], Literal["c"]) == ["a", "b"]
    assert refusals(int, int) == []


class HalfMade:
    """Cannot be shown before it is made."""

    def __repr__(self) -> str:
        return str(vars(self)["content"])


def test_a_value_that_cannot_be_made_is_not_shown() -> None:
    """The verdict stands without: a part that nobody can make, an object that has no repr yet."""
    for source in (dict[str, HalfMade], Custom):
        found = fit(source, int if source is Custom else list, dump="no")
        assert found.value is NOTHING
    holds = typing_extensions.TypedDict("holds", {"made": Custom, "a": str})  # noqa: UP013
    found = fit(holds, Plain)
    assert (found.verdict, found.reason, found.value) == (Verdict.MISFIT, "in 'a': not every str is an int", NOTHING)


def test_the_kind_of_a_container_is_known_when_nothing_else_is() -> None:
    """What is in it is ``Any`` or of a class that nobody can make; the container is still a list or a dict."""
    assert fit(list[Custom], list[int]).verdict is Verdict.UNKNOWN
    assert fit(list[Custom], str).reason == "a list is no str"
    assert fit(dict[str, list[Any]], dict[str, list[int]]).verdict is Verdict.UNKNOWN
    assert fit(dict[str, list[Any]], dict[str, int]).value == {"text": []}
    assert fit(tuple[Any, int], tuple[int, str]).value == (None, 1)


def test_deep_types_end() -> None:
    """A type nested as deep as nobody writes is not followed to its end."""
    deep: Any = int
    for _ in range(200):
        deep = list[deep]
    assert fit(deep, deep).verdict in {Verdict.FITS, Verdict.UNKNOWN}
    for _ in range(5_000):
        deep = list[deep]
    assert fit(deep, list[int]).verdict is Verdict.UNKNOWN


def test_a_literal_of_very_many_values_is_not_tried_to_the_end() -> None:
    """Not all its values are asked, so it is not proven; one that is refused is found."""
    many = Literal[tuple(range(3_000))]  # type: ignore[valid-type]
    assert fit(many, many).reason == "it has too many values to try"
    assert fit(many, Literal[0, 1]).verdict is Verdict.MISFIT


def test_no_code_of_the_user_is_run() -> None:
    """Neither validators nor constructors, serializers or factories run while types are compared."""
    ran = list[str]()

    class Loud(BaseModel):
        a: Annotated[int, AfterValidator(lambda value: ran.append("after") or value)]
        b: int = Field(default_factory=lambda: ran.append("factory") or 1)  # type: ignore[func-returns-value]

        @field_validator("b")
        @classmethod
        def loud(cls, value: int) -> int:
            ran.append("field")
            return value

        @field_serializer("b")
        def shout(self, value: int) -> int:
            ran.append("serializer")
            return value

        def model_post_init(self, context: Any, /) -> None:
            ran.append("init")

    for dump in ("python", "no", "json"):
        for other in (Plain, Text, int, dict[str, str], Loud):
            fit(Loud, other, dump=dump)  # type: ignore[arg-type]
            fit(other, Loud, dump=dump)  # type: ignore[arg-type]
    assert ran == []
