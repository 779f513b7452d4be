from __future__ import annotations

import enum
import functools
import json
import socket
import threading
import typing
from collections.abc import Callable, Generator, Iterable
from datetime import date
from typing import Annotated, Any, Literal, Optional, Required, TypedDict, Unpack

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, SecretStr, field_validator

from crewgraph.crew.tools.convert import tool
from crewgraph.crew.tools.schema import ArgumentsMisfit, api_name
from crewgraph.errors import ToolError


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Point(BaseModel):
    """A place."""

    x: int
    y: int = 0


Marks = TypedDict("Marks", {"content-type": Required[str], "size": Annotated[int, "How big"], "tags": str}, total=False)


def everything(  # noqa: PLR0913, PLR0917 - one parameter of each kind
    text: str,
    number: int,
    level: Level,
    where: Point,
    day: date,
    kind: Literal["a", "b"] = "a",
    names: list[str] | None = None,
    note: Annotated[str, "What to note"] = "",
    rate: Annotated[float, Field(ge=0, description="From 0")] = 1.5,
    limit: int = Field(default=3, le=9, description="At most"),
    maybe: Optional[int] = None,  # noqa: UP045 - as people write it
    any_thing: Any = None,
    untyped=None,  # type: ignore[no-untyped-def]
) -> dict[str, Any]:
    """Take everything.

    Args:
        text: the text
        note: not this
        rate: not this
    """
    return locals()


def test_schema() -> None:
    """Annotations, defaults and descriptions become a JSON Schema without noise."""
    schema = tool(everything).tool_parameters()
    properties = schema["properties"]
    assert schema["required"] == ["text", "number", "level", "where", "day"]
    assert schema["additionalProperties"] is False
    assert properties["text"] == {"type": "string", "description": "the text"}
    assert properties["day"] == {"type": "string", "format": "date"}
    assert properties["kind"] == {"type": "string", "enum": ["a", "b"], "default": "a"}
    assert properties["note"] == {"type": "string", "description": "What to note", "default": ""}
    assert properties["rate"] == {"type": "number", "minimum": 0, "description": "From 0", "default": 1.5}
    assert properties["limit"] == {"type": "integer", "maximum": 9, "description": "At most", "default": 3}
    assert properties["untyped"] == {"default": None}
    assert "title" not in schema
    assert "description" not in schema


def test_typed_arguments() -> None:
    """What a model wrote arrives as the types of the annotations, with the defaults for what it left out."""
    wrote = '{"text": "t", "number": "7", "level": "high", "where": {"x": 1}, "day": "2026-02-03"}'
    given = tool(everything).tool_arguments(wrote).kwargs
    assert (given["number"], given["level"], given["where"]) == (7, Level.HIGH, Point(x=1))
    assert (given["day"], given["limit"], given["names"]) == (date(2026, 2, 3), 3, None)


@pytest.mark.parametrize(
    ("wrote", "told"),
    [
        ("{", r"the arguments are not JSON \(.*\); write one JSON object"),
        ("[" * 100_000, "the arguments are not JSON"),
        ('{"x": NaN}', "NaN is no JSON"),
        ("[1]", "a JSON array"),
        ("7", "a JSON number"),
        ("true", "a JSON boolean"),
        ('"{}"', "a JSON string"),
        ("{}", "correct these and call again:\n- x: Field required"),
        ("", "- x: Field required"),
        ("null", "- x: Field required"),
        ('{"x": "a"}', "- x: Input should be a valid integer"),
        ('{"x": 1, "z": 2}', "- z: Extra inputs are not permitted"),
    ],
    ids=["broken", "deep", "nan", "array", "number", "boolean", "string", "none", "empty", "null", "type", "unknown"],
)
def test_misfits(wrote: str, told: str) -> None:
    """Arguments that do not fit are refused in words that help the model that wrote them."""

    def place(x: int, y: int = 0) -> None: ...

    with pytest.raises(ArgumentsMisfit, match=told):
        tool(place).tool_arguments(wrote)


def test_many_misfits() -> None:
    """Of many errors the first are told, and the number of the others."""

    def add(numbers: list[int]) -> None: ...

    with pytest.raises(ArgumentsMisfit) as caught:
        tool(add).tool_arguments(json.dumps({"numbers": ["x"] * 30}))
    assert str(caught.value).splitlines()[-1] == "- and 20 more"


def test_validator_that_breaks() -> None:
    """A validator that raises something of its own is a misfit, too."""

    class Odd(BaseModel):
        x: int

        @field_validator("x")
        @classmethod
        def _broken(cls, x: int) -> int:
            raise KeyError(x)

    with pytest.raises(ArgumentsMisfit, match="the arguments do not fit: KeyError: 3"):
        tool(args_schema=Odd)(lambda x: x).tool_arguments('{"x": 3}')


def test_no_arguments() -> None:
    """A function without parameters takes an empty object."""
    ping = tool(lambda: "pong")
    assert ping.tool_parameters() == {"type": "object", "properties": {}, "additionalProperties": False}
    assert ping.run() == "pong"


def test_odd_names() -> None:
    """Parameters may have names that pydantic reserves; the model and the function see them as they are."""

    def odd(_x: int, field_x: int, x: int, schema: int, model_config: int, copy: int = 0, /) -> tuple[int, ...]:
        return _x, field_x, x, schema, model_config, copy

    made = tool(odd)
    assert [*made.tool_parameters()["properties"]] == ["_x", "field_x", "x", "schema", "model_config", "copy"]
    given = made.tool_arguments('{"_x": 1, "field_x": 2, "x": 3, "schema": 4, "model_config": 5}')
    assert (given.args, given.kwargs) == ((1, 2, 3, 4, 5, 0), {})


def test_rest() -> None:
    """**values lets a model add what it likes, of the annotated type."""

    def note(text: str, **marks: int) -> tuple[str, dict[str, int]]:
        return text, marks

    made = tool(note)
    assert made.tool_parameters()["additionalProperties"] == {"type": "integer"}
    assert made.tool_arguments('{"text": "a", "b": "2"}').kwargs == {"text": "a", "b": 2}
    with pytest.raises(ArgumentsMisfit, match="- b: Input should be a valid integer"):
        made.tool_arguments('{"text": "a", "b": "x"}')


def test_rest_of_any_type() -> None:
    """**values without a type of each value takes anything."""

    def note(**marks) -> Any:  # type: ignore[no-untyped-def]
        return marks

    assert tool(note).tool_arguments('{"a": [1]}').kwargs == {"a": [1]}


def test_rest_of_a_typed_dict() -> None:
    """The keys of an unpacked TypedDict are told and checked as parameters are; what is left out stays out."""

    def note(text: str, /, **marks: Unpack[Marks]) -> tuple[str, Any]:
        return text, marks

    made = tool(note)
    schema = made.tool_parameters()
    assert (schema["required"], schema["additionalProperties"]) == (["text", "content-type"], False)
    assert schema["properties"]["size"] == {"type": "integer", "description": "How big"}
    assert made.run("a", **{"content-type": "b"}) == ("a", {"content-type": "b"})
    with pytest.raises(ArgumentsMisfit, match="- size: Input should be a valid integer"):
        made.tool_arguments('{"text": "a", "content-type": "b", "size": "big"}')
    filled = tool(functools.partial(note, size=3))
    assert [*filled.tool_parameters()["properties"]] == ["text", "content-type", "tags"]


def test_rest_unpacked_from_something_else() -> None:
    """Only a TypedDict says which keys there are."""

    def note(**marks: Any) -> None: ...

    note.__annotations__ = {"marks": Unpack[Point]}  # type: ignore[valid-type]
    with pytest.raises(ToolError, match=r"tool 'note' unpacks .*Point.* in \*\*marks, which is no TypedDict"):
        tool(note)


def test_iterables() -> None:
    """An iterable arrives as a list that was checked, wherever in a type it stands."""

    def take(
        a: Iterable[int],
        b: typing.Iterable | None = None,  # type: ignore[type-arg]
        c: Annotated[Optional[Iterable[str]], "some"] = None,  # noqa: UP045 - as people write it
        d: dict[str, Iterable[int]] | None = None,
    ) -> Any:
        return a, b, c, d

    made = tool(take)
    given = made.tool_arguments('{"a": ["1", 2], "b": ["x"], "c": ["y"], "d": {"z": [3]}}')
    assert given.kwargs == {"a": [1, 2], "b": ["x"], "c": ["y"], "d": {"z": [3]}}
    with pytest.raises(ArgumentsMisfit, match=r"- a\.0: Input should be a valid integer"):
        made.tool_arguments('{"a": ["x"]}')


def test_partial() -> None:
    """What a partial fills in is neither shown to the model nor the model's to choose."""

    def query(table: str, connection: socket.socket, where: str = "") -> Any:
        """Ask the database.

        Args:
            table: which
        """
        return table, connection, where

    made = tool(functools.partial(functools.partial(query, connection="c"), "users"))  # type: ignore[arg-type]
    assert (made.name, made.description) == ("query", "Ask the database.")
    assert [*made.tool_parameters()["properties"]] == ["where"]
    assert made.run(where="x") == ("users", "c", "x")
    with pytest.raises(ArgumentsMisfit, match="connection: Extra inputs"):
        made.tool_arguments('{"connection": "other"}')


def test_partial_where_anything_may_be_added() -> None:
    """What a partial fills in cannot be added either, by a model or by hand."""

    def query(table: str, connection: object, **more: Any) -> Any:
        return table, connection, more

    made = tool(functools.partial(functools.partial(query, "users", where="x"), connection="c"))
    for name in ("table", "connection", "where"):
        with pytest.raises(ArgumentsMisfit, match=f"- {name}: Extra inputs"):
            made.tool_arguments(json.dumps({name: "other"}))
    with pytest.raises(ToolError, match="- connection: Extra inputs"):
        made.run(connection="other")
    assert made.run(limit=1) == ("users", "c", {"where": "x", "limit": 1})


def test_schema_with_what_is_filled_in() -> None:
    """An args_schema must not leave to the model what a partial fills in."""
    with pytest.raises(ToolError, match="Point has the field 'y', which is filled in already"):
        tool("place", args_schema=Point)(functools.partial(lambda x, y: (x, y), y=3))


def test_added_beside_an_alias() -> None:
    """What is added does not take the place of a field, which was checked, by the name that the function knows."""

    class Aliased(BaseModel):
        model_config = ConfigDict(extra="allow")
        x: int = Field(alias="X")

    made = tool("place", args_schema=Aliased)(lambda **values: values)
    assert made.tool_arguments('{"X": 1, "z": 2}').kwargs == {"x": 1, "z": 2}
    with pytest.raises(ArgumentsMisfit, match="- x: Extra inputs"):
        made.tool_arguments('{"X": 1, "x": "not a number"}')


def test_default_that_cannot_be_copied() -> None:
    """A default that no call could be given is refused when the tool is made, in a signature and in a schema."""

    class Locked(BaseModel):
        inner: Any = Field(default={"a": threading.Lock()}, alias="Inner")

    def take(inner: Any = {"a": threading.Lock()}, other: Any = {"b": 1}) -> None: ...  # noqa: B006, B008 - as people write it

    with pytest.raises(ToolError, match=r"default of 'inner' of tool 'take' cannot be copied .*hint: fill it in"):
        tool(take)
    with pytest.raises(ToolError, match="default of 'Inner' of tool 'take' cannot be copied"):
        tool("take", args_schema=Locked)(take)


class Greeter:
    """Greets people."""

    def __call__(self, name: str) -> str:
        """Say hello.

        Args:
            name: whom to
        """
        return f"hello {name}"

    def bow(self, depth: int = 1) -> str:
        """Bow."""
        return "bow " * depth

    @classmethod
    def wave(cls, hand: str) -> str:
        """Wave."""
        return hand

    @staticmethod
    def nod(times: int) -> int:
        """Nod."""
        return times


@pytest.mark.parametrize(
    ("function", "name", "said", "keys"),
    [
        (Greeter(), "Greeter", "Greets people.", {"name": "whom to"}),
        (Greeter().bow, "bow", "Bow.", {"depth": None}),
        (Greeter.wave, "wave", "Wave.", {"hand": None}),
        (Greeter.nod, "nod", "Nod.", {"times": None}),
        (lambda x: x, "lambda", "", {"x": None}),
        (len, "len", "Return the number of items in a container.", {"obj": None}),
    ],
    ids=["object", "method", "class method", "static method", "lambda", "built in"],
)
def test_callables(function: Any, name: str, said: str, keys: dict[str, str | None]) -> None:
    """Whatever can be called is a tool, without its self or cls."""
    made = tool(function)
    assert (made.name, made.description) == (name, said)
    told = {key: value.get("description") for key, value in made.tool_parameters()["properties"].items()}
    assert told == keys


def local_type() -> Any:
    class Hidden(BaseModel):
        x: int

    def take(hidden: Hidden) -> None: ...

    return take


def unknown(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def unknown_result(x: int) -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821


def piecewise(pieces: Generator[int, None, None] | None) -> None: ...


class Unsigned:
    """As functions written in C may be."""

    @property
    def __signature__(self) -> Any:
        raise ValueError("no signature found")

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (print, r"tool 'print' takes \*args, which arguments by name cannot fill. hint: take one list"),
        (Unsigned(), "the parameters of tool 'Unsigned' are not known. hint: wrap it"),
        (unknown, "'unknown' annotates 'x' with 'Nowhere', which cannot be resolved: NameError.*hint: import or def"),
        (local_type(), "annotates 'hidden' with 'Hidden', which cannot be resolved"),
        (lambda connection: None, "told the arguments of tool 'lambda': 'connection': .*hint: take text, numbers"),
        (lambda then: None, "told the arguments of tool 'lambda': 'then': "),
        (piecewise, "tool 'piecewise' takes a generator as 'pieces'. hint: take a list instead, as in pieces: list"),
    ],
    ids=["star", "built in", "unknown", "local", "object", "callable", "generator"],
)
def test_refused(function: Any, told: str) -> None:
    """What a model cannot call is refused when the tool is made, with the parameter and the way out."""
    if getattr(function, "__name__", "") == "<lambda>":
        (name,) = function.__code__.co_varnames
        function.__annotations__ = {name: socket.socket if name == "connection" else Callable[[int], int]}
    with pytest.raises(ToolError, match=told):
        tool(function)


def test_blamed() -> None:
    """Of several parameters those are named that stand against a schema, and no others."""

    def take(a: int, b: socket.socket, c: Callable[[], int]) -> None: ...

    with pytest.raises(ToolError, match=r"the arguments of tool 'take': 'b': .*; 'c': "):
        tool(take)


def test_unknown_result() -> None:
    """What a function returns does not matter to its schema."""
    assert [*tool(unknown_result).tool_parameters()["properties"]] == ["x"]


@pytest.mark.parametrize(
    ("schema", "function", "told"),
    [
        (Point, lambda x: x, "Point has the fields x, y, and the function does not take them: .*'y'"),
        (Point, lambda x, y, z: x, "the function does not take them: missing .*'z'"),
        (RootModel[list[int]], lambda **values: values, "has no fields; arguments are given by name"),
        (RootModel[dict[str, int]], lambda **values: values, "has no fields; arguments are given by name"),
    ],
    ids=["fewer", "more", "root list", "root dict"],
)
def test_schema_that_does_not_fit(schema: Any, function: Any, told: str) -> None:
    """An args_schema that the function cannot take is refused when the tool is made."""
    with pytest.raises(ToolError, match=told):
        tool("place", args_schema=schema)(function)


def test_schema_without_json() -> None:
    """An args_schema that no JSON Schema can describe is refused."""

    class Odd(BaseModel):
        then: Callable[[int], int]

    with pytest.raises(ToolError, match="args_schema of tool 'odd': Odd has no JSON Schema: "):
        tool("odd", args_schema=Odd)(lambda then: then)


def test_schema_of_unsigned() -> None:
    """Whether something without a signature takes the fields is not known, and so not refused."""
    assert tool(args_schema=Point)(Unsigned()).name == "Unsigned"


def test_key() -> None:
    """Equal arguments have one key, in whatever order they were written."""

    def place(x: int, tags: list[str] | None = None) -> None: ...

    made = tool(place)
    assert made.tool_arguments('{"x": 1, "tags": []}').key == made.tool_arguments('{ "tags":[], "x":1}').key
    assert made.tool_arguments('{"x": 1}').key != made.tool_arguments('{"x": 2}').key
    assert tool(lambda: 1).tool_arguments("").key == tool(lambda: 1).tool_arguments("{}").key


def test_key_of_what_is_hidden() -> None:
    """Arguments that differ only in what a model hides have keys of their own; nothing is hidden from the tool."""

    class Login(BaseModel):
        password: SecretStr
        token: str = Field(default="", exclude=True)

    made = tool(args_schema=Login)(lambda password, token: (password, token))
    wrote = ['{"password": "a"}', '{"password": "b"}', '{"password": "a", "token": "c"}']
    assert len({made.tool_arguments(each).key for each in wrote}) == 3
    assert made.tool_arguments(wrote[2]).values == {"password": SecretStr("a"), "token": "c"}


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("search", [], "search"),
        ("Search the web!", [], "Search_the_web"),
        ("Größe", [], "Groe"),
        ("天気", [], "tool"),
        ("  ", [], "tool"),
        ("x" * 80, [], "x" * 64),
        ("x" * 80, ["x" * 64], "x" * 62 + "_2"),
        ("search", ["search", "search_2"], "search_3"),
        ("a.b/c", [], "a_b_c"),
    ],
)
def test_names(name: str, taken: list[str], expected: str) -> None:
    """Names are written in the letters that providers allow, and no two are alike."""
    assert api_name(name, taken) == expected
