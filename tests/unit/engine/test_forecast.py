"""Plans of graphs: outlooks of nodes, added up over routes and inputs. The nodes are doubles that foresee."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.errors import InputTypeError, PipelineInvalid
from crewgraph.forecast import Forecast
from crewgraph.node import Interface, Need
from crewgraph.outlook import Ask, Load, Outlook, Range, Sight
from crewgraph.outputs import CrewOutput
from crewgraph.policy import Limit, Policy
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline, Procedure, Stage

ONCE = Range.exactly(1)


class Node(Stage):
    """A node that says what it will take, and keeps what it was shown."""

    def __init__(  # noqa: PLR0913 - one for each thing that a plan looks at
        self,
        name: str,
        *,
        calls: Range = ONCE,
        seconds: float = 1.0,
        usd: float | None = 1.0,
        reads: str = "",
        gives: str = "",
        may_give: frozenset[str] | None = frozenset(),
        text: float = 100.0,
        model: str = "m",
        limit: Limit | None = None,
    ) -> None:
        self.name = name
        self.sights = list[Sight]()
        self.face = Interface(
            needs=tuple(Need(key, "a task") for key in reads.split()),
            gives=dict.fromkeys(gives.split(), int),
            may_give=may_give,
        )
        load = Load(
            calls=calls, prompt=calls * 10, answer=calls * 5, usd=calls * (usd or 0),
            unpriced=calls * (usd is None), busy=Range.exactly(seconds),
        )  # fmt: skip
        self.outlook = Outlook(
            asks=(Ask(model=model, load=load, place=model, limit=limit),),
            seconds=Range.exactly(seconds),
            text=Range.exactly(text),
            assumptions=("it goes as it should",),
        )

    def interface(self) -> Interface:
        return self.face

    def forecast(self, sight: Sight) -> Outlook:
        self.sights.append(sight)
        return self.outlook

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        raise AssertionError("a plan calls nothing")


def rows_of(forecast: Forecast) -> dict[str, Range]:
    return {row.name: row.calls for row in forecast.rows}


# ---- adding up -------------------------------------------------------------------------------------------------------


def test_one_after_the_other_and_side_by_side() -> None:
    """Calls, tokens and money add up; the time is that of the longest way."""
    forecast = (Node("a") >> [Node("b", seconds=5), Node("c", seconds=2)] >> Node("d")).plan({"x": 1})
    assert forecast.calls == Range.exactly(4)
    assert forecast.tokens == Range.exactly(60)
    assert forecast.usd == Range.exactly(4)
    assert forecast.seconds == Range.exactly(7)
    assert [row.name for row in forecast.rows] == ["a", "b", "c", "d"]
    assert [row.models for row in (forecast.rows[0], forecast.total)] == [("m",), ("m",)]


def test_inputs_are_added_up() -> None:
    """Three inputs take three times as much, and with room for all no more time; a row tells the time of one run."""
    forecast = Pipeline([Node("a")]).plan([{"x": 1}] * 3)
    assert (forecast.inputs, forecast.calls, forecast.seconds) == (3, Range.exactly(3), ONCE)
    assert (forecast.rows[0].runs, forecast.rows[0].seconds) == (Range.exactly(3), ONCE)


def test_no_inputs() -> None:
    """Nothing is nothing, and no error."""
    forecast = Pipeline([Node("a")]).plan([])
    assert (forecast.inputs, forecast.calls, forecast.seconds) == (0, Range.exactly(0), Range.exactly(0))


def test_without_inputs_one_is_planned() -> None:
    """``plan()`` tells of one input of which nothing is known."""
    node = Node("a", reads="x")
    assert Pipeline([node]).plan().calls == ONCE
    assert node.sights[0].values == {}


def test_many_inputs_are_looked_at_in_part() -> None:
    """Of 1,000 inputs 400 are looked at, evenly spread, and stand for the others; the plan says so."""
    node = Node("a")
    forecast = Pipeline([node]).plan({"x": number} for number in range(1_000))
    seen = [sight.values["x"] for sight in node.sights]
    assert len(seen) == 400
    assert (seen[0], seen[-1]) == (0, 997)
    assert forecast.calls.expected == pytest.approx(1_000)
    assert "400 of the inputs, evenly spread, stand for all 1,000" in forecast.assumptions


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "seconds"), [(100, 2), (4, 10), (1, 40)])
def test_max_concurrency(most: int, seconds: float) -> None:
    """20 inputs of two seconds on so many hands."""
    forecast = Pipeline([Node("a", seconds=2)]).plan([{}] * 20, max_concurrency=most)
    assert forecast.seconds == Range.exactly(seconds)


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        (Limit(requests_per_minute=10), 60),
        (Limit(requests_per_minute=20), 2),
        (Limit(tokens_per_minute=100), 120),
        (Limit(concurrency=2), 20),
        (None, 2),
    ],
    ids=["requests", "just enough", "tokens", "concurrency", "none"],
)
def test_limits_take_time(limit: Limit | None, seconds: float) -> None:
    """20 calls of two seconds with 15 tokens each: what the limit lets through in the first minute does not wait."""
    forecast = Pipeline([Node("a", seconds=2, limit=limit)]).plan([{}] * 20)
    assert forecast.seconds == Range.exactly(seconds)


def test_one_limit_for_all_nodes() -> None:
    """The calls of one model count together, wherever they are made."""
    limit = Limit(requests_per_minute=10)
    assert (Node("a", limit=limit) >> Node("b", limit=limit)).plan([{}] * 10).seconds == Range.exactly(60)
    assert (Node("a", limit=limit) >> Node("b", limit=limit, model="n")).plan([{}] * 10).seconds == Range.exactly(2)


# ---- routes ----------------------------------------------------------------------------------------------------------


def routed(condition: Any, *, before: Node | None = None, name: str = "router") -> Pipeline:
    cheap, dear = Node("cheap", calls=Range.exactly(2)), Node("dear", calls=Range.exactly(10))
    router = Router({"big": Route(condition, dear)}, default=cheap, name=name)
    return (before >> router if before else Pipeline([router])) >> Node("end")


def test_nobody_knows_the_route() -> None:
    """The cheapest, the mean, the dearest; each node is counted as often as it is to be expected."""
    forecast = routed(lambda values: True).plan({"size": 9})
    assert forecast.calls == Range(3, 7, 11)
    assert rows_of(forecast) == {
        "router": Range.exactly(0),
        "route 'big'": Range(0, 5, 10),
        "dear": Range(0, 5, 10),
        "route 'default'": Range(0, 1, 2),
        "cheap": Range(0, 1, 2),
        "end": ONCE,
    }
    assert [row.depth for row in forecast.rows] == [0, 1, 2, 1, 2, 0]
    assert any("each route of a router is as likely" in each for each in forecast.assumptions)


def test_the_inputs_decide_the_route() -> None:
    """A condition over inputs that nobody writes over is decided for each input."""
    forecast = routed("size > 5").plan([{"size": 9}, {"size": 1}, {"size": 7}])
    assert forecast.calls == Range.exactly(2 * 11 + 3)
    assert rows_of(forecast)["dear"] == Range.exactly(20)
    assert forecast.rows[1].runs == Range.exactly(2)
    assert not any("as likely" in each for each in forecast.assumptions)


def test_a_route_not_taken_takes_nothing() -> None:
    """It is in the table, with nothing; what is foreign on it makes nothing unknown."""
    foreign = SimpleNamespace(name="foreign", kickoff_async=lambda inputs: None)
    router = Router({"big": Route("size > 5", Pipeline([foreign]))}, default=Node("a"))
    forecast = Pipeline([router]).plan({"size": 1})
    assert forecast.usd == ONCE
    assert rows_of(forecast)["foreign"] == Range.exactly(0)
    assert not any("nothing is known" in each for each in forecast.assumptions)


@pytest.mark.parametrize(
    "before",
    [Node("a", gives="size"), Node("a", may_give=frozenset({"size"})), Node("a", may_give=None), Node("size")],
    ids=["given", "perhaps given", "anything given", "its own name"],
)
def test_undecided_where_a_node_might_write_the_key(before: Node) -> None:
    """What a node before the router might write is not known, even if the input holds it."""
    assert routed("size > 5", before=before).plan({"size": 9}).calls == Range(4, 8, 12)


@pytest.mark.parametrize("condition", ["size > 5", "size.width > 5", "has(size) and size > 5"])
def test_decided_behind_a_node_that_writes_something_else(condition: str) -> None:
    """Other keys that are written do no harm."""
    size: Any = {"width": 9} if "width" in condition else 9
    assert routed(condition, before=Node("a", gives="colour")).plan({"size": size}).calls == Range.exactly(12)


@pytest.mark.parametrize(
    ("condition", "inputs"), [("size > 5", {}), ("size > 5", {"size": "large"})], ids=["missing", "no number"]
)
def test_undecided_where_the_condition_fails(condition: str, inputs: dict[str, Any]) -> None:
    """The run would fail; until then nobody knows."""
    assert routed(condition).plan(inputs).calls == Range(3, 7, 11)


def test_has_asks_for_what_might_come() -> None:
    """``has`` is not decided where a node might write the key, and is where nobody does."""
    assert routed("has(size)", before=Node("a", may_give=frozenset({"size"}))).plan({}).calls == Range(4, 8, 12)
    assert routed("has(size)", before=Node("a")).plan({}).calls == Range.exactly(4)


def test_a_route_behind_an_open_question() -> None:
    """Routes that are surely not taken are left out, and those behind one that surely is."""
    arms = {name: Node(name, calls=Range.exactly(calls)) for name, calls in (("a", 1), ("b", 10), ("c", 100))}
    router = Router(
        {
            "never": Route("size > 5", arms["c"]),
            "perhaps": Route(lambda values: True, arms["a"]),
            "surely": Route("size < 5", arms["b"]),
        },
        default=Node("d", calls=Range.exactly(1_000)),
    )
    assert Pipeline([router]).plan({"size": 1}).calls == Range(1, 5.5, 10)


class Open(Router):
    """A router that may come up with anything."""

    def route(self, values: dict[str, Any]) -> Any:
        raise AssertionError("a plan asks nobody")


def test_a_router_that_may_come_up_with_anything() -> None:
    """Beside its own routes there is one of which nothing is known, and behind it nothing is decided."""
    router = Open({"big": Route("size > 5", Node("a"))}, default=Node("b"))
    later = Router({"big": Route("size > 5", Node("c", calls=Range.exactly(5)))}, default=Node("d"))
    forecast = (Pipeline([router]) >> later).plan({"size": 9})
    assert forecast.usd is None
    assert forecast.calls == Range(1, pytest.approx(2 / 3 + 3), 6)
    assert [row.name for row in forecast.rows if not row.is_known] == ["any other route"]
    assert "nothing is known of other pipelines that 'router' may come up with" in forecast.assumptions


# ---- what is not known -----------------------------------------------------------------------------------------------


def test_foreign_crews() -> None:
    """Nothing is known of them, so the total is a lower bound."""
    foreign = SimpleNamespace(name="foreign", kickoff_async=lambda inputs: None)
    forecast = (Node("a") >> foreign).plan({})
    assert (forecast.usd, forecast.known_usd, forecast.total.dollars()) == (None, ONCE, "at least $1.00")
    assert [row.is_known for row in forecast.rows] == [True, False]
    assert "nothing is known of 'foreign', which is not counted" in forecast.assumptions


def test_a_double_that_answers_everything_says_nothing() -> None:
    """What a mock says of itself is not taken for an outlook."""
    double = SimpleNamespace(name="mock", kickoff_async=lambda inputs: None, forecast=lambda sight: "anything")
    assert not Pipeline([double]).plan({}).total.is_known


def test_unknown_prices() -> None:
    """A node without a price makes the cost unknown, of itself and of the total."""
    forecast = (Node("a") >> Node("b", usd=None)).plan({})
    assert [row.dollars() for row in forecast.rows] == ["$1.00", "unknown"]
    assert (forecast.usd, forecast.total.dollars()) == (None, "at least $1.00")


def test_steps_call_nothing() -> None:
    """A step takes nothing, and the plan says that this is assumed."""
    forecast = (step(name="s")(lambda x: 1) >> Node("a")).plan({"x": 1})
    assert [row.kind for row in forecast.rows] == ["step", "crew"]
    assert forecast.calls == ONCE
    assert "steps call no models" in forecast.assumptions


# ---- what a node sees ------------------------------------------------------------------------------------------------


def test_values_of_the_input_are_seen() -> None:
    """Those that nobody before the node writes over; of the others the size is assumed."""
    node = Node("b", reads="x y")
    (Node("a", gives="y z", text=100) >> Pipeline([node])).plan({"x": 1, "y": 2})
    (sight,) = node.sights
    assert (sight.values, sight.sizes) == ({"x": 1}, {"y": Range.exactly(50)})


def test_the_last_writer_counts() -> None:
    """Of two nodes that write a key the later one in the text."""
    node = Node("c", reads="y")
    Pipeline([Node("a", gives="y", text=100), Node("b", gives="y", text=7), node]).plan({})
    assert node.sights[0].sizes == {"y": Range.exactly(7)}


def test_writers_side_by_side() -> None:
    """Behind a join what any branch writes is written."""
    node = Node("d", reads="y z")
    Pipeline([[Node("a", gives="y", text=1), Node("b", gives="y z", text=4)], node]).plan({"y": 0})
    assert node.sights[0].sizes == {"y": Range.exactly(2), "z": Range.exactly(2)}


def test_a_writer_on_a_route_not_taken() -> None:
    """What is written on a route that is not taken leaves the input as it is."""
    node = Node("c", reads="y")
    router = Router({"big": Route("size > 5", Node("a", gives="y"))}, default=Node("b"))
    (router >> Pipeline([node])).plan({"size": 1, "y": 5})
    assert node.sights[0].values == {"size": 1, "y": 5}


def test_in_a_procedure_only_the_last_node_writes() -> None:
    """Each crew is handed what the one before it gave, and can reach the inputs."""
    node = Node("c", reads="x y")
    Procedure([Node("a", gives="y"), Node("b", gives="x", text=3), node]).plan({"x": 1, "y": 2})
    assert (node.sights[0].values, node.sights[0].sizes) == ({"y": 2}, {"x": Range.exactly(3)})


def test_texts_of_crews() -> None:
    """The nodes right before it are its material, and an earlier crew's name is a placeholder for its text."""
    node = Node("c", reads="a b")
    Pipeline([Node("a", text=5), Node("b", text=7), node]).plan({})
    assert node.sights[0].texts == (("b", Range.exactly(7)),)
    assert node.sights[0].sizes == {"a": Range.exactly(5), "b": Range.exactly(7)}


def test_texts_of_routes() -> None:
    """Of two crews of which one runs, each is expected half of the time."""
    node = Node("c", reads="a")
    router = Router({"one": Route(lambda values: True, Node("a", text=10))}, default=Node("b", text=20))
    (router >> Pipeline([node])).plan({})
    assert node.sights[0].texts == (("a", Range(0, 5, 10)), ("b", Range(0, 10, 20)))


def test_within_its_route_a_text_is_sure() -> None:
    """A node on a route follows one that has run if it does itself."""
    node = Node("b")
    router = Router({"one": Route(lambda values: True, Node("a", text=10) >> Pipeline([node]))}, default=Node("c"))
    Pipeline([router]).plan({})
    assert node.sights[0].texts == (("a", Range.exactly(10)),)


def test_a_text_behind_an_open_router() -> None:
    """What another pipeline hands over is not known, and not counted."""
    node = Node("c", reads="a")
    (Pipeline([Open({"x": Route("size > 5", Node("a"))}, default=Node("b"))]) >> Pipeline([node])).plan({})
    assert [name for name, _ in node.sights[0].texts] == ["a", "b"]


@pytest.mark.parametrize("near", [True, False])
def test_policies(near: bool) -> None:
    """The kickoff's policy before the pipeline's, as in a kickoff."""
    node = Node("a")
    pipeline = Pipeline([node], policy=Policy(retries=1, run_timeout=5))
    pipeline.plan({}, policy=Policy(retries=2) if near else None)
    policy = node.sights[0].policy
    assert (policy.retries, policy.run_timeout) == (2 if near else 1, 5)


# ---- mistakes --------------------------------------------------------------------------------------------------------


def test_inputs_that_lack_keys() -> None:
    """They are planned all the same, and the plan names the keys."""
    forecast = Pipeline([Node("a", reads="x y z")]).plan([{"x": 1}, {"x": 1, "y": 2}])
    assert forecast.calls == Range.exactly(2)
    assert any("some inputs lack y, z" in each for each in forecast.assumptions)


async def _stream() -> Any:
    yield {}


@pytest.mark.parametrize("inputs", [["text"], "text", 3, [{1: 2}]], ids=repr)
def test_inputs_that_are_none(inputs: Any) -> None:
    """As a kickoff would say."""
    with pytest.raises(InputTypeError, match="input"):
        Pipeline([Node("a")]).plan(inputs)


def test_inputs_that_come_one_by_one() -> None:
    """A plan does not wait for its inputs."""
    with pytest.raises(InputTypeError, match=r"a plan reads its inputs at once.*hint: give it a list"):
        Pipeline([Node("a")]).plan(_stream())


def test_an_invalid_pipeline() -> None:
    """It is refused as a kickoff would."""
    with pytest.raises(PipelineInvalid):
        Pipeline([]).plan({})


def test_unknown_options() -> None:
    """The options are those of a kickoff."""
    wrong: Any = {"concurrency": 3}
    with pytest.raises(TypeError, match="a kickoff has no option concurrency"):
        Pipeline([Node("a")]).plan({}, **wrong)


# ---- properties ------------------------------------------------------------------------------------------------------

calls = st.lists(st.integers(0, 9), min_size=3, max_size=3).map(sorted).map(lambda three: Range(*three))
leaves = calls.map(lambda figure: ("leaf", figure))


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(inner, min_size=1, max_size=3)
    return parts.map(lambda some: ("series", some)) | parts.map(lambda some: ("parallel", some)) | st.tuples(
        st.sampled_from(["callable", "yes", "no"]), inner, inner
    ).map(lambda three: ("choice", *three))  # fmt: skip


def built(tree: Any, count: list[int]) -> Any:
    match tree:
        case ("leaf", figure):
            count[0] += 1
            return Node(f"n{count[0]}", calls=figure, seconds=float(figure.high))
        case ("series", parts):
            return Pipeline([built(part, count) for part in parts])
        case ("parallel", parts):
            return Pipeline([[Pipeline([built(part, count)]) for part in parts]])
        case (_, kind, one, other):
            condition: Any = {"callable": lambda values: True, "yes": "x > 0", "no": "x < 0"}[kind]
            return Router({"one": Route(condition, built(one, count))}, default=built(other, count))


def expected(tree: Any) -> Range:
    match tree:
        case ("leaf", figure):
            return figure
        case ("series" | "parallel", parts):
            return Range.sum(map(expected, parts))
        case (_, kind, one, other):
            one, other = expected(one), expected(other)
            if kind != "callable":
                return one if kind == "yes" else other
            mean = (one.expected + other.expected) / 2
            return Range(min(one.low, other.low), mean, max(one.high, other.high))
    raise AssertionError(tree)


@settings(max_examples=150)
@given(tree=st.recursive(leaves, trees, max_leaves=12), inputs=st.integers(1, 3))
def test_totals_and_rows_agree(tree: Any, inputs: int) -> None:
    """The total is what the tree says; the expected calls of all nodes add up to it, and the bounds hold it."""
    forecast = Pipeline([built(tree, [0])]).plan([{"x": 1}] * inputs)
    wanted = expected(tree) * inputs
    assert forecast.calls == Range(wanted.low, pytest.approx(wanted.expected), wanted.high)
    nodes = [row.calls for row in forecast.rows if row.kind == "crew"]
    assert sum(each.expected for each in nodes) == pytest.approx(forecast.calls.expected)
    assert sum(each.low for each in nodes) <= forecast.calls.low
    assert sum(each.high for each in nodes) >= forecast.calls.high
    assert forecast.seconds.low <= forecast.seconds.expected <= forecast.seconds.high
