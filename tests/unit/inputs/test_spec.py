"""What inputs must bring, as an object, a list, a table and a JSON Schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from crewgraph.inputs import InputField, InputSpec, Needed, declared


class Mail(BaseModel):
    text: str
    count: int = 1


class Open(BaseModel):
    n: Any


class Lock:
    """Has no JSON form."""


SPEC = InputSpec(
    [
        InputField("text", kind=str, used_by=("'read'",), checks=(str,)),
        InputField("n", kind=int, need=Needed.ON_ROUTES, used_by=("'count'",), routes=("route 'a' of 'r'",)),
        InputField("extra", need=Needed.OPTIONAL),
        InputField("lock", kind=Lock, need=Needed.OPTIONAL, used_by=("'hold'",)),
    ]
)


def test_it_is_a_mapping() -> None:
    """Of keys to what is known of them."""
    assert list(SPEC) == ["text", "n", "extra", "lock"]
    assert len(SPEC) == 4
    assert SPEC["n"].kind is int
    assert (SPEC.required, SPEC.on_routes) == (("text",), ("n",))


def test_words() -> None:
    """It prints as a list, and is short in a debugger."""
    assert repr(SPEC) == "InputSpec(text, n?, extra?, lock?)"
    assert str(SPEC).splitlines()[:3] == [
        "text: str – 'read'",
        "n: int (on some routes) – 'count'",
        "extra (optional) – nobody reads it",
    ]
    assert str(InputSpec()) == "no inputs are needed"


def test_table() -> None:
    """In a notebook it is a table, and hostile keys are text."""
    html = InputSpec([InputField("<b>", has_default=True), *SPEC.values()])._repr_html_()
    assert "<td style='text-align:left'>&lt;b&gt;</td>" in html
    assert "route &#x27;a&#x27; of &#x27;r&#x27;" in html


def test_a_row_without_declaration() -> None:
    """What is missing, and what those who read it on every run could not take."""
    row = SPEC.look_at({"text": 5})
    assert (row.missing, list(row.misfits)) == ({}, ["text"])
    assert "needed by 'read'" in row.misfits["text"]
    assert SPEC.look_at({}).missing == {"text": ("'read'",)}
    assert SPEC.look_at({"text": "a", "n": "no number"}).misfits == {}  # only some routes need it


def test_a_declared_row() -> None:
    """The declaration decides, and says who needs what is missing."""
    known = declared(Mail)
    spec = InputSpec([InputField("text", used_by=("'read'",), is_declared=True)], declared=known)
    assert spec.look_at({"text": "a", "count": "3"}).values == {"text": "a", "count": 3}
    row = spec.look_at({"count": "many"})
    assert row.missing == {"text": ("'read'",)}
    assert list(row.misfits) == ["count"]
    assert spec.json_schema() == Mail.model_json_schema()


def test_what_the_declaration_leaves_open() -> None:
    """Is checked for those who read it, once the rest is as declared."""
    spec = InputSpec([InputField("n", used_by=("'read'",), checks=(int,))], declared=declared(Open))
    assert spec.look_at({"n": "a"}).misfits == {"n": "'a' is no int (needed by 'read')"}
    assert spec.look_at({"n": 1}).misfits == {}


def test_json_schema() -> None:
    """Types, who needs it and where; a type without JSON form is left open."""
    schema: Any = SPEC.json_schema()
    assert schema["required"] == ["text"]
    assert schema["properties"]["text"] == {"type": "string", "description": "needed by 'read'"}
    assert schema["properties"]["n"]["description"] == "needed by 'count' (on route 'a' of 'r')"
    assert schema["properties"]["extra"] == {"description": "nobody reads it"}
    assert schema["properties"]["lock"] == {"description": "needed by 'hold'"}
