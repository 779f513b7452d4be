"""The checker is sound and does not cry wolf: what it accepts never lacks a key, what it refuses has a run that fails.

Random pipelines of nodes that say what they read and give, with types, over declared inputs. A node fails like a step
does: where a key is missing, or its value does not have the type. A run is steered by the values that nodes give.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import anyio
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from crewgraph.approval import Approval
from crewgraph.compiler.analysis import analysis_of
from crewgraph.compiler.lower import lower
from crewgraph.compiler.plan import Plan, plan_of
from crewgraph.diagnostics import Diagnostic, Witness
from crewgraph.engine.inputs import rows
from crewgraph.engine.local import LocalEngine
from crewgraph.engine.port import Job
from crewgraph.engine.run import Run
from crewgraph.errors import ConditionError, InputError, NodeError, TemplateError, ValueMisfit
from crewgraph.handoff import Handoff
from crewgraph.inputs import declared
from crewgraph.node import Interface, Need
from crewgraph.outputs import CrewOutput
from crewgraph.policy import UNDECLARED
from crewgraph.router import Route, Router
from crewgraph.scope import Scope
from crewgraph.shapes import coercer
from crewgraph.syntax import Pipeline, Procedure, Stage

TYPES: dict[Any, list[Any]] = {
    int: [0, 1, 4, 9],
    str: ["a", "b", "z", "7", ""],
    bool: [True, False],
    int | None: [None, 3, 8],
    Literal["a", "b"]: ["a", "b"],
    Literal["a", "b", "c"]: ["a", "b", "c"],
    float: [0.5, 4.0],
    list[int]: [[], [1], [1, 2]],
}
USUAL = {"p": int, "q": str, "r": Literal["a", "b"], "s": bool, "t": int | None}
"""What a key mostly is; else too few pipelines would be right."""
CONDITIONS = {
    "p": ["p > 3", "p > 8", "p <= 3", "p == 1", "has(p)", "has(p) and p > 3", "p > 3 or p < 1"],
    "q": ["q == 'a'", "q in ['a', 'b']", "q != 'b'", "not q", "has(q) and q == 'a'", "len(q) > 0"],
    "r": ["r == 'a'", "r == 'b'", "r == 'c'", "r in ['a', 'b']", "has(r)", "r == 'a' or q == 'a'"],
    "s": ["s", "not s", "s and p > 3", "has(s) and s", "s or has(p)", "s == True"],
    "t": ["t is None", "t is not None and t > 3", "has(t) and t is None", "t", "t == 3"],
}


REFUSED = {"CG301", "CG302", "CG303", "CG401", "CG406"}


class Missing(Exception):
    """A node lacks a key."""


class Misfit(Exception):
    """A node is handed a value of another type."""


class Node(Stage):
    """Reads and gives what it says; ``values`` decides what it gives."""

    joins_procedure = False

    def __init__(self, name: str, reads: dict[str, Any], gives: dict[str, Any], sometimes: dict[str, Any]) -> None:
        self.name = name
        self.reads, self.gives, self.sometimes = reads, gives, sometimes
        self.values = dict[str, Any]()

    def interface(self) -> Interface:
        return Interface(
            "step",
            tuple(Need(key, f"step '{self.name}'", required=True, type=kind) for key, kind in self.reads.items()),
            self.gives,
            frozenset(self.sometimes),
            sometimes=self.sometimes,
        )

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        given = Handoff.of(inputs)
        for key, kind in self.reads.items():
            if not given.reaches(key):
                raise Missing(key)
            check = coercer(kind)
            try:
                if check is not None:
                    check(given.reach(key))
            except ValueError as error:
                raise Misfit(key) from error
        return CrewOutput(json_dict=dict(self.values))


def kind_of(key: str) -> st.SearchStrategy[Any]:
    """Mostly the usual type of a key."""
    return st.sampled_from([*([USUAL[key]] * 12), *TYPES])


def records(most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Some keys with their types."""
    keys = st.lists(st.sampled_from(list(USUAL)), max_size=most, unique=True)
    return keys.flatmap(lambda some: st.fixed_dictionaries({key: kind_of(key) for key in some}))


conditions = st.sampled_from([text for texts in CONDITIONS.values() for text in texts])
leaves = st.tuples(st.just("leaf"), records(1), records(2), records(1))


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.tuples(st.just("series"), st.lists(inner, min_size=2, max_size=4)),
        st.tuples(st.just("parallel"), st.lists(inner, min_size=2, max_size=3)),
        st.tuples(st.just("choice"), st.lists(st.tuples(conditions, inner), min_size=1, max_size=2), inner),
    )


tree = st.recursive(leaves, trees, max_leaves=8)
chain = st.tuples(
    st.just("procedure"), st.lists(st.one_of(leaves, st.tuples(st.just("asks"), records(1))), min_size=2, max_size=5)
)


class Built:
    """A tree as a pipeline whose inputs are declared."""

    def __init__(self, root: Any, inputs: dict[str, Any]) -> None:
        self.nodes = list[Node]()
        self.inputs = inputs
        model: Any = TypedDict("In", dict(inputs))  # type: ignore[operator]
        if root[0] == "procedure":
            self.pipeline: Pipeline = Procedure([self.stage(part) for part in root[1]], inputs=model)
        else:
            self.pipeline = Pipeline([self.stage(root)], inputs=model)

    def stage(self, tree: Any) -> Any:
        match tree:
            case ("leaf", reads, gives, sometimes):
                sometimes = {key: kind for key, kind in sometimes.items() if key not in gives}
                node = Node(f"n{len(self.nodes)}", reads, gives, sometimes)
                self.nodes.append(node)
                return node
            case ("asks", edits):
                return Approval("ok", edits=edits, decide=lambda _: True)
            case ("series", parts):
                return Pipeline([self.stage(part) for part in parts])
            case ("parallel", parts):
                return Pipeline([[Pipeline([self.stage(part)]) for part in parts]])
            case ("choice", arms, default):
                routes = {
                    f"r{number}": Route(condition, Pipeline([self.stage(arm)]))
                    for number, (condition, arm) in enumerate(arms)
                }
                return Router(routes, Pipeline([self.stage(default)]))
        raise AssertionError(tree)

    def run(self, inputs: Mapping[str, Any], seed: int, forced: Mapping[str, Any], without: str = "") -> Any:
        """The error of a run, if there is one: values are drawn by a seed, but for those that are forced."""
        draw = random.Random(seed)
        for node in self.nodes:
            some = {key: kind for key, kind in node.sometimes.items() if key != without and draw.random() < 0.5}
            node.values = {key: draw.choice(TYPES[kind]) for key, kind in (node.gives | some).items()}
            declares = node.gives | node.sometimes
            node.values |= {key: value for key, value in forced.items() if fits(value, declares.get(key))}
        return ran_unchecked(self.pipeline, inputs).error


def plan_unchecked(pipeline: Pipeline) -> Plan:
    """The plan of a pipeline, errors or not."""
    graph, _ = lower(pipeline)
    order = graph.order()
    analysis = analysis_of(graph, order, declared(pipeline.input_model))
    return plan_of(graph, order, analysis.inputs, analysis.flow.guards)


def ran_unchecked(pipeline: Pipeline, inputs: Mapping[str, Any]) -> Run:
    """One run of a pipeline, errors or not."""
    plan, runs = plan_unchecked(pipeline), list[Run]()

    async def deliver(run: Run) -> None:
        runs.append(run)

    async def run() -> None:
        job = Job(10, False, None, deliver, None, Scope(), None, UNDECLARED, [])
        await LocalEngine().execute(plan, rows([dict(inputs)], plan), job)

    anyio.run(run)
    return runs[0]


def fits(value: Any, kind: Any) -> bool:
    """Whether a node that declares a type gives the value; one that declares none gives nothing."""
    return any(value == each and type(value) is type(each) for each in TYPES.get(kind, [])) or (
        kind in (int, str) and type(value) is kind
    )


def of_handing_over(error: Any) -> bool:
    """Whether a run failed because of what was, or was not, handed over."""
    cause = error.cause if isinstance(error, NodeError) else error
    return isinstance(cause, Missing | Misfit | ConditionError | InputError | TemplateError | ValueMisfit)


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(root=st.one_of(tree, chain), inputs=records(4), seeds=st.lists(st.integers(0, 10_000), min_size=3, max_size=6))
def test_what_is_accepted_never_fails(root: Any, inputs: dict[str, Any], seeds: list[int]) -> None:
    """On no key and no type, whatever the inputs and the nodes give."""
    built = Built(root, inputs)
    assume(not any(finding.code in REFUSED for finding in built.pipeline.check()))
    event("accepted")
    for seed in seeds:
        draw = random.Random(seed)
        row = {key: draw.choice(TYPES[kind]) for key, kind in inputs.items()}
        error = built.run(row, seed, {})
        assert not of_handing_over(error), error


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(root=st.one_of(tree, chain), inputs=records(4), seed=st.integers(0, 10_000))
def test_what_is_refused_has_a_run_that_fails(root: Any, inputs: dict[str, Any], seed: int) -> None:
    """The witness of each error, run unchecked, fails for what the finding says.

    What stands behind a condition that always fails has none: no run comes there.
    """
    built = Built(root, inputs)
    errors = [finding for finding in built.pipeline.check().errors if finding.code in REFUSED]
    for finding in errors:
        event(finding.code)
        if finding.witness is None:
            assert any(other.code in {"CG401", "CG406"} for other in errors if other is not finding), finding
        else:
            assert fails(built, finding, finding.witness, seed), finding


def fails(built: Built, finding: Diagnostic, witness: Witness, seed: int) -> bool:
    """Whether the run of a witness fails on a key or type; what it does not fix is drawn a few times."""
    key = finding.message.partition(" takes ")[2].partition(",")[0].partition(":")[0]
    without = "" if key in witness.gives else key
    for number in range(60):
        error = built.run(witness.inputs, seed + number, witness.gives, without=without)
        if of_handing_over(error):
            return True
    return False
