"""``crewgraph status --runs``, ``show RUN``, ``trace``, ``gc``, and reports of a store."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from crewgraph import Pipeline, step
from crewgraph.cli import account
from crewgraph.render.escape import columns
from crewgraph.report import Record, record_of
from crewgraph.testing import FailingLLM, ScriptedLLM

ROWS = '{"id": "x", "text": "a long one"}\n{"id": "y", "text": "boom boom"}\n{"id": "z", "text": "hi"}\n'


@pytest.fixture
def store(crewgraph, flow, write):
    """A store with two runs that went well, and a failed one that was tried twice."""
    line = ("run", "flow.py", write("rows.jsonl", ROWS), "--store", "runs.sqlite", "--id-column", "id", "--out", "o")
    for _ in range(2):
        assert crewgraph(*line).exit_code == 1
    return "runs.sqlite"


def change(*statements):
    with closing(sqlite3.connect("runs.sqlite")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# ---- status --runs ---------------------------------------------------------------------------------------------------


def test_runs_are_listed(crewgraph, store):
    """The last first, with how and when they ended, and why they failed."""
    change("UPDATE runs SET began = 1700000000 + place, ended = 1700000061 + place")
    assert crewgraph("status", store, "--runs").stdout.splitlines() == [
        "z  ok      2023-11-14 22:13:22  1 min 1 s",
        "y  failed  2023-11-14 22:13:21  1 min 1 s  'long' failed: RuntimeError: the boom",
        "x  ok      2023-11-14 22:13:20  1 min 1 s",
    ]
    assert crewgraph("status", store, "--runs", "--status", "failed").stdout.split()[0] == "y"
    assert crewgraph("status", store, "--runs", "--limit", "1").stdout.split()[0] == "z"
    lines = crewgraph("status", store, "--runs", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["z", "y", "x"]
    assert json.loads(lines[1])["error"] == "'long' failed: RuntimeError: the boom"


def test_runs_of_several_pipelines_are_listed(crewgraph, store):
    """With their names, or those of one."""
    Pipeline([step(lambda n: n, name="echo")], name="second").kickoff({"n": 1}, store=store)
    assert crewgraph("status", store, "--runs").stdout.split()[1] == "second"
    assert len(crewgraph("status", store, "--runs", "--key", "pipeline").stdout.splitlines()) == 3


def test_runs_are_listed_by_what_a_person_knows_of_them(crewgraph, monkeypatch):
    """Whole where nobody looks, and as wide as the terminal is, by the beginning of an id that we made."""
    letters = Pipeline([step(lambda title: title, name="echo")])
    letters.kickoff(
        [{"title": "Ship the lamps to Oslo\nsoon"}, {"title": "\x1b[31m漢字漢字漢字漢字漢字漢字"}], store="r.sqlite"
    )
    *_, whole = lines = crewgraph("status", "r.sqlite", "--runs").stdout.splitlines()
    assert any(line.endswith("Ship the lamps to Oslo soon") for line in lines)
    assert len(whole.split()[0]) == 32
    monkeypatch.setattr("crewgraph.cli.runs.width_for", lambda *_, **__: 56)
    lines = crewgraph("status", "r.sqlite", "--runs").stdout.splitlines()
    assert all(columns(line) <= 56 and line.endswith("…") for line in lines), lines
    short = lines[0].split()[0]
    assert len(short) == 12
    assert crewgraph("show", short, "--store", "r.sqlite").stdout.startswith(short)


def test_a_run_is_told_as_wide_as_the_terminal_is(crewgraph, monkeypatch):
    """What it was given and what nodes gave is cut off there."""
    long = "a word and another " * 9
    Pipeline([step(lambda text: text, name="echo")]).kickoff({"text": long}, store="long.sqlite")
    name = crewgraph("status", "long.sqlite", "--runs").stdout.split()[0]
    assert max(map(columns, crewgraph("show", name, "--store", "long.sqlite").stdout.splitlines())) > 90
    monkeypatch.setattr("crewgraph.cli.runs.width_for", lambda *_, **__: 56)
    told = crewgraph("show", name, "--store", "long.sqlite").stdout.splitlines()
    assert [line[-1] for line in told if "a word" in line] == ["…", "…"]
    assert max(columns(line) for line in told if "a word" in line) <= 56


def test_lists_that_are_empty_or_long(crewgraph, store, monkeypatch):
    """It is told why there is nothing, and how more are listed."""
    assert crewgraph("status", store, "--runs", "--status", "waiting").stdout == "there are no such runs in it\n"
    Pipeline([step(lambda n: n, name="echo")]).kickoff([], store="empty.sqlite")
    assert crewgraph("status", "empty.sqlite", "--runs").stdout == "there are no runs in it yet\n"
    monkeypatch.setattr("crewgraph.cli.runs.MOST", 3)
    assert crewgraph("status", store, "--runs").stdout.endswith("only the last 3 are shown. hint: --limit N\n")
    done = crewgraph("status", store, "--status", "ok")
    assert (done.exit_code, done.stderr) == (
        2, "error: --status, --limit and --key choose among runs. hint: add --runs\n",
    )  # fmt: skip


def test_what_stands_in_a_file_does_nothing_to_a_terminal(crewgraph, store):
    """Ids, names, errors and statuses of whatever characters, and times that are none."""
    bad = "'a' || char(27) || '[31m' || char(10) || char(8238) || 'b'"
    change(
        f"UPDATE runs SET id = {bad}, pipeline = {bad}, error = {bad}, status = {bad}, origin = {bad} WHERE place = 1",
        "UPDATE runs SET began = 1e300, ended = 0 WHERE place = 1",
        f"UPDATE nodes SET error = {bad}, node = node || {bad} WHERE run = 2",
    )
    for line in (("status", store, "--runs"), ("show", "a", "--store", store), ("status", store, "--nodes")):
        done = crewgraph(*line)
        assert done.exit_code == 0, done.stderr
        assert not set("\x1b\u202e") & set(done.stdout)
        assert "a b" in done.stdout
    for line in (
        ("status", store, "--runs", "--json"),
        ("show", "a", "--store", store, "--json"),
        ("trace", store, "a"),
    ):
        assert not set("\x1b\u202e") & set(crewgraph(*line).stdout)


# ---- show ------------------------------------------------------------------------------------------------------------


def test_one_run_is_shown(crewgraph, store):
    """What it was given, what each node did, and what failed, the first time too."""
    lines = crewgraph("show", "y", "--store", store).stdout.splitlines()
    assert lines[0].startswith("y  failed in ")
    assert lines[1].startswith("  pipeline, input 1, began 20")
    assert lines[2:5] == ["  id: y", "  text: boom boom", "  'long' failed: RuntimeError: the boom"]
    assert lines[5].startswith("  +0 ms ")
    assert '→ {"size": 9}' in lines[6]
    assert "✓ by size  to long, " in lines[7]
    assert "✗ long     " in lines[8]
    assert "attempt 2" in lines[8]
    assert lines[9].strip() == "RuntimeError: the boom"
    assert lines[10:] == ["  not run: short", "  attempt 1 of 'long' failed: RuntimeError: the boom"]


def test_one_run_as_json(crewgraph, store):
    """All of it, every attempt too."""
    told = json.loads(crewgraph("show", "y", "--store", store, "--json").stdout)
    assert (told["id"], told["status"], told["inputs"]) == ("y", "failed", {"id": "y", "text": "boom boom"})
    assert [(each["node"], each["attempt"], each["status"]) for each in told["attempts"]] == [
        ("measure", 1, "ok"), ("by size", 1, "ok"), ("long", 1, "failed"), ("long", 2, "failed"),
    ]  # fmt: skip
    assert [span["status"] for span in told["spans"]] == ["ok", "ok", "failed", "skipped"]
    change("UPDATE runs SET input = '{'")
    assert json.loads(crewgraph("show", "y", "--store", store, "--json").stdout)["inputs"] == "{"


@pytest.mark.parametrize(
    ("statements", "head"),
    [
        (["UPDATE runs SET status = 'running', ended = NULL"], "x  not finished"),
        (["UPDATE runs SET status = 'cancelled'"], "x  cancelled in "),
        (["UPDATE runs SET status = 'waiting', ended = NULL"], "x  waiting for a person after "),
        (["UPDATE nodes SET status = 'waiting' WHERE node = 'long'"], "x  failed in "),
    ],
)
def test_runs_that_did_not_end_well(crewgraph, store, statements, head):
    """It is told how they stand."""
    change(*statements)
    assert crewgraph("show", "x", "--store", store).stdout.startswith(head)


def test_a_run_under_way(crewgraph, folder):
    """Somebody is at it, so it is not called lost."""

    @step(inline=True)
    def first() -> int:
        return 1

    @step(inline=True)
    def look() -> str:
        return crewgraph("show", "", "--store", "runs.sqlite").stdout

    (run,) = Pipeline([first, look]).kickoff({}, store="runs.sqlite")
    assert run.raw.splitlines()[0].endswith("  under way")


def test_what_was_not_kept_is_told(crewgraph, folder):
    """With the reason, and where the run was forked from."""

    @step(inline=True)
    def odd() -> dict[str, object]:
        return {"x": {1, 2}}

    Pipeline([odd]).kickoff({"big": "x" * 200_000}, store="runs.sqlite")
    change("UPDATE runs SET origin = 'another'")
    shown = crewgraph("show", "", "--store", "runs.sqlite").stdout
    assert "'odd' is not kept: 'x' is a set, which JSON does not know" in shown
    assert ", forked from another\n" in shown
    assert len(shown) < 1_000
    change("""UPDATE runs SET origin = '{"run": "T-1", "from": "judge"}'""")
    assert ", forked from T-1 at judge\n" in crewgraph("show", "", "--store", "runs.sqlite").stdout


def test_show_is_about_one_thing(crewgraph, flow, store):
    """A pipeline as ever, or a run in a store."""
    assert crewgraph("show", "flow.py").stdout.startswith("flow.py  pipeline")
    done = crewgraph("show", "flow.py", "--json")
    assert (done.exit_code, done.stderr) == (
        2, "error: --key and --json are about a run in a store. hint: add --store runs.sqlite\n",
    )  # fmt: skip
    assert "there is no run 'flow.py' in it" in crewgraph("show", "flow.py", "--store", store).stderr


# ---- trace, report -----------------------------------------------------------------------------------------------------


def test_a_trace_is_made_of_a_store(crewgraph, store, folder):
    """As lines on standard output, or in a file; of it the same report is made as of the store."""
    printed = crewgraph("trace", store).stdout
    done = crewgraph("trace", store, "-o", "t.jsonl")
    assert (done.stdout, done.stderr) == ("", "wrote t.jsonl: 3 runs\n")
    assert (folder / "t.jsonl").read_text(encoding="utf-8") == printed == crewgraph("trace", store, "-o", "-").stdout
    assert crewgraph("report", "t.jsonl", "-o", "one.html").exit_code == 0
    assert crewgraph("report", store, "-o", "two.html").stderr == "wrote two.html\n3 runs, 1 failed\n"
    assert (folder / "one.html").read_bytes() == (folder / "two.html").read_bytes()
    assert crewgraph("trace", store, "y", "-o", "y.jsonl").stderr == "wrote y.jsonl: 1 run\n"


def test_a_report_stands_beside_the_store(crewgraph, store, monkeypatch, folder):
    """Which may be named by the environment."""
    monkeypatch.setenv("CREWGRAPH_STORE", store)
    assert crewgraph("report", "--picture", "p.svg").stderr == "wrote runs.html\nwrote p.svg\n3 runs, 1 failed\n"
    assert crewgraph("status", "--runs").exit_code == crewgraph("trace").exit_code == 0
    assert crewgraph("gc", "--older", "1d").stdout == "there is nothing to remove\n"
    assert "are the same file" in crewgraph("report", "-o", store).stderr


def test_a_run_is_told(crewgraph, store):
    """Of a store as of a trace of it."""
    told = crewgraph("trace", store, "y").stdout
    assert told.splitlines()[0].startswith("y  failed in ")
    assert "RuntimeError: the boom" in told
    crewgraph("trace", store, "-o", "t.jsonl")
    assert crewgraph("trace", "t.jsonl", "y").stdout == told


def test_traces_that_cannot_be_written(crewgraph, store):
    """Over what they are made of, or where there is no folder."""
    done = crewgraph("trace", store, "-o", f"./{store}")
    assert (done.exit_code, done.stderr) == (2, "error: the runs and -o are the same file\n")
    done = crewgraph("trace", store, "-o", "no/where.jsonl")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: 'no/where.jsonl' cannot be written: No such file or directory\n",
    )


def test_calls_are_told():
    """Which model was asked by whom, how long it took, and what failed."""
    from crewgraph import Agent, Crew, Task

    def crew(llm):
        return Crew(name="c", agents=[Agent(role="Clerk", llm=llm)], tasks=[Task(description="x")])

    (good,) = Pipeline([crew(ScriptedLLM("fine"))]).kickoff({})
    (bad,) = Pipeline([crew(FailingLLM())]).kickoff({}, on_error="collect")
    lines = list(account.nodes(record_of(good), has_calls=True, has_answers=True))
    assert lines[1].split(":")[0].split() == ["model", "scripted", "for", "Clerk"]
    assert lines[2].strip() == "→ fine"
    assert "model failing for Clerk" in "\n".join(account.nodes(record_of(bad), has_calls=True))
    assert list(account.inputs(Record(0, "", "ok", None, {"a\x1b[1m": "", "b": {"c": 1}}, ()))) == [
        'a: ""',
        'b: {"c": 1}',
    ]
    assert list(account.nodes(Record(0, "", "ok", None, {}, ()))) == []
    odd = good.spans[0].model_copy(update={"output": "text", "ended": None, "status": "waiting"})
    (head, answer) = account.nodes(Record(0, "", "ok", None, {}, [odd]), has_answers=True)
    assert "◷ c  waiting for a person" in head
    assert answer.strip() == "→ text"


# ---- gc ----------------------------------------------------------------------------------------------------------------


def test_what_ended_long_ago_is_removed(crewgraph, store):
    """What would go is told before, and how small the file is after."""
    line = ("gc", "--store", store, "--older", "0s")
    would = crewgraph(*line, "--status", "failed", "--dry-run")
    assert would.stdout == "would be removed: 1 run (1 failed)\n"
    assert crewgraph(*line, "--status", "ok").stdout.startswith(
        "removed: 2 runs (2 ok), 1 attempt that a later one replaced\nruns.sqlite: "
    )
    assert crewgraph(*line).stdout.startswith("removed: 1 run (1 failed), 1 version of pipelines without runs\n")
    assert crewgraph(*line).stdout == "there is nothing to remove\n"
    assert crewgraph("status", store).stdout == "there are no runs in it yet\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--older", "soon"], "--older is a number with s, m, h, d or w behind it, not 'soon'. hint: --older 30d"),
        (["--older", "-1d"], "not '-1d'"),
        (["--older", "9999999d"], "not '9999999d'"),
        (["--older", "1d", "--status", "running"], "--status is one or more of ok, failed, over_budget, cancelled"),
        (["--older", "1d", "--status", ","], "not ','"),
        (["--older", "1d", "--store", "none.sqlite"], "there is no such file"),
    ],
)
def test_what_gc_refuses(crewgraph, store, options, message):
    """With what would do instead."""
    done = crewgraph("gc", "--store", store, *options)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("number", "told"), [(3, "3 bytes"), (2048, "2 KiB"), (3 * 1024**2, "3 MiB"), (5.5 * 1024**3, "5.5 GiB")]
)
def test_sizes_are_told(number, told):
    """As a person says them."""
    from crewgraph.cli.gc import _size

    assert _size(number) == told
