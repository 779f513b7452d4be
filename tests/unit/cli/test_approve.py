"""``crewgraph waiting``, ``approve`` and ``reject``, and what ``run`` says of what waits."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from crewgraph.cli.onward import store_option_for
from crewgraph.store import waiting
from crewgraph.store.lock import Lock

FLOW = """
    from datetime import timedelta
    from crewgraph import Approval, step

    @step(inline=True)
    def draft(id: str):
        return {"draft": f"Dear {id},\\nhello.", "price": 1}

    flow = draft >> Approval("send", ask="Send it?\\n{draft}", timeout=timedelta(days=3), edits={"draft": str, "price": int})
"""


@pytest.fixture
def line(write):
    write("flow.py", FLOW)
    rows = write("rows.jsonl", '{"id": "ann"}\n{"id": "b\\u001b[31mob"}\n')
    return ("run", "flow.py", rows, "--store", "r.sqlite", "--id-column", "id")


def test_run(crewgraph, line) -> None:
    """What waits is no failure: the exit code is 0, and it says how to go on."""
    done = crewgraph(*line)
    assert done.exit_code == 0
    assert "0 ok, 2 waiting for a person" in done.stderr
    assert "crewgraph waiting r.sqlite shows what is asked; the same line again goes on" in done.stderr
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["status"], first["waiting"][0]["node"], "error" in first) == ("waiting", "send", False)
    assert first["waiting"][0]["ask"] == "Send it?\nDear ann,\nhello."
    assert crewgraph("status", "r.sqlite").stdout == "pipeline  2 runs: 2 waiting for a person\n"
    followed = crewgraph(*line, "--follow").stderr
    assert "◷ Send it?" in followed
    assert "◷ waits for a person" in followed


def test_without_a_store(crewgraph, line) -> None:
    """It is a mistake in the call, told before anything runs."""
    done = crewgraph(*line[:3])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "on the command line --store runs.sqlite" in done.stderr


def test_waiting(crewgraph, line) -> None:
    """It shows questions without control characters, and how to decide; as JSON with whole values."""
    crewgraph(*line)
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "then", crewgraph("waiting", "r.sqlite").stdout)
    assert shown.splitlines()[:6] == [
        "run ann of 'pipeline': 'send' asks since then, until then:",
        "  Send it?",
        "  Dear ann,",
        "  hello.",
        "  draft may be changed: Dear ann, hello.",
        "  price may be changed: 1",
    ]
    assert "\x1b" not in shown
    assert shown.splitlines()[-1] == "decide with: crewgraph approve ann --store r.sqlite, or reject"
    records = [json.loads(each) for each in crewgraph("waiting", "r.sqlite", "--json").stdout.splitlines()]
    assert [record["run"] for record in records] == ["ann", "b\x1b[31mob"]
    assert records[0]["values"] == {"draft": "Dear ann,\nhello.", "price": 1}


def test_decide(crewgraph, line, monkeypatch) -> None:
    """One is approved with a change, the other rejected; then the same line goes on."""
    crewgraph(*line)
    done = crewgraph("approve", "ann", "--store", "r.sqlite", "--by", "Zoe", "--set", "draft=Hi", "--set", "price:=7")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "approved: send of run ann; go on with:",
        "  crewgraph resume TARGET ann --store r.sqlite",
    ]
    monkeypatch.setenv("CREWGRAPH_STORE", "r.sqlite")
    assert crewgraph("reject", "b", "--comment", "no").stdout.endswith("; go on with:\n  crewgraph resume TARGET bob\n")
    shown = crewgraph("waiting").stdout
    assert "  approved by Zoe, and has not gone on yet" in shown
    assert "  rejected, and has not gone on yet" in shown
    assert shown.splitlines()[-1] == "go on with what is decided or too late to decide: crewgraph resume TARGET"
    assert "decide with" not in shown
    done = crewgraph(*line)
    assert done.exit_code == 0
    answers = {each["index"]: each["json"] for each in map(json.loads, done.stdout.splitlines())}
    assert answers[0] == {"send": "approved", "send_comment": "", "send_by": "Zoe", "draft": "Hi", "price": 7}
    assert answers[1]["send_comment"] == "no"
    assert crewgraph("waiting").stdout == "nothing waits for a person\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("zoe",), "there is no run 'zoe'", id="unknown"),
        pytest.param(("ann", "--set", "price=7 or so"), "'price' of 'send': '7 or so' is no int", id="type"),
        pytest.param(("ann", "--set", "price:=["), "--set price:= is not JSON", id="json"),
        pytest.param(("ann", "--set", "price"), "--set is KEY=TEXT or KEY:=JSON", id="no pair"),
        pytest.param(("ann", "--node", "x"), "does not wait at 'x', but at 'send'", id="node"),
        pytest.param(("ann", "--key", "x"), "there is no run 'ann' of 'x'", id="key"),
    ],
)
def test_mistakes(crewgraph, line, words, message) -> None:
    """They are told in a line, with exit code 2."""
    crewgraph(*line)
    done = crewgraph("approve", *words, "--store", "r.sqlite")
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_too_late(crewgraph, line, monkeypatch) -> None:
    """It is said, and the same line goes on."""
    crewgraph(*line)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 400_000)
    shown = crewgraph("waiting", "r.sqlite").stdout
    assert "  too late to decide\n" in shown
    assert shown.endswith("crewgraph resume TARGET --store r.sqlite\n")
    done = crewgraph("approve", "ann", "--store", "r.sqlite")
    assert (done.exit_code, "has passed" in done.stderr) == (2, True)
    assert {json.loads(each)["json"]["send"] for each in crewgraph(*line).stdout.splitlines()} == {"expired"}


FAILING = """
    from crewgraph import Approval, Pipeline, step

    @step(inline=True)
    def bad(i: int):
        raise RuntimeError("no ink")

    flow = Pipeline([[Approval("ok"), bad]], name="failing")
"""


def test_the_command_that_goes_on(crewgraph, line, write) -> None:
    """A run that failed meanwhile is tried again, and whoever writes to the store comes first."""
    write("failing.py", FAILING)
    assert crewgraph("run", "failing.py", "--input", "i:=1", "--store", "r.sqlite").exit_code == 1
    lock = Lock(Path("r.sqlite"))
    try:
        done = crewgraph("approve", waiting("r.sqlite")[0].run, "--store", "r.sqlite")
    finally:
        lock.release()
    first, second = done.stdout.splitlines()
    assert "writes to the store; then go on with:" in first
    assert second.startswith("  crewgraph retry TARGET ")


@pytest.mark.parametrize(
    ("record", "command"),
    [
        ('{"target": "flow.py"}', "crewgraph resume flow.py ann --store r.sqlite --key daily"),
        ('{"target": 3', "crewgraph resume TARGET ann --store r.sqlite"),
        ("[]", "crewgraph resume TARGET ann --store r.sqlite"),
    ],
    ids=["schedule", "broken", "other"],
)
def test_the_command_of_a_schedule(crewgraph, line, record: str, command: str) -> None:
    """What a schedule runs has its target in the store, if that can be read."""
    crewgraph(*line, "--key", "daily")
    with closing(sqlite3.connect("r.sqlite")) as connection, connection:
        connection.execute("INSERT INTO schedules VALUES ('daily', ?, 0)", (record,))
    assert crewgraph("approve", "ann", "--store", "r.sqlite").stdout.splitlines()[-1] == f"  {command}"
    done = crewgraph(*shlex.split(command.replace("TARGET", "flow.py"))[1:])
    if record.startswith('{"target": "'):
        assert json.loads(done.stdout)["json"]["send"] == "approved"


@pytest.mark.parametrize(
    ("store", "shown_"),
    [
        ("runs.sqlite", " --store runs.sqlite"),
        ("my runs.sqlite", " --store 'my runs.sqlite'"),
        ("postgresql://crew@db/runs", " --store postgresql://crew@db/runs"),
        ("postgresql://crew:se:cr/et@db/runs?password=x", " --store 'postgresql://crew:…@db/runs'"),
        ("postgresql://db/runs?password=x", " --store postgresql://db/runs"),
    ],
)
def test_how_a_store_is_shown(monkeypatch, store: str, shown_: str) -> None:
    """As a command takes it, but never with a password; not at all where the environment names it."""
    assert store_option_for(store) == shown_
    monkeypatch.setenv("CREWGRAPH_STORE", store)
    assert store_option_for(store) == ""


def test_one_run(crewgraph, line) -> None:
    """`show` tells what a run asks and how to decide, then what was decided; `report` counts it as one that waits."""
    crewgraph(*line)
    shown = crewgraph("show", "ann", "--store", "r.sqlite").stdout.splitlines()
    begin = shown.index("    Send it?")
    assert re.fullmatch(r"  'send' asks since .* UTC, until .* UTC:", shown[begin - 1])
    assert shown[begin + 1 :] == [
        "    Dear ann,", "    hello.", "    draft may be changed: Dear ann, hello.", "    price may be changed: 1",
        "decide with: crewgraph approve ann --store r.sqlite, or reject",
    ]  # fmt: skip
    crewgraph("reject", "ann", "--store", "r.sqlite")
    shown = crewgraph("show", "ann", "--store", "r.sqlite").stdout.splitlines()
    assert shown[-2] == "    rejected, and has not gone on yet"
    assert "crewgraph resume TARGET" in shown[-1]
    done = crewgraph("report", "r.sqlite", "-o", "r.html")
    assert done.stderr.endswith("2 runs, 0 failed, 2 waiting for a person\n")
    assert "'send' asks: Send it?" in Path("r.html").read_text()
