from __future__ import annotations

import contextlib
import sqlite3
import sys

import pytest

from crewgraph import step
from crewgraph.cli.target import load
from crewgraph.errors import TargetError
from crewgraph.syntax import Pipeline

ONE = """
    from crewgraph import step

    @step
    def first(x): return {"y": x}

    @step
    def second(y): return y

    flow = first >> second
    alias = flow
"""


def refused(target):
    with pytest.raises(TargetError) as caught:
        load(target)
    return str(caught.value)


@pytest.mark.parametrize(
    "target", ["one:flow", "one", "one.py:flow", "one.py", "./one.py", "pack.sub.deep:flow", "pack/sub/deep.py"]
)
def test_modules_and_files_are_found(write, target):
    """By module or by path, with the attribute or, where there is one pipeline, without."""
    write("one.py", ONE)
    write("pack/__init__.py", "")
    write("pack/sub/__init__.py", "from crewgraph import step")
    write(
        "pack/sub/deep.py",
        "from . import step\nfrom ..names import name\n" + "flow = step(lambda x: x) >> step(lambda y: y)\n",
    )
    write("pack/names.py", "name = 'deep'")
    target = load(target)
    assert isinstance(target.pipeline, Pipeline)
    assert len(target.pipeline.stages) == 2


def test_an_absolute_path_is_found_with_its_neighbours(write, monkeypatch, tmp_path):
    """Its folder is where it imports from."""
    path = write("there/one.py", "import neighbour\n" + "flow = neighbour.flow\n")
    write("there/neighbour.py", "from crewgraph import step\nflow = step(print) >> step(print)\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load(f"{path}:flow").pipeline is sys.modules["one"].flow


def test_a_file_named_like_a_known_module_is_the_file(write):
    """``json.py`` of the user's does not become the json module, nor the other way round."""
    write("json.py", "from crewgraph import step\nflow = step(print) >> step(print)\n")
    assert len(load("json.py").pipeline.stages) == 2
    assert hasattr(sys.modules["json"], "dumps")


@pytest.mark.parametrize(
    "code",
    [
        "thing = step(lambda x: x)",
        "def thing(x): return x",
        "thing = Router({}, step(lambda x: x))",
        "class Box: inner = step(lambda x: x)\nclass Holder: box = Box\nthing = Holder",
        "def thing() -> Pipeline: return Pipeline([step(lambda x: x)])",
        "def thing() -> 'Procedure': return Pipeline([step(lambda x: x)])",
        "def thing(size: int = 3) -> 'crewgraph.Pipeline': return Pipeline([step(lambda x: x)])",
    ],
    ids=["step", "function", "router", "dotted", "factory", "quoted", "unresolved"],
)
def test_whatever_can_be_run_becomes_a_pipeline(write, code):
    """One stage alone is wrapped; a function that is annotated to make a pipeline is called."""
    write("one.py", f"from __future__ import annotations\nfrom crewgraph import Pipeline, Router, step\n{code}\n")
    name = "thing.box.inner" if "Holder" in code else "thing"
    assert len(load(f"one:{name}").pipeline.stages) == 1


def test_the_title_is_the_name_or_what_was_typed(write):
    """A pipeline's own name comes first."""
    write("one.py", "from crewgraph import Pipeline\na = Pipeline([], name='\\x1b[31mMine')\nb = Pipeline([])\n")
    assert load("one:a").title == "Mine"
    assert load("one:b").title == "one:b"


def test_what_a_module_prints_is_not_a_result(write, capsys):
    """It goes to standard error."""
    write("one.py", "print('hello')\n" + "from crewgraph import Pipeline\nflow = Pipeline([])\n")
    load("one")
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("", "the target is empty"),
        ("one:", "not module:attribute"),
        (":flow", "not module:attribute"),
        ("one:a b", "not module:attribute"),
        ("nope.py", "there is no file 'nope.py'"),
        ("onne.py", "Did you mean 'one.py'?"),
        ("no/where.py", "there is no file 'no/where.py'"),
        ("C:\\one.py", "there is no file 'C:\\one.py'"),
        ("nope_at_all", "there is no module 'nope_at_all'. hint: modules are looked for"),
        ("onne:flow", "Did you mean 'one'?"),
        ("one.deep:flow", "there is no module 'one.deep'"),
        ("one:flwo", "'one' has no 'flwo'. Did you mean 'flow'?"),
        ("one:zzz", "'one' has no 'zzz'. hint: name one, as in one:flow, one:alias, one:first, one:second"),
        ("one:flow.stagess", "'one:flow' has no 'stagess'. Did you mean 'stages'?"),
        ("one:__name__", "'one:__name__' is a str, not a pipeline"),
        ("other", "'other' has 2 pipelines. hint: name one, as in other:a, other:b"),
        ("none", "'none' has no pipeline of its own. hint: name one, as in none:only"),
        ("blank", "hint: assign one to a variable of the module: pipeline = first >> second"),
        ("other:bare", "is a function without parameters. hint: annotate it with `-> Pipeline`"),
        ("other:needy", "makes a pipeline but takes arguments (size)"),
        ("other:liar", "is annotated to return a Pipeline and returned a int"),
        ("many", "many:p11 and 3 more"),
        ("script", "called sys.exit(3) while it was imported"),
    ],
)
def test_a_wrong_target_is_explained(write, target, told):
    """What is missing, what was meant, what there is."""
    write("one.py", ONE)
    write(
        "other.py",
        """
        from crewgraph import Pipeline
        a, b = Pipeline([]), Pipeline([])
        def bare(): ...
        def needy(size) -> Pipeline: ...
        def liar() -> Pipeline: return 3
    """,
    )
    write("none.py", "from crewgraph import step\nonly = step(print)\n")
    write("blank.py", "")
    write("many.py", "from crewgraph import Pipeline\nfor n in range(15): globals()[f'p{n}'] = Pipeline([])\n")
    write("script.py", "import sys\nsys.exit(3)\n")
    assert told in refused(target)


def test_an_error_of_theirs_is_shown_with_their_lines(write):
    """The file, the line and the message, and no line of ours or of the import system."""
    write(
        "one.py",
        """
        from crewgraph import Ignore

        def build():
            return Ignore("CG305", "")

        flow = build()
    """,
    )
    told = refused("one.py")
    assert 'one.py", line 7, in <module>' in told
    assert 'one.py", line 5, in build' in told
    assert 'Ignore("CG305") needs a reason' in told
    assert "importlib" not in told
    assert "syntax.py" not in told


@pytest.mark.parametrize("target", ["one", "one.py"])
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def (", "SyntaxError: invalid syntax"),
        ("import nothing_like_it", "No module named 'nothing_like_it'"),
        ("1/0", "ZeroDivisionError"),
    ],
    ids=["syntax", "import", "runtime"],
)
def test_errors_at_import_are_theirs(write, target, code, told):
    """A missing module that theirs imports is not the one that was named."""
    write("one.py", f"\n{code}\n")
    assert told in refused(target)
    assert 'one.py", line 2' in refused(target)


def test_an_error_in_a_factory_is_theirs(write):
    """It is shown as one at import."""
    write("one.py", "from crewgraph import Pipeline\ndef flow() -> Pipeline:\n    1/0\n")
    assert 'one.py", line 3, in flow' in refused("one:flow")


def test_a_file_that_is_no_python_is_refused(write):
    """There is nothing that could import it, and it is no missing module."""
    for place in ("deep/data.txt", "mails.jsonl"):
        write(place, "x")
        assert f"'{place}' is neither Python nor a document. hint: path/file.py:attribute" in refused(place)


def test_a_store_is_no_pipeline(folder):
    """What shows its runs is told, however it was named; a file of SQLite that somebody else made is no store."""
    Pipeline([step(lambda n: n, name="echo")]).kickoff({"n": 1}, store="r.sqlite")
    for place in ("r.sqlite", "./r.sqlite", str(folder / "r.sqlite")):
        told = refused(place)
        assert f"'{place}' is a store of runs, not a pipeline. hint: crewgraph status {place} --runs lists them" in told
        assert f"crewgraph show RUN --store {place} shows one" in told
    with contextlib.closing(sqlite3.connect("other.sqlite")) as other:
        other.execute("CREATE TABLE t (x)")
    assert "'other.sqlite' is neither Python nor a document" in refused("other.sqlite")


@pytest.mark.parametrize("place", [".", "sub", "./sub", ".module"])
def test_a_folder_without_a_project_is_no_target(crewgraph, folder, place):
    """A place that is no module, no .py file and no project is told so, with what a target looks like."""
    (folder / "sub").mkdir()
    done = crewgraph("check", place)
    assert done.exit_code == 2
    assert "path/file.py:attribute" in done.stderr
