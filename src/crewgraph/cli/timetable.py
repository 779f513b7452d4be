"""``crewgraph schedule list`` and ``show``: what runs when, and how it went."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from crewgraph.cli.account import WORDS
from crewgraph.cli.choice import json_option, store_option
from crewgraph.cli.table import table
from crewgraph.errors.root import counted
from crewgraph.render.duration import duration
from crewgraph.render.escape import clean
from crewgraph.schedule import Schedule, Schedules
from crewgraph.schedule.due import instant_of
from crewgraph.schedule.schedules import State
from crewgraph.store.timetable import TickRow

__all__ = ["list_", "no_worker", "show", "when"]

HEADS = ("name", "target", "cron", "timezone", "next", "last")


@click.command(name="list")
@json_option
@store_option
def list_(store: str, *, is_json: bool) -> None:
    """List the schedules. It tells what they run and when, and how it went last."""
    schedules = Schedules(store, is_made=False)
    states = schedules.list()
    if is_json:
        for state in states:
            click.echo(json.dumps(_record(state), ensure_ascii=False))
        return
    if not states:
        click.echo("there are no schedules in it yet")
        return
    for number, line in enumerate(table(_cleaned([HEADS, *map(_row, states)]))):
        click.echo(line if number else click.style(line, bold=True))
    if any(state.workers is None and state.schedule for state in states) and schedules.server is None:
        click.echo("nobody serves them: crewgraph schedule serve TARGET…", err=True)
    alone = {state.schedule.pipeline: state.schedule for state in states if state.schedule and state.workers == 0}
    for made in alone.values():
        click.echo(no_worker(made), err=True)


@click.command()
@click.argument("name")
@click.option(
    "--ticks",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many of the last ticks.",
)
@json_option
@store_option
def show(name: str, store: str, *, ticks: int, is_json: bool) -> None:
    """Show the schedule NAME. It tells what it runs, when it comes next, and how its last ticks ended.

    A tick that was skipped says what was at work; with --json it is one object, with the runs of each tick by their status.
    """
    schedules = Schedules(store, is_made=False)
    state = schedules.state(name)
    coming = schedules.upcoming(name) if state.schedule else []
    last = schedules.ticks(name, ticks)
    if is_json:
        told = {"upcoming": [each.isoformat() for each in coming], "ticks": list(map(_tick, last))}
        click.echo(json.dumps({**_record(state), **told}, ensure_ascii=False))
        return
    made = state.schedule
    zone = made.timezone if made else "UTC"
    said = [("error", state.error or "")] if made is None else [*_said(made), *_below("next", _coming(state, coming))]
    ended = _below("last", [_told(row, zone) for row in last] or [("never ran",)])
    for line in table(_cleaned([("schedule", name), *said, *ended])):
        click.echo(line)
    if made is not None and state.workers == 0:
        click.echo(no_worker(made), err=True)


def when(instant: datetime | None, zone: str) -> str:
    """An instant as a clock in its zone shows it."""
    return "never" if instant is None else f"{instant.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M %Z}"


def no_worker(schedule: Schedule) -> str:
    """That nobody is there who could run it, and what is to be done."""
    return clean(f"no worker of '{schedule.pipeline}' is there. hint: crewgraph worker {schedule.target}")


# ---- as JSON ---------------------------------------------------------------------------------------------------


def _record(state: State) -> dict[str, Any]:
    said = state.schedule.model_dump(mode="json", exclude_none=True) if state.schedule else {"error": state.error}
    return {
        "name": state.name,
        **said,
        "is_paused": state.is_paused,
        "next": state.next and state.next.isoformat(),
        "last": state.last and _tick(state.last, has_runs=False),
        **({} if state.workers is None else {"workers": state.workers}),
    }


def _tick(row: TickRow, *, has_runs: bool = True) -> dict[str, Any]:
    told = row._asdict()
    runs = told.pop("runs")
    return {**told, "runs": dict(runs)} if has_runs else told


# ---- as text ---------------------------------------------------------------------------------------------------


def _row(state: State) -> tuple[str, ...]:
    made, last = state.schedule, state.last
    if made is None:
        return (state.name, *["?"] * 4, state.error or "")
    coming = "paused" if state.is_paused else when(state.next, made.timezone)
    told = "never ran" if last is None else f"{last.status} {last.tick}"
    return (made.name, made.target, made.cron, made.timezone, coming, told)


def _said(made: Schedule) -> Iterator[tuple[str, str]]:
    yield "runs", made.target
    yield "at", f"{made.cron} ({made.timezone})"
    given = json.dumps(made.rows[0], ensure_ascii=False) if made.rows else ""
    yield "inputs", made.inputs or made.callable or given
    yield "options", " ".join(_options(made))


def _options(made: Schedule) -> Iterator[str]:
    yield f"--catch-up {made.catch_up} --grace {made.grace:g}"
    yield f"--overlap {made.overlap} --on-error {made.on_error} --max-concurrency {made.max_concurrency}"
    if made.id_column is not None:
        yield f"--id-column {made.id_column}"
    for key, value in made.budget.model_dump(exclude_none=True).items() if made.budget else ():
        yield f"--budget {key}={value:g}"


def _coming(state: State, coming: Sequence[datetime]) -> list[tuple[str, ...]]:
    zone = state.schedule.timezone if state.schedule else "UTC"
    return [(when(each, zone),) for each in coming] or [("paused" if state.is_paused else "never",)]


def _told(row: TickRow, zone: str) -> tuple[str, ...]:
    instant = instant_of(row.tick)
    took = duration(row.ended - row.began) if row.ended is not None and row.status != "skipped" else ""
    runs = ", ".join(f"{count:,} {WORDS.get(status, status)}" for status, count in row.runs.items())
    runs = f"{counted(sum(row.runs.values()), 'run')}: {runs}" if runs else ""
    said = row.error if row.error and "\n" not in row.error else (row.error or "").partition("\n")[0]
    return (
        row.tick if instant is None else when(instant, zone),
        row.status,
        took,
        "; ".join(filter(None, [runs, said])),
    )


def _below(head: str, lines: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for number, line in enumerate(lines):
        yield ("" if number else head, *line)


def _cleaned(lines: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(map(clean, line)) for line in lines]
