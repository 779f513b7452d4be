"""What is due, what runs because of it, and what becomes of ticks that were missed, cut off or broken."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from crewgraph import Agent, Approval, Budget, Crew, Pipeline, Task
from crewgraph.errors import ScheduleError, StoreError
from crewgraph.schedule import Schedules, Tick, tick
from crewgraph.schedule.onward import Onward
from crewgraph.store import decide, overview_of, waiting
from crewgraph.store.lock import Lock
from crewgraph.testing import ScriptedLLM
from tests.schedules import Clock, Code, hourly, served, times

pytestmark = pytest.mark.anyio


@pytest.fixture
def schedules(tmp_path: Path, clock: Clock) -> Schedules:
    return Schedules(tmp_path / "runs.sqlite", clock=clock)


# ---- ticks -----------------------------------------------------------------------------------------------------


async def test_runs_are_named_after_their_tick(schedules, clock, code, tmp_path) -> None:
    """So the same inputs are other runs at the next tick, in the same pipeline of the store."""
    schedules.add(hourly(rows=[{"who": "Ann"}, {"who": "Bob"}], id_column="who"))
    for _ in range(2):
        clock.forward(hours=1)
        await served(schedules, code)
    (pipeline,) = overview_of(tmp_path / "runs.sqlite").pipelines
    assert (pipeline.name, pipeline.runs) == ("hourly", {"ok": 4})
    assert code.ran == ["Ann", "Bob", "Ann", "Bob"]


async def test_several_schedules(schedules, clock, code) -> None:
    """Run one after the other, the earliest tick first; only those of targets that were named."""
    schedules.add(hourly())
    schedules.add(hourly(name="half", cron="30 * * * *"))
    schedules.add(hourly(name="theirs", target="their:code"))
    clock.forward(hours=1, seconds=1)
    done = await served(schedules, code, targets={"app:greetings"})
    assert [(tick.schedule, f"{tick.instant:%H:%M}") for tick in done] == [("half", "12:30"), ("hourly", "13:00")]
    assert await served(schedules, code, targets=set()) == []


# ---- inputs ----------------------------------------------------------------------------------------------------


async def test_inputs_of_a_file(schedules, clock, code) -> None:
    """Are read at each tick."""
    schedules.add(hourly(inputs="Eve.jsonl"))
    clock.forward(hours=1)
    (done,) = await served(schedules, code)
    assert (done.runs, done.failed, code.ran) == (1, 0, ["Eve"])


# ---- what goes wrong -------------------------------------------------------------------------------------------


async def test_a_tick_that_was_cut_off_goes_on(schedules, clock, code, monkeypatch) -> None:
    """With the same inputs, and without the nodes that had finished; its function is not asked again."""
    schedules.add(hourly(callable="app:guests"))
    clock.forward(hours=1)
    ended = schedules._table.end
    monkeypatch.setattr(schedules._table, "end", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        await served(schedules, code)
    assert code.ran == ["Ann", "Bob"]
    monkeypatch.setattr(schedules._table, "end", ended)
    clock.forward(days=1)
    code.given = [{"who": "somebody else"}]
    first, *_ = await served(schedules, code)
    assert (times([first]), first.status, first.runs) == (["28 13:00"], "ok", 2)
    assert code.ran[:3] == ["Ann", "Bob", "somebody else"]
    assert code.asked == ["app:guests 13:00", "app:guests 12:00", "app:guests 13:00"]


async def test_code_that_is_gone(schedules, clock, code) -> None:
    """Fails the tick, and other schedules run."""
    schedules.add(hourly(name="gone", target="gone:pipeline"))
    schedules.add(hourly())
    clock.forward(hours=1)
    done = await served(schedules, code)
    assert [(tick.schedule, tick.status) for tick in done] == [("gone", "failed"), ("hourly", "ok")]
    assert done[0].error == "ModuleNotFoundError: No module named 'gone:pipeline'"


async def test_one_process_serves(schedules, code) -> None:
    """A second one is refused and told who does."""
    with schedules._table.serving(), pytest.raises(StoreError, match=r"process \d+.* serves the schedules already"):
        await schedules.serve(code, targets=None)
    assert schedules.server is None


async def test_a_store_that_is_in_use(schedules, clock, code, tmp_path) -> None:
    """Is waited for."""
    schedules.add(hourly())
    clock.forward(hours=1)
    lock, said, stop = Lock(tmp_path / "runs.sqlite"), list[str | Tick](), anyio.Event()

    def told(text: str | Tick) -> None:
        said.append(text)
        if str(text).startswith("waiting"):
            lock.release()
        if isinstance(text, Tick):
            stop.set()

    await schedules.serve(code, targets=None, told=told, stop=stop)
    assert str(said[1]).startswith("waiting: process ")
    assert code.ran == ["Ann"]


@pytest.mark.parametrize("broken", ["no pipeline", "unreadable rows", "exit", "empty"])
async def test_what_is_broken_fails_its_tick_and_no_other(schedules, clock, code, broken, monkeypatch) -> None:
    """Whatever the user's code and files do: the tick has failed, and is not tried for ever."""
    schedules.add(hourly(name="bad", inputs="a.jsonl"))
    schedules.add(hourly(name="good"))
    clock.forward(hours=1)
    whole = code.pipeline
    if broken == "unreadable rows":

        def rows(_: Path) -> Iterable[Mapping[str, Any]]:
            yield {"who": "Ann"}
            raise OSError("the disk is gone")

        monkeypatch.setattr(code, "rows", rows)
    else:
        wrong = {"no pipeline": lambda: 3, "exit": lambda: sys.exit(1), "empty": lambda: Pipeline([])}[broken]
        asked = iter([wrong, lambda: whole("app:greetings")])
        monkeypatch.setattr(code, "pipeline", lambda _: next(asked)())
    done = await served(schedules, code)
    assert [(tick.schedule, tick.status) for tick in done] == [("bad", "failed"), ("good", "ok")]
    assert await served(schedules, code) == []


async def test_a_run_that_waits_for_a_person_is_no_failure(schedules, clock, code) -> None:
    """The tick has done what it could."""
    code.greetings = Pipeline([Approval("ok", ask="Greet {who}?")], name="greetings")
    schedules.add(hourly())
    clock.forward(hours=1)
    (done,) = await served(schedules, code)
    assert (done.status, done.runs, done.failed, done.waiting) == ("ok", 1, 0, 1)


def asking(code: Code, *, is_longer: bool = False) -> Pipeline:
    greet, send = code.greetings.stages
    ask = Approval("ok", ask="Greet {who}?")
    return Pipeline([Approval("sure"), ask, greet, send] if is_longer else [ask, greet, send], name="greetings")


async def test_decided_runs_go_on(schedules, clock, code, tmp_path) -> None:
    """While no tick is due, also where their schedule rests; the others wait."""
    code.greetings = asking(code)
    schedules.add(hourly(rows=[{"who": "Ann"}, {"who": "Bob"}], id_column="who"))
    clock.forward(hours=1)
    await served(schedules, code)
    schedules.pause("hourly")
    store, said = tmp_path / "runs.sqlite", list[str]()
    for run in ("hourly@2026-11-28T13:00:00Z/Ann", "hourly@2026-11-28T13:00:00Z/Bob"):
        assert await served(schedules, code, said=said) == []
        decide(store, run, "approved", node="ok")
        await served(schedules, code, said=said)
    assert code.ran == ["Ann", "Bob"]
    told = [text for text in said if text.startswith("hourly")]
    assert told == ["hourly: 1 run of earlier ticks can go on", "hourly: 1 run ok"] * 2
    assert overview_of(store).pipelines[0].runs == {"ok": 2}


async def test_decided_runs_whose_pipeline_changed(schedules, clock, code, tmp_path) -> None:
    """Ask again, and nobody goes round in circles; what fails, and what cannot be loaded, is told and told once."""
    code.greetings, greetings = asking(code), code.greetings
    schedules.add(hourly())
    clock.forward(hours=1)
    await served(schedules, code)
    store = tmp_path / "runs.sqlite"
    (asked,) = waiting(store)
    decide(store, asked.run, "approved")
    code.greetings, said = greetings, list[str]()
    code.greetings = asking(code, is_longer=True)
    for _ in range(3):
        await served(schedules, code, said=said)
    assert said.count("hourly: 1 run ok, 1 of them waiting for a person") == 1
    assert [each.question.node for each in waiting(store)] == ["sure"]
    code.is_broken = True
    decide(store, asked.run, "approved", node="sure")
    await served(schedules, code, said=said)
    decide(store, asked.run, "approved", node="ok")
    await served(schedules, code, said=said)
    assert "1 of 1 run failed, the first: 'greet' failed: ValueError: no greeting today" in said[-1]


async def test_decided_runs_whose_code_is_gone(schedules, clock, code, tmp_path, monkeypatch) -> None:
    """Are told of once, and wait, until something else is decided."""
    code.greetings = asking(code)
    schedules.add(hourly())
    clock.forward(hours=1)
    await served(schedules, code)
    (asked,) = waiting(tmp_path / "runs.sqlite")
    decide(tmp_path / "runs.sqlite", asked.run, "approved")
    monkeypatch.setattr(code, "pipeline", lambda target: sys.exit("no such app"))
    onward, schedule = Onward(schedules._table, code), schedules.state("hourly").schedule
    assert [*onward.due(schedule)] == [asked.run]
    assert await onward.go(schedule, [asked.run]) == "1 run cannot go on: SystemExit: no such app"
    assert [*onward.due(schedule)] == []
    with sqlite3.connect(tmp_path / "runs.sqlite") as store:
        store.execute("UPDATE decisions SET decided = decided + 1")
    store.close()
    assert [*onward.due(schedule)] == [asked.run]
    (tmp_path / "runs.sqlite").unlink()
    with pytest.raises(StoreError):
        await Onward(schedules._table, Code()).go(schedule, [asked.run])


async def test_a_function_that_hangs(schedules, clock, code, monkeypatch) -> None:
    """Fails its tick, and later ones run."""
    monkeypatch.setattr(tick, "ANSWERS_WITHIN", 0.05)
    release, code.function = threading.Event(), lambda name: lambda: release.wait(60)
    schedules.add(hourly(callable="app:guests"))
    schedules.add(hourly(name="other", cron="30 * * * *"))
    clock.forward(hours=2)
    done = await served(schedules, code)
    release.set()
    assert [(each.schedule, each.status) for each in done] == [
        ("hourly", "failed"),
        ("other", "ok"),
        ("hourly", "failed"),
    ]
    assert "it has given no inputs for 50 ms, and is not waited for" in str(done[0].error)


async def test_a_tick_has_a_budget(schedules, clock, code) -> None:
    """What it has no room for is not begun, and the tick has failed; the next one has a budget of its own."""
    agent = Agent(role="Host", llm=ScriptedLLM("hello", "hello", "hello", "hello"))
    code.greetings = Pipeline([Crew(agents=[agent], tasks=[Task(description="Greet {who}")])], name="greetings")
    people = [{"who": str(number)} for number in range(5)]
    schedules.add(hourly(rows=people, budget=Budget(calls=2), max_concurrency=1))
    for _ in range(2):
        clock.forward(hours=1)
        (done,) = await served(schedules, code)
        assert (done.status, done.runs - done.failed) == ("failed", 2)
        assert "budget" in str(done.error)


async def test_the_first_failure_may_cancel_the_others(schedules, clock, code) -> None:
    """With fail_fast what has not ended is cancelled, or not begun."""
    schedules.add(hourly(rows=[{"who": str(number)} for number in range(50)], on_error="fail_fast", max_concurrency=1))
    code.is_broken = True
    clock.forward(hours=1)
    (done,) = await served(schedules, code)
    assert (done.status, len(code.ran) < 50) == ("failed", True)
    assert "no greeting today" in str(done.error)


# ---- by hand ---------------------------------------------------------------------------------------------------


async def test_run_now(schedules, clock, code) -> None:
    """Is a tick that stands for this second, and does not keep the next one from running."""
    schedules.add(hourly())
    clock.forward(minutes=59, seconds=58)
    done = await schedules.run_now("hourly", code)
    assert done is not None
    assert (done.status, done.batch) == ("ok", "hourly@2026-11-28T12:59:58Z")
    with pytest.raises(ScheduleError, match="12:59:58Z has run already"):
        await schedules.run_now("hourly", code)
    clock.forward(seconds=2)
    assert times(await served(schedules, code)) == ["28 13:00"]


async def test_run_now_keeps_nothing_that_was_missed_from_running(schedules, clock, code) -> None:
    """A tick by hand is none that the line of cron wanted."""
    schedules.add(hourly(catch_up="all"))
    clock.forward(hours=2, minutes=30)
    await schedules.run_now("hourly", code)
    assert times(await served(schedules, code)) == ["28 13:00", "28 14:00"]


async def test_run_now_imports_what_was_named(schedules, code, tmp_path) -> None:
    """And nothing because the store says so; where a kickoff writes it is refused, and not kept for later."""
    schedules.add(hourly())
    with pytest.raises(
        ScheduleError, match=r"which was not named. hint: crewgraph schedule run-now hourly app:greetings"
    ):
        await schedules.run_now("hourly", code, targets=["app:other"])
    lock = Lock(tmp_path / "runs.sqlite")
    with pytest.raises(StoreError, match=r"writes to it. hint: try again"):
        await schedules.run_now("hourly", code, targets=["app:greetings"])
    lock.release()
    assert await served(schedules, code) == []


async def test_run_now_where_somebody_serves(schedules, code) -> None:
    """Is left to whoever serves."""
    schedules.add(hourly())
    with schedules._table.serving():
        assert await schedules.run_now("hourly", code) is None
    assert code.ran == []
    assert times(await served(schedules, code)) == ["28 12:00"]
    assert code.ran == ["Ann"]


@pytest.mark.parametrize("verb", ["pause", "go_on", "remove"])
def test_names_that_nobody_has(schedules, verb) -> None:
    """Are told, with those that there are."""
    schedules.add(hourly())
    with pytest.raises(ScheduleError, match=r"there is no schedule 'daily'. hint: there is: hourly"):
        getattr(schedules, verb)("daily")


def test_a_name_twice(schedules) -> None:
    """The second one is refused, and the first one stays."""
    schedules.add(hourly())
    with pytest.raises(ScheduleError, match="there is a schedule 'hourly' already"):
        schedules.add(hourly(cron="@daily"))
    assert [state.schedule.cron for state in schedules.list()] == ["0 * * * *"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"name": " "}, "a name is a text in one line"),
        ({"name": "a@b"}, "without @ and /"),
        ({"name": "a\nb"}, "in one line"),
        ({"rows": None}, "its inputs come from one place"),
        ({"inputs": "a.jsonl", "rows": [{}]}, "its inputs come from one place"),
        ({"grace": -1}, "greater than or equal to 0"),
        ({"catch_up": "some"}, "'none', 'last' or 'all'"),
        ({"max_concurrency": 0}, "greater than or equal to 1"),
        ({"crom": "x"}, "Extra inputs"),
    ],
)
def test_what_is_no_schedule(said: dict[str, Any], message: str) -> None:
    """Is refused when it is made."""
    with pytest.raises(ValidationError, match=message):
        hourly(**said)


def test_an_address_of_something_else() -> None:
    """Schedules stand in a file or in Postgres."""
    with pytest.raises(ScheduleError, match=r"hint: --store schedules\.sqlite"):
        Schedules("mysql://here/crew")
