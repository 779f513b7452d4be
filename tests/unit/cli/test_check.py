"""``crewgraph check``: what it prints, in each format, and what it ends with."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from crewgraph.cli import check, cli
from crewgraph.diagnostics import Diagnostic
from crewgraph.errors import PipelineInvalid

WRONG = """
    from crewgraph import Pipeline, Route, Router, step

    @step
    def a(x, *more): ...

    other = step(lambda x: x, name="a")
    router = Router({"r": Route(lambda values: any(values.values()), a)}, other)
    flow = Pipeline([a, router], name="Wrong")
"""

DOUBTFUL = """
    from crewgraph import Ignore, Pipeline, step

    @step
    def a(x): ...

    other = step(lambda x: x, name="a")
    flow = Pipeline([a, other], name="Doubtful")
    meant = Pipeline([a, other], ignore=[Ignore("CG201", "the same work twice")])
"""


@pytest.fixture
def wrong(write):
    """A module with errors, a warning and a note."""
    return write("wrong.py", WRONG)


@pytest.fixture
def doubtful(write):
    """A module with a warning, which one of its pipelines ignores."""
    return write("doubtful.py", DOUBTFUL)


def test_all_is_well(crewgraph, flow):
    """Code 0."""
    done = crewgraph("check", "flow.py")
    assert (done.exit_code, done.stdout) == (0, "flow.py: no findings\n")


def test_findings_are_grouped(crewgraph, wrong):
    """Errors first, each with code, place and hint; the counts and where to read on at the end; code 3."""
    done = crewgraph("check", "wrong.py:flow")
    assert done.exit_code == 3
    heads = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert heads == [
        "errors",
        "warnings",
        "notes",
        "Wrong: 2 errors, 1 warning, 1 note",
        "more about them: crewgraph explain CG503 CG201",
    ]
    assert "has *more, which nothing can fill\n   at    stage 1 'a'\n   hint  name the values it takes" in done.stdout
    assert re.search(r"\n · CG403 opaque-condition: .* · at stage 2 'router' › route 'r'\n", done.stdout)


def test_notes_can_be_left_out(crewgraph, wrong):
    """In every format."""
    assert "CG403" not in crewgraph("check", "wrong.py:flow", "--no-notes").stdout
    found = json.loads(crewgraph("check", "wrong.py:flow", "--no-notes", "--json").stdout)
    assert {record["severity"] for record in found} == {"error", "warning"}


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"], ["--json", "--format", "json", "-o", "-"]])
def test_findings_as_json(crewgraph, wrong, option):
    """For programs, with the same exit code."""
    done = crewgraph("check", "wrong.py:flow", *option)
    assert done.exit_code == 3
    found = json.loads(done.stdout)
    assert {
        "code": "CG503",
        "name": "unfillable-parameter",
        "severity": "error",
        "path": ["stage 1 'a'"],
        "node": "a",
        "witness": None,
        "source": None,
        "suppressed": None,
    }.items() <= found[0].items()


@pytest.mark.parametrize("name", ["text", "json", "sarif", "github"])
def test_every_format_can_be_written_to_a_file(crewgraph, wrong, folder, name):
    """Without colours; what was written is told on standard error."""
    done = crewgraph("check", "wrong.py:flow", "--format", name, "-o", "found.txt")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr == "wrote found.txt: 2 errors, 1 warning, 1 note\n"
    text = (folder / "found.txt").read_text(encoding="utf-8")
    assert text == crewgraph("check", "wrong.py:flow", "--format", name).stdout
    assert "CG503" in text
    assert "\x1b" not in text


def test_github_has_nothing_to_say_of_nothing(crewgraph, flow, folder):
    """Neither on standard output nor in a file."""
    assert crewgraph("check", "flow.py", "--format", "github").stdout == ""
    crewgraph("check", "flow.py", "--format", "github", "-o", "found.txt")
    assert (folder / "found.txt").read_text() == ""


@pytest.mark.parametrize("option", [["--strict"], ["--error", "CG201"], ["--error", "same-name", "--error", "CG302"]])
def test_warnings_can_be_errors(crewgraph, doubtful, option):
    """All of them, or those of a code."""
    assert crewgraph("check", "doubtful.py:flow").exit_code == 0
    done = crewgraph("check", "doubtful.py:flow", *option)
    assert done.exit_code == 3
    assert "Doubtful: 1 error\n" in done.stdout


def test_a_note_can_be_an_error(crewgraph, write):
    """By its code; leaving notes out does not hide it then."""
    write("noted.py", WRONG.replace("*more", "").replace("a, router", "router").replace(", name='a'", ""))
    assert "· CG403" in crewgraph("check", "noted.py:flow").stdout
    done = crewgraph("check", "noted.py:flow", "--error", "CG403", "--no-notes")
    assert done.exit_code == 3
    assert "✗ CG403" in done.stdout


def test_what_the_pipeline_says_itself_still_counts(crewgraph, write):
    """Options add to it."""
    write("strict.py", DOUBTFUL.replace('name="Doubtful"', "strict=True"))
    assert crewgraph("check", "strict.py:flow").exit_code == 3
    assert crewgraph("check", "strict.py:flow", "--error", "CG302").exit_code == 3


@pytest.mark.parametrize("option", ["CG201", "cg201", "same-name:a", "CG201:a#2"])
def test_findings_can_be_ignored(crewgraph, doubtful, option):
    """By code or short name, everywhere or at one node; they are counted."""
    done = crewgraph("check", "doubtful.py:flow", "--strict", "--ignore", option)
    assert (done.exit_code, done.stdout) == (0, "Doubtful: no findings · 1 ignored\n")


def test_what_is_ignored_stands_at_the_end_of_the_json(crewgraph, doubtful):
    """With its reason."""
    found = json.loads(crewgraph("check", "doubtful.py:meant", "--json").stdout)
    assert [(record["code"], record["suppressed"]) for record in found] == [("CG201", "the same work twice")]
    found = json.loads(crewgraph("check", "doubtful.py:flow", "--json", "--ignore", "CG201").stdout)
    assert [record["suppressed"] for record in found] == ["command line"]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--ignore", "CG210"], "there is no finding 'CG210'. Did you mean CG201 (same-name)"),
        (["--ignore", "CG102"], "CG102 empty cannot be ignored: nothing could run"),
        (["--error", "smae-name"], "there is no finding 'smae-name'. Did you mean CG201 (same-name)?"),
        (["--json", "--format", "sarif"], "--json and --format sarif are two formats"),
        (["-o", "nowhere/found.txt"], "'nowhere/found.txt' cannot be written: No such file or directory"),
        (["--format", "xml"], "is not one of"),
    ],
    ids=["unknown code", "what cannot be ignored", "unknown name", "two formats", "no folder", "no format"],
)
def test_mistakes_are_explained(crewgraph, doubtful, option, told):
    """Code 2."""
    done = crewgraph("check", "doubtful.py:flow", *option)
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize("name", ["text", "json", "sarif", "github"])
def test_a_document_that_says_no_pipeline_has_findings_too(crewgraph, monkeypatch, name):
    """In every format, on standard output."""

    def load(target, **options):
        raise PipelineInvalid([Diagnostic("CG702", "a key that nobody knows", source=("flow.yaml", 3))])

    monkeypatch.setattr(check, "load", load)
    done = crewgraph("check", "flow.yaml", "--format", name)
    assert done.exit_code == 3
    assert "CG702" in done.stdout


def test_colour_is_for_terminals(wrong, monkeypatch):
    """NO_COLOR takes it away there too."""
    monkeypatch.setattr(sys, "path", [str(wrong.parent), *sys.path])
    assert "\x1b[31m" in CliRunner().invoke(cli, ["check", "wrong:flow"], color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(cli, ["check", "wrong:flow"]).stdout


def test_an_ignored_node_that_is_not_there_is_told(crewgraph, doubtful):
    """An option that ignores nothing would hide a slip."""
    done = crewgraph("check", "doubtful.py:flow", "--ignore", "CG201:aa", "--strict")
    assert done.exit_code == 3
    assert 'CG601 useless-ignore: Ignore("CG201", node="aa") matches no finding' in done.stdout
    assert crewgraph("check", "doubtful.py:flow", "--ignore", "CG201:a", "--strict").exit_code == 0


def test_a_document_is_told_with_its_lines(crewgraph, write):
    """In YAML, in every format."""
    write(
        "mails.yaml",
        """
        crewgraph: 1
        agents: {clerk: {role: Clerk, llm: offline}}
        tasks:
          sort:
            description: Sort {emial}
            agent: clerk
        crews: {sort: {agents: [clerk], tasks: [sort]}}
        stages: [sort]
        inputs: {type: object, properties: {email: {type: string}}}
        """,
    )
    assert "mails.yaml:6 › stage 1 'sort' › task 'sort'" in crewgraph("check", "mails.yaml").stdout
    assert "file=mails.yaml,line=6," in crewgraph("check", "mails.yaml", "--format", "github").stdout
    (run,) = json.loads(crewgraph("check", "mails.yaml", "--format", "sarif").stdout)["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 6}


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("x = 1\nx / 0", "ZeroDivisionError: division by zero", 2),
        ("def make():\n    raise KeyError('a')\n\nmake()", "KeyError: 'a'", 2),
        ("x = 1\ny = (\n", "SyntaxError: '(' was never closed", 2),
        ("\nimport not_there", "ModuleNotFoundError: No module named 'not_there'", 2),
        ("raise ValueError('one\\ntwo')", "ValueError: one two", 1),
    ],
)
def test_code_that_raises_is_a_finding(crewgraph, write, text, message, line):
    """At its own line, for whatever reads findings; a person is told the rest, and the code stays 2."""
    write("broken.py", text)
    done = crewgraph("check", "broken.py", "--json")
    (finding,) = json.loads(done.stdout)
    assert (finding["code"], finding["message"], finding["severity"]) == ("CG712", message, "error")
    assert finding["source"] == {"file": "broken.py", "line": line}
    assert (done.exit_code, "'broken.py' raised an error" in done.stderr) == (2, True)
    plain = crewgraph("check", "broken.py")
    assert (plain.exit_code, plain.stdout, plain.stderr) == (2, "", done.stderr)


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("nothere.py", "there is no file 'nothere.py'", ""),
        (
            "nothere",
            "there is no module 'nothere'",
            "modules are looked for in this folder and among installed packages",
        ),
        ("flow.py:other", "'flow.py' has no 'other'", "name one, as in flow.py:flow, flow.py:measure, flow.py:long"),
    ],
)
def test_a_target_that_is_not_there_is_a_finding(crewgraph, flow, target, message, hint):
    """With its hint apart."""
    done = crewgraph("check", target, "--format", "json")
    (finding,) = json.loads(done.stdout)
    assert (done.exit_code, finding["message"], finding["source"]) == (2, message, None)
    assert finding["hint"].startswith(hint)
    assert done.stderr.startswith(f"error: {message}")


def test_other_formats_have_it_too(crewgraph, write):
    """In a file as well."""
    write("raises.py", "\n\n1 / 0")
    done = crewgraph("check", "raises.py", "--format", "github")
    assert done.stdout == "::error file=raises.py,line=3,title=CG712 unloadable::ZeroDivisionError: division by zero\n"
    done = crewgraph("check", "raises.py", "--format", "sarif", "-o", "found.sarif")
    assert (done.exit_code, done.stdout) == (2, "")
    (result,) = json.loads(Path("found.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (result["ruleId"], place["region"], place["artifactLocation"]["uri"]) == (
        "CG712",
        {"startLine": 3},
        "raises.py",
    )
