"""Plain functions as nodes: what they take, what they give, and what cannot be a step."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, Required, TypedDict

import anyio
import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field

from crewgraph.errors import TemplateError
from crewgraph.handoff import Handoff, structured
from crewgraph.outputs import CrewOutput
from crewgraph.step import Step, step
from crewgraph.syntax import Pipeline


def given(**values: Any) -> Handoff:
    return Handoff(values, beside={"said": "something", "a": "beside"})


async def run(function: Callable[..., Any], **values: Any) -> CrewOutput:
    return await Step(function, inline=True).kickoff_async(inputs=given(**values))


# ---- what a step takes -----------------------------------------------------------------------------------------


def named(a: int, b: int) -> dict[str, Any]:
    return {"got": (a, b)}


def with_default(a: int, b: int | None = 20) -> dict[str, Any]:
    return {"got": (a, b)}


def positional_only(a: int, /, b: int) -> dict[str, Any]:
    return {"got": (a, b)}


def positional_defaults(z: int = 10, a: int = 20, /) -> dict[str, Any]:
    return {"got": (z, a)}


def keyword_only(*, a: int, z: int = 5) -> dict[str, Any]:
    return {"got": (a, z)}


def everything(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"got": inputs}


def everything_positional(inputs: dict[str, Any], /) -> dict[str, Any]:
    return {"got": inputs}


def the_rest(a: int, **values: Any) -> dict[str, Any]:
    return {"got": (a, values)}


def the_rest_called_inputs(**inputs: Any) -> dict[str, Any]:
    return {"got": inputs}


def the_rest_beside_positional(a: int, /, **values: Any) -> dict[str, Any]:
    return {"got": (a, values)}


def both(inputs: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"got": (inputs, values)}


def beside(said: str) -> dict[str, Any]:
    return {"got": said}


def nothing() -> dict[str, Any]:
    return {"got": ()}


class Greeter:
    """Something that can be called."""

    name: str = "no hint for the parameter of this name"

    def __call__(self, a: int) -> dict[str, Any]:
        return {"got": a}

    def method(self, a: int) -> dict[str, Any]:
        return {"got": a}

    @classmethod
    def class_method(cls, a: int) -> dict[str, Any]:
        return {"got": a}

    @staticmethod
    def static_method(a: int) -> dict[str, Any]:
        return {"got": a}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("function", "got"),
    [
        (named, (1, 2)),
        (with_default, (1, 2)),
        (positional_only, (1, 2)),
        (positional_defaults, (10, 1)),
        (keyword_only, (1, 5)),
        (everything, {"a": 1, "b": 2, "values": 3}),
        (everything_positional, {"a": 1, "b": 2, "values": 3}),
        (the_rest, (1, {"b": 2, "values": 3})),
        (the_rest_called_inputs, {"a": 1, "b": 2, "values": 3}),
        (the_rest_beside_positional, (1, {"b": 2, "values": 3})),
        (both, ({"a": 1, "b": 2, "values": 3}, {"a": 1, "b": 2, "values": 3})),
        (beside, "something"),
        (nothing, ()),
        (lambda a: {"got": a}, 1),
        (functools.partial(named, b=9), (1, 2)),
        (functools.partial(named, 9), (9, 2)),
        (Greeter(), 1),
        (Greeter().method, 1),
        (Greeter.class_method, 1),
        (Greeter.static_method, 1),
        (step(named), (1, 2)),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__) if callable(value) else "",
)
async def test_parameters_are_filled_by_name(function: Any, got: Any) -> None:
    """From what is handed over before what is beside; `inputs` and `**values` take all that is handed over."""
    output = await run(function, a=1, b=2, values=3)
    assert output.json_dict == {"got": got}


@pytest.mark.anyio
async def test_a_default_is_taken_where_there_is_no_value() -> None:
    """And not where the value is None."""
    assert (await run(with_default, a=1)).json_dict == {"got": (1, 20)}
    assert (await run(with_default, a=1, b=None)).json_dict == {"got": (1, None)}


@pytest.mark.anyio
async def test_what_a_step_takes_is_its_own() -> None:
    """Writing on `inputs` does not write on what was handed over."""

    def vandal(inputs: dict[str, Any]) -> None:
        inputs.clear()

    values = given(a=1)
    await Step(vandal, inline=True).kickoff_async(inputs=values)
    assert values == {"a": 1}


@pytest.mark.anyio
async def test_missing_parameters_are_named_all_at_once() -> None:
    """With the step, and what there is."""
    with pytest.raises(TemplateError) as caught:
        await run(lambda x, y, said, z=1: None, b=2)
    assert caught.value.missing == ("x", "y")
    assert str(caught.value).startswith("no value for {x} in step 'lambda'; {y} in step 'lambda'. There is: b.")


@pytest.mark.anyio
@pytest.mark.parametrize("inputs", [{"a": 1, "b": 2}, MappingProxyType({"a": 1, "b": 2})], ids=["dict", "proxy"])
async def test_a_step_can_be_called_by_hand(inputs: Any) -> None:
    """With any mapping, as a crew can."""
    assert (await step(named).kickoff_async(inputs=inputs)).json_dict == {"got": (1, 2)}
    assert (await step(nothing).kickoff_async()).json_dict == {"got": ()}


# ---- how it runs -----------------------------------------------------------------------------------------------


async def async_function(a: int) -> dict[str, Any]:
    await anyio.lowlevel.checkpoint()
    return {"got": a, "thread": threading.get_ident()}


def sync_function(a: int) -> dict[str, Any]:
    return {"got": a, "thread": threading.get_ident()}


class AsyncGreeter:
    """Something asynchronous that can be called."""

    async def __call__(self, a: int) -> dict[str, Any]:
        return await async_function(a)

    async def method(self, a: int) -> dict[str, Any]:
        return await async_function(a)


@functools.wraps(async_function)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    return async_function(*args, **kwargs)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "function",
    [
        async_function,
        functools.partial(async_function),
        AsyncGreeter().method,
        AsyncGreeter(),
        wrapped,
        lambda a: async_function(a),  # noqa: PLW0108 - a lambda that returns a coroutine
        step(async_function),
    ],
    ids=["function", "partial", "method", "object", "wrapped", "lambda", "step"],
)
async def test_whatever_is_async_runs_in_the_loop(function: Any) -> None:
    """Also where only the call shows that it is."""
    output = await step(function).kickoff_async(inputs={"a": 1})
    assert output.json_dict == {"got": 1, "thread": threading.get_ident()}


@pytest.mark.anyio
async def test_a_sync_function_runs_in_a_thread() -> None:
    """So that it may wait; unless it is said to be quick."""
    output = await step(sync_function).kickoff_async(inputs={"a": 1})
    assert output["got"] == 1
    assert output["thread"] != threading.get_ident()
    quick = await step(inline=True)(sync_function).kickoff_async(inputs={"a": 1})
    assert quick["thread"] == threading.get_ident()


@pytest.mark.anyio
async def test_a_wrapper_that_makes_async_sync_runs_in_a_thread() -> None:
    """A decorator that calls `asyncio.run` must not be called in the loop."""

    @functools.wraps(async_function)
    def runs_itself(a: int) -> Any:
        return asyncio.run(native(a))

    async def native(a: int) -> dict[str, Any]:
        return {"got": a}

    assert (await step(runs_itself).kickoff_async(inputs={"a": 1})).json_dict == {"got": 1}


@pytest.mark.anyio
async def test_sync_steps_wait_side_by_side() -> None:
    """Each in a thread of its own."""
    barrier = threading.Barrier(20, timeout=60)
    meet = step(lambda: barrier.wait() * 0)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(meet.kickoff_async)


@pytest.mark.anyio
@pytest.mark.parametrize("function", [sync_function, async_function], ids=["sync", "async"])
async def test_what_a_function_raises_passes_through(function: Any) -> None:
    """Unchanged."""

    def fail(a: int) -> Any:
        raise LookupError("gone")

    async def fail_async(a: int) -> Any:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await step(fail if function is sync_function else fail_async).kickoff_async(inputs={"a": 1})


def test_a_step_is_still_the_function() -> None:
    """It can be called, and looks like it."""
    decorated = step(named)
    assert decorated(1, b=2) == {"got": (1, 2)}
    assert (decorated.__name__, decorated.__wrapped__, decorated.__doc__) == ("named", named, named.__doc__)  # type: ignore[attr-defined]
    assert repr(decorated) == "<step named>"


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (step(named), "named"),
        (step(name="fetch")(named), "fetch"),
        (step(named, name="fetch"), "fetch"),
        (step()(named), "named"),
        (step(lambda: None), "lambda"),
        (step(functools.partial(functools.partial(named, 1), 2)), "named"),
        (step(Greeter()), "Greeter"),
        (step(Greeter().method), "method"),
        (step(step(named)), "named"),
        (step(len), "len"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_step_is_named_after_its_function(function: Step, name: str) -> None:
    """Unless it is given a name; a partial after what is behind it."""
    assert function.name == name


@pytest.mark.parametrize("function", ["text", 7, {}], ids=str)
def test_what_cannot_be_called_is_no_step(function: Any) -> None:
    """It is a TypeError where it is written."""
    with pytest.raises(TypeError, match="a step is made of a function"):
        step(function)


# ---- what it gives ---------------------------------------------------------------------------------------------


class Person(BaseModel):
    name: str = "Ada"
    born: date = date(2000, 1, 2)


class Numbers(RootModel[list[int]]):
    pass


class Table(RootModel[dict[str, int]]):
    pass


class Handle(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    thing: object


class Point(NamedTuple):
    x: int = 1


@dataclass
class Record:
    x: int = 1


RECORD = Record()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("returned", "keys", "raw"),
    [
        ({"a": "ä"}, {"a": "ä"}, '{"a": "ä"}'),
        ({}, {}, "{}"),
        (MappingProxyType({"a": 1}), {"a": 1}, '{"a": 1}'),
        ({"d": date(2000, 1, 2)}, {"d": date(2000, 1, 2)}, '{"d": "2000-01-02"}'),
        ({"nested": {(1, 2): 3}}, {"nested": {(1, 2): 3}}, "{'nested': {(1, 2): 3}}"),
        (Person(), {"name": "Ada", "born": date(2000, 1, 2)}, '{"name":"Ada","born":"2000-01-02"}'),
        (Table({"a": 1}), {"a": 1}, '{"a":1}'),
        (Numbers([1, 2]), {"f": [1, 2]}, "[1,2]"),
        (None, {}, ""),
        ("text", {"f": "text"}, "text"),
        ("", {"f": ""}, ""),
        (7, {"f": 7}, "7"),
        (False, {"f": False}, "False"),
        ([1, "two"], {"f": [1, "two"]}, '[1, "two"]'),
        (Point(), {"f": Point()}, "[1]"),
        (RECORD, {"f": RECORD}, f"{RECORD}"),
        (b"x", {"f": b"x"}, "b'x'"),
        ('{"a": 1}', {"f": '{"a": 1}'}, '{"a": 1}'),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_is_returned_is_handed_over(returned: Any, keys: dict[str, Any], raw: str) -> None:
    """A dict or model by its keys, None not at all, anything else under the step's name."""
    output = await Step(lambda: returned, name="f", inline=True).kickoff_async()
    assert structured(output) == keys
    assert output.raw == raw


@pytest.mark.anyio
async def test_a_model_is_kept() -> None:
    """As the pydantic answer, also where it has no JSON."""
    thing = object()
    person, handle = Person(), Handle(thing=thing)
    assert (await run(lambda: person)).pydantic is person
    output = await run(lambda: handle)
    assert output.pydantic is handle
    assert output.to_dict() == {"thing": thing}


@pytest.mark.anyio
async def test_a_crew_output_is_passed_on() -> None:
    """With its tasks and tokens."""
    output = CrewOutput(raw="x")
    assert await run(lambda: output) is output


@pytest.mark.anyio
@pytest.mark.parametrize("key", [1, None, (1, 2), b"a"], ids=repr)
async def test_odd_keys_are_an_error(key: Any) -> None:
    """Which names step and key."""
    with pytest.raises(TypeError) as caught:
        await Step(lambda: {"a": 1, key: 2}, name="f", inline=True).kickoff_async()
    assert str(caught.value) == f"step 'f' returned a dict with the key {key!r}; keys are text"


def generates(a: int = 1) -> Iterator[int]:
    yield a


async def generates_async(a: int = 1) -> AsyncIterator[int]:
    yield a


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (generates, "generator"),
        (generates_async, "async_generator"),
        (lambda: map(str, [1]), "map"),
        (lambda: iter([1]), "list_iterator"),
        (functools.partial(generates, 1), "generator"),
    ],
    ids=["generator", "async generator", "map", "iterator", "partial"],
)
async def test_what_can_be_read_only_once_is_an_error(function: Any, kind: str) -> None:
    """Two nodes may read what a step gave."""
    with pytest.raises(TypeError, match=f"^step 'f' returned a {kind}, which can be read only once; return a list$"):
        await Step(function, name="f").kickoff_async()


# ---- what it says about itself ---------------------------------------------------------------------------------


def test_parameters_are_needs() -> None:
    """With their types; those with a default are not required, and `inputs` and stars are none."""

    def function(
        a: int, b: str = "", *, c: list[int], inputs: dict[str, Any], d: Any = None, **values: Any
    ) -> None: ...

    interface = step(function).interface()
    assert [(need.key, need.required, need.type) for need in interface.needs] == [
        ("a", True, int),
        ("b", False, str),
        ("c", True, list[int]),
        ("d", False, Any),
    ]
    assert {need.where for need in interface.needs} == {"step 'function'"}
    assert (interface.kind, interface.problems) == ("step", ())


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Loose(TypedDict, total=False):
    title: Required[str]
    year: int


class Sequel(Movie):
    part: int


class Unknown(TypedDict):
    title: Nowhere  # type: ignore[name-defined]  # noqa: F821
    year: int


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Rich(BaseModel):
    name: str
    secret: str = Field("", exclude=True)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> int:
        return len(self.name)


NOTHING: Any = ({}, frozenset())
ANYTHING: Any = ({}, None)


@pytest.mark.parametrize(
    ("returns", "told"),
    [
        (None, NOTHING),
        (Any, ANYTHING),
        (dict, ANYTHING),
        (dict[str, int], ANYTHING),
        (CrewOutput, ANYTHING),
        (Numbers, ANYTHING),
        (Table, ANYTHING),
        (Optional[Person], ({}, frozenset({"name", "born"}))),  # noqa: UP045 - people write it
        (Person | None, ({}, frozenset({"name", "born"}))),
        (Person | str, ({}, frozenset({"name", "born", "f"}))),
        (Person | Rich, ({"name": str}, frozenset({"born", "size"}))),
        (Person | dict, ({}, None)),
        (str | int, ({"f": str | int}, frozenset())),
        (Literal["a"], ({"f": Literal["a"]}, frozenset())),
        (object, ANYTHING),
        (Record, ({"f": Record}, frozenset())),
        (Iterator[int], ANYTHING),
        (str, ({"f": str}, frozenset())),
        (bool, ({"f": bool}, frozenset())),
        (list[int], ({"f": list[int]}, frozenset())),
        (Annotated[int, "unit"], ({"f": Annotated[int, "unit"]}, frozenset())),
        (Point, ({"f": Point}, frozenset())),
        (Person, ({"name": str, "born": date}, frozenset())),
        (Rich, ({"name": str, "size": int}, frozenset())),
        (Open, ({"name": str}, None)),
        (Movie, ({"title": str}, frozenset({"year"}))),
        (Loose, ({"title": str}, frozenset({"year"}))),
        (Sequel, ({"title": str, "part": int}, frozenset({"year"}))),
        (Unknown, ({"title": Any, "year": Any}, frozenset())),
        ("Nowhere", ANYTHING),
        ("1 / 0", ANYTHING),
        ("Person", ({"name": str, "born": date}, frozenset())),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else str(value),
)
def test_a_return_annotation_is_what_it_gives(returns: Any, told: Any) -> None:
    """As far as it says so; what cannot be resolved says nothing and is no error."""

    def function() -> Any: ...

    function.__annotations__["return"] = returns
    interface = step(function, name="f").interface()
    assert (interface.gives, interface.may_give) == told


def test_keys_are_given_in_the_order_they_are_written() -> None:
    """The same every time."""

    def function() -> Sequel: ...

    assert list(step(function).interface().gives) == ["title", "part"]


@pytest.mark.parametrize(
    "function",
    [functools.partial(named), Greeter(), step(named), Greeter().method],
    ids=["partial", "object", "step", "method"],
)
def test_annotations_are_found_wherever_they_stand(function: Any) -> None:
    """Behind a partial, at the method of an object that is called, behind a decorator."""
    assert step(function).interface().needs[0].type is int


def test_a_function_without_annotations_may_give_anything() -> None:
    """It says nothing."""
    interface = step(lambda a: a).interface()
    assert (interface.gives, interface.may_give, interface.needs[0].type) == ({}, None, Any)


@pytest.mark.parametrize(
    ("function", "code", "told"),
    [
        (lambda *values: None, "CG503", "step 'f' has *values, which nothing can fill"),
        (max, "CG503", "the parameters of step 'f' are not known"),
        (generates, "CG103", "step 'f' is a generator function"),
        (generates_async, "CG103", "step 'f' is a generator function"),
    ],
    ids=["star", "built-in", "generator", "async generator"],
)
def test_what_cannot_be_a_step_is_found_before_it_runs(function: Any, code: str, told: str) -> None:
    """By the checker, with a hint, and not as a traceback."""
    (problem,) = step(function, name="f").interface().problems
    assert (problem.code, problem.message) == (code, told)
    assert problem.hint
    findings = Pipeline([function]).check()
    assert [finding.code for finding in findings.errors] == [code]


def test_all_problems_are_found() -> None:
    """A generator function may have other faults."""

    def function(*values: int) -> Iterator[int]:
        yield from values

    assert [problem.code for problem in step(function).interface().problems] == ["CG103", "CG503"]


def test_a_class_can_be_a_step() -> None:
    """Calling it makes what it hands over; a pydantic model checks what it takes."""
    interface = step(Person).interface()
    assert [(need.key, need.required) for need in interface.needs] == [("name", False), ("born", False)]


@pytest.mark.anyio
async def test_a_model_class_as_a_step_hands_over_its_fields() -> None:
    """It is made of the values of its names."""
    output = await step(Person).kickoff_async(inputs={"name": "Grace", "x": 1})
    assert output.to_dict() == {"name": "Grace", "born": date(2000, 1, 2)}


def test_an_annotation_that_is_awaitable_says_nothing() -> None:
    """A function that returns an awaitable is awaited, whatever it is annotated with."""

    def function() -> Awaitable[int]: ...

    assert step(function).interface().may_give is None


@pytest.mark.anyio
async def test_a_forgotten_await_is_made_up_for() -> None:
    """A step that hands back something to be awaited gives what comes of it."""

    async def later() -> int:
        return 1

    async def forgets() -> Any:
        return later()

    output = await Step(forgets).kickoff_async({})
    assert output.to_dict() == {"forgets": 1}


@pytest.mark.anyio
async def test_a_forgotten_await_of_an_inline_step_is_told() -> None:
    """One that runs in the event loop by its own wish is awaited once only."""

    async def later() -> int:
        return 1

    async def forgets() -> Any:
        pending = later()
        waiting.append(pending)
        return pending

    waiting: list[Any] = []
    with pytest.raises(TypeError, match="was not awaited; write return await"):
        await Step(forgets, inline=True).kickoff_async({})
    waiting[0].close()
