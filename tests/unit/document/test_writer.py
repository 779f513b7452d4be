"""A pipeline is written as data: definitions once, under keys; code by its name; nothing is left out silently."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest

from crewgraph import Agent, Crew, Pipeline, Procedure, Route, Router, Task, step, tool
from crewgraph.document import dump
from crewgraph.document.bounds import MAX_DEPTH
from crewgraph.edges import Edge, Graph
from crewgraph.errors import DocumentInvalid
from crewgraph.policy import Policy
from tests.unit.document import examples
from tests.unit.document.examples import NAMES, Desk, Verdict, alarm, foreign, is_odd, search, tidy, watch

writer = Agent(role="Senior Writer of {topic}")


def crew(*tasks: Task, **fields: Any) -> Crew:
    return Crew(
        agents=[writer], tasks=list(tasks) or [Task(description="Write about {topic} at length, please.")], **fields
    )


def test_a_pipeline_is_sections_and_stages():
    """Agents, tasks and crews stand under keys, and stages name them."""
    assert dump(tidy >> crew(name="write"), names={"tidy": tidy}) == {
        "crewgraph": 1,
        "agents": {"senior_writer_of_topic": {"role": "Senior Writer of {topic}"}},
        "tasks": {"write_about_topic_at": {"name": None, "description": "Write about {topic} at length, please."}},
        "crews": {"write": {"agents": ["senior_writer_of_topic"], "tasks": ["write_about_topic_at"]}},
        "stages": ["tidy", "write"],
    }


def test_everything_can_be_written_as_json():
    """What comes out is data that JSON holds, all of it."""
    document = dump(examples.everything(), names=NAMES)
    assert json.loads(json.dumps(document)) == document
    assert document["agents"]["reader_of_language_mails"]["policy"] == {
        "retries": 1,
        "limit": {"concurrency": 2},
        "fallbacks": ["offline", {"use": "model"}],
    }
    assert document["tasks"]["judge"]["tools"] == []
    assert document["tasks"]["judge"]["guardrail"] == [{"use": "polite"}, "It is fair."]
    assert document["tasks"]["say_something"]["context"] == []
    assert document["crews"]["assess"]["max_rpm"] == 60
    assert document["crews"]["assess"]["policy"]["limit"] == {"tokens_per_minute": 1_000}
    assert document["inputs"] == {"type": "object", "properties": {"text": {"type": "string"}}}
    assert document["stages"][1][1] == "file"


def test_what_is_shared_is_written_once():
    """The same crew, agent or task keeps its identity: it has one key wherever it is used."""
    task = Task(name="t", description="x")
    one, other = crew(task, name="one"), crew(task, name="other")
    document = dump(Pipeline([one, [other, one], one]))
    assert document["stages"] == ["one", ["other", "one"], "one"]
    assert [*document["agents"]] == ["senior_writer_of_topic"]
    assert document["crews"]["one"]["tasks"] == document["crews"]["other"]["tasks"] == ["t"]


def test_different_things_have_different_keys():
    """Two crews of one name get two keys, and keep their name."""
    document = dump(Pipeline([crew(name="same"), crew(name="same"), crew(name="same_2"), crew(name="__init__")]))
    assert document["stages"] == ["same", "same_2", "same_2_2", "init"]
    assert [each.get("name", "its key") for each in document["crews"].values()] == [
        "its key",
        "same",
        "same_2",
        "__init__",
    ]


def test_a_crew_takes_no_key_that_is_the_name_of_code():
    """A stage that names code must not be taken for a crew."""
    mine = crew(name="tidy")
    document = dump(Pipeline([tidy, mine]), names={"tidy": tidy})
    assert document["stages"] == ["tidy", "tidy_2"]
    assert dump(Pipeline([mine]), names={"tidy": mine})["stages"] == ["tidy"]


@pytest.mark.parametrize(
    ("role", "key"),
    [("", "agent"), ("§§§", "agent"), ("{a}", "a"), ("Señor!", "señor"), ("__x__", "x"), ("9 lives", "_9_lives")],
)
def test_keys_are_made_of_roles(role, key):
    """A key reads like what it stands for, whatever that is."""
    lone = Crew(agents=[Agent(role=role)], tasks=[Task(description="x")])
    assert [*dump(lone)["agents"]] == [key.strip("_")]


def test_what_is_said_in_short_is_said_once():
    """A policy that holds no more than that is left out."""
    short = Agent(role="x", max_rpm=3, max_execution_time=5)
    assert dump(Crew(agents=[short], tasks=[]))["agents"]["x"] == {"role": "x", "max_rpm": 3, "max_execution_time": 5}


def test_a_stage_alone_is_a_pipeline_of_one():
    """A crew or a router need not be wrapped."""
    assert dump(crew(name="write"))["stages"] == ["write"]
    router = Router({"a": Route("x > 1", crew(name="a"))}, default=crew(name="b"))
    assert dump(router)["stages"] == [
        {"routes": {"a": {"condition": "x > 1", "pipeline": "a"}}, "default": "b"},
    ]


def test_a_procedure_stays_one():
    """What is handed over differs, so the document says it."""
    document = dump(crew(name="a") >> crew(name="b"))
    assert document["procedure"] is True
    assert "procedure" not in dump(Pipeline([crew(name="a")]))
    assert isinstance(crew() >> crew(), Procedure)


def test_all_code_without_a_name_is_told_at_once():
    """Each piece of code that has no name is told, with its place and a name that would do."""
    with pytest.raises(DocumentInvalid) as caught:
        dump(examples.everything())
    assert {(finding.code, *finding.path, finding.hint) for finding in caught.value.findings} >= {
        ("CG705", "stages[0]", 'names={"tidy": …}'),
        ("CG705", "stages[1][1]", 'names={"file": …}'),
        ("CG705", "stages[2].default", 'names={"foreign": …}'),
        ("CG705", "stages[2].routes.odd.condition", 'names={"is_odd": …}'),
        ("CG705", "stages[2].routes.urgent.pipeline.stages[0][1]", 'names={"alarm": …}'),
        ("CG705", "agents.reader_of_language_mails.llm", 'names={"offline_slow": …}'),
        ("CG705", "agents.reader_of_language_mails.tools[0]", 'names={"search": …}'),
        ("CG705", "agents.reader_of_language_mails.policy.fallbacks[1]", 'names={"offline_slow": …}'),
        ("CG705", "tasks.judge.output_pydantic", 'names={"Verdict": …}'),
        ("CG705", "tasks.judge.guardrail[0]", 'names={"polite": …}'),
        ("CG705", "crews.assess.after_kickoff[1]", 'names={"polite": …}'),
        ("CG705", "crews.assess.human", 'names={"watch": …}'),
    }
    assert str(caught.value).startswith("the pipeline cannot be written as a document: ")


class Named:
    name = "nameless"

    async def kickoff_async(self, inputs=None): ...


class Nameless:
    async def kickoff_async(self, inputs=None): ...


@pytest.mark.parametrize(
    ("stage", "words", "name"),
    [
        (lambda: None, "the function '<lambda>'", "function"),
        (step(name="do it")(lambda: None), "step 'do it'", "do_it"),
        (Desk().file, "the function 'Desk.file'", "file"),
        (Named(), "the Named 'nameless'", "nameless"),
        (Nameless(), "a Nameless", "nameless"),
        (type("Sub", (Crew,), {})(agents=[], tasks=[], name="sub"), "the Sub 'sub'", "sub"),
        (type("Sub", (Router,), {})(default=alarm, name="sub"), "the Sub 'sub'", "sub"),
    ],
    ids=["lambda", "step", "method", "named", "nameless", "crew", "router"],
)
def test_code_is_told_in_words(stage, words, name):
    """A message says what it is that needs a name."""
    with pytest.raises(DocumentInvalid) as caught:
        dump(Pipeline([stage]))
    [finding] = caught.value.findings
    assert finding.message == f"{words} is code, and has no name"
    assert finding.hint == f'names={{"{name}": …}}'


def test_a_crew_whose_kickoff_was_replaced_is_code():
    """Its fields no longer say what it does."""
    replaced = crew(name="replaced")
    object.__setattr__(replaced, "kickoff_async", watch)
    assert dump(Pipeline([replaced]), names={"it": replaced})["stages"] == ["it"]


@pytest.mark.parametrize(
    ("kind", "place"),
    [("Agent", "agents.x"), ("Task", "tasks.x")],
)
def test_objects_of_subclasses_are_refused(kind, place):
    """What a subclass does more would be lost."""
    agent = type("Sub", (Agent,), {})(role="x") if kind == "Agent" else Agent(role="a")
    task = type("Sub", (Task,), {})(description="x") if kind == "Task" else Task(description="t")
    with pytest.raises(DocumentInvalid) as caught:
        dump(Crew(agents=[agent], tasks=[task]))
    [finding] = caught.value.findings
    assert finding.message == f"a Sub is code, where only a {kind} is data"
    assert finding.path == (place,)


class TestNames:
    """Who may say what code is called, and how."""

    def test_a_module_stands_for_its_own_public_things(self):
        """What it imported or keeps to itself is not among them."""
        module = ModuleType("mine")
        vars(module).update(tidy=tidy, sys=sys, _hidden=alarm, alarm=alarm, foreign=foreign, Verdict=Verdict)
        alarm_of_mine = type("own", (), {"__module__": "mine"})
        vars(module)["own"] = alarm_of_mine
        from crewgraph.document.names import MISSING, Names

        known = Names(module)
        assert [name for name in ("tidy", "foreign", "own") if name in known] == ["tidy", "foreign", "own"]
        assert [known.get(name) for name in ("sys", "_hidden", "alarm", "Verdict")] == [MISSING] * 4

    def test_a_module_may_say_what_is_public(self):
        """``__all__`` counts, whatever it names."""
        module = ModuleType("mine")
        vars(module).update(__all__=["alarm", "gone"], alarm=alarm, tidy=tidy)
        assert dump(Pipeline([alarm]), names=module)["stages"] == ["alarm"]

    def test_what_python_keeps_for_itself_is_no_name(self):
        """``vars(module)`` will do, and its dunder names are left out."""
        with pytest.raises(DocumentInvalid):
            dump(Pipeline([alarm]), names={"__alarm__": alarm, "": alarm})

    def test_the_first_of_several_names_counts(self):
        """A document is the same each time."""
        assert dump(Pipeline([alarm]), names={"one": alarm, "two": alarm})["stages"] == ["one"]

    def test_methods_are_known_by_what_they_are(self):
        """A method is a new object each time, and yet the same one; that of another object is not."""
        desk = Desk()
        assert dump(Pipeline([desk.file]), names={"file": desk.file})["stages"] == ["file"]
        with pytest.raises(DocumentInvalid):
            dump(Pipeline([Desk().file]), names={"file": desk.file})

    @pytest.mark.parametrize("names", [[tidy], "tidy", {1: tidy}, 3], ids=["list", "text", "numbers", "number"])
    def test_anything_else_is_a_type_error(self, names):
        """It says how names are given."""
        with pytest.raises(TypeError, match="names is a mapping of names to code, or a module"):
            dump(Pipeline([tidy]), names=names)


class TestTools:
    """A tool is found under its own name, or that of what it was made of."""

    def written(self, given, names):
        [agent] = dump(Crew(agents=[Agent(role="x", tools=[given])], tasks=[]), names=names)["agents"].values()
        return agent["tools"]

    def test_functions_and_nodes_are_named_as_they_are(self):
        """A function in ``tools=[…]`` became a tool, and goes by the name of the function; a crew likewise."""
        helper = crew(name="helper")
        assert self.written(alarm, {"alarm": alarm}) == ["alarm"]
        assert self.written(search, {"search": search}) == ["search"]
        assert self.written(helper, {"helper": helper}) == ["helper"]

    def test_settings_of_a_tool_are_not_lost(self):
        """A tool that says more than its function needs a name of its own."""
        slow = tool(name="slow", timeout=3)(alarm)
        with pytest.raises(DocumentInvalid):
            self.written(slow, {"alarm": alarm})
        assert self.written(slow, {"alarm": alarm, "slow": slow}) == ["slow"]


class TestTrouble:
    """What no document can say."""

    def test_a_pipeline_that_reaches_itself(self):
        """The place where it does is told."""
        router = Router(default=tidy)
        pipeline = tidy >> router
        router.add_route("again", "n > 1", pipeline)
        with pytest.raises(DocumentInvalid) as caught:
            dump(pipeline, names=NAMES)
        [finding] = caught.value.findings
        assert (finding.code, finding.path) == ("CG202", ("stages[1].routes.again.pipeline",))

    def test_stages_that_are_nested_too_deep(self):
        """A document has bounds, and so has what becomes one."""
        nested = tidy
        for _ in range(MAX_DEPTH):
            nested = Router({"a": Route("n > 1", Pipeline([nested], policy=Policy()))}, default=tidy)
        with pytest.raises(DocumentInvalid, match="nested deeper"):
            dump(nested, names=NAMES)

    def test_something_else_among_the_routes(self):
        """The dict of routes is the user's."""
        router = Router({"a": Route("n > 1", tidy)}, default=tidy)
        router.routes["b"] = tidy  # type: ignore[assignment]
        with pytest.raises(DocumentInvalid, match="route 'b' is a Step, no Route"):
            dump(router, names=NAMES)

    @pytest.mark.parametrize(
        ("value", "words"),
        [(object, "is no data"), ({1: 2}, "a key is text"), (float("nan"), "is no data"), ("\ud800", "surrogate")],
        ids=["object", "key", "nan", "surrogate"],
    )
    def test_fields_that_hold_no_data(self, value, words):
        """They are told with their place."""
        lone = Crew(agents=[Agent(role="x", memory=value)], tasks=[])
        with pytest.raises(DocumentInvalid, match=words) as caught:
            dump(lone)
        assert caught.value.findings[0].path == ("agents.x.memory",)

    def test_a_list_that_contains_itself(self):
        """It is noticed, not followed."""
        endless: list[Any] = []
        endless.append(endless)
        with pytest.raises(DocumentInvalid, match="contains itself"):
            dump(Crew(agents=[Agent(role="x", memory=endless)], tasks=[]))

    def test_an_input_model_without_a_name(self):
        """A model is code."""
        pipeline = Pipeline([tidy], inputs=Verdict)
        with pytest.raises(DocumentInvalid, match=r"the class Verdict is code, and has no name \(inputs\)"):
            dump(pipeline, names={"tidy": tidy})
        assert dump(pipeline, names=NAMES)["inputs"] == "Verdict"


def test_conditions_are_text_or_names():
    """An expression stands as it is, a callable by its name."""
    router = Router({"a": Route("n > 1", tidy), "b": Route(is_odd, search.function)}, default=tidy)
    [stage] = dump(router, names={"tidy": tidy, "is_odd": is_odd, "s": search.function})["stages"]
    assert [route["condition"] for route in stage["routes"].values()] == ["n > 1", {"use": "is_odd"}]


class TestGraphs:
    """A graph that was built by hand is nodes and edges."""

    def test_nodes_have_keys_and_edges_lead_from_key_to_key(self):
        """Plain edges are short; those with a condition say it."""
        router = Router({"a": Route("n > 1", alarm)}, default=tidy, name="way out")
        graph = Graph(
            [
                (tidy, alarm),
                Edge(tidy, search.function, when="n > 1", route="look"),
                Edge(tidy, foreign, when=is_odd),
                Edge(tidy, router, otherwise=True),
            ],
            name="By hand",
            policy=Policy(retries=1),
        )
        document = dump(graph, names={**NAMES, "look": search.function})
        assert document == {
            "crewgraph": 1,
            "name": "By hand",
            "policy": {"retries": 1},
            "nodes": {
                "tidy": "tidy",
                "alarm": "alarm",
                "search": "look",
                "foreign": "foreign",
                "way out": {
                    "name": "way out",
                    "routes": {"a": {"condition": "n > 1", "pipeline": "alarm"}},
                    "default": "tidy",
                },
            },
            "edges": [
                ["tidy", "alarm"],
                {"source": "tidy", "target": "search", "when": "n > 1", "route": "look"},
                {"source": "tidy", "target": "foreign", "when": {"use": "is_odd"}},
                {"source": "tidy", "target": "way out", "otherwise": True},
            ],
        }

    def test_nodes_of_one_name_have_two_keys(self):
        """A key is one node."""
        one, other = crew(name="same"), crew(name="same")
        document = dump(Graph([(one, other)]))
        assert document["nodes"] == {"same": "same", "same_2": "same_2"}
        assert document["edges"] == [["same", "same_2"]]

    def test_a_graph_may_be_a_stage(self):
        """It stays whole."""
        document = dump(Pipeline([tidy, Graph([(alarm, search.function)])]), names={**NAMES, "look": search.function})
        assert document["stages"][1] == {"nodes": {"alarm": "alarm", "search": "look"}, "edges": [["alarm", "search"]]}
