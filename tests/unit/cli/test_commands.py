from __future__ import annotations

import io
import sys

import pytest

from crewgraph.cli import check as check_module
from crewgraph.cli import cli, main, trouble

WRONG = """
    from crewgraph import Pipeline, Route, Router, step

    @step
    def a(x, *more): ...

    other = step(lambda x: x, name="a")
    router = Router({"r": Route(lambda values: True, a)}, other)
    flow = Pipeline([a, [], router], name="Wrong")
"""


def test_draw_prints_a_tree(crewgraph, flow):
    """Without options."""
    assert crewgraph("draw", "flow.py").stdout.startswith("pipeline\n├─ measure  (step)\n└─ ◆ by size  (router)\n")


@pytest.mark.parametrize(("name", "start"), [("dot", "digraph"), ("mermaid", "flowchart TB"), ("text", "pipeline")])
def test_draw_prints_a_format(crewgraph, flow, name, start):
    """``--format`` alone, or with ``-o -``."""
    assert crewgraph("draw", "flow.py", "--format", name, "--orientation", "TB").stdout.startswith(start)
    assert crewgraph("draw", "flow.py", "--format", name, "--orientation", "TB", "-o", "-").stdout.startswith(start)


def test_draw_closes_what_is_nested_deeper(crewgraph, flow):
    """``--depth`` counts the frames that are open."""
    assert "├─ 1 · " in crewgraph("draw", "flow.py", "--depth", "1").stdout
    assert crewgraph("draw", "flow.py", "--depth", "0").stdout.count("\n") < crewgraph("draw", "flow.py").stdout.count(
        "\n"
    )


def test_draw_writes_a_file(crewgraph, flow, folder):
    """By its ending, or by ``--format``."""
    done = crewgraph("draw", "flow.py", "-o", "x.mmd")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "wrote x.mmd\n")
    crewgraph("draw", "flow.py", "-o", "x.odd", "--format", "dot")
    assert (folder / "x.mmd").read_text().startswith("flowchart LR")
    assert (folder / "x.odd").read_text().startswith("digraph")


def test_draw_draws_what_is_wrong(crewgraph, write):
    """And says so."""
    write("wrong.py", WRONG)
    done = crewgraph("draw", "wrong.py:flow")
    assert done.exit_code == 0
    assert "Wrong has 3 errors: see crewgraph check wrong.py:flow" in done.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["-o", "x.jpg"], "stands for no picture"),
        (["-o", "x.png"], "'dot' was not found"),
        (["--format", "pdf", "-o", "-"], "'dot' was not found"),
        (["--theme", "pink"], "is not one of"),
        (["--depth", "-1"], "is not in the range"),
        (["--format", "jpg"], "is not one of"),
        (["-o", "flow.py/x.dot"], "cannot be written"),
    ],
)
def test_draw_explains_what_is_missing(crewgraph, flow, monkeypatch, args, told):
    """Code 2."""
    monkeypatch.setenv("PATH", "")
    done = crewgraph("draw", "flow.py", *args)
    assert done.exit_code == 2
    assert told in done.stderr


def test_draw_keeps_bytes_off_a_terminal(flow, monkeypatch, capsys):
    """A PNG is nothing to look at there."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["draw", "flow.py", "--format", "png"])
    assert "a PNG is nothing for a terminal" in capsys.readouterr().err


def test_show_tells_what_it_is(crewgraph, flow):
    """Counts, tree, inputs and findings."""
    told = crewgraph("show", "flow.py").stdout
    assert told.startswith("flow.py  pipeline · 2 stages · 3 steps · 1 router\n")
    assert "inputs that every run needs\n  text: str  'measure'" in told
    assert "findings: no findings" in told


def test_show_tells_what_only_some_routes_need(crewgraph, write):
    """With who needs it."""
    write(
        "one.py",
        """
        from crewgraph import Route, Router, step
        @step
        def a(customer: str) -> None: ...
        @step
        def b() -> None: ...
        flow = Router({"r": Route(lambda values: True, a)}, b)
    """,
    )
    assert (
        "inputs that some routes need\n  customer: str  'a', on route 'r' of 'router'"
        in crewgraph("show", "one:flow").stdout
    )
    assert "inputs: none are needed" in crewgraph("show", "one:b").stdout


def test_show_tells_who_reads_an_input_as_wide_as_the_terminal_is(crewgraph, write, monkeypatch):
    """Below each other, beside the name; in a line where nobody looks, so that it can be searched."""
    write(
        "many.py",
        """
        from crewgraph import Pipeline, step
        flow = Pipeline([[step(lambda text: text, name=f"reader {number}") for number in range(9)]])
    """,
    )
    whole = crewgraph("show", "many.py").stdout
    readers = "; ".join(f"'reader {number}'" for number in range(9))
    assert f"  text  {readers}\n" in whole
    monkeypatch.setattr("crewgraph.cli.show.width_for", lambda _: 50)
    lines = crewgraph("show", "many.py").stdout.split("inputs that every run needs\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 50
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert " ".join(" ".join(lines).split()) in " ".join(whole.split())


def test_show_tells_of_mistakes(crewgraph, write):
    """It is a look, not a verdict: code 0."""
    write("wrong.py", WRONG)
    done = crewgraph("show", "wrong.py:flow")
    assert done.exit_code == 0
    assert "inputs: known once the errors are mended" in done.stdout
    assert "findings: 3 errors" in done.stdout
    assert "a  (step)  ✗ CG503\n" in done.stdout


def test_a_bug_is_told_in_two_lines(crewgraph, flow, monkeypatch):
    """Code 70; the traceback is there on request."""

    def broken(_target, **_options):
        raise ValueError("of ours")

    monkeypatch.setattr(check_module, "load", broken)
    done = crewgraph("check", "flow.py")
    assert done.exit_code == 70
    assert done.stderr.splitlines()[0] == "internal error: ValueError: of ours"
    assert "Traceback" not in done.stderr
    assert "Traceback" in crewgraph("--debug", "check", "flow.py").stderr


def test_debug_shows_the_traceback_of_a_mistake_too(crewgraph, monkeypatch):
    """By the environment as well."""
    monkeypatch.setenv("CREWGRAPH_DEBUG", "1")
    assert "Traceback" in crewgraph("check", "nope.py").stderr


def test_a_closed_pipe_ends_a_command_quietly(crewgraph, flow, monkeypatch):
    """As in ``crewgraph show … | head -1``."""
    codes = []

    def gone(_target, **_options):
        raise BrokenPipeError

    def leave(code):
        codes.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(check_module, "load", gone)
    monkeypatch.setattr(trouble.os, "_exit", leave)
    assert crewgraph("check", "flow.py").exit_code == 141
    assert codes == [141]


def test_help_and_version(crewgraph):
    """They work without a target."""
    assert "Commands:" in crewgraph("--help").stdout
    assert crewgraph("--version").stdout.startswith("crewgraph")


@pytest.mark.parametrize("group", [[], ["limits"], ["schedule"]], ids=["all", "limits", "schedule"])
def test_no_command_is_cut_in_the_list_of_commands(crewgraph, group):
    """On a terminal of 80 columns each is told by a whole sentence."""
    told = crewgraph(*group, "--help").stdout.partition("Commands:\n")[2].splitlines()
    assert told
    assert [line for line in told if not line.endswith(".") or line.endswith("...")] == []


def test_main_runs_the_command_line_of_the_process(monkeypatch):
    """Also where standard error is no ordinary stream."""
    monkeypatch.setattr(sys, "argv", ["crewgraph", "--version"])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit, match="0"):
        main()
