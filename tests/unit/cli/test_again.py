from __future__ import annotations

import json
import sqlite3

import pytest

ROWS = '{"id": "T-1", "text": "a long one"}\n{"id": "T-2", "text": "boom boom"}\n{"id": "U-3", "text": "hi"}\n'


@pytest.fixture
def begun(crewgraph, flow, write):
    """A store with three runs of which the second failed."""
    done = crewgraph("run", "flow.py", write("rows.jsonl", ROWS), "--store", "runs.sqlite", "--id-column", "id")
    assert done.exit_code == 1
    return done


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def mended(flow):
    flow.write_text(flow.read_text().replace('if "boom" in text', "if not text"))


def killed(where):
    connection = sqlite3.connect("runs.sqlite")
    with connection:
        connection.execute(f"UPDATE runs SET status = 'running', ended = NULL WHERE {where}")
    connection.close()


def test_retry(crewgraph, begun, flow):
    """Tries what failed once more, says what it is about beforehand, and leaves the others alone."""
    again = crewgraph("retry", "flow.py", "--store", "runs.sqlite")
    assert again.exit_code == 1
    assert [(line["index"], line["status"]) for line in lines(again)] == [(0, "failed")]
    assert "runs.sqlite: 1 run is tried again; of it 2 answers are kept" in again.stderr
    assert "1 failed" in again.stderr
    mended(flow)
    again = crewgraph("retry", "flow.py", "T-2", "--store", "runs.sqlite", "--report", "page.html")
    assert again.exit_code == 0
    assert [line["json"] for line in lines(again)] == [{"answer": "long"}]
    assert "wrote page.html" in again.stderr
    again = crewgraph("retry", "flow.py", "--store", "runs.sqlite")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "no run of 'pipeline' is left to be tried again" in again.stderr


def test_resume(crewgraph, begun):
    """Goes on with what was killed; the store may be named by the environment."""
    killed("id <> 'T-2'")
    done = crewgraph("resume", "flow.py", "U", "--store", "runs.sqlite")
    assert [line["raw"] for line in lines(done)] == ["only 2"]
    done = crewgraph("resume", "flow.py", "--store", "runs.sqlite", "--quiet")
    assert [line["json"] for line in lines(done)] == [{"answer": "long"}]
    assert done.stderr == ""


def test_the_store_may_be_named_by_the_environment(crewgraph, begun, monkeypatch):
    """It is looked for there where the command does not say."""
    assert "No store is named: --store STORE." in crewgraph("resume", "flow.py").stderr
    monkeypatch.setenv("CREWGRAPH_STORE", "runs.sqlite")
    assert crewgraph("resume", "flow.py").exit_code == 0


def test_fork(crewgraph, begun):
    """Runs anew from a node on, with other values, under another id."""
    done = crewgraph("fork", "flow.py", "T-1", "--from", "by size", "--input", "text=ab", "--store", "runs.sqlite")
    (line,) = lines(done)
    assert line["forked_from"] == {"run": "T-1", "from": "by size"}
    assert line["trace"] == [{"id": "T-1", "text": "ab"}, "measure", {"route_taken": "long"}, "long"]
    assert "run 'T-1~1' is forked from 'T-1' and takes over 1 node" in done.stderr
    done = crewgraph("fork", "flow.py", "T-1", "--input", 'text:="ab"', "--id", "mine", "--store", "runs.sqlite")
    assert lines(done)[0]["raw"] == "only 2"


def test_dry_run(crewgraph, begun):
    """Shows what would be read and what would run, and writes nothing."""
    killed("id = 'U-3'")
    told = crewgraph("retry", "flow.py", "--store", "runs.sqlite", "--dry-run").stdout.splitlines()
    assert told == [
        "1 run is tried again",
        "  measure  is read in 1",
        "  by size  is read in 1",
        "  long     runs in 1",
        "  short    does not run",
    ]
    told = crewgraph("resume", "flow.py", "--store", "runs.sqlite", "--dry-run").stdout.splitlines()
    assert told[0] == "1 run goes on"
    assert told[4] == "  short    is read in 1"
    line = ("fork", "flow.py", "T-1", "--from", "by size", "--store", "runs.sqlite", "--dry-run")
    told = crewgraph(*line).stdout.splitlines()
    assert told == [
        "1 run is forked",
        "  measure  is read in 1",
        "  by size  runs in 1",
        "  long     may run in 1",
        "  short    may run in 1",
    ]
    assert crewgraph("status", "runs.sqlite").stdout == "pipeline  3 runs: 1 ok, 1 failed, 1 not finished\n"
    crewgraph("resume", "flow.py", "--store", "runs.sqlite")
    assert crewgraph("resume", "flow.py", "--store", "runs.sqlite", "--dry-run").stdout == "nothing is left to do\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (("retry", "T-1"), "run 'T-1' has not failed: it is 'ok'. hint: fork it"),
        (("resume", "T"), "'T' may be 'T-1', 'T-2'"),
        (("resume", "--key", "other"), "holds no runs of 'other'; there are those of 'pipeline'"),
        (("fork", "T-1", "--from", "lung"), "hint: did you mean 'long'?"),
        (("fork", "T-1", "--input", "text"), "--input is KEY=TEXT or KEY:=JSON"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_mistakes(crewgraph, begun, line, told, dry):
    """They are told in one line, whether it is tried or done, and nothing has run."""
    verb, *rest = line
    done = crewgraph(verb, "flow.py", *rest, "--store", "runs.sqlite", *dry)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_a_store_that_is_not_there(crewgraph, flow):
    """It is not made."""
    done = crewgraph("resume", "flow.py", "--store", "none.sqlite")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: none.sqlite: there is no such file. hint: crewgraph run … --store")


def test_a_key_for_run(crewgraph, flow, write):
    """Names the pipeline in the store; without a store it is a mistake."""
    rows = write("rows.jsonl", ROWS)
    crewgraph("run", "flow.py", rows, "--store", "runs.sqlite", "--key", "mine")
    assert crewgraph("status", "runs.sqlite").stdout.startswith("mine  3 runs")
    assert "--key is about a store" in crewgraph("run", "flow.py", rows, "--key", "mine").stderr


def test_the_store_is_no_output(crewgraph, begun):
    """Results are not written over it."""
    done = crewgraph("retry", "flow.py", "--store", "runs.sqlite", "--out", "runs.sqlite")
    assert "--out and --store are the same file" in done.stderr
