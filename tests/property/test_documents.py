"""Random pipelines survive the way through a document and its text; random data never does anything but be refused."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph import Agent, Budget, Crew, Limit, Pipeline, Policy, Route, Router, Task
from crewgraph.compiler import analyse
from crewgraph.diagnostics import Ignore
from crewgraph.document import dump, dumps, load, loads
from crewgraph.edges import Graph
from crewgraph.errors import DocumentInvalid
from crewgraph.graph import Switch, Work
from tests.unit.document.examples import NAMES, Verdict, alarm, is_odd, search, tidy, watch

# ---- random pipelines ------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.one_of(st.none(), words, st.sampled_from(["a", "b", "tidy", "__class__", "yes", "1", "crew"]))
counts = st.integers(1, 9)

limits = st.builds(Limit, requests_per_minute=st.none() | counts, concurrency=st.none() | counts)
policies = st.builds(
    Policy,
    retries=st.none() | counts,
    call_timeout=st.none() | st.floats(0.1, 1e9),
    fallbacks=st.none() | st.lists(st.sampled_from(["offline", NAMES["model"]]), max_size=2),
    limit=st.none() | limits,
)
some_policy = st.none() | policies


@st.composite
def agents(draw: st.DrawFn) -> Agent:
    return Agent(
        role=draw(words),
        name=draw(names),
        goal=draw(words),
        backstory=draw(words),
        llm=draw(st.sampled_from([None, "offline", NAMES["model"]])),
        tools=draw(st.lists(st.sampled_from([search, alarm]), max_size=2)),
        max_rpm=draw(st.none() | counts),
        max_execution_time=draw(st.none() | counts),
        allow_delegation=draw(st.booleans()),
        config=draw(
            st.none() | st.dictionaries(words, st.integers() | st.floats(allow_nan=False, allow_infinity=False))
        ),
    )


@st.composite
def crews(draw: st.DrawFn, agent: st.SearchStrategy[Agent]) -> Crew:
    staff = draw(st.lists(agent, min_size=1, max_size=2))
    tasks = list[Task]()
    for _ in range(draw(st.integers(0, 3))):
        shape = draw(st.sampled_from(["none", "pydantic", "json"]))
        fields: dict[str, Any] = {"tools": [search]} if draw(st.booleans()) else {}
        tasks.append(
            Task(
                name=draw(names),
                description=draw(words),
                agent=draw(st.sampled_from([None, *staff])),
                context=draw(st.none() | st.lists(st.sampled_from(tasks), max_size=2)) if tasks else None,
                output_pydantic=Verdict if shape == "pydantic" else None,
                output_json=Verdict if shape == "json" else None,
                condition=draw(st.sampled_from([None, "n > 1", is_odd] if tasks else [None, "n > 1"])),
                guardrail=draw(st.lists(st.sampled_from(["It is short.", watch]), max_size=2)),
                async_execution=draw(st.booleans()) if not tasks else False,
                **fields,
            )
        )
    return Crew(
        name=draw(names),
        agents=staff,
        tasks=tasks,
        llm=draw(st.sampled_from([None, "offline"])),
        policy=draw(some_policy),
        budget=draw(st.none() | st.builds(Budget, tokens=counts)),
        before_kickoff=draw(st.sampled_from([None, watch])),
        process=draw(st.sampled_from(["sequential", "hierarchical"])),
    )


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """A random tree over a few crews, which occur several times, and code."""
    staff = draw(st.lists(agents(), min_size=1, max_size=3))
    made = draw(st.lists(crews(st.sampled_from(staff)), min_size=1, max_size=3))
    leaf = st.sampled_from([*made, tidy, alarm, NAMES["foreign"]])

    def inner(stage: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        several = st.lists(stage, min_size=1, max_size=3)
        pipeline = st.builds(Pipeline, several, policy=some_policy, name=names)
        branches = st.lists(stage.filter(lambda each: not isinstance(each, list)), min_size=1, max_size=3)
        route = st.builds(Route, st.sampled_from(["n > 1", "name == 'x'", is_odd]), stage)
        router = st.builds(Router, st.dictionaries(words.filter(usable), route, max_size=2), default=stage, name=names)
        return st.one_of(pipeline, branches, router)

    stage = st.recursive(leaf, inner, max_leaves=6)
    if draw(st.integers(0, 4)) == 0:
        drawn = draw(st.lists(stage.filter(lambda each: not isinstance(each, list)), min_size=1, max_size=4))
        nodes = list({id(node): node for node in drawn}.values())
        place = st.integers(0, len(nodes) - 1)
        pairs = dict.fromkeys(
            (one, other) for one, other in draw(st.lists(st.tuples(place, place), max_size=4)) if one < other
        )
        edges = [(nodes[one], nodes[other]) for one, other in pairs]
        return Graph(edges, nodes=nodes, name=draw(names), policy=draw(some_policy))
    stages = draw(st.lists(stage, max_size=3))
    return Pipeline(
        stages,
        name=draw(names),
        merge_json=draw(st.booleans()),
        policy=draw(some_policy),
        ignore=[Ignore("CG305", "why not")] if draw(st.booleans()) else [],
        strict=draw(st.sampled_from([False, True, ["CG304"]])),
        inputs=draw(st.sampled_from([None, Verdict, {"type": "object"}])),
    )


def usable(name: str) -> bool:
    return bool(name.strip()) and not name.startswith("__") and name != "default"


def shape_of(pipeline: Pipeline) -> Any:
    """What a graph is, without the identity of its objects."""
    graph, findings = analyse(pipeline)
    nodes = [
        (node.name, node.label, node.interface, node.path, node.policy)
        if isinstance(node, Work)
        else (node.name, node.routes, dict(node.conditions), node.path)
        if isinstance(node, Switch)
        else node
        for node in graph.nodes.values()
    ]
    return nodes, graph.edges, graph.shape, graph.name, graph.is_procedure, graph.merge_json, findings


@settings(max_examples=60)
@given(pipeline=pipelines(), form=st.sampled_from(["json", "yaml"]))
def test_a_pipeline_survives_the_way_through_a_document(pipeline: Pipeline, form: Any) -> None:
    """Written, read and written again it is the same, and so is the graph that it becomes."""
    document = dump(pipeline, names=NAMES)
    assert json.loads(json.dumps(document)) == document
    again = loads(dumps(pipeline, names=NAMES, form=form), names=NAMES, form=form)
    assert dump(again, names=NAMES) == document
    assert shape_of(again) == shape_of(pipeline)


# ---- random data -----------------------------------------------------------------------------------------------

fields = st.sampled_from(
    [
        "crewgraph",
        "agents",
        "tasks",
        "crews",
        "stages",
        "routes",
        "default",
        "condition",
        "pipeline",
        "role",
        "description",
        "use",
        "name",
        "tools",
        "llm",
        "agent",
        "context",
        "policy",
        "limit",
        "fallbacks",
        "ignore",
        "code",
        "reason",
        "strict",
        "inputs",
        "a",
        "b",
        "tidy",
        "__class__",
    ]
)
data = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | fields | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=20,
)


def refused_or(make: Any) -> Pipeline | None:
    """What is made, or nothing where it is refused in words."""
    refusal, pipeline = None, None
    try:
        pipeline = make()
    except DocumentInvalid as error:
        refusal = error
    assert refusal is None or (refusal.findings and all(finding.message for finding in refusal.findings))
    return pipeline


@settings(max_examples=200)
@given(body=st.dictionaries(fields, data, max_size=6))
def test_any_data_is_a_pipeline_or_refused_in_words(body: dict[str, Any]) -> None:
    """Loading gives a pipeline or raises one error with a place and a message for each finding; never another one."""
    begin = time.monotonic()
    pipeline = refused_or(lambda: load({**body, "crewgraph": 1}, names=NAMES))
    if pipeline is not None:
        assert dump(load(dump(pipeline, names=NAMES), names=NAMES), names=NAMES) == dump(pipeline, names=NAMES)
    assert time.monotonic() - begin < 30


@settings(max_examples=300)
@given(text=st.text(st.sampled_from("ab:-{}[]&*!|> \n'\"#?,1<%@`~."), max_size=60))
def test_any_text_is_yaml_or_refused_in_words(text: str) -> None:
    """Whatever stands in a file, it ends in one error."""
    for document in (text, f"crewgraph: 1\nstages:\n  - {text}"):
        refused_or(lambda each=document: loads(each, form="yaml", names=NAMES))
