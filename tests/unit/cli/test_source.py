"""Where a target is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crewgraph.cli.source import Source, place_of, source_of
from crewgraph.cli.target import Target, load
from crewgraph.diagnostics import Diagnostic
from crewgraph.syntax import Pipeline

MODULE = """\
import sys
from crewgraph import Pipeline, step

@step
def a(x): ...

early = Pipeline([a])
if sys.argv:
    in_if = Pipeline([a])
else:
    in_if = None
try:
    in_try: Pipeline = Pipeline([a])
except ValueError:
    in_handler = Pipeline([a])
finally:
    in_finally = one, other = Pipeline([a]), Pipeline([a])
early = Pipeline([a, a])
early >>= a

class Desk:
    text = "x"
    flow = Pipeline([a])

def made() -> Pipeline:
    hidden = Pipeline([a])
    return hidden

match sys.argv:
    case _:
        in_match = Pipeline([a])
from flow import measure as other_module
import flow.inner
"""


@pytest.mark.parametrize(
    ("attribute", "line"),
    [
        ("early", 19),
        ("in_if", 11),
        ("in_try", 13),
        ("in_handler", 15),
        ("in_finally", 17),
        ("other", 17),
        ("Desk.flow", 23),
        ("Desk.nothing", 21),
        ("made", 25),
        ("hidden", 1),
        ("in_match", 31),
        ("other_module", 32),
        ("flow", 33),
        ("a", 5),
        ("a.b", 5),
    ],
)
def test_the_line_is_where_the_variable_gets_its_value(write, attribute, line):
    """The last one that runs at the level of the module; the first line where there is none."""
    write("module.py", MODULE)
    assert source_of(Target(f"module.py:{attribute}", Pipeline())) == Source(Path("module.py"), line)


@pytest.mark.parametrize("target", ["flow.py:flow", "flow.py", "flow:flow", "flow"])
def test_a_target_is_found_however_it_is_named(flow, target):
    """By file or module, with its attribute or without."""
    assert source_of(load(target)) == Source(Path("flow.py"), 18)


def test_a_module_of_a_package_is_found(write):
    """Relative to the working folder."""
    write("desk/__init__.py", "")
    write("desk/flow.py", "from crewgraph import Pipeline\n\nflow = Pipeline()\n")
    assert source_of(load("desk.flow")) == Source(Path("desk/flow.py"), 3)
    assert source_of(load("desk/flow.py")) == Source(Path("desk/flow.py"), 3)


def test_a_file_that_is_reached_by_a_link_is_found(write, folder, monkeypatch):
    """Where the working folder is a link too."""
    write("real/flow.py", "from crewgraph import Pipeline\nflow = Pipeline()\n")
    (folder / "link").symlink_to(folder / "real", target_is_directory=True)
    monkeypatch.chdir(folder / "real")
    assert source_of(load(str(folder / "link" / "flow.py"))) == Source(Path("flow.py"), 2)


def test_a_file_elsewhere_has_a_whole_uri(write, folder, monkeypatch):
    """One inside of the folder has a relative one, with what means something in a URI escaped."""
    file = write("a folder/50% #1.py", "from crewgraph import Pipeline\nflow = Pipeline()\n")
    inside = source_of(load(str(file)))
    assert inside is not None
    assert inside.uri == "a%20folder/50%25%20%231.py"
    write("other/x.py", "")
    monkeypatch.chdir(folder / "other")
    outside = source_of(load(str(file)))
    assert outside is not None
    assert outside.uri == file.resolve().as_uri()


@pytest.mark.parametrize(
    "text", [b"\xff\xfe", b"def (", b"x = '\x00'", b"# coding: nonsense\n"], ids=["bytes", "syntax", "null", "coding"]
)
def test_what_is_no_python_has_a_first_line(write, text):
    """A document in another form, for instance."""
    write("module.py", text)
    assert source_of(Target("module.py:flow", Pipeline())) == Source(Path("module.py"), 1)


def test_a_folder_has_a_first_line(write):
    """As a project that is no module."""
    write("project/agents.yaml", "")
    assert source_of(Target("project", Pipeline())) == Source(Path("project"), 1)


def test_what_came_from_no_file_has_no_place():
    """As a module that is built in."""
    assert source_of(Target("sys:flow", Pipeline())) is None
    assert source_of(Target("C:\\nowhere.py", Pipeline())) is None


def test_a_pipeline_without_a_variable_has_a_first_line(write, folder):
    """It was made in place."""
    write("module.py", "import crewgraph\n")
    sys.modules["module_of_test"] = type(sys)("module_of_test")
    sys.modules["module_of_test"].__file__ = str(folder / "module.py")
    try:
        assert source_of(Target("module.py", Pipeline())) == Source(Path("module.py"), 1)
    finally:
        del sys.modules["module_of_test"]


def test_a_file_that_no_module_came_from_has_a_first_line(write):
    """For whatever reads it in another way."""
    write("module.py", "flow = 1\n")
    assert source_of(Target("module.py", Pipeline())) == Source(Path("module.py"), 1)


def test_a_finding_may_stand_in_a_file_of_its_own(folder):
    """Then that is its place."""
    target = Source(Path("flow.py"), 7)
    assert place_of(Diagnostic("CG301", "m"), target) == target
    assert place_of(Diagnostic("CG301", "m"), None) is None
    own = Diagnostic("CG301", "m", source=(str(folder / "agents.yaml"), 3))
    assert place_of(own, target) == Source(Path("agents.yaml"), 3)
