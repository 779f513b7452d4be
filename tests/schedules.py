"""What tests of schedules share: a clock, code of a user, and whoever serves a store until nothing is due."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio

from crewgraph import Pipeline, step
from crewgraph.schedule import Schedule, Schedules, Tick
from crewgraph.schedule.due import instant_of
from crewgraph.schedule.ticker import Ticker
from crewgraph.store.postgres import connected
from crewgraph.syntax import Pipeline as Target

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Code:
    """Code and files of a user, and what was run of them."""

    def __init__(self) -> None:
        self.ran = list[str]()
        self.asked = list[str]()
        self.is_broken = False
        self.given: Any = [{"who": "Ann"}, {"who": "Bob"}]

        @step
        async def greet(who: str) -> dict[str, str]:
            self.ran.append(who)
            if self.is_broken:
                raise ValueError("no greeting today")
            return {"hello": who}

        @step
        async def send(hello: str) -> dict[str, str]:
            return {"sent": hello}

        self.greetings = Pipeline([greet, send], name="greetings")

    def pipeline(self, target: str) -> Target:
        if target != "app:greetings":
            raise ModuleNotFoundError(f"No module named '{target}'")
        return self.greetings

    def function(self, name: str) -> Callable[..., Any]:
        def guests(instant: datetime) -> Any:
            self.asked.append(f"{name} {instant:%H:%M}")
            return self.given

        return guests

    def rows(self, path: Path) -> Iterable[Mapping[str, Any]]:
        return [{"who": path.stem}]


def hourly(**said: Any) -> Schedule:
    where = {} if {"rows", "inputs", "callable"} & said.keys() else {"rows": [{"who": "Ann"}]}
    known = {"name": "hourly", "target": "app:greetings", "pipeline": "greetings", "cron": "0 * * * *"}
    return Schedule(**{**known, **where, **said})


async def served(schedules: Schedules, code: Code, *, targets: Any = None, said: list[str] | None = None) -> list[Tick]:
    """Serve a file until nothing is due; what has run, and what was told beside."""
    done, stop = list[Tick](), anyio.Event()

    def told(what: str | Tick) -> None:
        if isinstance(what, Tick):
            done.append(what)
        elif said is not None:
            said.append(what)

    def due(*args: Any) -> Any:
        found = whole(*args)
        if found is None:
            stop.set()
        return found

    whole = schedules._due
    schedules._due = due  # type: ignore[method-assign]
    try:
        await schedules.serve(code, targets=targets, told=told, stop=stop)
    finally:
        schedules._due = whole  # type: ignore[method-assign]
    return done


class Database:
    """A database whose ticks are fired by a ticker of this process, and whose runs are walked right here."""

    def __init__(self, address: str, code: Code, clock: Clock) -> None:
        self.address, self.code, self.clock = address, code, clock
        self.schedules = Schedules(address, clock=clock)
        self.tickers = list[Ticker]()

    def ticker(self, name: str = "here") -> Ticker:
        """Fires ticks, in the name of a worker that is alive as long as somebody says so."""
        pipelines = {"greetings": self.code.greetings}
        self.tickers.append(Ticker(self.address, name, pipelines, self.code, dead_after=30.0, clock=self.clock))
        return self.tickers[-1]

    def query(self, query: str, *values: Any) -> list[Any]:
        with connected(self.address) as connection:
            done = connection.execute(query, values)
            return list(done.fetchall()) if done.description else []

    def alive(self, name: str) -> None:
        self.query("INSERT INTO workers VALUES (%s, 'greetings', 'v', now(), now()) ON CONFLICT DO NOTHING", name)

    def walk(self) -> None:
        """Do what workers would do with the runs that wait."""
        for run, given in self.query("SELECT run, input FROM runs WHERE status = 'queued' ORDER BY run"):
            (done,) = self.code.greetings.kickoff([json.loads(given)], on_error="collect")
            told = None if done.ok else str(done.error)
            self.query("UPDATE runs SET status = %s, error = %s WHERE run = %s", str(done.status), told, run)

    def serve(self) -> list[Tick]:
        """Fire, walk and end ticks until nothing is due; what has ended."""
        ticker, before = self.ticker(), {row[:2] for row in self._ended()}
        while True:
            told = self.query("SELECT schedule, tick, status FROM ticks ORDER BY 1, 2")
            ticker.look()
            ticker.settle()
            self.walk()
            ticker.look()
            if told == self.query("SELECT schedule, tick, status FROM ticks ORDER BY 1, 2"):
                break
        ticker.stop() if ticker._thread.is_alive() else ticker._table.close()
        return [_tick(*row) for row in self._ended() if row[:2] not in before]

    def _ended(self) -> list[Any]:
        return self.query(
            """SELECT t.schedule, t.tick, t.status, t.error, coalesce(cardinality(f.runs), 0) FROM ticks t LEFT JOIN firings f USING (schedule, tick)
               WHERE t.status IN ('ok', 'failed') ORDER BY t.ended, t.tick, t.schedule"""
        )


def _tick(name: str, tick: str, status: str, error: str | None, runs: int) -> Tick:
    instant = instant_of(tick)
    assert instant is not None
    return Tick(name, instant, status, runs, error=error)


def times(done: list[Tick]) -> list[str]:
    return [f"{tick.instant:%d %H:%M}" for tick in done]
