"""Crews are found in the folders of a project, by their files and the classes that read them."""

from __future__ import annotations

import pytest

from crewgraph import project
from crewgraph.errors import TargetError
from tests.unit.project.conftest import AGENTS, CREW, TASKS

PAIR = {"agents.yaml": AGENTS, "tasks.yaml": TASKS}


def under(folder, files=PAIR):
    return {f"{folder}/{name}": text for name, text in files.items()}


def crews(path="."):
    """Each crew with the files it is made of."""
    return [
        (crew.name, *(None if file is None else file.shown for file in crew.parts.files))
        for crew in project.read(path).crews
    ]


def test_the_layout_of_the_template(write):
    """``src/<package>/config``, with the class beside that folder."""
    write({**under("src/newsroom/config"), "src/newsroom/crew.py": CREW})
    assert crews() == [("Newsroom", "src/newsroom/config/agents.yaml", "src/newsroom/config/tasks.yaml")]
    assert str(project.read(".").crews[0].parts.place) == "src/newsroom/config"


@pytest.mark.parametrize("path", [".", "config", "config/agents.yaml", "config/tasks.yaml"])
def test_two_files_without_a_class(write, path):
    """Named by the folder, or by one of them; the crew is called after the folder around ``config``."""
    write(under("config"))
    [(name, *files)] = crews(path)
    assert name == write({}).name
    assert files == ["config/agents.yaml", "config/tasks.yaml"]


def test_files_side_by_side_without_a_config_folder(write):
    """The crew is called after their folder."""
    write(under("first") | under("second", {"agents.yml": AGENTS, "tasks.yml": TASKS}))
    assert crews() == [
        ("first", "first/agents.yaml", "first/tasks.yaml"),
        ("second", "second/agents.yml", "second/tasks.yml"),
    ]


def test_a_class_says_where_its_files_are(write):
    """Under any name; a file that is read by a class is not taken for another crew."""
    crew = CREW.replace('"""A crew"""', 'agents_config: str = "my/people.yaml"\n    tasks_config = "my/work.yaml"')
    write({"my/people.yaml": AGENTS, "my/work.yaml": TASKS, "crew.py": crew})
    assert crews() == [("Newsroom", "my/people.yaml", "my/work.yaml")]
    assert crews("my/work.yaml") == crews()
    assert project.read("my/work.yaml").check().ok


def test_a_class_that_does_not_say_it_plainly(write):
    """Its files are then a crew by themselves."""
    crew = CREW.replace('"""A crew"""', "agents_config = CONFIG / 'a.yaml'\n    tasks_config = path()")
    write({**under("config"), "crew.py": crew})
    assert crews() == [(write({}).name, "config/agents.yaml", "config/tasks.yaml")]


def test_one_file_of_a_crew_with_a_class(write):
    """The class beside the folder is found from there."""
    write({**under("src/a/config"), "src/a/crew.py": CREW, **under("src/b/config")})
    assert [name for name, *_ in crews("src/a/config/tasks.yaml")] == ["Newsroom"]
    assert [name for name, *_ in crews("src/b/config/tasks.yaml")] == ["b"]


def test_what_was_installed_or_built_is_not_looked_into(write):
    """Nor hidden folders."""
    hidden = [".venv/lib", "node_modules/x", "build/lib", "venv", "a/.git", "site-packages/crewai"]
    files = under("config")
    for folder in hidden:
        files |= under(folder)
    write(files)
    assert len(crews()) == 1


def test_folders_that_are_deep_are_not_looked_into(write):
    """A project is not that deep."""
    write(under("/".join("abcdefghij") + "/config") | under("config"))
    assert len(crews()) == 1


def test_a_folder_with_too_many_files_is_no_project(write, monkeypatch):
    """Somebody named a whole disk."""
    monkeypatch.setattr("crewgraph.project.find.MAX_FILES", 5)
    write({f"f{n}.txt": "" for n in range(7)})
    with pytest.raises(TargetError, match="more than 5 files"):
        project.read(".")


@pytest.mark.parametrize(
    ("files", "path", "words"),
    [
        ({}, ".", r"'\.' is no crewAI project: it has no agents.yaml and tasks.yaml$"),
        ({}, "gone", "there is no file or folder 'gone'"),
        ({"agent.yaml": AGENTS, "task.yaml": TASKS}, ".", r"\(there is: agent.yaml, task.yaml\)"),
        ({"crew.jsonc": "{}"}, ".", "is a crewAI project in JSON; only agents.yaml and tasks.yaml are read"),
        (
            {"other.yaml": AGENTS},
            "other.yaml",
            "is no document, for it does not say crewgraph: 1, and no file of a crewAI project",
        ),
        ({"crew.py": CREW}, ".", "is no crewAI project"),
    ],
    ids=["empty", "missing", "other names", "JSON", "other file", "class alone"],
)
def test_where_there_is_no_crew_it_says_so(write, files, path, words):
    """With what there is."""
    write(files)
    with pytest.raises(TargetError, match=words):
        project.read(path)


def test_files_that_cannot_be_read_are_findings(write):
    """No UTF-8, for example."""
    folder = write(under("config"))
    (folder / "config" / "tasks.yaml").write_bytes("a: ü".encode("latin-1"))
    [finding] = project.read(".").check()
    assert finding.code == "CG701"
    assert "is not UTF-8" in finding.message


def test_a_project_elsewhere_is_shown_by_the_path_that_was_named(write, tmp_path_factory, monkeypatch):
    """Below the working folder paths are short, elsewhere they are whole."""
    folder = write(under("config", {**PAIR, "tasks.yaml": TASKS.replace("agent: writer", "agent: x")}))
    monkeypatch.chdir(tmp_path_factory.mktemp("other"))
    assert project.read(folder).check()[0].source == (str(folder / "config/tasks.yaml"), 11)
