"""The command line of schedules."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime

import click
import pytest

from crewgraph.schedule import Schedules, Tick

CODE = """
    from crewgraph import Pipeline, step

    @step
    async def greet(name: str) -> dict[str, str]:
        if name == "Bob":
            raise ValueError("not Bob")
        return {"hello": name}

    pipeline = Pipeline([greet], name="greetings")

    def guests():
        return [{"name": "Ann"}]

    people = 3
"""
ADD = ("schedule", "add", "nightly", "app:pipeline", "--cron", "30 2 * * *", "--store", "s.sqlite")


@pytest.fixture(autouse=True)
def app(write):
    return write("app.py", CODE)


def test_from_adding_to_removing(crewgraph) -> None:
    """A schedule is added, listed, paused, run by hand and taken away."""
    added = crewgraph(*ADD, "--timezone", "Europe/Berlin", "--input", "name=Ann")
    assert added.exit_code == 0, added.output
    assert "nightly runs app:pipeline, next " in added.output
    assert "crewgraph schedule serve app:pipeline --store s.sqlite" in added.output
    listed = crewgraph("schedule", "list", "--store", "s.sqlite").output
    assert "nightly  app:pipeline  30 2 * * *  Europe/Berlin" in listed
    assert "never ran" in listed
    assert crewgraph("schedule", "pause", "nightly", "--store", "s.sqlite").exit_code == 0
    assert "paused" in crewgraph("schedule", "list", "--store", "s.sqlite").output
    assert crewgraph("schedule", "continue", "nightly", "--store", "s.sqlite").exit_code == 0
    ran = crewgraph("schedule", "run-now", "nightly", "app:pipeline", "--store", "s.sqlite")
    assert (ran.exit_code, "nightly: 1 run ok" in ran.output) == (0, True)
    (record,) = map(json.loads, crewgraph("schedule", "list", "--json", "--store", "s.sqlite").stdout.splitlines())
    assert (record["rows"], record["last"]["status"]) == ([{"name": "Ann"}], "ok")
    assert "nightly  1 run: 1 ok" in crewgraph("status", "s.sqlite").output
    assert crewgraph("schedule", "remove", "nightly", "--store", "s.sqlite").exit_code == 0
    assert "there are no schedules in it yet" in crewgraph("schedule", "list", "--store", "s.sqlite").output


def test_a_run_that_fails(crewgraph) -> None:
    """Ends run-now with exit code 1, and the reason is there."""
    crewgraph(*ADD, "--input", "name=Bob")
    ran = crewgraph("schedule", "run-now", "nightly", "app:pipeline", "--store", "s.sqlite")
    assert ran.exit_code == 1
    assert "1 of 1 run failed, the first: " in ran.output
    assert "not Bob" in ran.output


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "its inputs come from one place"),
        (("--input", "name=Ann", "--callable", "app:guests"), 2, "its inputs come from one place"),
        (("--input", "nam=Ann"), 2, "input 0 lacks 'name'"),
        (("--inputs", "none.jsonl"), 2, "'none.jsonl' cannot be read"),
        (("--callable", "app:nobody"), 2, "'app' has no 'nobody'"),
        (("--callable", "app:people"), 2, "'app:people' is no function"),
        (("--callable", "app"), 2, "'app' is no function"),
        (("--input", "name=Ann", "--timezone", "Mars/Base"), 2, "there is no time zone 'Mars/Base'"),
        (("--input", "name=Ann", "--grace", "nan"), 2, "grace: "),
    ],
)
def test_what_would_fail_at_night(crewgraph, args, code, message) -> None:
    """Is found when it is added, and nothing is kept."""
    added = crewgraph(*ADD, *args)
    assert added.exit_code == code
    assert message in added.output
    listed = crewgraph("schedule", "list", "--store", "s.sqlite").output
    assert "there are no schedules" in listed or "there is no such file" in listed


def test_inputs_of_a_file_and_of_a_function(crewgraph, write) -> None:
    """Are found from the current folder."""
    write("guests.jsonl", '{"name": "Ann"}\n{"name": "Eve"}\n')
    assert crewgraph(*ADD, "--inputs", "guests.jsonl").exit_code == 0
    assert "2 runs ok" in crewgraph("schedule", "run-now", "nightly", "app:pipeline", "--store", "s.sqlite").output
    crewgraph("schedule", "remove", "nightly", "--store", "s.sqlite")
    assert crewgraph(*ADD, "--callable", "app:guests").exit_code == 0
    time.sleep(1.0 - time.time() % 1.0)  # a tick stands for a second
    assert "1 run ok" in crewgraph("schedule", "run-now", "nightly", "app:pipeline", "--store", "s.sqlite").output


def test_nothing_is_imported_because_a_file_says_so(crewgraph) -> None:
    """Whoever serves names the targets once more."""
    crewgraph(*ADD, "--input", "name=Ann")
    refused = crewgraph("schedule", "serve", "--store", "s.sqlite")
    assert refused.exit_code == 2
    assert "crewgraph schedule serve app:pipeline --store s.sqlite" in refused.output
    refused = crewgraph("schedule", "run-now", "nightly", "--store", "s.sqlite")
    assert refused.exit_code == 2
    assert "crewgraph schedule run-now nightly app:pipeline" in refused.output
    assert crewgraph("schedule", "run-now", "nightly", "--all", "--store", "s.sqlite").exit_code == 0


def test_a_store_that_is_not_there(crewgraph, folder) -> None:
    """Is told, and not made by looking at it."""
    for command in (("list",), ("pause", "x"), ("serve", "app:pipeline"), ("run-now", "x")):
        done = crewgraph("schedule", *command, "--store", "s.sqlite")
        assert done.exit_code == 2
        assert "there is no such file" in done.output
    assert [path.name for path in folder.iterdir()] == ["app.py"]


def started(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "crewgraph", "schedule", "serve", *args, "--store", "s.sqlite"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def lines_until(process: subprocess.Popen[str], word: str) -> str:
    """What it says, up to a line with this word."""
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if word in line:
            return said
    raise AssertionError(said)


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_serving_until_ctrl_c(crewgraph, write) -> None:
    """What is asked for meanwhile is run; code beside nothing that was named is not imported."""
    write("other.py", CODE)
    crewgraph(*ADD, "--input", "name=Ann")
    crewgraph("schedule", "add", "theirs", "app:pipeline", "--cron", "@daily", "--callable", "other:guests", *ADD[-2:])
    with started("app:pipeline", "app:unknown") as process:
        said = lines_until(process, "serving s.sqlite")
        assert "no schedule runs app:unknown yet" in said
        assert "it runs it" in crewgraph(
            "schedule", "run-now", "nightly", "app:pipeline", "--store", "s.sqlite"
        ).output.replace("the process that serves it", "it")
        lines_until(process, "nightly: 1 run ok")
        crewgraph("schedule", "run-now", "theirs", "--store", "s.sqlite")  # which imports nothing here
        assert "nothing of other was named" in lines_until(process, "theirs: Mistake")
        process.send_signal(signal.SIGINT)
        lines_until(process, "stopping")
        assert process.wait(100) == 0


def test_what_is_served(crewgraph, monkeypatch) -> None:
    """The targets that were named, with their code and no other; ticks are told as they come."""
    crewgraph(*ADD, "--input", "name=Ann")
    seen = list[object]()

    async def serve(self, loading, *, targets, told, stop) -> None:
        seen.append(targets)
        told("serving")
        told(Tick("nightly", datetime.now(UTC), "ok", 3, 0, 1))
        told(Tick("nightly", datetime.now(UTC), "failed", 3, 1, 0, "1 of 3 runs failed"))
        for name in ("app:guests", "other:guests"):
            try:
                seen.append(loading.function(name)())
            except click.ClickException as error:
                seen.append(error.message)
        signal.raise_signal(signal.SIGINT)
        await stop.wait()

    monkeypatch.setattr(Schedules, "serve", serve)
    done = crewgraph("schedule", "serve", "app:pipeline", "app:unknown", "--store", "s.sqlite")
    assert done.exit_code == 0, done.output
    assert "no schedule runs app:unknown yet" in done.output
    assert "nightly: 3 runs ok, 1 of them waiting for a person" in done.output
    assert "nightly: 1 of 3 runs failed" in done.output
    assert "stopping; what is at work is finished first" in done.output
    assert seen[:2] == [("app:pipeline", "app:unknown"), [{"name": "Ann"}]]
    assert "nothing of other was named" in str(seen[2])


def test_a_record_that_is_none_is_listed(crewgraph) -> None:
    """With the reason."""
    crewgraph(*ADD, "--input", "name=Ann")
    with closing(sqlite3.connect("s.sqlite")) as store, store:
        store.execute("UPDATE schedules SET record = '{}'")
    assert "it cannot be read: " in crewgraph("schedule", "list", "--store", "s.sqlite").output
    assert "it cannot be read: " in crewgraph("schedule", "list", "--json", "--store", "s.sqlite").output
