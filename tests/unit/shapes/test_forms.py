"""Schemas that no annotation of pydantic's own leads to, and the ends of long ways."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Annotated, Any, NewType

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic_core import core_schema as core

from crewgraph.shapes import Verdict, coercer, fit, peeled, written
from crewgraph.shapes.adapter import adapter
from crewgraph.shapes.forms import ANYTHING, Again, Book, Either, Guarded, Instance, Items, Opaque, Scalar
from crewgraph.shapes.proof import doubt
from crewgraph.shapes.reading import form_of
from crewgraph.shapes.refusal import Unsure, tried, why
from crewgraph.shapes.values import Maker
from crewgraph.shapes.words import name_of


def of(schema: Any) -> Any:
    """A class with a schema of its own."""
    return type("Made", (), {"__get_pydantic_core_schema__": classmethod(lambda cls, source, handler: schema)})


REST = core.tuple_schema([core.int_schema(), core.str_schema()], variadic_item_index=1)
DEFAULT = core.with_default_schema(core.int_schema(), default=0, on_error="default")
CALL = core.call_schema(core.arguments_schema([]), lambda: 1)
ATTRIBUTE = core.no_info_after_validator_function(attrgetter("value"), core.int_schema())
CHAIN = core.chain_schema([core.str_schema(), core.int_schema()])
LAX = core.lax_or_strict_schema(core.int_schema(), core.int_schema())
LAX_STRICT = core.lax_or_strict_schema(core.str_schema(), core.int_schema(), strict=True)
AS_TEXT = core.int_schema(serialization=core.to_string_ser_schema(when_used="always"))
FORMATTED = core.int_schema(serialization=core.format_ser_schema("d"))
PARTLY = core.list_schema(core.int_schema(), serialization=core.filter_seq_schema(include={0}))
STRICT = core.int_schema(strict=True)

SINKS: list[tuple[Any, Any, Verdict]] = [
    (int, of(REST), Verdict.UNKNOWN),
    (str, of(DEFAULT), Verdict.UNKNOWN),
    (int, of(CALL), Verdict.UNKNOWN),
    (list[int], of(CHAIN), Verdict.MISFIT),
    (str, of(CHAIN), Verdict.UNKNOWN),
    (int, of(LAX), Verdict.FITS),
    (str, of(LAX_STRICT), Verdict.MISFIT),
    (int, of(STRICT), Verdict.FITS),
    (bool, of(STRICT), Verdict.MISFIT),
]


@pytest.mark.parametrize(("source", "target", "verdict"), SINKS, ids=[str(number) for number in range(len(SINKS))])
def test_an_odd_sink_is_never_guessed(source: Any, target: Any, verdict: Verdict) -> None:
    """What is not known of it leaves the verdict open; what is decides."""
    assert fit(source, target).verdict is verdict


SOURCES: list[tuple[Any, Any, Verdict]] = [
    (of(REST), int, Verdict.UNKNOWN),
    (of(DEFAULT), int, Verdict.FITS),
    (of(ATTRIBUTE), int, Verdict.UNKNOWN),
    (of(CHAIN), int, Verdict.UNKNOWN),
    (of(LAX), int, Verdict.UNKNOWN),
    (of(AS_TEXT), int, Verdict.UNKNOWN),
    (of(FORMATTED), int, Verdict.FITS),
    (of(PARTLY), list[int], Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("source", "target", "verdict"), SOURCES, ids=[str(number) for number in range(len(SOURCES))])
def test_an_odd_source_is_never_guessed(source: Any, target: Any, verdict: Verdict) -> None:
    """As of a sink."""
    assert fit(source, target).verdict is verdict


def test_a_default_inside_of_a_function_leaves_a_field_open() -> None:
    """Whether it is needed is only known at run time."""
    inner = core.with_default_schema(core.int_schema(), default=3)
    fields = core.typed_dict_schema(
        {"a": core.typed_dict_field(core.no_info_after_validator_function(lambda value: value, inner))}, total=False
    )
    assert fit(dict[str, int], of(fields)).verdict is Verdict.UNKNOWN


def test_a_schema_that_cannot_be_built_is_not_guessed() -> None:
    """As one of another version of pydantic."""
    assert tried({"type": "nonsense"}, 1, ANYTHING) == Unsure("only pydantic can tell")


class Raises(int):
    def __index__(self) -> int:
        raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    __hash__ = None  # type: ignore[assignment]


def test_a_value_that_cannot_be_compared_is_not_guessed() -> None:
    """Whatever its own code raises."""
    literal = form_of(Annotated[int, "note"], side="taken")
    assert why(object(), literal) is not None
    broken = core.no_info_plain_validator_function(lambda _: 1 // 0)
    assert tried(broken, 1, ANYTHING) == Unsure("only pydantic can tell")  # type: ignore[arg-type]


def test_what_stands_only_for_itself_ends() -> None:
    """In a proof, in the search for values, in words, and where layers are taken off."""
    book = Book(lambda _: ANYTHING)
    again = Again("a", book)
    book.forms["a"] = again
    assert doubt(again, again) == "it stands only for itself"
    assert doubt(again, form_of(int, side="taken")) == "it stands only for itself"
    assert why(1, again) == Unsure("it is nested too deep to look into")
    assert list(Maker().values(again)) == []
    assert name_of(again) == "…"
    assert Again("b", book).form == Opaque("a part of it is not defined")
    loop = NewType("loop", int)
    loop.__supertype__ = loop  # type: ignore[assignment, misc]
    assert peeled(loop).kind is loop
    assert written(loop) == "loop"


def test_a_deep_type_is_not_searched_to_its_end() -> None:
    """Where no value is made and no proof is found, nothing is said."""
    number: Any = Scalar("int", {"type": "int"}, "int")
    for _ in range(100):
        number = Items("list", number, {"type": "list", "items_schema": {"type": "any"}})
    assert doubt(number, Items("list", number, {})) is not None
    assert next(Maker().values(number)) is not None
    assert why([], Items("list", number, {"type": "list"})) is None


def test_what_forms_are_called() -> None:
    """As their authors would write them; what has no name is anything."""
    text = Scalar("str", {"type": "str"}, "str")
    assert name_of(Opaque("")) == "anything"
    assert name_of(Guarded(text, partial(len))) == "str"
    assert name_of(Either((text, Instance(int, {})))) == "str | int"
    assert name_of(Items("iterable", ANYTHING, {})) == "Iterable"


def test_adapters_are_made_for_what_has_settings_of_its_own() -> None:
    """A model keeps its settings, a mistake stays one."""

    class Model(BaseModel):
        a: int

    assert isinstance(adapter(Model), TypeAdapter)
    assert adapter(Annotated[int | str, 5]) is not None
    assert coercer(Model) is coercer(Model)
