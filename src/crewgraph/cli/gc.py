"""``crewgraph gc``: what ended long ago is removed from a store."""

from __future__ import annotations

import re
from datetime import timedelta

import click

from crewgraph.cli.account import WORDS
from crewgraph.cli.choice import key_option, store_option
from crewgraph.cli.trouble import Mistake
from crewgraph.errors.root import counted
from crewgraph.store import ENDED, Collected, collect
from crewgraph.store.postgres import is_address, shown

__all__ = ["age", "gc"]

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Seconds."""
KILO = 1024


@click.command()
@store_option
@click.option("--older", metavar="AGE", required=True, help="How long ago it ended, as in 12h, 30d or 8w.")
@click.option(
    "--status",
    metavar="STATUS,…",
    default=",".join(ENDED),
    show_default=True,
    help="Only runs that ended so.",
)
@key_option
@click.option("--dry-run", is_flag=True, help="Remove nothing, and say what would be.")
def gc(store: str, *, older: str, status: str, key: str | None, dry_run: bool) -> None:
    """Remove runs that ended long ago, and give their space back.

    Runs that have not ended, or that wait for a decision, stay however old they are. Attempts that a later one has replaced
    go too, versions of pipelines of which no run is left, and all but the last 100 ticks of each schedule. Nobody else may write to a file meanwhile; in a database
    workers go on.
    """
    states = [each.strip() for each in status.split(",") if each.strip()]
    unknown = next((each for each in states if each not in ENDED), None)
    if unknown is not None or not states:
        raise Mistake(f"--status is one or more of {', '.join(ENDED)}, not '{unknown or status}'")
    done = collect(store, older=age(older), status=states, key=key, dry_run=dry_run)
    if not done:
        click.echo("there is nothing to remove")
        return
    told = "would be removed" if dry_run else "removed"
    click.echo(f"{told}: {_parts(done)}")
    if is_address(store):
        click.echo(f"{shown(store)}: {_size(done.before)}; what is removed makes room for new runs")
    elif not dry_run:
        click.echo(f"{store}: {_size(done.before)} before, {_size(done.after)} now")


def age(text: str) -> timedelta:
    """A span of time as it is written on the command line.

    Raises:
        Mistake: it is none.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*([smhdw])", text.strip())
    if found is None:
        raise Mistake(f"--older is a number with s, m, h, d or w behind it, not '{text}'. hint: --older 30d")
    return timedelta(seconds=float(found[1]) * UNITS[found[2]])


def _parts(done: Collected) -> str:
    states = ", ".join(f"{count:,} {WORDS.get(status, status)}" for status, count in done.runs.items())
    parts = [f"{counted(sum(done.runs.values()), 'run')} ({states})"] if done.runs else []
    parts += [counted(done.attempts, "attempt") + " that a later one replaced"] if done.attempts else []
    parts += [counted(done.definitions, "version") + " of pipelines without runs"] if done.definitions else []
    parts += [counted(done.ticks, "tick") + " of schedules"] if done.ticks else []
    return ", ".join(parts)


def _size(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if number < KILO:
            return f"{number:,.0f} {unit}"
        number /= KILO
    return f"{number:,.1f} GiB"
