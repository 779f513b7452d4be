"""``crewgraph schedule``: what runs at which time, and the process that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import click
from pydantic import ValidationError

from crewgraph.cli.choice import store_option
from crewgraph.cli.options import pair
from crewgraph.cli.rows import Unreadable, read_file
from crewgraph.cli.target import function_of, load
from crewgraph.cli.trouble import Exit, Mistake, leave
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import complete, rows
from crewgraph.errors.root import counted
from crewgraph.render.escape import clean
from crewgraph.schedule import Schedule, Schedules, Tick
from crewgraph.schedule.schedules import State
from crewgraph.syntax import Pipeline

__all__ = ["schedule"]


class Code:
    """Finds what schedules name, as the command line does: from the current folder."""

    def pipeline(self, target: str) -> Pipeline:
        """The pipeline of a target."""
        return load(target).pipeline

    def function(self, name: str) -> Callable[..., Any]:
        """The function that gives inputs."""
        return function_of(name)

    def rows(self, path: Path) -> Iterable[Mapping[str, Any]]:
        """The rows of a file."""
        found = read_file(path).rows  # of which none is unreadable, or this has raised
        assert isinstance(found, Iterable), "a file is read without waiting"
        return (row for row in found if not isinstance(row, Unreadable))


@click.group()
def schedule() -> None:
    """Run pipelines at given times, each time once.

    Schedules stand in a store. crewgraph schedule serve runs what is due; the runs and what their nodes gave are in the
    same store, so that a tick that was cut off goes on, and none runs twice.
    """


@schedule.command()
@click.argument("name")
@click.argument("target")
@click.option("--cron", required=True, metavar="LINE", help="Five fields, as in '30 7 * * mon-fri', or @daily.")
@click.option("--timezone", default="UTC", metavar="ZONE", help="By whose clock, as in Europe/Berlin; UTC otherwise.")
@click.option("--inputs", metavar="FILE", help="A file of inputs, read anew each time: .jsonl .json .csv.")
@click.option("--input", "given", multiple=True, metavar="KEY=VALUE", help="A value of the one input; KEY:=JSON too.")
@click.option("--callable", "function", metavar="MODULE:FUNCTION", help="A function that gives the inputs each time.")
@click.option(
    "--catch-up",
    type=click.Choice(["none", "last", "all"]),
    default="last",
    show_default=True,
    help="What becomes of times that passed while nobody served.",
)
@click.option("--grace", type=float, default=60.0, show_default=True, help="Seconds by which a time is only late.")
@click.option("--id-column", metavar="KEY", help="The key whose value tells the inputs apart.")
@click.option("--max-concurrency", type=click.IntRange(min=1), default=100, show_default=True)
@store_option
def add(name: str, target: str, *, store: str, given: Sequence[str], function: str | None, **said: Any) -> None:
    """Add the schedule NAME, which runs TARGET."""
    try:
        made = Schedule(
            name=name, target=target, callable=function, rows=[dict(map(pair, given))] if given else None, **said
        )
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(map(str, found["loc"]))
        raise Mistake(f"{place + ': ' if place else ''}{found['msg'].removeprefix('Value error, ')}") from error
    schedules = Schedules(store)
    _check(made)
    first = schedules.add(made)
    click.echo(f"{name} runs {target}, next {_when(first, made.timezone)}")
    if schedules.server is None:
        click.echo(f"nobody serves it yet: crewgraph schedule serve {target} --store {store}")


def _check(made: Schedule) -> None:
    """Find now what would fail at night: code that is not there, a pipeline that is wrong, inputs that lack keys."""
    code = Code()
    plan = compile_pipeline(code.pipeline(made.target))
    if made.callable is not None:
        code.function(made.callable)
        return
    given = made.rows if made.rows is not None else code.rows(Path(made.inputs or ""))
    complete(list(rows(given, plan)), plan)


@schedule.command(name="list")
@click.option("--json", "is_json", is_flag=True, help="Print the same as JSON lines.")
@store_option
def list_(store: str, *, is_json: bool) -> None:
    """List the schedules: what they run and when, and how it went last."""
    schedules = Schedules(store, is_made=False)
    states = schedules.list()
    if is_json:
        for state in states:
            click.echo(json.dumps(_record(state), ensure_ascii=False))
        return
    if not states:
        click.echo("there are no schedules in it yet")
        return
    for line in _table([_row(state) for state in states]):
        click.echo(line)
    if schedules.server is None:
        click.echo("nobody serves them: crewgraph schedule serve TARGET…", err=True)


def _record(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        **(state.schedule.model_dump(mode="json", exclude_none=True) if state.schedule else {"error": state.error}),
        "is_paused": state.is_paused,
        "next": state.next and state.next.isoformat(),
        "last": state.last and state.last._asdict(),
    }


def _row(state: State) -> tuple[str, ...]:
    made, last = state.schedule, state.last
    if made is None:
        return (clean(state.name), *["?"] * 4, clean(state.error or ""))
    coming = "paused" if state.is_paused else _when(state.next, made.timezone)
    told = "never ran" if last is None else f"{last.status} {last.tick}"
    return tuple(map(clean, (made.name, made.target, made.cron, made.timezone, coming, told)))


def _table(lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    heads = ("name", "target", "cron", "timezone", "next", "last")
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    for number, row in enumerate([heads, *lines]):
        told = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield told if number else click.style(told, bold=True)


def _when(instant: datetime | None, zone: str) -> str:
    return "never" if instant is None else f"{instant.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M %Z}"


@schedule.command()
@click.argument("name")
@store_option
def pause(name: str, store: str) -> None:
    """Let the schedule NAME rest."""
    Schedules(store, is_made=False).pause(name)


@schedule.command(name="continue")
@click.argument("name")
@store_option
def continue_(name: str, store: str) -> None:
    """End the rest of the schedule NAME; what it missed does not run."""
    Schedules(store, is_made=False).go_on(name)


@schedule.command()
@click.argument("name")
@store_option
def remove(name: str, store: str) -> None:
    """Take the schedule NAME away; what it ran stays in the store."""
    Schedules(store, is_made=False).remove(name)


@schedule.command(name="run-now")
@click.argument("name")
@click.argument("target", required=False)
@click.option("--all", "is_all", is_flag=True, help="Run what the store names: it is yours, and nobody else writes it.")
@store_option
def run_now(name: str, target: str | None, store: str, *, is_all: bool) -> None:
    """Run the schedule NAME now, here or by the process that serves it.

    A store is a file, and what it names is imported; so where it runs here TARGET is named again, or --all trusts the file.
    """
    targets = None if is_all else [target] if target else []
    run = partial(Schedules(store, is_made=False).run_now, name, _Allowed(targets), targets=targets)
    done = anyio.run(run)
    if done is None:
        click.echo("the process that serves it runs it")
        return
    _say(done)
    sys.exit(Exit.OK if done.status == "ok" else Exit.FAILED)


@schedule.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--all", "is_all", is_flag=True, help="Run whatever the store names: it is yours, and nobody else writes it."
)
@store_option
def serve(targets: Sequence[str], store: str, *, is_all: bool) -> None:
    """Run what is due, until Ctrl-C: schedules of the TARGETs that are named here.

    A store is a file, and what it names is imported; so the targets are named again, or --all trusts the file. The first
    Ctrl-C waits for the tick at work, the second one cuts it off; the next serve goes on with it.
    """
    schedules = Schedules(store, is_made=False)
    named = {state.schedule.target for state in schedules.list() if state.schedule is not None}
    if not is_all and not targets:
        there = " ".join(sorted(named)) or "TARGET"
        raise Mistake(
            f"name the targets that may run, or --all. hint: crewgraph schedule serve {there} --store {store}"
        )
    for target in sorted(set(targets) - named):
        click.echo(f"no schedule runs {clean(target)} yet", err=True)
    code = _Allowed(None if is_all else targets)
    anyio.run(_served, schedules, code, None if is_all else targets)


class _Allowed(Code):
    """Code of the targets that were named, and of nothing else."""

    def __init__(self, targets: Collection[str] | None) -> None:
        self._places = None if targets is None else {target.rpartition(":")[0] or target for target in targets}

    def function(self, name: str) -> Callable[..., Any]:
        """The function that gives inputs, where it stands beside a pipeline that was named."""
        place = name.rpartition(":")[0]
        if self._places is not None and place not in self._places:
            raise Mistake(f"{name} gives its inputs, and nothing of {place} was named. hint: --all trusts the store")
        return super().function(name)


async def _served(schedules: Schedules, code: Code, targets: Collection[str] | None) -> None:
    stop = anyio.Event()
    with _stopped_by_signals(stop):
        await schedules.serve(code, targets=targets, told=_say, stop=stop)


@contextlib.contextmanager
def _stopped_by_signals(stop: anyio.Event) -> Generator[None]:
    """Let the first Ctrl-C or SIGTERM end it after the tick at work, and the second one at once."""
    loop = asyncio.get_running_loop()

    def end(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            leave(Exit.INTERRUPTED)
        click.echo("stopping; what is at work is finished first", err=True)
        loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(said: str | Tick) -> None:
    stamp = time.strftime("%H:%M:%S")
    if isinstance(said, str):
        click.echo(f"{stamp}  {clean(said)}", err=True)
        return
    told = f"{counted(said.runs, 'run')} {said.status}" if said.error is None else said.error
    told += f", {said.waiting:,} of them waiting for a person" if said.waiting else ""
    color = "green" if said.status == "ok" else "red"
    click.echo(f"{stamp}  {clean(said.schedule)}: {click.style(clean(told), fg=color)}", err=True)
