"""A document becomes the pipeline it says, or everything that is wrong with it is told at once, with its place."""

from __future__ import annotations

import inspect
import re
import time
from typing import Any

import pytest

from crewgraph import Agent, Crew, Pipeline, Procedure, Router
from crewgraph.compiler import analyse
from crewgraph.document import dump, forms, load
from crewgraph.document.bounds import MAX_DEPTH, MAX_VALUES, json_path
from crewgraph.edges import Edge, Graph
from crewgraph.errors import DocumentInvalid, PipelineInvalid
from tests.unit.document import examples
from tests.unit.document.examples import NAMES, alarm, foreign, is_odd, search, tidy

BASE: dict[str, Any] = {
    "crewgraph": 1,
    "agents": {"writer": {"role": "Writer", "llm": "offline"}},
    "tasks": {"write": {"description": "Write about {topic}."}},
    "crews": {"author": {"agents": ["writer"], "tasks": ["write"]}},
    "stages": ["author"],
}


def document(**sections: Any) -> dict[str, Any]:
    return {**BASE, **sections}


def wrong(data: Any, names: Any = NAMES) -> list[tuple[str, str, str]]:
    """What is wrong with a document: code, path and message of each finding."""
    with pytest.raises(DocumentInvalid) as caught:
        load(data, names=names)
    return [(each.code, each.path[0] if each.path else "", each.message) for each in caught.value.findings]


def test_a_document_becomes_a_pipeline():
    """Keys become objects, and names the code that the caller gave."""
    pipeline = load(document(stages=["tidy", ["author", "alarm"]]), names=NAMES)
    assert pipeline.stages[0] is tidy
    author, code = pipeline.stages[1]
    assert code is alarm
    assert author.name == "author"
    assert author.tasks[0].name == "write"
    assert author.agents[0] == Agent(role="Writer", llm="offline")


def test_everything_comes_back():
    """What was written, read and written again is the same, and so is the graph."""
    pipeline = examples.everything()
    written = dump(pipeline, names=NAMES)
    again = load(written, names=NAMES)
    assert dump(again, names=NAMES) == written
    (graph, findings), (same, others) = analyse(pipeline), analyse(again)
    assert graph.edges == same.edges
    assert [work.interface for work in graph.works] == [work.interface for work in same.works]
    assert findings == others
    assert again.policy == pipeline.policy
    assert again.ignore == pipeline.ignore
    assert (again.strict, again.merge_json, again.name) == (pipeline.strict, False, "Everything")
    assert again.stages[0] is tidy
    assert again.stages[2].default is foreign
    assert again.stages[2].routes["odd"].condition is is_odd
    crew, before = again.stages[3], pipeline.stages[3]
    assert crew.policy == before.policy
    assert crew.budget == before.budget
    assert [agent.policy for agent in crew.agents] == [agent.policy for agent in before.agents]
    assert crew.agents[0].tools[0] is search


def test_identity_is_kept():
    """One key is one object, wherever it is used."""
    crews = {"one": {"agents": ["writer"], "tasks": ["write"]}, "two": {"agents": ["writer"], "tasks": ["write"]}}
    first, second, third = load(document(crews=crews, stages=["one", "two", "one"])).stages
    assert first is third
    assert first.agents[0] is second.agents[0]
    assert first.tasks[0] is second.tasks[0]


def test_names_may_be_said_or_unsaid():
    """A crew and a task are named after their key, unless another name or none is said."""
    crews = {
        "a": {"agents": ["writer"], "tasks": ["write"]},
        "b": {"name": "bee", "agents": ["writer"], "tasks": ["write"]},
        "c": {"name": None, "agents": ["writer"], "tasks": ["write"]},
    }
    assert [crew.name for crew in load(document(crews=crews, stages=["a", "b", "c"])).stages] == ["a", "bee", None]


def test_a_crew_of_the_document_comes_before_code():
    """With a whole module as names, a crew in it may have the name of one in the document."""
    assert load(BASE, names={"author": alarm}).stages[0].name == "author"


def test_tools_of_a_task_are_said_or_not():
    """No word of tools leaves the agent its own; an empty list takes them away."""
    tasks = {
        "a": {"description": "x"},
        "b": {"description": "x", "tools": []},
        "c": {"description": "x", "tools": None},
    }
    crew = load(
        document(tasks=tasks, crews={"k": {"agents": ["writer"], "tasks": ["a", "b", "c"]}}, stages=["k"])
    ).stages[0]
    assert ["tools" in task.model_fields_set for task in crew.tasks] == [False, True, False]


def test_a_procedure_stays_one():
    """What is handed over differs; inputs and all the rest are kept."""
    pipeline = load(document(procedure=True, inputs={"type": "object"}, stages=["author", "author"]))
    assert isinstance(pipeline, Procedure)
    assert pipeline.input_model == {"type": "object"}


def test_stages_of_all_kinds():
    """A name, a list, a router and a pipeline, one inside of the other."""
    router = {"name": "r", "routes": {"a": {"condition": "n > 1", "pipeline": ["author", "tidy"]}}, "default": "author"}
    stages = [router, ["author", {"stages": ["author"], "policy": {"retries": 1}}, router]]
    pipeline = load(document(stages=stages), names=NAMES)
    assert isinstance(pipeline.stages[0], Router)
    assert [type(branch) for branch in pipeline.stages[1]] == [Crew, Pipeline, Router]
    assert pipeline.stages[1][1].policy.retries == 1


class TestGraphs:
    """Nodes and edges become a graph."""

    def test_ends_are_keys_of_nodes_or_names(self):
        """What edges name for the first time is a node too."""
        graph = load(
            document(
                stages=[],
                nodes={"first": "tidy", "alone": "alarm"},
                edges=[["first", "author", "foreign"], {"source": "first", "target": "alone", "when": "n > 1"}],
                name="by hand",
                inputs={"type": "object"},
            ),
            names=NAMES,
        )
        assert isinstance(graph, Graph)
        assert graph.name == "by hand"
        assert graph.input_model == {"type": "object"}
        assert [graph.nodes[place] for place in (0, 1, 3)] == [tidy, alarm, foreign]
        assert [(edge.source, edge.target, edge.when) for edge in graph.edges] == [
            (tidy, graph.nodes[2], None),
            (graph.nodes[2], foreign, None),
            (tidy, alarm, "n > 1"),
        ]

    def test_a_graph_comes_back(self):
        """As any pipeline does, inside of others too."""
        inner = Graph(
            [
                (tidy, foreign),
                Edge(tidy, alarm, when="n > 1", route="loud"),
                Edge(tidy, search.function, otherwise=True),
            ]
        )
        names = {**NAMES, "look": search.function}
        for pipeline in (inner, Pipeline([tidy, inner, [alarm, inner]])):
            written = dump(pipeline, names=names)
            again = load(written, names=names)
            assert dump(again, names=names) == written
            (graph, findings), (same, others) = analyse(pipeline), analyse(again)
            assert graph.edges == same.edges
            assert findings == others

    def test_what_is_wrong_with_edges_is_told_where_they_stand(self):
        """All of it."""
        edges = [
            ["tidy", "alarm", "foreign"],
            ["alarm", "alarm"],
            {"source": "tidy", "target": "foreign", "when": "n >"},
        ]
        assert wrong(document(stages=[], edges=edges)) == [
            ("CG702", "edges[1]", "the edge alarm → alarm: it leads back to where it begins"),
            ("CG702", "edges[2]", "the edge tidy → foreign: condition `n >` is not an expression: invalid syntax"),
        ]

    def test_nodes_that_are_one(self):
        """A graph runs each node once."""
        assert wrong(document(stages=[], nodes={"a": "tidy", "b": "tidy"})) == [
            ("CG702", "", "node 2: tidy is there twice")
        ]

    def test_edges_that_do_not_fit(self):
        """And names that lead nowhere."""
        edges = [["tidy", "gone"], ["tidy"], 3, {"source": "tidy"}, {"source": "x", "target": "tidy", "wen": "n"}]
        assert sorted(wrong(document(stages=[], nodes={"n": "nope", "m": 3}, edges=edges))) == sorted(
            [
                (
                    "CG702",
                    "nodes.m",
                    "a branch is a name, a router {routes: …, default: …} or a pipeline {stages: […]}, not a list or a number",
                ),
                ("CG702", "edges[2]", "an edge is a list of two names or more, or {source: …, target: …}"),
                ("CG702", "edges[3]", "the edge lacks 'target'"),
                ("CG702", "edges[4].wen", "the edge has no field 'wen'"),
                ("CG703", "nodes.n", "'nope' is not a crew of this document, nor code that was named"),
                ("CG703", "edges[0][1]", "'gone' is not a crew of this document, nor code that was named"),
                ("CG702", "edges[1]", "an edge leads from one node to another"),
                ("CG703", "edges[4].source", "'x' is not a crew of this document, nor code that was named"),
            ]
        )

    @pytest.mark.parametrize("more", [{"stages": ["tidy"]}, {"stages": [], "procedure": True}])
    def test_a_pipeline_is_one_or_the_other(self, more):
        """Stages, or nodes and edges."""
        assert wrong(document(edges=[["tidy", "alarm"]], **more)) == [
            ("CG702", "", "a pipeline has stages, or it is a graph of nodes and edges")
        ]

    def test_other_fields_of_a_graph(self):
        """They are checked as those of a pipeline."""
        assert wrong(document(stages=[], edges=[["tidy", "alarm"]], strict=["CG998"])) == [
            ("CG702", "strict", "there is no finding 'CG998'")
        ]


def test_inputs_of_a_crew_are_a_schema_or_a_model():
    """As those of a pipeline; the field is called as in Python."""
    crew = {"agents": ["writer"], "tasks": ["write"]}
    for said, expected in (("Mail", NAMES["Mail"]), ({"type": "object"}, {"type": "object"})):
        [author] = load(document(crews={"author": {**crew, "input_model": said}}), names=NAMES).stages
        assert author.input_model == expected
    assert [
        (code, path) for code, path, _ in wrong(document(crews={"author": {**crew, "input_model": {"type": 3}}}))
    ] == [("CG702", "crews.author.input_model")]


def test_inputs_are_a_schema_or_a_model():
    """A name stands for a model; what is neither is told."""
    assert load(document(inputs="Mail"), names=NAMES).input_model is NAMES["Mail"]
    assert load(document(inputs={"type": "object"})).input_model == {"type": "object"}
    assert [(code, path) for code, path, _ in wrong(document(inputs={"type": 3}))] == [("CG702", "inputs")]
    assert [(code, path) for code, path, _ in wrong(document(inputs="tidy"))] == [("CG702", "inputs")]


# ---- what is wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param([], [("CG702", "", "a document is a mapping")], id="list"),
        pytest.param(None, [("CG702", "", "a document is a mapping")], id="nothing"),
        pytest.param(
            {}, [("CG704", "", "it does not say which version of the format it is written in")], id="no version"
        ),
        pytest.param(
            {"crewgraph": 2, "nonsense": 1},
            [("CG704", "crewgraph", "it is written in version 2 of the format, and this crewgraph reads version 1")],
            id="later version",
        ),
        pytest.param(
            {"crewgraph": True},
            [("CG704", "crewgraph", "it is written in version True of the format, and this crewgraph reads version 1")],
            id="version of another kind",
        ),
        pytest.param(
            {"crewgraph": 1, "stage": []}, [("CG702", "stage", "the document has no field 'stage'")], id="typo"
        ),
        pytest.param(
            {"crewgraph": 1, "agents": []}, [("CG702", "agents", "expected a mapping, got a list")], id="section"
        ),
        pytest.param(
            {"crewgraph": 1, 2: 3, "stages": [object]},
            [
                ("CG701", "", "a key is text, and 2 is none"),
                (
                    "CG701",
                    "stages[0]",
                    "<class 'object'> is no data: text, numbers, true, false, null, lists and mappings are",
                ),
                (
                    "CG702",
                    "stages[0]",
                    "a stage is a name, a list of branches, a router {routes: …, default: …} or a pipeline {stages: […]}",
                ),
            ],
            id="no data",
        ),
    ],
)
def test_documents_that_are_none(data, expected):
    """The whole is looked at first."""
    assert wrong(data) == expected


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        pytest.param(
            {"agents": {"writer": {"rol": "W"}}},
            [
                ("CG702", "agents.writer", "the agent lacks 'role'"),
                ("CG702", "agents.writer.rol", "the agent has no field 'rol'"),
            ],
            id="agent",
        ),
        pytest.param(
            {"agents": {"writer": {"role": 3, "cache": "yes", "max_iter": 1.5, "tools": "search", "llm": 7}}},
            [
                ("CG702", "agents.writer.role", "expected a text, got 3"),
                ("CG702", "agents.writer.llm", "this is a text, or {use: name}"),
                ("CG702", "agents.writer.tools", "expected a list, got the text 'search'"),
                ("CG702", "agents.writer.max_iter", "expected a whole number, got 1.5"),
                ("CG702", "agents.writer.cache", "expected true or false, got the text 'yes'"),
            ],
            id="kinds",
        ),
        pytest.param(
            {"agents": {"writer": {"role": None, "verbose": {}, "max_execution_time": True, "policy": 1}}},
            [
                ("CG702", "agents.writer.role", "expected a text, got null"),
                ("CG702", "agents.writer.max_execution_time", "expected a number, got true"),
                ("CG702", "agents.writer.policy", "expected a mapping, got 1"),
                ("CG702", "agents.writer.verbose", "expected true or false, got a mapping"),
            ],
            id="more kinds",
        ),
        pytest.param(
            {
                "agents": {
                    "writer": {"role": "W", "max_iter": 0, "policy": {"retries": -1, "limit": {"concurrency": 0}}}
                }
            },
            [
                ("CG702", "agents.writer.policy.limit.concurrency", "it should be greater than or equal to 1"),
                ("CG702", "agents.writer.policy.retries", "it should be greater than or equal to 0"),
            ],
            id="bounds",
        ),
        pytest.param(
            {"agents": {"writer": {"role": "W", "max_iter": 0}}},
            [("CG702", "agents.writer.max_iter", "it should be greater than or equal to 1")],
            id="bounds of agents",
        ),
        pytest.param(
            {
                "agents": {
                    "writer": {
                        "role": "W",
                        "tools": ["serch", "Verdict"],
                        "step_callback": "wtch",
                        "llm": {"use": "modl"},
                    }
                }
            },
            [
                ("CG703", "agents.writer.llm.use", "'modl' is not code that was named"),
                ("CG703", "agents.writer.step_callback", "'wtch' is not code that was named"),
                ("CG703", "agents.writer.tools[0]", "'serch' is not code that was named"),
            ],
            id="names of an agent",
        ),
        pytest.param(
            {"agents": {"writer": {"role": "W", "tools": ["serch", 3]}}},
            [
                ("CG702", "agents.writer.tools[1]", "expected a text, got 3"),
                ("CG703", "agents.writer.tools[0]", "'serch' is not code that was named"),
            ],
            id="tools",
        ),
        pytest.param(
            {"agents": {"writer": {"role": "W", "tools": ["Verdict"]}}},
            [("CG702", "agents.writer.tools", "Verdict is a class, not a tool")],
            id="no tool",
        ),
        pytest.param(
            {"tasks": {"write": {"descripton": "x", "output_pydantic": "tidy", "condition": "x >"}}},
            [
                ("CG702", "tasks.write", "the task lacks 'description'"),
                ("CG702", "tasks.write.descripton", "the task has no field 'descripton'"),
                ("CG702", "tasks.write.output_pydantic", "it should be a subclass of BaseModel"),
                ("CG702", "tasks.write.condition", "condition `x >` is not an expression: invalid syntax"),
            ],
            id="task",
        ),
        pytest.param(
            {"tasks": {"write": {"description": "x", "agent": "writr", "context": ["wrote"]}}},
            [
                ("CG703", "tasks.write.agent", "there is no agent 'writr' in this document"),
                ("CG703", "tasks.write.context[0]", "there is no task 'wrote' in this document"),
            ],
            id="keys",
        ),
        pytest.param(
            {"tasks": {"write": {"description": "x", "context": ["write"]}}},
            [
                (
                    "CG702",
                    "crews.author",
                    "task 'write' has task 'write' as context, which is no earlier task of this crew",
                )
            ],
            id="own context",
        ),
        pytest.param(
            {
                "crews": {
                    "author": {
                        "agents": ["writer", "riter"],
                        "tasks": ["write", "x"],
                        "manager_agent": "y",
                        "proces": 1,
                    }
                }
            },
            [
                ("CG702", "crews.author.proces", "the crew has no field 'proces'"),
                ("CG703", "crews.author.manager_agent", "there is no agent 'y' in this document"),
                ("CG703", "crews.author.agents[1]", "there is no agent 'riter' in this document"),
                ("CG703", "crews.author.tasks[1]", "there is no task 'x' in this document"),
            ],
            id="crew",
        ),
        pytest.param(
            {"crews": {"author": {"process": "parallel", "budget": {"usd": -1}, "after_kickoff": 3}}},
            [
                ("CG702", "crews.author.process", "it should be 'sequential' or 'hierarchical'"),
                ("CG702", "crews.author.budget.usd", "it should be greater than or equal to 0"),
                ("CG702", "crews.author.after_kickoff", "this is a name, or a list of names"),
            ],
            id="fields of a crew",
        ),
        pytest.param(
            {"stages": ["athor", ["author", ["author"]], 7, {"stage": ["author"]}, {"stages": ["os"]}, "Verdict"]},
            [
                (
                    "CG702",
                    "stages[1][1]",
                    "a branch is a name, a router {routes: …, default: …} or a pipeline {stages: […]}, not a list or a number",
                ),
                (
                    "CG702",
                    "stages[2]",
                    "a stage is a name, a list of branches, a router {routes: …, default: …} or a pipeline {stages: […]}",
                ),
                ("CG702", "stages[3].stage", "the pipeline has no field 'stage'"),
                ("CG703", "stages[0]", "'athor' is not a crew of this document, nor code that was named"),
                ("CG703", "stages[4].stages[0]", "'os' is not a crew of this document, nor code that was named"),
                ("CG703", "stages[5]", "'Verdict' is a ModelMetaclass, and no stage"),
            ],
            id="stages",
        ),
        pytest.param(
            {
                "stages": [
                    {
                        "routes": {
                            "a": {"condition": "n >", "pipeline": "author"},
                            "b": {"condition": 1},
                            "c": {"condition": {"use": "odd"}, "pipeline": "author", "x": 1},
                        },
                        "default": 3,
                    }
                ]
            },
            [
                ("CG702", "stages[0].routes.b.condition", "this is a text, or {use: name}"),
                ("CG702", "stages[0].routes.b", "the route lacks 'pipeline'"),
                ("CG702", "stages[0].routes.c.x", "the route has no field 'x'"),
                (
                    "CG702",
                    "stages[0].default",
                    "a stage is a name, a list of branches, a router {routes: …, default: …} or a pipeline {stages: […]}",
                ),
                ("CG702", "stages[0].routes.a.condition", "condition `n >` is not an expression: invalid syntax"),
                ("CG703", "stages[0].routes.c.condition.use", "'odd' is not code that was named"),
            ],
            id="router",
        ),
        pytest.param(
            {"stages": [{"routes": {"default": {"condition": "n > 1", "pipeline": "author"}}, "default": "author"}]},
            [("CG702", "stages[0].routes", "'default' is the name of the fallback; give the route another one")],
            id="route called default",
        ),
        pytest.param(
            {"stages": [{"routes": {}}]}, [("CG702", "stages[0]", "the router lacks 'default'")], id="no default"
        ),
        pytest.param(
            {"procedure": True, "stages": [["author"]]},
            [("CG702", "", "CG103 a procedure is a chain of single crews, got <class 'list'> (stage 1)")],
            id="procedure",
        ),
        pytest.param(
            {"ignore": [{"code": "CG999", "reason": "x"}, {"code": "CG305"}, 3], "strict": ["CG998"], "inputs": "Mial"},
            [
                ("CG702", "ignore[1]", "the ignore lacks 'reason'"),
                ("CG702", "ignore[2]", "expected a mapping, got 3"),
                ("CG702", "ignore[0]", "there is no finding 'CG999'"),
                ("CG702", "strict", "there is no finding 'CG998'"),
                ("CG703", "inputs", "'Mial' is not code that was named"),
            ],
            id="checker",
        ),
        pytest.param(
            {"policy": {"fallbacks": [1, {"use": "x"}], "retries": "many"}, "strict": 3, "inputs": 4},
            [
                ("CG702", "policy.retries", "expected a whole number, got the text 'many'"),
                ("CG702", "policy.fallbacks[0]", "this is a text, or {use: name}"),
                ("CG702", "strict", "this is true, false, or a list of codes"),
                ("CG702", "inputs", "this is the name of a model, or a JSON Schema"),
                ("CG703", "policy.fallbacks[1].use", "'x' is not code that was named"),
            ],
            id="policy",
        ),
        pytest.param(
            {"crews": {"__class__": {"process": 3}, "": {}, "author": {}}, "stages": ["__class__", "author", "nope"]},
            [
                ("CG703", "stages[2]", "'nope' is not a crew of this document, nor code that was named"),
                ("CG702", "crews.__class__.process", "it should be 'sequential' or 'hierarchical'"),
                ("CG702", "crews.__class__", "this is no name: it is empty, or begins with two underscores"),
                ("CG702", 'crews[""]', "it should have at least 1 character"),
                ("CG702", "stages[0]", "this is no name: it is empty, or begins with two underscores"),
            ],
            id="names that are none",
        ),
    ],
)
def test_all_that_is_wrong_is_told_together(sections, expected):
    """Each with the place; nothing follows from what was told already."""
    assert sorted(wrong(document(**sections))) == sorted(expected)


def test_messages_have_hints():
    """A near miss is named, else what there is."""
    with pytest.raises(DocumentInvalid) as caught:
        load(
            document(
                agents={"writer": {"role": "W", "goals": "x", "tools": ["serch"]}, "b": {"role": "W", "zzz": 1}},
                crews={"author": {"agents": ["riter", "qq"]}},
                stages=["author", "athor", "qqq"],
            ),
            names=NAMES,
        )
    hints = [finding.hint for finding in caught.value.findings]
    assert hints[0] == "did you mean 'goal'?"
    assert hints[1].startswith("there is: role, name, goal")
    assert hints[2:] == [
        "did you mean 'search'?",
        "did you mean 'writer'?",
        "there is: writer, b",
        "did you mean 'author'?",
        'names={"qqq": …} where the document is loaded',
    ]
    assert isinstance(caught.value, PipelineInvalid)
    assert str(caught.value).startswith("the document is invalid: 7 errors\nCG702 misfit: the agent has no field")


def nested(levels: int) -> Any:
    inner: Any = "author"
    for _ in range(levels):
        inner = {"stages": [inner]}
    return inner


@pytest.mark.parametrize("key", ["?", "?x", "?list", "?router", "[key]"])
def test_a_key_that_looks_like_a_mark_is_told_like_any_other(key):
    """What only tells kinds of values apart is never what stands in the document."""
    data = {"crewgraph": 1, key: None, "stages": [{"stages": [], key: 1}, None], "crews": {"c": {key: 1}}}
    found = [(path, message) for _, path, message in wrong(data)]
    assert found[0] == (f'stages[0]["{key}"]', f"the pipeline has no field '{key}'")
    assert found[2] == (f'crews.c["{key}"]', f"the crew has no field '{key}'")
    assert found[3] == (f'["{key}"]', f"the document has no field '{key}'")


def test_all_marks_are_known():
    """Those that the forms name."""
    assert set(re.findall(r'"(\?\w+)"', inspect.getsource(forms))) | {"[key]"} == forms.MARKS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (document(stages=[nested(100_000)]), "nested deeper"),
        (document(stages=["author"] * (MAX_VALUES + 1)), "more than"),
        (document(name="\udcff"), "half of a character"),
        (document(**{"\udcff": 1}), "a key is text"),
    ],
    ids=["deep", "large", "surrogate", "surrogate as key"],
)
def test_hostile_data_is_refused_in_no_time(data, words):
    """Depth and size are bounded."""
    begin = time.monotonic()
    assert any(words in message for _, _, message in wrong(data))
    assert time.monotonic() - begin < 30


def test_data_that_contains_itself_is_refused():
    """It is noticed, not followed."""
    data = document()
    data["config"] = data
    assert "contains itself" in wrong(data)[0][2]


def test_the_deepest_document_can_be_read():
    """What the bounds allow works."""
    assert load(document(stages=[nested(MAX_DEPTH // 2 - 2)])).stages[0].name == "author"


def test_keys_that_are_words_of_the_format_are_keys():
    """An agent may be called as a field is."""
    agents = {name: {"role": name} for name in ("default", "pipeline", "use", "agents", "routes", "?use")}
    crews = {"routes": {"agents": [*agents], "tasks": ["write"]}}
    [crew] = load(document(agents=agents, crews=crews, stages=["routes"])).stages
    assert [agent.role for agent in crew.agents] == [*agents]
    assert wrong(document(agents={"writer": {"role": "w"}, "default": 3, "pipeline": 4})) == [
        ("CG702", "agents.default", "expected a mapping, got 3"),
        ("CG702", "agents.pipeline", "expected a mapping, got 4"),
    ]


def test_where_nothing_harmless_can_be_put_the_first_look_is_all(monkeypatch):
    """What does not fit is told in any case."""
    monkeypatch.setattr("crewgraph.document.builder.MENDS", 1)
    assert wrong(document(agents={"writer": {}}, stages=["nope"])) == [
        ("CG702", "agents.writer", "the agent lacks 'role'")
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("stages", 2, "routes", "urgent", "condition"), "stages[2].routes.urgent.condition"),
        (("routes", "very urgent"), 'routes["very urgent"]'),
        (("a", "b.c", "1", "é", "d-e"), 'a["b.c"]["1"].é.d-e'),
        (('"',), '["\\""]'),
    ],
)
def test_paths_are_written_as_people_do(path, text):
    """A path can be followed by eye."""
    assert json_path(path) == text
