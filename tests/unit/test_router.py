"""Routers: what they accept, and which route they take."""

from __future__ import annotations

import inspect
from typing import Any
from unittest.mock import MagicMock

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crewgraph.errors import ConditionError
from crewgraph.outputs import CrewOutput
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline, Stage


class Crew(Stage):
    """A stand-in for a crew."""

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput()


crew = Crew()
one, two, rest = Pipeline([crew], name="one"), Pipeline([crew], name="two"), Pipeline([crew], name="rest")


async def taken(router: Router, values: dict[str, Any]) -> Any:
    verdict = router.route(values)
    return await verdict if inspect.isawaitable(verdict) else verdict


def later(decide: Any) -> Any:
    """The condition as an async one."""

    async def condition(values: dict[str, Any]) -> Any:
        await anyio.lowlevel.checkpoint()
        return decide(values)

    return condition


# ---- construction ----------------------------------------------------------------------------------------------


def test_a_route_by_position_and_by_keyword() -> None:
    """Both ways of writing it."""
    assert Route("n > 1", one).pipeline is one
    assert Route(condition="n > 1", pipeline=one).condition == "n > 1"


def test_a_router_by_position_and_by_keyword() -> None:
    """Both ways of writing it; routes keep their order."""
    routes = {"one": Route("n == 1", one), "two": Route("n == 2", two)}
    for router in (Router(routes, rest), Router(routes=routes, default=rest)):
        assert list(router.routes) == ["one", "two"]
        assert router.default is rest
    assert Router(default=rest).routes == {}


def test_the_dict_given_is_not_kept() -> None:
    """Adding to the router does not add to the caller's dict."""
    routes = {"one": Route("n == 1", one)}
    Router(routes, rest).add_route("two", "n == 2", two)
    assert list(routes) == ["one"]


def test_a_router_is_subscriptable() -> None:
    """The ancestor's was generic."""
    assert Router[dict, Pipeline] is Router
    assert isinstance(Router[dict[str, Any], Pipeline](routes={}, default=rest), Router)


def test_add_route_returns_the_router() -> None:
    """So that calls can be chained; a name that is there is replaced in its place."""
    router = Router({}, rest)
    assert router.add_route("one", "n == 1", one).add_route("two", lambda v: True, two) is router
    router.add_route("one", "n == 9", two)
    assert list(router.routes) == ["one", "two"]
    assert router.routes["one"].pipeline is two


@pytest.mark.parametrize(
    "name", ["high urgency", "1", "ü-ber", "a.b", "class", "λ", "*", "x" * 1000], ids=lambda name: name[:9]
)
def test_a_route_may_be_called_anything(name: str) -> None:
    """Names need not be identifiers."""
    assert Router({name: Route("n == 1", one)}, rest).route({"n": 1}) == (one, name)
    assert Router({}, rest).add_route(name, "n == 1", one).route({"n": 1}) == (one, name)


@pytest.mark.parametrize("name", ["default", "", "  ", 7, None], ids=repr)
def test_names_that_are_refused(name: Any) -> None:
    """The fallback's name is reserved, and a route needs one."""
    with pytest.raises(ValidationError):
        Router({name: Route("n == 1", one)}, rest)
    with pytest.raises(ValueError, match="name"):
        Router({}, rest).add_route(name, "n == 1", one)


def test_a_reserved_name_is_explained() -> None:
    """The message says what to do."""
    with pytest.raises(ValidationError, match="'default' is the name of the fallback; give the route another one"):
        Router({"default": Route("n == 1", one)}, rest)


@pytest.mark.parametrize(
    "routes", [7, "text", [("one", 1)], {"one": one}, {"one": ("n > 1", one)}, {"one": None}], ids=str
)
def test_routes_that_are_refused(routes: Any) -> None:
    """Routes are a dict of routes; anything else is a ValidationError."""
    with pytest.raises(ValidationError):
        Router(routes, rest)


@pytest.mark.parametrize("condition", [None, 7, True, [], {}], ids=str)
def test_conditions_that_are_refused(condition: Any) -> None:
    """Neither a callable nor an expression."""
    with pytest.raises(
        ValidationError, match="a condition is a callable or an expression such as 'score > 7', got <class"
    ):
        Route(condition, one)
    with pytest.raises(ValidationError):
        Router({}, rest).add_route("x", condition, one)


@pytest.mark.parametrize(
    "condition", ["", "n >", "n.__class__", "__import__('os')", "λ" * 9999], ids=lambda text: text[:9]
)
def test_expressions_are_checked_when_they_are_written(condition: str) -> None:
    """Not when the first e-mail comes in."""
    with pytest.raises(ValidationError, match="condition"):
        Route(condition, one)


def test_a_missing_default_is_explained() -> None:
    """There is no router without one."""
    with pytest.raises(ValidationError, match="a router needs a default: the pipeline for runs that no condition fits"):
        Router({"one": Route("n > 1", one)})


@pytest.mark.parametrize("target", ["text", None, 7, {}, Crew, object()], ids=lambda target: str(target)[:9])
def test_targets_that_are_refused(target: Any) -> None:
    """A route leads to a stage."""
    with pytest.raises(ValidationError):
        Route("n > 1", target)
    with pytest.raises(ValidationError):
        Router({}, target)


@pytest.mark.parametrize(
    "target",
    [one, crew, Router({}, rest), lambda x: x, MagicMock(spec=Crew), Pipeline(stages=[])],
    ids=["pipeline", "crew", "router", "function", "double", "empty pipeline"],
)
def test_a_route_may_lead_to_any_stage(target: Any) -> None:
    """The very object is kept."""
    assert Route("n > 1", target).pipeline is target
    assert Router({}, target).default is target


@pytest.mark.parametrize("target", [[crew, crew], (crew, crew)], ids=["list", "tuple"])
def test_a_route_may_lead_to_a_parallel_stage(target: Any) -> None:
    """Which becomes a pipeline."""
    for kept in (Route("n > 1", target).pipeline, Router({}, target).default):
        assert isinstance(kept, Pipeline)
        assert kept.stages == [[crew, crew]]


def test_an_unknown_option_is_refused() -> None:
    """A misspelt option does not pass silently."""
    with pytest.raises(ValidationError, match="defualt"):
        Router({}, rest, defualt=one)
    with pytest.raises(ValidationError, match="weight"):
        Route("n > 1", one, weight=3)


def test_a_router_is_short_in_a_repr() -> None:
    """The names of its routes."""
    router = Router({"one": Route("n > 1", one)}, rest)
    assert repr(router) == str(router) == "Router(one, default)"


def test_a_declared_condition_can_be_looked_into() -> None:
    """A callable cannot."""
    declared = Route("n > m.x", one).declared
    assert declared is not None
    assert declared.reads == ("n", "m")
    assert Route(lambda values: True, one).declared is None


# ---- deciding --------------------------------------------------------------------------------------------------

SYNC: dict[str, Any] = {"one": lambda v: v["n"] > 8, "two": "n > 4"}
ASYNC: dict[str, Any] = {"one": later(lambda v: v["n"] > 8), "two": later(lambda v: v["n"] > 4)}


@pytest.mark.anyio
@pytest.mark.parametrize("first", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("second", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("n", "expected"), [(9, (one, "one")), (5, (two, "two")), (0, (rest, "default"))], ids=["one", "two", "default"]
)
async def test_the_first_true_condition_wins(first: Any, second: Any, n: int, expected: Any) -> None:
    """Whether conditions are sync, async, expressions or mixed; where none is true, the default."""
    router = Router({"one": Route(first["one"], one), "two": Route(second["two"], two)}, rest)
    assert await taken(router, {"n": n}) == expected


def test_sync_conditions_need_no_loop() -> None:
    """The answer is there at once, as a pair that unpacks."""
    pipeline, name = Router({"one": Route("n > 1", one)}, rest).route({"n": 2})  # type: ignore[misc]
    assert (pipeline, name) == (one, "one")


@pytest.mark.anyio
async def test_conditions_after_the_first_true_one_are_not_asked() -> None:
    """They may be expensive."""
    asked = list[str]()

    def ask(name: str, verdict: bool, wrap: Any = lambda condition: condition) -> Route:
        return Route(wrap(lambda values: asked.append(name) or verdict), one)

    await taken(Router({"a": ask("a", False), "b": ask("b", True), "c": ask("c", True)}, rest), {})
    assert asked == ["a", "b"]
    asked.clear()
    await taken(Router({"a": ask("a", False, later), "b": ask("b", True, later), "c": ask("c", True)}, rest), {})
    assert asked == ["a", "b"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("verdict", "name"),
    [(1, "one"), ("no", "one"), ([0], "one"), (0, "default"), ("", "default"), (None, "default")],
    ids=repr,
)
@pytest.mark.parametrize("wrap", [lambda condition: condition, later], ids=["sync", "async"])
async def test_a_verdict_is_read_as_true_or_false(verdict: Any, name: str, wrap: Any) -> None:
    """As by `if`."""
    router = Router({"one": Route(wrap(lambda values: verdict), one)}, rest)
    assert (await taken(router, {}))[1] == name


def raising(values: dict[str, Any]) -> bool:
    raise LookupError("no score")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("conditions", "error"),
    [
        ([raising], LookupError),
        ([later(raising)], LookupError),
        ([lambda v: False, raising], LookupError),
        ([later(lambda v: False), raising], LookupError),
        (["missing > 1"], ConditionError),
        ([later(lambda v: False), "missing > 1"], ConditionError),
    ],
    ids=["sync", "async", "second", "after an async one", "expression", "expression after an async one"],
)
async def test_a_condition_that_raises_never_means_the_default(conditions: list[Any], error: type[Exception]) -> None:
    """It fails closed."""
    router = Router({f"r{n}": Route(condition, one) for n, condition in enumerate(conditions)}, rest)
    with pytest.raises(error):
        await taken(router, {})


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=8))
def test_whatever_the_order_of_sync_and_async(conditions: list[tuple[bool, bool]]) -> None:
    """The route taken is the first true one."""
    routes = {
        f"r{n}": Route(
            later(lambda v, verdict=verdict: verdict) if is_async else (lambda v, verdict=verdict: verdict), one
        )
        for n, (verdict, is_async) in enumerate(conditions)
    }
    expected = next((f"r{n}" for n, (verdict, _) in enumerate(conditions) if verdict), "default")
    assert anyio.run(taken, Router(routes, rest), {})[1] == expected


def test_a_condition_cannot_change_what_later_ones_see() -> None:
    """Each callable gets values of its own."""

    def changes(values: dict[str, Any]) -> bool:
        values["n"] = 100
        return False

    values = {"n": 1}
    router = Router({"one": Route(changes, one), "two": Route("n > 50", one)}, rest)
    assert router.route(values) == (rest, "default")
    assert values == {"n": 1}


@pytest.mark.anyio
async def test_a_double_that_decides() -> None:
    """A class that inherits from a mock and a router is asked through `route(values)`."""
    double = type("Double", (MagicMock, Router), {})()
    double.route = MagicMock(return_value=(one, "anything"))
    assert isinstance(double, Router)
    assert await taken(double, {"n": 1}) == (one, "anything")
    double.route.assert_called_once_with({"n": 1})
