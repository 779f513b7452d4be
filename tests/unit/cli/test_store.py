from __future__ import annotations

import json
import logging

import pytest

from crewgraph import Pipeline, step
from crewgraph.cli import stored

ROWS = '{"id": "x", "text": "a long one"}\n{"id": "y", "text": "boom boom"}\n{"id": "z", "text": "hi"}\n'


def results(text):
    records = sorted((json.loads(line) for line in text.splitlines()), key=lambda record: record["index"])
    return [{key: value for key, value in record.items() if key != "id"} for record in records]


def test_the_same_line_again(crewgraph, flow, write):
    """Gives the same results, runs what failed, and says what it found before it does."""
    line = ("run", "flow.py", write("rows.jsonl", ROWS), "--store", "runs.sqlite")
    first, again = crewgraph(*line), crewgraph(*line)
    assert first.exit_code == again.exit_code == 1
    assert results(first.stdout) == results(again.stdout)
    assert "runs.sqlite" not in first.stderr
    assert "runs.sqlite: 3 runs of 'pipeline' are there, 1 of them not finished" in again.stderr
    assert "runs.sqlite: 8 nodes read, and not run" in again.stderr
    assert "runs.sqlite" not in crewgraph(*line, "--quiet").stderr


def test_an_id_column(crewgraph, flow, write):
    """Names the key by which inputs are known again."""
    rows = write("rows.jsonl", ROWS)
    line = ("run", "flow.py", rows, "--store", "runs.sqlite", "--id-column")
    assert crewgraph(*line, "id").exit_code == 1
    done = crewgraph(*line, "no")
    assert "has no 'no', by which it would be known again" in done.stdout
    assert crewgraph("run", "flow.py", rows, "--id-column", "id").stderr == (
        "error: --id-column is about a store, and there is none. hint: --store runs.sqlite\n"
    )


def test_files_that_cannot_be_a_store(crewgraph, flow, write):
    """The inputs, another output, a file of another kind."""
    rows = write("rows.jsonl", ROWS)
    assert "holds the inputs" in crewgraph("run", "flow.py", rows, "--store", rows).stderr
    done = crewgraph("run", "flow.py", rows, "--out", "same", "--store", "same")
    assert "--out and --store are the same file" in done.stderr
    done = crewgraph("run", "flow.py", rows, "--store", "flow.py")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "flow.py: is no store of crewgraph. hint: name another file" in done.stderr


def test_status(crewgraph, flow, write):
    """Counts runs by how they ended, and on request nodes; as text and as JSON."""
    crewgraph("run", "flow.py", write("rows.jsonl", ROWS), "--store", "runs.sqlite")
    assert crewgraph("status", "runs.sqlite").stdout == "pipeline  3 runs: 2 ok, 1 failed\n"
    shown = crewgraph("status", "runs.sqlite", "--nodes").stdout.splitlines()
    assert shown[1:] == [
        "  by size  kept of 3 runs",
        "  long     kept of 1 run, 1 failed",
        "  measure  kept of 3 runs",
        "  short    kept of 1 run",
    ]
    told = json.loads(crewgraph("status", "runs.sqlite", "--json").stdout)
    assert told["pipelines"][0]["runs"] == {"failed": 1, "ok": 2}
    assert told["writer"] is None
    assert crewgraph("status", "none.sqlite").exit_code == 2


def test_status_while_somebody_writes(crewgraph, folder):
    """A store in which nothing has ended yet, and who is at it."""

    @step(inline=True)
    def look() -> str:
        return crewgraph("status", "runs.sqlite", "--nodes").stdout

    (run,) = Pipeline([look]).kickoff({}, store="runs.sqlite")
    assert run.raw.startswith("there are no runs in it yet\nprocess ")
    assert run.raw.endswith(" writes to it\n")


def test_whoever_listens_is_not_told_twice(caplog):
    """Where the user's code wants the lines of the store, it gets them."""
    shown = list[str]()
    caplog.set_level(logging.INFO, "crewgraph.store")
    with stored.told(shown.append):
        logging.getLogger("crewgraph.store").info("a line")
    assert shown == []


READING = (
    ["status"], ["status", "--runs"], ["trace"], ["report"], ["waiting"], ["show", "r", "--store"],
    ["gc", "--older", "1d", "--store"], ["approve", "r", "--store"], ["resume", "flow.py", "--store"],
    ["retry", "flow.py", "--store"], ["fork", "flow.py", "r", "--store"], ["schedule", "list", "--store"],
)  # fmt: skip


@pytest.mark.parametrize("line", READING, ids=" ".join)
def test_a_store_that_is_not_there(crewgraph, flow, folder, line):
    """Every command that reads one says it in the same words, names what is called much the same, and makes nothing."""
    before = sorted(folder.iterdir())
    done = crewgraph(*line, "none.sqlite")
    assert (done.exit_code, done.stderr.partition(". hint: crewgraph ")[0]) == (
        2,
        "error: none.sqlite: there is no such file",
    )
    assert sorted(folder.iterdir()) == before
    (folder / "nome.sqlite").write_bytes(b"")
    done = crewgraph(*line, "none.sqlite")
    assert done.stderr == "error: none.sqlite: there is no such file. hint: did you mean 'nome.sqlite'?\n"


@pytest.mark.parametrize("line", READING, ids=" ".join)
def test_a_folder_is_no_store(crewgraph, flow, line):
    """Also the one that is called by a dot, which has no name."""
    done = crewgraph(*line, ".")
    assert done.exit_code == 2
    assert "is a directory" in done.stderr.lower() or "'.' is a folder" in done.stderr


def test_an_empty_file_is_no_store_yet(crewgraph, flow, write):
    """And that is said."""
    write("runs.sqlite", b"")
    assert "runs.sqlite: is empty, and no store yet. hint: crewgraph run" in crewgraph("status", "runs.sqlite").stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["run", "flow.py", "row.jsonl"], "there is no file 'row.jsonl'. hint: did you mean 'rows.jsonl'?"),
        (["plan", "flow.py", "rows.json"], "there is no file 'rows.json'. hint: did you mean 'rows.jsonl'?"),
        (["plan", "flow.py", "a/rows.json"], "there is no file 'a/rows.json'"),
        (["run", "flow.py", "--replay", "taep"], "there is no cassette 'taep'. hint: --record taep makes one"),
        (
            ["run", "flow.py", "--replay", "row.jsonl"],
            "there is no cassette 'row.jsonl'. hint: did you mean 'rows.jsonl'?",
        ),
    ],
    ids=["inputs", "to plan", "no folder", "a cassette", "another cassette"],
)
def test_a_file_that_is_not_there(crewgraph, flow, write, line, told):
    """One beside it that is called much the same may be meant."""
    write("rows.jsonl", ROWS)
    assert crewgraph(*line).stderr == f"error: {told}\n"
