from __future__ import annotations

import enum
import functools
import json
import socket
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, Optional, TypedDict, Unpack

import pytest
from pydantic import BaseModel, Field, RootModel, field_validator

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


class More(TypedDict, total=False):
    size: int


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


@pytest.mark.parametrize("annotation", [None, Unpack[More]], ids=["bare", "unpacked"])
def test_rest_of_any_type(annotation: Any) -> None:
    """**values without a type of each value takes anything."""

    def note(**marks) -> Any:  # type: ignore[no-untyped-def]
        return marks

    note.__annotations__ = {"marks": annotation} if annotation else {}
    assert tool(note).tool_arguments('{"a": [1]}').kwargs == {"a": [1]}


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
    ],
    ids=["star", "built in", "unknown", "local", "object", "callable"],
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
    """Equal arguments have one key, however they were written; those without JSON have none."""

    def place(x: int, tags: list[str] | None = None) -> None: ...

    made = tool(place)
    assert made.tool_arguments('{"x": 1}').key == made.tool_arguments('{ "tags": null, "x": "1"}').key
    assert made.tool_arguments('{"x": 1}').key != made.tool_arguments('{"x": 2}').key

    class Odd(BaseModel):
        x: Any

        @field_validator("x")
        @classmethod
        def _made(cls, _: Any) -> Any:
            return object()

    assert tool(args_schema=Odd)(lambda x: x).tool_arguments('{"x": 1}').key is None


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
