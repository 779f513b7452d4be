from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from crewgraph.cli import job, trouble
from tests.unit.cli.conftest import FLOW

ROWS = '{"text": "a long one"}\n{"text": "boom boom"}\n{"text": "hi"}\n'


def lines(text):
    return sorted((json.loads(line) for line in text.splitlines()), key=lambda record: record.get("index", -1))


def test_results_are_json_lines_on_standard_output(crewgraph, flow, write):
    """One for each result, with everything that is known of it; progress and summary are elsewhere."""
    done = crewgraph("run", "flow.py", write("rows.jsonl", ROWS))
    assert done.exit_code == 1
    first, second, third = lines(done.stdout)
    assert first["status"] == "ok"
    assert first["json"] == {"answer": "long"}
    assert first["trace"] == [{"text": "a long one"}, "measure", {"route_taken": "long"}, "long"]
    assert (first["token_usage"], first["usage"], first["cost"]) == ({}, {}, 0.0)
    assert "error" not in first
    assert second["status"] == "failed"
    assert second["error"] == "'long' failed: RuntimeError: the boom"
    assert second["json"] is None
    assert third["raw"] == "only 2"
    assert "2 ok, 1 failed" in done.stderr
    assert "input 1: 'long' failed: RuntimeError: the boom" in done.stderr


def test_debug_shows_where_a_node_failed(crewgraph, flow, write):
    """With --debug the traceback of a failed node is told, with the user's file and line."""
    write("rows.jsonl", ROWS)
    told = crewgraph("--debug", "run", "flow.py", "rows.jsonl").stderr
    assert "Traceback" in told
    assert "flow.py" in told
    assert "Traceback" not in crewgraph("run", "flow.py", "rows.jsonl").stderr


def test_all_well_is_code_0(crewgraph, flow):
    """Values of the command line alone are one input."""
    done = crewgraph("run", "flow.py:flow", "--input", "text=a=b:=c")
    assert done.exit_code == 0
    assert lines(done.stdout)[0]["trace"][0] == {"text": "a=b:=c"}


def test_values_may_be_json(crewgraph, flow):
    """``:=`` for other than text."""
    done = crewgraph("run", "flow.py:short", "--input", "size:=12")
    assert lines(done.stdout)[0]["raw"] == "only 12"


def test_standard_input_with_bad_lines(crewgraph, flow):
    """A bad line is a failed result that names it, the others go on."""
    done = crewgraph("run", "flow.py", "-", stdin='{"text": "x"}\noops\n{"txt": 1}\n')
    assert done.exit_code == 1
    assert [record["status"] for record in lines(done.stdout)] == ["ok", "failed", "failed"]
    assert lines(done.stdout)[1]["error"] == "standard input, line 2: not JSON: Expecting value (column 1)"
    assert lines(done.stdout)[2]["error"] == "lacks 'text' (needed by 'measure')"


def test_results_and_spans_go_to_files(crewgraph, flow, write, folder):
    """The summary says where; standard output stays empty."""
    done = crewgraph(
        "run", "flow.py", "--inputs", write("rows.jsonl", ROWS), "--out", "out.jsonl", "--trace", "spans.jsonl"
    )
    assert done.stdout == ""
    assert "results in out.jsonl" in done.stderr
    assert len(lines((folder / "out.jsonl").read_text(encoding="utf-8"))) == 3
    header, *spans = lines((folder / "spans.jsonl").read_text(encoding="utf-8"))
    assert (header["crewgraph"], header["version"]) == ("trace", 1)
    assert [span["status"] for span in spans[1]["spans"]] == ["ok", "ok", "failed", "skipped"]


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_the_file_of_results_is_named_as_in_other_commands(crewgraph, flow, folder, option):
    """``-o`` is short for ``--out``, and ``--output`` is the same."""
    assert crewgraph("run", "flow.py", "--input", "text=x", option, "out.jsonl").stdout == ""
    assert len(lines((folder / "out.jsonl").read_text(encoding="utf-8"))) == 1


def test_the_runs_are_drawn(crewgraph, flow, write, folder):
    """As an SVG in which each run counts once, also those that failed."""
    done = crewgraph("run", "flow.py", write("rows.jsonl", ROWS), "--picture", "runs.svg", "--no-progress")
    assert "wrote runs.svg\n" in done.stderr
    picture = (folder / "runs.svg").read_text(encoding="utf-8")
    assert f"of {len(lines(done.stdout))} runs</title>" in picture
    assert "did-failed" in picture
    write("wide.py", "from crewgraph import step\nflow = step(lambda x: x) >> [step(lambda x: 1), step(lambda x: 2)]\n")
    crewgraph("run", "wide.py", "--input", "x=1", "--picture", "runs.svg")
    assert "of 1 runs</title>" in (folder / "runs.svg").read_text(encoding="utf-8")
    crewgraph("run", "wide.py", "--input", "x=1", "--picture", "runs.txt")
    assert (folder / "runs.txt").read_text(encoding="utf-8").count("✓") == 3


def test_branches_of_a_final_stage_are_results_and_one_line_of_spans(crewgraph, write, folder):
    """And they count as one input."""
    write(
        "wide.py", "from crewgraph import step\nflow = step(lambda x: x, ) >> [step(lambda x: 1), step(lambda x: 2)]\n"
    )
    done = crewgraph("run", "wide.py", "--input", "x=1", "--trace", "spans.jsonl")
    assert [record["index"] for record in lines(done.stdout)] == [0, 0]
    assert len((folder / "spans.jsonl").read_text().splitlines()) == 2  # the graph, and the run
    assert done.stderr.startswith("1 ok, ")


def test_the_limit_holds(crewgraph, flow, write):
    """Only the first rows are read and run."""
    done = crewgraph("run", "flow.py", write("rows.csv", "text\nx\nyy\n"), "--limit", "1")
    assert [record["raw"] for record in lines(done.stdout)] == ["only 1"]


def test_fail_fast_stops_at_the_first_failure(crewgraph, flow, write):
    """What did not come to its end is not ok, and nothing is told as an error of ours."""
    done = crewgraph(
        "run", "flow.py", write("rows.jsonl", ROWS * 50), "--on-error", "fail_fast", "--max-concurrency", "1"
    )
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) < 10
    assert "internal error" not in done.stderr


def test_the_model_is_set_for_the_process(crewgraph, write, monkeypatch):
    """Before the module is imported."""
    monkeypatch.setenv("CREWGRAPH_MODEL", "old")
    write(
        "one.py",
        "import os\nfrom crewgraph import step\nmodel = os.environ['CREWGRAPH_MODEL']\n@step\ndef say(x=1): return model\n",
    )
    assert lines(crewgraph("run", "one:say", "--model", "offline").stdout)[0]["raw"] == "offline"


def test_what_steps_print_is_not_a_result(crewgraph, write):
    """It goes to standard error."""
    write("one.py", "from crewgraph import step\n@step(inline=True)\ndef say(x=1): print('hello')\n")
    done = crewgraph("run", "one:say", "--quiet")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "hello\n"


def test_odd_values_do_not_lose_a_result(crewgraph, write, folder):
    """What JSON does not know becomes text, null or an escape."""
    write(
        "one.py",
        """
        import datetime
        from pydantic import BaseModel, model_serializer
        from crewgraph import step

        class Sulky(BaseModel):
            @model_serializer
            def no(self): raise RuntimeError("no")

        @step
        def odd(x=1):
            circle = []
            circle.append(circle)
            return {"nan": [float("nan"), 1.5], "day": datetime.date(2024, 2, 3), "half": chr(0xD800), "bytes": b"\\xff",
                    "key": {(1, 2): {3}}, "thing": object, "text": "ä\\u2028"}
        @step
        def round(x=1):
            circle = {}
            circle["me"] = circle
            return circle
        @step
        def sulk(x=1): return {"it": Sulky()}
    """,
    )
    odd = lines(crewgraph("run", "one:odd").stdout)[0]["json"]
    assert odd["nan"] == [None, 1.5]
    assert odd["day"] == "2024-02-03"
    assert odd["key"] == {"1,2": [3]}
    assert odd["text"] == "ä\u2028"
    for name in ("round", "sulk"):
        assert lines(crewgraph("run", f"one:{name}", "--trace", "spans.jsonl").stdout)[0]["status"] == "ok"
        assert lines((folder / "spans.jsonl").read_text())[1]["spans"][0]["status"] == "ok"


def test_an_invalid_pipeline_is_code_3(crewgraph, write, folder):
    """The findings are printed, nothing runs, and an older file of results stays."""
    write("one.py", "from crewgraph import Pipeline, step\nflow = Pipeline([step(print), []])\n")
    write("out.jsonl", "old")
    done = crewgraph("run", "one.py", "--input", "x=1", "--out", "out.jsonl")
    assert done.exit_code == 3
    assert "CG102 empty" in done.stderr
    assert "nothing has run" in done.stderr
    assert (folder / "out.jsonl").read_text() == "old"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["flow.py"], "the pipeline needs inputs: name a file of rows, or write --input text=…"),
        (
            ["flow.py", "--input", "txet=a"],
            "the input lacks 'text'; there is: txet. hint: write --input text=…",
        ),
        (["flow.py", "nope.jsonl"], "there is no file 'nope.jsonl'"),
        (["flow.py", "."], "'.' is a folder"),
        (["flow.py", "bad.jsonl"], "bad.jsonl, line 1: not JSON"),
        (["flow.py", "rows.jsonl", "--inputs", "rows.jsonl"], "the inputs are named twice"),
        (["flow.py", "rows.jsonl", "--out", "rows.jsonl"], "'rows.jsonl' holds the inputs; write to another file"),
        (["flow.py", "rows.jsonl", "--trace", "./rows.jsonl"], "holds the inputs"),
        (["flow.py", "rows.jsonl", "--out", "link.jsonl"], "holds the inputs"),
        (["flow.py", "rows.jsonl", "--out", "no/x.jsonl"], "there is no folder 'no' for 'no/x.jsonl'"),
        (["flow.py", "rows.jsonl", "--out", "folder"], "'folder' is a folder"),
        (["flow.py", "rows.jsonl", "--out", "x", "--trace", "x"], "--out and --trace are the same file"),
        (["flow.py", "rows.jsonl", "--trace", "-"], "--trace needs a file"),
        (
            ["flow.py", "rows.jsonl", "--picture", "x.png"],
            "--picture draws .svg, .dot, .mmd, .txt, and 'x.png' is named otherwise",
        ),
        (
            ["flow.py", "rows.jsonl", "--picture", "x.svg", "--trace", "x.svg"],
            "--trace and --picture are the same file",
        ),
        (["flow.py", "--input", "text"], "--input is KEY=TEXT or KEY:=JSON, not 'text'"),
        (["flow.py", "--input", "text:={"], "--input text:= is not JSON"),
        (["flow.py", "rows.jsonl", "--limit", "0"], "0 is not in the range"),
        (["flow.py", "rows.jsonl", "--max-concurrency", "none"], "not a valid integer"),
        (["nope.py", "rows.jsonl"], "there is no file 'nope.py'"),
        ([], "Missing argument 'TARGET'"),
    ],
)
def test_mistakes_are_code_2(crewgraph, write, folder, args, told):
    """With a message, without a traceback, and the inputs stay as they are."""
    write("flow.py", FLOW)
    write("rows.jsonl", ROWS)
    write("bad.jsonl", "oops\n")
    (folder / "folder").mkdir()
    (folder / "link.jsonl").hardlink_to(folder / "rows.jsonl")
    done = crewgraph("run", *args)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert (folder / "rows.jsonl").read_text() == ROWS


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such devices")
@pytest.mark.parametrize("option", ["--out", "--trace"])
def test_a_full_disk_is_told(crewgraph, flow, option):
    """Results that cannot be written are a mistake of the surroundings, not a bug."""
    done = crewgraph("run", "flow.py", "--input", "text=x", option, "/dev/full")
    assert done.exit_code == 2
    assert "cannot be written: No space left on device" in done.stderr


def test_a_file_that_may_not_be_written_is_told(crewgraph, flow, monkeypatch):
    """Before anything runs."""
    done = crewgraph("run", "flow.py", "--input", "text=x", "--out", "x" * 300)
    assert done.exit_code == 2
    assert "cannot be used: File name too long" in done.stderr
    opened = Path.open
    refuse = lambda path, mode="r", **kwargs: (
        os.open("/nowhere/at/all", 0) if mode == "wb" else opened(path, mode, **kwargs)
    )
    monkeypatch.setattr(Path, "open", refuse)
    done = crewgraph("run", "flow.py", "--input", "text=x", "--out", "x.jsonl")
    assert done.exit_code == 2
    assert "'x.jsonl' cannot be written: No such file or directory" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_is_read_as_a_stream(crewgraph, flow, folder):
    """As the shell makes it for ``<(…)``."""
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_text('{"text": "x"}\n'))
    writer.start()
    done = crewgraph("run", "flow.py", "pipe")
    writer.join()
    assert lines(done.stdout)[0]["raw"] == "only 1"


INTERRUPTING = """
    import os, signal, anyio
    from crewgraph import step

    @step
    async def wait(n: int):
        if n == 1:
            os.kill(os.getpid(), signal.SIGINT)
        if n >= 1:
            await anyio.sleep(60)
        return n
"""


@pytest.fixture
def left(monkeypatch):
    """Instead of ending this process, note with which code it would have."""
    codes = []

    def leave(code):
        codes.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(trouble.os, "_exit", leave)
    return codes


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_keeps_what_finished(crewgraph, write, left):
    """The finished lines are there, those that were cut off say so, the summary too, and the code is 130."""
    write("one.py", INTERRUPTING)
    rows = write("rows.jsonl", "".join(f'{{"n": {number}}}\n' for number in range(3)))
    before = signal.getsignal(signal.SIGINT)
    done = crewgraph("run", "one:wait", rows, "--max-concurrency", "1")
    assert done.exit_code == 130
    assert left == [130]
    assert [(record["raw"], record["status"]) for record in lines(done.stdout)] == [("0", "ok"), ("", "cancelled")]
    assert "interrupted; every line that was written is complete" in done.stderr
    assert "1 ok, 1 cancelled" in done.stderr
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_the_second_ctrl_c_ends_at_once(crewgraph, write, left, monkeypatch):
    """Whatever is still going on."""
    orderly = trouble.os._exit
    # This process cannot really end inside of a signal handler; it goes on and ends in the orderly way after it.
    monkeypatch.setattr(trouble.os, "_exit", lambda code: left.append(code) if not left else orderly(code))
    write("one.py", INTERRUPTING.replace("signal.SIGINT)", "signal.SIGINT); os.kill(os.getpid(), signal.SIGINT)"))
    assert crewgraph("run", "one:wait", "--input", "n:=1").exit_code == 130
    assert left == [130, 130]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_while_a_module_is_imported(crewgraph, write):
    """It is no error of the module's."""
    write("one.py", "raise KeyboardInterrupt\n")
    done = crewgraph("check", "one.py")
    assert done.exit_code == 130
    assert "interrupted" in done.stderr


def test_a_reader_that_has_enough_ends_it_quietly(crewgraph, flow, left, monkeypatch):
    """As in ``… | head``."""

    def broken(_file, _line):
        raise BrokenPipeError

    monkeypatch.setattr(job, "_write", broken)
    done = crewgraph("run", "flow.py", "--input", "text=x")
    assert done.exit_code == 141
    assert left == [141]
    assert done.stderr == ""
