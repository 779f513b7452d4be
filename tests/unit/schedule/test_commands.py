"""The command line of schedules that stand in a database, and what both kinds of store are shown as."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crewgraph.cli import cli
from crewgraph.schedule import Schedules
from crewgraph.schedule.ticker import Ticker
from crewgraph.store.postgres import connected

pytestmark = pytest.mark.filterwarnings("ignore")
CODE = """
from crewgraph import Pipeline, step

@step
async def greet(name: str) -> dict[str, str]:
    if name == "Bob":
        raise ValueError("not Bob")
    return {"hello": name}

pipeline = Pipeline([greet], name="greetings")
nameless = Pipeline([greet])

def guests():
    return [{"name": "Ann"}]
"""
ADD = ("add", "nightly", "app:pipeline", "--cron", "30 2 * * *")
ALONE = "no worker of 'greetings' is there. hint: crewgraph worker app:pipeline"
Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for module in ("app", "feeds"):
        (tmp_path / f"{module}.py").write_text(CODE)
    yield tmp_path
    for module in ("app", "feeds"):
        sys.modules.pop(module, None)


@pytest.fixture(params=["file", "database"])
def store(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "file":
        return str(folder / "s.sqlite")
    address: str = request.getfixturevalue("server")
    with connected(address) as connection:
        connection.execute("TRUNCATE schedules, ticks, firings, runs, nodes, tickets, workers")
    return address


@pytest.fixture
def remote(server: str, folder: Path) -> str:
    with connected(server) as connection:
        connection.execute("TRUNCATE schedules, ticks, firings, runs, nodes, tickets, workers")
    return server


def schedule(store: str, *args: str) -> Result:
    return CliRunner().invoke(cli, ["schedule", *args, "--store", store], prog_name="crewgraph")


def hire(address: str) -> None:
    with connected(address) as connection:
        connection.execute("INSERT INTO workers VALUES ('w', 'greetings', 'v', now(), now())")


def test_from_adding_to_removing(remote: str) -> None:
    """The commands are those of a file, and each says where no worker is there."""
    added = schedule(remote, *ADD, "--input", "name=Ann", "--timezone", "Europe/Berlin")
    assert (added.exit_code, added.stderr) == (0, f"{ALONE}\n")
    assert added.stdout.startswith("nightly runs app:pipeline, next ")
    listed = schedule(remote, "list")
    assert (listed.exit_code, listed.stderr) == (0, f"{ALONE}\n")
    assert "nightly  app:pipeline  30 2 * * *  Europe/Berlin" in listed.stdout
    assert schedule(remote, "pause", "nightly").exit_code == 0
    assert "paused" in schedule(remote, "list").stdout
    ran = schedule(remote, "run-now", "nightly")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "it waits for a worker\n", f"{ALONE}\n")
    assert schedule(remote, "continue", "nightly").exit_code == 0
    hire(remote)
    assert schedule(remote, "list").stderr == ""
    assert schedule(remote, "run-now", "nightly").stdout == "a worker runs it\n"
    (record,) = map(json.loads, schedule(remote, "list", "--json").stdout.splitlines())
    assert (record["pipeline"], record["workers"], record["last"]["status"]) == ("greetings", 1, "wanted")
    assert schedule(remote, "remove", "nightly").exit_code == 0
    assert schedule(remote, "list").stdout == "there are no schedules in it yet\n"


def test_with_a_worker_nothing_is_told(remote: str) -> None:
    """Where somebody is there who has the pipeline, `add` says only when it comes."""
    hire(remote)
    assert schedule(remote, *ADD, "--callable", "app:guests").stderr == ""


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--input", "name=Ann", "--budget", "usd=1"), 2, "hint: give budgets to crews: Crew(budget=…)"),
        (("--input", "name=Ann", "--max-concurrency", "3"), 2, "hint: crewgraph worker --concurrency N"),
        (("--input", "nam=Ann"), 2, "input 0 lacks 'name'"),
        (("--inputs", "there.jsonl"), 0, "there.jsonl is not here; it is read where a worker runs"),
        (("--callable", "feeds:guests"), 0, "only where a target of feeds was named to them"),
        (("--callable", "app:nobody"), 2, "'app' has no 'nobody'"),
        (("--input", "name=Ann", "--overlap", "both"), 2, "'queue', 'skip'"),
        (("--input", "name=Ann", "--budget", "dollars=1"), 2, "--budget is KEY=N"),
    ],
)
def test_what_would_fail_at_night(remote: str, args: tuple[str, ...], code: int, message: str) -> None:
    """Is found when it is added; what only workers can know is told."""
    added = schedule(remote, *ADD, *args)
    assert (added.exit_code, message in added.output) == (code, True), added.output
    assert len(Schedules(remote).list()) == (code == 0)


def test_a_pipeline_that_workers_would_not_know(remote: str) -> None:
    """Is refused, with the edit."""
    added = schedule(remote, "add", "nightly", "app:nameless", "--cron", "@daily", "--input", "name=Ann")
    assert (added.exit_code, "hint: Pipeline([…], name='…')" in added.output) == (2, True)


def test_serving_is_what_workers_do(remote: str) -> None:
    """`serve` says which command serves a database."""
    refused = schedule(remote, "serve", "app:pipeline")
    assert (refused.exit_code, "hint: crewgraph worker app:pipeline" in refused.output) == (2, True)


def ran(store: str, name: str) -> None:
    """A tick of a schedule that has run, with a run that failed."""
    if "://" not in store:
        schedule(store, "run-now", name, "app:pipeline")
        return
    schedule(store, "run-now", name)
    from app import pipeline  # type: ignore[import-not-found]

    ticker = Ticker(store, "w", {"greetings": pipeline})
    ticker.look()
    ticker.settle()
    with connected(store) as connection:
        connection.execute(
            "UPDATE runs SET status = CASE WHEN input ~ 'Bob' THEN 'failed' ELSE 'ok' END, error = 'not Bob'"
        )
    ticker.look()
    ticker._table.close()


def test_a_schedule_is_shown(store: str, folder: Path) -> None:
    """What it runs, when it comes next, and how its last ticks ended, as text and as JSON."""
    schedule(
        store, *ADD, "--input", "name=Bob", "--overlap", "skip", "--timezone", "Europe/Berlin", "--id-column", "name"
    )
    shown = schedule(store, "show", "nightly")
    assert shown.exit_code == 0, shown.output
    assert "last      never ran" in shown.stdout
    ran(store, "nightly")
    assert schedule(store, "pause", "nightly").exit_code == 0
    shown = schedule(store, "show", "nightly").stdout
    lines = {line.split()[0]: line for line in shown.splitlines() if line[:1].strip()}
    assert lines["runs"].split() == ["runs", "app:pipeline"]
    assert "30 2 * * * (Europe/Berlin)" in lines["at"]
    assert '{"name": "Bob"}' in lines["inputs"]
    assert "--overlap skip --on-error collect" in lines["options"]
    assert lines["next"].split() == ["next", "paused"]
    assert "failed" in lines["last"]
    assert "1 run: 1 failed; 1 of 1 run failed, the first: " in lines["last"]
    schedule(store, "continue", "nightly")
    told: dict[str, Any] = json.loads(schedule(store, "show", "nightly", "--json", "--ticks", "1").stdout)
    assert len(told["upcoming"]) == 5
    assert told["upcoming"][0] == told["next"]
    assert [(tick["status"], tick["runs"]) for tick in told["ticks"]] == [("failed", {"failed": 1})]
    assert schedule(store, "show", "daily").exit_code == 2


def test_a_budget_is_shown(folder: Path) -> None:
    """And so is a schedule with a file of inputs."""
    store = str(folder / "s.sqlite")
    (folder / "in.jsonl").write_text('{"name": "Ann"}\n')
    added = schedule(store, *ADD, "--inputs", "in.jsonl", "--budget", "usd=1.5", "--budget", "calls=3")
    assert added.exit_code == 0, added.output
    shown = schedule(store, "show", "nightly").stdout
    assert "--budget usd=1.5 --budget calls=3" in shown
    assert "in.jsonl" in shown


def test_a_record_that_is_none_is_shown(remote: str) -> None:
    """With the reason; what stands in a row is printed as text and never as it is."""
    with connected(remote) as connection:
        connection.execute("INSERT INTO schedules VALUES (%s, '{', 0)", ("odd\x1b[31m",))
        connection.execute(
            "INSERT INTO ticks VALUES (%s, %s, 'failed', %s, 0, 1)", ("odd\x1b[31m", "x\x1b", "no\x1b\nno")
        )
    shown = schedule(remote, "show", "odd\x1b[31m")
    assert (shown.exit_code, "\x1b" in shown.output) == (0, False)
    assert "it cannot be read: " in shown.output
    assert "it cannot be read: " in schedule(remote, "list").output
    assert json.loads(schedule(remote, "show", "odd\x1b[31m", "--json").stdout)["ticks"][0]["error"] == "no\x1b\nno"


@pytest.mark.parametrize("command", [("list",), ("pause", "x"), ("run-now", "x"), ("show", "x"), ("remove", "x")])
def test_a_database_that_is_away(folder: Path, command: tuple[str, ...]) -> None:
    """Is told without its password."""
    done = schedule("postgresql://me:secret@127.0.0.1:1/x", *command)
    assert done.exit_code == 2, done.output
    assert "secret" not in done.output
    assert "postgresql://127.0.0.1:1/x" in done.output
