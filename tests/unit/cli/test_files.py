"""Targets that are no code: documents, and projects of crewAI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crewgraph.cli.trouble import Exit
from tests.unit.project.conftest import AGENTS, CREW, TASKS

PIPELINE = """
crewgraph: 1
name: Flow
crews: {}
stages:
  - measure
  - name: by size
    routes:
      long: {condition: size > 5, pipeline: long}
    default: short
"""


@pytest.fixture
def document(write, flow):
    """A document that names the steps of a module."""
    return write("pipeline.yaml", PIPELINE)


@pytest.fixture
def newsroom(write):
    """A crewAI project in which nothing is wrong."""
    write("news/src/news/config/agents.yaml", AGENTS)
    write("news/src/news/config/tasks.yaml", TASKS)
    write("news/src/news/crew.py", CREW)
    return "news"


class TestDocuments:
    """A document is a target like a module, with the code that it names."""

    def test_it_is_checked_and_shown_and_drawn(self, crewgraph, document):
        """In every command."""
        done = crewgraph("check", "pipeline.yaml", "--names", "flow")
        assert (done.exit_code, done.stdout) == (Exit.OK, "Flow: no findings\n")
        assert "by size" in crewgraph("show", "pipeline.yaml", "--names", "flow.py").stdout
        assert "by size" in crewgraph("draw", "pipeline.yaml", "--names", "flow.py").stdout
        assert crewgraph("plan", "pipeline.yaml", "--names", "flow", "--input", "text=a").exit_code == Exit.OK

    def test_it_is_run(self, crewgraph, document):
        """As a pipeline in code is."""
        done = crewgraph("run", "pipeline.yaml", "--names", "flow.py", "--input", "text=a longer text", "--quiet")
        assert done.exit_code == Exit.OK
        assert json.loads(done.stdout)["json"] == {"answer": "long"}

    def test_names_come_from_several_modules_or_a_mapping_in_one(self, crewgraph, document, write):
        """The later one wins."""
        write("more.py", "import flow\nNAMES = {'short': flow.long, 'measure': flow.measure}\nNUMBER = 3\n")
        both = ("--names", "flow", "--names", "more.py:NAMES", "--input", "text=a", "--quiet")
        assert json.loads(crewgraph("run", "pipeline.yaml", *both).stdout)["json"] == {"answer": "long"}
        done = crewgraph("check", "pipeline.yaml", "--names", "more.py:NUMBER")
        assert done.exit_code == Exit.USAGE
        assert "'more.py:NUMBER' is a int, not a module or a dict of names" in done.stderr

    def test_what_is_wrong_with_it_are_findings(self, crewgraph, write, document):
        """With the line, and a hint in the words of the command line."""
        done = crewgraph("check", "pipeline.yaml", "--json")
        assert done.exit_code == Exit.INVALID
        [first, *_] = found = json.loads(done.stdout)
        assert [(each["code"], each["source"]) for each in found] == [
            ("CG703", {"file": "pipeline.yaml", "line": line}) for line in (6, 9, 10)
        ]
        assert first["hint"] == "--names MODULE, of one that has measure"
        write("pipeline.yaml", "crewgraph: 1\nstages: [\n")
        done = crewgraph("show", "pipeline.yaml")
        assert done.exit_code == Exit.INVALID
        assert "CG701 unreadable" in done.stderr

    def test_a_document_in_json(self, crewgraph, write, flow):
        """By its ending."""
        write("pipeline.json", '{"crewgraph": 1, "stages": ["measure"]}')
        assert crewgraph("check", "pipeline.json", "--names", "flow").exit_code == Exit.OK

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (("check", "gone.yaml"), "there is no file or folder 'gone.yaml'"),
            (("check", "flow.py", "--names", "flow"), "--names is for documents (.json, .yaml), and 'flow.py' is code"),
            (("check", "pipeline.yaml", "--names", "nope"), "there is no module 'nope'"),
            (("check", "pipeline.yaml", "--names", "flow:nope"), "'flow' has no 'nope'"),
            (("check", "flow.py", "--inputs", "a"), "--inputs is for crewAI projects"),
        ],
    )
    def test_mistakes_in_the_call(self, crewgraph, document, args, words):
        """They are told in words."""
        done = crewgraph(*args)
        assert done.exit_code == Exit.USAGE
        assert words in done.stderr


class TestProjects:
    """A crewAI project is checked, drawn and planned, and not run."""

    def test_it_is_checked(self, crewgraph, newsroom):
        """The needed inputs are told, unless they are given."""
        done = crewgraph("check", newsroom)
        assert (done.exit_code, done.stdout) == (Exit.OK, "news: no findings\ninputs it needs: current_year, topic\n")
        done = crewgraph("check", newsroom, "--inputs", "topic, current_year")
        assert (done.exit_code, done.stdout) == (Exit.OK, "news: no findings\n")

    def test_what_is_missing_is_an_error_where_inputs_are_given(self, crewgraph, newsroom):
        """With the file and the line."""
        done = crewgraph("check", newsroom, "--inputs", "topic")
        assert done.exit_code == Exit.INVALID
        assert "{current_year} is not among the inputs" in done.stdout
        assert "news/src/news/config/tasks.yaml:3 › research_task › description" in done.stdout

    def test_findings_have_their_place_in_every_format(self, crewgraph, newsroom, write):
        """Code hosts show them beside the line."""
        write("news/src/news/config/tasks.yaml", TASKS.replace("agent: writer", "agent: writter"))
        place = "news/src/news/config/tasks.yaml"
        assert (
            f"::error file={place},line=11,title=CG703 unknown-name::"
            in crewgraph("check", newsroom, "--format", "github").stdout
        )
        result, *_ = json.loads(crewgraph("check", newsroom, "--format", "sarif").stdout)["runs"][0]["results"]
        location = result["locations"][0]["physicalLocation"]
        assert (location["artifactLocation"]["uri"], location["region"]["startLine"]) == (place, 11)

    def test_findings_can_be_ignored_and_made_errors(self, crewgraph, newsroom, write):
        """As those of pipelines."""
        write("news/src/news/config/agents.yaml", AGENTS + "idle: {role: r, goal: g, backstory: b}\n")
        assert "1 warning" in crewgraph("check", newsroom).stdout
        assert crewgraph("check", newsroom, "--strict").exit_code == Exit.INVALID
        assert "1 ignored" in crewgraph("check", newsroom, "--ignore", "CG709").stdout

    def test_it_is_shown_drawn_and_planned(self, crewgraph, newsroom):
        """By its folder, or one of its files; with the model that crewAI takes."""
        assert "Newsroom  (crew · sequential · gpt-4.1-mini)" in crewgraph("draw", newsroom).stdout
        assert "current_year" in crewgraph("show", f"{newsroom}/src/news/config/tasks.yaml").stdout
        done = crewgraph("plan", newsroom, "--input", "topic=tea", "--input", "current_year=2026", "--model", "offline")
        assert done.exit_code == Exit.OK
        assert "Newsroom" in done.stdout

    def test_it_is_not_run(self, crewgraph, newsroom):
        """Its tools would be missing."""
        done = crewgraph("run", newsroom, "--input", "topic=tea")
        assert done.exit_code == Exit.USAGE
        assert (
            "which is read and not run. hint: crewgraph check news, or crewgraph convert news -o pipeline.yaml"
            in done.stderr
        )

    def test_of_several_crews_one_is_to_be_named(self, crewgraph, newsroom, write):
        """All are checked together."""
        write("news/src/more/config/agents.yaml", AGENTS)
        write("news/src/more/config/tasks.yaml", TASKS)
        assert crewgraph("check", newsroom).exit_code == Exit.OK
        done = crewgraph("draw", newsroom)
        assert done.exit_code == Exit.USAGE
        assert "'news' has 2 crews. hint: name the folder of one, as in news/src/news/config" in done.stderr
        assert crewgraph("draw", "news/src/more/config").exit_code == Exit.OK
        write("news/src/news/crew.py", CREW + CREW.replace("Newsroom", "Other"))
        assert "has 2 crews, which share their files" in crewgraph("draw", "news/src/news").stderr

    def test_a_crew_that_cannot_be_made(self, crewgraph, write):
        """The check says why."""
        write("p/agents.yaml", AGENTS)
        write("p/tasks.yaml", "# none\n")
        assert "has no crew that could be made. hint: crewgraph check p" in crewgraph("draw", "p").stderr
        assert crewgraph("check", "p").exit_code == Exit.INVALID

    def test_a_folder_that_is_a_package_is_a_module_unless_it_has_crews(self, crewgraph, newsroom, flow, write):
        """``crewgraph check package`` goes on working."""
        write("package/__init__.py", "from flow import flow\n")
        assert crewgraph("check", "package").exit_code == Exit.OK
        write("crews/__init__.py", "")
        write("crews/config/agents.yaml", AGENTS)
        write("crews/config/tasks.yaml", TASKS)
        assert "inputs it needs" in crewgraph("check", "crews").stdout
        assert "is no crewAI project" in crewgraph("check", "./package").stderr

    def test_names_are_for_documents(self, crewgraph, newsroom, flow):
        """Nothing of a project's code is run."""
        done = crewgraph("check", newsroom, "--names", "flow")
        assert "--names is for documents; the code of a crewAI project is not run" in done.stderr


class TestConvert:
    """Pipelines and projects become documents."""

    def test_a_project(self, crewgraph, newsroom):
        """The document says the same, and can be checked and drawn."""
        done = crewgraph("convert", newsroom, "-o", "pipeline.yaml")
        assert (done.exit_code, done.stderr) == (Exit.OK, "wrote pipeline.yaml\n")
        assert Path("pipeline.yaml").read_text(encoding="utf-8").startswith("crewgraph: 1\nagents:\n  researcher:\n")
        assert crewgraph("check", "pipeline.yaml").exit_code == Exit.OK
        assert "report_task" in crewgraph("draw", "pipeline.yaml").stdout

    def test_a_pipeline_in_code(self, crewgraph, flow):
        """The code goes by its names in the module."""
        done = crewgraph("convert", "flow.py")
        assert done.exit_code == Exit.OK
        assert "stages:\n  - measure\n" in done.stdout
        Path("p.yaml").write_text(done.stdout, encoding="utf-8")
        assert crewgraph("check", "p.yaml", "--names", "flow").exit_code == Exit.OK

    def test_a_document_in_another_form(self, crewgraph, document):
        """By the ending of the file."""
        assert crewgraph("convert", "pipeline.yaml", "--names", "flow", "-o", "p.json").exit_code == Exit.OK
        assert json.loads(Path("p.json").read_text(encoding="utf-8"))["stages"][0] == "measure"

    def test_code_without_a_name(self, crewgraph, write):
        """It is told with its place; --names may help."""
        write(
            "lone.py", "from crewgraph import step\nfrom flow import measure\npipeline = step(lambda x: 1) >> measure\n"
        )
        write("flow.py", "from crewgraph import step\n@step\ndef measure(text: str):\n    return 1\n")
        done = crewgraph("convert", "lone.py")
        assert done.exit_code == Exit.INVALID
        assert done.stderr.count("CG705") == 1

    @pytest.mark.parametrize(
        ("output", "words"), [("p.txt", "ends in none of .json, .yaml, .yml"), ("none/p.yaml", "cannot be written")]
    )
    def test_places_that_cannot_be(self, crewgraph, flow, output, words):
        """They are told in words."""
        done = crewgraph("convert", "flow.py", "-o", output)
        assert done.exit_code == Exit.USAGE
        assert words in done.stderr
