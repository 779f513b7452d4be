"""What observers hear of runs that workers execute: while they go on, once, and in the end what the trace tells."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from click.testing import CliRunner

from crewgraph import Pipeline, Route, Router, step
from crewgraph.cli import cli
from crewgraph.cluster import following
from crewgraph.errors import StoreError
from crewgraph.report import plain
from crewgraph.testing import cluster
from crewgraph.trace import Event, NodeFinished, RunFinished, RunStarted

pytestmark = pytest.mark.filterwarnings("ignore")
HEARD = threading.Event()
"""Set by a test when it has heard what a node may wait for."""


@step
async def first(n: int) -> dict[str, int]:
    return {"one": n + 1}


@step
async def waits(one: int, n: int) -> dict[str, int]:
    if n == 99:
        await anyio.to_thread.run_sync(HEARD.wait, 60)
    return {"two": one}


@step
async def other(n: int) -> dict[str, int]:
    if n == 13:
        raise ConnectionError("the line is dead")
    return {"other": n}


@step
async def end(n: int) -> dict[str, int]:
    return {"end": n}


router = Router({"high": Route("n > 5", Pipeline([end]))}, default=Pipeline([first]))
pipeline = Pipeline([first, [waits, other], router], name="followed")


@pytest.fixture(scope="module")
def store() -> Generator[str]:
    with cluster(pipeline) as address:
        yield address


def told(events: list[Event]) -> list[Any]:
    """Events without what differs: times, and where something was read."""
    shown = list[Any]()
    for event in events:
        values = {name: getattr(event, name) for name in event.__slots__ if name != "source"}
        output = values.get("output")
        if output is not None:
            values["output"] = plain(output.model_dump())
        shown.append((type(event).__name__, event.run, event.node, sorted((k, repr(v)) for k, v in values.items())))
    return shown


def test_observers_hear_what_they_hear_here(store: str) -> None:
    """Runs that end well, take different routes and fail are told as by a kickoff in this process; each thing once."""
    inputs = [{"n": n} for n in (1, 13, 7)]
    here, there = list[Event](), list[Event]()
    pipeline.kickoff(inputs, observer=here.append, on_error="collect", store=None)
    pipeline.kickoff(inputs, observer=there.append, on_error="collect", store=store)
    for run in (0, 2):
        mine = [event for event in there if event.run == run]
        assert sorted(told(mine), key=repr) == sorted(told([each for each in here if each.run == run]), key=repr)
    assert {event.source for event in there if isinstance(event, NodeFinished)} == {"store"}
    failed = [type(event).__name__ for event in there if event.run == 1]
    assert (failed[0], failed[-1], failed.count("NodeFailed")) == ("RunStarted", "RunFailed", 1)


def test_what_is_told_of_a_run_is_in_order(store: str) -> None:
    """A run begins first and ends last, and a node is told after those before it, at the time when it ran."""
    heard = list[Event]()
    pipeline.kickoff([{"n": 8}], observer=heard.append, store=store)
    assert (type(heard[0]), type(heard[-1])) == (RunStarted, RunFinished)
    nodes = [event.node for event in heard if isinstance(event, NodeFinished)]
    assert nodes[0] == "first"
    assert nodes[-2:] == ["router", "end"]
    assert [event.at for event in heard if event.node == "end"] == sorted(
        event.at for event in heard if event.node == "end"
    )


def test_nodes_are_told_while_their_run_goes_on(store: str) -> None:
    """A node waits until somebody has heard that the one before it ended, so that this is told before the run ends."""
    HEARD.clear()

    def observe(event: Event) -> None:
        if isinstance(event, NodeFinished) and event.node == "first":
            HEARD.set()

    (run,) = pipeline.kickoff([{"n": 99}], observer=observe, store=store)
    assert run.ok
    assert HEARD.is_set()


@pytest.mark.anyio
async def test_events_of_a_cluster(store: str) -> None:
    """`events` yields the same on both event loops, also of runs that are read."""
    for _ in range(2):
        heard = [event async for event in pipeline.events([{"n": 20}, {"n": 21}], store=store)]
        assert [sum(isinstance(event, kind) for event in heard) for kind in (RunStarted, RunFinished)] == [2, 2]
        assert sorted(event.node for event in heard if isinstance(event, NodeFinished) and event.run == 1) == [
            "end", "first", "other", "router", "waits",
        ]  # fmt: skip


def test_the_command_line_shows_how_far_it_is(store: str, tmp_path: Path) -> None:
    """`run` takes the address of a database, tells what became of all inputs, and never shows a password."""
    file = tmp_path / "in.jsonl"
    file.write_text('{"n": 41}\n{"n": 42}\n')
    trace = tmp_path / "trace.jsonl"
    target = f"{__file__}:pipeline"
    said = CliRunner().invoke(cli, ["run", target, str(file), "--store", store, "--progress", "--trace", str(trace)])
    assert said.exit_code == 0, said.output
    assert "2 ok" in said.stderr
    assert ":" + store.split(":")[2].partition("@")[0] not in said.output
    assert trace.read_text().count('"source": "store"') >= 2


def test_an_observer_that_raises_fails_no_run(store: str, caplog: pytest.LogCaptureFixture) -> None:
    """What observers raise is logged, and the result is there."""

    def observe(event: Event) -> None:
        raise ZeroDivisionError(type(event).__name__)

    (run,) = pipeline.kickoff([{"n": 50}], observer=observe, store=store)
    assert run.ok
    assert "the observer raised" in caplog.text


def test_a_journal_that_cannot_be_followed_costs_no_result(
    store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where looking fails, everything is told in the end; a database that is away is nothing that is said twice."""
    heard = list[Event]()

    def broken(*_: object) -> object:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(following, "replayed", broken)
    HEARD.set()
    pipeline.kickoff([{"n": 30}], observer=heard.append, store=store)
    assert isinstance(heard[-1], RunFinished)

    def away(*_: object) -> object:
        raise StoreError(store, "is away")

    monkeypatch.setattr(following, "connected", away)
    caplog.clear()
    pipeline.kickoff([{"n": 31}], observer=heard.append, store=store)
    assert sum(isinstance(event, RunFinished) for event in heard) == 2
    assert "is away" not in caplog.text
