"""Events, spans and journeys: a journey is folded from a shape and the routes taken."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import MISSING, Field, FrozenInstanceError, fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crewgraph import trace
from crewgraph.trace import (
    Choice,
    Event,
    Journey,
    Leaf,
    NodeFinished,
    Parallel,
    Series,
    Shape,
    Span,
    Wired,
    journey,
    journeys,
    moment,
)

A, B, C, D = map(Leaf, "abcd")
SPLIT = Choice("r", {"high": Series((C, D)), "default": Series((D,))})
WIRED_ONE = Wired((A,), ((),), {}, (0,))
BRIDGE = Wired((A, B, C, D), ((), (), ((0, None), (1, None)), ((1, None),)), {}, (2, 3))
FORKED = Wired(
    (Leaf("s"), A, Choice("f", {}), B, D),
    ((), (), ((1, None),), ((2, "b"),), ((0, None), (3, None))),
    {2: 1},
    (2, 4),
)


def did(ran: str, *, found: dict[str, Shape] | None = None, **taken: str) -> Journey:
    return Journey(set(ran), taken, found or {})


EVENTS = [kind for kind in vars(trace).values() if inspect.isclass(kind) and issubclass(kind, Event)]


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_is_public_frozen_and_says_what_happened(kind: type[Event]) -> None:
    """Events are data: they are made by keyword, with a run, a node and a time, and never change."""
    event = kind(run=3, node="a", at=1.5)
    assert (event.run, event.node, event.at) == (3, "a", 1.5)
    assert kind.__name__ in [*trace.__all__]
    assert kind.__doc__
    with pytest.raises(FrozenInstanceError):
        event.run = 4  # type: ignore[misc]
    with pytest.raises(TypeError, match=rf"{kind.__name__}.__init__\(\) got an unexpected keyword argument 'runs'"):
        kind(runs=3)  # type: ignore[call-arg]
    assert replace(event, run=5).run == 5
    assert pickle.loads(pickle.dumps(event)) == event
    assert all(getattr(kind(), each.name) == default_of(each) for each in fields(kind))


def default_of(each: Field[Any]) -> object:
    """What a field holds that nobody gives."""
    return each.default if each.default_factory is MISSING else each.default_factory()


def test_an_event_is_equal_to_one_that_says_the_same() -> None:
    """Events are values."""
    assert NodeFinished(run=1, node="a", output=7) == NodeFinished(run=1, node="a", output=7)
    assert NodeFinished(run=1, node="a") != NodeFinished(run=2, node="a")


# ---- spans -----------------------------------------------------------------------------------------------------


def test_a_span_knows_how_long_it_took() -> None:
    """In seconds; nothing where the node did not start or end."""
    span = Span(node="a", kind="crew", status="ok", started=moment(1.0), ended=moment(3.5))
    assert span.seconds == 2.5
    assert Span(node="a", kind="crew", status="cancelled", started=moment(1.0)).seconds == 0.0
    assert Span(node="a", kind="crew", status="skipped").seconds == 0.0


def test_a_moment_is_in_utc() -> None:
    """Seconds since the epoch become an aware datetime; nothing stays nothing."""
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment(None) is None


# ---- journeys --------------------------------------------------------------------------------------------------

CASES: list[Any] = [
    ("one", A, did("a"), ["a"], [(["a"], "a")]),
    ("nothing ran", A, did(""), [], []),
    ("nothing at all", Series(()), did(""), [], []),
    ("a series", Series((A, B)), did("ab"), ["a", "b"], [(["a", "b"], "b")]),
    ("a series that stopped", Series((A, B, C)), did("a"), ["a"], []),
    ("branches", Parallel((A, B)), did("ab"), [["a", "b"]], [(["a"], "a"), (["b"], "b")]),
    ("branches of which one ran", Parallel((A, B)), did("b"), ["b"], [(["b"], "b")]),
    ("branches of which none ran", Series((A, Parallel((B, C)))), did("a"), ["a"], []),
    ("a list of one", Series((Parallel((A,)), B)), did("ab"), ["a", "b"], [(["a", "b"], "b")]),
    (
        "branches and a join",
        Series((A, Parallel((B, C)), D)),
        did("abcd"),
        ["a", ["b", "c"], "d"],
        [(["a", ["b", "c"], "d"], "d")],
    ),
    (
        "a branch of several",
        Parallel((Series((A, B)), C)),
        did("abc"),
        [[["a", "b"], "c"]],
        [(["a", "b"], "b"), (["c"], "c")],
    ),
    (
        "branches in a branch",
        Series((Parallel((Series((A, Parallel((B, C)))), D)),)),
        did("abcd"),
        [[["a", ["b", "c"]], "d"]],
        [(["a", "b"], "b"), (["a", "c"], "c"), (["d"], "d")],
    ),
    (
        "a route",
        Series((A, SPLIT)),
        did("arcd", r="high"),
        ["a", {"route_taken": "high"}, "c", "d"],
        [(["a", {"route_taken": "high"}, "c", "d"], "d")],
    ),
    (
        "the default",
        Series((SPLIT, A)),
        did("rda", r="default"),
        [{"route_taken": "default"}, "d", "a"],
        [([{"route_taken": "default"}, "d", "a"], "a")],
    ),
    ("a router that did not decide", Series((A, SPLIT)), did("ar"), ["a"], []),
    (
        "a route that nobody declared, with what lay behind it",
        Series((SPLIT, A)),
        did("rba", found={"r": Series((B,))}, r="new"),
        [{"route_taken": "new"}, "b", "a"],
        [([{"route_taken": "new"}, "b", "a"], "a")],
    ),
    ("a route of which nothing is known", SPLIT, did("r", r="new"), [{"route_taken": "new"}], []),
    (
        "a route that ends in branches",
        Series((A, Choice("r", {"x": Series((B, Parallel((C, D))))}))),
        did("arbcd", r="x"),
        ["a", {"route_taken": "x"}, "b", ["c", "d"]],
        [(["a", {"route_taken": "x"}, "b", "c"], "c"), (["a", {"route_taken": "x"}, "b", "d"], "d")],
    ),
    (
        "a router as a branch",
        Series((Parallel((A, SPLIT)), B)),
        did("ardb", r="default"),
        [["a", [{"route_taken": "default"}, "d"]], "b"],
        [([["a", [{"route_taken": "default"}, "d"]], "b"], "b")],
    ),
    ("a graph of one", WIRED_ONE, did("a"), ["a"], [(["a"], "a")]),
    ("a graph in which nothing ran", WIRED_ONE, did(""), [], []),
    (
        "a graph that >> cannot say",
        BRIDGE,
        did("abcd"),
        ["a", "b", "c", "d"],
        [(["a", "b", "c"], "c"), (["b", "d"], "d")],
    ),
    ("a graph that stopped", BRIDGE, did("ab"), ["a", "b"], []),
    (
        "a graph between stages",
        Series((Leaf("x"), BRIDGE, Leaf("y"))),
        did("xabcdy"),
        ["x", "a", "b", "c", "d", "y"],
        [(["x", "a", "b", "c", "d", "y"], "y")],
    ),
    (
        "conditional edges",
        FORKED,
        did("afbds", f="b"),
        ["s", "a", {"route_taken": "b"}, "b", "d"],
        [(["s", "a", {"route_taken": "b"}, "b", "d"], "d")],
    ),
    (
        "a node that was not led to by what ran before it",
        FORKED,
        did("afds", f="default"),
        ["s", "a", {"route_taken": "default"}, "d"],
        [(["a", {"route_taken": "default"}], "a"), (["s", "d"], "d")],
    ),
    ("conditional edges that were not decided", FORKED, did("afs"), ["s", "a"], []),
    (
        "branches as a part, and the end of a run",
        Wired((A, Parallel((B, C)), Choice("f", {}), D), ((), ((0, None),), ((1, None),), ((2, "d"),)), {2: 1}, (2, 3)),
        did("abcf", f="default"),
        ["a", ["b", "c"], {"route_taken": "default"}],
        [(["a", "b", {"route_taken": "default"}], "b"), (["a", "c", {"route_taken": "default"}], "c")],
    ),
]


cases = pytest.mark.parametrize(
    ("shape", "what", "way", "ends"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)


@cases
def test_a_journey_is_the_way_through_a_shape(shape: Shape, what: Journey, way: Any, ends: Any) -> None:
    """As far as the run came: names, lists for branches, and the routes taken."""
    assert journey(shape, what) == way


@cases
def test_every_end_has_a_journey_of_its_own(shape: Shape, what: Journey, way: Any, ends: Any) -> None:
    """One for each branch of the final stage, with the node at its end."""
    assert list(journeys(shape, what)) == ends


def test_a_final_router_that_did_not_decide_has_no_end() -> None:
    """Nothing was reached behind it."""
    assert list(journeys(SPLIT, did("r"))) == []


def test_the_arm_of_a_choice() -> None:
    """The declared arm before what was found; nothing where no route was taken."""
    assert did("r", r="high", found={"r": A}).arm(SPLIT) == Series((C, D))
    assert did("r", r="new", found={"r": A}).arm(SPLIT) == A
    assert did("r").arm(SPLIT) == Series(())
