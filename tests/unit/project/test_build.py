"""A project becomes crews of ours, with stand-ins for what stands in its code."""

from __future__ import annotations

import pytest

from crewgraph import Process, project
from crewgraph.document import dump, load
from crewgraph.errors import CrewgraphError
from crewgraph.llm.port import Request
from crewgraph.project.build import DEFAULT_MODEL
from tests.unit.project.conftest import AGENTS, CREW, TASKS
from tests.unit.project.test_correct import BARE, IN_CODE, NAMED, led_by


def built(write, files, path="."):
    write(files)
    [crew] = project.read(path).crews
    assert crew.crew is not None
    return crew.crew, crew


def test_agents_and_tasks_are_as_they_were_written(write):
    """With the names of their keys, texts without the blanks around them, in the order of the file."""
    crew, _ = built(write, BARE)
    assert [agent.name for agent in crew.agents] == ["scout", "guide"]
    guide = crew.agents[1]
    assert (guide.role, guide.goal, guide.llm, guide.verbose) == ("Guide", "Guide {people}", "openai/gpt-4o", True)
    assert (guide.max_iter, guide.max_rpm, guide.max_execution_time) == (5, 10, 300)
    find, weather, plan = crew.tasks
    assert [task.name for task in crew.tasks] == ["find", "weather", "plan"]
    assert (find.async_execution, plan.async_execution, plan.human_input) == (True, False, True)
    assert plan.context == [find, weather]
    assert plan.agent is guide
    assert plan.guardrails == ["It names no place twice."]
    assert (plan.guardrail_max_retries, plan.output_file) == (2, "plans/{city}.md")
    assert crew.llm == DEFAULT_MODEL
    assert plan.model_fields_set.isdisjoint({"tools"})


def test_a_model_of_the_environment_counts(write, monkeypatch):
    """Then nothing is said of another one."""
    monkeypatch.setenv("CREWGRAPH_MODEL", "offline")
    assert built(write, BARE)[0].llm is None


def test_what_stands_in_code_is_taken_over_where_it_is_plain(write):
    """Agents by their methods, contexts, and values; shapes that only code knows may be anything."""
    crew, _ = built(write, IN_CODE)
    code, review = crew.tasks
    assert (code.agent, review.agent) == tuple(crew.agents)
    assert review.context == [code]
    assert review.output_json is not None
    assert review.output_json.model_config["extra"] == "allow"
    assert crew.name == "GameCrew"
    assert crew.interface().may_give is None


def test_guardrails_have_two_names(write):
    """One, or several."""
    for said, expected in (("guardrail: short", ["short"]), ("guardrails: [short, kind]", ["short", "kind"])):
        crew, _ = built(write, {"agents.yaml": AGENTS, "tasks.yaml": TASKS + f"  {said}\n"})
        assert crew.tasks[-1].guardrails == expected


def test_a_path_below_the_root_is_a_path_below_the_output_root(write):
    """As crewAI takes it."""
    assert (
        built(write, {**BARE, "tasks.yaml": TASKS.replace("report.md", "/report.md"), "agents.yaml": AGENTS})[0]
        .tasks[-1]
        .output_file
        == "report.md"
    )


@pytest.mark.parametrize(
    ("manager", "llm", "role", "staff"),
    [
        ('manager_llm="openai/gpt-4o"', "openai/gpt-4o", None, 3),
        ("manager_llm=llm", DEFAULT_MODEL, None, 3),
        ("manager_agent=self.lead()", None, "Lead", 2),
        ("manager_agent=manager", None, "Crew Manager", 3),
        ("verbose=True", None, None, 3),
    ],
)
def test_hierarchical_crews_have_their_manager(write, manager, llm, role, staff):
    """A model or an agent; the agent is not among the others."""
    crew, _ = built(write, led_by(manager))
    assert crew.process is Process.hierarchical
    assert crew.manager_llm == llm
    assert (crew.manager_agent.role if crew.manager_agent else None) == role
    assert len(crew.agents) == staff


class TestStandIns:
    """What YAML names and only code has."""

    def test_they_are_found_by_their_names(self, write):
        """One for each name, wherever it stands."""
        crew, of_project = built(write, NAMED)
        assert set(of_project.names) == {"fast", "search", "scrape", "watch", "Thing", "Thing2"}
        [scout] = crew.agents
        assert [tool.name for tool in scout.tools] == ["search", "scrape"]
        assert crew.tasks[0].tools[0] is scout.tools[0]
        assert getattr(scout.llm, "model", None) == "fast"
        assert crew.tasks[0].callback is scout.step_callback

    @pytest.mark.anyio
    async def test_they_do_nothing(self, write):
        """Nothing of a project's code is run here."""
        _, of_project = built(write, NAMED)
        with pytest.raises(CrewgraphError, match="'search' stands in the code of the project"):
            await of_project.names["search"].arun(query="x")
        with pytest.raises(CrewgraphError, match="'fast' stands in the code"):
            await of_project.names["fast"].complete(Request(()))
        with pytest.raises(CrewgraphError, match="'watch' stands in the code"):
            of_project.names["watch"](None)

    def test_a_project_can_be_written_as_a_document(self, write):
        """With the names that stand in YAML, to be given when it is read."""
        crew, of_project = built(write, NAMED)
        document = dump(crew, names=of_project.names)
        assert document["agents"]["scout"]["llm"] == {"use": "fast"}
        assert document["agents"]["scout"]["tools"] == ["search", "scrape"]
        assert document["tasks"]["look"]["output_pydantic"] == "Thing"
        assert document["tasks"]["again"]["context"] == ["look"]
        assert dump(load(document, names=of_project.names), names=of_project.names) == document


def test_what_does_not_fit_is_left_out(write):
    """It is told, and the rest is there."""
    write(
        {
            "agents.yaml": AGENTS.replace("role: Writer", "role: Writer\n  max_iter: 0\n  max_rpm: -1"),
            "tasks.yaml": TASKS,
        }
    )
    read = project.read(".")
    assert {finding.message for finding in read.check()} == {
        "agent 'writer': max_iter: it should be greater than or equal to 1",
        "agent 'writer': max_rpm: it should be greater than or equal to 1",
    }
    assert read.crews[0].crew is not None
    assert read.crews[0].crew.agents[1].max_iter == 20


def test_a_crew_without_tasks_is_none(write):
    """There is nothing that could run."""
    write({"agents.yaml": AGENTS, "tasks.yaml": "t: no mapping\n"})
    [crew] = project.read(".").crews
    assert crew.crew is None


def test_nothing_is_imported(write):
    """Code that would do harm is only read."""
    write({"config/agents.yaml": AGENTS, "config/tasks.yaml": TASKS, "crew.py": CREW + "\nraise SystemExit(3)\n"})
    assert project.read(".").check() == ()
