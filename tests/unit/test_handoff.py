"""What a node receives, and what an output hands over."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict, deque
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from crewgraph.handoff import MAX_JSON, Handoff, isolated, json_object, structured
from crewgraph.outputs import CrewOutput

# ---- the mapping -----------------------------------------------------------------------------------------------


def test_a_handoff_is_a_plain_dict_to_whoever_looks() -> None:
    """It equals a dict, is one, is written as one, and unpacks as one."""
    handoff = Handoff({"a": 1}, beside={"b": 2}, upstream={"x": CrewOutput(raw="x")})
    assert handoff == {"a": 1}
    assert {"a": 1} == handoff  # noqa: SIM300 - either side
    assert isinstance(handoff, dict)
    assert repr(handoff) == "{'a': 1}"
    assert json.dumps(handoff) == '{"a": 1}'
    assert dict(**handoff) == {"a": 1}


@pytest.mark.parametrize("values", [None, {}, MappingProxyType({})], ids=["None", "dict", "proxy"])
def test_an_empty_handoff(values: Any) -> None:
    """Nothing handed over is an empty dict with nothing beside."""
    handoff = Handoff(values)
    assert (handoff, handoff.beside, handoff.upstream) == ({}, {}, {})


def test_a_key_is_reached_handed_over_or_beside() -> None:
    """What is handed over wins over what is beside."""
    handoff = Handoff({"a": 1, "none": None}, beside={"a": 2, "b": 3})
    assert (handoff.reach("a"), handoff.reach("b"), handoff.reach("none")) == (1, 3, None)
    assert [handoff.reaches(key) for key in ("a", "b", "none", "c")] == [True, True, True, False]
    with pytest.raises(KeyError, match="c"):
        handoff.reach("c")


def test_missing_keys_are_named_once_in_order() -> None:
    """Those that are neither handed over nor beside."""
    assert Handoff({"a": 1}, beside={"b": 2}).missing(["z", "a", "y", "z", "b"]) == ["z", "y"]


def test_a_handoff_made_by_hand() -> None:
    """A handoff stays what it is, a dict or nothing becomes one."""
    handoff = Handoff({"a": 1}, beside={"b": 2})
    assert Handoff.of(handoff) is handoff
    assert Handoff.of({"a": 1}) == {"a": 1}
    assert Handoff.of(None) == {}


def test_a_handoff_is_a_copy() -> None:
    """Writing on it does not write on what it was made of."""
    values = {"a": 1}
    Handoff(values)["a"] = 2
    assert values == {"a": 1}


# ---- isolation -------------------------------------------------------------------------------------------------


class Model(BaseModel):
    x: int = 1


def test_nested_containers_are_not_shared() -> None:
    """Dicts, lists and sets are new at every depth, tuples are looked through."""
    inner: dict[str, Any] = {"l": [1, {"s": {1}}], "t": ([2], {"k": [3]})}
    values = {"v": inner, "n": 1}
    copy = isolated(values)
    copy["v"]["l"][1]["s"].add(9)
    copy["v"]["l"].append(9)
    copy["v"]["t"][0].append(9)
    copy["v"]["t"][1]["k"].append(9)
    copy["new"] = 9
    assert values == {"v": {"l": [1, {"s": {1}}], "t": ([2], {"k": [3]})}, "n": 1}


@pytest.mark.parametrize(
    "value",
    [Model(), object(), b"x", frozenset({1}), lambda: None],
    ids=lambda value: type(value).__name__,
)
def test_other_objects_are_handed_over_as_they_are(value: object) -> None:
    """What may not be a plain value is not copied."""
    assert isolated({"v": value})["v"] is value
    assert isolated({"v": [value]})["v"][0] is value


class Uncopyable(list[int]):
    def __copy__(self) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value", [OrderedDict(a=[1]), defaultdict(list, a=[1]), deque([[1]])], ids=lambda value: type(value).__name__
)
def test_containers_of_other_kinds_are_copied_in_kind(value: Any) -> None:
    """Subclasses of dict, list and set, and deques, are not shared either, and stay what they are."""
    mine = isolated({"v": value})["v"]
    assert mine == value
    assert type(mine) is type(value)
    mine[0 if isinstance(value, deque) else "a"].append(2)
    assert mine != value


def test_a_container_that_cannot_be_copied_is_handed_over() -> None:
    """What refuses to be copied is shared, as any other object."""
    value = Uncopyable([1])
    assert isolated({"v": value})["v"] is value


def test_nan_is_no_json() -> None:
    """A text with NaN is no JSON object: no comparison with it would ever be true."""
    assert json_object('{"a": NaN}') is None


def test_any_mapping_becomes_a_dict() -> None:
    """The copy is a plain dict, whatever it was made of."""
    assert type(isolated(MappingProxyType({"a": 1}))) is dict
    assert type(isolated(MappingProxyType({"a": [1]}))) is dict


def test_values_that_contain_themselves() -> None:
    """A copy of an endless value is endless, and nobody runs into it."""
    endless: dict[str, Any] = {"n": 1}
    endless["me"] = [endless]
    copy = isolated({"v": endless})["v"]
    assert copy is not endless
    assert copy["me"][0] is copy


def test_very_deep_values() -> None:
    """Depth costs no recursion."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    copy = isolated({"v": deep})["v"]
    depth = 0
    while copy != 1:
        (copy,), depth = copy, depth + 1
    assert depth == 100_000
    while deep != 1:
        (deep,) = deep  # freed step by step: a deep list is freed by recursion


def test_values_that_share_parts_do_not_explode() -> None:
    """What stands in a value many times is copied once."""
    shared: list[Any] = [1]
    for _ in range(60):
        shared = [shared, shared]
    copy = isolated({"v": shared})["v"]
    assert copy[0] is copy[1]


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.text(), inner),
        st.lists(inner).map(tuple),
        st.sets(st.integers()),
    ),
    max_leaves=10,
)


def containers(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {id(value)}.union(*map(containers, value.values()))
    if isinstance(value, list | set):
        return {id(value)}.union(*map(containers, value))
    return set().union(*map(containers, value)) if isinstance(value, tuple) else set()


@given(st.dictionaries(st.text(), plain))
def test_a_copy_is_equal_and_shares_nothing(values: dict[str, Any]) -> None:
    """For all plain values: the same content, of the same types, and no container in common."""
    copy = isolated(values)
    assert copy == values  # lists equal no tuples
    assert list(copy) == list(values)
    assert not containers(copy) & containers(values)


# ---- what an output hands over ---------------------------------------------------------------------------------


class Answer(BaseModel):
    topic: str = "tea"
    count: int = 2


class Listing(RootModel[list[int]]):
    pass


@pytest.mark.parametrize(
    ("output", "keys"),
    [
        (CrewOutput(raw="just text"), {}),
        (CrewOutput(raw="x", json_dict={"a": 1}), {"a": 1}),
        (CrewOutput(raw="x", pydantic=Answer()), {"topic": "tea", "count": 2}),
        (CrewOutput(raw="x", pydantic=Answer(), json_dict={"a": 1}), {"a": 1}),
        (CrewOutput(raw='{"a": 1}'), {"a": 1}),
        (CrewOutput(raw='{"a": 1}', json_dict={}), {}),
        (CrewOutput(raw="[1]", pydantic=Listing([1])), {}),
        (CrewOutput(raw='{"a": 1}', pydantic=Listing([1])), {}),
    ],
    ids=["text", "json", "model", "both", "raw json", "declared and empty", "list", "list with text"],
)
def test_what_an_output_hands_over(output: CrewOutput, keys: dict[str, Any]) -> None:
    """Its structure, else raw text that is one JSON object; where a structure was declared, the text is not read."""
    assert structured(output) == keys


def test_reading_raw_text_can_be_switched_off() -> None:
    """Then text stays text."""
    assert structured(CrewOutput(raw='{"a": 1}'), parse_raw=False) == {}
    assert structured(CrewOutput(json_dict={"a": 1}), parse_raw=False) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('  \n{"a": 1}\n ', {"a": 1}),
        ("{}", {}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```JSON\n{"a": 1}\n```', {"a": 1}),
        ('```\n{"a": 1}\n```', {"a": 1}),
        ('```{"a": 1}```', {"a": 1}),
        (' ```json {"a": {"b": "}"}} ``` ', {"a": {"b": "}"}}),
        ('{"ä": "\\u00e4"}', {"ä": "ä"}),
        ('{"a": 1} ', {"a": 1}),
        ("", None),
        ("text", None),
        ("[1]", None),
        ('"x"', None),
        ("7", None),
        ("null", None),
        ('here: {"a": 1}', None),
        ('{"a": 1} there', None),
        ('{"a": 1}{"b": 2}', None),
        ('{"a": 1}, {"b": 2}', None),
        ("{a: 1}", None),
        ("{'a': 1}", None),
        ('{"a": 1,}', None),
        ("{x} and {y}", None),
        ("``````", None),
        ("```json```", None),
        ('```python\n{"a": 1}\n```', None),
        ("{", None),
        ("}", None),
        ('{"a": ' + "1" * 5000 + "}", None),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, None),
        (" " * MAX_JSON + '{"a": 1}', None),
        (None, None),
        (7, None),
        (b'{"a": 1}', None),
    ],
    ids=lambda value: str(value)[:25],
)
def test_text_that_is_exactly_one_json_object(text: object, value: dict[str, Any] | None) -> None:
    """Fences are allowed, anything else around it is not; nothing hostile raises."""
    assert json_object(text) == value


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text(), st.lists(st.booleans()))))
def test_every_json_object_is_read(value: dict[str, Any]) -> None:
    """Fenced and bare, whatever stands in it."""
    text = json.dumps(value)
    assert json_object(text) == json_object(f"```json\n{text}\n```") == value


@given(st.text())
def test_no_text_raises(text: str) -> None:
    """Any text is an object or is not."""
    assert json_object(text) is None or isinstance(json_object(text), dict)
